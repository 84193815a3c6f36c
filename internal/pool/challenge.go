package pool

import (
	"context"
	"crypto/hmac"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/internal/token"
)

// Kinds of challenges. The first group is on the wire; the last two are steps of sign-up that a Session stands for.
const (
	kindPasswordVerifier = "PASSWORD_VERIFIER"
	kindSMSMFA           = "SMS_MFA"
	kindTOTP             = "SOFTWARE_TOKEN_MFA"
	kindEmailOTP         = "EMAIL_OTP"
	kindSMSOTP           = "SMS_OTP"
	kindSelectMFA        = "SELECT_MFA_TYPE"
	kindMFASetup         = "MFA_SETUP"
	kindNewPassword      = "NEW_PASSWORD_REQUIRED"
	kindSelectChallenge  = "SELECT_CHALLENGE"
	kindPassword         = "PASSWORD"
	kindPasswordSRP      = "PASSWORD_SRP"

	kindSignedUp  = "SIGNED_UP"
	kindConfirmed = "CONFIRMED"
)

// maxTries is how many wrong answers end a session.
const maxTries = 5

// signIn is what a sign-in remembers between its steps. It holds no secret that is not sealed.
type signIn struct {
	// Name is the name as typed.
	Name string `json:"name"`
	// Passed are the factors proved so far: password, SMS_OTP, EMAIL_OTP, sign_up.
	Passed []string `json:"passed,omitempty"`
	// Attr is the attribute that a code was sent to.
	Attr string `json:"attr,omitempty"`
	// MFA is set if the challenge's code is a second factor (EMAIL_OTP is either).
	MFA bool `json:"mfa,omitempty"`
	// Subject is what unknown names are counted by; set on simulated challenges only.
	Subject string `json:"subject,omitempty"`
	// Choices are what SELECT_... and MFA_SETUP offered.
	Choices []string `json:"choices,omitempty"`
	// SealedTOTP is the secret that MFA_SETUP handed out; TOTPReady is set once a code of it was right.
	SealedTOTP []byte `json:"totp,omitempty"`
	TOTPReady  bool   `json:"totp_ready,omitempty"`
	TOTPStep   int64  `json:"totp_step,omitempty"`
	// Custom is the sealed customAuth of CUSTOM_AUTH.
	Custom []byte `json:"custom,omitempty"`
	// NewPassword is set once NEW_PASSWORD_REQUIRED was answered.
	NewPassword bool `json:"new_password,omitempty"`
	// SetupEmail is the address that MFA_SETUP is to prove.
	SetupEmail string `json:"setup_email,omitempty"`
	// Judged is set once rules and actions were asked; Must, if a second factor is owed whatever the pool says, of the kinds that Kinds names if it
	// is not empty. Verdict is what else they decided, sealed.
	Judged  bool     `json:"judged,omitempty"`
	Must    bool     `json:"must,omitempty"`
	Kinds   []string `json:"kinds,omitempty"`
	Verdict []byte   `json:"verdict,omitempty"`
	// OAuth is what the Auth0 wire asks for, Factor what a message there is about; nil elsewhere.
	OAuth  *oauthAsked `json:"oauth,omitempty"`
	Factor *oobFactor  `json:"factor,omitempty"`
}

// oauthAsked is what a sign-in on the Auth0 wire asked for, as far as it is granted.
type oauthAsked struct {
	Audience string `json:"aud,omitempty"`
	Scope    string `json:"scope,omitempty"`
	// Protocol is Auth0's word for the flow, Type its gty claim.
	Protocol string `json:"protocol"`
	Type     string `json:"gty,omitempty"`
}

// oobFactor is what the code of an oob_code proves.
type oobFactor struct {
	// Kind is FactorPhone or FactorEmail. Phone is the telephone's id; empty: the user's phone_number. Channel is how the message went.
	Kind    string `json:"kind"`
	Phone   string `json:"phone,omitempty"`
	Channel string `json:"channel,omitempty"`
	// Enrol is set for enrolments; Email is then the address. Recovery is the keyed hash of the recovery code that was shown.
	Enrol    bool   `json:"enrol,omitempty"`
	Email    string `json:"email,omitempty"`
	Recovery string `json:"recovery,omitempty"`
}

func (d *signIn) passed(factor string) bool { return slices.Contains(d.Passed, factor) }

func (d signIn) with(factor string) signIn {
	d.Passed = append(slices.Clone(d.Passed), factor)
	return d
}

// opened is a challenge and the handle that its client gets.
type opened struct {
	row    *store.Challenge
	handle string
}

// open makes a challenge. userID is empty for simulated ones. Nothing is stored yet.
func (s *Service) open(t *tenant, c Caller, userID, kind, chain string, d signIn) (*opened, error) {
	data, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	now := s.now()
	handle, id, hash := token.NewHandle(token.Session, now)
	if chain == "" {
		chain = id
	}
	life := t.session()
	if kind == kindSignedUp {
		life = 24 * time.Hour
	}
	return &opened{handle: handle, row: &store.Challenge{
		ID: id, PoolID: t.pool.ID, ClientID: t.client.ID, UserID: userID, Wire: c.Wire, Audience: string(token.Session),
		Kind: kind, Chain: chain, Hash: hash, Data: data, CreatedAt: now, ExpiresAt: now.Add(life),
	}}, nil
}

