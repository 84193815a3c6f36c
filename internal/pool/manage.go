package pool

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"regexp"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/internal/trigger"
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
	// Warnings are what will not work as it is; the event shows them.
	Warnings []string
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

// NewPoolID makes an id for a pool in a region, for callers that must know it before.
func NewPoolID(region string) string { return region + "_" + randomText(alphanumerics, 9) }

// describe adds what an event shows of a change.
func (c *PoolChange) describe(data map[string]any) {
	if len(c.KeptOnly) > 0 {
		data["kept_only"] = c.KeptOnly
	}
	if len(c.Warnings) > 0 {
		data["warnings"] = c.Warnings
	}
}

// CheckTriggers judges the triggers of a pool before they are stored: the functions exist and the key can be used for it. It returns what
// is still missing. Errors are fault.InvalidParameter.
func (s *Service) CheckTriggers(ctx context.Context, poolID string, c *trigger.Config) ([]string, error) {
	if c == nil {
		return nil, nil
	}
	if s.Triggers == nil {
		return nil, fault.Invalidf("LambdaConfig", "LambdaConfig is not supported: this server runs no functions.")
	}
	return s.Triggers.Check(ctx, poolID, c)
}

func (s *Service) createPool(ctx context.Context, c Caller, n NewPool) (*Pool, error) {
	if list, err := s.ListPools(ctx, "", maxPools); err != nil || len(list) >= maxPools {
		return nil, orTooMany(err)
	}
	now := s.now().Truncate(time.Microsecond)
	p := &Pool{ID: n.ID, Name: n.Name, Config: n.Config, Wire: n.Wire, CreatedAt: now, UpdatedAt: now}
	if p.ID == "" {
		p.ID = NewPoolID(n.Region)
	}
	if p.Config.BaseURL == "" {
		p.Config.BaseURL = s.baseURL(p.ID, p.Name)
	}
	if err := p.Config.checkMaker(); err != nil {
		return nil, err
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
	n.Change.describe(data)
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
