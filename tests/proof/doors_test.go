package proof

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/awsapi/wire"
)

// makePool makes a pool with a client and returns their ids.
func makePool(c *caller, name string) (pool, client, secret string) {
	c.t.Helper()
	pool = c.ok(c.back("CreateUserPool", obj{"PoolName": name, "UsernameAttributes": []string{"phone_number"}, "AutoVerifiedAttributes": []string{"phone_number"}})).str("UserPool", "Id")
	a := c.ok(c.back("CreateUserPoolClient", obj{"UserPoolId": pool, "ClientName": name, "GenerateSecret": true, "ExplicitAuthFlows": allFlows}))
	secret = a.str("UserPoolClient", "ClientSecret")
	client = c.ok(c.back("CreateUserPoolClient", obj{"UserPoolId": pool, "ClientName": name + " app", "ExplicitAuthFlows": allFlows})).str("UserPoolClient", "ClientId")
	return pool, client, secret
}

// TestAdvisory_GO_2025_3661_CVE_2025_61524: provisioning and APIs answered without authorisation. Every signed operation and every
// operators' route is tried with nothing, with a user's token, with wrong signatures and with the credentials of another pool.
func TestAdvisory_GO_2025_3661_CVE_2025_61524(t *testing.T) {
	n := serve(t, filepath.Join(t.TempDir(), "countersign.db"))
	c := n.caller()
	pool, client, _ := makePool(c, "first")
	other, _, _ := makePool(c, "second")
	c.ok(c.app("SignUp", obj{"ClientId": client, "Username": victim, "Password": hisSecret}))
	c.ok(c.app("ConfirmSignUp", obj{"ClientId": client, "Username": victim, "ConfirmationCode": n.phones.code(victim)}))
	user := c.ok(c.app("InitiateAuth", obj{"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": obj{"USERNAME": victim, "PASSWORD": hisSecret}})).str("AuthenticationResult", "AccessToken")
	before := n.whole(c, pool)

	key := func(preset string) aws.Credentials {
		var k struct{ ID, Secret string }
		check(t, json.Unmarshal([]byte(n.command("keys", "create", "--config", n.config, "--name", preset, "--preset", preset, "--pool", other, "--json")), &k))
		return aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}
	}
	foreign := map[string]aws.Credentials{
		"a wrong secret":  {AccessKeyID: n.owner.AccessKeyID, SecretAccessKey: "wrong" + n.owner.SecretAccessKey},
		"an unknown key":  {AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
		"the dev key":     {AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"},
		"another backend": key("app-backend"), "another deployer": key("deployer"), "another auditor": key("auditor"), "another owner": key("owner"),
	}
	refusal := []string{"AccessDeniedException", "MissingAuthenticationTokenException", "InvalidSignatureException", "UnrecognizedClientException", "IncompleteSignatureException"}
	in := obj{"UserPoolId": pool, "ClientId": client, "Username": victim, "PoolName": "x", "ClientName": "x", "Password": "H0stile-Password!", "UserAttributes": []obj{{"Name": "name", "Value": "x"}},
		"UserAttributeNames": []string{"name"}, "MaxResults": 10, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH", "AuthParameters": obj{"USERNAME": victim, "PASSWORD": hisSecret}, "AccessToken": user,
		"ChallengeName": "SMS_MFA"}
	tried := 0
	for _, op := range api.Operations {
		if op.Auth != wire.AuthIAM {
			continue
		}
		tried++
		demand := func(who string, a answer) {
			t.Helper()
			if a.status < 400 || !slices.Contains(append(refusal, "UnknownOperationException", "UnsupportedOperationException"), a.kind()) {
				t.Errorf("%s with %s: %d %s", op.Name, who, a.status, a.raw)
			}
		}
		demand("nothing", c.do(c.request(n.admin, op.Name, in), op.Name))
		demand("nothing, for end users", c.app(op.Name, in))
		bearer := c.request(n.admin, op.Name, in)
		bearer.Header.Set("Authorization", "Bearer "+user)
		demand("a user's token", c.do(bearer, op.Name))
		signedOutside := c.request(n.public, op.Name, in)
		sign(t, signedOutside, n.owner, "cognito-idp")
		demand("the owner's key at the wrong door", c.do(signedOutside, op.Name))
		if op.Name == "ListUserPools" || op.Name == "CreateUserPool" {
			continue // name no pool: see below
		}
		for who, creds := range foreign {
			as := *c
			as.creds = creds
			demand(who, as.back(op.Name, in))
		}
	}
	if tried < 60 {
		t.Errorf("only %d operations were tried", tried)
	}
	// Listing and creating need a grant on all pools.
	for who, creds := range foreign {
		as := *c
		as.creds = creds
		if a := as.back("CreateUserPool", obj{"PoolName": "x"}); a.status < 400 {
			t.Errorf("CreateUserPool with %s: %d %s", who, a.status, a.raw)
		}
		if a := as.back("ListUserPools", obj{"MaxResults": 60}); strings.Contains(string(a.raw), pool) {
			t.Errorf("ListUserPools with %s tells of the first pool: %d %s", who, a.status, a.raw)
		}
	}
	n.everyAdminRoute(user, foreign, pool)
	if after := n.whole(c, pool); after != before {
		t.Errorf("something was changed:\n%s\nwas\n%s", after, before)
	}
}

// whole is what must not change.
func (n *node) whole(c *caller, pool string) string {
	var out strings.Builder
	for _, a := range []answer{
		c.ok(c.back("ListUsers", obj{"UserPoolId": pool})), c.ok(c.back("DescribeUserPool", obj{"UserPoolId": pool})), c.ok(c.back("ListUserPoolClients", obj{"UserPoolId": pool})),
		c.ok(c.back("AdminGetUser", obj{"UserPoolId": pool, "Username": victim})), c.ok(c.back("GetUserPoolMfaConfig", obj{"UserPoolId": pool})),
	} {
		out.Write(a.raw)
	}
	return out.String()
}

var pathParam = regexp.MustCompile(`\{[^}]+\}`)

// everyAdminRoute takes the routes from the API's own description.
func (n *node) everyAdminRoute(userToken string, foreign map[string]aws.Credentials, pool string) {
	n.t.Helper()
	description := n.operate("GET", "/openapi.json")
	paths, _ := description.body["paths"].(obj)
	tried := 0
	for path, methods := range paths {
		path = "/admin/v1" + strings.TrimPrefix(path, "/admin/v1")
		if path = strings.ReplaceAll(path, "{pool}", pool); strings.Contains(path, "{user}") {
			path = strings.ReplaceAll(path, "{user}", url.PathEscape(victim))
		}
		path = pathParam.ReplaceAllString(path, n.owner.AccessKeyID)
		for method := range methods.(obj) {
			method = strings.ToUpper(method)
			try := func(who, base string, prepare func(*http.Request)) {
				n.t.Helper()
				tried++
				target := base + path
				if strings.HasSuffix(path, "/events") || strings.HasSuffix(path, "/messages") {
					target += "?pool=" + pool
				}
				req, err := http.NewRequest(method, target, strings.NewReader(`{"kind":"aws","name":"x","preset":"owner"}`))
				check(n.t, err)
				req.Header.Set("Content-Type", "application/json")
				prepare(req)
				a, err := send(req)
				check(n.t, err)
				if a.status != http.StatusUnauthorized && a.status != http.StatusForbidden && !(base == n.public && a.status == http.StatusNotFound) {
					n.t.Errorf("%s %s with %s: %d %s", method, path, who, a.status, a.raw)
				}
			}
			try("nothing", n.admin, func(*http.Request) {})
			try("nothing, for end users", n.public, func(*http.Request) {})
			try("the owner's key at the wrong door", n.public, func(r *http.Request) { sign(n.t, r, n.owner, "countersign") })
			try("a user's token", n.admin, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+userToken) })
			try("a made-up token", n.admin, func(r *http.Request) {
				r.Header.Set("Authorization", "Bearer csm_"+base64.RawURLEncoding.EncodeToString(make([]byte, 64)))
			})
			try("a signature for another service", n.admin, func(r *http.Request) { sign(n.t, r, n.owner, "cognito-idp") })
			if path == "/admin/v1/event-types" || path == "/admin/v1/root-key" {
				continue // names no pool and shows nobody's data: open to whoever may read events or keys of some pool
			}
			for _, who := range []string{"a wrong secret", "an unknown key", "the dev key", "another backend"} {
				try(who, n.admin, func(r *http.Request) { sign(n.t, r, foreign[who], "countersign") })
			}
		}
	}
	if tried < 60 {
		n.t.Errorf("only %d requests to operators' routes were made", tried)
	}
}

