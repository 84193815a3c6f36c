package cognito

import (
	"strings"
	"testing"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/store"
)

// A pool made of a name alone, as the live service shows it.
func TestDefaultsOfAPool(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		made := c.create(object{})
		got := c.describe(made["Id"].(string))
		if text(got) != text(made) {
			t.Errorf("created %s\ndescribed %s", text(made), text(got))
		}
		id := got["Id"].(string)
		if region, name, _ := strings.Cut(id, "_"); region != "eu-central-1" || len(name) != 9 {
			t.Errorf("the id is %s", id)
		}
		names := []string{}
		for _, a := range got["SchemaAttributes"].([]any) {
			names = append(names, a.(object)["Name"].(string))
		}
		if len(names) != 20 || names[0] != "sub" {
			t.Errorf("the schema has %d attributes: %v", len(names), names)
		}
		delete(got, "SchemaAttributes")
		now := float64(pooltest.Start.Unix())
		want := object{
			"Id": id, "Name": "shop", "Arn": "arn:aws:cognito-idp:eu-central-1:123456789012:userpool/" + id, "CreationDate": now, "LastModifiedDate": now,
			"Policies": object{
				"PasswordPolicy": object{
					"MinimumLength": 8, "RequireUppercase": true, "RequireLowercase": true, "RequireNumbers": true, "RequireSymbols": true,
					"TemporaryPasswordValidityDays": 7,
				},
				"SignInPolicy": object{"AllowedFirstAuthFactors": []string{"PASSWORD"}},
			},
			"DeletionProtection": "INACTIVE", "LambdaConfig": object{}, "VerificationMessageTemplate": object{"DefaultEmailOption": "CONFIRM_WITH_CODE"},
			"MfaConfiguration": "OFF", "EstimatedNumberOfUsers": 0, "EmailConfiguration": object{"EmailSendingAccount": "COGNITO_DEFAULT"},
			"UserPoolTags": object{}, "AdminCreateUserConfig": object{"AllowAdminCreateUserOnly": false, "UnusedAccountValidityDays": 7},
			"UserPoolTier": "ESSENTIALS",
		}
		if text(got) != text(want) {
			t.Errorf("got  %s\nwant %s", text(got), text(want))
		}
		if mfa := c.do("GetUserPoolMfaConfig", object{"UserPoolId": id}); text(mfa) != `{"MfaConfiguration":"OFF"}` {
			t.Errorf("MFA settings: %s", text(mfa))
		}
	})
}

func TestUpdateReplaces(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		made := c.create(object{
			"PoolName": "before", "UsernameAttributes": []string{"email"}, "UsernameConfiguration": object{"CaseSensitive": false},
			"AutoVerifiedAttributes": []string{"email"}, "DeletionProtection": "ACTIVE", "UserPoolTags": object{"team": "a"},
			"Schema":                 []object{{"Name": "plan", "AttributeDataType": "String"}},
			"AccountRecoverySetting": object{"RecoveryMechanisms": []object{{"Name": "admin_only", "Priority": 1}}},
			"Policies":               object{"PasswordPolicy": object{"MinimumLength": 20}},
		})
		id := made["Id"].(string)
		if got := text(made["Policies"].(object)["PasswordPolicy"]); got != `{"MinimumLength":20,"RequireLowercase":false,"RequireNumbers":false,"RequireSymbols":false,"RequireUppercase":false,"TemporaryPasswordValidityDays":7}` {
			t.Errorf("a policy that names a length alone: %s", got)
		}
		c.do("UpdateUserPool", object{"UserPoolId": id})
		got := c.describe(id)
		fresh := c.create(object{"PoolName": "fresh"})
		for _, kept := range []string{"Id", "Name", "Arn", "SchemaAttributes", "UsernameAttributes", "UsernameConfiguration", "CreationDate"} {
			if text(got[kept]) != text(made[kept]) {
				t.Errorf("%s became %s", kept, text(got[kept]))
			}
			delete(got, kept)
			delete(fresh, kept)
		}
		if text(got) != text(fresh) {
			t.Errorf("after an update that names nothing: %s\nwant the defaults: %s", text(got), text(fresh))
		}
		c.do("UpdateUserPool", object{"UserPoolId": id, "PoolName": "after"})
		if name := c.describe(id)["Name"]; name != "after" {
			t.Errorf("the name is %s", name)
		}
	})
}

