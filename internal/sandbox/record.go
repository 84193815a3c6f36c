package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/otp"
	"countersign/internal/store"
	"countersign/phone"
)

const (
	// kind is that of the records, table and column what the number is sealed to.
	kind   = "destination_number"
	table  = "records"
	column = "number"

	idPrefix = "vdn-"
	// wire and purpose are what codes are bound to, besides the destination number.
	wire                = "sandbox"
	purpose otp.Purpose = "destination_number"
)

// code is an outstanding code.
type code struct {
	ID     string `json:"id"`
	Hash   []byte `json:"hash"`
	Target []byte `json:"target"`
	// Tries is how many wrong answers there were since it was made.
	Tries     int       `json:"tries,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// body is what a record holds in clear.
type body struct {
	Mask string `json:"mask"`
	// Codes are those that are outstanding, the newest last.
	Codes []code `json:"codes,omitempty"`
	// Sent are the times of the last codes, oldest first, at most MaxCodes.
	Sent       []time.Time `json:"sent,omitempty"`
	VerifiedAt time.Time   `json:"verified_at,omitzero"`
}

// entry is a record that was read.
type entry struct {
	row *store.Record
	body
	number phone.Number
}

func (e *entry) status() Status { return Status(e.row.Status) }

// shown is the entry as callers see it at a time.
func (e *entry) shown(now time.Time) Number {
	n := Number{ID: e.row.ID, Number: e.number, Status: e.status(), CreatedAt: e.row.CreatedAt, VerifiedAt: e.VerifiedAt}
	if len(e.Sent) > 0 {
		n.LastCodeAt = e.Sent[len(e.Sent)-1]
	}
	n.Codes = len(e.recent(now))
	return n
}

// recent are the times of the codes that count for MaxCodes.
func (e *entry) recent(now time.Time) []time.Time {
	i := slices.IndexFunc(e.Sent, func(at time.Time) bool { return now.Sub(at) < CodesWithin })
	if i < 0 {
		return nil
	}
	return e.Sent[i:]
}

// live are the outstanding codes as package otp knows them.
func (e *entry) live() []*store.Code {
	out := make([]*store.Code, 0, len(e.Codes))
	for _, c := range e.Codes {
		out = append(out, &store.Code{
			ID: c.ID, PoolID: keyring.Deployment, SubjectID: e.row.ID, Purpose: string(purpose), Wire: wire,
			Hash: c.Hash, Target: c.Target, CreatedAt: c.CreatedAt, ExpiresAt: c.ExpiresAt,
		})
	}
	return out
}

func (e *entry) spec() otp.Spec {
	return otp.Spec{PoolID: keyring.Deployment, SubjectID: e.row.ID, Purpose: purpose, Wire: wire, Target: e.number.String()}
}

// fresh returns the entry of a number that is not kept yet.
func (s *Service) fresh(ctx context.Context, n phone.Number) (*entry, error) {
	now := s.now()
	id := idPrefix + strings.ReplaceAll(store.NewID(now), "-", "")
	hash, err := s.c.Log.NumberHash(ctx, keyring.Deployment, n.String())
	if err != nil {
		return nil, err
	}
	sealed, err := s.c.Keys.SealRecord(ctx, keyring.Deployment, table, id, column, []byte(n.String()))
	if err != nil {
		return nil, err
	}
	row := &store.Record{Kind: kind, PoolID: keyring.Deployment, ID: id, Hash: hash, Status: string(Pending), Sealed: sealed, CreatedAt: now}
	return &entry{row: row, number: n, body: body{Mask: n.Mask()}}, nil
}

// open reads a record.
func (s *Service) open(ctx context.Context, row *store.Record) (*entry, error) {
	e := &entry{row: row}
	if err := json.Unmarshal(row.Body, &e.body); err != nil {
		return nil, fault.Internalf("sandbox: %s: %w", row.ID, err)
	}
	plain, err := s.c.Keys.OpenRecord(ctx, keyring.Deployment, table, row.ID, column, row.Sealed)
	if err != nil {
		return nil, fault.Internalf("sandbox: %s: %w", row.ID, err)
	}
	if e.number, err = phone.Parse(string(plain)); err != nil {
		return nil, fault.Internalf("sandbox: %s: %w", row.ID, err)
	}
	return e, nil
}

// find returns the entry that ref names: an id, or a number with or without its plus. Errors: fault.ResourceNotFound.
func (s *Service) find(ctx context.Context, ref string) (*entry, error) {
	if strings.HasPrefix(ref, idPrefix) {
		return s.read(ctx, func(tx store.Tx) (*store.Record, error) {
			return tx.Records().Record(ctx, kind, keyring.Deployment, ref)
		})
	}
	n, err := phone.Parse("+" + strings.TrimPrefix(ref, "+"))
	if err != nil {
		return nil, notFound()
	}
	return s.of(ctx, n)
}

// of returns the entry of a number. Errors: fault.ResourceNotFound.
func (s *Service) of(ctx context.Context, n phone.Number) (*entry, error) {
	hash, err := s.c.Log.NumberHash(ctx, keyring.Deployment, n.String())
	if err != nil {
		return nil, err
	}
	return s.read(ctx, func(tx store.Tx) (*store.Record, error) {
		return tx.Records().RecordByHash(ctx, kind, keyring.Deployment, hash)
	})
}

func (s *Service) read(ctx context.Context, f func(tx store.Tx) (*store.Record, error)) (*entry, error) {
	var row *store.Record
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		row, err = f(tx)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound()
	}
	if err != nil {
		return nil, err
	}
	return s.open(ctx, row)
}

func notFound() error { return fault.New(fault.ResourceNotFound).WithField("destination_number") }

// errRace: somebody else changed the entry, or the list, since it was read.
var errRace = errors.New("sandbox: changed meanwhile")

// maxRaces is how often a change is tried again.
const maxRaces = 8

// again calls f until it is not outrun by others. Errors: fault.ConcurrentModification if it always is.
func again[T any](f func() (T, error)) (out T, err error) {
	for range maxRaces {
		if out, err = f(); !errors.Is(err, errRace) {
			return out, err
		}
	}
	return out, fault.New(fault.ConcurrentModification).WithField("destination_number")
}

// save writes an entry and its event in one commit, with whatever else belongs to it. Errors: errRace.
func (s *Service) save(ctx context.Context, e *entry, ev eventlog.Entry, also ...func(tx store.Tx) error) error {
	doc, err := json.Marshal(e.body)
	if err != nil {
		return err
	}
	event := s.event(ctx, e, ev)
	s.forget()
	defer s.forget()
	err = s.c.Store.Write(ctx, func(tx store.Tx) error {
		row := *e.row // a Write may run twice
		row.Body, row.UpdatedAt = doc, s.now()
		for _, f := range also {
			if err := f(tx); err != nil {
				return err
			}
		}
		ok, err := tx.Records().PutRecord(ctx, &row)
		if err == nil && !ok {
			err = errRace
		}
		if err != nil {
			return err
		}
		return tx.Events().Append(ctx, event)
	})
	if err == nil {
		s.c.Log.Publish(event)
	}
	return err
}

// event fills in what all events of an entry have: its id and mask, and the hash by which a number's events are found.
func (s *Service) event(ctx context.Context, e *entry, ev eventlog.Entry) *store.Event {
	ev.PoolID, ev.NumberHash, ev.At = keyring.Deployment, e.row.Hash, s.now()
	data := access.Signed(ctx, map[string]any{"destination_number": e.row.ID, "number": e.Mask})
	for k, v := range ev.Data {
		data[k] = v
	}
	ev.Data = data
	return s.c.Log.Event(ev)
}

// changed is the event of what happened to a destination number.
func changed(what string) eventlog.Entry {
	return eventlog.Entry{Type: eventlog.DestinationChanged, Data: map[string]any{"what": what}}
}

func (s *Service) now() time.Time { return s.c.Now().UTC().Truncate(time.Microsecond) }
