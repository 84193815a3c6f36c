// Package srptest is a client of Cognito's SRP for tests and benchmarks of other packages.
//
// It shares no code with package srp, so that each checks the other; it follows the client formulas
// S = (B - k·g^x)^(a + u·x) mod N and is not meant to be fast or to withstand timing.
package srptest

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"math/big"
	"time"
)

// prime is 2^3072 - 2^3008 - 1 + 2^64 · (floor(2^2942 · π) + 1690314), RFC 3526, section 5, in hexadecimal.
const prime = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd" +
	"ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed" +
	"ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f" +
	"83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b" +
	"e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510" +
	"15728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb850458dbef0a8aea71575d060c7db3970f85a6e1e4c7" +
	"abf5ae8cdb0933d71e8c94e04a25619dcee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200c" +
	"bbe117577a615d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a93ad2caffffffffffffffff"

// Client is one sign-in attempt: a secret a and its A. It may answer several challenges.
type Client struct {
	n, a, public *big.Int
}

// Challenge holds the PASSWORD_VERIFIER challenge parameters that an answer needs.
type Challenge struct {
	// PoolName is the pool id after the underscore, or the device group key.
	PoolName string
	// UserID is USER_ID_FOR_SRP, or the device key.
	UserID string
	// Salt and B are SALT and SRP_B, hexadecimal.
	Salt, B string
	// SecretBlock is SECRET_BLOCK, standard base64.
	SecretBlock string
}

// NewClient returns a client with a random secret of 128 bytes, as Amplify has it.
func NewClient() *Client {
	a := make([]byte, 128)
	rand.Read(a)
	return NewClientWithSecret(a)
}

// NewClientWithSecret returns a client with a given secret, for vectors.
func NewClientWithSecret(a []byte) *Client {
	n, _ := new(big.Int).SetString(prime, 16)
	c := &Client{n: n, a: new(big.Int).SetBytes(a)}
	c.public = new(big.Int).Exp(big.NewInt(2), c.a, n)
	return c
}

// A returns SRP_A.
func (c *Client) A() string { return c.public.Text(16) }

// Answer returns PASSWORD_CLAIM_SIGNATURE and TIMESTAMP for a challenge.
func (c *Client) Answer(ch Challenge, password string, now time.Time) (signature, timestamp string, err error) {
	timestamp = now.UTC().Format("Mon Jan 2 15:04:05 UTC 2006")
	block, err := base64.StdEncoding.DecodeString(ch.SecretBlock)
	if err != nil {
		return "", "", err
	}
	key, err := c.key(ch, password)
	if err != nil {
		return "", "", err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(ch.PoolName + ch.UserID))
	mac.Write(block)
	mac.Write([]byte(timestamp))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil)), timestamp, nil
}

func (c *Client) key(ch Challenge, password string) ([]byte, error) {
	b, okB := new(big.Int).SetString(ch.B, 16)
	salt, okSalt := new(big.Int).SetString(ch.Salt, 16)
	if !okB || !okSalt || new(big.Int).Mod(b, c.n).Sign() == 0 {
		return nil, errors.New("srptest: malformed challenge")
	}
	u := digest(signed(c.public), signed(b))
	if u.Sign() == 0 {
		return nil, errors.New("srptest: u is zero")
	}
	id := sha256.Sum256([]byte(ch.PoolName + ch.UserID + ":" + password))
	x := digest(signed(salt), id[:])
	k := digest(signed(c.n), []byte{2})

	base := new(big.Int).Exp(big.NewInt(2), x, c.n)
	base.Mul(base, k).Sub(b, base).Mod(base, c.n)
	exponent := new(big.Int).Mul(u, x)
	exponent.Add(exponent, c.a)
	s := new(big.Int).Exp(base, exponent, c.n)
	return hkdf.Key(sha256.New, signed(s), signed(u), "Caldera Derived Key", 16)
}

// signed is Java's BigInteger.toByteArray of a non-negative number.
func signed(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return b
}

func digest(parts ...[]byte) *big.Int {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return new(big.Int).SetBytes(h.Sum(nil))
}
