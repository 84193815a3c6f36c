package proof

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"countersign/internal/totp"
)

// auth0Canary is a tenant whose hooks, actions and rules say whatever they know (testdata/auth0_canary*.js).
type auth0Canary struct {
	*tenant
	s             *secrets
	to            *receiver
	strict        string // a client that asks each sign-in for a second factor
	hookID        string
	numbers       int
	alice, aliceP string
	aliceTo       string
	// names are the numbers of passwordless users, which the log of the dialect shows as their names.
	names map[string]bool
}

func newAuth0Canary(x *tenant, to *receiver) *auth0Canary {
	return &auth0Canary{tenant: x, s: &secrets{}, to: to, names: map[string]bool{}}
}

// line returns a new number that ends in two digits, on which the hook's behaviour depends.
func (c *auth0Canary) line(end string) string {
	c.numbers++
	return c.s.add(number, "a number", fmt.Sprintf("+1202555%02d%s", 20+c.numbers, end))
}

func (c *auth0Canary) password(what string) string {
	return c.s.add(phrase, what, fmt.Sprintf("Canary-%s-%d!x", strings.ReplaceAll(what, " ", ""), 7000+c.s.count()))
}

// text is the code that the hook was given for a number.
func (c *auth0Canary) text(to string) string {
	c.t.Helper()
	m, ok := c.to.next(to)
	if !ok {
		c.t.Fatalf("no code came to %s\n%.3000s", to, c.n.out.String())
	}
	for k, v := range m.Env {
		if strings.HasPrefix(v, "canary") {
			c.t.Errorf("the environment has %s", k)
		}
	}
	return c.s.add(code, "a code", m.Code)
}

func (c *auth0Canary) wrong(right string) string {
	f := flows{s: c.s}
	return f.wrong(right)
}

// keep remembers what an answer hands out.
func (c *auth0Canary) keep(a answer, want int) answer {
	c.t.Helper()
	if a.status != want {
		c.t.Fatalf("%s: %d %s, want %d", a.op, a.status, a.raw, want)
	}
	for _, m := range []string{"mfa_token", "oob_code", "access_token", "id_token", "refresh_token", "recovery_code", "secret", "barcode_uri"} {
		if v := a.str(m); v != "" {
			c.s.add(token, m, v)
			if i := strings.LastIndexByte(v, '.'); i > 0 && m != "barcode_uri" {
				c.s.add(token, "the signature of "+m, v[i+1:])
			}
		}
	}
	if list, _ := a.body["recovery_codes"].([]any); len(list) > 0 {
		c.s.add(token, "a recovery code", list[0].(string))
	}
	return a
}

func (c *auth0Canary) refused(a answer, status int, name string) {
	c.t.Helper()
	if a.status != status || a.str("error") != name {
		c.t.Errorf("%s: %d %s, want %d %s", a.op, a.status, a.raw, status, name)
	}
}

// all plays every flow of the dialect in which something is told that nobody else may read.
func (c *auth0Canary) all() {
	s := c.s
	s.add(phrase, "the manager's secret", c.manager.SecretAccessKey)
	s.add(token, "the management token", c.token)
	c.strict = c.quietAPI("POST", "/clients", obj{"name": "strict", "app_type": "native", "token_endpoint_auth_method": "none", "require_mfa": true,
		"grant_types": []string{passwordRealm, mfaOOB, mfaOTP, mfaRecovery, "refresh_token"}}, 201).str("client_id")
	c.hookID = c.hook("canary", scriptOf(c.t, "auth0_canary.js"), map[string]string{
		"RECEIVER": c.to.url, "CANARY": s.add(phrase, "a secret", "canary-of-a-hook"), "QUOTED": s.add(phrase, "a secret with quotes", `canary "in" <quotes> & more`),
		"LINES": s.add(phrase, "a secret of two lines", "canary first line\nsecond line"), "auth0-extension-secret": s.add(phrase, "the extension's secret", "canary-of-the-extension")})
	c.api("PUT", "/guardian/factors/phone/templates", obj{"enrollment_message": "{{code}} enrols you.", "verification_message": "{{code}} signs you in."}, 200)
	c.enrolled()
	c.signedIn()
	c.failing()
	c.byCode()
	c.ticket()
	c.actions()
	c.managed()
	c.malformed()
}

