package password

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"hash"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
	"golang.org/x/crypto/scrypt"
)

// ErrEncoding means that a stored hash has an unknown form or asks for more work than the bounds allow. It does not
// repeat the hash.
var ErrEncoding = errors.New("password: unsupported hash")

// The most that a stored hash may ask for. Each bound lies above the defaults of the libraries in use and keeps one
// verification at about a second and 128 MiB.
const (
	maxEncoded          = 512
	maxArgonKiB         = 128 << 10
	maxArgonWork        = 512 << 10 // KiB times passes
	maxArgonLanes       = 16
	maxBcryptCost       = 14
	maxScryptLogN       = 20
	maxScryptMemory     = 128 << 20 // 128 · N · r bytes
	maxScryptWork       = 1 << 20   // N · r · p
	maxPBKDF2Iterations = 2_000_000
	minHash, maxHash    = 16, 64
	maxSalt             = 64
)

// stored is a parsed hash.
type stored struct {
	// derive returns the hash of a password under the stored parameters; nil for bcrypt, which compares itself.
	derive func(password string) ([]byte, error)
	want   []byte
	bcrypt []byte
	// cost is set for hashes of the form that new ones have, zero for all others.
	cost Cost
}

func (s stored) matches(password string) (bool, error) {
	if s.bcrypt != nil {
		// Other errors than a mismatch cannot happen after parseBcrypt.
		return bcrypt.CompareHashAndPassword(s.bcrypt, []byte(password)) == nil, nil
	}
	got, err := s.derive(password)
	if err != nil {
		return false, err
	}
	return equal(got, s.want), nil
}

// Check returns ErrEncoding unless Verify can read encoded. An import asks it for each user.
func Check(encoded string) error {
	_, err := parse(encoded)
	return err
}

// parse reads the forms that Verify knows:
//
//	$argon2id$v=19$m=…,t=…,p=…$salt$hash, also argon2i         (PHC)
//	$2a$, $2b$, $2y$                                           (bcrypt)
//	$scrypt$ln=…,r=…,p=…$salt$hash                             (PHC, passlib)
//	$pbkdf2-sha256$i=…[,l=…]$salt$hash, also sha512            (PHC)
//	$pbkdf2-sha256$29000$salt$hash, also sha512                (passlib)
//	pbkdf2_sha256$iterations$salt$hash                         (Django; its salt is text)
func parse(encoded string) (stored, error) {
	if len(encoded) > maxEncoded || strings.ContainsFunc(encoded, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return stored{}, ErrEncoding
	}
	if rest, ok := strings.CutPrefix(encoded, "pbkdf2_sha256$"); ok {
		return parseDjango(strings.Split(rest, "$"))
	}
	fields := strings.Split(encoded, "$")
	if len(fields) < 4 || fields[0] != "" {
		return stored{}, ErrEncoding
	}
	switch fields[1] {
	case "argon2id", "argon2i":
		return parseArgon(fields[1:])
	case "2a", "2b", "2y":
		return parseBcrypt(encoded, fields)
	case "scrypt":
		return parseScrypt(fields[2:])
	case "pbkdf2-sha256":
		return parsePBKDF2(sha256.New, fields[2:])
	case "pbkdf2-sha512":
		return parsePBKDF2(sha512.New, fields[2:])
	}
	return stored{}, ErrEncoding
}

func parseArgon(f []string) (stored, error) {
	if len(f) != 5 || f[1] != "v=19" {
		return stored{}, ErrEncoding
	}
	n, ok := numbers(f[2], "m", "t", "p")
	salt, want, okBytes := saltAndHash(f[3], f[4])
	if !ok || !okBytes {
		return stored{}, ErrEncoding
	}
	m, t, p := n[0], n[1], n[2]
	if m > maxArgonKiB || t > maxArgonWork || m*t > maxArgonWork || p > maxArgonLanes || m < 8*p {
		return stored{}, ErrEncoding
	}
	key := argon2.IDKey
	if f[0] == "argon2i" {
		key = argon2.Key
	}
	out := stored{want: want, derive: func(pw string) ([]byte, error) {
		return key([]byte(pw), salt, uint32(t), uint32(m), uint8(p), uint32(len(want))), nil
	}}
	if f[0] == "argon2id" && p == lanes && len(salt) == saltSize && len(want) == hashSize {
		out.cost = Cost{MemoryKiB: uint32(m), Passes: uint32(t)}
	}
	return out, nil
}

