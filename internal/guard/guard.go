package guard

import (
	"context"
	"time"

	"countersign/internal/fault"
	"countersign/internal/store"
)

// Purpose is what is counted together.
type Purpose string

const (
	// Password counts wrong passwords and SRP proofs, SignIn wrong codes of any factor at sign-in; the others the codes of their flows.
	Password Purpose = "password"
	SignIn   Purpose = "sign_in"
	SignUp   Purpose = "sign_up"
	Recovery Purpose = "recovery"
	Verify   Purpose = "verify"
	// Custom counts wrong answers to the challenges of a pool's own functions: apart from SignIn, since what the functions take for right may be
	// right for everybody. Its sends are sign-ins begun by such challenges, for which functions send texts of their own.
	Custom Purpose = "custom"
	// Enrol counts wrong codes of an authenticator that its own user is adding, so that they and the right ones say nothing about Verify.
	Enrol Purpose = "enrol"
	// Notice counts messages without a code: something about the account has changed.
	Notice Purpose = "notice"
	// RecoveryCode counts wrong recovery codes of the Auth0 wire, which are too long to be guessed: apart from SignIn, so that they lock nothing else.
	RecoveryCode Purpose = "recovery_code"
)

// Limits are the numbers of a Guard. The zero value of a field means its default; a negative one means no limit.
type Limits struct {
	// TotalKnown and TotalOther are the failures in a row that close a bucket. Defaults 20 and 80.
	TotalKnown, TotalOther int
	// SendsAccount is messages an hour for one account and purpose, from known networks and from all others each. Default: 5 for SignUp
	// and Verify, 10 for Recovery and Notice, 20 for SignIn and Custom (cognito.md 5.2 where Cognito has a number).
	SendsAccount map[Purpose]int
	// SendsNumber is messages an hour to one line, whatever the account. Known networks may use as many again: strangers cannot use up the
	// owner's share. Default 20.
	SendsNumber int
	// SendsNetwork is messages an hour that one network (IPv4 address, IPv6 /64) may cause. Default 120.
	SendsNetwork int
	// FailuresNetwork is wrong answers an hour from one network over all accounts: one code sprayed over many. Default 200.
	FailuresNetwork int
	// Calls is redemptions an hour for one account and purpose, right or wrong, from known networks and from all others each. Default 15 for
	// SignUp and Verify, 20 for Recovery, 5 for Password changes by a signed-in user.
	Calls map[Purpose]int
	// FactorSends is how many messages with second factors one account may cause at once on the Auth0 wire; one more comes back each hour.
	// FactorFailures is how many wrong answers it may give there at once; one more comes back each six minutes. Known networks and all others
	// have as many each. Default 10 (Auth0's entity limits).
	FactorSends, FactorFailures int

	// Those that follow hold only where a pool's limits say so (Send.Limits): zero means none.

	// SendsAccountDay, SendsNumberDay and SendsNetworkDay are as those above, from midnight to midnight UTC.
	SendsAccountDay, SendsNumberDay, SendsNetworkDay int
	// SendsConfirmed and SendsConfirmedDay are messages to one line for accounts that have proven it, from known networks as many again. Zero:
	// SendsNumber and SendsNumberDay. Such messages have a counter of their own, so that strangers who type the number in use up nothing of it.
	SendsConfirmed, SendsConfirmedDay int
	// SendsNet and SendsNetDay are messages that one wider network (Send.Net) may cause.
	SendsNet, SendsNetDay int
	// CoolDown is how long an account waits after its first, second ... unanswered text or call within an hour; the last one stands for all that
	// follow. From known networks the first is free. A success ends it.
	CoolDown []time.Duration
	// BackOffAfter is how many codes to a confirmed number may stay unanswered before unknown networks wait: BackOffFirst, and twice as long after
	// each further one, BackOffMost at most. Known networks go on. A success ends it, as do seven days without a code.
	BackOffAfter              int
	BackOffFirst, BackOffMost time.Duration
	// Record: what these fields would refuse is told to Send.Recorded, and sent.
	Record bool
}

const (
	lockAfter  = 5
	lockMost   = 15 * time.Minute
	quiet      = 15 * time.Minute
	window     = time.Hour
	totalKeeps = 365 * 24 * time.Hour
)

