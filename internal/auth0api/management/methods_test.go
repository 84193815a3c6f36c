package management

import (
	"net/url"
	"strings"
	"testing"

	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
)

// person is a user with its path.
func (b *bench) person(number string) (sub, path string) {
	b.t.Helper()
	client := b.Client(b.pool, pooltest.AppClient())
	sub = b.SignUp(client, number, "Passw0rd!")
	return sub, "/users/auth0%7C" + sub
}

func TestMethods(t *testing.T) {
	b := newBench(t)
	_, path := b.person("+12025550100")
	methods := path + "/authentication-methods"
	b.send("GET", methods, "").exactly(200, "[]")
	a := b.send("POST", methods, `{"type":"phone","phone_number":"+12025550111","name":"mobile","preferred_authentication_method":"sms"}`).
		is(201, `"phone_number":"+12025550111"`, `"type":"sms","id":"sms|dev_`, `"confirmed":true`, `"name":"mobile"`)
	id := a.text("id")
	if !strings.HasPrefix(id, "phone|dev_") {
		t.Errorf("id %s", id)
	}
	b.send("POST", methods, `{"type":"phone","phone_number":"+12025550111"}`).is(409)
	b.send("GET", methods+"?include_totals=true", "").is(200, `"authenticators":[{"id":"`+id, `"total":1`)
	one := methods + "/" + url.PathEscape(id)
	b.send("GET", one, "").is(200, `"created_at"`, `"enrolled_at"`)
	b.send("GET", methods+"/sms%7C"+userIDOf(id), "").is(200, id) // a channel's id will do
	b.send("PATCH", one, `{"name":"work"}`).is(200, `"name":"work"`)
	b.send("PATCH", one, `{"phone_number":"+12025550112"}`).is(400, "Additional properties")
	b.send("PATCH", methods+"/dev_none", `{"name":"work"}`).is(404)
	b.send("PATCH", "/tenants/settings", `{"flags":{"disable_management_api_sms_obfuscation":false}}`).is(200)
	b.send("GET", one, "").is(200, `"phone_number":"XXXXXXXX0111"`, "!2025550111")
	b.send("PATCH", "/tenants/settings", `{"flags":{"disable_management_api_sms_obfuscation":true}}`).is(200)

	a = b.send("POST", methods, `{"type":"totp"}`).is(201, `"totp_secret":"`)
	b.send("GET", methods, "").is(200, `"type":"totp"`, "!"+a.text("totp_secret"))
	b.send("POST", methods, `{"type":"totp"}`).is(409)
	b.send("POST", methods, `{"type":"email","email":"a@example.com"}`).is(400, "not enabled")
	for body, want := range map[string]string{
		`{}`: "Missing required property: type", `{"type":"passkey"}`: "cannot be made here", `{"type":"phone"}`: "phone",
		`{"type":"phone","phone_number":"12"}`: "phone", `{"type":"x"}`: "No enum match", `{"type":"totp","totp_secret":"1111111111111111"}`: "base32",
	} {
		b.send("POST", methods, body).is(400, want)
	}
	b.send("PUT", methods, `[{"type":"phone","phone_number":"+12025550113"}]`).is(200, "+12025550113", "!totp")
	b.send("GET", methods, "").is(200, "+12025550113", "!totp", "!0111")
	b.send("PUT", methods, `{"type":"phone"}`).is(400)
	b.send("PUT", methods, `]`).is(400)
	b.send("GET", path, "").is(200, `"multifactor":["guardian"]`)
	id = b.send("POST", methods, `{"type":"totp","totp_secret":"JBSWY3DPEHPK3PXP"}`).is(201).text("id")
	b.send("DELETE", methods+"/"+url.PathEscape(id), "").is(204)
	b.send("DELETE", methods+"/"+url.PathEscape(id), "").is(404)
	b.send("DELETE", methods, "").is(204)
	b.send("GET", methods, "").exactly(200, "[]")
	b.send("GET", "/users/auth0%7Cx/authentication-methods", "").is(404)
}

