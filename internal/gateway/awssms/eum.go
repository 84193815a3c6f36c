package awssms

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	voice "github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2"
	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2/types"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

const (
	name = "aws-sms"
	// minTTL and maxTTL bound TimeToLive, maxSpoken MessageBody of a call (API reference, SendTextMessage, SendVoiceMessage).
	minTTL, maxTTL, maxSpoken = 5 * time.Second, 72 * time.Hour, 6000
	// referenceKey is the key of Context that holds Message.Reference.
	referenceKey = "attempt"
	// checkNumber is a destination of AWS that always succeeds (End User Messaging user guide, simulator phone numbers).
	checkNumber = "+14254147755"
	maxTopics   = 5
	// maxIdentity and maxTopic bound names of identities (API model) and ARNs, in characters.
	maxIdentity, maxTopic = 256, 512
)

// Config configures an account at AWS End User Messaging.
type Config struct {
	Access
	// From is a number, sender ID, pool or its ARN; empty leaves the choice for texts to AWS. Calls need one. Message.From goes before it.
	From string
	// ConfigurationSet (name or ARN) says where events go; ProtectConfiguration which countries are open. Both optional.
	ConfigurationSet, ProtectConfiguration string
	// MaxPrice is the most that one part of a text may cost, in US dollars ("0.50").
	MaxPrice string
	// EntityID and TemplateID are the registrations that India asks for, where the message brings none of its own.
	EntityID, TemplateID string
	// NoFeedback leaves AWS without word of which codes were typed.
	NoFeedback bool
	// Topics are the ARNs of the SNS topics whose notifications are believed, at most five. Without any there are no receipts.
	Topics []string
	// CheckNumber is where Check pretends to send to. Defaults to a US number of AWS.
	CheckNumber string
}

// Provider is an account at AWS End User Messaging. It is safe for concurrent use.
type Provider struct {
	c      Config
	link   *link
	client *voice.Client
	certs  certificates
}

var (
	_ provider.Provider       = (*Provider)(nil)
	_ provider.CallbackReader = (*Provider)(nil)
	_ provider.Checker        = (*Provider)(nil)
	_ provider.Feedback       = (*Provider)(nil)

	// Lengths are checked beside: counted repetitions make programs of half a megabyte.
	identityForm = regexp.MustCompile(`^[A-Za-z0-9_:/+-]+$`)
	capForm      = regexp.MustCompile(`^[0-9]{0,2}\.[0-9]{1,5}$`)
	topicForm    = regexp.MustCompile(`^arn:aws(-[a-z-]+)?:sns:[a-z0-9-]{1,32}:[0-9]{12}:[A-Za-z0-9_.-]+$`)
)

