package proof

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// managementRoute is a row of the table in docs/management-api.md, which a test of the API compares with its routes.
type managementRoute struct{ method, path string }

func managementRoutes(t *testing.T) (out []managementRoute) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "management-api.md"))
	check(t, err)
	parameter := regexp.MustCompile(`\{[a-z]+\}`)
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z]+) (/[^`]*)` \\|").FindAllStringSubmatch(string(raw), -1) {
		if !strings.Contains(m[2], " ") {
			out = append(out, managementRoute{m[1], parameter.ReplaceAllString(m[2], "x")})
		}
	}
	if len(out) < 150 {
		t.Fatalf("only %d routes were read", len(out))
	}
	return out
}

// holdings are everything that a sign-in on one tenant hands out.
type holdings struct {
	mfa, oob, code      string // of a sign-in that owes a factor
	access, id, refresh string
	mfaAccess           string // for the MFA API
	ticket, management  string
}

func newHoldings(x *tenant, to *receiver, name, number string) (h holdings) {
	x.t.Helper()
	user := x.user(name, hisSecret, number)
	tk := x.ok(x.answered(x.begun(to, name, number)))
	h.access, h.id, h.refresh = tk.str("access_token"), tk.str("id_token"), tk.str("refresh_token")
	owed := x.grant(passwordRealm, obj{"realm": database, "username": name, "password": hisSecret, "audience": x.public + "/mfa/", "scope": "enroll read:authenticators remove:authenticators"}).str("mfa_token")
	ch := x.ok(x.challenge(owed))
	m, _ := to.next(number)
	h.mfaAccess = x.ok(x.redeem(owed, ch.str("oob_code"), m.Code)).str("access_token")
	b := x.begun(to, name, number)
	h.mfa, h.oob, h.code = b.token, b.oob, b.code
	_, h.ticket, _ = strings.Cut(x.api("POST", "/guardian/enrollments/ticket", obj{"user_id": user, "allow_multiple_enrollments": true}, 200).str("ticket_url"), "?ticket=")
	h.management = x.token
	if slices.Contains([]string{h.mfa, h.oob, h.code, h.access, h.id, h.refresh, h.mfaAccess, h.ticket}, "") {
		x.t.Fatalf("something is missing: %+v", h)
	}
	return h
}

// TestAuth0Doors: the Management API is at the operators' door alone, and every route of it refuses those without a token, with a made-up one, with
// tokens of users, of another tenant, and of a client that may do nothing there; what is handed out at one tenant is nothing at another.
func TestAuth0Doors(t *testing.T) {
	to := newReceiver(t)
	n := serve(t, filepath.Join(t.TempDir(), "countersign.db"), to.egress())
	two := n.tenants("a", "b")
	a, b := two[0], two[1]
	a.rec, b.rec = nil, nil
	for _, x := range two {
		x.hook("sends", scriptOf(t, "auth0_slow.js"), map[string]string{"RECEIVER": to.url, "MODE": "well"})
	}
	ha, hb := newHoldings(a, to, "ann@example.com", numbered(60, 1)), newHoldings(b, to, "ann@example.com", numbered(61, 1))
	before := a.whole()
	a.everyRoute(t, b, ha)
	if after := a.whole(); after != before {
		t.Errorf("something was changed:\n%s\nwas\n%s", after, before)
	}
	a.apart(t, b, ha, hb)
	a.origins(t)
	n.stop(t)
}

// whole is what must not change.
func (x *tenant) whole() string {
	x.t.Helper()
	var out strings.Builder
	for _, path := range []string{"/hooks", "/actions/actions", "/rules", "/guardian/factors", "/guardian/policies", "/guardian/factors/phone/selected-provider", "/guardian/factors/phone/message-types",
		"/users?fields=user_id,email", "/clients?fields=client_id,grant_types", "/client-grants", "/connections", "/tenants/settings", "/branding", "/resource-servers"} {
		out.Write(x.api("GET", path, nil, 200).raw)
		out.WriteByte('\n')
	}
	return out.String()
}

