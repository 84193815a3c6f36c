package kms

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha512" // SHA-384 and SHA-512 by name
	"crypto/x509"
	"errors"

	"countersign/internal/fault"
)

// privateKey is the private half of an asymmetric key.
type privateKey = crypto.Signer

// algorithm is a signing algorithm (KMS API reference, SigningAlgorithmSpec).
type algorithm struct {
	spec string
	hash crypto.Hash
	pss  bool
}

var algorithms = map[string]algorithm{
	"RSASSA_PSS_SHA_256":        {RSA2048, crypto.SHA256, true},
	"RSASSA_PSS_SHA_384":        {RSA2048, crypto.SHA384, true},
	"RSASSA_PSS_SHA_512":        {RSA2048, crypto.SHA512, true},
	"RSASSA_PKCS1_V1_5_SHA_256": {RSA2048, crypto.SHA256, false},
	"RSASSA_PKCS1_V1_5_SHA_384": {RSA2048, crypto.SHA384, false},
	"RSASSA_PKCS1_V1_5_SHA_512": {RSA2048, crypto.SHA512, false},
	"ECDSA_SHA_256":             {P256, crypto.SHA256, false},
}

// newPrivate makes the private key of an asymmetric key, in PKCS #8.
func newPrivate(spec string) ([]byte, error) {
	var key any
	var err error
	switch spec {
	case RSA2048:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case P256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	default:
		return nil, fault.New(fault.UnsupportedOperation).WithPublic("KeySpec %s is not supported: there are %s, %s and %s", short(spec), SymmetricDefault, RSA2048, P256)
	}
	if err != nil {
		return nil, fault.Internalf("kms: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fault.Internalf("kms: %w", err)
	}
	return der, nil
}

func parsePrivate(der []byte) (privateKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, errors.New("not a private key") // the cause may quote it
	}
	signer, ok := key.(privateKey)
	if !ok {
		return nil, errors.New("not a key that signs")
	}
	return signer, nil
}

// SigningAlgorithms returns the algorithms of a key spec, by name; none for symmetric keys.
func SigningAlgorithms(spec string) []string {
	switch spec {
	case RSA2048:
		return []string{
			"RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512",
			"RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512",
		}
	case P256:
		return []string{"ECDSA_SHA_256"}
	}
	return nil
}

// signer returns a key that the caller may sign or verify with.
func (s *Service) signer(ctx context.Context, c Caller, key, action string) (*record, error) {
	r, err := s.authorized(ctx, c, key, action)
	if err != nil {
		return nil, err
	}
	if r.doc.Usage != SignVerify {
		return nil, fault.New(fault.KeyUsageWrong).WithField(r.arn).WithPublic("%s key usage is %s which is not valid for %s.", r.arn, r.doc.Usage, action)
	}
	return r, r.usable()
}

// PublicKey returns the public half of an asymmetric key as a SubjectPublicKeyInfo (RFC 5280), with the key.
func (s *Service) PublicKey(ctx context.Context, c Caller, key string) ([]byte, *Key, error) {
	r, err := s.signer(ctx, c, key, "GetPublicKey")
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKIXPublicKey(r.private.Public())
	if err != nil {
		return nil, nil, fault.Internalf("kms: key %s: %w", r.row.ID, err)
	}
	return der, r.key(), nil
}

// digest hashes a message, or takes it as the hash, for an algorithm that the key must know.
func (r *record) digest(name string, message []byte, hashed bool) (algorithm, []byte, error) {
	a, ok := algorithms[name]
	switch {
	case !ok || a.spec != r.doc.Spec:
		return a, nil, fault.New(fault.KeyUsageWrong).WithField(r.arn).WithPublic("Algorithm %s is incompatible with key spec %s.", short(name), r.doc.Spec)
	case len(message) == 0 || len(message) > maxPlaintext:
		return a, nil, fault.Invalidf("Message", "Message must have 1 to %d bytes.", maxPlaintext)
	case hashed && len(message) != a.hash.Size():
		return a, nil, fault.Invalidf("Message", "Digest is invalid length for algorithm %s.", name)
	case hashed:
		return a, message, nil
	}
	h := a.hash.New()
	h.Write(message)
	return a, h.Sum(nil), nil
}

func (a *algorithm) options() crypto.SignerOpts {
	if a.pss {
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: a.hash}
	}
	return a.hash
}

// Sign signs a message of up to 4096 bytes, or its hash.
func (s *Service) Sign(ctx context.Context, c Caller, key, name string, message []byte, hashed bool) (signature []byte, keyARN string, err error) {
	r, err := s.signer(ctx, c, key, "Sign")
	if err != nil {
		return nil, "", err
	}
	a, sum, err := r.digest(name, message, hashed)
	if err != nil {
		return nil, "", err
	}
	signature, err = r.private.Sign(rand.Reader, sum, a.options())
	if err != nil {
		return nil, "", fault.Internalf("kms: key %s: %w", r.row.ID, err)
	}
	return signature, r.arn, nil
}

// Verify reports whether Sign made the signature for the message, or for its hash.
func (s *Service) Verify(ctx context.Context, c Caller, key, name string, message, signature []byte, hashed bool) (ok bool, keyARN string, err error) {
	r, err := s.signer(ctx, c, key, "Verify")
	if err != nil {
		return false, "", err
	}
	a, sum, err := r.digest(name, message, hashed)
	if err != nil {
		return false, "", err
	}
	switch k := r.private.Public().(type) {
	case *ecdsa.PublicKey:
		ok = ecdsa.VerifyASN1(k, sum, signature)
	case *rsa.PublicKey:
		if a.pss {
			ok = rsa.VerifyPSS(k, a.hash, sum, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
		} else {
			ok = rsa.VerifyPKCS1v15(k, a.hash, sum, signature) == nil
		}
	}
	return ok, r.arn, nil
}
