package pool

import (
	"context"
	"maps"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/otp"
	"countersign/internal/srp"
	"countersign/internal/store"
)

// attemptLife is how long a pending sign-up waits for its code; attemptsKept how many of one name are kept.
const (
	attemptLife  = 24 * time.Hour
	attemptsKept = 5
)

// SignUp creates an unconfirmed user, or a pending attempt, and sends the first code. API reference, SignUp.
func (s *Service) SignUp(ctx context.Context, c Caller, in SignUpInput) (*SignUpResult, error) {
	c = c.asking()
	t, err := s.byClient(ctx, in.ClientID, "")
	if err != nil {
		return nil, err
	}
	if err := t.checkSecretHash(in.SecretHash, in.Username); err != nil {
		return nil, err
	}
	if t.cfg.AdminCreateOnly {
		return nil, fault.New(fault.SignUpForbidden)
	}
	u, attr, err := s.newUser(ctx, t, in.Username, in.Attributes, byUser)
	if err != nil {
		return nil, err
	}
	if in.Password != "" || !t.cfg.passwordless() {
		if err := t.cfg.Password.Check(in.Password); err != nil {
			return nil, err
		}
	}
	a, err := s.find(ctx, t, c, in.Username)
	if err != nil {
		return nil, err
	}
	separate := t.cfg.SeparateAttempts && t.signUpContact(u) != ""
	if a.user != nil && !separate {
		return nil, taken(attr)
	}
	confirmed, err := s.preSignUp(ctx, t, c, askSignUp, u, in.ValidationData)
	if err != nil {
		return nil, err
	}
	if err := s.setPassword(ctx, t, u, in.Password); err != nil {
		return nil, err
	}
	if confirmed {
		return s.signUpConfirmed(ctx, t, c, a, u, attr)
	}
	if separate {
		return s.signUpAttempt(ctx, t, c, a, u)
	}
	return s.signUpUser(ctx, t, c, a, u, attr)
}

// taken names the attribute that users sign in with, if they do.
func taken(attr string) error {
	if attr == "" {
		return fault.New(fault.UsernameTaken)
	}
	return fault.New(fault.SignInNameTaken).WithField(attr)
}

// newUser builds a user from a typed name and attributes. attr is the attribute that the name is, or empty.
func (s *Service) newUser(ctx context.Context, t *tenant, name string, list []Attr, w writer) (u *store.User, attr string, err error) {
	attrs, err := t.checkAttributes(list, w, true)
	if err != nil {
		return nil, "", err
	}
	if attr, err = t.cfg.checkUsername(name); err != nil {
		return nil, "", err
	}
	now := s.now()
	u = &store.User{ID: newSub(), PoolID: t.pool.ID, Username: name, Status: store.Unconfirmed, Enabled: true, Attributes: map[string]string{}, CreatedAt: now, UpdatedAt: now, Version: 1}
	merge(u.Attributes, attrs)
	if attr != "" {
		if v := u.Attributes[attr]; v != "" && v != name {
			return nil, "", fault.Invalidf(attr, "User %s does not match the username.", attr)
		}
		u.Attributes[attr], u.Username = name, u.ID
	}
	for _, a := range []string{attrPhone, attrEmail} {
		if u.Attributes[a] != "" && u.Attributes[a+"_verified"] == "" {
			u.Attributes[a+"_verified"] = "false"
		}
	}
	if w == byUser { // an invited user gives what is missing with its first password
		if m := t.cfg.missing(u.Attributes); m != "" {
			return nil, "", requiredError(m)
		}
		if m := t.cfg.needsContact(u.Attributes); m != "" {
			return nil, "", requiredError(m)
		}
	}
	if u.SealedDataKey, _, err = s.Keys.NewDataKey(ctx, t.pool.ID, u.ID); err != nil {
		return nil, "", err
	}
	return u, attr, nil
}

