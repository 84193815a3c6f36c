package front

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	"countersign/internal/fault"
)

// every is a front whose surfaces answer with their own name, the client's address and the pool.
func every(t *testing.T, change func(*Options)) *Front {
	t.Helper()
	h := NewHosts(func(o string) (string, bool) { return "us-local-1_other", o == "http://other.localhost:7446" })
	for _, u := range []string{"http://localhost:7446", "http://127.0.0.1:7446", "http://[::1]:7446", "https://localhost:7447"} {
		if err := h.Declare(u, "us-local-1_countersign"); err != nil {
			t.Fatal(err)
		}
	}
	o := Options{Hosts: h, Surfaces: map[Surface]http.Handler{}, Signed: func(op string) bool { return strings.HasPrefix(op, "Admin") }}
	for _, s := range allSurfaces {
		o.Surfaces[s] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, string(s)+" "+r.RemoteAddr+" "+PoolOf(r.Context())+" "+r.Header.Get("X-Forwarded-For"))
		})
	}
	if change != nil {
		change(&o)
	}
	return New(o)
}

var allSurfaces = []Surface{Cognito, KMS, SMSVoice, STS, SNS, Lambda, Token, Auth0, Auth0API, OIDC, Login, Admin, Receipts, Console, Simulator, Health, Metrics, Root}

// routes has a request for every row of the table of surfaces.
var routes = []struct {
	method, path, target, form string
	want                       Surface
}{
	{"POST", "/", "AWSCognitoIdentityProviderService.SignUp", "", Cognito},
	{"POST", "/", "AWSCognitoIdentityProviderService.AdminGetUser", "", Cognito},
	{"OPTIONS", "/", "", "", Cognito},
	{"POST", "/", "TrentService.Decrypt", "", KMS},
	{"POST", "/", "PinpointSMSVoiceV2.SendTextMessage", "", SMSVoice},
	{"POST", "/", "", "Action=GetCallerIdentity&Version=2011-06-15", STS},
	{"POST", "/", "", "PhoneNumber=%2B1&Action=Publish", SNS},
	{"GET", "/2015-03-31/functions/", "", "", Lambda},
	{"POST", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-local-1%3A000000000000%3Afunction%3Af/invocations", "", "", Lambda},
	{"GET", "/2015-03-31/code/token/f.zip", "", "", Lambda},
	{"POST", "/2014-11-13/functions/f/invoke-async", "", "", Lambda},
	{"GET", "/2018-10-31/layers?find=LayerVersion", "", "", Lambda},
	{"GET", "/2025-11-30/capacity-providers", "", "", Lambda},
	{"POST", "/oauth/token", "", "", Token},
	{"POST", "/mfa/challenge", "", "", Auth0},
	{"GET", "/api/v2/users", "", "", Auth0API},
	{"GET", "/us-local-1_countersign/.well-known/jwks.json", "", "", OIDC},
	{"GET", "/.well-known/openid-configuration", "", "", OIDC},
	{"GET", "/oauth2/authorize", "", "", Login},
	{"GET", "/admin/v1/keys", "", "", Admin},
	{"POST", "/receipts/twilio/x", "", "", Receipts},
	{"GET", "/console/", "", "", Console},
	{"GET", "/simulator/inbox", "", "", Simulator},
	{"DELETE", "/simulator/inbox", "", "", Simulator},
	{"GET", "/healthz", "", "", Health},
	{"GET", "/readyz", "", "", Health},
	{"GET", "/metrics", "", "", Metrics},
	{"GET", "/", "", "", Root},
}

func request(method, path, target, form string) *http.Request {
	r := httptest.NewRequest(method, "http://localhost:7446"+path, strings.NewReader(form))
	r.RemoteAddr = "127.0.0.1:50000"
	if target != "" {
		r.Header.Set("X-Amz-Target", target)
	}
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	}
	return r
}

