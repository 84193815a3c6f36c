package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/provider"
)

// Both ways to a worker: handed over by Enqueue and Wake, and claimed from the outbox.
func TestSend(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		for _, direct := range []bool{true, false} {
			t.Run(fmt.Sprintf("direct=%v", direct), func(t *testing.T) {
				r := newRig(t, s)
				r.run(r.w)
				d := draft()
				d.CodeID = store.NewID(start)
				r.write(func(ctx context.Context, tx store.Tx) error {
					return tx.Codes().InsertCode(ctx, &store.Code{ID: d.CodeID, PoolID: pool, SubjectID: d.CodeID, Purpose: "sign_up",
						Hash: []byte("h"), CreatedAt: start, ExpiresAt: d.ExpiresAt}, 3)
				})
				var id string
				if direct {
					id, _ = r.send(d)
				} else {
					m := r.prepare(d)
					id = m.ID
					r.queue(m)
					r.w.Wake()
				}
				if o := r.await(id); !o.OK() || o.Provider != "desk" || o.Attempts != 1 {
					t.Fatalf("outcome %+v", o)
				}
				checkSent(t, r, id, d)
			})
		}
	})
}

// listener is an EventSender.
type listener struct {
	desk
	events []string
}

func (l *listener) SendEvent(ctx context.Context, m provider.Message, event json.RawMessage) (provider.Receipt, string, error) {
	l.mu.Lock()
	l.events = append(l.events, string(event))
	l.mu.Unlock()
	return l.Send(ctx, m)
}

// What a flow says of a message reaches the sender that asks for it, sealed on the way, and is gone afterwards.
func TestSendEvent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		l := &listener{}
		r.w = r.worker(l)
		r.run(r.w)
		const event = `{"userName":"alice"}`
		for _, with := range []string{event, ""} {
			d := draft()
			d.Event = json.RawMessage(with)
			if m := r.prepare(d); strings.Contains(string(m.Sealed), "alice") {
				t.Error("the event lies open")
			}
			id, o := r.send(d)
			if !o.OK() || r.message(id).Sealed != nil {
				t.Errorf("%+v", o)
			}
		}
		if len(l.events) != 2 || l.events[0] != event || l.events[1] != "" {
			t.Errorf("events %q", l.events)
		}
		d := draft()
		d.Event = json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)
		if _, err := r.w.Prepare(t.Context(), d); fault.CodeOf(err) != fault.InvalidParameter {
			t.Errorf("an event without bound: %v", err)
		}
	})
}

func checkSent(t *testing.T, r *rig, id string, d delivery.Draft) {
	t.Helper()
	sent := r.desk.messages()
	if len(sent) != 1 {
		t.Fatalf("sent %d times", len(sent))
	}
	a := r.attempts(id)
	if len(a) != 1 || a[0].Outcome != "sent" || a[0].N != 1 || a[0].Provider != "desk" || a[0].ID != sent[0].Reference || a[0].ProviderID != "p1" ||
		a[0].Segments != 2 || a[0].Account != "desk" {
		t.Errorf("attempts %+v", a)
	}
	want := provider.Message{Reference: a[0].ID, Country: "US", ID: id, IdempotencyKey: id, Channel: provider.SMS, To: number, Text: text, Code: code, PoolID: pool,
		TriggerSource: d.TriggerSource, ExpiresAt: d.ExpiresAt}
	if sent[0] != want {
		t.Errorf("the sender got %+v\nwant %+v", sent[0], want)
	}
	m := r.message(id)
	if m.State != store.Sent || m.Sealed != nil || m.Provider != "desk" || m.ProviderID != "p1" || m.Segments != 2 ||
		m.LeaseOwner != "" || m.Mask != "+*******0123" {
		t.Errorf("row %+v", m)
	}
	ev := r.events(id)
	if len(ev) != 1 {
		t.Fatalf("%d events", len(ev))
	}
	if last := ev[0]; last.Type != "gd_send_sms" || last.UserID != "u1" || len(last.Number) == 0 {
		t.Errorf("event %+v %s", last, last.Data)
	}
	r.read(func(ctx context.Context, tx store.Tx) error {
		codes, err := tx.Codes().LiveCodes(ctx, pool, d.CodeID, "sign_up", "", start)
		if err != nil || len(codes) != 1 || !codes[0].Sent {
			t.Errorf("codes %+v, error %v", codes, err)
		}
		return nil
	})
}

