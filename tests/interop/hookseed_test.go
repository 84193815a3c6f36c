package interop

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// documentedHook is the hook of one of the documents that the product was asked from, byte for byte as it is printed there: from its first
// comment to the end of the function.
func documentedHook(t *testing.T, number string) string {
	t.Helper()
	dir := referenceFolder()
	pages, _ := filepath.Glob(filepath.Join(dir, "seeds", number+"_*.txt"))
	if len(pages) != 1 {
		t.Fatalf("the document with the hook is missing: set COUNTERSIGN_REFERENCE to the folder that holds seeds/ (looked in %s)", dir)
	}
	page, err := os.ReadFile(pages[0])
	check(t, err)
	begin := bytes.Index(page, []byte("// Load the SDK"))
	end := bytes.LastIndex(page, []byte("\n};"))
	if begin < 0 || end < begin {
		t.Fatal("the document has no hook where it is looked for")
	}
	return string(page[begin : end+len("\n};\n")])
}

// auth0 calls the Auth0 dialect of a server by plain HTTP.
type auth0 struct {
	t     *testing.T
	base  string
	token string
}

// answer is a JSON answer.
type answer struct {
	Status int
	Header http.Header
	Body   any
	Raw    string
}

// at reads a member of the body by its path ("a.b.0").
func (a answer) at(path string) any {
	v := a.Body
	for key := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[key]
		case []any:
			if i := int(key[0] - '0'); len(key) == 1 && i < len(x) {
				v = x[i]
			} else {
				return nil
			}
		default:
			return nil
		}
	}
	return v
}

func (a answer) text(path string) string {
	s, _ := a.at(path).(string)
	return s
}

// management gets a token for the Management API with the development client.
func management(t *testing.T, s *server) *auth0 {
	t.Helper()
	api := &auth0{t: t, base: s.URL}
	got := api.call("POST", "/oauth/token", map[string]any{
		"grant_type": "client_credentials", "client_id": "countersign-dev", "client_secret": "countersign-dev-secret", "audience": s.URL + "/api/v2/",
	}, 200)
	api.token = got.text("access_token")
	return api
}

// call sends in as JSON (nil: no body) and demands the status.
func (a *auth0) call(method, path string, in any, want int) answer {
	a.t.Helper()
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		check(a.t, err)
		body = bytes.NewReader(raw)
	}
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.base+path, body)
	check(a.t, err)
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if a.token != "" {
		r.Header.Set("Authorization", "Bearer "+a.token)
	}
	res, err := http.DefaultClient.Do(r)
	check(a.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	check(a.t, err)
	out := answer{Status: res.StatusCode, Header: res.Header, Raw: string(raw)}
	_ = json.Unmarshal(raw, &out.Body)
	if res.StatusCode != want {
		a.t.Fatalf("%s %s answered %d, want %d: %s", method, path, res.StatusCode, want, raw)
	}
	return out
}

const mfaGrant = "http://auth0.com/oauth/grant-type/mfa-oob"

// user makes a user of the database connection and returns its e-mail address.
func (a *auth0) user() (id, email string) {
	a.t.Helper()
	email = newEmail()
	got := a.call("POST", "/api/v2/users", map[string]any{
		"connection": "Username-Password-Authentication", "email": email, "email_verified": true, "password": password,
	}, 201)
	return got.text("user_id"), email
}

// signIn begins a sign-in that owes a second factor, and returns the mfa_token.
func (a *auth0) signIn(email string) string {
	a.t.Helper()
	got := a.anonymous().call("POST", "/oauth/token", map[string]any{
		"grant_type": "http://auth0.com/oauth/grant-type/password-realm", "realm": "Username-Password-Authentication", "client_id": devClient,
		"username": email, "password": password, "scope": "openid profile offline_access",
	}, 403)
	if got.text("error") != "mfa_required" || got.text("mfa_token") == "" {
		a.t.Fatalf("the sign-in answered %s", got.Raw)
	}
	return got.text("mfa_token")
}

// anonymous is the same server without a token, bearer with another one.
func (a *auth0) anonymous() *auth0 { return &auth0{t: a.t, base: a.base} }
func (a *auth0) bearer(token string) *auth0 {
	return &auth0{t: a.t, base: a.base, token: token}
}