// What is described may be sent back as it is.
func TestADescriptionCanBeSentBack(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		id := c.create(object{"SmsVerificationMessage": "{####} it is", "MfaConfiguration": "ON", "SmsConfiguration": role})["Id"].(string)
		before := c.describe(id)
		in := object{"UserPoolId": id}
		for k, v := range before {
			in[k] = v
		}
		c.do("UpdateUserPool", in)
		if after := c.describe(id); text(after) != text(before) {
			t.Errorf("before %s\nafter %s", text(before), text(after))
		}
	})
}

func TestPoolsAreRefused(t *testing.T) {
	recovery := func(list ...object) object {
		return object{"AccountRecoverySetting": object{"RecoveryMechanisms": list}}
	}
	schema := func(list ...object) object { return object{"Schema": list} }
	tags := func(k, v string) object { return object{"UserPoolTags": object{k: v}} }
	rows := []struct {
		in   object
		want string
	}{
		{object{"UsernameAttributes": []string{"email"}, "AliasAttributes": []string{"phone_number"}}, "Only one of the aliasAttributes or usernameAttributes can be set in a user pool."},
		{object{"MfaConfiguration": "ON"}, smsRequired},
		{object{"MfaConfiguration": "OPTIONAL", "AutoVerifiedAttributes": []string{"phone_number"}}, smsRequired},
		{object{"SmsConfiguration": object{"ExternalId": "x"}}, "SmsConfiguration needs a SnsCallerArn or EumsSms."},
		{object{"SmsConfiguration": object{"SnsCallerArn": role["SnsCallerArn"], "EumsSms": object{"CallerArn": role["SnsCallerArn"], "ExternalId": "x"}}},
			"SmsConfiguration takes either SnsCallerArn or EumsSms, not both."},
		{object{"UserAttributeUpdateSettings": object{"AttributesRequireVerificationBeforeUpdate": []string{"phone_number"}}, "AutoVerifiedAttributes": []string{"email"}},
			"All attributes in AttributesRequireVerificationBeforeUpdate must exist in AutoVerifiedAttributes"},
		{object{"VerificationMessageTemplate": object{"DefaultEmailOption": "CONFIRM_WITH_LINK"}},
			"VerificationMessageTemplate.DefaultEmailOption CONFIRM_WITH_LINK is not supported: Countersign confirms by code."},
		{object{"SmsAuthenticationMessage": "no place for it"}, "1 validation error detected: Value 'no place for it' at 'smsAuthenticationMessage' failed to satisfy constraint: " +
			`Member must satisfy regular expression pattern: .*\{####\}.*`},
		{object{"EmailVerificationSubject": strings.Repeat("s", 141)}, "1 validation error detected: Value '" + strings.Repeat("s", 128) +
			"...' at 'emailVerificationSubject' failed to satisfy constraint: Member must have length less than or equal to 140"},
		{object{"Policies": object{"SignInPolicy": object{"AllowedFirstAuthFactors": []string{"PASSWORD", "SOFTWARE_TOKEN"}}}},
			"AllowedFirstAuthFactors: SOFTWARE_TOKEN is not a first factor."},
		{object{"Policies": object{"PasswordPolicy": object{"TemporaryPasswordValidityDays": 3}}, "AdminCreateUserConfig": object{"UnusedAccountValidityDays": 4}},
			"Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays"},
		{recovery(object{"Name": "admin_only", "Priority": 1}, object{"Name": "verified_email", "Priority": 2}),
			"Account Recovery Setting cannot use admin_only setting with any other recovery mechanisms."},
		{recovery(object{"Name": "verified_email", "Priority": 1}, object{"Name": "verified_phone_number", "Priority": 1}),
			"Account Recovery Setting cannot have duplicate priorities or recovery mechanisms."},
		{recovery(object{"Name": "verified_email", "Priority": 1}, object{"Name": "verified_email", "Priority": 2}),
			"Account Recovery Setting cannot have duplicate priorities or recovery mechanisms."},
		{schema(object{"Name": "plan", "AttributeDataType": "String", "Required": true}), "Required custom attributes are not supported currently."},
		{schema(object{"Name": "plan"}), "Invalid AttributeDataType input, consider using the provided AttributeDataType enum."},
		{schema(object{"Name": "email", "AttributeDataType": "Number"}),
			"You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute email"},
		{schema(object{"Name": "email", "DeveloperOnlyAttribute": true}),
			"You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute email"},
		{schema(object{"Name": "plan", "AttributeDataType": "String"}, object{"Name": "plan", "AttributeDataType": "Number"}),
			"Duplicate custom attribute names custom:plan are not allowed in a user pool schema."},
		{schema(object{"Name": "plan", "AttributeDataType": "String", "StringAttributeConstraints": object{"MinLength": "9", "MaxLength": "8"}}),
			"Attribute custom:plan cannot have a max length shorter than it's min length"},
		{schema(object{"Name": "plan", "AttributeDataType": "Number", "NumberAttributeConstraints": object{"MinValue": "9", "MaxValue": "8"}}),
			"Attribute custom:plan cannot have a max value smaller than it's min value"},
		{schema(object{"Name": "plan", "AttributeDataType": "String", "StringAttributeConstraints": object{"MaxLength": "4096"}}),
			"Attribute custom:plan: lengths are between 0 and 2048."},
		{schema(object{"Name": "twenty-one-characters", "AttributeDataType": "String"}), "1 validation error detected: Value 'twenty-one-characters' at " +
			"'schema.1.member.name' failed to satisfy constraint: Member must have length less than or equal to 20"},
		{tags("countersign:strikt", "true"), "UserPoolTags: countersign:strikt is not a setting of Countersign."},
		{tags("countersign:strict", "yes"), "UserPoolTags: the value of countersign:strict must be true or false."},
		{tags("countersign:token-algorithm", "HS256"), "UserPoolTags: the value of countersign:token-algorithm must be RS256 or ES256."},
		{tags("countersign:operator-number", "12025550123"), "UserPoolTags: the value of countersign:operator-number must be a phone number in E.164 form, like +12025550123."},
		{tags("countersign:require-mfa/abc", "true"), "UserPoolTags: countersign:require-mfa needs MfaConfiguration OPTIONAL or ON."},
		{tags("countersign:require-mfa", "true"), "UserPoolTags: countersign:require-mfa is not a setting of Countersign."},
		{object{"MfaConfiguration": "ON", "SmsConfiguration": role, "UserPoolTags": object{"countersign:require-mfa/abc": "true"}}, "The pool has no app client abc."},
	}
	eachControl(t, func(t *testing.T, c *control) {
		for _, row := range rows {
			row.in["PoolName"] = "refused"
			c.refused("CreateUserPool", row.in, "InvalidParameterException: "+row.want)
		}
		if out := c.do("ListUserPools", object{"MaxResults": 60}); len(out["UserPools"].([]any)) != 0 {
			t.Errorf("refused pools are there: %s", text(out))
		}
	})
}

