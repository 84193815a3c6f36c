package countersign

import (
	"context"
	"errors"
	"fmt"

	"countersign/internal/delivery"
	"countersign/internal/origination"
	"countersign/internal/registration"
	"countersign/internal/route"
	"countersign/internal/sandbox"
	"countersign/internal/store"
	"countersign/phone"
	"countersign/provider"
)

// clearance stands before every sender of texts and calls that is not a pool's own code: in the sandbox only verified destination numbers are sent to; the
// country gets the sender that is for it; and a text goes where it must be on record only as it is on record.
type clearance struct {
	p       *parts
	next    delivery.Sender
	purpose string
}

// cleared puts the clearance before a sender of phone messages.
func (p *parts) cleared(s delivery.Sender, m *store.Message) delivery.Sender {
	if provider.Channel(m.Channel) == provider.Email {
		return s
	}
	c := clearance{p, s, route.PurposeOf(m.Lane)}
	if m.Lane == store.LaneSignUp {
		c.purpose = "" // the lane of codes that verify a number, too
	}
	return c
}

// Send implements delivery.Sender.
func (c clearance) Send(ctx context.Context, m provider.Message) (provider.Receipt, string, error) {
	if err := c.check(ctx, &m); err != nil {
		return provider.Receipt{}, "", err
	}
	return c.next.Send(ctx, m)
}

// The names of what stops a message here besides those of originations and registrations.
const notVerified = "destination_not_verified"

// check names the sender of a message, or says why it must not go. Its errors end the message as suppressed, except where the database does not answer.
func (c clearance) check(ctx context.Context, m *provider.Message) error {
	to, err := phone.Parse(m.To)
	if err != nil {
		return nil // the provider says so
	}
	on, err := c.inSandbox(ctx, to, m.TriggerSource)
	if err != nil {
		return err
	}
	id, err := c.identify(ctx, m, on)
	if err != nil {
		return withheld(err)
	}
	if m.Channel == provider.Voice {
		return nil
	}
	return withheld(c.p.registrations.Check(ctx, m.PoolID, registration.Candidate{
		Country: m.Country, Sender: m.From, Text: m.Text, EntityID: m.EntityID, TemplateID: m.TemplateID, Purpose: c.purpose,
		RegistrationID: id.RegistrationID,
	}))
}

// inSandbox reports whether the sandbox is on, and refuses numbers that it does not know.
func (c clearance) inSandbox(ctx context.Context, to phone.Number, source string) (bool, error) {
	on, err := c.p.sandbox.Enabled(ctx)
	if err != nil || !on || source == sandbox.TriggerSource {
		return on, err
	}
	ok, err := c.p.sandbox.Allowed(ctx, to)
	if err == nil && !ok {
		err = suppressed(notVerified, "the account is in the sandbox, and the number is not one of its verified destination numbers")
	}
	return on, err
}

// identify chooses the origination identity for the country, where the message has none yet. That a country needs one is enforced in the sandbox and for
// messages of the account itself: plans have senders of their own.
func (c clearance) identify(ctx context.Context, m *provider.Message, strict bool) (origination.Identity, error) {
	id, err := c.p.originations.Choose(ctx, m.Country, string(m.Channel), m.From)
	if b, ok := errors.AsType[*origination.Blocker](err); ok && m.From == "" && !strict && b.Reason == origination.NoIdentity {
		return id, nil
	}
	if err == nil && m.From == "" {
		m.From = id.Value
	}
	return id, err
}

// withheld makes a blocker the end of a message. Other errors stay: the message is tried again.
func withheld(err error) error {
	if b, ok := errors.AsType[*origination.Blocker](err); ok {
		return suppressed(string(b.Reason), b.Error())
	}
	if b, ok := errors.AsType[*registration.Blocker](err); ok {
		return suppressed(string(b.Reason), b.Error())
	}
	return err
}

func suppressed(reason, text string) error {
	return fmt.Errorf("%w: %w", delivery.ErrSuppressed, provider.Fail(provider.Withheld, 0, &provider.VendorError{Provider: "countersign", VendorCode: reason, Text: text}))
}
