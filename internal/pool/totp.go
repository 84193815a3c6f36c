package pool

import (
	"context"
	"slices"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/otp"
	"countersign/internal/store"
	"countersign/internal/totp"
)

const totpColumn = "totp"

func (s *Service) sealTOTP(ctx context.Context, t *tenant, userID, secret string) ([]byte, error) {
	return s.Keys.SealRecord(ctx, t.pool.ID, "users", userID, totpColumn, []byte(secret))
}

func (s *Service) openTOTP(ctx context.Context, t *tenant, userID string, sealed []byte) (string, error) {
	if len(sealed) == 0 {
		return "", fault.New(fault.TotpNotFound)
	}
	raw, err := s.Keys.OpenRecord(ctx, t.pool.ID, "users", userID, totpColumn, sealed)
	return string(raw), err
}

// answerTOTP judges the code of an authenticator app at sign-in. A time step is accepted once.
func (s *Service) answerTOTP(ctx context.Context, t *tenant, c Caller, a *account, h *held, answer string) (*AuthResult, error) {
	secret, err := s.openTOTP(ctx, t, a.user.ID, a.user.SealedTOTP)
	if err != nil {
		return nil, err
	}
	try := s.try(t, a, guard.SignIn)
	if err := s.Store.Read(ctx, func(tx store.Tx) error { return s.guard.Check(ctx, tx, try) }); err != nil {
		return nil, err
	}
	at, ok := totp.Verify(secret, answer, s.now(), a.user.TOTPStep)
	ok = ok && a.user.MFA.TOTPReady
	st := &step{}
	up := cloneUser(a.user)
	if ok {
		up.TOTPStep = at
		if st, err = s.next(ctx, t, c, a, h.Chain, h.data.with(passedMFA)); err != nil {
			return nil, s.halt(ctx, h, err)
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
		if !ok {
			return s.wrongCode(ctx, tx, t, a, h, turn, bad, fault.New(fault.ChallengeCodeMismatch))
		}
		if err := tx.spend(ctx, h, s.now()); err != nil {
			return err
		}
		if err := s.save(ctx, tx, up); err != nil { // the guarded update is what makes a step good once
			return err
		}
		if err := turn.Succeed(ctx); err != nil {
			return err
		}
		if err := tx.append(ctx, good); err != nil {
			return err
		}
		return st.commit(ctx, s, tx)
	}, st.made()...)
	return st.result, err
}

// AssociateTOTP hands out a new authenticator secret, to a signed-in user or inside MFA_SETUP. It replaces nothing until a code of it
// was right. API reference, AssociateSoftwareToken.
func (s *Service) AssociateTOTP(ctx context.Context, c Caller, accessToken, session string) (*Associated, error) {
	secret := totp.NewSecret()
	if accessToken != "" {
		err := again(func() error { return s.associateUser(ctx, c, accessToken, secret) })
		return &Associated{SecretCode: secret}, err
	}
	t, err := s.bySession(ctx, session)
	if err != nil {
		return nil, err
	}
	out := &Associated{SecretCode: secret}
	err = again(func() error {
		out.Session, err = s.associateSetup(ctx, t, c, session, secret)
		return err
	})
	return out, err
}

func (s *Service) associateSetup(ctx context.Context, t *tenant, c Caller, session, secret string) (string, error) {
	h, a, err := s.holdUser(ctx, t, c, session, kindMFASetup)
	if err != nil {
		return "", err
	}
	if a.user == nil || !slices.Contains(h.data.Choices, kindTOTP) {
		return "", fault.New(fault.TotpNotEnabled)
	}
	if !t.maySetUp(a.user, kindTOTP, h.data) {
		return "", fault.New(fault.SessionInvalid)
	}
	d := h.data
	if d.SealedTOTP, err = s.sealTOTP(ctx, t, a.user.ID, secret); err != nil {
		return "", err
	}
	d.TOTPReady = false
	o, err := s.open(t, c, a.user.ID, kindMFASetup, h.Chain, d)
	if err != nil {
		return "", err
	}
	o.row.Tries = h.Tries
	_, err = s.proceed(ctx, a, h, &step{challenge: o, result: &AuthResult{}})
	return o.handle, err
}

