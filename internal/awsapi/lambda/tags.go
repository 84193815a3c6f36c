package lambda

import (
	"context"

	"countersign/internal/awsapi/lambda/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/function"
)

// tagged reads the ARN of what is tagged: functions, not their versions and aliases.
func (h *Handler) tagged(ctx context.Context, arn *string) (function.Ref, error) {
	ref, err := h.ref(ctx, arn, nil)
	if err == nil && ref.Qualifier != "" {
		err = fault.Invalidf("Resource", "Tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	return ref, err
}

func (h *Handler) listTags(ctx context.Context, in *api.ListTagsRequest) (*api.ListTagsResponse, error) {
	ref, err := h.tagged(ctx, in.Resource)
	if err != nil {
		return nil, err
	}
	info, err := h.c.Functions.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	out := &api.ListTagsResponse{Tags: map[string]string{}}
	if info.Tags != nil {
		out.Tags = info.Tags
	}
	return out, nil
}

func (h *Handler) tagResource(ctx context.Context, in *api.TagResourceRequest) (*wire.Empty, error) {
	ref, err := h.tagged(ctx, in.Resource)
	if err != nil {
		return nil, err
	}
	return nil, h.c.Functions.Tag(ctx, ref, in.Tags)
}

func (h *Handler) untagResource(ctx context.Context, in *api.UntagResourceRequest) (*wire.Empty, error) {
	ref, err := h.tagged(ctx, in.Resource)
	if err != nil {
		return nil, err
	}
	return nil, h.c.Functions.Untag(ctx, ref, in.TagKeys)
}

// whole reads the name of a function that is meant as a whole.
func (h *Handler) whole(ctx context.Context, name *string) (function.Ref, error) {
	ref, err := h.ref(ctx, name, nil)
	if err == nil && ref.Qualifier != "" {
		err = fault.Invalidf("FunctionName", "Reserved concurrency belongs to a function, not to a version or alias.")
	}
	return ref, err
}

func (h *Handler) putFunctionConcurrency(ctx context.Context, in *api.PutFunctionConcurrencyRequest) (*api.Concurrency, error) {
	ref, err := h.whole(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	n := number(in.ReservedConcurrentExecutions)
	return &api.Concurrency{ReservedConcurrentExecutions: in.ReservedConcurrentExecutions}, h.c.Functions.SetReserved(ctx, ref, n)
}

func (h *Handler) getFunctionConcurrency(ctx context.Context, in *api.GetFunctionConcurrencyRequest) (*api.GetFunctionConcurrencyResponse, error) {
	ref, err := h.whole(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	info, err := h.c.Functions.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	out := &api.GetFunctionConcurrencyResponse{}
	if c := concurrency(info); c != nil {
		out.ReservedConcurrentExecutions = c.ReservedConcurrentExecutions
	}
	return out, nil
}

func (h *Handler) deleteFunctionConcurrency(ctx context.Context, in *api.DeleteFunctionConcurrencyRequest) (*wire.Empty, error) {
	ref, err := h.whole(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	return nil, h.c.Functions.SetReserved(ctx, ref, nil)
}
