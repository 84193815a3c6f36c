package pool

import (
	"cmp"
	"context"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/otp"
	"countersign/internal/store"
)

// PasswordlessGrant signs in with the code of StartPasswordless; the first success makes the user. Up to three codes are good on the account's one
// budget of tries, or else a stranger could kill the owner's code for ever; three wrong ones from a network make that network ask for a new one.
func (s *Service) PasswordlessGrant(ctx context.Context, c Caller, in PasswordlessGrantInput) (*OAuthResult, error) {
	c = c.onAuth0()
	t, err := s.oauth(ctx, c, in.OAuthClient, GrantPasswordless)
	if err != nil {
		return nil, err
	}
	d, err := t.destinationOf(in.Realm, in.Username)
	if err != nil {
		return nil, err
	}
	if err := t.passwordlessOn(d); err != nil {
		return nil, err
	}
	ok, err := t.granted(in.Asked)
	if err != nil {
		return nil, err
	}
	data := signIn{Name: d.to, OAuth: &oauthAsked{Audience: ok.Audience, Scope: ok.Scope, Protocol: protocolPasswordless}}.with(d.factor)
	var out *AuthResult
	var made *store.User
	err = again(func() (err error) {
		out, made, err = s.passwordlessGrant(ctx, t, c, d, in.Code, data)
		return err
	})
	if err == nil && made != nil {
		err = s.postConfirmation(ctx, t, c, askConfirmSignUp, made)
	}
	if err != nil {
		return nil, err
	}
	return out.oauth, nil
}

// firstFactor is a code as first factor, judged.
type firstFactor struct {
	d    *destination
	a    *account
	spec otp.Spec
	code string
	// made is the user that the first success makes.
	made *store.User
}

