package simulator

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"countersign/provider"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
	xmlType  = "application/xml"
	// token has the form of a JWT.
	token = "Bearer aaaa.bbbb.cccc"
	basic = "Basic QUMxOnRva2Vu" // AC1:token
	aws   = "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/sns/aws4_request"
)

// hostCall is a request to a simulated provider, and what must come of it.
type hostCall struct {
	name, host, path, auth, kind, body string
	status                             int
	want                               string
	// kept is what lands in the inbox, nil for nothing.
	kept *Message
}

func form(pairs ...string) string {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v.Encode()
}

func (c hostCall) do(t *testing.T, b *Inbox) string {
	t.Helper()
	r := httptest.NewRequest("POST", "https://"+c.host+c.path, strings.NewReader(c.body))
	r.Header.Set("Content-Type", c.kind)
	if name, value, ok := strings.Cut(c.auth, ": "); ok {
		r.Header.Set(name, value)
	} else if c.auth != "" {
		r.Header.Set("Authorization", c.auth)
	}
	before := b.List(Filter{})
	w := httptest.NewRecorder()
	h := b.Host(c.host)
	if h == nil {
		t.Fatalf("%s is not simulated", c.host)
	}
	h.ServeHTTP(w, r)
	body, _ := io.ReadAll(w.Result().Body)
	if w.Code != c.status || !strings.Contains(string(body), c.want) {
		t.Errorf("%d %s, want %d with %s", w.Code, body, c.status, c.want)
	}
	list := b.List(Filter{})[len(before):]
	switch {
	case c.kept == nil && len(list) > 0:
		t.Errorf("%+v was kept", list)
	case c.kept != nil && len(list) != 1:
		t.Errorf("%d messages were kept", len(list))
	case c.kept != nil:
		got := list[0]
		if got.To != c.kept.To || got.From != c.kept.From || got.Text != c.kept.Text || got.Code != c.kept.Code || got.Channel != c.kept.Channel || got.Provider != c.kept.Provider {
			t.Errorf("kept %+v", got)
		}
	}
	return string(body)
}

const (
	to       = "+12025550123"
	digits   = "12025550123"
	codeText = "Your code is 123456."
	spoken   = "Your code is 1.2.3.4.5.6"
)

func texted(service, from string) *Message {
	return &Message{To: to, From: from, Text: codeText, Code: "123456", Channel: provider.SMS, Provider: service}
}

func spokenTo(service, from, said string) *Message {
	return &Message{To: to, From: from, Text: said, Code: "123456", Channel: provider.Voice, Provider: service}
}

