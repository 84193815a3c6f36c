package pool

import (
	"context"
	"maps"
	"slices"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/otp"
	"countersign/internal/store"
)

// ConfirmSignUp redeems the code of a sign-up. API reference, ConfirmSignUp. The returned Session signs in once by USER_AUTH; it is
// empty if the client does not allow that flow.
func (s *Service) ConfirmSignUp(ctx context.Context, c Caller, in ConfirmSignUpInput) (session string, err error) {
	t, err := s.byClient(ctx, in.ClientID, "")
	if err != nil {
		return "", err
	}
	if err := t.checkSecretHash(in.SecretHash, in.Username); err != nil {
		return "", err
	}
	err = again(func() error {
		a, err := s.find(ctx, t, c, in.Username)
		if err != nil {
			return err
		}
		hidden := t.hides() || t.cfg.SeparateAttempts
		switch {
		case a.user != nil && a.user.Status != store.Unconfirmed && !hidden:
			return fault.New(fault.UserAlreadyConfirmed).WithField(string(a.user.Status))
		case a.user == nil && !hidden:
			return fault.New(fault.UserNotFound)
		}
		session, err = s.confirm(ctx, t, c, a, in)
		return err
	})
	return session, err
}

// candidate is an unconfirmed user or an attempt that a code may confirm.
type candidate struct {
	user    *store.User
	attempt bool
	contact string
}

func (s *Service) candidates(ctx context.Context, tx store.Tx, t *tenant, a *account) ([]candidate, error) {
	if a.user != nil {
		if a.user.Status != store.Unconfirmed {
			return nil, nil
		}
		return []candidate{{user: a.user, contact: t.signUpContact(a.user)}}, nil
	}
	list, err := tx.Users().Attempts(ctx, t.pool.ID, a.nameKey, s.now())
	if err != nil {
		return nil, err
	}
	var out []candidate
	for _, at := range list {
		out = append(out, candidate{user: &at.User, attempt: true, contact: t.signUpContact(&at.User)})
	}
	return out, nil
}

// confirm counts, judges and confirms in one commit. A name without anything to confirm costs the same and is told that the code is
// expired, as one is whose codes all are.
func (s *Service) confirm(ctx context.Context, t *tenant, c Caller, a *account, in ConfirmSignUpInput) (string, error) {
	good, err := s.event(ctx, t, c, eventlog.UserConfirmed, a.user, "", nil)
	if err != nil {
		return "", err
	}
	bad, err := s.event(ctx, t, c, eventlog.CodeWrong, a.user, "", map[string]any{"purpose": "sign_up"})
	if err != nil {
		return "", err
	}
	ses, err := s.confirmedSession(t, c, a)
	if err != nil {
		return "", err
	}
	if err := s.askSignUp(ctx, t, c, a, in.Code); err != nil {
		return "", err
	}
	var hit candidate
	err = s.write(ctx, func(tx *unit) error {
		list, err := s.candidates(ctx, tx, t, a)
		if err != nil {
			return err
		}
		err = s.redeem(ctx, tx, t, a, s.try(t, a, guard.SignUp), bad, func() (row *store.Code, err error) {
			hit, row, err = s.match(ctx, tx, t, c, a, list, in.Code)
			return row, err
		})
		if err != nil {
			return err
		}
		if err := s.confirmUser(ctx, tx, t, a, hit, in.ForceAlias); err != nil {
			return err
		}
		if ses != nil {
			ses.row.UserID = hit.user.ID
			if err := tx.Challenges().InsertChallenge(ctx, ses.row); err != nil {
				return err
			}
		}
		ev := *good
		ev.UserID = hit.user.ID
		return tx.append(ctx, &ev)
	})
	if err == nil {
		err = s.postConfirmation(ctx, t, c, askConfirmSignUp, confirmedUser(hit))
	}
	if err != nil || ses == nil {
		return "", err
	}
	return ses.handle, nil
}

func (s *Service) confirmedSession(t *tenant, c Caller, a *account) (*opened, error) {
	if !t.ccfg.allows("ALLOW_USER_AUTH") {
		return nil, nil
	}
	return s.open(t, c, "", kindConfirmed, "", signIn{Name: a.name})
}

// askSignUp is askMaker for a sign-up: the code may be of any attempt, or of none.
func (s *Service) askSignUp(ctx context.Context, t *tenant, c Caller, a *account, answer string) error {
	if t.cfg.CodeMaker == nil {
		return nil
	}
	q := question{try: s.try(t, a, guard.SignUp), calls: true, specs: []otp.Spec{decoySpec(t, c, a, otp.SignUp)}, answer: answer}
	err := s.Store.Read(ctx, func(tx store.Tx) error {
		list, err := s.candidates(ctx, tx, t, a)
		for _, cand := range list {
			if cand.contact == attrPhone {
				q.specs = append(q.specs, signUpSpec(t, c, cand))
			}
		}
		q.mail = len(q.specs) == 1 && (len(list) > 0 || t.byMail(a, ""))
		return err
	})
	if err != nil {
		return err
	}
	return s.askMaker(ctx, t, q)
}

