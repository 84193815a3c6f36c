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

// answerOf names the response member that holds a challenge's answer.
var answerOf = map[string]string{
	kindSMSMFA: "SMS_MFA_CODE", kindSMSOTP: "SMS_OTP_CODE", kindEmailOTP: "EMAIL_OTP_CODE", kindTOTP: "SOFTWARE_TOKEN_MFA_CODE",
	kindSelectMFA: "ANSWER", kindSelectChallenge: "ANSWER", kindPassword: "PASSWORD", kindPasswordSRP: "SRP_A", kindNewPassword: "NEW_PASSWORD",
	kindCustom: "ANSWER",
}

// codeKinds are the challenges whose code was sent, and can be sent again.
var codeKinds = map[string]bool{kindSMSMFA: true, kindSMSOTP: true, kindEmailOTP: true}

// Respond answers a challenge. API reference, RespondToAuthChallenge and AdminRespondToAuthChallenge.
func (s *Service) Respond(ctx context.Context, c Caller, in RespondInput) (*AuthResult, error) {
	c = c.asking()
	t, err := s.byClient(ctx, in.ClientID, in.PoolID)
	if err != nil {
		return nil, err
	}
	name := in.Responses["USERNAME"]
	if name == "" {
		return nil, fault.Invalidf("USERNAME", "Missing required parameter USERNAME")
	}
	if err := t.checkSecretHash(param(in.Responses, "SECRET_HASH"), name); err != nil {
		return nil, err
	}
	if c.Control["resend"] != "" && !codeKinds[in.Challenge] {
		return nil, fault.Invalidf("clientMetadata", "%s has no code that could be sent again.", in.Challenge)
	}
	if member, ok := answerOf[in.Challenge]; ok && in.Responses[member] == "" && c.Control["resend"] == "" {
		return nil, fault.Invalidf(member, "Missing required parameter %s", member)
	}
	var out *AuthResult
	err = again(func() (err error) {
		if in.Challenge == kindPasswordVerifier {
			out, err = s.proveSRP(ctx, t, c, in)
			return err
		}
		out, err = s.respond(ctx, t, c, in, name)
		return err
	})
	return out, err
}

func (s *Service) respond(ctx context.Context, t *tenant, c Caller, in RespondInput, name string) (*AuthResult, error) {
	kind := in.Challenge
	if _, ok := answerOf[kind]; !ok && kind != kindMFASetup {
		return nil, fault.New(fault.UnsupportedOperation).WithPublic("Countersign does not answer the challenge %s.", kind)
	}
	kinds := []string{kind}
	if kind == kindPassword || kind == kindPasswordSRP {
		kinds = append(kinds, kindSelectChallenge)
	}
	h, a, err := s.holdUser(ctx, t, c, in.Session, kinds...)
	if err != nil {
		return nil, err
	}
	named, err := s.answersTo(ctx, t, a, name)
	if err != nil {
		return nil, err
	}
	if !named {
		return nil, fault.New(fault.SessionInvalid)
	}
	answer := in.Responses[answerOf[kind]]
	switch kind {
	case kindSMSMFA, kindSMSOTP, kindEmailOTP:
		if how := c.Control["resend"]; how != "" {
			return s.resend(ctx, t, c, a, h, how)
		}
		return s.answerCode(ctx, t, c, a, h, answer)
	case kindTOTP:
		return s.answerTOTP(ctx, t, c, a, h, answer)
	case kindSelectMFA:
		return s.chooseFactor(ctx, t, c, a, h, answer)
	case kindMFASetup:
		return s.finishSetup(ctx, t, c, a, h, in)
	case kindCustom:
		return s.answerCustom(ctx, t, c, a, h, answer)
	case kindNewPassword:
		return s.newPassword(ctx, t, c, a, h, in)
	}
	return s.choose(ctx, t, c, a, h, in)
}

// purposeOf is what the code of a challenge proves.
func purposeOf(h *held) otp.Purpose {
	switch {
	case h.Kind == kindSMSMFA:
		return otp.SMSMFA
	case h.Kind == kindSMSOTP:
		return otp.SMSOTP
	case h.data.MFA:
		return otp.EmailMFA
	}
	return otp.EmailOTP
}

// target is where the code of a challenge was sent: the user's own attribute as it is now, or the address being set up.
func (h *held) target(a *account) string {
	if h.data.SetupEmail != "" {
		return h.data.SetupEmail
	}
	if a.user == nil {
		return ""
	}
	if h.Kind == kindSMSMFA {
		return mfaNumber(a.user)
	}
	return a.user.Attributes[h.data.Attr]
}

