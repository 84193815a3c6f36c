package cognito

import (
	"strings"
	"testing"

	"countersign/internal/eventlog"
	"countersign/internal/pool"
)

const (
	off        = "InvalidParameterException: Invalid MFA configuration given, can't turn off MFA and configure an MFA together."
	incomplete = "InvalidParameterException: Invalid MFA configuration given, can't turn on MFA without configuring an MFA."
	noSMS      = "InvalidParameterException: " + smsRequired
)

func TestSetUserPoolMfaConfig(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		id := c.create(object{})["Id"].(string)
		totp, email := object{"Enabled": true}, object{"Message": "{####} is it", "Subject": "It"}
		sms := object{"SmsAuthenticationMessage": "{####} lets you in", "SmsConfiguration": role}
		passkey := object{"RelyingPartyId": "example.com", "UserVerification": "required"}
		get := func() string { return text(c.do("GetUserPoolMfaConfig", object{"UserPoolId": id})) }
		for i, st := range []struct {
			in   object
			want string
			// mfa, sms, totp and email are what the flows are told.
			mfa              string
			sms, totp, email bool
		}{
			{object{"MfaConfiguration": "ON"}, incomplete, "OFF", false, false, false},
			{object{"MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": object{"Enabled": false}}, incomplete, "OFF", false, false, false},
			{object{"MfaConfiguration": "ON", "SmsMfaConfiguration": object{}}, noSMS, "OFF", false, false, false},
			{object{"MfaConfiguration": "OFF", "SoftwareTokenMfaConfiguration": totp}, off, "OFF", false, false, false},
			{object{"EmailMfaConfiguration": email}, off, "OFF", false, false, false},
			{object{"MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": totp}, "", "ON", false, true, false},
			{object{"MfaConfiguration": "OPTIONAL", "SmsMfaConfiguration": sms, "SoftwareTokenMfaConfiguration": totp, "EmailMfaConfiguration": email,
				"WebAuthnConfiguration": passkey}, "", "OPTIONAL", true, true, true},
			{object{"MfaConfiguration": "ON", "EmailMfaConfiguration": email}, "", "ON", false, false, true},
			{object{"MfaConfiguration": "ON", "SmsMfaConfiguration": sms}, "", "ON", true, false, false},
			{object{"WebAuthnConfiguration": passkey}, "", "OFF", false, false, false},
			{object{"MfaConfiguration": "OFF"}, "", "OFF", false, false, false},
		} {
			st.in["UserPoolId"] = id
			before := get()
			out, failed := c.send("SetUserPoolMfaConfig", st.in)
			if failed != st.want {
				t.Errorf("%d: got %q, want %q", i, failed, st.want)
			}
			want := before
			if failed == "" {
				delete(st.in, "UserPoolId")
				if st.in["MfaConfiguration"] == nil {
					st.in["MfaConfiguration"] = "OFF"
				}
				if want = text(st.in); text(out) != want {
					t.Errorf("%d: answered %s, want %s", i, text(out), want)
				}
			}
			if got := get(); got != want {
				t.Errorf("%d: shown %s, want %s", i, got, want)
			}
			p, err := c.Service.GetPool(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if g := p.Config; g.MFA != st.mfa || g.MFASMS != st.sms || g.MFATOTP != st.totp || g.MFAEmail != st.email {
				t.Errorf("%d: the flows are told %s %v %v %v", i, g.MFA, g.MFASMS, g.MFATOTP, g.MFAEmail)
			}
		}
		// The SMS configuration outlives MFA: texts verify numbers too.
		if got := c.describe(id); text(got["SmsConfiguration"]) != text(role) || got["SmsAuthenticationMessage"] != "{####} lets you in" {
			t.Errorf("the pool shows %s", text(got))
		}
	})
}