func twilioCalls() []hostCall {
	const host, path, calls = "api.twilio.com", "/2010-04-01/Accounts/AC1/Messages.json", "/2010-04-01/Accounts/AC1/Calls.json"
	const twiml = `<Response><Pause length="1"/><Say language="en">Your code is 1.2.3.4.5.6</Say><Say>&amp; <break/> again</Say></Response>`
	c := func(name, path, auth, body string, status int, want string, kept *Message) hostCall {
		return hostCall{name, host, path, auth, formType, body, status, want, kept}
	}
	return []hostCall{
		c("twilio", path, basic, form("To", to, "From", "+12025550100", "Body", codeText), 201, `"status":"queued"`, texted("twilio", "+12025550100")),
		c("twilio, service", path, basic, form("To", to, "MessagingServiceSid", "MG1", "Body", codeText), 201, `"num_segments":"0"`, texted("twilio", "")),
		c("twilio, no key", path, "", form("To", to), 401, `"code":20003`, nil),
		c("twilio, wrong key", path, "Basic QUMxOndyb25n", form("To", to), 401, `"message":"Authenticate"`, nil),
		c("twilio, other account", "/2010-04-01/Accounts/AC2/Messages.json", basic, form("To", to), 401, `"code":20003`, nil),
		c("twilio, bad number", path, basic, form("To", "12", "From", "ACME", "Body", codeText), 400, `"code":21211`, nil),
		c("twilio, no number", path, basic, form("From", "ACME", "Body", codeText), 400, `"code":21604`, nil),
		c("twilio, no body", path, basic, form("To", to, "From", "ACME"), 400, `"code":21602`, nil),
		c("twilio, no sender", path, basic, form("To", to, "Body", codeText), 400, `"code":21603`, nil),
		c("twilio, bad sender", path, basic, form("To", to, "From", "much too long a name", "Body", codeText), 400, `"code":21212`, nil),
		c("twilio, long body", path, basic, form("To", to, "From", "ACME", "Body", strings.Repeat("x", 1601)), 400, `"code":21617`, nil),
		c("twilio, other path", "/2010-04-01/Accounts/AC1/Faxes.json", basic, "", 404, `"code":20404`, nil),
		c("twilio call", calls, basic, form("To", to, "From", "+12025550100", "Twiml", twiml), 201, `"status":"queued"`,
			spokenTo("twilio", "+12025550100", spoken+" & again")),
		c("twilio call, loop", calls, basic, form("To", to, "From", "+12025550100", "Twiml", `<Response><Say loop="2">123456</Say></Response>`), 201, `"sid":"CA`,
			spokenTo("twilio", "+12025550100", "123456 123456")),
		c("twilio call, broken", calls, basic, form("To", to, "From", "+12025550100", "Twiml", "<Response><Say>x"), 201, `"sid":"CA`,
			&Message{To: to, From: "+12025550100", Text: twilioApology, Channel: provider.Voice, Provider: "twilio"}),
		c("twilio call, url", calls, basic, form("To", to, "From", "+12025550100", "Url", "https://example.com/x"), 201, `"sid":"CA`,
			&Message{To: to, From: "+12025550100", Text: "(The instructions at https://example.com/x are not followed here.)", Channel: provider.Voice, Provider: "twilio"}),
		c("twilio call, nothing to say", calls, basic, form("To", to, "From", "+12025550100"), 400, `"code":21205`, nil),
		c("twilio call, no sender", calls, basic, form("To", to, "Twiml", twiml), 400, `"code":21213`, nil),
		c("twilio call, named sender", calls, basic, form("To", to, "From", "ACME", "Twiml", twiml), 400, `"code":21212`, nil),
		c("twilio call, bad number", calls, basic, form("To", "1", "From", "+12025550100", "Twiml", twiml), 400, `"code":21217`, nil),
	}
}

func verifyCalls() []hostCall {
	const host, path, check = "verify.twilio.com", "/v2/Services/VA1/Verifications", "/v2/Services/VA1/VerificationCheck"
	c := func(name, path, auth, body string, status int, want string, kept *Message) hostCall {
		return hostCall{name, host, path, auth, formType, body, status, want, kept}
	}
	return []hostCall{
		c("verify, nothing to check", check, basic, form("To", to, "Code", "123456"), 404, `"code":20404`, nil),
		c("verify", path, basic, form("To", to, "Channel", "sms", "CustomCode", "123456"), 201, `"status":"pending"`,
			&Message{To: to, Text: "Your verification code is: 123456", Code: "123456", Channel: provider.SMS, Provider: "twilio-verify"}),
		c("verify, call", path, basic, form("To", to, "Channel", "call", "CustomCode", "123456"), 201, `"channel":"call"`,
			spokenTo("twilio-verify", "", "Your verification code is: 1, 2, 3, 4, 5, 6. Again: 1, 2, 3, 4, 5, 6.")),
		c("verify, account for service", "/v2/Services/AC1/Verifications", basic, form("To", to, "Channel", "sms"), 404,
			"The requested resource /Services/AC1/Verifications was not found", nil),
		c("verify, no key", path, "", form("To", to, "Channel", "sms"), 401, `"code":20003`, nil),
		c("verify, bad channel", path, basic, form("To", to, "Channel", "fax"), 400, "Invalid parameter `Channel`: fax", nil),
		c("verify, bad number", path, basic, form("To", "x", "Channel", "sms"), 400, `"code":60200`, nil),
		c("verify, bad code", path, basic, form("To", to, "Channel", "sms", "CustomCode", "1"), 400, "Invalid parameter `CustomCode`", nil),
		c("verify, wrong code", check, basic, form("To", to, "Code", "999999"), 200, `"status":"pending"`, nil),
		c("verify, right code", check, basic, form("To", to, "Code", "123456"), 200, `"status":"approved"`, nil),
	}
}

