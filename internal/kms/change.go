package kms

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/store"
)

// change is what is to become of a key.
type change struct {
	doc      *document
	deleteAt time.Time
	// material replaces the material, if set.
	material []byte
	// also runs in the transaction, if set.
	also func(tx store.Tx) error
	// event is added to the event's data.
	event map[string]any
}

var errChanged = errors.New("kms: the key was changed meanwhile")

// change asks whether the caller may act, lets f decide what becomes of the key, and writes it; anew if the key changed meanwhile.
func (s *Service) change(ctx context.Context, c Caller, name, action string, f func(r *record, n *change) error) (*Key, error) {
	for range tries {
		r, err := s.find(ctx, c.Region, name)
		if err != nil {
			return nil, err
		}
		if r, err = s.load(ctx, r.row.ID); err != nil {
			return nil, err
		}
		if err := s.may(ctx, c, r, action, nil); err != nil {
			return nil, err
		}
		next, err := s.apply(ctx, c, r, action, f)
		if errors.Is(err, errChanged) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return next.key(), nil
	}
	return nil, fault.New(fault.ConcurrentModification)
}

// apply makes one change of a key that was just read. The error is errChanged if somebody else was faster.
func (s *Service) apply(ctx context.Context, c Caller, r *record, action string, f func(r *record, n *change) error) (*record, error) {
	n := &change{doc: r.doc.clone(), deleteAt: r.row.DeleteAt, event: map[string]any{}}
	if err := f(r, n); err != nil {
		return nil, err
	}
	row := *r.row
	row.DeleteAt, row.UpdatedAt = n.deleteAt, s.now()
	var err error
	if row.Doc, err = json.Marshal(n.doc); err != nil {
		return nil, fault.Internalf("kms: %w", err)
	}
	if n.material != nil {
		if row.Sealed, err = s.c.Keyring.SealRecord(ctx, keyring.Deployment, table, row.ID, column, n.material); err != nil {
			return nil, stored(err)
		}
	}
	err = s.write(ctx, s.event(c, action, r.arn, row.UpdatedAt, n.event), func(tx store.Tx) error {
		ok, err := tx.KMS().UpdateKMSKey(ctx, &row)
		if err == nil && !ok {
			err = errChanged
		}
		if err != nil || n.also == nil {
			return err
		}
		return n.also(tx)
	})
	s.forget(row.ID)
	if err != nil {
		return nil, err
	}
	row.Version++
	next := *r
	next.row, next.doc = &row, n.doc
	if n.material != nil {
		next.material = n.material
	}
	return &next, nil
}
