package access

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"time"

	"countersign/internal/fault"
	"countersign/internal/secret"
	"countersign/internal/store"
)

const (
	maxName    = 128
	maxGrants  = 32
	maxEntries = 256
	maxEntry   = 2048
)

// NewCredential is what Create needs.
type NewCredential struct {
	// Kind is AWS or Management.
	Kind Kind
	Name string
	// Grants must not be empty.
	Grants []Grant
	// ID and Secret are chosen by the caller (dev mode, import), or empty for fresh ones.
	ID     string
	Secret secret.String
}

// Created is a new credential. Its secret is shown this once.
type Created struct {
	ID     string
	Secret secret.String
	Kind   Kind
	Name   string
	Grants []Grant
}

// Create stores a credential. The errors are fault.InvalidParameter.
func (k *Keys) Create(ctx context.Context, n NewCredential) (Created, error) {
	if err := n.check(); err != nil {
		return Created{}, err
	}
	out := Created{ID: n.ID, Secret: n.Secret, Kind: n.Kind, Name: n.Name, Grants: n.Grants}
	if out.ID == "" {
		out.ID = newID(n.Kind)
	}
	if out.Secret.IsZero() {
		out.Secret = newSecret(n.Kind)
	}
	sealed, err := k.c.Sealer.SealRecord(ctx, deployment, table, out.ID, column, []byte(out.Secret.Reveal()))
	if err != nil {
		return Created{}, fault.Internalf("access: seal: %w", err)
	}
	grants, err := json.Marshal(n.Grants)
	if err != nil {
		return Created{}, fault.Internalf("access: %w", err)
	}
	row := &store.AccessKey{ID: out.ID, Name: n.Name, Kind: string(n.Kind), SealedSecret: sealed, Grants: grants,
		CreatedAt: k.c.Now().UTC().Truncate(time.Microsecond)}
	inserted := false
	err = k.c.Store.Write(ctx, func(tx store.Tx) (err error) {
		inserted, err = tx.Access().InsertAccessKey(context.WithoutCancel(ctx), row)
		return err
	})
	if err == nil && !inserted {
		err = fault.Invalidf("id", "A credential with the id %s exists already.", out.ID)
	}
	if err != nil {
		return Created{}, err
	}
	return out, nil
}

func (n NewCredential) check() error {
	switch {
	case n.Kind != AWS && n.Kind != Management:
		return fault.Invalidf("kind", "The kind of a credential is aws or management.")
	case n.Name == "" || len(n.Name) > maxName:
		return fault.Invalidf("name", "A credential needs a name of at most %d bytes.", maxName)
	case n.ID != "" && (len(n.ID) < 8 || len(n.ID) > 128 || !wordy(n.ID, n.Kind == Management)):
		return fault.Invalidf("id", "An id has 8 to 128 letters, digits and underscores.")
	case !n.Secret.IsZero() && (len(n.Secret.Reveal()) < 16 || len(n.Secret.Reveal()) > 256):
		return fault.Invalidf("secret", "A secret has 16 to 256 characters.")
	}
	return CheckGrants(n.Grants)
}

// CheckGrants refuses grants that are malformed or too many.
func CheckGrants(grants []Grant) error {
	if len(grants) == 0 || len(grants) > maxGrants {
		return fault.Invalidf("grants", "A credential has 1 to %d grants.", maxGrants)
	}
	known := map[string]bool{Cognito: true, KMS: true, Lambda: true, SNS: true, SMSVoice: true, STS: true, ManagementAPI: true, Admin: true, AnyService: true}
	for _, g := range grants {
		if !known[g.Service] {
			return fault.Invalidf("grants", "Unknown service %q.", g.Service)
		}
		if len(g.Actions) == 0 {
			return fault.Invalidf("grants", "A grant without actions allows nothing.")
		}
		for _, list := range [...][]string{g.Actions, g.Pools, g.Keys} {
			if len(list) > maxEntries {
				return fault.Invalidf("grants", "A list of a grant has at most %d entries.", maxEntries)
			}
			for _, e := range list {
				if e == "" || len(e) > maxEntry {
					return fault.Invalidf("grants", "An entry of a grant is empty or too long.")
				}
			}
		}
		for _, a := range g.Actions {
			if i := strings.IndexByte(a, '*'); i >= 0 && i < len(a)-1 {
				return fault.Invalidf("grants", "In action %q the * must come last.", a)
			}
		}
	}
	return nil
}

// wordy reports whether s is of letters, digits and underscores; hyphens count where dash is set.
func wordy(s string, dash bool) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || dash && c == '-') {
			return false
		}
	}
	return true
}

const (
	base32Upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	alphanumer  = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// newID: access keys look as the AWS SDKs expect (20 characters, upper case), client ids as Auth0's do (32).
func newID(kind Kind) string {
	if kind == AWS {
		return "CSK" + random(base32Upper, 17)
	}
	return random(alphanumer, 32)
}

// newSecret has at least 238 bits. There is no character that a shell, a URL or a .env file would mind.
func newSecret(kind Kind) secret.String {
	if kind == AWS {
		return secret.New(random(alphanumer, 40))
	}
	return secret.New(random(alphanumer, 64))
}

// random draws n characters without bias: bytes beyond the last whole multiple of the alphabet are thrown away.
func random(alphabet string, n int) string {
	out := make([]byte, 0, n)
	limit := 256 - 256%len(alphabet)
	var buf [96]byte
	for len(out) < n {
		rand.Read(buf[:])
		for _, b := range buf {
			if int(b) < limit && len(out) < n {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out)
}
