package route

import (
	"context"

	"countersign/internal/delivery"
	"countersign/internal/secret"
	"countersign/internal/store"
)

// Alone returns a sender that gives a message to one account that stands in no plan: its settings are kept elsewhere. Opt-outs, prices and the
// timeline are as everywhere; circuits and rates are not, since the account is made for this message, and no service can report to it.
func (s *Service) Alone(ctx context.Context, m *store.Message, a StaticAccount) (delivery.Sender, error) {
	own, err := s.pool(ctx, m.PoolID)
	if err != nil {
		return nil, err
	}
	l := s.newLive(m.PoolID, a.AccountConfig)
	if l.alone, l.secrets = true, a.Secrets; l.secrets == nil {
		l.secrets = map[string]secret.String{}
	}
	v := &view{accounts: map[string]*live{a.Name: l}, plan: compile(Plan{Rules: []Rule{{Name: "alone", Use: []Choice{{Account: a.Name}}}}}, 0)}
	return &sender{s: s, v: v, card: own.card, lane: m.Lane, client: m.ClientID, segments: m.Segments, made: m.CreatedAt}, nil
}
