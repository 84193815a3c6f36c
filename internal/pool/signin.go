package pool

import (
	"context"
	"slices"
	"strings"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/otp"
	"countersign/internal/store"
)

const allowRefresh = "ALLOW_REFRESH_TOKEN_AUTH"

// flowAllowed maps an AuthFlow to the ExplicitAuthFlows value that allows it; the second group is for administrators' calls only.
var flowAllowed = map[string]string{
	"USER_SRP_AUTH": "ALLOW_USER_SRP_AUTH", "USER_PASSWORD_AUTH": "ALLOW_USER_PASSWORD_AUTH", "USER_AUTH": "ALLOW_USER_AUTH",
	"REFRESH_TOKEN_AUTH": allowRefresh, "REFRESH_TOKEN": allowRefresh, "CUSTOM_AUTH": "ALLOW_CUSTOM_AUTH",
	"ADMIN_USER_PASSWORD_AUTH": "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH": "ALLOW_ADMIN_USER_PASSWORD_AUTH",
}

// InitiateAuth begins a sign-in. API reference, InitiateAuth and AdminInitiateAuth.
func (s *Service) InitiateAuth(ctx context.Context, c Caller, in AuthInput) (*AuthResult, error) {
	c = c.asking()
	c.first, c.Metadata = c.Metadata, nil // most triggers do not see what a sign-in begins with
	t, err := s.byClient(ctx, in.ClientID, in.PoolID)
	if err != nil {
		return nil, err
	}
	if err := t.checkFlow(&in); err != nil {
		return nil, err
	}
	if err := t.checkAddress(c); err != nil {
		return nil, err
	}
	if flowAllowed[in.Flow] == allowRefresh {
		return s.refreshFlow(ctx, c, in)
	}
	name := in.Params["USERNAME"]
	if name == "" {
		return nil, fault.Invalidf("USERNAME", "Missing required parameter USERNAME")
	}
	if err := t.checkSecretHash(param(in.Params, "SECRET_HASH"), name); err != nil {
		return nil, err
	}
	if len(name) > 128 {
		return nil, fault.Invalidf("USERNAME", "USERNAME must have length less than or equal to 128")
	}
	var out *AuthResult
	err = again(func() (err error) {
		out, err = s.beginSignIn(ctx, t, c, in, name)
		return err
	})
	return out, err
}

// checkFlow refuses a flow that does not exist, that is not for this call, or that the client or pool is not set up for.
func (t *tenant) checkFlow(in *AuthInput) error {
	need, ok := flowAllowed[in.Flow]
	forAdmin := strings.HasPrefix(in.Flow, "ADMIN_")
	switch {
	case !ok:
		return fault.New(fault.FlowNotSupported)
	case forAdmin != (in.PoolID != "") && (forAdmin || in.Flow == "USER_PASSWORD_AUTH"):
		return fault.New(fault.FlowNotSupported).WithHint("USER_PASSWORD_AUTH is for InitiateAuth, ADMIN_USER_PASSWORD_AUTH for AdminInitiateAuth.")
	case !t.ccfg.allows(need) && need != allowRefresh:
		return fault.New(fault.FlowNotEnabled).WithField(in.Flow).WithHint("Add %s to the client's ExplicitAuthFlows.", need)
	case in.Flow == "CUSTOM_AUTH":
		return t.customReady()
	}
	return nil
}

// beginSignIn finds the user, who may have to be migrated first, asks PreAuthentication, and begins the flow.
func (s *Service) beginSignIn(ctx context.Context, t *tenant, c Caller, in AuthInput, name string) (*AuthResult, error) {
	a, err := s.find(ctx, t, c, name)
	if err != nil {
		return nil, err
	}
	if a, err = s.migrate(ctx, t, c, a, askAuthentication, in.password()); err != nil {
		return nil, err
	}
	if err := s.preAuthentication(ctx, t, c, a); err != nil {
		return nil, err
	}
	switch in.Flow {
	case "USER_SRP_AUTH":
		return s.beginSRP(ctx, t, c, a, in.Params["SRP_A"], nil, nil)
	case "CUSTOM_AUTH":
		return s.beginCustom(ctx, t, c, a, in.Params)
	case "USER_AUTH":
		return s.beginChoice(ctx, t, c, a, in)
	}
	if in.Params["PASSWORD"] == "" {
		return nil, fault.Invalidf("PASSWORD", "Missing required parameter PASSWORD")
	}
	return s.passwordStep(ctx, t, c, a, in.Params["PASSWORD"], nil, signIn{Name: name})
}

