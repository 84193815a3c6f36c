package pool

import (
	"context"
	"crypto/rand"
	"errors"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/otp"
	"countersign/internal/store"
	"countersign/internal/trigger"
	"countersign/provider"
)

// MakerConfig says whose service makes and checks the codes of texts and calls in this server's place (provider.CodeMaker). It goes together with no
// user code that needs the code: CustomMessage, CustomSMSSender, hooks and actions that send.
type MakerConfig struct {
	// Account is the name of the pool's account with the service.
	Account string `json:"account"`
	// Purposes are sign_in, recovery and sign_up (numbers that are verified are among the last); empty means all three.
	Purposes []string `json:"purposes,omitempty"`
}

// Purposes of messages, as routes name them.
const (
	ForSignIn   = "sign_in"
	ForRecovery = "recovery"
	ForSignUp   = "sign_up"
)

const (
	// checkTimeout bounds all questions about one answer, checksAtOnce those of this node.
	checkTimeout = 5 * time.Second
	checksAtOnce = 64
	// madeDigits bounds what is asked about: what is no code is wrong without a question.
	madeLeast, madeMost = 4, 10
	// checksKept is how many durations pads are drawn from; checkUsual is drawn before the first.
	checksKept = 32
	checkUsual = 250 * time.Millisecond
	// outageKept is how long an outage is answered where there is nothing to ask about.
	outageKept = time.Minute
)

func (m *MakerConfig) check() error {
	if m == nil {
		return nil
	}
	if m.Account == "" || len(m.Account) > 64 {
		return fault.Invalidf("code_maker", "code_maker names an account of the pool.")
	}
	for _, p := range m.Purposes {
		if p != ForSignIn && p != ForRecovery && p != ForSignUp {
			return fault.Invalidf("code_maker", "Purposes are sign_in, recovery and sign_up.")
		}
	}
	return nil
}

// checkMaker refuses a pool whose codes a service makes and whose user code needs them.
func (c *Config) checkMaker() error {
	if c.CodeMaker == nil {
		return nil
	}
	if p := c.textProvider(); c.Triggers.Has(trigger.CustomSMSSender) || c.Triggers.Has(trigger.CustomMessage) || p == ProviderHook || p == ProviderAction {
		return fault.Invalidf("code_maker", "A service that makes the codes (%s) does not go together with user code that needs them: "+
			"CustomSMSSender, CustomMessage, send-phone-message, custom-phone-provider.", c.CodeMaker.Account)
	}
	return nil
}

// purposeWord is the purpose of a code, as routes name it.
func purposeWord(p otp.Purpose) string {
	switch p {
	case otp.Reset:
		return ForRecovery
	case otp.SignUp, otp.VerifyPhone:
		return ForSignUp
	}
	return ForSignIn
}

// makerOf is the account whose service makes codes of a purpose; empty: we do.
func (c *Config) makerOf(p otp.Purpose) string {
	switch m := c.CodeMaker; {
	case m == nil, p == otp.VerifyEmail, p == otp.EmailMFA, p == otp.EmailOTP:
		return ""
	case len(m.Purposes) > 0 && !slices.Contains(m.Purposes, purposeWord(p)):
		return ""
	default:
		return m.Account
	}
}

// question is an answer that a service may have to judge.
type question struct {
	try guard.Try
	// calls: the hourly allowance of redemptions holds too.
	calls  bool
	specs  []otp.Spec
	answer string
	// mail: the code goes, or for a name that nobody has would go, by e-mail; those codes are ours.
	mail bool
}

// byMail reports whether a code of an account goes to an address. Without a target it is what the answer pretended; see pretended.
func (t *tenant) byMail(a *account, target string) bool {
	switch {
	case target != "":
		return isEmail(target)
	case isEmail(a.name) || isPhone(a.name):
		return isEmail(a.name)
	}
	return !t.cfg.autoVerifies(attrPhone) && t.cfg.autoVerifies(attrEmail)
}

// aboutTest reports whether the code goes to a test number. It may all the same be the service's: the account may be older, or the number's time over.
func (q *question) aboutTest(c *Config) bool {
	return slices.ContainsFunc(q.specs, func(s otp.Spec) bool {
		return slices.ContainsFunc(c.TestNumbers, func(x TestPhone) bool { return x.Number == s.Target })
	})
}

// askMaker asks the service that made a code whether it is the one typed, before the flow judges it. A right one is written into its row, so that the flow
// judges it as one of ours, as often as it begins again or the user repeats it: the service itself would say yes once. It is asked only while the
// account's answers are judged, and the Write of the flow counts a wrong answer as ever and decides.
//
// The error is CodeCheckFailed alone, if the service cannot be reached: a code is never taken, nor called wrong, because of that. Where there is nothing
// to ask about (nobody has the name, no code is out), the answer takes as long as one of the last questions did, and fails if the last one failed.
func (s *Service) askMaker(ctx context.Context, t *tenant, q question) error {
	if t.cfg.CodeMaker == nil || len(q.specs) == 0 || q.mail {
		return nil
	}
	account := t.cfg.makerOf(q.specs[0].Purpose)
	if account == "" || len(q.answer) < madeLeast || len(q.answer) > madeMost || strings.Trim(q.answer, "0123456789") != "" {
		return nil
	}
	out, judged, err := s.outstanding(ctx, t, q, account)
	if err != nil || !judged {
		return err
	}
	key := t.pool.ID + " " + account
	switch {
	case len(out) == 0 && q.aboutTest(t.cfg):
		return nil // the fixed code is ours
	case len(out) == 0:
		return s.checks.pretend(ctx, key)
	}
	// The service forgets a code that it called right: what it says is kept even if the caller has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	began := time.Now()
	row, err := s.askAbout(ctx, t, out, account, q.answer)
	s.checks.note(key, time.Since(began), err != nil)
	if err != nil {
		s.Log.WarnContext(ctx, "the service that makes the codes could not be asked", "pool", t.pool.ID, "account", account, "error", err)
		return fault.New(fault.CodeCheckFailed).WithErr(err)
	}
	if row == nil {
		return nil
	}
	return s.vouch(context.WithoutCancel(ctx), row, q.answer)
}

