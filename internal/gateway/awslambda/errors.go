package awslambda

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"countersign/internal/fault"
	"countersign/internal/trigger"
)

// refusals are what Lambda and its front door answer when they do not know or trust the caller.
var refusals = []string{
	"AccessDeniedException", "AccessDenied", "UnrecognizedClientException", "InvalidSignatureException", "SignatureDoesNotMatch",
	"ExpiredTokenException", "ExpiredToken", "InvalidClientTokenId", "MissingAuthenticationTokenException", "IncompleteSignatureException",
}

// neverLoaded are the errors of code that could not be loaded, so that its handler saw nothing.
var neverLoaded = []string{
	"Runtime.ImportModuleError", "Runtime.HandlerNotFound", "Runtime.UserCodeSyntaxError", "Runtime.MalformedHandlerName", "Runtime.InvalidEntrypoint",
}

// classify turns the SDK's error into what trigger.Functions promises.
func classify(arn string, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("function %s: no answer in time: %w", arn, trigger.ErrTimeout)
	}
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("function %s: %w: %w", arn, context.Canceled, trigger.ErrBroken)
	}
	if notSent(err) {
		return fmt.Errorf("function %s: AWS Lambda cannot be reached: %w: %w", arn, trigger.ErrBroken, trigger.ErrNotBegun)
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return fmt.Errorf("function %s: the call to AWS Lambda broke: %w", arn, trigger.ErrBroken)
	}
	code, status := api.ErrorCode(), 0
	if r, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		status = r.HTTPStatusCode()
	}
	cause := fmt.Errorf("AWS Lambda answered %.64s", code)
	switch {
	case code == "ResourceNotFoundException":
		return &fault.Error{Code: fault.ResourceNotFound, Field: arn, Public: "Function not found: " + arn, Err: cause,
			Hint: "aws lambda get-function --function-name " + arn}
	case slices.Contains(refusals, code):
		return &fault.Error{Code: fault.AccessDenied, Field: arn, Err: cause, Public: "AWS does not let this server invoke " + arn + ".",
			Hint: "the credentials of this server need lambda:InvokeFunction on " + arn}
	case code == "TooManyRequestsException" || status == http.StatusTooManyRequests:
		return &fault.Error{Code: fault.Overloaded, Field: arn, RetryAfter: retryAfter(err), Err: cause}
	case code == "RequestTooLargeException" || status == http.StatusRequestEntityTooLarge:
		return &fault.Error{Code: fault.PayloadTooLarge, Field: "Payload", Err: cause}
	case status >= 400 && status < 500:
		return fmt.Errorf("function %s: %w: %w: %w", arn, cause, trigger.ErrBroken, trigger.ErrNotBegun)
	}
	return fmt.Errorf("function %s: %w: %w", arn, cause, trigger.ErrBroken)
}

// notSent reports whether no connection came about, or the request was not even made.
func notSent(err error) bool {
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns != nil {
		return true
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

func retryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*types.TooManyRequestsException](err); ok && e.RetryAfterSeconds != nil {
		if n, err := strconv.Atoi(*e.RetryAfterSeconds); err == nil && n > 0 && n < 3600 {
			return time.Duration(n) * time.Second
		}
	}
	return time.Second
}

// threw reads the payload of an answer with FunctionError: what the code threw, or what became of it.
func threw(arn string, payload []byte) (*trigger.Answer, error) {
	var e struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}
	if err := json.Unmarshal(payload, &e); err != nil {
		return nil, fmt.Errorf("function %s: its error cannot be read: %w", arn, trigger.ErrBroken)
	}
	switch {
	case e.ErrorType == "Sandbox.Timedout" || e.ErrorType == "" && strings.Contains(e.ErrorMessage, "Task timed out after"):
		return nil, fmt.Errorf("function %s: %w", arn, trigger.ErrTimeout)
	case slices.Contains(neverLoaded, e.ErrorType):
		return nil, fmt.Errorf("function %s: %s: %w: %w", arn, e.ErrorType, trigger.ErrBroken, trigger.ErrNotBegun)
	case e.ErrorType == "Runtime.ExitError" || e.ErrorType == "Function.ResponseSizeTooLarge" || e.ErrorType == "Runtime.OutOfMemory":
		return nil, fmt.Errorf("function %s: %s: %w", arn, e.ErrorType, trigger.ErrBroken)
	case e.ErrorType == "" && e.ErrorMessage == "":
		e.ErrorType = "Error"
	}
	return &trigger.Answer{ErrorType: e.ErrorType, ErrorMessage: e.ErrorMessage, Begun: true}, nil
}
