package receipt_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/optout"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/provider"
)

func (w *world) poll(want int) {
	w.Helper()
	n, err := w.PollDue(w.Context())
	w.ok(err)
	if n != want {
		w.Errorf("%d messages were taken up, want %d", n, want)
	}
}

// TestEvidence: an unsigned receipt has the service asked at once, and its answer ends the message.
func TestEvidence(t *testing.T) {
	each(t, func(w *world) {
		p := w.routes["p/asked"].(*asked)
		m, _ := w.message("asked", "id-1", func(m *store.Message, _ *store.DeliveryAttempt) { m.PollAt = start.Add(time.Hour) })
		w.poll(0)
		w.ok(w.call("asked", false, of(provider.StateSent)))
		w.poll(0)
		w.ok(w.call("asked", false, of(provider.StateDelivered)))
		w.ok(w.call("asked", false, of(provider.StateDelivered)))
		p.answer = provider.Notice{ProviderID: "whatever", State: provider.StateSent}
		w.poll(1)
		w.poll(0)
		got, _ := w.stored(m.ID)
		if got.State != store.Sent || !got.PollAt.Equal(m.SentAt.Add(15*time.Second)) {
			w.Errorf("%s, asked again at %v", got.State, got.PollAt)
		}
		w.now = got.PollAt
		p.answer.State = provider.StateDelivered
		w.poll(1)
		got, receipts := w.stored(m.ID)
		if got.State != store.Delivered || !got.PollAt.IsZero() || len(receipts) != 4 || len(p.polls) != 2 || p.polls[0] != "id-1" {
			w.Errorf("%s, %v, %d receipts, polls %v", got.State, got.PollAt, len(receipts), p.polls)
		}
		w.now = w.now.Add(100 * time.Hour)
		w.poll(0)
	})
}

// TestSchedule: a message is asked for again and again, ever less often, for three days.
func TestSchedule(t *testing.T) {
	each(t, func(w *world) {
		p := w.routes["p/asked"].(*asked)
		p.answer = provider.Notice{State: provider.StateSent}
		m, _ := w.message("asked", "id-1", func(m *store.Message, _ *store.DeliveryAttempt) { m.PollAt = m.SentAt.Add(15 * time.Second) })
		var after []time.Duration
		for got := m; !got.PollAt.IsZero(); got, _ = w.stored(m.ID) {
			after = append(after, got.PollAt.Sub(m.SentAt))
			w.now = got.PollAt
			w.poll(1)
			if len(after) > 20 {
				w.Fatal(after)
			}
		}
		if want := "[15s 1m0s 5m0s 30m0s 2h0m0s 6h0m0s 12h0m0s 24h0m0s 48h0m0s 72h0m0s]"; fmt.Sprint(after) != want {
			w.Errorf("asked after %v, want %s", after, want)
		}
	})
}

// TestPollErrors: a service that fails is left alone, for longer each time; its other messages wait with it, those of other accounts do not.
func TestPollErrors(t *testing.T) {
	each(t, func(w *world) {
		bad, good := &asked{caller: caller{plain: plain{"k"}}, err: errors.New("busy")}, &asked{caller: caller{plain: plain{"k"}}}
		w.routes["p/bad"], w.routes["p/good"] = bad, good
		good.answer.State = provider.StateDelivered
		due := func(m *store.Message, _ *store.DeliveryAttempt) { m.PollAt = start }
		m, _ := w.message("bad", "id-1", due)
		w.message("bad", "id-2", due)
		o, _ := w.message("good", "id-3", due)
		gone, _ := w.message("mute", "id-4", due)
		w.poll(4)
		if len(bad.polls) != 1 || len(good.polls) != 1 {
			w.Errorf("polls %v %v", bad.polls, good.polls)
		}
		if got, _ := w.stored(o.ID); got.State != store.Delivered {
			w.Errorf("%s", got.State)
		}
		if got, _ := w.stored(gone.ID); !got.PollAt.IsZero() {
			w.Errorf("a message that nobody can be asked for waits until %v", got.PollAt)
		}
		w.now = w.now.Add(29 * time.Second)
		w.poll(0)
		for i, wait := range []time.Duration{time.Second, time.Minute, 2 * time.Minute} {
			w.now = w.now.Add(wait)
			if _, err := w.PollDue(w.Context()); err != nil {
				w.Fatal(err)
			}
			if len(bad.polls) != i+2 {
				w.Errorf("after %v: %d polls", wait, len(bad.polls))
			}
		}
		bad.err, bad.answer.State = nil, provider.StateDelivered
		w.now = w.now.Add(time.Hour)
		w.poll(2)
		if got, _ := w.stored(m.ID); got.State != store.Delivered {
			w.Errorf("%s", got.State)
		}
	})
}

