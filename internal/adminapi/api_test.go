package adminapi

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/store/sqlstore"
	"countersign/internal/token"
)

const pool = "us-local-1_a"

// harness is the API over a real store. Callers name their grants in the header Who.
type harness struct {
	t      *testing.T
	h      http.Handler
	store  *sqlstore.Store
	ring   *keyring.Keyring
	events *eventlog.Log
	tokens *token.Keys
	log    bytes.Buffer
	who    map[string]access.Principal
	world  *world
	post   *post
}

func start(t *testing.T) *harness {
	t.Helper()
	ctx := context.Background()
	s, err := sqlstore.OpenSQLite(ctx, sqlstore.Ephemeral, sqlstore.Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	root := keyring.NewRoot()
	ring, err := keyring.Open(ctx, keyring.Database(s), keyring.Config{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.Create(ctx, pool); err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	tokens := token.New(token.Config{Store: token.Database(s), Vault: ring, Log: quiet, Algorithm: func(context.Context, string) (token.Alg, error) { return token.ES256, nil }})
	t.Cleanup(func() { tokens.Close() })
	x := &harness{t: t, store: s, ring: ring, tokens: tokens, events: eventlog.New(eventlog.Config{Keys: ring, Logger: quiet}), who: map[string]access.Principal{
		"owner":  {ID: "owner", Kind: access.Local, Grants: access.Everything()},
		"nobody": {ID: "nobody", Kind: access.AWS, Grants: []access.Grant{{Service: access.SNS, Actions: []string{"Publish"}, Pools: []string{"*"}}}},
		"auditor": {ID: "auditor", Kind: access.AWS, Grants: []access.Grant{
			{Service: access.Admin, Actions: []string{"events.read", "messages.read", "users.read"}, Pools: []string{pool}},
		}},
	}}
	d := x.delivery()
	x.h = Handler(Options{
		Delivery: d, Guards: x.guards(), Numbers: x.numbers(d), Configuration: &Configuration{},
		Authenticate: func(r *http.Request, _ []byte) (access.Principal, error) {
			p, ok := x.who[r.Header.Get("Who")]
			if !ok {
				return p, fault.New(fault.Unauthenticated)
			}
			return p, nil
		},
		Access: access.NewKeys(access.Config{Sealer: ring, Store: s}), Events: x.events, Keyring: ring, Store: s, Tokens: tokens, Root: root,
		Status: func() Status {
			return Status{Version: "test", Mode: "serve", Listeners: []string{}, BaseURLs: []string{}}
		}, Log: slog.New(slog.NewTextHandler(&x.log, nil)),
		Functions: oneFunction{}, Isolation: func(context.Context) Isolation {
			return Isolation{Level: "full", Missing: []string{}, Node: "20.1.0", Notes: []string{}}
		},
	})
	x.write(func(tx store.Tx) error {
		_, err := tx.Pools().InsertPool(ctx, &store.Pool{ID: pool, Name: "a", Config: json.RawMessage(`{}`), Wire: json.RawMessage(`{}`), CreatedAt: time.Now().UTC(), UpdatedAt: time.Now().UTC()})
		return err
	})
	return x
}

func (x *harness) write(f func(store.Tx) error) {
	x.t.Helper()
	if err := x.store.Write(context.Background(), f); err != nil {
		x.t.Fatal(err)
	}
}

// do calls the API and decodes the answer into out, which may be nil.
func (x *harness) do(who, method, path, body string, out any) *httptest.ResponseRecorder {
	x.t.Helper()
	r := httptest.NewRequest(method, Prefix+path, strings.NewReader(body))
	r.Header.Set("Who", who)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	x.h.ServeHTTP(w, r)
	if out != nil {
		if err := json.Unmarshal(w.Body.Bytes(), out); err != nil {
			x.t.Fatalf("%s %s: %d %s: %v", method, path, w.Code, w.Body, err)
		}
	}
	return w
}

// bodies are of operations that need one.
var bodies = map[string]string{
	"post /access-keys": `{"kind":"aws","name":"x","preset":"owner"}`, "put /accounts/{name}": `{"kind":"fake"}`, "put /route-plan": `{"rules":[]}`,
	"put /rates": `{"csv":""}`, "post /rates/settle": `{"account":"main","csv":""}`, "post /messages": `{"to":"+12025550123"}`,
	"post /opt-outs": `{"number":"+12025550123"}`, "put /message-settings": `{"texts":{},"test_numbers":[]}`, "put /guards": `{"policy":{}}`,
	"post /destination-numbers": `{"number":"+12025550123"}`, "post /destination-numbers/{id}/verify": `{"code":"123456"}`, "put /sms-account/sandbox": `{"enabled":true}`,
	"put /registrations/{name}": `{"country":"IN","kind":"dlt_entity"}`, "post /registrations/check": `{"country":"IN"}`,
	"put /registration-settings": `{"require":[]}`, "put /pool-config": `{"version":1}`,
}

// TestEveryOperationAsksWhoAndWhether walks the API's own description: none answers strangers, none answers callers
// without the grant.
func TestEveryOperationAsksWhoAndWhether(t *testing.T) {
	x := start(t)
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct{ Description string }
	}
	x.do("", "GET", "/openapi.json", "", &doc)
	if !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %q", doc.OpenAPI)
	}
	n := 0
	for path, methods := range doc.Paths {
		for method, op := range methods {
			n++
			if !strings.Contains(op.Description, "Needs the action") {
				t.Errorf("%s %s does not say what it needs", method, path)
			}
			url := strings.NewReplacer("{pool}", pool, "{user}", "u", "{id}", "0123456789", "{name}", "main").Replace(path)
			if path == "/route-plan/explain" || path == "/guards/explain" {
				url += "?to=%2B12025550123"
			} else if method == "delete" && path == "/guards/blocks" {
				url += "?key=c%3ADE"
			} else if method == "delete" && path == "/opt-outs" {
				url += "?number=%2B12025550123"
			}
			body := bodies[method+" "+path]
			if body == "" && method != "get" && method != "delete" {
				body = "{}"
			}
			if w := x.do("", strings.ToUpper(method), url, body, nil); w.Code != 401 || w.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s without credentials: %d %s", method, path, w.Code, w.Body)
			}
			if w := x.do("nobody", strings.ToUpper(method), url, body, nil); w.Code != 403 || !strings.Contains(w.Body.String(), "access_denied") {
				t.Errorf("%s %s without a grant: %d %s", method, path, w.Code, w.Body)
			}
		}
	}
	if n < 70 {
		t.Errorf("the description has only %d operations", n)
	}
}

