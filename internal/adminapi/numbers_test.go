package adminapi

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"countersign/internal/access"
	"countersign/internal/delivery"
	"countersign/internal/origination"
	"countersign/internal/pumping"
	"countersign/internal/quota"
	"countersign/internal/registration"
	"countersign/internal/sandbox"
	"countersign/internal/screen"
	"countersign/internal/smsaccount"
	"countersign/internal/store"
)

// post is an outbox that remembers the last draft.
type post struct{ last delivery.Draft }

func (p *post) Prepare(_ context.Context, d delivery.Draft) (*store.Message, error) {
	p.last = d
	now := time.Now().UTC()
	return &store.Message{ID: store.NewID(now), PoolID: d.PoolID, Channel: "sms", State: store.Queued, CreatedAt: now, UpdatedAt: now, NextAt: now, ExpiresAt: now.Add(time.Hour)}, nil
}

func (p *post) Enqueue(ctx context.Context, tx store.Tx, m *store.Message) error {
	return tx.Outbox().Enqueue(ctx, m)
}

func (p *post) Wake(...*store.Message) {}

// numbers makes real services over the store, as dev has them.
func (x *harness) numbers(d *Delivery) *Numbers {
	quiet := slog.New(slog.DiscardHandler)
	x.post = &post{}
	n := &Numbers{
		Originations:  origination.New(origination.Config{Store: x.store, Log: x.events, Logger: quiet, Dev: true}),
		Registrations: registration.New(registration.Config{Store: x.store, Log: x.events, Logger: quiet}),
	}
	only := func(context.Context) (string, error) { return pool, nil }
	n.Sandbox = sandbox.New(sandbox.Config{Store: x.store, Keys: x.ring, Log: x.events, Deliver: x.post, Pool: only, Logger: quiet, Dev: true})
	n.Account = smsaccount.New(smsaccount.Config{
		Store: x.store, Keys: x.ring, Log: x.events, DefaultPool: only, Sandbox: n.Sandbox, Originations: n.Originations, OptOuts: d.OptOuts, Logger: quiet,
		Enqueue: func(context.Context, delivery.Draft) (string, error) { return "", nil },
	})
	return n
}

func (x *harness) guards() *Guards {
	quiet := slog.New(slog.DiscardHandler)
	hash := func(ctx context.Context, poolID string, parts ...string) (string, error) {
		h, err := x.ring.Lookup(ctx, poolID, parts...)
		return hex.EncodeToString(h), err
	}
	g := &Guards{Pumping: pumping.New(pumping.Config{Store: x.store, Log: x.events, Logger: quiet, Hash: hash})}
	g.Screen = screen.New(screen.Config{
		Store: x.store, Log: x.events, Logger: quiet, Quota: quota.New(quota.Config{Store: x.store, Logger: quiet}), Pumping: g.Pumping,
	})
	return g
}

