package proof

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// tenant is a pool as clients of the Auth0 dialect know it: by a base URL of its own at each door.
type tenant struct {
	*caller
	n            *node
	pool, client string
	// manager is the program that manages the pool, token what it sends.
	manager aws.Credentials
	token   string
	// via makes the requests; nil: direct.
	via *http.Client
}

const (
	passwordRealm = "http://auth0.com/oauth/grant-type/password-realm"
	mfaOOB        = "http://auth0.com/oauth/grant-type/mfa-oob"
	mfaOTP        = "http://auth0.com/oauth/grant-type/mfa-otp"
	mfaRecovery   = "http://auth0.com/oauth/grant-type/mfa-recovery-code"
	codeGrant     = "http://auth0.com/oauth/grant-type/passwordless/otp"
	database      = "Username-Password-Authentication"
)

// tenants makes a pool for each name, reached by 127.0.0.1, localhost and third.localhost in this order, with a client for every grant and a manager. The server is
// started anew, since base URLs belong to pools by its configuration.
func (n *node) tenants(names ...string) []*tenant {
	n.t.Helper()
	hosts := []string{"127.0.0.1", "localhost", "third.localhost"}
	c := n.caller()
	var out []*tenant
	var urls, adminURLs, pools []string
	for i, name := range names {
		x := &tenant{n: n, caller: &caller{t: n.t, creds: n.owner, rec: n.rest}}
		x.public, x.admin = strings.Replace(n.public, "127.0.0.1", hosts[i], 1), strings.Replace(n.admin, "127.0.0.1", hosts[i], 1)
		x.pool = c.ok(c.back("CreateUserPool", obj{"PoolName": name, "UsernameAttributes": []string{"phone_number", "email"}, "SmsConfiguration": smsRole,
			"Policies": obj{"SignInPolicy": obj{"AllowedFirstAuthFactors": []string{"PASSWORD", "SMS_OTP", "EMAIL_OTP"}}}})).str("UserPool", "Id")
		c.ok(c.back("SetUserPoolMfaConfig", obj{"UserPoolId": x.pool, "MfaConfiguration": "OPTIONAL", "SmsMfaConfiguration": obj{"SmsConfiguration": smsRole},
			"SoftwareTokenMfaConfiguration": obj{"Enabled": true}}))
		urls, adminURLs = append(urls, x.public), append(adminURLs, x.admin)
		pools = append(pools, x.public+"="+x.pool, x.admin+"="+x.pool)
		out = append(out, x)
	}
	n.stop(n.t)
	raw, err := os.ReadFile(n.config)
	check(n.t, err)
	text := strings.Replace(string(raw), "base_urls: ["+n.public+"]", "base_urls: "+listed(urls)+"\npools: "+listed(pools), 1)
	text = strings.Replace(text, "admin: {", "admin: {base_urls: "+listed(adminURLs)+", ", 1)
	check(n.t, os.WriteFile(n.config, []byte(text), 0o600))
	n.restart()
	for _, x := range out {
		x.manager = n.managing("owner", x.pool)
		x.token = x.manage(x.manager)
		x.setUp()
	}
	return out
}

// listed is a list in YAML.
func listed(list []string) string { return `["` + strings.Join(list, `", "`) + `"]` }

// managing makes a management client of a preset for a pool.
func (n *node) managing(preset, pool string) aws.Credentials {
	n.t.Helper()
	var k struct{ ID, Secret string }
	check(n.t, json.Unmarshal([]byte(n.command("keys", "create", "--config", n.config, "--name", preset+" of "+pool, "--kind", "management", "--preset", preset, "--pool", pool, "--json")), &k))
	return aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}
}

// manage gets a management token.
func (x *tenant) manage(who aws.Credentials) string {
	x.t.Helper()
	a := x.call("POST", x.admin+"/oauth/token", obj{"grant_type": "client_credentials", "client_id": who.AccessKeyID, "client_secret": who.SecretAccessKey, "audience": x.admin + "/api/v2/"}, "")
	if a.str("access_token") == "" {
		x.t.Fatalf("a management token: %d %s", a.status, a.raw)
	}
	return a.str("access_token")
}

// setUp switches on recovery codes, and makes the client. Nobody is asked for a factor who has none.
func (x *tenant) setUp() {
	x.t.Helper()
	x.api("PUT", "/guardian/factors/recovery-code", obj{"enabled": true}, 200)
	x.api("PUT", "/guardian/factors/phone/message-types", obj{"message_types": []string{"sms"}}, 200)
	x.client = x.app("app", obj{"app_type": "native", "token_endpoint_auth_method": "none"}).str("client_id")
}

// app makes a client that may use every grant.
func (x *tenant) app(name string, more obj) answer {
	x.t.Helper()
	in := obj{"name": name, "grant_types": []string{"password", passwordRealm, "refresh_token", mfaOOB, mfaOTP, mfaRecovery, codeGrant}}
	for k, v := range more {
		in[k] = v
	}
	return x.api("POST", "/clients", in, 201)
}

// from is the tenant, asked from an address (127.x.y.z): what one network may cause is limited.
func (x *tenant) from(address string) *tenant {
	other := *x
	other.via = through(x.t, address)
	return &other
}

// call makes a request; in is JSON, a form or a string as it stands.
func (x *tenant) call(method, target string, in any, bearer string) answer {
	x.t.Helper()
	a, err := x.try(method, target, in, bearer)
	check(x.t, err)
	return a
}

