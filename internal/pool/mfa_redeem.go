package pool

import (
	"context"
	"crypto/hmac"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/otp"
	"countersign/internal/store"
	"countersign/internal/token"
	"countersign/internal/totp"
)

// exchange are the events of a grant that proves a second factor.
type exchange struct{ done, failed, right, wrong, limited eventlog.Type }

var (
	oobExchange      = exchange{eventlog.OOBExchanged, eventlog.OOBExchangeFailed, eventlog.AuthSucceeded, eventlog.AuthFailed, eventlog.CodeRateExceeded}
	otpExchange      = exchange{eventlog.OTPExchanged, eventlog.OTPExchangeFailed, eventlog.AuthSucceeded, eventlog.AuthFailed, eventlog.CodeRateExceeded}
	recoveryExchange = exchange{
		eventlog.RecoveryExchanged, eventlog.RecoveryExchangeFailed, eventlog.RecoverySucceeded, eventlog.RecoveryFailed, eventlog.RecoveryRate}
)

// proof is an answer to a second factor.
type proof struct {
	exchange
	hd *holder
	// tried is the challenge that wrong answers count on; it ends with the right one.
	tried *held
	// judge compares the answer; it is asked twice, before the next step is prepared and in the Write that decides. The code that it returns, if
	// any, is consumed.
	judge func(tx store.Tx) (*store.Code, error)
	// up is the user as the right answer leaves it; enrolled, if not nil, the factor that it thereby gets. method is the word for amr.
	up       *store.User
	enrolled *oobFactor
	method   string
	purpose  guard.Purpose
	data     map[string]any
	// recovery is the new recovery code.
	recovery string
	// specs and answer are of a code that was sent; empty for others.
	specs  []otp.Spec
	answer string
}

// redeemer reads who redeems: the client must be the token's and may use the grant. An access token for the MFA API redeems enrolments alone.
func (s *Service) redeemer(ctx context.Context, c Caller, in RedeemInput, grant string) (*holder, error) {
	t, err := s.oauth(ctx, c, in.OAuthClient, grant)
	if err != nil {
		return nil, err
	}
	return s.holder(ctx, c, in.Token, t.client.ID, scopeEnroll)
}

// RedeemOOB, RedeemOTP and RedeemRecovery prove a second factor; the first two confirm an enrolment as well.
func (s *Service) RedeemOOB(ctx context.Context, c Caller, in RedeemInput) (*OAuthTokens, error) {
	c = c.onAuth0()
	var out *OAuthTokens
	err := again(func() error {
		hd, err := s.redeemer(ctx, c, in, GrantMFAOOB)
		if err != nil {
			return err
		}
		p, err := s.oobProof(ctx, hd, in)
		if err != nil {
			return err
		}
		out, err = s.settleProof(ctx, c, p)
		return err
	})
	return out, err
}

func (s *Service) oobProof(ctx context.Context, hd *holder, in RedeemInput) (*proof, error) {
	o, err := s.oob(ctx, hd, in.OOBCode)
	if err != nil {
		return nil, err
	}
	t, u, f := hd.t, hd.a.user, o.data.Factor
	target := targetOf(u, f)
	p := &proof{
		exchange: oobExchange, hd: hd, tried: o, purpose: guard.SignIn, method: methodOfChannel(f.Channel),
		data: map[string]any{"factor": f.Kind, "channel": f.Channel}}
	if hd.h != nil && !hd.ticket {
		p.tried = hd.h
	}
	if hd.b != nil || hd.ticket {
		p.purpose = guard.Enrol
	}
	spec := s.oobSpec(t, u, o.Chain, target)
	if target != "" && f.Kind == FactorPhone {
		p.specs, p.answer = []otp.Spec{spec}, in.Code
	}
	p.judge = func(tx store.Tx) (*store.Code, error) {
		if target == "" {
			return nil, fault.New(fault.ChallengeCodeMismatch)
		}
		return s.judge(ctx, tx, spec, in.Code)
	}
	p.up = cloneUser(u)
	if f.Enrol {
		p.enrolled = f
		return p, s.enrolled(ctx, hd, p)
	}
	if ph := phoneOf(p.up, f.Phone); ph != nil {
		ph.LastAuth = s.now()
	}
	if f.Kind == FactorPhone && isNumberOf(u, target) {
		p.up.Attributes[attrPhoneVerified] = "true"
	}
	return p, nil
}

func methodOfChannel(channel string) string {
	switch channel {
	case ChannelVoice:
		return "tel"
	case "email":
		return "email"
	}
	return "sms"
}

