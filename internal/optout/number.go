package optout

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"

	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/phone"
)

// Keys is what opt-outs need of the keyring.
type Keys interface {
	SealRecord(ctx context.Context, poolID, table, row, column string, plaintext []byte) ([]byte, error)
	OpenRecord(ctx context.Context, poolID, table, row, column string, sealed []byte) ([]byte, error)
}

const (
	listPrefix = "list:"
	// maxList is how long a list's name may be (End User Messaging API reference, CreateOptOutList).
	maxList = 64

	kind   = "opted_out_number"
	table  = "records"
	column = "number"
)

// List returns the sender that stands for a named list of the pool.
func List(name string) string { return listPrefix + name }

// IsList reports whether a sender stands for a named list.
func IsList(sender string) bool { return strings.HasPrefix(sender, listPrefix) }

// PlaceAfter is the place after all opt-outs of a number, as Query.After takes it.
func PlaceAfter(number []byte) string { return Place(&store.OptOut{Number: number, Sender: "~"}) }

func recordID(hash []byte) string { return "optout-" + hex.EncodeToString(hash) }

// seal returns the record that keeps an operator's number, or nil.
func (s *Service) seal(ctx context.Context, o *store.OptOut, number phone.Number) (*store.Record, error) {
	if s.c.Keys == nil || o.Source != Operator {
		return nil, nil
	}
	id, now := recordID(o.Number), s.c.Now().UTC()
	sealed, err := s.c.Keys.SealRecord(ctx, o.PoolID, table, id, column, []byte(number.String()))
	if err != nil {
		return nil, err
	}
	return &store.Record{
		Kind: kind, PoolID: o.PoolID, ID: id, Hash: o.Number, Body: []byte("{}"), Sealed: sealed, CreatedAt: now, UpdatedAt: now,
	}, nil
}

// dropNumber forgets the number of a hash that no opt-out is left of.
func (s *Service) dropNumber(ctx context.Context, tx store.Tx, poolID string, hash []byte) error {
	left, err := tx.OptOuts().OptedOut(ctx, poolID, hash)
	if err == nil && len(left) == 0 {
		_, err = tx.Records().DeleteRecord(ctx, kind, poolID, recordID(hash))
	}
	return err
}

// Numbers returns the numbers of opt-outs, as far as they are kept, by their keyed hash.
func (s *Service) Numbers(ctx context.Context, list []*store.OptOut) (map[string]phone.Number, error) {
	out := map[string]phone.Number{}
	if s.c.Keys == nil {
		return out, nil
	}
	var rows []*store.Record
	err := s.c.Store.Read(ctx, func(tx store.Tx) error {
		for _, o := range list {
			row, err := tx.Records().Record(ctx, kind, o.PoolID, recordID(o.Number))
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	})
	for _, row := range rows {
		plain, err := s.c.Keys.OpenRecord(ctx, row.PoolID, table, row.ID, column, row.Sealed)
		if err != nil {
			return nil, fault.Internalf("optout: %s: %w", row.ID, err)
		}
		if n, err := phone.Parse(string(plain)); err == nil {
			out[string(row.Hash)] = n
		}
	}
	return out, err
}

// Clear lifts all opt-outs of one sender, at most limit, and returns how many there were.
func (s *Service) Clear(ctx context.Context, poolID, sender string, limit int) (n int, err error) {
	sender = Sender(sender)
	for n < limit {
		list, _, err := s.List(ctx, Query{PoolID: poolID, Sender: sender, Limit: min(maxPage, limit-n)})
		if err != nil || len(list) == 0 {
			return n, err
		}
		var events []*store.Event
		err = s.c.Store.Write(ctx, func(tx store.Tx) error {
			events = nil
			for _, o := range list {
				_, ev, err := s.lift(ctx, tx, poolID, sender, o.Number, Operator)
				if err != nil {
					return err
				}
				if ev != nil {
					events = append(events, ev)
				}
			}
			return nil
		})
		if err != nil {
			return n, err
		}
		for _, ev := range events {
			s.c.Log.Publish(ev)
		}
		n += len(list)
	}
	return n, nil
}