// TestAdvisory_CVE_2026_40166: secrets could be read by an API. Whatever describes or lists is asked by somebody who may read
// everything but was not granted secrets, and tells neither clients' secrets, nor keys', nor anything of a password.
func TestAdvisory_CVE_2026_40166(t *testing.T) {
	n := serve(t, filepath.Join(t.TempDir(), "countersign.db"))
	c := n.caller()
	pool, client, secret := makePool(c, "secrets")
	s := &secrets{}
	s.add(phrase, "the client's secret", secret)
	s.add(phrase, "the owner's secret key", n.owner.SecretAccessKey)
	s.add(phrase, "the webhook's secret", webhookSecret)
	s.add(phrase, "a password", hisSecret)
	c.ok(c.app("SignUp", obj{"ClientId": client, "Username": victim, "Password": hisSecret}))
	s.add(code, "a code", n.phones.code(victim))
	var k struct{ ID, Secret string }
	check(t, json.Unmarshal([]byte(n.command("keys", "create", "--config", n.config, "--name", "manager", "--kind", "management", "--preset", "owner", "--json")), &k))
	s.add(phrase, "the manager's secret", k.Secret)
	ids := c.ok(c.back("ListUserPoolClients", obj{"UserPoolId": pool}))
	confidential := ""
	for _, one := range ids.body["UserPoolClients"].([]any) {
		if one.(obj)["ClientName"] == "secrets" {
			confidential = one.(obj)["ClientId"].(string)
		}
	}
	read := 0
	for _, preset := range []string{"auditor", "app-backend", "deployer"} {
		var k struct{ ID, Secret string }
		check(t, json.Unmarshal([]byte(n.command("keys", "create", "--config", n.config, "--name", preset, "--preset", preset, "--json")), &k))
		s.add(phrase, "the secret key of "+preset, k.Secret)
		as := *c
		as.creds = aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}
		for _, op := range api.Operations {
			if op.Auth != wire.AuthIAM || !regexp.MustCompile(`^(Describe|List|Get|AdminGet|AdminList|Update)`).MatchString(op.Name) {
				continue
			}
			for _, one := range ids.body["UserPoolClients"].([]any) {
				a := as.back(op.Name, obj{"UserPoolId": pool, "ClientId": one.(obj)["ClientId"], "Username": victim, "MaxResults": 10})
				if a.status == http.StatusOK {
					read++
				}
				s.none(t, op.Name+" by "+preset, a.raw, phrase, code)
				for _, word := range []string{"$argon2", "PasswordHash", "verifier", "SealedVerifier"} {
					if strings.Contains(string(a.raw), word) {
						t.Errorf("%s tells %s", op.Name, word)
					}
				}
			}
		}
	}
	if read < 30 {
		t.Errorf("only %d answers were read", read)
	}
	// Only whoever was granted secrets by name, or everything, sees a client's.
	if own := c.ok(c.back("DescribeUserPoolClient", obj{"UserPoolId": pool, "ClientId": confidential})); own.str("UserPoolClient", "ClientSecret") != secret {
		t.Errorf("the owner is told %q", own.str("UserPoolClient", "ClientSecret"))
	}
	for _, path := range []string{"/status", "/pools", "/access-keys", "/openapi.json", "/events?reveal=true&limit=1000&pool=" + pool, "/messages?pool=" + pool,
		"/pools/" + pool + "/users/" + url.PathEscape(victim) + "/export"} {
		a := n.operate("GET", path)
		if a.status != http.StatusOK {
			t.Errorf("GET %s: %d %s", path, a.status, a.raw)
		}
		s.none(t, "GET "+path, a.raw, phrase, code)
	}
	for _, args := range [][]string{{"config", "print", "--config", n.config}, {"keys", "list", "--config", n.config, "--json"}, {"status", "--config", n.config, "--json"}} {
		s.none(t, strings.Join(args[:2], " "), []byte(n.command(args...)), phrase, code)
	}
}