func (s *Service) associateUser(ctx context.Context, c Caller, accessToken, secret string) error {
	b, err := s.bearerOf(ctx, c, accessToken)
	if err != nil {
		return err
	}
	// Cognito associates at any time; whether the pool offers the factor decides when it is switched on.
	sealed, err := s.sealTOTP(ctx, b.tenant, b.user.ID, secret)
	if err != nil {
		return err
	}
	up := cloneUser(b.user)
	if up.Pending == nil {
		up.Pending = map[string]string{}
	}
	up.Pending[pendingTOTP] = string(encode64(sealed))
	return s.write(ctx, func(tx *unit) error { return s.save(ctx, tx, up) })
}

// pendingTOTP keeps a sealed secret that has not been proved beside the pending attributes.
const pendingTOTP = "software_token"

// VerifyTOTP proves a secret with its first code. API reference, VerifySoftwareToken. The Session it returns continues MFA_SETUP.
func (s *Service) VerifyTOTP(ctx context.Context, c Caller, accessToken, session, code string) (next string, err error) {
	if accessToken != "" {
		return "", again(func() error { return s.verifyUserTOTP(ctx, c, accessToken, code) })
	}
	t, err := s.bySession(ctx, session)
	if err != nil {
		return "", err
	}
	err = again(func() error {
		next, err = s.verifySetup(ctx, t, c, session, code)
		return err
	})
	return next, err
}

