package wire

import (
	"net/http"
	"strings"
)

const (
	defaultAllowHeaders = "content-type, x-amz-target, x-amz-user-agent, cache-control, amz-sdk-invocation-id, " +
		"amz-sdk-request, authorization, x-amz-date, x-amz-content-sha256, x-amz-security-token"
	exposeHeaders = "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date"
	maxAge        = "172800"
	// maxAllowHeaders bounds the mirrored list of requested headers, in bytes.
	maxAllowHeaders = 2048
)

// ForeignOrigin reports whether a browser sent r for a page of another origin: Sec-Fetch-Site says so, or Origin names
// another host than Host (RFC 6454, section 7). Another port of localhost is another origin. Surfaces without CORS
// refuse such requests before anything runs.
func ForeignOrigin(r *http.Request) bool {
	for _, site := range r.Header["Sec-Fetch-Site"] {
		if site != "same-origin" && site != "none" {
			return true
		}
	}
	for _, origin := range r.Header["Origin"] {
		if _, host, ok := strings.Cut(origin, "://"); !ok || !strings.EqualFold(host, r.Host) {
			return true
		}
	}
	return false
}

// preflight answers OPTIONS. The operation is not known yet, so the answer only says that scripts may ask; an
// operation of class IAM refuses them later. A mux without any operation for browsers allows nothing.
func (m *Mux) preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Allow", "POST, OPTIONS")
	h.Set("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
	requested := strings.Join(r.Header.Values("Access-Control-Request-Headers"), ",")
	if m.browser && r.Header.Get("Access-Control-Request-Method") == http.MethodPost && names(requested, "x-amz-target") {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Methods", "POST, OPTIONS")
		h.Set("Access-Control-Max-Age", maxAge)
		if len(requested) <= maxAllowHeaders && isTokenList(requested) {
			h.Set("Access-Control-Allow-Headers", requested)
		} else {
			h.Set("Access-Control-Allow-Headers", defaultAllowHeaders)
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (m *Mux) allowOrigin(h http.Header) {
	h["Access-Control-Allow-Origin"] = allOrigins
	h["Access-Control-Expose-Headers"] = m.expose
}

// Shared header values; net/http reads them only.
var allOrigins = []string{"*"}

// names reports whether the comma-separated list holds name.
func names(list, name string) bool {
	for s := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.TrimSpace(s), name) {
			return true
		}
	}
	return false
}

// isTokenList accepts header names, commas and spaces: what may be mirrored.
func isTokenList(s string) bool {
	for i := range len(s) {
		c := s[i]
		ok := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.!#$%&'*+^`|~, ", c) >= 0
		if !ok {
			return false
		}
	}
	return true
}
