package pool

import (
	"context"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/otp"
	"countersign/internal/store"
)

// everyPurpose is what an administrator forgives.
var everyPurpose = []guard.Purpose{guard.Password, guard.SignIn, guard.Custom, guard.SignUp, guard.Recovery, guard.Verify, guard.Enrol, guard.RecoveryCode}

// asAdmin runs f on a user of a pool until it is not stale. An administrator's network says nothing about the user: it is neither
// counted nor remembered, or else a batch would run into the limit of its own server.
func (s *Service) asAdmin(ctx context.Context, c Caller, poolID, name string, f func(*tenant, *account) error) error {
	t, err := s.byPool(ctx, poolID)
	if err != nil {
		return err
	}
	return again(func() error {
		a, err := s.mustFind(ctx, t, c, name)
		if err != nil {
			return err
		}
		a.network, a.known = "", false
		return f(t, a)
	})
}

// AdminGetUser shows all of a user. API reference, AdminGetUser.
func (s *Service) AdminGetUser(ctx context.Context, c Caller, poolID, name string) (v *UserView, err error) {
	err = s.asAdmin(ctx, c, poolID, name, func(t *tenant, a *account) error {
		v = s.view(t, a.user, all)
		return nil
	})
	return v, err
}

// AdminDeleteUser: API reference, AdminDeleteUser.
func (s *Service) AdminDeleteUser(ctx context.Context, c Caller, poolID, name string) error {
	return s.asAdmin(ctx, c, poolID, name, func(t *tenant, a *account) error { return s.deleteUser(ctx, t, c, a.user) })
}

// AdminUpdateAttributes changes any attributes; *_verified may be among them. API reference, AdminUpdateUserAttributes.
func (s *Service) AdminUpdateAttributes(ctx context.Context, c Caller, poolID, name string, list []Attr) error {
	c = c.asking()
	return s.asAdmin(ctx, c, poolID, name, func(t *tenant, a *account) error {
		values, err := t.checkAttributes(list, byAdmin, false)
		if err != nil {
			return err
		}
		_, err = s.change(ctx, t, c, a, values, byAdmin)
		return err
	})
}

// AdminDeleteAttributes: API reference, AdminDeleteUserAttributes.
func (s *Service) AdminDeleteAttributes(ctx context.Context, c Caller, poolID, name string, names []string) error {
	return s.asAdmin(ctx, c, poolID, name, func(t *tenant, a *account) error { return s.deleteAttributes(ctx, t, c, a, names, byAdmin) })
}

// AdminSetMFAPreference: API reference, AdminSetUserMFAPreference.
func (s *Service) AdminSetMFAPreference(ctx context.Context, c Caller, poolID, name string, p MFAPreference) error {
	return s.asAdmin(ctx, c, poolID, name, func(t *tenant, a *account) error { return s.setPreference(ctx, t, c, a, p, nil) })
}

// AdminSignOut ends every session of a user. API reference, AdminUserGlobalSignOut.
func (s *Service) AdminSignOut(ctx context.Context, c Caller, poolID, name string) error {
	return s.asAdmin(ctx, c, poolID, name, func(t *tenant, a *account) error { return s.signOutAll(ctx, t, c, a.user) })
}

// AdminDisable keeps a user from signing in and ends what it had open. API reference, AdminDisableUser.
func (s *Service) AdminDisable(ctx context.Context, c Caller, poolID, name string) error {
	return s.asAdmin(ctx, c, poolID, name, func(t *tenant, a *account) error {
		up := cloneUser(a.user)
		up.Enabled = false
		ev, err := s.event(ctx, t, c, eventlog.UserDisabled, a.user, "", nil)
		if err != nil {
			return err
		}
		return s.write(ctx, func(tx *unit) error {
			if err := s.endSessions(ctx, tx, up); err != nil {
				return err
			}
			return tx.append(ctx, ev)
		})
	})
}