// TestPrices: parts are added up, states of one part are not; a file of prices has the last word, and says it once.
func TestPrices(t *testing.T) {
	each(t, func(w *world) {
		m, a := w.message("signed", "id-1", nil)
		cost := func(want int64, currency string, settled bool) {
			w.Helper()
			if got, _ := w.stored(m.ID); got.Cost != want || got.Currency != currency || got.Settled != settled {
				w.Errorf("%d %s %v, want %d", got.Cost, got.Currency, got.Settled, want)
			}
		}
		n := provider.Notice{ProviderID: "id-1", State: provider.StateSent, Price: 7500, Currency: "EUR", Segments: 2}
		w.ok(w.call("signed", true, n))
		cost(7500, "EUR", true)
		n.State = provider.StateDelivered
		w.ok(w.call("signed", true, n, n))
		cost(7500, "EUR", true)
		part := n
		part.ProviderID, part.Reference = "id-1b", a.ID
		w.ok(w.call("signed", true, part))
		cost(15000, "EUR", true)
		got, _ := w.stored(m.ID)
		if got.Segments != 2 {
			w.Errorf("%d segments", got.Segments)
		}
		for range 2 {
			file := "Currency,x,provider_id,Price\neur,1,id-1,-0.0040\nEUR,2,id-1,0.0050\nEUR,3,unknown,1\n"
			n, err := w.Import(w.Context(), pool, "signed", []byte(file))
			w.ok(err)
			if n != 1 {
				w.Errorf("%d rows", n)
			}
			cost(9000+7500, "EUR", true)
		}
		w.now = w.now.Add(time.Hour)
		if _, err := w.Import(w.Context(), pool, "signed", []byte("provider_id,price,currency\nid-1,0.01,EUR\n")); err != nil {
			w.Error(err)
		}
		cost(10000+7500, "EUR", true)
		n.State, n.Price = provider.StateFailed, 1
		w.ok(w.call("signed", true, n))
		cost(10000+7500, "EUR", true)
		o, _ := w.message("unsigned", "id-7", nil)
		n.ProviderID, n.Price = "id-7", 1
		w.ok(w.call("unsigned", false, n))
		if got, _ := w.stored(o.ID); got.Settled || got.Cost != 500000 {
			w.Errorf("evidence settled: %+v", got)
		}
		if w.Stats().Waiting != 0 {
			w.Error("rows of a file wait")
		}
	})
}

func TestImportRefuses(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	for _, file := range []string{
		"", "a,b\n", "provider_id,price\nx,1\n", "provider_id,price,currency\nx,1\n", "provider_id,price,currency\nx,1,EURO\n",
		"provider_id,price,currency\n,1,EUR\n", "provider_id,price,currency\nx,1e3,EUR\n", "provider_id,price,currency\nx,,EUR\n",
		"provider_id,price,currency\nx,1.,EUR\n", "provider_id,price,currency\nx,99999999,EUR\n", "provider_id,price,currency\n\"x,1,EUR\n",
		"provider_id,price,currency\nx,--1,EUR\n", "provider_id,price,currency\n" + strings.Repeat("x", 8<<20),
	} {
		_, err := w.Import(t.Context(), pool, "signed", []byte(file))
		w.want(err, fault.InvalidParameter)
	}
	n, err := w.Import(t.Context(), pool, "signed", []byte("\ufeffprovider_id,price,currency\n"))
	if n != 0 || err != nil {
		t.Error(n, err)
	}
}

