package route

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/ratecard"
	"countersign/internal/store"
	"countersign/provider"
)

// SenderFor returns the sender of a message. It is false if the pool has no plan and there is no static one, and for e-mail. The account that a
// message is pinned to (Message.Account) is asked alone.
func (s *Service) SenderFor(ctx context.Context, m *store.Message) (delivery.Sender, bool, error) {
	if m.Channel == string(provider.Email) {
		return nil, false, nil
	}
	own, err := s.pool(ctx, m.PoolID)
	if err != nil {
		return nil, false, err
	}
	v := own
	switch {
	case m.Account != "" && own.accounts[m.Account] != nil:
	case m.Account != "" && s.static != nil && s.static.accounts[m.Account] != nil:
		v = s.static
	case own.plan == nil && s.static != nil && s.static.plan != nil:
		v = s.static
	case own.plan == nil:
		return nil, false, nil
	}
	d := &sender{s: s, v: v, card: own.card, lane: m.Lane, client: m.ClientID, prefix: m.Prefix, segments: m.Segments, pinned: m.Account,
		made: m.CreatedAt}
	if m.Attempts > 1 {
		d.spent, err = s.refusals(ctx, m.ID)
	}
	return d, true, err
}

// refusals are the accounts that have refused a message in an earlier walk for a reason that stays, with the reason.
func (s *Service) refusals(ctx context.Context, messageID string) (map[string]string, error) {
	var list []*store.DeliveryAttempt
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		list, err = tx.Outbox().ListAttempts(ctx, messageID)
		return err
	})
	out := map[string]string{}
	for _, a := range list {
		switch provider.Reason(a.Reason) {
		case provider.Unreachable, provider.InvalidNumber, provider.SenderRejected, provider.ContentRejected, provider.BadRequest:
			out[a.Account] = a.Reason
		}
	}
	return out, err
}

// sender carries one message along its pool's plan.
type sender struct {
	s        *Service
	v        *view
	card     *ratecard.Card
	lane     store.Lane
	client   string
	prefix   string
	segments int
	pinned   string
	// made is when the message was; zero: now.
	made time.Time
	// spent are accounts that have refused the message before, with the reason.
	spent map[string]string
}

// Send implements delivery.Sender.
func (d *sender) Send(ctx context.Context, m provider.Message) (provider.Receipt, string, error) {
	if m.Channel == "" {
		m.Channel = provider.SMS
	}
	w := &walk{sender: d, ctx: ctx, m: m, network: d.s.networks.of(d.prefix, d.s.c.Health != nil, d.s.c.Now())}
	return w.run()
}

// choices returns the accounts to ask in order, and the name of the rule. ok is false if no rule fits.
func (d *sender) choices(m *provider.Message, network string) (use []Choice, name string, ok bool) {
	if d.pinned != "" {
		return []Choice{{Account: d.pinned}}, "pinned", true
	}
	if r := d.rule(m); r != nil {
		return d.order(r, m, network), r.Name, true
	}
	return nil, "", false
}

// rule returns the rule that fits a message, nil if none does.
func (d *sender) rule(m *provider.Message) *rule {
	for i := range d.v.plan.rules {
		if r := &d.v.plan.rules[i]; r.fits(m, PurposeOf(d.lane), d.client) {
			return r
		}
	}
	return nil
}

// fits reports whether a rule is for a message.
func (r *Rule) fits(m *provider.Message, purpose, client string) bool {
	return oneOf(r.Countries, m.Country) && oneOf(r.Channels, string(m.Channel)) && oneOf(r.Purposes, purpose) && oneOf(r.Clients, client) &&
		(len(r.Prefixes) == 0 || slices.ContainsFunc(r.Prefixes, func(p string) bool { return strings.HasPrefix(m.To, p) }))
}

func oneOf(list []string, s string) bool { return len(list) == 0 || slices.Contains(list, s) }

// order draws the lottery and puts those behind whose codes are not typed in.
func (d *sender) order(r *rule, m *provider.Message, network string) []Choice {
	if len(r.Use) < 2 {
		return r.Use
	}
	use, names := r.Use, r.names
	if r.weighted {
		use = draw(r.Use)
		names = make([]string, len(use))
		for i := range use {
			names[i] = use[i].Account
		}
	}
	if d.s.c.Health == nil {
		return use
	}
	ranked := d.s.c.Health.Rank(m.PoolID, string(m.Channel), m.Country, network, names)
	if slices.Equal(ranked, names) {
		return use
	}
	out := make([]Choice, 0, len(use))
	for _, name := range ranked {
		if i := slices.IndexFunc(use, func(c Choice) bool { return c.Account == name }); i >= 0 {
			out = append(out, use[i])
		}
	}
	return out
}

// draw puts each run of neighbours with weights into an order drawn by weight.
func draw(use []Choice) []Choice {
	out := slices.Clone(use)
	for i := 0; i < len(out); {
		j := i
		for j < len(out) && out[j].Weight > 0 {
			j++
		}
		shuffle(out[i:j])
		i = max(j, i+1)
	}
	return out
}

func shuffle(group []Choice) {
	for ; len(group) > 1; group = group[1:] {
		sum := 0
		for _, c := range group {
			sum += c.Weight
		}
		k := below(sum)
		for i, c := range group {
			if k -= c.Weight; k < 0 {
				group[0], group[i] = group[i], group[0]
				break
			}
		}
	}
}

// below returns a random number in [0, n).
func below(n int) int {
	var b [8]byte
	rand.Read(b[:])
	return int(binary.BigEndian.Uint64(b[:]) % uint64(n))
}