func parseBcrypt(encoded string, f []string) (stored, error) {
	cost, ok := number(strings.TrimPrefix(f[2], "0"))
	if !ok || len(f) != 4 || len(f[2]) != 2 || len(f[3]) != 53 || cost < bcrypt.MinCost || cost > maxBcryptCost ||
		strings.ContainsFunc(f[3], notBcrypt64) {
		return stored{}, ErrEncoding
	}
	return stored{bcrypt: []byte(encoded)}, nil
}

func notBcrypt64(r rune) bool {
	return r != '.' && r != '/' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

func parseScrypt(f []string) (stored, error) {
	if len(f) != 3 {
		return stored{}, ErrEncoding
	}
	n, ok := numbers(f[0], "ln", "r", "p")
	salt, want, okBytes := saltAndHash(f[1], f[2])
	if !ok || !okBytes || n[0] > maxScryptLogN || n[1] > maxScryptWork || n[2] > maxScryptWork {
		return stored{}, ErrEncoding
	}
	cost, r, p := 1<<n[0], n[1], n[2]
	if cost*r > maxScryptMemory/128 || cost*r*p > maxScryptWork {
		return stored{}, ErrEncoding
	}
	return stored{
		derive: func(pw string) ([]byte, error) { return scrypt.Key([]byte(pw), salt, cost, r, p, len(want)) },
		want:   want,
	}, nil
}

// parsePBKDF2 reads PHC's and passlib's parameters.
func parsePBKDF2(h func() hash.Hash, f []string) (stored, error) {
	if len(f) != 3 {
		return stored{}, ErrEncoding
	}
	salt, want, ok := saltAndHash(f[1], f[2])
	if !ok {
		return stored{}, ErrEncoding
	}
	params := f[0]
	if head, length, found := strings.Cut(params, ",l="); found {
		if length != strconv.Itoa(len(want)) {
			return stored{}, ErrEncoding
		}
		params = head
	}
	iterations, ok := number(strings.TrimPrefix(params, "i="))
	if !ok || iterations > maxPBKDF2Iterations {
		return stored{}, ErrEncoding
	}
	return pbkdf2Stored(h, salt, want, iterations), nil
}

func parseDjango(f []string) (stored, error) {
	if len(f) != 3 || f[1] == "" || len(f[1]) > maxSalt {
		return stored{}, ErrEncoding
	}
	iterations, ok := number(f[0])
	want, err := base64.StdEncoding.Strict().DecodeString(f[2])
	if !ok || iterations > maxPBKDF2Iterations || err != nil || len(want) != sha256.Size {
		return stored{}, ErrEncoding
	}
	return pbkdf2Stored(sha256.New, []byte(f[1]), want, iterations), nil
}

func pbkdf2Stored(h func() hash.Hash, salt, want []byte, iterations int) stored {
	return stored{
		derive: func(pw string) ([]byte, error) { return pbkdf2.Key(h, pw, salt, iterations, len(want)) },
		want:   want,
	}
}

// numbers reads "a=1,b=2" with exactly the given keys in order.
func numbers(s string, keys ...string) ([]int, bool) {
	parts := strings.Split(s, ",")
	if len(parts) != len(keys) {
		return nil, false
	}
	out := make([]int, len(keys))
	for i, key := range keys {
		value, ok := strings.CutPrefix(parts[i], key+"=")
		if !ok {
			return nil, false
		}
		if out[i], ok = number(value); !ok {
			return nil, false
		}
	}
	return out, true
}

// number reads a positive decimal of at most seven digits without leading zeros.
func number(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n > 0 && len(s) <= 7 && strconv.Itoa(n) == s
}

// saltAndHash decodes both fields: base64 without padding, "." standing for "+" as passlib writes it.
func saltAndHash(salt, want string) (s, w []byte, ok bool) {
	b64 := base64.RawStdEncoding.Strict()
	s, errS := b64.DecodeString(strings.ReplaceAll(salt, ".", "+"))
	w, errW := b64.DecodeString(strings.ReplaceAll(want, ".", "+"))
	return s, w, errS == nil && errW == nil && len(s) > 0 && len(s) <= maxSalt && len(w) >= minHash && len(w) <= maxHash
}