// password is the password in clear that a sign-in begins with, or empty.
func (in *AuthInput) password() string {
	switch in.Flow {
	case "USER_PASSWORD_AUTH", "ADMIN_USER_PASSWORD_AUTH", "ADMIN_NO_SRP_AUTH":
		return in.Params["PASSWORD"]
	case "USER_AUTH":
		if in.Session == "" && in.Params["PREFERRED_CHALLENGE"] == kindPassword {
			return in.Params["PASSWORD"]
		}
	}
	return ""
}

func param(p map[string]string, name string) *string {
	if v, ok := p[name]; ok {
		return &v
	}
	return nil
}

func (s *Service) refreshFlow(ctx context.Context, c Caller, in AuthInput) (*AuthResult, error) {
	if in.Params["REFRESH_TOKEN"] == "" {
		return nil, fault.Invalidf("REFRESH_TOKEN", "Missing required parameter REFRESH_TOKEN")
	}
	tk, err := s.Refresh(ctx, c, RefreshInput{
		ClientAuth:   ClientAuth{ClientID: in.ClientID, SecretHash: param(in.Params, "SECRET_HASH")},
		PoolID:       in.PoolID,
		RefreshToken: in.Params["REFRESH_TOKEN"], DeviceKey: in.Params["DEVICE_KEY"], Legacy: true,
	})
	if err != nil {
		return nil, err
	}
	return &AuthResult{Tokens: tk, Parameters: map[string]string{}}, nil
}

// unknown is the answer for a name that nobody has, where it may be told.
func (s *Service) unknown(t *tenant, a *account) error {
	if a.user == nil && !t.hides() && !t.cfg.SeparateAttempts {
		return fault.New(fault.UserNotFound)
	}
	return nil
}

// passwordStep judges a plain password and goes on. h is the challenge that asked for it, nil at the beginning.
func (s *Service) passwordStep(ctx context.Context, t *tenant, c Caller, a *account, pw string, h *held, d signIn) (*AuthResult, error) {
	if err := s.unknown(t, a); err != nil {
		return nil, err
	}
	try := s.try(t, a, guard.Password)
	if err := s.Store.Read(ctx, func(tx store.Tx) error { return s.guard.Check(ctx, tx, try) }); err != nil {
		return nil, err
	}
	u := a.user
	ok, rehash, err := s.verifyPassword(ctx, u, pw)
	if err != nil {
		return nil, err
	}
	var up *store.User
	if ok && s.needsUpgrade(t, u, rehash) {
		if up, err = s.upgraded(ctx, t, u, pw); err != nil {
			return nil, err
		}
	}
	return s.settlePassword(ctx, t, c, a, ok, up, h, nil, d)
}

func (s *Service) verifyPassword(ctx context.Context, u *store.User, pw string) (ok, rehash bool, err error) {
	if u == nil || u.PasswordHash == "" {
		return false, false, s.Hasher.Dummy(ctx, pw)
	}
	return s.Hasher.Verify(ctx, u.PasswordHash, pw)
}

// needsUpgrade: a foreign or outdated hash, or a missing verifier, is replaced at the first success in plain text.
func (s *Service) needsUpgrade(t *tenant, u *store.User, rehash bool) bool {
	return rehash || (len(u.SealedVerifier) == 0 && t.ccfg.srp())
}

func (s *Service) upgraded(ctx context.Context, t *tenant, u *store.User, pw string) (*store.User, error) {
	up := *u
	return &up, s.setPassword(ctx, t, &up, pw)
}

func (s *Service) try(t *tenant, a *account, p guard.Purpose) guard.Try {
	return guard.Try{PoolID: t.pool.ID, Subject: a.subject, Purpose: p, Known: a.known, Network: a.network}
}

// settlePassword commits what a password or proof was worth. mark, if not nil, is spent with it (a SECRET_BLOCK answers once).
func (s *Service) settlePassword(ctx context.Context, t *tenant, c Caller, a *account, ok bool, up *store.User, h *held, mark *spentMark, d signIn) (*AuthResult, error) {
	st := &step{}
	var stop error
	if ok {
		chain := ""
		if h != nil {
			chain = h.Chain
		}
		now := a.user
		if up != nil {
			a.user = up
		}
		st, stop = s.next(ctx, t, c, a, chain, d.with(passedPassword))
		a.user = now
		if stop != nil && fault.Of(stop).Code == fault.InternalError {
			return nil, stop
		}
	}
	bad, err := s.failure(ctx, t, c, a)
	if err != nil {
		return nil, err
	}
	stopped, err := s.stopped(ctx, t, c, a, stop)
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, func(tx *unit) error {
		turn, err := s.guard.Begin(ctx, tx, s.try(t, a, guard.Password))
		if err != nil {
			return err
		}
		if err := mark.spend(ctx, tx); err != nil {
			return err
		}
		if !ok {
			return s.wrong(ctx, tx, t, a, turn, bad, fault.New(fault.WrongCredentials))
		}
		if err := current(ctx, tx, a.user); err != nil {
			return err
		}
		if err := turn.Succeed(ctx); err != nil {
			return err
		}
		if up != nil {
			if err := s.save(ctx, tx, up); err != nil {
				return err
			}
		}
		if stop != nil {
			if err := tx.append(ctx, stopped...); err != nil {
				return err
			}
			return tx.halt(ctx, h, stop, s.now())
		}
		if err := tx.spend(ctx, h, s.now()); err != nil {
			return err
		}
		return st.commit(ctx, s, tx)
	}, st.made()...)
	if err != nil {
		return nil, err
	}
	return st.result, nil
}

