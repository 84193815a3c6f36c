package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/store"
	"countersign/internal/tracing"
	"countersign/provider"
)

const (
	maxErrorText = 300
	// maxClaims times MaxAttempts bounds the claims of a message that kills its worker. Claims that were given back count
	// too, therefore the slack.
	maxClaims = 4
)

var (
	errExpired  = errors.New("the code died before the message could be sent")
	errAttempts = errors.New("too many attempts")
)

// result is what became of one claim.
type result struct {
	m        *store.Message
	attempts []*store.DeliveryAttempt
	// event is nil unless the state is final.
	event *store.Event
	// outcome is for Await; told says whether an attempt was made or the message ended.
	text string
	told bool
	// ambiguous is how many of the attempts have an unknown outcome; doubtful says that the message was accepted after one, and may arrive twice.
	ambiguous int
	doubtful  bool
	// held is set by the transaction: whether the lease was still ours.
	held bool
}

// start gives a leased message a place, or lets it wait for one.
func (w *Worker) start(m *store.Message) {
	w.mu.Lock()
	switch {
	case !w.running || w.draining:
		w.mu.Unlock()
		w.giveBack(m)
		return
	case !w.placeFor(m.Lane):
		w.waiting[m.Lane] = append(w.waiting[m.Lane], m)
		w.nWait++
	default:
		w.take(m.Lane)
		go w.work(m)
	}
	w.mu.Unlock()
}

// take occupies a place; mu is held.
func (w *Worker) take(lane store.Lane) {
	w.inFlight++
	if lane == store.LaneNotice {
		w.notices++
	}
}

// release frees a place and starts messages that wait.
func (w *Worker) release(lane store.Lane) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.inFlight--
	if lane == store.LaneNotice {
		w.notices--
	}
	for l := range w.waiting {
		for len(w.waiting[l]) > 0 && !w.draining && w.placeFor(store.Lane(l)) {
			m := w.waiting[l][0]
			w.waiting[l] = w.waiting[l][1:]
			w.nWait--
			w.take(m.Lane)
			go w.work(m)
		}
	}
	if w.starved {
		w.starved = false
		poke(w.wake)
	}
	if w.idle != nil && w.inFlight == 0 {
		close(w.idle)
		w.idle = nil
	}
}

// giveBack returns a leased message to the queue without an attempt.
func (w *Worker) giveBack(m *store.Message) {
	now := w.c.Now().UTC()
	move(m, store.Queued)
	m.NextAt, m.UpdatedAt = now, now
	err := w.c.Store.Write(context.Background(), func(tx store.Tx) error {
		_, err := tx.Outbox().Settle(context.Background(), m)
		return err
	})
	if err != nil {
		w.c.Logger.Warn("a message waits until its lease ends", "message", m.ID, "error", err)
	}
}

// work makes one attempt and hands the result to the settler, which frees the place.
func (w *Worker) work(m *store.Message) {
	r := w.attempt(m)
	select {
	case w.results <- r:
	case <-w.ended:
	}
}

// attempt sends a claimed message once, if it still may be sent.
func (w *Worker) attempt(m *store.Message) *result {
	r := &result{m: m, told: true}
	now := w.c.Now()
	switch {
	case expired(m, now):
		return w.end(r, store.Expired, "", errExpired, now)
	case m.LeaseUntil.Sub(now) < w.c.SendTimeout+leaseMargin/2:
		// It waited too long for a place: whoever claims it next has a whole lease.
		move(m, store.Queued)
		m.NextAt, m.UpdatedAt, r.told = now.UTC(), now.UTC(), false
		return r
	case m.Attempts > maxClaims*w.c.MaxAttempts:
		return w.end(r, store.Failed, provider.ClassRetryable, errAttempts, now)
	}
	s, started := w.send(m, r)
	if s.refused {
		return w.end(r, store.Expired, "", errExpired, w.c.Now())
	}
	return w.judge(r, s, started)
}

// sent is what a call of the sender came to.
type sent struct {
	receipt  provider.Receipt
	provider string
	err      error
	message  provider.Message
	// result is the noted call that receipt and err are of; nil if the sender noted none.
	result *Try
	// refused: the code had died when the call was about to be made.
	refused bool
}

