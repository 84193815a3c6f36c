package route

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/store"
	"countersign/phone"
	"countersign/provider"
)

const (
	// failoverAfter bounds an attempt of a code that another account can still take: the person waits, and must have it within 3 s when a service hangs.
	failoverAfter = 2500 * time.Millisecond
	// wholeCall bounds every other attempt (as the services' own libraries do).
	wholeCall = 10 * time.Second
	// noEnd is the life of a message without an end, as far as waiting is concerned.
	noEnd = 10 * time.Minute
	// pollUnsigned is when a service whose callbacks prove nothing is asked what became of a message, pollSilent when one is that calls back.
	pollUnsigned = 15 * time.Second
	pollSilent   = 2 * time.Minute
	// temporaryAttempts bounds the walks of a message that fails for the time being: the first and two more.
	temporaryAttempts = 3
)

var (
	errOptedOut = &provider.VendorError{Provider: "countersign", VendorCode: "opted_out", Text: "The number does not want texts from this sender."}
	errNoRule   = errors.New("no rule of the plan fits this message")
	errDead     = errors.New("the code died before another account could be asked")
)

// walk is one Send.
type walk struct {
	*sender
	ctx     context.Context
	m       provider.Message
	network string

	// passed are the accounts that were not asked, with the reason; soonest is when the first of them might be.
	passed  []string
	soonest time.Time
	held    bool // passed over for rates alone
	waits   bool // for a rate, in place of going elsewhere
	// last is the newest call, not noted yet; best the error that leaves most hope.
	last *delivery.Try
	best error
	// asked counts the calls of services; byCall says that a call may reach the person where a text did not.
	asked  int
	byCall bool
	// stop ends the walk. more is how many accounts may still be asked after a number was called unreachable or invalid; -1: all.
	stop bool
	more int
}

// run asks the accounts of the rule, then those that call.
func (w *walk) run() (provider.Receipt, string, error) {
	if w.m.Country == "" {
		if n, err := phone.Parse(w.m.To); err == nil {
			w.m.Country = n.Region()
		}
	}
	use, _, ok := w.choices(&w.m, w.network)
	if !ok {
		return provider.Receipt{}, "", provider.Misconfigured(errNoRule)
	}
	if err := w.optedOut(use); err != nil {
		return provider.Receipt{}, "", err
	}
	w.more, w.held = -1, true
	calls := w.calls()
	for i := range use {
		if w.over() {
			break
		}
		if done := w.ask(&use[i], w.m, w.others(use[i+1:], w.m.Channel)+min(w.others(calls, provider.Voice), 1)); done {
			return w.last.Receipt, w.last.Provider, nil
		}
	}
	if !w.stop && w.callNow(calls) {
		w.more = -1
		for i := range calls {
			if w.over() {
				break
			}
			m := w.m
			m.Channel = provider.Voice
			if done := w.ask(&calls[i], m, w.others(calls[i+1:], m.Channel)); done {
				return w.last.Receipt, w.last.Provider, nil
			}
		}
	}
	return w.give()
}

// over reports whether nobody more may be asked.
func (w *walk) over() bool { return w.stop || w.more == 0 || w.ctx.Err() != nil || w.left() <= 0 }

// left is the rest of the code's life.
func (w *walk) left() time.Duration {
	if w.m.ExpiresAt.IsZero() {
		return noEnd
	}
	return w.m.ExpiresAt.Sub(w.s.c.Now())
}

// isCode reports whether a person waits for the message.
func (w *walk) isCode() bool { return w.lane != store.LaneNotice }

// third is what is left of the third of its life that a code may wait for a rate.
func (w *walk) third() time.Duration {
	now := w.s.c.Now()
	made := w.made
	if made.IsZero() || made.After(now) {
		made = now
	}
	life := noEnd
	if !w.m.ExpiresAt.IsZero() {
		life = w.m.ExpiresAt.Sub(made)
	}
	return max(made.Add(life/3).Sub(now), 0)
}

// others counts the accounts that could still be asked: one whose circuit is open is nobody to hurry for.
func (w *walk) others(use []Choice, channel provider.Channel) (n int) {
	for i := range use {
		l := w.v.accounts[use[i].Account]
		if w.unfit(l, channel) != "" {
			continue
		}
		if _, refused := l.circuit.look(w.s.c.Now()); refused == "" {
			n++
		}
	}
	return n
}

