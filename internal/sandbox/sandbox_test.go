package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/sandbox"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/phone"
)

const alice, bob = "+12025550123", "+12025550124"

func number(t testing.TB, s string) phone.Number {
	t.Helper()
	n, err := phone.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// outbox stands for the worker, and keeps what it was given.
type outbox struct {
	mu     sync.Mutex
	drafts []delivery.Draft
	woken  int
}

func (o *outbox) Prepare(_ context.Context, d delivery.Draft) (*store.Message, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drafts = append(o.drafts, d)
	now := time.Now()
	return &store.Message{
		ID: store.NewID(now), PoolID: d.PoolID, Lane: d.Lane, Channel: string(d.Channel), State: store.Queued, Sealed: []byte("x"), Number: []byte("n"),
		NextAt: now, ExpiresAt: d.ExpiresAt, CreatedAt: now, UpdatedAt: now, TriggerSource: d.TriggerSource,
	}, nil
}

func (o *outbox) Enqueue(ctx context.Context, tx store.Tx, m *store.Message) error {
	return tx.Outbox().Enqueue(ctx, m)
}

func (o *outbox) Wake(messages ...*store.Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.woken += len(messages)
}

// last is the last draft.
func (o *outbox) last() delivery.Draft { return o.drafts[len(o.drafts)-1] }

type world struct {
	*testing.T
	*sandbox.Service
	s      store.Store
	outbox *outbox
	config sandbox.Config
}

// newWorld returns a node on a store. now is its clock.
func newWorld(t *testing.T, s store.Store, now *time.Time, change ...func(*sandbox.Config)) *world {
	keys := keyringtest.New(t, "p")
	o := &outbox{}
	c := sandbox.Config{
		Store: s, Keys: keys, Log: eventlog.New(eventlog.Config{Keys: keys}), Deliver: o, Now: func() time.Time { return *now },
		Pool: func(context.Context) (string, error) { return "p", nil },
	}
	for _, f := range change {
		f(&c)
	}
	return &world{t, sandbox.New(c), s, o, c}
}

// other is another node on the same store.
func (w *world) other() *world { return &world{w.T, sandbox.New(w.config), w.s, w.outbox, w.config} }

func (w *world) want(what string, err error, code fault.Code) {
	w.Helper()
	if fault.CodeOf(err) != code {
		w.Errorf("%s: %v, want %q", what, err, code)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) allowed(n string, want bool) {
	w.Helper()
	got, err := w.Allowed(w.Context(), number(w, n))
	if err != nil || got != want {
		w.Errorf("%s allowed: %v, %v, want %v", n, got, err, want)
	}
}

// verified adds and verifies a number.
func (w *world) verified(n string) sandbox.Number {
	w.Helper()
	_, err := w.Add(w.Context(), number(w, n), "")
	w.must(err)
	out, err := w.Verify(w.Context(), n, w.outbox.last().Code)
	w.must(err)
	return out
}

// wrong is a code that was not sent.
func (w *world) wrong() string {
	if w.outbox.last().Code == "000000" {
		return "000001"
	}
	return "000000"
}

func start() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

func TestLife(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		now := start()
		w := newWorld(t, s, &now)
		ctx := t.Context()
		w.allowed(alice, true) // the sandbox is off
		w.must(w.SetEnabled(ctx, true))
		w.must(w.SetEnabled(ctx, true))
		w.allowed(alice, false)

		now = now.Add(time.Second)
		n, err := w.Add(ctx, number(t, alice), "de-DE")
		w.must(err)
		if n.Status != sandbox.Pending || n.Number.String() != alice || !strings.HasPrefix(n.ID, "vdn-") || n.Codes != 1 || !n.CreatedAt.Equal(now) {
			t.Errorf("added: %+v", n)
		}
		d := w.outbox.last()
		if d.PoolID != "p" || d.To != alice || len(d.Code) != 6 || !strings.Contains(d.Text, d.Code) || d.Locale != "de-DE" ||
			!sandbox.Exempt(d.TriggerSource) || !d.ExpiresAt.Equal(now.Add(24*time.Hour)) || w.outbox.woken != 1 {
			t.Errorf("sent: %+v, woken %d", d, w.outbox.woken)
		}
		now = now.Add(time.Second) // events are in the order of time
		_, err = w.Verify(ctx, alice, w.wrong())
		w.want("wrong code", err, fault.CodeMismatch)
		w.allowed(alice, false)
		now = now.Add(time.Second)
		n, err = w.Verify(ctx, n.ID, d.Code)
		w.must(err)
		if n.Status != sandbox.Verified || !n.VerifiedAt.Equal(now) {
			t.Errorf("verified: %+v", n)
		}
		w.allowed(alice, true)
		w.allowed(bob, false)
		_, err = w.Verify(ctx, alice, d.Code)
		w.want("twice", err, fault.VerificationComplete)
		_, err = w.Add(ctx, number(t, alice), "")
		w.want("added again", err, fault.VerificationComplete)
		_, err = w.Create(ctx, number(t, alice))
		w.want("created again", err, fault.ResourceExists)
		_, err = w.Verify(ctx, bob, d.Code)
		w.want("unknown", err, fault.ResourceNotFound)

		_, err = w.Remove(ctx, alice)
		w.want("removed at once", err, fault.TooSoon)
		if wait := fault.Of(err).RetryAfter; wait != 24*time.Hour {
			t.Errorf("may be removed after %s", wait)
		}
		now = now.Add(24 * time.Hour)
		_, err = w.Remove(ctx, alice[1:])
		w.must(err)
		w.allowed(alice, false)
		_, err = w.Remove(ctx, alice)
		w.want("removed twice", err, fault.ResourceNotFound)
		now = now.Add(time.Second)
		w.must(w.SetEnabled(ctx, false))
		w.allowed(alice, true)
		w.events("sandbox", "added, code sent", "wrong code", "", "removed", "sandbox")
	})
}

