package receipt_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/optout"
	"countersign/internal/receipt"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/provider"
)

// of is a notice about message id-1.
func of(state provider.State) provider.Notice {
	n := provider.Notice{ProviderID: "id-1", State: state, At: start}
	if state == provider.StateUndelivered || state == provider.StateFailed {
		n.Reason, n.VendorCode, n.Text = provider.Unreachable, "30003", "handset of +12025550123 is off"
	}
	return n
}

func TestStates(t *testing.T) {
	const (
		queued, sent, delivered = provider.StateQueued, provider.StateSent, provider.StateDelivered
		undelivered, failed     = provider.StateUndelivered, provider.StateFailed
		expired                 = provider.StateExpired
	)
	for _, c := range []struct {
		name     string
		from     store.State
		notices  []provider.State
		want     store.State
		receipts int
		events   string
	}{
		{"in order", store.Sent, []provider.State{queued, sent, delivered}, store.Delivered, 3, "delivered"},
		{"out of order", store.Sent, []provider.State{delivered, sent, queued}, store.Delivered, 3, "delivered"},
		{"twice", store.Sent, []provider.State{delivered, delivered, delivered}, store.Delivered, 1, "delivered"},
		{"undelivered", store.Sent, []provider.State{undelivered}, store.Undelivered, 1, "undelivered"},
		{"refused", store.Sent, []provider.State{failed, failed}, store.Undelivered, 1, "undelivered"},
		{"validity ended", store.Sent, []provider.State{sent, expired}, store.Undelivered, 2, "undelivered"},
		{"late delivery", store.Sent, []provider.State{undelivered, delivered}, store.Delivered, 2, "undelivered delivered"},
		{"delivered is final", store.Sent, []provider.State{delivered, undelivered, failed, expired}, store.Delivered, 4, "delivered"},
		{"a dead code keeps its truth", store.Expired, []provider.State{undelivered, sent}, store.Expired, 2, ""},
		{"a dead code arrived", store.Expired, []provider.State{delivered}, store.Delivered, 1, "delivered"},
		{"given up", store.Failed, []provider.State{failed}, store.Failed, 1, ""},
		{"given up and arrived", store.Failed, []provider.State{delivered, undelivered}, store.Delivered, 2, "delivered"},
		{"held back", store.Suppressed, []provider.State{delivered}, store.Suppressed, 1, ""},
		{"nonsense", store.Sent, []provider.State{"read", ""}, store.Sent, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			each(t, func(w *world) {
				m, _ := w.message("signed", "id-1", func(m *store.Message, _ *store.DeliveryAttempt) { m.State = c.from })
				for _, s := range c.notices {
					w.now = w.now.Add(time.Second)
					w.ok(w.call("signed", true, of(s)))
				}
				got, receipts := w.stored(m.ID)
				if got.State != c.want || len(receipts) != c.receipts {
					w.Errorf("state %s, %d receipts: %+v", got.State, len(receipts), receipts)
				}
				if (got.State == store.Undelivered) != (got.LastError != "") || strings.Contains(got.LastError, alice) {
					w.Errorf("last error %q", got.LastError)
				}
				var events []string
				for _, ev := range w.events(eventlog.MessageDelivered, eventlog.MessageUndelivered) {
					events = append(events, strings.TrimPrefix(ev.Type, "cs_message_"))
					if ev.UserID != "u" || string(ev.Number) != string(m.Number) {
						w.Errorf("%+v", ev)
					}
				}
				if fmt.Sprint(events) != "["+c.events+"]" || len(w.health.delivered)+len(w.health.undelivered) != len(events) {
					w.Errorf("events %v, health %v", events, w.health)
				}
			})
		})
	}
}

// TestWhose: a receipt reaches the attempt that it names, in its pool and account, and no other.
func TestWhose(t *testing.T) {
	each(t, func(w *world) {
		byReference, a := w.message("signed", "id-1", func(m *store.Message, a *store.DeliveryAttempt) { a.ProviderID = "" })
		newer, _ := w.message("signed", "id-2", nil)
		older, _ := w.message("signed", "id-2", func(m *store.Message, a *store.DeliveryAttempt) {
			m.ID = store.NewID(start.Add(-time.Hour))
			a.MessageID = m.ID
		})
		elsewhere, _ := w.message("asked", "id-3", nil)
		foreign, fa := w.message("signed", "id-4", func(m *store.Message, _ *store.DeliveryAttempt) { m.PoolID = "q" })
		state := func(m *store.Message, want store.State) {
			w.Helper()
			if got, _ := w.stored(m.ID); got.State != want {
				w.Errorf("%s, want %s", got.State, want)
			}
		}
		arrived := func(id, reference string) provider.Notice {
			return provider.Notice{ProviderID: id, Reference: reference, State: provider.StateDelivered}
		}
		w.ok(w.call("signed", true, arrived("id-9", a.ID), arrived("id-2", "nobody's"), arrived("id-3", ""), arrived("id-4", fa.ID), arrived("id-4", ""), arrived("", "")))
		state(byReference, store.Delivered)
		state(newer, store.Delivered)
		state(older, store.Sent)
		state(elsewhere, store.Sent)
		state(foreign, store.Sent)
		w.ok(w.callAt("", "signed", true, arrived("id-4", "")))
		state(foreign, store.Delivered)
		for range 5 {
			w.now = w.now.Add(2 * time.Minute)
			w.ok(w.Retry(t.Context()))
		}
		if got := w.Stats(); got.Unknown != 3 || got.Waiting != 0 {
			w.Errorf("%+v", got)
		}
		state(foreign, store.Delivered)
		state(elsewhere, store.Sent)
	})
}

