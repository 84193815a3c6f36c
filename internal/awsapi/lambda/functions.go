package lambda

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"countersign/internal/awsapi/lambda/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/function"
)

func (h *Handler) createFunction(ctx context.Context, in *api.CreateFunctionRequest) (*api.FunctionConfiguration, error) {
	ref, err := h.ref(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if ref.Qualifier != "" {
		return nil, fault.Invalidf("FunctionName", "A function is created without a version or alias in its name.")
	}
	s := settings{in.VpcConfig, in.DeadLetterConfig, in.KMSKeyArn, in.Layers, in.FileSystemConfigs, in.ImageConfig, in.SnapStart, in.LoggingConfig,
		in.CapacityProviderConfig, in.DurableConfig}
	err = refuse(
		demand{wire.Value(in.PackageType) == "Image", "PackageType", "functions are zip packages."},
		demand{text(in.CodeSigningConfigArn), "CodeSigningConfigArn", "code is not signed."},
		demand{in.TenancyConfig != nil, "TenancyConfig", "workers are never shared between functions, and calls of one function share them."},
		demand{text(in.PublishTo), "PublishTo", "set Publish, or use PublishVersion."},
	)
	if err == nil {
		err = s.refuse()
	}
	if err == nil {
		err = refuseCode(in.Code)
	}
	if err != nil {
		return nil, err
	}
	made, err := h.c.Functions.Create(ctx, newFunction(ref, in))
	if err != nil {
		return nil, err
	}
	return h.configuration(ctx, made)
}

func newFunction(ref function.Ref, in *api.CreateFunctionRequest) *function.Create {
	c := &function.Create{
		Region: ref.Region, Name: ref.Name, Package: in.Code.ZipFile, Tags: in.Tags, Publish: wire.Value(in.Publish),
		Settings: function.Settings{
			Description: wire.Value(in.Description), Handler: wire.Value(in.Handler), Role: wire.Value(in.Role), Runtime: wire.Value(in.Runtime),
			Architecture: architecture(in.Architectures), MemoryMB: int(wire.Value(in.MemorySize)), TimeoutSeconds: int(wire.Value(in.Timeout)),
			Extra: kept{in.TracingConfig, in.LoggingConfig}.merge(nil),
		},
	}
	if in.EphemeralStorage != nil {
		c.Settings.EphemeralMB = int(wire.Value(in.EphemeralStorage.Size))
	}
	if in.Environment != nil {
		c.Env = in.Environment.Variables
	}
	return c
}

func (h *Handler) getFunction(ctx context.Context, in *api.GetFunctionRequest) (*api.GetFunctionResponse, error) {
	ref, err := h.ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	info, err := h.c.Functions.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	c, err := h.configuration(ctx, info)
	if err != nil {
		return nil, err
	}
	location, err := h.location(ctx, info)
	if err != nil {
		return nil, err
	}
	out := &api.GetFunctionResponse{
		Configuration: c, Code: &api.FunctionCodeLocation{RepositoryType: new("S3"), Location: &location}, Concurrency: concurrency(info),
	}
	if len(info.Tags) > 0 {
		out.Tags = info.Tags
	}
	return out, nil
}

func (h *Handler) getFunctionConfiguration(ctx context.Context, in *api.GetFunctionConfigurationRequest) (*api.FunctionConfiguration, error) {
	ref, err := h.ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	info, err := h.c.Functions.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	return h.configuration(ctx, info)
}

func (h *Handler) updateFunctionCode(ctx context.Context, in *api.UpdateFunctionCodeRequest) (*api.FunctionConfiguration, error) {
	ref, err := h.ref(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	if err := refuse(demand{text(in.PublishTo), "PublishTo", "set Publish, or use PublishVersion."}); err != nil {
		return nil, err
	}
	code := api.FunctionCode{
		ZipFile: in.ZipFile, S3Bucket: in.S3Bucket, S3Key: in.S3Key, S3ObjectVersion: in.S3ObjectVersion, ImageUri: in.ImageUri, SourceKMSKeyArn: in.SourceKMSKeyArn,
	}
	if err := refuseCode(&code); err != nil {
		return nil, err
	}
	info, err := h.c.Functions.UpdateCode(ctx, ref, &function.CodeUpdate{
		Package: in.ZipFile, Architecture: architecture(in.Architectures), Publish: wire.Value(in.Publish), DryRun: wire.Value(in.DryRun),
		Revision: wire.Value(in.RevisionId),
	})
	if err != nil {
		return nil, err
	}
	return h.configuration(ctx, info)
}

func (h *Handler) updateFunctionConfiguration(ctx context.Context, in *api.UpdateFunctionConfigurationRequest) (*api.FunctionConfiguration, error) {
	ref, err := h.ref(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	s := settings{in.VpcConfig, in.DeadLetterConfig, in.KMSKeyArn, in.Layers, in.FileSystemConfigs, in.ImageConfig, in.SnapStart, in.LoggingConfig,
		in.CapacityProviderConfig, in.DurableConfig}
	if err := s.refuse(); err != nil {
		return nil, err
	}
	u := &function.SettingsUpdate{
		Description: in.Description, Handler: in.Handler, Role: in.Role, Runtime: in.Runtime, MemoryMB: number(in.MemorySize),
		TimeoutSeconds: number(in.Timeout), Revision: wire.Value(in.RevisionId),
	}
	if in.EphemeralStorage != nil {
		u.EphemeralMB = number(in.EphemeralStorage.Size)
	}
	if in.Environment != nil { // without Variables it empties the environment
		u.Env = &in.Environment.Variables
	}
	if k := (kept{in.TracingConfig, in.LoggingConfig}); k != (kept{}) {
		now, err := h.c.Functions.Get(ctx, ref)
		if err != nil {
			return nil, err
		}
		u.Extra = k.merge(now.Settings.Extra)
	}
	info, err := h.c.Functions.UpdateSettings(ctx, ref, u)
	if err != nil {
		return nil, err
	}
	return h.configuration(ctx, info)
}

func (h *Handler) deleteFunction(ctx context.Context, in *api.DeleteFunctionRequest) (*api.DeleteFunctionResponse, error) {
	ref, err := h.ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return &api.DeleteFunctionResponse{StatusCode: new(int64(http.StatusNoContent))}, h.c.Functions.Delete(ctx, ref)
}

func (h *Handler) listFunctions(ctx context.Context, in *api.ListFunctionsRequest) (*api.ListFunctionsResponse, error) {
	if err := refuse(demand{text(in.MasterRegion), "MasterRegion", "there are no functions at the edge."}); err != nil {
		return nil, err
	}
	p, err := h.openPage(ctx, "ListFunctions", wire.Value(in.FunctionVersion), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	var list []*function.Info
	if in.FunctionVersion != nil {
		list, err = h.everyVersion(ctx, p)
	} else {
		list, err = h.c.Functions.List(ctx, region(ctx), p.cursor, p.limit+1)
	}
	if err != nil {
		return nil, err
	}
	more, last := len(list) > p.limit, ""
	if more {
		list = list[:p.limit]
		if last = list[p.limit-1].Name; in.FunctionVersion != nil {
			last += ":" + list[p.limit-1].Version
		}
	}
	out := &api.ListFunctionsResponse{}
	if out.Functions, err = h.configurations(ctx, list); err == nil {
		out.NextMarker, err = h.next(p, more, last)
	}
	return out, err
}

// everyVersion returns at least one entry more than a page has, if there is one: of each function $LATEST, then its versions. The cursor is
// name:version of the last entry shown.
func (h *Handler) everyVersion(ctx context.Context, p page) ([]*function.Info, error) {
	var list []*function.Info
	name, version, resumed := strings.Cut(p.cursor, ":")
	if resumed {
		after, _ := strconv.ParseInt(version, 10, 64) // 0 for $LATEST
		versions, err := h.c.Functions.ListVersions(ctx, function.Ref{Region: region(ctx), Name: name}, after, p.limit+1)
		if err != nil && fault.CodeOf(err) != fault.ResourceNotFound {
			return nil, err
		}
		list = versions
	}
	for len(list) <= p.limit {
		functions, err := h.c.Functions.List(ctx, region(ctx), name, p.limit+1)
		if err != nil || len(functions) == 0 {
			return list, err
		}
		for _, f := range functions {
			name = f.Name
			versions, err := h.c.Functions.ListVersions(ctx, function.Ref{Region: f.Region, Name: f.Name}, 0, p.limit+1)
			if err != nil && fault.CodeOf(err) != fault.ResourceNotFound {
				return nil, err
			}
			if list = append(append(list, f), versions...); len(list) > p.limit {
				break
			}
		}
	}
	return list, nil
}
