package registration

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
)

// stored is the body of a record.
type stored struct {
	Registration
	// Warned is how many days before its end its last warning was given; 0: none yet.
	Warned int `json:"warned,omitempty"`
}

func toRecord(x stored) (*store.Record, error) {
	r := x.Registration
	x.ID, x.PoolID, x.Version, x.CreatedAt, x.UpdatedAt = "", "", 0, time.Time{}, time.Time{}
	body, err := json.Marshal(x)
	if err != nil {
		return nil, fault.Internalf("registration: %w", err)
	}
	return &store.Record{Kind: RecordKind, PoolID: r.PoolID, ID: r.ID, Name: r.Name, Country: r.Country, Status: string(r.Status), Type: string(r.Kind),
		Body: body, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, ExpiresAt: r.ExpiresAt}, nil
}

func fromRecord(rec *store.Record) (stored, error) {
	var x stored
	if err := json.Unmarshal(rec.Body, &x); err != nil {
		return stored{}, fault.Internalf("registration: %w", err)
	}
	x.ID, x.PoolID, x.Version, x.CreatedAt, x.UpdatedAt = rec.ID, rec.PoolID, rec.Version, rec.CreatedAt, rec.UpdatedAt
	return x, nil
}

// newID has the form of AWS's registration ids, in the order of time.
func newID(now time.Time) string {
	return "registration-" + strings.ReplaceAll(store.NewID(now), "-", "")
}

// at is a registration as it stands at a time: what has run out is expired, whatever it was.
func (r Registration) at(now time.Time) Registration {
	if !r.ExpiresAt.IsZero() && !now.Before(r.ExpiresAt) && r.Status == Approved {
		r.Status = Expired
	}
	return r
}

// Registration returns one of a pool by its id or name. Errors: fault.ResourceNotFound.
func (s *Service) Registration(ctx context.Context, poolID, idOrName string) (Registration, error) {
	var x stored
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		x, err = find(ctx, tx, poolID, idOrName)
		return err
	})
	return x.at(s.c.Now()), err
}

func find(ctx context.Context, tx store.Tx, poolID, idOrName string) (stored, error) {
	rec, err := tx.Records().Record(ctx, RecordKind, poolID, idOrName)
	if errors.Is(err, store.ErrNotFound) && idOrName != "" {
		rec, err = tx.Records().RecordByName(ctx, RecordKind, poolID, idOrName)
	}
	if errors.Is(err, store.ErrNotFound) {
		return stored{}, fault.New(fault.ResourceNotFound).WithField("registration")
	}
	if err != nil {
		return stored{}, err
	}
	return fromRecord(rec)
}

// Put creates a registration (Version 0; its ID is given then) or replaces the one of that ID and Version, and returns it as it is stored.
// Errors: fault.InvalidParameter with the field's name, fault.ResourceExists for a name that is taken, fault.ResourceNotFound,
// fault.ConcurrentModification, fault.TooMany.
func (s *Service) Put(ctx context.Context, r Registration) (Registration, error) {
	ctx = context.WithoutCancel(ctx)
	now := s.c.Now().UTC().Truncate(time.Microsecond)
	r = tidy(r)
	if err := r.check(); err != nil {
		return Registration{}, err
	}
	if r.UpdatedAt = now; r.Version == 0 {
		r.ID, r.CreatedAt = newID(now), now
	}
	var done stored
	var ev *store.Event
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		done = stored{Registration: r}
		before, err := s.mayPut(ctx, tx, &done)
		if err != nil {
			return err
		}
		rec, err := toRecord(done)
		if err != nil {
			return err
		}
		ok, err := tx.Records().PutRecord(ctx, rec)
		if err != nil || !ok {
			return orConflict(err)
		}
		done.Version = r.Version + 1
		ev = s.changed(ctx, r.PoolID, map[string]any{
			"what": "registration", "id": r.ID, "name": r.Name, "before": document(before), "after": document(&done.Registration),
		})
		return tx.Events().Append(ctx, ev)
	})
	s.forget(r.PoolID)
	if err != nil {
		return Registration{}, err
	}
	s.c.Log.Publish(ev)
	return done.at(now), nil
}

