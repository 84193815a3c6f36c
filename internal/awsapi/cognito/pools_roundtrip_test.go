package cognito

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"countersign/internal/awsapi/cognito/api"
	"countersign/internal/trigger"
	"countersign/internal/trigger/triggertest"
)

var aFunction = triggertest.ARN(trigger.PreSignUp)

// values holds a valid value that is not the default for each member of the requests, by path; members of the same name share one
// unless a path says otherwise. Booleans are true unless they are here. A member of the model without a value fails the test.
var values = map[string]any{
	"PoolName": "round trip", "ClientName": "round trip",
	"MinimumLength": 12, "PasswordHistorySize": 3, "TemporaryPasswordValidityDays": 5, "UnusedAccountValidityDays": 5,
	"RequireUppercase": false, "RequireSymbols": false,
	"AllowedFirstAuthFactors": []any{"PASSWORD", "SMS_OTP", "EMAIL_OTP", "WEB_AUTHN"},
	"DeletionProtection":      "ACTIVE",
	"AutoVerifiedAttributes":  []any{"phone_number", "email"}, "AliasAttributes": []any{"phone_number", "preferred_username"},
	"UsernameAttributes":     []any{"phone_number", "email"},
	"SmsVerificationMessage": "Old: {####} verifies.", "EmailVerificationMessage": "Old: {####} verifies mail.", "EmailVerificationSubject": "Old subject",
	"VerificationMessageTemplate.SmsMessage": "{####} verifies.", "VerificationMessageTemplate.EmailMessage": "{####} verifies mail.",
	"VerificationMessageTemplate.EmailSubject": "Verify", "EmailMessageByLink": "Click {##here##}", "EmailSubjectByLink": "Click",
	"DefaultEmailOption":       "CONFIRM_WITH_CODE", // the other is refused
	"SmsAuthenticationMessage": "{####} lets you in.", "MfaConfiguration": "OPTIONAL",
	"AttributesRequireVerificationBeforeUpdate": []any{"email"},
	"SourceArn": "arn:aws:ses:eu-central-1:123456789012:identity/example.com", "ReplyToEmailAddress": "reply@example.com",
	"EmailSendingAccount": "DEVELOPER", "From": "Shop <shop@example.com>", "ConfigurationSet": "set",
	"SnsCallerArn": "arn:aws:iam::123456789012:role/sms", "ExternalId": "external", "SnsRegion": "eu-west-1",
	"CallerArn": "arn:aws:iam::123456789012:role/eums", "OriginationIdentity": "arn:aws:sms-voice:eu-west-1:123456789012:sender-id/SHOP/DE",
	"ConfigurationSetName": "texts", "InEntityId": "1101456789012345678", "InTemplateId": "1107456789012345678", "Region": "eu-west-1",
	"UserPoolTags": map[string]any{"team": "identity", "countersign:strict": "true"},
	"SMSMessage":   "Hello {username}: {####}", "InviteMessageTemplate.EmailMessage": "Hello {username}: {####}", "InviteMessageTemplate.EmailSubject": "Hello",
	"Schema.Name": "plan", "AttributeDataType": "Number", "Required": false, "Mutable": false,
	"MinValue": "1", "MaxValue": "9", "MinLength": "2", "MaxLength": "20",
	"AdvancedSecurityMode": "ENFORCED", "CustomAuthMode": "AUDIT", "CaseSensitive": false,
	"Priority": 1, "RecoveryMechanisms.Name": "verified_email", "UserPoolTier": "PLUS",
	"LambdaVersion": "V1_0", "KMSKeyID": triggertest.Key, "PreTokenGeneration": aFunction, "LambdaArn": aFunction,
	"PreSignUp": aFunction, "CustomMessage": aFunction, "PostConfirmation": aFunction, "PreAuthentication": aFunction, "PostAuthentication": aFunction,
	"DefineAuthChallenge": aFunction, "CreateAuthChallenge": aFunction, "VerifyAuthChallengeResponse": aFunction, "UserMigration": aFunction,
	"KeyType": "CUSTOMER_MANAGED_KEY", "KmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1234", "IssuerConfiguration.Type": "UPDATED",

	"ClientSecret": "0123456789abcdefghijABCDEFGHIJ", "RefreshTokenValidity": 48, "AccessTokenValidity": 10, "IdTokenValidity": 1200,
	"AccessToken": "minutes", "IdToken": "seconds", "RefreshToken": "hours",
	"ReadAttributes": []any{"email", "phone_number"}, "WriteAttributes": []any{"email", "name"}, "ExplicitAuthFlows": []any{"ALLOW_USER_PASSWORD_AUTH"},
	"SupportedIdentityProviders": []any{"COGNITO"}, "CallbackURLs": []any{"https://app.example.com/in", "myapp://in"}, "LogoutURLs": []any{"https://app.example.com/out"},
	"DefaultRedirectURI": "https://app.example.com/in", "AllowedOAuthFlows": []any{"code"}, "AllowedOAuthScopes": []any{"openid", "phone"},
	"ApplicationId": "a1b2c3", "ApplicationArn": "arn:aws:mobiletargeting:eu-central-1:123456789012:apps/app", "RoleArn": "arn:aws:iam::123456789012:role/analytics",
	"PreventUserExistenceErrors": "ENABLED", "EnableTokenRevocation": false, "AuthSessionValidity": 9, "Feature": "ENABLED", "RetryGracePeriodSeconds": 30,
}