// TestGivenUpAndArrived: a message of which nobody knew that it was sent belongs to the account that brought it, with what was reserved for it.
func TestGivenUpAndArrived(t *testing.T) {
	each(t, func(w *world) {
		m, a := w.message("signed", "id-1", func(m *store.Message, a *store.DeliveryAttempt) {
			m.State, m.Account, m.Sender, m.Provider, m.ProviderID, m.SentAt = store.Failed, "", "", "signed", "", time.Time{}
			m.Cost, m.Currency = 0, ""
			a.Outcome, a.Sender, a.Cost, a.Currency = "ambiguous", "Acme", 70_000, "EUR"
		})
		w.ok(w.call("signed", true, of(provider.StateDelivered)))
		got, _ := w.stored(m.ID)
		if got.State != store.Delivered || got.Account != "signed" || got.Sender != "Acme" || got.ProviderID != "id-1" || got.Cost != 70_000 || got.Currency != "EUR" ||
			got.Settled || !got.SentAt.Equal(a.EndedAt) {
			w.Errorf("%+v", got)
		}
		if len(w.health.delivered) != 0 {
			w.Errorf("delivered counts without a send: %v", w.health.delivered)
		}
	})
}

// TestOtherAttempt: that the first attempt failed in the end says nothing of the second that was accepted; that it arrived does.
func TestOtherAttempt(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	m, a := w.message("signed", "id-1", nil)
	first := *a
	first.ID, first.N, first.Outcome, first.ProviderID = store.NewID(start.Add(-time.Minute)), 0, "ambiguous", ""
	w.write(func(ctx context.Context, tx store.Tx) error { return tx.Outbox().AddAttempt(ctx, &first) })
	n := of(provider.StateFailed)
	n.ProviderID, n.Reference = "id-0", first.ID
	w.ok(w.call("signed", true, n))
	if got, _ := w.stored(m.ID); got.State != store.Sent {
		t.Errorf("state %s", got.State)
	}
	n.State, n.Reason = provider.StateDelivered, ""
	w.ok(w.call("signed", true, n))
	if got, _ := w.stored(m.ID); got.State != store.Delivered {
		t.Errorf("state %s", got.State)
	}
}

// TestEarly: receipts that are faster than our own commit wait for it.
func TestEarly(t *testing.T) {
	each(t, func(w *world) {
		w.ok(w.call("signed", true, of(provider.StateDelivered)))
		m, a := w.message("signed", "id-1", func(m *store.Message, _ *store.DeliveryAttempt) {
			m.State, m.LeaseOwner, m.LeaseUntil = store.Sending, "w", w.now.Add(time.Minute)
		})
		w.ok(w.Retry(w.Context()))
		w.now = w.now.Add(time.Second)
		w.ok(w.Retry(w.Context()))
		got, receipts := w.stored(m.ID)
		if got.State != store.Sending || len(receipts) != 0 || w.Stats().Waiting != 1 {
			w.Fatalf("%s, %d receipts, %+v", got.State, len(receipts), w.Stats())
		}
		got.State, got.ProviderID, got.Account = store.Sent, a.ProviderID, a.Account
		w.write(func(ctx context.Context, tx store.Tx) error { _, err := tx.Outbox().Settle(ctx, got); return err })
		w.now = w.now.Add(5 * time.Second)
		w.ok(w.Retry(w.Context()))
		if got, _ := w.stored(m.ID); got.State != store.Delivered || w.Stats().Waiting != 0 {
			w.Errorf("%s, %+v", got.State, w.Stats())
		}
	})
}

