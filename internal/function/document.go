package function

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/store"
)

// Where sealed environments live. Published versions carry the bytes of the function's row.
const (
	envTable  = "functions"
	envColumn = "env"
)

// code is what a version is made of, as it is kept in Doc.
type code struct {
	Settings Settings `json:"settings"`
	Size     int64    `json:"size"`
	HasEnv   bool     `json:"has_env,omitempty"`
	// Revision changes with code, configuration and environment alone: workers are named by it.
	Revision   string    `json:"revision"`
	ModifiedAt time.Time `json:"modified_at"`
	Notes      []string  `json:"notes,omitempty"`
}

// document is store.Function.Doc.
type document struct {
	code
	// Policies by qualifier; "" is the function's own.
	Policies map[string]*resourcePolicy `json:"policies,omitempty"`
	Tags     map[string]string          `json:"tags,omitempty"`
	Reserved *int                       `json:"reserved,omitempty"`
}

func decode[T any](raw json.RawMessage) (*T, error) {
	d := new(T)
	if err := json.Unmarshal(raw, d); err != nil {
		return nil, fault.Internalf("function: row: %w", err)
	}
	return d, nil
}

func encode(v any) (json.RawMessage, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fault.Internalf("function: row: %w", err)
	}
	return b, nil
}

// sealEnv seals an environment; nil for an empty one.
func (s *Service) sealEnv(ctx context.Context, functionID string, env map[string]string) ([]byte, error) {
	if len(env) == 0 {
		return nil, nil
	}
	plain, err := json.Marshal(env)
	if err != nil {
		return nil, fault.Internalf("function: environment cannot be encoded")
	}
	defer clear(plain)
	sealed, err := s.c.Keys.SealRecord(ctx, keyring.Deployment, envTable, functionID, envColumn, plain)
	if err != nil {
		return nil, fault.Internalf("function: seal environment: %w", err)
	}
	return sealed, nil
}

func (s *Service) openEnv(ctx context.Context, functionID string, sealed []byte) (map[string]string, error) {
	if len(sealed) == 0 {
		return map[string]string{}, nil
	}
	plain, err := s.c.Keys.OpenRecord(ctx, keyring.Deployment, envTable, functionID, envColumn, sealed)
	if err != nil {
		return nil, fault.Internalf("function: open environment of %s: %w", functionID, err)
	}
	defer clear(plain)
	var env map[string]string
	if json.Unmarshal(plain, &env) != nil {
		return nil, fault.Internalf("function: environment of %s cannot be decoded", functionID)
	}
	return env, nil
}

// info is what may be shown of a version of f.
func (s *Service) info(ref Ref, f *store.Function, d *document, c *code, version, artifact string, created time.Time) *Info {
	i := &Info{
		ID: f.ID, Region: f.Region, Name: f.Name, ARN: ref.ARN(s.c.Account), Version: version, Settings: c.Settings, HasEnv: c.HasEnv,
		Artifact: artifact, CodeSize: c.Size, Revision: c.Revision, CreatedAt: created, ModifiedAt: c.ModifiedAt,
		Tags: maps.Clone(d.Tags), Reserved: d.Reserved, Notes: slices.Clone(c.Notes), CodeSHA256: base64Hash(artifact),
	}
	note, err := s.check(c.Settings.Runtime)
	if err != nil {
		i.Unavailable = err.Error()
	}
	if note != "" {
		i.Notes = append(i.Notes, note)
	}
	return i
}

// check asks whether a runtime can run on this node.
func (s *Service) check(runtime string) (note string, err error) {
	if s.c.Runner == nil {
		return "", errors.New("functions cannot run on this server: no runner is configured")
	}
	return s.c.Runner.Check(runtime)
}

func base64Hash(hexHash string) string {
	b, err := hex.DecodeString(hexHash)
	if err != nil {
		return ""
	}
	return base64.StdEncoding.EncodeToString(b)
}

// read returns a function and its document. The error is fault.ResourceNotFound if there is none.
func (s *Service) read(ctx context.Context, tx store.Tx, ref Ref) (*store.Function, *document, error) {
	f, err := tx.Functions().Function(ctx, ref.Region, ref.Name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil, s.notFound(ref)
	}
	if err != nil {
		return nil, nil, fault.Internalf("function: read: %w", err)
	}
	d, err := decode[document](f.Doc)
	return f, d, err
}

// draft is a change in the making.
type draft struct {
	row *store.Function
	doc *document
	// also writes what belongs to the same commit. It may run more than once.
	also []func(context.Context, store.Tx) error
	// data is for the event.
	data map[string]any
}

// attempts bounds how often a change that lost a race is made again.
const attempts = 5

// errRace makes change begin anew.
var errRace = errors.New("function: the row changed meanwhile")

// change reads a function, lets edit change the draft, and commits it with an event; again if it lost a race. edit may run
// more than once and must not write.
func (s *Service) change(ctx context.Context, ref Ref, action string, edit func(context.Context, *draft) error) (*draft, error) {
	if err := ref.validate(); err != nil {
		return nil, err
	}
	for range attempts {
		d := &draft{data: map[string]any{}}
		err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
			d.row, d.doc, err = s.read(ctx, tx, ref.Unqualified())
			return err
		})
		if err != nil {
			return nil, err
		}
		if err = edit(ctx, d); err == nil {
			err = s.commit(ctx, ref, action, d)
		}
		if errors.Is(err, errRace) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return d, nil
	}
	return nil, fault.New(fault.ConcurrentModification)
}

func (s *Service) commit(ctx context.Context, ref Ref, action string, d *draft) error {
	now := s.now()
	row := *d.row
	var err error
	if row.Doc, err = encode(d.doc); err != nil {
		return err
	}
	row.UpdatedAt = now
	ev := s.changed(ref, action, d.data, now)
	err = s.c.Store.Write(ctx, func(tx store.Tx) error {
		ok, err := tx.Functions().UpdateFunction(ctx, &row)
		if err != nil {
			return err
		}
		if !ok {
			return errRace
		}
		for _, f := range d.also {
			if err := f(ctx, tx); err != nil {
				return err
			}
		}
		return tx.Events().Append(ctx, ev)
	})
	s.forget(ref)
	if err != nil {
		return stored(err)
	}
	row.Version++
	*d.row = row
	s.c.Events.Publish(ev)
	return nil
}

// stored keeps faults and errRace as they are and wraps the store's errors.
func stored(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok || err == nil || errors.Is(err, errRace) {
		return err
	}
	return fault.Internalf("function: store: %w", err)
}

// changed is the event of a change. data holds no value of the environment.
func (s *Service) changed(ref Ref, action string, data map[string]any, at time.Time) *store.Event {
	all := map[string]any{"function": ref.Unqualified().ARN(s.c.Account), "action": action}
	if ref.Qualifier != "" {
		all["qualifier"] = ref.Qualifier
	}
	maps.Copy(all, data)
	return s.c.Events.Event(eventlog.Entry{Type: eventlog.FunctionChanged, Data: all, At: at})
}

// revision compares a precondition.
func revision(want string, have ...string) error {
	if want != "" && !slices.Contains(have, want) {
		return &fault.Error{Code: fault.ConcurrentModification, Field: "RevisionId",
			Public: "The Revision Id provided does not match the latest Revision Id. Read the function or alias again and use its RevisionId."}
	}
	return nil
}

func itoa(n int) string { return strconv.Itoa(n) }