// checkUsername applies cognito.md 3.2 and 3.3 and returns the attribute that the name is, or "".
func (c *Config) checkUsername(name string) (attr string, err error) {
	email, number := isEmail(name), isPhone(name)
	if len(c.UsernameAttributes) > 0 {
		switch {
		case number && c.usesName(attrPhone):
			return attrPhone, nil
		case email && c.usesName(attrEmail):
			return attrEmail, nil
		case c.usesName(attrPhone) && c.usesName(attrEmail):
			return "", fault.Invalidf("username", "Username should be either an email or a phone number.").WithHint("Phone numbers are E.164: +12025550123.")
		case c.usesName(attrPhone):
			return "", fault.Invalidf("username", "Username should be a phone number.").WithHint("Phone numbers are E.164: +12025550123.")
		}
		return "", fault.Invalidf("username", "Username should be an email.")
	}
	if email && c.aliases(attrEmail) {
		return "", fault.Invalidf("username", "Username cannot be of email format, since user pool is configured for email alias.")
	}
	if number && c.aliases(attrPhone) {
		return "", fault.Invalidf("username", "Username cannot be of phone number format, since user pool is configured for phone number alias.")
	}
	return "", nil
}

// needsContact returns the attribute that a sign-up lacks (seed 003): a pool that verifies phone or e-mail needs one that it can
// verify, and a pool whose only second factor is a text, and which demands one, needs a number.
func (c *Config) needsContact(attrs map[string]string) string {
	if c.MFA == "ON" && c.MFASMS && !c.MFATOTP && !c.MFAEmail && attrs[attrPhone] == "" {
		return attrPhone
	}
	p, e := c.autoVerifies(attrPhone), c.autoVerifies(attrEmail)
	switch {
	case p && attrs[attrPhone] == "" && (!e || attrs[attrEmail] == ""):
		return attrPhone
	case e && attrs[attrEmail] == "" && (!p || attrs[attrPhone] == ""):
		return attrEmail
	}
	return ""
}

// signUpContact is the attribute that a sign-up is confirmed through: phone first. Empty: nothing is verified.
func (t *tenant) signUpContact(u *store.User) string {
	for _, a := range []string{attrPhone, attrEmail} {
		if t.cfg.autoVerifies(a) && u.Attributes[a] != "" {
			return a
		}
	}
	return ""
}

// setPassword computes the hash and, where a client allows SRP, the sealed verifier. An empty password means none.
func (s *Service) setPassword(ctx context.Context, t *tenant, u *store.User, pw string) error {
	u.SRPSalt, u.SealedVerifier, u.PasswordHash = nil, nil, ""
	if pw == "" {
		return nil
	}
	h, err := s.Hasher.Hash(ctx, pw)
	if err != nil {
		return err
	}
	u.PasswordHash = h
	if ok, err := s.offersSRP(ctx, t); err != nil || !ok {
		return err
	}
	return s.setVerifier(ctx, t, u, pw)
}

// clientPage is how many clients are read at once; a pool has few.
const clientPage = 60

// offersSRP reports whether the caller's client or any other of the pool may use SRP: a password set through one is good on all.
func (s *Service) offersSRP(ctx context.Context, t *tenant) (bool, error) {
	if t.ccfg != nil && t.ccfg.srp() {
		return true, nil
	}
	found, after := false, ""
	err := s.Store.Read(ctx, func(tx store.Tx) error {
		for {
			list, err := tx.Pools().ListClients(ctx, t.pool.ID, after, clientPage)
			if err != nil {
				return err
			}
			for _, c := range list {
				ccfg, err := decode[ClientConfig](c.Config)
				if err != nil {
					return fault.Internalf("client %s: %w", c.ID, err)
				}
				found, after = found || ccfg.srp(), c.ID
			}
			if found || len(list) < clientPage {
				return nil
			}
		}
	})
	return found, err
}

func (s *Service) setVerifier(ctx context.Context, t *tenant, u *store.User, pw string) error {
	salt, v, err := srp.NewVerifier(srp.PoolName(t.pool.ID), u.Username, pw)
	if err != nil {
		return err
	}
	u.SRPSalt = salt
	u.SealedVerifier, err = s.Keys.SealRecord(ctx, t.pool.ID, "users", u.ID, "verifier", v)
	return err
}

