package receipt

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/optout"
	"countersign/internal/routehealth"
	"countersign/internal/store"
	"countersign/provider"
)

const (
	// maxReceipts bounds what is kept of one message by services, maxEvidence what of it nobody signed: whoever knows a door must not be able to keep
	// the truth out.
	maxReceipts, maxEvidence = 40, 10
	// maxAdvance bounds how often a message that another transaction changes meanwhile is read again.
	maxAdvance = 4
)

// outcome is what a report did.
type outcome struct {
	m         *store.Message
	attempt   *store.DeliveryAttempt
	new       bool
	moved     bool
	from      store.State
	events    []*store.Event
	early     bool
	unknown   bool
	pulled    bool
	surpassed bool
	// found: nobody knew that the message was sent.
	found bool
	// was is what the message was taken to cost before.
	was    int64
	priced bool
}

// apply does what reports say, a hundred in one transaction. They go in the order of their ids, so that two callbacks never wait for each other's
// messages in a circle.
func (s *Service) apply(ctx context.Context, reports []report) error {
	slices.SortStableFunc(reports, func(a, b report) int {
		return cmp.Or(cmp.Compare(a.row.ProviderID, b.row.ProviderID), cmp.Compare(a.reference, b.reference))
	})
	for some := range slices.Chunk(reports, chunk) {
		if err := s.applyChunk(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) applyChunk(ctx context.Context, reports []report) error {
	var done []outcome
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		done = done[:0]
		for i := range reports {
			o, err := s.one(context.WithoutCancel(ctx), tx, &reports[i])
			if err != nil {
				return err
			}
			done = append(done, o)
		}
		return learn(context.WithoutCancel(ctx), tx, done, reports)
	})
	if err != nil {
		return fmt.Errorf("receipt: %w", err)
	}
	for i := range done {
		s.settled(&done[i], reports[i])
	}
	return nil
}

// learn remembers the carriers that authentic reports name, in the order of the prefixes.
func learn(ctx context.Context, tx store.Tx, done []outcome, reports []report) error {
	carriers := map[string]string{}
	for i, o := range done {
		if r := &reports[i]; o.new && r.authentic && r.row.Network != "" && o.m.Prefix != "" {
			carriers[o.m.Prefix] = r.row.Network
		}
	}
	for _, prefix := range slices.Sorted(maps.Keys(carriers)) {
		if err := tx.Routes().LearnNetwork(ctx, prefix, carriers[prefix], reports[0].row.ReceivedAt); err != nil {
			return err
		}
	}
	return nil
}

// settled does what follows the commit of one report.
func (s *Service) settled(o *outcome, r report) {
	switch {
	case o.early, o.unknown:
		if !s.waiting.put(r, s.c.Now()) {
			s.unknown.Add(1)
		}
		return
	case o.surpassed:
		s.dropped.Add(1)
		return
	}
	s.c.Log.Publish(o.events...)
	if o.pulled {
		poke(s.wake)
	}
	if !o.new {
		return
	}
	s.c.Reported(o.m, r.account, provider.State(r.row.State), r.authentic, o.moved)
	if o.priced && s.c.Priced != nil {
		s.c.Priced(o.m, o.was)
	}
	if s.c.Health == nil || !o.moved || o.found || o.m.CodeID == "" || o.m.SentAt.IsZero() {
		return
	}
	k := routehealth.Key{PoolID: o.m.PoolID, Account: o.attempt.Account, Channel: o.m.Channel, Country: o.m.Country, Network: o.m.Network}
	if o.m.State == store.Delivered {
		s.c.Health.Delivered(k, o.m.SentAt)
	} else {
		s.c.Health.Undelivered(k, o.m.SentAt)
	}
}

