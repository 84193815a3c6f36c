package lambda

import (
	"context"
	"strconv"

	"countersign/internal/awsapi/lambda/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/function"
)

func (h *Handler) publishVersion(ctx context.Context, in *api.PublishVersionRequest) (*api.FunctionConfiguration, error) {
	ref, err := h.ref(ctx, in.FunctionName, nil)
	if err == nil {
		err = refuse(demand{text(in.PublishTo), "PublishTo", "there are no capacity providers."})
	}
	if err != nil {
		return nil, err
	}
	info, err := h.c.Functions.PublishVersion(ctx, ref, &function.Publish{
		CodeSHA256: wire.Value(in.CodeSha256), Revision: wire.Value(in.RevisionId), Description: in.Description,
	})
	if err != nil {
		return nil, err
	}
	return h.configuration(ctx, info)
}

// listVersionsByFunction shows $LATEST, then the versions.
func (h *Handler) listVersionsByFunction(ctx context.Context, in *api.ListVersionsByFunctionRequest) (*api.ListVersionsByFunctionResponse, error) {
	ref, err := h.ref(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	ref = ref.Unqualified()
	p, err := h.openPage(ctx, "ListVersionsByFunction", ref.Name, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	var list []*function.Info
	if p.cursor == "" {
		latest, err := h.c.Functions.Get(ctx, function.Ref{Region: ref.Region, Name: ref.Name, Qualifier: function.Latest})
		if err != nil {
			return nil, err
		}
		list = append(list, latest)
	}
	after, _ := strconv.ParseInt(p.cursor, 10, 64) // 0 for $LATEST
	versions, err := h.c.Functions.ListVersions(ctx, ref, after, p.limit+1)
	if err != nil {
		return nil, err
	}
	list = append(list, versions...)
	more, last := len(list) > p.limit, ""
	if more {
		list = list[:p.limit]
		last = list[p.limit-1].Version
	}
	out := &api.ListVersionsByFunctionResponse{}
	if out.Versions, err = h.configurations(ctx, list); err == nil {
		out.NextMarker, err = h.next(p, more, last)
	}
	return out, err
}

func (h *Handler) createAlias(ctx context.Context, in *api.CreateAliasRequest) (*api.AliasConfiguration, error) {
	ref, err := h.ref(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	a := &function.Alias{Region: ref.Region, Function: ref.Name, Name: *in.Name, Version: *in.FunctionVersion, Description: wire.Value(in.Description)}
	if in.RoutingConfig != nil {
		a.Weights = in.RoutingConfig.AdditionalVersionWeights
	}
	return shown(h.c.Functions.CreateAlias(ctx, ref.Unqualified(), a))
}

func shown(a *function.Alias, err error) (*api.AliasConfiguration, error) {
	if err != nil {
		return nil, err
	}
	return aliasConfiguration(a), nil
}

func (h *Handler) getAlias(ctx context.Context, in *api.GetAliasRequest) (*api.AliasConfiguration, error) {
	ref, err := h.ref(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	return shown(h.c.Functions.Alias(ctx, ref.Unqualified(), *in.Name))
}

func (h *Handler) updateAlias(ctx context.Context, in *api.UpdateAliasRequest) (*api.AliasConfiguration, error) {
	ref, err := h.ref(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	u := &function.AliasUpdate{Version: in.FunctionVersion, Description: in.Description, Revision: wire.Value(in.RevisionId)}
	if in.RoutingConfig != nil { // without weights it ends the routing
		u.Weights = &in.RoutingConfig.AdditionalVersionWeights
	}
	return shown(h.c.Functions.UpdateAlias(ctx, ref.Unqualified(), *in.Name, u))
}

func (h *Handler) deleteAlias(ctx context.Context, in *api.DeleteAliasRequest) (*wire.Empty, error) {
	ref, err := h.ref(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	return nil, h.c.Functions.DeleteAlias(ctx, ref.Unqualified(), *in.Name)
}

func (h *Handler) listAliases(ctx context.Context, in *api.ListAliasesRequest) (*api.ListAliasesResponse, error) {
	ref, err := h.ref(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	p, err := h.openPage(ctx, "ListAliases", ref.Name+":"+wire.Value(in.FunctionVersion), in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	list, err := h.c.Functions.ListAliases(ctx, ref.Unqualified(), wire.Value(in.FunctionVersion), p.cursor, p.limit+1)
	if err != nil {
		return nil, err
	}
	more, last := len(list) > p.limit, ""
	if more {
		list = list[:p.limit]
		last = list[p.limit-1].Name
	}
	out := &api.ListAliasesResponse{Aliases: make([]api.AliasConfiguration, 0, len(list))}
	for _, a := range list {
		out.Aliases = append(out.Aliases, *aliasConfiguration(a))
	}
	out.NextMarker, err = h.next(p, more, last)
	return out, err
}