// events checks what the deployment's events say, oldest first, and that no number or code is in one.
func (w *world) events(want ...string) {
	w.Helper()
	var got []string
	err := w.s.Read(w.Context(), func(tx store.Tx) error {
		list, err := tx.Events().ListEvents(w.Context(), store.EventQuery{PoolID: keyring.Deployment, Ascending: true, Limit: 100})
		for _, ev := range list {
			data := map[string]any{}
			if err := json.Unmarshal(ev.Data, &data); err != nil {
				return err
			}
			what, _ := data["what"].(string)
			if got = append(got, what); what == "" && ev.Type != string(eventlog.NumberVerified) {
				w.Errorf("%s: %s", ev.Type, ev.Data)
			}
			for _, d := range w.outbox.drafts {
				if strings.Contains(string(ev.Data), d.To[1:]) || strings.Contains(string(ev.Data), `"`+d.Code+`"`) {
					w.Errorf("%s: %s", ev.Type, ev.Data)
				}
			}
		}
		return err
	})
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		w.Errorf("events %q, %v, want %q", got, err, want)
	}
}

// Five codes in 24 hours; each dies with its fifth wrong answer, and after a day.
func TestCodes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		now := start()
		w := newWorld(t, s, &now)
		ctx := t.Context()
		n, err := w.Create(ctx, number(t, alice))
		w.must(err)
		if len(w.outbox.drafts) != 0 {
			t.Fatal("a code was sent")
		}
		_, err = w.Verify(ctx, n.ID, "123456")
		w.want("none was sent", err, fault.CodeExpired)
		for i := range sandbox.MaxCodes {
			_, err := w.SendCode(ctx, n.ID, sandbox.CodeOptions{Voice: i == 1, Language: "EN_GB", From: "ACME"})
			w.must(err)
			now = now.Add(time.Hour)
		}
		if d := w.outbox.drafts[1]; d.Channel != "voice" || d.Locale != "en-GB" || d.From != "ACME" || strings.Contains(d.Text, d.Code) ||
			!strings.Contains(d.Text, d.Code[:1]+". "+d.Code[1:2]) {
			t.Errorf("call: %+v", d)
		}
		_, err = w.SendCode(ctx, alice, sandbox.CodeOptions{})
		w.want("sixth code", err, fault.AttemptLimit)
		if wait := fault.Of(err).RetryAfter; wait != 19*time.Hour {
			t.Errorf("the next one after %s", wait)
		}
		for range sandbox.MaxTries {
			_, err = w.Verify(ctx, n.ID, w.wrong())
			w.want("wrong", err, fault.CodeMismatch)
		}
		_, err = w.Verify(ctx, n.ID, w.outbox.last().Code)
		w.want("right, after five wrong ones", err, fault.CodeExpired)

		now = start().Add(24 * time.Hour)
		_, err = w.SendCode(ctx, n.ID, sandbox.CodeOptions{})
		w.must(err)
		_, err = w.SendCode(ctx, n.ID, sandbox.CodeOptions{})
		w.want("still five in 24 hours", err, fault.AttemptLimit)
		now = now.Add(sandbox.CodeLife)
		_, err = w.Verify(ctx, n.ID, w.outbox.last().Code)
		w.want("at its end", err, fault.CodeExpired)
		_, err = w.SendCode(ctx, n.ID, sandbox.CodeOptions{})
		w.must(err)
		now = now.Add(sandbox.CodeLife - time.Second)
		_, err = w.Verify(ctx, n.ID, w.outbox.last().Code)
		w.want("a second before its end", err, "")
	})
}

