package screen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/store"
)

// Setting is the name of the pool's setting that holds its Policy.
const Setting = "guards"

const (
	// freshFor is how old what is remembered of a pool's policy may be.
	freshFor = 4 * time.Second
	// maxPools bounds the policies that are remembered.
	maxPools = 1024
)

// Forget drops what is remembered of a pool: it was deleted, or is made anew.
func (s *Service) Forget(poolID string) {
	s.policies.Forget(poolID)
	ofPool := func(k store.QuotaKey) bool { return k.PoolID == poolID }
	s.mu.Lock()
	maps.DeleteFunc(s.warned, func(k store.QuotaKey, _ bool) bool { return ofPool(k) })
	maps.DeleteFunc(s.owed, func(k store.QuotaKey, _ int64) bool { return ofPool(k) })
	s.mu.Unlock()
	s.c.Quota.Drop(poolID)
	s.c.Pumping.Forget(poolID)
}

// policy returns a pool's policy, from memory if that is fresh.
func (s *Service) policy(ctx context.Context, poolID string) (*compiled, error) {
	return s.policies.Get(ctx, poolID)
}

// load reads a pool's policy. What cannot be read is an error: nobody knows what it would refuse.
func (s *Service) load(ctx context.Context, poolID string) (*compiled, error) {
	given, version, err := s.Policy(ctx, poolID)
	if err != nil {
		return nil, err
	}
	if version == 0 && s.c.Base != nil {
		given = *s.c.Base
	}
	return compile(given, version, s.c.Dev), nil
}

// Policy returns a pool's policy as it was written, and its version: the zero Policy and 0 if it has none. Errors are those of the store.
func (s *Service) Policy(ctx context.Context, poolID string) (p Policy, version int64, err error) {
	var row *store.Setting
	err = s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		row, err = tx.Settings().Setting(ctx, poolID, Setting)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return Policy{}, 0, nil
	}
	if err != nil {
		return Policy{}, 0, err
	}
	if err := json.Unmarshal(row.Doc, &p); err != nil {
		return Policy{}, 0, fmt.Errorf("screen: setting %s of pool %s: %w", Setting, poolID, err)
	}
	return p, row.Version, nil
}

// PutPolicy writes a pool's policy, 0 being the version of one that is not there yet, and returns its new version. Errors: what Check finds;
// fault.ConcurrentModification if the version is another; those of the store.
func (s *Service) PutPolicy(ctx context.Context, poolID string, p Policy, version int64) (int64, error) {
	if poolID == "" {
		return 0, fault.Invalidf("pool", "Guards are those of a pool.")
	}
	if err := p.Check(); err != nil {
		return 0, err
	}
	doc, err := json.Marshal(p)
	if err != nil {
		return 0, err
	}
	row := store.Setting{PoolID: poolID, Name: Setting, Doc: doc, UpdatedAt: s.c.Now().UTC(), Version: version}
	err = s.change(ctx, poolID, map[string]any{"after": generic(doc)}, func(tx store.Tx) (bool, error) {
		again := row // the transaction may run twice
		return tx.Settings().PutSetting(ctx, &again)
	})
	return version + 1, err
}

// DeletePolicy brings the defaults back. Errors: fault.ResourceNotFound; those of the store.
func (s *Service) DeletePolicy(ctx context.Context, poolID string) error {
	return s.change(ctx, poolID, map[string]any{"after": nil}, func(tx store.Tx) (bool, error) {
		ok, err := tx.Settings().DeleteSetting(ctx, poolID, Setting)
		if err == nil && !ok {
			err = fault.New(fault.ResourceNotFound)
		}
		return ok, err
	})
}

// change writes a setting with its event, and puts it to use.
func (s *Service) change(ctx context.Context, poolID string, data map[string]any, write func(store.Tx) (bool, error)) error {
	ctx = context.WithoutCancel(ctx)
	s.changing.Lock()
	defer s.changing.Unlock()
	if before, _, err := s.Policy(ctx, poolID); err == nil {
		doc, _ := json.Marshal(before)
		data["before"] = generic(doc)
	}
	if who, ok := ctx.Value(byKey{}).(string); ok {
		data["by"] = who
	}
	ev := s.c.Log.Event(eventlog.Entry{PoolID: poolID, Type: eventlog.GuardChanged, Data: data})
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		ok, err := write(tx)
		if err == nil && !ok {
			err = fault.New(fault.ConcurrentModification).WithPublic("The guards are not those that you read.").
				WithHint("read them again, and repeat with their version")
		}
		if err != nil {
			return err
		}
		return tx.Events().Append(ctx, ev)
	})
	s.policies.Forget(poolID) // even a write that failed may have been committed
	if err != nil {
		return err
	}
	s.c.Log.Publish(ev)
	_, err = s.policy(ctx, poolID)
	return err
}

// generic is a document for the log.
func generic(doc []byte) any {
	var v map[string]any
	if json.Unmarshal(doc, &v) != nil || len(v) == 0 {
		return nil
	}
	return v
}

type byKey struct{}

// By returns a context for changes that says in the log who made them: an access key, an operator.
func By(ctx context.Context, who string) context.Context { return context.WithValue(ctx, byKey{}, who) }

// Limits are a pool's limits for guard.Send.
func (s *Service) Limits(ctx context.Context, poolID string) (guard.Limits, error) {
	p, err := s.policy(ctx, poolID)
	if err != nil {
		return guard.Limits{}, err
	}
	return p.limits, nil
}
