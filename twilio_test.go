package countersign

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"countersign/internal/store"
	"countersign/phone"
)

// tenantAPI calls a development server in Auth0's dialect.
type tenantAPI struct {
	t     *testing.T
	h     http.Handler
	token string
	s     *Server
	// told is the entry of the log that was looked at last.
	told string
}

func newTenantAPI(t *testing.T) *tenantAPI {
	t.Helper()
	s := devServer(t)
	s.Start()
	a := &tenantAPI{t: t, h: s.Handler(), s: s}
	got := a.call("POST", "/oauth/token", `{"grant_type":"client_credentials","client_id":"countersign-dev","client_secret":"countersign-dev-secret"}`, 200)
	a.token = got["access_token"].(string)
	return a
}

// call makes a request with a's token and demands the status. What is no object is under "list".
func (a *tenantAPI) call(method, path, body string, want int) map[string]any {
	a.t.Helper()
	code, text := ask(a.h, method, base+path, body, "Content-Type", "application/json", "Authorization", "Bearer "+a.token)
	if code != want {
		a.t.Fatalf("%s %s: %d %s", method, path, code, text)
	}
	if strings.HasPrefix(text, "[") {
		text = `{"list":` + text + `}`
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(text), &out); err != nil && text != "" {
		a.t.Fatalf("%s %s: %s", method, path, text)
	}
	return out
}

// owing signs a user in who owes a second factor, and returns the API with the mfa_token.
func (a *tenantAPI) owing(email string) *tenantAPI {
	a.t.Helper()
	got := a.call("POST", "/oauth/token", `{"grant_type":"http://auth0.com/oauth/grant-type/password-realm","realm":"Username-Password-Authentication",
		"client_id":"`+DevClient+`","username":"`+email+`","password":"Correct-Horse-1"}`, 403)
	return &tenantAPI{t: a.t, h: a.h, token: got["mfa_token"].(string)}
}

// TestTextsByTwilio: the texts of a pool whose provider is Twilio go to Twilio, by the phone factor's account or the branding provider's; wrong
// credentials are told in the log in Twilio's words.
func TestTextsByTwilio(t *testing.T) {
	a := newTenantAPI(t)
	a.call("PUT", "/api/v2/guardian/factors/sms", `{"enabled":true}`, 200)
	a.call("PUT", "/api/v2/guardian/policies", `["all-applications"]`, 200)
	a.call("PUT", "/api/v2/guardian/factors/phone/selected-provider", `{"provider":"twilio"}`, 200)
	user := a.call("POST", "/api/v2/users", `{"connection":"Username-Password-Authentication","email":"ann@example.com","password":"Correct-Horse-1"}`, 201)["user_id"].(string)

	const account = "/api/v2/guardian/factors/phone/providers/twilio"
	a.fails(user, "no account is set")
	a.call("PUT", account, `{"sid":"AC00000000000000000000000000000001","from":"+12025550100","auth_token":"wrong"}`, 200)
	a.fails(user, "Authenticate")
	a.call("PUT", account, `{"sid":"AC00000000000000000000000000000001","from":"+12025550100","auth_token":"right"}`, 200)
	a.sends("+12025550111", "+12025550100")
	stopped, _ := phone.Parse("+12025550119")
	if _, err := a.s.parts.optouts.Put(t.Context(), &store.OptOut{PoolID: DevPool, Sender: "+12025550100", Source: "operator"}, stopped); err != nil {
		t.Fatal(err)
	}
	a.suppresses("+12025550119")
	if _, err := a.s.parts.optouts.Lift(t.Context(), DevPool, "", stopped, "operator"); err != nil {
		t.Fatal(err)
	}

	made := a.call("POST", "/api/v2/branding/phone/providers", `{"name":"twilio","credentials":{"auth_token":"wrong"},
		"configuration":{"sid":"AC00000000000000000000000000000002","default_from":"+12025550200","delivery_methods":["text"]}}`, 201)["id"].(string)
	const trial = `{"to":"+12025550117","delivery_method":"text"}`
	try := "/api/v2/branding/phone/providers/" + made + "/try"
	a.sends("+12025550113", "+12025550100") // the new one is not in use yet, but can be tried
	if got := a.call("POST", try, trial, 400); !strings.Contains(got["message"].(string), "Authenticate") {
		t.Errorf("the trial answers %v", got)
	}
	a.call("PATCH", "/api/v2/tenants/settings", `{"phone_consolidated_experience":true}`, 200)
	a.fails(user, "Authenticate")
	a.call("PATCH", "/api/v2/branding/phone/providers/"+made, `{"credentials":{"auth_token":"right"}}`, 200)
	a.call("POST", try, trial, 202)
	a.arrived("+12025550117", "+12025550200")
	a.sends("+12025550112", "+12025550200")
}

const associate = `{"authenticator_types":["oob"],"oob_channels":["sms"],"phone_number":"`

// sends asks for an enrolment, which ends with a text of Twilio's on the simulated phone.
func (a *tenantAPI) sends(to, from string) {
	a.t.Helper()
	oob := a.owing("ann@example.com").call("POST", "/mfa/associate", associate+to+`"}`, 200)
	if oob["oob_code"] == "" {
		a.t.Errorf("no oob_code: %v", oob)
	}
	a.arrived(to, from)
}

// arrived looks for the one text of Twilio's on the simulated phone.
func (a *tenantAPI) arrived(to, from string) {
	a.t.Helper()
	list := a.call("GET", "/simulator/inbox?to=%2B"+to[1:], "", 200)["list"].([]any)
	if len(list) != 1 {
		a.t.Fatalf("texts to %s: %v", to, list)
	}
	if m := list[0].(map[string]any); m["provider"] != "twilio" || m["from"] != from || m["text"] == "" {
		a.t.Errorf("the text is %v", m)
	}
}

// suppresses asks for an enrolment whose number wants no texts: that is told, and nobody is asked to send it.
func (a *tenantAPI) suppresses(to string) {
	a.t.Helper()
	got := a.owing("ann@example.com").call("POST", "/mfa/associate", associate+to+`"}`, 400)
	if list := a.call("GET", "/simulator/inbox?to=%2B"+to[1:], "", 200)["list"].([]any); got["error"] != "error_sending_sms" || len(list) != 0 {
		a.t.Errorf("the enrolment answers %v, texts %v", got, list)
	}
}

// fails asks for an enrolment whose text cannot be sent, and looks for the reason in the log.
func (a *tenantAPI) fails(user, reason string) {
	a.t.Helper()
	const to = "+12025550119"
	got := a.owing("ann@example.com").call("POST", "/mfa/associate", associate+to+`"}`, 400)
	if got["error"] != "error_sending_sms" {
		a.t.Errorf("the enrolment answers %v", got)
	}
	logs := a.call("GET", "/api/v2/logs?per_page=1&q=type:gd_send_sms_failure", "", 200)["list"].([]any)
	if len(logs) != 1 {
		a.t.Fatal("the log has no gd_send_sms_failure")
	}
	e := logs[0].(map[string]any)
	raw, _ := json.Marshal(e)
	id := e["log_id"].(string)
	if id == a.told || e["user_id"] != user || !strings.Contains(e["description"].(string), reason) {
		a.t.Errorf("the log says %s, want %s", raw, reason)
	}
	a.told = id
	if strings.Contains(string(raw), to) || strings.Contains(string(raw), "auth_token") {
		a.t.Errorf("the log says too much: %s", raw)
	}
}
