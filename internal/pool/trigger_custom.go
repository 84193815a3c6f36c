package pool

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/store"
	"countersign/internal/trigger"
)

const (
	kindCustom   = "CUSTOM_CHALLENGE"
	kindSRPA     = "SRP_A"
	passedCustom = "custom"

	customAudience = "custom_auth"
	// maxRounds bounds the challenges of one sign-in; maxParameters what CreateAuthChallenge may answer, in bytes of JSON.
	maxRounds     = 20
	maxParameters = 16 << 10
	// maxRemembered bounds what a sign-in keeps of all its rounds, in bytes of JSON.
	maxRemembered = 48 << 10
)

// customAuth is what a sign-in by the pool's own challenges remembers, sealed in each challenge: what was asked and answered so far, and
// what the answer of the open challenge is judged by.
type customAuth struct {
	History  []trigger.ChallengeResult `json:"h"`
	Private  map[string]string         `json:"p,omitempty"`
	Metadata *string                   `json:"m,omitempty"`
}

// proved reports whether anything was answered correctly: no tokens without.
func (cu *customAuth) proved() bool {
	return slices.ContainsFunc(cu.History, func(r trigger.ChallengeResult) bool { return r.ChallengeResult && r.ChallengeName != kindSRPA })
}

func (s *Service) sealCustom(ctx context.Context, t *tenant, cu *customAuth) ([]byte, error) {
	raw, err := json.Marshal(cu)
	if err != nil {
		return nil, err
	}
	return s.Keys.SealToken(ctx, t.pool.ID, customAudience, raw)
}

func (s *Service) openCustom(ctx context.Context, t *tenant, sealed []byte) (*customAuth, error) {
	raw, err := s.Keys.OpenToken(ctx, t.pool.ID, customAudience, sealed)
	if err != nil {
		return nil, fault.Internalf("custom challenge: %w", err)
	}
	cu := &customAuth{}
	return cu, json.Unmarshal(raw, cu)
}

// customReady refuses CUSTOM_AUTH in a pool without the three functions.
func (t *tenant) customReady() error {
	for _, n := range []trigger.Name{trigger.DefineAuthChallenge, trigger.CreateAuthChallenge, trigger.VerifyAuthChallengeResponse} {
		if !t.has(n) {
			return fault.Invalidf("AuthFlow", "Custom auth lambda trigger is not configured for the user pool.").
				WithHint("CUSTOM_AUTH needs %s in the pool's LambdaConfig.", n)
		}
	}
	return nil
}

// beginCustom is CUSTOM_AUTH: the pool's functions say what is asked. With CHALLENGE_NAME=SRP_A the password comes first. Where existence is
// hidden, a name that nobody has, or whose owner may not sign in, is asked as well.
func (s *Service) beginCustom(ctx context.Context, t *tenant, c Caller, a *account, p map[string]string) (*AuthResult, error) {
	if err := s.unknown(t, a); err != nil {
		return nil, err
	}
	srpFirst := p["CHALLENGE_NAME"] == kindSRPA
	if a.user != nil && !srpFirst { // after a password the gate says who may not sign in
		if stop := mayProceed(a.user); stop != nil && !t.hides() {
			return nil, stop
		} else if stop != nil {
			ghost := *a
			ghost.user, a = nil, &ghost
		}
	}
	cu, d := &customAuth{History: []trigger.ChallengeResult{}}, signIn{Name: a.name}
	if srpFirst {
		cu.History = append(cu.History, trigger.ChallengeResult{ChallengeName: kindSRPA, ChallengeResult: true})
		def, err := s.define(ctx, t, c, a, cu)
		if err != nil {
			return nil, err
		}
		if def.ChallengeName != kindPasswordVerifier {
			return nil, s.badChallenge(ctx, t, c, a, "after SRP_A the next challenge is PASSWORD_VERIFIER")
		}
	}
	var err error
	if d.Custom, err = s.sealCustom(ctx, t, cu); err != nil {
		return nil, err
	}
	if srpFirst {
		return s.beginSRP(ctx, t, c, a, p["SRP_A"], nil, &d)
	}
	if err := s.countBegun(ctx, t, c, a); err != nil {
		return nil, err
	}
	st, err := s.customStep(ctx, t, c, a, "", d)
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, func(tx *unit) error {
		if a.user != nil {
			if err := current(ctx, tx, a.user); err != nil {
				return err
			}
		}
		return st.commit(ctx, s, tx)
	}, st.made()...)
	return st.result, err
}