func do(f *Front, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

func TestEveryRouteFindsItsSurface(t *testing.T) {
	f := every(t, nil)
	for _, c := range routes {
		w := do(f, request(c.method, c.path, c.target, c.form))
		want := string(c.want) + " 127.0.0.1:50000 us-local-1_countersign "
		if w.Code != 200 || w.Body.String() != want {
			t.Errorf("%s %s %s%s: %d %q, want %q", c.method, c.path, c.target, c.form, w.Code, w.Body, want)
		}
	}
}

// TestFormBodyIsPutBack: the surface reads what front has read.
func TestFormBodyIsPutBack(t *testing.T) {
	f := every(t, func(o *Options) {
		o.Surfaces[SNS] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
	})
	if w := do(f, request("POST", "/", "", "Message=a&Action=Publish")); w.Body.String() != "Message=a&Action=Publish" {
		t.Errorf("the surface read %q", w.Body)
	}
	if w := do(f, request("POST", "/", "", "Action="+strings.Repeat("x", maxForm))); w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a form beyond the bound: %d", w.Code)
	}
	if w := do(f, request("POST", "/", "", "Action=%zz")); w.Code != http.StatusBadRequest {
		t.Errorf("a form that cannot be decoded: %d", w.Code)
	}
	broken := request("POST", "/", "", "Action=Publish")
	broken.Body = io.NopCloser(iotest.ErrReader(errors.New("read tcp 10.1.2.3:8443: i/o timeout")))
	if w := do(f, broken); w.Code != http.StatusBadRequest || strings.Contains(w.Body.String(), "10.1.2.3") {
		t.Errorf("a form that breaks off: %d %s", w.Code, w.Body)
	}
}

// TestReboundHost: GHSA-67mh-4wv8-2f99 and its kin. No route answers a name that was not declared.
func TestReboundHost(t *testing.T) {
	var refused []*fault.Error
	f := every(t, func(o *Options) {
		o.Dev = true
		o.Refused = func(_ *http.Request, _ int, e *fault.Error) { refused = append(refused, e) }
	})
	hosts := []string{"evil.example", "evil.example:7446", "localhost:7447", "localhost", "localhost.evil.example:7446", "127.0.0.1.nip.io:7446",
		"", "localhost:7446@evil.example", "localhost:7446.evil.example", "[::1]", "[::ffff:127.0.0.1]:7446", "0.0.0.0:7446", "xother.localhost:7446"}
	for _, c := range routes {
		for _, host := range hosts {
			r := request(c.method, c.path, c.target, c.form)
			r.Host = host
			r.Header.Set("X-Forwarded-Host", "localhost:7446")
			if w := do(f, r); w.Code != http.StatusMisdirectedRequest || !strings.Contains(w.Header().Get(HintHeader), "http://localhost:7446") {
				t.Errorf("%s %s with Host %q: %d %s", c.method, c.path, host, w.Code, w.Body)
			}
		}
	}
	if want := len(routes) * len(hosts); len(refused) != want {
		t.Errorf("%d refusals were reported, want %d", len(refused), want)
	}
}

func TestDeclaredHosts(t *testing.T) {
	f := every(t, nil)
	for host, pool := range map[string]string{
		"localhost:7446": "us-local-1_countersign", "LOCALHOST:7446": "us-local-1_countersign", "[::1]:7446": "us-local-1_countersign",
		"other.localhost:7446": "us-local-1_other",
	} {
		r := request("GET", "/readyz", "", "")
		r.Host = host
		if w := do(f, r); w.Code != 200 || !strings.Contains(w.Body.String(), pool) {
			t.Errorf("%s: %d %s", host, w.Code, w.Body)
		}
	}
}