// stopped is the event of a sign-in that a right first factor did not get further, on the Auth0 wire; none for what has one already.
func (s *Service) stopped(ctx context.Context, t *tenant, c Caller, a *account, stop error) ([]*store.Event, error) {
	if stop == nil || !t.auth0 || fault.CodeOf(stop) == fault.LoginRefused || triggerFault(stop) {
		return nil, nil
	}
	ev, err := s.event(ctx, t, c, eventlog.LoginFailed, a.user, "", map[string]any{"reason": string(fault.CodeOf(stop))})
	return []*store.Event{ev}, err
}

// failure prepares the event of a wrong answer.
func (s *Service) failure(ctx context.Context, t *tenant, c Caller, a *account) (*store.Event, error) {
	kind := eventlog.WrongPassword
	if a.user == nil {
		kind = eventlog.UnknownUser
	}
	return s.event(ctx, t, c, kind, a.user, "", nil)
}

// beginChoice is USER_AUTH: the user chooses the first factor.
func (s *Service) beginChoice(ctx context.Context, t *tenant, c Caller, a *account, in AuthInput) (*AuthResult, error) {
	if in.Session != "" {
		return s.autoSignIn(ctx, t, c, a, in.Session)
	}
	if err := s.unknown(t, a); err != nil {
		return nil, err
	}
	choices := s.choices(t, a)
	want := in.Params["PREFERRED_CHALLENGE"]
	d := signIn{Name: a.name, Choices: choices}
	if !slices.Contains(choices, want) {
		want = ""
	}
	switch {
	case want == kindPassword && in.Params["PASSWORD"] != "":
		return s.passwordStep(ctx, t, c, a, in.Params["PASSWORD"], nil, d)
	case want == kindPasswordSRP && in.Params["SRP_A"] != "":
		return s.beginSRP(ctx, t, c, a, in.Params["SRP_A"], nil, &d)
	case want == kindSMSOTP || want == kindEmailOTP:
		return s.beginOTP(ctx, t, c, a, want, nil, d)
	case want != "":
		return s.askFor(ctx, t, c, a, want, d)
	}
	return s.askFor(ctx, t, c, a, kindSelectChallenge, d)
}

// choices are the first factors on offer. An unknown name is offered what the pool would offer to a user with everything, and so is,
// where existence is hidden, one whose owner may not sign in.
func (s *Service) choices(t *tenant, a *account) []string {
	u := a.user
	if u == nil || (t.hides() && mayProceed(u) != nil) {
		var out []string
		if t.cfg.firstFactor(kindSMSOTP) && !isEmail(a.name) && t.otpAllowed(nil) {
			out = append(out, kindSMSOTP)
		}
		if t.cfg.firstFactor(kindEmailOTP) && !isPhone(a.name) && t.otpAllowed(nil) {
			out = append(out, kindEmailOTP)
		}
		return append(out, kindPasswordSRP, kindPassword)
	}
	var out []string
	if u.Status != store.ForceChangePassword && t.otpAllowed(u) {
		for _, f := range firstFactors(t.cfg, u) {
			if f != "PASSWORD" {
				out = append(out, f)
			}
		}
		slices.SortFunc(out, func(x, y string) int { return strings.Compare(y, x) })
	}
	if u.PasswordHash != "" || t.hides() {
		out = append(out, kindPasswordSRP, kindPassword)
	}
	return out
}

// otpAllowed: one-time codes as first factor do not combine with MFA (developer guide, USER_AUTH): off where MFA is required, and for
// users with an active second factor.
func (t *tenant) otpAllowed(u *store.User) bool {
	if t.mfaRequired() {
		return false
	}
	return u == nil || t.cfg.MFA == "OFF" || len(t.activeFactors(u)) == 0
}

// askFor answers with a challenge that sends nothing.
func (s *Service) askFor(ctx context.Context, t *tenant, c Caller, a *account, kind string, d signIn) (*AuthResult, error) {
	o, err := s.openFor(t, c, a, kind, "", d)
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, func(tx *unit) error { return tx.Challenges().InsertChallenge(ctx, o.row) })
	return &AuthResult{Challenge: kind, Session: o.handle, Parameters: map[string]string{}, Available: d.Choices}, err
}