func TestRetries(t *testing.T) {
	perm, mis := provider.Permanent(errBusy), provider.Misconfigured(errBusy)
	amb := fmt.Errorf("%w: silence", provider.ErrAmbiguous)
	tests := []struct {
		name    string
		answers []error
		state   store.State
		class   provider.Class
		sends   int
		events  string
	}{
		{"at once", []error{nil}, store.Sent, "", 1, "gd_send_sms"},
		{"second attempt", []error{errBusy, nil}, store.Sent, "", 2, "gd_send_sms"},
		{"ambiguous, then sent", []error{amb, nil}, store.Sent, "", 2, "gd_send_sms"},
		{"throttled, then sent", []error{provider.RetryAfter(20*time.Second, errBusy), nil}, store.Sent, "", 2, "gd_send_sms"},
		{"never", []error{errBusy}, store.Failed, provider.ClassRetryable, 4, "gd_send_sms_failure"},
		{"six attempts", []error{delivery.AtMost(6, errBusy)}, store.Failed, provider.ClassRetryable, 6, "gd_send_sms_failure"},
		{"one attempt", []error{errBusy, delivery.AtMost(1, errBusy)}, store.Failed, provider.ClassRetryable, 2, "gd_send_sms_failure"},
		{"six attempts, permanent", []error{delivery.AtMost(6, perm)}, store.Failed, provider.ClassPermanent, 1, "gd_send_sms_failure"},
		{"permanent", []error{perm}, store.Failed, provider.ClassPermanent, 1, "gd_send_sms_failure"},
		{"permanent later", []error{errBusy, perm}, store.Failed, provider.ClassPermanent, 2, "gd_send_sms_failure"},
		{"misconfigured", []error{mis}, store.Failed, provider.ClassMisconfigured, 1, "gd_send_sms_failure"},
		{"user code that began", []error{provider.Permanent(amb)}, store.Failed, provider.ClassPermanent, 1, "gd_send_sms_failure"},
		{"suppressed", []error{fmt.Errorf("stop: %w", delivery.ErrSuppressed)}, store.Suppressed, provider.ClassRetryable, 1, "cs_message_suppressed"},
		{"throttled beyond the code's life", []error{provider.RetryAfter(4*time.Minute, errBusy)}, store.Failed, provider.ClassThrottled, 1, "gd_send_sms_failure"},
	}
	storetest.Each(t, func(t *testing.T, s store.Store) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				r := newRig(t, s)
				r.desk.answers = tt.answers
				r.run(r.w)
				id, first := r.send(draft())
				if want := tt.answers[0] == nil; first.OK() != want {
					t.Errorf("first attempt %+v", first)
				}
				m := r.until(id)
				if m.State != tt.state || m.LastClass != string(tt.class) || m.Sealed != nil || m.Attempts != tt.sends {
					t.Errorf("row %+v", m)
				}
				if n := len(r.desk.messages()); n != tt.sends {
					t.Errorf("sent %d times, want %d", n, tt.sends)
				}
				if a := r.attempts(id); len(a) != tt.sends || a[len(a)-1].N != tt.sends {
					t.Errorf("%d attempts are recorded, want %d", len(a), tt.sends)
				}
				var types []string
				for _, e := range r.events(id) {
					types = append(types, e.Type)
				}
				if got := strings.Join(types, " "); got != tt.events {
					t.Errorf("events %s, want %s", got, tt.events)
				}
			})
		}
	})
}

// A message is never sent after its code has died, whenever that is noticed.
func TestNeverAfterExpiry(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		t.Run("before it is claimed", func(t *testing.T) {
			r := newRig(t, s)
			m := r.prepare(draft())
			r.queue(m)
			r.clock.Advance(3 * time.Minute)
			r.run(r.w)
			o := r.await(m.ID)
			checkExpired(t, r, m.ID, o)
		})
		t.Run("between claim and send", func(t *testing.T) {
			r := newRig(t, s)
			route := func(context.Context, *store.Message) (delivery.Sender, error) {
				r.clock.Advance(3 * time.Minute)
				return r.desk, nil
			}
			r.w = r.worker(r.desk, func(c *delivery.Config) { c.Route = route })
			r.run(r.w)
			id, o := r.send(draft())
			checkExpired(t, r, id, o)
		})
		t.Run("at the very instant", func(t *testing.T) {
			r := newRig(t, s)
			r.run(r.w)
			d := draft()
			d.ExpiresAt = r.clock.Now()
			id, o := r.send(d)
			checkExpired(t, r, id, o)
		})
		t.Run("the deadline of a send", func(t *testing.T) {
			r := newRig(t, s)
			var left time.Duration
			r.desk.during = func(ctx context.Context, _ provider.Message) error {
				end, ok := ctx.Deadline()
				left = time.Until(end)
				if !ok {
					t.Error("no deadline")
				}
				return nil
			}
			r.run(r.w)
			d := draft()
			d.ExpiresAt = r.clock.Now().Add(2 * time.Second)
			if _, o := r.send(d); !o.OK() || left > 2*time.Second {
				t.Errorf("the send may last %v; outcome %+v", left, o)
			}
		})
	})
}