func (s *Service) specOf(t *tenant, c Caller, a *account, h *held) otp.Spec {
	return otp.Spec{PoolID: t.pool.ID, SubjectID: a.subject, Purpose: purposeOf(h), ClientID: t.client.ID, Wire: c.Wire, Chain: h.Chain, Target: h.target(a)}
}

// answerCode judges the code of a challenge. It is judged twice: once to know whether the next step must be prepared, once in the
// Write, which decides.
func (s *Service) answerCode(ctx context.Context, t *tenant, c Caller, a *account, h *held, answer string) (*AuthResult, error) {
	spec := s.specOf(t, c, a, h)
	try := s.try(t, a, guard.SignIn)
	if err := s.askMaker(ctx, t, question{try: try, specs: []otp.Spec{spec}, answer: answer}); err != nil {
		return nil, err
	}
	var early error
	err := s.Store.Read(ctx, func(tx store.Tx) error {
		if err := s.guard.Check(ctx, tx, try); err != nil {
			return err
		}
		_, early = s.judge(ctx, tx, spec, answer)
		return nil
	})
	if err != nil {
		return nil, err
	}
	st, up := &step{}, a.user
	if early == nil {
		if st, up, err = s.afterCode(ctx, t, c, a, h); err != nil {
			return nil, err
		}
	}
	good, bad, err := s.codeEvents(ctx, t, c, a, h)
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, func(tx *unit) error {
		turn, err := s.guard.Begin(ctx, tx, try)
		if err != nil {
			return err
		}
		row, err := s.judge(ctx, tx, spec, answer)
		if fault.CodeOf(err) == fault.InternalError {
			return err
		}
		if (err == nil) != (early == nil) {
			return errStale
		}
		if err != nil {
			return s.wrongCode(ctx, tx, t, a, h, turn, bad, err)
		}
		if err := current(ctx, tx, a.user); err != nil {
			return err
		}
		if err := tx.consume(ctx, row, fault.SessionUsed); err != nil {
			return err
		}
		if err := tx.spend(ctx, h, s.now()); err != nil {
			return err
		}
		if err := st.succeed(ctx, turn); err != nil {
			return err
		}
		if up != a.user {
			if err := s.saveProved(ctx, tx, t, h, up); err != nil {
				return err
			}
		}
		if err := tx.append(ctx, good); err != nil {
			return err
		}
		return st.commit(ctx, s, tx)
	}, st.made()...)
	return st.result, err
}

// afterCode is the step after a right code, and the user as the code leaves it.
func (s *Service) afterCode(ctx context.Context, t *tenant, c Caller, a *account, h *held) (*step, *store.User, error) {
	if to := h.data.SetupEmail; to != "" {
		if own := a.user.Attributes[attrEmail]; own != "" && own != to || !t.maySetUp(a.user, kindEmailOTP, h.data) {
			return nil, nil, fault.New(fault.SessionInvalid)
		}
	}
	up, err := s.proved(a.user, h)
	if err != nil {
		return nil, nil, err
	}
	factor := h.Kind
	if h.data.MFA {
		factor = passedMFA
	}
	proved := *a
	proved.user = up
	st, err := s.next(ctx, t, c, &proved, h.Chain, h.data.with(factor))
	if err != nil {
		return nil, nil, s.halt(ctx, h, err)
	}
	return st, up, nil
}

func (s *Service) codeEvents(ctx context.Context, t *tenant, c Caller, a *account, h *held) (good, bad *store.Event, err error) {
	extra := map[string]any{"challenge": h.Kind}
	if good, err = s.event(ctx, t, c, eventlog.AuthSucceeded, a.user, "", extra); err != nil {
		return nil, nil, err
	}
	bad, err = s.event(ctx, t, c, eventlog.AuthFailed, a.user, "", extra)
	return good, bad, err
}

// proved is the user after a right code: the number or address that received it is verified. The same user if nothing changes.
func (s *Service) proved(u *store.User, h *held) (*store.User, error) {
	if u == nil {
		return nil, fault.New(fault.ChallengeCodeMismatch)
	}
	attr := h.data.Attr
	setup := h.data.SetupEmail
	if setup == "" && (u.Attributes[attr+"_verified"] == "true" || h.Kind == kindSMSMFA && !isNumberOf(u, mfaNumber(u))) {
		return u, nil
	}
	up := cloneUser(u)
	if setup != "" {
		up.Attributes[attrEmail] = setup
		up.MFA.Email = true
	}
	up.Attributes[attr+"_verified"] = "true"
	return up, nil
}

