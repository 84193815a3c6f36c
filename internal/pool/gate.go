package pool

import (
	"context"
	"encoding/json"
	"slices"

	"countersign/internal/eventlog"
	"countersign/internal/facts"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/otp"
	"countersign/internal/store"
)

// Factors proved before the second one.
const (
	passedPassword = "password"
	passedSignUp   = "sign_up"
	passedMFA      = "mfa"
)

// step is the prepared next step of a sign-in: a challenge or tokens, and everything that its Write must store.
type step struct {
	result    *AuthResult
	challenge *opened
	letter    *posted
	// quiet: a letter that the guard refuses is left out, for flows that hide existence.
	quiet  *store.Event
	tokens *issued
	// user and verdict are what is remembered with the tokens; language is set on the Auth0 wire.
	user     *store.User
	verdict  *facts.Verdict
	language string
	notes    []*posted
	events   []*store.Event
}

// made are the messages of a step; none of nil.
func (st *step) made() []*posted {
	if st == nil {
		return nil
	}
	return append([]*posted{st.letter}, st.notes...)
}

func (st *step) commit(ctx context.Context, s *Service, tx *unit) error {
	if err := tx.open(ctx, st.challenge); err != nil {
		return err
	}
	if st.letter != nil {
		err := error(nil)
		if st.quiet != nil {
			err = s.storeQuietly(ctx, tx, st.letter, st.quiet)
		} else {
			err = s.store(ctx, tx, st.letter)
		}
		if err != nil {
			return err
		}
	}
	if st.tokens != nil {
		if err := st.tokens.commit(ctx, tx); err != nil {
			return err
		}
		if err := s.remember(ctx, tx, st.user, st.verdict, st.language); err != nil {
			return err
		}
	}
	if err := s.tell(ctx, tx, st.notes); err != nil {
		return err
	}
	return tx.append(ctx, st.events...)
}

// succeed forgives the wrong codes before a right one, unless more is owed: who has the first factor must not thereby get free guesses at the second.
func (st *step) succeed(ctx context.Context, turn *guard.Turn) error {
	if st.tokens == nil {
		return nil
	}
	return turn.Succeed(ctx)
}

// next is the one gate: every sign-in that has proved something comes here, and only from here do tokens follow. It looks at the
// user as it is now, not as it was when the sign-in began.
func (s *Service) next(ctx context.Context, t *tenant, c Caller, a *account, chain string, d signIn) (*step, error) {
	u := a.user
	if err := mayProceed(u); err != nil {
		return nil, err
	}
	if u.Status == store.ForceChangePassword {
		if t.auth0 {
			return nil, fault.New(fault.PasswordResetRequired)
		}
		if !d.passed(passedPassword) {
			return nil, fault.New(fault.WrongCredentials)
		}
		if !u.TemporaryUntil.IsZero() && !s.now().Before(u.TemporaryUntil) {
			return nil, fault.New(fault.TemporaryPasswordExpired)
		}
		return s.newPasswordStep(t, c, a, chain, d)
	}
	if d.Custom != nil && !d.passed(passedCustom) {
		return s.customStep(ctx, t, c, a, chain, d)
	}
	d, err := s.judgeLogin(ctx, t, c, a, d)
	if err != nil {
		return nil, err
	}
	// The challenges of the pool's own functions, and the code of a sign-up, are the whole sign-in, as on Cognito, but for a client, rule or action that asks
	// for more.
	if d.passed(passedMFA) || (d.passed(passedSignUp) && !d.Must) || (d.passed(passedCustom) && !t.ccfg.RequireMFA && !d.Must) {
		return s.issueStep(ctx, t, c, a, d)
	}
	ask, setup := t.owed(u, d)
	switch {
	case t.repeatsOnly(u, d):
		code := fault.WrongCredentials
		if t.auth0 {
			code = fault.AccessDenied
		}
		return nil, fault.New(code).WithPublic("Sign in with your password.")
	case t.auth0 && len(ask)+len(setup) > 0:
		return s.mfaStep(ctx, t, c, a, ask, setup, d)
	case len(ask) == 1:
		return s.factorStep(ctx, t, c, a, chain, ask[0], d)
	case len(ask) > 1 && slices.Contains(ask, u.MFA.Preferred) && !s.optedOut(ctx, t, u, u.MFA.Preferred):
		return s.factorStep(ctx, t, c, a, chain, u.MFA.Preferred, d)
	case len(ask) > 1:
		return s.chooseStep(t, c, a, chain, kindSelectMFA, "MFAS_CAN_CHOOSE", ask, d)
	case len(setup) > 0:
		return s.chooseStep(t, c, a, chain, kindMFASetup, "MFAS_CAN_SETUP", setup, d)
	case len(d.Kinds) > 0:
		return nil, fault.New(fault.ChallengeUnsupported).WithHint("A rule or action demands %v, of which the user has none.", d.Kinds)
	case t.required(d):
		return nil, fault.Invalidf("mfa", "MFA is required, but the user pool offers no factor.").
			WithHint("Enable SMS or software token MFA with SetUserPoolMfaConfig.")
	}
	return s.issueStep(ctx, t, c, a, d)
}

