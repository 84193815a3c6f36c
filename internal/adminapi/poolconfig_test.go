package adminapi

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"countersign/internal/access"
	"countersign/internal/awsapi/cognito"
	"countersign/internal/canary"
	"countersign/internal/delivery"
	"countersign/internal/fault"
	"countersign/internal/gateway/account"
	"countersign/internal/optout"
	"countersign/internal/origination"
	pools "countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/poolfile"
	"countersign/internal/pumping"
	"countersign/internal/quota"
	"countersign/internal/registration"
	"countersign/internal/route"
	"countersign/internal/sandbox"
	"countersign/internal/screen"
	"countersign/internal/smsaccount"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// place is a server as far as configuration goes.
type place struct {
	*pooltest.Harness
	t *testing.T
	h http.Handler
	// api is what the handler is made of, as far as configuration goes.
	api *server
	// who calls; everything is allowed to the owner.
	who access.Principal
}

func newPlace(t *testing.T, s store.Store) *place {
	t.Helper()
	p := &place{Harness: pooltest.New(t, s), t: t, who: access.Principal{ID: "owner", Kind: access.Local, Grants: access.Everything()}}
	quiet := slog.New(slog.DiscardHandler)
	hash := func(ctx context.Context, poolID string, parts ...string) (string, error) {
		h, err := p.Keys.Lookup(ctx, poolID, parts...)
		return hex.EncodeToString(h), err
	}
	spec := fakeSpec()
	spec.Fields[1].Required = true
	d := &Delivery{
		Kinds: []account.Spec{spec}, OptOuts: optout.New(optout.Config{Store: s, Log: p.Log, Logger: quiet}),
		Canaries:        canary.New(canary.Config{Store: s, Keys: p.Keys, Log: p.Log, Logger: quiet, Now: p.Now}),
		MessageSettings: p.Service.MessageSettings,
		PutMessageSettings: func(ctx context.Context, poolID string, m MessageSettings) (*MessageSettings, error) {
			return p.Service.PutMessageSettings(ctx, pools.Caller{Wire: "admin"}, poolID, m)
		},
	}
	var err error
	d.Routes, err = route.New(route.Config{
		Store: s, Keys: p.Keys, Log: p.Log, Logger: quiet, Specs: d.Kinds, OptOuts: d.OptOuts, Now: p.Now,
		Deps: func(string, route.AccountConfig) account.Deps { return account.Deps{} },
	})
	if err != nil {
		t.Fatal(err)
	}
	g := &Guards{Pumping: pumping.New(pumping.Config{Store: s, Log: p.Log, Logger: quiet, Hash: hash})}
	g.Screen = screen.New(screen.Config{Store: s, Log: p.Log, Logger: quiet, Quota: quota.New(quota.Config{Store: s, Logger: quiet}), Pumping: g.Pumping, Now: p.Now})
	only := func(context.Context) (string, error) { return "", fault.New(fault.PoolNotFound) }
	n := &Numbers{
		Originations:  origination.New(origination.Config{Store: s, Log: p.Log, Logger: quiet, Now: p.Now}),
		Registrations: registration.New(registration.Config{Store: s, Log: p.Log, Logger: quiet, Now: p.Now}),
	}
	n.Sandbox = sandbox.New(sandbox.Config{Store: s, Keys: p.Keys, Log: p.Log, Deliver: &post{}, Pool: only, Logger: quiet, Now: p.Now})
	n.Account = smsaccount.New(smsaccount.Config{
		Store: s, Keys: p.Keys, Log: p.Log, DefaultPool: only, Sandbox: n.Sandbox, Originations: n.Originations, OptOuts: d.OptOuts, Logger: quiet, Now: p.Now,
		Enqueue: func(context.Context, delivery.Draft) (string, error) { return "", nil },
	})
	o := Options{
		Delivery: d, Guards: g, Numbers: n, Authenticate: func(*http.Request, []byte) (access.Principal, error) { return p.who, nil },
		Access: access.NewKeys(access.Config{Sealer: p.Keys, Store: s}), Events: p.Log, Keyring: p.Keys, Store: s, Tokens: p.Tokens, Log: quiet, Now: p.Now,
		Status: func() Status { return Status{} },
		Configuration: &Configuration{
			Pools: p.Service, Settings: cognito.PoolSettings, SetSettings: cognito.SetPoolSettings, ClientSettings: cognito.ClientSettings,
			SetClientSettings: cognito.SetClientSettings,
		},
	}
	p.h, p.api = Handler(o), &server{Options: o}
	return p
}

