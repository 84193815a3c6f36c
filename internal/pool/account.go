package pool

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/otp"
	"countersign/internal/store"
	"countersign/internal/token"
)

func encode64(b []byte) []byte          { return base64.StdEncoding.AppendEncode(nil, b) }
func decode64(s string) ([]byte, error) { return base64.StdEncoding.DecodeString(s) }

// bySession returns the tenant of a challenge handle, for the two operations that carry no client id.
func (s *Service) bySession(ctx context.Context, handle string) (*tenant, error) {
	id, _, err := token.ParseHandle(token.Session, handle)
	if err != nil {
		return nil, fault.New(fault.SessionInvalid)
	}
	var row *store.Challenge
	err = s.Store.Read(ctx, func(tx store.Tx) (err error) {
		row, err = tx.Challenges().Challenge(ctx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New(fault.SessionInvalid)
	}
	if err != nil {
		return nil, err
	}
	return s.byClient(ctx, row.ClientID, row.PoolID)
}

// User returns the bearer as its client may see it. API reference, GetUser.
func (s *Service) User(ctx context.Context, c Caller, accessToken string) (*UserView, error) {
	b, err := s.bearerOf(ctx, c, accessToken)
	if err != nil {
		return nil, err
	}
	return s.view(b.tenant, b.user, b.tenant.readable), nil
}

// UpdateAttributes changes the bearer's attributes. API reference, UpdateUserAttributes. A new number or address becomes unverified, or
// waits for its code, as the pool says; a code goes to each that is auto-verified.
func (s *Service) UpdateAttributes(ctx context.Context, c Caller, accessToken string, list []Attr) (sent []*Delivery, err error) {
	c = c.asking()
	err = again(func() error {
		b, err := s.bearerOf(ctx, c, accessToken)
		if err != nil {
			return err
		}
		values, err := b.tenant.checkAttributes(list, byUser, false)
		if err != nil {
			return err
		}
		sent, err = s.change(ctx, b.tenant, c, b.account, values, byUser)
		return err
	})
	return sent, err
}

// changing is a change of attributes in the making.
type changing struct {
	t      *tenant
	a      *account
	w      writer
	values map[string]string
	// up is the user as it will be; asked are the contacts that get a code, by what they will be.
	up    *store.User
	asked []letter
	// released are names given up; told the contacts that are told of the change.
	released []string
	told     map[string]string
}

// change applies checked values to a user: pending where the pool demands the code first, codes to what must be verified, names moved,
// the old contacts told.
func (s *Service) change(ctx context.Context, t *tenant, c Caller, a *account, values map[string]string, w writer) ([]*Delivery, error) {
	ch := &changing{t: t, a: a, w: w, values: values, up: cloneUser(a.user), told: map[string]string{}}
	if ch.up.Pending == nil {
		ch.up.Pending = map[string]string{}
	}
	again, err := s.setAgain(ctx, t, a.user, values, w)
	if err != nil {
		return nil, err
	}
	for _, attr := range []string{attrPhone, attrEmail} {
		if err := ch.contact(attr); err != nil {
			return nil, err
		}
	}
	if err := ch.rest(); err != nil {
		return nil, err
	}
	if w == byUser && t.movesFactor(a.user, ch.up) {
		if err := s.mayChangeFactors(ctx, t, a); err != nil {
			return nil, err
		}
	}
	var sent []*Delivery
	var letters []*posted
	for _, l := range ch.asked {
		p, err := s.post(ctx, t, c, l)
		if err != nil {
			s.unmade(letters)
			return nil, err
		}
		p.lift = w == byUser && proven(a.user, l.to)
		letters, sent = append(letters, p), append(sent, p.what)
	}
	ev, err := s.event(ctx, t, c, eventlog.UserChanged, a.user, "", map[string]any{"attributes": len(values)})
	if err != nil {
		return nil, err
	}
	notes := s.notices(ctx, t, c, a, "The phone number or e-mail address of your account was changed. If this was not you, contact support.", ch.told)
	return sent, s.write(ctx, func(tx *unit) error {
		if err := tx.liftOptOut(ctx, t.pool.ID, again); err != nil {
			return err
		}
		if err := s.moveNames(ctx, tx, t, a.user, ch.up, ch.released); err != nil {
			return err
		}
		if err := s.save(ctx, tx, ch.up); err != nil {
			return err
		}
		for _, p := range letters {
			// A code for an older pending value dies with it.
			if err := tx.Codes().DeleteCodes(ctx, t.pool.ID, a.user.ID, p.code.Purpose); err != nil {
				return err
			}
			if err := s.store(ctx, tx, p); err != nil {
				return err
			}
		}
		if err := s.tell(ctx, tx, notes); err != nil {
			return err
		}
		return tx.append(ctx, ev)
	}, append(letters, notes...)...)
}

// setAgain is the keyed hash of the user's own proven number if it sets that to what it is: it wants texts there. Nil otherwise.
func (s *Service) setAgain(ctx context.Context, t *tenant, u *store.User, values map[string]string, w writer) ([]byte, error) {
	number := values[attrPhone]
	if w != byUser || number != u.Attributes[attrPhone] || !proven(u, number) {
		return nil, nil
	}
	return s.Events.NumberHash(ctx, t.pool.ID, number)
}

// contact is the part of a change that is about a number or address.
func (ch *changing) contact(attr string) error {
	t, old, values := ch.t, ch.a.user.Attributes, ch.values
	if values[attr+"_verified"] == "false" && old[attr] != "" && t.cfg.aliases(attr) && !t.cfg.usesName(attr) {
		ch.released = append(ch.released, t.cfg.attributeKey(attr, old[attr])) // what an administrator doubts is no name any more
	}
	v, ok := values[attr]
	if !ok {
		return nil
	}
	delete(values, attr)
	delete(ch.up.Pending, attr)
	if v == old[attr] { // taken back, if another was pending: the code sent to that has no use any more
		return nil
	}
	if t.cfg.usesName(attr) && v == "" {
		return fault.Invalidf(attr, "%s is the sign-in name and cannot be removed.", attr)
	}
	direct := ch.w == byAdmin && values[attr+"_verified"] == "true"
	if ch.w == byAdmin && values[attr+"_verified"] == "" {
		values[attr+"_verified"] = "false"
	}
	if !direct && v != "" && t.cfg.autoVerifies(attr) {
		ch.asked = append(ch.asked, letter{trigger: triggerUpdate, attr: attr, to: v, purpose: verifyPurpose(attr), counted: guard.Verify, lane: store.LaneSignUp,
			subject: ch.a.user.ID, user: ch.a.user, about: ch.up, by: ch.a, admin: ch.w == byAdmin})
		if t.cfg.verifiesBeforeUpdate(attr) {
			ch.up.Pending[attr] = v
			delete(values, attr+"_verified")
			return nil
		}
	}
	if old[attr] != "" {
		ch.released = append(ch.released, t.cfg.attributeKey(attr, old[attr]))
		if old[attr+"_verified"] == "true" {
			ch.told = verifiedContacts(ch.a.user)
		}
	}
	merge(ch.up.Attributes, map[string]string{attr: v, attr + "_verified": "false"})
	if v == "" {
		delete(ch.up.Attributes, attr+"_verified")
		if attr == attrPhone {
			ch.up.MFA.SMS = ch.up.MFA.SMS && mfaNumber(ch.up) != ""
		} else {
			ch.up.MFA.Email = false
		}
	}
	return nil
}

// rest is everything else.
func (ch *changing) rest() error {
	t, old := ch.t, ch.a.user.Attributes
	if v, ok := ch.values[attrPreferred]; ok && v != old[attrPreferred] && old[attrPreferred] != "" && t.cfg.aliases(attrPreferred) {
		ch.released = append(ch.released, t.cfg.attributeKey(attrPreferred, old[attrPreferred]))
	}
	merge(ch.up.Attributes, ch.values)
	if m := t.cfg.missing(ch.up.Attributes); m != "" && (ch.w == byUser || old[m] != "") {
		return requiredError(m)
	}
	dropPreferred(ch.up)
	return nil
}

// moveNames frees the names that the user gave up and claims those that it now owns: what is verified, preferred names, and in pools
// whose users sign in with a number or address the new value at once.
func (s *Service) moveNames(ctx context.Context, tx *unit, t *tenant, old, up *store.User, released []string) error {
	for _, key := range released {
		if err := tx.Users().ReleaseAlias(ctx, up.PoolID, key, up.ID); err != nil {
			return err
		}
	}
	for _, attr := range []string{attrPhone, attrEmail, attrPreferred} {
		v := up.Attributes[attr]
		if v == "" || !t.cfg.aliases(attr) || (v == old.Attributes[attr] && up.Attributes[attr+"_verified"] == old.Attributes[attr+"_verified"]) {
			continue
		}
		verified := up.Attributes[attr+"_verified"] == "true" || attr == attrPreferred
		if !verified {
			if t.cfg.usesName(attr) {
				if err := s.mustBeFree(ctx, tx, t, up, attr); err != nil {
					return err
				}
			}
			continue
		}
		if err := s.claimVerified(ctx, tx, t, up, attr, false); err != nil {
			return err
		}
	}
	return moveDestination(ctx, tx, t, old, up)
}

// moveDestination moves what a user of a passwordless connection signs in with.
func moveDestination(ctx context.Context, tx store.Tx, t *tenant, old, up *store.User) error {
	had, has := t.destinationOfUser(old), t.destinationOfUser(up)
	if had != nil && (has == nil || has.key != had.key) {
		if err := tx.Users().ReleaseAlias(ctx, up.PoolID, had.key, up.ID); err != nil {
			return err
		}
	}
	if has == nil || had != nil && has.key == had.key {
		return nil
	}
	_, err := claimDestination(ctx, tx, t, up, has)
	return err
}

// mustBeFree refuses a sign-in name of somebody else without claiming it: an unverified value owns nothing.
func (s *Service) mustBeFree(ctx context.Context, tx *unit, t *tenant, u *store.User, attr string) error {
	owner, _, err := tx.Users().FindUser(ctx, u.PoolID, t.cfg.attributeKey(attr, u.Attributes[attr]))
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil && owner.ID != u.ID {
		return fault.New(fault.AliasTaken).WithField(attr)
	}
	return err
}

func verifyPurpose(attr string) otp.Purpose {
	if attr == attrEmail {
		return otp.VerifyEmail
	}
	return otp.VerifyPhone
}

// dropPreferred: a factor that is off cannot be the preferred one.
func dropPreferred(u *store.User) {
	if u.MFA.Preferred != "" && !slices.Contains(chosenFactors(u), u.MFA.Preferred) {
		u.MFA.Preferred = ""
	}
}

// waiting is the value that a code of the attribute is sent to: the pending one, or the present one.
func waiting(u *store.User, attr string) string {
	if v := u.Pending[attr]; v != "" {
		return v
	}
	return u.Attributes[attr]
}

// SendAttributeCode sends a code for the bearer's number or address. API reference, GetUserAttributeVerificationCode.
func (s *Service) SendAttributeCode(ctx context.Context, c Caller, accessToken, attr string) (*Delivery, error) {
	b, err := s.bearerOf(ctx, c, accessToken)
	if err != nil {
		return nil, err
	}
	to := waiting(b.user, attr)
	switch {
	case attr != attrPhone && attr != attrEmail:
		return nil, fault.Invalidf("attributeName", "Only phone_number and email can be verified.")
	case to == "":
		return nil, fault.Invalidf(attr, "User does not have the attribute %s.", attr)
	case b.user.Pending[attr] == "" && b.user.Attributes[attr+"_verified"] == "true":
		return nil, fault.Invalidf(attr, "User is already confirmed.").WithPublic("Attribute %s is already verified.", attr)
	}
	p, err := s.post(ctx, b.tenant, c, letter{trigger: triggerVerify, attr: attr, to: to, purpose: verifyPurpose(attr), counted: guard.Verify, lane: store.LaneSignUp,
		subject: b.user.ID, user: b.user, by: b.account})
	if err != nil {
		return nil, err
	}
	p.lift = proven(b.user, to)
	return p.what, s.sendOnce(ctx, b.tenant, c, b.account, p, "verify "+attr, eventlog.CodeSent)
}

// VerifyAttribute redeems that code. API reference, VerifyUserAttribute.
func (s *Service) VerifyAttribute(ctx context.Context, c Caller, accessToken, attr, code string) error {
	return again(func() error {
		b, err := s.bearerOf(ctx, c, accessToken)
		if err != nil {
			return err
		}
		if attr != attrPhone && attr != attrEmail {
			return fault.Invalidf("attributeName", "Only phone_number and email can be verified.")
		}
		return s.verifyAttribute(ctx, c, b, attr, code)
	})
}

func (s *Service) verifyAttribute(ctx context.Context, c Caller, b *bearer, attr, answer string) error {
	t, u := b.tenant, b.user
	spec := otp.Spec{PoolID: t.pool.ID, SubjectID: u.ID, Purpose: verifyPurpose(attr), ClientID: t.client.ID, Wire: c.Wire, Target: waiting(u, attr)}
	if err := s.askMaker(ctx, t, question{try: s.try(t, b.account, guard.Verify), calls: true, specs: []otp.Spec{spec}, answer: answer}); err != nil {
		return err
	}
	up := cloneUser(u)
	told := map[string]string{}
	var released []string
	if v := u.Pending[attr]; v != "" {
		if old := u.Attributes[attr]; old != "" && old != v {
			released = append(released, t.cfg.attributeKey(attr, old))
			if u.Attributes[attr+"_verified"] == "true" {
				told = verifiedContacts(u)
			}
		}
		up.Attributes[attr] = v
		delete(up.Pending, attr)
	}
	up.Attributes[attr+"_verified"] = "true"
	if t.movesFactor(u, up) {
		if err := s.mayChangeFactors(ctx, t, b.account); err != nil {
			return err
		}
	}
	kind := eventlog.NumberChanged
	if attr == attrEmail {
		kind = eventlog.EmailChanged
	}
	good, err := s.event(ctx, t, c, kind, u, up.Attributes[attrPhone], nil)
	if err != nil {
		return err
	}
	bad, err := s.event(ctx, t, c, eventlog.CodeWrong, u, "", map[string]any{"purpose": "verify"})
	if err != nil {
		return err
	}
	notes := s.notices(ctx, t, c, b.account, "The phone number or e-mail address of your account was changed. If this was not you, contact support.", told)
	return s.write(ctx, func(tx *unit) error {
		err := s.redeem(ctx, tx, t, b.account, s.try(t, b.account, guard.Verify), bad, func() (*store.Code, error) { return s.judge(ctx, tx, spec, answer) })
		if err != nil {
			return err
		}
		if err := tx.Codes().DeleteCodes(ctx, t.pool.ID, u.ID, string(spec.Purpose)); err != nil {
			return err
		}
		if err := s.moveNames(ctx, tx, t, u, up, released); err != nil {
			return err
		}
		if err := s.save(ctx, tx, up); err != nil {
			return err
		}
		if err := s.tell(ctx, tx, notes); err != nil {
			return err
		}
		return tx.append(ctx, good)
	}, notes...)
}

// DeleteAttributes removes the bearer's own attributes. API reference, DeleteUserAttributes.
func (s *Service) DeleteAttributes(ctx context.Context, c Caller, accessToken string, names []string) error {
	return again(func() error {
		b, err := s.bearerOf(ctx, c, accessToken)
		if err != nil {
			return err
		}
		return s.deleteAttributes(ctx, b.tenant, c, b.account, names, byUser)
	})
}

func (s *Service) deleteAttributes(ctx context.Context, t *tenant, c Caller, a *account, names []string, w writer) error {
	list := make([]Attr, 0, len(names))
	for _, n := range names {
		if sc := t.cfg.attribute(n); sc != nil && sc.Required {
			return requiredError(n)
		}
		list = append(list, Attr{Name: n})
	}
	values, err := t.checkAttributes(list, w, false)
	if err != nil {
		return err
	}
	_, err = s.change(ctx, t, c, a, values, w)
	return err
}

// ChangePassword: API reference, ChangePassword. Every other session of the user ends.
func (s *Service) ChangePassword(ctx context.Context, c Caller, accessToken, previous, proposed string) error {
	return again(func() error {
		b, err := s.bearerOf(ctx, c, accessToken)
		if err != nil {
			return err
		}
		return s.changePassword(ctx, c, b, previous, proposed)
	})
}

func (s *Service) changePassword(ctx context.Context, c Caller, b *bearer, previous, proposed string) error {
	t := b.tenant
	try := s.try(t, b.account, guard.Password)
	err := s.Store.Read(ctx, func(tx store.Tx) error {
		if err := s.guard.CheckCall(ctx, tx, try); err != nil {
			return err
		}
		return s.guard.Check(ctx, tx, try)
	})
	if err != nil {
		return err
	}
	ok := true
	if b.user.PasswordHash != "" {
		if ok, _, err = s.verifyPassword(ctx, b.user, previous); err != nil {
			return err
		}
	}
	up := cloneUser(b.user)
	var reused error
	if ok {
		if reused = s.replacePassword(ctx, t, up, proposed); reused != nil && fault.CodeOf(reused) != fault.PasswordReused {
			return reused
		}
	}
	good, err := s.event(ctx, t, c, eventlog.PasswordChanged, b.user, "", nil)
	if err != nil {
		return err
	}
	bad, err := s.event(ctx, t, c, eventlog.PasswordChangeFailed, b.user, "", nil)
	if err != nil {
		return err
	}
	notes := s.notices(ctx, t, c, b.account, "The password of your account was changed. If this was not you, reset it now.", verifiedContacts(b.user))
	return s.write(ctx, func(tx *unit) error {
		if err := s.guard.Call(ctx, tx, try); err != nil {
			return err
		}
		turn, err := s.guard.Begin(ctx, tx, try)
		if err != nil {
			return err
		}
		if !ok {
			return s.wrong(ctx, tx, t, b.account, turn, bad, fault.New(fault.WrongCredentials))
		}
		if reused != nil { // counted, because it was compared with the whole history
			return store.Keep(reused)
		}
		if err := turn.Succeed(ctx); err != nil {
			return err
		}
		if err := tx.Families().RevokeFamilies(ctx, up.PoolID, up.ID, b.originJTI, s.now()); err != nil {
			return err
		}
		if err := s.passwordSet(ctx, tx, up, notes); err != nil {
			return err
		}
		return tx.append(ctx, good)
	}, notes...)
}

// passwordSet stores a new password and kills what the old one left open: reset codes and half-done sign-ins.
func (s *Service) passwordSet(ctx context.Context, tx *unit, up *store.User, notes []*posted) error {
	if err := tx.Codes().DeleteCodes(ctx, up.PoolID, up.ID, string(otp.Reset)); err != nil {
		return err
	}
	if err := tx.Challenges().EndChallenges(ctx, up.PoolID, up.ID, s.now()); err != nil {
		return err
	}
	if err := s.save(ctx, tx, up); err != nil {
		return err
	}
	return s.tell(ctx, tx, notes)
}

// replacePassword checks a new password against policy and history and sets it as a permanent one.
func (s *Service) replacePassword(ctx context.Context, t *tenant, u *store.User, pw string) error {
	if err := t.cfg.Password.Check(pw); err != nil {
		return err
	}
	keep := t.cfg.PasswordHistory
	if keep > 0 && u.PasswordHash != "" {
		u.PasswordHistory = append([]string{u.PasswordHash}, u.PasswordHistory...)
	}
	u.PasswordHistory = u.PasswordHistory[:min(len(u.PasswordHistory), keep)]
	for _, old := range u.PasswordHistory {
		same, _, err := s.Hasher.Verify(ctx, old, pw)
		if err != nil {
			return err
		}
		if same {
			return fault.New(fault.PasswordReused)
		}
	}
	u.TemporaryUntil = time.Time{}
	return s.setPassword(ctx, t, u, pw)
}

// DeleteSelf removes the bearer. API reference, DeleteUser.
func (s *Service) DeleteSelf(ctx context.Context, c Caller, accessToken string) error {
	b, err := s.bearerOf(ctx, c, accessToken)
	if err != nil {
		return err
	}
	return s.deleteUser(ctx, b.tenant, c, b.user)
}

func (s *Service) deleteUser(ctx context.Context, t *tenant, c Caller, u *store.User) error {
	ev, err := s.event(ctx, t, c, eventlog.UserDeleted, u, "", nil)
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *unit) error {
		ok, err := tx.Users().DeleteUser(ctx, u.PoolID, u.ID)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.UserNotFound)
		}
		return tx.append(ctx, ev)
	})
}

