package proof

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/internal/srp/srptest"
	"countersign/internal/totp"
)

// TestAdvisory_better_auth_11297: phone codes were stored in clear. Every column, the raw files and the backup are searched after
// every flow, for codes and for whatever else is sealed or hashed.
func TestAdvisory_better_auth_11297(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		n, s := afterEverything(t, database)
		tables := map[string]bool{}
		for _, c := range dump(t, database) {
			tables[c.table] = true
			if strings.Contains(string(c.data), strings.TrimPrefix(n.erased, "+")) {
				t.Errorf("column %s of %s holds the number of a user who was deleted", c.column, c.table)
			}
			s.none(t, "column "+c.column+" of "+c.table, c.data, code, phrase, token)
			if !homeOfNumbers[c.table] {
				s.none(t, "column "+c.column+" of "+c.table, c.data, number)
			}
		}
		for _, table := range []string{"users", "codes", "challenges", "outbox", "events", "families", "clients", "access_keys", "attempts"} {
			if !tables[table] {
				t.Errorf("nothing was read from %s: the search has not seen what it should", table)
			}
		}
		backup := filepath.Join(t.TempDir(), "backup")
		n.command("backup", "--config", n.config, backup)
		for name, raw := range unpack(t, backup) {
			s.none(t, name, raw, code, phrase, token)
		}
		if strings.HasPrefix(database, "postgres") {
			return
		}
		for name, raw := range files(t, database) {
			s.none(t, name, raw, code, phrase, token)
		}
	})
}

// homeOfNumbers are the tables whose purpose needs a number: users and the names that they sign in with. A challenge and a session
// remember the name that was typed, and end with it.
var homeOfNumbers = map[string]bool{"users": true, "aliases": true, "challenges": true, "families": true}

// TestAdvisory_supabase_auth_1635: wrong codes were written to logs. Logs at debug level, metrics, events, messages and answers are
// searched after every flow and every kind of error.
func TestAdvisory_supabase_auth_1635(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		n, s := afterEverything(t, database)
		everything := []kind{code, phrase, token, number}

		metrics, err := http.Get(n.admin + "/metrics")
		check(t, err)
		defer metrics.Body.Close()
		raw, err := io.ReadAll(metrics.Body)
		check(t, err)
		var labels strings.Builder // values are numbers of any kind
		for line := range strings.Lines(string(raw)) {
			labels.WriteString(line[:strings.LastIndexByte(strings.TrimSpace(line), ' ')+1] + "\n")
		}
		if !strings.Contains(labels.String(), "countersign_http_requests_total") {
			t.Errorf("these are no metrics: %.200s", raw)
		}
		s.none(t, "/metrics", []byte(labels.String()), everything...)

		var pools struct{ list []string }
		for _, p := range n.operate("GET", "/pools").body["pools"].([]any) {
			pools.list = append(pools.list, p.(obj)["id"].(string))
		}
		events := 0
		for _, id := range pools.list {
			for _, path := range []string{"/events?limit=1000&pool=", "/messages?limit=1000&pool="} {
				a := n.operate("GET", path+url.QueryEscape(id))
				if a.status != http.StatusOK {
					t.Fatalf("%s: %d %s", path, a.status, a.raw)
				}
				s.none(t, "GET /admin/v1"+path, a.raw, everything...)
				if list, ok := a.body["events"].([]any); ok {
					events += len(list)
				}
			}
			shown := n.operate("GET", "/events?limit=1000&reveal=true&pool="+url.QueryEscape(id))
			s.none(t, "events with personal data", shown.raw, code, phrase, token)
		}
		if events < 40 {
			t.Errorf("only %d events were searched", events)
		}
		for _, a := range n.rest.all() {
			s.none(t, "the answer of "+a.op, a.raw, code, phrase)
			s.inHeader(t, "the answer of "+a.op, a.header)
		}
		n.stop(t)
		s.none(t, "the log", []byte(n.out.String()), everything...)
		if !strings.Contains(n.out.String(), `"level":"DEBUG"`) && !strings.Contains(n.out.String(), "listening") {
			t.Errorf("the log was not searched: %.300s", n.out.String())
		}
	})
}

