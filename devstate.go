package countersign

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"countersign/internal/access"
	"countersign/internal/awsapi/cognito"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/secret"
	"countersign/internal/store"
)

// poolConfig reads a pool's configuration; fault.PoolNotFound if there is no such pool.
func poolConfig(ctx context.Context, s store.Store, poolID string) (pool.Config, error) {
	var p *store.Pool
	err := s.Read(ctx, func(tx store.Tx) (err error) {
		p, err = tx.Pools().Pool(ctx, poolID)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return pool.Config{}, fault.New(fault.PoolNotFound).WithField(poolID)
	}
	var c pool.Config
	if err == nil {
		err = json.Unmarshal(p.Config, &c)
	}
	return c, err
}

// poolBaseURL is the base URL that begins a pool's issuer.
func (s *Server) poolBaseURL(ctx context.Context, poolID string) (string, error) {
	c, err := poolConfig(ctx, s.parts.store, poolID)
	return cmp.Or(c.BaseURL, s.c.BaseURLs[0]), err
}

// maxPools bounds lists of pools.
const maxPools = 1000

func (s *Server) pools(ctx context.Context) (list []*store.Pool, err error) {
	err = s.parts.store.Read(ctx, func(tx store.Tx) error {
		list, err = tx.Pools().ListPools(ctx, "", maxPools)
		return err
	})
	return list, err
}

// poolByName answers for hosts that a pool has to itself, in dev mode: <name>.localhost, where name is the part of the
// pool's id behind the region, or its name if no other pool has it.
func (s *Server) poolByName(origin string) (string, bool) {
	if s.c.Mode != Dev {
		return "", false
	}
	scheme, host, _ := strings.Cut(origin, "://")
	name, rest, ok := strings.Cut(host, ".localhost")
	if !ok || !slices.Contains(s.c.BaseURLs, scheme+"://localhost"+rest) {
		return "", false
	}
	list, err := s.pools(context.Background())
	if err != nil {
		return "", false
	}
	var named []string
	for _, p := range list {
		if _, own, _ := strings.Cut(p.ID, "_"); strings.EqualFold(own, name) {
			return p.ID, true
		}
		if strings.EqualFold(p.Name, name) {
			named = append(named, p.ID)
		}
	}
	if len(named) != 1 {
		return "", false
	}
	return named[0], true
}

// startState makes what dev mode begins with, as far as it is not there, and gives every pool the base URL of this run.
func (s *Server) startState(ctx context.Context) error {
	if err := cognito.EnsureDev(ctx, s.parts.pool, s.c.BaseURLs[0]); err != nil {
		return fmt.Errorf("making the start state: %w", err)
	}
	if err := s.devAccess(ctx); err != nil {
		return fmt.Errorf("making the start state: %w", err)
	}
	if err := s.rebase(ctx); err != nil {
		return fmt.Errorf("declaring base URLs: %w", err)
	}
	// RSA keys take some 100 ms each: the port answers meanwhile.
	s.parts.tokens.PrepareLater(DevPool)
	return nil
}

// devAccess makes the management client and, if one was chosen, the access key.
func (s *Server) devAccess(ctx context.Context) error {
	want := []access.NewCredential{{
		Kind: access.Management, Name: "development", ID: DevManager, Secret: secret.New(cmp.Or(s.c.ManagementSecret, devSecret)), Grants: devGrants(),
	}}
	if s.c.AccessKeyID != "" {
		want = append(want, access.NewCredential{
			Kind: access.AWS, Name: "development", ID: s.c.AccessKeyID, Secret: secret.New(s.c.SecretAccessKey), Grants: access.Everything(),
		})
	}
	for _, n := range want {
		if _, err := s.parts.access.Authenticate(ctx, n.ID, n.Secret.Reveal()); err == nil {
			continue
		}
		if err := s.replaceCredential(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

// replaceCredential creates a credential, or gives the one that exists a new secret.
func (s *Server) replaceCredential(ctx context.Context, n access.NewCredential) error {
	_, err := s.parts.access.Create(ctx, n)
	if fault.CodeOf(err) != fault.InvalidParameter {
		return err
	}
	sealed, err := s.parts.keyring.SealRecord(ctx, "", "access_keys", n.ID, "secret", []byte(n.Secret.Reveal()))
	if err != nil {
		return err
	}
	err = s.parts.store.Write(ctx, func(tx store.Tx) error { return tx.Access().ResealAccessKey(ctx, n.ID, sealed) })
	s.parts.access.Forget(n.ID)
	return err
}

// devGrants is everything, with the scopes of the management API spelled out, since Auth0's clients look at them.
func devGrants() []access.Grant {
	scopes := access.Grant{Service: access.ManagementAPI, Pools: []string{"*"}}
	for _, preset := range access.Presets() {
		for _, a := range preset.Actions[access.ManagementAPI] {
			if !slices.Contains(scopes.Actions, a) {
				scopes.Actions = append(scopes.Actions, a)
			}
		}
	}
	slices.Sort(scopes.Actions)
	return append(access.Everything(), scopes)
}

// rebase gives pools the base URL of this run: a start at another port must not issue tokens for the old one.
func (s *Server) rebase(ctx context.Context) error {
	return s.parts.store.Write(ctx, func(tx store.Tx) error {
		list, err := tx.Pools().ListPools(ctx, "", maxPools)
		if err != nil {
			return err
		}
		for _, p := range list {
			var c pool.Config
			if err := json.Unmarshal(p.Config, &c); err != nil {
				return fmt.Errorf("pool %s: %w", p.ID, err)
			}
			if c.BaseURL == s.c.BaseURLs[0] {
				continue
			}
			c.BaseURL = s.c.BaseURLs[0]
			p.Config = jsonText(c)
			if _, err := tx.Pools().UpdatePool(ctx, p); err != nil {
				return err
			}
		}
		return nil
	})
}

// kept are the keys of the dev pool, which a reset leaves as they are: making RSA keys takes long, and what a client
// has cached of the JWKS stays right.
type kept struct {
	wrapped []*store.WrappedKey
	signing []*store.SigningKey
}

// Reset brings the start state of dev mode back: every user, message and event is gone, other pools are gone, the keys
// and URLs stay. It may be called by many at once, and once begun it goes on to its end even if ctx ends: half a
// reset would lose the keys.
func (s *Server) Reset(ctx context.Context) error {
	if s.c.Mode != Dev {
		return fault.New(fault.UnsupportedOperation)
	}
	s.resets.Lock()
	defer s.resets.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	var k kept
	err := s.parts.store.Read(ctx, func(tx store.Tx) (err error) {
		if k.wrapped, err = tx.Keys().PoolKeys(ctx, DevPool); err == nil {
			k.signing, err = tx.Keys().SigningKeys(ctx, DevPool)
		}
		return err
	})
	if err != nil {
		return err
	}
	list, err := s.pools(ctx)
	if err != nil {
		return err
	}
	if err := s.purge(ctx, list); err != nil {
		return err
	}
	err = s.parts.store.Write(ctx, func(tx store.Tx) error {
		for _, row := range k.wrapped {
			if _, err := tx.Keys().AddKey(ctx, row); err != nil {
				return err
			}
		}
		for _, row := range k.signing {
			if _, err := tx.Keys().AddSigningKey(ctx, row); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, p := range list {
		if p.ID != DevPool {
			s.parts.keyring.Forget(p.ID)
			s.parts.tokens.Forget(p.ID)
		}
		s.parts.routes.Forget(p.ID)
		s.parts.screen.Forget(p.ID)
		if err := s.parts.health.Forget(ctx, p.ID); err != nil {
			return fmt.Errorf("forgetting how accounts did: %w", err)
		}
	}
	s.parts.routes.CloseCircuits()
	if err := s.parts.smsAccount.Reset(ctx); err != nil {
		return fmt.Errorf("the SMS account: %w", err)
	}
	if err := s.parts.sandbox.Reset(ctx); err != nil {
		return fmt.Errorf("the sandbox: %w", err)
	}
	if err := s.parts.originations.Reset(ctx); err != nil {
		return fmt.Errorf("origination identities: %w", err)
	}
	if err := s.parts.registrations.Reset(ctx); err != nil {
		return fmt.Errorf("registrations: %w", err)
	}
	return s.startState(ctx)
}

// purge deletes pools and all that was theirs, in steps.
func (s *Server) purge(ctx context.Context, list []*store.Pool) error {
	err := s.parts.store.Write(ctx, func(tx store.Tx) error {
		for _, p := range list {
			if _, err := tx.Pools().DeletePool(ctx, p.ID, s.c.Now().UTC()); err != nil {
				return err
			}
		}
		return nil
	})
	for n := 1; err == nil && n > 0; {
		err = s.parts.store.Write(ctx, func(tx store.Tx) (err error) {
			n, err = tx.Pools().PurgePool(ctx, sweepRows)
			return err
		})
	}
	return err
}

// jsonText is for configuration that is stored as JSON.
func jsonText(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("countersign: " + err.Error()) // types of ours, which always marshal
	}
	return raw
}