// one is the transaction of one report.
func (s *Service) one(ctx context.Context, tx store.Tx, r *report) (outcome, error) {
	a, err := find(ctx, tx, r)
	if errors.Is(err, store.ErrNotFound) || err == nil && a.Account != r.account {
		return outcome{unknown: true}, nil
	}
	if err != nil {
		return outcome{}, err
	}
	m, err := tx.Outbox().Message(ctx, a.MessageID)
	if errors.Is(err, store.ErrNotFound) || err == nil && r.poolID != "" && m.PoolID != r.poolID {
		return outcome{unknown: true}, nil
	}
	if err != nil {
		return outcome{}, err
	}
	if !m.State.Final() {
		return outcome{early: true}, nil
	}
	if r.once != nil {
		if fresh, err := tx.Challenges().Spend(ctx, r.once, r.row.ReceivedAt.Add(rememberText)); err != nil || !fresh {
			return outcome{surpassed: true}, err
		}
	}
	receipts, err := tx.Outbox().ListReceipts(ctx, m.ID)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{m: m, attempt: a, from: m.State}
	if o.surpassed = surpassed(r, receipts); o.surpassed {
		return o, nil
	}
	row := r.row
	row.ID, row.MessageID, row.PoolID = store.NewID(row.ReceivedAt), m.ID, m.PoolID
	row.ProviderID = cmp.Or(row.ProviderID, a.ProviderID)
	if o.new, err = tx.Outbox().AddReceipt(ctx, &row); err != nil {
		return outcome{}, err
	}
	if o.new {
		receipts = append(receipts, &row)
	}
	return o, s.change(ctx, tx, r, &o, receipts)
}

// surpassed reports whether a message has too many receipts for one more. Answers to polls and files are bounded by themselves.
func surpassed(r *report, receipts []*store.Receipt) bool {
	evidence := 0
	for _, x := range receipts {
		if !x.Authentic {
			evidence++
		}
	}
	switch {
	case r.source == Poll, r.source == Imported:
		return false
	case !r.authentic:
		return evidence >= maxEvidence
	}
	return len(receipts)-evidence >= maxReceipts
}

// find returns the attempt that a report is about.
func find(ctx context.Context, tx store.Tx, r *report) (*store.DeliveryAttempt, error) {
	switch {
	case r.messageID != "":
		list, err := tx.Outbox().ListAttempts(ctx, r.messageID)
		if err != nil {
			return nil, err
		}
		var found *store.DeliveryAttempt
		for _, a := range list {
			if a.Account == r.account && (found == nil || r.row.ProviderID == "" || a.ProviderID == r.row.ProviderID) {
				found = a
			}
		}
		if found == nil {
			return nil, store.ErrNotFound
		}
		return found, nil
	case r.reference != "":
		a, err := tx.Outbox().Attempt(ctx, r.reference)
		if !errors.Is(err, store.ErrNotFound) || r.row.ProviderID == "" {
			return a, err
		}
	}
	return tx.Outbox().AttemptByProviderID(ctx, r.poolID, r.account, r.row.ProviderID)
}

// change advances the message, again if another transaction has done so meanwhile.
func (s *Service) change(ctx context.Context, tx store.Tx, r *report, o *outcome, receipts []*store.Receipt) error {
	for range maxAdvance {
		o.from, o.moved, o.pulled, o.found = o.m.State, false, false, false
		if !s.decide(r, o, receipts) {
			return s.follow(ctx, tx, r, o)
		}
		o.m.UpdatedAt = r.row.ReceivedAt
		ok, err := tx.Outbox().Advance(ctx, o.m, o.from)
		if err != nil {
			return err
		}
		if ok {
			return s.follow(ctx, tx, r, o)
		}
		if o.m, err = tx.Outbox().Message(ctx, o.m.ID); err != nil {
			return err
		}
	}
	return errors.New("the message changes all the time")
}

// decide sets what a report changes in its message, and reports whether it is anything.
func (s *Service) decide(r *report, o *outcome, receipts []*store.Receipt) bool {
	m, now := o.m, r.row.ReceivedAt
	changed := r.source == Poll
	if changed {
		m.PollAt = r.pollAt
	}
	if !r.authentic {
		if o.new && r.ask && m.State == store.Sent && states[provider.State(r.row.State)] != "" && (m.PollAt.IsZero() || m.PollAt.After(now)) {
			m.PollAt, o.pulled, changed = now, true, true
		}
		return changed
	}
	to := states[provider.State(r.row.State)]
	if to != "" && delivery.CanMove(m.State, to) && believable(m, o.attempt, to, receipts) {
		m.State, m.LastClass, m.LastError, o.moved, changed = to, "", "", true, true
		if o.found = m.SentAt.IsZero(); o.found {
			take(m, o.attempt, r.row.ProviderID)
		}
		if to == store.Undelivered {
			m.LastClass, m.LastError = string(provider.Reason(r.row.Reason).Class()), explain(&r.row)
		}
	}
	if m.State != store.Sent {
		changed = changed || !m.PollAt.IsZero()
		m.PollAt = time.Time{}
	}
	if o.new && r.row.Segments > 0 && r.row.Segments != m.Segments {
		m.Segments, changed = r.row.Segments, true
	}
	if o.new && r.row.Cost > 0 {
		o.was, o.priced = m.Cost, true
		m.Cost, m.Currency, m.Settled, changed = total(receipts, r.row.Currency), r.row.Currency, true, true
	}
	return changed
}