// New returns the provider, or all that is wrong with its configuration.
func New(c Config) (*Provider, error) {
	errs := c.check(name)
	for field, v := range map[string]string{"from": c.From, "configuration_set": c.ConfigurationSet, "protect_configuration": c.ProtectConfiguration} {
		if v != "" && (len(v) > maxIdentity || !identityForm.MatchString(v)) {
			errs = append(errs, fmt.Errorf("%s: %s is a name or an ARN", name, field))
		}
	}
	if c.MaxPrice != "" && !capForm.MatchString(c.MaxPrice) {
		errs = append(errs, errors.New("aws-sms: max_price is an amount in US dollars with a point, as 0.50"))
	}
	if !idForm.MatchString(c.EntityID) || !idForm.MatchString(c.TemplateID) {
		errs = append(errs, errors.New("aws-sms: entity_id and template_id have up to 64 characters without spaces"))
	}
	if len(c.Topics) > maxTopics {
		errs = append(errs, fmt.Errorf("aws-sms: topic_arns has at most %d topics", maxTopics))
	}
	for _, t := range c.Topics {
		if len(t) > maxTopic || !topicForm.MatchString(t) {
			errs = append(errs, errors.New("aws-sms: topic_arns holds ARNs of SNS topics, as arn:aws:sns:eu-west-1:111122223333:receipts"))
		}
	}
	if c.CheckNumber != "" && !numberForm.MatchString(c.CheckNumber) {
		errs = append(errs, errors.New("aws-sms: check_number is a number, as +33755512501"))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	l := newLink(name, c.Access)
	client := voice.New(voice.Options{Region: c.Region, Credentials: l.creds, HTTPClient: l, Retryer: aws.NopRetryer{}, BaseEndpoint: withBase(c.Access)})
	return &Provider{c: c, link: l, client: client}, nil
}

// Name returns "aws-sms".
func (p *Provider) Name() string { return name }

// Send makes one attempt, of at most ten seconds.
func (p *Provider) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	left, err := validity(name, m, p.c.Now(), minTTL)
	if err != nil {
		return provider.Receipt{}, err
	}
	var ttl *int32
	if left > 0 {
		ttl = aws.Int32(int32(min(left, maxTTL) / time.Second))
	}
	var operation func(context.Context) error
	switch cmp.Or(m.Channel, provider.SMS) {
	case provider.SMS:
		operation, err = p.text(m, ttl)
	case provider.Voice:
		operation, err = p.call(m, ttl)
	default:
		err = provider.Permanent(fmt.Errorf("aws-sms: no channel %q", m.Channel))
	}
	if err != nil {
		return provider.Receipt{}, err
	}
	a, code, said, err := p.link.through(ctx, operation)
	if err != nil {
		return provider.Receipt{}, err
	}
	var ok struct {
		MessageID string `json:"MessageId"`
	}
	if a.Status == http.StatusOK && readJSON(a, &ok) && ok.MessageID != "" {
		return provider.Receipt{ProviderID: exchange.Short(ok.MessageID, maxID), Raw: "accepted"}, nil
	}
	return provider.Receipt{}, p.refused(a, m, code, said)
}

// text is SendTextMessage.
func (p *Provider) text(m provider.Message, ttl *int32) (func(context.Context) error, error) {
	if err := fits(name, m, maxText); err != nil {
		return nil, err
	}
	in := &voice.SendTextMessageInput{
		DestinationPhoneNumber: &m.To, MessageBody: &m.Text, MessageType: types.MessageTypeTransactional,
		OriginationIdentity:  optional(cmp.Or(m.From, p.c.From)),
		ConfigurationSetName: optional(p.c.ConfigurationSet), ProtectConfigurationId: optional(p.c.ProtectConfiguration), MaxPrice: optional(p.c.MaxPrice),
		TimeToLive: ttl, Context: reference(m), MessageFeedbackEnabled: p.feedback(m),
	}
	if m.Country == "IN" || m.Country == "" && strings.HasPrefix(m.To, "+91") {
		in.DestinationCountryParameters = map[string]string{}
		for k, v := range map[string]string{"IN_ENTITY_ID": cmp.Or(m.EntityID, p.c.EntityID), "IN_TEMPLATE_ID": cmp.Or(m.TemplateID, p.c.TemplateID)} {
			if v != "" {
				in.DestinationCountryParameters[k] = v
			}
		}
	}
	return func(ctx context.Context) error {
		_, err := p.client.SendTextMessage(ctx, in)
		return err
	}, nil
}

// call is SendVoiceMessage. It cannot ask for keys.
func (p *Provider) call(m provider.Message, ttl *int32) (func(context.Context) error, error) {
	from := cmp.Or(m.From, p.c.From)
	if from == "" {
		return nil, provider.Misconfigured(errors.New("aws-sms: calls need a number to come from"))
	}
	if m.Key != "" {
		return nil, provider.Misconfigured(errors.New("aws-sms: calls cannot ask for keys"))
	}
	m.Text = spoken(m)
	if err := fits(name, m, maxSpoken); err != nil {
		return nil, err
	}
	in := &voice.SendVoiceMessageInput{
		DestinationPhoneNumber: &m.To, MessageBody: &m.Text, MessageBodyTextType: types.VoiceMessageBodyTextTypeText, VoiceId: voiceOf(m.Locale),
		OriginationIdentity: &from, ConfigurationSetName: optional(p.c.ConfigurationSet), ProtectConfigurationId: optional(p.c.ProtectConfiguration),
		TimeToLive: ttl, Context: reference(m), MessageFeedbackEnabled: p.feedback(m),
	}
	return func(ctx context.Context) error {
		_, err := p.client.SendVoiceMessage(ctx, in)
		return err
	}, nil
}