// TestPresetsOfNumbersAndGuards: auditors read and change nothing, deployers set up, applications and senders have no business here; a grant on one pool is
// none on what belongs to all.
func TestPresetsOfNumbersAndGuards(t *testing.T) {
	x := start(t)
	for _, p := range []string{"auditor", "deployer", "app-backend", "sender"} {
		x.preset(p)
		grants, err := access.Preset(p, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		x.who["every "+p] = access.Principal{ID: "x", Kind: access.AWS, Grants: grants}
	}
	for _, tt := range []struct {
		method, path, body string
		shared, write      bool
	}{
		{"GET", "/guards", "", false, false}, {"GET", "/guards/report", "", false, false}, {"GET", "/guards/blocks", "", false, false},
		{"GET", "/guards/explain?to=%2B12025550123", "", false, false}, {"GET", "/registrations", "", false, false}, {"GET", "/registration-settings", "", false, false},
		{"GET", "/registrations?pool=deployment", "", true, false}, {"GET", "/originations", "", true, false}, {"GET", "/originations/countries", "", true, false},
		{"GET", "/destination-numbers", "", true, false}, {"GET", "/sms-account", "", true, false}, {"GET", "/origination-settings", "", true, false},
		{"POST", "/originations", `{"value":"+12025550177"}`, true, true}, {"POST", "/destination-numbers", `{"number":"+12025550123"}`, true, true},
		{"PUT", "/sms-account/sandbox", `{"enabled":true}`, true, true}, {"PUT", "/registrations/x?pool=deployment", `{"country":"IN","kind":"dlt_entity","entity_id":"1"}`, true, true},
		{"PUT", "/registrations/x", `{"country":"IN","kind":"dlt_entity","entity_id":"1001234567890123456"}`, false, true},
	} {
		path := tt.path
		if !tt.shared && !strings.Contains(path, "pool=") {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			path += sep + "pool=" + pool
		}
		for who, may := range map[string]bool{
			"auditor": !tt.write && !tt.shared, "every auditor": !tt.write, "deployer": !tt.shared, "every deployer": true,
			"app-backend": false, "every app-backend": false, "sender": false, "every sender": false,
		} {
			w := x.do(who, tt.method, path, tt.body, nil)
			if may == (w.Code == 403) {
				t.Errorf("%s %s %s: %d %s", who, tt.method, path, w.Code, w.Body)
			}
		}
	}
}

func TestOriginations(t *testing.T) {
	x := start(t)
	var i Origination
	if w := x.do("owner", "POST", "/originations", `{"value":"+12025550177","type":"toll_free","two_way":true,"protected":true}`, &i); w.Code != 200 || i.Country != "US" || i.Status != "active" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	x.want(200, "owner", "POST", "/originations", `{"kind":"sender_id","value":"Acme","country":"GB"}`)
	x.want(200, "owner", "POST", "/originations/request", `{"country":"US","type":"ten_dlc"}`)
	x.want(409, "owner", "POST", "/originations", `{"value":"+12025550177"}`)
	var p Problem
	if x.do("owner", "POST", "/originations", `{"value":"nonsense"}`, &p); p.Field != "country" {
		t.Errorf("%+v", p)
	}
	if w := x.do("owner", "POST", "/originations/request", `{"kind":"sender_id","value":"Acme","country":"US"}`, &p); w.Code/100 != 4 || p.Code != "origination_refused" || !strings.Contains(p.Hint, "country=US") {
		t.Errorf("a sender ID in a country that shows none: %d %+v", w.Code, p)
	}
	type page struct {
		Originations []Origination
		Next         string
	}
	var list page
	for q, want := range map[string]int{"": 3, "filter=country%3DUS": 2, "filter=kind%3Dsender_id": 1, "filter=simulated%3Dtrue": 1, "filter=value~555": 2, "limit=2&sort=-value": 2} {
		list = page{}
		if x.do("owner", "GET", "/originations?"+q, "", &list); len(list.Originations) != want {
			t.Errorf("%s: %+v", q, list)
		}
	}
	if x.do("owner", "GET", "/originations/Acme%2FGB", "", &i); i.Value != "Acme" {
		t.Errorf("by sender ID and country: %+v", i)
	}
	if w := x.do("owner", "DELETE", "/originations/+12025550177", "", &p); w.Code/100 != 4 || !strings.Contains(p.Hint, "unprotect") {
		t.Errorf("a protected one is released: %d %+v", w.Code, p)
	}
	i = Origination{}
	if x.do("owner", "PATCH", "/originations/+12025550177", `{"protected":false,"two_way":false}`, &i); i.Protected || i.TwoWay || i.Value != "+12025550177" {
		t.Errorf("%+v", i)
	}
	x.want(409, "owner", "PATCH", "/originations/+12025550177", `{"two_way":true,"version":1}`)
	x.want(200, "owner", "DELETE", "/originations/+12025550177", "")
	x.want(404, "owner", "GET", "/originations/+12025550177", "")
	var table struct{ Countries []OriginationCountry }
	if x.do("owner", "GET", "/originations/countries?filter=country%3DIN", "", &table); len(table.Countries) != 1 || table.Countries[0].Source == "" || table.Countries[0].Read == "" {
		t.Errorf("%+v", table)
	}
	var set OriginationSettings
	if x.do("owner", "PUT", "/origination-settings", `{"enforce":"all","countries":{"GB":{"identity_required":true}}}`, &set); set.Version == 0 || set.Enforce != "all" {
		t.Errorf("%+v", set)
	}
	x.want(409, "owner", "PUT", "/origination-settings", `{"enforce":"off"}`)
	x.want(400, "owner", "PUT", "/origination-settings", `{"enforce":"some"}`)
	if x.do("owner", "GET", "/originations/countries?filter=country%3DGB", "", &table); !table.Countries[0].Needed {
		t.Errorf("the correction does not show: %+v", table)
	}
	x.eventCount("deployment", "cs_origination_changed", 6)
}

// eventCount demands so many events of a type.
func (x *harness) eventCount(in, kind string, want int) {
	x.t.Helper()
	var page struct{ Events []Event }
	if x.do("owner", "GET", "/events?limit=1000&pool="+in+"&type="+kind, "", &page); len(page.Events) != want {
		x.t.Errorf("%d events %s, want %d", len(page.Events), kind, want)
	}
}

func TestRegistrations(t *testing.T) {
	x := start(t)
	x.want(200, "owner", "PUT", "/registrations/acme?pool=deployment", `{"country":"IN","kind":"dlt_entity","entity_id":"1001234567890123456","status":"approved"}`)
	var r Registration
	body := `{"country":"IN","kind":"dlt_template","template_id":"1007123456789012345","parent_id":"acme","text":"{{code}} is your Acme code.","sender":"ACMECO","status":"approved"}`
	if w := x.do("owner", "PUT", "/registrations/login?pool="+pool, body, &r); w.Code != 200 || r.Shared || r.Version != 1 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	x.want(409, "owner", "PUT", "/registrations/login?pool="+pool, body)
	var list struct{ Registrations []Registration }
	if x.do("owner", "GET", "/registrations?sort=name", "", &list); len(list.Registrations) != 2 || list.Registrations[0].Name != "acme" || !list.Registrations[0].Shared {
		t.Errorf("%+v", list)
	}
	if x.do("owner", "GET", "/registrations?filter=kind%3Ddlt_template,status%3Dapproved", "", &list); len(list.Registrations) != 1 {
		t.Errorf("%+v", list)
	}
	if x.do("owner", "GET", "/registrations?pool=deployment", "", &list); len(list.Registrations) != 1 {
		t.Errorf("%+v", list)
	}
	x.want(200, "owner", "GET", "/registrations/acme", "")
	var v RegistrationVerdict
	if x.do("owner", "POST", "/registrations/check", `{"country":"IN","sender":"ACMECO"}`, &v); !v.Chosen || v.EntityID != "1001234567890123456" || v.TemplateID == "" {
		t.Errorf("%+v", v)
	}
	if x.do("owner", "POST", "/registrations/check", `{"country":"IN","text":"Buy now"}`, &v); v.Blocker != "registration_text_mismatch" || v.Why == "" {
		t.Errorf("%+v", v)
	}
	if x.do("owner", "PUT", "/registrations/login", strings.Replace(body, `"approved"`, `"rejected","name":"sign in","version":1`, 1), &r); r.Version != 2 || r.Name != "sign in" || r.Status != "rejected" {
		t.Errorf("%+v", r)
	}
	if w := x.do("owner", "DELETE", "/registrations/acme?pool=deployment", "", nil); w.Code != 204 && w.Code != 400 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	x.want(204, "owner", "DELETE", "/registrations/sign%20in", "")
	x.want(404, "owner", "DELETE", "/registrations/sign%20in", "")
	var set RegistrationSettings
	if x.do("owner", "PUT", "/registration-settings", `{"require":["US","IN"]}`, &set); set.Version != 1 || len(set.Require) != 2 {
		t.Errorf("%+v", set)
	}
	x.want(400, "owner", "PUT", "/registration-settings", `{"require":["India"],"version":1}`)
	x.want(204, "owner", "DELETE", "/registration-settings", "")
	x.want(404, "owner", "DELETE", "/registration-settings", "")
	x.eventCount(pool, "cs_registration_changed", 5)
}

func TestDestinationNumbers(t *testing.T) {
	x := start(t)
	var a SMSAccount
	x.do("owner", "PUT", "/sms-account/sandbox", `{"enabled":true}`, &a)
	if x.do("owner", "GET", "/sms-account", "", &a); !a.Sandbox || a.PoolInForce != pool {
		t.Errorf("%+v", a)
	}
	var n DestinationNumber
	if w := x.do("owner", "POST", "/destination-numbers", `{"number":"+12025550123","language":"de-DE"}`, &n); w.Code != 200 || n.Status != "pending" || n.Codes != 1 || strings.Contains(w.Body.String(), "2025550") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	code := x.post.last.Code
	x.want(400, "owner", "POST", "/destination-numbers", `{"number":"2025550123"}`)
	x.want(200, "owner", "POST", "/destination-numbers/+12025550123/code", `{"language":"fr-FR"}`)
	var p Problem
	if x.do("owner", "POST", "/destination-numbers/"+n.ID+"/verify", `{"code":"`+wrongCode(code, x.post.last.Code)+`"}`, &p); p.Code != "code_mismatch" || p.Detail == "" {
		t.Errorf("a wrong code: %+v", p)
	}
	if x.do("owner", "POST", "/destination-numbers/"+n.ID+"/verify", `{"code":"`+code+`"}`, &n); n.Status != "verified" || n.VerifiedAt == nil {
		t.Errorf("%+v", n)
	}
	if x.do("owner", "POST", "/destination-numbers/"+n.ID+"/verify", `{"code":"`+code+`"}`, &p); p.Code != "verification_complete" {
		t.Errorf("again: %+v", p)
	}
	var list struct {
		Numbers []DestinationNumber `json:"destination_numbers"`
	}
	if w := x.do("owner", "GET", "/destination-numbers?filter=status%3Dverified", "", &list); len(list.Numbers) != 1 || strings.Contains(w.Body.String(), "2025550") {
		t.Errorf("%s", w.Body)
	}
	if x.do("owner", "GET", "/destination-numbers?reveal=true", "", &list); list.Numbers[0].Number != "+12025550123" {
		t.Errorf("not revealed: %+v", list)
	}
	grants, err := access.Preset("auditor", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	x.who["every auditor"] = access.Principal{ID: "x", Kind: access.AWS, Grants: grants}
	x.want(403, "every auditor", "GET", "/destination-numbers?reveal=true", "")
	x.want(403, "every auditor", "GET", "/destination-numbers/"+n.ID+"?reveal=true", "")
	x.want(200, "every auditor", "GET", "/destination-numbers/"+n.ID, "")
	x.want(204, "owner", "DELETE", "/destination-numbers/+12025550123", "")
	x.want(404, "owner", "DELETE", "/destination-numbers/+12025550123", "")
	if log := x.log.String(); strings.Contains(log, "2025550123") || strings.Contains(log, code) {
		t.Errorf("the log holds the number or code: %s", log)
	}
}

func wrongCode(not ...string) string {
	for _, c := range []string{"000000", "111111", "222222"} {
		if !strings.Contains(strings.Join(not, " "), c) {
			return c
		}
	}
	return "333333"
}

func TestSMSAccount(t *testing.T) {
	x := start(t)
	var a SMSAccount
	if w := x.do("owner", "PUT", "/sms-account", `{"default_sender_id":"Acme","default_sms_type":"Transactional","monthly_spend_limit":"20"}`, &a); w.Code != 200 || a.Version == 0 || a.DefaultSenderID != "Acme" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	x.want(409, "owner", "PUT", "/sms-account", `{"default_sender_id":"Other"}`)
	x.want(400, "owner", "PUT", "/sms-account", `{"default_sms_type":"Loud","version":1}`)
	if x.do("owner", "GET", "/sms-account", "", &a); a.MonthlySpendLimit == "" || len(a.Limits) == 0 {
		t.Errorf("%+v", a)
	}
}

func TestGuards(t *testing.T) {
	x := start(t)
	var g GuardSettings
	if x.do("owner", "GET", "/guards", "", &g); g.Version != 0 || g.InForce == nil || g.InForce.Spend.Day != "200.00" || g.Policy.Spend.Day != "" {
		t.Errorf("the defaults: %+v", g)
	}
	if x.do("owner", "PUT", "/guards", `{"policy":{"mode":"record","countries":{"allow":["US","GB"]},"spend":{"day":"50.00"}}}`, &g); g.Version != 1 || g.InForce.Spend.Day != "50.00" || g.InForce.Spend.Currency != "USD" {
		t.Errorf("%+v", g)
	}
	x.want(409, "owner", "PUT", "/guards", `{"policy":{}}`)
	var p Problem
	if x.do("owner", "PUT", "/guards", `{"policy":{"mode":"loud"},"version":1}`, &p); p.Status != 400 || !strings.Contains(p.Detail, "mode") || p.Hint == "" {
		t.Errorf("%+v", p)
	}
	x.want(422, "owner", "PUT", "/guards", `{"policy":{"cuontries":{}},"version":1}`)
	var v GuardVerdict
	if x.do("owner", "GET", "/guards/explain?to=%2B4915112345678&ip=192.0.2.7", "", &v); v.Refused != "" || len(v.Recorded) == 0 || len(v.Lines) < 4 {
		t.Errorf("a country that is not allowed, recorded: %+v", v)
	}
	x.want(400, "owner", "GET", "/guards/explain?to=123", "")
	x.want(400, "owner", "GET", "/guards/explain?to=%2B4915112345678&ip=here", "")
	var b GuardBlock
	if w := x.do("owner", "POST", "/guards/blocks", `{"key":"c:DE","why":"nobody of ours is there"}`, &b); w.Code != 200 || b.By != "operator" || b.Until.Before(time.Now().Add(23*time.Hour)) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	x.want(200, "owner", "POST", "/guards/blocks", `{"address":"192.0.2.7"}`)
	x.want(200, "owner", "POST", "/guards/blocks", `{"address":"2001:db8:1::/48"}`)
	for _, bad := range []string{`{}`, `{"key":"c:DE","address":"192.0.2.7"}`, `{"address":"192.0.2.0/16"}`, `{"address":"here"}`, `{"key":"Germany"}`, `{"key":"c:DE","until":"2020-01-01T00:00:00Z"}`} {
		x.want(400, "owner", "POST", "/guards/blocks", bad)
	}
	var list struct{ Blocks []GuardBlock }
	if w := x.do("owner", "GET", "/guards/blocks?sort=-key", "", &list); len(list.Blocks) != 3 || list.Blocks[2].Key[:2] != "a:" || strings.Contains(w.Body.String(), "192.0.2") {
		t.Errorf("%s", w.Body)
	}
	var r GuardReport
	if x.do("owner", "GET", "/guards/report", "", &r); len(r.Blocks) != 3 || r.Mode != "record" || r.Spend.Limit != "50.00" {
		t.Errorf("%+v", r)
	}
	x.want(204, "owner", "DELETE", "/guards/blocks?key=c%3ADE", "")
	x.want(404, "owner", "DELETE", "/guards/blocks?key=c%3ADE", "")
	x.want(204, "owner", "DELETE", "/guards", "")
	x.want(404, "owner", "DELETE", "/guards", "")
	x.eventCount(pool, "cs_guard_changed", 2)
	raw, _ := json.Marshal(g)
	if strings.Contains(string(raw), "null") {
		t.Errorf("%s", raw)
	}
}
