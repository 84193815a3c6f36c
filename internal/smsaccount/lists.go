package smsaccount

import (
	"context"
	"errors"
	"strings"
	"time"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/optout"
	"countersign/internal/store"
)

const (
	// listKind is that of the records of opt-out lists.
	listKind = "opt_out_list"
	// MaxLists is how many opt-out lists there may be, with the Default one.
	MaxLists    = 10
	maxListName = 64
)

// OptOutLists returns the opt-out lists with these names (none: all), by name, the Default one first. Errors: fault.ResourceNotFound.
func (s *Service) OptOutLists(ctx context.Context, names ...string) ([]OptOutList, error) {
	if len(names) > 0 {
		out := make([]OptOutList, 0, len(names))
		for _, name := range names {
			l, err := s.list(ctx, name)
			if err != nil {
				return nil, err
			}
			out = append(out, l)
		}
		return out, nil
	}
	first, err := s.list(ctx, DefaultList)
	if err != nil {
		return nil, err
	}
	out := []OptOutList{first}
	err = s.c.Store.Read(ctx, func(tx store.Tx) error {
		rows, err := tx.Records().ListRecords(ctx, store.RecordQuery{Kind: listKind, PoolID: keyring.Deployment, Sort: "name", Limit: MaxLists})
		for _, row := range rows {
			out = append(out, OptOutList{row.Name, row.CreatedAt})
		}
		return err
	})
	return out, err
}

// list returns a list by its name. The Default one is as old as the account pool. Errors: fault.ResourceNotFound.
func (s *Service) list(ctx context.Context, name string) (l OptOutList, err error) {
	pool := ""
	if name == DefaultList {
		if pool, err = s.Pool(ctx); err != nil {
			return l, err
		}
	}
	err = s.c.Store.Read(ctx, func(tx store.Tx) error {
		if pool != "" {
			p, err := tx.Pools().Pool(ctx, pool)
			if err == nil {
				l = OptOutList{name, p.CreatedAt}
			}
			return err
		}
		row, err := tx.Records().RecordByName(ctx, listKind, keyring.Deployment, name)
		if err == nil {
			l = OptOutList{row.Name, row.CreatedAt}
		}
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = noList()
	}
	return l, err
}

func noList() error { return fault.New(fault.ResourceNotFound).WithField("opt_out_list") }

// CreateOptOutList adds a list. Errors: fault.InvalidParameter (name), fault.ResourceExists, fault.TooMany.
func (s *Service) CreateOptOutList(ctx context.Context, name string) (OptOutList, error) {
	if name == "" || len(name) > maxListName || strings.ContainsFunc(name, notOfName) {
		return OptOutList{}, fault.Invalidf("name", "A list's name is 1 to %d letters, digits, hyphens and underscores.", maxListName)
	}
	now := s.c.Now().UTC().Truncate(time.Microsecond)
	ev := s.listEvent(ctx, "opt-out list created", name)
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		n, err := tx.Records().CountRecords(ctx, listKind, keyring.Deployment, "")
		if err != nil {
			return err
		}
		if n+1 >= MaxLists {
			return fault.New(fault.TooMany).WithField("opt_out_list").WithPublic("There may be at most %d opt-out lists.", MaxLists)
		}
		row := &store.Record{
			Kind: listKind, PoolID: keyring.Deployment, ID: name, Name: name, Body: []byte("{}"), CreatedAt: now, UpdatedAt: now,
		}
		ok := name != DefaultList
		if ok {
			ok, err = tx.Records().PutRecord(ctx, row)
		}
		if err == nil && !ok {
			err = fault.New(fault.ResourceExists).WithField("opt_out_list")
		}
		if err != nil {
			return err
		}
		return tx.Events().Append(ctx, ev)
	})
	if err != nil {
		return OptOutList{}, err
	}
	s.c.Log.Publish(ev)
	return OptOutList{name, now}, nil
}

func notOfName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// maxLifts is how many numbers one DeleteOptOutList takes off its list.
const maxLifts = 100_000

// DeleteOptOutList takes a list and its numbers away. Errors: fault.ResourceNotFound, fault.PoolProtected for the Default one.
func (s *Service) DeleteOptOutList(ctx context.Context, name string) (OptOutList, error) {
	if name == DefaultList {
		return OptOutList{}, fault.New(fault.PoolProtected).WithField("opt_out_list").WithPublic("The Default opt-out list cannot be deleted.")
	}
	l, err := s.list(ctx, name)
	if err != nil {
		return l, err
	}
	pool, err := s.Pool(ctx)
	if err != nil {
		return l, err
	}
	if _, err := s.c.OptOuts.Clear(ctx, pool, optout.List(name), maxLifts); err != nil {
		return l, err
	}
	ev := s.listEvent(ctx, "opt-out list deleted", name)
	err = s.c.Store.Write(ctx, func(tx store.Tx) error {
		ok, err := tx.Records().DeleteRecord(ctx, listKind, keyring.Deployment, name)
		if err == nil && !ok {
			err = noList()
		}
		if err != nil {
			return err
		}
		return tx.Events().Append(ctx, ev)
	})
	if err == nil {
		s.c.Log.Publish(ev)
	}
	return l, err
}

func (s *Service) listEvent(ctx context.Context, what, name string) *store.Event {
	return s.c.Log.Event(eventlog.Entry{
		PoolID: keyring.Deployment, Type: eventlog.SMSAccountChanged, At: s.c.Now(), Data: access.Signed(ctx, map[string]any{"what": what, "list": name}),
	})
}
