package pool

import (
	"context"
	"slices"
	"strings"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/phone"
)

const devicePrefix = "dev_"

// Authenticators lists the bearer's factors; unconfirmed ones are not active.
func (s *Service) Authenticators(ctx context.Context, c Caller, b MFABearer) ([]Authenticator, error) {
	c = c.onAuth0()
	hd, err := s.holder(ctx, c, b.Token, "", scopeRead)
	if err != nil {
		return nil, err
	}
	return s.authenticators(ctx, hd.t, hd.a.user, hd.asked())
}

// asked are the factors that the holder owes one of.
func (h *holder) asked() []string {
	if h.h == nil {
		return nil
	}
	ask, _ := h.t.owed(h.a.user, h.h.data)
	return ask
}

// authenticators are a user's factors that the pool offers, in a fixed order. Besides those that are switched on, the ones in ask are active.
func (s *Service) authenticators(ctx context.Context, t *tenant, u *store.User, ask []string) ([]Authenticator, error) {
	active := append(t.activeFactors(u), ask...)
	on := func(kind string) bool { return slices.Contains(active, kind) }
	out, err := s.phoneAuthenticators(ctx, t, u, on(kindSMSMFA))
	if err != nil {
		return nil, err
	}
	if t.cfg.MFATOTP && u.MFA.TOTPReady {
		id, err := s.idOf(ctx, u, u.MFA.TOTPID, FactorOTP)
		if err != nil {
			return nil, err
		}
		out = append(out, Authenticator{ID: "totp|" + id, Kind: FactorOTP, Type: "otp", Active: on(kindTOTP)})
	}
	if email := u.Attributes[attrEmail]; t.cfg.MFAEmail && email != "" && (u.MFA.Email || on(kindEmailOTP)) {
		id, err := s.idOf(ctx, u, u.MFA.EmailID, FactorEmail)
		if err != nil {
			return nil, err
		}
		out = append(out, Authenticator{ID: "email|" + id, Kind: FactorEmail, Type: "oob", Channel: "email", Name: maskEmail(email), Active: on(kindEmailOTP)})
	}
	if t.hasRecovery(u) {
		id, err := s.factorID(ctx, u, FactorRecovery)
		if err != nil {
			return nil, err
		}
		out = append(out, Authenticator{
			ID: "recovery-code|" + devicePrefix + id, Kind: FactorRecovery, Type: "recovery-code", Active: true, CreatedAt: u.MFA.RecoveryAt})
	}
	return out, nil
}

// phoneAuthenticators are a user's telephones, one entry for each channel. A user without any, whom the Cognito wire texts at phone_number, has that.
func (s *Service) phoneAuthenticators(ctx context.Context, t *tenant, u *store.User, on bool) ([]Authenticator, error) {
	if !t.cfg.MFASMS {
		return nil, nil
	}
	phones := u.MFA.Phones
	if own := u.Attributes[attrPhone]; !hasPhone(u) && own != "" && (u.MFA.SMS || on) {
		id, err := s.factorID(ctx, u, FactorPhone)
		if err != nil {
			return nil, err
		}
		phones = append([]store.MFAPhone{{ID: id, Number: own, CreatedAt: u.CreatedAt, ConfirmedAt: u.CreatedAt}}, phones...)
	}
	var out []Authenticator
	for _, p := range phones {
		if !p.Confirmed() && s.now().Sub(p.CreatedAt) > waitingLife {
			continue
		}
		for _, ch := range t.channelsFor(p) {
			out = append(out, Authenticator{
				ID: ch + "|" + devicePrefix + p.ID, Kind: FactorPhone, Type: "oob", Channel: ch, Name: maskNumber(p.Number), Active: on && p.Confirmed(),
				CreatedAt: p.CreatedAt, LastAuth: p.LastAuth,
			})
		}
	}
	return out, nil
}