func TestUnknownPools(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		for _, op := range []string{"DescribeUserPool", "UpdateUserPool", "DeleteUserPool", "GetUserPoolMfaConfig", "SetUserPoolMfaConfig", "ListUserPoolClients"} {
			c.refused(op, object{"UserPoolId": "eu-central-1_unknown"}, "ResourceNotFoundException: User pool eu-central-1_unknown does not exist.")
		}
		c.refused("CreateUserPoolClient", object{"UserPoolId": "eu-central-1_unknown", "ClientName": "x"}, "ResourceNotFoundException: User pool eu-central-1_unknown does not exist.")
		c.refused("DescribeUserPoolClient", object{"UserPoolId": "eu-central-1_unknown", "ClientId": "x"}, "ResourceNotFoundException: User pool eu-central-1_unknown does not exist.")
		c.who.Region = "no region"
		c.refused("CreateUserPool", object{"PoolName": "x"}, "InvalidParameterException: A region has lower-case letters, digits and hyphens, like eu-central-1.")
	})
}

func TestDeletePool(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		id := c.create(object{"DeletionProtection": "ACTIVE"})["Id"].(string)
		client := c.createClient(object{"UserPoolId": id})["ClientId"].(string)
		c.refused("DeleteUserPool", object{"UserPoolId": id},
			"InvalidParameterException: The user pool cannot be deleted because deletion protection is activated. Deletion protection must be inactivated first.")
		c.do("UpdateUserPool", object{"UserPoolId": id, "DeletionProtection": "INACTIVE"})
		if out := c.do("DeleteUserPool", object{"UserPoolId": id}); len(out) != 0 {
			t.Errorf("the answer is %v", out)
		}
		c.refused("DescribeUserPool", object{"UserPoolId": id}, "ResourceNotFoundException: User pool "+id+" does not exist.")
		c.refused("DeleteUserPool", object{"UserPoolId": id}, "ResourceNotFoundException: User pool "+id+" does not exist.")
		c.refused("InitiateAuth", object{"ClientId": client, "AuthFlow": "USER_SRP_AUTH"}, "ResourceNotFoundException: User pool client "+client+" does not exist.")
		if events := c.events("", eventlog.PoolChanged); len(events) != 1 || !strings.Contains(string(events[0].Data), id) {
			t.Errorf("the deployment's log has %v", events)
		}
	})
}

