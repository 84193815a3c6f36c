package pool

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/otp"
	"countersign/internal/store"
	"countersign/internal/token"
)

const (
	kindMFAToken = "MFA_TOKEN"
	kindOOB      = "OOB"

	// mfaTokenLife: "Authenticate using ROPG flow with MFA"; not configurable.
	mfaTokenLife = 10 * time.Minute
)

// mfaStep is the gate's answer on the Auth0 wire while a second factor is owed: an mfa_token. It lists, associates and challenges as often as it lives,
// and ends with the factor that it is redeemed with.
func (s *Service) mfaStep(ctx context.Context, t *tenant, c Caller, a *account, ask, setup []string, d signIn) (*step, error) {
	o, err := s.openHandle(t, a.user.ID, token.MFAToken, kindMFAToken, "", mfaTokenLife, d)
	if err != nil {
		return nil, err
	}
	out := &MFARequired{Token: o.handle, Challenge: kindsOf(ask), Enroll: kindsOf(setup)}
	if len(ask) > 0 && t.mayRecover(a.user, d) {
		out.Challenge = append(out.Challenge, FactorRecovery)
	}
	ev, err := s.event(ctx, t, c, eventlog.MFARequired, a.user, "", map[string]any{"challenge": out.Challenge, "enroll": out.Enroll})
	if err != nil {
		return nil, err
	}
	return &step{challenge: o, events: []*store.Event{ev}, result: &AuthResult{oauth: &OAuthResult{MFA: out}}}, nil
}

// openHandle makes a challenge of the Auth0 wire; an empty chain is its own.
func (s *Service) openHandle(t *tenant, userID string, audience token.Audience, kind, chain string, life time.Duration, d signIn) (*opened, error) {
	data, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	now := s.now()
	handle, id, hash := token.NewHandle(audience, now)
	if chain == "" {
		chain = id
	}
	return &opened{handle: handle, row: &store.Challenge{
		ID: id, PoolID: t.pool.ID, ClientID: t.clientID(), UserID: userID, Wire: wireAuth0, Audience: string(audience),
		Kind: kind, Chain: chain, Hash: hash, Data: data, CreatedAt: now, ExpiresAt: now.Add(life),
	}}, nil
}

// handleErrors are what is said of a handle that is nothing (or foreign, or used up), and of one that is too old.
type handleErrors struct{ invalid, expired fault.Code }

var (
	mfaTokenErrors = handleErrors{fault.MFATokenInvalid, fault.MFATokenExpired}
	oobErrors      = handleErrors{fault.OOBCodeInvalid, fault.OOBCodeExpired}
	linkErrors     = handleErrors{fault.ResourceNotFound, fault.ResourceNotFound}
)

// take reads the challenge of a handle of the Auth0 wire and judges everything but the answer.
func (s *Service) take(ctx context.Context, tx store.Tx, audience token.Audience, kind, handle string, says handleErrors) (*held, error) {
	id, hash, err := token.ParseHandle(audience, handle)
	if err != nil {
		return nil, fault.New(says.invalid)
	}
	row, err := tx.Challenges().Challenge(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New(says.invalid)
	}
	if err != nil {
		return nil, err
	}
	switch {
	case !hmac.Equal(hash, row.Hash) || row.Wire != wireAuth0 || row.Audience != string(audience) || row.Kind != kind:
		return nil, fault.New(says.invalid)
	case row.Tries >= maxTries || !row.UsedAt.IsZero():
		return nil, fault.New(says.invalid)
	case !s.now().Before(row.ExpiresAt):
		return nil, fault.New(says.expired)
	}
	h := &held{Challenge: row}
	return h, json.Unmarshal(row.Data, &h.data)
}

// holder is who manages or proves factors: of an mfa_token or a ticket (h), or of an access token for the MFA API (b).
type holder struct {
	t *tenant
	a *account
	h *held
	b *oauthBearer
	// ticket: h is a ticket, which signs nobody in.
	ticket bool
}

