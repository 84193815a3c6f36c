package lambda

import (
	"context"

	"countersign/internal/awsapi/lambda/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/function"
)

// operations is the table of what is served.
func (h *Handler) operations() []operation {
	invoke := op(api.OpInvoke, h.invoke)
	invoke.maxBody = maxInvoke
	return []operation{
		upload(api.OpCreateFunction, []string{"Code", "ZipFile"}, zipOfCreate, h.createFunction),
		upload(api.OpUpdateFunctionCode, []string{"ZipFile"}, zipOfUpdate, h.updateFunctionCode),
		op(api.OpGetFunction, h.getFunction),
		op(api.OpGetFunctionConfiguration, h.getFunctionConfiguration),
		op(api.OpUpdateFunctionConfiguration, h.updateFunctionConfiguration),
		op(api.OpDeleteFunction, h.deleteFunction),
		op(api.OpListFunctions, h.listFunctions),
		invoke,

		op(api.OpPublishVersion, h.publishVersion),
		op(api.OpListVersionsByFunction, h.listVersionsByFunction),
		op(api.OpCreateAlias, h.createAlias),
		op(api.OpGetAlias, h.getAlias),
		op(api.OpUpdateAlias, h.updateAlias),
		op(api.OpDeleteAlias, h.deleteAlias),
		op(api.OpListAliases, h.listAliases),

		op(api.OpAddPermission, h.addPermission),
		op(api.OpRemovePermission, h.removePermission),
		op(api.OpGetPolicy, h.getPolicy),

		op(api.OpListTags, h.listTags),
		op(api.OpTagResource, h.tagResource),
		op(api.OpUntagResource, h.untagResource),
		op(api.OpPutFunctionConcurrency, h.putFunctionConcurrency),
		op(api.OpGetFunctionConcurrency, h.getFunctionConcurrency),
		op(api.OpDeleteFunctionConcurrency, h.deleteFunctionConcurrency),
	}
}

func zipOfCreate(in *api.CreateFunctionRequest) *[]byte {
	if in.Code == nil {
		return nil
	}
	return &in.Code.ZipFile
}

func zipOfUpdate(in *api.UpdateFunctionCodeRequest) *[]byte { return &in.ZipFile }

// region is the one that the caller signed for.
func region(ctx context.Context) string { return wire.Info(ctx).Principal.Region }

// ref reads what a call names.
func (h *Handler) ref(ctx context.Context, name, qualifier *string) (function.Ref, error) {
	return h.c.Functions.ParseRef(region(ctx), wire.Value(name), wire.Value(qualifier))
}

// number converts an optional integer; the model's bounds were checked.
func number(p *int64) *int {
	if p == nil {
		return nil
	}
	return new(int(*p))
}