var defaultSends = map[Purpose]int{SignUp: 5, Verify: 5, Recovery: 10, SignIn: 20, Custom: 20, Notice: 10}
var defaultCalls = map[Purpose]int{SignUp: 15, Verify: 15, Recovery: 20, Password: 5}

func pick(v, def int) int {
	if v == 0 {
		return def
	}
	return v
}

// Guard counts tries and sends.
type Guard struct {
	Limits Limits
	Now    func() time.Time
}

// Try names an attempt at a secret.
type Try struct {
	PoolID string
	// Subject is the user's id, or the keyed hash of a name without an account.
	Subject string
	Purpose Purpose
	// Known is whether the caller's network had a success of this account lately; see store.Users.NetworkSeen.
	Known bool
	// Network is the keyed hash of the caller's network, or empty.
	Network string
	// Factor: FactorFailures holds as well.
	Factor bool
}

func (t Try) key() store.CounterKey {
	return store.CounterKey{PoolID: t.PoolID, Subject: t.Subject, Purpose: "try/" + string(t.Purpose), Bucket: bucket(t.Known)}
}

func bucket(known bool) string {
	if known {
		return "known"
	}
	return "other"
}

// Turn is an attempt that may be judged. It holds the counter's row until the transaction ends.
type Turn struct {
	g  *Guard
	t  Try
	tx store.Tx
	c  store.Counter
}

// Begin starts an attempt inside a Write. It returns PasswordLocked or AttemptLimit if the attempt must not be judged.
func (g *Guard) Begin(ctx context.Context, tx store.Tx, t Try) (*Turn, error) {
	c, err := tx.Counters().LockCounter(ctx, t.key())
	if err != nil {
		return nil, err
	}
	if err := g.judge(t, c); err != nil {
		return nil, err
	}
	if err := g.network(ctx, tx, t); err != nil {
		return nil, err
	}
	if t.Factor {
		if err := g.draw(ctx, tx, t.factorKey(), pick(g.Limits.FactorFailures, factorBurst), factorFailureEvery, false); err != nil {
			return nil, err
		}
	}
	return &Turn{g: g, t: t, tx: tx, c: c}, nil
}

// Check is Begin without a lock, for the part of a flow that only reads: it spares the hash of a password that would not be
// judged, and the work that only a right answer causes, by which a locked out caller could tell it. Begin decides.
func (g *Guard) Check(ctx context.Context, tx store.Tx, t Try) error {
	c, err := tx.Counters().Counter(ctx, t.key())
	if err != nil {
		return err
	}
	if err := g.judge(t, c); err != nil {
		return err
	}
	if err := g.network(ctx, tx, t); err != nil || !t.Factor {
		return err
	}
	size := pick(g.Limits.FactorFailures, factorBurst)
	if c, err = tx.Counters().Counter(ctx, t.factorKey()); err != nil || size <= 0 {
		return err
	}
	_, err = refilled(c, size, factorFailureEvery, g.Now().UTC())
	return err
}

func (g *Guard) judge(t Try, c store.Counter) error {
	now := g.Now()
	total := pick(g.Limits.TotalOther, 80)
	if t.Known {
		total = pick(g.Limits.TotalKnown, 20)
	}
	if (total > 0 && c.Total >= total) || now.Before(c.LockedUntil) {
		if t.Purpose == Password {
			return fault.New(fault.PasswordLocked)
		}
		return fault.New(fault.AttemptLimit)
	}
	return nil
}

func (t Try) networkKey() store.CounterKey {
	return store.CounterKey{PoolID: t.PoolID, Subject: t.Network, Purpose: "fail/network"}
}

func (g *Guard) network(ctx context.Context, tx store.Tx, t Try) error {
	limit := pick(g.Limits.FailuresNetwork, 200)
	if t.Network == "" || limit < 0 || t.Known {
		return nil
	}
	c, err := tx.Counters().Counter(ctx, t.networkKey())
	if err != nil {
		return err
	}
	if c.N >= limit && g.Now().Before(c.Since.Add(window)) {
		return fault.New(fault.AttemptLimit)
	}
	return nil
}