// countBegun counts a sign-in whose challenge nothing was proved for, once for each request: it may cost the pool a text. Networks are not
// counted, since many users may share one and most challenges send nothing.
func (s *Service) countBegun(ctx context.Context, t *tenant, c Caller, a *account) error {
	const done = "begun"
	if c.asked[done] != nil {
		return nil
	}
	send := guard.Send{PoolID: t.pool.ID, Subject: a.subject, Purpose: guard.Custom, Known: a.known}
	if err := s.write(ctx, func(tx *unit) error { return s.guard.Send(ctx, tx, send) }); err != nil {
		return err
	}
	c.asked[done] = true
	return nil
}

func (s *Service) badChallenge(ctx context.Context, t *tenant, c Caller, a *account, why string) error {
	return s.triggerFailed(ctx, t, c, trigger.DefineAuthChallenge, askAuthentication, a.whom(), trigger.Invalid(trigger.DefineAuthChallenge, why))
}

// define asks what comes next. That the sign-in has failed is WrongCredentials.
func (s *Service) define(ctx context.Context, t *tenant, c Caller, a *account, cu *customAuth) (trigger.DefineAnswer, error) {
	def, err := ask[trigger.DefineAnswer](ctx, s, t, c, trigger.DefineAuthChallenge, askAuthentication, "", a.whom(), trigger.AuthChallengeRequest{
		UserAttributes: a.whom().attributes(), Session: cu.History, UserNotFound: a.user == nil, ClientMetadata: c.Metadata,
	})
	if err == nil && (def.FailAuthentication || len(cu.History) > maxRounds) {
		err = fault.New(fault.WrongCredentials)
	}
	return def, err
}

// customStep is a step of the gate: it asks the pool's functions whether the sign-in goes on, and with which challenge. That tokens may be
// issued leads back to the gate, for a user that exists and proved something.
func (s *Service) customStep(ctx context.Context, t *tenant, c Caller, a *account, chain string, d signIn) (*step, error) {
	cu, err := s.openCustom(ctx, t, d.Custom)
	if err != nil {
		return nil, err
	}
	if n := len(cu.History); n == 1 && cu.History[0].ChallengeName == kindSRPA && d.passed(passedPassword) {
		cu.History = append(cu.History, trigger.ChallengeResult{ChallengeName: kindPasswordVerifier, ChallengeResult: true})
	}
	def, err := s.define(ctx, t, c, a, cu)
	switch {
	case err != nil:
		return nil, err
	case def.IssueTokens && a.user == nil:
		return nil, fault.New(fault.WrongCredentials)
	case def.IssueTokens && !cu.proved():
		return nil, s.badChallenge(ctx, t, c, a, "tokens are issued after a challenge was answered correctly")
	case def.IssueTokens:
		return s.next(ctx, t, c, a, chain, d.with(passedCustom))
	case def.ChallengeName != kindCustom:
		return nil, s.badChallenge(ctx, t, c, a, "challengeName must be CUSTOM_CHALLENGE, or issueTokens or failAuthentication be true")
	}
	return s.createChallenge(ctx, t, c, a, chain, d, cu)
}

// createChallenge asks for the challenge itself. Its private parameters stay here.
func (s *Service) createChallenge(ctx context.Context, t *tenant, c Caller, a *account, chain string, d signIn, cu *customAuth) (*step, error) {
	w := a.whom()
	made, err := ask[trigger.CreateAnswer](ctx, s, t, c, trigger.CreateAuthChallenge, askAuthentication, "", w, trigger.AuthChallengeRequest{
		UserAttributes: w.attributes(), ChallengeName: kindCustom, Session: cu.History, UserNotFound: a.user == nil, ClientMetadata: c.Metadata,
	})
	if err != nil {
		return nil, err
	}
	if raw, err := json.Marshal(made); err != nil || len(raw) > maxParameters {
		return nil, s.triggerFailed(ctx, t, c, trigger.CreateAuthChallenge, askAuthentication, w, trigger.Invalid(trigger.CreateAuthChallenge, "the parameters are too large"))
	}
	cu.Private, cu.Metadata = made.Private, made.Metadata
	if d.Custom, err = s.sealCustom(ctx, t, cu); err != nil {
		return nil, err
	}
	if len(d.Custom) > maxRemembered {
		return nil, s.triggerFailed(ctx, t, c, trigger.CreateAuthChallenge, askAuthentication, w, trigger.Invalid(trigger.CreateAuthChallenge, "the metadata of all rounds is too large"))
	}
	o, err := s.openFor(t, c, a, kindCustom, chain, d)
	if err != nil {
		return nil, err
	}
	params := maps.Clone(made.Public)
	if params == nil {
		params = map[string]string{}
	}
	if params["USERNAME"], err = s.shownUsername(ctx, t, a); err != nil {
		return nil, err
	}
	return &step{challenge: o, result: &AuthResult{Challenge: kindCustom, Session: o.handle, Parameters: params}}, nil
}