func (x *tenant) everyRoute(t *testing.T, other *tenant, mine holdings) {
	t.Helper()
	// Each client has an allowance of calls; a refusal for want of it would prove nothing.
	var strangers, senders []string
	for range 4 {
		strangers = append(strangers, other.manage(x.n.managing("owner", other.pool)))
		senders = append(senders, x.manage(x.n.managing("sender", x.pool)))
	}
	refused := func(who string, r managementRoute, base, token string, want ...int) {
		a := x.call(r.method, base+"/api/v2"+r.path, obj{"name": "x", "script": "x", "enabled": true, "triggerId": "send-phone-message"}, token)
		if !slices.Contains(want, a.status) || a.status != 404 && !strings.Contains(string(a.raw), "rror") {
			t.Errorf("%s %s with %s: %d %s", r.method, r.path, who, a.status, a.raw)
		}
	}
	for i, r := range managementRoutes(t) {
		refused("nothing", r, x.admin, "", 401)
		refused("a made-up token", r, x.admin, "csm_"+strings.Repeat("A", 200), 401)
		for who, token := range map[string]string{"an access token": mine.access, "an access token for the MFA API": mine.mfaAccess, "an ID token": mine.id, "an mfa_token": mine.mfa, "a refresh token": mine.refresh} {
			refused(who, r, x.admin, token, 401)
		}
		refused("the token of another tenant", r, x.admin, strangers[i%len(strangers)], 401, 403)
		refused("a token without scopes", r, x.admin, senders[i%len(senders)], 403)
		refused("a good token at the end users' door", r, x.public, x.token, 403, 404)
	}
	if a := x.call("POST", x.public+"/oauth/token", obj{"grant_type": "client_credentials", "client_id": x.manager.AccessKeyID, "client_secret": x.manager.SecretAccessKey, "audience": x.admin + "/api/v2/"}, ""); a.status < 400 {
		t.Errorf("a management token at the end users' door: %d %s", a.status, a.raw)
	}
}

// apart tries what a tenant hands out at another one, and then that it is good at its own.
func (x *tenant) apart(t *testing.T, other *tenant, mine, theirs holdings) {
	t.Helper()
	// As at home, but for the base URL: with the client of either.
	for _, client := range []string{x.client, other.client} {
		y := *other
		y.client = client
		for what, a := range map[string]answer{
			"mfa_token, challenge":     y.challenge(mine.mfa),
			"mfa_token, redeem":        y.redeem(mine.mfa, mine.oob, mine.code),
			"oob_code":                 y.redeem(theirs.mfa, mine.oob, mine.code),
			"code":                     y.redeem(theirs.mfa, theirs.oob, mine.code),
			"mfa_token, factors":       y.call("GET", y.public+"/mfa/authenticators", nil, mine.mfa),
			"mfa_token, associate":     y.associate(mine.mfa, texts(numbered(62, 1))),
			"access token, factors":    y.call("GET", y.public+"/mfa/authenticators", nil, mine.mfaAccess),
			"access token, associate":  y.associate(mine.mfaAccess, texts(numbered(62, 1))),
			"access token, remove":     y.call("DELETE", y.public+"/mfa/authenticators/sms%7Cdev_x", nil, mine.mfaAccess),
			"access token, userinfo":   y.call("GET", y.public+"/userinfo", nil, mine.access),
			"ID token, userinfo":       y.call("GET", y.public+"/userinfo", nil, mine.id),
			"refresh token":            y.grant("refresh_token", obj{"refresh_token": mine.refresh}),
			"ticket, enrol":            y.call("POST", y.public+"/mfa/ticket", url.Values{"ticket": {mine.ticket}, "phone": {numbered(62, 2)}, "channel": {"sms"}}, ""),
			"management token":         y.call("GET", y.admin+"/api/v2/users", nil, mine.management),
			"recovery code of nothing": y.grant(mfaRecovery, obj{"mfa_token": mine.mfa, "recovery_code": "AAAAAAAAAAAAAAAAAAAAAAAA"}),
		} {
			if a.status < 400 {
				t.Errorf("%s of another tenant, with client %s: %d %s", what, client, a.status, a.raw)
			}
		}
	}
	y := *other
	y.client = x.client
	if a := y.signIn("ann@example.com", hisSecret); a.status != 401 || a.str("error") != "access_denied" {
		t.Errorf("a client of another tenant: %d %s", a.status, a.raw)
	}
	other.call("POST", other.public+"/oauth/revoke", obj{"client_id": other.client, "token": mine.refresh}, "")
	other.call("POST", other.public+"/oauth/revoke", obj{"client_id": x.client, "token": mine.refresh}, "")
	// Handles of one kind are nothing in the place of another, and of another wire neither.
	for what, a := range map[string]answer{
		"an oob_code as mfa_token":        x.challenge(mine.oob),
		"a ticket as mfa_token":           x.challenge(mine.ticket),
		"a management token":              x.challenge(mine.management),
		"an access token as mfa_token":    x.challenge(mine.access),
		"an mfa_token at userinfo":        x.call("GET", x.public+"/userinfo", nil, mine.mfa),
		"an mfa_token as refresh token":   x.grant("refresh_token", obj{"refresh_token": mine.mfa}),
		"an mfa_token as oob_code":        x.redeem(mine.mfa, mine.mfa, mine.code),
		"a management token, factors":     x.call("GET", x.public+"/mfa/authenticators", nil, mine.management),
		"an access token of all, factors": x.call("GET", x.public+"/mfa/authenticators", nil, mine.access),
		"an mfa_token, removing":          x.call("DELETE", x.public+"/mfa/authenticators/sms%7Cdev_x", nil, mine.mfa),
	} {
		if a.status < 400 {
			t.Errorf("%s: %d %s", what, a.status, a.raw)
		}
	}
	for op, in := range map[string]obj{
		"GetUser": {"AccessToken": mine.access}, "GlobalSignOut": {"AccessToken": mine.access}, "GetTokensFromRefreshToken": {"ClientId": x.client, "RefreshToken": mine.refresh},
		"RespondToAuthChallenge": {"ClientId": x.client, "ChallengeName": "SMS_MFA", "Session": mine.mfa, "ChallengeResponses": obj{"USERNAME": "ann@example.com", "SMS_MFA_CODE": mine.code}},
	} {
		if a := x.caller.app(op, in); a.status < 400 {
			t.Errorf("%s with what the Auth0 wire handed out: %d %s", op, a.status, a.raw)
		}
	}
	x.ok(x.redeem(mine.mfa, mine.oob, mine.code))
	x.ok(x.call("GET", x.public+"/userinfo", nil, mine.access))
	x.ok(x.call("GET", x.public+"/mfa/authenticators", nil, mine.mfaAccess))
	x.ok(x.grant("refresh_token", obj{"refresh_token": mine.refresh}))
	x.ok(x.call("POST", x.public+"/mfa/ticket", url.Values{"ticket": {mine.ticket}, "phone": {numbered(62, 3)}, "channel": {"sms"}}, ""))
	other.ok(other.redeem(theirs.mfa, theirs.oob, theirs.code))
}