// A resend does not take the earlier code away: texts overtake one another.
func TestEarlierCodesStay(t *testing.T) {
	now := start()
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s, &now)
		for range 3 {
			_, err := w.Add(t.Context(), number(t, alice), "")
			w.must(err)
		}
		_, err := w.Verify(t.Context(), alice, w.outbox.drafts[0].Code)
		w.want("the first of three", err, "")
	})
}

// A code verifies the number that it was sent to and no other one.
func TestCodesAreBound(t *testing.T) {
	now := start()
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s, &now)
		_, err := w.Add(t.Context(), number(t, alice), "")
		w.must(err)
		code := w.outbox.last().Code
		for {
			if _, err = w.Add(t.Context(), number(t, bob), ""); err != nil {
				t.Fatal(err)
			}
			if w.outbox.last().Code != code {
				break
			}
		}
		_, err = w.Verify(t.Context(), bob, code)
		w.want("another number's code", err, fault.CodeMismatch)
	})
}

// Many guesses at once are counted one by one.
func TestGuessesAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		now := start()
		w := newWorld(t, s, &now)
		_, err := w.Add(t.Context(), number(t, alice), "")
		w.must(err)
		wrong := w.wrong()
		var mu sync.Mutex
		told := map[fault.Code]int{}
		var wg sync.WaitGroup
		for _, node := range []*world{w, w.other()} {
			for range 16 {
				wg.Go(func() {
					_, err := node.Verify(t.Context(), alice, wrong)
					mu.Lock()
					defer mu.Unlock()
					told[fault.CodeOf(err)]++
				})
			}
		}
		wg.Wait()
		if told[fault.CodeMismatch] > sandbox.MaxTries || told[fault.CodeMismatch] == 0 || told[""] != 0 {
			t.Errorf("answers: %v", told)
		}
		if _, err = w.Verify(t.Context(), alice, w.outbox.last().Code); told[fault.CodeMismatch] == sandbox.MaxTries {
			w.want("right, after five wrong ones", err, fault.CodeExpired)
		}
	})
}