// afterEverything runs a server through every flow and every kind of error.
func afterEverything(t *testing.T, database string) (*node, *secrets) {
	t.Helper()
	n := serve(t, database)
	f := &flows{caller: n.caller(), s: &secrets{}, code: n.phones.code}
	f.s.add(phrase, "the owner's secret key", n.owner.SecretAccessKey)
	f.s.add(phrase, "the webhook's secret", webhookSecret)
	f.all()
	n.erased = f.erased
	f.managers(n)
	n.settled()
	for _, m := range n.phones.all() {
		if m.Code != "" && !f.known(m.Code) {
			f.s.add(codeKind(m.Code), "an unread code", m.Code)
		}
	}
	if f.s.count() < 60 {
		t.Errorf("only %d secrets are known: the flows did not do what they should", f.s.count())
	}
	return n, f.s
}

// codeKind: temporary passwords travel as codes and are long.
func codeKind(v string) kind {
	if strings.Trim(v, "0123456789") == "" && len(v) <= 8 {
		return code
	}
	return phrase
}

// settled waits until no message is on its way.
func (n *node) settled() {
	n.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		busy := false
		for _, p := range n.operate("GET", "/pools").body["pools"].([]any) {
			for _, state := range []string{"queued", "sending"} {
				list, _ := n.operate("GET", "/messages?state="+state+"&pool="+p.(obj)["id"].(string)).body["messages"].([]any)
				busy = busy || len(list) > 0
			}
		}
		if !busy {
			return
		}
	}
	n.t.Error("messages were still on their way after 20 s")
}

// flows plays every part: app, back end, person with a phone.
type flows struct {
	*caller
	s    *secrets
	code func(to string) string

	pool, client, confidential, secret string
	numbers                            int
	erased                             string // the number of a user who was deleted
}

func (f *flows) known(code string) bool {
	for _, m := range f.s.byKind {
		if _, ok := m[code]; ok {
			return true
		}
	}
	return false
}

// phone returns a new number, password a new password.
func (f *flows) phone() string {
	f.numbers++
	return f.s.add(number, "a number", fmt.Sprintf("+1202555%04d", 3100+f.numbers*7))
}

func (f *flows) password(what string) string {
	return f.s.add(phrase, what, fmt.Sprintf("Canary-%s-%d!x", strings.ReplaceAll(what, " ", ""), 7000+f.s.count()))
}

// text waits for the code that was sent to the number.
func (f *flows) text(to string) string {
	f.t.Helper()
	v := f.code(to)
	if v == "" {
		f.t.Fatalf("no code came to %s", to)
	}
	return f.s.add(codeKind(v), "a code", v)
}

// wrong is a code that was never sent, and is looked for all the same.
func (f *flows) wrong(right string) string {
	b := []byte(right)
	b[0] = '0' + (b[0]-'0'+3)%10
	b[len(b)-1] = '0' + (b[len(b)-1]-'0'+1)%10
	return f.s.add(code, "a wrong code", string(b))
}

// keep remembers sessions and tokens of an answer.
func (f *flows) keep(a answer) answer {
	f.t.Helper()
	f.ok(a)
	for _, m := range []string{"Session", "SecretCode"} {
		if v := a.str(m); v != "" {
			f.s.add(token, m, v)
		}
	}
	for _, m := range []string{"AccessToken", "IdToken", "RefreshToken"} {
		if v := a.str("AuthenticationResult", m); v != "" {
			f.s.add(token, m, v)
			if i := strings.LastIndexByte(v, '.'); i > 0 {
				f.s.add(token, "the signature of "+m, v[i+1:])
			}
		}
	}
	return a
}

