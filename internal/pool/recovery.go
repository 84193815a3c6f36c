package pool

import (
	"context"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/otp"
	"countersign/internal/store"
)

// ForgotPassword sends a reset code to the contact that the pool's recovery setting names. API reference, ForgotPassword.
func (s *Service) ForgotPassword(ctx context.Context, c Caller, in NameInput) (*Delivery, error) {
	c = c.asking()
	t, err := s.byClient(ctx, in.ClientID, "")
	if err != nil {
		return nil, err
	}
	if err := t.checkSecretHash(in.SecretHash, in.Username); err != nil {
		return nil, err
	}
	var a *account
	err = again(func() (err error) {
		if a, err = s.find(ctx, t, c, in.Username); err == nil {
			a, err = s.migrate(ctx, t, c, a, askForgotPassword, "")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if a.user == nil && !t.hides() {
		return nil, fault.New(fault.ResetUserNotFound)
	}
	if t.cfg.adminRecovery() {
		return nil, fault.New(fault.ResetByAdminOnly)
	}
	var attr string
	if a.user != nil {
		if attr, err = t.resetContact(a.user); err != nil && !t.hides() {
			return nil, err
		}
	}
	if attr == "" {
		what, number, err := s.pretended(ctx, t, a, "")
		if err != nil {
			return nil, err
		}
		p, err := s.pretend(ctx, t, c, a, letter{trigger: triggerForgot, attr: what.Attribute, to: number, counted: guard.Recovery}, otp.Reset)
		if err != nil {
			return nil, err
		}
		return what, s.sendOnce(ctx, t, c, a, p, "reset", eventlog.PasswordRequestFailed)
	}
	p, err := s.resetLetter(ctx, t, c, a, attr, false)
	if err != nil {
		return nil, err
	}
	return p.what, s.sendOnce(ctx, t, c, a, p, "reset", eventlog.PasswordChangeRequested)
}

func (s *Service) resetLetter(ctx context.Context, t *tenant, c Caller, a *account, attr string, admin bool) (*posted, error) {
	return s.post(ctx, t, c, letter{trigger: triggerForgot, attr: attr, to: a.user.Attributes[attr], purpose: otp.Reset, counted: guard.Recovery,
		lane: store.LaneRecovery, subject: a.user.ID, user: a.user, by: a, admin: admin})
}

func (c *Config) adminRecovery() bool { return len(c.Recovery) == 1 && c.Recovery[0] == "admin_only" }

// resetContact chooses the attribute that a reset code goes to; the error says why there is none. Only what is stored and verified
// counts: nothing in a request can name another destination.
func (t *tenant) resetContact(u *store.User) (string, error) {
	if !u.Enabled {
		return "", fault.New(fault.UserDisabled)
	}
	switch u.Status {
	case store.Unconfirmed: // has no verified contact, whatever its attributes say
		return "", fault.New(fault.ResetNotPossible)
	case store.ForceChangePassword:
		return "", fault.New(fault.ResetWrongState)
	}
	order, configured := []string{"verified_phone_number", "verified_email"}, len(t.cfg.Recovery) > 0 && !t.cfg.adminRecovery()
	if configured {
		order = t.cfg.Recovery
	}
	own := verifiedContacts(u)
	for _, m := range order {
		attr := attrPhone
		if m == "verified_email" {
			attr = attrEmail
		}
		blocked := configured && t.cfg.MFA != "OFF" && ((attr == attrPhone && t.cfg.MFASMS && u.MFA.SMS) || (attr == attrEmail && t.cfg.MFAEmail && u.MFA.Email))
		if own[attr] != "" && !blocked {
			return attr, nil
		}
	}
	return "", fault.New(fault.ResetNotPossible)
}

// ConfirmForgotPassword redeems a reset code and sets a new password. API reference, ConfirmForgotPassword. Every session of the user
// ends; factors stay as they are.
func (s *Service) ConfirmForgotPassword(ctx context.Context, c Caller, in ConfirmForgotPasswordInput) error {
	t, err := s.byClient(ctx, in.ClientID, "")
	if err != nil {
		return err
	}
	if err := t.checkSecretHash(in.SecretHash, in.Username); err != nil {
		return err
	}
	if err := t.cfg.Password.Check(in.Password); err != nil {
		return err
	}
	return again(func() error {
		a, err := s.find(ctx, t, c, in.Username)
		if err != nil {
			return err
		}
		switch {
		case t.hides():
		case a.user == nil:
			return fault.New(fault.UserNotFound)
		case a.user.Status == store.Unconfirmed:
			return fault.New(fault.UserNotConfirmed)
		}
		return s.reset(ctx, t, c, a, in)
	})
}

func (s *Service) reset(ctx context.Context, t *tenant, c Caller, a *account, in ConfirmForgotPasswordInput) error {
	spec := otp.Spec{PoolID: t.pool.ID, SubjectID: a.subject, Purpose: otp.Reset, ClientID: t.client.ID, Wire: c.Wire}
	if a.user != nil {
		if attr, _ := t.resetContact(a.user); attr != "" {
			spec.Target = a.user.Attributes[attr]
		}
	}
	try := s.try(t, a, guard.Recovery)
	if err := s.askMaker(ctx, t, question{try: try, calls: true, specs: []otp.Spec{spec}, answer: in.Code, mail: t.byMail(a, spec.Target)}); err != nil {
		return err
	}
	var early error
	err := s.Store.Read(ctx, func(tx store.Tx) error {
		if err := s.guard.CheckCall(ctx, tx, try); err != nil {
			return err
		}
		if err := s.guard.Check(ctx, tx, try); err != nil {
			return err
		}
		_, early = s.judge(ctx, tx, spec, in.Code)
		return nil
	})
	if err != nil {
		return err
	}
	var up *store.User
	var reused error
	if early == nil {
		up = cloneUser(a.user)
		if reused = s.replacePassword(ctx, t, up, in.Password); reused != nil && fault.CodeOf(reused) != fault.PasswordReused {
			return reused
		}
		up.Status, up.TokensAfter = store.Confirmed, s.now()
	}
	kind := eventlog.PasswordChangeFailed
	if early == nil {
		kind = eventlog.PasswordChanged
	}
	ev, err := s.event(ctx, t, c, kind, a.user, "", map[string]any{"purpose": "reset"})
	if err != nil {
		return err
	}
	var notes []*posted
	if a.user != nil && early == nil {
		notes = s.notices(ctx, t, c, a, "The password of your account was reset. If this was not you, contact support.", verifiedContacts(a.user))
	}
	err = s.write(ctx, func(tx *unit) error {
		if reused != nil { // the code stays good, but the comparison with the history is counted
			if err := s.guard.Call(ctx, tx, try); err != nil {
				return err
			}
			return store.Keep(reused)
		}
		err := s.redeem(ctx, tx, t, a, try, ev, func() (*store.Code, error) {
			row, err := s.judge(ctx, tx, spec, in.Code)
			if (err == nil) != (early == nil) {
				return nil, errStale
			}
			return row, err
		})
		if err != nil {
			return err
		}
		return s.storeReset(ctx, tx, up, notes, ev)
	}, notes...)
	if err != nil {
		return err
	}
	return s.postConfirmation(ctx, t, c, askConfirmForgot, up)
}

// storeReset stores the new password, forgives the wrong ones, and ends every session. Wrong codes of a second factor stay counted: who has the phone that
// the reset code came to must not thereby get free guesses at it.
func (s *Service) storeReset(ctx context.Context, tx *unit, up *store.User, notes []*posted, ev *store.Event) error {
	forgiven := []guard.Purpose{guard.Password, guard.Custom}
	if len(chosenFactors(up)) == 0 && !up.MFA.TOTPReady && !hasPhone(up) {
		forgiven = append(forgiven, guard.SignIn)
	}
	if err := s.guard.Forgive(ctx, tx, up.PoolID, up.ID, forgiven...); err != nil {
		return err
	}
	if err := tx.Families().RevokeFamilies(ctx, up.PoolID, up.ID, "", s.now()); err != nil {
		return err
	}
	if err := s.passwordSet(ctx, tx, up, notes); err != nil {
		return err
	}
	return tx.append(ctx, ev)
}
