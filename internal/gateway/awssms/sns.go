package awssms

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

const (
	snsName = "sns"
	// maxText is the most characters of a text (Publish; SendTextMessage, MessageBody).
	maxText = 1600
	// maxID bounds a message id in an answer, in bytes (they are UUIDs).
	maxID = 256
)

// SNSConfig configures an account that publishes through Amazon SNS.
type SNSConfig struct {
	Access
	// From is a sender ID (1 to 11 letters and digits, a letter among them) or an origination number; empty leaves it to the account. Message.From goes
	// before it.
	From string
	// MaxPrice is the most that one text may cost, in US dollars ("0.50"); SNS does not send what costs more, and does not say so.
	MaxPrice string
	// EntityID and TemplateID are the registrations that India asks for, where the message brings none of its own.
	EntityID, TemplateID string
}

// SNS is an account at Amazon SNS. It is safe for concurrent use.
type SNS struct {
	c      SNSConfig
	link   *link
	client *sns.Client
}

var (
	_ provider.Provider = (*SNS)(nil)
	_ provider.Checker  = (*SNS)(nil)

	priceForm  = regexp.MustCompile(`^[0-9]{1,2}(\.[0-9]{1,5})?$`)
	senderForm = regexp.MustCompile(`^[A-Za-z0-9]{1,11}$`)
	numberForm = regexp.MustCompile(`^\+?[0-9]{3,15}$`)
	idForm     = regexp.MustCompile(`^[!-~]{0,64}$`)
)

// NewSNS returns the provider, or all that is wrong with its configuration.
func NewSNS(c SNSConfig) (*SNS, error) {
	errs := c.check(snsName)
	if c.From != "" && !senderForm.MatchString(c.From) && !numberForm.MatchString(c.From) {
		errs = append(errs, errors.New("sns: from is a sender ID of up to 11 letters and digits, or a number"))
	}
	if c.MaxPrice != "" && !priceForm.MatchString(c.MaxPrice) {
		errs = append(errs, errors.New("sns: max_price is an amount in US dollars, as 0.50"))
	}
	if !idForm.MatchString(c.EntityID) || !idForm.MatchString(c.TemplateID) {
		errs = append(errs, errors.New("sns: entity_id and template_id have up to 64 characters without spaces"))
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	l := newLink(snsName, c.Access)
	client := sns.New(sns.Options{Region: c.Region, Credentials: l.creds, HTTPClient: l, Retryer: aws.NopRetryer{}, BaseEndpoint: withBase(c.Access)})
	return &SNS{c: c, link: l, client: client}, nil
}

// Name returns "sns".
func (p *SNS) Name() string { return snsName }

// Send makes one attempt, of at most ten seconds.
func (p *SNS) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	if m.Channel != "" && m.Channel != provider.SMS {
		return provider.Receipt{}, provider.Permanent(fmt.Errorf("sns: no channel %q", m.Channel))
	}
	if _, err := validity(snsName, m, p.c.Now(), time.Second); err != nil {
		return provider.Receipt{}, err
	}
	if err := fits(snsName, m, maxText); err != nil {
		return provider.Receipt{}, err
	}
	in := &sns.PublishInput{PhoneNumber: &m.To, Message: &m.Text, MessageAttributes: p.attributes(m)}
	a, code, text, err := p.link.through(ctx, func(ctx context.Context) error {
		_, err := p.client.Publish(ctx, in)
		return err
	})
	if err != nil {
		return provider.Receipt{}, err
	}
	var ok struct {
		XMLName   xml.Name `xml:"PublishResponse"`
		MessageID string   `xml:"PublishResult>MessageId"`
	}
	if a.Status == http.StatusOK && readXML(a, &ok) && ok.MessageID != "" {
		return provider.Receipt{ProviderID: exchange.Short(ok.MessageID, maxID), Raw: "accepted"}, nil
	}
	return provider.Receipt{}, p.link.caller.Refused(a, m, snsReason(code, text), code, text)
}

