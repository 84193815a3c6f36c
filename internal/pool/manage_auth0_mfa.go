package pool

import (
	"context"
	"slices"
	"strings"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/internal/totp"
	"countersign/phone"
)

// ManagedFactor is an enrolled factor as administrators see it.
type ManagedFactor struct {
	// ID is the enrolment's ("dev_…"); of a telephone it is one for all channels.
	ID string
	// Kind is one of the factors (FactorPhone ...).
	Kind string
	// Number, Name, Preferred and Channels are of telephones; Preferred is the channel of choice. Email is of FactorEmail.
	Number, Name, Preferred string
	Channels                []string
	Email                   string
	Confirmed               bool
	// CreatedAt and LastAuth are zero where nothing is known.
	CreatedAt, LastAuth time.Time
}

// NewFactor is a factor that an administrator gives a user, confirmed at once. Number, Name and Preferred (sms or voice) are of telephones, Secret
// (base32) of authenticator apps; an Email must be the user's own.
type NewFactor struct{ Kind, Number, Name, Preferred, Secret, Email string }

// Factors lists a user's factors that the pool offers. Errors: UserNotFound.
func (s *Service) Factors(ctx context.Context, c Caller, poolID, userID string) (out []ManagedFactor, err error) {
	err = s.asAdmin(ctx, c, poolID, userID, func(t *tenant, a *account) error {
		out, err = s.factors(ctx, t, a.user)
		return err
	})
	return out, err
}

func (s *Service) factors(ctx context.Context, t *tenant, u *store.User) ([]ManagedFactor, error) {
	list, err := s.authenticators(ctx, t, u, nil)
	if err != nil {
		return nil, err
	}
	var out []ManagedFactor
	for _, x := range list {
		_, id, _ := strings.Cut(x.ID, "|")
		if n := len(out); n > 0 && out[n-1].ID == id {
			out[n-1].Channels = append(out[n-1].Channels, x.Channel)
			continue
		}
		f := ManagedFactor{ID: id, Kind: x.Kind, Confirmed: true, CreatedAt: x.CreatedAt, LastAuth: x.LastAuth}
		switch x.Kind {
		case FactorPhone:
			f.Channels, f.Preferred, f.Number = []string{x.Channel}, x.Channel, u.Attributes[attrPhone]
			if p := phoneOf(u, strings.TrimPrefix(id, devicePrefix)); p != nil {
				f.Number, f.Name, f.Confirmed = p.Number, p.Name, p.Confirmed()
			}
		case FactorEmail:
			f.Email = u.Attributes[attrEmail]
		}
		out = append(out, f)
	}
	return out, nil
}