// signUpUser is SignUp as Cognito has it: the unconfirmed user owns its name.
func (s *Service) signUpUser(ctx context.Context, t *tenant, c Caller, a *account, u *store.User, attr string) (*SignUpResult, error) {
	out := &SignUpResult{UserSub: u.ID}
	p, err := s.firstLetter(ctx, t, c, a, u, u)
	if err != nil {
		return nil, err
	}
	ev, err := s.event(ctx, t, c, eventlog.SignUpSucceeded, u, u.Attributes[attrPhone], nil)
	if err != nil {
		return nil, err
	}
	ses, err := s.signUpSession(t, c, u.ID)
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
		if p != nil {
			if err := s.store(ctx, tx, p); err != nil {
				return err
			}
		}
		if err := tx.open(ctx, ses); err != nil {
			return err
		}
		return tx.append(ctx, ev)
	}, p)
	if err != nil {
		return nil, signUpTaken(err)
	}
	if p != nil {
		out.Delivery = p.what
	}
	if ses != nil {
		out.Session = ses.handle
	}
	return out, nil
}

// claimNames makes a new user the owner of the name it was created with.
func claimNames(ctx context.Context, tx store.Tx, t *tenant, u *store.User, attr string) error {
	key := keyUsername + t.cfg.fold(u.Username)
	if attr != "" {
		key = t.cfg.attributeKey(attr, u.Attributes[attr])
	}
	owner, err := tx.Users().ClaimAlias(ctx, u.PoolID, key, u.ID)
	if err != nil {
		return err
	}
	if owner != u.ID {
		return taken(attr)
	}
	return nil
}

// firstLetter makes the first code of a sign-up; nil if the pool verifies nothing. user is nil for attempts.
func (s *Service) firstLetter(ctx context.Context, t *tenant, c Caller, a *account, u, user *store.User) (*posted, error) {
	contact := t.signUpContact(u)
	if contact == "" {
		return nil, nil
	}
	return s.post(ctx, t, c, letter{
		trigger: triggerSignUp, attr: contact, to: u.Attributes[contact], purpose: otp.SignUp, counted: guard.SignUp, lane: store.LaneSignUp,
		subject: u.ID, user: user, about: u, by: a,
	})
}

// signUpAttempt is SignUp with separate attempts: nothing is owned, nobody is blocked, and nobody learns who is there already.
func (s *Service) signUpAttempt(ctx context.Context, t *tenant, c Caller, a *account, u *store.User) (*SignUpResult, error) {
	now := s.now()
	at := &store.Attempt{ID: u.ID, PoolID: u.PoolID, ClientID: t.client.ID, NameKey: a.nameKey, Network: a.network, User: *u, CreatedAt: now, ExpiresAt: now.Add(attemptLife)}
	at.User.Attributes = maps.Clone(u.Attributes)
	p, err := s.firstLetter(ctx, t, c, a, u, nil)
	if err != nil {
		return nil, err
	}
	kind := eventlog.SignUpSucceeded
	if a.user != nil {
		kind = eventlog.SignUpFailed
		what := p.what
		l := letter{trigger: triggerSignUp, attr: what.Attribute, to: u.Attributes[attrPhone], counted: guard.SignUp}
		s.drop(p.judged)
		if p, err = s.pretend(ctx, t, c, a, l, otp.SignUp); err != nil {
			return nil, err
		}
		p.what = what
	}
	ev, err := s.event(ctx, t, c, kind, a.user, u.Attributes[attrPhone], map[string]any{"attempt": at.ID})
	if err != nil {
		return nil, err
	}
	ses, err := s.signUpSession(t, c, u.ID)
	if err != nil {
		return nil, err
	}
	refused, err := s.event(ctx, t, c, eventlog.GuardRefused, a.user, "", map[string]any{"purpose": "sign_up"})
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, func(tx *unit) error {
		// How often a name was signed up says something about it: beyond the allowance the answer is the same, and nothing is sent.
		if err := s.storeQuietly(ctx, tx, p, refused); err != nil {
			return err
		}
		if a.user == nil {
			if err := tx.Users().InsertAttempt(ctx, at, attemptsKept); err != nil {
				return err
			}
		}
		if err := tx.open(ctx, ses); err != nil {
			return err
		}
		return tx.append(ctx, ev)
	}, p)
	if err != nil {
		return nil, err
	}
	out := &SignUpResult{UserSub: u.ID, Delivery: p.what}
	if ses != nil {
		out.Session = ses.handle
	}
	return out, nil
}

