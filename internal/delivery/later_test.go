package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/provider"
)

// A message that is held back waits without losing an attempt, and never longer than its code lives.
func TestLater(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		held := 0
		r.desk.during = func(context.Context, provider.Message) error {
			if held++; held <= 20 {
				return delivery.Later(r.clock.Now().Add(5*time.Second), errBusy)
			}
			return nil
		}
		r.run(r.w)
		m := r.prepare(draft())
		r.queue(m)
		r.w.Wake()
		for seen := 0; seen <= 20; {
			got := r.message(m.ID)
			if got.State.Final() {
				break
			}
			if got.State == store.Queued && got.NextAt.After(r.clock.Now()) {
				if got.Attempts != 0 || got.LastClass != "" || got.LastError != errBusy.Error() || len(r.attempts(m.ID)) != 0 {
					t.Fatalf("held back: %+v", got)
				}
				seen++
				r.clock.Advance(got.NextAt.Sub(r.clock.Now()) + time.Millisecond)
				r.w.Wake()
			}
		}
		if o := r.await(m.ID); !o.OK() || o.Attempts != 1 || len(r.attempts(m.ID)) != 1 {
			t.Errorf("%+v", o)
		}
	})
}

func TestLaterThanTheCode(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		r.desk.answers = []error{delivery.Later(start.Add(3*time.Minute), errors.New("no place before 12:03"))}
		r.run(r.w)
		id, o := r.send(draft())
		if m := r.message(id); o.State != store.Failed || m.State != store.Failed || m.LastError != "no place before 12:03" || m.Sealed != nil {
			t.Errorf("%+v", m)
		}
	})
}

// A failure that no table knows is tried once more, and so is one of which nobody knows whether it sent.
func TestUnknownIsTriedOnceMore(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		for name, err := range map[string]error{
			"unknown":   provider.Fail(provider.Unknown, 0, &provider.VendorError{Provider: "desk", VendorCode: "99", Text: "?"}),
			"ambiguous": fmt.Errorf("%w: silence", provider.ErrAmbiguous),
		} {
			r := newRig(t, s)
			r.desk.answers = []error{err}
			r.run(r.w)
			id, _ := r.send(draft())
			m := r.until(id)
			if a := r.attempts(id); m.State != store.Failed || len(a) != 2 || a[0].Reason != string(provider.Unknown) {
				t.Errorf("%s: %s after %d attempts", name, m.State, len(a))
			}
		}
	})
}

// What may arrive twice is counted, and said in the log.
func TestAmbiguousIsCounted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		r.desk.answers = []error{fmt.Errorf("%w: silence", provider.ErrAmbiguous), nil}
		r.run(r.w)
		id, _ := r.send(draft())
		r.until(id)
		if st := r.w.Stats(); st.Ambiguous != 1 || st.MaybeTwice != 1 {
			t.Errorf("%+v", st)
		}
		if ev := r.events(id); len(ev) != 1 || !strings.Contains(string(ev[0].Data), `"may_arrive_twice":true`) {
			t.Errorf("events %+v", ev)
		}
		other, _ := r.send(draft())
		if st := r.w.Stats(); st.MaybeTwice != 1 || strings.Contains(string(r.events(other)[0].Data), "twice") {
			t.Errorf("%+v", st)
		}
	})
}

// A sender with accounts says who took the message, under which id, what it costs and when to ask.
func TestResultIsNoted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		poll := start.Add(time.Minute)
		route := delivery.SenderFunc(func(ctx context.Context, m provider.Message) (provider.Receipt, string, error) {
			now := r.clock.Now()
			failed := store.NewID(now)
			delivery.Note(ctx, delivery.Try{ID: failed, Provider: "x", Account: "x-1", Err: errBusy, Cost: 7, Currency: "EUR", StartedAt: now, EndedAt: now})
			got := provider.Receipt{ProviderID: "p9", Segments: 3, Raw: "queued for " + number}
			delivery.Note(ctx, delivery.Try{ID: store.NewID(r.clock.Now()), Provider: "y", Account: "y-1", Sender: "Acme", Receipt: got, Cost: 50_000, Currency: "EUR",
				Network: "26201", PollAt: poll, StartedAt: now, EndedAt: now, Result: true})
			return got, "y", nil
		})
		r.w = r.worker(route)
		r.run(r.w)
		id, o := r.send(draft())
		m, a := r.message(id), r.attempts(id)
		if !o.OK() || m.Account != "y-1" || m.Sender != "Acme" || m.Cost != 50_000 || m.Currency != "EUR" || m.Settled || m.Network != "26201" ||
			!m.PollAt.Equal(poll) || m.SentAt.IsZero() || m.Country != "US" || m.Prefix != "+1202555" || m.Segments != 3 || m.ProviderID != "p9" {
			t.Errorf("row %+v", m)
		}
		if len(a) != 2 || a[0].Account != "x-1" || a[0].Reason != "temporary" || a[1].Account != "y-1" || a[1].ProviderID != "p9" || a[1].Cost != 50_000 ||
			a[1].Text != "queued for ***" {
			t.Errorf("attempts %+v %+v", a[0], a[len(a)-1])
		}
	})
}

// A code that a call took over is a call from then on, and its event says what it costs.
func TestCallInPlaceOfAText(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		route := delivery.SenderFunc(func(ctx context.Context, m provider.Message) (provider.Receipt, string, error) {
			now := r.clock.Now()
			delivery.Note(ctx, delivery.Try{Provider: "x", Account: "x-1", Err: errBusy, StartedAt: now, EndedAt: now})
			got := provider.Receipt{ProviderID: "c1"}
			delivery.Note(ctx, delivery.Try{Provider: "y", Account: "y-1", Channel: provider.Voice, AsksKey: true, Receipt: got, Cost: 125_000, Currency: "EUR",
				StartedAt: now, EndedAt: now, Result: true})
			return got, "y", nil
		})
		r.w = r.worker(route)
		r.run(r.w)
		id, _ := r.send(draft())
		m, a, ev := r.message(id), r.attempts(id), r.events(id)
		if m.Channel != "voice" || m.Segments != 0 || a[1].Segments != 0 {
			t.Errorf("row %+v, attempt %+v", m, a[1])
		}
		for _, x := range a {
			if (x.VendorCode == delivery.AsksKey) != (x.Account == "y-1") {
				t.Errorf("attempt %+v", x)
			}
		}
		if len(ev) != 1 || ev[0].Type != "gd_send_voice" || !strings.Contains(string(ev[0].Data), `"cost":0.125`) ||
			!strings.Contains(string(ev[0].Data), `"currency":"EUR"`) {
			t.Errorf("events %+v", ev)
		}
	})
}
