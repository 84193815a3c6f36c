package function

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign/internal/fault"
	"countersign/internal/policy"
	"countersign/internal/runner"
	"countersign/internal/store"
	"countersign/internal/trigger"
)

const (
	// fresh is how long a target is believed without a thought; until stale it still serves, while it is read anew.
	fresh = time.Second
	stale = 2 * time.Second
	// maxTargets bounds the targets in memory; beyond it they start anew.
	maxTargets = 1024
)

// target is what a reference leads to. It is immutable.
type target struct {
	ref        Ref
	functionID string
	// rows names the rows that it was made of: an equal one need not be made again.
	rows string
	// policy is that of arn, nil for none.
	arn      string
	policy   *policy.Policy
	reserved *int
	// picks are the versions behind the reference, one but for an alias with weights; the last one takes what the others leave.
	picks []pick
	// err is set instead of all this if there is no such function.
	err error
}

type pick struct {
	weight  float64
	version string
	code    *runner.Code
	// secrets are the values of the environment, which no kept text may hold.
	secrets []string
}

// choose takes a version by weight.
func (t *target) choose() *pick {
	at := 0.0
	if len(t.picks) > 1 {
		var b [4]byte
		rand.Read(b[:])
		at = float64(binary.BigEndian.Uint32(b[:])) / (1 << 32)
	}
	for i := range t.picks[:len(t.picks)-1] {
		if at -= t.picks[i].weight; at < 0 {
			return &t.picks[i]
		}
	}
	return &t.picks[len(t.picks)-1]
}

// permits reports whether the policy of what was referred to lets the caller invoke it.
func (t *target) permits(c trigger.Caller) bool { return permits(t.policy, t.arn, c) }

type targets struct {
	mu    sync.Mutex
	known map[Ref]*known
	// flights are the look-ups under way, one for each reference.
	flights map[Ref]*flight
	// epoch counts changes on this node, so that what was read before one is not kept after it.
	epoch uint64
}

type known struct {
	t  *target
	at time.Time
}

// flight is a look-up under way. t and err are there once done is closed.
type flight struct {
	// epoch and at are those of its beginning: who asks after a change, or two seconds later, does not wait for it.
	epoch uint64
	at    time.Time
	done  chan struct{}
	t     *target
	err   error
}

// forget makes all references to a function be read anew. What was known stays to be compared with.
func (s *Service) forget(ref Ref) {
	c := &s.targets
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	for k, v := range c.known {
		if k.Region == ref.Region && k.Name == ref.Name {
			c.known[k] = &known{t: v.t}
		}
	}
}

// bury drops all references to a deleted function and ends its workers.
func (s *Service) bury(ref Ref) {
	c := &s.targets
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	for k, v := range c.known {
		if k.Region == ref.Region && k.Name == ref.Name {
			delete(c.known, k)
			s.retire(v.t, nil)
		}
	}
}

// retire ends the workers of code that is no longer current. next, if not nil, is what followed.
func (s *Service) retire(old, next *target) {
	if s.c.Runner == nil || old == nil {
		return
	}
	for _, p := range old.picks {
		if next != nil && len(next.picks) > 0 && next.picks[0].code.ID == p.code.ID {
			continue
		}
		go s.c.Runner.Forget(p.code.ID)
	}
}

// resolve returns the target of a reference, from memory if it was read in the last two seconds. Callers of one that is not in memory
// share a look-up.
func (s *Service) resolve(ctx context.Context, ref Ref) (*target, error) {
	if ref.Qualifier == Latest {
		ref.Qualifier = ""
	}
	k, f := s.known(ctx, ref)
	if k != nil {
		return k, k.err
	}
	select {
	case <-f.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if f.err != nil {
		return nil, f.err
	}
	return f.t, f.t.err
}

// known returns a target from memory, or else the look-up to wait for. What is a second old is read anew meanwhile.
func (s *Service) known(ctx context.Context, ref Ref) (*target, *flight) {
	c, now := &s.targets, s.c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	var old *target
	age := time.Duration(stale)
	if k := c.known[ref]; k != nil {
		old, age = k.t, now.Sub(k.at)
	}
	if age >= 0 && age < fresh {
		return old, nil
	}
	f := c.flights[ref]
	if f == nil || f.epoch != c.epoch || now.Sub(f.at) >= stale {
		f = &flight{epoch: c.epoch, at: now, done: make(chan struct{})}
		if c.flights == nil {
			c.flights = map[Ref]*flight{}
		}
		c.flights[ref] = f
		go s.look(context.WithoutCancel(ctx), ref, old, f)
	}
	if age >= 0 && age < stale {
		return old, nil
	}
	return nil, f
}

// lookTime bounds a look-up, whatever time its callers have.
const lookTime = 10 * time.Second

// look is a flight.
func (s *Service) look(ctx context.Context, ref Ref, old *target, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	if f.t, f.err = s.load(ctx, ref, old); f.err != nil {
		s.c.Log.Warn("a function cannot be read", "function", ref.Name, "error", f.err)
	} else {
		s.remember(ref, f.t, f.at, f.epoch)
	}
	s.targets.mu.Lock()
	if s.targets.flights[ref] == f {
		delete(s.targets.flights, ref)
	}
	s.targets.mu.Unlock()
	close(f.done)
}

func (s *Service) remember(ref Ref, t *target, at time.Time, epoch uint64) {
	c := &s.targets
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.known[ref]; c.epoch != epoch || k != nil && k.at.After(at) {
		return
	}
	if c.known == nil || len(c.known) >= maxTargets {
		c.known = map[Ref]*known{}
	}
	if k := c.known[ref]; k != nil && k.t != t && ref.Qualifier == "" {
		s.retire(k.t, t)
	}
	c.known[ref] = &known{t: t, at: at}
}

// load reads a target; old is returned again if its rows have not changed. An unknown function is a target with err.
func (s *Service) load(ctx context.Context, ref Ref, old *target) (*target, error) {
	var l *located
	var others []*located
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		others = nil
		if l, err = s.locate(ctx, tx, ref); err != nil || l.routing == nil {
			return err
		}
		for version, w := range l.routing.Weights {
			o := &located{row: l.row, doc: l.doc}
			if w <= 0 {
				continue
			}
			if err := s.fill(ctx, tx, ref, o, version); err != nil {
				return err
			}
			others = append(others, o)
		}
		return nil
	})
	if fault.CodeOf(err) == fault.ResourceNotFound {
		return &target{ref: ref, err: err}, nil
	}
	if err != nil {
		return nil, stored(err)
	}
	rows := l.row.ID + "@" + itoa(int(l.row.Version))
	if l.alias != nil {
		rows += "@" + itoa(int(l.alias.Version))
	}
	if old != nil && old.rows == rows {
		return old, nil
	}
	t := &target{ref: ref, functionID: l.row.ID, rows: rows, reserved: l.doc.Reserved, arn: s.policyARN(ref)}
	t.policy = l.doc.Policies[policyKey(ref)].rules(t.arn)
	for _, o := range append(others, l) {
		p, err := s.pick(ctx, ref, o)
		if err != nil {
			return nil, err
		}
		if l.routing != nil {
			p.weight = l.routing.Weights[o.version]
		}
		t.picks = append(t.picks, *p)
	}
	return t, nil
}