// TestAdvisory_CVE_2023_40034: what is unsigned, stale, ended or replayed changes nothing, be it a receipt or a STOP.
func TestAdvisory_CVE_2023_40034(t *testing.T) {
	each(t, func(w *world) {
		m, _ := w.message("signed", "id-1", nil)
		stop := provider.Notice{ID: "SM9", Inbound: &provider.Inbound{From: alice, To: sender, Text: "STOP"}}
		w.want(w.call("signed", false, of(provider.StateDelivered), stop), fault.AccessDenied)
		if w.routes["p/signed"].(*caller).read != 0 {
			w.Error("an unsigned callback was read")
		}
		optedOut := func(want bool) {
			w.Helper()
			got, err := w.optouts.Check(w.Context(), pool, number(w, alice), sender)
			w.ok(err)
			if got != want {
				w.Errorf("opted out: %v, want %v", got, want)
			}
		}
		got, receipts := w.stored(m.ID)
		if got.State != store.Sent || len(receipts) != 0 {
			w.Errorf("%s, %d receipts", got.State, len(receipts))
		}
		optedOut(false)
		refused := w.events(eventlog.ReceiptRefused)
		if len(refused) != 1 || !strings.Contains(string(refused[0].Data), `"signature"`) {
			w.Errorf("%v", refused)
		}
		_, secret := w.door(pool, "signed")
		for _, ev := range refused {
			if strings.Contains(string(ev.Data), secret) {
				w.Error("the event shows the secret")
			}
		}
		// The same text twice, after the person has changed their mind.
		w.ok(w.call("signed", true, stop))
		optedOut(true)
		start := provider.Notice{ID: "SM10", Inbound: &provider.Inbound{From: alice, To: sender, Text: "START"}}
		w.ok(w.call("signed", true, start))
		optedOut(false)
		w.now = w.now.Add(24 * time.Hour)
		w.ok(w.call("signed", true, stop))
		optedOut(false)
		// An unsigned service cannot do better: its word is evidence.
		n, _ := w.message("unsigned", "id-1", nil)
		w.ok(w.call("unsigned", false, of(provider.StateDelivered), provider.Notice{ID: "SM11", Inbound: stop.Inbound}))
		got, receipts = w.stored(n.ID)
		if got.State != store.Sent || len(receipts) != 1 || receipts[0].Authentic || got.Settled {
			w.Errorf("%s, %+v", got.State, receipts)
		}
		optedOut(false)
		if len(w.health.delivered) != 0 || len(w.events(eventlog.MessageDelivered)) != 0 {
			w.Error("evidence counted")
		}
		o, _ := w.message("trusted", "id-1", nil)
		w.ok(w.call("trusted", false, of(provider.StateDelivered), provider.Notice{ID: "SM11", Inbound: stop.Inbound}))
		if got, _ = w.stored(o.ID); got.State != store.Delivered {
			w.Errorf("trusted: %s", got.State)
		}
		optedOut(true)
	})
}

// TestBounds: a message keeps so many receipts and no more, foreign text is cut and cleaned, and nothing that a service says breaks the store.
func TestBounds(t *testing.T) {
	each(t, func(w *world) {
		m, _ := w.message("signed", "id-1", nil)
		var notices []provider.Notice
		for i := range 1100 {
			n := of(provider.StateSent)
			n.VendorCode = fmt.Sprint(i)
			notices = append(notices, n)
		}
		w.ok(w.call("signed", true, notices...))
		_, receipts := w.stored(m.ID)
		if len(receipts) != 40 || w.Stats().Dropped != 1060 {
			w.Errorf("%d receipts, %+v", len(receipts), w.Stats())
		}
		o, _ := w.message("signed", "id-2", nil)
		w.ok(w.Notice(w.Context(), pool, "signed", provider.Notice{
			ProviderID: "id-2", State: provider.StateFailed, Reason: "made up", VendorCode: strings.Repeat("ü\x00", 200), Text: "\xff" + strings.Repeat("x", 5000),
			Segments: -3, Price: 1, Currency: "usd", Network: "262-01", At: time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC),
		}, receipt.Stream, true))
		got, receipts := w.stored(o.ID)
		if len(receipts) != 1 {
			w.Fatal(receipts)
		}
		r := receipts[0]
		if r.Reason != "unknown" || len(r.VendorCode) > 64 || len(r.Text) > 300 || r.Segments != 0 || r.Cost != 0 || r.Network != "" || !r.At.IsZero() || r.Source != receipt.Stream {
			w.Errorf("%+v", r)
		}
		if got.Cost != 500000 || got.Settled || got.State != store.Undelivered {
			w.Errorf("%+v", got)
		}
	})
}

// TestLearned: a receipt names the carrier of the prefix, and one that says opted out is an opt-out.
func TestLearned(t *testing.T) {
	each(t, func(w *world) {
		m, _ := w.message("signed", "id-1", nil)
		n := of(provider.StateSent)
		n.Network = "310260"
		w.ok(w.call("signed", true, n))
		n = of(provider.StateFailed)
		n.Reason, n.VendorCode = provider.OptedOut, "21610"
		w.ok(w.call("signed", true, n))
		w.write(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Routes().NetworksOf(ctx, []string{m.Prefix})
			if got[m.Prefix] != "310260" {
				w.Errorf("networks %v", got)
			}
			return err
		})
		for from, want := range map[string]bool{sender: true, "ACME": false} {
			got, err := w.optouts.Check(w.Context(), pool, number(w, alice), from)
			w.ok(err)
			if got != want {
				w.Errorf("%s: %v", from, got)
			}
		}
		evs := w.events(eventlog.OptedOut)
		var data struct{ Source, Keyword string }
		if len(evs) != 1 || json.Unmarshal(evs[0].Data, &data) != nil || data.Source != optout.Receipt || data.Keyword != "21610" {
			w.Errorf("%v %+v", evs, data)
		}
		if fmt.Sprint(w.seen) != "[signed sent true false sent signed failed true true undelivered]" {
			w.Errorf("%q", w.seen)
		}
	})
}
