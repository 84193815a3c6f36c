package otp

import (
	"context"
	"crypto/rand"
	"math/big"
	"strings"
	"time"

	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/store"
)

// Purpose is what a code proves.
type Purpose string

const (
	SignUp      Purpose = "sign_up"
	Reset       Purpose = "reset"
	VerifyPhone Purpose = "verify_phone"
	VerifyEmail Purpose = "verify_email"
	// SMSMFA and EmailMFA are second factors; SMSOTP and EmailOTP first factors.
	SMSMFA   Purpose = "sms_mfa"
	EmailMFA Purpose = "email_mfa"
	SMSOTP   Purpose = "sms_otp"
	EmailOTP Purpose = "email_otp"
	// OOB and Passwordless are second and first factors of the Auth0 wire, by text, call or e-mail.
	OOB          Purpose = "oob"
	Passwordless Purpose = "passwordless"
)

// Keep is how many codes without a chain stay alive.
const Keep = 3

// Digits returns the length of a purpose's codes: six, and eight for e-mail codes and the SMS first factor
// (cognito.md 5.1, from live captures).
func (p Purpose) Digits() int {
	switch p {
	case EmailMFA, SMSOTP, EmailOTP:
		return 8
	}
	return 6
}

// oobLife is how long codes of the Auth0 wire are good ("Authenticate using ROPG flow with MFA").
const oobLife = 5 * time.Minute

// strictLife is the longest life of any code in strict mode: OWASP ASVS 5.0, 6.5.5 and NIST 800-63B-4.
const strictLife = 10 * time.Minute

// Life returns how long a code of the purpose is good. session is the life of a challenge; strict cuts all to ten minutes.
func (p Purpose) Life(session time.Duration, strict bool) time.Duration {
	life := session
	switch p {
	case SignUp, VerifyPhone, VerifyEmail:
		life = 24 * time.Hour
	case Reset:
		life = time.Hour
	case OOB, Passwordless:
		life = oobLife
	}
	if strict {
		life = min(life, strictLife)
	}
	return life
}

// Spec is everything that a code is bound to.
type Spec struct {
	PoolID, SubjectID string
	Purpose           Purpose
	// ClientID is empty for codes that an administrator caused.
	ClientID string
	Wire     string
	// Chain is the sign-in, or empty.
	Chain string
	// Target is the destination in clear (E.164 or e-mail address); only its keyed hash is stored.
	Target string
}

// Codes issues and judges codes.
type Codes struct {
	// Key returns the pool's keys for codes: (*keyring.Keyring).Codes.
	Key func(ctx context.Context, poolID string) (keyring.Codes, error)
	Now func() time.Time
	// Fixed, if not empty, is every code's value, cut or padded with zeros on the left to its length. Dev mode only.
	Fixed string
}

// New returns a fresh code and the row that remembers it.
func (c *Codes) New(ctx context.Context, s Spec, life time.Duration) (string, *store.Code, error) {
	key, err := c.Key(ctx, s.PoolID)
	if err != nil {
		return "", nil, err
	}
	code, err := c.digits(s.Purpose.Digits())
	if err != nil {
		return "", nil, err
	}
	row := c.row(key, s, life)
	row.Hash = key.Sum(parts(row, code)...)
	return code, row, nil
}

func (c *Codes) row(key keyring.Codes, s Spec, life time.Duration) *store.Code {
	now := c.Now().UTC()
	return &store.Code{
		ID: store.NewID(now), PoolID: s.PoolID, SubjectID: s.SubjectID, Purpose: string(s.Purpose),
		ClientID: s.ClientID, Wire: s.Wire, Chain: s.Chain, Target: key.Sum(target(s)...), CreatedAt: now, ExpiresAt: now.Add(life),
	}
}