// refused is the error of an answer that is no success.
func (p *Provider) refused(a exchange.Answer, m provider.Message, code, text string) error {
	r := refusalOf(a.Body)
	reason := eumReason(code, r)
	shown := cmp.Or(r.Reason, code)
	if strings.HasPrefix(r.Reason, "DAILY_") && reason == provider.RateLimited {
		said := &provider.VendorError{Provider: name, VendorCode: exchange.Short(shown, 64), Text: p.link.caller.Clean(text, m)}
		return provider.Fail(reason, untilTomorrow(p.c.Now()), said)
	}
	return p.link.caller.Refused(a, m, reason, shown, text)
}

// reference is Context.
func reference(m provider.Message) map[string]string {
	if m.Reference == "" {
		return nil
	}
	return map[string]string{referenceKey: m.Reference}
}

// feedback is MessageFeedbackEnabled: for messages with a code alone, since AWS takes silence for a failure.
func (p *Provider) feedback(m provider.Message) *bool {
	if p.c.NoFeedback || m.Code == "" {
		return nil
	}
	return aws.Bool(true)
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// readJSON decodes a body that is exactly one JSON object.
func readJSON(a exchange.Answer, v any) bool {
	switch a.MediaType {
	case "application/x-amz-json-1.0", "application/x-amz-json-1.1", "application/json":
	default:
		return false
	}
	return a.Broken == nil && json.Unmarshal(a.Body, v) == nil
}

// Confirmed tells AWS whether a code was typed in (PutMessageFeedback).
func (p *Provider) Confirmed(ctx context.Context, providerID string, used bool) error {
	status := types.MessageFeedbackStatusFailed
	if used {
		status = types.MessageFeedbackStatusReceived
	}
	a, code, text, err := p.link.through(ctx, func(ctx context.Context) error {
		_, err := p.client.PutMessageFeedback(ctx, &voice.PutMessageFeedbackInput{MessageId: &providerID, MessageFeedbackStatus: status})
		return err
	})
	if err == nil && a.Status != http.StatusOK {
		err = p.refused(a, provider.Message{}, code, text)
	}
	return err
}

// Check lets AWS judge a text that it does not send, and asks for the account's tier.
func (p *Provider) Check(ctx context.Context) (string, error) {
	to := cmp.Or(p.c.CheckNumber, checkNumber)
	a, code, text, err := p.link.through(ctx, func(ctx context.Context) error {
		_, err := p.client.SendTextMessage(ctx, &voice.SendTextMessageInput{
			DestinationPhoneNumber: &to, MessageBody: aws.String("This is a test."), MessageType: types.MessageTypeTransactional, DryRun: true,
			OriginationIdentity: optional(p.c.From), ConfigurationSetName: optional(p.c.ConfigurationSet),
			ProtectConfigurationId: optional(p.c.ProtectConfiguration),
		})
		return err
	})
	if err != nil {
		return "", err
	}
	if a.Status != http.StatusOK || !readJSON(a, &map[string]any{}) {
		return "", p.refused(a, provider.Message{To: to}, code, text)
	}
	said := "AWS End User Messaging in " + p.c.Region + " takes the credentials and would send a text (dry run)."
	var out *voice.DescribeAccountAttributesOutput
	_, _, _, err = p.link.through(ctx, func(ctx context.Context) (err error) {
		out, err = p.client.DescribeAccountAttributes(ctx, &voice.DescribeAccountAttributesInput{})
		return err
	})
	if err == nil && out != nil { // not all who may send may ask for this
		for _, t := range out.AccountAttributes {
			if t.Name == types.AccountAttributeNameAccountTier && aws.ToString(t.Value) == "SANDBOX" {
				said += " The account is in the sandbox: only verified numbers get texts."
			}
		}
	}
	return said, nil
}
