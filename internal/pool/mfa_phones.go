package pool

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"slices"
	"strings"
	"time"

	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/phone"
)

const (
	// phonesMost is how many confirmed telephones a user may have, phonesWaiting how many that wait for their code, and waitingLife how long.
	phonesMost    = 10
	phonesWaiting = 3
	waitingLife   = time.Hour
)

// kindOf is the Auth0 dialect's word for a second factor.
func kindOf(factor string) string {
	switch factor {
	case kindSMSMFA:
		return FactorPhone
	case kindTOTP:
		return FactorOTP
	case kindEmailOTP:
		return FactorEmail
	}
	return factor
}

func kindsOf(list []string) []string {
	out := make([]string, len(list))
	for i, f := range list {
		out[i] = kindOf(f)
	}
	return out
}

// hasPhone reports whether the user has a confirmed telephone of its own.
func hasPhone(u *store.User) bool { return slices.ContainsFunc(u.MFA.Phones, isConfirmed) }

func isConfirmed(p store.MFAPhone) bool { return p.Confirmed() }

// mfaNumber is where texts of second factors go: the first confirmed telephone, or else the user's phone_number. A change of phone_number moves
// no telephone.
func mfaNumber(u *store.User) string {
	for _, p := range u.MFA.Phones {
		if p.Confirmed() {
			return p.Number
		}
	}
	return u.Attributes[attrPhone]
}

// phoneNumber is the number of a telephone: of the confirmed one with the id, or, for an empty id, phone_number of a user without any.
func phoneNumber(u *store.User, id string) string {
	if id == "" {
		if hasPhone(u) {
			return ""
		}
		return u.Attributes[attrPhone]
	}
	if p := phoneOf(u, id); p != nil && p.Confirmed() {
		return p.Number
	}
	return ""
}

// phoneOf is the telephone with the id, nil if there is none.
func phoneOf(u *store.User, id string) *store.MFAPhone {
	for i := range u.MFA.Phones {
		if u.MFA.Phones[i].ID == id {
			return &u.MFA.Phones[i]
		}
	}
	return nil
}

// isNumberOf reports whether a number is the line of the user's phone_number.
func isNumberOf(u *store.User, number string) bool { return sameLine(u.Attributes[attrPhone], number) }

func sameLine(a, b string) bool {
	x, err := phone.Parse(a)
	if err != nil {
		return false
	}
	y, err := phone.Parse(b)
	return err == nil && x.LineKey() == y.LineKey()
}

// addPhone adds a telephone that waits for its code to a user that is a copy, and returns its id. One that waits already is taken again; what
// waited too long, or is one too many, goes.
func (s *Service) addPhone(up *store.User, number string) (string, error) {
	now := s.now()
	up.MFA.Phones = slices.DeleteFunc(slices.Clone(up.MFA.Phones), func(p store.MFAPhone) bool { return !p.Confirmed() && now.Sub(p.CreatedAt) > waitingLife })
	confirmed, waiting := 0, []string(nil)
	for i := range up.MFA.Phones {
		p := &up.MFA.Phones[i]
		switch {
		case p.Confirmed() && sameLine(p.Number, number):
			return "", fault.New(fault.AlreadyEnrolled)
		case p.Confirmed():
			confirmed++
		case p.Number == number:
			p.CreatedAt = now
			return p.ID, nil
		default:
			waiting = append(waiting, p.ID)
		}
	}
	if confirmed >= phonesMost {
		return "", fault.New(fault.TooMany).WithField(attrPhone).WithPublic("The user has as many phones as are allowed.")
	}
	if len(waiting) >= phonesWaiting {
		up.MFA.Phones = slices.DeleteFunc(up.MFA.Phones, func(p store.MFAPhone) bool { return p.ID == waiting[0] })
	}
	id := newFactorID()
	up.MFA.Phones = append(up.MFA.Phones, store.MFAPhone{ID: id, Number: number, CreatedAt: now})
	return id, nil
}

// confirmPhone confirms a telephone of a user that is a copy, and switches the factor on.
func (s *Service) confirmPhone(up *store.User, id, channel string) {
	p := phoneOf(up, id)
	p.ConfirmedAt, p.LastAuth = s.now(), s.now()
	if channel == ChannelVoice {
		p.Preferred = ChannelVoice
	}
	up.MFA.SMS = true
	number := p.Number
	up.MFA.Phones = slices.DeleteFunc(slices.Clone(up.MFA.Phones), func(p store.MFAPhone) bool { return !p.Confirmed() && p.Number == number })
	switch own := up.Attributes[attrPhone]; {
	case own == "":
		up.Attributes[attrPhone], up.Attributes[attrPhoneVerified] = number, "true"
	case sameLine(own, number):
		up.Attributes[attrPhoneVerified] = "true"
	}
}

var idEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// newFactorID is 16 letters and digits.
func newFactorID() string {
	var b [10]byte
	rand.Read(b[:]) // never fails
	return idEncoding.EncodeToString(b[:])
}

// factorID is the id of a factor that the user did not enrol on the Auth0 wire: always the same, and telling nothing.
func (s *Service) factorID(ctx context.Context, u *store.User, kind string) (string, error) {
	h, err := s.Keys.Lookup(ctx, u.PoolID, "factor", kind, u.ID)
	if err != nil {
		return "", err
	}
	return idEncoding.EncodeToString(h[:10]), nil
}

// newRecovery makes a recovery code: 24 letters and digits, of which a keyed hash is kept.
func (s *Service) newRecovery(ctx context.Context, u *store.User) (code, hash string, err error) {
	var b [15]byte
	rand.Read(b[:]) // never fails
	code = idEncoding.EncodeToString(b[:])
	hash, err = s.recoveryHash(ctx, u, code)
	return code, hash, err
}

func (s *Service) recoveryHash(ctx context.Context, u *store.User, code string) (string, error) {
	plain := strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(code))
	return s.lookup(ctx, u.PoolID, "recovery code", u.ID, plain)
}

// mayRecover reports whether a recovery code will do in a sign-in.
func (t *tenant) mayRecover(u *store.User, d signIn) bool {
	return t.hasRecovery(u) && (len(d.Kinds) == 0 || slices.Contains(d.Kinds, FactorRecovery))
}

// hasRecovery reports whether the user has a recovery code that the pool takes.
func (t *tenant) hasRecovery(u *store.User) bool {
	return t.cfg.tenant().RecoveryCodes && u.MFA.Recovery != ""
}