func TestPagesOfPools(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		want := map[string]bool{}
		for range 5 {
			want[c.create(object{})["Id"].(string)] = true
		}
		in, pages := object{"MaxResults": 2}, 0
		for {
			out := c.do("ListUserPools", in)
			for _, p := range out["UserPools"].([]any) {
				delete(want, p.(object)["Id"].(string))
			}
			pages++
			if out["NextToken"] == nil {
				break
			}
			in["NextToken"] = out["NextToken"]
		}
		if len(want) != 0 || pages != 3 {
			t.Errorf("%d pages, missing %v", pages, want)
		}
		id := c.create(object{})["Id"].(string)
		c.refused("ListUserPoolClients", object{"UserPoolId": id, "NextToken": in["NextToken"]}, "InvalidParameterException: Invalid pagination token")
		c.refused("ListUserPools", object{"MaxResults": 61}, "InvalidParameterException: 1 validation error detected: Value '61' at 'maxResults' failed to "+
			"satisfy constraint: Member must have value less than or equal to 60")
	})
}

func TestOwnSettings(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		id := c.create(object{"MfaConfiguration": "OPTIONAL", "SmsConfiguration": role, "UserPoolTags": object{
			"countersign:separate-attempts": "true", "countersign:strict": "true", "countersign:token-algorithm": "ES256",
			"countersign:operator-number": "+12025550123", "team": "identity",
		}})["Id"].(string)
		p, err := c.Service.GetPool(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if cfg := p.Config; !cfg.SeparateAttempts || !cfg.Strict || cfg.Alg != "ES256" || cfg.OperatorNumber != "+12025550123" || cfg.BaseURL != pool.DefaultBaseURL {
			t.Errorf("the settings are %+v", cfg)
		}
		client := c.createClient(object{"UserPoolId": id})["ClientId"].(string)
		required := func() bool {
			cl, err := c.Service.GetClient(t.Context(), id, client)
			if err != nil {
				t.Fatal(err)
			}
			return cl.Config.RequireMFA
		}
		update := object{"UserPoolId": id, "MfaConfiguration": "OPTIONAL", "SmsConfiguration": role, "UserPoolTags": object{"countersign:require-mfa/" + client: "true"}}
		c.do("UpdateUserPool", update)
		if !required() {
			t.Error("the client does not require MFA")
		}
		c.do("UpdateUserPoolClient", object{"UserPoolId": id, "ClientId": client})
		if !required() {
			t.Error("an update of the client lost the setting of its pool")
		}
		update["UserPoolTags"] = object{}
		c.do("UpdateUserPool", update)
		if required() {
			t.Error("the client still requires MFA")
		}
		if p, err := c.Service.GetPool(t.Context(), id); err != nil || p.Config.SeparateAttempts || p.Config.Alg != "" || p.Config.OperatorNumber != "" {
			t.Errorf("tags that are gone still work: %+v %v", p.Config, err)
		}
	})
}

