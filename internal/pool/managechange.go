package pool

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/internal/token"
)

// UpdatePool changes a pool. f gets it as it is stored now and may set Name, Config, Wire and Change; it runs again if
// somebody else was faster. A new algorithm rotates the signing keys. Errors: those of f, PoolNotFound,
// ConcurrentModification.
func (s *Service) UpdatePool(ctx context.Context, c Caller, id string, f func(*Pool) error) (*Pool, error) {
	var p *Pool
	var before Config
	err := again(func() (err error) {
		row, err := s.poolRow(ctx, id)
		if err != nil {
			return err
		}
		if p, err = poolOf(row); err != nil {
			return err
		}
		if before, err = decode[Config](row.Config); err != nil {
			return err
		}
		if err = f(p); err != nil {
			return err
		}
		p.ID, p.CreatedAt, p.UpdatedAt = row.ID, row.CreatedAt, s.now().Truncate(time.Microsecond)
		return s.updatePool(ctx, c, p, &before, row.Version)
	})
	if err != nil {
		return nil, err
	}
	s.cache.forget()
	if before.algorithm() != p.Config.algorithm() {
		s.rotateKeys(ctx, c, p)
	}
	return p, nil
}

func (s *Service) updatePool(ctx context.Context, c Caller, p *Pool, before *Config, version int64) error {
	if err := p.Config.checkMaker(); err != nil {
		return err
	}
	row, err := p.row(version)
	if err != nil {
		return err
	}
	t := &tenant{pool: row, cfg: &p.Config}
	data := map[string]any{"change": "updated"}
	p.Change.describe(data)
	ev, err := s.event(ctx, t, c, eventlog.PoolChanged, nil, "", data)
	if err != nil {
		return err
	}
	events := []*store.Event{ev}
	if before.factors() != p.Config.factors() {
		if ev, err = s.event(ctx, t, c, eventlog.MFASettingsChanged, nil, "", map[string]any{"mfa": p.Config.MFA}); err != nil {
			return err
		}
		events = append(events, ev)
	}
	var test *testMessage
	if p.Config.smsMFA() && (p.Change.SMS || before.factors() != p.Config.factors()) {
		if test, err = s.testMessage(ctx, t, c); err != nil {
			return err
		}
	}
	return s.write(ctx, func(tx *unit) error {
		ok, err := tx.Pools().UpdatePool(ctx, row)
		if err != nil {
			return err
		}
		if !ok {
			return errStale
		}
		if err := requireMFA(ctx, tx, p); err != nil {
			return err
		}
		if err := test.put(ctx, tx); err != nil {
			return err
		}
		return tx.append(ctx, events...)
	})
}

// requireMFA switches the setting of app clients.
func requireMFA(ctx context.Context, tx store.Tx, p *Pool) error {
	for _, id := range slices.Sorted(maps.Keys(p.Change.RequireMFA)) {
		on := p.Change.RequireMFA[id]
		row, err := tx.Pools().Client(ctx, id)
		missing := errors.Is(err, store.ErrNotFound) || (err == nil && row.PoolID != p.ID)
		switch {
		case missing && on:
			return unknownClient(id)
		case missing:
			continue
		case err != nil:
			return err
		}
		cfg, err := decode[ClientConfig](row.Config)
		if err != nil {
			return err
		}
		cfg.RequireMFA = on
		if row.Config, err = json.Marshal(cfg); err != nil {
			return err
		}
		ok, err := tx.Pools().UpdateClient(ctx, row)
		if err != nil {
			return err
		}
		if !ok {
			return errStale
		}
	}
	return nil
}

func unknownClient(id string) error {
	return fault.Invalidf("clients", "The pool has no app client %s.", id)
}

// rotateKeys makes signing keys of the pool's new algorithm. The change is committed: what fails here is made good by the next rotation.
func (s *Service) rotateKeys(ctx context.Context, c Caller, p *Pool) {
	ctx = context.WithoutCancel(ctx)
	for _, use := range []token.Use{token.ID, token.Access} {
		if err := s.Tokens.Rotate(ctx, p.ID, use); err != nil {
			s.Log.ErrorContext(ctx, "signing keys of a new algorithm could not be made", "pool", p.ID, "error", err)
			return
		}
	}
	ev, err := s.event(ctx, &tenant{pool: &store.Pool{ID: p.ID}}, c, eventlog.KeysRotated, nil, "", map[string]any{"algorithm": p.Config.algorithm()})
	if err == nil {
		err = s.write(ctx, func(tx *unit) error { return tx.append(ctx, ev) })
	}
	if err != nil {
		s.Log.ErrorContext(ctx, "the rotation of signing keys could not be logged", "pool", p.ID, "error", err)
	}
}

// DeletePool makes a pool and all that is in it unreachable at once; its rows go later, in steps (store.Pools.PurgePool). The event
// belongs to the deployment, since the pool's own events go with it. Errors: PoolProtected, PoolNotFound.
func (s *Service) DeletePool(ctx context.Context, c Caller, id string) error {
	p, err := s.GetPool(ctx, id)
	if err != nil {
		return err
	}
	if p.Config.Protected {
		return fault.New(fault.PoolProtected).WithField(id)
	}
	ev, err := s.event(ctx, &tenant{pool: &store.Pool{}}, c, eventlog.PoolChanged, nil, "", map[string]any{"change": "deleted", "pool": id, "name": p.Name})
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *unit) error {
		// Protection may have come between: the row is read again where it is deleted.
		row, err := tx.Pools().Pool(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return fault.New(fault.PoolNotFound).WithField(id)
		}
		if err != nil {
			return err
		}
		if cfg, err := decode[Config](row.Config); err != nil || cfg.Protected {
			return fault.New(fault.PoolProtected).WithField(id).WithErr(err)
		}
		if _, err := tx.Pools().DeletePool(ctx, id, s.now()); err != nil {
			return err
		}
		return tx.append(ctx, ev)
	})
	if err != nil {
		return err
	}
	s.cache.forget()
	s.Keys.Forget(id)
	s.Tokens.Forget(id)
	if s.Logins != nil {
		s.Logins.Forget(id)
	}
	return nil
}

// smsMFA reports whether texts are a second factor.
func (c *Config) smsMFA() bool { return c.MFA != "OFF" && c.MFASMS }

// factors is what makes the MFA settings the same or not.
func (c *Config) factors() [4]string {
	on := func(b bool) string {
		if b && c.MFA != "OFF" {
			return "on"
		}
		return ""
	}
	return [4]string{c.MFA, on(c.MFASMS), on(c.MFATOTP), on(c.MFAEmail)}
}

func (c *Config) algorithm() string {
	if c.Alg == "" {
		return string(token.RS256)
	}
	return c.Alg
}