// filler makes requests by walking their types.
type filler struct {
	t *testing.T
	// without are members left out: what excludes each other is filled in turns.
	without []string
	// done are the paths that were filled, over all turns.
	done map[string]bool
}

func (f *filler) fill(typ reflect.Type, path string) any {
	name := path[strings.LastIndexByte(path, '.')+1:]
	parent := ""
	if parts := strings.Split(path, "."); len(parts) > 1 {
		parent = strings.Join(parts[len(parts)-2:], ".")
	}
	for _, key := range []string{parent, name} {
		if v, ok := values[key]; ok {
			f.done[path] = true
			return v
		}
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return f.fill(typ.Elem(), path)
	case reflect.Slice:
		return []any{f.fill(typ.Elem(), path)}
	case reflect.Bool:
		f.done[path] = true
		return true
	case reflect.Struct:
		out := object{}
		for i := range typ.NumField() {
			if sub := join(path, typ.Field(i).Name); !slices.Contains(f.without, sub) {
				out[typ.Field(i).Name] = f.fill(typ.Field(i).Type, sub)
			}
		}
		return out
	}
	f.t.Fatalf("%s: give it a value in this test", path)
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (f *filler) request(typ reflect.Type, id object, without ...string) object {
	f.without = append(without, "UserPoolId", "ClientId")
	out := f.fill(typ, "").(object)
	maps.Copy(out, id)
	return out
}

// paths lists every member of a type that holds a value.
func paths(typ reflect.Type, path string, known map[string]bool) (out []string) {
	if known[path] {
		return []string{path}
	}
	switch typ.Kind() {
	case reflect.Pointer, reflect.Slice:
		return paths(typ.Elem(), path, known)
	case reflect.Struct:
		for i := range typ.NumField() {
			out = append(out, paths(typ.Field(i).Type, join(path, typ.Field(i).Name), known)...)
		}
		return out
	}
	return []string{path}
}

// checkCovered fails for members that no turn has filled.
func (f *filler) checkCovered(typ reflect.Type, refused ...string) {
	f.t.Helper()
	for _, p := range paths(typ, "", f.done) {
		top, _, _ := strings.Cut(p, ".")
		if !f.done[p] && !slices.Contains([]string{"UserPoolId", "ClientId"}, p) && !slices.Contains(refused, top) && !slices.ContainsFunc(refused, func(r string) bool { return strings.HasPrefix(p, r) }) {
			f.t.Errorf("%s: no turn sets %s", typ.Name(), p)
		}
	}
}

// compare demands that got shows every member of a request, and, unless the test's value is the default, that fresh shows another.
func (f *filler) compare(request, got, fresh object) {
	f.t.Helper()
	shown := map[string]string{"PoolName": "Name", "Schema": "SchemaAttributes"}
	for _, name := range slices.Sorted(maps.Keys(request)) {
		want, as := request[name], name
		if shown[name] != "" {
			as = shown[name]
		}
		have := got[as]
		switch name {
		case "UserPoolId", "ClientId", "GenerateSecret":
			continue
		case "Schema":
			a := want.([]any)[0].(object)
			a["Name"] = "dev:custom:plan"
			list := have.([]any)
			have, want = list[len(list)-1], a
		}
		if text(have) != text(want) {
			f.t.Errorf("%s: set %s, shown %s", name, text(want), text(have))
		}
		if text(fresh[as]) == text(want) {
			f.t.Errorf("%s: the test sets the default, %s", name, text(want))
		}
	}
}

// What is set is what is shown, for every member of the model.
func TestEveryMemberOfAPoolIsShownAsItWasSet(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		fresh := c.create(object{})
		create, update := reflect.TypeFor[api.CreateUserPoolRequest](), reflect.TypeFor[api.UpdateUserPoolRequest]()
		turns := [][]string{
			{"LambdaConfig.InboundFederation", "AliasAttributes", "SmsConfiguration.EumsSms"},
			{"LambdaConfig.InboundFederation", "UsernameAttributes", "SmsConfiguration.SnsCallerArn", "SmsConfiguration.ExternalId", "SmsConfiguration.SnsRegion"},
		}
		made, changed := &filler{t: t, done: map[string]bool{}}, &filler{t: t, done: map[string]bool{}}
		for _, without := range turns {
			in := made.request(create, nil, without...)
			id := c.create(in)["Id"].(string)
			made.compare(in, c.describe(id), fresh)

			other := c.create(object{"PoolName": "other"})["Id"].(string)
			in = changed.request(update, object{"UserPoolId": other}, without...)
			c.do("UpdateUserPool", in)
			changed.compare(in, c.describe(other), fresh)
		}
		made.checkCovered(create, "LambdaConfig.InboundFederation")
		changed.checkCovered(update, "LambdaConfig.InboundFederation")
	}, withFunctions(t, nil))
}

