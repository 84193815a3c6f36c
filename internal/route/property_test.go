package route_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"countersign/internal/delivery"
	"countersign/internal/route"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/provider"
)

// act is what a service does with one call.
type act struct {
	delay time.Duration
	err   error
	// lost: it takes the message, but its answer does not arrive.
	lost bool
	boom bool
}

func acts() *rapid.Generator[act] {
	reasons := rapid.SampledFrom(provider.Reasons())
	return rapid.Custom(func(t *rapid.T) act {
		a := act{delay: time.Duration(rapid.SampledFrom([]int{0, 0, 1, 100, 2400, 2600, 9000, 30_000}).Draw(t, "ms")) * time.Millisecond}
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0, 1, 2:
		case 3:
			a.lost = true
		case 4:
			a.boom = true
		default:
			a.err = fail(reasons.Draw(t, "reason"))
		}
		return a
	})
}

// Whatever services do: nobody is asked after one has accepted, nor after the code's end; a second one has the message only after an attempt of
// unknown outcome; all get the same words; a number that is wrong or does not want texts ends it.
func TestNeverTwice(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); f.Value.String() == f.DefValue {
		_ = flag.Set("rapid.checks", "30") // each opens a database
		defer flag.Set("rapid.checks", f.DefValue)
	}
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 4).Draw(rt, "accounts")
		scripts := make([][]act, n)
		for i := range scripts {
			scripts[i] = rapid.SliceOfN(acts(), 1, 4).Draw(rt, fmt.Sprint("account ", i))
		}
		life := time.Duration(rapid.SampledFrom([]int{1, 3, 10, 60, 180}).Draw(rt, "life")) * time.Second
		voice := rapid.Bool().Draw(rt, "voice")
		weights := rapid.Bool().Draw(rt, "weights")
		var problem string
		synctest.Test(t, func(t *testing.T) { problem = drill(t, scripts, life, voice, weights) })
		if problem != "" {
			rt.Fatal(problem)
		}
	})
}

// drill sends one message by a worker until it has ended, and says what was wrong.
func drill(t *testing.T, scripts [][]act, life time.Duration, voice, weights bool) string {
	r := newRig(t, sqlite(t))
	var p route.Plan
	p.Rules = []route.Rule{{Name: "all"}}
	for i, script := range scripts {
		name := fmt.Sprintf("a%d", i)
		r.setUpAccount(name)
		c := route.Choice{Account: name}
		if weights {
			c.Weight = i + 1
		}
		p.Rules[0].Use = append(p.Rules[0].Use, c)
		r.w.do(name, play(script))
	}
	if voice {
		p.Voice = route.Voice{Fallback: true, WithoutKey: true, Use: []route.Choice{{Account: "a0"}}}
	}
	r.setUp(p)
	w := r.worker()
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- w.Run(ctx) }()
	end := time.Now().Add(life)
	m := r.enqueue(w, delivery.Draft{PoolID: pool, To: number, Text: text, Code: code, ExpiresAt: end, TriggerSource: "t"})
	time.Sleep(life + 40*time.Second)
	synctest.Wait()
	got := r.row(m.ID)
	attempts := r.attempts(m.ID)
	cancel()
	<-ended
	return judge(r.w.seen, got, attempts, end)
}

// play makes a service act by a script, its last act again and again.
func play(script []act) func(context.Context, provider.Message) (provider.Receipt, error) {
	i := 0
	return func(ctx context.Context, _ provider.Message) (provider.Receipt, error) {
		a := script[min(i, len(script)-1)]
		i++
		if a.boom {
			panic("boom")
		}
		select {
		case <-ctx.Done():
			return provider.Receipt{}, ctx.Err()
		case <-time.After(a.delay):
		}
		if a.lost {
			<-ctx.Done()
			return provider.Receipt{}, errSilence
		}
		return provider.Receipt{}, a.err
	}
}

func judge(seen []sent, m *store.Message, attempts []*store.DeliveryAttempt, end time.Time) string {
	if !m.State.Final() {
		return fmt.Sprintf("it is still %s", m.State)
	}
	rows := map[string]*store.DeliveryAttempt{}
	for _, a := range attempts {
		rows[a.ID] = a
	}
	for i, s := range seen {
		a := rows[s.Reference]
		switch {
		case a == nil || a.Account != s.account:
			return fmt.Sprintf("call %d of %s is not in the timeline", i, s.account)
		case !s.at.Before(end):
			return fmt.Sprintf("call %d came after the code's end", i)
		case s.Text != text || s.Code != code || s.To != number || s.IdempotencyKey != m.ID || s.ID != m.ID:
			return fmt.Sprintf("call %d was of another message", i)
		case s.taken && i != len(seen)-1:
			return fmt.Sprintf("somebody was asked after call %d had been accepted", i)
		case a.Reason == string(provider.OptedOut) && i != len(seen)-1, a.Reason == string(provider.Blocked) && i != len(seen)-1, a.Reason == string(provider.InvalidNumber) && i != len(seen)-1:
			return fmt.Sprintf("somebody was asked after %s", a.Reason)
		case s.taken != (a.Outcome == "sent"):
			return fmt.Sprintf("call %d is in the timeline as %s", i, a.Outcome)
		}
	}
	if taken := len(seen) > 0 && seen[len(seen)-1].taken; taken != (m.State == store.Sent) {
		return fmt.Sprintf("the message is %s", m.State)
	}
	if m.State == store.Sent && (m.Account != seen[len(seen)-1].account || m.ProviderID != "id-"+seen[len(seen)-1].Reference || m.Cost == 0 || m.SentAt.IsZero()) {
		return fmt.Sprintf("the row says %+v", m)
	}
	if m.State != store.Sent && m.LastError == "" {
		return "nobody says why it was not sent"
	}
	return ""
}