// quietAPI is api for answers that may hold secrets of clients; they are not recorded.
func (c *auth0Canary) quietAPI(method, path string, in any, want int) answer {
	c.t.Helper()
	quiet := *c.tenant
	one := *quiet.caller
	one.rec = nil
	quiet.caller = &one
	return quiet.api(method, path, in, want)
}

// enrolled is a first sign-in of alice, who is made to enrol her telephone.
func (c *auth0Canary) enrolled() {
	c.alice, c.aliceP = "alice@example.com", c.password("first password")
	c.user(c.alice, c.aliceP, "")
	app := c.client
	c.client = c.strict
	c.refused(c.signIn(c.alice, c.password("wrong password")), 403, "invalid_grant")
	owed := c.keep(c.signIn(c.alice, c.aliceP), 403)
	to := c.line("11")
	c.aliceTo = to
	as := c.keep(c.associate(owed.str("mfa_token"), texts(to)), 200)
	right := c.text(to)
	c.refused(c.redeem(owed.str("mfa_token"), as.str("oob_code"), c.wrong(right)), 403, "invalid_grant")
	c.keep(c.redeem(owed.str("mfa_token"), as.str("oob_code"), right), 200)
	c.refused(c.redeem(owed.str("mfa_token"), as.str("oob_code"), right), 403, "invalid_grant")
	c.recovery(as)
	c.client = app
}

// recovery signs alice in with her recovery code, once wrong and once right.
func (c *auth0Canary) recovery(enrolment answer) {
	own := enrolment.body["recovery_codes"].([]any)[0].(string)
	owed := c.keep(c.signIn(c.alice, c.aliceP), 403).str("mfa_token")
	by := func(v string) answer { return c.grant(mfaRecovery, obj{"mfa_token": owed, "recovery_code": v}) }
	c.refused(by(c.s.add(phrase, "a wrong recovery code", "CANARYOFARECOVERYCODE234")), 403, "invalid_grant")
	c.keep(by(own), 200)
}

// signedIn is a sign-in by text with all that follows, and the enrolment of an authenticator app.
func (c *auth0Canary) signedIn() {
	owed := c.keep(c.signIn(c.alice, c.aliceP), 403).str("mfa_token")
	listed := c.keep(c.call("GET", c.public+"/mfa/authenticators", nil, owed), 200)
	c.s.none(c.t, "the list of factors", listed.raw, number)
	ch := c.keep(c.challenge(owed), 200)
	to := c.aliceTo
	right := c.text(to)
	c.refused(c.redeem(owed, ch.str("oob_code"), c.wrong(right)), 403, "invalid_grant")
	tk := c.keep(c.redeem(owed, ch.str("oob_code"), right), 200)
	c.keep(c.call("GET", c.public+"/userinfo", nil, tk.str("access_token")), 200)
	c.keep(c.grant("refresh_token", obj{"refresh_token": tk.str("refresh_token")}), 200)
	c.refused(c.grant("refresh_token", obj{"refresh_token": tk.str("refresh_token") + "x"}), 403, "invalid_grant")

	owed = c.keep(c.grant(passwordRealm, obj{"realm": database, "username": c.alice, "password": c.aliceP, "audience": c.public + "/mfa/", "scope": "enroll read:authenticators"}), 403).str("mfa_token")
	ch = c.keep(c.challenge(owed), 200)
	mfa := c.keep(c.redeem(owed, ch.str("oob_code"), c.text(to)), 200).str("access_token")
	as := c.keep(c.associate(mfa, obj{"authenticator_types": []string{"otp"}}), 200)
	now, err := totp.Code(as.str("secret"), time.Now())
	check(c.t, err)
	c.refused(c.grant(mfaOTP, obj{"mfa_token": mfa, "otp": c.wrong(c.s.add(code, "a TOTP", now))}), 403, "invalid_grant")
	c.keep(c.grant(mfaOTP, obj{"mfa_token": mfa, "otp": now}), 200)
	c.call("POST", c.public+"/oauth/revoke", obj{"client_id": c.client, "token": tk.str("refresh_token")}, "")
	c.refused(c.grant("refresh_token", obj{"refresh_token": tk.str("refresh_token")}), 403, "invalid_grant")
}