// TestAdvisory_CVE_2026_33503: forged page tokens became SQL. Tokens that are cut, changed, made up or of another listing are refused
// as a bad parameter, and never as an internal error.
func TestAdvisory_CVE_2026_33503(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		n := serve(t, database)
		c := n.caller()
		pool, client, _ := makePool(c, "pages")
		other, _, _ := makePool(c, "other pages")
		for i := range 3 {
			c.ok(c.back("AdminCreateUser", obj{"UserPoolId": pool, "Username": fmt.Sprintf("+1202555020%d", i), "MessageAction": "SUPPRESS"}))
		}
		users := c.ok(c.back("ListUsers", obj{"UserPoolId": pool, "Limit": 1})).str("PaginationToken")
		pools := c.ok(c.back("ListUserPools", obj{"MaxResults": 1})).str("NextToken")
		clients := c.ok(c.back("ListUserPoolClients", obj{"UserPoolId": pool, "MaxResults": 1})).str("NextToken")
		if users == "" || pools == "" || clients == "" {
			t.Fatalf("no page tokens: %q %q %q", users, pools, clients)
		}
		c.ok(c.back("ListUsers", obj{"UserPoolId": pool, "Limit": 1, "PaginationToken": users}))
		ask := map[string]func(token string) answer{
			"ListUsers": func(v string) answer {
				return c.back("ListUsers", obj{"UserPoolId": pool, "Limit": 1, "PaginationToken": v})
			},
			"ListUsers of another pool": func(v string) answer {
				return c.back("ListUsers", obj{"UserPoolId": other, "Limit": 1, "PaginationToken": v})
			},
			"ListUsers with a filter": func(v string) answer {
				return c.back("ListUsers", obj{"UserPoolId": pool, "Limit": 1, "Filter": `status = "Enabled"`, "PaginationToken": v})
			},
			"ListUserPools": func(v string) answer { return c.back("ListUserPools", obj{"MaxResults": 1, "NextToken": v}) },
			"ListUserPoolClients": func(v string) answer {
				return c.back("ListUserPoolClients", obj{"UserPoolId": pool, "MaxResults": 1, "NextToken": v})
			},
		}
		own := map[string]string{"ListUsers": users, "ListUserPools": pools, "ListUserPoolClients": clients}
		for listing, f := range ask {
			forged := []string{"x", "' OR 1=1 --", strings.Repeat("A", 64), base64.RawURLEncoding.EncodeToString([]byte(`{"after":"' OR ''='"}`)), client,
				users[:len(users)-1], users + "A", strings.Repeat("%00", 20)}
			for _, genuine := range []string{users, pools, clients} {
				if genuine != own[listing] {
					forged = append(forged, genuine)
				}
				for _, i := range []int{0, 1, len(genuine) / 2, len(genuine) - 2} {
					b := []byte(genuine)
					b[i] ^= 1
					if b[i] < '0' {
						b[i] = 'Z'
					}
					forged = append(forged, string(b))
				}
			}
			for _, v := range forged {
				if a := f(v); a.status != http.StatusBadRequest || a.kind() != "InvalidParameterException" {
					t.Errorf("%s with the token %.40q: %d %s", listing, v, a.status, a.raw)
				}
			}
		}
	})
}

