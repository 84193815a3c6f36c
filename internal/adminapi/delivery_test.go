package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign/internal/access"
	"countersign/internal/canary"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/gateway/account"
	"countersign/internal/optout"
	"countersign/internal/route"
	"countersign/internal/routehealth"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/provider"
)

const hush = "hush-hush-0417"

// world is what lies behind the API: services, and what was asked of them.
type world struct {
	trials   []Trial
	settings MessageSettings
	imported string
	doors    map[string]string // by pool and account
}

// fakeService is an account of the kind fake. Its token is right if it is hush.
type fakeService struct{ a account.Account }

func (f fakeService) Name() string { return "fake" }

func (f fakeService) Send(context.Context, provider.Message) (provider.Receipt, error) {
	return provider.Receipt{}, errors.New("not asked")
}

func (f fakeService) Check(context.Context) (string, error) {
	if f.a.Secrets["token"].Reveal() == hush {
		return "The account is fine.", nil
	}
	return "", provider.Fail(provider.AuthFailed, 0, &provider.VendorError{Provider: "fake", VendorCode: "401", Text: "No such token"})
}

func fakeSpec() account.Spec {
	return account.Spec{
		Kind: "fake", Title: "Fake", Channels: []provider.Channel{provider.SMS}, Receipts: "none",
		Fields: []account.Field{{Name: "region", Help: "Where.", Values: []string{"eu", "us"}}, {Name: "token", Help: "The token.", Secret: true},
			{Name: "credentials", Help: "Whose.", Values: []string{"keys", "chain"}}},
		New: func(a account.Account, _ account.Deps) (provider.Provider, error) { return fakeService{a}, nil },
	}
}

// URL, Rotate and Import make the world the Receipts of the API.
func (w *world) URL(_ context.Context, poolID, name, kind string) (string, error) {
	if poolID == "" && name != "house" {
		return "", nil
	}
	return "https://id.example.com/receipts/" + kind + "/" + w.doors[poolID+"/"+name], nil
}

func (w *world) Rotate(ctx context.Context, poolID, name string, overlap time.Duration) (string, error) {
	w.doors[poolID+"/"+name] += "new-" + overlap.String()
	return w.URL(ctx, poolID, name, "fake")
}

func (w *world) Import(_ context.Context, _, _ string, csv []byte) (int, error) {
	w.imported = string(csv)
	return 2, nil
}

// delivery makes real services over the store, with the account house from the configuration file.
func (x *harness) delivery() *Delivery {
	x.t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	w := &world{doors: map[string]string{}}
	x.world = w
	d := &Delivery{
		Kinds: []account.Spec{fakeSpec()}, Receipts: w,
		Health:   routehealth.New(routehealth.Config{Store: x.store, Log: x.events, Logger: quiet}),
		OptOuts:  optout.New(optout.Config{Store: x.store, Log: x.events, Logger: quiet}),
		Canaries: canary.New(canary.Config{Store: x.store, Keys: x.ring, Log: x.events, Logger: quiet}),
		Try: func(_ context.Context, t Trial) (string, error) {
			w.trials = append(w.trials, t)
			return "", fault.New(fault.Overloaded)
		},
		Preview: func(_ context.Context, in PreviewInput) (Preview, error) {
			return Preview{Text: in.PoolID + in.Text, Encoding: "GSM-7", Segments: 1}, nil
		},
		MessageSettings: func(context.Context, string) (*MessageSettings, error) { return &w.settings, nil },
		PutMessageSettings: func(_ context.Context, _ string, m MessageSettings) (*MessageSettings, error) {
			w.settings = m
			return &m, nil
		},
	}
	var err error
	d.Routes, err = route.New(route.Config{
		Store: x.store, Keys: x.ring, Log: x.events, Logger: quiet, Specs: d.Kinds, Health: d.Health, OptOuts: d.OptOuts,
		Deps: func(string, route.AccountConfig) account.Deps { return account.Deps{} },
		Static: &route.Static{Accounts: []route.StaticAccount{{
			AccountConfig: route.AccountConfig{Name: "house", Kind: "fake"}, Secrets: map[string]secret.String{"token": secret.New(hush)},
		}}},
	})
	if err != nil {
		x.t.Fatal(err)
	}
	return d
}