// Reading is not decrypting.
func TestSecretsAreForThoseWhoMayReadThem(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		id := c.create(object{})["Id"].(string)
		made := c.createClient(object{"UserPoolId": id, "GenerateSecret": true})
		client, secret := made["ClientId"].(string), made["ClientSecret"].(string)
		if len(client) != 26 || len(secret) != 51 {
			t.Errorf("client %s has a secret of %d characters", client, len(secret))
		}
		if got := c.describeClient(id, client)["ClientSecret"]; got != secret {
			t.Errorf("its owner sees %v", got)
		}
		c.who.Access.Grants = []access.Grant{{Service: access.Cognito, Actions: []string{"Describe*", "Update*"}, Pools: []string{"*"}}}
		if got := c.describeClient(id, client)["ClientSecret"]; got != nil {
			t.Error("a reader sees the secret")
		}
		if out := c.do("UpdateUserPoolClient", object{"UserPoolId": id, "ClientId": client}); strings.Contains(text(out), secret) {
			t.Error("an update shows the secret")
		}
		c.who.Access.Grants = access.Everything()
		if got := c.describeClient(id, client)["ClientSecret"]; got != secret {
			t.Error("the secret did not survive the update")
		}
	})
}

func TestEnsureDev(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		ctx := t.Context()
		for _, base := range []string{"http://localhost:7446", "http://localhost:7446", "http://localhost:9000"} {
			if err := EnsureDev(ctx, c.Service, base); err != nil {
				t.Fatal(err)
			}
			if p, err := c.Service.GetPool(ctx, DevPoolID); err != nil || p.Config.BaseURL != base {
				t.Errorf("base URL %s: %v", p.Config.BaseURL, err)
			}
		}
		got := c.describe(DevPoolID)
		for member, want := range map[string]string{
			"Name": `"countersign"`, "UsernameAttributes": `["phone_number","email"]`, "AutoVerifiedAttributes": `["phone_number"]`, "MfaConfiguration": `"OPTIONAL"`,
			"UsernameConfiguration": `{"CaseSensitive":false}`,
		} {
			if text(got[member]) != want {
				t.Errorf("%s is %s, want %s", member, text(got[member]), want)
			}
		}
		if got := text(c.do("GetUserPoolMfaConfig", object{"UserPoolId": DevPoolID})); got !=
			`{"MfaConfiguration":"OPTIONAL","SmsMfaConfiguration":{"SmsAuthenticationMessage":"Your authentication code is {####}."},"SoftwareTokenMfaConfiguration":{"Enabled":true}}` {
			t.Errorf("MFA settings: %s", got)
		}
		if cl := c.describeClient(DevPoolID, DevClientID); len(cl["ExplicitAuthFlows"].([]any)) != 6 || len(cl["CallbackURLs"].([]any)) != 3 || cl["ClientSecret"] != nil {
			t.Errorf("the client is %s", text(cl))
		}
		if n := len(c.Messages()); n != 0 {
			t.Errorf("the start state sent %d messages", n)
		}
		// Its own sender is an SMS configuration.
		c.do("UpdateUserPool", object{"UserPoolId": DevPoolID, "MfaConfiguration": "ON", "AutoVerifiedAttributes": []string{"phone_number"}})
		c.SignUp(DevClientID, "+12025550123", "Passw0rd!")
		if n := c.describe(DevPoolID)["EstimatedNumberOfUsers"]; n != 1.0 {
			t.Errorf("the pool has %v users", n)
		}
	})
}

