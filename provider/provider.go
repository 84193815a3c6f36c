// Package provider is the contract to send one text message (or call) and the classes of what can go wrong.
//
// A Provider is a client of one SMS service. It makes one attempt and never retries: retrying, failover and
// the decision which provider serves which destination belong to Countersign. An implementation must
//
//   - send at most once for each call, and pass IdempotencyKey on where the service knows such a thing;
//   - report success only on the exact success answer of the service, never on "not an error";
//   - class each failure with Permanent, RetryAfter or Misconfigured; any other error counts as retryable;
//   - honour the context's deadline, and return an error that wraps ErrAmbiguous when the request was written
//     but no answer came;
//   - never put Text, Code or the full number into an error.
package provider

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Channel is how a message reaches a person.
type Channel string

const (
	SMS   Channel = "sms"
	Voice Channel = "voice"
	// Email is used by the simulated and the SMTP mailbox only.
	Email Channel = "email"
)

// Message is what is to be sent.
type Message struct {
	// ID is Countersign's id of the message, a UUID; the same for every attempt.
	ID string
	// IdempotencyKey is the same for every attempt of one message through one provider.
	IdempotencyKey string
	// Channel is SMS unless set.
	Channel Channel
	// To is the destination in E.164 form ("+12025550123"), or an e-mail address for Email.
	To string
	// From is the origination identity (sender ID or number), or empty for the provider's default.
	From string
	// Subject is for Email only.
	Subject string
	// Text is the complete text.
	Text string
	// Code is the code within Text, or empty. A provider does not need it; simulators and voice calls do.
	Code string
	// PoolID, TriggerSource (e.g. "CustomSMSSender_SignUp") and Locale describe the origin.
	PoolID        string
	TriggerSource string
	Locale        string
	// ExpiresAt is when the code dies; a message must not be sent after it.
	ExpiresAt time.Time
	// HTML says that Text is HTML, for Email only.
	HTML bool
	// Reference is this attempt's id, for the service's field for it: what it tells later can be matched by it. At most 40 characters.
	Reference string
	// ReceiptURL is where the service is to report, or empty.
	ReceiptURL string
	// Key is what must be pressed before a call reads the code, two digits, or empty; KeyURL is where the pressed keys go.
	Key, KeyURL string
	// Country is the ISO 3166 region of To, or empty.
	Country string
	// EntityID and TemplateID are what the destination's country has the text and its sender registered under (India's DLT), or empty.
	EntityID, TemplateID string
}

// Receipt is the provider's answer to an accepted message.
type Receipt struct {
	// ProviderID is the message's id at the provider; receipts refer to it.
	ProviderID string
	// Segments is the number of parts, 0 if the provider does not say.
	Segments int
	// Raw is a short provider text for people (status name), without personal data.
	Raw string
	// Price is what the service says it costs, in millionths of Currency (ISO 4217); 0 if it does not say.
	Price    int64
	Currency string
}

// Provider sends messages through one service.
type Provider interface {
	// Name is the stable lower-case name ("twilio").
	Name() string
	// Send makes one attempt.
	Send(ctx context.Context, m Message) (Receipt, error)
}

// ErrAmbiguous is wrapped by errors after which the message may or may not have been sent.
var ErrAmbiguous = errors.New("provider: the outcome is unknown")

// ErrNotSent is wrapped by errors after which nothing can have been sent, for instance where the time was up before there was a connection. Without
// it an error that wraps the context's counts as ambiguous.
var ErrNotSent = errors.New("not sent")

// Class says what may be done after a failed attempt.
type Class string

const (
	// ClassRetryable: try again, here or elsewhere. Every unclassed error.
	ClassRetryable Class = "retryable"
	// ClassPermanent: this message to this number cannot succeed anywhere (bad or blocked number, opt-out).
	ClassPermanent Class = "permanent"
	// ClassThrottled: this provider wants to be left alone for a while.
	ClassThrottled Class = "throttled"
	// ClassMisconfigured: credentials or account; fail over and raise an alarm.
	ClassMisconfigured Class = "misconfigured"
	// ClassAmbiguous: no answer after the request was written; fail over with the same code.
	ClassAmbiguous Class = "ambiguous"
)

type classed struct {
	class Class
	after time.Duration
	err   error
}

func (e *classed) Error() string { return e.err.Error() }
func (e *classed) Unwrap() error { return e.err }

// Permanent marks err as final for this message.
func Permanent(err error) error { return &classed{class: ClassPermanent, err: err} }

// RetryAfter marks err as throttling: this provider may be asked again after d.
func RetryAfter(d time.Duration, err error) error {
	return &classed{class: ClassThrottled, after: d, err: err}
}

// Misconfigured marks err as a fault of credentials or account.
func Misconfigured(err error) error { return &classed{class: ClassMisconfigured, err: err} }

// ClassOf returns the class of err and, for ClassThrottled, the time to wait. It panics on nil: success has no class.
func ClassOf(err error) (Class, time.Duration) {
	if err == nil {
		panic("provider: ClassOf(nil)")
	}
	if c, ok := errors.AsType[*classed](err); ok {
		return c.class, c.after
	}
	if errors.Is(err, ErrAmbiguous) {
		return ClassAmbiguous, 0
	}
	return ClassRetryable, 0
}

// VendorError is what a provider said, in its own words and codes. The code is stored for people; logic reads the class.
type VendorError struct {
	// Provider is the provider's name, VendorCode its own code ("21610"), Text its own sentence without personal data.
	Provider, VendorCode, Text string
	// Reason is what it comes to; see Fail.
	Reason Reason
}

// Error joins the three parts.
func (e *VendorError) Error() string {
	return fmt.Sprintf("%s: %s %s", e.Provider, e.VendorCode, e.Text)
}
