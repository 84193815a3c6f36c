package route

import (
	"context"
	"slices"

	"countersign/internal/fault"
	"countersign/internal/message"
	"countersign/internal/routehealth"
	"countersign/internal/store"
	"countersign/phone"
	"countersign/provider"
)

// Explain says what would become of a message, without sending it: the accounts of the rule that fits, then those that would call. Weights are
// shown, not drawn. Nothing at all means that no rule fits, or that there is no plan. Errors: fault.InvalidParameter.
func (s *Service) Explain(ctx context.Context, poolID string, q Question) ([]Step, error) {
	to, err := phone.Parse(q.To)
	if err != nil {
		return nil, fault.Invalidf("to", "Invalid phone number format.").WithErr(err)
	}
	if q.Channel == "" {
		q.Channel = string(provider.SMS)
	}
	if q.Purpose == "" {
		q.Purpose = SignIn
	}
	lane := slices.Index(purposes[:], q.Purpose)
	switch {
	case lane < 0:
		return nil, fault.Invalidf("purpose", "There is no purpose %q.", q.Purpose)
	case q.Channel != string(provider.SMS) && q.Channel != string(provider.Voice):
		return nil, fault.Invalidf("channel", "There is no channel %q.", q.Channel)
	}
	row := &store.Message{PoolID: poolID, ClientID: q.Client, Lane: store.Lane(lane), Channel: q.Channel, Segments: 1}
	if q.Text != "" {
		_, row.Segments, _ = message.Segments(q.Text)
	}
	sent, ok, err := s.SenderFor(ctx, row)
	if err != nil || !ok {
		return []Step{}, err
	}
	m := provider.Message{PoolID: poolID, To: q.To, Channel: provider.Channel(q.Channel), Code: "0", Key: "00", Country: to.Region()}
	e := &explainer{walk: walk{sender: sent.(*sender), ctx: ctx, m: m}, steps: []Step{}}
	e.all()
	return e.steps, nil
}

// First is the account, and its kind, that a sign-in code to a country would be asked of first, for what it may cost before anybody was asked. Both are
// empty where no rule fits, or where the country alone does not tell.
func (s *Service) First(ctx context.Context, poolID, country, channel string) (account, kind string) {
	sent, ok, err := s.SenderFor(ctx, &store.Message{PoolID: poolID, Lane: store.LaneSignIn, Channel: channel, Segments: 1})
	if err != nil || !ok {
		return "", ""
	}
	v, m := sent.(*sender).v, provider.Message{PoolID: poolID, Channel: provider.Channel(channel), Country: country}
	for i := range v.plan.rules {
		r := &v.plan.rules[i]
		if !r.fits(&m, SignIn, "") || len(r.Use) == 0 {
			continue
		}
		if l := v.accounts[r.Use[0].Account]; l != nil {
			return r.Use[0].Account, l.c.Kind
		}
		return r.Use[0].Account, ""
	}
	return "", ""
}

type explainer struct {
	walk
	steps []Step
}

func (e *explainer) all() {
	for i := range e.v.plan.rules {
		r := &e.v.plan.rules[i]
		if !r.fits(&e.m, PurposeOf(e.lane), e.client) {
			continue
		}
		plain := *r
		plain.weighted = false
		for _, c := range e.order(&plain, &e.m, e.network) {
			e.step(r.Name, c, e.m)
		}
		break
	}
	if len(e.steps) == 0 {
		return
	}
	m := e.m
	m.Channel = provider.Voice
	for _, c := range e.calls() {
		e.step("voice", c, m)
	}
}

// step explains one account.
func (e *explainer) step(rule string, c Choice, m provider.Message) {
	st := Step{Rule: rule, Account: c.Account, Channel: string(m.Channel), Weight: c.Weight, Segments: e.segments}
	l := e.v.accounts[c.Account]
	if l != nil {
		now := e.s.c.Now()
		st.Kind = l.c.Kind
		st.From, _ = l.from(&c, &m)
		price := e.card.Price(l.c.Name, l.c.Kind, m.Country, string(m.Channel), e.segments, now)
		st.Cost, st.Currency, st.Estimated = price.Micros, price.Currency, !price.Known
		_, st.PassedOver = l.circuit.look(now)
		if e.s.c.Health != nil {
			_, st.Degraded = e.s.c.Health.Degraded(routehealth.Key{PoolID: m.PoolID, Account: l.c.Name, Channel: string(m.Channel), Country: m.Country})
		}
	}
	if m.Channel == provider.Voice {
		st.Segments = 0
	}
	if why := e.unfit(l, m.Channel); why != "" {
		st.PassedOver = why
	} else if p, err := l.acquire(e.ctx); err != nil {
		st.PassedOver = faultText(err)
	} else {
		if k, ok := p.(provider.KeyedCaller); m.Channel != e.m.Channel && (!ok || !k.AskKey()) && !e.v.plan.Voice.WithoutKey {
			st.PassedOver = "its calls ask for no key"
		}
		l.release()
	}
	e.steps = append(e.steps, st)
}