// mayProceed is what stops a user whose first factor was right.
func mayProceed(u *store.User) error {
	switch {
	case !u.Enabled:
		return fault.New(fault.UserDisabled)
	case u.Status == store.Unconfirmed:
		return fault.New(fault.UserNotConfirmed)
	case u.Status == store.ResetRequired:
		return fault.New(fault.PasswordResetRequired)
	}
	return nil
}

// factorStep asks for one second factor.
func (s *Service) factorStep(ctx context.Context, t *tenant, c Caller, a *account, chain, kind string, d signIn) (*step, error) {
	d.MFA, d.Choices = true, nil
	switch kind {
	case kindSMSMFA:
		return s.codeStep(ctx, t, c, a, chain, kind, attrPhone, otp.SMSMFA, d)
	case kindEmailOTP:
		return s.codeStep(ctx, t, c, a, chain, kind, attrEmail, otp.EmailMFA, d)
	}
	o, err := s.open(t, c, a.user.ID, kindTOTP, chain, d)
	if err != nil {
		return nil, err
	}
	return &step{challenge: o, result: &AuthResult{Challenge: kindTOTP, Session: o.handle,
		Parameters: map[string]string{"FRIENDLY_DEVICE_NAME": "TOTP device", "USER_ID_FOR_SRP": a.user.Username}}}, nil
}

// codeStep sends a code to the user's own number or address and asks for it.
func (s *Service) codeStep(ctx context.Context, t *tenant, c Caller, a *account, chain, kind, attr string, purpose otp.Purpose, d signIn) (*step, error) {
	d.Attr = attr
	o, err := s.open(t, c, a.user.ID, kind, chain, d)
	if err != nil {
		return nil, err
	}
	p, err := s.post(ctx, t, c, s.signInLetter(a, attr, purpose, o.row.Chain))
	if err != nil {
		return nil, err
	}
	p.what.OptedOut = !p.test && s.optedOut(ctx, t, a.user, kind)
	ev, err := s.event(ctx, t, c, eventlog.StartAuth, a.user, "", map[string]any{"challenge": kind})
	if err != nil {
		return nil, err
	}
	return &step{challenge: o, letter: p, events: []*store.Event{ev}, result: &AuthResult{
		Challenge: kind, Session: o.handle, Parameters: codeParameters(p.what, a.user.Username),
	}}, nil
}

// optedOut reports whether a second factor needs a text that its number does not want. The factor stays owed: whoever has another one is asked to choose.
func (s *Service) optedOut(ctx context.Context, t *tenant, u *store.User, kind string) bool {
	return kind == kindSMSMFA && s.OptedOut != nil && s.OptedOut(ctx, t.pool.ID, t.clientID(), mfaNumber(u))
}

func (s *Service) signInLetter(a *account, attr string, purpose otp.Purpose, chain string) letter {
	to := a.user.Attributes[attr]
	if purpose == otp.SMSMFA {
		to = mfaNumber(a.user)
	}
	return letter{
		trigger: triggerAuthentication, attr: attr, to: to, purpose: purpose, counted: guard.SignIn, lane: store.LaneSignIn,
		subject: a.user.ID, user: a.user, by: a, chain: chain, keyed: true,
	}
}