// answerCustom lets the pool's function judge an answer. Wrong ones are counted as wrong codes are, also if the function says so by
// throwing; whether the sign-in goes on after one is up to DefineAuthChallenge.
func (s *Service) answerCustom(ctx context.Context, t *tenant, c Caller, a *account, h *held, answer string) (*AuthResult, error) {
	if err := t.customReady(); err != nil {
		return nil, err
	}
	cu, err := s.openCustom(ctx, t, h.data.Custom)
	if err != nil {
		return nil, err
	}
	try := s.try(t, a, guard.Custom)
	if err := s.Store.Read(ctx, func(tx store.Tx) error { return s.guard.Check(ctx, tx, try) }); err != nil {
		return nil, err
	}
	w := a.whom()
	v, stop := ask[trigger.VerifyAnswer](ctx, s, t, c, trigger.VerifyAuthChallengeResponse, askAuthentication, "", w, trigger.VerifyRequest{
		UserAttributes: w.attributes(), PrivateChallengeParameters: cu.Private, ChallengeAnswer: answer, UserNotFound: a.user == nil, ClientMetadata: c.Metadata,
	})
	if stop != nil && fault.CodeOf(stop) != fault.TriggerRefused {
		return nil, stop
	}
	st := &step{}
	if stop == nil {
		cu.History = append(cu.History, trigger.ChallengeResult{ChallengeName: kindCustom, ChallengeResult: v.AnswerCorrect, ChallengeMetadata: cu.Metadata})
		d := h.data
		if d.Custom, err = s.sealCustom(ctx, t, cu); err != nil {
			return nil, err
		}
		if a.user == nil {
			st, stop = s.customStep(ctx, t, c, a, h.Chain, d)
		} else {
			st, stop = s.next(ctx, t, c, a, h.Chain, d)
		}
		if stop != nil && fault.CodeOf(stop) == fault.InternalError {
			return nil, stop
		}
	}
	return s.settleCustom(ctx, t, c, a, h, try, v.AnswerCorrect, st, stop)
}

// settleCustom commits what an answer was worth, and the step after it. stop, if not nil, is the answer instead; after the failure of a
// function the same challenge can be answered again, a few times.
func (s *Service) settleCustom(ctx context.Context, t *tenant, c Caller, a *account, h *held, try guard.Try, correct bool, st *step, stop error) (*AuthResult, error) {
	good, bad, err := s.codeEvents(ctx, t, c, a, h)
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, func(tx *unit) error {
		turn, err := s.guard.Begin(ctx, tx, try)
		if err != nil {
			return err
		}
		if a.user != nil {
			if err := current(ctx, tx, a.user); err != nil {
				return err
			}
		}
		if triggerFault(stop) {
			err = tx.addTry(ctx, h, s.now())
		} else {
			err = tx.spend(ctx, h, s.now())
		}
		if err != nil {
			return err
		}
		if err := s.countCustom(ctx, tx, t, a, turn, correct, stop == nil && st.result.Challenge != kindCustom, good, bad); err != nil {
			return err
		}
		if stop != nil {
			return store.Keep(stop)
		}
		return st.commit(ctx, s, tx)
	}, st.made()...)
	if err != nil {
		return nil, err
	}
	return st.result, nil
}

// countCustom counts an answer. A right one forgives the wrong ones only once all of them are over: of several rounds the first may be one that
// everybody passes.
func (s *Service) countCustom(ctx context.Context, tx *unit, t *tenant, a *account, turn *guard.Turn, correct, over bool, good, bad *store.Event) error {
	switch {
	case !correct:
		return s.wrong(ctx, tx, t, a, turn, bad, nil)
	case a.user == nil:
		return nil
	case over:
		if err := turn.Succeed(ctx); err != nil {
			return err
		}
	}
	return tx.append(ctx, good)
}

// triggerFault reports whether an error is a function's.
func triggerFault(err error) bool {
	switch fault.CodeOf(err) {
	case fault.TriggerRefused, fault.TriggerFailed, fault.TriggerAnswerInvalid:
		return true
	}
	return false
}