func snsCalls() []hostCall {
	publish := func(pairs ...string) string {
		return form(append([]string{"Action", "Publish", "PhoneNumber", to, "Message", codeText, "MessageAttributes.entry.1.Name", "AWS.SNS.SMS.SenderID",
			"MessageAttributes.entry.1.Value.StringValue", "ACME"}, pairs...)...)
	}
	c := func(name, auth, body string, status int, want string, kept *Message) hostCall {
		return hostCall{name, "sns.eu-west-1.amazonaws.com", "/", auth, formType, body, status, want, kept}
	}
	return []hostCall{
		c("sns", aws, publish(), 200, "<MessageId>", texted("sns", "ACME")),
		c("sns, unsigned", "", publish(), 403, "<Code>MissingAuthenticationToken</Code>", nil),
		c("sns, wrong key", "AWS4-HMAC-SHA256 Credential=wrong/2026/eu/sns/aws4_request", publish(), 403, "<Code>InvalidClientTokenId</Code>", nil),
		c("sns, bad number", aws, publish("PhoneNumber", "x"), 400, "PhoneNumber Reason: x is not valid to publish to", nil),
		c("sns, topic", aws, publish("PhoneNumber", ""), 400, "<Code>InvalidParameter</Code>", nil),
		c("sns, empty", aws, publish("Message", ""), 400, "Empty message", nil),
		c("sns, long", aws, publish("Message", strings.Repeat("x", 1601)), 400, "Message too long", nil),
		c("sns, bad sender", aws, publish("MessageAttributes.entry.1.Value.StringValue", "much too long a name"), 400, "SenderID", nil),
		c("sns, other action", aws, publish("Action", "Subscribe"), 400, "<Code>InvalidAction</Code>", nil),
	}
}

func infobipCalls() []hostCall {
	const old, new3, single, advanced = "/sms/2/text/advanced", "/sms/3/messages", "/tts/3/single", "/tts/3/advanced"
	c := func(name, path, auth, body string, status int, want string, kept *Message) hostCall {
		return hostCall{name, "abc1.api.infobip.com", path, auth, jsonType, body, status, want, kept}
	}
	const one = `{"messages":[{"from":"ACME","destinations":[{"to":"12025550123"}],"text":"Your code is 123456."}]}`
	return []hostCall{
		c("infobip", old, "App k", one, 200, `"groupId":1`, texted("infobip", "ACME")),
		c("infobip, no key", old, "", one, 401, `"requestError":{"serviceException":{"messageId":"UNAUTHORIZED","text":"Invalid login details"}}`, nil),
		c("infobip, wrong key", old, "App wrong", one, 401, `"UNAUTHORIZED"`, nil),
		c("infobip, bad number", old, "App k", strings.Replace(one, digits, "12", 1), 200, `"groupId":5`, nil),
		c("infobip, no number", old, "App k", strings.Replace(one, digits, "", 1), 200, `"MISSING_TO"`, nil),
		c("infobip, bad sender", old, "App k", strings.Replace(one, "ACME", "much too long a name", 1), 200, `"REJECTED_SENDER"`, nil),
		c("infobip, empty", old, "App k", strings.Replace(one, codeText, "", 1), 400, `"BAD_REQUEST"`, nil),
		c("infobip, nothing", old, "App k", `{}`, 400, "1 to 100 messages", nil),
		c("infobip, no JSON", old, "App k", `{`, 400, `"BAD_REQUEST"`, nil),
		c("infobip 3", new3, "App k", `{"messages":[{"sender":"ACME","destinations":[{"to":"12025550123","messageId":"m1"}],"content":{"text":"Your code is 123456."}}]}`,
			200, `"messageId":"m1"`, texted("infobip", "ACME")),
		c("infobip 3, no key", new3, "", `{}`, 401, `"errorCode":"E401"`, nil),
		c("infobip 3, empty", new3, "App k", `{"messages":[{"destinations":[{"to":"12025550123"}],"content":{}}]}`, 400, `"errorCode":"E400"`, nil),
		c("infobip voice", single, "App k", `{"to":"12025550123","from":"12025550100","text":"Your code is 1.2.3.4.5.6","language":"en"}`, 200, `"PENDING_ACCEPTED"`,
			spokenTo("infobip", "12025550100", spoken)),
		c("infobip voice, advanced", advanced, basic, `{"messages":[{"from":"12025550100","destinations":[{"to":"12025550123"}],"text":"Your code is 1.2.3.4.5.6"}]}`, 200,
			`"PENDING_ACCEPTED"`, spokenTo("infobip", "12025550100", spoken)),
	}
}

