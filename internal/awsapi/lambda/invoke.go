package lambda

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"countersign/internal/access"
	"countersign/internal/awsapi/lambda/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/function"
	"countersign/internal/runner"
)

const (
	// maxClientContext bounds the header X-Amz-Client-Context, maxTail the log in X-Amz-Log-Result before it is encoded, both in bytes (API reference, Invoke).
	maxClientContext = 3583
	maxTail          = 4 << 10
)

// invoke calls a function: the caller's grant allows it, the function's resource policy is for services.
func (h *Handler) invoke(ctx context.Context, in *api.InvocationRequest) (*api.InvocationResponse, error) {
	err := refuse(
		demand{text(in.DurableExecutionName), "DurableExecutionName", "there are no durable executions."},
		demand{text(in.TenantId), "TenantId", "functions have no tenants."},
	)
	if err != nil {
		return nil, err
	}
	ref, err := h.ref(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	c, err := newCall(in)
	if err != nil {
		return nil, err
	}
	c.RequestID = wire.Info(ctx).ID
	c.Masked = access.Allow(access.From(ctx), access.Lambda, access.ReadSecret, access.Resource{}) != nil
	switch wire.Value(in.InvocationType) {
	case "DryRun":
		if _, err := h.c.Functions.Get(ctx, ref); err != nil {
			return nil, err
		}
		return &api.InvocationResponse{StatusCode: new(int64(http.StatusNoContent))}, nil
	case "Event":
		if len(c.Payload) > maxEvent {
			return nil, oversized(invokeFunction, maxEvent)
		}
		return &api.InvocationResponse{StatusCode: new(int64(http.StatusAccepted))}, h.c.Functions.Enqueue(ctx, ref, c)
	}
	res, err := h.c.Functions.Call(ctx, ref, c)
	if err != nil {
		return nil, err
	}
	out := &api.InvocationResponse{StatusCode: new(int64(http.StatusOK)), ExecutedVersion: &res.Version, Payload: res.Result.Payload}
	if res.Result.Error != nil {
		out.FunctionError, out.Payload = new("Unhandled"), errorPayload(res.Result.Error)
	}
	if wire.Value(in.LogType) == "Tail" {
		log := res.Result.Log
		out.LogResult = new(base64.StdEncoding.EncodeToString(log[max(0, len(log)-maxTail):]))
	}
	return out, nil
}

// newCall judges what is passed on. No payload is the event {}.
func newCall(in *api.InvocationRequest) (*function.Call, error) {
	c := &function.Call{Payload: in.Payload}
	if len(bytes.TrimSpace(c.Payload)) == 0 {
		c.Payload = []byte("{}")
	}
	var any json.RawMessage
	if err := json.Unmarshal(c.Payload, &any); err != nil {
		return nil, &protocolError{badContent, "Could not parse request body into json: " + err.Error()}
	}
	if !text(in.ClientContext) {
		return c, nil
	}
	// The header is base64, what the function gets is the JSON within; compact, since it travels in a header again.
	var compact bytes.Buffer
	decoded, err := base64.StdEncoding.DecodeString(*in.ClientContext)
	if err == nil {
		err = json.Compact(&compact, decoded)
	}
	if err != nil || len(*in.ClientContext) > maxClientContext || compact.Len() == 0 || compact.Bytes()[0] != '{' {
		return nil, &protocolError{badContent, "Client context must be a valid Base64-encoded JSON object."}
	}
	c.ClientContext = compact.String()
	return c, nil
}

// errorPayload is what Lambda answers for code that did not.
func errorPayload(e *runner.Error) []byte {
	b, _ := json.Marshal(struct {
		Type    string   `json:"errorType,omitzero"`
		Message string   `json:"errorMessage"`
		Trace   []string `json:"trace,omitempty"`
	}{e.Type, e.Message, e.Trace}) // strings always marshal
	return b
}
