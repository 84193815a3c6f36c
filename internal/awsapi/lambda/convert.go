package lambda

import (
	"context"
	"time"

	"countersign/internal/access"
	"countersign/internal/awsapi/lambda/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/function"
)

// timeFormat is that of LastModified.
const timeFormat = "2006-01-02T15:04:05.000-0700"

// configuration shows a function to the caller. Functions are ready as soon as they are there, so that every waiter ends at once.
func (h *Handler) configuration(ctx context.Context, i *function.Info) (*api.FunctionConfiguration, error) {
	s, k := &i.Settings, keptOf(i.Settings.Extra)
	out := &api.FunctionConfiguration{
		FunctionName: &i.Name, FunctionArn: &i.ARN, Runtime: &s.Runtime, Role: &s.Role, Handler: &s.Handler, Description: &s.Description,
		CodeSize: &i.CodeSize, CodeSha256: &i.CodeSHA256, Version: &i.Version, RevisionId: &i.Revision,
		Timeout: new(int64(s.TimeoutSeconds)), MemorySize: new(int64(s.MemoryMB)),
		LastModified: new(i.ModifiedAt.UTC().Format(timeFormat)), State: new("Active"), LastUpdateStatus: new("Successful"), PackageType: new("Zip"),
		Architectures: []string{s.Architecture}, EphemeralStorage: &api.EphemeralStorage{Size: new(int64(s.EphemeralMB))},
		TracingConfig: &api.TracingConfigResponse{Mode: new("PassThrough")},
		SnapStart:     &api.SnapStartResponse{ApplyOn: new("None"), OptimizationStatus: new("Off")},
		LoggingConfig: &api.LoggingConfig{LogFormat: new("Text"), LogGroup: new("/aws/lambda/" + i.Name)},
	}
	if k.TracingConfig != nil && k.TracingConfig.Mode != nil {
		out.TracingConfig.Mode = k.TracingConfig.Mode
	}
	if k.LoggingConfig != nil && text(k.LoggingConfig.LogGroup) {
		out.LoggingConfig.LogGroup = k.LoggingConfig.LogGroup
	}
	if !i.HasEnv {
		return out, nil
	}
	var err error
	out.Environment, err = h.environment(ctx, i)
	return out, err
}

// environment shows variables to callers who may read secrets; to others it says that they may not, as Lambda does where KMS denies.
func (h *Handler) environment(ctx context.Context, i *function.Info) (*api.EnvironmentResponse, error) {
	if err := access.Allow(access.From(ctx), access.Lambda, access.ReadSecret, access.Resource{}); err != nil {
		return &api.EnvironmentResponse{Error: &api.EnvironmentError{
			ErrorCode: new(accessDenied), Message: new("Environment variables are shown to access keys that may lambda:" + access.ReadSecret + "."),
		}}, nil
	}
	env, err := h.c.Functions.Env(ctx, function.Ref{Region: i.Region, Name: i.Name, Qualifier: i.Version})
	if err != nil {
		return nil, err
	}
	return &api.EnvironmentResponse{Variables: env}, nil
}

func (h *Handler) configurations(ctx context.Context, list []*function.Info) ([]api.FunctionConfiguration, error) {
	out := make([]api.FunctionConfiguration, 0, len(list))
	for _, i := range list {
		c, err := h.configuration(ctx, i)
		if err != nil {
			return nil, err
		}
		out = append(out, *c)
	}
	return out, nil
}

// concurrency shows the reserved concurrency, nil if there is none.
func concurrency(i *function.Info) *api.Concurrency {
	if i.Reserved == nil {
		return nil
	}
	return &api.Concurrency{ReservedConcurrentExecutions: new(int64(*i.Reserved))}
}

func aliasConfiguration(a *function.Alias) *api.AliasConfiguration {
	out := &api.AliasConfiguration{AliasArn: &a.ARN, Name: &a.Name, FunctionVersion: &a.Version, Description: &a.Description, RevisionId: &a.Revision}
	if len(a.Weights) > 0 {
		out.RoutingConfig = &api.AliasRoutingConfiguration{AdditionalVersionWeights: a.Weights}
	}
	return out
}

// page is a listing under way.
type page struct {
	scope  wire.PageScope
	cursor string
	limit  int
}

// maxPage is how many entries a page of Lambda has at most (API reference, MaxItems).
const maxPage = 50

func (h *Handler) openPage(ctx context.Context, operation, filter string, marker *string, most *int64) (page, error) {
	p := page{scope: wire.PageScope{Operation: "lambda." + operation, Pool: region(ctx), Filter: filter}, limit: maxPage}
	if most != nil {
		p.limit = int(min(*most, maxPage))
	}
	if !text(marker) {
		return p, nil
	}
	cursor, err := h.c.Pages.Open(p.scope, *marker)
	p.cursor = string(cursor)
	return p, err
}

// next seals where the next page begins; nil for the last page.
func (h *Handler) next(p page, more bool, cursor string) (*string, error) {
	if !more {
		return nil, nil
	}
	token, err := h.c.Pages.Seal(p.scope, []byte(cursor))
	return &token, err
}

// downloadTime is how long the link of GetFunction works, as on Lambda.
const downloadTime = 10 * time.Minute
