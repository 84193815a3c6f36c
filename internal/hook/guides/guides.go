package guides

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	"countersign/internal/facts"
	"countersign/internal/script"
)

// Guide is a provider's sender.
type Guide struct {
	// Name is its file name without ending ("twilio-verify"), Title what people call it.
	Name, Title string
	// Voice reports whether it makes calls too.
	Voice bool
	// Dependencies are npm modules by name and version. None of ours needs any.
	Dependencies map[string]string
	// Secrets are what it reads, in the order to ask for them.
	Secrets []Secret
}

// Secret is a value that a guide reads from its secrets.
type Secret struct {
	Name, Help string
	// Optional ones may be left out.
	Optional bool
}

//go:embed js
var files embed.FS

// List returns all guides, in the order of Auth0's, texts before codes.
func List() []Guide {
	return []Guide{
		{Name: "sns", Title: "Amazon SNS", Secrets: []Secret{
			{"AWS_ACCESS_KEY_ID", "key of an IAM user that may do sns:Publish", false},
			{"AWS_SECRET_ACCESS_KEY", "its secret", false},
			{"AWS_REGION", "a region that sends texts, such as us-east-1", false},
			{"AWS_SNS_SENDER_ID", "the name that texts come from, where the country allows one", true},
		}},
		{Name: "twilio", Title: "Twilio Programmable Messaging and Voice", Voice: true, Secrets: append(twilioAccount(),
			Secret{"TWILIO_PHONE_NUMBER", "the number that texts and calls come from", false},
			Secret{"TWILIO_MESSAGING_SERVICE_SID", "a messaging service (MG…) that chooses the sender of texts", true},
		)},
		{Name: "twilio-verify", Title: "Twilio Verify", Voice: true, Secrets: append(twilioAccount(),
			Secret{"TWILIO_VERIFY_SERVICE_SID", "the Verify service (VA…), with custom codes allowed by Twilio", false},
		)},
		{Name: "infobip", Title: "Infobip", Voice: true, Secrets: []Secret{
			{"INFOBIP_API_KEY", "an API key with the scopes sms:message:send and, for calls, voice-message:send", false},
			{"INFOBIP_BASE_URL", "your account's address, https://….api.infobip.com, shown in the portal", true},
			{"INFOBIP_SENDER", "the name or number that messages come from", true},
		}},
		{Name: "telesign", Title: "TeleSign SMS and Voice", Voice: true, Secrets: append(telesignAccount(),
			Secret{"TELESIGN_SENDER_ID", "the name or number that texts come from", true},
		)},
		{Name: "telesign-verify", Title: "TeleSign Verify", Voice: true, Secrets: telesignAccount()},
		{Name: "vonage", Title: "Vonage", Voice: true, Secrets: []Secret{
			{"VONAGE_API_KEY", "the key of your account", false},
			{"VONAGE_API_SECRET", "its secret", false},
			{"VONAGE_FROM_NUMBER", "the number or name that messages come from", false},
			{"VONAGE_APPLICATION_ID", "for calls: the id of an application with Voice", true},
			{"VONAGE_PRIVATE_KEY", "for calls: that application's private key, the whole PEM file", true},
		}},
		{Name: "esendex", Title: "Esendex", Voice: true, Secrets: []Secret{
			{"ESENDEX_ACCOUNT", "the account reference (EX…)", false},
			{"ESENDEX_USERNAME", "the e-mail address you log in with", false},
			{"ESENDEX_PASSWORD", "your API password", false},
			{"ESENDEX_SENDER", "the name or number that messages come from", true},
		}},
		{Name: "mitto", Title: "Mitto", Secrets: []Secret{
			{"MITTO_API_KEY", "the key that Mitto gave you; your address must be on their list", false},
			{"MITTO_SENDER", "the name (3 to 11 characters) or number that texts come from", false},
		}},
	}
}

func twilioAccount() []Secret {
	return []Secret{{"TWILIO_ACCOUNT_SID", "the account (AC…)", false}, {"TWILIO_AUTH_TOKEN", "its token", false}}
}

func telesignAccount() []Secret {
	return []Secret{
		{"TELESIGN_CUSTOMER_ID", "your customer id", false},
		{"TELESIGN_API_KEY", "its API key", false},
		{"TELESIGN_HOST", "rest-api.telesign.com for accounts of the standard plan; default rest-ww.telesign.com", true},
	}
}

// Get returns the guide of that name.
func Get(name string) (Guide, bool) {
	for _, g := range List() {
		if g.Name == name {
			return g, true
		}
	}
	return Guide{}, false
}

// Names returns the names of all guides.
func Names() []string {
	var out []string
	for _, g := range List() {
		out = append(out, g.Name)
	}
	return out
}

// Code returns the guide in the form of a contract: script.Hook, script.SendPhoneMessage or script.CustomPhoneProvider. The
// error says that there is no such form.
func (g Guide) Code(kind script.Kind) (string, error) {
	contract, err := files.ReadFile("js/contract." + string(kind) + ".js")
	if err != nil {
		return "", fmt.Errorf("guides: no form %q: choose hook, send-phone-message or custom-phone-provider", kind)
	}
	body, err := files.ReadFile("js/" + g.Name + ".js")
	if err != nil {
		return "", fmt.Errorf("guides: no guide %q", g.Name)
	}
	head, rest := cutHeader(string(body))
	out := head + "\n" + string(contract) + "\n" + strings.Trim(rest, "\n") + "\n"
	shared := []string{"common"}
	if strings.Contains(rest, "basic(") {
		shared = append(shared, "basic")
	}
	for _, name := range shared {
		text, err := files.ReadFile("js/" + name + ".js")
		if err != nil {
			return "", err
		}
		out += "\n" + string(text)
	}
	return out, nil
}

// cutHeader cuts the first comment off.
func cutHeader(body string) (head, rest string) {
	for strings.HasPrefix(body, "//") {
		line, after, _ := strings.Cut(body, "\n")
		head, body = head+line+"\n", after
	}
	return head, body
}

// The sample's values. Number and addresses are set aside for fiction and documentation.
const (
	sampleNumber = "+12025550123"
	sampleCode   = "123456"
	sampleSpoken = "1.2.3.4.5.6"
)

// SampleInput is an input to try a sender with, in the form of a contract; nil for others than those of Code.
func SampleInput(kind script.Kind, voice bool) json.RawMessage {
	m := &facts.Message{
		Purpose: facts.SecondFactor, Language: "en-US", Voice: "Your code is " + sampleSpoken,
		Request: facts.Request{IP: "192.0.2.1", UserAgent: "Mozilla/5.0", Method: "POST", Hostname: "localhost", Language: "en-US,en;q=0.9"},
		Client:  facts.Client{ID: "sampleclient", Name: "Sample App", Metadata: map[string]string{}},
		User:    &facts.User{ID: "auth0|sample", Name: "Ann Example", Email: "ann@example.com", Phone: sampleNumber, PhoneVerified: true},
		Tenant:  facts.Tenant{ID: "sample", FriendlyName: "Sample"},
	}
	t := script.Text{To: sampleNumber, Body: sampleCode + " is your code", Code: sampleCode, Channel: "sms"}
	if voice {
		t.Body, t.Channel = m.Voice, "voice"
	}
	switch kind {
	case script.Hook:
		return script.HookBody(m, t)
	case script.SendPhoneMessage:
		return script.SendPhoneMessageEvent(m, t)
	case script.CustomPhoneProvider:
		return script.CustomPhoneProviderEvent(m, t)
	}
	return nil
}
