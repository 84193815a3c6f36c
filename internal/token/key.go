package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"
)

// Use says which tokens a key signs.
type Use string

// The uses, as stored and as in the token_use claim.
const (
	ID     Use = "id"
	Access Use = "access"
)

var uses = [...]Use{ID, Access}

// Alg is a signature algorithm (RFC 7518, section 3.1).
type Alg string

// The algorithms.
const (
	// RS256 is RSA-2048 with PKCS #1 v1.5 and SHA-256: what Cognito uses.
	RS256 Alg = "RS256"
	// ES256 is ECDSA with P-256 and SHA-256: about 25 times cheaper to sign.
	ES256 Alg = "ES256"
)

const (
	rsaBits  = 2048
	ecdsaLen = 32 // bytes of r, s, x and y on P-256
)

// key is a signing key in memory. Immutable.
type key struct {
	id       string
	use      Use
	alg      Alg
	header   string // the first segment of every token that it signs
	created  time.Time
	activeAt time.Time
	until    time.Time // zero: open
	rsa      *rsa.PrivateKey
	ec       *ecdsa.PrivateKey
}

func (k *key) live(now time.Time) bool { return k.until.IsZero() || now.Before(k.until) }

// generate returns a fresh private key as PKCS #8 and its public key as PKIX, both DER. RSA takes 100 ms and more.
func generate(alg Alg) (private, public []byte, err error) {
	var priv crypto.Signer
	switch alg {
	case RS256:
		priv, err = rsa.GenerateKey(rand.Reader, rsaBits)
	case ES256:
		priv, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		err = fmt.Errorf("token: unknown algorithm %q", alg)
	}
	if err != nil {
		return nil, nil, err
	}
	if private, err = x509.MarshalPKCS8PrivateKey(priv); err != nil {
		return nil, nil, err
	}
	public, err = x509.MarshalPKIXPublicKey(priv.Public())
	return private, public, err
}

// parseKey builds the key of row from its opened private part. The public part of the row must match.
func parseKey(row *Row, private []byte) (*key, error) {
	k := &key{id: row.KeyID, use: Use(row.Use), alg: Alg(row.Alg), header: header(row.KeyID, Alg(row.Alg)),
		created: row.CreatedAt, activeAt: row.ActiveAt}
	parsed, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		return nil, errors.New("private key is not PKCS #8") // the cause might quote the key
	}
	var pub interface{ Equal(crypto.PublicKey) bool }
	switch p := parsed.(type) {
	case *rsa.PrivateKey:
		if k.alg != RS256 || p.N.BitLen() != rsaBits {
			return nil, fmt.Errorf("an RSA key of %d bits does not fit algorithm %q", p.N.BitLen(), k.alg)
		}
		k.rsa, pub = p, &p.PublicKey
	case *ecdsa.PrivateKey:
		if k.alg != ES256 || p.Curve != elliptic.P256() {
			return nil, fmt.Errorf("an EC key does not fit algorithm %q", k.alg)
		}
		k.ec, pub = p, &p.PublicKey
	default:
		return nil, fmt.Errorf("key type %T does not fit algorithm %q", parsed, k.alg)
	}
	stored, err := x509.ParsePKIXPublicKey(row.Public)
	if err != nil || !pub.Equal(stored) {
		return nil, errors.New("the stored public key is not that of the private key")
	}
	return k, nil
}

// header returns the first segment of a token: {"kid":"…","alg":"…"} in Cognito's order, base64url.
func header(kid string, alg Alg) string {
	b, err := json.Marshal(struct {
		Kid string `json:"kid"`
		Alg Alg    `json:"alg"`
	}{kid, alg})
	if err != nil {
		panic(err) // two strings
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// sign appends the signature of input (RFC 7515, section 5.1).
func (k *key) sign(dst, input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	if k.rsa != nil {
		sig, err := rsa.SignPKCS1v15(nil, k.rsa, crypto.SHA256, digest[:])
		return append(dst, sig...), err
	}
	r, s, err := ecdsa.Sign(rand.Reader, k.ec, digest[:])
	if err != nil {
		return nil, err
	}
	var sig [2 * ecdsaLen]byte // RFC 7518, section 3.4
	r.FillBytes(sig[:ecdsaLen])
	s.FillBytes(sig[ecdsaLen:])
	return append(dst, sig[:]...), nil
}

// verify reports whether sig is the key's signature of input.
func (k *key) verify(input, sig []byte) bool {
	digest := sha256.Sum256(input)
	if k.rsa != nil {
		return rsa.VerifyPKCS1v15(&k.rsa.PublicKey, crypto.SHA256, digest[:], sig) == nil
	}
	if len(sig) != 2*ecdsaLen {
		return false
	}
	r, s := new(big.Int).SetBytes(sig[:ecdsaLen]), new(big.Int).SetBytes(sig[ecdsaLen:])
	return ecdsa.Verify(&k.ec.PublicKey, digest[:], r, s)
}