// Fail counts the attempt as wrong. locked reports whether the account is locked from now on, so that its open challenges must end.
func (t *Turn) Fail(ctx context.Context) (locked bool, err error) {
	now := t.g.Now().UTC()
	c := t.c
	if c.N == 0 || now.Sub(c.Last) >= quiet {
		c.N, c.Since = 0, now
	}
	c.N++
	c.Total++
	c.Last = now
	if c.N >= lockAfter {
		c.LockedUntil = now.Add(lockTime(c.N))
	}
	t.c = c
	if err := t.tx.Counters().SaveCounter(ctx, t.t.key(), c, now.Add(totalKeeps)); err != nil {
		return false, err
	}
	if t.t.Network != "" && !t.t.Known {
		if _, err := t.tx.Counters().BumpCounter(ctx, t.t.networkKey(), now, window); err != nil {
			return false, err
		}
	}
	if t.t.Factor {
		if err := t.g.draw(ctx, t.tx, t.t.factorKey(), pick(t.g.Limits.FactorFailures, factorBurst), factorFailureEvery, true); err != nil {
			return false, err
		}
	}
	return c.N >= lockAfter, nil
}

// lockTime is Cognito's: 2^(n-5) seconds for the n-th failure, 15 minutes at most (developer guide, lockout behavior).
func lockTime(n int) time.Duration {
	if n >= lockAfter+10 {
		return lockMost
	}
	return min(time.Duration(1<<(n-lockAfter))*time.Second, lockMost)
}

// Succeed ends the run: the counters of the account and purpose are reset, in both buckets.
// A code that was typed in also ends what Send remembers of unanswered ones.
func (t *Turn) Succeed(ctx context.Context) error {
	k := t.t.key()
	if err := t.tx.Counters().ResetCounters(ctx, k.PoolID, k.Subject, k.Purpose); err != nil || !t.t.Purpose.answers() {
		return err
	}
	return t.tx.Counters().ResetCounters(ctx, k.PoolID, k.Subject, awaitPurpose)
}

// Forgive resets the counters of a purpose from outside: a recovery or an administrator did it.
func (g *Guard) Forgive(ctx context.Context, tx store.Tx, poolID, subject string, purposes ...Purpose) error {
	for _, p := range purposes {
		for _, what := range []string{"try/", "factor/"} {
			if err := tx.Counters().ResetCounters(ctx, poolID, subject, what+string(p)); err != nil {
				return err
			}
		}
	}
	return tx.Counters().ResetCounters(ctx, poolID, subject, awaitPurpose)
}

// Call counts a redemption, right or wrong, against the hourly allowance of the account and purpose (cognito.md 5.2).
func (g *Guard) Call(ctx context.Context, tx store.Tx, t Try) error {
	return g.bump(ctx, tx, t.callKey(), g.calls(t.Purpose))
}

// CheckCall is Call without counting, for the part of a flow that only reads: it spares work that would be refused.
func (g *Guard) CheckCall(ctx context.Context, tx store.Tx, t Try) error {
	limit := g.calls(t.Purpose)
	if limit <= 0 {
		return nil
	}
	c, err := tx.Counters().Counter(ctx, t.callKey())
	if err == nil && c.N >= limit && g.Now().Before(c.Since.Add(window)) {
		err = fault.New(fault.AttemptLimit)
	}
	return err
}

func (g *Guard) calls(p Purpose) int {
	if limit, ok := g.Limits.Calls[p]; ok {
		return limit
	}
	return defaultCalls[p]
}

func (t Try) callKey() store.CounterKey {
	return store.CounterKey{PoolID: t.PoolID, Subject: t.Subject, Purpose: "call/" + string(t.Purpose), Bucket: bucket(t.Known)}
}

func (g *Guard) bump(ctx context.Context, tx store.Tx, k store.CounterKey, limit int) error {
	if limit <= 0 {
		return nil
	}
	n, err := tx.Counters().BumpCounter(ctx, k, g.Now().UTC(), window)
	if err != nil {
		return err
	}
	if n > limit {
		return fault.New(fault.AttemptLimit)
	}
	return nil
}