func telesignCalls() []hostCall {
	c := func(name, path, auth, body string, status int, want string, kept *Message) hostCall {
		return hostCall{name, "rest-ww.telesign.com", path, auth, formType, body, status, want, kept}
	}
	message := func(pairs ...string) string {
		return form(append([]string{"phone_number", digits, "message", codeText, "message_type", "ARN"}, pairs...)...)
	}
	return []hostCall{
		c("telesign", "/v1/messaging", basic, message("external_id", "a1"), 200, `"external_id":"a1"`, texted("telesign", "")),
		c("telesign, code", "/v1/messaging", "TSA id:c2ln", message("sender_id", "ACME"), 200, `"code":290`, texted("telesign", "ACME")),
		c("telesign, no key", "/v1/messaging", "", message(), 401, `"code":501`, nil),
		c("telesign, wrong key", "/v1/messaging", "Basic QUMxOndyb25n", message(), 401, `"Not authorized"`, nil),
		c("telesign, bad number", "/v1/messaging", basic, message("phone_number", "12"), 400, `"code":11000`, nil),
		c("telesign, empty", "/v1/messaging", basic, message("message", ""), 400, `"code":11009`, nil),
		c("telesign, no type", "/v1/messaging", basic, message("message_type", ""), 400, `"code":11010`, nil),
		c("telesign, bad sender", "/v1/messaging", basic, message("sender_id", "much too long a name"), 400, `"code":11013`, nil),
		c("telesign voice", "/v1/voice", basic, message("message", spoken), 200, `"code":103`, spokenTo("telesign", "", spoken)),
		c("telesign verify", "/v1/verify/sms", basic, form("phone_number", digits, "verify_code", "123456", "template", "Your code is $$CODE$$."), 200,
			`"sub_resource":"sms"`, texted("telesign", "")),
		c("telesign verify, call", "/v1/verify/call", basic, form("phone_number", digits, "verify_code", "123456", "tts_message", "It is $$CODE$$"), 200, `"code":103`,
			spokenTo("telesign", "", "It is 1, 2, 3, 4, 5, 6")),
		c("telesign verify, bad code", "/v1/verify/sms", basic, form("phone_number", digits, "verify_code", "x"), 400, `"code":11003`, nil),
		c("telesign verify, long", "/v1/verify/sms", basic, form("phone_number", digits, "verify_code", "123456", "template", strings.Repeat("x", 1601)), 400, `"code":11009`, nil),
	}
}