// ResendSignUp sends a new confirmation code. API reference, ResendConfirmationCode. Unlike there, older codes stay good (three at most,
// on one try budget), or else a stranger could kill the owner's code for ever.
func (s *Service) ResendSignUp(ctx context.Context, c Caller, in NameInput) (*Delivery, error) {
	t, err := s.byClient(ctx, in.ClientID, "")
	if err != nil {
		return nil, err
	}
	if err := t.checkSecretHash(in.SecretHash, in.Username); err != nil {
		return nil, err
	}
	a, err := s.find(ctx, t, c, in.Username)
	if err != nil {
		return nil, err
	}
	if len(t.cfg.AutoVerified) == 0 {
		return nil, fault.New(fault.NothingToVerify)
	}
	u, err := s.resendTo(ctx, t, a)
	if err != nil {
		return nil, err
	}
	what, number, err := s.pretended(ctx, t, a, "")
	if err != nil {
		return nil, err
	}
	var p *posted
	if u == nil {
		p, err = s.pretend(ctx, t, c, a, letter{trigger: triggerResend, attr: what.Attribute, to: number, counted: guard.SignUp}, otp.SignUp)
	} else {
		contact := t.signUpContact(u)
		if contact == "" {
			return nil, fault.New(fault.NothingToVerify)
		}
		p, err = s.post(ctx, t, c, letter{
			trigger: triggerResend, attr: contact, to: u.Attributes[contact], purpose: otp.SignUp, counted: guard.SignUp, lane: store.LaneSignUp,
			subject: u.ID, user: a.user, about: u, by: a,
		})
	}
	if err != nil {
		return nil, err
	}
	if u != nil {
		what = p.what
	}
	return what, s.sendOnce(ctx, t, c, a, p, "resend", eventlog.CodeSent)
}

// resendTo returns the unconfirmed user or attempt that a resend is for; nil where nothing is to be sent and nobody may know.
func (s *Service) resendTo(ctx context.Context, t *tenant, a *account) (*store.User, error) {
	hidden := t.hides() || t.cfg.SeparateAttempts
	switch {
	case a.user != nil && a.user.Status == store.Unconfirmed:
		return a.user, nil
	case a.user != nil && !hidden:
		return nil, fault.New(fault.ResendAlreadyConfirmed)
	case a.user != nil:
		return nil, nil
	}
	var list []*store.Attempt
	err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
		list, err = tx.Users().Attempts(ctx, t.pool.ID, a.nameKey, s.now())
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, at := range list {
		// With several attempts, a resend must not carry a stranger's attempt to the owner's phone.
		if len(list) == 1 || at.Network == a.network {
			return &at.User, nil
		}
	}
	if hidden {
		return nil, nil
	}
	return nil, fault.New(fault.UserNotFound)
}

// sendOnce commits a message that no other change goes with.
func (s *Service) sendOnce(ctx context.Context, t *tenant, c Caller, a *account, p *posted, purpose string, kind eventlog.Type) error {
	ev, err := s.event(ctx, t, c, kind, a.user, "", map[string]any{"purpose": purpose})
	if err != nil {
		return err
	}
	refused, err := s.event(ctx, t, c, eventlog.GuardRefused, a.user, "", map[string]any{"purpose": purpose})
	if err != nil {
		return err
	}
	return s.write(ctx, func(tx *unit) error {
		first, err := s.once(ctx, tx, t, c, a.subject, purpose)
		if err != nil || !first {
			return err
		}
		if t.hides() || t.cfg.SeparateAttempts {
			err = s.storeQuietly(ctx, tx, p, refused)
		} else {
			err = s.store(ctx, tx, p)
		}
		if err != nil {
			return err
		}
		return tx.append(ctx, ev)
	}, p)
}
