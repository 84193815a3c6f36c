package receipt_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/provider"
)

// TestEvidenceLeavesRoom: whoever knows the URL of a service that cannot sign fills no message with reports, so that the truth has no place any more.
func TestEvidenceLeavesRoom(t *testing.T) {
	each(t, func(w *world) {
		p := w.routes["p/asked"].(*asked)
		m, _ := w.message("asked", "id-1", func(m *store.Message, _ *store.DeliveryAttempt) { m.PollAt = start.Add(time.Hour) })
		var lies []provider.Notice
		for i := range 60 {
			n := of(provider.StateUndelivered)
			n.VendorCode = fmt.Sprint(i)
			lies = append(lies, n)
		}
		w.ok(w.call("asked", false, lies...))
		if _, receipts := w.stored(m.ID); len(receipts) != 10 {
			w.Errorf("%d receipts", len(receipts))
		}
		p.answer = provider.Notice{State: provider.StateDelivered}
		w.poll(1)
		if got, _ := w.stored(m.ID); got.State != store.Delivered || !got.PollAt.IsZero() {
			w.Errorf("%s, asked again at %v", got.State, got.PollAt)
		}
	})
}

// TestEarlyOnesOfOneAccount: notices of messages that do not exist leave those of other accounts room to wait.
func TestEarlyOnesOfOneAccount(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	for i := range 3 {
		var lies []provider.Notice
		for j := range 1000 {
			lies = append(lies, provider.Notice{ProviderID: fmt.Sprint("none-", i, "-", j), State: provider.StateDelivered})
		}
		w.ok(w.call("unsigned", false, lies...))
	}
	w.ok(w.call("signed", true, provider.Notice{ProviderID: "id-1", State: provider.StateDelivered}))
	m, _ := w.message("signed", "id-1", nil)
	w.now = w.now.Add(2 * time.Second)
	w.ok(w.Retry(t.Context()))
	if got, _ := w.stored(m.ID); got.State != store.Delivered {
		t.Errorf("%s, %+v", got.State, w.Stats())
	}
}

// TestNotKnown: a service that does not know a message, not yet or not any more, is asked for its other messages all the same.
func TestNotKnown(t *testing.T) {
	each(t, func(w *world) {
		p := w.routes["p/asked"].(*asked)
		p.err = fmt.Errorf("%w: %w", provider.ErrNotKnown, errors.New("404"))
		due := func(m *store.Message, _ *store.DeliveryAttempt) { m.PollAt = start }
		a, _ := w.message("asked", "id-1", due)
		w.message("asked", "id-2", due)
		w.poll(2)
		if len(p.polls) != 2 {
			w.Errorf("polls %v", p.polls)
		}
		got, _ := w.stored(a.ID)
		if !got.PollAt.Equal(a.SentAt.Add(15 * time.Second)) {
			w.Errorf("asked again at %v", got.PollAt)
		}
		p.err, p.answer.State = nil, provider.StateDelivered
		w.now = got.PollAt
		w.poll(2)
		if got, _ = w.stored(a.ID); got.State != store.Delivered {
			w.Errorf("%s", got.State)
		}
	})
}

// TestAccountGone: nobody is asked for the messages of an account that was deleted.
func TestAccountGone(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	m, _ := w.message("gone", "id-1", func(m *store.Message, _ *store.DeliveryAttempt) { m.PollAt = start })
	w.poll(1)
	if got, _ := w.stored(m.ID); !got.PollAt.IsZero() || strings.Contains(w.logged.String(), "in vain") {
		t.Errorf("asked again at %v: %s", got.PollAt, w.logged.String())
	}
}

// TestRotateAtOnce: a URL that has become known can be ended now, even if it was to stay good for some days.
func TestRotateAtOnce(t *testing.T) {
	each(t, func(w *world) {
		kind, leaked := w.door(pool, "signed")
		_, err := w.Rotate(w.Context(), pool, "signed", 72*time.Hour)
		w.ok(err)
		_, err = w.Take(w.Context(), kind, leaked, w.callback(leaked, true, []byte("[]")))
		w.ok(err)
		_, err = w.Rotate(w.Context(), pool, "signed", 0)
		w.ok(err)
		_, err = w.Take(w.Context(), kind, leaked, w.callback(leaked, true, []byte("[]")))
		w.want(err, fault.ResourceNotFound)
	})
}

// TestBlocked: a filter that holds a message back is no wish of the person: it may end tomorrow, and nobody is locked out for good by it.
func TestBlocked(t *testing.T) {
	each(t, func(w *world) {
		m, _ := w.message("signed", "id-1", nil)
		n := of(provider.StateFailed)
		n.Reason, n.VendorCode = provider.Blocked, "87"
		w.ok(w.call("signed", true, n))
		if got, _ := w.stored(m.ID); got.State != store.Undelivered || got.LastClass != string(provider.ClassPermanent) {
			w.Errorf("%s, %s", got.State, got.LastClass)
		}
		out, err := w.optouts.Check(w.Context(), pool, number(w, alice))
		w.ok(err)
		if out {
			w.Error("opted out by a filter")
		}
	})
}

