package management

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/access"
	"countersign/internal/auth0api/wire"
	"countersign/internal/eventlog"
)

// filled is a path with values for its parameters.
func filled(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		switch {
		case s == "{name}":
			segments[i] = "sms"
		case strings.HasPrefix(s, "{"):
			segments[i] = "x%7Cy"
		}
	}
	return strings.Join(segments, "/")
}

// TestAdvisory_GO_2025_3661_management: no route can be called without a token, with one that lacks its scope, or with one that has it on another pool.
func TestAdvisory_GO_2025_3661_management(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Rate = wire.Rate{Burst: 10000, Every: time.Second} })
	for _, r := range routes() {
		path := filled(r.Path)
		b.as("", r.Method, path, "").is(401, `"message":"Missing authentication"`)
		b.as("bad", r.Method, path, "").is(401, `"message":"Invalid token"`)
		want := `"message":"Insufficient scope, expected any of: ` + strings.ReplaceAll(r.Scopes, " ", ",") + `","errorCode":"insufficient_scope"`
		b.as("read:nothing", r.Method, path, "").is(403, want)
		b.as("other:"+strings.ReplaceAll(r.Scopes, " ", ","), r.Method, path, "").is(403, want)
	}
}

// TestRoutesAnswer: every route answers a request that says nothing with JSON or nothing, and never 500.
func TestRoutesAnswer(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Rate = wire.Rate{Burst: 10000, Every: time.Second} })
	for _, r := range routes() {
		for _, body := range []string{"", "{}", "[]", `{"a":1}`, "null", "\x00", `"text"`} {
			a := b.send(r.Method, filled(r.Path), body)
			if a.status >= 500 && a.status != http.StatusServiceUnavailable {
				t.Errorf("%s %s %q: %d %s", r.Method, r.Path, body, a.status, a.body)
			}
		}
	}
}

func TestPaths(t *testing.T) {
	b := newBench(t)
	b.as("all", "GET", "/nothing", "").is(404, `"statusCode":404,"error":"Not Found"`)
	b.send("GET", "/hooks/", "").is(404)
	b.send("GET", "//hooks", "").is(404)
	b.send("GET", "/hooks/a/../b", "").is(404)
	if a := b.send("PUT", "/hooks", "{}").is(405, "does not support the method PUT"); a.head.Get("Allow") != "GET, POST" {
		t.Errorf("Allow: %q", a.head.Get("Allow"))
	}
	b.send("GET", "/hooks/01%2F02", "").is(404, "The hook does not exist")
}

func TestParamsAreDecoded(t *testing.T) {
	b := newBench(t)
	var got []string
	m := newMux(&api{Options: Options{Authenticate: b.authenticate, PoolOf: func(*http.Request) string { return b.pool }, Store: b.Store, Events: b.Log},
		limit: wire.NewLimiter(wire.Rate{Burst: 100, Every: time.Second}, 0, nil)},
		[]route{{"GET", "/users/{id}/m/{method}", "x", func(_ *api, _ context.Context, r *Request) (int, any, error) {
			got = append(got, r.Param("id")+" "+r.Param("method"))
			return 204, nil, nil
		}, ""}})
	for _, path := range []string{"/users/auth0%7C1/m/sms%7Cdev_1", "/users/auth0%7C1/m/a%2Fb", "/users/a%20b/m/%C3%A4"} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", Prefix+path, nil)
		r.Header.Set("Authorization", "Bearer all")
		m.ServeHTTP(httptest.NewRecorder(), r)
	}
	if want := []string{"auth0|1 sms|dev_1", "auth0|1 a/b", "a b ä"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestPanicsSayNothing(t *testing.T) {
	b := newBench(t)
	h := b.handler.(*mux)
	broken := newMux(h.a, []route{{"POST", "/x", "x", func(*api, context.Context, *Request) (int, any, error) { panic("secret detail") }, ""}})
	b.handler = broken
	b.send("POST", "/x", "").exactly(500, `{"statusCode":500,"error":"Internal Server Error","message":"Internal error"}`)
	if got := b.events(eventlog.ManagementFailed); len(got) != 1 || strings.Contains(got[0], "secret") {
		t.Errorf("%v", got)
	}
}

func TestLimit(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Rate = wire.Rate{Burst: 2, Every: time.Minute} })
	for _, want := range []string{"1", "0"} {
		if a := b.send("GET", "/hooks", "").is(200); a.head.Get("X-RateLimit-Remaining") != want || a.head.Get("X-RateLimit-Limit") != "2" || a.head.Get("X-RateLimit-Reset") == "" {
			t.Errorf("%v", a.head)
		}
	}
	if a := b.send("GET", "/hooks", "").is(429, `"errorCode":"too_many_requests"`); a.head.Get("Retry-After") != "60" {
		t.Errorf("%v", a.head)
	}
	b.Advance(time.Minute)
	b.send("GET", "/hooks", "").is(200)
}

