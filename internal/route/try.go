package route

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/store"
	"countersign/phone"
	"countersign/provider"
)

// limit is how long an attempt may take: all that follow must fit into the code's life.
func (w *walk) limit(c *Choice, others int) time.Duration {
	limit := wholeCall
	if w.isCode() && others > 0 {
		limit = failoverAfter
	}
	if c.TimeoutSeconds > 0 {
		limit = time.Duration(c.TimeoutSeconds * float64(time.Second))
	}
	budget := w.left()
	if end, ok := w.ctx.Deadline(); ok {
		budget = min(budget, time.Until(end))
	}
	return min(limit, budget/time.Duration(others+1))
}

// try makes one call of a provider and says whether it accepted the message.
func (w *walk) try(l *live, p provider.Provider, m provider.Message, known string, probe bool, limit time.Duration) bool {
	started := w.s.c.Now()
	if limit <= 0 || !m.ExpiresAt.IsZero() && !started.Before(m.ExpiresAt) {
		l.circuit.cancel(probe)
		return false
	}
	m.Reference = store.NewID(started)
	m.ReceiptURL = l.receiptURL(w.ctx)
	price := w.card.Price(l.c.Name, l.c.Kind, m.Country, string(m.Channel), w.segments, started)
	ctx, cancel := context.WithTimeout(w.ctx, limit)
	receipt, err := w.call(ctx, p, m)
	cut := ctx.Err() != nil
	cancel()
	ended := w.s.c.Now()
	if class := classOf(err); class == provider.ClassRetryable && cut && isContext(err) && !errors.Is(err, provider.ErrNotSent) {
		// The provider only passed the end of its context on: nobody knows how far it came.
		err = fmt.Errorf("%w: no answer within %v: %w", provider.ErrAmbiguous, limit.Round(time.Millisecond), err)
	}
	if m.Channel != w.m.Channel && err == nil {
		receipt.Raw = strings.TrimSuffix("by call: "+receipt.Raw, ": ")
	}
	w.noteLast()
	w.asked++
	w.last = &delivery.Try{ID: m.Reference, Provider: p.Name(), Account: l.c.Name, Sender: known, Channel: m.Channel, AsksKey: m.Key != "" && m.KeyURL != "",
		Receipt: receipt, Err: err, Network: w.network, StartedAt: started, EndedAt: ended}
	if err == nil || errors.Is(err, provider.ErrAmbiguous) {
		w.last.Cost, w.last.Currency = price.Micros, price.Currency
	}
	if w.ctx.Err() != nil && err != nil {
		l.circuit.cancel(probe) // we were told to stop: that says nothing about the account
	} else {
		l.note(w.m.PoolID, l.circuit.done(ended, probe, err), ended)
	}
	if err != nil {
		w.remember(m.Channel, known, err)
		w.failed(err)
		return false
	}
	if !l.alone {
		w.last.PollAt = pollAt(p, m.ReceiptURL, ended)
	}
	w.last.Result = true
	delivery.Note(w.ctx, *w.last)
	return true
}

// call turns a panic of a provider into an ambiguous error: it may have sent.
func (w *walk) call(ctx context.Context, p provider.Provider, m provider.Message) (r provider.Receipt, err error) {
	defer func() {
		if v := recover(); v != nil {
			w.s.c.Logger.Error("a provider panicked", "provider", p.Name(), "message", m.ID, "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: the provider panicked", provider.ErrAmbiguous)
		}
	}()
	return p.Send(ctx, m)
}

func classOf(err error) provider.Class {
	if err == nil {
		return ""
	}
	class, _ := provider.ClassOf(err)
	return class
}

func isContext(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

// pollAt is when the service is to be asked what became of the message; zero: never.
func pollAt(p provider.Provider, receiptURL string, now time.Time) time.Time {
	if _, ok := p.(provider.Poller); !ok {
		return time.Time{}
	}
	if r, ok := p.(provider.CallbackReader); ok && receiptURL != "" && r.Signed() {
		return now.Add(pollSilent)
	}
	return now.Add(pollUnsigned)
}

// remember keeps an opt-out that a service knew of and we did not: the next text is not tried.
func (w *walk) remember(channel provider.Channel, sender string, err error) {
	if w.s.c.OptOuts == nil || channel != provider.SMS || provider.ReasonOf(err) != provider.OptedOut {
		return
	}
	to, e := phone.Parse(w.m.To)
	if e != nil {
		return
	}
	o := &store.OptOut{PoolID: w.m.PoolID, Sender: sender, Mask: to.Mask(), Source: "provider"}
	if o.Sender == "" {
		o.Sender = "*"
	}
	if v, ok := errors.AsType[*provider.VendorError](err); ok {
		o.Keyword = v.VendorCode
	}
	logger := w.s.c.Logger
	w.s.background(func(ctx context.Context) {
		if _, err := w.s.c.OptOuts.Put(ctx, o, to); err != nil {
			logger.WarnContext(ctx, "an opt-out was not kept", "pool", o.PoolID, "error", err)
		}
	})
}