// TestForeignPages: a page of another origin gets nothing but what answers CORS, preflight or not.
func TestForeignPages(t *testing.T) {
	f := every(t, nil)
	pages := []map[string]string{
		{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost:3000"}, {"Origin": "https://localhost:7446"},
		{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://localhost:7446", "Sec-Fetch-Site": "cross-site"},
		{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
	}
	for _, c := range routes {
		open := c.want.Open() && !strings.Contains(c.target, "Admin")
		for _, page := range pages {
			for _, method := range []string{c.method, "OPTIONS"} {
				if c.path == "/" && method == "OPTIONS" {
					continue
				}
				r := request(method, c.path, c.target, c.form)
				for k, v := range page {
					r.Header.Set(k, v)
				}
				if w := do(f, r); (w.Code == 200) != open || (!open && w.Code != http.StatusForbidden) {
					t.Errorf("%s %s %s%s from %v: %d", method, c.path, c.target, c.form, page, w.Code)
				}
			}
		}
	}
}

func TestOwnPagesAndFollowedLinks(t *testing.T) {
	f := every(t, nil)
	for name, c := range map[string]struct {
		method, path string
		header       map[string]string
		want         int
	}{
		"own page":            {"POST", "/simulator/reset", map[string]string{"Origin": "http://localhost:7446", "Sec-Fetch-Site": "same-origin"}, 200},
		"typed address":       {"GET", "/simulator/", map[string]string{"Sec-Fetch-Site": "none"}, 200},
		"followed link":       {"GET", "/simulator/", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 200},
		"link to data":        {"GET", "/simulator/inbox", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 403},
		"form post to a page": {"POST", "/simulator/", map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 403},
	} {
		r := request(c.method, c.path, "", "")
		for k, v := range c.header {
			r.Header.Set(k, v)
		}
		if w := do(f, r); w.Code != c.want {
			t.Errorf("%s: %d, want %d", name, w.Code, c.want)
		}
	}
}

// TestForwardedHeaders: GHSA-93m4-mfpg-c3xf, CVE-2026-29794, CVE-2024-47070.
func TestForwardedHeaders(t *testing.T) {
	trusted := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	f := every(t, func(o *Options) {
		o.Proxies = trusted
		o.Hosts.Declare("https://id.example.com", "p_1")
	})
	for name, c := range map[string]struct {
		peer, host, forwarded, proto string
		want                         int
		client                       string
	}{
		"a stranger's header is removed":        {"203.0.113.9:1", "localhost:7446", "1.2.3.4", "https", 200, "203.0.113.9:1"},
		"a declared proxy's counts":             {"10.0.0.1:1", "id.example.com", "198.51.100.7", "https", 200, "198.51.100.7:0"},
		"the rightmost stranger counts":         {"10.0.0.1:1", "id.example.com", "1.2.3.4, 198.51.100.7, 10.0.0.2", "https", 200, "198.51.100.7:0"},
		"with a port":                           {"10.0.0.1:1", "id.example.com", "198.51.100.7:4711", "", 200, "198.51.100.7:0"},
		"IPv6":                                  {"[fd00::1]:1", "id.example.com", "2001:db8::1", "https", 200, "[2001:db8::1]:0"},
		"mapped proxy":                          {"[::ffff:10.0.0.1]:1", "id.example.com", "198.51.100.7", "https", 200, "198.51.100.7:0"},
		"no header":                             {"10.0.0.1:1", "id.example.com", "", "https", 200, "10.0.0.1:0"},
		"garbage fails closed":                  {"10.0.0.1:1", "id.example.com", "unknown", "https", 400, ""},
		"garbage left of the client is ignored": {"10.0.0.1:1", "id.example.com", "garbage, 198.51.100.7", "https", 200, "198.51.100.7:0"},
		"bad proto fails closed":                {"10.0.0.1:1", "id.example.com", "198.51.100.7", "javascript", 400, ""},
		"http on an https name":                 {"10.0.0.1:1", "id.example.com", "198.51.100.7", "http", 421, ""},
		"a stranger cannot claim https":         {"203.0.113.9:1", "id.example.com", "", "https", 421, ""},
	} {
		r := request("GET", "/readyz", "", "")
		r.RemoteAddr, r.Host = c.peer, c.host
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if c.proto != "" {
			r.Header.Set("X-Forwarded-Proto", c.proto)
		}
		w := do(f, r)
		if w.Code != c.want {
			t.Errorf("%s: status %d, want %d", name, w.Code, c.want)
			continue
		}
		if c.client == "" {
			continue
		}
		if got := strings.Split(w.Body.String(), " "); got[1] != c.client || got[3] != "" {
			t.Errorf("%s: the surface saw client %s and forwarded %q, want %s and none", name, got[1], got[3], c.client)
		}
	}
}

// TestProbeByAddress: load balancers probe by address; that cannot be a rebound name.
func TestProbeByAddress(t *testing.T) {
	f := every(t, nil)
	for _, c := range []struct {
		host, path string
		want       int
	}{{"192.0.2.5:7446", "/readyz", 200}, {"192.0.2.5:7446", "/simulator/inbox", 421}, {"192.0.2.6:7446", "/readyz", 421}, {"evil.example:7446", "/readyz", 421}} {
		r := request("GET", c.path, "", "")
		r.Host = c.host
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.ParseIP("192.0.2.5"), Port: 7446})))
		if w := do(f, r); w.Code != c.want {
			t.Errorf("%s%s: %d, want %d", c.host, c.path, w.Code, c.want)
		}
	}
}