// oob reads an oob_code of the holder's own chain, for something that the holder may prove now.
func (s *Service) oob(ctx context.Context, hd *holder, handle string) (o *held, err error) {
	err = s.Store.Read(ctx, func(tx store.Tx) (err error) {
		o, err = s.take(ctx, tx, token.OOBCode, kindOOB, handle, oobErrors)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case o.UserID != hd.a.user.ID || o.ClientID != hd.t.clientID() || o.PoolID != hd.t.pool.ID || o.Chain != hd.chain() || o.data.Factor == nil:
		return nil, fault.New(fault.OOBCodeInvalid)
	case hd.b != nil && !o.data.Factor.Enrol:
		return nil, fault.New(fault.OOBCodeInvalid)
	}
	return o, nil
}

// enrolled is what the right code of an enrolment makes of the user. The enrolment must still be possible: one that was begun before the owner enrolled
// must not replace, nor stand beside, what the owner has.
func (s *Service) enrolled(ctx context.Context, hd *holder, p *proof) error {
	f, up := p.enrolled, p.up
	factor := kindSMSMFA
	switch f.Kind {
	case FactorEmail:
		factor = kindEmailOTP
	case FactorOTP:
		factor = kindTOTP
	}
	if err := s.mayEnrol(ctx, hd, factor); err != nil {
		return err
	}
	switch f.Kind {
	case FactorEmail:
		if own := up.Attributes[attrEmail]; own != "" && own != f.Email { // set meanwhile: the code proves no right to replace it
			return fault.New(fault.OOBCodeInvalid)
		}
		up.Attributes[attrEmail], up.Attributes[attrEmailVerified] = f.Email, "true"
		up.MFA.Email, up.MFA.EmailID = true, newFactorID()
	case FactorPhone:
		if ph := phoneOf(up, f.Phone); ph == nil || ph.Confirmed() {
			return fault.New(fault.OOBCodeInvalid)
		}
		s.confirmPhone(up, f.Phone, f.Channel)
	case FactorOTP:
		up.MFA.TOTP, up.MFA.TOTPReady, up.MFA.TOTPID = true, true, newFactorID()
		delete(up.Pending, pendingFactor)
	}
	if f.Recovery != "" && up.MFA.Recovery == "" && hd.t.cfg.tenant().RecoveryCodes {
		up.MFA.Recovery, up.MFA.RecoveryAt = f.Recovery, s.now()
	}
	return nil
}

// RedeemOTP: see RedeemOOB.
func (s *Service) RedeemOTP(ctx context.Context, c Caller, in RedeemInput) (*OAuthTokens, error) {
	c = c.onAuth0()
	var out *OAuthTokens
	err := again(func() error {
		hd, err := s.redeemer(ctx, c, in, GrantMFAOTP)
		if err != nil {
			return err
		}
		p, err := s.otpProof(ctx, hd, in.Code)
		if err != nil {
			return err
		}
		out, err = s.settleProof(ctx, c, p)
		return err
	})
	return out, err
}

// otpProof judges the code of an authenticator app: the user's own, where that is what is owed, or else one that is being enrolled. A time step is
// accepted once.
func (s *Service) otpProof(ctx context.Context, hd *holder, code string) (*proof, error) {
	t, u := hd.t, hd.a.user
	p := &proof{exchange: otpExchange, hd: hd, tried: hd.h, purpose: guard.SignIn, method: "otp", data: map[string]any{"factor": FactorOTP}, up: cloneUser(u)}
	sealed, last := u.SealedTOTP, u.TOTPStep
	if !hd.owes(kindTOTP) {
		f := &oobFactor{Kind: FactorOTP, Enrol: true}
		if sealed, f.Recovery = s.pendingTOTPOf(u, hd.chain()); sealed == nil {
			return nil, fault.New(fault.ChallengeUnsupported).WithHint("The user has no authenticator app that could be asked for.")
		}
		if hd.b != nil {
			p.purpose = guard.Enrol
		}
		last, p.enrolled = 0, f
		if err := s.enrolled(ctx, hd, p); err != nil {
			return nil, err
		}
	}
	secret, err := s.openTOTP(ctx, t, u.ID, sealed)
	if err != nil {
		return nil, err
	}
	at, ok := totp.Verify(secret, code, s.now(), last)
	p.up.SealedTOTP, p.up.TOTPStep = sealed, at
	p.judge = func(store.Tx) (*store.Code, error) {
		if !ok {
			return nil, fault.New(fault.OTPWrong)
		}
		return nil, nil
	}
	return p, nil
}

// owes reports whether the holder may be asked for a factor.
func (h *holder) owes(factor string) bool {
	for _, f := range h.asked() {
		if f == factor {
			return true
		}
	}
	return false
}

// RedeemRecovery: see RedeemOOB. The tokens hold a new recovery code.
func (s *Service) RedeemRecovery(ctx context.Context, c Caller, in RedeemInput) (*OAuthTokens, error) {
	c = c.onAuth0()
	var out *OAuthTokens
	err := again(func() error {
		t, err := s.oauth(ctx, c, in.OAuthClient, GrantMFARecovery)
		if err != nil {
			return err
		}
		hd, err := s.byMFAToken(ctx, c, in.Token, t.client.ID)
		if err != nil {
			return err
		}
		p, err := s.recoveryProof(ctx, hd, in.Code)
		if err != nil {
			return err
		}
		out, err = s.settleProof(ctx, c, p)
		return err
	})
	return out, err
}

// recoveryProof judges a recovery code, which is good once: the user gets a new one.
func (s *Service) recoveryProof(ctx context.Context, hd *holder, code string) (*proof, error) {
	u := hd.a.user
	got, err := s.recoveryHash(ctx, u, cut(code, 64))
	if err != nil {
		return nil, err
	}
	ok := len(hd.asked()) > 0 && hd.t.mayRecover(u, hd.data()) && hmac.Equal([]byte(got), []byte(u.MFA.Recovery))
	p := &proof{
		exchange: recoveryExchange, hd: hd, tried: hd.h, purpose: guard.RecoveryCode, method: "recovery", data: map[string]any{"factor": FactorRecovery}, up: cloneUser(u)}
	fresh, hash, err := s.newRecovery(ctx, u)
	if err != nil {
		return nil, err
	}
	p.recovery, p.up.MFA.Recovery, p.up.MFA.RecoveryAt = fresh, hash, s.now()
	p.judge = func(store.Tx) (*store.Code, error) {
		if !ok {
			return nil, fault.New(fault.RecoveryCodeWrong)
		}
		return nil, nil
	}
	return p, nil
}
