package cognito

import (
	"reflect"
	"strings"
	"testing"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/store/storetest"
)

// anew makes a pool of the settings of another, as a file brings them to another server.
func anew(t *testing.T, p *pool.Pool) *pool.Pool {
	t.Helper()
	settings, own, err := PoolSettings(p)
	if err != nil {
		t.Fatal(err)
	}
	again := &pool.Pool{ID: p.ID, Name: p.Name}
	again.Config.BaseURL = p.Config.BaseURL
	if err := SetPoolSettings(again, settings, own); err != nil {
		t.Fatalf("%v\n%s", err, text(settings))
	}
	second, _, err := PoolSettings(again)
	if err != nil || text(second) != text(settings) {
		t.Errorf("%v: the settings of the copy are\n%s\nand were\n%s", err, text(second), text(settings))
	}
	return again
}

// Whatever the API can set comes back from the settings of a file.
func TestSettingsOfAFileHoldEveryMember(t *testing.T) {
	c := newControl(t, storetest.SQLite(t), withFunctions(t, nil))
	for _, without := range [][]string{
		{"LambdaConfig.InboundFederation", "AliasAttributes", "SmsConfiguration.EumsSms"},
		{"LambdaConfig.InboundFederation", "UsernameAttributes", "SmsConfiguration.SnsCallerArn", "SmsConfiguration.ExternalId", "SmsConfiguration.SnsRegion"},
	} {
		f := &filler{t: t, done: map[string]bool{}}
		id := c.create(f.request(reflect.TypeFor[api.CreateUserPoolRequest](), nil, without...))["Id"].(string)
		c.do("SetUserPoolMfaConfig", object{
			"UserPoolId": id, "MfaConfiguration": "ON", "SmsMfaConfiguration": object{}, "SoftwareTokenMfaConfiguration": object{"Enabled": true},
			"EmailMfaConfiguration": object{"Message": "{####} by mail", "Subject": "Mail"}, "WebAuthnConfiguration": object{"RelyingPartyId": "example.com", "UserVerification": "required"},
		})
		c.do("SetRiskConfiguration", object{"UserPoolId": id, "RiskExceptionConfiguration": object{"SkippedIPRangeList": []string{"192.0.2.0/24"}}})
		p, err := c.Service.GetPool(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		again := anew(t, p)
		before, _ := documentOf(p)
		after, _ := documentOf(again)
		if !sameJSON(before.Pool.SmsConfiguration, after.Pool.SmsConfiguration) || !sameJSON(before.Factors, after.Factors) || !sameJSON(before.Risk, after.Risk) {
			t.Errorf("before %s\nafter %s", text(before), text(after))
		}
		if !sameJSON(before.Pool, after.Pool) || !sameJSON(p.Config, again.Config) {
			t.Errorf("before %s\n%s\nafter %s\n%s", text(before.Pool), text(p.Config), text(after.Pool), text(again.Config))
		}
		for _, without := range [][]string{{"GenerateSecret", "AnalyticsConfiguration.ApplicationArn"}, {"ClientSecret", "AnalyticsConfiguration.ApplicationId", "AnalyticsConfiguration.ExternalId"}} {
			in := f.request(reflect.TypeFor[api.CreateUserPoolClientRequest](), object{"UserPoolId": id}, without...)
			cl, err := c.Service.GetClient(t.Context(), id, c.createClient(in)["ClientId"].(string))
			if err != nil {
				t.Fatal(err)
			}
			settings, err := ClientSettings(p, cl)
			if err != nil {
				t.Fatal(err)
			}
			other := &pool.Client{ID: cl.ID, PoolID: id, Name: cl.Name, Secrets: cl.Secrets}
			if err := SetClientSettings(p, other, settings); err != nil {
				t.Fatalf("%v: %s", err, text(settings))
			}
			if !sameJSON(other.Config, cl.Config) || string(other.Wire) != string(cl.Wire) {
				t.Errorf("the client was %s\nand is %s", cl.Wire, other.Wire)
			}
		}
	}
}

// Defaults are left out, and the dev pool says what it is.
func TestSettingsOfAFileLeaveDefaultsOut(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		id := c.create(object{})["Id"].(string)
		p, err := c.Service.GetPool(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if settings, own, err := PoolSettings(p); err != nil || own || len(settings) != 0 {
			t.Errorf("%v %v: %s", err, own, text(settings))
		}
		anew(t, p)
		d, err := devPool()
		if err != nil {
			t.Fatal(err)
		}
		dev := &pool.Pool{ID: DevPoolID, Name: "countersign"}
		if err := d.put(dev); err != nil {
			t.Fatal(err)
		}
		settings, own, err := PoolSettings(dev)
		want := `{"AutoVerifiedAttributes":["phone_number"],"MfaConfiguration":"OPTIONAL","Policies":{"SignInPolicy":{"AllowedFirstAuthFactors":["PASSWORD","SMS_OTP","EMAIL_OTP"]}},` +
			`"SmsMfaConfiguration":{},"SoftwareTokenMfaConfiguration":{"Enabled":true},"UsernameAttributes":["phone_number","email"],"UsernameConfiguration":{"CaseSensitive":false}}`
		if err != nil || !own || text(settings) != want {
			t.Errorf("%v %v: %s", err, own, text(settings))
		}
		if again := anew(t, dev); !sameJSON(again.Config, dev.Config) {
			t.Errorf("the copy is\n%s, not\n%s", text(again.Config), text(dev.Config))
		}
	})
}

