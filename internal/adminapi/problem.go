package adminapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"countersign/internal/fault"
	"countersign/internal/store"
)

// Problem is an error as it is answered (RFC 9457).
type Problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	// Detail is the sentence for people, Code the stable name, Hint what to do next.
	Detail string `json:"detail,omitempty"`
	// Field is the parameter at fault, as a path into the body or the name of a query parameter.
	Field string `json:"field,omitempty"`
	Code  string `json:"code,omitempty"`
	Hint  string `json:"hint,omitempty"`
	// Errors are all that is wrong, where a document has several faults.
	Errors []ProblemItem `json:"errors,omitempty"`
}

// ProblemItem is one fault of a document. Location is a path into it.
type ProblemItem struct {
	Message  string `json:"message"`
	Location string `json:"location"`
}

// Error implements error.
func (p *Problem) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return p.Title
}

// GetStatus and ContentType are what huma asks for.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns the media type of problem details.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

var statuses = map[fault.Kind]int{
	fault.Internal: http.StatusInternalServerError, fault.Invalid: http.StatusBadRequest, fault.NotFound: http.StatusNotFound,
	fault.Conflict: http.StatusConflict, fault.Denied: http.StatusForbidden, fault.Expired: http.StatusUnauthorized,
	fault.Throttled: http.StatusTooManyRequests, fault.Unavailable: http.StatusServiceUnavailable, fault.Unsupported: http.StatusNotImplemented,
}

// unauthenticated are the codes that mean "who are you", not "you may not".
var unauthenticated = map[fault.Code]bool{
	fault.Unauthenticated: true, fault.SignatureWrong: true, fault.AccessKeyUnknown: true, fault.AccessTokenInvalid: true, fault.AccessTokenRevoked: true,
}

// sentences are the standard wordings of codes that come without one.
var sentences = map[fault.Code]string{
	fault.Unauthenticated: "This call needs a management token or a signature.", fault.AccessKeyUnknown: "The access key is unknown or was revoked.",
	fault.SignatureWrong: "The signature does not match.", fault.AccessTokenInvalid: "The token is not one of ours.",
	fault.AccessTokenExpired: "The token has expired.", fault.AccessTokenRevoked: "The credential of the token was revoked.",
	fault.PoolNotFound: "There is no such pool.", fault.ResourceNotFound: "There is no such thing.", fault.UserNotFound: "There is no such user.",
	fault.ResourceExists: "There is one of that name already.", fault.ConcurrentModification: "It was changed meanwhile.",
	fault.InternalError: "Internal error; the server's log says more.",
}

// hints say what to do about codes that come without a hint.
var hints = map[fault.Code]string{
	fault.ResourceExists: "read it, and repeat with its version to replace it", fault.ConcurrentModification: "read it again, and repeat with its version",
}

func problemOf(err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	if errors.Is(err, store.ErrNotFound) {
		err = fault.New(fault.ResourceNotFound)
	}
	e := fault.Of(err)
	p := &Problem{Status: statuses[e.Kind()], Detail: e.Public, Code: string(e.Code), Hint: e.Hint}
	if unauthenticated[e.Code] {
		p.Status = http.StatusUnauthorized
	}
	if p.Detail == "" {
		p.Detail = sentences[e.Code]
	}
	if p.Hint == "" {
		p.Hint = hints[e.Code]
	}
	if e.Code == fault.InvalidParameter && e.Field != "" {
		p.Field = e.Field
		if !strings.HasPrefix(p.Detail, e.Field) {
			p.Detail = e.Field + ": " + p.Detail
		}
	}
	p.Title = http.StatusText(p.Status)
	return p
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", p.ContentType(""))
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="countersign"`)
	}
	w.WriteHeader(p.Status)
	json.NewEncoder(w).Encode(p)
}