// call returns the answer's body; status must be what is expected.
func (p *place) call(status int, method, path string, body any) string {
	p.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		p.t.Fatal(err)
	}
	r := httptest.NewRequest(method, Prefix+path, strings.NewReader(string(raw)))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	p.h.ServeHTTP(w, r)
	if w.Code != status {
		p.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	return w.Body.String()
}

// put applies a document, whose references to NAME are filled in from env.
func (p *place) put(query, doc string, env map[string]string) PoolConfigResult {
	p.t.Helper()
	d := p.parse(doc, env)
	var out PoolConfigResult
	if err := json.Unmarshal([]byte(p.call(200, "PUT", "/pool-config?"+query, d)), &out); err != nil {
		p.t.Fatal(err)
	}
	return out
}

func (p *place) parse(doc string, env map[string]string) *poolfile.Document {
	p.t.Helper()
	d, err := poolfile.Parse([]byte(doc))
	if err != nil {
		p.t.Fatal(err)
	}
	d.Fill(func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	return d
}

// export is a configuration as a file.
func (p *place) export(query string) string {
	p.t.Helper()
	var d poolfile.Document
	if err := json.Unmarshal([]byte(p.call(200, "GET", "/pool-config?"+query, nil)), &d); err != nil {
		p.t.Fatal(err)
	}
	out, err := poolfile.YAML(&d)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(out)
}

// events counts all events there are.
func (p *place) events() int {
	p.t.Helper()
	n := 0
	for _, pool := range []string{"", whole} {
		err := p.Store.Read(p.t.Context(), func(tx store.Tx) error {
			rows, err := tx.Events().ListEvents(p.t.Context(), store.EventQuery{PoolID: pool, Limit: 1000})
			n += len(rows)
			return err
		})
		if err != nil {
			p.t.Fatal(err)
		}
	}
	return n
}

const whole = "eu-west-1_shop"

// everything is a document with all parts, in canonical form.
const everything = `version: 1
pool:
  id: eu-west-1_shop
  name: shop
  own_sender: true
  settings:
    AutoVerifiedAttributes: [phone_number]
    MfaConfiguration: OPTIONAL
    Policies:
      PasswordPolicy:
        MinimumLength: 12
    Schema:
      - AttributeDataType: String
        Name: plan
    SmsAuthenticationMessage: "Your code is {####}. Tell nobody."
    SmsMfaConfiguration: {}
    UserPoolTags:
      countersign:require-mfa/shopweb: "true"
      countersign:strict: "true"
    UsernameAttributes: [phone_number]
clients:
  - id: shopserver
    name: server
    secret: ${CLIENT_SHOPSERVER_SECRET}
    settings:
      AccessTokenValidity: 10
      ExplicitAuthFlows: [ALLOW_ADMIN_USER_PASSWORD_AUTH]
      TokenValidityUnits:
        AccessToken: minutes
  - id: shopweb
    name: web
    settings:
      PreventUserExistenceErrors: ENABLED
messages:
  tail: true
  clients:
    shopweb:
      origin_host: shop.example.com
  help: Write to help@example.com
  locales:
    de:
      sms_verify: "Ihr Code ist {####}"
accounts:
  - name: backup
    kind: fake
    settings:
      region: us
    disabled: true
    secrets:
      token: ${BACKUP_TOKEN}
  - name: main
    kind: fake
    settings:
      region: eu
    from: Shop
    senders:
      US: "+12025550100"
    secrets:
      token: ${MAIN_TOKEN}
plan:
  rules:
    - name: home
      countries: [DE, AT]
      use:
        - account: main
    - name: rest
      use:
        - account: backup
          weight: 3
        - account: main
          weight: 1
rates: |
  account,country,channel,price,currency,from
  *,*,sms,0.05,USD,
canaries:
  - name: hourly
    to: ${CANARY_HOURLY_TO}
    account: main
guards:
  countries:
    allow: [DE, AT, US]
  spend:
    day: "50.00"
    currency: EUR
registrations:
  - name: campaign
    country: US
    kind: ten_dlc_campaign
    parent: zz-brand
    sender: "+12025550100"
    campaign_id: CABC123
    status: approved
  - name: zz-brand
    country: US
    kind: ten_dlc_brand
    brand_id: BABC123
    status: approved
registration_settings:
  require: [IN]
`

const shared = `version: 1
deployment:
  sandbox: true
  sms_account:
    monthly_spend_limit: "20.00"
    default_sender_id: Shop
  originations:
    - value: "+12025550177"
      country: US
      type: toll_free
      two_way: true
      registration: toll
    - value: Shop
      country: DE
      type: sender_id
  origination_settings:
    enforce: all
  registrations:
    - name: toll
      country: US
      kind: toll_free
      sender: "+12025550177"
      status: approved
`

var secrets = map[string]string{"BACKUP_TOKEN": "hush-backup-token", "MAIN_TOKEN": "hush-main-token", "CANARY_HOURLY_TO": "+12025550123"}

func TestConfigurationComesBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		p := newPlace(t, s)
		dry := p.put("dry_run=true", everything, secrets)
		if len(dry.Changes) == 0 || !dry.DryRun || len(dry.Secrets) != 0 || p.events() != 0 {
			t.Fatalf("a dry run: %+v, %d events", dry, p.events())
		}
		p.call(400, "GET", "/pool-config", nil) // still no pool
		made := p.put("", everything, secrets)
		if len(made.Secrets) != 1 || made.Secrets[0].Client != "shopserver" || len(made.Secrets[0].Secret) != 51 {
			t.Errorf("secrets: %+v", made.Secrets)
		}
		if got, want := text(made.Changes), text(dry.Changes); got != want {
			t.Errorf("announced %s\ndone %s", want, got)
		}
		got := p.export("pool=" + whole)
		if got != everything {
			t.Errorf("exported:\n%s", got)
		}
		for _, value := range secrets {
			if strings.Contains(got, value) {
				t.Errorf("the export holds %s", value)
			}
		}
		if strings.Contains(got, made.Secrets[0].Secret) {
			t.Error("the export holds the client's secret")
		}
		p.put("", shared, nil)
		if got := p.export("deployment=true"); got != shared {
			t.Errorf("exported:\n%s", got)
		}
		p.quiet("", everything, secrets)
		p.quiet("prune=true", everything, nil)
		p.quiet("prune=true", shared, nil)
		unknown := p.put("dry_run=true", "version: 1\ndeployment: {originations: [{value: Shop, country: DE, type: sender_id, registration: elsewhere}]}", nil)
		if len(unknown.Warnings) != 1 || !strings.Contains(unknown.Warnings[0], "elsewhere") {
			t.Errorf("warnings: %v", unknown.Warnings)
		}
		p.quiet("", "version: 1\npool:\n  id: "+whole+"\n"+everything[strings.Index(everything, "  own_sender"):strings.Index(everything, "clients:")], nil)
		cl, err := p.Service.GetClient(t.Context(), whole, "shopweb")
		if err != nil || !cl.Config.RequireMFA {
			t.Errorf("%v: the tag does not hold: %+v", err, cl)
		}
	})
}