// take makes a message that had been given up the attempt's: its outcome was unknown, and it had brought it after all.
func take(m *store.Message, a *store.DeliveryAttempt, providerID string) {
	m.Provider, m.ProviderID, m.Account, m.Sender, m.SentAt = a.Provider, cmp.Or(a.ProviderID, providerID), a.Account, a.Sender, a.EndedAt
	m.Cost, m.Currency = a.Cost, a.Currency
}

// believable reports whether an attempt can have brought a message into a state: that one attempt failed says nothing of another that was accepted, a
// message that nobody took or whose code died keeps its truth, and a call arrived if it was answered with its key: a mailbox answers, too.
func believable(m *store.Message, a *store.DeliveryAttempt, to store.State, receipts []*store.Receipt) bool {
	if to == store.Undelivered {
		return m.State == store.Sent && a.Outcome == string(store.Sent)
	}
	told := func(code string) bool {
		return slices.ContainsFunc(receipts, func(x *store.Receipt) bool { return x.VendorCode == code && x.Authentic })
	}
	return !told(wrongKey) && (a.VendorCode != delivery.AsksKey || told(rightKey))
}

// explain says why a message did not arrive, for people.
func explain(r *store.Receipt) string {
	out := cmp.Or(r.Reason, r.State)
	if r.VendorCode != "" {
		out += " (" + r.VendorCode + ")"
	}
	if r.Text != "" {
		out += ": " + r.Text
	}
	return out
}

// follow writes what else follows from an authentic report.
func (s *Service) follow(ctx context.Context, tx store.Tx, r *report, o *outcome) error {
	if !r.authentic || !o.new {
		return nil
	}
	m := o.m
	if r.row.Reason == string(provider.OptedOut) && len(m.Number) > 0 {
		ev, err := s.c.OptOuts.PutTx(ctx, tx, &store.OptOut{
			PoolID: m.PoolID, Sender: cmp.Or(o.attempt.Sender, optout.AnySender), Number: m.Number, Mask: m.Mask, Source: optout.Receipt,
			Keyword: r.row.VendorCode, At: r.row.ReceivedAt,
		})
		if err != nil {
			return err
		}
		if ev != nil {
			o.events = append(o.events, ev)
		}
	}
	if !o.moved {
		return nil
	}
	ev := s.c.Log.Event(s.entry(r, o))
	o.events = append(o.events, ev)
	return tx.Events().Append(ctx, ev)
}

// entry is the event of a message that a report moved.
func (s *Service) entry(r *report, o *outcome) eventlog.Entry {
	m := o.m
	data := map[string]any{
		"message_id": m.ID, "account": o.attempt.Account, "provider": o.attempt.Provider, "channel": m.Channel, "country": m.Country,
		"trigger_source": m.TriggerSource, "source": r.source, "state": r.row.State, "was": string(o.from),
	}
	for k, v := range map[string]string{"reason": r.row.Reason, "vendor_code": r.row.VendorCode, "text": r.row.Text, "network": r.row.Network} {
		if v != "" {
			data[k] = v
		}
	}
	if !m.SentAt.IsZero() {
		data["after_seconds"] = int64(r.row.ReceivedAt.Sub(m.SentAt).Seconds())
	}
	kind := eventlog.MessageDelivered
	if m.State == store.Undelivered {
		kind = eventlog.MessageUndelivered
	}
	return eventlog.Entry{
		PoolID: m.PoolID, Type: kind, UserID: m.UserID, ClientID: m.ClientID, NumberHash: m.Number, Data: data, At: r.row.ReceivedAt,
	}
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