func (f *flows) all() {
	f.setUp()
	alice, pw := f.signUps()
	f.signIns(alice, pw)
	pw = f.recovery(alice)
	f.changes(alice, pw)
	f.invitations()
	f.secretClient()
	f.passwordless()
	f.malformed(alice)
	f.unreachable()
}

var allFlows = []string{"ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}

func (f *flows) setUp() {
	role := obj{"SnsCallerArn": "arn:aws:iam::000000000000:role/sms", "ExternalId": "proof"}
	p := f.ok(f.back("CreateUserPool", obj{"PoolName": "canary", "UsernameAttributes": []string{"phone_number"},
		"AutoVerifiedAttributes": []string{"phone_number"}, "SmsConfiguration": role}))
	f.pool = p.str("UserPool", "Id")
	f.ok(f.back("SetUserPoolMfaConfig", obj{"UserPoolId": f.pool, "MfaConfiguration": "OPTIONAL",
		"SmsMfaConfiguration": obj{"SmsConfiguration": role}, "SoftwareTokenMfaConfiguration": obj{"Enabled": true}}))
	f.client = f.ok(f.back("CreateUserPoolClient", obj{"UserPoolId": f.pool, "ClientName": "app", "ExplicitAuthFlows": allFlows})).str("UserPoolClient", "ClientId")
	c := f.ok(f.back("CreateUserPoolClient", obj{"UserPoolId": f.pool, "ClientName": "server", "ExplicitAuthFlows": allFlows, "GenerateSecret": true}))
	f.confidential, f.secret = c.str("UserPoolClient", "ClientId"), f.s.add(token, "the client's secret", c.str("UserPoolClient", "ClientSecret"))
}

func (f *flows) signUps() (alice, pw string) {
	alice, pw = f.phone(), f.password("first password")
	in := obj{"ClientId": f.client, "Username": alice, "Password": pw, "UserAttributes": []obj{{"Name": "name", "Value": "Alice"}}}
	f.keep(f.app("SignUp", in))
	first := f.text(alice)
	confirm := func(c string) answer {
		return f.app("ConfirmSignUp", obj{"ClientId": f.client, "Username": alice, "ConfirmationCode": c})
	}
	f.refused(confirm(f.wrong(first)), "CodeMismatchException")
	f.ok(f.app("ResendConfirmationCode", obj{"ClientId": f.client, "Username": alice}))
	f.refused(f.app("InitiateAuth", obj{"ClientId": f.client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": obj{"USERNAME": alice, "PASSWORD": pw}}), "UserNotConfirmedException")
	f.keep(confirm(f.text(alice)))
	f.refused(confirm(first), "NotAuthorizedException")
	f.refused(f.app("SignUp", in), "UsernameExistsException")
	weak := f.s.add(phrase, "a weak password", "canaryweakpassword")
	f.refused(f.app("SignUp", obj{"ClientId": f.client, "Username": f.phone(), "Password": weak}), "InvalidPasswordException")
	f.refused(f.app("SignUp", obj{"ClientId": f.client, "Username": "not-a-number", "Password": pw}), "InvalidParameterException")
	f.refused(f.app("ConfirmSignUp", obj{"ClientId": f.client, "Username": f.phone(), "ConfirmationCode": f.wrong(first)}), "UserNotFoundException")
	return alice, pw
}

func (f *flows) signIns(alice, pw string) {
	begin := func(password string) answer {
		return f.app("InitiateAuth", obj{"ClientId": f.client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": obj{"USERNAME": alice, "PASSWORD": password}})
	}
	respond := func(ch answer, answers obj) answer {
		answers["USERNAME"] = alice
		return f.app("RespondToAuthChallenge", obj{"ClientId": f.client, "ChallengeName": ch.str("ChallengeName"), "Session": ch.str("Session"), "ChallengeResponses": answers})
	}
	f.refused(begin(f.password("wrong password")), "NotAuthorizedException")
	access := f.keep(begin(pw)).str("AuthenticationResult", "AccessToken")
	f.srp(alice, pw)

	as := f.keep(f.app("AssociateSoftwareToken", obj{"AccessToken": access}))
	secret := as.str("SecretCode")
	now := f.totp(secret)
	f.refused(f.app("VerifySoftwareToken", obj{"AccessToken": access, "UserCode": f.wrong(now)}), "EnableSoftwareTokenMFAException")
	f.ok(f.app("VerifySoftwareToken", obj{"AccessToken": access, "UserCode": now}))
	f.ok(f.app("SetUserMFAPreference", obj{"AccessToken": access, "SMSMfaSettings": obj{"Enabled": true}, "SoftwareTokenMfaSettings": obj{"Enabled": true}}))

	choice := f.keep(begin(pw))
	if choice.str("ChallengeName") != "SELECT_MFA_TYPE" {
		f.t.Fatalf("got %s", choice.raw)
	}
	sms := f.keep(respond(choice, obj{"ANSWER": "SMS_MFA"}))
	right := f.text(alice)
	f.refused(respond(sms, obj{"SMS_MFA_CODE": f.wrong(right)}), "CodeMismatchException")
	f.keep(respond(sms, obj{"SMS_MFA_CODE": right}))
	f.refused(respond(sms, obj{"SMS_MFA_CODE": right}), "NotAuthorizedException")

	app := f.keep(respond(f.keep(begin(pw)), obj{"ANSWER": "SOFTWARE_TOKEN_MFA"}))
	f.refused(respond(app, obj{"SOFTWARE_TOKEN_MFA_CODE": f.wrong(now)}), "CodeMismatchException")
	next, err := totp.Code(secret, time.Now().Add(30*time.Second))
	check(f.t, err)
	done := f.keep(respond(app, obj{"SOFTWARE_TOKEN_MFA_CODE": f.s.add(code, "a TOTP", next)}))

	refresh := done.str("AuthenticationResult", "RefreshToken")
	f.keep(f.app("InitiateAuth", obj{"ClientId": f.client, "AuthFlow": "REFRESH_TOKEN_AUTH", "AuthParameters": obj{"REFRESH_TOKEN": refresh}}))
	f.ok(f.app("GetUser", obj{"AccessToken": done.str("AuthenticationResult", "AccessToken")}))
	f.ok(f.app("RevokeToken", obj{"ClientId": f.client, "Token": refresh}))
	f.refused(f.app("GetTokensFromRefreshToken", obj{"ClientId": f.client, "RefreshToken": refresh}), "NotAuthorizedException")
	f.refused(f.app("GetUser", obj{"AccessToken": done.str("AuthenticationResult", "AccessToken")}), "NotAuthorizedException")
	f.refused(f.app("GetUser", obj{"AccessToken": access[:len(access)-4] + "AAAA"}), "NotAuthorizedException")
	f.ok(f.back("AdminSetUserMFAPreference", obj{"UserPoolId": f.pool, "Username": alice, "SMSMfaSettings": obj{"Enabled": false}, "SoftwareTokenMfaSettings": obj{"Enabled": false}}))
}

func (f *flows) totp(secret string) string {
	v, err := totp.Code(secret, time.Now())
	check(f.t, err)
	return f.s.add(code, "a TOTP", v)
}

// srp signs in by proof, once wrong and once right.
func (f *flows) srp(name, pw string) {
	for _, try := range []struct{ password, want string }{{f.password("wrong proof"), "NotAuthorizedException"}, {pw, ""}} {
		c := srptest.NewClient()
		ch := f.ok(f.app("InitiateAuth", obj{"ClientId": f.client, "AuthFlow": "USER_SRP_AUTH", "AuthParameters": obj{"USERNAME": name, "SRP_A": c.A()}}))
		block := f.s.add(token, "a secret block", ch.str("ChallengeParameters", "SECRET_BLOCK"))
		user := ch.str("ChallengeParameters", "USER_ID_FOR_SRP")
		_, poolName, _ := strings.Cut(f.pool, "_")
		sig, at, err := c.Answer(srptest.Challenge{PoolName: poolName, UserID: user, Salt: ch.str("ChallengeParameters", "SALT"),
			B: ch.str("ChallengeParameters", "SRP_B"), SecretBlock: block}, try.password, time.Now().UTC())
		check(f.t, err)
		a := f.app("RespondToAuthChallenge", obj{"ClientId": f.client, "ChallengeName": "PASSWORD_VERIFIER", "ChallengeResponses": obj{
			"USERNAME": user, "PASSWORD_CLAIM_SECRET_BLOCK": block, "PASSWORD_CLAIM_SIGNATURE": sig, "TIMESTAMP": at}})
		if try.want != "" {
			f.refused(a, try.want)
		} else {
			f.keep(a)
		}
	}
}

func (f *flows) recovery(alice string) (pw string) {
	f.ok(f.app("ForgotPassword", obj{"ClientId": f.client, "Username": alice}))
	right := f.text(alice)
	pw = f.password("new password")
	confirm := func(c, p string) answer {
		return f.app("ConfirmForgotPassword", obj{"ClientId": f.client, "Username": alice, "ConfirmationCode": c, "Password": p})
	}
	f.refused(confirm(f.wrong(right), pw), "CodeMismatchException")
	f.refused(confirm(right, f.s.add(phrase, "a weak new password", "canaryalsoweak")), "InvalidPasswordException")
	f.ok(confirm(right, pw))
	f.refused(confirm(right, pw), "ExpiredCodeException")
	return pw
}

func (f *flows) changes(alice, pw string) {
	signIn := func(pw string) string {
		return f.keep(f.app("InitiateAuth", obj{"ClientId": f.client, "AuthFlow": "USER_PASSWORD_AUTH",
			"AuthParameters": obj{"USERNAME": alice, "PASSWORD": pw}})).str("AuthenticationResult", "AccessToken")
	}
	access := signIn(pw)
	changed := f.password("changed password")
	f.refused(f.app("ChangePassword", obj{"AccessToken": access, "PreviousPassword": f.password("wrong previous"), "ProposedPassword": changed}), "NotAuthorizedException")
	f.ok(f.app("ChangePassword", obj{"AccessToken": access, "PreviousPassword": pw, "ProposedPassword": changed}))
	access = signIn(changed)
	other := f.phone()
	f.ok(f.app("UpdateUserAttributes", obj{"AccessToken": access, "UserAttributes": []obj{{"Name": "phone_number", "Value": other}}}))
	right := f.text(other)
	verify := func(c string) answer {
		return f.app("VerifyUserAttribute", obj{"AccessToken": access, "AttributeName": "phone_number", "Code": c})
	}
	f.refused(verify(f.wrong(right)), "CodeMismatchException")
	f.ok(f.app("GetUserAttributeVerificationCode", obj{"AccessToken": access, "AttributeName": "phone_number"}))
	f.ok(verify(f.text(other)))
	f.ok(f.app("GlobalSignOut", obj{"AccessToken": access}))
	f.refused(f.app("GetUser", obj{"AccessToken": access}), "NotAuthorizedException")
}

func (f *flows) invitations() {
	for _, given := range []string{"", f.password("given temporary")} {
		bob := f.phone()
		in := obj{"UserPoolId": f.pool, "Username": bob, "DesiredDeliveryMediums": []string{"SMS"}, "UserAttributes": []obj{{"Name": "phone_number_verified", "Value": "true"}}}
		if given != "" {
			in["TemporaryPassword"] = given
		}
		f.ok(f.back("AdminCreateUser", in))
		f.refused(f.back("AdminCreateUser", in), "UsernameExistsException")
		temporary := f.text(bob)
		begin := obj{"UserPoolId": f.pool, "ClientId": f.client, "AuthFlow": "ADMIN_USER_PASSWORD_AUTH", "AuthParameters": obj{"USERNAME": bob, "PASSWORD": temporary}}
		ch := f.keep(f.back("AdminInitiateAuth", begin))
		f.keep(f.back("AdminRespondToAuthChallenge", obj{"UserPoolId": f.pool, "ClientId": f.client, "ChallengeName": "NEW_PASSWORD_REQUIRED", "Session": ch.str("Session"),
			"ChallengeResponses": obj{"USERNAME": bob, "NEW_PASSWORD": f.password("own password")}}))
		f.ok(f.back("AdminSetUserPassword", obj{"UserPoolId": f.pool, "Username": bob, "Password": f.password("set password"), "Permanent": true}))
		f.ok(f.back("AdminResetUserPassword", obj{"UserPoolId": f.pool, "Username": bob}))
		f.text(bob)
		f.ok(f.back("AdminGetUser", obj{"UserPoolId": f.pool, "Username": bob}))
		f.ok(f.back("ListUsers", obj{"UserPoolId": f.pool, "Filter": `phone_number = "` + bob + `"`}))
		f.ok(f.back("AdminDisableUser", obj{"UserPoolId": f.pool, "Username": bob}))
	}
}

func (f *flows) secretClient() {
	carol, pw := f.phone(), f.password("confidential password")
	mac := hmac.New(sha256.New, []byte(f.secret))
	mac.Write([]byte(carol + f.confidential))
	hash := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	in := obj{"ClientId": f.confidential, "Username": carol, "Password": pw}
	f.refused(f.app("SignUp", in), "NotAuthorizedException")
	in["SecretHash"] = f.s.add(phrase, "a wrong secret hash", base64.StdEncoding.EncodeToString([]byte("canary of a wrong secret hash...")))
	f.refused(f.app("SignUp", in), "NotAuthorizedException")
	in["SecretHash"] = f.s.add(token, "a secret hash", hash)
	f.keep(f.app("SignUp", in))
	f.keep(f.app("ConfirmSignUp", obj{"ClientId": f.confidential, "Username": carol, "SecretHash": hash, "ConfirmationCode": f.text(carol)}))
	tk := f.keep(f.app("InitiateAuth", obj{"ClientId": f.confidential, "AuthFlow": "USER_PASSWORD_AUTH",
		"AuthParameters": obj{"USERNAME": carol, "PASSWORD": pw, "SECRET_HASH": hash}}))
	refresh := tk.str("AuthenticationResult", "RefreshToken")
	f.refused(f.app("GetTokensFromRefreshToken", obj{"ClientId": f.confidential, "RefreshToken": refresh,
		"ClientSecret": f.s.add(phrase, "a wrong client secret", "canaryofawrongclientsecret00000000000000000000000000")}), "NotAuthorizedException")
	f.keep(f.app("GetTokensFromRefreshToken", obj{"ClientId": f.confidential, "RefreshToken": refresh, "ClientSecret": f.secret}))
	f.erased = carol
	f.ok(f.app("DeleteUser", obj{"AccessToken": tk.str("AuthenticationResult", "AccessToken")}))
}

// passwordless signs in by a code alone, in a pool that allows it.
func (f *flows) passwordless() {
	p := f.ok(f.back("CreateUserPool", obj{"PoolName": "codes", "UsernameAttributes": []string{"phone_number"}, "AutoVerifiedAttributes": []string{"phone_number"},
		"Policies": obj{"SignInPolicy": obj{"AllowedFirstAuthFactors": []string{"PASSWORD", "SMS_OTP"}}}})).str("UserPool", "Id")
	c := f.ok(f.back("CreateUserPoolClient", obj{"UserPoolId": p, "ClientName": "app", "ExplicitAuthFlows": allFlows})).str("UserPoolClient", "ClientId")
	dave := f.phone()
	f.keep(f.app("SignUp", obj{"ClientId": c, "Username": dave, "Password": f.password("rarely used")}))
	f.keep(f.app("ConfirmSignUp", obj{"ClientId": c, "Username": dave, "ConfirmationCode": f.text(dave)}))
	ch := f.keep(f.app("InitiateAuth", obj{"ClientId": c, "AuthFlow": "USER_AUTH", "AuthParameters": obj{"USERNAME": dave, "PREFERRED_CHALLENGE": "SMS_OTP"}}))
	answer := func(v string) answer {
		return f.app("RespondToAuthChallenge", obj{"ClientId": c, "ChallengeName": "SMS_OTP", "Session": ch.str("Session"), "ChallengeResponses": obj{"USERNAME": dave, "SMS_OTP_CODE": v}})
	}
	right := f.text(dave)
	f.refused(answer(f.wrong(right)), "CodeMismatchException")
	f.keep(answer(right))
}

// malformed sends secrets where nobody expects them: what cannot be read must not be quoted.
func (f *flows) malformed(alice string) {
	lost := f.password("lost password")
	for _, c := range []struct{ op, body string }{
		{"InitiateAuth", `{"AuthFlow":"USER_PASSWORD_AUTH","ClientId":"` + f.client + `","AuthParameters":{"USERNAME":"` + alice + `","PASSWORD":"` + lost},
		{"SignUp", `{"ClientId":"` + f.client + `","Username":"` + alice + `","Password":["` + lost + `"]}`},
		{"SignUp", `{"ClientId":"` + f.client + `","Username":"` + alice + `","Password":"` + lost + strings.Repeat(" ", 300) + `"}`},
		{"SignUp", `{"ClientId":"` + lost + `","Username":"` + alice + `","Password":"` + lost + `"}`},
		{"ConfirmSignUp", `{"ClientId":"` + f.client + `","Username":"` + alice + `","ConfirmationCode":"` + lost + `"}`},
		{"NoSuchOperation", `{"Password":"` + lost + `"}`},
		{"GetUser", `{"AccessToken":"` + lost + `"}`},
		{"RespondToAuthChallenge", `{"ClientId":"` + f.client + `","ChallengeName":"SMS_MFA","Session":"` + lost + lost + `","ChallengeResponses":{"SMS_MFA_CODE":"` + lost + `"}}`},
		{"ChangePassword", lost},
	} {
		if a := f.app(c.op, c.body); a.status < 400 {
			f.t.Errorf("%s with %.60s: %d", c.op, c.body, a.status)
		}
	}
	req, err := http.NewRequest("POST", f.public+"/?password="+url.QueryEscape(lost), strings.NewReader(lost))
	check(f.t, err)
	f.do(req, "POST /")
}

// unreachable has a provider quote code, text and number in its refusal.
func (f *flows) unreachable() {
	eve := f.s.add(number, "a number", "+12025553999")
	f.keep(f.app("SignUp", obj{"ClientId": f.client, "Username": eve, "Password": f.password("unreachable password")}))
	f.text(eve)
}

// managers are programs that manage: tokens for a client id and secret.
func (f *flows) managers(n *node) {
	form := func(secret string) answer {
		v := url.Values{"grant_type": {"client_credentials"}, "client_id": {"canary-manager"}, "client_secret": {secret}, "audience": {n.admin + "/admin/v1"}}
		req, err := http.NewRequest("POST", n.admin+"/oauth/token", strings.NewReader(v.Encode()))
		check(f.t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return f.do(req, "/oauth/token")
	}
	if a := form(f.s.add(phrase, "a wrong management secret", "canary-of-a-wrong-management-secret")); a.status < 400 {
		f.t.Errorf("a wrong secret: %d %s", a.status, a.raw)
	}
}
