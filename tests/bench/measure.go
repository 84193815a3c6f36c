package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"countersign/internal/trigger"
)

// figure is one measurement. Times are milliseconds; CPU is per operation.
type figure struct {
	Store       string  `json:"store"`
	Users       int     `json:"users"`
	Workload    string  `json:"workload"`
	Algorithm   string  `json:"algorithm,omitempty"`
	Connections int     `json:"connections"`
	Operations  int     `json:"operations"`
	Errors      int     `json:"errors"`
	Error       string  `json:"error,omitempty"`
	Rate        float64 `json:"per_second"`
	P50         float64 `json:"p50_ms"`
	P99         float64 `json:"p99_ms"`
	ServerCPU   float64 `json:"server_cpu_ms"`
	DatabaseCPU float64 `json:"database_cpu_ms"`
	// Written is the bytes written to disk for an operation, by both.
	Written float64 `json:"bytes_written"`
	// CPU is both together, TimesEcho the same divided by the echo's at as many connections. Hash is what the password's hash
	// took by itself meanwhile, ExceptHash the difference (both 0 where there is none).
	CPU        float64 `json:"cpu_ms"`
	TimesEcho  float64 `json:"times_echo"`
	Hash       float64 `json:"hash_cpu_ms,omitempty"`
	ExceptHash float64 `json:"cpu_ms_except_hash,omitempty"`
	// WorkersCPU is what the workers of functions took, which is no part of CPU; Workers is their memory at the end.
	WorkersCPU float64        `json:"workers_cpu_ms,omitempty"`
	Workers    []workerMemory `json:"workers,omitempty"`
	// Beside is what GetUser took meanwhile (saturation alone).
	Beside *beside `json:"get_user_beside,omitempty"`
}

type beside struct {
	Operations int     `json:"operations"`
	P50        float64 `json:"p50_ms"`
	P99        float64 `json:"p99_ms"`
}

// block is everything measured on one store with one number of users.
type block struct {
	*runner
	store string
	db    databases
	users int

	echoCPU map[int]float64 // by connections
	// code is what the servers have of user code, pack its package. plan: pools have an account and a plan.
	code *userCode
	plan bool
	pack []byte
	seen *arrivals
	t    *target
	drop func()
}

// warmUp runs before each measurement: prepared statements, caches, signing keys.
const warmUp = 1 * time.Second

// settle is how long what an answered operation leaves behind may take to be done with.
const settle = 300 * time.Millisecond

// fresh replaces the server and its database by new ones.
func (b *block) fresh(ctx context.Context) error {
	b.end()
	url, drop, err := b.db.copy(ctx, b.users, true)
	if err != nil {
		return err
	}
	sets := newSets(b.users)
	if b.code != nil || b.plan {
		err := b.with(ctx, url, func(i *installer) error {
			if b.plan {
				return i.plans(ctx, b.sink.url, sets)
			}
			return i.all(ctx, b.code, b.pack, sets)
		})
		if err != nil {
			drop()
			return err
		}
	}
	s, err := b.launch.start(ctx, url)
	if err != nil {
		drop()
		return err
	}
	b.drop = drop
	if b.code != nil && b.code.trigger == trigger.CustomSMSSender {
		b.seen = watchArrivals(filepath.Join(b.launch.functions, "work"), b.sink)
	}
	b.t = &target{server: s, sink: b.sink, sets: sets, sessions: map[string][]session{}}
	return nil
}

// end stops the server, if there is one, and drops its database.
func (b *block) end() {
	if b.t != nil {
		b.t.end()
		b.drop()
		b.t = nil
		if b.seen != nil {
			b.seen.end()
			b.seen = nil
		}
	}
}

// spent is what the server, the database and the workers of functions have used.
type spent struct{ server, database, workers usage }

func (s spent) minus(t spent) spent {
	return spent{s.server.minus(t.server), s.database.minus(t.database), s.workers.minus(t.workers)}
}

func (s spent) plus(t spent) spent {
	return spent{s.server.plus(t.server), s.database.plus(t.database), s.workers.plus(t.workers)}
}

// usage is what was spent so far.
func (b *block) usage() (s spent, err error) {
	var errs [3]error
	s.server, errs[0] = usageOf(b.t.pid())
	s.database, errs[1] = b.db.usage()
	if b.code != nil {
		s.workers, errs[2] = usageOfWorkers(b.t.pid())
	}
	return s, errors.Join(errs[:]...)
}