func vonageCalls() []hostCall {
	const rest, api, path = "rest.nexmo.com", "api.nexmo.com", "/sms/json"
	message := func(pairs ...string) string {
		return form(append([]string{"api_key", "abcd1234", "api_secret", "s", "from", "Acme Inc", "to", digits, "text", codeText}, pairs...)...)
	}
	c := func(name, body, want string, kept *Message) hostCall {
		return hostCall{name, rest, path, "", formType, body, 200, want, kept}
	}
	j := func(name, path, auth, body string, status int, want string, kept *Message) hostCall {
		return hostCall{name, api, path, auth, jsonType, body, status, want, kept}
	}
	const v1 = `{"message_type":"text","channel":"sms","to":"12025550123","from":"ACME","text":"Your code is 123456."}`
	const talk = `{"to":[{"type":"phone","number":"12025550123"}],"from":{"type":"phone","number":"12025550100"},` +
		`"ncco":[{"action":"talk","text":"<speak>Your code is 1.2.3.4.5.6</speak>"}]}`
	return []hostCall{
		c("vonage", message("client-ref", "r1"), `"client-ref":"r1"`, texted("vonage", "AcmeInc")),
		{"vonage, query", rest, path + "?" + message(), "", jsonType, "", 200, `"status":"0"`, texted("vonage", "AcmeInc")},
		{"vonage, JSON", rest, path, "", jsonType, `{"api_key":"abcd1234","api_secret":"s","from":"AcmeInc","to":12025550123,"text":"Your code is 123456."}`, 200, `"status":"0"`,
			texted("vonage", "AcmeInc")},
		c("vonage, no key", message("api_key", ""), `"error-text":"Missing api_key","status":"2"`, nil),
		c("vonage, no secret", message("api_secret", ""), `"error-text":"Missing api_secret","status":"2"`, nil),
		c("vonage, wrong secret", message("api_secret", "wrong"), `"error-text":"Bad Credentials","status":"4"`, nil),
		c("vonage, no sender", message("from", ""), `"status":"2"`, nil),
		c("vonage, no number", message("to", ""), `"error-text":"Missing to param"`, nil),
		c("vonage, plus", message("to", to), `"status":"3"`, nil),
		c("vonage, empty", message("text", ""), `"status":"2"`, nil),
		c("vonage, bad sender", message("from", "much too long a name"), `"status":"15"`, nil),
		c("vonage, long", message("text", strings.Repeat("x", 3201)), `"status":"12"`, nil),
		j("vonage messages", "/v1/messages", token, v1, 202, `"message_uuid":`, texted("vonage", "ACME")),
		j("vonage messages, basic", "/v1/messages", basic, v1, 202, `"message_uuid":`, texted("vonage", "ACME")),
		j("vonage messages, no key", "/v1/messages", "Bearer x", v1, 401, `"title":"Unauthorized"`, nil),
		j("vonage messages, bad sender", "/v1/messages", token, strings.Replace(v1, "ACME", "much too long a name", 1), 422, `messages#1120"`, nil),
		j("vonage messages, bad number", "/v1/messages", token, strings.Replace(v1, digits, "12", 1), 422, `The value of to is invalid.`, nil),
		j("vonage messages, empty", "/v1/messages", token, strings.Replace(v1, codeText, "", 1), 422, `#1150"`, nil),
		j("vonage call", "/v1/calls", token, talk, 201, `"status":"started"`, spokenTo("vonage", "12025550100", spoken)),
		j("vonage call, basic", "/v1/calls", basic, talk, 401, `"error_title":"Unauthorized"`, nil),
		j("vonage call, bad number", "/v1/calls", token, strings.Replace(talk, digits, "1", 1), 400, `"BAD_REQUEST"`, nil),
		j("vonage call, nothing to say", "/v1/calls", token, `{"to":[{"type":"phone","number":"12025550123"}]}`, 400, `ncco`, nil),
		j("vonage verify", "/v2/verify", basic, `{"brand":"Acme","code":"123456","workflow":[{"channel":"sms","to":"12025550123"}]}`, 202, `"request_id":`,
			&Message{To: to, From: "Acme", Text: "Your Acme code is: 123456", Code: "123456", Channel: provider.SMS, Provider: "vonage"}),
		j("vonage verify, no key", "/v2/verify", "", `{}`, 401, `Unauthorized`, nil),
		j("vonage verify, no steps", "/v2/verify", token, `{"brand":"Acme"}`, 422, `Invalid params`, nil),
		j("vonage verify, bad step", "/v2/verify", token, `{"brand":"Acme","workflow":[{"channel":"fax","to":"12025550123"}]}`, 422, `workflow`, nil),
	}
}

func esendexCalls() []hostCall {
	const host, path = "api.esendex.com", "/v1.0/messagedispatcher"
	const inJSON = `{"accountreference":"EX0000000","messages":[{"from":"ACME","to":"12025550123","body":"Your code is 123456."}]}`
	const inXML = `<?xml version="1.0"?><messages xmlns="http://api.esendex.com/ns/"><accountreference>EX0000000</accountreference><message><from>ACME</from>` +
		`<to>12025550123</to><type>SMS</type><body>Your code is 123456.</body></message></messages>`
	c := func(name, kind, auth, body string, status int, want string, kept *Message) hostCall {
		return hostCall{name, host, path, auth, kind, body, status, want, kept}
	}
	return []hostCall{
		c("esendex", jsonType, basic, inJSON, 200, `"batch":{"batchid":"`, texted("esendex", "ACME")),
		c("esendex, XML", xmlType, basic, inXML, 200, `<messageheaders xmlns="http://api.esendex.com/ns/" batchid="`, texted("esendex", "ACME")),
		c("esendex, voice", jsonType, basic, `{"accountreference":"EX0000000","messages":[{"to":"12025550123","type":"Voice","body":"Your code is 1.2.3.4.5.6"}]}`, 200, `"id":"`,
			spokenTo("esendex", "", spoken)),
		c("esendex, no key", jsonType, "", inJSON, 401, "Unauthorized", nil),
		c("esendex, wrong key", jsonType, "Basic QUMxOndyb25n", inJSON, 401, "Unauthorized", nil),
		c("esendex, other account", jsonType, basic, strings.Replace(inJSON, "EX0000000", "nobody", 1), 403, "account reference", nil),
		c("esendex, bad number", jsonType, basic, strings.Replace(inJSON, digits, "12", 1), 400, "recipient", nil),
		c("esendex, empty", jsonType, basic, strings.Replace(inJSON, codeText, "", 1), 400, "body", nil),
		c("esendex, bad sender", jsonType, basic, strings.Replace(inJSON, "ACME", "much too long a name", 1), 400, "sender", nil),
		c("esendex, nothing", jsonType, basic, `{"accountreference":"EX0000000"}`, 400, "Bad Request", nil),
		c("esendex, broken", xmlType, basic, "<messages>", 400, "Bad Request", nil),
	}
}

