package sts

import (
	"encoding/xml"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

const (
	service   = "sts"
	version   = "2011-06-15"
	namespace = "https://sts.amazonaws.com/doc/2011-06-15/"
	// maxBody bounds the form; GetCallerIdentity has two parameters.
	maxBody = 64 << 10
)

// Handler serves POST / with a form body.
type Handler struct {
	// Authorizer proves the caller. Required. It is asked for service "sts", action "GetCallerIdentity", no resource.
	Authorizer wire.Authorizer
	// Dev adds the header X-Countersign-Hint to errors that have a hint.
	Dev bool
	// Log gets internal errors. Defaults to slog.Default().
	Log *slog.Logger
}

type callerIdentityResponse struct {
	XMLName   xml.Name `xml:"GetCallerIdentityResponse"`
	Namespace string   `xml:"xmlns,attr"`
	ARN       string   `xml:"GetCallerIdentityResult>Arn"`
	UserID    string   `xml:"GetCallerIdentityResult>UserId"`
	Account   string   `xml:"GetCallerIdentityResult>Account"`
	RequestID string   `xml:"ResponseMetadata>RequestId"`
}

type errorResponse struct {
	XMLName   xml.Name `xml:"ErrorResponse"`
	Namespace string   `xml:"xmlns,attr"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

// failure is an error in the words of STS.
type failure struct {
	status        int
	code, message string
	hint          string
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := wire.NewRequestID()
	p, fail := h.identify(r, id)
	if fail == nil {
		write(w, id, http.StatusOK, callerIdentityResponse{Namespace: namespace, ARN: p.ARN, UserID: p.UserID, Account: p.Account, RequestID: id})
		return
	}
	if h.Dev && fail.hint != "" {
		w.Header().Set("X-Countersign-Hint", strings.Join(strings.Fields(fail.hint), " "))
	}
	kind := "Sender"
	if fail.status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	write(w, id, fail.status, errorResponse{Namespace: namespace, Type: kind, Code: fail.code, Message: fail.message, RequestID: id})
}

func (h *Handler) identify(r *http.Request, id string) (wire.Principal, *failure) {
	if wire.ForeignOrigin(r) {
		return wire.Principal{}, h.failure(r, id, fault.New(fault.OriginForbidden))
	}
	body, form, fail := readForm(r)
	if fail != nil {
		return wire.Principal{}, fail
	}
	switch {
	case form.Get("Action") != "GetCallerIdentity":
		return wire.Principal{}, &failure{status: http.StatusBadRequest, code: "InvalidAction",
			message: "Countersign does not implement the action " + short(form.Get("Action")) + " of STS; it knows GetCallerIdentity"}
	case form.Get("Version") != version:
		return wire.Principal{}, &failure{status: http.StatusBadRequest, code: "InvalidAction", message: "The version must be " + version}
	}
	p, err := h.Authorizer.Authorize(r.Context(), r, body, service, "GetCallerIdentity", "")
	if err != nil {
		return wire.Principal{}, h.failure(r, id, fault.Of(err))
	}
	return p, nil
}

func readForm(r *http.Request) ([]byte, url.Values, *failure) {
	malformed := &failure{status: http.StatusBadRequest, code: "MalformedQueryString", message: "The request must be a POST with a form as its body"}
	ct, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if r.Method != http.MethodPost || err != nil || ct != "application/x-www-form-urlencoded" {
		return nil, nil, malformed
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return nil, nil, malformed
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, nil, malformed
	}
	return body, form, nil
}

// failure words f as STS does (API reference, Common Errors).
func (h *Handler) failure(r *http.Request, id string, f *fault.Error) *failure {
	out := &failure{status: http.StatusForbidden, message: f.Public, hint: f.Hint}
	standard := ""
	switch f.Code {
	case fault.Unauthenticated:
		out.code, standard = "MissingAuthenticationToken", "Request is missing Authentication Token"
	case fault.SignatureWrong:
		out.code, standard = "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided."
	case fault.AccessKeyUnknown:
		out.code, standard = "InvalidClientTokenId", "The security token included in the request is invalid."
	case fault.AccessDenied:
		out.code, standard = "AccessDenied", "User is not authorized to perform this action."
	case fault.OriginForbidden:
		out.code, standard = "AccessDenied", "Pages of other origins may not call this operation."
	case fault.Overloaded, fault.RateExceeded:
		out.status, out.code, standard = http.StatusBadRequest, "Throttling", "Rate exceeded"
	default:
		h.log().LogAttrs(r.Context(), slog.LevelError, "operation failed", slog.String("service", service), slog.String("request_id", id), slog.Any("error", f))
		return &failure{status: http.StatusInternalServerError, code: "InternalFailure", message: "Internal error, please try again."}
	}
	if out.message == "" {
		out.message = standard
	}
	return out
}

func (h *Handler) log() *slog.Logger {
	if h.Log == nil {
		return slog.Default()
	}
	return h.Log
}

func write(w http.ResponseWriter, id string, status int, answer any) {
	b, err := xml.Marshal(answer)
	if err != nil {
		panic(err) // structs of strings always marshal
	}
	h := w.Header()
	h.Set("Content-Type", "text/xml")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Amzn-Requestid", id)
	w.WriteHeader(status)
	_, _ = w.Write(b) // the client may be gone
}

func short(s string) string {
	if len(s) > 64 {
		s = s[:64]
	}
	return strings.ToValidUTF8(s, "")
}
