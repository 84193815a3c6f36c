package guard

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"time"

	"countersign/internal/fault"
	"countersign/internal/store"
)

// Reason says which allowance a message would have exceeded. The words are those of package screen where both know one.
type Reason string

// The reasons of refused messages. What the caller of a flow that hides existence is told: see Reason.Open.
const (
	AccountRate Reason = "account_rate"
	FactorRate  Reason = "factor_rate"
	NumberRate  Reason = "number_rate"
	AddressRate Reason = "address_rate"
	// CoolDown: the message before was sent a moment ago. BackOff: codes to the confirmed number stay unanswered.
	CoolDown Reason = "cool_down"
	BackOff  Reason = "unanswered"
)

// Open reports whether the refusal depends on the request alone, so that it may be answered with an error even where existence is hidden. That
// holds for the caller's address, which is counted whatever else is refused.
func (r Reason) Open() bool { return r == AddressRate }

// refusal is the cause of an AttemptLimit that Send returns.
type refusal struct{ reason Reason }

func (r *refusal) Error() string { return "guard: " + string(r.reason) }

// ReasonOf returns why Send refused a message; "" for other errors and nil.
func ReasonOf(err error) Reason {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.reason
	}
	return ""
}

func refuse(r Reason, after time.Duration) error {
	e := fault.New(fault.AttemptLimit)
	e.RetryAfter, e.Err = max(after, 0), &refusal{r}
	return e
}

// NetOf is the network that Send.Net is the keyed hash of: the /24 of an IPv4 address, the /48 of an IPv6 address, since whoever has one of those has all
// of its /64 networks. The answer is false for addresses that are unknown.
func NetOf(ip netip.Addr) (netip.Prefix, bool) {
	bits := 24
	if ip = ip.Unmap().WithZone(""); ip.Is6() {
		bits = 48
	}
	p, err := ip.Prefix(bits)
	return p, err == nil && p.IsValid()
}

// Send names a message about to be sent.
type Send struct {
	PoolID  string
	Subject string
	Purpose Purpose
	// Number is the keyed hash of the line, empty for e-mail; Known and Network as in Try.
	Number, Network string
	// Net is the keyed hash of the wider network (NetOf), or empty.
	Net   string
	Known bool
	// Confirmed says that the number is proven to belong to the account. Such messages have an allowance of the number's of their own.
	Confirmed bool
	// Factor: FactorSends holds as well.
	Factor bool
	// Limits are the pool's: fields that are zero are the Guard's own. Nil: all are.
	Limits *Limits
	// Recorded is told what would have been refused if Limits.Record were not set. May be nil; it may be called again if the transaction runs twice.
	Recorded func(Reason)
}

// Send counts a message inside a Write. AttemptLimit means that it must not be sent; ReasonOf says why. Rows are taken in the order account, number,
// network, and the networks' always, so that what is refused for an address does not tell what was refused for an account.
func (g *Guard) Send(ctx context.Context, tx store.Tx, s Send) error {
	l := g.limits(s.Limits)
	err := g.sendAccount(ctx, tx, s, l)
	if err != nil && ReasonOf(err) == "" {
		return err
	}
	if wide := g.sendNetwork(ctx, tx, s, l); wide != nil {
		return wide
	}
	return err
}

// limits are the Guard's own, overlaid with those of the pool.
func (g *Guard) limits(pool *Limits) Limits {
	if pool == nil {
		return g.Limits
	}
	l := *pool
	if l.SendsAccount == nil {
		l.SendsAccount = g.Limits.SendsAccount
	}
	l.SendsNumber = cmp.Or(l.SendsNumber, g.Limits.SendsNumber)
	l.SendsNetwork = cmp.Or(l.SendsNetwork, g.Limits.SendsNetwork)
	l.FactorSends = cmp.Or(l.FactorSends, g.Limits.FactorSends)
	return l
}

// sendAccount counts a message for the account and the number.
func (g *Guard) sendAccount(ctx context.Context, tx store.Tx, s Send, l Limits) error {
	w, err := g.await(ctx, tx, s, l)
	if err != nil {
		return err
	}
	limit, ok := l.SendsAccount[s.Purpose]
	if !ok {
		limit = defaultSends[s.Purpose]
	}
	account := store.CounterKey{PoolID: s.PoolID, Subject: s.Subject, Purpose: "send/" + string(s.Purpose), Bucket: bucket(s.Known)}
	if err := g.count(ctx, tx, s, account, AccountRate, windows{limit, l.SendsAccountDay, l.Record}); err != nil {
		return err
	}
	if s.Factor {
		k := store.CounterKey{PoolID: s.PoolID, Subject: s.Subject, Purpose: "factor/send", Bucket: bucket(s.Known)}
		err := g.draw(ctx, tx, k, pick(l.FactorSends, factorBurst), factorSendEvery, true)
		if fault.CodeOf(err) == fault.AttemptLimit {
			err = refuse(FactorRate, fault.Of(err).RetryAfter)
		}
		if err != nil {
			return err
		}
	}
	if s.Number != "" {
		if err := g.sendNumber(ctx, tx, s, l); err != nil {
			return err
		}
	}
	return w.sent(ctx)
}