// attributes are the message's (Amazon SNS developer guide, "Publishing to a mobile phone").
func (p *SNS) attributes(m provider.Message) map[string]snstypes.MessageAttributeValue {
	out := map[string]snstypes.MessageAttributeValue{}
	set := func(name, kind, value string) {
		if value != "" {
			out[name] = snstypes.MessageAttributeValue{DataType: &kind, StringValue: &value}
		}
	}
	set("AWS.SNS.SMS.SMSType", "String", "Transactional")
	set("AWS.SNS.SMS.MaxPrice", "Number", p.c.MaxPrice)
	from := m.From
	if from == "" {
		from = p.c.From
	}
	if numberForm.MatchString(from) {
		set("AWS.MM.SMS.OriginationNumber", "String", from)
	} else {
		set("AWS.SNS.SMS.SenderID", "String", from)
	}
	if m.Country == "IN" || m.Country == "" && strings.HasPrefix(m.To, "+91") {
		set("AWS.MM.SMS.EntityId", "String", cmp.Or(m.EntityID, p.c.EntityID))
		set("AWS.MM.SMS.TemplateId", "String", cmp.Or(m.TemplateID, p.c.TemplateID))
	}
	return out
}

// Check asks for the account's settings of texts and whether it is in the sandbox.
func (p *SNS) Check(ctx context.Context) (string, error) {
	var settings *sns.GetSMSAttributesOutput
	a, code, text, err := p.link.through(ctx, func(ctx context.Context) (err error) {
		settings, err = p.client.GetSMSAttributes(ctx, &sns.GetSMSAttributesInput{})
		return err
	})
	if err != nil {
		return "", err
	}
	if a.Status != http.StatusOK || settings == nil {
		return "", p.link.caller.Refused(a, provider.Message{}, snsReason(code, text), code, text)
	}
	said := "Amazon SNS in " + p.c.Region + " takes the credentials."
	if limit := settings.Attributes["MonthlySpendLimit"]; limit != "" {
		said += " The monthly spend limit is " + exchange.Short(limit, 16) + " USD."
	}
	var sandbox *sns.GetSMSSandboxAccountStatusOutput
	_, _, _, err = p.link.through(ctx, func(ctx context.Context) (err error) {
		sandbox, err = p.client.GetSMSSandboxAccountStatus(ctx, &sns.GetSMSSandboxAccountStatusInput{})
		return err
	})
	if err == nil && sandbox != nil && sandbox.IsInSandbox {
		said += " The account is in the SMS sandbox: only verified numbers get texts."
	}
	return said, nil
}

// readXML decodes a body that is exactly one XML document.
func readXML(a exchange.Answer, v any) bool {
	if a.Broken != nil || a.MediaType != "text/xml" && a.MediaType != "application/xml" {
		return false
	}
	d := xml.NewDecoder(bytes.NewReader(a.Body))
	if d.Decode(v) != nil {
		return false
	}
	for {
		switch t, err := d.Token(); c := t.(type) {
		case xml.CharData:
			if len(bytes.TrimSpace(c)) > 0 {
				return false
			}
		case xml.Comment:
		default:
			return err == io.EOF
		}
	}
}

// validity is how long the code still lives, 0 if it has no end; less than least is an error.
func validity(name string, m provider.Message, now time.Time, least time.Duration) (time.Duration, error) {
	if m.ExpiresAt.IsZero() {
		return 0, nil
	}
	left := m.ExpiresAt.Sub(now)
	if left < least {
		return 0, provider.Permanent(errors.New(name + ": the code dies before the message can arrive"))
	}
	return left, nil
}

// fits refuses texts that the service would.
func fits(name string, m provider.Message, most int) error {
	if n := len([]rune(m.Text)); n == 0 || n > most {
		said := &provider.VendorError{Provider: name, VendorCode: "length", Text: fmt.Sprintf("a message has 1 to %d characters", most)}
		return provider.Fail(provider.ContentRejected, 0, said)
	}
	return nil
}
