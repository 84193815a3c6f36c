package awslambda

import (
	"cmp"
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

// broke turns the failure of an exchange into what trigger.Functions promises.
func broke(arn string, err error) error {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("function %s: no answer in time: %w", arn, trigger.ErrTimeout)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("function %s: %w: %w", arn, context.Canceled, trigger.ErrBroken)
	case notSent(err):
		return fmt.Errorf("function %s: AWS Lambda cannot be reached: %w: %w", arn, trigger.ErrBroken, trigger.ErrNotBegun)
	}
	return fmt.Errorf("function %s: the call to AWS Lambda broke: %w", arn, trigger.ErrBroken)
}

// refused turns an answer that is no success into the same.
func refused(arn string, res *http.Response, body []byte) error {
	code, status := errorCode(res.Header, body), res.StatusCode
	cause := fmt.Errorf("AWS Lambda answered %d %.64s", status, code)
	switch {
	case code == "ResourceNotFoundException":
		return &fault.Error{Code: fault.ResourceNotFound, Field: arn, Public: "Function not found: " + arn, Err: cause,
			Hint: "aws lambda get-function --function-name " + arn}
	case slices.Contains(refusals, code):
		return &fault.Error{Code: fault.AccessDenied, Field: arn, Err: cause, Public: "AWS does not let this server invoke " + arn + ".",
			Hint: "the credentials of this server need lambda:InvokeFunction on " + arn}
	case code == "TooManyRequestsException" || status == http.StatusTooManyRequests:
		return &fault.Error{Code: fault.Overloaded, Field: arn, RetryAfter: retryAfter(res.Header), Err: cause}
	case code == "RequestTooLargeException" || status == http.StatusRequestEntityTooLarge:
		return &fault.Error{Code: fault.PayloadTooLarge, Field: "Payload", Err: cause}
	case status >= 400 && status < 500:
		return fmt.Errorf("function %s: %w: %w: %w", arn, cause, trigger.ErrBroken, trigger.ErrNotBegun)
	}
	return fmt.Errorf("function %s: %w: %w", arn, cause, trigger.ErrBroken)
}

// errorCode is the name of an error: "name", "name:uri" or "namespace#name" in the header, else in the body (AWS restJson1 protocol,
// Operation error serialization). It is empty if there is none that looks like one.
func errorCode(h http.Header, body []byte) string {
	code := h.Get("X-Amzn-Errortype")
	if code == "" {
		var e struct {
			Type string `json:"__type"`
			Code string `json:"code"`
		}
		if json.Unmarshal(body, &e) == nil {
			code = cmp.Or(e.Code, e.Type)
		}
	}
	code, _, _ = strings.Cut(code, ":")
	if _, name, ok := strings.Cut(code, "#"); ok {
		code = name
	}
	for _, r := range code {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' {
			return ""
		}
	}
	return code
}

// notSent reports whether no connection came about, or the request was not even made.
func notSent(err error) bool {
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns != nil {
		return true
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

func retryAfter(h http.Header) time.Duration {
	if n, err := strconv.Atoi(h.Get("Retry-After")); err == nil && n > 0 && n < 3600 {
		return time.Duration(n) * time.Second
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