// held is a challenge that a caller presented, with what it remembers.
type held struct {
	*store.Challenge
	data signIn
}

// open stores a challenge; nil is none.
func (u *unit) open(ctx context.Context, o *opened) error {
	if o == nil {
		return nil
	}
	return u.Challenges().InsertChallenge(ctx, o.row)
}

// hold reads the challenge of a handle and judges everything but the answer. An unknown, foreign, garbled or misused handle is
// SessionInvalid: which of these is nobody's business.
func (s *Service) hold(ctx context.Context, tx store.Tx, t *tenant, c Caller, handle string, kinds ...string) (*held, error) {
	id, hash, err := token.ParseHandle(token.Session, handle)
	if err != nil {
		return nil, fault.New(fault.SessionInvalid)
	}
	row, err := tx.Challenges().Challenge(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New(fault.SessionInvalid)
	}
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(hash, row.Hash) || row.PoolID != t.pool.ID || row.ClientID != t.client.ID || row.Wire != c.Wire ||
		row.Audience != string(token.Session) || !slices.Contains(kinds, row.Kind) {
		return nil, fault.New(fault.SessionInvalid)
	}
	switch {
	case row.Tries >= maxTries:
		return nil, fault.New(fault.SessionInvalid)
	case !row.UsedAt.IsZero():
		return nil, fault.New(fault.SessionUsed)
	case !s.now().Before(row.ExpiresAt):
		return nil, fault.New(fault.SessionExpired)
	}
	h := &held{Challenge: row}
	return h, json.Unmarshal(row.Data, &h.data)
}

// holdUser is hold in a transaction of its own, with the challenge's user (nil for simulated ones).
func (s *Service) holdUser(ctx context.Context, t *tenant, c Caller, handle string, kinds ...string) (h *held, a *account, err error) {
	a = &account{}
	if a.network, err = s.network(ctx, t.pool.ID, c.IP); err != nil {
		return nil, nil, err
	}
	err = s.Store.Read(ctx, func(tx store.Tx) (err error) {
		if h, err = s.hold(ctx, tx, t, c, handle, kinds...); err != nil {
			return err
		}
		a.name, a.subject, a.nameKey = h.data.Name, h.data.Subject, t.cfg.nameKey(h.data.Name)
		if h.UserID == "" {
			return nil
		}
		a.user, err = tx.Users().User(ctx, t.pool.ID, h.UserID)
		if errors.Is(err, store.ErrNotFound) {
			return fault.New(fault.SessionInvalid)
		}
		if err != nil {
			return err
		}
		a.subject = a.user.ID
		if a.network != "" {
			a.known, err = tx.Users().NetworkSeen(ctx, t.pool.ID, a.user.ID, []byte(a.network), s.now())
		}
		return err
	})
	return h, a, err
}

// spend ends a challenge with its right answer; SessionUsed if somebody else was faster.
func (u *unit) spend(ctx context.Context, h *held, now time.Time) error {
	if h == nil {
		return nil
	}
	ok, err := u.Challenges().UseChallenge(ctx, h.ID, now)
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.SessionUsed)
	}
	return nil
}

// signUpSession is the Session of SignUp, as Cognito's answer has it. Clients hand it to ConfirmSignUp, where nothing depends on it: the code
// proves more. Nil if the client does not allow USER_AUTH.
func (s *Service) signUpSession(t *tenant, c Caller, userID string) (*opened, error) {
	if !t.ccfg.allows("ALLOW_USER_AUTH") {
		return nil, nil
	}
	return s.open(t, c, userID, kindSignedUp, "", signIn{})
}

// answersTo is isName for simulated challenges as well, whose user has the name as typed and the made-up USER_ID_FOR_SRP.
func (s *Service) answersTo(ctx context.Context, t *tenant, a *account, name string) (bool, error) {
	if a.user != nil || t.cfg.nameKey(name) == a.nameKey {
		return a.user == nil || t.isName(a, name), nil
	}
	id, err := s.fakeUsername(ctx, t, a)
	return name == id, err
}

// isName reports whether what a challenge response calls USERNAME is the challenge's user: any of its names will do.
func (t *tenant) isName(a *account, name string) bool {
	if name == a.name {
		return true
	}
	u := a.user
	if u == nil {
		return false
	}
	keys, id := t.cfg.nameKeys(name)
	if name == u.Username || id == u.ID {
		return true
	}
	for _, k := range keys {
		if k == keyUsername+t.cfg.fold(u.Username) {
			return true
		}
		for _, attr := range []string{attrPhone, attrEmail, attrPreferred} {
			if v := u.Attributes[attr]; v != "" && k == t.cfg.attributeKey(attr, v) {
				return true
			}
		}
	}
	return false
}
