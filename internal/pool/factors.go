package pool

import (
	"slices"

	"countersign/internal/store"
)

func (t *tenant) mfaRequired() bool {
	return t.cfg.MFA == "ON" || (t.ccfg != nil && t.ccfg.RequireMFA)
}

// required reports whether a sign-in needs a second factor, whoever says so.
func (t *tenant) required(d signIn) bool { return t.mfaRequired() || d.Must }

// owed returns the second factors that the user may be asked for, or, where one is required and none is there, those it can set up. Where a rule
// or action names kinds, only those count; a user with factors of other kinds has nothing to set up, or else a password would do for that.
func (t *tenant) owed(u *store.User, d signIn) (ask, setup []string) {
	if t.cfg.MFA == "OFF" && !t.required(d) {
		return nil, nil
	}
	if active := t.activeFactors(u); len(active) > 0 || !t.required(d) {
		return t.another(u, d, d.ofKinds(active)), nil
	}
	if dormant := d.ofKinds(t.dormantFactors(u)); len(dormant) > 0 {
		dormant = t.another(u, d, dormant)
		return dormant[:min(len(dormant), 1)], nil
	}
	if t.enrolled(u) {
		return nil, nil
	}
	if t.cfg.MFASMS {
		setup = append(setup, kindSMSMFA)
	}
	if t.cfg.MFATOTP {
		setup = append(setup, kindTOTP)
	}
	if t.cfg.MFAEmail {
		setup = append(setup, kindEmailOTP)
	}
	return nil, d.ofKinds(setup)
}

// another leaves out the factors whose codes would go where the code of the first factor went: of a user with a password, that would make one factor of
// two. Who came by codes alone has nothing else to give.
func (t *tenant) another(u *store.User, d signIn, list []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(f string) bool {
		switch f {
		case kindSMSMFA:
			other := func(p store.MFAPhone) bool { return p.Confirmed() && !d.repeats(u, p.Number) }
			return d.repeats(u, mfaNumber(u)) && !(t.auth0 && slices.ContainsFunc(u.MFA.Phones, other))
		case kindEmailOTP:
			return u.PasswordHash != "" && d.passed(kindEmailOTP)
		}
		return false
	})
}

// repeats reports whether a text to a number proves nothing more than the first factor did.
func (d *signIn) repeats(u *store.User, number string) bool {
	return u.PasswordHash != "" && d.passed(kindSMSOTP) && isNumberOf(u, number)
}

// repeatsOnly reports whether a sign-in ends here because the user's factors would only repeat the first one.
func (t *tenant) repeatsOnly(u *store.User, d signIn) bool {
	begun := d
	begun.Passed = nil
	all, _ := t.owed(u, begun)
	ask, setup := t.owed(u, d)
	return len(all) > 0 && len(ask)+len(setup) == 0
}

// enrolled reports whether the user has a factor that the pool offers, switched on or off: one that was proved, not an attribute that would do.
func (t *tenant) enrolled(u *store.User) bool {
	return len(t.activeFactors(u)) > 0 || t.cfg.MFATOTP && u.MFA.TOTPReady || t.cfg.MFASMS && hasPhone(u)
}

// ofKinds leaves out the factors that a rule or action does not accept.
func (d *signIn) ofKinds(list []string) []string {
	if len(d.Kinds) == 0 {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(f string) bool { return !slices.Contains(d.Kinds, kindOf(f)) })
}

// dormantFactors are those that the user did not switch on, and that do where one is required.
func (t *tenant) dormantFactors(u *store.User) []string {
	var out []string
	if t.cfg.MFASMS && mfaNumber(u) != "" {
		out = append(out, kindSMSMFA)
	}
	if t.cfg.MFATOTP && u.MFA.TOTPReady {
		out = append(out, kindTOTP)
	}
	if t.cfg.MFAEmail && u.Attributes[attrEmail] != "" && u.Attributes[attrEmailVerified] == "true" {
		out = append(out, kindEmailOTP)
	}
	return out
}

// maySetUp reports whether the user, as it is now, still owes a second factor and may enrol this kind. A set-up that was begun before the
// owner enrolled must not replace what the owner has.
func (t *tenant) maySetUp(u *store.User, kind string, d signIn) bool {
	_, setup := t.owed(u, d)
	return slices.Contains(setup, kind)
}

// activeFactors are the second factors that the user switched on and the pool offers.
func (t *tenant) activeFactors(u *store.User) []string {
	var out []string
	if t.cfg.MFASMS && u.MFA.SMS && mfaNumber(u) != "" {
		out = append(out, kindSMSMFA)
	}
	if t.cfg.MFATOTP && u.MFA.TOTP && u.MFA.TOTPReady {
		out = append(out, kindTOTP)
	}
	if t.cfg.MFAEmail && u.MFA.Email && u.Attributes[attrEmail] != "" {
		out = append(out, kindEmailOTP)
	}
	return out
}

// chosenFactors is UserMFASettingList.
func chosenFactors(u *store.User) []string {
	var out []string
	if u.MFA.SMS {
		out = append(out, kindSMSMFA)
	}
	if u.MFA.TOTP && u.MFA.TOTPReady {
		out = append(out, kindTOTP)
	}
	if u.MFA.Email {
		out = append(out, kindEmailOTP)
	}
	return out
}

// firstFactors are the first factors that a user has and the pool offers.
func firstFactors(c *Config, u *store.User) []string {
	var out []string
	if c.firstFactor("PASSWORD") && u.PasswordHash != "" {
		out = append(out, "PASSWORD")
	}
	if c.firstFactor(kindEmailOTP) && u.Attributes[attrEmailVerified] == "true" && u.Attributes[attrEmail] != "" {
		out = append(out, kindEmailOTP)
	}
	if c.firstFactor(kindSMSOTP) && u.Attributes[attrPhoneVerified] == "true" && u.Attributes[attrPhone] != "" {
		out = append(out, kindSMSOTP)
	}
	return out
}
