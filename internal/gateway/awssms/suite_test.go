package awssms

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"countersign/internal/secret"
	"countersign/provider"
	"countersign/provider/providertest"
)

const (
	keyID     = "AKIAIOSFODNN7EXAMPLE"
	secretKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	token     = "IQoJb3JpZ2luX2VjEXAMPLETOKEN"
	topic     = "arn:aws:sns:eu-west-1:111122223333:receipts"
	sentID    = "0f4c8d5e-1b2a-4c3d-9e8f-7a6b5c4d3e2f"

	snsModel = "sns-2010-03-31.json"
	eumModel = "pinpoint-sms-voice-v2-2022-03-31.json"
)

func accessTo(base string) Access {
	return Access{Region: "eu-west-1", AccessKeyID: keyID, SecretAccessKey: secret.New(secretKey), SessionToken: secret.New(token), BaseURL: base,
		Client: &http.Client{Transport: &http.Transport{}}}
}

func newSNS(t *testing.T, base string) *SNS {
	t.Helper()
	p, err := NewSNS(SNSConfig{Access: accessTo(base), From: "Example", MaxPrice: "0.50", EntityID: "1101234567890123456", TemplateID: "1107234567890123456"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newEUM(t *testing.T, base string) *Provider {
	t.Helper()
	p, err := New(Config{Access: accessTo(base), From: "pool-0f3a5b7c", ConfigurationSet: "countersign", MaxPrice: "0.50", EntityID: "1101234567890123456",
		TemplateID: "1107234567890123456", Topics: []string{topic}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// isXML and isJSON are the types of AWS's answers.
var (
	isXML  = map[string]string{"Content-Type": "text/xml", "X-Amzn-Requestid": "5b3f0c1e"}
	isJSON = map[string]string{"Content-Type": "application/x-amz-json-1.0", "X-Amzn-Requestid": "5b3f0c1e"}
)

func xmlError(status int, code, text string) providertest.Answer {
	return providertest.Answer{Status: status, Header: isXML,
		Body: `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>` + code +
			`</Code><Message>` + text + `</Message></Error><RequestId>5b3f0c1e</RequestId></ErrorResponse>`}
}

func jsonError(status int, code, more string) providertest.Answer {
	return providertest.Answer{Status: status, Header: isJSON, Body: `{"__type":"com.amazonaws.pinpointsmsvoicev2#` + code +
		`","Message":"It failed: {echo}"` + more + `}`}
}

func snsForm(r providertest.Request) map[string]any {
	f := r.Form()
	out := map[string]any{}
	attributes := map[string]any{}
	for k := range f {
		switch {
		case k == "Action", k == "Version":
		case strings.HasPrefix(k, "MessageAttributes.entry."):
			entry, _, _ := strings.Cut(strings.TrimPrefix(k, "MessageAttributes.entry."), ".")
			at := "MessageAttributes.entry." + entry
			attributes[f.Get(at+".Name")] = map[string]any{"DataType": f.Get(at + ".Value.DataType"), "StringValue": f.Get(at + ".Value.StringValue")}
		default:
			out[k] = f.Get(k)
		}
	}
	if len(attributes) > 0 {
		out["MessageAttributes"] = attributes
	}
	return out
}

func TestSNSSuite(t *testing.T) {
	s := providertest.Suite{
		New: func(t *testing.T, base string) provider.Provider { return newSNS(t, base) },
		Success: map[provider.Channel]providertest.Answer{provider.SMS: {Header: isXML,
			Body: `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>` + sentID +
				`</MessageId></PublishResult><ResponseMetadata><RequestId>5b3f0c1e</RequestId></ResponseMetadata></PublishResponse>`}},
		ProviderID: sentID, Secrets: []string{keyID, secretKey, token},
		Text: func(r providertest.Request) string {
			providertest.ConformsAWS(t, snsModel, "Publish", snsForm(r))
			return r.Form().Get("Message")
		},
	}
	for _, f := range []struct {
		status     int
		code, text string
		want       provider.Reason
	}{
		{400, "InvalidParameter", "Invalid parameter: PhoneNumber Reason: {echo} is not valid to publish to", provider.InvalidNumber},
		{400, "InvalidParameter", "Invalid parameter: Message too long", provider.ContentRejected},
		{400, "InvalidParameter", "Invalid parameter: MessageAttributes", provider.BadRequest},
		{400, "ParameterValueInvalid", "x", provider.BadRequest}, {400, "ValidationException", "x", provider.BadRequest},
		{403, "AuthorizationError", "User {echo} may not", provider.AuthFailed}, {403, "InvalidSecurity", "x", provider.AuthFailed},
		{403, "SignatureDoesNotMatch", "The Canonical String should have been {echo}", provider.AuthFailed}, {403, "InvalidClientTokenId", "x",
			provider.AuthFailed},
		{403, "ExpiredToken", "x", provider.AuthFailed}, {403, "OptInRequired", "x", provider.AuthFailed}, {400, "AccessDenied", "x", provider.AuthFailed},
		{400, "Throttling", "Rate exceeded", provider.RateLimited}, {400, "ThrottlingException", "Rate exceeded", provider.RateLimited},
		{429, "Throttled", "x", provider.RateLimited}, {500, "InternalError", "x", provider.Temporary}, {503, "ServiceUnavailable", "x", provider.Temporary},
		{404, "NotFound", "x", provider.BadRequest}, {400, "KMSDisabled", "x", provider.BadRequest}, {400, "NeverHeardOf", "x", provider.BadRequest},
		{403, "RequestTimeTooSkewed", "Signature expired", provider.AuthFailed},
	} {
		s.Failures = append(s.Failures, providertest.Failure{Name: f.code + " " + f.text, Answer: xmlError(f.status, f.code, f.text), Reason: f.want,
			Code: f.code})
	}
	s.Failures = append(s.Failures, providertest.Failure{Name: "200 with an error", Answer: xmlError(200, "Throttling", "x"), Reason: provider.Unknown})
	providertest.Run(t, s)
}

func TestSuite(t *testing.T) {
	ok := providertest.Answer{Header: isJSON, Body: `{"MessageId":"` + sentID + `"}`}
	s := providertest.Suite{
		New:      func(t *testing.T, base string) provider.Provider { return newEUM(t, base) },
		Channels: []provider.Channel{provider.SMS, provider.Voice}, Success: map[provider.Channel]providertest.Answer{provider.SMS: ok, provider.Voice: ok},
		ProviderID: sentID, Secrets: []string{keyID, secretKey, token},
		Text: func(r providertest.Request) string {
			operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "PinpointSMSVoiceV2.")
			providertest.ConformsAWS(t, eumModel, operation, r.JSON())
			return fmt.Sprint(r.JSON()["MessageBody"])
		},
		Reference: func(r providertest.Request) string {
			c, _ := r.JSON()["Context"].(map[string]any)
			return fmt.Sprint(c["attempt"])
		},
	}
	for _, f := range []struct {
		code, reason string
		want         provider.Reason
	}{
		{"ValidationException", "COUNTRY_NOT_ENABLED", provider.BadRequest}, {"ValidationException", "DESTINATION_COUNTRY_BLOCKED", provider.BadRequest},
		{"ValidationException", "PRICE_OVER_THRESHOLD", provider.BadRequest}, {"ValidationException", "OTHER", provider.BadRequest},
		{"ValidationException", "INVALID_IDENTITY_FOR_DESTINATION_COUNTRY", provider.SenderRejected}, {"ValidationException",
			"SENDER_ID_NOT_REGISTERED", provider.SenderRejected},
		{"ValidationException", "VOICE_CAPABILITY_NOT_AVAILABLE", provider.SenderRejected}, {"ValidationException", "MAXIMUM_SIZE_EXCEEDED",
			provider.ContentRejected},
		{"ConflictException", "DESTINATION_PHONE_NUMBER_OPTED_OUT", provider.OptedOut},
		{"ConflictException", "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION", provider.Blocked},
		{"ConflictException", "DESTINATION_PHONE_NUMBER_NOT_VERIFIED", provider.BadRequest}, {"ConflictException", "NO_ORIGINATION_IDENTITIES_FOUND",
			provider.SenderRejected},
		{"ConflictException", "RESOURCE_NOT_EMPTY", provider.BadRequest}, {"ServiceQuotaExceededException", "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT",
			provider.InsufficientFunds},
		{"ServiceQuotaExceededException", "MONTHLY_SPEND_LIMIT_REACHED_FOR_VOICE", provider.InsufficientFunds},
		{"ServiceQuotaExceededException", "DAILY_DESTINATION_CALL_LIMIT", provider.RateLimited}, {"ServiceQuotaExceededException",
			"POOLS_PER_ACCOUNT", provider.BadRequest},
		{"AccessDeniedException", "ACCOUNT_DISABLED", provider.AuthFailed}, {"AccessDeniedException", "INSUFFICIENT_ACCOUNT_REPUTATION", provider.AuthFailed},
	} {
		s.Failures = append(s.Failures, providertest.Failure{Name: f.reason, Answer: jsonError(400, f.code, `,"Reason":"`+f.reason+`"`),
			Reason: f.want, Code: f.reason})
	}
	for _, f := range []struct {
		name, code, more string
		status           int
		want             provider.Reason
	}{
		{"the number", "ValidationException", `,"Reason":"FIELD_VALIDATION_FAILED","Fields":[{"Name":"DestinationPhoneNumber","Message":"{echo}"}]`,
			400, provider.InvalidNumber},
		{"another field", "ValidationException", `,"Reason":"FIELD_VALIDATION_FAILED","Fields":[{"Name":"TimeToLive"}]`, 400, provider.BadRequest},
		{"no such identity", "ResourceNotFoundException", `,"ResourceType":"pool","ResourceId":"pool-0f3a5b7c"`, 400, provider.SenderRejected},
		{"too many", "ThrottlingException", "", 400, provider.RateLimited}, {"internal", "InternalServerException", `,"RequestId":"5b3f0c1e"`, 500,
			provider.Temporary},
		{"key", "UnrecognizedClientException", "", 400, provider.AuthFailed}, {"signature", "InvalidSignatureException", "", 400, provider.AuthFailed},
		{"expired", "ExpiredTokenException", "", 400, provider.AuthFailed}, {"unknown", "NeverHeardOfException", "", 400, provider.BadRequest},
		{"200 with an error", "ThrottlingException", "", 200, provider.Unknown},
	} {
		s.Failures = append(s.Failures, providertest.Failure{Name: f.name, Answer: jsonError(f.status, f.code, f.more), Reason: f.want})
	}
	providertest.Run(t, s)
}

// A daily limit ends at midnight.
func TestDailyLimit(t *testing.T) {
	s := providertest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(400)
		fmt.Fprint(w, `{"__type":"ServiceQuotaExceededException","Message":"no","Reason":"DAILY_DESTINATION_CALL_LIMIT"}`)
	})
	p := newEUM(t, s.URL)
	p.c.Now = func() time.Time { return time.Date(2026, 11, 21, 17, 0, 0, 0, time.UTC) }
	m := providertest.Message(provider.Voice)
	m.ExpiresAt = time.Time{}
	_, err := p.Send(t.Context(), m)
	if class, after := provider.ClassOf(err); class != provider.ClassThrottled || after != 7*time.Hour {
		t.Fatal(class, after, err)
	}
}

// What is asked of AWS, name by name.
func TestRequests(t *testing.T) {
	answer := func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("X-Amz-Target") == "" {
			w.Header().Set("Content-Type", "text/xml")
			fmt.Fprint(w, `<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		fmt.Fprint(w, `{"MessageId":"1"}`)
	}
	s := providertest.Serve(t, answer)
	last := func(p provider.Provider, m provider.Message) providertest.Request {
		t.Helper()
		if _, err := p.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		all := s.Requests()
		r := all[len(all)-1]
		if a := r.Header.Get("Authorization"); !strings.HasPrefix(a, "AWS4-HMAC-SHA256 Credential="+keyID+"/") ||
			r.Header.Get("X-Amz-Security-Token") != token {
			t.Errorf("not signed: %q", a)
		}
		return r
	}
	m := providertest.Message(provider.SMS)
	for from, want := range map[string]url.Values{
		"":             {"AWS.SNS.SMS.SenderID": {"Example"}},
		"Other":        {"AWS.SNS.SMS.SenderID": {"Other"}},
		"+12065550100": {"AWS.MM.SMS.OriginationNumber": {"+12065550100"}},
		"12345":        {"AWS.MM.SMS.OriginationNumber": {"12345"}},
	} {
		m.From = from
		v := snsForm(last(newSNS(t, s.URL), m))
		providertest.ConformsAWS(t, snsModel, "Publish", v)
		got := fmt.Sprint(v["MessageAttributes"])
		for name, value := range want {
			if !strings.Contains(got, name+":map[DataType:String StringValue:"+value[0]+"]") || strings.Count(got, "DataType") != 3 {
				t.Errorf("%q: %s", from, got)
			}
		}
		if v["PhoneNumber"] != m.To || !strings.Contains(got, "AWS.SNS.SMS.SMSType:map[DataType:String StringValue:Transactional]") ||
			!strings.Contains(got, "AWS.SNS.SMS.MaxPrice:map[DataType:Number StringValue:0.50]") {
			t.Errorf("%q: %v", from, v)
		}
	}
	m.From, m.Country, m.To = "", "IN", "+919876543210"
	if got := fmt.Sprint(snsForm(last(newSNS(t, s.URL), m))); !strings.Contains(got, "AWS.MM.SMS.EntityId") || !strings.Contains(got,
		"AWS.MM.SMS.TemplateId") {
		t.Error(got)
	}
	m.EntityID, m.TemplateID = "1101456324675322134", "1107457532145798767" // go before the account's
	if got := fmt.Sprint(snsForm(last(newSNS(t, s.URL), m))); !strings.Contains(got, m.EntityID) || !strings.Contains(got, m.TemplateID) ||
		strings.Contains(got, "1107234567890123456") {
		t.Error(got)
	}
	if got := fmt.Sprint(last(newEUM(t, s.URL), m).JSON()["DestinationCountryParameters"]); got !=
		"map[IN_ENTITY_ID:1101456324675322134 IN_TEMPLATE_ID:1107457532145798767]" {
		t.Error(got)
	}
	m.EntityID, m.TemplateID = "", ""
	r := last(newEUM(t, s.URL), m)
	v := r.JSON()
	providertest.ConformsAWS(t, eumModel, "SendTextMessage", v)
	ttl, _ := v["TimeToLive"].(float64)
	if v["OriginationIdentity"] != "pool-0f3a5b7c" || v["ConfigurationSetName"] != "countersign" || v["MessageType"] != "TRANSACTIONAL" ||
		v["MessageFeedbackEnabled"] != true ||
		v["MaxPrice"] != "0.50" || ttl < 175 || ttl > 180 ||
		fmt.Sprint(v["DestinationCountryParameters"]) != "map[IN_ENTITY_ID:1101234567890123456 IN_TEMPLATE_ID:1107234567890123456]" ||
		v["DryRun"] != nil && v["DryRun"] != false || r.Header.Get("Content-Type") != "application/x-amz-json-1.0" {
		t.Errorf("%v", v)
	}
	m = providertest.Message(provider.Voice)
	m.From, m.Locale = "+12065550100", "de_CH"
	v = last(newEUM(t, s.URL), m).JSON()
	providertest.ConformsAWS(t, eumModel, "SendVoiceMessage", v)
	if v["VoiceId"] != "VICKI" || v["OriginationIdentity"] != m.From || strings.Count(fmt.Sprint(v["MessageBody"]), "4, 8, 2, 9, 1, 3") != 2 ||
		v["MessageBodyTextType"] != "TEXT" {
		t.Errorf("%v", v)
	}
	m = providertest.Message(provider.SMS)
	m.Code, m.Reference = "", ""
	if v = last(newEUM(t, s.URL), m).JSON(); v["MessageFeedbackEnabled"] != nil || v["Context"] != nil {
		t.Errorf("a notice: %v", v)
	}
}

// What the service would refuse, or a person could not use, is not sent.
func TestNotSent(t *testing.T) {
	s := providertest.Serve(t, func(http.ResponseWriter, *http.Request) {})
	sns, eum := newSNS(t, s.URL), newEUM(t, s.URL)
	long := providertest.Message(provider.SMS)
	long.Text = strings.Repeat("é", 1601)
	empty := providertest.Message(provider.SMS)
	empty.Text = ""
	keyed := providertest.Message(provider.Voice)
	keyed.Key = "42"
	soon := providertest.Message(provider.SMS)
	soon.ExpiresAt = time.Now().Add(4 * time.Second)
	noFrom, err := New(Config{Access: accessTo(s.URL)})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		p    provider.Provider
		m    provider.Message
		want provider.Class
	}{
		"too long": {sns, long, provider.ClassMisconfigured}, "too long, aws-sms": {eum, long, provider.ClassMisconfigured}, "empty": {eum, empty,
			provider.ClassMisconfigured},
		"a key": {eum, keyed, provider.ClassMisconfigured}, "too late": {eum, soon, provider.ClassPermanent}, "no caller": {noFrom,
			providertest.Message(provider.Voice), provider.ClassMisconfigured},
		"a call by sns": {sns, providertest.Message(provider.Voice), provider.ClassPermanent},
	} {
		_, err := c.p.Send(t.Context(), c.m)
		if err == nil {
			t.Fatalf("%s: sent", name)
		}
		if class, _ := provider.ClassOf(err); class != c.want {
			t.Errorf("%s: %s: %v", name, class, err)
		}
	}
	if len(s.Requests()) != 0 {
		t.Error("something was sent")
	}
}