// useCustomProvider is what the documents call activating the factor: MFA for all applications, the SMS factor on, its delivery provider Custom.
func (a *auth0) useCustomProvider() {
	a.t.Helper()
	a.call("PUT", "/api/v2/guardian/factors/phone/selected-provider", map[string]any{"provider": "phone-message-hook"}, 200)
	a.call("PUT", "/api/v2/guardian/factors/phone/message-types", map[string]any{"message_types": []string{"sms"}}, 200)
	a.templates()
	a.call("PUT", "/api/v2/guardian/factors/sms", map[string]any{"enabled": true}, 200)
	a.call("PUT", "/api/v2/guardian/policies", []string{"all-applications"}, 200)
}

// templates sets the texts that enrolAndChallenge expects.
func (a *auth0) templates() {
	a.t.Helper()
	a.call("PUT", "/api/v2/guardian/factors/phone/templates", map[string]any{
		"enrollment_message":   "{{code}} confirms your phone at {{tenant.friendly_name}}.",
		"verification_message": "{{code}} is your code for {{tenant.friendlyName}}.",
	}, 200)
}

// The documents' steps, with their own code: hook, secrets, module, Run, factor, MFA flow, log.
func TestHooksOfTheDocuments(t *testing.T) {
	for _, number := range []string{"000", "001"} {
		t.Run(number, func(t *testing.T) {
			s := newServer(t)
			api := management(t, s)
			useServer(t, s)
			api.call("PATCH", "/api/v2/tenants/settings", map[string]any{"friendly_name": "Example"}, 200)
			hook := api.call("POST", "/api/v2/hooks", map[string]any{
				"name": "sms by sns", "triggerId": "send-phone-message", "script": documentedHook(t, number),
				"dependencies": map[string]any{"aws-sdk": "2.1693.0"},
			}, 201)
			id := hook.text("id")
			if hook.at("enabled") != false || len(id) != 26 {
				t.Fatalf("the hook is %s", hook.Raw)
			}
			api.call("POST", "/api/v2/hooks/"+id+"/secrets", map[string]any{
				"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "AWS_REGION": "eu-west-1",
			}, 201)
			if got := api.call("GET", "/api/v2/hooks/"+id+"/secrets", nil, 200); got.text("AWS_REGION") != "_VALUE_NOT_SHOWN_" {
				t.Fatalf("the secrets are shown as %s", got.Raw)
			}
			runOfTheEditor(t, api, id)
			api.call("PATCH", "/api/v2/hooks/"+id, map[string]any{"enabled": true}, 200)
			api.useCustomProvider()
			user, email := api.user()
			enrolAndChallenge(t, api, email)
			logsTell(t, api, user)
			failureIsTold(t, api, id, user, email)
		})
	}
}

// runOfTheEditor presses Run.
func runOfTheEditor(t *testing.T, api *auth0, id string) {
	t.Helper()
	to := newPhone()
	got := api.call("POST", "/api/v2/hooks/"+id+"/run", map[string]any{"body": map[string]any{
		"recipient": to, "text": "Here is your code: 135790", "context": map[string]any{
			"message_type": "sms", "action": "enrollment", "language": "en", "code": "135790", "ip": "192.0.2.7", "user_agent": "test",
			"client": map[string]any{"client_id": "c", "name": "app", "client_metadata": map[string]any{}},
			"user":   map[string]any{"user_id": "auth0|1", "name": "ann", "email": "ann@example.com", "app_metadata": map[string]any{}, "user_metadata": map[string]any{}},
		}},
	}, 200)
	if got.text("envelope.status") != "success" || got.text("requests.0.host") != "sns.eu-west-1.amazonaws.com" || got.at("requests.0.status") != 200.0 {
		t.Fatalf("Run answered %.600s", got.Raw)
	}
	if strings.Contains(got.Raw, "wJalrXUtn") {
		t.Error("Run shows a secret")
	}
	if m := next(t, to, func(message) bool { return true }); m.Code != "135790" {
		t.Errorf("the text of Run is %q", m.Text)
	}
}

