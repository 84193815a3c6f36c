package webhook

import (
	"countersign/internal/gateway/account"
	"countersign/internal/secret"
	"countersign/provider"
)

// Spec describes accounts of kind "webhook".
func Spec() account.Spec {
	return account.Spec{
		Kind: "webhook", Title: "Signed webhook", Channels: []provider.Channel{provider.SMS, provider.Voice},
		Fields: []account.Field{
			{Name: "url", Required: true, Help: "Where messages are posted.", Example: "https://sms.example.com/send"},
			{Name: "secret", Required: true, Secret: true, Help: "The key that signs requests and receipts: whsec_ and base64, or a text of at least 16 bytes.",
				Example: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
			{Name: "other_secret", Secret: true, Help: "A second key beside it, while the first is replaced.", Example: "whsec_C2FVsBQIhrscChlQIMV1b5sSYspob7oD"},
			{Name: "format", Help: "What the receiver understands: gotrue is the Send SMS hook of GoTrue, for texts with codes.", Example: FormatCountersign,
				Values: []string{FormatCountersign, FormatGoTrue}},
			{Name: "header", Help: "A header for an API gateway in front of the receiver.", Example: "X-Api-Key"},
			{Name: "header_value", Secret: true, Help: "The header's value.", Example: "6f1d0c5e9a7b4e2d"},
		},
		Receipts: "The receiver posts them to receipt_url, signed like the requests it gets; replays are refused.",
		New: func(a account.Account, d account.Deps) (provider.Provider, error) {
			c := Config{URL: a.Settings["url"], Secrets: []secret.String{a.Secrets["secret"]}, Format: a.Settings["format"], Client: d.Client, Now: d.Now}
			if other := a.Secrets["other_secret"]; other.Reveal() != "" {
				c.Secrets = append(c.Secrets, other)
			}
			if h := a.Settings["header"]; h != "" {
				c.Header = map[string]secret.String{h: a.Secrets["header_value"]}
			}
			p, err := New(c)
			if err != nil {
				return nil, err
			}
			return p, nil
		},
	}
}