// chain relates the codes of one holder.
func (h *holder) chain() string {
	if h.h != nil {
		return h.h.Chain
	}
	return h.b.claims.OriginJTI
}

// data is what the holder's sign-in remembers; of an access token, that nothing is owed.
func (h *holder) data() signIn {
	if h.h != nil {
		return h.h.data
	}
	return signIn{Name: h.a.name}
}

// holder reads who presents a token. clientID, if not empty, must be the client that it was issued to. scope is demanded of access tokens; with an empty
// one they are refused.
func (s *Service) holder(ctx context.Context, c Caller, bearer, clientID, scope string) (*holder, error) {
	if strings.Count(bearer, ".") == 2 && scope != "" {
		b, err := s.oauthBearer(ctx, c, bearer, pathMFA, scope)
		if err != nil {
			return nil, err
		}
		if clientID != "" && clientID != b.tenant.client.ID {
			return nil, fault.New(fault.MFATokenInvalid)
		}
		return &holder{t: b.tenant, a: b.account, b: b}, nil
	}
	return s.byMFAToken(ctx, c, bearer, clientID)
}

// byMFAToken reads who holds an mfa_token, and whether that user may still sign in.
func (s *Service) byMFAToken(ctx context.Context, c Caller, handle, clientID string) (*holder, error) {
	var h *held
	err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
		h, err = s.take(ctx, tx, token.MFAToken, kindMFAToken, handle, mfaTokenErrors)
		return err
	})
	if err != nil {
		return nil, err
	}
	if clientID != "" && clientID != h.ClientID {
		return nil, fault.New(fault.MFATokenInvalid)
	}
	t, err := s.byClient(ctx, h.ClientID, h.PoolID)
	if err == nil {
		t, err = s.onAuth0(t, c)
	}
	if fault.CodeOf(err) == fault.ClientNotFound || err == nil && h.data.OAuth == nil {
		err = fault.New(fault.MFATokenInvalid)
	}
	if err != nil {
		return nil, err
	}
	a, err := s.ownerOf(ctx, t, c, h, mfaTokenErrors)
	return &holder{t: t, a: a, h: h}, err
}

// ownerOf reads the user of a challenge, who must still be allowed to sign in: a lock, block or reset between two steps counts at the next.
func (s *Service) ownerOf(ctx context.Context, t *tenant, c Caller, h *held, says handleErrors) (*account, error) {
	a := &account{name: h.data.Name}
	var err error
	if a.network, err = s.network(ctx, t.pool.ID, c.IP); err != nil {
		return nil, err
	}
	err = s.Store.Read(ctx, func(tx store.Tx) (err error) {
		if a.user, err = tx.Users().User(ctx, t.pool.ID, h.UserID); err != nil || a.network == "" {
			return err
		}
		a.known, err = tx.Users().NetworkSeen(ctx, t.pool.ID, a.user.ID, []byte(a.network), s.now())
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New(says.invalid)
	}
	if err != nil {
		return nil, err
	}
	a.subject = a.user.ID
	return a, mayProceed(a.user)
}

// oobSpec is what the code of a message is bound to: the holder's chain, and the destination as the user has it now.
func (s *Service) oobSpec(t *tenant, u *store.User, chain, target string) otp.Spec {
	return otp.Spec{PoolID: t.pool.ID, SubjectID: u.ID, Purpose: otp.OOB, ClientID: t.clientID(), Wire: wireAuth0, Chain: chain, Target: target}
}

// targetOf is where the code of a message went, as long as the user still has that: of an enrolment, a telephone that waits or an address.
func targetOf(u *store.User, f *oobFactor) string {
	switch {
	case f.Kind == FactorEmail && f.Enrol:
		return f.Email
	case f.Kind == FactorEmail:
		return u.Attributes[attrEmail]
	case f.Enrol:
		if p := phoneOf(u, f.Phone); p != nil && !p.Confirmed() {
			return p.Number
		}
		return ""
	}
	return phoneNumber(u, f.Phone)
}
