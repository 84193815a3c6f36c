package simulator

import (
	"net/http"
	"net/url"
	"strings"
)

// ownOrigin refuses what another origin's page sends, whatever the method: the answers hold codes, and net/http's
// CrossOriginProtection lets every GET through. Programs other than browsers send neither header and pass. A link to
// the page itself may be followed from anywhere, but not into a frame. No CORS header is ever answered.
// Sources: Fetch Metadata Request Headers (W3C), sections 2 and 3; RFC 6454, section 7.
func ownOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Add("Vary", "Origin, Sec-Fetch-Site")
		if foreign(r) && !followedLink(r) {
			writeError(w, http.StatusForbidden, "origin_forbidden", "the simulator answers only its own pages and programs that are not browsers", "")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// foreign reports whether a page of another origin made the request. A sibling port of localhost is "same-site" and
// still another origin. The scheme is not compared: a proxy may have taken TLS off.
func foreign(r *http.Request) bool {
	for _, origin := range r.Header.Values("Origin") {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || !strings.EqualFold(u.Host, r.Host) {
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

// followedLink reports whether the request is a top-level navigation to the page.
func followedLink(r *http.Request) bool {
	return r.Method == http.MethodGet && r.URL.Path == pagePath && r.Header.Get("Origin") == "" &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}