func TestSurfacesThatAreElsewhereOrNowhere(t *testing.T) {
	f := every(t, func(o *Options) {
		delete(o.Surfaces, Admin)
		delete(o.Surfaces, KMS)
		o.Elsewhere = map[Surface]string{Admin: "on admin.listen"}
		o.RefuseSigned = "on admin.listen"
	})
	for _, c := range []struct {
		method, path, target string
		status               int
		text                 string
	}{
		{"GET", "/admin/v1/keys", "", 404, "on admin.listen"},
		{"POST", "/", "TrentService.Decrypt", 501, "TrentService.Decrypt"},
		{"POST", "/", "AWSCognitoIdentityProviderService.AdminGetUser", 403, "AccessDeniedException"},
		{"POST", "/", "AWSCognitoIdentityProviderService.SignUp", 200, "cognito"},
		{"GET", "/nothing", "", 404, "nothing here"},
		{"PUT", "/", "", 404, "nothing here"},
		{"POST", "/", "Unheard.Of", 400, `"__type":"UnknownOperationException"`},
		{"POST", "/", "AWSCognitoIdentityProvider", 400, "Unknown operation AWSCognitoIdentityProvider."},
	} {
		if w := do(f, request(c.method, c.path, c.target, "")); w.Code != c.status || !strings.Contains(w.Body.String(), c.text) {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.target, w.Code, w.Body)
		}
	}
}

func TestDeclare(t *testing.T) {
	h := NewHosts(nil)
	for _, bad := range []string{"", "localhost", "ftp://x", "http://", "http://a/b", "http://u:p@a", "http://a?x", "http://a b", "http://a:b"} {
		if err := h.Declare(bad, ""); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	for in, want := range map[string]string{"https://ID.Example.com:443/": "https://id.example.com", "http://[::1]:80": "http://[::1]", "http://a:8080": "http://a:8080"} {
		if got, err := OriginOf(in); err != nil || got != want {
			t.Errorf("OriginOf(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
}

func FuzzForwardedFor(f *testing.F) {
	f.Add("1.2.3.4, 10.0.0.2")
	f.Add("[::1]:80,,")
	p := Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := p.forwardedFor(netip.MustParseAddr("10.0.0.1"), []string{s})
		if err == nil && (!a.IsValid() || a.Zone() != "" || a.Is4In6()) {
			t.Errorf("%q gave %v", s, a)
		}
	})
}

func FuzzHost(f *testing.F) {
	f.Add("localhost:7446")
	f.Add("[::1]:x")
	f.Fuzz(func(t *testing.T, s string) {
		o, ok := origin("http", s)
		if !ok {
			return
		}
		if again, err := OriginOf(o); err != nil || again != o {
			t.Errorf("%q became %q, which became %q (%v)", s, o, again, err)
		}
	})
}

func BenchmarkFront(b *testing.B) {
	h := NewHosts(nil)
	h.Declare("http://localhost:7446", "p")
	f := New(Options{Hosts: h, Surfaces: map[Surface]http.Handler{Cognito: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}})
	r := request("POST", "/", "AWSCognitoIdentityProviderService.SignUp", "")
	w := httptest.NewRecorder()
	for b.Loop() {
		f.ServeHTTP(w, r)
	}
}
