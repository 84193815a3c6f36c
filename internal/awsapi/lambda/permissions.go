package lambda

import (
	"context"

	"countersign/internal/awsapi/lambda/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/function"
)

func (h *Handler) addPermission(ctx context.Context, in *api.AddPermissionRequest) (*api.AddPermissionResponse, error) {
	ref, err := h.ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	statement, err := h.c.Functions.AddPermission(ctx, ref, &function.Permission{
		StatementID: *in.StatementId, Action: *in.Action, Principal: *in.Principal, SourceARN: wire.Value(in.SourceArn),
		SourceAccount: wire.Value(in.SourceAccount), PrincipalOrgID: wire.Value(in.PrincipalOrgID), EventSourceToken: wire.Value(in.EventSourceToken),
		FunctionURLAuthType: wire.Value(in.FunctionUrlAuthType), InvokedViaFunctionURL: in.InvokedViaFunctionUrl, Revision: wire.Value(in.RevisionId),
	})
	if err != nil {
		return nil, err
	}
	return &api.AddPermissionResponse{Statement: new(string(statement))}, nil
}

func (h *Handler) removePermission(ctx context.Context, in *api.RemovePermissionRequest) (*wire.Empty, error) {
	ref, err := h.ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	return nil, h.c.Functions.RemovePermission(ctx, ref, *in.StatementId, wire.Value(in.RevisionId))
}

func (h *Handler) getPolicy(ctx context.Context, in *api.GetPolicyRequest) (*api.GetPolicyResponse, error) {
	ref, err := h.ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	policy, revision, err := h.c.Functions.Policy(ctx, ref)
	if err != nil {
		return nil, err
	}
	return &api.GetPolicyResponse{Policy: new(string(policy)), RevisionId: &revision}, nil
}
