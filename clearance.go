package countersign

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"countersign/internal/delivery"
	"countersign/internal/origination"
	"countersign/internal/registration"
	"countersign/internal/route"
	"countersign/internal/sandbox"
	"countersign/internal/screen"
	"countersign/internal/smsaccount"
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
	if err := c.fictional(ctx, to, m.PoolID); err != nil {
		return err
	}
	if err := c.inSandbox(ctx, to, m.TriggerSource); err != nil {
		return err
	}
	registered, err := c.record(ctx, m)
	if err != nil {
		return withheld(err)
	}
	return withheld(c.identify(ctx, m, registered))
}

// fictional refuses numbers that reach nobody, for messages that no flow of the pool has asked the guards about: an operator's tests, canaries.
func (c clearance) fictional(ctx context.Context, to phone.Number, poolID string) error {
	if !to.Fictional() {
		return nil
	}
	p, version, err := c.p.screen.Policy(ctx, poolID)
	if err != nil {
		return err
	}
	if p = c.p.screen.Filled(p, version); p.Mode != screen.Enforce || p.Fictional != screen.Enforce {
		return nil
	}
	return suppressed(string(screen.Fictional), "the number is set aside for fiction and reaches nobody")
}

// record holds a text against what its country has on record, and fills in the sender and the ids that are registered with it.
func (c clearance) record(ctx context.Context, m *provider.Message) (registration.Choice, error) {
	if m.Channel == provider.Voice {
		return registration.Choice{}, nil
	}
	said := registration.Candidate{
		Country: m.Country, Sender: m.From, Text: m.Text, EntityID: m.EntityID, TemplateID: m.TemplateID, Purpose: c.purpose,
	}
	if id, err := c.p.originations.ChooseFor(ctx, m.PoolID, m.Country, string(m.Channel), m.From); err == nil {
		said.RegistrationID = id.RegistrationID
	}
	got, err := c.p.registrations.Clear(ctx, m.PoolID, said)
	if err == nil {
		m.From, m.EntityID, m.TemplateID = cmp.Or(m.From, got.Sender), cmp.Or(m.EntityID, got.EntityID), cmp.Or(m.TemplateID, got.TemplateID)
	}
	return got, err
}

// inSandbox refuses numbers that the sandbox does not know, while it is on. Codes to such numbers go out.
func (c clearance) inSandbox(ctx context.Context, to phone.Number, source string) error {
	if sandbox.Exempt(source) {
		return nil
	}
	ok, err := c.p.sandbox.Allowed(ctx, to)
	if err == nil && !ok {
		err = suppressed(notVerified, "the account is in its sandbox, and the number is not one of its verified destination numbers")
	}
	return err
}

// identify chooses the origination identity for the country, where the message has none yet. That a country needs one is enforced for messages of the SMS
// account alone, unless the settings say otherwise: plans and providers have senders of their own. A sender that is registered there needs no entry of its own.
func (c clearance) identify(ctx context.Context, m *provider.Message, registered registration.Choice) error {
	id, err := c.p.originations.ChooseFor(ctx, m.PoolID, m.Country, string(m.Channel), m.From)
	switch origination.ReasonOf(err) {
	case origination.NoIdentity:
		strict, lost := c.p.originations.Enforced(ctx, m.TriggerSource != smsaccount.TriggerSource)
		if lost != nil {
			return lost
		}
		if !strict || sandbox.Exempt(m.TriggerSource) {
			return nil
		}
	case origination.Unknown: // a provider's own number
		if m.TriggerSource != smsaccount.TriggerSource || m.From == registered.Sender {
			return nil
		}
	case origination.SenderNotRegistered:
		if m.From != "" && m.From == registered.Sender {
			return nil
		}
	}
	if err == nil && m.From == "" {
		m.From = id.Value
	}
	return err
}

// withheld makes a blocker the end of a message. Other errors stay: the message is tried again.
func withheld(err error) error {
	if b, ok := errors.AsType[*origination.Blocker](err); ok {
		return suppressed(string(b.Reason), b.Public)
	}
	if b, ok := errors.AsType[*registration.Blocker](err); ok {
		if b.Hint == "" {
			return suppressed(string(b.Reason), b.Public)
		}
		return suppressed(string(b.Reason), strings.TrimSuffix(b.Public, ".")+": "+b.Hint)
	}
	return err
}

func suppressed(reason, text string) error {
	return fmt.Errorf("%w: %w", delivery.ErrSuppressed, provider.Fail(provider.Withheld, 0, &provider.VendorError{Provider: "countersign", VendorCode: reason, Text: text}))
}