// TestMethodIsAsked: a phone that an administrator gave is what a sign-in sends its code to.
func TestMethodIsAsked(t *testing.T) {
	b := newBench(t)
	sub, path := b.person("+12025550100")
	client := b.Client(b.pool, pooltest.AppClient())
	b.send("POST", path+"/authentication-methods", `{"type":"phone","phone_number":"+12025550111"}`).is(201)
	ch := b.Begin(client, "+12025550100", "Passw0rd!")
	if ch.Challenge != "SMS_MFA" {
		t.Fatalf("challenge %q", ch.Challenge)
	}
	if out := b.Answer(client, sub, ch, "SMS_MFA_CODE", b.Code("+12025550111")); out.Tokens == nil {
		t.Error("no tokens")
	}
	b.send("DELETE", path+"/authenticators", "").is(204)
	b.SignIn(client, "+12025550100", "Passw0rd!")
}

func TestEnrollments(t *testing.T) {
	b := newBench(t)
	sub, path := b.person("+12025550100")
	b.send("GET", path+"/enrollments", "").exactly(200, "[]")
	b.send("POST", path+"/authentication-methods", `{"type":"phone","phone_number":"+12025550111","name":"mobile"}`).is(201)
	b.send("POST", path+"/authentication-methods", `{"type":"phone","phone_number":"+12025550112"}`).is(201)
	a := b.send("GET", path+"/enrollments", "").is(200, `"status":"confirmed"`, `"phone_number":"+12025550111"`, `"type":"sms"`, "!0112")
	id := strings.Split(a.body, `"`)[3]
	b.send("GET", "/guardian/enrollments/"+id, "").is(200, `"id":"`+id, `"name":"mobile"`)
	user, factor, ok := ofEnrollment(id)
	if !ok || user != sub || !strings.HasPrefix(factor, "dev_") {
		t.Errorf("%s is %s of %s", id, factor, user)
	}
	for _, bad := range []string{"dev_x", "x", factor, factor + "_aaaa", "_" + strings.Split(id, "_")[2], strings.Repeat("_", 200)} {
		b.send("GET", "/guardian/enrollments/"+bad, "").is(404, "enrollment_not_found")
		b.send("DELETE", "/guardian/enrollments/"+bad, "").is(404)
	}
	b.send("DELETE", "/guardian/enrollments/"+id, "").is(204)
	b.send("GET", "/guardian/enrollments/"+id, "").is(404)
	b.send("GET", path+"/enrollments", "").is(200, "+12025550112")
}

func TestTickets(t *testing.T) {
	b := newBench(t)
	sub, _ := b.person("+12025550100")
	const path = "/guardian/enrollments/ticket"
	a := b.send("POST", path, `{"user_id":"auth0|`+sub+`","factor":"phone"}`).is(200, `"ticket_id":"`)
	if u := a.text("ticket_url"); u != "http://localhost:7446/mfa/ticket?ticket="+url.QueryEscape(a.text("ticket_id")) {
		t.Errorf("the link is %s", u)
	}
	b.send("POST", path, `{"user_id":"auth0|`+sub+`","send_mail":true}`).is(400, "operation_not_supported")
	b.send("POST", path, `{"user_id":"auth0|`+sub+`","factor":"otp"}`).is(400, "No enum match")
	b.send("POST", path, `{}`).is(400, "user_id")
	for _, id := range []string{"auth0|x", "auth0|01234567-89ab-7def-8123-456789abcdef"} {
		b.send("POST", path, `{"user_id":"`+id+`"}`).is(404, "inexistent_user")
	}
}

func TestRecoveryAndBrowsers(t *testing.T) {
	b := newBench(t)
	_, path := b.person("+12025550100")
	b.send("POST", path+"/recovery-code-regeneration", "").is(400, "operation_not_supported")
	b.Reconfigure(b.pool, func(c *pool.Config) { c.Tenant = &pool.TenantConfig{RecoveryCodes: true} })
	one := b.send("POST", path+"/recovery-code-regeneration", "").is(200).text("recovery_code")
	two := b.send("POST", path+"/recovery-code-regeneration", "").is(200).text("recovery_code")
	if len(one) != 24 || one == two {
		t.Errorf("%s, then %s", one, two)
	}
	b.send("POST", path+"/multifactor/actions/invalidate-remember-browser", "").is(204)
	b.send("POST", "/users/x/multifactor/actions/invalidate-remember-browser", "").is(404)
}
