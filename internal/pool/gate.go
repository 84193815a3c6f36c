package pool

import (
	"context"
	"encoding/json"
	"slices"

	"countersign/internal/eventlog"
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
	notes  []*posted
	events []*store.Event
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
	}
	if err := s.tell(ctx, tx, st.notes); err != nil {
		return err
	}
	return tx.append(ctx, st.events...)
}

// next is the one gate: every sign-in that has proved something comes here, and only from here do tokens follow. It looks at the
// user as it is now, not as it was when the sign-in began.
func (s *Service) next(ctx context.Context, t *tenant, c Caller, a *account, chain string, d signIn) (*step, error) {
	u := a.user
	if err := mayProceed(u); err != nil {
		return nil, err
	}
	if u.Status == store.ForceChangePassword {
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
	// The challenges of the pool's own functions are the whole sign-in, as on Cognito, but for a client that asks for more.
	if d.passed(passedMFA) || d.passed(passedSignUp) || (d.passed(passedCustom) && !t.ccfg.RequireMFA) {
		return s.issueStep(ctx, t, c, a, d)
	}
	ask, setup := t.owed(u)
	switch {
	case len(ask) == 1:
		return s.factorStep(ctx, t, c, a, chain, ask[0], d)
	case len(ask) > 1 && slices.Contains(ask, u.MFA.Preferred):
		return s.factorStep(ctx, t, c, a, chain, u.MFA.Preferred, d)
	case len(ask) > 1:
		return s.chooseStep(t, c, a, chain, kindSelectMFA, "MFAS_CAN_CHOOSE", ask, d)
	case len(setup) > 0:
		return s.chooseStep(t, c, a, chain, kindMFASetup, "MFAS_CAN_SETUP", setup, d)
	case t.mfaRequired():
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

func (t *tenant) mfaRequired() bool {
	return t.cfg.MFA == "ON" || (t.ccfg != nil && t.ccfg.RequireMFA)
}

// owed returns the second factors that the user may be asked for, or, where one is required and none is there, those it can set up.
func (t *tenant) owed(u *store.User) (ask, setup []string) {
	if t.cfg.MFA == "OFF" && !t.mfaRequired() {
		return nil, nil
	}
	if ask = t.activeFactors(u); len(ask) > 0 || !t.mfaRequired() {
		return ask, nil
	}
	switch {
	case t.cfg.MFASMS && u.Attributes[attrPhone] != "":
		return []string{kindSMSMFA}, nil
	case t.cfg.MFATOTP && u.MFA.TOTPReady:
		return []string{kindTOTP}, nil
	case t.cfg.MFAEmail && u.Attributes[attrEmail] != "" && u.Attributes[attrEmailVerified] == "true":
		return []string{kindEmailOTP}, nil
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
	return nil, setup
}

// maySetUp reports whether the user, as it is now, still owes a second factor and may enrol this kind. A set-up that was begun before the
// owner enrolled must not replace what the owner has.
func (t *tenant) maySetUp(u *store.User, kind string) bool {
	_, setup := t.owed(u)
	return slices.Contains(setup, kind)
}

// activeFactors are the second factors that the user switched on and the pool offers.
func (t *tenant) activeFactors(u *store.User) []string {
	var out []string
	if t.cfg.MFASMS && u.MFA.SMS && u.Attributes[attrPhone] != "" {
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
	ev, err := s.event(ctx, t, c, eventlog.StartAuth, a.user, "", map[string]any{"challenge": kind})
	if err != nil {
		return nil, err
	}
	return &step{challenge: o, letter: p, events: []*store.Event{ev}, result: &AuthResult{
		Challenge: kind, Session: o.handle, Parameters: codeParameters(p.what, a.user.Username),
	}}, nil
}

func (s *Service) signInLetter(a *account, attr string, purpose otp.Purpose, chain string) letter {
	return letter{
		trigger: triggerAuthentication, attr: attr, to: a.user.Attributes[attr], purpose: purpose, counted: guard.SignIn, lane: store.LaneSignIn,
		subject: a.user.ID, user: a.user, by: a, chain: chain,
	}
}

func codeParameters(d *Delivery, username string) map[string]string {
	return map[string]string{"CODE_DELIVERY_DELIVERY_MEDIUM": d.Medium, "CODE_DELIVERY_DESTINATION": d.Destination, "USER_ID_FOR_SRP": username}
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
	out, err := s.issue(ctx, t, c, a, d)
	if err != nil {
		return nil, err
	}
	out.first = t.risk() != nil
	ev, err := s.event(ctx, t, c, eventlog.LoginSucceeded, a.user, "", map[string]any{"factors": d.Passed})
	if err != nil {
		return nil, err
	}
	st.tokens, st.events = out, append(st.events, ev)
	st.result = &AuthResult{Tokens: &out.tokens, Parameters: map[string]string{}}
	return st, nil
}