// saveProved stores what a code proved. A number that another account owns as its name stays unverified here.
func (s *Service) saveProved(ctx context.Context, tx *unit, t *tenant, h *held, up *store.User) error {
	attr := h.data.Attr
	if t.cfg.aliases(attr) {
		key := t.cfg.attributeKey(attr, up.Attributes[attr])
		owner, err := tx.Users().ClaimAlias(ctx, up.PoolID, key, up.ID)
		if err != nil {
			return err
		}
		if owner != up.ID && h.data.SetupEmail != "" {
			return fault.New(fault.AliasTaken).WithField(attr)
		}
		if owner != up.ID {
			return nil
		}
	}
	return s.save(ctx, tx, up)
}

// resend sends a new code inside a sign-in: the older ones stay good until it has been sent. It is not a try. With "error" the session
// stays and the answer is an error, for clients that cannot take a challenge after a challenge.
func (s *Service) resend(ctx context.Context, t *tenant, c Caller, a *account, h *held, how string) (*AuthResult, error) {
	st := &step{result: &AuthResult{}}
	d := h.data
	var err error
	if a.user != nil && h.target(a) != "" {
		l := s.signInLetter(a, d.Attr, purposeOf(h), h.Chain)
		l.to = h.target(a)
		if st.letter, err = s.post(ctx, t, c, l); err != nil {
			return nil, err
		}
		st.result.Parameters = codeParameters(st.letter.what, a.user.Username)
	} else {
		what, number, err := s.pretended(ctx, t, a, d.Attr)
		if err != nil {
			return nil, err
		}
		if st.letter, err = s.pretend(ctx, t, c, a, letter{trigger: triggerAuthentication, attr: what.Attribute, to: number, counted: guard.SignIn}, ""); err != nil {
			return nil, err
		}
		if what.VoiceKey, err = s.voiceKey(ctx, t, what.Attribute, purposeOf(h)); err != nil {
			return nil, err
		}
		id, err := s.fakeUsername(ctx, t, a)
		if err != nil {
			return nil, err
		}
		st.result.Parameters = codeParameters(what, id)
	}
	if how != "error" {
		if st.challenge, err = s.openFor(t, c, a, h.Kind, h.Chain, d); err != nil {
			return nil, err
		}
		st.challenge.row.Tries = h.Tries
		st.result.Challenge, st.result.Session = h.Kind, st.challenge.handle
	}
	if t.hides() && !d.MFA {
		if st.quiet, err = s.event(ctx, t, c, eventlog.GuardRefused, a.user, "", map[string]any{"purpose": "sign_in"}); err != nil {
			return nil, err
		}
	}
	ev, err := s.event(ctx, t, c, eventlog.CodeSent, a.user, "", map[string]any{"challenge": h.Kind, "purpose": "resend"})
	if err != nil {
		return nil, err
	}
	st.events = append(st.events, ev)
	err = s.write(ctx, func(tx *unit) error {
		if how != "error" {
			if err := tx.spend(ctx, h, s.now()); err != nil {
				return err
			}
		} else if first, err := s.once(ctx, tx, t, c, h.ID, "resend"); err != nil || !first {
			return err
		}
		return st.commit(ctx, s, tx)
	}, st.made()...)
	if err == nil && how == "error" {
		return nil, fault.New(fault.CodeResent)
	}
	return st.result, err
}

// chooseFactor answers SELECT_MFA_TYPE.
func (s *Service) chooseFactor(ctx context.Context, t *tenant, c Caller, a *account, h *held, answer string) (*AuthResult, error) {
	if answer == "EMAIL_MFA" {
		answer = kindEmailOTP
	}
	if err := mayProceed(a.user); err != nil {
		return nil, err
	}
	ask, _ := t.owed(a.user, h.data)
	if !slices.Contains(h.data.Choices, answer) || !slices.Contains(ask, answer) {
		return nil, fault.New(fault.MfaMethodNotFound).WithField(answer)
	}
	st, err := s.factorStep(ctx, t, c, a, h.Chain, answer, h.data)
	if err != nil {
		return nil, err
	}
	return s.proceed(ctx, a, h, st)
}

