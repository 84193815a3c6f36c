package countersign

import (
	"context"
	"errors"

	"countersign/internal/delivery"
	"countersign/internal/store"
	"countersign/provider"
)

// desk gives e-mail to one provider and everything else to the other.
type desk struct{ texts, mail provider.Provider }

// choose returns the sender of a message: the account that it is pinned to, else the pool's own function if it has one for the channel, else its own
// hook, action or account of the Auth0 dialect, else the account that the pool's plan (or the configuration file's) chooses, else this server's webhook.
func (p *parts) choose(ctx context.Context, m *store.Message) (delivery.Sender, error) {
	if m.TriggerSource == trialOfProvider {
		return p.brandingSender(ctx, m)
	}
	if m.Account != "" { // pinned: its text may be empty, so nobody else can send it
		s, ok, err := p.routes.SenderFor(ctx, m)
		if err == nil && !ok {
			err = provider.Misconfigured(errors.New("the account that the message was made for is not there any more"))
		}
		if err != nil {
			return nil, err
		}
		return p.cleared(s, m), nil
	}
	if s, ok, err := p.pool.SenderFor(ctx, m); ok || err != nil {
		return s, err
	}
	if s, ok, err := p.chooseText(ctx, m); ok || err != nil {
		return s, err
	}
	s, ok, err := p.routes.SenderFor(ctx, m)
	if err != nil {
		return nil, err
	}
	if !ok {
		s = p.senders.choose(m)
	}
	return p.cleared(s, m), nil
}

func (d desk) choose(m *store.Message) delivery.Sender {
	p := d.texts
	if provider.Channel(m.Channel) == provider.Email {
		p = d.mail
	}
	if p == nil {
		return delivery.NoSender{}
	}
	return delivery.FromProvider(p)
}

// nameOf is a provider's name for people.
func nameOf(p provider.Provider) string {
	if p == nil {
		return "none"
	}
	return p.Name()
}
