package access

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"countersign/internal/fault"
	"countersign/internal/secret"
	"countersign/internal/store"
)

const (
	table  = "access_keys"
	column = "secret"
	// deployment is the keyring's pseudo pool of records that belong to no pool.
	deployment = ""

	maxName    = 128
	maxGrants  = 32
	maxEntries = 256
	maxEntry   = 2048
	// maxCached bounds the cache; beyond it the cache starts anew.
	maxCached  = 1024
	defaultTTL = 10 * time.Second
)

// Sealer is what Keys needs of the keyring (*keyring.Keyring).
type Sealer interface {
	SealRecord(ctx context.Context, poolID, table, row, column string, plaintext []byte) ([]byte, error)
	OpenRecord(ctx context.Context, poolID, table, row, column string, sealed []byte) ([]byte, error)
}

// Config configures Keys.
type Config struct {
	// AnyCredentials (dev mode) lets every well-formed key pair in with all grants. Known credentials keep theirs.
	AnyCredentials bool
	// Now defaults to time.Now.
	Now func() time.Time
	// Sealer and Store are required.
	Sealer Sealer
	Store  store.Store
	// TTL is how long a credential is believed without reading it again, which is how long a revocation takes to reach
	// other nodes. Defaults to 10 s.
	TTL time.Duration
}

// Keys creates, finds and revokes credentials: access keys for signed calls, management clients for the others. It is
// safe for concurrent use.
type Keys struct {
	c  Config
	mu sync.RWMutex
	// cache holds credentials that exist and are not revoked.
	cache map[string]cached
	// epoch counts revocations, so that a read which began before one is not cached after it.
	epoch uint64
}

type cached struct {
	c     Credential
	until time.Time
}

// NewKeys returns the service. It panics without Sealer or Store.
func NewKeys(c Config) *Keys {
	if c.Sealer == nil || c.Store == nil {
		panic("access: Config.Sealer and Config.Store are required")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.TTL <= 0 {
		c.TTL = defaultTTL
	}
	return &Keys{c: c, cache: map[string]cached{}}
}

// Credential is a usable credential.
type Credential struct {
	Principal Principal
	// Secret verifies signatures. It is empty with Any.
	Secret secret.String
	// Any is set in dev mode for keys that nobody created: the signature cannot be verified.
	Any bool
}

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

// Lookup returns the credential with the given id, which the caller then verifies. The error is fault.AccessKeyUnknown if
// it does not exist or was revoked.
func (k *Keys) Lookup(ctx context.Context, id string) (Credential, error) {
	now := k.c.Now()
	k.mu.RLock()
	hit, ok := k.cache[id]
	epoch := k.epoch
	k.mu.RUnlock()
	if ok && now.Before(hit.until) {
		return hit.c, nil
	}
	c, err := k.read(ctx, id)
	if err != nil {
		return Credential{}, err
	}
	if c.Any {
		return c, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.epoch == epoch {
		if len(k.cache) >= maxCached {
			clear(k.cache)
		}
		k.cache[id] = cached{c, now.Add(k.c.TTL)}
	}
	return c, nil
}

func (k *Keys) read(ctx context.Context, id string) (Credential, error) {
	if len(id) > 128 || id == "" {
		return Credential{}, fault.New(fault.AccessKeyUnknown)
	}
	var row *store.AccessKey
	err := k.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		row, err = tx.Access().AccessKey(ctx, id)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound) && k.c.AnyCredentials:
		return Credential{Principal: Principal{ID: id, Kind: AWS, Name: "any", Grants: Everything()}, Any: true}, nil
	case errors.Is(err, store.ErrNotFound):
		return Credential{}, fault.New(fault.AccessKeyUnknown)
	case err != nil:
		return Credential{}, fault.Internalf("access: read: %w", err)
	case !row.RevokedAt.IsZero():
		return Credential{}, fault.New(fault.AccessKeyUnknown)
	}
	plain, err := k.c.Sealer.OpenRecord(ctx, deployment, table, row.ID, column, row.SealedSecret)
	if err != nil {
		return Credential{}, fault.Internalf("access: open: %w", err)
	}
	p, err := principal(row)
	if err != nil {
		return Credential{}, err
	}
	return Credential{Principal: p, Secret: secret.New(string(plain))}, nil
}