func (s *Service) passwordlessGrant(ctx context.Context, t *tenant, c Caller, d *destination, code string, data signIn) (*AuthResult, *store.User, error) {
	a, err := s.findPasswordless(ctx, t, c, d)
	if err != nil {
		return nil, nil, err
	}
	f := &firstFactor{d: d, a: a, code: code, spec: firstSpec(t, a, d.to)}
	if err := s.askFirst(ctx, t, f); err != nil {
		return nil, nil, err
	}
	var early error
	err = s.Store.Read(ctx, func(tx store.Tx) error {
		// As in settleProof: while codes are not judged a right one must cost nothing more than a wrong one.
		if early = s.guard.Check(ctx, tx, s.firstTry(t, f)); early == nil {
			_, early = s.judgeFirst(ctx, tx, t, f)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if fault.CodeOf(early) == fault.InternalError {
		return nil, nil, early
	}
	st, stop := &step{}, error(nil)
	if early == nil {
		if st, stop, err = s.afterFirst(ctx, t, c, f, data); err != nil {
			return nil, nil, err
		}
	}
	err = s.settleFirst(ctx, t, c, f, early, st, stop)
	return st.result, f.made, err
}

// askFirst is askMaker for a first factor. A network that has to ask for a new code first is not answered by the service either.
func (s *Service) askFirst(ctx context.Context, t *tenant, f *firstFactor) error {
	if t.cfg.CodeMaker == nil || f.d.attr != attrPhone {
		return nil
	}
	n := store.Counter{}
	err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
		n, err = tx.Counters().Counter(ctx, wrongKey(t, f.a))
		return err
	})
	if err != nil || n.N >= wrongCodes {
		return err
	}
	return s.askMaker(ctx, t, question{try: s.firstTry(t, f), specs: []otp.Spec{f.spec}, answer: f.code})
}

// judgeFirst compares a code, unless the caller's network gave too many wrong ones since it asked for it. Where nothing real is to be compared with,
// decoys are.
func (s *Service) judgeFirst(ctx context.Context, tx store.Tx, t *tenant, f *firstFactor) (*store.Code, error) {
	n, err := tx.Counters().Counter(ctx, wrongKey(t, f.a))
	if err != nil {
		return nil, err
	}
	if n.N >= wrongCodes {
		return nil, fault.New(fault.CodeExpired)
	}
	row, err := s.judge(ctx, tx, f.spec, f.code)
	if err == nil && (f.a.user == nil && !t.signsUp(f.d) || f.a.user != nil && mayProceed(f.a.user) != nil) {
		return nil, fault.New(fault.CodeMismatch)
	}
	return row, err
}

// afterFirst is the step after a right code: of the user whose destination it is, or of a new one. stop is why there is none.
func (s *Service) afterFirst(ctx context.Context, t *tenant, c Caller, f *firstFactor, data signIn) (st *step, stop, err error) {
	who := *f.a
	if who.user == nil {
		if f.made, err = s.newPasswordless(ctx, t, c, f.d); err != nil {
			if fault.CodeOf(err) == fault.InternalError {
				return nil, nil, err
			}
			return &step{}, err, nil
		}
		who.user, who.subject = f.made, f.made.ID
	}
	st, stop = s.next(ctx, t, c, &who, "", data)
	if stop == nil {
		return st, nil, nil
	}
	if fault.CodeOf(stop) == fault.InternalError {
		return nil, nil, stop
	}
	f.made = nil
	return &step{}, stop, nil
}

// newPasswordless is the user that a first code makes: confirmed, with nothing but what the code proved. PreSignUp may refuse it.
func (s *Service) newPasswordless(ctx context.Context, t *tenant, c Caller, d *destination) (*store.User, error) {
	const key = "passwordless user"
	u, known := c.asked[key].(*store.User)
	if !known {
		now := s.now()
		u = &store.User{
			ID: newSub(), PoolID: t.pool.ID, Status: store.Unconfirmed, Enabled: true, Attributes: map[string]string{d.attr: d.to, d.attr + "_verified": "true"},
			Meta: &store.Meta{Connection: d.connection}, CreatedAt: now, UpdatedAt: now, Version: 1,
		}
		u.Username = u.ID
		var err error
		if u.SealedDataKey, _, err = s.Keys.NewDataKey(ctx, t.pool.ID, u.ID); err != nil {
			return nil, err
		}
		if _, err := s.preSignUp(ctx, t, c, askSignUp, u, nil); err != nil {
			return nil, err
		}
		u.Status = store.Confirmed
		c.asked[key] = u
	}
	return cloneUser(u), nil
}

// settleFirst commits what a code was worth.
func (s *Service) settleFirst(ctx context.Context, t *tenant, c Caller, f *firstFactor, early error, st *step, stop error) error {
	a := f.a
	bad, err := s.event(ctx, t, c, eventlog.PasswordlessFailed, a.user, numberOf(f.d), map[string]any{"connection": f.d.connection})
	if err != nil {
		return err
	}
	limited, err := s.event(ctx, t, c, eventlog.CodeRateExceeded, a.user, numberOf(f.d), map[string]any{"what": limitCodes, "connection": f.d.connection})
	if err != nil {
		return err
	}
	signedUp, err := s.signedUp(ctx, t, c, f)
	if err != nil {
		return err
	}
	stopped, err := s.stopped(ctx, t, c, a, stop)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *unit) error {
		turn, row, err := s.decideFirst(ctx, tx, t, f, early == nil, bad, &proofEvents{limited: limited})
		if err != nil {
			return err
		}
		if err := st.succeed(ctx, turn); err != nil {
			return err
		}
		if stop != nil {
			if err := tx.append(ctx, stopped...); err != nil {
				return err
			}
			return tx.halt(ctx, nil, stop, s.now())
		}
		if err := tx.consume(ctx, row, fault.CodeExpired); err != nil {
			return err
		}
		if a.user != nil {
			err = current(ctx, tx, a.user)
		} else {
			err = s.insertPasswordless(ctx, tx, t, f, signedUp)
		}
		if err != nil {
			return err
		}
		return st.commit(ctx, s, tx)
	}, st.made()...)
}