func TestInbound(t *testing.T) {
	each(t, func(w *world) {
		w.message("signed", "id-0", nil)
		say := func(id, text, keyword string) {
			w.Helper()
			w.now = w.now.Add(time.Second)
			w.ok(w.call("signed", true, provider.Notice{ID: id, Inbound: &provider.Inbound{From: alice, To: sender[1:], Text: text, Keyword: keyword}}))
		}
		out := func(want bool) {
			w.Helper()
			got, err := w.optouts.Check(w.Context(), pool, number(w, alice), sender)
			w.ok(err)
			if got != want {
				w.Errorf("opted out: %v", got)
			}
		}
		say("1", "what I wrote", "")
		out(false)
		say("2", "Stop", "")
		out(true)
		say("3", "start", "")
		out(false)
		say("4", "BAJA", "STOP")
		out(true)
		for i := range 3 {
			say(fmt.Sprint("h", i), "Help", "")
			w.now = w.now.Add(13 * time.Hour)
			w.write(func(ctx context.Context, tx store.Tx) error { _, err := tx.Sweep(ctx, w.now, 100); return err })
		}
		if len(w.helped) != 2 || w.helped[0].To != number(w, alice) || w.helped[0].From != sender || w.helped[0].Keyword != optout.Help || w.helped[0].PoolID != pool {
			w.Errorf("%+v", w.helped)
		}
		evs := w.events(eventlog.InboundText)
		if len(evs) != 7 {
			w.Fatalf("%d events", len(evs))
		}
		personal, err := w.log.Open(w.Context(), evs[0], secret.Key{})
		w.ok(err)
		if personal["text"] != "what I wrote" || personal["from"] != alice || len(evs[0].Number) == 0 {
			w.Errorf("%v", personal)
		}
		w.ok(w.call("signed", true, provider.Notice{ID: "9", Inbound: &provider.Inbound{From: "BANK", To: sender, Text: "STOP"}}))
		if n := len(w.events(eventlog.OptedOut)); n != 2 {
			w.Errorf("%d opt-outs", n)
		}
	})
}

// TestInboundWithoutID: a service that comes again within a minute is not a person who says it again.
func TestInboundWithoutID(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	stop := provider.Notice{Inbound: &provider.Inbound{From: alice, To: sender, Text: "STOP"}}
	heard := func(want int) {
		t.Helper()
		if n := len(w.events(eventlog.InboundText)); n != want {
			t.Errorf("%d texts, want %d", n, want)
		}
	}
	w.ok(w.call("signed", true, stop))
	w.ok(w.call("signed", true, stop))
	heard(1)
	w.now = w.now.Add(3 * time.Minute)
	w.write(func(ctx context.Context, tx store.Tx) error { _, err := tx.Sweep(ctx, w.now, 100); return err })
	w.ok(w.call("signed", true, stop))
	heard(2)
	w.ok(w.Inbound(t.Context(), pool, "signed", *stop.Inbound))
	w.ok(w.Inbound(t.Context(), pool, "signed", *stop.Inbound))
	heard(4)
}

// TestInboundStatic: a text to an account of the configuration file is heard by the pools that have texted the number through it.
func TestInboundStatic(t *testing.T) {
	each(t, func(w *world) {
		w.write(func(ctx context.Context, tx store.Tx) error {
			for _, p := range []string{pool, "q"} {
				if _, err := tx.Pools().InsertPool(ctx, &store.Pool{ID: p}); err != nil {
					return err
				}
			}
			return nil
		})
		w.message("signed", "id-1", nil)
		stop := provider.Notice{ID: "1", Inbound: &provider.Inbound{From: alice, To: sender, Text: "STOP"}}
		w.ok(w.callAt("", "signed", true, stop))
		for p, want := range map[string]bool{pool: true, "q": false} {
			got, err := w.optouts.Check(w.Context(), p, number(w, alice), sender)
			w.ok(err)
			if got != want {
				w.Errorf("%s: %v", p, got)
			}
		}
	})
}