func TestUpdateAndFactors(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		id := c.create(object{})["Id"].(string)
		c.do("SetUserPoolMfaConfig", object{"UserPoolId": id, "MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": object{"Enabled": true}})
		flags := func() (mfa string, sms, totp bool) {
			p, err := c.Service.GetPool(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			return p.Config.MFA, p.Config.MFASMS, p.Config.MFATOTP
		}
		for i, st := range []struct {
			in        object
			mfa       string
			sms, totp bool
		}{
			// Another factor is there: no SMS configuration is needed, and giving one does not add texts.
			{object{"MfaConfiguration": "OPTIONAL"}, "OPTIONAL", false, true},
			{object{"MfaConfiguration": "OPTIONAL", "SmsConfiguration": role}, "OPTIONAL", false, true},
			// An update without a mode switches MFA off.
			{object{}, "OFF", false, false},
			{object{"MfaConfiguration": "ON"}, "ON", false, true},
		} {
			st.in["UserPoolId"] = id
			c.do("UpdateUserPool", st.in)
			if mfa, sms, totp := flags(); mfa != st.mfa || sms != st.sms || totp != st.totp {
				t.Errorf("%d: %s %v %v", i, mfa, sms, totp)
			}
		}
		c.do("SetUserPoolMfaConfig", object{"UserPoolId": id, "MfaConfiguration": "OFF"})
		c.refused("UpdateUserPool", object{"UserPoolId": id, "MfaConfiguration": "ON"}, noSMS)
		c.do("UpdateUserPool", object{"UserPoolId": id, "MfaConfiguration": "ON", "SmsConfiguration": role})
		if mfa, sms, _ := flags(); mfa != "ON" || !sms {
			t.Errorf("MFA %s, SMS %v", mfa, sms)
		}
	})
}

// Seed 003: whoever creates or updates an SMS MFA configuration causes a test message.
func TestTestMessage(t *testing.T) {
	changes := func(c *control) (id string) {
		id = c.create(object{"SmsConfiguration": role})["Id"].(string)
		return id
	}
	eachControl(t, func(t *testing.T, c *control) {
		id := changes(c)
		sent := func(want int, what string) {
			t.Helper()
			if got := len(c.To(pool.TestNumber)); got != want || len(c.Messages()) != want || len(c.events(id, eventlog.TestMessage)) != want {
				t.Fatalf("%s: %d messages of %d, %d events; want %d", what, got, len(c.Messages()), len(c.events(id, eventlog.TestMessage)), want)
			}
		}
		sent(0, "a pool without MFA")
		set := object{"UserPoolId": id, "MfaConfiguration": "ON", "SmsMfaConfiguration": object{"SmsConfiguration": role}}
		c.do("SetUserPoolMfaConfig", set)
		sent(1, "SMS MFA switched on")
		c.do("SetUserPoolMfaConfig", set)
		sent(1, "the same again")
		update := object{"UserPoolId": id, "MfaConfiguration": "ON", "SmsConfiguration": object{"SnsCallerArn": role["SnsCallerArn"], "ExternalId": "other"}}
		c.do("UpdateUserPool", update)
		sent(2, "another role")
		update["MfaConfiguration"] = "OPTIONAL"
		c.do("UpdateUserPool", update)
		sent(3, "another mode")
		c.refused("UpdateUserPool", object{"UserPoolId": id, "MfaConfiguration": "ON"}, noSMS)
		sent(3, "refused")
		c.do("SetUserPoolMfaConfig", object{"UserPoolId": id, "MfaConfiguration": "ON", "SoftwareTokenMfaConfiguration": object{"Enabled": true}})
		sent(3, "no texts")
		m := c.Last(pool.TestNumber)
		if m.Text != "Test message: SMS MFA of user pool "+id+" is set up." || m.Code != "" || m.UserID != "" {
			t.Errorf("the message is %+v", m)
		}
		before := len(c.Messages())
		c.create(object{"MfaConfiguration": "ON", "SmsConfiguration": role})
		if len(c.Messages()) != before+1 {
			t.Error("a pool created with SMS MFA sends no test message")
		}
	}, func(o *pool.Options) { o.Dev = true })

	// In serve mode nothing leaves the house, unless the pool names its operator.
	eachControl(t, func(t *testing.T, c *control) {
		id := c.create(object{"MfaConfiguration": "ON", "SmsConfiguration": role})["Id"].(string)
		if events := c.events(id, eventlog.TestMessage); len(c.Messages()) != 0 || len(events) != 1 || !strings.Contains(string(events[0].Data), `"dry_run":true`) {
			t.Errorf("%d messages, events %v", len(c.Messages()), events)
		}
		c.create(object{"MfaConfiguration": "ON", "SmsConfiguration": role, "UserPoolTags": object{"countersign:operator-number": "+12025550177"}})
		if len(c.To("+12025550177")) != 1 || len(c.Messages()) != 1 {
			t.Errorf("%d messages", len(c.Messages()))
		}
	})
}