// failing has the hook fail in every way.
func (c *auth0Canary) failing() {
	for _, end := range []string{"91", "92", "93", "94", "95", "96", "97", "98"} {
		to := c.line(end)
		name := "bob" + end + "@example.com"
		pw := c.password("a password")
		c.user(name, pw, to)
		owed := c.keep(c.signIn(name, pw), 403).str("mfa_token")
		a := c.challenge(owed)
		c.text(to)
		if end == "96" {
			c.keep(a, 200)
		} else {
			c.refused(a, 400, "error_sending_sms")
		}
	}
}

// byCode signs people in by a code alone, who are known by their numbers.
func (c *auth0Canary) byCode() {
	start := func(to string) answer {
		return c.call("POST", c.public+"/passwordless/start", obj{"client_id": c.client, "connection": "sms", "phone_number": to}, "")
	}
	to := c.line("21")
	c.names[to] = true
	c.keep(start(to), 200)
	right := c.text(to)
	by := func(v string) answer {
		return c.grant(codeGrant, obj{"realm": "sms", "username": to, "otp": v, "scope": scopes})
	}
	c.refused(by(c.wrong(right)), 403, "invalid_grant")
	c.keep(by(right), 200)
	c.refused(by(right), 403, "invalid_grant")
	bad := c.line("91")
	c.refused(start(bad), 400, "sms_provider_error")
	c.text(bad)
}

// ticket enrols a telephone by the page.
func (c *auth0Canary) ticket() {
	user := c.user("carol@example.com", c.password("a password"), "")
	link := c.quietAPI("POST", "/guardian/enrollments/ticket", obj{"user_id": user}, 200).str("ticket_url")
	_, secret, ok := strings.Cut(link, "?ticket=")
	if !ok {
		c.t.Fatalf("the link is %s", link)
	}
	c.s.add(phrase, "a ticket", secret)
	link = strings.Replace(link, c.admin, c.public, 1)
	c.quietCall("GET", link, nil)
	to := c.line("31")
	c.quietCall("POST", c.public+"/mfa/ticket", url.Values{"ticket": {secret}, "phone": {to}, "channel": {"sms"}})
	c.text(to)
}

// quietCall is call for pages, which hold the ticket that they were asked with.
func (c *auth0Canary) quietCall(method, target string, in any) {
	c.t.Helper()
	quiet := *c.tenant
	one := *quiet.caller
	one.rec = nil
	quiet.caller = &one
	if a := quiet.call(method, target, in, ""); a.status != 200 {
		c.t.Errorf("%s %s: %d %s", method, target, a.status, a.raw)
	}
}