func TestSettingsOfAFileAreRefused(t *testing.T) {
	c := newControl(t, storetest.SQLite(t))
	id := c.create(object{"UsernameAttributes": []string{"email"}, "Schema": []object{{"Name": "plan", "AttributeDataType": "String"}}})["Id"].(string)
	now, err := c.Service.GetPool(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	base := object{"UsernameAttributes": []any{"email"}, "Schema": []any{object{"Name": "plan", "AttributeDataType": "String"}}}
	for _, row := range []struct {
		set         object
		field, want string
	}{
		{object{"MfaConfigration": "ON"}, "MfaConfigration", "there is no such setting"},
		{object{"Policies": object{"PasswordPolicy": object{"MinimumLength": "twelve"}}}, "Policies.PasswordPolicy.MinimumLength", "must be a whole number"},
		{object{"Policies": object{"PasswordPolicy": object{"MinimumLength": 3}}}, "", "minimumLength"},
		{object{"PoolName": "x"}, "PoolName", "stands beside"},
		{object{"MfaConfiguration": "ON", "SmsMfaConfiguration": object{}}, "SmsConfiguration", smsRequired},
		{object{"MfaConfiguration": "ON"}, "MfaConfiguration", "can't turn on MFA"},
		{object{"UsernameAttributes": []any{"phone_number"}}, "UsernameAttributes", "fixed when a pool is made"},
		{object{"UsernameConfiguration": object{"CaseSensitive": false}}, "UsernameConfiguration", "fixed when a pool is made"},
		{object{"Schema": nil}, "Schema", "neither be changed nor taken away"},
		{object{"Schema": []any{object{"Name": "plan", "AttributeDataType": "Number"}}}, "Schema", "neither be changed nor taken away"},
		{object{"UserPoolTags": object{"countersign:strikt": "true"}}, "UserPoolTags", "is not a setting"},
	} {
		in := object{}
		for k, v := range base {
			in[k] = v
		}
		for k, v := range row.set {
			in[k] = v
		}
		p := *now
		err := SetPoolSettings(&p, in, false)
		if f := fault.Of(err); fault.CodeOf(err) != fault.InvalidParameter || f.Field != row.field || !strings.Contains(f.Public, row.want) {
			t.Errorf("%s: %v at %q", text(row.set), err, fault.Of(err).Field)
		}
	}
	p := *now
	more := object{"UsernameAttributes": []any{"email"}, "Schema": []any{object{"Name": "age", "AttributeDataType": "Number"}, base["Schema"].([]any)[0]}}
	if err := SetPoolSettings(&p, more, false); err != nil {
		t.Fatal(err)
	}
	if n := len(p.Config.Schema); p.Config.Schema[n-2].Name != "custom:plan" || p.Config.Schema[n-1].Name != "custom:age" {
		t.Errorf("the schema ends with %v", p.Config.Schema[n-2:])
	}
}