// send calls the sender with a deadline that is never later than the code's end.
func (w *Worker) send(m *store.Message, r *result) (s sent, started time.Time) {
	started = w.c.Now()
	deadline := min(w.c.SendTimeout, m.LeaseUntil.Sub(started)-leaseMargin/2)
	if !m.ExpiresAt.IsZero() {
		deadline = min(deadline, m.ExpiresAt.Sub(started))
	}
	noted := &tries{}
	ctx, cancel := context.WithTimeout(context.WithValue(w.sends, triesKey{}, noted), deadline)
	defer cancel()
	var event json.RawMessage
	var asked string
	if s.message, event, asked, s.err = w.open(ctx, m); s.err != nil {
		return s, started
	}
	ctx, span := w.c.Tracer.Follow(ctx, "deliver", asked)
	defer func() { trace(span, m, &s) }()
	sender, err := w.c.Route(ctx, m)
	if err != nil {
		s.err = err
		return s, started
	}
	if now := w.c.Now(); expired(m, now) {
		s.refused = true
		return s, now
	}
	s.receipt, s.provider, s.err = w.call(ctx, sender, s.message, event)
	if s.err != nil && ctx.Err() != nil && isUnclassed(s.err) && errors.Is(s.err, ctx.Err()) && !errors.Is(s.err, provider.ErrNotSent) {
		// The sender only passed the end of its context on: nobody knows how far it came.
		s.err = fmt.Errorf("%w: %w", provider.ErrAmbiguous, s.err)
	}
	for _, t := range noted.take() {
		w.add(r, s.message, t)
		if t.Result {
			s.result = &t
		}
	}
	return s, started
}

// trace tells what became of a call of the sender.
func trace(span tracing.Span, m *store.Message, s *sent) {
	span.Set("pool", m.PoolID)
	span.Set("message", m.ID)
	span.Set("channel", m.Channel)
	span.Set("country", m.Country)
	span.Set("for", m.TriggerSource)
	span.SetInt("attempt", m.Attempts)
	span.Set("provider", s.provider)
	if s.err == nil {
		span.End("")
		return
	}
	class, _ := provider.ClassOf(s.err)
	span.End(string(class))
}

func isUnclassed(err error) bool {
	class, _ := provider.ClassOf(err)
	return class == provider.ClassRetryable
}

// call turns a panic of a sender into an ambiguous error: it may have sent.
func (w *Worker) call(ctx context.Context, s Sender, m provider.Message, event json.RawMessage) (r provider.Receipt, name string, err error) {
	defer func() {
		if p := recover(); p != nil {
			w.c.Logger.Error("a sender panicked", "message", m.ID, "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: the sender panicked", provider.ErrAmbiguous)
		}
	}()
	if e, ok := s.(EventSender); ok {
		return e.SendEvent(ctx, m, event)
	}
	return s.Send(ctx, m)
}

// judge decides what follows from a call and records it.
func (w *Worker) judge(r *result, s sent, started time.Time) *result {
	now, m := w.c.Now(), r.m
	until, waits := Waits(s.err)
	if waits && len(r.attempts) == 0 && !expired(m, until) {
		move(m, store.Queued)
		m.Attempts--
		m.LastError = clean(s.err.Error(), s.message) // why it waits; without a class, since no attempt was made
		m.NextAt, m.UpdatedAt, r.told = until.UTC().Truncate(time.Microsecond), now.UTC(), false
		return r
	}
	if s.result == nil {
		s.result = &Try{ID: s.message.Reference, Provider: s.provider, Account: s.provider, Sender: s.message.From, Receipt: s.receipt, Err: s.err,
			StartedAt: started, EndedAt: now}
		if len(r.attempts) > 0 {
			s.result.ID = "" // the timeline is in the order of ids, and this call came last
		}
		w.add(r, s.message, *s.result)
	}
	last := r.attempts[len(r.attempts)-1]
	m.Provider = s.provider
	if s.err == nil {
		w.accepted(r, s, last, now)
		return w.end(r, store.Sent, "", nil, now)
	}
	class, _ := provider.ClassOf(s.err)
	why := errors.New(last.Text)
	if s.result.Err == nil || !errors.Is(s.err, s.result.Err) { // an earlier call leaves more hope than the last one
		why = errors.New(clean(s.err.Error(), s.message))
	}
	if errors.Is(s.err, ErrSuppressed) {
		return w.end(r, store.Suppressed, class, why, now)
	}
	if class == provider.ClassMisconfigured {
		w.c.Logger.Error("a sender is misconfigured", "pool", m.PoolID, "provider", s.provider, "message", m.ID, "error", last.Text)
	}
	at, again := w.next(m, s.err, now)
	if waits {
		at, again = until, again && !expired(m, until)
	}
	if !again {
		return w.end(r, store.Failed, class, why, now)
	}
	move(m, store.Queued)
	m.LastClass, m.LastError, r.text = string(class), why.Error(), why.Error()
	m.NextAt, m.UpdatedAt = at, now.UTC()
	return r
}

// accepted writes down who took the message and what it costs.
func (w *Worker) accepted(r *result, s sent, last *store.DeliveryAttempt, now time.Time) {
	m := r.m
	m.Account, m.Sender, m.ProviderID = last.Account, last.Sender, last.ProviderID
	m.Cost, m.Currency, m.Settled = last.Cost, last.Currency, s.result.Receipt.Price > 0
	m.SentAt, m.PollAt = now.UTC(), time.Time{}
	if !s.result.PollAt.IsZero() {
		m.PollAt = s.result.PollAt.UTC()
	}
	if c := s.result.Channel; c != "" && string(c) != m.Channel { // from here on it is a call: for its costs, its health, its event
		m.Channel, m.Segments = string(c), 0
	}
	if s.result.Receipt.Segments > 0 {
		m.Segments = s.result.Receipt.Segments
	}
	r.doubtful = r.ambiguous > 0 || m.LastClass == string(provider.ClassAmbiguous)
	m.LastClass, m.LastError = "", ""
}