// Known returns the row of a code that the caller chose: that of a test number.
func (c *Codes) Known(ctx context.Context, s Spec, code string, life time.Duration) (*store.Code, error) {
	key, err := c.Key(ctx, s.PoolID)
	if err != nil {
		return nil, err
	}
	row := c.row(key, s, life)
	row.Hash = key.Sum(parts(row, code)...)
	return row, nil
}

// External returns the row of a code that a service makes and checks: without a hash, so that no answer matches it until Vouch.
func (c *Codes) External(ctx context.Context, s Spec, life time.Duration) (*store.Code, error) {
	key, err := c.Key(ctx, s.PoolID)
	if err != nil {
		return nil, err
	}
	return c.row(key, s, life), nil
}

// Externals returns the live rows of a Spec whose code only a service knows, in the order of rows.
func (c *Codes) Externals(ctx context.Context, rows []*store.Code, s Spec) ([]*store.Code, error) {
	key, err := c.Key(ctx, s.PoolID)
	if err != nil {
		return nil, err
	}
	now := c.Now()
	var out []*store.Code
	for _, r := range rows {
		if len(r.Hash) == 0 && usable(r, s, now) && key.Check(r.Target, target(s)...) {
			out = append(out, r)
		}
	}
	return out, nil
}

// Vouch returns the row as it is once its service said that code is right: from then on the code is judged as our own ones are.
func (c *Codes) Vouch(ctx context.Context, row *store.Code, code string) (*store.Code, error) {
	key, err := c.Key(ctx, row.PoolID)
	if err != nil {
		return nil, err
	}
	known := *row
	known.Hash = key.Sum(parts(row, code)...)
	return &known, nil
}

// Decoy returns a row that no answer matches, for a request that sent nothing and must not be told from one that did.
func (c *Codes) Decoy(ctx context.Context, s Spec, life time.Duration) (*store.Code, error) {
	_, row, err := c.New(ctx, s, life)
	if err == nil {
		rand.Read(row.Hash) // never fails
	}
	return row, err
}

// Judge returns the live code that the answer matches. rows are the store's live codes for the Spec. The error is
// CodeExpired if there is none to compare with, and CodeMismatch if none matches; neither says more.
// Judge changes nothing: the caller consumes the code in the same transaction.
func (c *Codes) Judge(ctx context.Context, rows []*store.Code, s Spec, answer string) (*store.Code, error) {
	key, err := c.Key(ctx, s.PoolID)
	if err != nil {
		return nil, err
	}
	now := c.Now()
	var match *store.Code
	live := 0
	for _, r := range rows {
		if !usable(r, s, now) || !key.Check(r.Target, target(s)...) {
			continue
		}
		live++
		if key.Check(r.Hash, parts(r, answer)...) && match == nil {
			match = r
		}
	}
	switch {
	case live == 0:
		return nil, fault.New(fault.CodeExpired)
	case match == nil:
		return nil, fault.New(fault.CodeMismatch)
	}
	return match, nil
}

func usable(r *store.Code, s Spec, now time.Time) bool {
	return now.Before(r.ExpiresAt) && r.PoolID == s.PoolID && r.SubjectID == s.SubjectID && r.Purpose == string(s.Purpose) &&
		r.Wire == s.Wire && r.Chain == s.Chain && (r.ClientID == "" || r.ClientID == s.ClientID)
}

func target(s Spec) []string { return []string{"target", string(s.Purpose), s.Target} }

func parts(r *store.Code, code string) []string {
	return []string{"code", r.ID, r.SubjectID, r.Purpose, r.ClientID, r.Wire, r.Chain, string(r.Target), code}
}

func (c *Codes) digits(n int) (string, error) {
	if c.Fixed != "" {
		s := c.Fixed
		if len(s) > n {
			return s[:n], nil
		}
		return strings.Repeat("0", n-len(s)) + s, nil
	}
	limit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
	v, err := rand.Int(rand.Reader, limit)
	if err != nil {
		return "", err
	}
	s := v.String()
	return strings.Repeat("0", n-len(s)) + s, nil
}