// endSessions stores a user and ends its families and half-done sign-ins.
func (s *Service) endSessions(ctx context.Context, tx *unit, up *store.User) error {
	if err := tx.Challenges().EndChallenges(ctx, up.PoolID, up.ID, s.now()); err != nil {
		return err
	}
	if err := tx.Families().RevokeFamilies(ctx, up.PoolID, up.ID, "", s.now()); err != nil {
		return err
	}
	return s.save(ctx, tx, up)
}

// AdminEnable lets a user sign in again and forgives all wrong answers. API reference, AdminEnableUser.
func (s *Service) AdminEnable(ctx context.Context, c Caller, poolID, name string) error {
	return s.asAdmin(ctx, c, poolID, name, func(t *tenant, a *account) error {
		up := cloneUser(a.user)
		up.Enabled = true
		ev, err := s.event(ctx, t, c, eventlog.UserEnabled, a.user, "", nil)
		if err != nil {
			return err
		}
		return s.write(ctx, func(tx *unit) error {
			if err := s.guard.Forgive(ctx, tx, t.pool.ID, a.user.ID, everyPurpose...); err != nil {
				return err
			}
			if err := s.save(ctx, tx, up); err != nil {
				return err
			}
			return tx.append(ctx, ev)
		})
	})
}

// AdminConfirmSignUp confirms a user without a code. It verifies nothing. Where sign-ups are separate attempts it confirms the only one of
// that name. API reference, AdminConfirmSignUp.
func (s *Service) AdminConfirmSignUp(ctx context.Context, c Caller, poolID, name string) error {
	t, err := s.byPool(ctx, poolID)
	if err != nil {
		return err
	}
	return again(func() error {
		a, err := s.find(ctx, t, c, name)
		if err != nil {
			return err
		}
		if a.user != nil && a.user.Status != store.Unconfirmed {
			return fault.New(fault.UserAlreadyConfirmed).WithField(string(a.user.Status))
		}
		return s.adminConfirm(ctx, t, c, a)
	})
}

func (s *Service) adminConfirm(ctx context.Context, t *tenant, c Caller, a *account) error {
	var cand candidate
	err := s.Store.Read(ctx, func(tx store.Tx) error {
		list, err := s.candidates(ctx, tx, t, a)
		switch {
		case err != nil:
			return err
		case len(list) == 0:
			return fault.New(fault.UserNotFound)
		case len(list) > 1:
			return fault.Invalidf("username", "User cannot be confirmed. There are %d pending sign-ups of this name, and only a code tells them apart.", len(list))
		}
		cand = list[0]
		return nil
	})
	if err != nil {
		return err
	}
	up := cloneUser(cand.user)
	up.Status = store.Confirmed
	ev, err := s.event(ctx, t, c, eventlog.UserConfirmed, up, "", nil)
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *unit) error {
		if cand.attempt {
			if err := s.insertAttempt(ctx, tx, t, a, up); err != nil {
				return err
			}
		} else if err := s.save(ctx, tx, up); err != nil {
			return err
		}
		if err := tx.Codes().DeleteCodes(ctx, t.pool.ID, up.ID, string(otp.SignUp)); err != nil {
			return err
		}
		return tx.append(ctx, ev)
	})
	if err != nil {
		return err
	}
	return s.postConfirmation(ctx, t, c, askConfirmSignUp, up)
}

// insertAttempt makes a pending attempt a user that owns its name. errStale if the attempts changed meanwhile.
func (s *Service) insertAttempt(ctx context.Context, tx *unit, t *tenant, a *account, up *store.User) error {
	list, err := s.candidates(ctx, tx, t, a)
	if err != nil {
		return err
	}
	if len(list) != 1 || list[0].user.ID != up.ID {
		return errStale
	}
	attr := ""
	if len(t.cfg.UsernameAttributes) > 0 {
		attr, _ = t.cfg.checkUsername(a.name)
	}
	up.UpdatedAt = s.now()
	if err := tx.Users().InsertUser(ctx, up); err != nil {
		return err
	}
	if err := s.claimVouched(ctx, tx, t, up, attr, false); err != nil {
		return err
	}
	return tx.Users().DeleteAttempts(ctx, t.pool.ID, a.nameKey)
}

