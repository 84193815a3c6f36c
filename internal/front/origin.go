package front

import (
	"net/http"
	"strings"
)

// foreign reports whether a page of another origin made the request. A sibling port of localhost is "same-site" and
// still another origin. Sources: Fetch Metadata Request Headers (W3C), sections 2 and 3; RFC 6454, section 7.
func foreign(r *http.Request, scheme string) bool {
	own, _ := origin(scheme, r.Host)
	for _, o := range r.Header.Values("Origin") {
		s, host, ok := strings.Cut(o, "://")
		got, valid := origin(s, host)
		if !ok || !valid || got != own {
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

// followedLink reports whether the request is a top-level navigation to a page: reading the answer is up to the
// person who followed the link, not to the page that it stood on.
func followedLink(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/") && r.Header.Get("Origin") == "" &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}
