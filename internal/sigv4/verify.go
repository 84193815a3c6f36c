package sigv4

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"countersign/internal/fault"
)

// DefaultMaxSkew is how far the clocks of signer and verifier may be apart.
const DefaultMaxSkew = 15 * time.Minute

// Identity is the verified signer.
type Identity struct {
	// AccessKeyID is the public part of the key pair.
	AccessKeyID string
	// Region and Service are those of the credential's scope. Any region is accepted.
	Region, Service string
}

// Verifier verifies signatures. Its fields must not change after the first call; Verify may be called by many
// goroutines at once.
type Verifier struct {
	// Lookup returns the secret of an access key, or a *fault.Error with AccessKeyUnknown. Other errors count as
	// internal. Required unless AcceptAny is set, and for the keys that are Verified.
	Lookup func(ctx context.Context, accessKeyID string) (secret string, err error)
	// AcceptAny accepts any key pair: the request must carry a well-formed signature for the service, but neither the
	// signature nor its age is checked. For development only.
	AcceptAny bool
	// Verified names keys that are verified even if AcceptAny is set, or is nil: keys that say who calls, and not only that
	// somebody does.
	Verified func(accessKeyID string) bool
	// Now defaults to time.Now.
	Now func() time.Time
	// MaxSkew defaults to DefaultMaxSkew.
	MaxSkew time.Duration

	keys keyCache
}

// Verify checks that r, with the given body, was signed for service by the owner of the key it names.
func (v *Verifier) Verify(ctx context.Context, r *http.Request, body []byte, service string) (Identity, error) {
	s, err := v.claim(r, service)
	if err != nil {
		return Identity{}, err
	}
	id := Identity{AccessKeyID: s.accessKeyID, Region: s.region, Service: s.service}
	if v.accepts(s) {
		return id, nil
	}
	hash, err := s.checkHeaders(r, body)
	if err != nil {
		return Identity{}, err
	}
	secret, err := v.Lookup(ctx, s.accessKeyID)
	if err != nil {
		return Identity{}, fault.Of(err)
	}
	key, cached := v.keys.get(s, secret)
	if !cached {
		key = deriveKey(secret, s)
	}
	if want := s.sign(r, hash, key); !hmac.Equal(want[:], s.mac[:]) {
		return Identity{}, wrong("The request signature we calculated does not match the signature you provided. " +
			"Check your AWS Secret Access Key and signing method.")
	}
	if !cached {
		v.keys.put(s, secret, key)
	}
	return id, nil
}

// Claim returns who r says that it comes from, if its signature is well-formed, for service, and not too old. Nothing is proven:
// it serves to turn requests away before a large body is read, and Verify must follow.
func (v *Verifier) Claim(r *http.Request, service string) (Identity, error) {
	s, err := v.claim(r, service)
	if err != nil {
		return Identity{}, err
	}
	return Identity{AccessKeyID: s.accessKeyID, Region: s.region, Service: s.service}, nil
}

func (v *Verifier) claim(r *http.Request, service string) (*signature, error) {
	s, err := parse(r)
	if err != nil {
		return nil, err
	}
	if s.service != service {
		return nil, wrong("Credential should be scoped to correct service: '" + service + "'.")
	}
	if v.accepts(s) {
		return s, nil
	}
	return s, v.checkTime(s)
}

// accepts reports whether the key is taken without proof.
func (v *Verifier) accepts(s *signature) bool {
	return v.AcceptAny && (v.Verified == nil || !v.Verified(s.accessKeyID))
}

// checkTime accepts a header signature within MaxSkew of now, a presigned one until it expires.
func (v *Verifier) checkTime(s *signature) error {
	now, skew := time.Now(), v.MaxSkew
	if v.Now != nil {
		now = v.Now()
	}
	if skew <= 0 {
		skew = DefaultMaxSkew
	}
	earliest := now.Add(-skew)
	if s.presigned {
		earliest = now.Add(-s.expires)
	}
	switch at := now.UTC().Format(timeFormat); {
	case s.time.Before(earliest):
		return wrong("Signature expired: " + s.timeText + " is now earlier than " + earliest.UTC().Format(timeFormat) + " (" + at + ").")
	case s.time.After(now.Add(skew)):
		return wrong("Signature not yet current: " + s.timeText + " is still later than " + now.Add(skew).UTC().Format(timeFormat) + " (" + at + ").")
	}
	return nil
}

// mayBeUnsigned lists X-Amz- headers that say nothing about what is asked for.
func mayBeUnsigned(name string) bool {
	return name == "x-amz-security-token" || name == "x-amz-user-agent"
}

// checkHeaders checks that the headers which matter are signed and that a declared body hash is the true one. It
// returns the hash of body in hexadecimal.
func (s *signature) checkHeaders(r *http.Request, body []byte) (string, error) {
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:])
	for name, values := range r.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && !mayBeUnsigned(lower) && !s.signs(lower) {
			return "", wrong("There were headers present in the request which were not signed: " + lower)
		}
		if lower == "x-amz-content-sha256" && (len(values) != 1 || subtle.ConstantTimeCompare([]byte(values[0]), []byte(hash)) != 1) {
			return "", wrong("The provided 'x-amz-content-sha256' header does not match what was computed.")
		}
	}
	for _, h := range s.signedHeaders {
		if h != "host" && h != "content-length" && len(r.Header.Values(h)) == 0 {
			return "", wrong("A signed header is missing from the request: " + h)
		}
	}
	return hash, nil
}

// sign computes what the signature of r must be.
func (s *signature) sign(r *http.Request, hash string, key [32]byte) [32]byte {
	var b strings.Builder
	b.Grow(1024)
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	b.WriteString(r.Method + "\n" + escape(path, true) + "\n" + s.query + "\n")
	for _, h := range s.signedHeaders {
		b.WriteString(h)
		b.WriteByte(':')
		writeHeader(&b, r, h)
		b.WriteByte('\n')
	}
	b.WriteString("\n" + strings.Join(s.signedHeaders, ";") + "\n" + hash)
	sum := sha256.Sum256([]byte(b.String()))
	text := algorithm + "\n" + s.timeText + "\n" + s.date + "/" + s.region + "/" + s.service + "/" + terminator + "\n" + hex.EncodeToString(sum[:])
	return mac(key[:], text)
}

// writeHeader writes the canonical value: trimmed, inner runs of spaces folded, several values joined by commas.
func writeHeader(b *strings.Builder, r *http.Request, name string) {
	values := r.Header.Values(name)
	switch {
	case name == "host":
		values = []string{r.Host}
	case name == "content-length" && len(values) == 0:
		values = []string{strconv.FormatInt(max(r.ContentLength, 0), 10)}
	}
	for i, v := range values {
		if i > 0 {
			b.WriteByte(',')
		}
		v = strings.Trim(v, " \t")
		for {
			head, tail, found := strings.Cut(v, "  ")
			b.WriteString(head)
			if !found {
				break
			}
			b.WriteByte(' ')
			v = strings.TrimLeft(tail, " ")
		}
	}
}

func mac(key []byte, text string) (out [32]byte) {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	h.Sum(out[:0])
	return out
}

// deriveKey is the chain of the documentation: date, region, service, "aws4_request".
func deriveKey(secret string, s *signature) [32]byte {
	k := mac([]byte("AWS4"+secret), s.date)
	k = mac(k[:], s.region)
	k = mac(k[:], s.service)
	return mac(k[:], terminator)
}