// preset lets a caller of that name in, with the preset's grants on the pool.
func (x *harness) preset(name string) {
	x.t.Helper()
	grants, err := access.Preset(name, []string{pool}, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	x.who[name] = access.Principal{ID: "key-of-" + name, Kind: access.AWS, Grants: grants}
}

// want calls the API and demands a status; it returns the answer.
func (x *harness) want(status int, who, method, path, body string) string {
	x.t.Helper()
	w := x.do(who, method, path, body, nil)
	if w.Code != status {
		x.t.Errorf("%s %s %s %s: %d %s, want %d", who, method, path, body, w.Code, w.Body, status)
	}
	return w.Body.String()
}

// TestPresetsOfDelivery: auditors read and change nothing, deployers set up and see no messages, applications and senders have no business here; and a
// grant on one pool is none on another.
func TestPresetsOfDelivery(t *testing.T) {
	x := start(t)
	for _, p := range []string{"auditor", "deployer", "app-backend", "sender"} {
		x.preset(p)
	}
	x.want(200, "owner", "PUT", "/accounts/main?pool="+pool, `{"kind":"fake","secrets":{"token":"`+hush+`"}}`)
	for _, tt := range []struct {
		method, path, body string
		read               bool // what auditors may
		deployer           bool
	}{
		{"GET", "/account-kinds?", "", true, true}, {"GET", "/accounts?", "", true, true}, {"GET", "/accounts/main?", "", true, true},
		{"PUT", "/accounts/two?", `{"kind":"fake"}`, false, true}, {"DELETE", "/accounts/two?", "", false, true}, {"POST", "/accounts/main/check?", "", false, true},
		{"GET", "/accounts/main/receipt-url?", "", false, true}, {"POST", "/accounts/main/receipt-url?", "{}", false, true},
		{"GET", "/route-plan?", "", true, true}, {"PUT", "/route-plan?", `{"rules":[{"name":"all","use":[{"account":"main"}]}]}`, false, true},
		{"DELETE", "/route-plan?", "", false, true}, {"GET", "/route-plan/explain?to=%2B12025550123&", "", true, true}, {"GET", "/route-health?", "", true, true},
		{"GET", "/rates?", "", true, true}, {"PUT", "/rates?", `{"csv":"account,country,channel,price,currency,from\n"}`, false, true},
		{"POST", "/rates/settle?", `{"account":"main","csv":""}`, false, true}, {"GET", "/costs?", "", true, false}, {"GET", "/messages?", "", true, false},
		{"GET", "/messages/none?", "", true, false}, {"POST", "/messages?", `{"to":"+12025550123"}`, false, true},
		{"POST", "/messages/preview?", "{}", true, true}, {"GET", "/opt-outs?", "", true, true}, {"POST", "/opt-outs?", `{"number":"+12025550123"}`, false, true},
		{"DELETE", "/opt-outs?number=%2B12025550123&", "", false, true}, {"GET", "/canaries?", "", true, true},
		{"PUT", "/canaries/c?", `{"to":"+12025550123"}`, false, true}, {"DELETE", "/canaries/c?", "", false, true},
		{"GET", "/message-settings?", "", false, true}, {"PUT", "/message-settings?", `{"texts":{},"test_numbers":[]}`, false, true},
	} {
		for who, may := range map[string]bool{"auditor": tt.read, "app-backend": false, "sender": false, "nobody": false} {
			if w := x.do(who, tt.method, tt.path+"pool="+pool, tt.body, nil); (w.Code == 403) == may || w.Code == 401 {
				t.Errorf("%s %s %s: %d %s", who, tt.method, tt.path, w.Code, w.Body)
			}
		}
		if w := x.do("deployer", tt.method, tt.path+"pool="+pool, tt.body, nil); (w.Code == 403) == tt.deployer || w.Code == 422 {
			t.Errorf("deployer %s %s: %d %s", tt.method, tt.path, w.Code, w.Body)
		}
		for _, who := range []string{"auditor", "deployer"} {
			x.want(403, who, tt.method, tt.path+"pool=us-local-1_b", tt.body)
		}
		if tt.path != "/account-kinds?" {
			x.want(404, "owner", tt.method, tt.path+"pool=us-local-1_b", tt.body)
		}
	}
}

// TestSecretsOfAccountsStayIn: what went in as a secret comes back by no answer, event or line of the log, and a change says whose it was.
func TestSecretsOfAccountsStayIn(t *testing.T) {
	x := start(t)
	x.preset("deployer")
	q := "?pool=" + pool
	all := x.want(200, "deployer", "PUT", "/accounts/main"+q, `{"kind":"fake","settings":{"region":"eu"},"secrets":{"token":"`+hush+`"},"trust_unsigned":true}`)
	if !strings.Contains(all, `"secrets_set":["token"]`) || !strings.Contains(all, `"trust_unsigned":true`) {
		t.Error(all)
	}
	all += x.want(200, "deployer", "PUT", "/accounts/main"+q, `{"kind":"fake","version":1}`) + x.want(200, "owner", "GET", "/accounts/main"+q, "") +
		x.want(200, "owner", "GET", "/accounts"+q, "") + x.want(200, "owner", "GET", "/events?reveal=true&pool="+pool, "") + x.log.String()
	if said := x.want(200, "deployer", "POST", "/accounts/main/check"+q, ""); !strings.Contains(said, "The account is fine.") {
		t.Errorf("the secret did not survive a change without it: %s", said)
	}
	if strings.Contains(all, hush) || strings.Count(all, `"by":"key-of-deployer"`) != 2 {
		t.Error(all)
	}
	x.want(200, "deployer", "PUT", "/accounts/main"+q, `{"kind":"fake","version":2,"secrets":{"token":""}}`)
	var p Problem
	if w := x.do("deployer", "POST", "/accounts/main/check"+q, "", &p); w.Code < 400 || p.Detail != "fake: auth_failed (code 401): No such token" ||
		!strings.Contains(p.Hint, "countersign provider check main") {
		t.Errorf("%d %+v", w.Code, p)
	}
}

// TestVersionsOfDelivery: nobody overwrites what they have not read.
func TestVersionsOfDelivery(t *testing.T) {
	x := start(t)
	q := "?pool=" + pool
	const card = "account,country,channel,price,currency,from\\nmain,*,sms,0.01,USD,2026-01-01\\n"
	plan := func(version string) string {
		return `{"rules":[{"name":"all","use":[{"account":"main"}]}],"version":` + version + `}`
	}
	for _, tt := range []struct {
		path   string
		body   func(version string) string
		absent int // the status of a change of what is not there
	}{
		{"/accounts/main", func(v string) string { return `{"kind":"fake","version":` + v + `}` }, 404}, {"/route-plan", plan, 404},
		{"/rates", func(v string) string { return `{"csv":"` + card + `","version":` + v + `}` }, 409},
	} {
		x.want(tt.absent, "owner", "PUT", tt.path+q, tt.body("7"))
		x.want(200, "owner", "PUT", tt.path+q, tt.body("0"))
		var got, again struct{ Version int64 }
		x.do("owner", "GET", tt.path+q, "", &got)
		for _, stale := range []string{"0", "7"} {
			var p Problem
			if w := x.do("owner", "PUT", tt.path+q, tt.body(stale), &p); w.Code != 409 || p.Detail == "" || p.Hint == "" || p.Detail == http.StatusText(http.StatusConflict) {
				t.Errorf("%s version %s: %d %+v", tt.path, stale, w.Code, p)
			}
		}
		version, _ := json.Marshal(got.Version)
		if w := x.do("owner", "PUT", tt.path+q, tt.body(string(version)), &again); w.Code != 200 || again.Version != got.Version+1 {
			t.Errorf("%s: %d, version %d after %d", tt.path, w.Code, again.Version, got.Version)
		}
	}
}

// TestWrongFieldsOfDelivery: whatever is refused is named, with what to do about it.
func TestWrongFieldsOfDelivery(t *testing.T) {
	x := start(t)
	x.want(200, "owner", "PUT", "/accounts/main?pool="+pool, `{"kind":"fake"}`)
	rule := func(s string) string { return `{"rules":[{"name":"all","use":[{"account":"main"}]` + s + `}]}` }
	for _, tt := range []struct{ field, method, path, body string }{
		{"name", "PUT", "/accounts/Not%20a%20name?", `{"kind":"fake"}`}, {"kind", "PUT", "/accounts/x?", `{"kind":"pigeon"}`},
		{"settings.colour", "PUT", "/accounts/x?", `{"kind":"fake","settings":{"colour":"red"}}`},
		{"settings.region", "PUT", "/accounts/x?", `{"kind":"fake","settings":{"region":"mars"}}`},
		{"settings.token", "PUT", "/accounts/x?", `{"kind":"fake","settings":{"token":"` + hush + `"}}`},
		{"secrets.region", "PUT", "/accounts/x?", `{"kind":"fake","secrets":{"region":"` + hush + `"}}`},
		{"channels[0]", "PUT", "/accounts/x?", `{"kind":"fake","channels":["email"]}`}, {"from", "PUT", "/accounts/x?", `{"kind":"fake","from":"a\nb"}`},
		{"senders", "PUT", "/accounts/x?", `{"kind":"fake","senders":{"Germany":"x"}}`},
		{"country_per_second", "PUT", "/accounts/x?", `{"kind":"fake","country_per_second":{"Germany":1}}`},
		{"max_in_flight", "PUT", "/accounts/x?", `{"kind":"fake","max_in_flight":10000000}`},
		{"rules", "PUT", "/route-plan?", `{"rules":[]}`}, {"rules[0].name", "PUT", "/route-plan?", `{"rules":[{"name":"","use":[{"account":"main"}]}]}`},
		{"rules[0].use", "PUT", "/route-plan?", `{"rules":[{"name":"a","use":[]}]}`},
		{"rules[0].use[0].account", "PUT", "/route-plan?", `{"rules":[{"name":"a","use":[{"account":"none"}]}]}`},
		{"rules[0].countries[0]", "PUT", "/route-plan?", rule(`,"countries":["Germany"]`)},
		{"rules[0].prefixes[0]", "PUT", "/route-plan?", rule(`,"prefixes":["49"]`)},
		{"rules[0].purposes[1]", "PUT", "/route-plan?", rule(`,"purposes":["sign_in","fun"]`)},
		{"voice.use", "PUT", "/route-plan?", `{"rules":[{"name":"a","use":[{"account":"main"}]}],"voice":{"fallback":true}}`},
		{"to", "GET", "/route-plan/explain?to=12&", ""}, {"csv", "PUT", "/rates?", `{"csv":"colour\nred\n"}`},
		{"by", "GET", "/costs?by=colour&", ""}, {"from", "GET", "/costs?from=2020-01-01T00:00:00Z&", ""}, {"to", "POST", "/messages?", `{"to":"12"}`},
		{"number", "GET", "/opt-outs?number=12&", ""}, {"number", "POST", "/opt-outs?", `{"number":"12"}`}, {"number", "DELETE", "/opt-outs?number=12&", ""},
		{"to", "PUT", "/canaries/c?", `{"to":"12"}`}, {"to", "PUT", "/canaries/c?", `{}`}, {"every_seconds", "PUT", "/canaries/c?", `{"to":"+12025550123","every_seconds":1}`},
		{"within_seconds", "PUT", "/canaries/c?", `{"to":"+12025550123","within_seconds":1}`}, {"name", "PUT", "/canaries/Not%20a%20name?", `{"to":"+12025550123"}`},
	} {
		var p Problem
		w := x.do("owner", tt.method, tt.path+"pool="+pool, tt.body, &p)
		if w.Code != 400 || p.Field != tt.field || !strings.HasPrefix(p.Detail, tt.field) || strings.Contains(w.Body.String(), hush) {
			t.Errorf("%s %s %s: %d %s", tt.method, tt.path, tt.body, w.Code, w.Body)
		}
		if strings.HasPrefix(tt.path, "/accounts") && !strings.Contains(p.Hint, "countersign provider kinds") {
			t.Errorf("%s: hint %q", tt.body, p.Hint)
		}
	}
	// What has no field in the schema, or stands outside of its bounds, is named by its place.
	for place, call := range map[string]string{
		"body.colour": `PUT /accounts/x? {"kind":"fake","colour":"red"}`, "body.per_second": `PUT /accounts/x? {"kind":"fake","per_second":-1}`,
		"body.rules[0].uses": `PUT /route-plan? {"rules":[{"name":"a","use":[],"uses":[]}]}`, "query.limit": "GET /opt-outs?limit=0& ",
		"body.overlap_hours": `POST /accounts/main/receipt-url? {"overlap_hours":721}`, "query.purpose": "GET /route-plan/explain?to=%2B12025550123&purpose=fun& ",
	} {
		part := strings.SplitN(call, " ", 3)
		if got := x.want(422, "owner", part[0], part[1]+"pool="+pool, part[2]); !strings.Contains(got, `"`+place+`"`) {
			t.Errorf("%s: %s", call, got)
		}
	}
}

// TestWhatIsNotThere: each absence says what is absent and where to look.
func TestWhatIsNotThere(t *testing.T) {
	x := start(t)
	for call, words := range map[string]string{
		"GET /accounts/none": `There is no account \"none\".`, "DELETE /accounts/none": `There is no account \"none\".`,
		"POST /accounts/none/check": `There is no account \"none\".`, "GET /accounts/none/receipt-url": `There is no account \"none\".`,
		"DELETE /route-plan": "no plan of its own", "DELETE /canaries/none": `There is no canary \"none\".`, "GET /messages/none": "There is no such message.",
		"DELETE /opt-outs?number=%2B12025550123": "has not opted out",
	} {
		method, path, _ := strings.Cut(call, " ")
		if got := x.want(404, "owner", method, path, ""); !strings.Contains(got, words) {
			t.Errorf("%s: %s", call, got)
		}
	}
	x.want(404, "owner", "POST", "/messages", `{"to":"+12025550123","account":"none"}`)
	x.want(404, "owner", "POST", "/rates/settle", `{"account":"none","csv":""}`)
	x.want(404, "owner", "PUT", "/canaries/c", `{"to":"+12025550123","account":"none"}`)
	if len(x.world.trials) != 0 || x.world.imported != "" {
		t.Errorf("something was done all the same: %+v", x.world)
	}
}

// TestAccountsOfTheFile: they are shown and used like others, changed in their file alone, and their URL is for those who may change all pools.
func TestAccountsOfTheFile(t *testing.T) {
	x := start(t)
	x.preset("deployer")
	q := "?pool=" + pool
	if got := x.want(200, "deployer", "GET", "/accounts/house"+q, ""); !strings.Contains(got, `"static":true`) || strings.Contains(got, hush) {
		t.Error(got)
	}
	if got := x.want(200, "deployer", "GET", "/accounts"+q, ""); !strings.Contains(got, `"house"`) {
		t.Error(got)
	}
	x.want(200, "deployer", "POST", "/accounts/house/check"+q, "")
	if got := x.want(400, "owner", "DELETE", "/accounts/house"+q, ""); !strings.Contains(got, "sender.file") {
		t.Error(got)
	}
	for _, method := range []string{"GET", "POST"} {
		body := ""
		if method == "POST" {
			body = `{"overlap_hours":1}`
		}
		x.want(403, "deployer", method, "/accounts/house/receipt-url"+q, body)
		if got := x.want(200, "owner", method, "/accounts/house/receipt-url"+q, body); !strings.Contains(got, "https://id.example.com/receipts/fake/") {
			t.Error(got)
		}
	}
	if x.world.doors["/house"] != "new-1h0m0s" || len(x.world.doors) != 1 {
		t.Errorf("doors: %v", x.world.doors)
	}
	if strings.Contains(x.log.String(), "receipts/fake") || strings.Count(x.log.String(), "receipt URL made anew") != 1 {
		t.Error(x.log.String())
	}
}

// message puts a message with two attempts and a receipt into the store.
func (x *harness) message() string {
	x.t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	m := &store.Message{
		ID: store.NewID(now), PoolID: pool, Lane: store.LaneSignIn, Channel: "sms", State: store.Queued, Mask: "+*******0123", Country: "US", TriggerSource: "Test",
		CreatedAt: now, UpdatedAt: now, NextAt: now, ExpiresAt: now.Add(time.Minute),
	}
	ctx := context.Background()
	x.write(func(tx store.Tx) error {
		if err := tx.Outbox().Enqueue(ctx, m); err != nil {
			return err
		}
		for i, a := range []store.DeliveryAttempt{
			{Account: "main", Outcome: "misconfigured", Reason: "auth_failed", VendorCode: "401", Text: "No such token"},
			{Account: "spare", Outcome: "sent", ProviderID: "p-1", Cost: 7900, Currency: "USD"},
		} {
			a.ID, a.MessageID, a.N, a.Provider, a.StartedAt, a.EndedAt = store.NewID(now.Add(time.Duration(i)*time.Millisecond)), m.ID, 1, "fake", now, now
			if err := tx.Outbox().AddAttempt(ctx, &a); err != nil {
				return err
			}
		}
		return nil
	})
	return m.ID
}

// TestTimeline: whoever reads one pool's messages sees the timeline of its messages and of no other's, with advice.
func TestTimeline(t *testing.T) {
	x := start(t)
	x.preset("auditor")
	id := x.message()
	var m Message
	if w := x.do("auditor", "GET", "/messages/"+id+"?pool="+pool, "", &m); w.Code != 200 || len(m.Timeline) != 2 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if a := m.Timeline[0]; a.Account != "main" || !strings.Contains(a.Advice, "countersign provider check main") || a.VendorCode != "401" {
		t.Errorf("%+v", a)
	}
	if a := m.Timeline[1]; a.Advice != "" || a.Cost != "0.0079" || a.Currency != "USD" || a.ProviderID != "p-1" {
		t.Errorf("%+v", a)
	}
	x.want(403, "auditor", "GET", "/messages/"+id, "")
	x.want(404, "owner", "GET", "/messages/"+id+"?pool=us-local-1_b", "")
	x.want(200, "owner", "GET", "/messages/"+id, "")
}

// What this server withheld is not the service's fault, and the advice says what to do here.
func TestWithheldAdvice(t *testing.T) {
	for code, want := range map[string]string{
		"destination_not_verified": "sandbox add", "registration_expired": "registration check", "no_origination_identity": "origination list",
	} {
		if got := adviceOn(provider.Withheld, code, ""); !strings.Contains(got, want) || strings.Contains(got, "service") {
			t.Errorf("%s: %s", code, got)
		}
	}
	if adviceOn(provider.OptedOut, "21610", "main") != adviceFor(provider.OptedOut, "main") {
		t.Error("what a service says has advice of its own")
	}
}

// TestTrials: a test message says what was asked for, who asked is written down, and neither number nor text is.
func TestTrials(t *testing.T) {
	x := start(t)
	x.want(200, "owner", "PUT", "/accounts/main", `{"kind":"fake"}`)
	x.want(503, "owner", "POST", "/messages", `{"to":"+12025550123","account":"main","voice":true,"text":"`+hush+`"}`)
	x.want(503, "owner", "POST", "/messages", `{"to":"+12025550123"}`)
	if len(x.world.trials) != 2 || x.world.trials[0] != (Trial{PoolID: pool, To: x.world.trials[0].To, Account: "main", Voice: true, Text: hush}) ||
		x.world.trials[1].Text == "" || x.world.trials[0].To.String() != "+12025550123" {
		t.Errorf("%+v", x.world.trials)
	}
	if text := x.log.String(); strings.Count(text, "test message") != 2 || strings.Contains(text, "12025550123") || strings.Contains(text, hush) {
		t.Error(text)
	}
}

// TestNumbersAreNotGivenBack: opt-outs and canaries show masks.
func TestNumbersAreNotGivenBack(t *testing.T) {
	x := start(t)
	x.want(204, "owner", "POST", "/opt-outs", `{"number":"+12025550123"}`)
	x.want(204, "owner", "PUT", "/canaries/c", `{"to":"+12025550144"}`)
	x.want(204, "owner", "PUT", "/canaries/c", `{"every_seconds":7200}`)
	all := x.want(200, "owner", "GET", "/opt-outs?number=%2B12025550123", "") + x.want(200, "owner", "GET", "/canaries", "") + x.log.String()
	if !strings.Contains(all, "0123") || !strings.Contains(all, "0144") || !strings.Contains(all, `"every_seconds":7200`) || strings.Contains(all, "2025550") {
		t.Error(all)
	}
	var page struct{ Events []Event }
	x.do("owner", "GET", "/events?type="+string(eventlog.OptedOut)+"&pool="+pool, "", &page)
	if len(page.Events) != 1 || strings.Contains(string(page.Events[0].Data), "2025550") {
		t.Errorf("%+v", page.Events)
	}
	x.want(204, "owner", "DELETE", "/opt-outs?number=%2B12025550123", "")
	if got := x.want(200, "owner", "GET", "/opt-outs", ""); !strings.Contains(got, `"opt_outs":[]`) {
		t.Error(got)
	}
}

// TestMessageSettingsAreListed: empty lists are lists, and who changed the fixed codes of test numbers is written down without them.
func TestMessageSettingsAreListed(t *testing.T) {
	x := start(t)
	if got := x.want(200, "owner", "GET", "/message-settings", ""); !strings.Contains(got, `"test_numbers":[]`) {
		t.Error(got)
	}
	x.want(200, "owner", "PUT", "/message-settings",
		`{"texts":{"transliterate":true},"test_numbers":[{"number":"+12025550123","code":"424242","until":"2026-12-31T00:00:00Z","since":"2026-11-21T00:00:00Z"}]}`)
	if text := x.log.String(); !strings.Contains(text, "message settings replaced") || strings.Contains(text, "424242") || strings.Contains(text, "2025550") {
		t.Error(text)
	}
}

// TestLentCredentials: whoever sets up one pool does not send with the credentials of the server's own environment.
func TestLentCredentials(t *testing.T) {
	x := start(t)
	x.preset("deployer")
	const path, chain = "/accounts/aws?pool=" + pool, `{"kind":"fake","settings":{"credentials":"chain"}%s}`
	x.want(http.StatusForbidden, "deployer", "PUT", path, fmt.Sprintf(chain, ""))
	x.want(http.StatusOK, "deployer", "PUT", path, `{"kind":"fake","settings":{"credentials":"keys"}}`)
	x.want(http.StatusForbidden, "deployer", "PUT", path, fmt.Sprintf(chain, `,"version":1`))
	x.want(http.StatusOK, "owner", "PUT", path, fmt.Sprintf(chain, `,"version":1`))
}