// At most ten are verified, whichever node is asked; pending ones are bounded too.
func TestLimits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		now := start()
		w := newWorld(t, s, &now)
		ctx := t.Context()
		codes := map[string]string{}
		for i := range sandbox.MaxVerified + 4 {
			n := fmt.Sprintf("+1202555%04d", 1000+i)
			_, err := w.Add(ctx, number(t, n), "")
			w.must(err)
			codes[n] = w.outbox.last().Code
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		told := map[fault.Code]int{}
		nodes := []*world{w, w.other()}
		i := 0
		for n, code := range codes {
			node := nodes[i%2]
			i++
			wg.Go(func() {
				_, err := node.Verify(ctx, n, code)
				for fault.CodeOf(err) == fault.ConcurrentModification {
					_, err = node.Verify(ctx, n, code)
				}
				mu.Lock()
				defer mu.Unlock()
				told[fault.CodeOf(err)]++
			})
		}
		wg.Wait()
		if told[""] != sandbox.MaxVerified || told[fault.TooMany] != 4 {
			t.Errorf("answers: %v", told)
		}
		_, err := w.Add(ctx, number(t, alice), "")
		w.want("one more", err, fault.TooMany)
	})
}

func TestPendingNumbersAreBounded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		now := start()
		w := newWorld(t, s, &now)
		for i := range sandbox.MaxNumbers {
			_, err := w.Create(t.Context(), number(t, fmt.Sprintf("+1202555%04d", 1000+i)))
			w.must(err)
		}
		_, err := w.Create(t.Context(), number(t, alice))
		w.want("one more", err, fault.TooMany)
		_, err = w.Add(t.Context(), number(t, alice), "")
		w.want("one more", err, fault.TooMany)
		if len(w.outbox.drafts) > 1 || w.outbox.woken > 0 {
			t.Errorf("%d codes, %d messages", len(w.outbox.drafts), w.outbox.woken)
		}
	})
}

// What a node changes it knows at once, the other after two seconds.
func TestNodes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		now := start()
		a := newWorld(t, s, &now)
		b := a.other()
		a.allowed(alice, true)
		b.allowed(alice, true)
		a.must(a.SetEnabled(t.Context(), true))
		a.allowed(alice, false)
		b.allowed(alice, true)
		now = now.Add(2 * time.Second)
		b.allowed(alice, false)
		b.verified(alice)
		b.allowed(alice, true)
		now = now.Add(2 * time.Second)
		a.allowed(alice, true)
		if on, err := b.Enabled(t.Context()); !on || err != nil {
			t.Error(on, err)
		}
	})
}

// All spellings of one line are one destination number.
func TestSpellings(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		now := start()
		w := newWorld(t, s, &now)
		w.must(w.SetEnabled(t.Context(), true))
		w.verified("+5491123456789")
		w.allowed("+541123456789", true)
		_, err := w.Create(t.Context(), number(t, "+541123456789"))
		w.want("the same line", err, fault.ResourceExists)
	})
}

func TestNumbers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		now := start()
		w := newWorld(t, s, &now)
		for i, n := range []string{"+12025550103", "+12025550101", "+12025550102"} {
			now = start().Add(time.Duration(i) * time.Second)
			_, err := w.Create(t.Context(), number(t, n))
			w.must(err)
		}
		now = start().Add(3 * time.Second)
		w.verified("+12025550100")
		for _, q := range []struct {
			q    sandbox.Query
			want string
		}{
			{sandbox.Query{}, "3120"},
			{sandbox.Query{Sort: "-created"}, "0213"},
			{sandbox.Query{Sort: "number"}, "0123"},
			{sandbox.Query{Sort: "-number"}, "3210"},
			{sandbox.Query{Sort: "status"}, "3120"},
			{sandbox.Query{Status: sandbox.Verified}, "0"},
			{sandbox.Query{Status: sandbox.Pending, Sort: "number"}, "123"},
		} {
			for limit := range 5 {
				got := ""
				q.q.After, q.q.Limit = "", limit
				for {
					page, next, err := w.Numbers(t.Context(), q.q)
					w.must(err)
					for _, n := range page {
						got += n.Number.String()[11:]
					}
					if limit > 0 && len(page) > limit {
						t.Errorf("%+v: %d numbers", q.q, len(page))
					}
					if q.q.After = next; next == "" {
						break
					}
				}
				if got != q.want {
					t.Errorf("%+v: %s, want %s", q.q, got, q.want)
				}
			}
		}
		_, _, err := w.Numbers(t.Context(), sandbox.Query{After: "?"})
		w.want("after", err, fault.InvalidParameter)
		_, _, err = w.Numbers(t.Context(), sandbox.Query{After: "eA"})
		w.want("after", err, fault.InvalidParameter)
		_, _, err = w.Numbers(t.Context(), sandbox.Query{Sort: "x"})
		w.want("sort", err, fault.InvalidParameter)
	})
}