// A pool that another API made is described by what it is configured to.
func TestPoolsOfOtherAPIsAreDescribed(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		cfg := pooltest.PhonePool()
		cfg.SeparateAttempts, cfg.Recovery, cfg.Templates.SMSVerify, cfg.MFAEmail = true, []string{"verified_email", "verified_phone_number"}, "{####} it is", true
		cfg.Protected, cfg.TemporaryDays, cfg.PasswordHistory, cfg.VerifyBeforeUpdate = true, 2, 4, []string{"phone_number"}
		id := c.Pool(cfg)
		ccfg := pooltest.AppClient()
		ccfg.HideExistence, ccfg.AuthSession, ccfg.ReadAttributes = true, 10*60e9, []string{"email"}
		client := c.Client(id, ccfg)
		got := c.describe(id)
		for member, want := range map[string]string{
			"UsernameAttributes": `["phone_number"]`, "MfaConfiguration": `"OPTIONAL"`, "UserPoolTags": `{"countersign:separate-attempts":"true"}`,
			"AccountRecoverySetting": `{"RecoveryMechanisms":[{"Name":"verified_email","Priority":1},{"Name":"verified_phone_number","Priority":2}]}`,
			"SmsVerificationMessage": `"{####} it is"`, "DeletionProtection": `"ACTIVE"`,
		} {
			if text(got[member]) != want {
				t.Errorf("%s is %s, want %s", member, text(got[member]), want)
			}
		}
		p, err := c.Service.GetPool(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		d, err := documentOf(p)
		if err != nil {
			t.Fatal(err)
		}
		again, err := d.config()
		again.BaseURL, p.Config.FirstFactors = p.Config.BaseURL, []string{"PASSWORD"}
		if err != nil || !sameJSON(again, p.Config) {
			t.Errorf("%v\nread back %s\nwant      %s", err, text(again), text(p.Config))
		}
		cl, err := c.Service.GetClient(t.Context(), id, client)
		if err != nil {
			t.Fatal(err)
		}
		cd, err := readClientDocument(cl)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := cd.config(); err != nil || !sameJSON(again, cl.Config) {
			t.Errorf("%v\nread back %s\nwant      %s", err, text(again), text(cl.Config))
		}
	})
}

// A setting that another API changes later is shown too, and nothing else is lost.
func TestChangesOfOtherAPIsAreDescribed(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		id := c.create(object{"SmsConfiguration": role, "UserPoolTags": object{"team": "identity"}})["Id"].(string)
		c.Reconfigure(id, func(cfg *pool.Config) { cfg.Strict, cfg.MFA, cfg.MFASMS = true, "ON", true })
		got := c.describe(id)
		if text(got["UserPoolTags"]) != `{"countersign:strict":"true","team":"identity"}` || got["MfaConfiguration"] != "ON" || text(got["SmsConfiguration"]) != text(role) {
			t.Errorf("described as %s", text(got))
		}
	})
}

func (c *control) events(poolID string, kind eventlog.Type) []*store.Event {
	c.t.Helper()
	list, err := c.Log.List(c.t.Context(), c.Store, eventlog.Query{PoolID: poolID, Types: []eventlog.Type{kind}, Limit: 50})
	if err != nil {
		c.t.Fatal(err)
	}
	return list
}