func TestEveryMemberOfAClientIsShownAsItWasSet(t *testing.T) {
	eachControl(t, func(t *testing.T, c *control) {
		poolID := c.create(object{})["Id"].(string)
		fresh := c.createClient(object{"UserPoolId": poolID, "ClientName": "fresh"})
		create, update := reflect.TypeFor[api.CreateUserPoolClientRequest](), reflect.TypeFor[api.UpdateUserPoolClientRequest]()
		turns := [][]string{
			{"GenerateSecret", "AnalyticsConfiguration.ApplicationArn"},
			{"ClientSecret", "AnalyticsConfiguration.ApplicationId", "AnalyticsConfiguration.ExternalId"},
		}
		made, changed := &filler{t: t, done: map[string]bool{}}, &filler{t: t, done: map[string]bool{}}
		for _, without := range turns {
			in := made.request(create, object{"UserPoolId": poolID}, without...)
			id := c.createClient(in)["ClientId"].(string)
			made.compare(in, c.describeClient(poolID, id), fresh)

			other := c.createClient(object{"UserPoolId": poolID, "ClientName": "other", "GenerateSecret": true})["ClientId"].(string)
			in = changed.request(update, object{"UserPoolId": poolID, "ClientId": other}, without...)
			c.do("UpdateUserPoolClient", in)
			changed.compare(in, c.describeClient(poolID, other), fresh)
		}
		made.checkCovered(create)
		changed.checkCovered(update)
	})
}
