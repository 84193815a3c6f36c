package token

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// MaxSize bounds a token, in bytes. Longer ones are neither made nor read.
const MaxSize = 16 << 10

// Sign returns a JWT in compact form (RFC 7515, section 7.1) that carries claims: JSON as []byte or json.RawMessage, or
// anything that encoding/json turns into an object. The caller sets every claim, exp included. A pool without keys gets
// them now; see Prepare.
func (k *Keys) Sign(ctx context.Context, poolID string, use Use, claims any) (string, error) {
	payload, err := marshal(claims)
	if err != nil {
		return "", err
	}
	key, err := k.signer(ctx, poolID, use)
	if err != nil {
		return "", err
	}
	const sigRoom = 1 + (2048/8*4+2)/3
	buf := make([]byte, 0, len(key.header)+1+base64.RawURLEncoding.EncodedLen(len(payload))+sigRoom)
	buf = append(buf, key.header...)
	buf = append(buf, '.')
	buf = base64.RawURLEncoding.AppendEncode(buf, payload)
	var room [rsaBits / 8]byte
	sig, err := key.sign(room[:0], buf)
	if err != nil {
		return "", fmt.Errorf("token: signing: %w", err)
	}
	buf = append(buf, '.')
	buf = base64.RawURLEncoding.AppendEncode(buf, sig)
	if len(buf) > MaxSize {
		return "", fmt.Errorf("token: %d bytes are more than %d; too many or too long claims", len(buf), MaxSize)
	}
	return string(buf), nil
}

func marshal(claims any) ([]byte, error) {
	switch c := claims.(type) {
	case []byte:
		return c, nil
	case json.RawMessage:
		return c, nil
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return nil, fmt.Errorf("token: claims: %w", err)
	}
	if len(payload) == 0 || payload[0] != '{' {
		return nil, fmt.Errorf("token: claims of type %T are not a JSON object", claims)
	}
	return payload, nil
}

func (k *Keys) signer(ctx context.Context, poolID string, use Use) (*key, error) {
	set, err := k.keys(ctx, poolID)
	if err != nil {
		return nil, err
	}
	if key := set.signer(use, k.c.Now()); key != nil {
		return key, nil
	}
	if set, err = k.ready(ctx, poolID); err != nil {
		return nil, err
	}
	if key := set.signer(use, k.c.Now()); key != nil {
		return key, nil
	}
	return nil, fmt.Errorf("token: unknown use %q", use)
}

// AtHash returns the at_hash claim for an access token (OpenID Connect Core 1.0, section 3.1.3.6), with SHA-256 as both
// algorithms need.
func AtHash(accessToken string) string {
	sum := sha256.Sum256([]byte(accessToken))
	return base64.RawURLEncoding.EncodeToString(sum[:sha256.Size/2])
}
