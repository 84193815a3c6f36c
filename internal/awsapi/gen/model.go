package main

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// service is one API that the program knows.
type service struct {
	name    string // the file's name below specs/aws, without .json
	overlay string
	source  string // the path within boto/botocore
	pkg     string // the package's folder below the repository's root
	// resources are the members that name what an operation acts upon, for the Resource methods of inputs; the first that an
	// input has counts.
	resources []string
	// rest is set for the rest-json protocol: members of inputs and outputs have places outside the body.
	rest bool
	// query is set for the AWS Query protocol: members are named in the tag query, and answers are XML.
	query bool
}

var services = map[string]service{
	"cognito-idp": {
		name: "cognito-idp-2016-04-18", overlay: "cognito_overlay.json",
		source: "botocore/data/cognito-idp/2016-04-18/service-2.json", pkg: "internal/awsapi/cognito/api",
		resources: []string{"UserPoolId", "ResourceArn"},
	},
	"kms": {
		name: "kms-2014-11-01", overlay: "kms_overlay.json",
		source: "botocore/data/kms/2014-11-01/service-2.json", pkg: "internal/awsapi/kms/api",
	},
	"sns": {
		name: "sns-2010-03-31", overlay: "sns_overlay.json",
		source: "botocore/data/sns/2010-03-31/service-2.json", pkg: "internal/awsapi/sns/api", query: true,
	},
	"sms-voice": {
		name: "pinpoint-sms-voice-v2-2022-03-31", overlay: "smsvoice_overlay.json",
		source: "botocore/data/pinpoint-sms-voice-v2/2022-03-31/service-2.json", pkg: "internal/awsapi/smsvoice/api",
	},
	"lambda": {
		name: "lambda-2015-03-31", overlay: "lambda_overlay.json",
		source: "botocore/data/lambda/2015-03-31/service-2.json", pkg: "internal/awsapi/lambda/api", rest: true,
	},
}

// sourceCommit is the commit of boto/botocore that the models were taken from.
const sourceCommit = "0e6e2404 (2026-08-07)"

//go:embed *_overlay.json
var overlays embed.FS

// model is an API model of botocore with its overlay laid on top.
type model struct {
	Metadata struct {
		Version   string `json:"apiVersion"`
		Namespace string `json:"xmlNamespace"`
	} `json:"metadata"`
	Operations map[string]*operation `json:"operations"`
	Shapes     map[string]*shape     `json:"shapes"`
	sha256     string
	svc        service
	prefixes   map[string]string // of constants, by shape, where the shape's name will not do
	// known are all operations; Operations shrinks to those that are served.
	known map[string]*operation
}

type operation struct {
	Name     string    `json:"name"`
	Input    ref       `json:"input"`
	Output   *ref      `json:"output"`
	Errors   errorRefs `json:"errors"`
	Authtype string    `json:"authtype"`
	HTTP     struct {
		Method string `json:"method"`
		URI    string `json:"requestUri"`
		Status int    `json:"responseCode"`
	} `json:"http"`
	auth   string
	status map[string]int
}

type ref struct {
	Shape string `json:"shape"`
	// LocationName is what the Query protocol calls a list's elements or a map's keys and values, if not member, key and value; ResultWrapper the
	// element around an output.
	LocationName  string `json:"locationName"`
	ResultWrapper string `json:"resultWrapper"`
}

type shape struct {
	Type      string   `json:"type"`
	Required  []string `json:"required"`
	Members   members  `json:"members"`
	Member    ref      `json:"member"`
	Key       ref      `json:"key"`
	Value     ref      `json:"value"`
	Min       *bound   `json:"min"`
	Max       *bound   `json:"max"`
	Pattern   string   `json:"pattern"`
	Enum      []string `json:"enum"`
	Sensitive bool     `json:"sensitive"`
	Exception bool     `json:"exception"`
	Document  bool     `json:"document"`
	Payload   string   `json:"payload"`
	Flattened bool     `json:"flattened"`
	Error     struct {
		Code   string `json:"code"`
		Status int    `json:"httpStatusCode"`
	} `json:"error"`
	expr string // the pattern for RE2, if it differs
}

// bound is the bound of a number or length. The model writes those of floating-point shapes with a fraction; nothing reads these.
type bound int64

func (b *bound) UnmarshalJSON(text []byte) error {
	f, err := strconv.ParseFloat(string(text), 64)
	*b = bound(f)
	return err
}

// errorRefs reads both the model's list of references and the overlay's list of names.
type errorRefs []string

func (e *errorRefs) UnmarshalJSON(b []byte) error {
	var names []string
	if json.Unmarshal(b, &names) == nil {
		*e = names
		return nil
	}
	var refs []ref
	if err := json.Unmarshal(b, &refs); err != nil {
		return err
	}
	for _, r := range refs {
		*e = append(*e, r.Shape)
	}
	return nil
}

type member struct {
	name, shape string
	// location is where a rest-json member lives: uri, querystring, header, statusCode, or "" for the body; wireName its name
	// there.
	location, wireName string
}

// members keeps the model's order.
type members []member

