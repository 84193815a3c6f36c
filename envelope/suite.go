package envelope

import (
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"
)

// Suite is an algorithm suite as messages spell it (Algorithms reference). All encrypt with AES-256-GCM under a derived key.
type Suite uint16

// The suites.
const (
	// AES: message format 1, HKDF-SHA256.
	AES Suite = 0x0178
	// AESSigned: message format 1, HKDF-SHA384, ECDSA P-384. Cognito writes it.
	AESSigned Suite = 0x0378
	// Committed: message format 2, HKDF-SHA512, key commitment.
	Committed Suite = 0x0478
	// CommittedSigned: message format 2, HKDF-SHA512, key commitment, ECDSA P-384. The default of today's Encryption SDKs.
	CommittedSigned Suite = 0x0578

	// DefaultSuite is what Cognito uses: what reads these messages reads Cognito's.
	DefaultSuite = AESSigned
)

// Valid reports whether this package knows the suite.
func (s Suite) Valid() bool {
	switch s {
	case AES, AESSigned, Committed, CommittedSigned:
		return true
	}
	return false
}

// Signed reports whether messages end in a signature.
func (s Suite) Signed() bool { return s == AESSigned || s == CommittedSigned }

// Commits reports whether a message can be opened with one data key only. Readers with the policy REQUIRE_ENCRYPT_REQUIRE_DECRYPT
// accept no others.
func (s Suite) Commits() bool { return s == Committed || s == CommittedSigned }

// String returns the suite as the documentation spells it, for example "0x0378".
func (s Suite) String() string { return fmt.Sprintf("0x%04x", uint16(s)) }

// idLength is the length of the message id.
func (s Suite) idLength() int {
	if s.Commits() {
		return 32
	}
	return 16
}

// derive returns the key of a message and, for suites that commit, its commitment.
func (s Suite) derive(dataKey, id []byte) (key, commitment []byte, err error) {
	info := binary.BigEndian.AppendUint16(make([]byte, 0, 40), uint16(s))
	switch s {
	case AES:
		key, err = hkdf.Key(sha256.New, dataKey, nil, string(append(info, id...)), keyLength)
		return key, nil, err
	case AESSigned:
		key, err = hkdf.Key(sha512.New384, dataKey, nil, string(append(info, id...)), keyLength)
		return key, nil, err
	}
	prk, err := hkdf.Extract(sha512.New, dataKey, id)
	if err != nil {
		return nil, nil, err
	}
	defer clear(prk)
	if key, err = hkdf.Expand(sha512.New, prk, string(append(info, "DERIVEKEY"...)), keyLength); err != nil {
		return nil, nil, err
	}
	commitment, err = hkdf.Expand(sha512.New, prk, "COMMITKEY", commitmentLength)
	return key, commitment, err
}