// optedOut asks the pool's list, for all senders that the walk might use: a STOP is not gone around by another account.
func (w *walk) optedOut(use []Choice) error {
	if w.s.c.OptOuts == nil {
		return nil
	}
	to, err := phone.Parse(w.m.To)
	if err != nil {
		return provider.Permanent(err)
	}
	var buf [8]string
	senders := buf[:0]
	for i := range use {
		if l := w.v.accounts[use[i].Account]; l != nil {
			if _, known := l.from(&use[i], &w.m); !slices.Contains(senders, known) {
				senders = append(senders, known)
			}
		}
	}
	out, err := w.s.c.OptOuts.Check(w.ctx, w.m.PoolID, to, senders...)
	if err != nil {
		return fmt.Errorf("route: opt-outs: %w", err)
	}
	if !out {
		return nil
	}
	said := *errOptedOut
	return fmt.Errorf("%w: %w", delivery.ErrSuppressed, provider.Fail(provider.OptedOut, 0, &said))
}

// calls returns the accounts that may call if the text does not get through.
func (w *walk) calls() []Choice {
	if w.pinned != "" || w.m.Channel != provider.SMS || w.m.Code == "" || w.v.plan == nil {
		return nil
	}
	v := &w.v.plan.Voice
	if !v.Fallback || w.m.Key == "" && !v.WithoutKey {
		return nil
	}
	if !slices.Contains(v.purposes(), PurposeOf(w.lane)) {
		return nil
	}
	return w.order(&w.v.plan.voice, &provider.Message{PoolID: w.m.PoolID, Channel: provider.Voice, Country: w.m.Country}, w.network)
}

// callNow reports whether what happened to the text lets a call go out.
func (w *walk) callNow(calls []Choice) bool {
	return len(calls) > 0 && (w.byCall || w.asked == 0 && !w.held)
}

// pass notes why an account is not asked.
func (w *walk) pass(account, why string, at time.Time, rate bool) {
	w.passed = append(w.passed, account+": "+why)
	if !at.IsZero() && (w.soonest.IsZero() || at.Before(w.soonest)) {
		w.soonest = at
	}
	w.held = w.held && rate
}

// ask lets one account try, and reports whether it accepted the message.
func (w *walk) ask(c *Choice, m provider.Message, others int) bool {
	l := w.v.accounts[c.Account]
	if why := w.unfit(l, m.Channel); why != "" {
		w.pass(c.Account, why, time.Time{}, false)
		return false
	}
	p, err := l.acquire(w.ctx)
	if err != nil {
		w.pass(c.Account, faultText(err), l.again(err), false)
		return false
	}
	defer l.release()
	if _, maker := p.(provider.CodeMaker); maker != (w.pinned != "" && m.Text == "") {
		w.pass(c.Account, "it and the message disagree on who makes the code", time.Time{}, false)
		return false
	}
	if m.Channel == provider.Voice && !w.keyed(p, l, &m) {
		w.pass(c.Account, "its calls ask for no key", time.Time{}, false)
		return false
	}
	from, known := l.from(c, &m)
	probe, ok := w.admit(l, known, m.Country)
	if !ok {
		return false
	}
	defer l.gate.leave()
	m.From = from
	return w.try(l, p, m, known, probe, w.limit(c, others))
}

// unfit says why an account cannot carry the message at all.
func (w *walk) unfit(l *live, channel provider.Channel) string {
	switch {
	case l == nil:
		return "there is no such account"
	case l.c.Disabled:
		return "it is disabled"
	case !l.serves(channel):
		return "it does not serve " + string(channel)
	case w.spent[l.c.Name] != "":
		return "it has refused this message: " + w.spent[l.c.Name]
	}
	return ""
}

// keyed fits the key of a call to the account: a call that takes over for a text asks for it, unless the plan does without.
func (w *walk) keyed(p provider.Provider, l *live, m *provider.Message) bool {
	k, ok := p.(provider.KeyedCaller)
	if m.Key != "" && ok && k.AskKey() && w.s.c.KeyURL != nil && !l.alone {
		url, err := w.s.c.KeyURL(w.ctx, l.owner, l.c.Name, l.c.Kind, *m)
		if err == nil && url != "" {
			m.KeyURL = url
			return true
		}
		w.s.c.Logger.Warn("a call cannot ask for its key", "pool", m.PoolID, "account", l.c.Name, "message", m.ID, "error", err)
	}
	m.Key = ""
	return w.m.Channel == provider.Voice || w.v.plan.Voice.WithoutKey
}

