package countersign

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/adminapi"
	"countersign/internal/keyring"
	"countersign/internal/origination"
	"countersign/internal/registration"
	"countersign/internal/route"
	"countersign/internal/routehealth"
	"countersign/internal/screen"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/phone"
)

const base = "http://localhost:7446"

func devServer(t *testing.T, change ...func(*Config)) *Server {
	t.Helper()
	c := Config{Mode: Dev, BaseURLs: []string{base, "https://localhost:7447"}, Log: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&c)
	}
	s, err := New(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// ask makes a request to a door and returns status and body.
func ask(h http.Handler, method, url, body string, header ...string) (int, string) {
	r := httptest.NewRequest(method, url, strings.NewReader(body))
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

const signUp = `{"ClientId":"countersigndevclient","Username":"+12025550123","Password":"Correct-Horse-1"}`

func callCognito(h http.Handler, operation, body string, header ...string) (int, string) {
	return callCognitoAt(h, base+"/", operation, body, header...)
}

func callCognitoAt(h http.Handler, url, operation, body string, header ...string) (int, string) {
	return ask(h, "POST", url, body, append(header, "Content-Type", "application/x-amz-json-1.1", "X-Amz-Target", "AWSCognitoIdentityProviderService."+operation)...)
}

func TestConfigNamesAllProblems(t *testing.T) {
	_, err := New(context.Background(), Config{Database: "x.db", BaseURLs: []string{"nonsense"}, FixedCode: "1", AccessKeyID: "x"})
	for _, want := range []string{"nonsense", "root key", "dev mode", "both its id and its secret"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	if _, err := New(context.Background(), Config{}); err == nil || !strings.Contains(err.Error(), "no base URL") {
		t.Errorf("no base URL: %v", err)
	}
}

// TestReadiness: a new server is not ready, a started one is, a draining one is not.
func TestReadiness(t *testing.T) {
	s := devServer(t)
	h := s.Handler()
	if code, _ := ask(h, "GET", base+"/readyz", ""); code != 503 {
		t.Errorf("new: %d", code)
	}
	s.Start()
	if code, _ := ask(h, "GET", base+"/readyz", ""); code != 200 {
		t.Errorf("started: %d", code)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if code, _ := ask(h, "GET", base+"/readyz", ""); code != 503 {
		t.Errorf("closed: %d", code)
	}
	if code, _ := ask(h, "GET", base+"/healthz", ""); code != 200 {
		t.Errorf("the process still answers: %d", code)
	}
}

// TestDrain: a request in flight when the end begins is answered, a new one finds no listener.
func TestDrain(t *testing.T) {
	s := devServer(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + l.Addr().String()
	if err := s.hosts.Declare(url, ""); err != nil {
		t.Fatal(err)
	}
	entered, release := make(chan struct{}), make(chan struct{})
	s.surfaces["root"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-release
		io.WriteString(w, "answered")
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, Binding{Listener: l}) }()
	var wg sync.WaitGroup
	wg.Go(func() {
		res, err := http.Get(url)
		if err != nil {
			t.Errorf("the request in flight: %v", err)
			return
		}
		defer res.Body.Close()
		if body, _ := io.ReadAll(res.Body); string(body) != "answered" {
			t.Errorf("the request in flight got %q", body)
		}
	})
	<-entered
	cancel()
	for s.ready.Load() {
		runtime.Gosched()
	}
	select {
	case err := <-ended:
		t.Errorf("the server did not wait for the request: %v", err)
	default:
	}
	close(release)
	wg.Wait()
	if err := <-ended; err != nil {
		t.Errorf("the end: %v", err)
	}
	if _, err := http.Get(url); err == nil {
		t.Error("the listener is still open")
	}
}

// createPool makes a pool by a signed call and returns its id.
func createPool(t *testing.T, h http.Handler, name string) string {
	t.Helper()
	now := time.Now().UTC()
	signed := []string{"Authorization", "AWS4-HMAC-SHA256 Credential=local/" + now.Format("20060102") + "/us-local-1/cognito-idp/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature=" + strings.Repeat("0", 64),
		"X-Amz-Date", now.Format("20060102T150405Z")}
	code, body := callCognito(h, "CreateUserPool", `{"PoolName":"`+name+`"}`, signed...)
	if code != 200 {
		t.Fatalf("CreateUserPool: %d %s", code, body)
	}
	var made struct{ UserPool struct{ Id string } }
	if err := json.Unmarshal([]byte(body), &made); err != nil || made.UserPool.Id == "" {
		t.Fatalf("CreateUserPool: %s", body)
	}
	return made.UserPool.Id
}

// TestResetKeepsKeys: users, messages, events and other pools go; what relying parties have cached of the keys stays.
func TestResetKeepsKeys(t *testing.T) {
	s := devServer(t)
	s.Start()
	h := s.Handler()
	jwks := func() string {
		_, body := ask(h, "GET", base+"/"+DevPool+"/.well-known/jwks.json", "")
		return body
	}
	before := jwks()
	other := createPool(t, h, "other")
	if code, body := callCognito(h, "SignUp", signUp); code != 200 {
		t.Fatalf("SignUp: %d %s", code, body)
	}
	s.Inbox(context.Background(), "+12025550123", "")
	if err := s.Reset(context.Background()); err != nil {
		t.Fatal(err)
	}
	if after := jwks(); after != before || !strings.Contains(after, "kid") {
		t.Errorf("the keys changed:\n%s\n%s", before, after)
	}
	if code, body := callCognito(h, "SignUp", signUp); code != 200 {
		t.Errorf("the name is not free again: %d %s", code, body)
	}
	err := s.parts.store.Read(context.Background(), func(tx store.Tx) error {
		pools, err := tx.Pools().ListPools(context.Background(), "", 10)
		if len(pools) != 1 || pools[0].ID != DevPool {
			t.Errorf("%d pools are left", len(pools))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if code, _ := ask(h, "GET", base+"/"+other+"/.well-known/jwks.json", ""); code != 404 {
		t.Errorf("keys of a pool that is gone: %d", code)
	}
}

// TestResetForgetsDelivery: accounts, plans and what was thought of them are gone at once, and those of the configuration file serve again.
func TestResetForgetsDelivery(t *testing.T) {
	ctx := t.Context()
	account := func(name, key string) route.StaticAccount {
		return route.StaticAccount{AccountConfig: route.AccountConfig{Name: name, Kind: "twilio", Settings: map[string]string{"account_sid": "AC0123456789abcdef0123456789abcdef", "from": "+12025550100"}},
			Secrets: map[string]secret.String{"auth_token": secret.New(key)}}
	}
	const wrong = "wrong"
	s := devServer(t, func(c *Config) {
		c.Delivery.Static = &route.Static{Accounts: []route.StaticAccount{account("file", wrong)},
			Plan: route.Plan{Rules: []route.Rule{{Name: "all", Use: []route.Choice{{Account: "file"}}}}}}
	})
	s.Start()
	r := s.parts.routes
	circuit := func() string {
		st, err := r.Status(ctx, "")
		if err != nil || len(st) != 1 {
			t.Fatalf("%v %v", st, err)
		}
		return st[0].Circuit
	}
	to, err := phone.Parse("+12025550123")
	if err != nil {
		t.Fatal(err)
	}
	id, err := s.parts.tryMessage(ctx, adminapi.Trial{PoolID: DevPool, To: to, Text: "hello", Account: "file"})
	if err != nil || circuit() == "closed" {
		t.Fatalf("%s: %v, its circuit is %s", id, err, circuit())
	}
	if _, err := r.PutAccount(ctx, DevPool, route.AccountConfig{Name: "own", Kind: "twilio", Settings: map[string]string{"account_sid": "AC0123456789abcdef0123456789abcdef", "from": "+12025550100"}},
		map[string]string{"auth_token": wrong}, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := r.PutPlan(ctx, DevPool, route.Plan{Rules: []route.Rule{{Name: "all", Use: []route.Choice{{Account: "own"}}}}}, 0); err != nil {
		t.Fatal(err)
	}
	doc := fmt.Appendf(nil, `{"key":{"PoolID":%q,"Account":"own","Channel":"sms","Country":"US","Network":"*"},"evidence":{"rule":"5min","since":%q},"told":true}`, DevPool,
		time.Now().Format(time.RFC3339))
	if err := s.parts.store.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Settings().PutSetting(ctx, &store.Setting{Name: "route-health/" + DevPool + "/own/sms/US/%2A", Doc: doc, UpdatedAt: time.Now()})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	degraded := func() bool {
		_, bad := s.parts.health.Degraded(routehealth.Key{PoolID: DevPool, Account: "own", Channel: "sms", Country: "US"})
		return bad
	}
	if err := s.parts.health.Refresh(ctx); err != nil || !degraded() {
		t.Fatalf("degraded: %v, %v", degraded(), err)
	}
	if err := s.Reset(ctx); err != nil {
		t.Fatal(err)
	}
	accounts, err1 := r.Accounts(ctx, DevPool)
	plan, version, err2 := r.Plan(ctx, DevPool)
	if len(accounts) != 0 || len(plan.Rules) != 0 || version != 0 || err1 != nil || err2 != nil {
		t.Errorf("accounts %v, plan %v: %v %v", accounts, plan, err1, err2)
	}
	if degraded() || circuit() != "closed" {
		t.Errorf("degraded: %v, circuit: %s", degraded(), circuit())
	}
}

// TestResetForgetsNumbers: identities and registrations of the deployment are gone, and guards know nothing of the pool that was.
func TestResetForgetsNumbers(t *testing.T) {
	ctx := t.Context()
	s := devServer(t)
	s.Start()
	p := s.parts
	to, err := phone.Parse("+12025550123")
	if err != nil {
		t.Fatal(err)
	}
	identity := func() (origination.Identity, error) { return p.originations.Choose(ctx, "GB", "sms", "") }
	refused := func() screen.Reason {
		d, err := p.screen.Screen(ctx, screen.Ask{PoolID: DevPool, To: to, Channel: "sms", Purpose: "sign_up", Typed: true})
		if err != nil {
			t.Fatal(err)
		}
		return d.Refused
	}
	for range 2 { // the second time finds nothing that is left of the first
		if why := refused(); why != "" {
			t.Fatalf("at the start: %s", why)
		}
		if _, err := p.originations.Add(ctx, origination.Identity{Kind: origination.SenderID, Value: "Acme", Country: "GB"}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.registrations.Put(ctx, registration.Registration{Name: "acme", Country: "US", Kind: registration.TenDLCBrand, BrandID: "B", Status: registration.Approved}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.screen.PutPolicy(ctx, DevPool, screen.Policy{Mode: screen.Enforce}, 0); err != nil {
			t.Fatal(err)
		}
		if err := p.pumping.Block(ctx, DevPool, "c:US", time.Now().Add(time.Hour), "a test"); err != nil {
			t.Fatal(err)
		}
		if id, err := identity(); err != nil || id.Value == "" || refused() != screen.Pumping {
			t.Fatalf("before the reset: %s, %v", id.Value, err)
		}
		if err := s.Reset(ctx); err != nil {
			t.Fatal(err)
		}
		if id, err := identity(); err == nil && id.Value != "" {
			t.Errorf("the identity %s is left", id.Value)
		}
		if c, err := p.registrations.Clear(ctx, DevPool, registration.Candidate{Country: "US", Text: "hello"}); err != nil {
			t.Errorf("registrations are left: %v %v", c, err)
		}
	}
}

// TestResetsAtOnce: test runners reset from several processes, and some hang up before the answer. What is left is always
// the start state.
func TestResetsAtOnce(t *testing.T) {
	s := devServer(t)
	for range 10 {
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				if err := s.Reset(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if code, body := callCognito(s.Handler(), "SignUp", signUp); code != 200 {
			t.Fatalf("after resets at once: %d %s", code, body)
		}
	}
	for i := range 40 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*200*time.Microsecond)
		_ = s.Reset(ctx)
		cancel()
	}
	number := strings.Replace(signUp, "0123", "0124", 1)
	if code, body := callCognito(s.Handler(), "SignUp", number); code != 200 {
		t.Fatalf("after resets that were cut off: %d %s", code, body)
	}
}

// TestPoolsByHost: a pool has <name>.localhost, and its documents at the root there.
func TestPoolsByHost(t *testing.T) {
	s := devServer(t)
	h := s.Handler()
	for url, want := range map[string]int{
		"http://countersign.localhost:7446/.well-known/jwks.json":          200,
		"https://COUNTERSIGN.localhost:7447/.well-known/jwks.json":         200,
		"http://localhost:7446/.well-known/openid-configuration":           200,
		"http://nobody.localhost:7446/.well-known/jwks.json":               421,
		"http://countersign.localhost:7448/.well-known/jwks.json":          421,
		"http://countersign.localhost.evil.example:7446/.well-known/x":     421,
		"http://countersign.localhost:7447/.well-known/jwks.json":          421,
		"http://localhost:7446/us-local-1_none/.well-known/jwks.json":      404,
		"http://localhost:7446/" + DevPool + "/.well-known/jwks.json":      200,
		"http://countersign.localhost:7446/" + DevPool + "/.well-known/no": 404,
	} {
		if code, body := ask(h, "GET", url, ""); code != want {
			t.Errorf("%s: %d %s, want %d", url, code, body, want)
		}
	}
}

// TestRootDocumentsOfAnotherPool: they name keys of that pool, not those that the shared host has at its root.
func TestRootDocumentsOfAnotherPool(t *testing.T) {
	s := devServer(t)
	h := s.Handler()
	id := createPool(t, h, "other")
	code, body := ask(h, "GET", "http://other.localhost:7446/.well-known/openid-configuration", "")
	var doc struct {
		Issuer  string
		JWKSURI string `json:"jwks_uri"`
	}
	if err := json.Unmarshal([]byte(body), &doc); code != 200 || err != nil {
		t.Fatalf("%d %s", code, body)
	}
	_, keys := ask(h, "GET", doc.JWKSURI, "")
	if _, want := ask(h, "GET", base+"/"+id+"/.well-known/jwks.json", ""); keys != want || !strings.HasSuffix(doc.Issuer, ".localhost:7446/") {
		t.Errorf("%s\nhas the keys %s\nwant %s", body, keys, want)
	}
}

// TestAnotherPortAnotherIssuer: a data folder that is started at another port issues tokens for that.
func TestAnotherPortAnotherIssuer(t *testing.T) {
	file := filepath.Join(t.TempDir(), "countersign.db")
	root := keyring.NewRoot().Encode()
	for _, url := range []string{"http://localhost:1111", "http://localhost:2222"} {
		s := devServer(t, func(c *Config) { c.Database, c.RootKey, c.BaseURLs = file, root, []string{url} })
		_, body := ask(s.Handler(), "GET", url+"/"+DevPool+"/.well-known/openid-configuration", "")
		if !strings.Contains(body, `"issuer":"`+url+`/`+DevPool+`"`) {
			t.Errorf("at %s: %s", url, body)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

func managementTokenOf(t *testing.T, h http.Handler, secret string) string {
	t.Helper()
	code, body := ask(h, "POST", base+"/oauth/token", `{"grant_type":"client_credentials","client_id":"countersign-dev","client_secret":"`+secret+`"}`, "Content-Type", "application/json")
	var g struct {
		AccessToken string `json:"access_token"`
	}
	if json.Unmarshal([]byte(body), &g); code != 200 || g.AccessToken == "" {
		t.Fatalf("token: %d %s", code, body)
	}
	return g.AccessToken
}

// TestManagementTokens open the admin API until they expire or their client is revoked; a changed one does not.
func TestManagementTokens(t *testing.T) {
	var later atomic.Int64 // keys are made in the background and look at the clock, too
	s := devServer(t, func(c *Config) { c.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) } })
	h := s.Handler()
	tok := managementTokenOf(t, h, devSecret)
	status := func(bearer string) int {
		code, _ := ask(h, "GET", base+"/admin/v1/status", "", "Authorization", "Bearer "+bearer)
		return code
	}
	if code := status(tok); code != 200 {
		t.Errorf("good token: %d", code)
	}
	for name, bad := range map[string]string{"changed": tok[:len(tok)-4] + "AAAA", "empty": "", "no prefix": tok[4:], "other": "csm_AAAA"} {
		if code := status(bad); code != 401 {
			t.Errorf("%s: %d", name, code)
		}
	}
	later.Store(int64(managementLife))
	if code := status(tok); code != 401 {
		t.Errorf("expired: %d", code)
	}
	later.Store(int64(managementLife - time.Hour))
	if _, err := s.parts.access.Revoke(context.Background(), DevManager); err != nil {
		t.Fatal(err)
	}
	if code := status(tok); code != 401 {
		t.Errorf("revoked: %d", code)
	}
}

// TestChosenCredentials: with credentials of its own (--lan), dev accepts no others.
func TestChosenCredentials(t *testing.T) {
	s := devServer(t, func(c *Config) {
		c.ManagementSecret, c.AccessKeyID, c.SecretAccessKey = "a-fresh-random-secret", "CSKFRESHFRESHFRESH01", "another-fresh-random-secret"
	})
	h := s.Handler()
	managementTokenOf(t, h, "a-fresh-random-secret")
	if code, _ := ask(h, "POST", base+"/oauth/token", `{"grant_type":"client_credentials","client_id":"countersign-dev","client_secret":"`+devSecret+`"}`, "Content-Type", "application/json"); code != 401 {
		t.Errorf("the well-known secret: %d", code)
	}
	for _, id := range []string{"local", "CSKFRESHFRESHFRESH01"} {
		code, body := callCognito(h, "ListUserPools", `{"MaxResults":10}`, "X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"),
			"Authorization", "AWS4-HMAC-SHA256 Credential="+id+"/"+time.Now().UTC().Format("20060102")+"/us-local-1/cognito-idp/aws4_request, SignedHeaders=host;x-amz-date;x-amz-target, Signature="+strings.Repeat("0", 64))
		if code == 200 {
			t.Errorf("%s with a made-up signature: %s", id, body)
		}
	}
}

// TestDoors: what each listener has, and that the owner's socket alone needs no credentials.
func TestDoors(t *testing.T) {
	s := devServer(t)
	for _, c := range []struct {
		door       Door
		path       string
		public     int
		admin      int
		local, all int
	}{
		{path: "/admin/v1/status", public: 404, admin: 401, local: 200, all: 401},
		{path: "/metrics", public: 404, admin: 200, local: 200, all: 200},
		{path: "/simulator/inbox", public: 404, admin: 501, local: 404, all: 200},
		{path: "/healthz", public: 200, admin: 200, local: 200, all: 200},
		{path: "/" + DevPool + "/.well-known/jwks.json", public: 200, admin: 200, local: 404, all: 200},
		{path: "/api/v2/users", public: 404, admin: 401, local: 404, all: 401},
	} {
		for door, want := range map[Door]int{PublicDoor: c.public, AdminDoor: c.admin, LocalDoor: c.local, AllDoors: c.all} {
			srv := s.httpServer(Binding{Door: door})
			r := httptest.NewRequest("GET", base+c.path, nil)
			if srv.ConnContext != nil {
				r = r.WithContext(srv.ConnContext(r.Context(), nil))
			}
			w := httptest.NewRecorder()
			srv.Handler.ServeHTTP(w, r)
			if w.Code != want {
				t.Errorf("door %d, %s: %d %s, want %d", door, c.path, w.Code, w.Body, want)
			}
		}
	}
	public := s.door(PublicDoor)
	if code, body := callCognito(public, "AdminGetUser", `{}`); code != 403 || !strings.Contains(body, "loopback") {
		t.Errorf("a signed operation for end users: %d %s", code, body)
	}
	if code, body := callCognito(public, "SignUp", signUp); code != 200 {
		t.Errorf("sign-up for end users: %d %s", code, body)
	}
}

// TestServeShowsNoCode: there is no simulator in serve mode, and a message without a sender fails honestly.
func TestServeShowsNoCode(t *testing.T) {
	s, err := New(context.Background(), Config{BaseURLs: []string{base}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.parts.inbox != nil || s.surfaces["simulator"] != nil || s.Inbox(context.Background(), "", "") != nil {
		t.Error("there is a simulator in serve mode")
	}
	if err := s.Reset(context.Background()); err == nil {
		t.Error("serve mode can be reset")
	}
	if code, _ := ask(s.Handler(), "POST", base+"/simulator/reset", ""); code != 501 {
		t.Errorf("reset over HTTP: %d", code)
	}
	for _, door := range []Door{AllDoors, PublicDoor, AdminDoor} {
		if code, body := ask(s.door(door), "GET", base+"/", ""); code != 404 || strings.Contains(body, "hint") {
			t.Errorf("the root: %d %s", code, body)
		}
	}
}

// TestConsoleLines: in dev mode, a refusal says what, why and what to do.
func TestConsoleLines(t *testing.T) {
	var got []Failure
	s := devServer(t, func(c *Config) { c.Failed = func(f Failure) { got = append(got, f) } })
	callCognito(s.Handler(), "ConfirmSignUp", `{"ClientId":"countersigndevclient","Username":"+12025550123","ConfirmationCode":"123456"}`)
	ask(s.Handler(), "GET", "http://evil.example/", "")
	const form, token = "application/x-www-form-urlencoded", base + "/oauth/token"
	for _, c := range []struct{ method, url, body, want string }{
		{"POST", token, "grant_type=password&client_id=" + DevClient + "&username=nobody&password=Wr0ng-Password!", "invalid_grant: Wrong email or password."},
		{"POST", token, "grant_type=client_credentials&client_id=countersign-dev&client_secret=x", "access_denied: Unauthorized"},
		{"GET", base + "/api/v2/hooks", "", "Unauthorized: Missing authentication"},
		{"GET", base + "/api/v2/nothing", "", "Not Found: Not Found"},
		{"GET", base + "/mfa/authenticators", "", "unauthorized: The request needs the header Authorization: Bearer "},
		{"POST", base + "/passwordless/start", "client_id=" + DevClient + "&connection=sms&phone_number=20255501239", "bad.phone_number: "},
	} {
		n := len(got)
		r := httptest.NewRequest(c.method, c.url, strings.NewReader(c.body))
		r.Header.Set("Content-Type", form)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if len(got) != n+1 {
			t.Fatalf("%s: %+v", c.want, got)
		}
		f := got[n]
		got = got[:n]
		if line := f.Error + ": " + f.Message; !strings.HasPrefix(line, c.want) || strings.Contains(line, "20255501239") {
			t.Errorf("the line is %q, want %s", line, c.want)
		}
		if len(w.Header()["X-Countersign-Refused"]) != 0 {
			t.Errorf("%s: the answer has %v", c.want, w.Header())
		}
	}
	if len(got) != 2 || got[0].Request != "ConfirmSignUp" || got[0].Error == "" || got[0].Message == "" || got[1].Status != 421 || got[1].Hint == "" {
		t.Errorf("%+v", got)
	}
}

// TestMetricsHaveNoUsers: labels are of bounded sets.
func TestMetricsHaveNoUsers(t *testing.T) {
	s := devServer(t)
	h := s.Handler()
	callCognito(h, "SignUp", signUp)
	ask(h, "GET", base+"/whatever/+12025550123", "")
	_, body := ask(h, "GET", base+"/metrics", "")
	for _, want := range []string{`countersign_http_requests_total{status="200",surface="cognito"} 1`, `surface="none"`, "countersign_build_info", "go_goroutines"} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is not in the metrics", want)
		}
	}
	if strings.Contains(body, "2025550123") || strings.Contains(body, DevPool) {
		t.Error("a label names a user or a pool")
	}
}
