package authentication

import (
	"net/http"
	"strings"
)

const (
	allowHeaders  = "authorization, content-type, auth0-client, x-request-language, accept-language"
	exposeHeaders = "X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, Retry-After, WWW-Authenticate, X-Countersign-Hint"
	// maxAllowHeaders bounds the mirrored list of requested headers, in bytes.
	maxAllowHeaders = 1024
)

// allowOrigin lets pages of all origins read the answer. There are no cookies on this wire: who reads had the tokens or the code.
func allowOrigin(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", exposeHeaders)
}

// preflight answers OPTIONS (Fetch Standard, section 3.2).
func preflight(w http.ResponseWriter, r *http.Request, methods string) {
	h := w.Header()
	h.Set("Allow", methods)
	h.Set("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
	if m := r.Header.Get("Access-Control-Request-Method"); m != "" && strings.Contains(methods, m) {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Methods", methods)
		h.Set("Access-Control-Max-Age", "86400")
		h.Set("Access-Control-Allow-Headers", allowHeaders)
		requested := strings.Join(r.Header.Values("Access-Control-Request-Headers"), ",")
		if requested != "" && len(requested) <= maxAllowHeaders && isTokenList(requested) {
			h.Set("Access-Control-Allow-Headers", requested)
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// isTokenList reports whether s is a list of header names (RFC 9110, section 5.6.2).
func isTokenList(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != ',' && c != ' ' {
			return false
		}
	}
	return true
}

// foreign reports whether a page of another origin made the request, by the two headers that pages cannot forge (Fetch Metadata Request Headers,
// section 2; RFC 6454, section 7).
func (a *API) foreign(r *http.Request) bool {
	base := a.BaseURL(r.Context())
	for _, o := range r.Header.Values("Origin") {
		if !strings.EqualFold(o, base) {
			return true
		}
	}
	for _, site := range r.Header.Values("Sec-Fetch-Site") {
		if site != "same-origin" && site != "none" {
			return true
		}
	}
	return false
}