// openFor opens a challenge for a user, or a simulated one.
func (s *Service) openFor(t *tenant, c Caller, a *account, kind, chain string, d signIn) (*opened, error) {
	if a.user == nil {
		d.Subject = a.subject
		return s.open(t, c, "", kind, chain, d)
	}
	return s.open(t, c, a.user.ID, kind, chain, d)
}

// beginOTP sends a code as first factor. A name that nobody has gets the same answer and no message.
func (s *Service) beginOTP(ctx context.Context, t *tenant, c Caller, a *account, kind string, h *held, d signIn) (*AuthResult, error) {
	st, err := s.otpStep(ctx, t, c, a, kind, h, d)
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, func(tx *unit) error {
		if a.user != nil {
			if err := current(ctx, tx, a.user); err != nil {
				return err
			}
		}
		if err := tx.spend(ctx, h, s.now()); err != nil {
			return err
		}
		return st.commit(ctx, s, tx)
	}, st.made()...)
	st.result.Available = []string{kind}
	return st.result, err
}

func (s *Service) otpStep(ctx context.Context, t *tenant, c Caller, a *account, kind string, h *held, d signIn) (st *step, err error) {
	attr, purpose, chain := attrPhone, otp.SMSOTP, ""
	if kind == kindEmailOTP {
		attr, purpose = attrEmail, otp.EmailOTP
	}
	if h != nil {
		chain = h.Chain
	}
	d.MFA = false
	stop := error(nil)
	if a.user != nil {
		stop = mayProceed(a.user)
	}
	if stop != nil && !t.hides() {
		return nil, stop
	}
	if stop == nil && a.user != nil && a.user.Attributes[attr] != "" {
		st, err = s.codeStep(ctx, t, c, a, chain, kind, attr, purpose, d)
	} else {
		st, err = s.pretendStep(ctx, t, c, a, chain, kind, attr, d)
	}
	if err != nil {
		return nil, err
	}
	if t.hides() {
		st.quiet, err = s.event(ctx, t, c, eventlog.GuardRefused, a.user, "", map[string]any{"purpose": "sign_in"})
	}
	return st, err
}

// pretendStep is codeStep for a name that nobody has, or whose owner may not sign in: same shape, same counters, no message.
func (s *Service) pretendStep(ctx context.Context, t *tenant, c Caller, a *account, chain, kind, attr string, d signIn) (*step, error) {
	what, number, err := s.pretended(ctx, t, a, attr)
	if err != nil {
		return nil, err
	}
	d.Attr = attr
	o, err := s.openFor(t, c, a, kind, chain, d)
	if err != nil {
		return nil, err
	}
	p, err := s.pretend(ctx, t, c, a, letter{trigger: triggerAuthentication, attr: attr, to: number, counted: guard.SignIn}, "")
	if err != nil {
		return nil, err
	}
	if what.VoiceKey, err = s.voiceKey(ctx, t, attr, otp.SMSOTP); err != nil {
		return nil, err
	}
	event := eventlog.UnknownUser
	if a.user != nil {
		event = eventlog.AuthFailed
	}
	ev, err := s.event(ctx, t, c, event, a.user, number, map[string]any{"challenge": kind})
	if err != nil {
		return nil, err
	}
	id, err := s.shownUsername(ctx, t, a)
	if err != nil {
		return nil, err
	}
	return &step{challenge: o, letter: p, events: []*store.Event{ev}, result: &AuthResult{
		Challenge: kind, Session: o.handle, Parameters: codeParameters(what, id)}}, nil
}

// autoSignIn is USER_AUTH with the Session of ConfirmSignUp: the code just proved the number, once, for the first sign-in.
func (s *Service) autoSignIn(ctx context.Context, t *tenant, c Caller, a *account, session string) (*AuthResult, error) {
	h, owner, err := s.holdUser(ctx, t, c, session, kindConfirmed)
	if err != nil {
		return nil, err
	}
	if a.user == nil || owner.user == nil || a.user.ID != owner.user.ID {
		return nil, fault.New(fault.SessionInvalid)
	}
	st, err := s.next(ctx, t, c, a, h.Chain, signIn{Name: a.name}.with(passedSignUp))
	if err != nil {
		return nil, s.halt(ctx, h, err)
	}
	err = s.write(ctx, func(tx *unit) error {
		if err := current(ctx, tx, a.user); err != nil {
			return err
		}
		if err := tx.spend(ctx, h, s.now()); err != nil {
			return err
		}
		return st.commit(ctx, s, tx)
	}, st.made()...)
	return st.result, err
}