// origins: pages of others call what applications call, and nothing of operators.
func (x *tenant) origins(t *testing.T) {
	t.Helper()
	for _, page := range []http.Header{{"Origin": {"https://evil.example"}}, {"Origin": {"null"}}, {"Sec-Fetch-Site": {"cross-site"}}, {"Origin": {x.public}}} {
		one := *x.caller
		one.header = page
		y := *x
		y.caller = &one
		for _, a := range []answer{
			y.call("GET", y.admin+"/api/v2/users", nil, x.token), y.call("POST", y.admin+"/api/v2/hooks", obj{"name": "x", "script": "x", "triggerId": "send-phone-message"}, x.token),
			y.call("OPTIONS", y.admin+"/api/v2/users", nil, ""),
			y.call("POST", y.admin+"/oauth/token", obj{"grant_type": "client_credentials", "client_id": x.manager.AccessKeyID, "client_secret": x.manager.SecretAccessKey, "audience": x.admin + "/api/v2/"}, ""),
		} {
			if a.status != 403 || a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s for a page with %v: %d %v %s", a.op, page, a.status, a.header, a.raw)
			}
		}
		if a := y.signIn("ann@example.com", hisSecret); a.status != 403 || a.str("error") != "mfa_required" || a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("a sign-in from a page with %v: %d %v %s", page, a.status, a.header, a.raw)
		}
	}
	for _, host := range []string{"attacker.example", "localhost.attacker.example", "127.0.0.1:1"} {
		for _, base := range []string{x.public, x.admin} {
			for _, path := range []string{"/api/v2/users", "/oauth/token", "/mfa/authenticators", "/passwordless/start", "/mfa/ticket?ticket=x"} {
				req, err := http.NewRequest("GET", base+path, nil)
				check(t, err)
				req.Host = host
				req.Header.Set("Authorization", "Bearer "+x.token)
				if a, err := send(req); err != nil || a.status != http.StatusMisdirectedRequest {
					t.Errorf("%s as %s: %v %d", path, host, err, a.status)
				}
			}
		}
	}
}
