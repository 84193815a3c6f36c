package adminapi

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/store"
	"countersign/internal/token"
)

// abort ends a connection in the middle of an answer.
var abort = http.ErrAbortHandler

// AccessKey is a credential as it is listed: without its secret.
type AccessKey struct {
	ID        string         `json:"id"`
	Kind      string         `json:"kind" enum:"aws,management"`
	Name      string         `json:"name"`
	Grants    []access.Grant `json:"grants"`
	CreatedAt time.Time      `json:"created_at"`
	RevokedAt *time.Time     `json:"revoked_at,omitempty"`
}

// NewAccessKey asks for a credential. Either a preset or grants.
type NewAccessKey struct {
	Kind   string         `json:"kind" enum:"aws,management" doc:"aws signs requests (SigV4); management gets tokens at /oauth/token."`
	Name   string         `json:"name" minLength:"1" maxLength:"128"`
	Preset string         `json:"preset,omitempty" doc:"app-backend, sender, deployer, auditor or owner."`
	Pools  []string       `json:"pools,omitempty" doc:"Limits a preset to these pools. Default: all."`
	Keys   []string       `json:"keys,omitempty" doc:"Limits a preset's KMS actions to these keys. Default: all."`
	Grants []access.Grant `json:"grants,omitempty"`
}

// CreatedAccessKey is a new credential with its secret, which is never shown again.
type CreatedAccessKey struct {
	AccessKey
	Secret string `json:"secret"`
}

type accessListOutput struct {
	Body struct {
		Keys []AccessKey `json:"keys"`
		Next string      `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
	}
}

type accessCreateInput struct{ Body NewAccessKey }

type accessCreateOutput struct{ Body CreatedAccessKey }

type accessRevokeInput struct {
	ID string `path:"id" maxLength:"128"`
}

func (s *server) registerAccess() {
	register(s, "GET", "/access-keys", "access.read", "List access keys and management clients", nil, s.listAccess)
	register(s, "POST", "/access-keys", "access.write", "Create an access key or management client", nil, s.createAccess)
	register(s, "DELETE", "/access-keys/{id}", "access.write", "Revoke a credential, at once", nil,
		func(ctx context.Context, in *accessRevokeInput) (*struct{}, error) {
			ok, err := s.Access.Revoke(ctx, in.ID)
			if err == nil && !ok {
				err = fault.New(fault.ResourceNotFound).WithPublic("There is no live credential with this id.").WithHint("countersign keys list")
			}
			if err == nil {
				s.audit(ctx, "credential revoked", "id", in.ID)
				s.tell(ctx, keyring.Deployment, eventlog.AccessKeyEnded, map[string]any{"id": in.ID})
			}
			return nil, err
		})
}

func (s *server) listAccess(ctx context.Context, in *poolsInput) (*accessListOutput, error) {
	p, err := accessList().understand(in.ListQuery, in.After)
	if err != nil {
		return nil, err
	}
	out := &accessListOutput{}
	out.Body.Keys, out.Body.Next, err = p.read(func(_, after string, limit int) ([]AccessKey, error) {
		rows, err := s.Access.List(ctx, after, limit)
		return views(rows, func(k access.Info) AccessKey {
			return AccessKey{ID: k.ID, Kind: string(k.Kind), Name: k.Name, Grants: k.Grants, CreatedAt: k.CreatedAt, RevokedAt: moment(k.RevokedAt)}
		}), err
	})
	return out, err
}

func accessList() listing[AccessKey] {
	return listing[AccessKey]{name: "access-keys", natural: []string{"id"}, key: func(k AccessKey) string { return k.ID }, fields: []field[AccessKey]{
		textBy("id", func(k AccessKey) string { return k.ID }), textBy("name", func(k AccessKey) string { return k.Name }),
		textBy("kind", func(k AccessKey) string { return k.Kind }), flagBy("revoked", func(k AccessKey) bool { return k.RevokedAt != nil }),
		timeBy("created_at", func(k AccessKey) time.Time { return k.CreatedAt }), timeBy("revoked_at", func(k AccessKey) time.Time { return maybe(k.RevokedAt) }),
	}}
}

func (s *server) createAccess(ctx context.Context, in *accessCreateInput) (*accessCreateOutput, error) {
	grants := in.Body.Grants
	if (in.Body.Preset == "") == (len(grants) == 0) {
		return nil, fault.Invalidf("grants", "Name either a preset or grants.")
	}
	if in.Body.Preset != "" {
		var err error
		if grants, err = access.Preset(in.Body.Preset, in.Body.Pools, in.Body.Keys); err != nil {
			return nil, err
		}
	}
	if err := access.MayGrant(access.From(ctx), grants); err != nil {
		return nil, err
	}
	c, err := s.Access.Create(ctx, access.NewCredential{Kind: access.Kind(in.Body.Kind), Name: in.Body.Name, Grants: grants})
	if err != nil {
		return nil, err
	}
	s.audit(ctx, "credential created", "id", c.ID, "kind", string(c.Kind), "name", c.Name, "preset", in.Body.Preset)
	s.tell(ctx, keyring.Deployment, eventlog.AccessKeyMade, map[string]any{"id": c.ID, "kind": string(c.Kind), "name": c.Name, "preset": in.Body.Preset})
	return &accessCreateOutput{CreatedAccessKey{
		AccessKey: AccessKey{ID: c.ID, Kind: string(c.Kind), Name: c.Name, Grants: c.Grants, CreatedAt: s.Now().UTC()}, Secret: c.Secret.Reveal(),
	}}, nil
}

// RootKey tells which root keys wrap the keys in the database.
type RootKey struct {
	// Current is the fingerprint of the server's root key.
	Current string `json:"current"`
	// Wrapped counts keys by the fingerprint of the root key that wraps them.
	Wrapped map[string]int `json:"wrapped"`
	// Rewrapped is how many keys a rotation changed.
	Rewrapped int `json:"rewrapped,omitempty"`
}

type rootOutput struct{ Body RootKey }

// SigningKey is a token-signing key without its private part.
type SigningKey struct {
	KeyID     string     `json:"key_id"`
	Use       string     `json:"use" enum:"id,access"`
	Alg       string     `json:"alg"`
	State     string     `json:"state" enum:"next,active,retired"`
	CreatedAt time.Time  `json:"created_at"`
	ActiveAt  time.Time  `json:"active_at"`
	Until     *time.Time `json:"until,omitempty"`
}

type poolInput struct {
	Pool string `path:"pool" maxLength:"128"`
}

func (in *poolInput) resource() access.Resource { return onPool(in.Pool) }

type signingInput struct {
	Pool string `path:"pool" maxLength:"128"`
	ListQuery
}

type signingOutput struct {
	Body struct {
		Keys []SigningKey `json:"keys"`
		Next string       `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
	}
}