// decideFirst judges a code in the commit that it decides about, and returns the right one. prepared says whether the step after it was.
func (s *Service) decideFirst(
	ctx context.Context, tx *unit, t *tenant, f *firstFactor, prepared bool, bad *store.Event, ev *proofEvents,
) (*guard.Turn, *store.Code, error) {
	turn, err := s.guard.Begin(ctx, tx, s.firstTry(t, f))
	if fault.CodeOf(err) == fault.AttemptLimit {
		return nil, nil, ev.refuse(ctx, tx, err)
	}
	if err != nil {
		return nil, nil, err
	}
	row, wrong := s.judgeFirst(ctx, tx, t, f)
	switch {
	case fault.CodeOf(wrong) == fault.InternalError:
		return nil, nil, wrong
	case (wrong == nil) != prepared:
		return nil, nil, errStale
	case wrong != nil:
		if _, err := tx.Counters().BumpCounter(ctx, wrongKey(t, f.a), s.now(), codeWindow); err != nil {
			return nil, nil, err
		}
		return nil, nil, s.wrong(ctx, tx, t, f.a, turn, bad, wrong)
	}
	return turn, row, nil
}

// firstTry is what a code is counted as.
func (s *Service) firstTry(t *tenant, f *firstFactor) guard.Try {
	try := s.try(t, f.a, guard.SignIn)
	try.Factor = true
	return try
}

// codeWindow is the window in which wrong codes of one network are counted: the life of a code.
const codeWindow = 5 * time.Minute

func (s *Service) signedUp(ctx context.Context, t *tenant, c Caller, f *firstFactor) (*store.Event, error) {
	if f.made == nil {
		return nil, nil
	}
	return s.event(ctx, t, c, eventlog.SignUpSucceeded, f.made, numberOf(f.d), map[string]any{"confirmed": true, "connection": f.d.connection})
}

// insertPasswordless stores a new user with its names. The number or address becomes a sign-in name of the Cognito wire as well, where nobody owns it;
// an earlier user of the connection who has another one by now gives it up.
func (s *Service) insertPasswordless(ctx context.Context, tx *unit, t *tenant, f *firstFactor, ev *store.Event) error {
	u, d := f.made, f.d
	if err := tx.Users().InsertUser(ctx, u); err != nil {
		return err
	}
	if own, err := claimDestination(ctx, tx, t, u, d); err != nil || !own {
		return cmp.Or(err, errStale)
	}
	if t.cfg.aliases(d.attr) {
		if _, err := tx.Users().ClaimAlias(ctx, t.pool.ID, t.cfg.attributeKey(d.attr, d.to), u.ID); err != nil {
			return err
		}
		if err := tx.Users().DeleteAttempts(ctx, t.pool.ID, t.cfg.attributeKey(d.attr, d.to)); err != nil {
			return err
		}
	}
	return tx.append(ctx, ev)
}

// claimDestination makes a user of a passwordless connection the owner of its number or address there, unless that is somebody else's. Who merely had it
// gives it up.
func claimDestination(ctx context.Context, tx store.Tx, t *tenant, u *store.User, d *destination) (own bool, err error) {
	owner, err := tx.Users().ClaimAlias(ctx, t.pool.ID, d.key, u.ID)
	if err != nil || owner == u.ID {
		return err == nil, err
	}
	old, err := tx.Users().User(ctx, t.pool.ID, owner)
	if err != nil || d.isOf(t, old) {
		return false, err
	}
	if err := tx.Users().ReleaseAlias(ctx, t.pool.ID, d.key, owner); err != nil {
		return false, err
	}
	owner, err = tx.Users().ClaimAlias(ctx, t.pool.ID, d.key, u.ID)
	return owner == u.ID, err
}