func TestEventsOfCalls(t *testing.T) {
	b := newBench(t)
	b.send("POST", "/hooks", `{"name":"h","script":"module.exports = f","triggerId":"send-phone-message"}`).is(201)
	b.send("POST", "/hooks", `{}`).is(400)
	b.send("GET", "/hooks", "").is(200)
	b.as("read:nothing", "GET", "/hooks", "").is(403)
	b.as("", "GET", "/hooks", "").is(401)
	got := b.events(eventlog.ManagementWrite, eventlog.ManagementFailed, eventlog.AccessDenied, eventlog.ManagementRead)
	slices.Sort(got) // they are of one instant
	want := []string{`fapi {"client":"client1","error":"invalid_body","method":"POST","path":"/api/v2/hooks","status":400}`, `sapi {"client":"client1","hook":`}
	want = append([]string{
		`cs_access_denied {"client":"client1","error":"insufficient_scope","method":"GET","path":"/api/v2/hooks","scope":"read:hooks","status":403}`}, want...)
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("%s\nwant %s", got[i], want[i])
		}
	}
}

// TestEventsNameTheCall: no parameter of a path takes the place of what an event says about the call.
func TestEventsNameTheCall(t *testing.T) {
	for _, r := range routes() {
		for _, name := range paramsOf(r.Path) {
			if slices.Contains([]string{"method", "path", "client", "status", "error", "scope"}, name) {
				t.Errorf("%s %s has a parameter {%s}", r.Method, r.Path, name)
			}
		}
	}
	b := newBench(t)
	b.as("read:nothing", "DELETE", "/users/auth0%7Cx/authentication-methods/sms%7Cdev_1", "").is(403)
	got := b.events(eventlog.AccessDenied)
	if len(got) != 1 || !strings.Contains(got[0], `"method":"DELETE"`) || !strings.Contains(got[0], `"method_id":"sms|dev_1"`) {
		t.Errorf("%q", got)
	}
}

func TestNoPool(t *testing.T) {
	b := newBench(t, func(o *Options) { o.PoolOf = func(*http.Request) string { return "" } })
	b.send("GET", "/hooks", "").is(404, "inexistent_tenant")
}

func TestLargeBody(t *testing.T) {
	b := newBench(t)
	b.send("POST", "/hooks", strings.Repeat(" ", maxBody+1)).is(413)
}

func FuzzRequests(f *testing.F) {
	b := newBench(f, func(o *Options) { o.Rate = wire.Rate{Burst: 1 << 30, Every: time.Nanosecond} })
	f.Add("POST", "/hooks", `{"name":"h","script":"x","triggerId":"send-phone-message"}`)
	f.Add("PATCH", "/tenants/settings", `{"flags":{"a":true},"enabled_locales":["en"]}`)
	f.Add("POST", "/branding/phone/templates", `{"type":"otp_verify","content":{"body":{"text":"{{ code }}"}}}`)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		r, err := http.NewRequestWithContext(t.Context(), method, "http://localhost"+Prefix+path, strings.NewReader(body))
		if err != nil {
			return // no client can send that
		}
		r.Header.Set("Authorization", "Bearer all")
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != 503 {
			t.Fatalf("%s %s %q: %d %s", method, path, body, w.Code, w.Body)
		}
	})
}

// TestPresets: a deployer may do all that is not about users or the log, an auditor may read everything.
func TestPresets(t *testing.T) {
	presets := map[string][]access.Grant{}
	for _, name := range []string{"deployer", "auditor"} {
		grants, err := access.Preset(name, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		presets[name] = grants
	}
	may := func(preset string, r route) bool {
		for s := range strings.FieldsSeq(r.Scopes) {
			if access.Allow(access.Principal{ID: "x", Kind: access.Management, Grants: presets[preset]}, access.ManagementAPI, s, access.OnPool("p")) == nil {
				return true
			}
		}
		return false
	}
	personal := []string{"users", "authentication_methods", "guardian_enrollments", "guardian_enrollment_tickets", "logs", "logs_users", "stats"}
	for _, r := range routes() {
		_, what, _ := strings.Cut(strings.Fields(r.Scopes)[0], ":")
		if may("deployer", r) == slices.Contains(personal, what) {
			t.Errorf("deployer and %s %s (%s): %v", r.Method, r.Path, r.Scopes, may("deployer", r))
		}
		absent := strings.HasSuffix(r.Note, "an empty list") || r.Note == "404"
		if r.Method == "GET" && !may("auditor", r) && !absent {
			t.Errorf("auditor may not %s %s (%s)", r.Method, r.Path, r.Scopes)
		}
		if r.Method != "GET" && may("auditor", r) && !strings.HasSuffix(r.Path, "/preview") {
			t.Errorf("auditor may %s %s", r.Method, r.Path)
		}
	}
}
