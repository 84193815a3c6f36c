package pool

import (
	"context"
	"slices"
	"strings"

	"countersign/internal/fault"
	"countersign/internal/store"
)

// mayChangeFactors refuses the session of an access token that proved no second factor, of a user who has one, on both wires; but for pools where
// nothing ever asks for it. Sessions by the challenges of the pool's own functions are theirs to judge.
func (s *Service) mayChangeFactors(ctx context.Context, t *tenant, a *account) error {
	if slices.Contains(a.methods, "mfa") || slices.Contains(a.methods, methodOf[passedCustom]) {
		return nil
	}
	asked, err := s.isAsked(ctx, t, a.user)
	if err != nil || !asked {
		return err
	}
	code := fault.AccessTokenScope
	if t.auth0 {
		code = fault.AccessDenied
	}
	return fault.New(code).WithPublic("Sign in with a second factor first.")
}

// isAsked reports whether anything asks the user for a factor that it enrolled: the pool, one of its clients, or what may be a rule or action.
func (s *Service) isAsked(ctx context.Context, t *tenant, u *store.User) (bool, error) {
	switch {
	case !t.enrolled(u):
		return false, nil
	case len(t.activeFactors(u)) > 0 && t.cfg.MFA != "OFF", t.mfaRequired(), t.cfg.tenant().Adaptive:
		return true, nil
	}
	if s.Logins != nil {
		if judges, err := s.Logins.Judges(ctx, t.pool.ID); err != nil || judges {
			return judges, err
		}
	}
	var clients []*store.Client
	err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
		clients, err = tx.Pools().ListClients(ctx, t.pool.ID, "", maxClients)
		return err
	})
	for _, c := range clients {
		cfg, err := decode[ClientConfig](c.Config)
		if err != nil || cfg.RequireMFA {
			return true, err
		}
	}
	return false, err
}

// movesFactor reports whether a change of the user's number or address moves, or ends, a second factor that is on.
func (t *tenant) movesFactor(u, up *store.User) bool {
	return t.cfg.MFASMS && u.MFA.SMS && mfaNumber(u) != mfaNumber(up) ||
		t.cfg.MFAEmail && u.MFA.Email && u.Attributes[attrEmail] != up.Attributes[attrEmail]
}

// factorProved notes that a session of the Cognito wire proved a second factor, or switched on the user's first one.
func (b *bearer) factorProved(ctx context.Context, tx store.Tx) error {
	if slices.Contains(b.methods, "mfa") {
		return nil
	}
	return tx.Families().SetMethods(ctx, b.user.PoolID, b.user.ID, b.originJTI, strings.Join(append(slices.Clone(b.methods), "mfa"), " "))
}
