package management

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"countersign/internal/access"
	"countersign/internal/auth0api/wire"
	"countersign/internal/pool"
)

// Request is a call that was let in.
type Request struct {
	HTTP *http.Request
	// PoolID is the pool that the call is about, Principal who calls, Caller the same for package pool.
	PoolID    string
	Principal access.Principal
	Caller    pool.Caller
	Query     url.Values
	// Body is the request's body.
	Body []byte

	head   http.Header
	params map[string]string
	detail map[string]any
	read   bool
}

// Param is a parameter of the path, percent-decoded.
func (r *Request) Param(name string) string { return r.params[name] }

// Fields are the members of the body, JSON or form.
func (r *Request) Fields() (*wire.Fields, error) {
	return wire.ParseFields(r.HTTP.Header.Get("Content-Type"), r.Body)
}

// Page is which part of a list is asked for. usual and most are sizes of pages.
func (r *Request) Page(usual, most int) (wire.Page, error) {
	return wire.ParsePage(r.Query, usual, most)
}

// Header are the answer's headers.
func (r *Request) Header() http.Header { return r.head }

// Detail adds something to the event of the call. It is neither secret nor personal.
func (r *Request) Detail(name string, value any) {
	if r.detail == nil {
		r.detail = map[string]any{}
	}
	r.detail[name] = value
}

// SeesSecrets reports whether the caller may read what is otherwise left out. If so, the read becomes an event: a handler asks only where there is
// a secret to show.
func (r *Request) SeesSecrets() bool {
	ok := access.Allow(r.Principal, access.ManagementAPI, access.ReadSecret, access.OnPool(r.PoolID)) == nil
	r.read = r.read || ok
	return ok
}

// may reports whether the caller has any one of the scopes on the pool.
func (r *Request) may(scopes string) bool {
	for _, s := range strings.Fields(scopes) {
		if access.Allow(r.Principal, access.ManagementAPI, s, access.OnPool(r.PoolID)) == nil {
			return true
		}
	}
	return false
}

const maxUserAgent = 512

// callerOf is who sent a request, for package pool.
func callerOf(r *http.Request, p access.Principal) pool.Caller {
	c := pool.Caller{Wire: "auth0", UserAgent: r.UserAgent(), Admin: p.ID, Language: r.Header.Get("Accept-Language"), Hostname: hostname(r.Host)}
	c.UserAgent = c.UserAgent[:min(len(c.UserAgent), maxUserAgent)]
	c.Language = c.Language[:min(len(c.Language), maxUserAgent)]
	if addr, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		c.IP = addr.Addr().Unmap().WithZone("")
	}
	return c
}

func hostname(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		return host[:i]
	}
	return host
}

// unescape decodes a segment of a path; what cannot be decoded stays.
func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}
