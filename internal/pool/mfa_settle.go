package pool

import (
	"context"
	"maps"
	"slices"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/store"
)

// settleProof commits what an answer to a second factor was worth: the count of a wrong one, or user, spent handles, tokens and events of a right one.
func (s *Service) settleProof(ctx context.Context, c Caller, p *proof) (*OAuthTokens, error) {
	t, a := p.hd.t, p.hd.a
	if err := s.askMaker(ctx, t, question{try: p.try(s), specs: p.specs, answer: p.answer}); err != nil {
		return nil, err
	}
	var early error
	err := s.Store.Read(ctx, func(tx store.Tx) error {
		// While answers are not judged a right one must cost nothing more than a wrong one: the Write says no to both.
		if early = s.guard.Check(ctx, tx, p.try(s)); early == nil {
			_, early = p.judge(tx)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if fault.CodeOf(early) == fault.InternalError {
		return nil, early
	}
	st, out := &step{}, (*OAuthTokens)(nil)
	if early == nil {
		if st, out, err = s.afterProof(ctx, c, p); err != nil {
			return nil, err
		}
	}
	ev, err := s.proofEvents(ctx, c, p)
	if err != nil {
		return nil, err
	}
	var notes []*posted
	if early == nil && p.enrolled != nil {
		notes = s.enrolNotices(ctx, t, c, a, p)
	}
	err = s.write(ctx, func(tx *unit) error {
		right, err := s.decide(ctx, tx, p, &ev, early == nil)
		if err != nil || !right {
			return err
		}
		if err := s.tell(ctx, tx, notes); err != nil {
			return err
		}
		if err := tx.append(ctx, ev.right, ev.done); err != nil {
			return err
		}
		return st.commit(ctx, s, tx)
	}, append(st.made(), notes...)...)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// try is what an answer is counted as.
func (p *proof) try(s *Service) guard.Try {
	try := s.try(p.hd.t, p.hd.a, p.purpose)
	try.Factor = true
	return try
}

// decide judges an answer in the commit that it decides about: it counts a wrong one and keeps the count, and commits what a right one changes. prepared
// says whether the step after a right answer was.
func (s *Service) decide(ctx context.Context, tx *unit, p *proof, ev *proofEvents, prepared bool) (right bool, err error) {
	t, a := p.hd.t, p.hd.a
	turn, err := s.guard.Begin(ctx, tx, p.try(s))
	if fault.CodeOf(err) == fault.AttemptLimit {
		return false, ev.refuse(ctx, tx, err)
	}
	if err != nil {
		return false, err
	}
	row, wrong := p.judge(tx)
	switch {
	case fault.CodeOf(wrong) == fault.InternalError:
		return false, wrong
	case (wrong == nil) != prepared:
		return false, errStale
	case wrong != nil:
		if err := tx.tried(ctx, p.tried, s.now()); err != nil {
			return false, err
		}
		if err := tx.append(ctx, ev.failed); err != nil {
			return false, err
		}
		return false, s.wrong(ctx, tx, t, a, turn, ev.wrong, wrong)
	}
	if err := s.commitProof(ctx, tx, p, row); err != nil {
		return false, err
	}
	return true, turn.Succeed(ctx)
}

// commitProof spends what a right answer is given to, and stores the user as it leaves it. Exactly one of several that come at once gets through.
func (s *Service) commitProof(ctx context.Context, tx *unit, p *proof, row *store.Code) error {
	if row != nil {
		if err := tx.consume(ctx, row, fault.OOBCodeInvalid); err != nil {
			return err
		}
	}
	if err := spentHandle(tx.spend(ctx, p.tried, s.now())); err != nil {
		return err
	}
	if p.hd.ticket {
		if err := spentHandle(tx.spend(ctx, p.hd.h, s.now())); err != nil {
			return err
		}
	}
	return s.saveFactor(ctx, tx, p.hd.t, p.hd.a.user, p.up)
}

// tried counts a wrong answer on a handle; nil is none.
func (u *unit) tried(ctx context.Context, h *held, now time.Time) error {
	if h == nil {
		return nil
	}
	return spentHandle(u.addTry(ctx, h, now))
}

// spentHandle words the loss of a handle to somebody else's answer as this wire does.
func spentHandle(err error) error {
	if fault.CodeOf(err) == fault.SessionUsed {
		return fault.New(fault.MFATokenInvalid)
	}
	return err
}

// saveFactor stores a user whose factors changed. A number that a code proved becomes a sign-in name as well, where the pool has such names and nobody
// else has it; if somebody has, the number is a factor and nothing else. An address must be its user's own.
func (s *Service) saveFactor(ctx context.Context, tx *unit, t *tenant, old, up *store.User) error {
	up = cloneUser(up)
	for _, attr := range []string{attrPhone, attrEmail} {
		proved := up.Attributes[attr+"_verified"] == "true" && (old.Attributes[attr+"_verified"] != "true" || old.Attributes[attr] != up.Attributes[attr])
		if !proved || !t.cfg.aliases(attr) {
			continue
		}
		owner, err := tx.Users().ClaimAlias(ctx, up.PoolID, t.cfg.attributeKey(attr, up.Attributes[attr]), up.ID)
		switch {
		case err != nil:
			return err
		case owner != up.ID && attr == attrEmail:
			return fault.New(fault.AliasTaken).WithField(attr)
		case owner != up.ID:
			merge(up.Attributes, map[string]string{attr: old.Attributes[attr], attr + "_verified": old.Attributes[attr+"_verified"]})
		}
	}
	return s.save(ctx, tx, up)
}

// afterProof is what follows the right answer: inside a sign-in the gate, which issues tokens. Who enrolled with an access token gets one of the same
// session that says that a second factor was proved.
func (s *Service) afterProof(ctx context.Context, c Caller, p *proof) (*step, *OAuthTokens, error) {
	hd, t := p.hd, p.hd.t
	proved := *hd.a
	proved.user = p.up
	if hd.ticket {
		return &step{}, nil, nil
	}
	if hd.h != nil {
		st, err := s.next(ctx, t, c, &proved, hd.h.Chain, hd.h.data.with(p.method).with(passedMFA))
		if err != nil {
			return nil, nil, s.halt(ctx, hd.h, err)
		}
		out := st.result.oauth.Tokens
		out.RecoveryCode = p.recovery
		return st, out, nil
	}
	b := hd.b
	i := slices.IndexFunc(b.claims.Audience, func(aud string) bool { return t.isOwn(aud, pathMFA) })
	f := &store.Family{OriginJTI: b.claims.OriginJTI, Audience: b.claims.Audience[i], AuthTime: b.claims.IssuedAt}
	methods := slices.Compact(append(slices.Clone(b.methods), p.method, "mfa"))
	out, err := s.signOAuth(ctx, t, c, p.up, f, oauthSigning{scope: b.claims.Scope, why: askAuthentication, methods: methods})
	if err != nil {
		return nil, nil, err
	}
	out.ID = "" // when the session began is known to its own ID token alone
	return &step{}, out, nil
}

// proofEvents are the events that an answer may cause.
type proofEvents struct{ right, done, wrong, failed, limited *store.Event }

func (s *Service) proofEvents(ctx context.Context, c Caller, p *proof) (ev proofEvents, err error) {
	right := p.right
	if p.enrolled != nil {
		right = eventlog.EnrollmentComplete
	}
	limited := maps.Clone(p.data)
	limited["what"] = limitCodes
	for _, e := range []struct {
		to   **store.Event
		kind eventlog.Type
		data map[string]any
	}{{&ev.right, right, p.data}, {&ev.done, p.done, nil}, {&ev.wrong, p.wrong, p.data}, {&ev.failed, p.failed, nil}, {&ev.limited, p.limited, limited}} {
		if *e.to, err = s.event(ctx, p.hd.t, c, e.kind, p.hd.a.user, "", e.data); err != nil {
			return ev, err
		}
	}
	return ev, nil
}

// refuse records that an answer was not judged.
func (ev *proofEvents) refuse(ctx context.Context, tx *unit, limit error) error {
	if err := tx.append(ctx, ev.limited); err != nil {
		return err
	}
	return store.Keep(fault.Of(limit).WithField(limitCodes))
}

// enrolNotices tell the user's other contacts of a new factor.
func (s *Service) enrolNotices(ctx context.Context, t *tenant, c Caller, a *account, p *proof) []*posted {
	to := verifiedContacts(a.user)
	if p.enrolled.Kind == FactorEmail {
		delete(to, attrEmail)
	}
	if ph := phoneOf(p.up, p.enrolled.Phone); ph != nil && sameLine(ph.Number, to[attrPhone]) {
		delete(to, attrPhone)
	}
	return s.notices(ctx, t, c, a, "A sign-in method was added to your account. If this was not you, contact support.", to)
}