// SetFactors gives a user factors, besides those that it has (keep) or instead of all of them, and returns their ids in the order of the list.
// Errors: UserNotFound, AlreadyEnrolled, TooMany, InvalidParameter, TotpNotEnabled (a factor that the pool does not offer).
func (s *Service) SetFactors(ctx context.Context, c Caller, poolID, userID string, list []NewFactor, keep bool) (ids []string, err error) {
	err = s.asAdmin(ctx, c, poolID, userID, func(t *tenant, a *account) error {
		up := cloneUser(a.user)
		if ids = nil; !keep {
			dropFactors(up)
		}
		for _, f := range list {
			id, err := s.addFactor(ctx, t, up, f)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		dropPreferred(up)
		if len(t.activeFactors(up)) == 0 {
			up.MFA.Recovery = ""
		}
		kind := eventlog.EnrollmentComplete
		if len(list) == 0 {
			kind = eventlog.Unenroll
		}
		return s.saveManaged(ctx, t, c, up, kind, map[string]any{"factors": kindsOf(chosenFactors(up)), "enrolled": len(list), "replaced": !keep})
	})
	return ids, err
}

// dropFactors takes all factors from a user that is a copy, and the recovery code with them.
func dropFactors(up *store.User) {
	up.MFA, up.SealedTOTP, up.TOTPStep = store.MFA{}, nil, 0
	delete(up.Pending, pendingTOTP)
	delete(up.Pending, pendingFactor)
}

// addFactor adds a factor to a user that is a copy.
func (s *Service) addFactor(ctx context.Context, t *tenant, up *store.User, f NewFactor) (id string, err error) {
	off := func() error {
		return fault.New(fault.TotpNotEnabled).WithField(f.Kind).WithPublic("The factor %s is not enabled for this tenant.", f.Kind)
	}
	switch f.Kind {
	case FactorPhone:
		if !t.cfg.MFASMS {
			return "", off()
		}
		id, err = s.addConfirmed(up, f)
	case FactorOTP:
		if !t.cfg.MFATOTP {
			return "", off()
		}
		id, err = s.addTOTP(ctx, t, up, f.Secret)
	case FactorEmail:
		switch {
		case !t.cfg.MFAEmail:
			return "", off()
		case up.Attributes[attrEmail] == "" || t.cfg.fold(f.Email) != t.cfg.fold(up.Attributes[attrEmail]):
			return "", fault.Invalidf(attrEmail, "The factor email is the user's own address.")
		case up.MFA.Email:
			return "", fault.New(fault.AlreadyEnrolled)
		}
		up.MFA.Email, up.MFA.EmailID = true, newFactorID()
		id = up.MFA.EmailID
	default:
		return "", fault.Invalidf("type", "A factor is phone, totp or email.")
	}
	return devicePrefix + id, err
}

func (s *Service) addConfirmed(up *store.User, f NewFactor) (string, error) {
	n, err := phone.Parse(f.Number)
	if err != nil {
		return "", fault.Invalidf(attrPhone, "Invalid phone number format.").WithHint("Send E.164: +, country code, number, digits only (+12025550123).")
	}
	id, err := s.addPhone(up, n.String())
	if err != nil {
		return "", err
	}
	p := phoneOf(up, id)
	p.Name, p.Preferred, p.ConfirmedAt = f.Name, f.Preferred, s.now()
	up.MFA.SMS = true
	return id, nil
}

func (s *Service) addTOTP(ctx context.Context, t *tenant, up *store.User, secret string) (id string, err error) {
	secret = strings.ToUpper(strings.TrimRight(strings.ReplaceAll(secret, " ", ""), "="))
	if len(secret) < 16 || len(secret) > 128 {
		return "", fault.Invalidf("totp_secret", "The secret of an authenticator app has 16 to 128 characters of base32.")
	}
	if _, err := idEncoding.DecodeString(secret); err != nil {
		return "", fault.Invalidf("totp_secret", "The secret of an authenticator app is base32.")
	}
	if up.MFA.TOTPReady {
		return "", fault.New(fault.AlreadyEnrolled)
	}
	if up.SealedTOTP, err = s.sealTOTP(ctx, t, up.ID, secret); err != nil {
		return "", err
	}
	up.TOTPStep, up.MFA.TOTP, up.MFA.TOTPReady, up.MFA.TOTPID = 0, true, true, newFactorID()
	return up.MFA.TOTPID, nil
}

// NewTOTPSecret makes a secret for NewFactor.
func NewTOTPSecret() string { return totp.NewSecret() }

// UpdatePhoneFactor changes name and preferred channel (sms or voice) of a telephone; nil stays. Errors: UserNotFound, MfaMethodNotFound,
// InvalidParameter (the telephone is a phone_number that nobody proved, and has neither).
func (s *Service) UpdatePhoneFactor(ctx context.Context, c Caller, poolID, userID, id string, name, preferred *string) error {
	return s.asAdmin(ctx, c, poolID, userID, func(t *tenant, a *account) error {
		f, err := s.factor(ctx, t, a.user, id)
		if err != nil {
			return err
		}
		if f.Kind != FactorPhone {
			return fault.New(fault.MfaMethodNotFound)
		}
		up, own := cloneUser(a.user), strings.TrimPrefix(f.ID, devicePrefix)
		if phoneOf(up, own) == nil { // texted at phone_number so far; with a name of its own it is a telephone like others, which are all proved
			if up.Attributes[attrPhoneVerified] != "true" {
				return fault.Invalidf(attrPhone, "The user's phone number is not verified.")
			}
			up.MFA.Phones = append(up.MFA.Phones, store.MFAPhone{ID: own, Number: f.Number, CreatedAt: f.CreatedAt, ConfirmedAt: f.CreatedAt})
		}
		p := phoneOf(up, own)
		if name != nil {
			p.Name = *name
		}
		if preferred != nil {
			p.Preferred = *preferred
		}
		return s.saveManaged(ctx, t, c, up, eventlog.UpdateDeviceAccount, map[string]any{"factor": FactorPhone})
	})
}

// factor finds a factor by its id, whatever channel or kind stands before it.
func (s *Service) factor(ctx context.Context, t *tenant, u *store.User, id string) (*ManagedFactor, error) {
	list, err := s.factors(ctx, t, u)
	if err != nil {
		return nil, err
	}
	if _, own, ok := strings.Cut(id, "|"); ok {
		id = own
	}
	i := slices.IndexFunc(list, func(f ManagedFactor) bool { return f.ID == id })
	if i < 0 {
		return nil, fault.New(fault.MfaMethodNotFound)
	}
	return &list[i], nil
}

// RemoveFactor takes a factor from a user, who is told. Errors: UserNotFound, MfaMethodNotFound.
func (s *Service) RemoveFactor(ctx context.Context, c Caller, poolID, userID, id string) error {
	c = c.asking()
	return s.asAdmin(ctx, c, poolID, userID, func(t *tenant, a *account) error {
		f, err := s.factor(ctx, t, a.user, id)
		if err != nil {
			return err
		}
		return s.unenrol(ctx, t, c, a, Authenticator{ID: f.Kind + "|" + f.ID, Kind: f.Kind})
	})
}

// RegenerateRecovery gives a user a new recovery code, which is shown this once; the old one is dead. Errors: UserNotFound, UnsupportedOperation
// where the pool has no recovery codes.
func (s *Service) RegenerateRecovery(ctx context.Context, c Caller, poolID, userID string) (code string, err error) {
	err = s.asAdmin(ctx, c, poolID, userID, func(t *tenant, a *account) error {
		if !t.cfg.tenant().RecoveryCodes {
			return fault.New(fault.UnsupportedOperation)
		}
		up := cloneUser(a.user)
		if code, up.MFA.Recovery, err = s.newRecovery(ctx, up); err != nil {
			return err
		}
		up.MFA.RecoveryAt = s.now()
		return s.saveManaged(ctx, t, c, up, eventlog.UpdateDeviceAccount, map[string]any{"factor": FactorRecovery})
	})
	return code, err
}
