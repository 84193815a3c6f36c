package management

import (
	"strings"
	"testing"

	"countersign/internal/message"
	"countersign/internal/store"
)

const twilioJSON = `{"name":"twilio","configuration":{"sid":"AC1","default_from":"+12025550100","delivery_methods":["text","voice"]},"credentials":{"auth_token":"s3cret"}}`

func TestPhoneProvider(t *testing.T) {
	b := newBench(t)
	base := "/branding/phone/providers"
	b.send("GET", base, "").exactly(200, `{"providers":[]}`)
	b.send("POST", base, `{"name":"twilio","configuration":{"sid":"AC1","delivery_methods":["text"]},"credentials":{"auth_token":"t"}}`).is(400, "Bad Operation on Notification Resource")
	b.send("POST", base, `{"name":"twilio","configuration":{"sid":"AC1","default_from":"x"},"credentials":{"auth_token":"t"}}`).is(400, "Missing required property: delivery_methods")
	b.send("POST", base, `{"name":"twilio","configuration":{"default_from":"x","delivery_methods":["text"]},"credentials":{"auth_token":"t"}}`).is(400, "Missing required property: sid")
	b.send("POST", base, `{"name":"twilio","configuration":{"sid":"AC1","default_from":"x","delivery_methods":["text"]},"credentials":{}}`).is(400, "Missing required property: auth_token")
	b.send("POST", base, `{"name":"custom","configuration":{"delivery_methods":["text"]},"credentials":{}}`).is(400, "custom_email_provider_deployed_action_not_found")

	id := b.send("POST", base, twilioJSON).is(201, `"channel":"phone"`, `"tenant":"`+b.pool+`"`, `"sid":"AC1"`, "!s3cret", "!credentials").text("id")
	if !strings.HasPrefix(id, "pro_") || b.config().Tenant.BrandingProvider != "twilio" {
		t.Errorf("%s %+v", id, b.config().Tenant)
	}
	b.send("POST", base, twilioJSON).is(409)
	b.send("GET", base, "").is(200, `{"providers":[{"id":"`+id)
	b.send("GET", base+"?disabled=true", "").exactly(200, `{"providers":[]}`)
	b.send("GET", base+"/none", "").is(404)
	b.send("PATCH", base+"/"+id, `{"disabled":true}`).is(200, `"disabled":true`, `"sid":"AC1"`)
	if p := b.config().Tenant.BrandingProvider; p != "" {
		t.Errorf("a disabled provider sends: %q", p)
	}
	b.Read(func(tx store.Tx) error {
		s, err := tx.Settings().Setting(t.Context(), b.pool, SettingPhoneProvider)
		if err != nil || len(s.Sealed) == 0 || strings.Contains(string(s.Doc)+string(s.Sealed), "s3cret") {
			t.Errorf("%s %v", s.Doc, err)
		}
		return nil
	})

	action := b.send("POST", "/actions/actions", `{"name":"p","supported_triggers":[{"id":"custom-phone-provider","version":"v1"}],
		"code":"exports.onExecuteCustomPhoneProvider = async () => {}"}`).is(201).text("id")
	b.send("POST", "/actions/actions/"+action+"/deploy", "").is(200)
	b.send("PATCH", base+"/"+id, `{"name":"custom","disabled":false,"configuration":{"delivery_methods":["text"]},"credentials":{}}`).is(200, `"name":"custom"`, "!AC1")
	if p := b.config().Tenant.BrandingProvider; p != "custom" {
		t.Errorf("provider %q", p)
	}
	b.send("POST", base+"/"+id+"/try", `{"to":"+12025550100","delivery_method":"text"}`).is(202, `"message"`)
	b.send("POST", base+"/"+id+"/try", `{"to":"+12025550100","delivery_method":"voice"}`).is(400, "No enum match for: voice")
	b.send("POST", base+"/"+id+"/try", `{"to":"12"}`).is(400, "E.164")
	if len(b.tried) != 1 || b.tried[0].To != "+12025550100" || !b.tried[0].Provider || b.tried[0].Voice {
		t.Errorf("%+v", b.tried)
	}
	b.send("DELETE", base+"/"+id, "").is(204)
	b.send("DELETE", base+"/"+id, "").is(404)
	if p := b.config().Tenant.BrandingProvider; p != "" {
		t.Errorf("a deleted provider sends: %q", p)
	}
}

func TestPhoneTemplates(t *testing.T) {
	b := newBench(t)
	base := "/branding/phone/templates"
	b.send("GET", base, "").exactly(200, `{"templates":[]}`)
	made := b.send("POST", base, `{"type":"otp_verify","disabled":false,"content":{"from":"+12025550100","body":{"text":"{{ code }} at {{ tenant }}"}}}`).
		is(201, `"type":"otp_verify"`, `"syntax":"liquid"`, `"customizable":true`)
	id := made.text("id")
	if made.text("content.body.voice") != message.DefaultPhone(message.PhoneOTPVerify, true) || b.config().Tenant.Branding["otp_verify"].Voice != "" {
		t.Errorf("%s", made.body)
	}
	b.send("POST", base, `{"type":"otp_verify"}`).is(409)
	b.send("POST", base, `{"type":"otp_enroll"}`).is(201)
	b.send("POST", base, `{"type":"nonsense"}`).is(400, "No enum match for: nonsense")
	b.send("POST", base, `{"type":"change_password","content":{"body":{"text":"no code"}}}`).is(400, "on property content.body.text")
	b.send("PATCH", base+"/"+id, `{"content":{"body":{"voice":"{{ code }"}}}`).is(400, "on property content.body.voice")
	b.send("PATCH", base+"/"+id, `{"type":"otp_enroll"}`).is(400, "cannot change")
	b.send("PATCH", base+"/"+id, `{"disabled":true,"content":{"body":{"voice":"say {{ code }}"}}}`).is(200, `"disabled":true`, "say {{ code }}", "{{ code }} at {{ tenant }}")
	b.send("GET", base+"?disabled=true", "").is(200, id, "!otp_enroll")
	b.send("GET", base+"/"+id, "").is(200, "say {{ code }}")
	b.send("POST", base+"/"+id+"/try", `{"to":"+12025550100","delivery_method":"text"}`).is(202)
	if len(b.tried) != 1 || !strings.HasPrefix(b.tried[0].Text, "123456 at ") {
		t.Errorf("%+v", b.tried)
	}
	b.send("PATCH", base+"/"+id+"/reset", "").is(200, "!say {{ code }}")
	b.send("DELETE", base+"/"+id, "").is(204)
	b.send("GET", base+"/"+id, "").is(404)
	if _, ok := b.config().Tenant.Branding["otp_verify"]; ok {
		t.Error("a deleted template is there")
	}
}
