package kms

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"countersign/internal/fault"
	"countersign/internal/store"
)

// cache holds keys in memory. It is bounded; what is dropped is read again.
type cache struct {
	mu      sync.RWMutex
	records map[string]*cached
	// changes counts what forget dropped: a record that was read before a change on this node is not kept after it.
	changes uint64
}

type cached struct {
	*record
	// checked is when the version was last compared, in microseconds; checking is held by who compares it.
	checked  atomic.Int64
	checking atomic.Bool
}

// get returns a key by id from memory. Its version is compared every checkEvery; while one caller does so others go on for
// as long again with what they have.
func (s *Service) get(ctx context.Context, id string) (*record, error) {
	now := s.now().UnixMicro()
	s.cache.mu.RLock()
	e := s.cache.records[id]
	s.cache.mu.RUnlock()
	if e == nil {
		return s.fetch(ctx, id)
	}
	age, limit := now-e.checked.Load(), checkEvery.Microseconds()
	if age < limit && age > -limit {
		return s.fresh(ctx, e.record)
	}
	if !e.checking.CompareAndSwap(false, true) {
		if age < 2*limit && age > 0 {
			return s.fresh(ctx, e.record)
		}
		return s.fetch(ctx, id)
	}
	defer e.checking.Store(false)
	var v int64
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		v, err = tx.KMS().KMSKeyVersion(ctx, id)
		return err
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.forget(id)
		return nil, unknown(id)
	case err != nil:
		return nil, stored(err)
	case v != e.row.Version:
		return s.fetch(ctx, id)
	}
	e.checked.Store(now)
	return s.fresh(ctx, e.record)
}

// fetch reads a key and keeps it.
func (s *Service) fetch(ctx context.Context, id string) (*record, error) {
	now := s.now().UnixMicro()
	s.cache.mu.RLock()
	before := s.cache.changes
	s.cache.mu.RUnlock()
	r, err := s.load(ctx, id)
	if err != nil {
		if fault.CodeOf(err) == fault.ResourceNotFound {
			s.forget(id)
		}
		return nil, err
	}
	s.cache.mu.Lock()
	if s.cache.changes == before {
		for other := range s.cache.records {
			if len(s.cache.records) < maxCached {
				break
			}
			delete(s.cache.records, other)
		}
		e := &cached{record: r}
		e.checked.Store(now)
		s.cache.records[id] = e
	}
	s.cache.mu.Unlock()
	return s.fresh(ctx, r)
}

// forget drops a key that was changed on this node.
func (s *Service) forget(id string) {
	s.cache.mu.Lock()
	defer s.cache.mu.Unlock()
	s.cache.changes++
	delete(s.cache.records, id)
}

// fresh refuses a key whose time has come and rotates one that is due. If that fails the older material still serves.
func (s *Service) fresh(ctx context.Context, r *record) (*record, error) {
	now := s.now()
	if !r.row.DeleteAt.IsZero() && !r.row.DeleteAt.After(now) {
		return nil, unknown(r.row.ID)
	}
	if !r.due(now) {
		return r, nil
	}
	if next, err := s.rotate(ctx, r); err == nil {
		return next, nil
	}
	return r, nil
}

// find returns the key that a reference names, with the reference's own spelling in the error if there is none.
func (s *Service) find(ctx context.Context, region, name string) (*record, error) {
	ref, err := s.parse(region, name)
	if err != nil {
		return nil, err
	}
	if ref.alias != "" {
		if ref.id, err = s.aliased(ctx, ref); err != nil {
			return nil, err
		}
	}
	r, err := s.get(ctx, ref.id)
	if fault.CodeOf(err) == fault.ResourceNotFound || err == nil && r.row.Region != ref.region {
		if ref.alias == "" && !isARN(name) {
			name = s.keyARN(ref.region, ref.id)
		}
		return nil, unknown(name)
	}
	return r, err
}

func isARN(name string) bool { return len(name) > 4 && name[:4] == "arn:" }

// aliased returns the id of the key that an alias leads to.
func (s *Service) aliased(ctx context.Context, ref reference) (string, error) {
	var a *store.KMSAlias
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		a, err = tx.KMS().KMSAlias(ctx, ref.region, ref.alias)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return "", unknown(s.arn(ref.region, ref.alias))
	}
	if err != nil {
		return "", stored(err)
	}
	return a.KeyID, nil
}