// quiet applies a document that changes nothing.
func (p *place) quiet(query, doc string, env map[string]string) {
	p.t.Helper()
	before := p.events()
	if out := p.put(query, doc, env); len(out.Changes) != 0 || p.events() != before {
		p.t.Errorf("?%s: %s, %d events", query, text(out.Changes), p.events()-before)
	}
}

func text(v any) string {
	raw, _ := json.Marshal(v)
	return string(raw)
}

func TestConfigurationChangesWhatItNames(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		p := newPlace(t, s)
		p.put("", everything, secrets)
		p.put("", shared, nil)
		for _, row := range []struct {
			query, doc string
			env        map[string]string
			want       []string
		}{
			{"", "version: 1\nguards: {mode: record}", nil, []string{"guards.countries: null -> null", "guards.mode: null -> \"record\"", "guards.spend"}},
			{"", "version: 1\naccounts: [{name: main, kind: fake, settings: {region: us}, secrets: {token: \"${NEW}\"}}]", map[string]string{"NEW": "hush-new-token"},
				[]string{"accounts[main].from", "accounts[main].secrets.token", "accounts[main].senders", "accounts[main].settings.region"}},
			{"", "version: 1\nclients: [{id: shopserver, secret: abcdefghijklmnopqrstuvwxyz}]", nil, []string{"clients[shopserver].secret", "clients[shopserver].settings"}},
			{"", "version: 1\ncanaries: [{name: hourly, to: \"+12025550124\", account: main, expect: sent}]", nil, []string{"canaries[hourly].expect", "canaries[hourly].to"}},
			{"", "version: 1\nrates: \"account,country,channel,price,currency,from\\n*,*,sms,0.06,USD,\\n\"", nil, []string{"rates", "rates"}},
			{"", "version: 1\nregistrations: [{name: zz-brand, country: US, kind: ten_dlc_brand, brand_id: BABC124, status: approved}]", nil, []string{"registrations[zz-brand].brand_id"}},
			{"", "version: 1\nmessages: {}", nil, []string{"messages"}},
			{"", "version: 1\ndeployment: {sandbox: false, originations: [{value: Shop, country: DE, type: sender_id, protected: false, tags: {team: a}}]}", nil,
				[]string{"deployment.originations[Shop/DE].tags", "deployment.sandbox"}},
			{"prune=true", "version: 1\ndeployment: {}", nil, []string{"deployment.origination_settings", "deployment.originations[+12025550177/US]", "deployment.originations[Shop/DE]",
				"deployment.registrations[toll]", "deployment.sms_account"}},
			{"prune=true", "version: 1\nclients: [{id: shopweb}]", nil, []string{"accounts[backup]", "accounts[main]", "canaries[hourly]", "clients[shopserver]",
				"clients[shopweb].settings", "guards", "plan", "rates", "registration_settings", "registrations[campaign]", "registrations[zz-brand]"}},
		} {
			out := p.put(row.query, row.doc, row.env)
			var paths []string
			for _, ch := range out.Changes {
				paths = append(paths, ch.Path)
			}
			want := slices.Clone(row.want)
			for i := range want {
				want[i], _, _ = strings.Cut(want[i], ":")
				if strings.Contains(row.want[i], "countersign") {
					want[i] = row.want[i]
				}
			}
			if !reflect.DeepEqual(paths, want) {
				t.Errorf("%s: %s", row.doc, text(out.Changes))
			}
			p.quiet(row.query, row.doc, row.env)
		}
		cl, err := p.Service.GetClient(t.Context(), whole, "shopweb")
		if err != nil || cl.Config.HideExistence {
			t.Errorf("%v: %+v", err, cl)
		}
		if got := p.export("pool=" + whole); strings.Contains(got, "accounts") || !strings.Contains(got, "MinimumLength: 12") {
			t.Errorf("what is left:\n%s", got)
		}
	})
}