// admit passes the account's circuit and its rates. It returns whether the message may go, and whether it decides over the circuit.
func (w *walk) admit(l *live, from, country string) (probe, ok bool) {
	now := w.s.c.Now()
	why, probe, at := l.circuit.enter(now)
	if why != "" {
		throttled := at.Equal(l.circuit.throttledUntil())
		w.pass(l.c.Name, why, at, throttled)
		if !w.isCode() { // a code goes elsewhere at once
			w.waitFor(at.Sub(now), throttled)
		}
		return false, false
	}
	wait, err := l.gate.enter(w.ctx, w.lane, from, country, w.third())
	if err == nil && wait == 0 {
		return probe, true
	}
	l.circuit.cancel(probe)
	w.pass(l.c.Name, "its rate is used up", now.Add(wait), true)
	w.waitFor(wait, true)
	return false, false
}

// waitFor ends the walk for a message that had better wait for this account: a notice does so for a rate, a code for no longer than a third of its life.
func (w *walk) waitFor(wait time.Duration, rate bool) {
	if rate && w.asked == 0 && (!w.isCode() || wait <= w.third() && wait > 0) {
		w.stop, w.waits = true, true
	}
}

// failed decides what follows a failure (providers.md, 1.1).
func (w *walk) failed(err error) {
	reason := provider.ReasonOf(err)
	w.byCall = w.byCall || reason.ByCall()
	if w.best == nil || hope(err) >= hope(w.best) {
		w.best = err
	}
	if w.more > 0 {
		w.more--
	}
	switch {
	case reason == provider.OptedOut, reason == provider.Blocked, reason == provider.BadRequest && classOf(err) == provider.ClassPermanent:
		w.stop, w.best = true, err
	case reason == provider.InvalidNumber && (w.v.plan == nil || !w.v.plan.SecondOpinion || w.more == 0):
		w.stop, w.best = true, err
	case reason == provider.InvalidNumber, reason == provider.Unreachable && w.more < 0:
		w.more = 1
	case reason == provider.RateLimited && !w.isCode():
		w.stop = true // a notice waits for the account of its rule
	}
}

// hope orders errors by whether the same walk may succeed later.
func hope(err error) int {
	switch provider.ReasonOf(err) {
	case provider.Temporary, provider.RateLimited:
		return 3
	case provider.Unknown:
		return 2
	case provider.SenderRejected, provider.ContentRejected, provider.AuthFailed, provider.InsufficientFunds, provider.BadRequest:
		return 1
	}
	return 0
}

// noteLast puts the newest call into the timeline, since another one follows.
func (w *walk) noteLast() {
	if w.last != nil {
		delivery.Note(w.ctx, *w.last)
	}
}

// give is the end of a walk in which nobody accepted the message.
func (w *walk) give() (provider.Receipt, string, error) {
	if w.last == nil {
		return provider.Receipt{}, "", w.nobody()
	}
	w.last.Result = true
	delivery.Note(w.ctx, *w.last)
	err := w.best
	if provider.ReasonOf(err) == provider.Temporary {
		err = delivery.AtMost(temporaryAttempts, err)
	}
	return provider.Receipt{}, w.last.Provider, err
}

// nobody is the error of a walk in which no account could be asked.
func (w *walk) nobody() error {
	err := fmt.Errorf("no account could be asked: %s", strings.Join(w.passed, "; "))
	now := w.s.c.Now()
	switch {
	case w.ctx.Err() != nil:
		return errors.New("the attempt ended before an account could be asked") // not the context's error: nothing was sent
	case w.left() <= 0:
		return provider.Permanent(errDead)
	case w.soonest.IsZero():
		return provider.Misconfigured(err)
	case w.held || w.waits || !w.isCode():
		return delivery.Later(w.soonest, provider.RetryAfter(w.soonest.Sub(now), err))
	}
	// All circuits are open: whoever waits for the first attempt is told.
	return provider.RetryAfter(w.soonest.Sub(now), err)
}
