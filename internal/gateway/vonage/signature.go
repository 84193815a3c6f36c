package vonage

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign/internal/secret"
	"countersign/provider"
)

const (
	// maxAge is how far the time of a signature may be from ours.
	maxAge = 5 * time.Minute
	// maxToken bounds a token, in bytes.
	maxToken = 4 << 10
	issuer   = "Vonage"
)

// signatures checks the tokens of the Messages, Voice and Verify APIs.
type signatures struct {
	secret           secret.String
	application, key string
}

// claims are those of a token that are read.
type claims struct {
	Issuer      string `json:"iss"`
	IssuedAt    int64  `json:"iat"`
	ID          string `json:"jti"`
	Key         string `json:"api_key"`
	Application string `json:"application_id"`
	PayloadHash string `json:"payload_hash"`
}

// configured reports whether there is a secret to check with.
func (s signatures) configured() bool { return s.secret.Reveal() != "" }

// errUnsigned is for a callback without a token: Vonage seldom sends one, and repeats it with a token if it is told to come again.
var errUnsigned = errors.New("vonage: the callback is not signed")

// check verifies a callback and returns the id of its token. Without a secret it returns "" and no error.
func (s signatures) check(c provider.Callback) (id string, err error) {
	if !s.configured() {
		return "", nil
	}
	authorization := header(c, "Authorization")
	if authorization == "" {
		return "", provider.RetryAfter(time.Second, errUnsigned)
	}
	token, ok := strings.CutPrefix(authorization, "Bearer ")
	if !ok || len(token) > maxToken {
		return "", provider.ErrSignature
	}
	payload, ok := openToken(token, []byte(s.secret.Reveal()))
	var in claims
	if !ok || json.Unmarshal(payload, &in) != nil {
		return "", provider.ErrSignature
	}
	if !s.valid(in, c) {
		return "", provider.ErrSignature
	}
	return in.ID, nil
}

// openToken verifies a token in compact form (RFC 7515, section 5.2) by HS256 alone, and returns its payload. It is written out here because
// libraries refuse keys shorter than the sum, and Vonage's own have 16 characters.
func openToken(token string, key []byte) ([]byte, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, false
	}
	b64 := base64.RawURLEncoding.Strict()
	raw, err := b64.DecodeString(parts[0])
	var head struct {
		Algorithm string          `json:"alg"`
		Critical  json.RawMessage `json:"crit"`
	}
	if err != nil || json.Unmarshal(raw, &head) != nil || head.Algorithm != "HS256" || len(head.Critical) > 0 {
		return nil, false
	}
	given, err := b64.DecodeString(parts[2])
	h := hmac.New(sha256.New, key)
	h.Write([]byte(parts[0] + "." + parts[1]))
	if err != nil || !hmac.Equal(given, h.Sum(nil)) {
		return nil, false
	}
	payload, err := b64.DecodeString(parts[1])
	return payload, err == nil
}

// valid checks what a token claims.
func (s signatures) valid(in claims, c provider.Callback) bool {
	sum := sha256.Sum256(c.Body)
	said, err := hex.DecodeString(in.PayloadHash)
	if err != nil || subtle.ConstantTimeCompare(said, sum[:]) != 1 {
		return false
	}
	return in.ID != "" && in.Issuer == issuer && fresh(in.IssuedAt, c.Now) && same(in.Application, s.application) && same(in.Key, s.key)
}

// same reports whether what a token names is ours, as far as both are known.
func same(said, ours string) bool { return said == "" || ours == "" || strings.EqualFold(said, ours) }

func fresh(unix int64, now time.Time) bool {
	return time.Unix(unix, 0).Sub(now).Abs() <= maxAge
}

// header returns a header's first value.
func header(c provider.Callback, name string) string {
	if v := c.Header[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// hashOf is the hash of a method of the SMS API's signatures, nil for an unknown one.
func hashOf(method string) func() hash.Hash {
	switch method {
	case "", "sha256":
		return sha256.New
	case "sha512":
		return sha512.New
	case "sha1":
		return sha1.New
	case "md5": // as an HMAC; the plain hash of the same name is not taken
		return md5.New
	}
	return nil
}

// sign is the HMAC of parameters without sig (Concepts, signing messages).
func sign(params map[string]string, method string, key secret.String) []byte {
	h := hmac.New(hashOf(method), []byte(key.Reveal()))
	clean := strings.NewReplacer("&", "_", "=", "_")
	for _, k := range slices.Sorted(maps.Keys(params)) {
		if k != "sig" {
			h.Write([]byte("&" + k + "=" + clean.Replace(params[k])))
		}
	}
	return h.Sum(nil)
}

// checkSig verifies the parameters of a callback of the SMS API.
func checkSig(params map[string]string, method string, key secret.String, now time.Time) error {
	said, err := hex.DecodeString(params["sig"])
	if err != nil || !hmac.Equal(said, sign(params, method, key)) {
		return provider.ErrSignature
	}
	at, err := strconv.ParseInt(params["timestamp"], 10, 64)
	if err != nil || !fresh(at, now) || params["nonce"] == "" {
		return provider.ErrSignature
	}
	return nil
}
