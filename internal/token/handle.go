package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"time"

	"countersign/internal/fault"
	"countersign/internal/secret"
	"countersign/internal/store"
)

// Audience says what an opaque token is for. It is part of the token (a prefix of five characters) and of its hash:
// a token of one audience does not parse as another, and a row found by it would not match.
type Audience string

// The audiences.
const (
	// Refresh is a refresh token; its id is that of the family.
	Refresh Audience = "refresh"
	// Session is the Session of a challenge on the Cognito wire.
	Session Audience = "session"
	// MFAToken and OOBCode are the handles of the Auth0 MFA API.
	MFAToken Audience = "mfa_token"
	OOBCode  Audience = "oob_code"
	// AuthCode is an OAuth authorization code.
	AuthCode Audience = "auth_code"
	// Page is the cookie of a hosted sign-in page between its steps; SSO the one of a signed-in browser.
	Page Audience = "page"
	SSO  Audience = "sso"
	// Console is the cookie of an operator; Link a one-time link for people.
	Console Audience = "console"
	Link    Audience = "link"
)

// All prefixes have the same length.
const prefixSize = 5

func (a Audience) prefix() string {
	switch a {
	case Refresh:
		return "csrt_"
	case Session:
		return "csse_"
	case MFAToken:
		return "csmf_"
	case OOBCode:
		return "csob_"
	case AuthCode:
		return "csac_"
	case Page:
		return "cspg_"
	case SSO:
		return "csso_"
	case Console:
		return "csco_"
	case Link:
		return "csli_"
	}
	panic("token: unknown audience " + string(a))
}

const (
	idSize     = 16
	secretSize = 32
	// HandleSize is the length in characters of every opaque token: within the 20 to 2048 of a Session in the Cognito
	// API reference, and of its pattern [A-Za-z0-9-_=.]+ for refresh tokens.
	HandleSize = prefixSize + (idSize+secretSize)*4/3
)

// NewHandle returns a fresh opaque token with a new id (a UUIDv7 of now) and the hash that is stored in its place:
// SHA-256, 32 bytes, over audience and token. The token holds 256 random bits, so the hash needs no key and no salt.
func NewHandle(a Audience, now time.Time) (token, id string, hash []byte) {
	id = store.NewID(now)
	token, hash = Renew(a, id)
	return token, id, hash
}

// Renew returns a fresh opaque token for an existing id, as refresh token rotation needs. It panics if id is not a
// UUID in canonical form.
func Renew(a Audience, id string) (token string, hash []byte) {
	var fresh [secretSize]byte
	rand.Read(fresh[:])
	return RenewWith(a, id, fresh)
}

// RenewWith is Renew with a secret of the caller, which must be as good as random: a token derived from its predecessor under a key is the
// same at each retry.
func RenewWith(a Audience, id string, with [32]byte) (token string, hash []byte) {
	var raw [idSize + secretSize]byte
	if !parseID(raw[:idSize], id) {
		panic("token: id is not a UUID in canonical form")
	}
	copy(raw[idSize:], with[:])
	buf := make([]byte, 0, HandleSize)
	buf = append(buf, a.prefix()...)
	token = string(base64.RawURLEncoding.AppendEncode(buf, raw[:]))
	return token, handleHash(a, token)
}

// ParseHandle returns the id under which the token's row is kept, and the hash to compare with the row's (hmac.Equal).
// The only error is fault.SessionInvalid, or fault.RefreshTokenInvalid for Refresh.
func ParseHandle(a Audience, token string) (id string, hash []byte, err error) {
	prefix := a.prefix()
	if len(token) != HandleSize || token[:prefixSize] != prefix {
		return "", nil, handleError(a)
	}
	var raw [idSize + secretSize]byte
	n, err := base64.RawURLEncoding.Strict().Decode(raw[:], []byte(token[prefixSize:]))
	// The decoder passes over line breaks, which would make a token shorter: hence the count.
	if err != nil || n != len(raw) {
		return "", nil, handleError(a)
	}
	return formatID(raw[:idSize]), handleHash(a, token), nil
}

// NewRefresh returns a fresh refresh token, the id of the family that it begins, and the hash to store.
func NewRefresh(now time.Time) (token, id string, hash []byte) { return NewHandle(Refresh, now) }

// ParseRefresh is ParseHandle for refresh tokens; the only error is fault.RefreshTokenInvalid.
func ParseRefresh(token string) (id string, hash []byte, err error) {
	return ParseHandle(Refresh, token)
}

func handleHash(a Audience, token string) []byte {
	var scratch [128]byte
	sum := sha256.Sum256(secret.AppendBind(scratch[:0], "countersign handle", string(a), token))
	return sum[:]
}

var errHandle = errors.New("token: malformed or of another audience")

func handleError(a Audience) error {
	if a == Refresh {
		return fault.New(fault.RefreshTokenInvalid).WithErr(errHandle)
	}
	return fault.New(fault.SessionInvalid).WithErr(errHandle)
}

func parseID(dst []byte, id string) bool {
	if len(id) != 36 || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return false
	}
	plain := id[:8] + id[9:13] + id[14:18] + id[19:23] + id[24:]
	n, err := hex.Decode(dst, []byte(plain))
	return err == nil && n == idSize && formatID(dst) == id
}

func formatID(raw []byte) string {
	h := hex.EncodeToString(raw)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
