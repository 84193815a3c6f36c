package pool

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/internal/token"
)

const (
	// maxPools and maxClients are how many there may be in a deployment and in a pool (developer guide, quotas).
	maxPools, maxClients = 1000, 1000
	// maxEstimate bounds the counting of users.
	maxEstimate = 100_000
	// DefaultBaseURL is where a pool is reached if nobody says otherwise: dev mode's plain address.
	DefaultBaseURL = "http://localhost:7446"

	lowerAndDigits = "abcdefghijklmnopqrstuvwxyz0123456789"
	alphanumerics  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + lowerAndDigits
)

// Pool is a user pool as administrators see it.
type Pool struct {
	// ID is "<region>_<name>".
	ID, Name string
	Config   Config
	// Wire is what a facade keeps with the pool to give it back; the domain does not read it.
	Wire                 json.RawMessage
	CreatedAt, UpdatedAt time.Time
	// Change is what a function given to UpdatePool asks for besides new settings. Empty in what is read.
	Change PoolChange
}

// PoolChange is what goes with a change of a pool.
type PoolChange struct {
	// SMS says that the sender of texts was changed in a way that Config does not show: with SMS MFA on, a test message follows.
	SMS bool
	// RequireMFA switches ClientConfig.RequireMFA of app clients on and off, by id. Switching it on for an unknown client fails.
	RequireMFA map[string]bool
	// KeptOnly names settings that are kept and shown, and have no effect; the event names them.
	KeptOnly []string
}

// NewPool is what CreatePool needs.
type NewPool struct {
	// ID is chosen by the caller, or empty for "<Region>_<9 letters and digits>".
	ID string
	// Name is for people. Required.
	Name string
	// Region is a name like eu-central-1: lower-case letters, digits and hyphens. Required without ID.
	Region string
	// Config is complete but for BaseURL, which Options.BaseURL fills in if it is empty.
	Config Config
	Wire   json.RawMessage
	Change PoolChange
	// Quiet sends no test message: the pool is the product's own.
	Quiet bool
}

var regionForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// CreatePool makes a pool with its keys; signing keys follow in the background. API reference, CreateUserPool. Errors:
// InvalidParameter, ResourceExists (ID), TooMany.
func (s *Service) CreatePool(ctx context.Context, c Caller, n NewPool) (out *Pool, err error) {
	if n.ID == "" && (len(n.Region) > 32 || !regionForm.MatchString(n.Region)) {
		return nil, fault.Invalidf("region", "A region has lower-case letters, digits and hyphens, like eu-central-1.")
	}
	err = again(func() error {
		out, err = s.createPool(ctx, c, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.cache.forget()
	s.Tokens.PrepareLater(out.ID)
	return out, nil
}

func (s *Service) createPool(ctx context.Context, c Caller, n NewPool) (*Pool, error) {
	if list, err := s.ListPools(ctx, "", maxPools); err != nil || len(list) >= maxPools {
		return nil, orTooMany(err)
	}
	now := s.now().Truncate(time.Microsecond)
	p := &Pool{ID: n.ID, Name: n.Name, Config: n.Config, Wire: n.Wire, CreatedAt: now, UpdatedAt: now}
	if p.ID == "" {
		p.ID = n.Region + "_" + randomText(alphanumerics, 9)
	}
	if p.Config.BaseURL == "" {
		p.Config.BaseURL = s.baseURL(p.ID, p.Name)
	}
	row, err := p.row(0)
	if err != nil {
		return nil, err
	}
	if err := s.Keys.Create(ctx, p.ID); err != nil {
		return nil, err
	}
	t := &tenant{pool: row, cfg: &p.Config}
	data := map[string]any{"change": "created", "name": p.Name}
	if len(n.Change.KeptOnly) > 0 {
		data["kept_only"] = n.Change.KeptOnly
	}
	ev, err := s.event(ctx, t, c, eventlog.PoolChanged, nil, "", data)
	if err != nil {
		return nil, err
	}
	var test *testMessage
	if p.Config.smsMFA() && !n.Quiet {
		if test, err = s.testMessage(ctx, t, c); err != nil {
			return nil, err
		}
	}
	return p, s.write(ctx, func(tx *unit) error {
		ok, err := tx.Pools().InsertPool(ctx, row)
		switch {
		case err != nil:
			return err
		case !ok && n.ID == "":
			return errStale
		case !ok:
			return fault.New(fault.ResourceExists).WithField(n.ID)
		}
		for id, on := range n.Change.RequireMFA {
			if on {
				return unknownClient(id)
			}
		}
		if err := test.put(ctx, tx); err != nil {
			return err
		}
		return tx.append(ctx, ev)
	})
}

func orTooMany(err error) error {
	if err != nil {
		return err
	}
	return fault.New(fault.TooMany)
}

func (s *Service) baseURL(poolID, name string) string {
	if s.BaseURL == nil {
		return DefaultBaseURL
	}
	return s.BaseURL(poolID, name)
}

// row is the pool as it is stored.
func (p *Pool) row(version int64) (*store.Pool, error) {
	cfg, err := json.Marshal(p.Config)
	if err != nil {
		return nil, fault.Internalf("pool %s: %w", p.ID, err)
	}
	return &store.Pool{ID: p.ID, Name: p.Name, Config: cfg, Wire: p.Wire, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, Version: version}, nil
}

func poolOf(row *store.Pool) (*Pool, error) {
	cfg, err := decode[Config](row.Config)
	if err != nil {
		return nil, fault.Internalf("pool %s: %w", row.ID, err)
	}
	return &Pool{ID: row.ID, Name: row.Name, Config: cfg, Wire: row.Wire, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt}, nil
}

// GetPool returns a pool as it is stored now, or PoolNotFound.
func (s *Service) GetPool(ctx context.Context, id string) (*Pool, error) {
	row, err := s.poolRow(ctx, id)
	if err != nil {
		return nil, err
	}
	return poolOf(row)
}

func (s *Service) poolRow(ctx context.Context, id string) (row *store.Pool, err error) {
	err = s.Store.Read(ctx, func(tx store.Tx) error {
		row, err = tx.Pools().Pool(ctx, id)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New(fault.PoolNotFound).WithField(id)
	}
	return row, err
}

// ListPools returns up to limit pools whose id is greater than after, by id.
func (s *Service) ListPools(ctx context.Context, after string, limit int) ([]*Pool, error) {
	var rows []*store.Pool
	err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
		rows, err = tx.Pools().ListPools(ctx, after, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]*Pool, len(rows))
	for i, row := range rows {
		if out[i], err = poolOf(row); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// EstimateUsers counts a pool's users, up to 100,000.
func (s *Service) EstimateUsers(ctx context.Context, poolID string) (n int, err error) {
	err = s.Store.Read(ctx, func(tx store.Tx) error {
		n, err = tx.Users().CountUsers(ctx, poolID, maxEstimate)
		return err
	})
	return n, err
}

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
	row, err := p.row(version)
	if err != nil {
		return err
	}
	t := &tenant{pool: row, cfg: &p.Config}
	data := map[string]any{"change": "updated"}
	if len(p.Change.KeptOnly) > 0 {
		data["kept_only"] = p.Change.KeptOnly
	}
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

// randomText returns n characters of the alphabet, each equally likely.
func randomText(alphabet string, n int) string {
	limit := byte(256 - 256%len(alphabet))
	out := make([]byte, 0, n)
	for buf := make([]byte, 2*n); len(out) < n; {
		rand.Read(buf)
		for _, b := range buf {
			if (limit == 0 || b < limit) && len(out) < n {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out)
}