// SetMFAPreference switches the bearer's factors. API reference, SetUserMFAPreference.
func (s *Service) SetMFAPreference(ctx context.Context, c Caller, accessToken string, p MFAPreference) error {
	return again(func() error {
		b, err := s.bearerOf(ctx, c, accessToken)
		if err != nil {
			return err
		}
		if err := s.mayChangeFactors(ctx, b.tenant, b.account); err != nil {
			return err
		}
		return s.setPreference(ctx, b.tenant, c, b.account, p, b)
	})
}

// setPreference is for users (b) and, with no b, for administrators.
func (s *Service) setPreference(ctx context.Context, t *tenant, c Caller, a *account, p MFAPreference, b *bearer) error {
	u, up := a.user, cloneUser(a.user)
	preferred := 0
	set := func(change *FactorChange, on *bool, kind string, ready bool) error {
		if change == nil {
			return nil
		}
		if change.Enabled && !ready {
			return fault.New(fault.FactorNotReady).WithField(kind)
		}
		*on = change.Enabled
		switch {
		case change.Preferred && !change.Enabled:
			return fault.Invalidf(kind, "%s cannot be preferred while it is not enabled.", kind)
		case change.Preferred:
			up.MFA.Preferred = kind
			preferred++
		case up.MFA.Preferred == kind:
			up.MFA.Preferred = ""
		}
		return nil
	}
	err := errors.Join(
		set(p.SMS, &up.MFA.SMS, kindSMSMFA, mfaNumber(u) != ""),
		set(p.TOTP, &up.MFA.TOTP, kindTOTP, u.MFA.TOTPReady),
		set(p.Email, &up.MFA.Email, kindEmailOTP, u.Attributes[attrEmail] != "" && u.Attributes[attrEmailVerified] == "true"))
	if err != nil {
		return fault.Of(err)
	}
	if preferred > 1 {
		return fault.Invalidf("preferredMfa", "Only one factor can be preferred.")
	}
	dropPreferred(up)
	ev, err := s.event(ctx, t, c, eventlog.FactorsChanged, u, "", map[string]any{"factors": chosenFactors(up)})
	if err != nil {
		return err
	}
	var notes []*posted
	if !slices.Equal(chosenFactors(u), chosenFactors(up)) {
		notes = s.notices(ctx, t, c, a, "The sign-in methods of your account were changed. If this was not you, contact support.", verifiedContacts(u))
	}
	return s.write(ctx, func(tx *unit) error {
		if b != nil && len(t.activeFactors(up)) > 0 {
			if err := b.factorProved(ctx, tx); err != nil {
				return err
			}
		}
		if err := s.save(ctx, tx, up); err != nil {
			return err
		}
		if err := s.tell(ctx, tx, notes); err != nil {
			return err
		}
		return tx.append(ctx, ev)
	}, notes...)
}
