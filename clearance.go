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
	id, blocked := c.choose(ctx, m)
	asked := m.From
	registered, err := c.record(ctx, m, id)
	if err != nil {
		return withheld(err)
	}
	if m.From != asked { // the registration has named the sender
		id, blocked = c.choose(ctx, m)
	}
	return withheld(c.identify(ctx, m, registered, id, blocked))
}

// choose is the origination identity for a message, or why there is none.
func (c clearance) choose(ctx context.Context, m *provider.Message) (origination.Identity, error) {
	return c.p.originations.ChooseFor(ctx, m.PoolID, m.Country, string(m.Channel), m.From)
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
func (c clearance) record(ctx context.Context, m *provider.Message, id origination.Identity) (registration.Choice, error) {
	if m.Channel == provider.Voice {
		return registration.Choice{}, nil
	}
	said := registration.Candidate{
		Country: m.Country, Sender: m.From, Text: m.Text, EntityID: m.EntityID, TemplateID: m.TemplateID, Purpose: c.purpose,
		RegistrationID: id.RegistrationID,
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

// identify gives the message the origination identity for its country, where it has none yet. That a country needs one is enforced for messages of the SMS
// account alone, unless the settings say otherwise: plans and providers have senders of their own. A sender that is registered there needs no entry of its own.
func (c clearance) identify(ctx context.Context, m *provider.Message, registered registration.Choice, id origination.Identity, err error) error {
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
	said := &provider.VendorError{Provider: "countersign", VendorCode: reason, Text: text}
	return fmt.Errorf("%w: %w", delivery.ErrSuppressed, provider.Fail(provider.Withheld, 0, said))
}
