package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	rtpprof "runtime/pprof"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/egress"
	"countersign/internal/eventlog"
	"countersign/internal/gateway"
	gatewayaccount "countersign/internal/gateway/account"
	"countersign/internal/keyring"
	"countersign/internal/message"
	"countersign/internal/optout"
	"countersign/internal/route"
	"countersign/internal/routehealth"
	"countersign/internal/store"
)

// errand is what the delivery child does: messages through the outbox, a plan and an account with the webhook, as the server has them, without the
// requests that ask for codes. There alone is the moment of the commit known.
type errand struct {
	Mode                        string
	Pool                        string
	Database, RootFile, SinkURL string
	Connections                 int
	Seconds                     float64
	// Messages are in the outbox before; Pace is how many codes a second are asked for, 0: as fast as it goes.
	Messages, Pace int
	// Profile is a file for a CPU profile, or empty.
	Profile string
}

// Modes of errands.
const (
	// handoffMode sends codes one after the other on each connection.
	handoffMode = "handoff"
	// outboxMode sends what is in the outbox, as a node does that takes over.
	outboxMode = "outbox"
	// noticesMode sends codes at a pace while notices of the outbox go out.
	noticesMode = "notices"
)

// errandResult is what came of it. Times in milliseconds; hand-off is from the commit to the provider's request.
type errandResult struct {
	Codes, Failed int
	Error         string
	P50, P99      float64
	// Sent are all messages that providers were handed, codes included, Took the time, CPU what this process used for all.
	Sent      int64
	Took, CPU float64
}

// carrier is what the child works with.
type carrier struct {
	errand
	store  store.Store
	worker *delivery.Worker
	sent   atomic.Int64
	mu     sync.Mutex
	wait   map[string]chan time.Time
}