// TestKeys: the right key is an answered call; a wrong one ends it, whatever comes later.
func TestKeys(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		for _, right := range []bool{true, false} {
			id := fmt.Sprint("id-", right)
			m, _ := w.message("signed", id, func(m *store.Message, _ *store.DeliveryAttempt) { m.Channel = "voice" })
			u, err := w.KeyURL(ctx, pool, "signed", "k", provider.Message{ID: m.ID, Text: "your code is 1 2 3", Key: "42", ExpiresAt: m.ExpiresAt})
			w.ok(err)
			kind, secret := w.door(pool, "signed")
			press := func(keys string, signed bool) (string, error) {
				c := w.callback(secret, signed, []byte(keys))
				parsed, err := c.URL.Parse(u)
				w.ok(err)
				c.URL = parsed
				reply, err := w.TakeKeys(ctx, kind, secret, c)
				return string(reply.Body), err
			}
			if strings.Contains(u, "code") || !strings.HasPrefix(u, base+"/receipts/k/"+secret+"/keys?k=") {
				w.Errorf("URL %s", u)
			}
			_, err = press("42", false)
			w.want(err, fault.AccessDenied)
			want, keys, answer := store.Delivered, "42", "your code is 1 2 3"
			if !right {
				want, keys, answer = store.Undelivered, "43", "bye"
			}
			got, err := press(keys, true)
			w.ok(err)
			if stored, _ := w.stored(m.ID); got != answer || stored.State != want {
				w.Errorf("%q, %s", got, stored.State)
			}
			completed := of(provider.StateDelivered)
			completed.ProviderID = id
			w.ok(w.call("signed", true, completed))
			if stored, _ := w.stored(m.ID); stored.State != want {
				w.Errorf("%s", stored.State)
			}
			if got, err := press("42", true); (got == "your code is 1 2 3") != right {
				w.Errorf("again: %q, %v", got, err)
			}
			w.now = m.ExpiresAt
			if got, err := press("42", true); strings.Contains(got, "code") {
				w.Errorf("after the end: %q, %v", got, err)
			}
			w.now = start
		}
		if _, err := w.KeyURL(ctx, pool, "signed", "k", provider.Message{Text: strings.Repeat("x", 1001)}); err == nil {
			w.Error("a URL of any length")
		}
		// A token of another account opens nothing.
		u, err := w.KeyURL(ctx, pool, "unsigned", "k", provider.Message{ID: "m", Text: "secret", Key: "1", ExpiresAt: start.Add(time.Hour)})
		w.ok(err)
		kind, secret := w.door(pool, "signed")
		c := w.callback(secret, true, []byte("1"))
		c.URL, _ = c.URL.Parse(u)
		_, err = w.TakeKeys(ctx, kind, secret, c)
		if err != nil {
			w.want(err, fault.ResourceNotFound)
		}
	})
}

// TestFeedback: services that want to know are told of typed codes, and once of those that died.
func TestFeedback(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		p := w.routes["p/asked"].(*asked)
		used, _ := w.message("asked", "used", func(m *store.Message, _ *store.DeliveryAttempt) { m.VerifiedAt = start })
		w.message("asked", "unused", nil)
		w.message("asked", "lives", func(m *store.Message, _ *store.DeliveryAttempt) { m.ExpiresAt = start.Add(time.Hour) })
		w.message("mute", "nobody", nil)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- w.Service.Run(ctx) }()
		w.Typed(used)
		w.Typed(&store.Message{PoolID: pool, Account: "asked"})
		wait := func(want string) {
			t.Helper()
			for end := time.Now().Add(5 * time.Second); fmt.Sprint(p.told()) != want; {
				if time.Now().After(end) {
					t.Fatalf("told %v, want %s", p.told(), want)
				}
				<-time.After(time.Millisecond)
			}
		}
		wait("[used true]")
		stop()
		w.ok(<-done)
		w.now = start.Add(15 * time.Minute)
		w.ok(w.TellUnused(t.Context()))
		w.ok(w.TellUnused(t.Context()))
		ctx, stop = context.WithCancel(t.Context())
		go func() { done <- w.Service.Run(ctx) }()
		wait("[unused false used true]")
		stop()
		w.ok(<-done)
	})
}

// TestRun: the loops poll and retry by themselves.
func TestRun(t *testing.T) {
	s := storetest.SQLite(t)
	w := newWorld(t, s)
	p := w.routes["p/asked"].(*asked)
	p.answer.State = provider.StateDelivered
	m, _ := w.message("asked", "id-1", func(m *store.Message, _ *store.DeliveryAttempt) { m.PollAt = start.Add(time.Hour) })
	w.ok(w.call("asked", false, of(provider.StateDelivered))) // wakes the loop
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Service.Run(ctx) }()
	for end := time.Now().Add(5 * time.Second); ; {
		if got, _ := w.stored(m.ID); got.State == store.Delivered {
			break
		}
		if time.Now().After(end) {
			t.Fatal("nobody asked")
		}
		<-time.After(time.Millisecond)
	}
	stop()
	w.ok(<-done)
}