func mittoCalls() []hostCall {
	const key = "X-Mitto-API-Key: k"
	const one = `{"from":"ACME","to":"12025550123","text":"Your code is 123456."}`
	c := func(name, path, auth, body string, status int, want string, kept *Message) hostCall {
		return hostCall{name, "rest.mittoapi.com", path, auth, jsonType, body, status, want, kept}
	}
	return []hostCall{
		c("mitto", "/sms.json", key, one, 200, `"responseCode":0`, texted("mitto", "ACME")),
		c("mitto, new path", "/sms", key, one, 200, `"id":"`, texted("mitto", "ACME")),
		c("mitto, test", "/sms", key, strings.Replace(one, "{", `{"test":true,`, 1), 200, `"test":true`, nil),
		c("mitto, no key", "/sms.json", "", one, 401, "Unauthorized", nil),
		c("mitto, wrong key", "/sms.json", "X-Mitto-API-Key: wrong", one, 401, "Unauthorized", nil),
		c("mitto, bad number", "/sms.json", key, strings.Replace(one, digits, "12", 1), 200, `"responseCode":8`, nil),
		c("mitto, no number", "/sms.json", key, strings.Replace(one, digits, "", 1), 200, `"responseCode":7`, nil),
		c("mitto, no sender", "/sms.json", key, strings.Replace(one, "ACME", "", 1), 200, `"responseCode":5`, nil),
		c("mitto, bad sender", "/sms.json", key, strings.Replace(one, "ACME", "AB", 1), 200, `"responseCode":6`, nil),
		c("mitto, empty", "/sms.json", key, strings.Replace(one, codeText, "", 1), 200, `"responseCode":3`, nil),
		c("mitto, no JSON", "/sms.json", key, "x", 400, "Bad Request", nil),
	}
}

// Code that sends through a provider of its own choice reaches a simulated phone, and hears what the provider would say.
func TestSimulatedHosts(t *testing.T) {
	b, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, calls := range [][]hostCall{twilioCalls(), verifyCalls(), snsCalls(), infobipCalls(), telesignCalls(), vonageCalls(), esendexCalls(), mittoCalls(), newCalls()} {
		for _, c := range calls {
			t.Run(c.name, func(t *testing.T) {
				body := c.do(t, b)
				if kind := c.kind; kind == jsonType && !strings.HasPrefix(c.name, "esendex") && !json.Valid([]byte(body)) {
					t.Errorf("no JSON: %s", body)
				}
			})
		}
	}
}

func TestSimulatedHostNames(t *testing.T) {
	b, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sns.cn-north-1.amazonaws.com.cn", "api.infobip.com", "rest-api.telesign.com", "api.vonage.com", "rest-fra.mittoapi.net",
		"eu.sms.api.sinch.com", "sms-voice.eu-west-1.amazonaws.com", "rest.messagebird.com", "api.plivo.com"} {
		if b.Host(name) == nil {
			t.Errorf("%q is not simulated", name)
		}
	}
	for _, name := range []string{"example.com", "sns.amazonaws.com.evil.com", "sns..amazonaws.com", "sns.undefined.amazonaws.com", "kms.eu-west-1.amazonaws.com", "",
		"a.b.api.infobip.com", "evilapi.infobip.com", "rest.mittoapi.evil", "xapi.twilio.com", "xx.sms.api.sinch.com",
		"sms-voice.undefined.amazonaws.com", "sms-voice.amazonaws.com"} {
		if b.Host(name) != nil {
			t.Errorf("%q is simulated", name)
		}
	}
}