// deliver is the child: it fills the outbox, says so, waits for a line, and works.
func deliver(args []string, in io.Reader, out io.Writer) error {
	c := &carrier{wait: map[string]chan time.Time{}}
	if len(args) != 1 || json.Unmarshal([]byte(args[0]), &c.errand) != nil {
		return errors.New("arguments: an errand")
	}
	ctx := context.Background()
	s, err := openDatabase(ctx, c.Database)
	if err != nil {
		return err
	}
	defer s.Close()
	c.store = s
	if err := c.open(ctx); err != nil {
		return err
	}
	if err := c.fill(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, "ready")
	if _, err := bufio.NewReader(in).ReadString('\n'); err != nil {
		return err
	}
	if c.Profile != "" {
		f, err := os.Create(c.Profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := rtpprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer rtpprof.StopCPUProfile()
	}
	return json.NewEncoder(out).Encode(c.work(ctx))
}

// open makes the parts, as the server does.
func (c *carrier) open(ctx context.Context) error {
	root, err := keyring.RootFromFile(c.RootFile)
	if err != nil {
		return err
	}
	keys, err := keyring.Open(ctx, keyring.Database(c.store), keyring.Config{Root: root})
	if err != nil {
		return err
	}
	policy, err := egress.NewPolicy(false, "127.0.0.1")
	if err != nil {
		return err
	}
	client := egress.NewClient(egress.Config{Policy: policy, Timeout: 20 * time.Second})
	client.Transport = noticed{c, client.Transport}
	log := slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	events := eventlog.New(eventlog.Config{Keys: keys, Logger: log})
	health := routehealth.New(routehealth.Config{Store: c.store, Log: events, Logger: log})
	routes, err := route.New(route.Config{
		Store: c.store, Keys: keys, Log: events, Logger: log, Specs: gateway.Specs(), Health: health,
		OptOuts: optout.New(optout.Config{Store: c.store, Log: events, Logger: log}),
		Deps:    func(string, route.AccountConfig) gatewayaccount.Deps { return gatewayaccount.Deps{Client: client} },
	})
	if err != nil {
		return err
	}
	c.worker, err = delivery.New(delivery.Config{
		Store: c.store, Keys: keys, Log: events, Logger: log,
		Segments: func(text string) int { _, n, _ := message.Segments(text); return n },
		Route: func(ctx context.Context, m *store.Message) (delivery.Sender, error) {
			s, ok, err := routes.SenderFor(ctx, m)
			if err == nil && !ok {
				err = errors.New("the pool has no plan")
			}
			return s, err
		},
		Observe: func(s delivery.Seen) {
			if s.Step == delivery.Ended && s.Account != "" {
				health.Sent(routehealth.Key{PoolID: s.PoolID, Account: s.Account, Channel: s.Channel, Country: s.Country}, time.Now())
			}
		},
	})
	return err
}

// noticed notes when a request to the provider begins.
type noticed struct {
	c    *carrier
	next http.RoundTripper
}

func (t noticed) RoundTrip(r *http.Request) (*http.Response, error) {
	at := time.Now()
	id := r.Header.Get("Webhook-Id")
	t.c.mu.Lock()
	ch := t.c.wait[id]
	delete(t.c.wait, id)
	t.c.mu.Unlock()
	if ch != nil {
		ch <- at
	}
	t.c.sent.Add(1)
	return t.next.RoundTrip(r)
}

// draft is the n-th message.
func (c *carrier) draft(n int, lane store.Lane) delivery.Draft {
	to := user{number: n % 90_000_000}.phone()
	if lane == store.LaneNotice {
		return delivery.Draft{PoolID: c.Pool, Lane: lane, To: to, Text: "You are invited to Bench. Sign in with this number.", TriggerSource: "CustomSMSSender_AdminCreateUser"}
	}
	return delivery.Draft{PoolID: c.Pool, Lane: lane, To: to, Text: "123456 is your authentication code.", Code: "123456", CodeID: store.NewID(time.Now()),
		ExpiresAt: time.Now().Add(5 * time.Minute), TriggerSource: "CustomSMSSender_Authentication"}
}

// fill puts messages into the outbox.
func (c *carrier) fill(ctx context.Context) error {
	lane := store.LaneSignIn
	if c.Mode == noticesMode {
		lane = store.LaneNotice
	}
	for from := 0; from < c.Messages; from += seedBatch {
		var batch []*store.Message
		for n := from; n < min(from+seedBatch, c.Messages); n++ {
			m, err := c.worker.Prepare(ctx, c.draft(n, lane))
			if err != nil {
				return err
			}
			batch = append(batch, m)
		}
		err := c.store.Write(ctx, func(tx store.Tx) error {
			for _, m := range batch {
				if err := c.worker.Enqueue(ctx, tx, m); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// work runs the worker and the load, until all is recorded.
func (c *carrier) work(ctx context.Context) *errandResult {
	before, began := ownCPU(), time.Now()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.worker.Run(ctx)
	}()
	for !c.running() {
		time.Sleep(time.Millisecond)
	}
	var all outcome
	var wg sync.WaitGroup
	parts := make([]outcome, c.Connections)
	for i := range parts {
		wg.Go(func() { c.codes(ctx, i, began, &parts[i]) })
	}
	wg.Wait()
	for c.Mode == outboxMode && c.sent.Load() < int64(c.Messages) && time.Since(began) < time.Minute {
		time.Sleep(time.Millisecond)
	}
	for _, p := range parts {
		all.join(p)
	}
	slices.Sort(all.latencies)
	drain, cancel := context.WithTimeout(ctx, arrivalTimeout)
	defer cancel()
	err := c.worker.Drain(drain)
	<-ended
	r := &errandResult{Codes: all.good(), Failed: all.failed, P50: milliseconds(all.percentile(0.5)), P99: milliseconds(all.percentile(0.99)), Sent: c.sent.Load(),
		Took: milliseconds(time.Since(began)), CPU: milliseconds(ownCPU() - before)}
	if c.Mode == outboxMode && r.Sent < int64(c.Messages) {
		r.Failed += c.Messages - int(r.Sent)
		err = cmp.Or(err, errLost)
	}
	if err = cmp.Or(all.example, err); err != nil {
		r.Error = err.Error()
	}
	return r
}

// running reports whether the worker takes messages.
func (c *carrier) running() bool {
	m, err := c.worker.Prepare(context.Background(), c.draft(0, store.LaneSignIn))
	if err != nil {
		return false
	}
	stop := errors.New("only a look")
	_ = c.store.Write(context.Background(), func(tx store.Tx) error {
		_ = c.worker.Enqueue(context.Background(), tx, m)
		return stop
	})
	return m.State == store.Sending
}

// codes sends codes over one connection until the time is over, or the notices are out.
func (c *carrier) codes(ctx context.Context, connection int, began time.Time, o *outcome) {
	limit := time.Duration(c.Seconds * float64(time.Second))
	for n := 0; time.Since(began) < limit; n++ {
		if c.Mode == noticesMode && c.Messages > 0 && c.sent.Load() >= int64(c.Messages) {
			return
		}
		if c.Pace > 0 {
			next := began.Add(time.Duration(n*c.Connections+connection) * time.Second / time.Duration(c.Pace))
			time.Sleep(time.Until(next))
		}
		o.add(c.code(ctx, connection*10_000_000+n))
	}
}

// code commits one code and waits until the provider is called.
func (c *carrier) code(ctx context.Context, n int) (time.Duration, error) {
	m, err := c.worker.Prepare(ctx, c.draft(n, store.LaneSignIn))
	if err != nil {
		return 0, err
	}
	ch := make(chan time.Time, 1)
	c.mu.Lock()
	c.wait[m.ID] = ch
	c.mu.Unlock()
	if err := c.store.Write(ctx, func(tx store.Tx) error { return c.worker.Enqueue(ctx, tx, m) }); err != nil {
		return 0, err
	}
	committed := time.Now()
	c.worker.Wake(m)
	timer := time.NewTimer(arrivalTimeout)
	defer timer.Stop()
	select {
	case at := <-ch:
		return at.Sub(committed), nil
	case <-timer.C:
		return 0, errLost
	}
}

// errand runs a child and returns what it did and what was spent meanwhile.
func (b *block) errand(ctx context.Context, e errand) (r *errandResult, s spent, err error) {
	b.end()
	sets := newSets(b.users)
	var drop func()
	if e.Database, drop, err = b.db.copy(ctx, b.users, true); err != nil {
		return nil, s, err
	}
	defer drop()
	if err := b.with(ctx, e.Database, func(i *installer) error { return i.plans(ctx, b.sink.errandURL(), sets) }); err != nil {
		return nil, s, err
	}
	e.RootFile, e.SinkURL, e.Pool = b.cache.rootFile, b.sink.errandURL(), sets["RS256"].pool
	if b.profiles != "" {
		e.Profile = filepath.Join(b.profiles, fmt.Sprintf("%s-%d-%s-%d.pprof", b.store, b.users, e.Mode, e.Connections))
	}
	text, err := json.Marshal(e)
	if err != nil {
		return nil, s, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, s, err
	}
	p := newProcess([]string{self, childDeliver, string(text)})
	return b.runErrand(p)
}

func (b *block) runErrand(p *process) (*errandResult, spent, error) {
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, spent{}, err
	}
	pipe, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, spent{}, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, spent{}, err
	}
	out := bufio.NewReader(pipe)
	fail := func(err error) (*errandResult, spent, error) {
		p.cmd.Process.Kill()
		p.cmd.Wait()
		return nil, spent{}, fmt.Errorf("delivery: %w: %s", err, p.stderr)
	}
	if line, err := out.ReadString('\n'); err != nil || line != "ready\n" {
		return fail(cmp.Or(err, errors.New(line)))
	}
	before, err := b.db.usage()
	if err != nil {
		return fail(err)
	}
	fmt.Fprintln(in, "go")
	var r errandResult
	if err := json.NewDecoder(out).Decode(&r); err != nil {
		return fail(err)
	}
	after, err := b.db.usage()
	if err != nil {
		return fail(err)
	}
	s := spent{server: usage{cpu: time.Duration(r.CPU * float64(time.Millisecond))}, database: after.minus(before)}
	return &r, s, p.cmd.Wait()
}

const (
	// outboxMessages are sent at once, notices is how many go out beside codes, codePace how many codes a second.
	outboxMessages = 20_000
	codePace       = 50
)

// errands measures delivery by itself: hand-off at each number of connections, an outbox that is full, codes beside notices.
func (b *block) errands(ctx context.Context) error {
	list := []errand{}
	for _, n := range b.connections {
		list = append(list, errand{Mode: handoffMode, Connections: n, Seconds: b.seconds})
	}
	list = append(list, errand{Mode: outboxMode, Messages: outboxMessages}, errand{Mode: noticesMode, Connections: 16, Pace: codePace, Seconds: b.seconds},
		errand{Mode: noticesMode, Connections: 16, Pace: codePace, Seconds: 120, Messages: b.notices})
	for _, e := range list {
		f, err := b.cheapest(func() (*figure, error) {
			r, s, err := b.errand(ctx, e)
			if err != nil {
				return nil, err
			}
			return b.ofErrand(e, r, s), ctx.Err()
		})
		if err != nil {
			return err
		}
		b.keep(f)
	}
	return nil
}

// ofErrand is the figure of an errand. Costs are per message, hand-off is that of codes.
func (b *block) ofErrand(e errand, r *errandResult, s spent) *figure {
	name := e.Mode
	if e.Mode == noticesMode {
		name = fmt.Sprintf("codes+%d", e.Messages)
	}
	f := &figure{Store: b.store, Users: b.users, Workload: name, Connections: e.Connections, Operations: int(r.Sent), Errors: r.Failed, Error: r.Error,
		Rate: float64(r.Sent) / r.Took * 1000, P50: r.P50, P99: r.P99}
	f.cost(s, b.echoCPU[cmp.Or(e.Connections, 16)])
	return f
}
