package awssms

import (
	"strings"

	"countersign/internal/gateway/account"
	"countersign/provider"
)

// access are the fields of both kinds.
func access() []account.Field {
	return []account.Field{
		{Name: "region", Required: true, Help: "The AWS region.", Example: "eu-west-1"},
		{Name: "access_key_id", Help: "The access key of a user or role that may send.", Example: "AKIAIOSFODNN7EXAMPLE"},
		{Name: "secret_access_key", Secret: true, Help: "The access key's secret.", Example: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
		{Name: "session_token", Secret: true, Help: "The session token of temporary credentials.", Example: "IQoJb3JpZ2luX2VjEXAMPLE"},
		{Name: "credentials", Values: []string{"keys", "chain"}, Example: "keys",
			Help: "keys are those above; chain, for who may change all pools, is where the AWS SDK looks (allow the address of the machine's metadata)."},
		{Name: "base_url", Help: "Another address of the service, for a proxy or a double.", Example: "http://localhost:4566"},
	}
}

func accessOf(a account.Account, d account.Deps) Access {
	s := a.Settings
	return Access{Region: s["region"], AccessKeyID: s["access_key_id"], SecretAccessKey: a.Secrets["secret_access_key"],
		SessionToken: a.Secrets["session_token"],
		Chain:        s["credentials"] == "chain", BaseURL: s["base_url"], Client: d.Client, Dial: d.Dial, Now: d.Now}
}

// registrations are fields that India needs.
func registrations() []account.Field {
	return []account.Field{
		{Name: "entity_id", Help: "The registered entity, for texts to India that have no registration of their own.", Example: "1101234567890123456"},
		{Name: "template_id", Help: "The registered template, for texts to India that have no registration of their own.", Example: "1107234567890123456"},
	}
}

// SNSSpec describes accounts of kind "sns".
func SNSSpec() account.Spec {
	fields := append(access(),
		account.Field{Name: "from", Help: "A sender ID of up to 11 letters and digits, or an origination number; empty leaves it to AWS.",
			Example: "Example"},
		account.Field{Name: "max_price", Help: "The most that a text may cost, in US dollars. Dearer ones are silently not sent.", Example: "0.50"})
	return account.Spec{
		Kind: snsName, Title: "Amazon SNS", Channels: []provider.Channel{provider.SMS}, Fields: append(fields, registrations()...),
		Receipts: "None: Amazon SNS tells nothing back; what becomes of texts is in the account's CloudWatch logs. AWS End User Messaging has receipts.",
		New: func(a account.Account, d account.Deps) (provider.Provider, error) {
			p, err := NewSNS(SNSConfig{Access: accessOf(a, d), From: a.Settings["from"], MaxPrice: a.Settings["max_price"],
				EntityID: a.Settings["entity_id"], TemplateID: a.Settings["template_id"]})
			if err != nil {
				return nil, err
			}
			return p, nil
		},
	}
}

// Spec describes accounts of kind "aws-sms".
func Spec() account.Spec {
	fields := append(access(),
		account.Field{Name: "from", Help: "A number, sender ID, pool or ARN; empty leaves it to AWS, but calls need a number.", Example: "+12065550100"},
		account.Field{Name: "configuration_set", Help: "The configuration set whose event destination is the SNS topic below.", Example: "countersign"},
		account.Field{Name: "topic_arns",
			Help:    "The SNS topics for events and for texts that come in, with commas; subscribe the receipt URL to them (HTTPS, raw message delivery off).",
			Example: "arn:aws:sns:eu-west-1:111122223333:receipts"},
		account.Field{Name: "protect_configuration", Help: "A protect configuration that says which countries are open.",
			Example: "protect-0f3a5b7c9d1e2f4a6b8c0d2e4f6a8b0c"},
		account.Field{Name: "max_price", Help: "The most that one part of a text may cost, in US dollars.", Example: "0.50"},
		account.Field{Name: "feedback", Help: "Whether AWS is told which codes were typed, its signal against pumping.", Example: "on",
			Values: []string{"on", "off"}},
		account.Field{Name: "check_number",
			Help: "The number that a check pretends to send to; one of AWS's simulator numbers in a country that From may text.", Example: "+33755512501"})
	return account.Spec{
		Kind: name, Title: "AWS End User Messaging", Channels: []provider.Channel{provider.SMS, provider.Voice}, Fields: append(fields, registrations()...),
		Receipts: "An SNS topic that is subscribed to the receipt URL; notifications are signed by AWS, and the topic must be one of topic_arns.",
		New: func(a account.Account, d account.Deps) (provider.Provider, error) {
			s := a.Settings
			p, err := New(Config{Access: accessOf(a, d), From: s["from"], ConfigurationSet: s["configuration_set"],
				ProtectConfiguration: s["protect_configuration"],
				MaxPrice:             s["max_price"], EntityID: s["entity_id"], TemplateID: s["template_id"], NoFeedback: s["feedback"] == "off",
				Topics: list(s["topic_arns"]), CheckNumber: s["check_number"]})
			if err != nil {
				return nil, err
			}
			return p, nil
		},
	}
}

// list reads values with commas between them.
func list(s string) (out []string) {
	for _, v := range strings.Split(s, ",") {
		if v = strings.TrimSpace(v); v != "" {
			out = append(out, v)
		}
	}
	return out
}