// A code that the service makes itself can be read from the inbox and checked by its API.
func TestVonageVerifyCheck(t *testing.T) {
	b, err := Open(Options{})
	if err != nil {
		t.Fatal(err)
	}
	post := func(path, body string) (int, map[string]any) {
		r := httptest.NewRequest("POST", "https://api.nexmo.com"+path, strings.NewReader(body))
		r.Header.Set("Authorization", token)
		w := httptest.NewRecorder()
		b.Host("api.nexmo.com").ServeHTTP(w, r)
		out := map[string]any{}
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatal(err)
		}
		return w.Code, out
	}
	status, out := post("/v2/verify", `{"brand":"Acme","workflow":[{"channel":"voice","to":"12025550123"}]}`)
	kept := b.List(Filter{To: to})
	if status != http.StatusAccepted || len(kept) != 1 || len(kept[0].Code) != 6 || kept[0].Channel != provider.Voice {
		t.Fatal(status, out, kept)
	}
	id, _ := out["request_id"].(string)
	if status, out := post("/v2/verify/"+id, `{"code":"x"}`); status != http.StatusBadRequest || out["title"] != "Invalid Code" {
		t.Error(status, out)
	}
	if status, out := post("/v2/verify/"+id, `{"code":"`+kept[0].Code+`"}`); status != http.StatusOK || out["status"] != "completed" {
		t.Error(status, out)
	}
	if status, _ := post("/v2/verify/other", `{"code":"1"}`); status != http.StatusNotFound {
		t.Error(status)
	}
}

