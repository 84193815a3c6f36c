package access

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
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
