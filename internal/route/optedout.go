package route

import (
	"context"
	"errors"

	"countersign/internal/delivery"
	"countersign/internal/store"
	"countersign/phone"
	"countersign/provider"
)

// OptedOut reports whether a text with a sign-in code to a number would be held back, as Send would. It is false for pools without a plan.
func (s *Service) OptedOut(ctx context.Context, poolID, clientID, to string) (bool, error) {
	n, err := phone.Parse(to)
	if err != nil || s.c.OptOuts == nil {
		return false, nil
	}
	d, ok, err := s.SenderFor(ctx, &store.Message{PoolID: poolID, ClientID: clientID, Lane: store.LaneSignIn, Channel: string(provider.SMS)})
	if err != nil || !ok {
		return false, err
	}
	w := &walk{sender: d.(*sender), ctx: ctx, m: provider.Message{PoolID: poolID, Channel: provider.SMS, To: to, Country: n.Region()}}
	r := w.rule(&w.m)
	if r == nil {
		return false, nil
	}
	if err := w.optedOut(r.Use); !errors.Is(err, delivery.ErrSuppressed) {
		return false, err
	}
	return true, nil
}