func checkExpired(t *testing.T, r *rig, id string, o delivery.Outcome) {
	t.Helper()
	if n := len(r.desk.messages()); n != 0 {
		t.Errorf("sent %d times after its code's end", n)
	}
	if m := r.message(id); o.State != store.Expired || m.State != store.Expired || m.Sealed != nil {
		t.Errorf("outcome %+v, row %+v", o, m)
	}
	if ev := r.events(id); len(ev) != 1 || ev[0].Type != "gd_send_sms_failure" {
		t.Errorf("events: %+v", ev)
	}
}

// What senders say is stored without number, code or text, and so is everything else.
func TestNothingPersonalIsStored(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		verr := &provider.VendorError{Provider: "desk", VendorCode: code, Text: "to " + number + ": " + text}
		r.desk.answers = []error{provider.Permanent(fmt.Errorf("12025550123 and +1 202 555 0123: %w", verr))}
		r.run(r.w)
		id, o := r.send(draft())
		all := fmt.Sprintf("%+v %+v", o, r.message(id))
		for _, a := range r.attempts(id) {
			all += fmt.Sprintf(" %+v", *a)
		}
		for _, e := range r.events(id) {
			all += string(e.Data)
		}
		for _, secret := range []string{code, "2025550123", "202 555 01", "Example"} {
			if strings.Contains(all, secret) {
				t.Errorf("%q was stored: %s", secret, all)
			}
		}
		if a := r.attempts(id); a[0].VendorCode != "***" {
			t.Errorf("vendor code %q", a[0].VendorCode)
		}
	})
}

func TestBrokenSenders(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		t.Run("panic", func(t *testing.T) {
			r := newRig(t, s)
			r.desk.during = func(context.Context, provider.Message) error { panic("boom") }
			r.run(r.w)
			if _, o := r.send(draft()); o.Class != provider.ClassAmbiguous || o.State != store.Queued {
				t.Errorf("outcome %+v", o)
			}
		})
		t.Run("no sender", func(t *testing.T) {
			r := newRig(t, s)
			r.w = r.worker(delivery.NoSender{})
			r.run(r.w)
			if _, o := r.send(draft()); o.Class != provider.ClassMisconfigured || o.State != store.Failed {
				t.Errorf("outcome %+v", o)
			}
		})
		t.Run("no route", func(t *testing.T) {
			r := newRig(t, s)
			route := func(context.Context, *store.Message) (delivery.Sender, error) { return nil, errBusy }
			r.w = r.worker(nil, func(c *delivery.Config) { c.Route = route })
			r.run(r.w)
			if _, o := r.send(draft()); o.Class != provider.ClassRetryable || o.State != store.Queued {
				t.Errorf("outcome %+v", o)
			}
		})
		t.Run("contents of another message", func(t *testing.T) {
			r := newRig(t, s)
			m, other := r.prepare(draft()), r.prepare(draft())
			m.Sealed = other.Sealed
			r.queue(m)
			r.run(r.w)
			if o := r.await(m.ID); o.State != store.Failed || o.Class != provider.ClassPermanent || len(r.desk.messages()) != 0 {
				t.Errorf("outcome %+v", o)
			}
		})
		t.Run("passes its context's end on", func(t *testing.T) {
			r := newRig(t, s)
			r.w = r.worker(r.desk, func(c *delivery.Config) { c.SendTimeout = time.Millisecond })
			r.desk.during = func(ctx context.Context, _ provider.Message) error { <-ctx.Done(); return ctx.Err() }
			r.run(r.w)
			if _, o := r.send(draft()); o.Class != provider.ClassAmbiguous {
				t.Errorf("outcome %+v", o)
			}
		})
	})
}