func (s *Service) verifyUserTOTP(ctx context.Context, c Caller, accessToken, code string) error {
	b, err := s.bearerOf(ctx, c, accessToken)
	if err != nil {
		return err
	}
	if err := s.mayChangeFactors(ctx, b.tenant, b.account); err != nil {
		return err
	}
	sealed, err := decode64(b.user.Pending[pendingTOTP])
	if err != nil || len(sealed) == 0 {
		return fault.New(fault.TotpNotFound)
	}
	secret, err := s.openTOTP(ctx, b.tenant, b.user.ID, sealed)
	if err != nil {
		return err
	}
	at, ok := totp.Verify(secret, code, s.now(), 0)
	up := cloneUser(b.user)
	up.SealedTOTP, up.TOTPStep, up.MFA.TOTPReady = sealed, at, true
	delete(up.Pending, pendingTOTP)
	ev, err := s.event(ctx, b.tenant, c, eventlog.EnrollmentComplete, b.user, "", map[string]any{"factor": kindTOTP})
	if err != nil {
		return err
	}
	notes := s.notices(ctx, b.tenant, c, b.account, "An authenticator app was added to your account. If this was not you, contact support.", verifiedContacts(b.user))
	return s.write(ctx, func(tx *unit) error {
		turn, err := s.guard.Begin(ctx, tx, s.try(b.tenant, b.account, guard.Enrol))
		if err != nil {
			return err
		}
		if !ok {
			if _, err := turn.Fail(ctx); err != nil {
				return err
			}
			return store.Keep(fault.New(fault.TotpMismatch))
		}
		if err := turn.Succeed(ctx); err != nil {
			return err
		}
		if err := b.factorProved(ctx, tx); err != nil {
			return err
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

func (s *Service) verifySetup(ctx context.Context, t *tenant, c Caller, session, code string) (string, error) {
	h, a, err := s.holdUser(ctx, t, c, session, kindMFASetup)
	if err != nil {
		return "", err
	}
	if a.user == nil {
		return "", fault.New(fault.SessionInvalid)
	}
	secret, err := s.openTOTP(ctx, t, a.user.ID, h.data.SealedTOTP)
	if err != nil {
		return "", err
	}
	at, ok := totp.Verify(secret, code, s.now(), h.data.TOTPStep)
	d := h.data
	d.TOTPReady, d.TOTPStep = true, at
	o, err := s.open(t, c, a.user.ID, kindMFASetup, h.Chain, d)
	if err != nil {
		return "", err
	}
	bad, err := s.failure(ctx, t, c, a)
	if err != nil {
		return "", err
	}
	err = s.write(ctx, func(tx *unit) error {
		turn, err := s.guard.Begin(ctx, tx, s.try(t, a, guard.SignIn))
		if err != nil {
			return err
		}
		if !ok {
			return s.wrongCode(ctx, tx, t, a, h, turn, bad, fault.New(fault.TotpMismatch))
		}
		if err := tx.spend(ctx, h, s.now()); err != nil {
			return err
		}
		return tx.Challenges().InsertChallenge(ctx, o.row)
	})
	return o.handle, err
}

// finishSetup answers MFA_SETUP: with an authenticator whose code was right, or with an address that a code is sent to. It cannot be
// skipped: without either there is no next step.
func (s *Service) finishSetup(ctx context.Context, t *tenant, c Caller, a *account, h *held, in RespondInput) (*AuthResult, error) {
	if a.user == nil {
		return nil, fault.New(fault.SessionInvalid)
	}
	if err := mayProceed(a.user); err != nil {
		return nil, err
	}
	if email := in.Responses["EMAIL"]; email != "" && slices.Contains(h.data.Choices, kindEmailOTP) {
		return s.setupEmail(ctx, t, c, a, h, email)
	}
	if !h.data.TOTPReady {
		return nil, fault.Invalidf("session", "MFA setup is not complete: verify a software token first.").
			WithHint("Call AssociateSoftwareToken and VerifySoftwareToken with this Session, then answer with the Session of the latter.")
	}
	if !t.maySetUp(a.user, kindTOTP, h.data) {
		return nil, fault.New(fault.SessionInvalid)
	}
	up := cloneUser(a.user)
	up.SealedTOTP, up.TOTPStep = h.data.SealedTOTP, h.data.TOTPStep
	up.MFA.TOTPReady, up.MFA.TOTP = true, true
	next := *a
	next.user = up
	st, err := s.next(ctx, t, c, &next, h.Chain, h.data.with(passedMFA))
	if err != nil {
		return nil, s.halt(ctx, h, err)
	}
	ev, err := s.event(ctx, t, c, eventlog.EnrollmentComplete, a.user, "", map[string]any{"factor": kindTOTP})
	if err != nil {
		return nil, err
	}
	st.events = append(st.events, ev)
	err = s.write(ctx, func(tx *unit) error {
		if err := tx.spend(ctx, h, s.now()); err != nil {
			return err
		}
		if err := s.save(ctx, tx, up); err != nil {
			return err
		}
		return st.commit(ctx, s, tx)
	}, st.made()...)
	return st.result, err
}

// setupEmail sends a code to an address that is to become a factor. It becomes one only with the right answer.
func (s *Service) setupEmail(ctx context.Context, t *tenant, c Caller, a *account, h *held, email string) (*AuthResult, error) {
	if !isEmail(email) {
		return nil, fault.Invalidf("EMAIL", "Invalid email address format.")
	}
	if own := a.user.Attributes[attrEmail]; own != "" && own != email {
		return nil, fault.Invalidf("EMAIL", "The user has another email address.")
	}
	d := h.data
	d.MFA, d.Attr, d.SetupEmail = true, attrEmail, email
	o, err := s.open(t, c, a.user.ID, kindEmailOTP, h.Chain, d)
	if err != nil {
		return nil, err
	}
	l := s.signInLetter(a, attrEmail, otp.EmailMFA, h.Chain)
	l.to = email
	p, err := s.post(ctx, t, c, l)
	if err != nil {
		return nil, err
	}
	return s.proceed(ctx, a, h, &step{challenge: o, letter: p, result: &AuthResult{
		Challenge: kindEmailOTP, Session: o.handle, Parameters: codeParameters(p.what, a.user.Username)}})
}