// pick makes the code of a version, its environment opened.
func (s *Service) pick(ctx context.Context, ref Ref, l *located) (*pick, error) {
	own, err := s.openEnv(ctx, l.row.ID, l.env)
	if err != nil {
		return nil, err
	}
	env := map[string]string{"AWS_REGION": l.row.Region, "AWS_DEFAULT_REGION": l.row.Region}
	maps.Copy(env, own)
	id, secretKey, err := s.credentials(ctx, l.row.ID)
	if err != nil {
		return nil, err
	}
	env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"] = id, secretKey
	workers := s.c.Limits.Workers
	if l.doc.Reserved != nil {
		workers = max(1, min(workers, *l.doc.Reserved))
	}
	set, artifact := l.code.Settings, l.artifact
	name := []string{l.row.ID, l.version, l.code.Revision, itoa(workers)}
	if l.alias != nil {
		name = append(name, ref.Qualifier) // the code is told the ARN that it was called by
	}
	code := &runner.Code{
		ID:   strings.Join(name, "@"),
		Name: l.row.Name, ARN: ref.ARN(s.c.Account), Version: l.version, Runtime: set.Runtime, Handler: set.Handler, Artifact: artifact,
		Open: func(ctx context.Context) (runner.Package, error) { return s.Package(ctx, artifact) },
		Env:  env, MemoryMB: set.MemoryMB, Timeout: time.Duration(set.TimeoutSeconds) * time.Second, Workers: workers,
	}
	p := &pick{version: l.version, code: code, secrets: []string{secretKey}}
	for _, v := range own {
		p.secrets = append(p.secrets, v)
	}
	return p, nil
}

// errElsewhere means that a function is Config.Remote's.
var errElsewhere = errors.New("function: hosted elsewhere")

// resolveARN resolves the ARN that a pool names. It is errElsewhere where Remote is to be asked.
func (s *Service) resolveARN(ctx context.Context, arn string) (Ref, *target, error) {
	r, err := ParseReference(arn, "", "")
	if err != nil || !strings.HasPrefix(arn, "arn:") {
		return Ref{}, nil, fault.Invalidf("LambdaArn", "The function is not named by its ARN.")
	}
	remote := s.c.Remote != nil && s.remoteAllows(arn)
	if s.hosts(r.Account) {
		t, err := s.resolve(ctx, r.Ref)
		if fault.CodeOf(err) != fault.ResourceNotFound || !remote {
			return r.Ref, t, s.hintNotFound(r.Ref, err)
		}
	}
	switch {
	case remote:
		return r.Ref, nil, errElsewhere
	case s.c.Remote != nil:
		return r.Ref, nil, &fault.Error{Code: fault.AccessDenied, Field: arn, Public: "This server does not call " + arn + ".",
			Hint: "name it, or a pattern, in functions.remote_allow of the configuration: " + arn}
	}
	return r.Ref, nil, s.hintNotFound(r.Ref, &fault.Error{Code: fault.ResourceNotFound, Field: arn, Public: "Function not found: " + arn})
}

// remoteAllows reports whether a function elsewhere may be called: a pattern without a qualifier allows all of the function.
func (s *Service) remoteAllows(arn string) bool {
	whole := arn
	if p := strings.Split(arn, ":"); len(p) == 8 {
		whole = strings.Join(p[:7], ":")
	}
	return len(s.c.RemoteAllow) == 0 || slices.ContainsFunc(s.c.RemoteAllow, func(pattern string) bool {
		return policy.ARNLike(pattern, arn) || policy.ARNLike(pattern, whole)
	})
}

func (s *Service) hintNotFound(ref Ref, err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Code != fault.ResourceNotFound || f.Hint != "" {
		return err
	}
	hinted := *f
	hinted.Hint = "aws lambda create-function --function-name " + ref.Name + " --region " + ref.Region +
		" … (or functions.remote: true in the configuration, for functions in AWS)"
	return &hinted
}