// actions are an action for texts and one for sign-ins, and a rule.
func (c *auth0Canary) actions() {
	source := scriptOf(c.t, "auth0_canary_action.js")
	secret := c.s.add(phrase, "a secret of an action", "canary-of-an-action")
	for _, trigger := range []string{"send-phone-message", "post-login"} {
		version := map[string]string{"send-phone-message": "v2", "post-login": "v3"}[trigger]
		a := c.api("POST", "/actions/actions", obj{"name": trigger, "supported_triggers": []obj{{"id": trigger, "version": version}}, "code": source, "runtime": "node22",
			"secrets": []obj{{"name": "CANARY", "value": secret}, {"name": "RECEIVER", "value": c.to.url}}}, 201)
		if a.str("status") != "built" {
			c.t.Fatalf("the action is %s", a.raw)
		}
		c.api("POST", "/actions/actions/"+a.str("id")+"/deploy", obj{}, 200)
		c.api("PATCH", "/actions/triggers/"+trigger+"/bindings", obj{"bindings": []obj{{"ref": obj{"type": "action_id", "value": a.str("id")}}}}, 200)
		c.api("POST", "/actions/actions/"+a.str("id")+"/test", obj{"payload": obj{"user": obj{"email": "thrown@example.com"}, "message_options": obj{"code": "135790", "recipient": "+12025550191"}}}, 0)
	}
	c.quietAPI("PUT", "/rules-configs/CANARY", obj{"value": c.s.add(phrase, "a rule's setting", "canary-of-the-configuration")}, 200)
	c.api("POST", "/rules", obj{"name": "canary", "enabled": true, "script": `function (user, context, callback) {
		console.log(JSON.stringify(configuration), JSON.stringify(user), JSON.stringify(context), configuration.CANARY);
		const said = user.email + " " + JSON.stringify(configuration);
		if (user.email && user.email.startsWith("ruled")) return callback(new Error(said));
		if (user.email && user.email.startsWith("refused")) return callback(new UnauthorizedError(said));
		callback(null, user, context) }`}, 201)
	for _, who := range []string{"thrown", "denied", "ruled", "refused"} {
		name, pw := who+"@example.com", c.password("a password")
		c.user(name, pw, "")
		if a := c.signIn(name, pw); a.status < 400 {
			c.t.Errorf("%s signs in: %d %s", who, a.status, a.raw)
		}
	}
	c.api("PATCH", "/hooks/"+c.hookID, obj{"enabled": false}, 200)
	for _, end := range []string{"91", "41"} {
		to, pw := c.line(end), c.password("a password")
		name := "dave" + end + "@example.com"
		c.user(name, pw, to)
		owed := c.keep(c.signIn(name, pw), 403).str("mfa_token")
		if a := c.challenge(owed); (a.status == 200) != (end == "41") {
			c.t.Errorf("a text by the action: %d %s", a.status, a.raw)
		}
		c.text(to)
	}
	c.api("PATCH", "/hooks/"+c.hookID, obj{"enabled": true}, 200)
}

// managed is what programs that manage set and read.
func (c *auth0Canary) managed() {
	c.quietAPI("POST", "/clients", obj{"name": "server", "app_type": "regular_web", "client_secret": c.s.add(phrase, "a client's secret", "canary-secret-of-a-client-0123456789")}, 201)
	given := c.s.add(phrase, "a secret given to Run", "canary-of-a-run")
	if a := c.run(scriptOf(c.t, "auth0_canary.js"), map[string]string{"RECEIVER": c.to.url, "CANARY": given, "QUOTED": `canary "in" <quotes> & more`}, "+12025550191"); a.str("envelope", "status") != "error" {
		c.t.Errorf("Run: %s", a.raw)
	}
	c.api("POST", "/hooks/"+c.hookID+"/run", obj{"body": obj{"recipient": "+12025550191", "text": "text", "context": obj{"message_type": "sms", "action": "enrollment", "language": "en",
		"code": "135790", "ip": "192.0.2.7", "user_agent": "proof", "user": obj{}}}}, 200)
	c.api("POST", "/hooks/"+c.hookID+"/secrets", obj{"CANARY": c.s.add(phrase, "a secret that is refused", "canary-that-exists-already")}, 409)
	c.api("PATCH", "/hooks/"+c.hookID+"/secrets", obj{"NO SUCH": c.s.add(phrase, "a secret of a bad name", "canary-of-a-bad-name")}, 0)
	c.api("PATCH", "/hooks/"+c.hookID, obj{"script": "module.exports = function ("}, 400)
	c.quietAPI("PUT", "/guardian/factors/phone/providers/twilio", obj{"sid": "AC0", "from": "+12025550100", "auth_token": c.s.add(phrase, "Twilio's token", "canary-of-twilio")}, 200)
	deployer := *c.tenant
	deployer.token = c.manage(c.n.managing("deployer", c.pool))
	c.s.add(token, "a deployer's token", deployer.token)
	deployer.api("GET", "/guardian/factors/phone/providers/twilio", nil, 200)
	for _, path := range []string{"/hooks?include_totals=true", "/hooks/" + c.hookID, "/hooks/" + c.hookID + "/secrets", "/hooks/" + c.hookID + "/action", "/actions/actions", "/rules-configs", "/rules",
		"/users?include_totals=true", "/clients?fields=name,client_id", "/guardian/factors/phone/templates", "/tenants/settings", "/connections", "/client-grants"} {
		c.api("GET", path, nil, 200)
	}
}