func (x *tenant) try(method, target string, in any, bearer string) (answer, error) {
	kind := "application/json"
	var body []byte
	switch v := in.(type) {
	case nil:
	case string:
		body = []byte(v)
	case url.Values:
		body, kind = []byte(v.Encode()), "application/x-www-form-urlencoded"
	default:
		body = mustJSON(x.t, v)
	}
	req, err := http.NewRequestWithContext(x.t.Context(), method, target, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if in != nil {
		req.Header.Set("Content-Type", kind)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	for k, v := range x.header {
		req.Header[k] = v
	}
	via := x.via
	if via == nil {
		via = direct
	}
	a, err := sendBy(via, req)
	if a.op = method + " " + req.URL.Path; err == nil && x.rec != nil {
		x.rec.add(a)
	}
	return a, err
}

// api calls the Management API and demands the status; 0 demands none.
func (x *tenant) api(method, path string, in any, want int) answer {
	x.t.Helper()
	a := x.call(method, x.admin+"/api/v2"+path, in, x.token)
	if want != 0 && a.status != want {
		x.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.raw, want)
	}
	return a
}

// grant asks for tokens.
func (x *tenant) grant(kind string, in obj) answer {
	x.t.Helper()
	all := obj{"grant_type": kind, "client_id": x.client}
	for k, v := range in {
		all[k] = v
	}
	return x.call("POST", x.public+"/oauth/token", all, "")
}

const scopes = "openid profile email phone offline_access"

// signIn begins a sign-in with a password.
func (x *tenant) signIn(name, password string) answer {
	x.t.Helper()
	return x.grant(passwordRealm, obj{"realm": database, "username": name, "password": password, "scope": scopes})
}

// owing is signIn for somebody who owes a second factor: the mfa_token.
func (x *tenant) owing(name, password string) string {
	x.t.Helper()
	a := x.signIn(name, password)
	if a.status != 403 || a.str("error") != "mfa_required" || a.str("mfa_token") == "" {
		x.t.Fatalf("%s signs in: %d %s", name, a.status, a.raw)
	}
	return a.str("mfa_token")
}

// challenge asks for a code.
func (x *tenant) challenge(mfaToken string) answer {
	x.t.Helper()
	return x.call("POST", x.public+"/mfa/challenge", obj{"mfa_token": mfaToken, "client_id": x.client, "challenge_type": "oob"}, "")
}

func (x *tenant) associate(bearer string, in obj) answer {
	x.t.Helper()
	return x.call("POST", x.public+"/mfa/associate", in, bearer)
}

// phone is what associate is asked for.
func texts(number string) obj {
	return obj{"authenticator_types": []string{"oob"}, "oob_channels": []string{"sms"}, "phone_number": number}
}

func (x *tenant) redeem(mfaToken, oobCode, code string) answer {
	x.t.Helper()
	return x.grant(mfaOOB, obj{"mfa_token": mfaToken, "oob_code": oobCode, "binding_code": code})
}

// user makes a user of the database connection, with a telephone as second factor if a number is given.
func (x *tenant) user(email, password, number string) (id string) {
	x.t.Helper()
	id = x.api("POST", "/users", obj{"connection": database, "email": email, "email_verified": true, "password": password}, 201).str("user_id")
	if number != "" {
		x.api("POST", "/users/"+url.PathEscape(id)+"/authentication-methods", obj{"type": "phone", "phone_number": number, "preferred_authentication_method": "sms"}, 201)
	}
	return id
}

// hook makes a hook of send-phone-message with secrets, switches it on, and makes it the sender of the pool's texts.
func (x *tenant) hook(name, script string, secrets map[string]string) (id string) {
	x.t.Helper()
	id = x.api("POST", "/hooks", obj{"name": name, "triggerId": "send-phone-message", "script": script}, 201).str("id")
	if len(secrets) > 0 {
		x.api("POST", "/hooks/"+id+"/secrets", secrets, 201)
	}
	x.api("PATCH", "/hooks/"+id, obj{"enabled": true}, 200)
	x.api("PUT", "/guardian/factors/phone/selected-provider", obj{"provider": "phone-message-hook"}, 200)
	return id
}

// run runs a text as a hook of the tenant without keeping it, with the body of a message to a number.
func (x *tenant) run(script string, secrets map[string]string, to string) answer {
	x.t.Helper()
	return x.api("POST", "/hooks/run", obj{"script": script, "secrets": secrets, "body": obj{"recipient": to, "text": "text", "context": obj{
		"message_type": "sms", "action": "enrollment", "language": "en", "code": "135790", "ip": "192.0.2.7", "user_agent": "proof",
		"client": obj{"client_id": "c", "name": "app", "client_metadata": obj{}}, "user": obj{"user_id": "auth0|1"}}}}, 200)
}

// log are the entries of a type in the tenant's log, about a user if one is named.
func (x *tenant) log(kind, user string) []any {
	x.t.Helper()
	q := "type:" + kind
	if user != "" {
		q += ` AND user_id:"` + user + `"`
	}
	a := x.api("GET", "/logs?per_page=100&include_totals=true&sort=date:-1&q="+url.QueryEscape(q), nil, 200)
	list, _ := a.body["logs"].([]any)
	return list
}

// messages are the pool's messages in a state.
func (x *tenant) messages(state string) []any {
	x.t.Helper()
	a := x.n.operate("GET", "/messages?limit=1000&state="+state+"&pool="+url.QueryEscape(x.pool))
	list, ok := a.body["messages"].([]any)
	if !ok {
		x.t.Fatalf("messages: %d %s", a.status, a.raw)
	}
	return list
}

// number is a telephone number of a block.
func numbered(block, i int) string { return fmt.Sprintf("+1202%03d%04d", 556+block, 1000+i) }

// script reads a script of testdata.
func scriptOf(t testing.TB, name string) string {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + name)
	check(t, err)
	return string(raw)
}
