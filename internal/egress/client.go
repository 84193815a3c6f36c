package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// ErrTooLarge is returned by reads of an answer beyond Config.MaxResponse.
var ErrTooLarge = errors.New("egress: the answer is too large")

// Dialer connects to what a policy allows.
type Dialer struct {
	// Policy defaults to public addresses only.
	Policy *Policy
	// Timeout bounds resolution and connection. Defaults to 5 s.
	Timeout time.Duration
	// Resolver defaults to net.DefaultResolver.
	Resolver *net.Resolver
}

// DialContext connects to a TCP address ("host:port"). The policy is asked about every address before it is connected to;
// a refusal is an error that wraps ErrRefused.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if network != "tcp" && network != "tcp4" && network != "tcp6" {
		return nil, fmt.Errorf("%w: network %q", ErrRefused, network)
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("egress: %w", err)
	}
	nd := net.Dialer{Timeout: d.Timeout, Resolver: d.Resolver, KeepAlive: 30 * time.Second}
	if nd.Timeout <= 0 {
		nd.Timeout = 5 * time.Second
	}
	if !d.Policy.AllowsName(host, port) {
		nd.ControlContext = d.control
	}
	return nd.DialContext(ctx, network, address)
}

// control runs with the address that the socket is about to be connected to.
func (d *Dialer) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%w: network %q", ErrRefused, network)
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %q", ErrRefused, address)
	}
	return d.Policy.Check(ap.Addr())
}

// Config configures a client.
type Config struct {
	// Follow is how many redirects of GET and HEAD are followed. Defaults to 0: the answer with the redirect is returned.
	Follow int
	// MaxConns bounds the connections to one host. Defaults to 256, of which all may idle.
	MaxConns int
	// MaxResponse bounds an answer's body, decompressed, in bytes. Defaults to 1 MiB.
	MaxResponse int64
	// Policy defaults to public addresses only.
	Policy *Policy
	// Proxy is the proxy for all requests, or nil for none. Environment variables are not read.
	Proxy *url.URL
	// Resolver defaults to net.DefaultResolver.
	Resolver *net.Resolver
	// Timeout bounds a whole exchange, body included. Defaults to 30 s.
	Timeout time.Duration
	// TLS is the base of the TLS configuration (roots, client certificates), or nil. MinVersion is raised to 1.2.
	TLS *tls.Config
}

// NewClient returns an HTTP client that keeps to the rules of this package. It is safe for concurrent use.
func NewClient(c Config) *http.Client {
	if c.MaxConns <= 0 {
		c.MaxConns = 256
	}
	if c.MaxResponse <= 0 {
		c.MaxResponse = 1 << 20
	}
	if c.Timeout <= 0 {
		c.Timeout = 30 * time.Second
	}
	conf := &tls.Config{}
	if c.TLS != nil {
		conf = c.TLS.Clone()
	}
	conf.MinVersion = max(conf.MinVersion, tls.VersionTLS12)
	d := &Dialer{Policy: c.Policy, Resolver: c.Resolver}
	t := &http.Transport{
		DialContext: d.DialContext, TLSClientConfig: conf, ForceAttemptHTTP2: true,
		MaxIdleConns: 4 * c.MaxConns, MaxIdleConnsPerHost: c.MaxConns, MaxConnsPerHost: c.MaxConns, IdleConnTimeout: 90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second, ExpectContinueTimeout: time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
	if c.Proxy != nil {
		t.Proxy = http.ProxyURL(c.Proxy)
	}
	return &http.Client{Transport: &transport{t, c}, Timeout: c.Timeout, CheckRedirect: c.redirect}
}

// redirect decides whether a redirect is followed.
func (c Config) redirect(next *http.Request, via []*http.Request) error {
	if len(via) > c.Follow || next.Method != http.MethodGet && next.Method != http.MethodHead || via[0].Method != next.Method {
		return http.ErrUseLastResponse
	}
	if via[len(via)-1].URL.Scheme == "https" && next.URL.Scheme != "https" {
		return fmt.Errorf("%w: redirect from https to %s", ErrRefused, next.URL.Scheme)
	}
	if next.URL.Scheme != "https" && next.URL.Scheme != "http" {
		return fmt.Errorf("%w: redirect to %s", ErrRefused, next.URL.Scheme)
	}
	return c.Policy.checkHost(next.URL)
}

// transport checks the URL of each request, which is all that can be checked behind a proxy, and bounds answers.
type transport struct {
	base *http.Transport
	c    Config
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.c.Policy.checkHost(r.URL); err != nil {
		if r.Body != nil {
			r.Body.Close()
		}
		return nil, err
	}
	res, err := t.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if res.ContentLength > t.c.MaxResponse {
		res.Body.Close()
		return nil, ErrTooLarge
	}
	if res.StatusCode != http.StatusSwitchingProtocols {
		res.Body = &limited{res.Body, t.c.MaxResponse}
	}
	return res, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the connections.
func (t *transport) CloseIdleConnections() { t.base.CloseIdleConnections() }

// limited fails beyond n bytes instead of ending quietly: half an answer must not look like a whole one.
type limited struct {
	io.ReadCloser
	n int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.n < 0 {
		return 0, ErrTooLarge
	}
	if int64(len(p)) > l.n+1 {
		p = p[:l.n+1]
	}
	n, err := l.ReadCloser.Read(p)
	l.n -= int64(n)
	if l.n < 0 {
		return n - 1, ErrTooLarge
	}
	return n, err
}