// malformed sends secrets where nobody expects them: what cannot be read must not be quoted.
func (c *auth0Canary) malformed() {
	lost := c.password("lost password")
	for path, bodies := range map[string][]any{
		"/oauth/token": {`{"grant_type":"password","client_id":"` + c.client + `","username":"a","password":"` + lost, lost, url.Values{"password": {lost, lost}},
			obj{"grant_type": passwordRealm, "realm": lost, "client_id": c.client, "username": c.alice, "password": lost},
			obj{"grant_type": "client_credentials", "client_id": lost, "client_secret": lost}, obj{"grant_type": mfaOOB, "client_id": c.client, "mfa_token": lost, "oob_code": lost, "binding_code": lost},
			obj{"grant_type": codeGrant, "client_id": c.client, "realm": "sms", "username": lost, "otp": lost}, obj{"grant_type": []string{lost}, "client_id": obj{"a": lost}}},
		"/mfa/challenge":      {lost, obj{"mfa_token": lost, "client_id": c.client, "challenge_type": lost}, obj{"mfa_token": c.token, "client_id": c.client, "challenge_type": "oob"}},
		"/mfa/associate":      {lost, obj{"authenticator_types": lost}},
		"/passwordless/start": {lost, obj{"client_id": lost, "connection": "sms", "phone_number": lost}, obj{"client_id": c.client, "connection": lost}, obj{"client_id": c.client, "connection": "sms", "phone_number": lost}},
		"/oauth/revoke":       {obj{"client_id": lost, "token": lost, "client_secret": lost}},
	} {
		for _, in := range bodies {
			if a := c.call("POST", c.public+path, in, lost); a.status < 400 {
				c.t.Errorf("POST %s with %v: %d %s", path, in, a.status, a.raw)
			}
		}
	}
	// A secret that is sent in the place of an id.
	c.call("POST", c.admin+"/oauth/token", obj{"grant_type": "client_credentials", "client_id": lost, "client_secret": "x", "audience": c.admin + "/api/v2/"}, "")
	c.call("GET", c.public+"/mfa/authenticators?mfa_token="+url.QueryEscape(lost), nil, lost)
	c.call("GET", c.admin+"/api/v2/logs?q="+url.QueryEscape(lost+`" AND (`), nil, lost)
	for _, path := range []string{"/users", "/hooks", "/clients", "/actions/actions", "/guardian/policies", "/tenants/settings"} {
		c.api("POST", path, `{"password":"`+lost+`","script":`, 0)
		c.api("PATCH", path+"/x", obj{"password": obj{"a": lost}, "secrets": lost, "client_secret": []string{lost}}, 0)
	}
}

// TestAuth0Canary: nothing that the Auth0 dialect is told, hands out or gives to code is in a column, file, backup, log, event, metric, message or
// answer that may not have it.
func TestAuth0Canary(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		to := newReceiver(t)
		n := serve(t, database, to.egress(), "hooks: {timeout: 3s}")
		c := newAuth0Canary(n.tenants("canary")[0], to)
		c.s.add(phrase, "the owner's secret key", n.owner.SecretAccessKey)
		c.all()
		n.settled()
		if c.s.count() < 80 {
			t.Errorf("only %d secrets are known", c.s.count())
		}
		c.columns(database)
		c.told()
		c.answers()
		n.stop(t)
		c.s.none(t, "the log", []byte(n.out.String()), code, phrase, token, number)
		if !strings.Contains(n.out.String(), `"level":"DEBUG"`) {
			t.Errorf("the log has no lines of level DEBUG: %.300s", n.out.String())
		}
	})
}