// end moves the message to a final state.
func (w *Worker) end(r *result, to store.State, class provider.Class, why error, now time.Time) *result {
	move(r.m, to)
	r.m.UpdatedAt = now.UTC()
	code := ""
	if why != nil {
		r.m.LastClass, r.m.LastError, r.text = string(class), why.Error(), why.Error()
	}
	if n := len(r.attempts); n > 0 {
		code = r.attempts[n-1].VendorCode
	}
	r.event = w.event(r, code, why, now)
	return r
}

// add records one call of a claim.
func (w *Worker) add(r *result, sent provider.Message, t Try) {
	if t.Network != "" {
		r.m.Network = t.Network
	}
	r.attempts = append(r.attempts, w.record(r.m, sent, t))
	if t.Err != nil && errors.Is(t.Err, provider.ErrAmbiguous) {
		r.ambiguous++
	}
}

// record makes the row of one call. What the provider said is cleaned of number, code and text.
func (w *Worker) record(m *store.Message, sent provider.Message, t Try) *store.DeliveryAttempt {
	if t.ID == "" {
		t.ID = store.NewID(t.EndedAt)
	}
	a := &store.DeliveryAttempt{
		ID: t.ID, MessageID: m.ID, N: m.Attempts, Provider: t.Provider, Account: cut(t.Account, 128), Sender: cut(t.Sender, 64), Outcome: string(store.Sent),
		Cost: t.Cost, Currency: t.Currency, StartedAt: t.StartedAt.UTC(), EndedAt: t.EndedAt.UTC(),
	}
	by := *m
	if t.Channel != "" && string(t.Channel) != m.Channel {
		by.Channel, by.Segments = string(t.Channel), 0
	}
	w.see(Attempted, &by, a.Account, t.Network, attemptOutcome(t.Err), a.EndedAt.Sub(a.StartedAt))
	if t.Err == nil {
		if t.AsksKey {
			a.VendorCode = AsksKey
		}
		a.ProviderID, a.Text = cut(t.Receipt.ProviderID, 128), clean(t.Receipt.Raw, sent)
		if a.Segments = by.Segments; t.Receipt.Segments > 0 {
			a.Segments = t.Receipt.Segments
		}
		if t.Receipt.Price > 0 {
			a.Cost, a.Currency = t.Receipt.Price, t.Receipt.Currency
		}
		return a
	}
	class, _ := provider.ClassOf(t.Err)
	a.Outcome, a.Reason, a.Text = string(class), string(provider.ReasonOf(t.Err)), clean(t.Err.Error(), sent)
	if v, ok := errors.AsType[*provider.VendorError](t.Err); ok {
		a.VendorCode = cut(clean(v.VendorCode, sent), 64)
		if v.Text != "" { // provider and code have places of their own
			a.Text = clean(v.Text, sent)
		}
	}
	return a
}

// attemptOutcome is what a call came to, in a bounded number of words.
func attemptOutcome(err error) string {
	switch {
	case err == nil:
		return string(store.Sent)
	case errors.Is(err, provider.ErrAmbiguous):
		return string(provider.ClassAmbiguous)
	}
	return string(provider.ReasonOf(err))
}

// clean takes number, code and text out of foreign words and cuts them.
func clean(s string, m provider.Message) string {
	for _, secret := range [...]string{m.Text, m.To, strings.TrimPrefix(m.To, "+"), m.Code} {
		if len(secret) >= 4 {
			s = strings.ReplaceAll(s, secret, "***")
		}
	}
	return cut(eventlog.Scrub(strings.ToValidUTF8(s, "?")), maxErrorText)
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

func expired(m *store.Message, now time.Time) bool {
	return !m.ExpiresAt.IsZero() && !now.Before(m.ExpiresAt)
}

func eventType(m *store.Message) eventlog.Type {
	if m.State == store.Suppressed {
		return eventlog.MessageSuppressed
	}
	ok := m.State == store.Sent
	switch provider.Channel(m.Channel) {
	case provider.Voice:
		return pick(ok, eventlog.SendVoice, eventlog.SendVoiceFailure)
	case provider.Email:
		return pick(ok, eventlog.SendEmail, eventlog.SendEmailFailure)
	}
	return pick(ok, eventlog.SendSMS, eventlog.SendSMSFailure)
}

func pick(ok bool, yes, no eventlog.Type) eventlog.Type {
	if ok {
		return yes
	}
	return no
}