func TestAccessKeys(t *testing.T) {
	x := start(t)
	var made CreatedAccessKey
	if w := x.do("owner", "POST", "/access-keys", `{"kind":"aws","name":"backend","preset":"app-backend","pools":["`+pool+`"]}`, &made); w.Code != 200 || len(made.Secret) < 32 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	list := x.do("owner", "GET", "/access-keys", "", nil)
	if !strings.Contains(list.Body.String(), made.ID) || strings.Contains(list.Body.String(), made.Secret) {
		t.Errorf("the list: %s", list.Body)
	}
	if w := x.do("owner", "DELETE", "/access-keys/"+made.ID, "", nil); w.Code != 204 {
		t.Errorf("revoke: %d %s", w.Code, w.Body)
	}
	if w := x.do("owner", "DELETE", "/access-keys/"+made.ID, "", nil); w.Code != 404 || !strings.Contains(w.Body.String(), "countersign keys list") {
		t.Errorf("revoke again: %d %s", w.Code, w.Body)
	}
	for name, body := range map[string]string{
		"both": `{"kind":"aws","name":"x","preset":"owner","grants":[{"service":"*","actions":["*"]}]}`, "neither": `{"kind":"aws","name":"x"}`,
		"preset": `{"kind":"aws","name":"x","preset":"root"}`, "service": `{"kind":"aws","name":"x","grants":[{"service":"ftp","actions":["*"]}]}`,
	} {
		if w := x.do("owner", "POST", "/access-keys", body, nil); w.Code != 400 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	for name, body := range map[string]string{"kind": `{"kind":"x","name":"x","preset":"owner"}`, "unknown member": `{"kind":"aws","name":"x","preset":"owner","secret":"mine"}`} {
		if w := x.do("owner", "POST", "/access-keys", body, nil); w.Code != 422 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// TestAudit: who makes and ends credentials, rotates keys and sees what is sealed is written down, without secrets and
// numbers.
func TestAudit(t *testing.T) {
	x := start(t)
	const number = "+12025550123"
	u := &store.User{PoolID: pool, ID: "0197a1b2-0000-7000-8000-000000000001", Username: "anna", Attributes: map[string]string{"phone_number": number}}
	x.write(func(tx store.Tx) error { return tx.Users().InsertUser(context.Background(), u) })
	var made CreatedAccessKey
	x.do("owner", "POST", "/access-keys", `{"kind":"aws","name":"backend","preset":"app-backend"}`, &made)
	x.do("owner", "DELETE", "/access-keys/"+made.ID, "", nil)
	x.do("owner", "POST", "/root-key/rotate", "", nil)
	x.do("owner", "POST", "/pools/"+pool+"/signing-keys/rotate", "", nil)
	x.do("owner", "GET", "/pools/"+pool+"/users/%2B12025550123/export", "", nil)
	x.do("owner", "GET", "/events?reveal=true&user=%2B12025550123&pool="+pool, "", nil)
	x.do("nobody", "GET", "/events?reveal=true&pool="+pool, "", nil)
	x.do("owner", "GET", "/events?pool="+pool, "", nil)
	text := x.log.String()
	for _, want := range []string{
		"credential created\" id=" + made.ID, "credential revoked\" id=" + made.ID, "root key rotated", "signing keys rotated\" pool=" + pool,
		"user exported\" pool=" + pool + " sub=" + u.ID, "personal data of events shown\" pool=" + pool,
	} {
		if strings.Count(text, want) != 1 {
			t.Errorf("%d lines say %s:\n%s", strings.Count(text, want), want, text)
		}
	}
	if strings.Count(text, "by=owner") != 6 || strings.Contains(text, made.Secret) || strings.Contains(text, number) {
		t.Errorf("the log:\n%s", text)
	}
}

// TestNobodyGivesMoreThanTheyHave: a key that may make keys makes no stronger ones.
func TestNobodyGivesMoreThanTheyHave(t *testing.T) {
	x := start(t)
	x.who["maker"] = access.Principal{ID: "maker", Kind: access.AWS, Grants: []access.Grant{{Service: access.Admin, Actions: []string{"access.write", "status.read"}, Pools: []string{"*"}}}}
	if w := x.do("maker", "POST", "/access-keys", `{"kind":"aws","name":"x","grants":[{"service":"admin","actions":["status.read"],"pools":["*"]}]}`, nil); w.Code != 200 {
		t.Errorf("what it has: %d %s", w.Code, w.Body)
	}
	for _, body := range []string{
		`{"kind":"aws","name":"x","preset":"owner"}`, `{"kind":"aws","name":"x","grants":[{"service":"admin","actions":["*"],"pools":["*"]}]}`,
		`{"kind":"aws","name":"x","grants":[{"service":"cognito-idp","actions":["AdminGetUser"],"pools":["` + pool + `"]}]}`,
	} {
		if w := x.do("maker", "POST", "/access-keys", body, nil); w.Code != 403 {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

// user makes a user with an event whose personal part is sealed under the user's key.
func (x *harness) user(id string) {
	x.t.Helper()
	ctx := context.Background()
	sealed, key, err := x.ring.NewDataKey(ctx, pool, id)
	if err != nil {
		x.t.Fatal(err)
	}
	ev, err := x.events.Prepare(ctx, eventlog.Entry{
		PoolID: pool, Type: eventlog.LoginSucceeded, UserID: id, Number: "+12025550123", Personal: map[string]any{"ip": "192.0.2.77"},
	}, key)
	if err != nil {
		x.t.Fatal(err)
	}
	x.write(func(tx store.Tx) error {
		now := time.Now().UTC()
		if err := tx.Users().InsertUser(ctx, &store.User{
			ID: id, PoolID: pool, Username: id, Status: store.Confirmed, Enabled: true, SealedDataKey: sealed,
			Attributes: map[string]string{"phone_number": "+12025550123"}, CreatedAt: now, UpdatedAt: now,
			Meta: &store.Meta{User: json.RawMessage(`{"hobby":"chess"}`), Language: "de"}, MFA: store.MFA{Recovery: "hash of a code"},
		}); err != nil {
			return err
		}
		return tx.Events().Append(ctx, ev)
	})
}

const sub = "01890a5d-ac96-774b-bcce-b302099a8057"

// TestReadingIsNotDecrypting: the log is readable with events.read, what is sealed in it is not.
func TestReadingIsNotDecrypting(t *testing.T) {
	x := start(t)
	x.user(sub)
	var page struct{ Events []Event }
	if w := x.do("auditor", "GET", "/events?pool="+pool, "", &page); w.Code != 200 || len(page.Events) != 1 || strings.Contains(w.Body.String(), "192.0.2.77") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := x.do("auditor", "GET", "/events?reveal=true&pool="+pool, "", nil); w.Code != 403 {
		t.Errorf("revealed to an auditor: %d %s", w.Code, w.Body)
	}
	if w := x.do("auditor", "GET", "/events?pool=us-local-1_b", "", nil); w.Code != 403 {
		t.Errorf("another pool: %d %s", w.Code, w.Body)
	}
	if w := x.do("auditor", "GET", "/pools/"+pool+"/users/"+sub+"/export", "", nil); w.Code != 403 {
		t.Errorf("exported to an auditor: %d %s", w.Code, w.Body)
	}
	if w := x.do("owner", "GET", "/events?reveal=true", "", nil); !strings.Contains(w.Body.String(), "192.0.2.77") {
		t.Errorf("not revealed to the owner: %s", w.Body)
	}
	for _, q := range []string{"number=%2B12025550123", "type=s", "user=" + sub} {
		if x.do("owner", "GET", "/events?"+q, "", &page); len(page.Events) != 1 {
			t.Errorf("%s found %d events", q, len(page.Events))
		}
	}
	if x.do("owner", "GET", "/events?number=%2B12025550199", "", &page); len(page.Events) != 0 {
		t.Errorf("another number found %d events", len(page.Events))
	}
}

// TestEventsOfTheDeployment: what belongs to no pool is read under a name of its own, by whoever may read all of them.
func TestEventsOfTheDeployment(t *testing.T) {
	x := start(t)
	x.user(sub)
	ev, err := x.events.Prepare(t.Context(), eventlog.Entry{Type: eventlog.FunctionFailed, Data: map[string]any{"function": "f"}, Personal: map[string]any{"log": "said"}}, secret.Key{})
	if err != nil {
		t.Fatal(err)
	}
	x.write(func(tx store.Tx) error { return tx.Events().Append(t.Context(), ev) })
	var page struct{ Events []Event }
	if w := x.do("owner", "GET", "/events?pool=deployment", "", &page); w.Code != 200 || len(page.Events) != 1 || page.Events[0].ID != ev.ID || strings.Contains(w.Body.String(), "said") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := x.do("owner", "GET", "/events?reveal=true&pool=deployment", "", nil); !strings.Contains(w.Body.String(), "said") {
		t.Errorf("not revealed to the owner: %d %s", w.Code, w.Body)
	}
	if w := x.do("auditor", "GET", "/events?pool=deployment", "", nil); w.Code != 403 {
		t.Errorf("to an auditor of one pool: %d %s", w.Code, w.Body)
	}
	if x.do("owner", "GET", "/events?pool="+pool, "", &page); len(page.Events) != 1 || page.Events[0].ID == ev.ID {
		t.Errorf("among the pool's: %+v", page.Events)
	}
}

// TestErasureGoesDark: the user is gone, what was sealed cannot be read any more, the counts remain.
func TestErasureGoesDark(t *testing.T) {
	x := start(t)
	x.user(sub)
	path := "/pools/" + pool + "/users/%2B12025550123"
	if w := x.do("owner", "GET", path+"/export", "", nil); w.Code != 200 || !strings.Contains(w.Body.String(), "192.0.2.77") ||
		!strings.Contains(w.Body.String(), `"user_metadata":{"hobby":"chess"}`) || strings.Contains(w.Body.String(), "hash of") {
		t.Fatalf("export: %d %s", w.Code, w.Body)
	}
	if w := x.do("owner", "POST", path+"/erase", "", nil); w.Code != 200 || !strings.Contains(w.Body.String(), sub) {
		t.Fatalf("erase: %d %s", w.Code, w.Body)
	}
	var page struct{ Events []Event }
	w := x.do("owner", "GET", "/events?reveal=true&user="+sub, "", &page)
	if len(page.Events) != 2 || page.Events[0].Type != "sdu" || !page.Events[1].Dark || strings.Contains(w.Body.String(), "192.0.2.77") {
		t.Errorf("%s", w.Body)
	}
	for _, method := range []string{"GET " + path + "/export", "POST " + path + "/erase"} {
		m, p, _ := strings.Cut(method, " ")
		if w := x.do("owner", m, p, "", nil); w.Code != 404 {
			t.Errorf("%s afterwards: %d", method, w.Code)
		}
	}
}

// TestErasureDoesNotGuess: two users with one address are told apart by their ids alone.
func TestErasureDoesNotGuess(t *testing.T) {
	x := start(t)
	x.user(sub)
	x.user("01890a5d-ac96-774b-bcce-b302099a8058")
	if w := x.do("owner", "POST", "/pools/"+pool+"/users/%2B12025550123/erase", "", nil); w.Code != 400 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestKeysOfTheServer(t *testing.T) {
	x := start(t)
	var root RootKey
	x.do("owner", "GET", "/root-key", "", &root)
	if root.Current != x.ring.Root() || root.Wrapped[root.Current] == 0 || len(root.Wrapped) != 1 {
		t.Errorf("%+v", root)
	}
	if w := x.do("owner", "POST", "/root-key/rotate", "", &root); w.Code != 200 {
		t.Errorf("rotate: %d %s", w.Code, w.Body)
	}
	if err := x.tokens.Prepare(context.Background(), pool); err != nil {
		t.Fatal(err)
	}
	var signing struct{ Keys []SigningKey }
	if x.do("owner", "GET", "/pools/"+pool+"/signing-keys", "", &signing); len(signing.Keys) != 2 {
		t.Errorf("%+v", signing)
	}
	if x.do("owner", "POST", "/pools/"+pool+"/signing-keys/rotate", "", &signing); len(signing.Keys) != 4 {
		t.Errorf("after a rotation: %+v", signing)
	}
	if w := x.do("owner", "GET", "/pools/us-local-1_none/signing-keys", "", nil); w.Code != 404 {
		t.Errorf("a pool that does not exist: %d %s", w.Code, w.Body)
	}
}

func TestBackupStreams(t *testing.T) {
	x := start(t)
	w := x.do("owner", "POST", "/backup", "", nil)
	if w.Code != 200 || w.Body.Len() < 500 {
		t.Fatalf("%d, %d bytes", w.Code, w.Body.Len())
	}
	target, err := sqlstore.OpenSQLite(context.Background(), sqlstore.Ephemeral, sqlstore.Options{Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if err := sqlstore.Restore(context.Background(), bytes.NewReader(w.Body.Bytes()), target); err != nil {
		t.Errorf("the backup cannot be restored: %v", err)
	}
}

func TestBounds(t *testing.T) {
	x := start(t)
	if w := x.do("owner", "POST", "/access-keys", strings.Repeat("x", maxBody+1), nil); w.Code != 400 {
		t.Errorf("a body beyond the bound: %d", w.Code)
	}
	for _, q := range []string{"/events?limit=1001", "/events?limit=0", "/messages?unknown=1", "/pools?after=" + strings.Repeat("x", 2000)} {
		if w := x.do("owner", "GET", q, "", nil); w.Code != 422 {
			t.Errorf("%s: %d %s", q, w.Code, w.Body)
		}
	}
	for q, last := range map[string]string{"/events?type=login&pool=" + pool: "cs_restored", "/messages?state=lost&pool=" + pool: "suppressed"} {
		var p Problem
		field, _, _ := strings.Cut(q[strings.IndexByte(q, '?')+1:], "=")
		if w := x.do("owner", "GET", q, "", &p); w.Code != 400 || !strings.HasPrefix(p.Detail, field+": ") || !strings.Contains(p.Hint, last) {
			t.Errorf("%s: %d %s", q, w.Code, w.Body)
		}
	}
	for _, q := range []string{"/events?type=s&pool=" + pool, "/messages?state=queued&pool=" + pool} {
		if w := x.do("owner", "GET", q, "", nil); w.Code != 200 {
			t.Errorf("%s: %d %s", q, w.Code, w.Body)
		}
	}
	var p Problem
	if w := x.do("owner", "GET", "/messages/none", "", &p); w.Code != 404 || p.Code != "resource_not_found" || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %+v %v", w.Code, p, w.Header())
	}
}