// columns reads the database, its files and a backup.
func (c *auth0Canary) columns(database string) {
	tables := map[string]bool{}
	for _, cell := range dump(c.t, database) {
		tables[cell.table] = true
		if cell.table == "artifact_chunks" {
			continue
		}
		c.s.none(c.t, "column "+cell.column+" of "+cell.table, cell.data, code, phrase, token)
		if !homeOfNumbers[cell.table] {
			c.s.none(c.t, "column "+cell.column+" of "+cell.table, cell.data, number)
		}
	}
	for _, table := range []string{"users", "codes", "challenges", "outbox", "attempts", "events", "families", "scripts", "settings"} {
		if !tables[table] {
			c.t.Errorf("nothing was read from %s: the search has not seen what it should", table)
		}
	}
	backup := filepath.Join(c.t.TempDir(), "backup")
	c.n.command("backup", "--config", c.n.config, backup)
	for name, raw := range unpack(c.t, backup) {
		c.s.none(c.t, name, raw, code, phrase, token)
	}
	if !strings.HasPrefix(database, "postgres") {
		for name, raw := range files(c.t, database) {
			c.s.none(c.t, name, raw, code, phrase, token)
		}
	}
}

// told is what operators are told: events, messages, logs, metrics.
func (c *auth0Canary) told() {
	t, n, pool := c.t, c.n, url.QueryEscape(c.pool)
	shut := n.operate("GET", "/events?limit=1000&pool="+pool)
	c.s.none(t, "the events", shut.raw, code, phrase, token, number)
	open := n.operate("GET", "/events?limit=1000&reveal=true&pool="+pool)
	c.s.none(t, "the events with personal data", open.raw, code, phrase, token)
	c.s.none(t, "the deployment's events", n.operate("GET", "/events?limit=1000&reveal=true&pool=deployment").raw, code, phrase, token, number)
	for _, who := range []string{c.alice, "bob91@example.com"} {
		export := n.operate("GET", "/pools/"+pool+"/users/"+url.PathEscape(who)+"/export")
		if export.status != http.StatusOK || !strings.Contains(string(export.raw), who) {
			t.Errorf("the export of %s: %d %.300s", who, export.status, export.raw)
		}
		c.s.none(t, "the export of "+who, export.raw, code, phrase, token)
	}
	for _, kind := range []string{"gd_send_sms", "gd_send_sms_failure", "gd_auth_failed", "gd_recovery_failed", "cs_function_failed", "actions_execution_failed", "sapi", "fapi", "cs", "fepotpft"} {
		if !strings.Contains(string(shut.raw), `"`+kind+`"`) {
			t.Errorf("there is no event %s", kind)
		}
	}
	if !strings.Contains(string(open.raw), "the code [redacted] for [redacted]") {
		t.Error("what the hook printed is not in its events: nothing is proved")
	}
	for _, args := range [][]string{{"logs", "--pool", c.pool, "--limit", "1000"}, {"logs", "--pool", c.pool, "--limit", "1000", "--json"}} {
		c.s.none(t, "countersign "+strings.Join(args, " "), []byte(n.command(append(args, "--config", n.config)...)), code, phrase, token, number)
		c.s.none(t, "countersign "+strings.Join(args, " ")+" --reveal", []byte(n.command(append(args, "--reveal", "--config", n.config)...)), code, phrase, token)
	}
	list := n.operate("GET", "/messages?limit=1000&pool="+pool)
	c.s.none(t, "the messages", list.raw, code, phrase, token, number)
	messages, _ := list.body["messages"].([]any)
	if len(messages) < 15 {
		t.Errorf("%d messages: %s", len(messages), list.raw)
	}
	for _, m := range messages {
		c.s.none(t, "the timeline of a message", n.operate("GET", "/messages/"+m.(obj)["id"].(string)).raw, code, phrase, token, number)
	}
	metrics, err := http.Get(n.admin + "/metrics")
	check(t, err)
	defer metrics.Body.Close()
	raw, err := io.ReadAll(metrics.Body)
	check(t, err)
	c.s.none(t, "/metrics", raw, phrase, token, number)
}