// Dev mode: a fixed code, and numbers are removed at once.
func TestDev(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		now := start()
		w := newWorld(t, s, &now, func(c *sandbox.Config) { c.Dev, c.Fixed = true, "424242" })
		n := w.verified(alice)
		if w.outbox.last().Code != "424242" {
			t.Error(w.outbox.last().Code)
		}
		_, err := w.Remove(t.Context(), n.ID)
		w.must(err)
	})
}

// A number that does not want texts is not added, and gets no code but by a call.
func TestOptedOut(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		now := start()
		out := false
		w := newWorld(t, s, &now, func(c *sandbox.Config) {
			c.OptedOut = func(_ context.Context, n phone.Number) (bool, error) { return out, nil }
		})
		n, err := w.Create(t.Context(), number(t, alice))
		w.must(err)
		out = true
		_, err = w.Create(t.Context(), number(t, bob))
		w.want("created", err, fault.OptedOut)
		_, err = w.Add(t.Context(), number(t, bob), "")
		w.want("added", err, fault.OptedOut)
		_, err = w.SendCode(t.Context(), n.ID, sandbox.CodeOptions{})
		w.want("a text", err, fault.OptedOut)
		_, err = w.SendCode(t.Context(), n.ID, sandbox.CodeOptions{Voice: true})
		w.must(err)
		if len(w.outbox.drafts) != 1 {
			t.Error(len(w.outbox.drafts))
		}
	})
}

func TestReset(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		now := start()
		w := newWorld(t, s, &now)
		w.must(w.SetEnabled(t.Context(), true))
		w.verified(alice)
		w.must(w.Reset(t.Context()))
		w.allowed(bob, true)
		if list, _, err := w.Numbers(t.Context(), sandbox.Query{}); len(list) != 0 || err != nil {
			t.Error(list, err)
		}
		w.must(w.SetEnabled(t.Context(), true))
		w.allowed(alice, false)
	})
}

// What is kept names nobody.
func TestSealed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		now := start()
		w := newWorld(t, s, &now)
		_, err := w.Add(t.Context(), number(t, alice), "")
		w.must(err)
		err = s.Read(t.Context(), func(tx store.Tx) error {
			rows, err := tx.Records().ListRecords(t.Context(), store.RecordQuery{Kind: "destination_number", Limit: 10})
			if err != nil || len(rows) != 1 {
				t.Errorf("%d rows, %v", len(rows), err)
			}
			for _, row := range rows {
				all := fmt.Sprintf("%s %s %s %s %s", row.ID, row.Name, row.Hash, row.Body, row.Sealed)
				if strings.Contains(all, alice[1:]) || strings.Contains(all, w.outbox.last().Code) {
					t.Errorf("%s", all)
				}
			}
			return nil
		})
		w.must(err)
	})
}

func TestEveryLanguageHasAText(t *testing.T) {
	now := start()
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s, &now, func(c *sandbox.Config) { c.Dev = true })
		seen := map[string]bool{}
		for _, tag := range append(sandbox.Languages(), "kr-KR", "JA_JP", "", "xx", "en_us") {
			n, err := w.Add(t.Context(), number(t, alice), tag)
			w.must(err)
			d := w.outbox.last()
			if strings.Count(d.Text, d.Code) != 1 || strings.Contains(d.Text, "%") {
				t.Errorf("%s: %q", tag, d.Text)
			}
			seen[d.Locale] = true
			_, err = w.Remove(t.Context(), n.ID)
			w.must(err)
		}
		for _, tag := range sandbox.Languages() {
			if !seen[tag] {
				t.Errorf("no text is in %s", tag)
			}
		}
	})
}
