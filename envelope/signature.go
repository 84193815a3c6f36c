package envelope

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"encoding/asn1"
	"encoding/base64"
	"io"
	"math/big"
)

const (
	scalarLength = 48
	// signatureLength is what writers make of a P-384 signature in DER, so that messages of equal content have equal length.
	signatureLength = 103
)

// signer signs one message.
type signer struct {
	key *ecdsa.PrivateKey
	// rand is nil in tests that want RFC 6979 signatures.
	rand io.Reader
}

func newSigner() (*signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return &signer{key, rand.Reader}, nil
}

// public returns the public key as the encryption context holds it: the base64 of the compressed point (SEC 1, section 2.3.3).
func (s *signer) public() (string, error) {
	point, err := s.key.PublicKey.Bytes()
	if err != nil {
		return "", err
	}
	x, y := point[1:1+scalarLength], point[1+scalarLength:]
	compressed := append([]byte{2 | y[scalarLength-1]&1}, x...)
	return base64.StdEncoding.EncodeToString(compressed), nil
}

// der is a signature in ASN.1.
type der struct{ R, S *big.Int }

// sign returns a signature of exactly signatureLength bytes. If (r, s) is a signature, so is (r, n-s), and of s and n-s one has
// its topmost bit set and takes a byte more; so one of the two fits unless r or s begins with eight zero bits: then sign again.
func (s *signer) sign(message []byte) ([]byte, error) {
	digest := sha512.Sum384(message)
	for {
		sig, err := s.key.Sign(s.rand, digest[:], crypto.SHA384)
		if err != nil || len(sig) == signatureLength {
			return sig, err
		}
		var v der
		if _, err := asn1.Unmarshal(sig, &v); err != nil {
			return nil, err
		}
		v.S.Sub(s.key.Params().N, v.S)
		if sig, err = asn1.Marshal(v); err != nil || len(sig) == signatureLength {
			return sig, err
		}
		if s.rand == nil {
			return nil, errShortSignature
		}
	}
}

// verify reports whether sig, of any length, signs the message under the key of its encryption context.
func verify(public string, message, sig []byte) bool {
	compressed, err := base64.StdEncoding.Strict().DecodeString(public)
	if err != nil {
		return false
	}
	x, y := elliptic.UnmarshalCompressed(elliptic.P384(), compressed)
	if x == nil {
		return false
	}
	point := make([]byte, 1+2*scalarLength)
	point[0] = 4
	x.FillBytes(point[1 : 1+scalarLength])
	y.FillBytes(point[1+scalarLength:])
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P384(), point)
	if err != nil {
		return false
	}
	digest := sha512.Sum384(message)
	return ecdsa.VerifyASN1(key, digest[:], sig)
}