// sendNumber counts a message for the line. What a stranger causes for a confirmed number counts for both counters, so that the one of unconfirmed
// numbers is the same whether somebody has proven the number or not.
func (g *Guard) sendNumber(ctx context.Context, tx store.Tx, s Send, l Limits) error {
	k := store.CounterKey{PoolID: s.PoolID, Subject: s.Number, Purpose: "send/number"}
	w := windows{pick(l.SendsNumber, 20), l.SendsNumberDay, l.Record}
	if !s.Confirmed {
		return g.count(ctx, tx, s, k, NumberRate, w.times(s.Known))
	}
	if !s.Known {
		open := s
		open.Recorded = nil
		if err := g.count(ctx, tx, open, k, NumberRate, w); err != nil && ReasonOf(err) == "" {
			return err
		}
	}
	k.Bucket = "confirmed"
	w.hour, w.day = cmp.Or(l.SendsConfirmed, w.hour), cmp.Or(l.SendsConfirmedDay, w.day)
	return g.count(ctx, tx, s, k, NumberRate, w.times(s.Known))
}

// sendNetwork counts a message for the networks that caused it.
func (g *Guard) sendNetwork(ctx context.Context, tx store.Tx, s Send, l Limits) error {
	k := store.CounterKey{PoolID: s.PoolID, Subject: s.Network, Purpose: "send/network"}
	var err error
	if s.Network != "" {
		err = g.count(ctx, tx, s, k, AddressRate, windows{pick(l.SendsNetwork, 120), l.SendsNetworkDay, l.Record})
	}
	if err != nil || s.Net == "" {
		return err
	}
	k.Subject, k.Purpose = s.Net, "send/net"
	w := windows{l.SendsNet, l.SendsNetDay, l.Record}
	if l.Record { // a day's limit can be recorded, and an hour's of these is the pool's as well
		w.hour = 0
	}
	return g.count(ctx, tx, s, k, AddressRate, w)
}

// windows are the allowances of a counter for an hour and a day; zero or less: none. record: the day's is only recorded.
type windows struct {
	hour, day int
	record    bool
}

// times doubles them for known networks: strangers cannot use up the owner's share.
func (w windows) times(known bool) windows {
	if known {
		w.hour, w.day = 2*w.hour, 2*w.day
	}
	return w
}

// count adds one to a counter of an hour, and of the day where there is such a limit. A day's count is the row's Total, until LockedUntil. What is refused for a
// number is not counted: known networks share the counter, and have more of it.
func (g *Guard) count(ctx context.Context, tx store.Tx, s Send, k store.CounterKey, why Reason, w windows) error {
	now := g.Now().UTC()
	switch {
	case w.hour <= 0 && w.day <= 0:
		return nil
	case w.day <= 0 && why != NumberRate:
		return g.countHour(ctx, tx, k, why, w.hour, now)
	}
	take := store.Taking{Now: now, Window: window, Limit: w.hour, DayEnds: now.Truncate(day).Add(day), DayLimit: w.day}
	if w.record {
		take.DayLimit = 0
	}
	c, ok, err := tx.Counters().TakeCounter(ctx, k, take)
	if err != nil || ok {
		if ok && w.day > 0 && c.Total > w.day && s.Recorded != nil {
			s.Recorded(why)
		}
		return err
	}
	if c, err = tx.Counters().Counter(ctx, k); err != nil {
		return err
	}
	if take.DayLimit > 0 && now.Before(c.LockedUntil) && c.Total >= take.DayLimit {
		return refuse(why, c.LockedUntil.Sub(now))
	}
	return refuse(why, c.Since.Add(window).Sub(now))
}

func (g *Guard) countHour(ctx context.Context, tx store.Tx, k store.CounterKey, why Reason, limit int, now time.Time) error {
	if limit <= 0 {
		return nil
	}
	n, err := tx.Counters().BumpCounter(ctx, k, now, window)
	if err != nil || n <= limit {
		return err
	}
	c, err := tx.Counters().Counter(ctx, k)
	if err != nil {
		return err
	}
	return refuse(why, c.Since.Add(window).Sub(now))
}