func TestConfigurationIsRefusedWhole(t *testing.T) {
	p := newPlace(t, storetest.SQLite(t))
	p.put("", everything, secrets)
	p.put("", shared, nil)
	before, export, other := p.events(), p.export("pool="+whole), p.export("deployment=true")
	for _, row := range []struct{ doc, path, text string }{
		{"pool: {id: eu-west-1_shop, settings: {MfaConfigration: ON, UsernameAttributes: [phone_number]}}", "pool.settings.MfaConfigration", "no such setting"},
		{"pool: {id: eu-west-1_shop, settings: {}}", "pool.settings.UsernameAttributes", "fixed when a pool is made"},
		{"pool: {id: eu-west-1_new}", "pool.name", "needs a name"},
		{"pool: {id: new, name: new}", "pool.id", "a region, an underscore"},
		{"clients: [{id: another}]", "clients[another].name", "needs a name"},
		{"clients: [{id: shopweb, settings: {CallbackURLs: [\"http://example.com\"]}}]", "clients[shopweb].settings.CallbackURLs", "HTTP"},
		{"clients: [{id: shopweb, secret: short}]", "clients[shopweb].secret", "24 to 64"},
		{"accounts: [{name: third, kind: fake, secrets: {token: \"${THIRD}\"}}]", "accounts[third].secrets.token", "set THIRD"},
		{"accounts: [{name: third, kind: carrier}]", "accounts[third].kind", "no kind of account"},
		{"accounts: [{name: main, kind: fake, settings: {region: moon}}]", "accounts[main].settings.region", "one of eu, us"},
		{"plan: {rules: [{name: all, use: [{account: nobody}]}]}", "plan.rules[0].use[0].account", "no account"},
		{"plan: {rules: []}", "plan.rules", "would send nothing"},
		{"rates: \"a,b\"", "rates", ""},
		{"canaries: [{name: new, to: \"${PHONE}\"}]", "canaries[new].to", "set PHONE"},
		{"canaries: [{name: hourly, account: nobody}]", "canaries[hourly].account", "no account"},
		{"guards: {mode: maybe}", "guards.mode", "enforce"},
		{"messages: {locales: {de: {sms_auth: no place}}}", "messages.locales.de", ""},
		{"messages: {code_maker: {account: nobody}}", "messages.code_maker.account", "no account"},
		{"registrations: [{name: x, country: US, kind: ten_dlc_campaign, campaign_id: CX, parent: nobody}]", "registrations[x].parent", "no registration"},
		{"registrations: [{name: campaign, country: US, kind: toll_free, sender: \"+18005550100\"}]", "registrations[campaign].kind", "cannot be changed"},
		{"registration_settings: {require: [Mars]}", "registration_settings.require", "no country"},
		{"deployment: {originations: [{value: Shop, country: DE, type: sender_id, message_type: PROMOTIONAL}]}", "deployment.originations[Shop/DE]", "release it first"},
		{"deployment: {originations: [{value: Much-too-long-a-sender, country: DE, type: sender_id}]}", "deployment.originations[Much-too-long-a-sender/DE].value", "1 to 11"},
		{"deployment: {sms_account: {monthly_spend_limit: lots}}", "deployment.sms_account.monthly_spend_limit", "dollars"},
		{"deployment: {origination_settings: {enforce: maybe}}", "deployment.origination_settings.enforce", "account, all or off"},
	} {
		// The first part of the document is right, and must not be written either.
		doc := "version: 1\n" + row.doc
		if !strings.HasPrefix(row.doc, "guards") {
			doc += "\nguards: {mode: record}"
		}
		var out Problem
		if err := json.Unmarshal([]byte(p.call(400, "PUT", "/pool-config", p.parse(doc, nil))), &out); err != nil {
			t.Fatal(err)
		}
		at := out.Field
		if at == "" {
			at, _, _ = strings.Cut(out.Detail, ":")
		}
		if at != row.path || !strings.Contains(out.Detail, row.text) {
			t.Errorf("%s: %+v", row.doc, out)
		}
	}
	two := "version: 1\nguards: {mode: maybe}\naccounts: [{name: third, kind: carrier}]"
	if got := p.call(400, "PUT", "/pool-config", p.parse(two, nil)); !strings.Contains(got, `"location":"guards.mode"`) || !strings.Contains(got, `"location":"accounts[third].kind"`) {
		t.Errorf("not all that is wrong is said: %s", got)
	}
	if got := p.call(422, "PUT", "/pool-config", json.RawMessage(`{"version":1,"plan":{"rules":[{"name":"a","usee":[],"use":[]}]}}`)); !strings.Contains(got, "plan.rules[0].usee") {
		t.Errorf("an unknown field is not named: %s", got)
	}
	if p.events() != before || p.export("pool="+whole) != export || p.export("deployment=true") != other {
		t.Error("something was written all the same")
	}
}

