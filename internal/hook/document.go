package hook

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/module"
	"countersign/internal/secret"
	"countersign/internal/store"
)

// Kinds of store.Script.
const (
	kindHook   = "hook"
	kindAction = "action"
	kindRule   = "rule"
)

// code is what a script says and what it was built into. It is the whole document of a version.
type code struct {
	Code         string       `json:"code"`
	Dependencies []Dependency `json:"dependencies,omitempty"`
	// TriggerVersion and Runtime are an action's.
	TriggerVersion string `json:"trigger_version,omitempty"`
	Runtime        string `json:"runtime,omitempty"`
	// Secrets are names; the values are sealed in the row.
	Secrets  []Secret         `json:"secrets,omitempty"`
	Modules  []module.Module  `json:"modules,omitempty"`
	Warnings []module.Warning `json:"warnings,omitempty"`
	// Lock is package-lock.json, compressed.
	Lock    []byte    `json:"lock,omitempty"`
	BuiltAt time.Time `json:"built_at,omitzero"`
}

// document is store.Script.Doc.
type document struct {
	code
	// The rest is of actions' drafts. Build names the build that is under way since BuildBegan; Deploy says that it is to be deployed after.
	Status     Status          `json:"status,omitempty"`
	Errors     []BuildError    `json:"errors,omitempty"`
	Changes    []module.Change `json:"changes,omitempty"`
	Build      string          `json:"build,omitempty"`
	BuildBegan time.Time       `json:"build_began,omitzero"`
	Confirm    bool            `json:"confirm,omitempty"`
	Deploy     bool            `json:"deploy,omitempty"`
	// DeployedID is the version that holds exactly the draft, or empty: the draft was changed since.
	DeployedID string `json:"deployed_id,omitempty"`
}

func encode(v any) (json.RawMessage, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fault.Internalf("hook: encode: %w", err)
	}
	return b, nil
}

func decode(row *store.Script) (*document, error) {
	var d document
	if err := json.Unmarshal(row.Doc, &d); err != nil {
		return nil, fault.Internalf("hook: script %s: %w", row.ID, err)
	}
	return &d, nil
}

// pack compresses a lock file.
func pack(lock []byte) []byte {
	if len(lock) == 0 {
		return nil
	}
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(lock) // to memory
	_ = w.Close()
	return b.Bytes()
}

// maxLock bounds an unpacked lock file, in bytes.
const maxLock = 32 << 20

// unpack undoes pack; a lock that cannot be read is none.
func unpack(packed []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil
	}
	lock, err := io.ReadAll(io.LimitReader(r, maxLock))
	if err != nil {
		return nil
	}
	return lock
}

// errRace means that a row changed between reading and writing.
var errRace = errors.New("hook: the script changed meanwhile")

// maxRaces bounds how often a change is tried again.
const maxRaces = 8

// stored makes an error of the store one of ours.
func stored(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNotFound):
		return notFound()
	case errors.Is(err, errRace):
		return fault.New(fault.ConcurrentModification)
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return fault.Internalf("hook: store: %w", err)
}

func notFound() error { return fault.New(fault.ResourceNotFound).WithPublic("It does not exist.") }

// row reads a script of a kind.
func (s *Service) row(ctx context.Context, poolID, kind, id string) (*store.Script, *document, error) {
	var row *store.Script
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		row, err = tx.Scripts().Script(ctx, poolID, id)
		return err
	})
	if err == nil && row.Kind != kind {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, nil, stored(err)
	}
	d, err := decode(row)
	return row, d, err
}

// edit is a change of one script on its way into the store.
type edit struct {
	row *store.Script
	doc *document
	// also runs in the transaction, after the row was written.
	also []func(context.Context, store.Tx) error
	// event tells of the change, or is nil.
	event *eventlog.Entry
}

// change reads a script, has f change it, and writes it. If the row changed meanwhile it begins anew, so f may run several times; f may be slow.
func (s *Service) change(ctx context.Context, poolID, kind, id string, f func(context.Context, *edit) error) (*edit, error) {
	for range maxRaces {
		row, doc, err := s.row(ctx, poolID, kind, id)
		if err != nil {
			return nil, err
		}
		e := &edit{row: row, doc: doc}
		if err := f(ctx, e); err != nil {
			return nil, err
		}
		if err := s.write(ctx, e, nil); !errors.Is(err, errRace) {
			return e, stored(err)
		}
	}
	return nil, fault.New(fault.ConcurrentModification)
}

// write commits an edit: with insert, or as an update where the row's version still matches (else errRace).
func (s *Service) write(ctx context.Context, e *edit, insert func(context.Context, store.Tx) error) (err error) {
	if e.row.Doc, err = encode(e.doc); err != nil {
		return err
	}
	e.row.UpdatedAt = s.now()
	var ev *store.Event
	if e.event != nil {
		if ev, err = s.c.Events.Prepare(ctx, *e.event, secret.Key{}); err != nil {
			return err
		}
	}
	if insert == nil {
		insert = func(ctx context.Context, tx store.Tx) error { return updateRow(ctx, tx, e.row) }
	}
	version := e.row.Version
	err = s.c.Store.Write(ctx, func(tx store.Tx) error {
		e.row.Version = version // the transaction may run twice
		if err := insert(ctx, tx); err != nil {
			return err
		}
		for _, f := range e.also {
			if err := f(ctx, tx); err != nil {
				return err
			}
		}
		if ev != nil {
			return tx.Events().Append(ctx, ev)
		}
		return nil
	})
	s.live.forget(e.row.PoolID)
	if err == nil && ev != nil {
		s.c.Events.Publish(ev)
	}
	return err
}

func updateRow(ctx context.Context, tx store.Tx, row *store.Script) error {
	ok, taken, err := tx.Scripts().UpdateScript(ctx, row)
	switch {
	case err != nil:
		return err
	case taken:
		return nameTaken(row.Kind, row.Name)
	case !ok:
		return errRace
	}
	return nil
}

func nameTaken(kind, name string) error {
	return fault.New(fault.ResourceExists).WithField("name").WithPublic("A %s with the name %q exists already.", kind, name)
}

// insertRow inserts a new script, if there is room for one more of its kind.
func insertRow(row *store.Script, limit int) func(context.Context, store.Tx) error {
	return func(ctx context.Context, tx store.Tx) error {
		n, err := tx.Scripts().CountScripts(ctx, store.ScriptQuery{PoolID: row.PoolID, Kind: row.Kind})
		if err != nil {
			return err
		}
		if n >= limit {
			return fault.New(fault.TooMany).WithField(row.Kind).WithPublic("There are %d %ss already, which is as many as there may be.", n, row.Kind)
		}
		ok, err := tx.Scripts().InsertScript(ctx, row)
		if err == nil && !ok {
			err = nameTaken(row.Kind, row.Name)
		}
		return err
	}
}

// list reads a page of scripts and counts all.
func (s *Service) list(ctx context.Context, q store.ScriptQuery) (rows []*store.Script, total int, err error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	q.Limit, q.Skip = min(q.Limit, maxList), max(q.Skip, 0)
	err = s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		if rows, err = tx.Scripts().ListScripts(ctx, q); err != nil {
			return err
		}
		total, err = tx.Scripts().CountScripts(ctx, q)
		return err
	})
	return rows, total, stored(err)
}
