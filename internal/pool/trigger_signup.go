package pool

import (
	"context"
	"maps"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/internal/trigger"
)

// What PreSignUp and PostConfirmation are asked about.
const (
	askSignUp        = "SignUp"
	askAdminCreate   = "AdminCreateUser"
	askConfirmSignUp = "ConfirmSignUp"
	askConfirmForgot = "ConfirmForgotPassword"
)

// preSignUp asks PreSignUp about a user who is about to be stored, marks verified what the function vouches for, and reports whether the
// user needs no confirmation.
func (s *Service) preSignUp(ctx context.Context, t *tenant, c Caller, what string, u *store.User, validation []Attr) (confirmed bool, err error) {
	if !t.has(trigger.PreSignUp) {
		return false, nil
	}
	given := maps.Clone(u.Attributes)
	maps.DeleteFunc(given, func(k, v string) bool { return v == "false" && (k == attrPhoneVerified || k == attrEmailVerified) })
	a, err := ask[trigger.PreSignUpAnswer](ctx, s, t, c, trigger.PreSignUp, what, "", whom{user: u},
		trigger.PreSignUpRequest{UserAttributes: given, ValidationData: attrMap(validation), ClientMetadata: c.Metadata})
	if err != nil {
		return false, err
	}
	for attr, verified := range map[string]bool{attrPhone: a.AutoVerifyPhone, attrEmail: a.AutoVerifyEmail} {
		if !verified {
			continue
		}
		if u.Attributes[attr] == "" {
			return false, s.triggerFailed(ctx, t, c, trigger.PreSignUp, what, whom{user: u},
				trigger.Invalid(trigger.PreSignUp, "the user has no "+attr+" that could be verified"))
		}
		u.Attributes[attr+"_verified"] = "true"
	}
	return a.AutoConfirmUser, nil
}

// attrMap is a list as a map; nil for none.
func attrMap(list []Attr) map[string]string {
	if len(list) == 0 {
		return nil
	}
	out := make(map[string]string, len(list))
	for _, a := range list {
		out[a.Name] = a.Value
	}
	return out
}

// postConfirmation calls PostConfirmation after the commit: its failure is the answer, and the user stays confirmed, as on Cognito. It is called
// whether or not the caller still waits: nobody would confirm the user again.
func (s *Service) postConfirmation(ctx context.Context, t *tenant, c Caller, what string, u *store.User) error {
	if !t.has(trigger.PostConfirmation) {
		return nil
	}
	w := whom{user: u}
	return s.notify(context.WithoutCancel(ctx), t, c, trigger.PostConfirmation, what, w, trigger.PostRequest{UserAttributes: w.attributes(), ClientMetadata: c.Metadata})
}

// confirmedUser is a candidate as its confirmation leaves it.
func confirmedUser(cand candidate) *store.User {
	up := cloneUser(cand.user)
	up.Status = store.Confirmed
	if cand.contact != "" {
		up.Attributes[cand.contact+"_verified"] = "true"
	}
	return up
}

// signUpConfirmed is SignUp of a user whom PreSignUp confirms: no code is sent, and PostConfirmation follows. With separate attempts
// nobody learns that the name is taken.
func (s *Service) signUpConfirmed(ctx context.Context, t *tenant, c Caller, a *account, u *store.User, attr string) (*SignUpResult, error) {
	out := &SignUpResult{UserSub: u.ID, Confirmed: true}
	ses, err := s.signUpSession(t, c, u.ID)
	if err != nil {
		return nil, err
	}
	if ses != nil {
		out.Session = ses.handle
	}
	if a.user != nil {
		return out, s.signUpInVain(ctx, t, c, a, ses)
	}
	u.Status = store.Confirmed
	ev, err := s.event(ctx, t, c, eventlog.SignUpSucceeded, u, u.Attributes[attrPhone], map[string]any{"confirmed": true})
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, func(tx *unit) error {
		if err := tx.Users().InsertUser(ctx, u); err != nil {
			return err
		}
		if err := s.claimVouched(ctx, tx, t, u, attr, false); err != nil {
			return err
		}
		if err := tx.Users().DeleteAttempts(ctx, t.pool.ID, a.nameKey); err != nil {
			return err
		}
		if err := tx.open(ctx, ses); err != nil {
			return err
		}
		return tx.append(ctx, ev)
	})
	if code := fault.CodeOf(err); t.cfg.SeparateAttempts && (code == fault.SignInNameTaken || code == fault.UsernameTaken || code == fault.AliasTaken) {
		return out, s.signUpInVain(ctx, t, c, a, ses)
	}
	if err != nil {
		return nil, signUpTaken(err)
	}
	return out, s.postConfirmation(ctx, t, c, askConfirmSignUp, u)
}

// signUpTaken words what belongs to somebody else as SignUp does: it knows no AliasExists.
func signUpTaken(err error) error {
	if e := fault.Of(err); e != nil && e.Code == fault.AliasTaken {
		return taken(e.Field)
	}
	return err
}

// signUpInVain records a sign-up with what somebody has, of which the caller must not learn. Its session is nobody's.
func (s *Service) signUpInVain(ctx context.Context, t *tenant, c Caller, a *account, ses *opened) error {
	ev, err := s.event(ctx, t, c, eventlog.SignUpFailed, a.user, "", nil)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *unit) error {
		if err := tx.open(ctx, ses); err != nil {
			return err
		}
		return tx.append(ctx, ev)
	})
}