func (s *server) registerKeys() {
	register(s, "GET", "/root-key", "keys.read", "Which root keys wrap what", nil, func(ctx context.Context, _ *struct{}) (*rootOutput, error) {
		return s.rootKey(ctx, 0)
	})
	register(s, "POST", "/root-key/rotate", "keys.rotate", "Wrap every key with the configured root key", nil,
		func(ctx context.Context, _ *struct{}) (*rootOutput, error) {
			n, err := s.Keyring.RotateRoot(ctx, s.Root)
			if err != nil {
				return nil, err
			}
			s.audit(ctx, "root key rotated", "to", s.Root.ID(), "keys", n)
			s.tell(ctx, keyring.Deployment, eventlog.KeysRotated, map[string]any{"what": "root key", "to": s.Root.ID(), "keys": n})
			return s.rootKey(ctx, n)
		})
	register(s, "GET", "/pools/{pool}/signing-keys", "keys.read", "List token-signing keys",
		func(in *signingInput) access.Resource { return onPool(in.Pool) }, s.listSigning)
	register(s, "POST", "/pools/{pool}/signing-keys/rotate", "keys.rotate", "Make successors of the token-signing keys; they are published before they sign",
		(*poolInput).resource, func(ctx context.Context, in *poolInput) (*signingOutput, error) {
			if err := s.poolExists(ctx, in.Pool); err != nil {
				return nil, err
			}
			for _, use := range []token.Use{token.ID, token.Access} {
				if err := s.Tokens.Rotate(ctx, in.Pool, use); err != nil {
					return nil, err
				}
			}
			s.audit(ctx, "signing keys rotated", "pool", in.Pool)
			s.tell(ctx, in.Pool, eventlog.KeysRotated, map[string]any{"what": "signing keys"})
			return s.listSigning(ctx, &signingInput{Pool: in.Pool})
		})
}

func (s *server) listSigning(ctx context.Context, in *signingInput) (*signingOutput, error) {
	if err := s.poolExists(ctx, in.Pool); err != nil {
		return nil, err
	}
	p, err := signingList().understand(in.ListQuery, "", in.Pool)
	if err != nil {
		return nil, err
	}
	list, err := s.Tokens.List(ctx, in.Pool)
	if err != nil {
		return nil, err
	}
	out := &signingOutput{}
	rows := make([]SigningKey, 0, len(list))
	for _, k := range list {
		rows = append(rows, SigningKey{
			KeyID: k.KeyID, Use: string(k.Use), Alg: string(k.Alg), State: k.State, CreatedAt: k.CreatedAt, ActiveAt: k.ActiveAt, Until: moment(k.Until),
		})
	}
	out.Body.Keys, out.Body.Next = p.page(rows)
	return out, nil
}

func signingList() listing[SigningKey] {
	return listing[SigningKey]{name: "signing-keys", key: func(k SigningKey) string { return k.KeyID }, fields: []field[SigningKey]{
		textBy("key_id", func(k SigningKey) string { return k.KeyID }), textBy("use", func(k SigningKey) string { return k.Use }),
		textBy("alg", func(k SigningKey) string { return k.Alg }), textBy("state", func(k SigningKey) string { return k.State }),
		timeBy("created_at", func(k SigningKey) time.Time { return k.CreatedAt }), timeBy("active_at", func(k SigningKey) time.Time { return k.ActiveAt }),
	}}
}

// maxKeys bounds the count of wrapped keys.
const maxKeys = 100_000

func (s *server) rootKey(ctx context.Context, rewrapped int) (*rootOutput, error) {
	out := &rootOutput{RootKey{Current: s.Keyring.Root(), Wrapped: map[string]int{}, Rewrapped: rewrapped}}
	var after *keyring.Row
	for n := 0; n < maxKeys; {
		var rows []*store.WrappedKey
		err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
			rows, err = tx.Keys().AllKeys(ctx, after, 1000)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, k := range rows {
			out.Body.Wrapped[cmp.Or(k.RootID, "unknown")]++
		}
		if len(rows) == 0 {
			break
		}
		after = rows[len(rows)-1]
		n += len(rows)
	}
	return out, nil
}

func (s *server) poolExists(ctx context.Context, id string) error {
	err := s.Store.Read(ctx, func(tx store.Tx) error {
		_, err := tx.Pools().Pool(ctx, id)
		return err
	})
	if err == store.ErrNotFound {
		return fault.New(fault.PoolNotFound)
	}
	return err
}