// A sender that tries several providers shows each of them in the timeline.
func TestNotedTries(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		r.desk.during = func(ctx context.Context, _ provider.Message) error {
			for _, name := range []string{"first", "second"} {
				delivery.Note(ctx, delivery.Try{Provider: name, Err: provider.RetryAfter(0, errBusy), StartedAt: r.clock.Now(), EndedAt: r.clock.Now()})
			}
			return nil
		}
		r.run(r.w)
		id, _ := r.send(draft())
		var got []string
		for _, a := range r.attempts(id) {
			got = append(got, a.Provider+":"+a.Outcome)
		}
		if want := "first:throttled second:throttled desk:sent"; strings.Join(got, " ") != want {
			t.Errorf("timeline %v, want %s", got, want)
		}
	})
}

func TestPrepareRefuses(t *testing.T) {
	r := newRig(t, storetest.SQLite(t))
	tests := []struct {
		name   string
		change func(*delivery.Draft)
		want   fault.Code
	}{
		{"number", func(d *delivery.Draft) { d.To = "0123" }, fault.InvalidParameter},
		{"no text", func(d *delivery.Draft) { d.Text = "" }, fault.InvalidParameter},
		{"text not UTF-8", func(d *delivery.Draft) { d.Text = "\xff" }, fault.InvalidParameter},
		{"long text", func(d *delivery.Draft) { d.Text = strings.Repeat("x", 101<<10) }, fault.InvalidParameter},
		{"address", func(d *delivery.Draft) { d.Channel, d.To = provider.Email, "a@b\r\nBcc: c@d" }, fault.InvalidParameter},
		{"half an address", func(d *delivery.Draft) { d.Channel, d.To = provider.Email, "a@" }, fault.InvalidParameter},
		{"no pool", func(d *delivery.Draft) { d.PoolID = "" }, fault.InternalError},
		{"channel", func(d *delivery.Draft) { d.Channel = "pigeon" }, fault.InternalError},
		{"lane", func(d *delivery.Draft) { d.Lane = store.Lanes }, fault.InternalError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := draft()
			tt.change(&d)
			if _, err := r.w.Prepare(t.Context(), d); fault.CodeOf(err) != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

func TestPrepareEmail(t *testing.T) {
	r := newRig(t, storetest.SQLite(t))
	d := draft()
	d.Channel, d.To, d.Subject = provider.Email, "jane@example.com", "Your code"
	if m := r.prepare(d); m.Mask != "j***@e***" || m.Segments != 0 || m.Channel != "email" {
		t.Errorf("%+v", m)
	}
}

func TestAwait(t *testing.T) {
	r := newRig(t, storetest.SQLite(t))
	if _, err := r.w.Await(t.Context(), "nothing"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown id: %v", err)
	}
	m := r.prepare(draft())
	r.queue(m)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if _, err := r.w.Await(ctx, m.ID); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("nobody sends: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	var wg sync.WaitGroup
	results := make(chan error, 1100)
	for range 1100 {
		wg.Go(func() { _, err := r.w.Await(ctx, m.ID); results <- err })
	}
	for range 1100 - 1024 {
		if err := <-results; fault.CodeOf(err) != fault.Overloaded {
			t.Errorf("one too many: %v", err)
		}
	}
	cancel()
	wg.Wait()
	r.run(r.w)
	if o := r.await(m.ID); !o.OK() {
		t.Errorf("after all: %+v", o)
	}
}

// TestTypedBeforeRecorded: a person may type the code in before the service has answered. Route health hears of it all the same, once it is known who sent it.
func TestTypedBeforeRecorded(t *testing.T) {
	type heard struct {
		account string
		at      time.Time
	}
	said := make(chan heard, 4)
	r := newRig(t, storetest.SQLite(t), func(c *delivery.Config) {
		c.Typed = func(m *store.Message, at time.Time) { said <- heard{m.Account, at} }
	})
	typed := start.Add(time.Second)
	r.desk.during = func(ctx context.Context, m provider.Message) error {
		r.write(func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Outbox().CodeTyped(ctx, "code-of-"+m.ID, typed)
			return err
		})
		return nil
	}
	r.run(r.w)
	d := draft()
	d.ID = store.NewID(start)
	d.CodeID = "code-of-" + d.ID
	if _, o := r.send(d); !o.OK() {
		t.Fatalf("outcome %+v", o)
	}
	if h := <-said; h.account != "desk" || !h.at.Equal(typed) {
		t.Errorf("told %+v", h)
	}
	if len(said) > 0 {
		t.Error("told twice")
	}
}