// newCalls are those of MessageBird, Plivo, Sinch and AWS End User Messaging.
func newCalls() []hostCall {
	const mb, pl, si = "rest.messagebird.com", "api.plivo.com", "eu.sms.api.sinch.com"
	const bird = `{"originator":"ACME","recipients":["12025550123"],"body":"Your code is 123456.","reference":"r1"}`
	const plivoText = `{"src":"ACME","dst":"12025550123","text":"Your code is 123456."}`
	const sinchText = `{"from":"ACME","to":["+12025550123"],"body":"Your code is 123456.","client_reference":"r1"}`
	const batches, messages = "/xms/v1/plan/batches", "/v1/Account/AC1/Message/"
	swap := func(s, a, b string) string { return strings.Replace(s, a, b, 1) }
	return []hostCall{
		{"messagebird", mb, "/messages", "AccessKey k", jsonType, bird, 201, `"reference":"r1"`, texted("messagebird", "ACME")},
		{"messagebird, call", mb, "/voicemessages", "AccessKey k", jsonType, `{"recipients":["12025550123"],"body":"Your code is 1.2.3.4.5.6"}`, 201, `"status":"calling"`,
			spokenTo("messagebird", "", spoken)},
		{"messagebird, no key", mb, "/messages", "", jsonType, bird, 401, `"code":2`, nil},
		{"messagebird, wrong key", mb, "/messages", "AccessKey wrong", jsonType, bird, 401, `"access_key"`, nil},
		{"messagebird, bad number", mb, "/messages", "AccessKey k", jsonType, swap(bird, digits, "12"), 422, `"parameter":"recipient"`, nil},
		{"messagebird, no number", mb, "/messages", "AccessKey k", jsonType, swap(bird, `"12025550123"`, ""), 422, `"parameter":"recipients"`, nil},
		{"messagebird, bad sender", mb, "/messages", "AccessKey k", jsonType, swap(bird, "ACME", "much too long a name"), 422, `"parameter":"originator"`, nil},
		{"messagebird, empty", mb, "/messages", "AccessKey k", jsonType, swap(bird, codeText, ""), 422, `"parameter":"body"`, nil},
		{"messagebird, no JSON", mb, "/messages", "AccessKey k", jsonType, "{", 422, `"code":21`, nil},
		{"plivo", pl, messages, basic, jsonType, plivoText, 202, `"message_uuid":["`, texted("plivo", "ACME")},
		{"plivo, powerpack", pl, messages, basic, jsonType, swap(plivoText, `"src":"ACME"`, `"powerpack_uuid":"p"`), 202, `"message_uuid":["`, texted("plivo", "")},
		{"plivo, wrong token", pl, messages, "Basic QUMxOndyb25n", "", plivoText, 401, "Could not verify", nil},
		{"plivo, other account", pl, "/v1/Account/AC2/Message/", basic, "", plivoText, 401, "Could not verify", nil},
		{"plivo, bad number", pl, messages, basic, jsonType, swap(plivoText, digits, "12"), 400, "dst parameter", nil},
		{"plivo, bad sender", pl, messages, basic, jsonType, swap(plivoText, "ACME", "much too long a name"), 400, "src parameter", nil},
		{"plivo, empty", pl, messages, basic, jsonType, swap(plivoText, codeText, ""), 400, "text parameter", nil},
		{"plivo, no JSON", pl, messages, basic, jsonType, "{", 400, "invalid json", nil},
		{"sinch", si, batches, "Bearer k", jsonType, sinchText, 201, `"canceled":false`, texted("sinch", "ACME")},
		{"sinch, dry run", si, batches + "/dry_run", "Bearer k", jsonType, sinchText, 200, `"number_of_messages":1`, nil},
		{"sinch, wrong token", si, batches, "Bearer wrong", "", sinchText, 401, "", nil},
		{"sinch, bad number", si, batches, "Bearer k", jsonType, swap(sinchText, "+12025550123", "+1"), 400, "'to[0]'", nil},
		{"sinch, bad sender", si, batches, "Bearer k", jsonType, swap(sinchText, "ACME", "much too long a name"), 400, "'from'", nil},
		{"sinch, two numbers", si, batches, "Bearer k", jsonType, swap(sinchText, `"+12025550123"`, `"+12025550123","+12025550124"`), 400, "one recipient", nil},
		{"sinch, empty", si, batches, "Bearer k", jsonType, swap(sinchText, codeText, ""), 400, "'body'", nil},
		{"sinch, no JSON", si, batches, "Bearer k", jsonType, "{", 400, "syntax_invalid_json", nil},
		{"sinch, bad end", si, batches, "Bearer k", jsonType, swap(sinchText, `{`, `{"expire_at":"soon",`), 400, "'expire_at'", nil},
		{"aws, unsigned", "sms-voice.eu-west-1.amazonaws.com", "/", "", jsonType, "{}", 403, "MissingAuthenticationTokenException", nil},
		{"aws, wrong key", "sms-voice.eu-west-1.amazonaws.com", "/", "AWS4-HMAC-SHA256 Credential=wrong/2026/eu/sms-voice/aws4_request", jsonType, "{}", 403, "UnrecognizedClient", nil},
		{"aws, other action", "sms-voice.eu-west-1.amazonaws.com", "/", aws, jsonType, "{}", 400, "UnknownOperationException", nil},
	}
}

func FuzzSimulatedHosts(f *testing.F) {
	for _, calls := range [][]hostCall{twilioCalls(), verifyCalls(), snsCalls(), infobipCalls(), telesignCalls(), vonageCalls(), esendexCalls(), mittoCalls(), newCalls()} {
		for _, c := range calls {
			f.Add(c.host, c.path, c.kind, c.auth, c.body)
		}
	}
	f.Fuzz(func(t *testing.T, host, path, kind, auth, body string) {
		b, err := Open(Options{Max: 200})
		if err != nil {
			t.Fatal(err)
		}
		h := b.Host(host)
		u, err := url.Parse("https://x" + path)
		if h == nil || err != nil {
			return
		}
		r := &http.Request{Method: "POST", URL: u, Header: http.Header{"Content-Type": {kind}, "Authorization": {auth}, "X-Mitto-Api-Key": {"k"}},
			Body: io.NopCloser(strings.NewReader(body))}
		w := httptest.NewRecorder()
		defer func() {
			if v := recover(); v != nil && v != http.ErrAbortHandler { // the magic number that cuts
				panic(v)
			}
		}()
		h.ServeHTTP(w, r.WithContext(t.Context()))
		if n := len(b.List(Filter{})); w.Code >= 300 && n > 0 {
			t.Errorf("%d kept after %d", n, w.Code)
		}
	})
}