func (m *members) UnmarshalJSON(b []byte) error {
	var byName map[string]struct {
		ref
		Location string `json:"location"`
		Name     string `json:"locationName"`
	}
	if err := json.Unmarshal(b, &byName); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return err
		}
		var skip json.RawMessage
		if err := dec.Decode(&skip); err != nil {
			return err
		}
		name := tok.(string)
		f := byName[name]
		*m = append(*m, member{name, f.Shape, f.Location, f.Name})
	}
	return nil
}

type overlay struct {
	model
	Patterns  map[string]string         `json:"patterns"`
	Constants map[string]string         `json:"constants"`
	Sensitive []string                  `json:"sensitive"`
	Auth      map[string]string         `json:"auth"`
	Status    map[string]map[string]int `json:"status"`
	// Serve lists the operations that get types; the others are known by name alone. Empty: all.
	Serve []string `json:"serve"`
}

// errNoReference means that the folder with the models is not there.
var errNoReference = errors.New("the API models are missing")

// referenceDir is the folder that holds specs/aws.
func referenceDir(root string) string {
	if dir := os.Getenv("COUNTERSIGN_REFERENCE"); dir != "" {
		return dir
	}
	return filepath.Join(root, "..", "shared")
}

// load reads the model of svc below dir and lays the overlay on top.
func load(dir string, svc service) (*model, error) {
	file := filepath.Join(dir, "specs", "aws", svc.name+".json")
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: no file %s; set COUNTERSIGN_REFERENCE to the folder that holds specs/aws", errNoReference, file)
	}
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	m := &model{sha256: hex.EncodeToString(sum[:]), svc: svc}
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	ob, err := overlays.ReadFile(svc.overlay)
	if err != nil {
		return nil, err
	}
	var o overlay
	if err := json.Unmarshal(ob, &o); err != nil {
		return nil, fmt.Errorf("%s: %w", svc.overlay, err)
	}
	return m, m.apply(&o)
}

// apply lays o on top. What the overlay adds must not exist, what it changes must: so it cannot go stale unseen.
func (m *model) apply(o *overlay) error {
	var problems []error
	m.prefixes = o.Constants
	for name, s := range o.Shapes {
		if m.Shapes[name] != nil {
			problems = append(problems, fmt.Errorf("overlay: the model has shape %s now", name))
		}
		m.Shapes[name] = s
	}
	for name, op := range o.Operations {
		if m.Operations[name] != nil {
			problems = append(problems, fmt.Errorf("overlay: the model has operation %s now", name))
		}
		m.Operations[name] = op
	}
	for name, expr := range o.Patterns {
		s := m.Shapes[name]
		if s == nil || s.Pattern == "" {
			problems = append(problems, fmt.Errorf("overlay: no pattern of shape %s", name))
			continue
		}
		s.expr = expr
	}
	for _, name := range o.Sensitive {
		if m.Shapes[name] == nil {
			problems = append(problems, fmt.Errorf("overlay: no shape %s", name))
			continue
		}
		m.Shapes[name].Sensitive = true
	}
	return errors.Join(append(problems, m.classify(o), m.restrict(o.Serve))...)
}

// restrict leaves only the operations in serve among those that get types.
func (m *model) restrict(serve []string) error {
	m.known = maps.Clone(m.Operations)
	if len(serve) == 0 {
		return nil
	}
	for _, name := range serve {
		if m.known[name] == nil {
			return fmt.Errorf("overlay: no operation %s to serve", name)
		}
	}
	maps.DeleteFunc(m.Operations, func(name string, _ *operation) bool { return !slices.Contains(serve, name) })
	return nil
}

// classify sets the authorisation classes: signed, unless the model says "none"; then by the AccessToken member,
// unless the overlay knows better.
func (m *model) classify(o *overlay) error {
	for name := range o.Auth {
		if m.Operations[name] == nil {
			return fmt.Errorf("overlay: no operation %s", name)
		}
	}
	for name, op := range m.Operations {
		op.status = o.Status[name]
		switch {
		case o.Auth[name] != "":
			op.auth = o.Auth[name]
		case op.Authtype != "none":
			op.auth = "AuthIAM"
		case slices.ContainsFunc(m.Shapes[op.Input.Shape].Members, func(f member) bool { return f.name == "AccessToken" }):
			op.auth = "AuthToken"
		default:
			op.auth = "AuthNone"
		}
	}
	return nil
}

// operationNames returns the names in alphabetical order.
func (m *model) operationNames() []string { return slices.Sorted(maps.Keys(m.Operations)) }

// reachable returns the names of the shapes that roots refer to, themselves included, in alphabetical order.
func (m *model) reachable(roots []string) []string {
	seen := make(map[string]bool)
	var walk func(string)
	walk = func(name string) {
		if name == "" || seen[name] {
			return
		}
		seen[name] = true
		s := m.Shapes[name]
		for _, f := range s.Members {
			walk(f.shape)
		}
		walk(s.Member.Shape)
		walk(s.Key.Shape)
		walk(s.Value.Shape)
	}
	for _, r := range roots {
		walk(r)
	}
	return slices.Sorted(maps.Keys(seen))
}