// answers are those that were got, and the log of the dialect.
func (c *auth0Canary) answers() {
	unnamed := *c.s
	unnamed.byKind[number] = map[string]string{}
	for v, what := range c.s.byKind[number] {
		if !c.names[v] {
			unnamed.byKind[number][v] = what
		}
	}
	entries := 0
	for page := 0; ; page++ {
		a := c.quietAPI("GET", fmt.Sprintf("/logs?per_page=100&include_totals=true&page=%d", page), nil, 200)
		list, _ := a.body["logs"].([]any)
		unnamed.none(c.t, "the log of the Management API", a.raw, code, phrase, token, number)
		if entries += len(list); len(list) < 100 {
			break
		}
	}
	if entries < 60 {
		c.t.Errorf("the log of the Management API has %d entries", entries)
	}
	for _, a := range c.n.rest.all() {
		c.s.none(c.t, "the answer of "+a.op, a.raw, code, phrase)
		c.s.inHeader(c.t, "the answer of "+a.op, a.header)
	}
}

// TestAuth0CanaryOfDev is the same for the terminal and the database of `countersign dev`, which shows what hooks say.
func TestAuth0CanaryOfDev(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	base := fmt.Sprintf("http://localhost:%d", freePair(t))
	to := newReceiver(t)
	p := start(t, base, "dev", "--listen", strings.Replace(strings.TrimPrefix(base, "http://"), "localhost", "127.0.0.1", 1), "--data", folder, "--allow-egress", "localhost:"+to.port)
	x := &tenant{caller: &caller{t: t, rec: &recorder{}, public: base, admin: base}, n: &node{process: p, t: t}, client: devClient}
	x.token = x.manage(aws.Credentials{AccessKeyID: "countersign-dev", SecretAccessKey: "countersign-dev-secret"})
	c := newAuth0Canary(x, to)
	c.api("PUT", "/guardian/factors/sms", obj{"enabled": true}, 200)
	c.hook("canary", scriptOf(t, "auth0_canary.js"), map[string]string{"RECEIVER": to.url, "CANARY": c.s.add(phrase, "a secret", "canary-of-a-hook"), "QUOTED": c.s.add(phrase, "a secret with quotes", `canary "in" <quotes> & more`)})
	for _, end := range []string{"41", "91", "92", "93", "94", "96", "97", "98"} {
		line, pw := c.line(end), c.password("a password")
		c.user("bob"+end+"@example.com", pw, line)
		owed := c.keep(c.signIn("bob"+end+"@example.com", pw), 403).str("mfa_token")
		if a := c.challenge(owed); (a.status == 200) != (end == "41" || end == "96") {
			t.Errorf("%s: %d %s", end, a.status, a.raw)
		}
		c.text(line)
	}
	for _, a := range x.rec.all() {
		c.s.none(t, "the answer of "+a.op, a.raw, code, phrase)
		c.s.inHeader(t, "the answer of "+a.op, a.header)
	}
	p.stop(t)
	c.s.none(t, "the terminal", []byte(p.out.String()), code, phrase, token, number)
	if !strings.Contains(p.out.String(), "200 for [redacted] to [redacted]") {
		t.Errorf("the terminal does not show what the hook says: %s", p.out.String())
	}
	for _, cell := range dump(t, filepath.Join(folder, "countersign.db")) {
		if cell.table != "artifact_chunks" {
			c.s.none(t, "column "+cell.column+" of "+cell.table, cell.data, code, phrase, token)
		}
	}
}