// verification is a code that a service made.
type verification struct {
	row    *store.Code
	id, to string
}

// outstanding returns what can be asked about, newest first, each verification once. judged is false while answers are not judged: the flow says so itself.
func (s *Service) outstanding(ctx context.Context, t *tenant, q question, account string) (out []verification, judged bool, err error) {
	err = s.Store.Read(ctx, func(tx store.Tx) error {
		if q.calls {
			if err := s.guard.CheckCall(ctx, tx, q.try); err != nil {
				return refusal(err)
			}
		}
		if err := s.guard.Check(ctx, tx, q.try); err != nil {
			return refusal(err)
		}
		judged = true
		for _, spec := range q.specs {
			rows, err := tx.Codes().LiveCodes(ctx, spec.PoolID, spec.SubjectID, string(spec.Purpose), spec.Chain, s.now())
			if err != nil {
				return err
			}
			if rows, err = s.Codes.Externals(ctx, rows, spec); err != nil {
				return err
			}
			for _, row := range rows {
				m, err := tx.Outbox().Message(ctx, row.ID) // the message of such a code has its id
				if errors.Is(err, store.ErrNotFound) {
					continue
				}
				if err != nil {
					return err
				}
				same := func(v verification) bool { return v.id == m.ProviderID }
				if m.ProviderID == "" || m.Account != "" && m.Account != account || slices.ContainsFunc(out, same) {
					continue
				}
				out = append(out, verification{row, m.ProviderID, spec.Target})
			}
		}
		return nil
	})
	return out, judged, err
}

// refusal passes on what is our fault; what the guard refuses the flow will say itself.
func refusal(err error) error {
	if fault.CodeOf(err) == fault.InternalError {
		return err
	}
	return nil
}

// askAbout returns the row whose code is the answer; nil if none is.
func (s *Service) askAbout(ctx context.Context, t *tenant, out []verification, account, answer string) (*store.Code, error) {
	if s.CodeMaker == nil {
		return nil, errors.New("this server has no services that make codes")
	}
	maker, err := s.CodeMaker(ctx, t.pool.ID, account)
	if err != nil {
		return nil, err
	}
	if err := s.checks.enter(ctx); err != nil {
		return nil, err
	}
	defer s.checks.leave()
	for _, v := range out {
		ok, err := checkCode(ctx, maker, v, answer)
		if err != nil {
			return nil, err
		}
		if ok {
			return v.row, nil
		}
	}
	return nil, nil
}

// checkCode asks once, and waits no longer than ctx whatever the client does.
func checkCode(ctx context.Context, maker provider.CodeMaker, v verification, answer string) (bool, error) {
	type said struct {
		ok  bool
		err error
	}
	done := make(chan said, 1)
	go func() {
		ok, _, err := maker.CheckCode(ctx, v.id, v.to, answer)
		done <- said{ok && err == nil, err}
	}()
	select {
	case r := <-done:
		return r.ok, r.err
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// vouch writes into a code's row what its service called right, if the row is still there.
func (s *Service) vouch(ctx context.Context, row *store.Code, answer string) error {
	known, err := s.Codes.Vouch(ctx, row, answer)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *unit) error {
		won, err := tx.Codes().ConsumeCode(ctx, row.ID)
		if err != nil || !won {
			return err
		}
		return tx.Codes().InsertCode(ctx, known, otp.Keep)
	})
}

// checks remembers how long services took to judge a code, by pool and account.
type checks struct {
	places chan struct{}
	last   *sync.Map // of *checkTimes
}

type checkTimes struct {
	mu   sync.Mutex
	took [checksKept]time.Duration
	n    int
	// failedAt is zero if the last question was answered.
	failedAt time.Time
}

func newChecks() checks { return checks{make(chan struct{}, checksAtOnce), &sync.Map{}} }

func (c *checks) enter(ctx context.Context) error {
	select {
	case c.places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *checks) leave() { <-c.places }

func (c *checks) of(key string) *checkTimes {
	v, ok := c.last.Load(key)
	if !ok {
		v, _ = c.last.LoadOrStore(key, &checkTimes{})
	}
	return v.(*checkTimes)
}

func (c *checks) note(key string, took time.Duration, failed bool) {
	x := c.of(key)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.took[x.n%checksKept] = took
	x.n++
	if x.failedAt = (time.Time{}); failed {
		x.failedAt = time.Now()
	}
}

// pretend takes as long as one of the last questions, and fails if the last one did.
func (c *checks) pretend(ctx context.Context, key string) error {
	x := c.of(key)
	x.mu.Lock()
	pause, failed := checkUsual, !x.failedAt.IsZero() && time.Since(x.failedAt) < outageKept
	if kept := min(x.n, checksKept); kept > 0 {
		i, err := rand.Int(rand.Reader, big.NewInt(int64(kept)))
		if err == nil {
			pause = x.took[i.Int64()]
		}
	}
	x.mu.Unlock()
	wait := time.NewTimer(pause)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
	if failed {
		return fault.New(fault.CodeCheckFailed)
	}
	return nil
}