// enrolAndChallenge goes through the MFA flow: a first sign-in that enrols a phone, a second one that is asked for a code.
func enrolAndChallenge(t *testing.T, api *auth0, email string) {
	t.Helper()
	to := newPhone()
	token := api.signIn(email)
	enrolled := api.bearer(token).call("POST", "/mfa/associate", map[string]any{
		"authenticator_types": []string{"oob"}, "oob_channels": []string{"sms"}, "phone_number": to,
	}, 200)
	m := next(t, to, func(message) bool { return true })
	if m.Text != m.Code+" confirms your phone at Example." || len(m.Code) != 6 {
		t.Fatalf("the text is %q", m.Text)
	}
	redeem := func(mfaToken, oob, code string, want int) answer {
		return api.anonymous().call("POST", "/oauth/token", map[string]any{
			"grant_type": mfaGrant, "client_id": devClient, "mfa_token": mfaToken, "oob_code": oob, "binding_code": code,
		}, want)
	}
	if got := redeem(token, enrolled.text("oob_code"), wrong(m.Code), 403); got.text("error_description") != "Invalid binding_code." {
		t.Errorf("a wrong code answers %s", got.Raw)
	}
	if got := redeem(token, enrolled.text("oob_code"), m.Code, 200); got.text("access_token") == "" || got.text("id_token") == "" || got.text("refresh_token") == "" {
		t.Fatalf("the enrolment answers %s", got.Raw)
	}

	token = api.signIn(email)
	list := api.bearer(token).call("GET", "/mfa/authenticators", nil, 200)
	if !strings.HasPrefix(list.text("0.id"), "sms|dev_") || list.at("0.active") != true || !strings.HasSuffix(list.text("0.name"), to[len(to)-4:]) {
		t.Fatalf("the factors are %s", list.Raw)
	}
	asked := api.anonymous().call("POST", "/mfa/challenge", map[string]any{
		"mfa_token": token, "client_id": devClient, "challenge_type": "oob", "authenticator_id": list.text("0.id"),
	}, 200)
	m = next(t, to, func(message) bool { return true })
	if m.Text != m.Code+" is your code for Example." {
		t.Fatalf("the text is %q", m.Text)
	}
	redeem(token, asked.text("oob_code"), m.Code, 200)
	redeem(token, asked.text("oob_code"), m.Code, 403)
}

// logsTell searches the log as the documents say: by type.
func logsTell(t *testing.T, api *auth0, user string) {
	t.Helper()
	for _, kind := range []string{"gd_start_enroll", "gd_send_sms", "gd_enrollment_complete", "gd_start_auth", "gd_auth_succeed", "gd_auth_failed", "mfar"} {
		got := api.logs("type:" + kind + " AND user_id:\"" + user + "\"")
		if got.text("0.type") != kind || got.text("0.user_id") != user {
			t.Errorf("the log has no %s of the user: %s", kind, got.Raw)
		}
	}
}

func (a *auth0) logs(q string) answer {
	a.t.Helper()
	return a.call("GET", "/api/v2/logs?sort=date:-1&per_page=5&q="+url.QueryEscape(q), nil, 200)
}

// failureIsTold breaks a secret: the flow says that nothing was sent, and the log says why.
func failureIsTold(t *testing.T, api *auth0, id, user, email string) {
	t.Helper()
	api.call("PATCH", "/api/v2/hooks/"+id+"/secrets", map[string]any{"AWS_REGION": "not a region"}, 201)
	token := api.signIn(email)
	var refused answer
	for end := time.Now().Add(15 * time.Second); ; {
		r, err := json.Marshal(map[string]any{"mfa_token": token, "client_id": devClient, "challenge_type": "oob"})
		check(t, err)
		res, err := http.Post(api.base+"/mfa/challenge", "application/json", bytes.NewReader(r))
		check(t, err)
		raw, _ := io.ReadAll(res.Body)
		res.Body.Close()
		refused = answer{Status: res.StatusCode, Raw: string(raw)}
		if res.StatusCode != 200 || time.Now().After(end) {
			break
		}
	}
	if refused.Status == 200 || !strings.Contains(refused.Raw, "error_sending_sms") {
		t.Fatalf("a hook that fails answers %d %s", refused.Status, refused.Raw)
	}
	got := api.logs(`type:gd_send_sms_failure AND user_id:"` + user + `"`)
	if words := got.text("0.details.provider_error.message"); words == "" || strings.Contains(got.Raw, "wJalrXUtn") {
		t.Errorf("the log tells of the failure: %s", got.Raw)
	}
}
