package countersign

import (
	"context"

	"countersign/internal/delivery"
	"countersign/internal/store"
	"countersign/provider"
)

// route gives e-mail to one provider and everything else to the other.
type route struct{ texts, mail provider.Provider }

// choose returns the sender of a message: the pool's own function if it has one for the channel, else its own hook, action or account with a
// provider, else this server's route.
func (p *parts) choose(ctx context.Context, m *store.Message) (delivery.Sender, error) {
	if m.TriggerSource == trialOfProvider {
		return p.brandingSender(ctx, m.PoolID)
	}
	if s, ok, err := p.pool.SenderFor(ctx, m); ok || err != nil {
		return s, err
	}
	if s, ok, err := p.chooseText(ctx, m); ok || err != nil {
		return s, err
	}
	return p.senders.choose(m), nil
}

func (r route) choose(m *store.Message) delivery.Sender {
	p := r.texts
	if provider.Channel(m.Channel) == provider.Email {
		p = r.mail
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