// TestAdvisory_CVE_2024_47070_GHSA_93m4_mfpg_c3xf_CVE_2026_29794: forwarded headers steered links, skipped policies and dodged limits. A
// stranger's say nothing: the issuer, the texts and the counters are the same with them.
func TestAdvisory_CVE_2024_47070_GHSA_93m4_mfpg_c3xf_CVE_2026_29794(t *testing.T) {
	n := serve(t, filepath.Join(t.TempDir(), "countersign.db"))
	c := n.caller()
	pool, client, _ := makePool(c, "forwarded")
	forged := *c
	forged.header = http.Header{
		"X-Forwarded-Host": {"attacker.example"}, "X-Forwarded-Proto": {"javascript"}, "X-Forwarded-For": {"unparsable, 198.51.100.1, ::"}, "Forwarded": {"for=198.51.100.1;host=attacker.example;proto=https"},
		"X-Real-Ip": {"198.51.100.1"}, "X-Original-Host": {"attacker.example"}, "X-Forwarded-Port": {"1"}, "X-Forwarded-Prefix": {"/evil"}, "X-Original-Url": {"/admin/v1/status"},
		"X-Rewrite-Url": {"/admin/v1/status"}, "True-Client-Ip": {"198.51.100.1"}, "X-Http-Method-Override": {"DELETE"},
	}
	forged.ok(forged.app("SignUp", obj{"ClientId": client, "Username": victim, "Password": hisSecret}))
	got := n.phones.code(victim)
	for _, m := range n.phones.all() {
		if strings.Contains(m.Text, "attacker") || strings.Contains(m.Text, "://") {
			t.Errorf("the text says %q", m.Text)
		}
	}
	forged.ok(forged.app("ConfirmSignUp", obj{"ClientId": client, "Username": victim, "ConfirmationCode": got}))
	tk := forged.ok(forged.app("InitiateAuth", obj{"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": obj{"USERNAME": victim, "PASSWORD": hisSecret}}))
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(tk.str("AuthenticationResult", "IdToken"), ".")[1])
	check(t, err)
	var claims struct{ Iss string }
	check(t, json.Unmarshal(payload, &claims))
	if want := n.public + "/" + pool; claims.Iss != want {
		t.Errorf("the issuer is %s, want %s", claims.Iss, want)
	}
	for _, path := range []string{"/" + pool + "/.well-known/openid-configuration", "/" + pool + "/.well-known/jwks.json"} {
		req, err := http.NewRequest("GET", n.public+path, nil)
		check(t, err)
		req.Header = forged.header.Clone()
		a, err := send(req)
		check(t, err)
		if a.status != http.StatusOK || strings.Contains(string(a.raw), "attacker") || strings.Contains(fmt.Sprint(a.header), "attacker") {
			t.Errorf("GET %s: %d %v %s", path, a.status, a.header, a.raw)
		}
	}
	// A new address with each try does not make the tries of a new account: the fifth wrong password in a row locks the bucket.
	stranger := "+12025550177"
	c.ok(c.back("AdminCreateUser", obj{"UserPoolId": pool, "Username": stranger, "MessageAction": "SUPPRESS"}))
	c.ok(c.back("AdminSetUserPassword", obj{"UserPoolId": pool, "Username": stranger, "Password": hisSecret, "Permanent": true}))
	locked := 0
	for i := range 12 {
		forged.header.Set("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i+1))
		a := forged.app("InitiateAuth", obj{"ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": obj{"USERNAME": stranger, "PASSWORD": "Wr0ng-Horse!"}})
		if a.str("message") == "Password attempts exceeded" {
			locked++
		}
	}
	if locked < 5 {
		t.Errorf("only %d of 12 tries under forged addresses were refused", locked)
	}
	// Limits of a network see one network.
	sent := 0
	for i := range 140 {
		forged.header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i+1))
		if a := forged.app("ResendConfirmationCode", obj{"ClientId": client, "Username": fmt.Sprintf("+1202556%04d", i)}); a.kind() != "UserNotFoundException" {
			t.Fatalf("resend: %d %s", a.status, a.raw)
		}
	}
	for i := range 140 {
		forged.header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i+1))
		name := fmt.Sprintf("+1202557%04d", i)
		a := forged.app("SignUp", obj{"ClientId": client, "Username": name, "Password": hisSecret})
		if a.status == http.StatusOK {
			sent++
		} else if a.kind() != "LimitExceededException" {
			t.Fatalf("sign-up: %d %s", a.status, a.raw)
		}
	}
	if sent > 120 {
		t.Errorf("one network under forged addresses caused %d texts", sent)
	}
}
