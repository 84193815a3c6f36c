package lambda

import (
	"encoding/json"

	"countersign/internal/awsapi/lambda/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

// kept are the members that are kept and shown, and change nothing (function.Settings.Extra).
type kept struct {
	TracingConfig *api.TracingConfig `json:"TracingConfig,omitzero"`
	LoggingConfig *api.LoggingConfig `json:"LoggingConfig,omitzero"`
}

// merge returns old with what is given put over it, for the store; nil if nothing is given.
func (k kept) merge(old json.RawMessage) json.RawMessage {
	if k == (kept{}) {
		return nil
	}
	now := keptOf(old)
	if k.TracingConfig != nil {
		now.TracingConfig = k.TracingConfig
	}
	if k.LoggingConfig != nil {
		now.LoggingConfig = k.LoggingConfig
	}
	b, _ := json.Marshal(now) // structures of strings always marshal
	return b
}

func keptOf(extra json.RawMessage) (k kept) {
	_ = json.Unmarshal(extra, &k) // what cannot be read is not shown
	return k
}

// demand is a member of the API that asks for what is not served.
type demand struct {
	asked     bool
	name, why string
}

// refuse returns an error that names the first demand. Nothing that would change how a function runs is ignored.
func refuse(demands ...demand) error {
	for _, d := range demands {
		if d.asked {
			return &fault.Error{Code: fault.UnsupportedOperation, Field: d.name, Public: d.name + " is not supported here: " + d.why}
		}
	}
	return nil
}

func text(p *string) bool { return wire.Value(p) != "" }

// settings are the members that CreateFunction and UpdateFunctionConfiguration share and that are not served.
type settings struct {
	vpc         *api.VpcConfig
	deadLetter  *api.DeadLetterConfig
	kmsKey      *string
	layers      []string
	fileSystems []api.FileSystemConfig
	image       *api.ImageConfig
	snapStart   *api.SnapStart
	logging     *api.LoggingConfig
	capacity    *api.CapacityProviderConfig
	durable     *api.DurableConfig
}

func (s *settings) refuse() error {
	return refuse(
		demand{len(s.layers) > 0, "Layers", "put the layer's files into the package."},
		demand{s.vpc != nil && len(s.vpc.SubnetIds)+len(s.vpc.SecurityGroupIds) > 0, "VpcConfig", "functions reach what functions.egress of the configuration allows."},
		demand{s.deadLetter != nil && text(s.deadLetter.TargetArn), "DeadLetterConfig", "events that failed are in the event log."},
		demand{len(s.fileSystems) > 0, "FileSystemConfigs", "functions have their package and a private temporary folder."},
		demand{text(s.kmsKey), "KMSKeyArn", "environment variables are sealed under the server's own key."},
		demand{s.image != nil, "ImageConfig", "functions are zip packages."},
		demand{s.snapStart != nil && wire.Value(s.snapStart.ApplyOn) == "PublishedVersions", "SnapStart", "workers start in some ten milliseconds and stay warm."},
		demand{s.logging != nil && wire.Value(s.logging.LogFormat) == "JSON", "LoggingConfig.LogFormat", "logs are text, as the function writes them."},
		demand{s.capacity != nil, "CapacityProviderConfig", "there are no capacity providers."},
		demand{s.durable != nil, "DurableConfig", "there are no durable executions."},
	)
}

// refuseCode refuses packages that are elsewhere, and demands that there be one.
func refuseCode(c *api.FunctionCode) error {
	err := refuse(
		demand{text(c.S3Bucket) || text(c.S3Key) || text(c.S3ObjectVersion), "S3Bucket", "send the package itself, as ZipFile (AWS CLI: --zip-file fileb://function.zip)."},
		demand{text(c.ImageUri), "ImageUri", "functions are zip packages; send one as ZipFile."},
		demand{text(c.SourceKMSKeyArn), "SourceKMSKeyArn", "packages are not encrypted under a key of yours."},
	)
	if err == nil && c.ZipFile == nil {
		err = fault.Invalidf("ZipFile", "Please provide a source for function code.")
	}
	return err
}

// architecture is the one of a list; the model allows no second.
func architecture(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