// room makes sure that the users of a kind may still cause the texts of a measurement, and returns how many.
func (b *block) room(ctx context.Context, w *workload, set string) (int64, error) {
	if b.t == nil || w.sent {
		if err := b.fresh(ctx); err != nil {
			return 0, err
		}
	}
	if w.once > 0 {
		return w.once, nil
	}
	if !w.texts {
		return math.MaxInt64, nil
	}
	s := b.t.sets[set]
	need := int(float64(w.perSecond) * (b.seconds + warmUp.Seconds()))
	if left := s.left(w.kind); left < need && left < s.count(w.kind)*sendsEach {
		if err := b.fresh(ctx); err != nil {
			return 0, err
		}
	}
	return int64(b.t.sets[set].left(w.kind)), nil
}

// measure runs one workload.
func (b *block) measure(ctx context.Context, w *workload, alg string, connections int) (*figure, error) {
	room, err := b.room(ctx, w, alg)
	if err != nil {
		return nil, err
	}
	set := b.t.sets[alg]
	if w.sessions {
		if err := b.t.signIn(ctx, set); err != nil {
			return nil, err
		}
	}
	if w.sent {
		if err := b.t.sendTexts(ctx, set, w.once); err != nil {
			return nil, err
		}
	}
	op, address := w.op(b.t, set), b.t.address
	if w.signed {
		address = b.t.admin
	}
	var warm outcome
	if w.once == 0 {
		warm = load(ctx, address, connections, warmUp, room/4, op)
		time.Sleep(settle)
	}
	stop := b.profile(fmt.Sprintf("%s-%d-%s-%s-%d", b.store, b.users, w.name, alg, connections))
	defer stop()
	parts := 1
	if w.hashes {
		parts = hashParts
	}
	room -= int64(warm.good() + warm.failed)
	var o outcome
	var all spent
	var hash float64
	for range parts {
		if w.hashes {
			h, err := measureHash(b.seconds/float64(parts), connections)
			if err != nil {
				return nil, err
			}
			hash += h.CPU / float64(parts)
		}
		s, err := b.during(func() {
			o.join(load(ctx, address, connections, b.duration()/time.Duration(parts), room/int64(parts), op))
		})
		if err != nil {
			return nil, err
		}
		all = all.plus(s)
	}
	slices.Sort(o.latencies)
	f := b.figure(w.name, alg, connections, &o)
	f.cost(all, b.echoCPU[connections])
	if w.code != nil {
		if f.Workers, err = memoryOfWorkers(b.t.pid()); err != nil {
			return nil, err
		}
	}
	if w.hashes {
		f.Hash, f.ExceptHash = hash, f.CPU-hash
	}
	return f, ctx.Err()
}

// hashParts is how often the password's hash is measured by itself between parts of a measurement that it is to be taken
// from: it depends on what else the machine does.
const hashParts = 4

// during returns what was spent while f ran and a little after.
func (b *block) during(f func()) (spent, error) {
	before, err := b.usage()
	if err != nil {
		return spent{}, err
	}
	f()
	time.Sleep(settle)
	after, err := b.usage()
	return after.minus(before), err
}

func (b *block) figure(name, alg string, connections int, o *outcome) *figure {
	f := &figure{
		Store: b.store, Users: b.users, Workload: name, Algorithm: alg, Connections: connections, Operations: o.good(), Errors: o.failed,
		Rate: o.rate(), P50: milliseconds(o.percentile(0.5)), P99: milliseconds(o.percentile(0.99)),
	}
	if o.example != nil {
		f.Error = o.example.Error()
	}
	return f
}

func (f *figure) cost(s spent, echo float64) {
	n := float64(max(f.Operations+f.Errors, 1))
	f.ServerCPU, f.DatabaseCPU, f.WorkersCPU = milliseconds(s.server.cpu)/n, milliseconds(s.database.cpu)/n, milliseconds(s.workers.cpu)/n
	f.Written = float64(s.server.written+s.database.written) / n
	f.CPU = f.ServerCPU + f.DatabaseCPU
	if echo > 0 {
		f.TimesEcho = f.CPU / echo
	}
}

// saturate lets more people sign in than there are cores to hash for, and watches GetUser beside.
func (b *block) saturate(ctx context.Context) (*figure, error) {
	const signingIn, asking = 64, 4
	w := &workload{texts: true, kind: withMFA, perSecond: 150}
	room, err := b.room(ctx, w, "RS256")
	if err != nil {
		return nil, err
	}
	set := b.t.sets["RS256"]
	if err := b.t.signIn(ctx, set); err != nil {
		return nil, err
	}
	var o, u outcome
	all, err := b.during(func() {
		var wg sync.WaitGroup
		wg.Go(func() { o = load(ctx, b.t.address, signingIn, b.duration(), room, passwordSignIn(b.t, set)) })
		wg.Go(func() {
			// Paced, so that what is asked does not itself fill the cores.
			ask := getUser(b.t, set)
			u = load(ctx, b.t.address, asking, b.duration(), math.MaxInt64, func(c *conn) (time.Duration, error) {
				time.Sleep(20 * time.Millisecond)
				return ask(c)
			})
		})
		wg.Wait()
	})
	if err != nil {
		return nil, err
	}
	f := b.figure("saturation", "RS256", signingIn, &o)
	f.Errors += u.failed
	if u.example != nil {
		f.Error = u.example.Error()
	}
	f.cost(all, 0)
	f.Beside = &beside{u.good(), milliseconds(u.percentile(0.5)), milliseconds(u.percentile(0.99))}
	return f, ctx.Err()
}