func (r *rig) setUpAccount(name string) {
	r.t.Helper()
	if _, err := r.r.PutAccount(r.t.Context(), pool, route.AccountConfig{Name: name, Kind: "fake"}, nil, 0); err != nil {
		r.t.Fatal(err)
	}
}

// worker makes a worker whose messages go by the route.
func (r *rig) worker() *delivery.Worker {
	r.t.Helper()
	w, err := delivery.New(delivery.Config{Store: r.s, Keys: r.c.Keys, Log: r.log, Now: time.Now, Logger: r.c.Logger, Segments: func(string) int { return 1 },
		Route: func(ctx context.Context, m *store.Message) (delivery.Sender, error) {
			s, ok, err := r.r.SenderFor(ctx, m)
			if err == nil && !ok {
				return delivery.NoSender{}, nil
			}
			return s, err
		}})
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

func (r *rig) enqueue(w *delivery.Worker, d delivery.Draft) *store.Message {
	r.t.Helper()
	m, err := w.Prepare(r.t.Context(), d)
	if err != nil {
		r.t.Fatal(err)
	}
	id := *m
	if err := r.s.Write(r.t.Context(), func(tx store.Tx) error { return w.Enqueue(r.t.Context(), tx, m) }); err != nil {
		r.t.Fatal(err)
	}
	w.Wake(m)
	return &id
}

func (r *rig) row(id string) (m *store.Message) {
	r.t.Helper()
	if err := r.s.Read(r.t.Context(), func(tx store.Tx) (err error) { m, err = tx.Outbox().Message(r.t.Context(), id); return err }); err != nil {
		r.t.Fatal(err)
	}
	return m
}

func (r *rig) attempts(id string) (out []*store.DeliveryAttempt) {
	r.t.Helper()
	if err := r.s.Read(r.t.Context(), func(tx store.Tx) (err error) { out, err = tx.Outbox().ListAttempts(r.t.Context(), id); return err }); err != nil {
		r.t.Fatal(err)
	}
	return out
}

// Through the outbox, on both stores: failover is in the timeline and in the row, and notices that a rate holds back all leave without losing
// an attempt.
func TestThroughTheOutbox(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		r := newRig(t, s)
		p := newPlan("a", "b")
		p.Rules[0].Use[1].From = "Acme"
		r.setUp(p, route.AccountConfig{Name: "a"}, route.AccountConfig{Name: "b", PerSecond: 30})
		r.w.answer("a", fail(provider.ContentRejected))
		w := r.worker()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		defer func() { cancel(); <-done }()
		d := delivery.Draft{PoolID: pool, To: number, Text: text, Code: code, ExpiresAt: time.Now().Add(3 * time.Minute), TriggerSource: "t"}
		m := r.enqueue(w, d)
		if o, err := w.Await(t.Context(), m.ID); err != nil || !o.OK() {
			t.Fatalf("%+v %v", o, err)
		}
		got, a := r.row(m.ID), r.attempts(m.ID)
		if got.Account != "b" || got.Sender != "Acme" || got.Cost != 10_000 || got.Currency != "EUR" || got.Settled || got.PollAt.IsZero() {
			t.Errorf("row %+v", got)
		}
		if len(a) != 2 || a[0].Account != "a" || a[0].Reason != "content_rejected" || a[0].VendorCode != "7" || a[1].Account != "b" || a[1].Cost != 10_000 {
			t.Errorf("attempts %+v", a)
		}
		r.w.answer("a", nil)
		r.w.answer("b", nil)
		d.Lane, d.Code = store.LaneNotice, ""
		p.Rules[0].Use = p.Rules[0].Use[1:]
		if _, err := r.r.PutPlan(t.Context(), pool, p, 1); err != nil {
			t.Fatal(err)
		}
		var ids []string
		for range 25 {
			ids = append(ids, r.enqueue(w, d).ID)
		}
		for _, id := range ids {
			o, err := w.Await(t.Context(), id)
			if err != nil || !o.OK() || o.Attempts != 1 {
				t.Fatalf("%+v %v", o, err)
			}
		}
	})
}

// A thousand codes while the first account hangs, then fails, then is back: all are sent, none twice but after silence, and within three seconds.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, sqlite(t))
		r.setUp(newPlan("a", "b"), named("a", "b")...)
		w := r.worker()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		began := map[string]time.Time{}
		phase := func(n int) {
			for range n {
				d := delivery.Draft{PoolID: pool, To: number, Text: text, Code: code, ExpiresAt: time.Now().Add(3 * time.Minute), TriggerSource: "t"}
				began[r.enqueue(w, d).ID] = time.Now()
				time.Sleep(5 * time.Millisecond)
			}
		}
		r.w.hang("a")
		phase(600)
		r.w.answer("a", fail(provider.Temporary))
		phase(200)
		r.w.answer("a", nil)
		time.Sleep(time.Minute)
		phase(200)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		cancel()
		<-done
		var took []time.Duration
		tries := map[string]int{}
		byA := 0
		for _, s := range r.w.seen {
			tries[s.ID]++
			if s.taken {
				took = append(took, s.at.Sub(began[s.ID]))
				if s.account == "a" {
					byA++
				}
			}
		}
		slices.Sort(took)
		if len(took) != 1000 || len(tries) != 1000 {
			t.Fatalf("%d sends of %d messages were accepted", len(took), len(tries))
		}
		if p99 := took[989]; p99 >= 3*time.Second {
			t.Errorf("p99 is %v", p99)
		}
		st := w.Stats()
		if byA < 150 || st.Ambiguous == 0 || st.Ambiguous != st.MaybeTwice || st.Ambiguous > 520 {
			t.Errorf("%d by the first account in the end; %+v", byA, st)
		}
	})
}