// channelsFor are the channels of the pool, the telephone's preferred one first.
func (t *tenant) channelsFor(p store.MFAPhone) []string {
	list := slices.Clone(t.cfg.tenant().channels())
	if i := slices.Index(list, p.Preferred); i > 0 {
		list[0], list[i] = list[i], list[0]
	}
	return list
}

func (s *Service) idOf(ctx context.Context, u *store.User, own, kind string) (string, error) {
	if own != "" {
		return devicePrefix + own, nil
	}
	id, err := s.factorID(ctx, u, kind)
	return devicePrefix + id, err
}

// maskNumber shows the last four digits: XXXXXXXX8730.
func maskNumber(number string) string {
	n, err := phone.Parse(number)
	if err != nil {
		return "XXXXXXXX"
	}
	digits := n.String()
	return "XXXXXXXX" + digits[max(len(digits)-4, 1):]
}

// DeleteAuthenticator removes a factor. An mfa_token is not enough: who holds it did not prove the factor. Deleting one channel of a telephone
// deletes the telephone.
func (s *Service) DeleteAuthenticator(ctx context.Context, c Caller, b MFABearer, id string) error {
	c = c.onAuth0()
	return again(func() error {
		hd, err := s.bearerOfFactors(ctx, c, b.Token, scopeRemove)
		if err != nil {
			return err
		}
		list, err := s.authenticators(ctx, hd.t, hd.a.user, nil)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(list, func(x Authenticator) bool { return x.ID == id })
		if i < 0 {
			return fault.New(fault.MfaMethodNotFound)
		}
		return s.unenrol(ctx, hd.t, c, hd.a, list[i])
	})
}

// bearerOfFactors is the holder of an access token for the MFA API who may change factors: a user who has any must have proved one in that session.
func (s *Service) bearerOfFactors(ctx context.Context, c Caller, bearer, scope string) (*holder, error) {
	if strings.Count(bearer, ".") != 2 {
		return nil, fault.New(fault.AccessTokenScope).WithField(scope).WithHint("This needs an access token for the MFA API with the scope %s.", scope)
	}
	hd, err := s.holder(ctx, c, bearer, "", scope)
	if err != nil {
		return nil, err
	}
	return hd, s.mayChangeFactors(ctx, hd.t, hd.a)
}

// unenrol removes a factor, and with the last one the recovery code: the next first factor brings a new one.
func (s *Service) unenrol(ctx context.Context, t *tenant, c Caller, a *account, x Authenticator) error {
	up := cloneUser(a.user)
	switch x.Kind {
	case FactorPhone:
		_, dev, _ := strings.Cut(x.ID, "|"+devicePrefix)
		waiting := phoneOf(up, dev) != nil && !phoneOf(up, dev).Confirmed()
		up.MFA.Phones = slices.DeleteFunc(up.MFA.Phones, func(p store.MFAPhone) bool { return p.ID == dev })
		up.MFA.SMS = up.MFA.SMS && (waiting || hasPhone(up))
	case FactorOTP:
		up.SealedTOTP, up.TOTPStep, up.MFA.TOTP, up.MFA.TOTPReady, up.MFA.TOTPID = nil, 0, false, false, ""
	case FactorEmail:
		up.MFA.Email, up.MFA.EmailID = false, ""
	case FactorRecovery:
		up.MFA.Recovery = ""
	}
	dropPreferred(up)
	if len(t.activeFactors(up)) == 0 {
		up.MFA.Recovery = ""
	}
	ev, err := s.event(ctx, t, c, eventlog.Unenroll, a.user, "", map[string]any{"factor": x.Kind, "authenticator": x.ID})
	if err != nil {
		return err
	}
	notes := s.notices(ctx, t, c, a, "A sign-in method of your account was removed. If this was not you, contact support.", verifiedContacts(a.user))
	return s.write(ctx, func(tx *unit) error {
		if err := s.save(ctx, tx, up); err != nil {
			return err
		}
		if err := s.tell(ctx, tx, notes); err != nil {
			return err
		}
		return tx.append(ctx, ev)
	}, notes...)
}