func signUpSpec(t *tenant, c Caller, cand candidate) otp.Spec {
	return otp.Spec{PoolID: t.pool.ID, SubjectID: cand.user.ID, Purpose: otp.SignUp, ClientID: t.client.ID, Wire: c.Wire, Target: cand.user.Attributes[cand.contact]}
}

// match finds the candidate whose code was typed. The error is the answer: that of a decoy, where there is no candidate.
func (s *Service) match(ctx context.Context, tx store.Tx, t *tenant, c Caller, a *account, list []candidate, answer string) (candidate, *store.Code, error) {
	_, result := s.judge(ctx, tx, decoySpec(t, c, a, otp.SignUp), answer)
	if result == nil {
		return candidate{}, nil, fault.Internalf("a decoy was matched")
	}
	for _, cand := range list {
		if cand.contact == "" {
			continue
		}
		row, err := s.judge(ctx, tx, signUpSpec(t, c, cand), answer)
		if err == nil {
			return cand, row, nil
		}
		if fault.CodeOf(err) != fault.CodeExpired {
			result = err
		}
	}
	return candidate{}, nil, result
}

// confirmUser makes the candidate a confirmed user that owns its names, and removes what competed with it.
func (s *Service) confirmUser(ctx context.Context, tx *unit, t *tenant, a *account, cand candidate, force bool) error {
	up := confirmedUser(cand)
	if cand.attempt {
		up.UpdatedAt = s.now()
		if err := tx.Users().InsertUser(ctx, up); err != nil {
			return err
		}
		attr := ""
		if len(t.cfg.UsernameAttributes) > 0 {
			attr, _ = t.cfg.checkUsername(a.name)
		}
		if err := claimNames(ctx, tx, t, up, attr); err != nil {
			return err
		}
		if err := tx.Users().DeleteAttempts(ctx, t.pool.ID, a.nameKey); err != nil {
			return err
		}
	} else if err := s.save(ctx, tx, up); err != nil {
		return err
	}
	if err := tx.Codes().DeleteCodes(ctx, t.pool.ID, up.ID, string(otp.SignUp)); err != nil {
		return err
	}
	for _, attr := range []string{attrPhone, attrEmail} { // the code's, and what the pool's function vouched for
		if up.Attributes[attr+"_verified"] != "true" {
			continue
		}
		if err := s.claimVerified(ctx, tx, t, up, attr, force && attr == cand.contact); err != nil {
			return err
		}
	}
	return nil
}

// claimVerified makes the user the owner of a verified number or address as a sign-in name. With force it is taken from its owner, whose
// attribute becomes unverified; without, AliasTaken.
func (s *Service) claimVerified(ctx context.Context, tx *unit, t *tenant, u *store.User, attr string, force bool) error {
	if !t.cfg.aliases(attr) || u.Attributes[attr] == "" {
		return nil
	}
	key := t.cfg.attributeKey(attr, u.Attributes[attr])
	owner, err := tx.Users().ClaimAlias(ctx, u.PoolID, key, u.ID)
	if err != nil || owner == u.ID {
		return err
	}
	if !force || t.cfg.usesName(attr) {
		return fault.New(fault.AliasTaken).WithField(attr)
	}
	old, err := tx.Users().User(ctx, u.PoolID, owner)
	if err != nil {
		return err
	}
	if err := tx.Users().ReleaseAlias(ctx, u.PoolID, key, owner); err != nil {
		return err
	}
	old.Attributes[attr+"_verified"] = "false"
	if err := s.save(ctx, tx, old); err != nil {
		return err
	}
	_, err = tx.Users().ClaimAlias(ctx, u.PoolID, key, u.ID)
	return err
}

// cloneUser copies what flows change.
func cloneUser(u *store.User) *store.User {
	c := *u
	c.Attributes = maps.Clone(u.Attributes)
	if c.Attributes == nil {
		c.Attributes = map[string]string{}
	}
	c.Pending = maps.Clone(u.Pending)
	c.PasswordHistory = slices.Clone(u.PasswordHistory)
	c.MFA.Phones = slices.Clone(u.MFA.Phones)
	if u.Meta != nil {
		m := *u.Meta
		c.Meta = &m
	}
	return &c
}
