package management

import (
	"fmt"
	"strings"
	"testing"

	"countersign/internal/eventlog"
	"countersign/internal/pool"
	"countersign/internal/store"
)

// config is the pool's configuration as stored.
func (b *bench) config() *pool.Config {
	b.t.Helper()
	p, err := b.Service.GetPool(b.t.Context(), b.pool)
	if err != nil {
		b.t.Fatal(err)
	}
	tenantOf(p)
	return &p.Config
}

func TestFactors(t *testing.T) {
	b := newBench(t)
	b.send("GET", "/guardian/factors", "").exactly(200, `[{"name":"sms","enabled":true,"trial_expired":false},{"name":"push-notification","enabled":false,"trial_expired":false},
		{"name":"otp","enabled":true,"trial_expired":false},{"name":"email","enabled":false,"trial_expired":false},{"name":"duo","enabled":false,"trial_expired":false},
		{"name":"webauthn-roaming","enabled":false,"trial_expired":false},{"name":"webauthn-platform","enabled":false,"trial_expired":false},
		{"name":"recovery-code","enabled":false,"trial_expired":false}]`)
	for _, name := range []string{"sms", "otp", "email", "recovery-code"} {
		b.send("PUT", "/guardian/factors/"+name, `{"enabled":true}`).exactly(200, `{"enabled":true}`)
	}
	if c := b.config(); !c.MFASMS || !c.MFATOTP || !c.MFAEmail || !c.Tenant.RecoveryCodes || !c.SMSConfigured {
		t.Errorf("%+v", c)
	}
	b.send("PUT", "/guardian/factors/otp", `{"enabled":"false"}`).exactly(200, `{"enabled":false}`)
	if b.config().MFATOTP {
		t.Error("otp stayed on")
	}
	b.send("PUT", "/guardian/factors/duo", `{"enabled":true}`).is(400, `"errorCode":"operation_not_supported"`)
	b.send("PUT", "/guardian/factors/duo", `{"enabled":false}`).exactly(200, `{"enabled":false}`)
	b.send("PUT", "/guardian/factors/phone", `{"enabled":true}`).is(400, `"errorCode":"invalid_uri"`, "Path validation error: 'No enum match for: phone' on property name (Factor name).")
	b.send("PUT", "/guardian/factors/sms", `{}`).is(400, "Missing required property: enabled")
	if got := b.events(eventlog.MFASettingsChanged); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

func TestPolicies(t *testing.T) {
	b := newBench(t)
	for _, step := range []struct {
		put, mfa string
		adaptive bool
	}{
		{`[]`, "OPTIONAL", false}, {`["all-applications"]`, "ON", false}, {`["all-applications","confidence-score"]`, "ON", true},
		{`["confidence-score"]`, "OFF", true}, {`[]`, "OFF", false},
	} {
		b.send("PUT", "/guardian/policies", step.put).exactly(200, step.put)
		b.send("GET", "/guardian/policies", "").exactly(200, step.put)
		if c := b.config(); c.MFA != step.mfa || c.Tenant.Adaptive != step.adaptive {
			t.Errorf("%s: %s %v", step.put, c.MFA, c.Tenant.Adaptive)
		}
	}
	b.send("PUT", "/guardian/policies", `["sometimes"]`).is(400, "No enum match for: sometimes")
	b.send("PUT", "/guardian/policies", `{}`).is(400, "found type object")
}

func TestPhoneSettings(t *testing.T) {
	b := newBench(t)
	b.send("GET", "/guardian/factors/phone/message-types", "").exactly(200, `{"message_types":["sms"]}`)
	for _, list := range []string{`["sms","voice"]`, `[]`, `["voice"]`} {
		b.send("PUT", "/guardian/factors/phone/message-types", `{"message_types":`+list+`}`).exactly(200, `{"message_types":`+list+`}`)
		b.send("GET", "/guardian/factors/phone/message-types", "").exactly(200, `{"message_types":`+list+`}`)
	}
	b.send("PUT", "/guardian/factors/phone/message-types", `{"message_types":["fax"]}`).is(400, "No enum match for: fax")

	b.send("GET", "/guardian/factors/sms/selected-provider", "").exactly(200, `{"provider":"auth0"}`)
	b.send("PUT", "/guardian/factors/sms/selected-provider", `{"provider":"phone-message-hook"}`).exactly(200, `{"provider":"phone-message-hook"}`)
	b.send("GET", "/guardian/factors/phone/selected-provider", "").exactly(200, `{"provider":"phone-message-hook"}`)
	b.send("PUT", "/guardian/factors/phone/selected-provider", `{"provider":"pigeon"}`).is(400, "No enum match for: pigeon")
}

func TestPhoneTexts(t *testing.T) {
	b := newBench(t)
	b.send("GET", "/guardian/factors/phone/templates", "").is(204)
	good := `{"enrollment_message":"{{ code }} enrols you at {{ tenant.friendlyName }}","verification_message":"{% if message_type == 'voice' %}{{pause}}{% endif %}{{code}}"}`
	b.send("PUT", "/guardian/factors/phone/templates", good).exactly(200, good)
	b.send("GET", "/guardian/factors/sms/templates", "").exactly(200, good)
	b.send("PUT", "/guardian/factors/sms/templates", `{"enrollment_message":"{{ code }}","verification_message":"{{ code "}`).
		is(400, "on property verification_message", "Template cannot be used", "line 1")
	b.send("PUT", "/guardian/factors/sms/templates", `{"enrollment_message":"no code","verification_message":"{{ code }}"}`).is(400, "on property enrollment_message")
	b.send("PUT", "/guardian/factors/sms/templates", `{"enrollment_message":"{{ code }}"}`).is(400, "Missing required property: verification_message")
	b.send("GET", "/guardian/factors/phone/templates", "").exactly(200, good)

	b.send("POST", "/countersign/templates/preview", `{"type":"verification","template":"Dein Code für {{ tenant.friendly_name }}: {{ code }} 😀","locale":"de"}`).
		is(200, `"encoding":"UCS-2"`, `"segments":1`, `"foreign":"😀"`, "1.2.3.4.5.6")
	b.send("POST", "/countersign/templates/preview", `{"type":"otp_verify"}`).is(200, `"text":`, `"voice":`)
	b.send("POST", "/countersign/templates/preview", `{"type":"otp_verify","template":"{% nonsense %}"}`).is(400, "nonsense")
}

func TestTwilio(t *testing.T) {
	b := newBench(t)
	path := "/guardian/factors/phone/providers/twilio"
	b.send("GET", path, "").exactly(200, `{}`)
	b.send("PUT", path, `{"from":"+12025550100","messaging_service_sid":null,"auth_token":"s3cret","sid":"AC1"}`).exactly(200, `{"from":"+12025550100","auth_token":"s3cret","sid":"AC1"}`)
	b.as("read:guardian_factors", "GET", path, "").exactly(200, `{"from":"+12025550100","sid":"AC1"}`)
	b.as("read:guardian_factors,ReadSecret", "GET", "/guardian/factors/sms/providers/twilio", "").exactly(200, `{"from":"+12025550100","sid":"AC1","auth_token":"s3cret"}`)
	if got := b.events(eventlog.ManagementRead); len(got) != 1 || strings.Contains(got[0], "s3cret") {
		t.Errorf("%q", got)
	}
	// what came without its secret goes back without it
	b.send("PUT", path, `{"from":"+12025550101","sid":"AC1"}`).is(200, "s3cret", "+12025550101")
	b.send("PUT", path, `{"sid":"AC1","auth_token":"_VALUE_NOT_SHOWN_"}`).is(200, "s3cret")
	b.Read(func(tx store.Tx) error {
		s, err := tx.Settings().Setting(t.Context(), b.pool, SettingTwilio)
		if err != nil || strings.Contains(string(s.Doc)+string(s.Sealed), "s3cret") {
			t.Errorf("%s %v", s.Doc, err)
		}
		return nil
	})
	b.send("PUT", path, `{"sid":"AC1","auth_token":null}`).exactly(200, `{"sid":"AC1"}`)
	b.send("PUT", path, `{"from":"`+strings.Repeat("1", 65)+`"}`).is(400, "maximum 64")
}

func TestPushDocuments(t *testing.T) {
	b := newBench(t)
	base := "/guardian/factors/push-notification"
	b.send("GET", base+"/selected-provider", "").exactly(200, `{"provider":"guardian"}`)
	b.send("PUT", base+"/selected-provider", `{"provider":"sns"}`).exactly(200, `{"provider":"sns"}`)
	b.send("GET", base+"/providers/sns", "").exactly(200, `{}`)
	b.send("PUT", base+"/providers/sns", `{"aws_access_key_id":"AK","aws_secret_access_key":"s3cret","aws_region":"eu-central-1"}`).is(200, "s3cret")
	b.send("PATCH", base+"/providers/sns", `{"aws_region":null}`).exactly(200, `{"aws_access_key_id":"AK","aws_secret_access_key":"s3cret","aws_region":null}`)
	b.as("read:guardian_factors", "GET", base+"/providers/sns", "").exactly(200, `{"aws_access_key_id":"AK","aws_region":null}`)
	b.send("PUT", base+"/providers/sns", `{}`).exactly(200, `{"aws_secret_access_key":"s3cret"}`)
	b.send("GET", base+"/selected-provider", "").exactly(200, `{"provider":"sns"}`)
}

func TestTenantSettings(t *testing.T) {
	b := newBench(t)
	b.send("GET", "/tenants/settings", "").is(200, `"enabled_locales":["en"]`, `"sandbox_version":"22"`, `"phone_consolidated_experience":false`, `"flags":{}`)
	b.send("PATCH", "/tenants/settings", `{"friendly_name":"Shop","enabled_locales":["de","en"],"sandbox_version":"18","phone_consolidated_experience":true,
		"support_email":"help@example.com","flags":{"disable_management_api_sms_obfuscation":false,"a":true},"session_lifetime_in_minutes":90,"guardian_mfa_page":{"enabled":false,"html":"x"},
		"sandbox_versions_available":["1"]}`).is(200, `"friendly_name":"Shop"`)
	b.send("PATCH", "/tenants/settings", `{"flags":{"a":null,"b":true},"support_email":null,"idle_session_lifetime":null}`).is(200)
	b.send("GET", "/tenants/settings", "").is(200, `"friendly_name":"Shop"`, `"enabled_locales":["de","en"]`, `"sandbox_version":"18"`, `"phone_consolidated_experience":true`,
		`"support_email":""`, `"flags":{"b":true,"disable_management_api_sms_obfuscation":false}`, `"session_lifetime":1.5`, `"idle_session_lifetime":72`, `"html":"x"`,
		`"sandbox_versions_available":["24"`)
	if c := b.config().Tenant; c.FriendlyName != "Shop" || !c.Consolidated || c.SandboxVersion != "18" || fmt.Sprint(c.Locales) != "[de en]" {
		t.Errorf("%+v", c)
	}
	a := b.handler.(*mux).a
	for name, want := range map[string]bool{"disable_management_api_sms_obfuscation": false, "b": true, "none": true} {
		if got, err := a.flag(t.Context(), b.pool, name, true); err != nil || got != want {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	b.send("PATCH", "/tenants/settings", `{"flags":{"a":"perhaps"}}`).is(400, "on property flags.a")
	b.send("PATCH", "/tenants/settings", `{"flags":[]}`).is(400, "on property flags")
	b.send("PATCH", "/tenants/settings", `{"enabled_locales":["d_e"]}`).is(400, "not a language tag: d_e")
	b.send("PATCH", "/tenants/settings", `{"enabled_locales":[]}`).is(400, "minimum 1")
	b.send("PATCH", "/tenants/settings", `{"x":"`+strings.Repeat("x", maxDocument)+`"}`).is(413, "larger than 64 KiB")
	b.send("GET", "/tenants/settings?fields=friendly_name", "").exactly(200, `{"friendly_name":"Shop"}`)
}

func TestKeptDocuments(t *testing.T) {
	b := newBench(t)
	for _, d := range documents() {
		b.send("GET", d.path, "").exactly(200, d.initial)
		if d.off != "" {
			b.send("PATCH", d.path, `{"`+d.off+`":true}`).is(400, "operation_not_supported")
		}
	}
	b.send("PATCH", "/branding", `{"colors":{"primary":"#00f"},"logo_url":"https://example.com/l.png"}`).exactly(200, `{"colors":{"primary":"#00f"},"logo_url":"https://example.com/l.png"}`)
	b.send("PATCH", "/branding", `{"logo_url":null}`).exactly(200, `{"colors":{"primary":"#00f"}}`)
	b.send("PATCH", "/attack-protection/phone-provider-protection", `{"type":"exponential"}`).exactly(200, `{"type":"exponential"}`)
	b.send("PATCH", "/attack-protection/phone-provider-protection", `{"type":"linear"}`).is(400, "No enum match for: linear")
	b.send("GET", "/roles?include_totals=true", "").exactly(200, `{"start":0,"limit":50,"length":0,"total":0,"roles":[]}`)
	b.send("GET", "/emails/provider", "").is(404, "There is not a configured email provider")
	b.send("GET", "/attack-protection/captcha", "").is(403, "feature_not_enabled")
}