// mayPut refuses what the rows that are there forbid, and returns the registration as it was, nil for a new one.
func (s *Service) mayPut(ctx context.Context, tx store.Tx, x *stored) (*Registration, error) {
	other, err := tx.Records().RecordByName(ctx, RecordKind, x.PoolID, x.Name)
	if err == nil && other.ID != x.ID {
		return nil, fault.New(fault.ResourceExists).WithField("name").WithPublic("There is a registration of this name.")
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	if err := checkParent(ctx, tx, &x.Registration); err != nil {
		return nil, err
	}
	if x.Version == 0 {
		n, err := tx.Records().CountRecords(ctx, RecordKind, x.PoolID, "")
		if err == nil && n >= MaxEach {
			err = fault.New(fault.TooMany).WithPublic("There are at most %d registrations.", MaxEach)
		}
		return nil, err
	}
	old, err := find(ctx, tx, x.PoolID, x.ID)
	switch {
	case err != nil:
		return nil, err
	case old.ID != x.ID: // a name instead of an id
		return nil, fault.New(fault.ResourceNotFound).WithField("registration")
	case old.Version != x.Version:
		return nil, fault.New(fault.ConcurrentModification)
	case old.Kind != x.Kind:
		return nil, fault.Invalidf("kind", "The kind of a registration cannot be changed.")
	case old.Country != x.Country:
		return nil, fault.Invalidf("country", "The country of a registration cannot be changed.")
	}
	if x.CreatedAt = old.CreatedAt; old.ExpiresAt.Equal(x.ExpiresAt) {
		x.Warned = old.Warned
	}
	return &old.Registration, nil
}

// checkParent refuses a registration whose ParentID names none that may be above it. One of a pool may stand under one of all pools.
func checkParent(ctx context.Context, tx store.Tx, r *Registration) error {
	if r.ParentID == "" {
		return nil
	}
	parent, err := find(ctx, tx, r.PoolID, r.ParentID)
	if errors.Is(err, fault.New(fault.ResourceNotFound)) && r.PoolID != "" {
		parent, err = find(ctx, tx, "", r.ParentID)
	}
	if errors.Is(err, fault.New(fault.ResourceNotFound)) {
		return fault.Invalidf("parent_id", "There is no registration %s.", r.ParentID)
	}
	if err != nil {
		return err
	}
	if !r.Kind.mayStandUnder(parent.Kind) || parent.Country != r.Country {
		return fault.Invalidf("parent_id", "A %s of %s cannot stand under a %s of %s.", r.Kind, r.Country, parent.Kind, parent.Country)
	}
	r.ParentID = parent.ID
	return nil
}

// Delete removes a registration, by its id or name, under which no other of its pool stands. Errors: fault.ResourceNotFound, fault.InvalidParameter.
func (s *Service) Delete(ctx context.Context, poolID, idOrName string) error {
	ctx = context.WithoutCancel(ctx)
	var ev *store.Event
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		old, err := find(ctx, tx, poolID, idOrName)
		if err != nil {
			return err
		}
		all, err := all(ctx, tx, poolID)
		if err != nil {
			return err
		}
		for _, r := range all {
			if r.ParentID == old.ID {
				return fault.Invalidf("registration", "The registration %s stands under this one.", r.Name)
			}
		}
		ok, err := tx.Records().DeleteRecord(ctx, RecordKind, poolID, old.ID)
		if err != nil || !ok {
			return orConflict(err)
		}
		ev = s.changed(ctx, poolID, map[string]any{"what": "registration", "id": old.ID, "name": old.Name, "before": document(&old.Registration)})
		return tx.Events().Append(ctx, ev)
	})
	s.forget(poolID)
	if err != nil {
		return err
	}
	s.c.Log.Publish(ev)
	return nil
}

// allPools is the PoolID of registrations that hold for every pool.
const allPools = ""

// Reset takes the registrations and settings of the deployment back to none, and forgets what is remembered of pools. It is for development.
func (s *Service) Reset(ctx context.Context) error {
	ev := s.changed(ctx, allPools, map[string]any{"what": "reset"})
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		if _, err := tx.Records().DeleteRecords(ctx, RecordKind, allPools); err != nil {
			return err
		}
		if _, err := tx.Settings().DeleteSetting(ctx, allPools, SettingName); err != nil {
			return err
		}
		return tx.Events().Append(ctx, ev)
	})
	s.forget(allPools)
	if err == nil {
		s.c.Log.Publish(ev)
	}
	return err
}

// all returns the registrations of a pool, or of all pools for "", by id.
func all(ctx context.Context, tx store.Tx, poolID string) ([]stored, error) {
	rows, err := tx.Records().ListRecords(ctx, store.RecordQuery{Kind: RecordKind, PoolID: poolID, Limit: MaxEach})
	if err != nil {
		return nil, err
	}
	out := make([]stored, 0, len(rows))
	for _, row := range rows {
		if row.PoolID != poolID {
			continue
		}
		x, err := fromRecord(row)
		if err != nil {
			return nil, err
		}
		out = append(out, x)
	}
	return out, nil
}

func orConflict(err error) error {
	if err != nil {
		return err
	}
	return fault.New(fault.ConcurrentModification)
}

// changed makes the event of a change.
func (s *Service) changed(ctx context.Context, poolID string, data map[string]any) *store.Event {
	return s.c.Log.Event(eventlog.Entry{PoolID: poolID, Type: eventlog.RegistrationChanged, Data: by(ctx, data)})
}

// document is a registration for the log; nil if there is none.
func document(v any) any {
	if r, ok := v.(*Registration); ok && r == nil {
		return nil
	}
	doc, err := json.Marshal(v)
	var out map[string]any
	if err != nil || json.Unmarshal(doc, &out) != nil {
		return nil
	}
	return out
}
