package token

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"countersign/internal/fault"
)

// maxEarly is how far in the future nbf may lie, for clocks of several nodes.
const maxEarly = time.Minute

// Expect is what the caller demands of a token beyond signature, key, use and life.
type Expect struct {
	// AllowExpired accepts expired tokens, as id_token_hint needs. Their key must still be live.
	AllowExpired bool
	// ClientID, if not empty, must be the client_id claim, or among aud where there is none.
	ClientID string
	// Issuers are the accepted iss values. Empty: the issuer is not looked at; the key binds the token to its pool anyway.
	Issuers []string
	// NoTokenUse leaves the token_use claim unchecked, for dialects without it. The key still tells the use.
	NoTokenUse bool
}

// Claims are those of a verified token that the server itself reads; absent ones are zero. They are shared between
// callers: do not change what slices hold.
type Claims struct {
	Issuer, Subject, TokenUse string
	// ClientID is client_id, or the single aud of an ID token.
	ClientID string
	Audience []string
	// Username is username, or cognito:username of an ID token.
	Username                      string
	Scope                         string
	ID, OriginJTI, EventID        string
	DeviceKey                     string
	Nonce                         string
	Groups                        []string
	AuthTime, IssuedAt, ExpiresAt time.Time
	// KeyID names the key that signed it.
	KeyID string

	notBefore time.Time
	payload   []byte
}

// HasScope reports whether scope is among the space-separated scopes.
func (c *Claims) HasScope(scope string) bool {
	for s := range strings.SplitSeq(c.Scope, " ") {
		if s == scope && s != "" {
			return true
		}
	}
	return false
}

// Decode parses the whole payload into v.
func (c *Claims) Decode(v any) error { return json.Unmarshal(c.payload, v) }

var (
	errFormat  = errors.New("token: not a JWT in compact form")
	errKey     = errors.New("token: not signed by a live key of this pool and use")
	errSig     = errors.New("token: wrong signature")
	errClaims  = errors.New("token: claims cannot be read")
	errIssuer  = errors.New("token: wrong issuer")
	errUse     = errors.New("token: wrong token_use")
	errClient  = errors.New("token: of another client")
	errNotYet  = errors.New("token: not valid yet")
	errExpired = errors.New("token: expired")
)

// Verify checks a token of the given pool and use and returns its claims. What is wrong with the token itself is
// fault.AccessTokenInvalid or, for a good token whose time is over, fault.AccessTokenExpired; any other error is a
// fault of ours, and not the client's to sign out over. Whether it was revoked is the caller's to ask.
func (k *Keys) Verify(ctx context.Context, poolID string, use Use, token string, want Expect) (Claims, error) {
	dot := strings.IndexByte(token[:min(len(token), MaxSize)], '.')
	if dot <= 0 || len(token) > MaxSize {
		return Claims{}, invalid(errFormat)
	}
	key, err := k.keyOf(ctx, poolID, token[:dot])
	if err != nil {
		return Claims{}, err
	}
	now := k.c.Now()
	if key == nil || key.use != use || !key.live(now) {
		return Claims{}, invalid(errKey)
	}
	var room [2048]byte // usual tokens are hashed without an allocation
	sum := sha256.Sum256(append(room[:0], token...))
	claims := k.verified.get(sum)
	if claims == nil {
		if claims, err = check(key, token, dot); err != nil {
			return Claims{}, invalid(err)
		}
		if now.Before(claims.ExpiresAt) {
			k.verified.put(sum, claims)
		}
	}
	if err := claims.meet(use, want, now); err != nil {
		if err == errExpired {
			return Claims{}, fault.New(fault.AccessTokenExpired).WithErr(err)
		}
		return Claims{}, invalid(err)
	}
	return *claims, nil
}

func invalid(err error) error { return fault.New(fault.AccessTokenInvalid).WithErr(err) }