func TestConfigurationNeedsTheRightsOfItsParts(t *testing.T) {
	p := newPlace(t, storetest.SQLite(t))
	p.put("", everything, secrets)
	rights := []string{"pools", "clients", "senders", "guards", "registrations"}
	for without := range len(rights) + 1 {
		var actions []string
		for i, r := range rights {
			if i != without {
				actions = append(actions, r+".read", r+".write")
			}
		}
		p.who = access.Principal{ID: "key", Kind: access.AWS, Grants: []access.Grant{{Service: access.Admin, Actions: actions, Pools: []string{whole}}}}
		status := 403
		if without == len(rights) {
			status = 200
		}
		p.call(status, "GET", "/pool-config?pool="+whole, nil)
		p.call(status, "PUT", "/pool-config?pool="+whole+"&dry_run=true", p.parse("version: 1\nguards: {}", nil))
		p.call(403, "GET", "/pool-config?deployment=true", nil)
		p.call(403, "PUT", "/pool-config?dry_run=true", p.parse("version: 1\ndeployment: {sandbox: true}", nil))
		p.call(403, "PUT", "/pool-config?dry_run=true", p.parse("version: 1\npool: {id: eu-west-1_other, name: other}", nil))
	}
}

// What somebody else writes between reading and writing is not overwritten, and the answer says how far it came.
func TestConfigurationStopsWhereSomebodyElseWrote(t *testing.T) {
	p := newPlace(t, storetest.SQLite(t))
	p.put("", everything, secrets)
	doc := "version: 1\naccounts: [{name: third, kind: fake, secrets: {token: hush}}]\nguards: {mode: record}"
	c := &configurer{server: p.api, poolID: whole, file: p.parse(doc, nil)}
	ctx := access.With(t.Context(), p.who)
	if err := c.read(ctx, true, false); err != nil {
		t.Fatal(err)
	}
	if err := c.judge(ctx, true); err != nil {
		t.Fatal(err)
	}
	p.put("", "version: 1\nguards: {mode: \"off\"}", nil)
	_, err := c.apply(ctx)
	f := fault.Of(err)
	if fault.CodeOf(err) != fault.ConcurrentModification || !strings.HasPrefix(f.Public, "guards: ") || !strings.Contains(f.Hint, "apply the document again") {
		t.Errorf("%v, hint %q", err, f.Hint)
	}
	if got := p.export("pool=" + whole); !strings.Contains(got, "mode: \"off\"") || !strings.Contains(got, "name: third") {
		t.Errorf("what is there:\n%s", got)
	}
	if out := p.put("", doc, nil); len(out.Changes) != 1 || out.Changes[0].Path != "guards.mode" {
		t.Errorf("applied again: %s", text(out.Changes))
	}
}