// TestAnsweredWithoutKey: a mailbox that answers a call, or a person who hangs up, has not heard the code; whoever presses the key has.
func TestAnsweredWithoutKey(t *testing.T) {
	each(t, func(w *world) {
		m, _ := w.message("signed", "id-1", func(m *store.Message, a *store.DeliveryAttempt) { m.Channel, a.VendorCode = "voice", delivery.AsksKey })
		w.ok(w.call("signed", true, of(provider.StateDelivered)))
		if got, receipts := w.stored(m.ID); got.State != store.Sent || len(receipts) != 1 || len(w.health.delivered) != 0 {
			w.Errorf("%s, %d receipts", got.State, len(receipts))
		}
		u, err := w.KeyURL(w.Context(), pool, "signed", "k", provider.Message{ID: m.ID, Text: "your code is 1 2 3", Key: "42", ExpiresAt: m.ExpiresAt})
		w.ok(err)
		kind, secret := w.door(pool, "signed")
		c := w.callback(secret, true, []byte("42"))
		c.URL, err = c.URL.Parse(u)
		w.ok(err)
		_, err = w.TakeKeys(w.Context(), kind, secret, c)
		w.ok(err)
		if got, _ := w.stored(m.ID); got.State != store.Delivered {
			w.Errorf("%s", got.State)
		}
	})
}

// TestUnsignedTexts: whoever knows the URL of a service that cannot sign fills no log with texts.
func TestUnsignedTexts(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	texts := func(n int) (out []provider.Notice) {
		for i := range n {
			out = append(out, provider.Notice{ID: fmt.Sprint(w.now.Unix(), i), Inbound: &provider.Inbound{From: alice, To: sender, Text: "hello"}})
		}
		return out
	}
	w.ok(w.call("unsigned", false, texts(70)...))
	if n := len(w.events(eventlog.InboundText)); n != 60 || w.Stats().Dropped != 10 {
		t.Errorf("%d texts, %+v", n, w.Stats())
	}
	w.now = w.now.Add(time.Minute)
	w.ok(w.call("unsigned", false, texts(1)...))
	if n := len(w.events(eventlog.InboundText)); n != 61 {
		t.Errorf("%d texts", n)
	}
}

// TestHelpOfStrangers: HELP in the name of a number that was never texted is not answered: its sender may be forged.
func TestHelpOfStrangers(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	help := func(id string) {
		t.Helper()
		w.ok(w.call("signed", true, provider.Notice{ID: id, Inbound: &provider.Inbound{From: alice, To: sender, Text: "HELP"}}))
	}
	help("1")
	if len(w.helped) != 0 {
		t.Errorf("%+v", w.helped)
	}
	w.message("signed", "id-1", nil)
	help("2")
	if len(w.helped) != 1 {
		t.Errorf("%+v", w.helped)
	}
}

// TestAdvisory_CVE_2023_40034_NonceOfAnother: where the signature is of a nonce and not of what is said, one that was seen signs nothing more: neither
// another receipt nor a STOP.
func TestAdvisory_CVE_2023_40034_NonceOfAnother(t *testing.T) {
	each(t, func(w *world) {
		a, _ := w.message("signed", "id-1", nil)
		b, _ := w.message("signed", "id-2", nil)
		first := of(provider.StateSent)
		first.ID, first.Once = "nonce", true
		w.ok(w.call("signed", true, first))
		w.ok(w.call("signed", true, first))
		w.write(func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Pools().InsertPool(ctx, &store.Pool{ID: pool})
			return err
		})
		c, _ := w.message("signed", "id-3", nil)
		again := of(provider.StateSent)
		again.ProviderID, again.ID, again.Once = "id-3", "nonce 2", true
		w.ok(w.callAt("", "signed", true, again)) // the door of all pools
		w.ok(w.callAt("", "signed", true, provider.Notice{ID: "nonce 2", Once: true, Inbound: &provider.Inbound{From: alice, To: sender, Text: "STOP"}}))
		if _, receipts := w.stored(c.ID); len(receipts) != 1 {
			w.Errorf("%d receipts", len(receipts))
		}
		forged := of(provider.StateDelivered)
		forged.ProviderID, forged.ID, forged.Once = "id-2", "nonce", true
		w.ok(w.call("signed", true, forged, provider.Notice{ID: "nonce", Once: true, Inbound: &provider.Inbound{From: alice, To: sender, Text: "STOP"}}))
		_, receipts := w.stored(a.ID)
		if got, _ := w.stored(b.ID); got.State != store.Sent || len(receipts) != 1 {
			w.Errorf("%s, %d receipts", got.State, len(receipts))
		}
		out, err := w.optouts.Check(w.Context(), pool, number(w, alice))
		w.ok(err)
		if out {
			w.Error("opted out by a forged text")
		}
		forged.ID = "another nonce"
		w.ok(w.call("signed", true, forged))
		if got, _ := w.stored(b.ID); got.State != store.Delivered {
			w.Errorf("%s", got.State)
		}
	})
}