// proceed ends a challenge whose answer needed no judging, and commits the step after it.
func (s *Service) proceed(ctx context.Context, a *account, h *held, st *step) (*AuthResult, error) {
	err := s.write(ctx, func(tx *unit) error {
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

// choose answers SELECT_CHALLENGE, and PASSWORD and PASSWORD_SRP where they were asked for directly.
func (s *Service) choose(ctx context.Context, t *tenant, c Caller, a *account, h *held, in RespondInput) (*AuthResult, error) {
	want := in.Challenge
	if want == kindSelectChallenge {
		want = in.Responses["ANSWER"]
	}
	if !slices.Contains(h.data.Choices, want) {
		return nil, fault.Invalidf("ANSWER", "ANSWER must be one of %s", strings.Join(h.data.Choices, ", "))
	}
	named, err := s.find(ctx, t, c, h.data.Name)
	if err != nil {
		return nil, err
	}
	if (named.user == nil) != (a.user == nil) || (a.user != nil && named.user.ID != a.user.ID) {
		return nil, fault.New(fault.SessionInvalid)
	}
	d := h.data
	switch want {
	case kindPassword:
		if in.Responses["PASSWORD"] == "" {
			return nil, fault.Invalidf("PASSWORD", "Missing required parameter PASSWORD")
		}
		return s.passwordStep(ctx, t, c, named, in.Responses["PASSWORD"], h, d)
	case kindPasswordSRP:
		return s.beginSRP(ctx, t, c, named, in.Responses["SRP_A"], h, &d)
	}
	return s.beginOTP(ctx, t, c, named, want, h, d)
}

// newPassword answers NEW_PASSWORD_REQUIRED.
func (s *Service) newPassword(ctx context.Context, t *tenant, c Caller, a *account, h *held, in RespondInput) (*AuthResult, error) {
	if a.user == nil || a.user.Status != store.ForceChangePassword {
		return nil, fault.New(fault.SessionInvalid)
	}
	if !a.user.Enabled {
		return nil, fault.New(fault.UserDisabled)
	}
	up, released, err := t.firstAttributes(a.user, in.Responses)
	if err != nil {
		return nil, err
	}
	err = s.replacePassword(ctx, t, up, in.Responses["NEW_PASSWORD"])
	if fault.CodeOf(err) == fault.PasswordReused { // counted: it was compared with the whole history
		return nil, s.write(ctx, func(tx *unit) error {
			if err := tx.addTry(ctx, h, s.now()); err != nil {
				return err
			}
			return store.Keep(err)
		})
	}
	if err != nil {
		return nil, err
	}
	up.Status = store.Confirmed
	next := *a
	next.user = up
	d := h.data
	d.NewPassword = true
	st, err := s.next(ctx, t, c, &next, h.Chain, d)
	if err != nil {
		return nil, s.halt(ctx, h, err)
	}
	ev, err := s.event(ctx, t, c, eventlog.PasswordChanged, a.user, "", nil)
	if err != nil {
		return nil, err
	}
	st.events = append(st.events, ev)
	err = s.write(ctx, func(tx *unit) error {
		if err := tx.spend(ctx, h, s.now()); err != nil {
			return err
		}
		if err := s.moveNames(ctx, tx, t, a.user, up, released); err != nil {
			return err
		}
		if err := s.save(ctx, tx, up); err != nil {
			return err
		}
		return st.commit(ctx, s, tx)
	}, st.made()...)
	return st.result, err
}

// firstAttributes is a user with the attributes that it gives with its first password, and the names that it thereby gives up.
func (t *tenant) firstAttributes(old *store.User, responses map[string]string) (up *store.User, released []string, err error) {
	var list []Attr
	for k, v := range responses {
		if name, ok := strings.CutPrefix(k, "userAttributes."); ok {
			if sc := t.cfg.attribute(name); sc != nil && sc.Required && old.Attributes[name] != "" && old.Attributes[name] != v {
				return nil, nil, fault.Invalidf(name, "Cannot modify an already provided %s", name)
			}
			list = append(list, Attr{name, v})
		}
	}
	values, err := t.checkAttributes(list, byUser, true)
	if err != nil {
		return nil, nil, err
	}
	up = cloneUser(old)
	for _, attr := range []string{attrPhone, attrEmail, attrPreferred} {
		v, given := values[attr]
		had := up.Attributes[attr]
		if !given || v == had {
			continue
		}
		if had != "" && t.cfg.usesName(attr) {
			return nil, nil, fault.Invalidf(attr, "Cannot modify %s here.", attr)
		}
		if had != "" && t.cfg.aliases(attr) {
			released = append(released, t.cfg.attributeKey(attr, had))
		}
		switch {
		case v == "":
			values[attr+"_verified"] = ""
		case attr != attrPreferred:
			values[attr+"_verified"] = "false"
		}
	}
	merge(up.Attributes, values)
	if m := t.cfg.missing(up.Attributes); m != "" {
		return nil, nil, requiredError(m)
	}
	return up, released, nil
}