// keyOf returns the key that writes the given header, nil if there is none. An unknown header may be that of a key made
// by another node, so the database is asked, at most once a second.
func (k *Keys) keyOf(ctx context.Context, poolID, header string) (*key, error) {
	set, err := k.keys(ctx, poolID)
	if err != nil {
		return nil, err
	}
	key := set.byHeader[header]
	if key != nil || k.c.Now().Sub(set.loaded) < missPause {
		return key, nil
	}
	if set, err = k.load(ctx, poolID, set); err != nil {
		return nil, err
	}
	return set.byHeader[header], nil
}

// check verifies the signature and reads the claims. The header is already known to be key's own.
func check(key *key, token string, dot int) (*Claims, error) {
	body, sigText, ok := strings.Cut(token[dot+1:], ".")
	// The decoder passes over line breaks; a token has none.
	if !ok || strings.ContainsAny(token, "\r\n") {
		return nil, errFormat
	}
	sig, err := base64.RawURLEncoding.Strict().DecodeString(sigText)
	if err != nil {
		return nil, errFormat
	}
	if !key.verify([]byte(token[:dot+1+len(body)]), sig) {
		return nil, errSig
	}
	payload, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return nil, errFormat
	}
	c, err := parseClaims(payload)
	if err != nil {
		return nil, errClaims
	}
	c.KeyID = key.id
	return c, nil
}

func (c *Claims) meet(use Use, want Expect, now time.Time) error {
	switch {
	case len(want.Issuers) > 0 && !slices.Contains(want.Issuers, c.Issuer):
		return errIssuer
	case !want.NoTokenUse && c.TokenUse != string(use):
		return errUse
	case want.ClientID != "" && c.ClientID != want.ClientID && !slices.Contains(c.Audience, want.ClientID):
		return errClient
	case c.notBefore.After(now.Add(maxEarly)):
		return errNotYet
	case !want.AllowExpired && !now.Before(c.ExpiresAt):
		return errExpired
	}
	return nil
}

// parseClaims reads names exactly as written: encoding/json would match a struct's fields without regard to case, and
// a claim "Exp" added by a trigger would count.
func parseClaims(payload []byte) (*Claims, error) {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(payload, &m); err != nil {
		return nil, err
	}
	if m["exp"] == nil {
		return nil, errClaims
	}
	c := &Claims{payload: payload}
	r := reader{m: m}
	r.text("iss", &c.Issuer)
	r.text("sub", &c.Subject)
	r.text("token_use", &c.TokenUse)
	r.text("client_id", &c.ClientID)
	r.text("username", &c.Username)
	if c.Username == "" {
		r.text("cognito:username", &c.Username)
	}
	r.text("scope", &c.Scope)
	r.text("jti", &c.ID)
	r.text("origin_jti", &c.OriginJTI)
	r.text("event_id", &c.EventID)
	r.text("device_key", &c.DeviceKey)
	r.text("nonce", &c.Nonce)
	r.read("cognito:groups", &c.Groups)
	r.time("auth_time", &c.AuthTime)
	r.time("iat", &c.IssuedAt)
	r.time("nbf", &c.notBefore)
	r.time("exp", &c.ExpiresAt)
	if aud := m["aud"]; len(aud) > 0 && aud[0] == '"' {
		c.Audience = make([]string, 1)
		r.text("aud", &c.Audience[0])
		if c.ClientID == "" {
			c.ClientID = c.Audience[0]
		}
	} else {
		r.read("aud", &c.Audience)
	}
	return c, r.err
}

type reader struct {
	m   map[string]json.RawMessage
	err error
}

func (r *reader) read(name string, v any) {
	if raw, ok := r.m[name]; ok && r.err == nil {
		r.err = json.Unmarshal(raw, v)
	}
}

func (r *reader) text(name string, v *string) { r.read(name, v) }

// maxSeconds keeps times within what time.Time can print (the year 9999).
const maxSeconds = 253402300799

func (r *reader) time(name string, v *time.Time) {
	if _, ok := r.m[name]; !ok {
		return
	}
	var seconds int64
	r.read(name, &seconds)
	if r.err == nil && (seconds < 0 || seconds > maxSeconds) {
		r.err = errClaims
	}
	*v = time.Unix(seconds, 0).UTC()
}