func codeParameters(d *Delivery, username string) map[string]string {
	out := map[string]string{"CODE_DELIVERY_DELIVERY_MEDIUM": d.Medium, "CODE_DELIVERY_DESTINATION": d.Destination, "USER_ID_FOR_SRP": username}
	if d.VoiceKey != "" {
		out["VOICE_KEY"] = d.VoiceKey
	}
	if d.OptedOut {
		out["OPTED_OUT"] = "true"
	}
	return out
}

// chooseStep offers a list as JSON text.
func (s *Service) chooseStep(t *tenant, c Caller, a *account, chain, kind, param string, list []string, d signIn) (*step, error) {
	text, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	d.Choices = list
	o, err := s.open(t, c, a.user.ID, kind, chain, d)
	if err != nil {
		return nil, err
	}
	return &step{challenge: o, result: &AuthResult{Challenge: kind, Session: o.handle,
		Parameters: map[string]string{param: string(text), "USER_ID_FOR_SRP": a.user.Username}}}, nil
}

// newPasswordStep asks an invited user for a password of its own and for the required attributes that are missing.
func (s *Service) newPasswordStep(t *tenant, c Caller, a *account, chain string, d signIn) (*step, error) {
	o, err := s.open(t, c, a.user.ID, kindNewPassword, chain, d)
	if err != nil {
		return nil, err
	}
	required := []string{}
	for _, sc := range t.cfg.Schema {
		if sc.Required && sc.Name != "sub" && a.user.Attributes[sc.Name] == "" {
			required = append(required, "userAttributes."+sc.Name)
		}
	}
	attrs := map[string]string{}
	for k, v := range a.user.Attributes {
		if t.readable(k) {
			attrs[k] = v
		}
	}
	req, err := json.Marshal(required)
	if err != nil {
		return nil, err
	}
	own, err := json.Marshal(attrs)
	if err != nil {
		return nil, err
	}
	return &step{challenge: o, result: &AuthResult{Challenge: kindNewPassword, Session: o.handle, Parameters: map[string]string{
		"USER_ID_FOR_SRP": a.user.Username, "requiredAttributes": string(req), "userAttributes": string(own),
	}}}, nil
}

// issueStep is the end of every sign-in.
func (s *Service) issueStep(ctx context.Context, t *tenant, c Caller, a *account, d signIn) (*step, error) {
	st := &step{}
	if err := s.judgeRisk(ctx, t, c, a, d, st); err != nil {
		return nil, err
	}
	if err := s.postAuthentication(ctx, t, c, a); err != nil {
		return nil, err
	}
	v, err := s.verdict(ctx, t, d)
	if err != nil {
		return nil, err
	}
	if st.user, st.verdict = a.user, v; t.auth0 {
		st.language = t.language(c, a.user)
	}
	out, result, err := s.issueOn(ctx, t, c, a, d, v)
	if err != nil {
		return nil, err
	}
	out.first = t.risk() != nil
	ev, err := s.event(ctx, t, c, eventlog.LoginSucceeded, a.user, "", map[string]any{"factors": d.Passed})
	if err != nil {
		return nil, err
	}
	st.tokens, st.events, st.result = out, append(st.events, ev), result
	return st, nil
}

// issueOn issues the tokens of the caller's wire.
func (s *Service) issueOn(ctx context.Context, t *tenant, c Caller, a *account, d signIn, v *facts.Verdict) (*issued, *AuthResult, error) {
	if t.auth0 {
		out, tk, err := s.issueOAuth(ctx, t, c, a, d, v)
		return out, &AuthResult{oauth: &OAuthResult{Tokens: tk}}, err
	}
	out, err := s.issue(ctx, t, c, a, d, v)
	if err != nil {
		return nil, nil, err
	}
	return out, &AuthResult{Tokens: &out.tokens, Parameters: map[string]string{}}, nil
}
