package twilio

import (
	"countersign/internal/gateway/account"
	"countersign/provider"
)

var (
	credentials = []account.Field{
		{Name: "account_sid", Required: true, Help: "The account's SID.", Example: "AC5ef8732a3c49700934481addd5ce1659"},
		{Name: "auth_token", Secret: true, Help: "The account's primary auth token. Without it receipts cannot be verified.",
			Example: "2b6c0a1d9e8f4c7b8a5d3e2f1a0b9c8d"},
		{Name: "api_key_sid", Help: "An API key to send with instead of the auth token.", Example: "SK5ef8732a3c49700934481addd5ce1659"},
		{Name: "api_key_secret", Secret: true, Help: "The API key's secret.", Example: "kT3vJ9sQ2mX7wB4n"},
	}
	places = []account.Field{
		{Name: "region", Help: "The account's region, if it is not us1.", Example: "ie1"},
		{Name: "edge", Help: "Where requests enter Twilio's network; needs a region.", Example: "dublin"},
		{Name: "base_url", Help: "Another address of the API, for a proxy or a double.", Example: "https://api.dublin.ie1.twilio.com"},
	}
	onOff = []string{"on", "off"}
)

// Spec describes accounts of kind "twilio".
func Spec() account.Spec {
	fields := append(append([]account.Field{}, credentials...),
		account.Field{Name: "from", Help: "The number, short code or name that messages come from; calls need a number.", Example: "+12025550100"},
		account.Field{Name: "messaging_service_sid", Help: "A messaging service that chooses the sender of texts.", Example: "MG5ef8732a3c49700934481addd5ce1659"},
		account.Field{Name: "content_retention", Help: "Whether Twilio keeps the texts.", Example: "discard", Values: []string{"retain", "discard"}},
		account.Field{Name: "address_retention", Help: "Whether Twilio keeps the numbers.", Example: "obfuscate", Values: []string{"retain", "obfuscate"}},
		account.Field{Name: "smart_encoded", Help: "Whether Twilio replaces characters that make texts longer.", Example: "off", Values: onOff},
		account.Field{Name: "provide_feedback", Help: "Whether Twilio is told which codes were typed.", Example: "on", Values: onOff},
		account.Field{Name: "risk_check", Help: "Whether Twilio checks for pumping.", Example: "enable", Values: []string{"enable", "disable"}},
		account.Field{Name: "test_account_sid", Help: "The SID of the test credentials, for checks.", Example: "AC0123456789abcdef0123456789abcdef"},
		account.Field{Name: "test_auth_token", Secret: true, Help: "The token of the test credentials.", Example: "9d8c7b6a5f4e3d2c1b0a9f8e7d6c5b4a"},
	)
	return account.Spec{
		Kind: name, Title: "Twilio", Channels: []provider.Channel{provider.SMS, provider.Voice}, Fields: append(fields, places...),
		SenderSets: []string{"messaging_service_sid"},
		Receipts:   "Twilio calls the receipt URL and signs with the primary auth token; with an API key alone receipts are evidence that is confirmed by asking.",
		Hosts:      []string{"api.twilio.com"},
		New: func(a account.Account, d account.Deps) (provider.Provider, error) {
			s := a.Settings
			return provided(New(Config{
				AccountSID: s["account_sid"], AuthToken: a.Secrets["auth_token"], APIKeySID: s["api_key_sid"], APIKeySecret: a.Secrets["api_key_secret"],
				From: s["from"], MessagingServiceSID: s["messaging_service_sid"], BaseURL: s["base_url"], Region: s["region"], Edge: s["edge"],
				DiscardContent: s["content_retention"] == "discard", HideNumbers: s["address_retention"] == "obfuscate", SmartEncoded: s["smart_encoded"] == "on",
				ProvideFeedback: s["provide_feedback"] == "on", NoRiskCheck: s["risk_check"] == "disable",
				TestSID: s["test_account_sid"], TestToken: a.Secrets["test_auth_token"], Client: d.Client, Now: d.Now,
			}))
		},
	}
}

// VerifySpec describes accounts of kind "twilio-verify".
func VerifySpec() account.Spec {
	fields := append(append([]account.Field{}, credentials...),
		account.Field{Name: "service_sid", Required: true, Help: "The Verify service.", Example: "VA5ef8732a3c49700934481addd5ce1659"})
	return account.Spec{
		Kind: verifyName, Title: "Twilio Verify", Channels: []provider.Channel{provider.SMS, provider.Voice}, Fields: append(fields, places...),
		Receipts: "None: Twilio is asked how a verification stands.",
		Hosts:    []string{"verify.twilio.com"},
		New: func(a account.Account, d account.Deps) (provider.Provider, error) {
			s := a.Settings
			return provided(NewVerify(VerifyConfig{
				AccountSID: s["account_sid"], AuthToken: a.Secrets["auth_token"], APIKeySID: s["api_key_sid"], APIKeySecret: a.Secrets["api_key_secret"],
				ServiceSID: s["service_sid"], BaseURL: s["base_url"], Region: s["region"], Edge: s["edge"], Client: d.Client, Now: d.Now,
			}))
		},
	}
}

// provided keeps a nil pointer out of the interface.
func provided[P interface {
	comparable
	provider.Provider
}](p P, err error) (provider.Provider, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}