// profile writes profiles of the server during a measurement, of CPU and of allocations, if they are wanted.
func (b *block) profile(name string) (stop func()) {
	if b.profiles == "" || b.t.profiler == "" {
		return func() {}
	}
	var wg sync.WaitGroup
	for kind, suffix := range map[string]string{"profile": "", "allocs": "-allocs"} {
		wg.Go(func() {
			if err := b.fetchProfile(kind, name+suffix); err != nil {
				fmt.Fprintln(os.Stderr, "profile:", err)
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	return wg.Wait
}

func (b *block) fetchProfile(kind, name string) error {
	seconds := max(int(b.seconds), 1)
	res, err := http.Get(fmt.Sprintf("http://%s/debug/pprof/%s?seconds=%d", b.t.profiler, kind, seconds))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	out, err := os.Create(filepath.Join(b.profiles, name+".pprof"))
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.Copy(out, res.Body)
	return err
}

// echoPace is the echo's load, in requests a second: about what the server itself does. Driven as fast as it goes, an echo
// answers several requests each time it wakes, and costs half as much for each.
const echoPace = 2800

// echo measures the yardstick.
func (b *block) echo(ctx context.Context, connections int) (*figure, error) {
	p, address, err := startEcho()
	if err != nil {
		return nil, err
	}
	defer p.end()
	body := []byte(`{"AuthFlow":"USER_AUTH","ClientId":"benchclientrsa","AuthParameters":{"PREFERRED_CHALLENGE":"SMS_OTP","USERNAME":"+4915100000000"}}`)
	op := func(c *conn) (time.Duration, error) {
		began := time.Now()
		status, _, err := c.post("/", "Content-Type: application/x-amz-json-1.1\r\nUser-Agent: countersign-bench\r\n", body)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("echo: %d", status)
		}
		took := time.Since(began)
		if connections > 1 { // a single one waits for the answer, and is slower by itself
			time.Sleep(time.Duration(connections)*time.Second/echoPace - took)
		}
		return took, err
	}
	load(ctx, address, connections, warmUp/2, math.MaxInt64, op)
	before, err := usageOf(p.pid())
	if err != nil {
		return nil, err
	}
	o := load(ctx, address, connections, min(b.duration(), 3*time.Second), math.MaxInt64, op)
	after, err := usageOf(p.pid())
	if err != nil {
		return nil, err
	}
	f := b.figure("echo", "", connections, &o)
	f.cost(spent{server: after.minus(before)}, 0)
	f.TimesEcho = 1
	return f, ctx.Err()
}

// startFigure is how a server starts, and what it and its database weigh.
type startFigure struct {
	Store string `json:"store"`
	Users int    `json:"users"`
	// Verifiers: users have SRP verifiers.
	Verifiers bool `json:"verifiers"`
	// Start is from the program's start to the first good /readyz: the median of five, and the slowest.
	Start   float64 `json:"start_ms"`
	Slowest float64 `json:"start_slowest_ms"`
	// Memory after the start.
	Memory memory `json:"memory"`
	// Size of the database.
	Size int64 `json:"database_bytes"`
}

// starts is how often the start is measured.
const starts = 5

// begin measures the start. Afterwards the database is dropped.
func (b *block) begin(ctx context.Context, users int, verifiers bool) (*startFigure, error) {
	b.end()
	url, drop, err := b.db.copy(ctx, users, verifiers)
	if err != nil {
		return nil, err
	}
	defer drop()
	f := &startFigure{Store: b.store, Users: users, Verifiers: verifiers}
	if f.Size, err = b.db.size(ctx, url); err != nil {
		return nil, err
	}
	var took []time.Duration
	for i := range starts {
		s, err := b.launch.start(ctx, url)
		if err != nil {
			return nil, err
		}
		took = append(took, s.started)
		if i == starts-1 {
			time.Sleep(2 * time.Second)
			f.Memory, err = memoryOf(s.pid())
		}
		s.end()
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(took)
	f.Start, f.Slowest = milliseconds(took[starts/2]), milliseconds(took[starts-1])
	return f, ctx.Err()
}