func principal(row *store.AccessKey) (Principal, error) {
	p := Principal{ID: row.ID, Kind: Kind(row.Kind), Name: row.Name}
	if err := json.Unmarshal(row.Grants, &p.Grants); err != nil {
		return Principal{}, fault.Internalf("access: grants of %s: %w", row.ID, err)
	}
	return p, nil
}

// SecretOf is Lookup for package sigv4: the secret of an access key. Management clients do not sign.
func (k *Keys) SecretOf(ctx context.Context, accessKeyID string) (string, error) {
	c, err := k.Lookup(ctx, accessKeyID)
	if err != nil {
		return "", err
	}
	if c.Any || c.Principal.Kind != AWS {
		return "", fault.New(fault.AccessKeyUnknown)
	}
	return c.Secret.Reveal(), nil
}

// Principal returns the principal of an access key whose signature was verified.
func (k *Keys) Principal(ctx context.Context, accessKeyID string) (Principal, error) {
	c, err := k.Lookup(ctx, accessKeyID)
	if err == nil && c.Principal.Kind != AWS {
		err = fault.New(fault.AccessKeyUnknown)
	}
	if err != nil {
		return Principal{}, err
	}
	return c.Principal, nil
}

// Authenticate checks the id and secret of a management client. Whatever is wrong, the error is fault.Unauthenticated.
func (k *Keys) Authenticate(ctx context.Context, clientID, clientSecret string) (Principal, error) {
	c, err := k.Lookup(ctx, clientID)
	if err != nil && fault.CodeOf(err) != fault.AccessKeyUnknown {
		return Principal{}, err
	}
	// An unknown client is compared with a random secret: the same work, and never equal.
	want := c.Secret
	known := err == nil && !c.Any && c.Principal.Kind == Management
	if !known {
		want = secret.New(rand.Text() + rand.Text())
	}
	if !want.Equal(secret.New(clientSecret)) || !known {
		return Principal{}, fault.New(fault.Unauthenticated)
	}
	return c.Principal, nil
}

// Info is a credential as it may be listed.
type Info struct {
	ID        string
	Name      string
	Kind      Kind
	Grants    []Grant
	CreatedAt time.Time
	// RevokedAt is zero for a live one.
	RevokedAt time.Time
}

// List returns up to limit credentials with id > after, by id, revoked ones included.
func (k *Keys) List(ctx context.Context, after string, limit int) ([]Info, error) {
	var rows []*store.AccessKey
	err := k.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		rows, err = tx.Access().ListAccessKeys(ctx, after, min(max(limit, 1), 1000))
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]Info, 0, len(rows))
	for _, r := range rows {
		p, err := principal(r)
		if err != nil {
			return nil, err
		}
		out = append(out, Info{r.ID, r.Name, p.Kind, p.Grants, r.CreatedAt, r.RevokedAt})
	}
	return out, nil
}

// Revoke ends a credential: at once on this node. It reports whether there was a live one.
func (k *Keys) Revoke(ctx context.Context, id string) (bool, error) {
	revoked := false
	err := k.c.Store.Write(ctx, func(tx store.Tx) (err error) {
		revoked, err = tx.Access().RevokeAccessKey(context.WithoutCancel(ctx), id, k.c.Now().UTC())
		return err
	})
	k.Forget(id)
	if err != nil {
		return false, fmt.Errorf("access: revoke: %w", err)
	}
	return revoked, nil
}

// Forget drops a credential from the cache, so that the next call reads it.
func (k *Keys) Forget(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.epoch++
	delete(k.cache, id)
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
