package vonage

import (
	"errors"
	"strconv"

	"countersign/internal/gateway/account"
	"countersign/provider"
)

const (
	kindMessages, kindSMS, kindVerify = "vonage", "vonage-sms", "vonage-verify"
)

var (
	fieldApplication = account.Field{
		Name: "application_id", Help: "The id of an application, for signed requests; calls need one.", Example: "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
	}
	fieldPrivateKey = account.Field{Name: "private_key", Help: "The application's private RSA key in PEM.", Secret: true}
	fieldKey        = account.Field{Name: "api_key", Help: "The account's API key.", Example: "abcd1234"}
	fieldSecret     = account.Field{Name: "api_secret", Help: "The secret of the API key.", Secret: true}
	fieldSignature  = account.Field{
		Name: "signature_secret", Help: "The account's signature secret, long and random: with it reports of Vonage are authentic.", Secret: true,
	}
	fieldFrom = account.Field{Name: "from", Help: "The number or the name of up to 11 letters and digits that texts come from.", Example: "AcmeInc"}
	fieldBase = account.Field{Name: "base_url", Help: "Another address of the API.", Example: defaultBase}
)

// Spec describes accounts of kind "vonage": the Messages API v1 and the Voice API.
func Spec() account.Spec {
	return account.Spec{
		Kind: kindMessages, Title: "Vonage (Messages and Voice)", Channels: []provider.Channel{provider.SMS, provider.Voice},
		Fields:   []account.Field{fieldApplication, fieldPrivateKey, fieldKey, fieldSecret, fieldSignature, fieldFrom, fieldBase},
		Receipts: "to the URL of each message, signed with a JWT where signature_secret is set; texts that come in: to the application's inbound URL",
		Hosts:    []string{"api.nexmo.com"},
		New: func(a account.Account, d account.Deps) (provider.Provider, error) {
			p, err := New(Config{
				ApplicationID: a.Settings["application_id"], PrivateKey: a.Secrets["private_key"], APIKey: a.Settings["api_key"], APISecret: a.Secrets["api_secret"],
				SignatureSecret: a.Secrets["signature_secret"], From: a.Settings["from"], BaseURL: a.Settings["base_url"], Client: d.Client, Now: d.Now,
			})
			if err != nil {
				return nil, err
			}
			return p, nil
		},
	}
}

// SMSSpec describes accounts of kind "vonage-sms": the SMS API.
func SMSSpec() account.Spec {
	base, key, keySecret := fieldBase, fieldKey, fieldSecret
	base.Example, key.Required, keySecret.Required = defaultSMS, true, true
	return account.Spec{
		Kind: kindSMS, Title: "Vonage (SMS API)", Channels: []provider.Channel{provider.SMS},
		Fields: []account.Field{key, keySecret, fieldSignature,
			{Name: "signature_method", Help: "The HMAC of signed webhooks; sha256 if it is not set. Vonage's support must switch them on.",
				Values: []string{"sha256", "sha512", "sha1", "md5"}},
			fieldFrom,
			{Name: "conversion", Help: "Whether Vonage is told which codes were typed in; its support must open the Conversion API first.",
				Values: []string{"on", "off"}},
			base},
		Receipts: "to the URL of each message, signed with sig where signature_secret is set; texts that come in: to the account's inbound URL",
		Hosts:    []string{"rest.nexmo.com", "api.nexmo.com"},
		New: func(a account.Account, d account.Deps) (provider.Provider, error) {
			p, err := NewSMS(SMSConfig{
				APIKey: a.Settings["api_key"], APISecret: a.Secrets["api_secret"], SignatureSecret: a.Secrets["signature_secret"],
				SignatureMethod: a.Settings["signature_method"], From: a.Settings["from"], Conversion: a.Settings["conversion"] == "on",
				BaseURL: a.Settings["base_url"], Client: d.Client, Now: d.Now,
			})
			if err != nil {
				return nil, err
			}
			return p, nil
		},
	}
}

// VerifySpec describes accounts of kind "vonage-verify": codes that Vonage makes.
func VerifySpec() account.Spec {
	from := fieldFrom
	from.Help = "The number or name that texts come from; empty for Vonage's choice."
	return account.Spec{
		Kind: kindVerify, Title: "Vonage Verify", Channels: []provider.Channel{provider.SMS, provider.Voice},
		Fields: []account.Field{fieldApplication, fieldPrivateKey, fieldKey, fieldSecret, fieldSignature,
			{Name: "brand", Help: "The name in Vonage's text, up to 16 characters.", Example: "Acme", Required: true},
			{Name: "code_length", Help: "How many digits a code has, 4 to 10; 6 if it is not set.", Example: "6"},
			from, fieldBase},
		Receipts: "to the application's status URL, signed with a JWT where signature_secret is set",
		Hosts:    []string{"api.nexmo.com"},
		New: func(a account.Account, d account.Deps) (provider.Provider, error) {
			length, err := codeLength(a.Settings["code_length"])
			p, newErr := NewVerify(VerifyConfig{
				ApplicationID: a.Settings["application_id"], PrivateKey: a.Secrets["private_key"], APIKey: a.Settings["api_key"], APISecret: a.Secrets["api_secret"],
				SignatureSecret: a.Secrets["signature_secret"], Brand: a.Settings["brand"], From: a.Settings["from"], CodeLength: length,
				BaseURL: a.Settings["base_url"], Client: d.Client, Now: d.Now,
			})
			if err = errors.Join(err, newErr); err != nil {
				return nil, err
			}
			return p, nil
		},
	}
}

func codeLength(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n == 0 {
		return 0, errors.New(kindVerify + ": code_length must be a number from 4 to 10")
	}
	return n, nil
}