// AdminResetPassword locks the old password and sends a reset code to the contact that the pool's recovery setting names. API reference,
// AdminResetUserPassword.
func (s *Service) AdminResetPassword(ctx context.Context, c Caller, poolID, name string) error {
	c = c.asking()
	return s.asAdmin(ctx, c, poolID, name, func(t *tenant, a *account) error {
		attr, err := t.resetContact(a.user)
		if err != nil {
			return err
		}
		p, err := s.resetLetter(ctx, t, c, a, attr, true)
		if err != nil {
			return err
		}
		up := cloneUser(a.user)
		up.Status, up.TokensAfter = store.ResetRequired, s.now()
		ev, err := s.event(ctx, t, c, eventlog.PasswordChangeRequested, a.user, "", nil)
		if err != nil {
			return err
		}
		return s.write(ctx, func(tx *unit) error {
			first, err := s.once(ctx, tx, t, c, a.subject, "admin reset")
			if err != nil || !first {
				return err
			}
			if err := s.endSessions(ctx, tx, up); err != nil {
				return err
			}
			if err := s.store(ctx, tx, p); err != nil {
				return err
			}
			return tx.append(ctx, ev)
		}, p)
	})
}

// AdminSetPassword sets a permanent password, which confirms the user, or a temporary one, which it must change at the next sign-in. What
// the old password left open ends. API reference, AdminSetUserPassword.
func (s *Service) AdminSetPassword(ctx context.Context, c Caller, poolID, name, pw string, permanent bool) error {
	return s.asAdmin(ctx, c, poolID, name, func(t *tenant, a *account) error {
		up := cloneUser(a.user)
		if err := s.replacePassword(ctx, t, up, pw); err != nil {
			return err
		}
		now := s.now()
		up.Status, up.TokensAfter = store.Confirmed, now
		if !permanent {
			up.Status, up.TemporaryUntil = store.ForceChangePassword, now.Add(t.cfg.temporaryLife())
		}
		ev, err := s.event(ctx, t, c, eventlog.PasswordChanged, a.user, "", map[string]any{"temporary": !permanent})
		if err != nil {
			return err
		}
		return s.write(ctx, func(tx *unit) error { return s.adminSetPassword(ctx, tx, up, ev) })
	})
}

func (s *Service) adminSetPassword(ctx context.Context, tx *unit, up *store.User, ev *store.Event) error {
	for _, p := range []otp.Purpose{otp.SignUp, otp.Reset} {
		if err := tx.Codes().DeleteCodes(ctx, up.PoolID, up.ID, string(p)); err != nil {
			return err
		}
	}
	if err := s.guard.Forgive(ctx, tx, up.PoolID, up.ID, guard.Password); err != nil {
		return err
	}
	if err := s.endSessions(ctx, tx, up); err != nil {
		return err
	}
	return tx.append(ctx, ev)
}

// AdminDeleteTOTP takes a user's authenticator away. API reference, AdminDeleteSoftwareToken.
func (s *Service) AdminDeleteTOTP(ctx context.Context, c Caller, poolID, name string) error {
	return s.asAdmin(ctx, c, poolID, name, func(t *tenant, a *account) error {
		up := cloneUser(a.user)
		up.SealedTOTP, up.TOTPStep, up.MFA.TOTP, up.MFA.TOTPReady, up.MFA.TOTPID = nil, 0, false, false, ""
		delete(up.Pending, pendingTOTP)
		delete(up.Pending, pendingFactor)
		dropPreferred(up)
		if !t.enrolled(up) { // the next first factor brings a new one
			up.MFA.Recovery = ""
		}
		ev, err := s.event(ctx, t, c, eventlog.Unenroll, a.user, "", map[string]any{"factor": kindTOTP})
		if err != nil {
			return err
		}
		return s.write(ctx, func(tx *unit) error {
			if err := s.save(ctx, tx, up); err != nil {
				return err
			}
			return tx.append(ctx, ev)
		})
	})
}
