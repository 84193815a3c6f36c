package countersign

import (
	"context"

	"countersign/internal/delivery"
	"countersign/internal/store"
	"countersign/provider"
)

// route gives e-mail to one provider and everything else to the other.
type route struct{ texts, mail provider.Provider }

func (r route) choose(_ context.Context, m *store.Message) (delivery.Sender, error) {
	p := r.texts
	if provider.Channel(m.Channel) == provider.Email {
		p = r.mail
	}
	if p == nil {
		return delivery.NoSender{}, nil
	}
	return delivery.FromProvider(p), nil
}

// nameOf is a provider's name for people.
func nameOf(p provider.Provider) string {
	if p == nil {
		return "none"
	}
	return p.Name()
}
