package function

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"

	"countersign/internal/fault"
	"countersign/internal/store"
)

// Create makes a function. The errors are fault.ResourceExists, fault.InvalidParameter, fault.UnsupportedOperation (a runtime
// or architecture that cannot run here, by name), fault.PayloadTooLarge and fault.TooMany.
func (s *Service) Create(ctx context.Context, c *Create) (*Info, error) {
	ref := Ref{Region: c.Region, Name: c.Name}
	set := c.Settings
	if err := ref.validate(); err != nil {
		return nil, err
	}
	if err := firstOf(set.normalize(s.c.Limits), judgeEnvironment(c.Env), judgeTags(c.Tags)); err != nil {
		return nil, err
	}
	if err := s.room(ctx, ref); err != nil {
		return nil, err
	}
	files, hash, err := s.accept(ctx, c.Package)
	if err != nil {
		return nil, err
	}
	if missing := judgeHandlerFile(&set, files); missing != "" {
		return nil, badPackage(missing)
	}
	if err := s.keep(ctx, hash, c.Package); err != nil {
		return nil, err
	}
	now := s.now()
	row := &store.Function{ID: store.NewID(now), Region: c.Region, Name: c.Name, Artifact: hash, CreatedAt: now, UpdatedAt: now}
	doc := &document{Tags: maps.Clone(c.Tags), code: code{
		Settings: set, Size: int64(len(c.Package)), HasEnv: len(c.Env) > 0, Revision: store.NewID(now), ModifiedAt: now,
	}}
	if row.SealedEnv, err = s.sealEnv(ctx, row.ID, c.Env); err != nil {
		return nil, err
	}
	s.warn(ref, &set)
	if err := s.insert(ctx, ref, row, doc, c.Publish); err != nil {
		return nil, err
	}
	if c.Publish {
		ref.Qualifier = itoa(int(row.LastVersion))
		return s.info(ref, row, doc, &doc.code, ref.Qualifier, hash, now), nil
	}
	return s.info(ref, row, doc, &doc.code, Latest, hash, now), nil
}

func (s *Service) insert(ctx context.Context, ref Ref, row *store.Function, doc *document, publish bool) error {
	var version *store.FunctionVersion
	var err error
	if publish {
		row.LastVersion = 1
		if version, err = newVersion(row, &doc.code); err != nil {
			return err
		}
	}
	if row.Doc, err = encode(doc); err != nil {
		return err
	}
	ev := s.changed(ref, "create", map[string]any{"runtime": doc.Settings.Runtime, "code_sha256": base64Hash(row.Artifact)}, row.CreatedAt)
	err = s.c.Store.Write(ctx, func(tx store.Tx) error {
		ok, err := tx.Functions().InsertFunction(ctx, row)
		if err != nil {
			return err
		}
		if !ok {
			return &fault.Error{Code: fault.ResourceExists, Field: ref.Name, Public: "Function already exist: " + ref.Name}
		}
		if version != nil {
			if err := tx.Functions().InsertFunctionVersion(ctx, version); err != nil {
				return err
			}
		}
		return tx.Events().Append(ctx, ev)
	})
	s.forget(ref)
	if err != nil {
		return stored(err)
	}
	s.c.Events.Publish(ev)
	return nil
}

// room refuses what would be too much or is there already, before a large package is looked at. The insert decides.
func (s *Service) room(ctx context.Context, ref Ref) error {
	return s.c.Store.Read(ctx, func(tx store.Tx) error {
		if _, err := tx.Functions().Function(ctx, ref.Region, ref.Name); err == nil {
			return &fault.Error{Code: fault.ResourceExists, Field: ref.Name, Public: "Function already exist: " + ref.Name}
		} else if !errors.Is(err, store.ErrNotFound) {
			return stored(err)
		}
		all, err := tx.Functions().ListFunctions(ctx, ref.Region, "", s.c.Limits.Functions)
		if err != nil {
			return stored(err)
		}
		if len(all) >= s.c.Limits.Functions {
			return &fault.Error{Code: fault.TooMany, Field: "Functions", Public: "The region has as many functions as it may have."}
		}
		return nil
	})
}

// warn logs what will not stop the function from being kept.
func (s *Service) warn(ref Ref, set *Settings) {
	note, err := s.check(set.Runtime)
	if err != nil {
		s.c.Log.Warn("a function was deployed that cannot run on this node", "function", ref.Name, "runtime", set.Runtime, "error", err)
	} else if note != "" {
		s.c.Log.Warn("a function was deployed that asks for another runtime", "function", ref.Name, "runtime", set.Runtime, "note", note)
	}
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// located is a version that a reference names.
type located struct {
	row     *store.Function
	doc     *document
	code    *code
	version string
	// number is 0 for $LATEST.
	number   int64
	artifact string
	env      []byte
	alias    *store.FunctionAlias
	routing  *aliasDoc
}

// locate resolves a reference to one version; of an alias with weights, to its main one.
func (s *Service) locate(ctx context.Context, tx store.Tx, ref Ref) (*located, error) {
	f, d, err := s.read(ctx, tx, ref)
	if err != nil {
		return nil, err
	}
	l := &located{row: f, doc: d}
	version := ref.Qualifier
	if !ref.latest() && !ref.numbered() {
		if l.alias, l.routing, err = s.readAlias(ctx, tx, ref, f.ID); err != nil {
			return nil, err
		}
		version = l.routing.Version
	}
	return l, s.fill(ctx, tx, ref, l, version)
}

// fill puts a version of l.row into l.
func (s *Service) fill(ctx context.Context, tx store.Tx, ref Ref, l *located, version string) error {
	if version == "" || version == Latest {
		l.code, l.version, l.artifact, l.env = &l.doc.code, Latest, l.row.Artifact, l.row.SealedEnv
		return nil
	}
	number, err := versionNumber(version)
	if err != nil {
		return s.notFound(ref)
	}
	v, err := tx.Functions().FunctionVersion(ctx, l.row.ID, number)
	if errors.Is(err, store.ErrNotFound) {
		return s.notFound(ref)
	}
	if err != nil {
		return stored(err)
	}
	if l.code, err = decode[code](v.Doc); err != nil {
		return err
	}
	l.version, l.number, l.artifact, l.env = version, number, v.Artifact, v.SealedEnv
	return nil
}

func (s *Service) find(ctx context.Context, ref Ref) (*located, error) {
	if err := ref.validate(); err != nil {
		return nil, err
	}
	var l *located
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		l, err = s.locate(ctx, tx, ref)
		return err
	})
	if err != nil {
		return nil, stored(err)
	}
	return l, nil
}

func (s *Service) infoOf(ref Ref, l *located) *Info {
	return s.info(ref, l.row, l.doc, l.code, l.version, l.artifact, l.row.CreatedAt)
}

// Get returns what a reference names; of an alias, the version behind it. The error is fault.ResourceNotFound.
func (s *Service) Get(ctx context.Context, ref Ref) (*Info, error) {
	l, err := s.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	return s.infoOf(ref, l), nil
}

// Env returns the environment of what a reference names, opened: who may call this may read secrets.
func (s *Service) Env(ctx context.Context, ref Ref) (map[string]string, error) {
	l, err := s.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	return s.openEnv(ctx, l.row.ID, l.env)
}

// List returns $LATEST of up to limit functions with name > after, by name.
func (s *Service) List(ctx context.Context, region, after string, limit int) ([]*Info, error) {
	var rows []*store.Function
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		rows, err = tx.Functions().ListFunctions(ctx, region, after, min(max(limit, 1), 1000))
		return err
	})
	if err != nil {
		return nil, stored(err)
	}
	out := make([]*Info, 0, len(rows))
	for _, f := range rows {
		d, err := decode[document](f.Doc)
		if err != nil {
			return nil, err
		}
		out = append(out, s.info(Ref{Region: f.Region, Name: f.Name}, f, d, &d.code, Latest, f.Artifact, f.CreatedAt))
	}
	return out, nil
}

// UpdateCode gives $LATEST new code. A package without the handler's file is accepted, since the handler may be changed next,
// and noted.
func (s *Service) UpdateCode(ctx context.Context, ref Ref, u *CodeUpdate) (*Info, error) {
	if err := s.onlyLatest(ref); err != nil {
		return nil, err
	}
	if _, err := s.find(ctx, ref.Unqualified()); err != nil {
		return nil, err
	}
	files, hash, err := s.accept(ctx, u.Package)
	if err != nil {
		return nil, err
	}
	if !u.DryRun {
		if err := s.keep(ctx, hash, u.Package); err != nil {
			return nil, err
		}
	}
	edit := func(ctx context.Context, d *draft) error {
		if err := revision(u.Revision, d.doc.Revision); err != nil {
			return err
		}
		if u.Architecture != "" {
			d.doc.Settings.Architecture = u.Architecture
			if err := d.doc.Settings.judgeArchitecture(); err != nil {
				return err
			}
		}
		d.row.Artifact, d.doc.Size = hash, int64(len(u.Package))
		s.renew(&d.doc.code, judgeHandlerFile(&d.doc.Settings, files))
		d.data["code_sha256"] = base64Hash(hash)
		if u.Publish {
			return s.publish(ctx, d)
		}
		return nil
	}
	if u.DryRun {
		return s.dry(ctx, ref, edit)
	}
	d, err := s.change(ctx, ref.Unqualified(), "update code", edit)
	if err != nil {
		return nil, err
	}
	return s.updated(ref, d, u.Publish), nil
}

// dry makes an edit and keeps nothing.
func (s *Service) dry(ctx context.Context, ref Ref, edit func(context.Context, *draft) error) (*Info, error) {
	l, err := s.find(ctx, ref.Unqualified())
	if err != nil {
		return nil, err
	}
	d := &draft{row: l.row, doc: l.doc, data: map[string]any{}}
	if err := edit(ctx, d); err != nil {
		return nil, err
	}
	return s.updated(ref, d, false), nil
}

func (s *Service) updated(ref Ref, d *draft, published bool) *Info {
	version := Latest
	if published {
		version = itoa(int(d.row.LastVersion))
		ref.Qualifier = version
	}
	return s.info(ref, d.row, d.doc, &d.doc.code, version, d.row.Artifact, d.row.CreatedAt)
}

// renew marks a change of code or configuration.
func (s *Service) renew(c *code, note string) {
	now := s.now()
	c.Revision, c.ModifiedAt, c.Notes = store.NewID(now), now, nil
	if note != "" {
		c.Notes = []string{note}
	}
}

// onlyLatest refuses changes of published versions.
func (s *Service) onlyLatest(ref Ref) error {
	if err := ref.validate(); err != nil {
		return err
	}
	if !ref.latest() {
		return fault.Invalidf("FunctionName", "Published versions and aliases do not change: name the function without a qualifier.")
	}
	return nil
}

// UpdateSettings changes the configuration of $LATEST.
func (s *Service) UpdateSettings(ctx context.Context, ref Ref, u *SettingsUpdate) (*Info, error) {
	if err := s.onlyLatest(ref); err != nil {
		return nil, err
	}
	if u.Env != nil {
		if err := judgeEnvironment(*u.Env); err != nil {
			return nil, err
		}
	}
	d, err := s.change(ctx, ref.Unqualified(), "update configuration", func(ctx context.Context, d *draft) error {
		if err := revision(u.Revision, d.doc.Revision); err != nil {
			return err
		}
		before := d.doc.Settings
		u.apply(&d.doc.Settings)
		if err := d.doc.Settings.normalize(s.c.Limits); err != nil {
			return err
		}
		if err := s.replaceEnv(ctx, d, u.Env); err != nil {
			return err
		}
		note := ""
		if set := &d.doc.Settings; set.Handler != before.Handler || set.Runtime != before.Runtime || len(d.doc.Notes) > 0 {
			files, err := s.packageFiles(ctx, d.row.Artifact)
			if err != nil {
				return err
			}
			note = judgeHandlerFile(set, files)
		}
		s.renew(&d.doc.code, note)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.warn(ref, &d.doc.Settings)
	return s.updated(ref, d, false), nil
}

func (u *SettingsUpdate) apply(to *Settings) {
	set(&to.Description, u.Description)
	set(&to.Handler, u.Handler)
	set(&to.Role, u.Role)
	if u.Runtime != nil && isNode(*u.Runtime) != isNode(to.Runtime) && !isNode(*u.Runtime) {
		to.Architecture = machine()
	}
	set(&to.Runtime, u.Runtime)
	set(&to.MemoryMB, u.MemoryMB)
	set(&to.TimeoutSeconds, u.TimeoutSeconds)
	set(&to.EphemeralMB, u.EphemeralMB)
	if u.Extra != nil {
		to.Extra = bytes.Clone(u.Extra)
	}
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// replaceEnv seals a new environment. An equal one keeps its bytes, so that nothing looks changed.
func (s *Service) replaceEnv(ctx context.Context, d *draft, env *map[string]string) error {
	if env == nil {
		return nil
	}
	old, err := s.openEnv(ctx, d.row.ID, d.row.SealedEnv)
	if err != nil {
		return err
	}
	if maps.Equal(old, *env) {
		return nil
	}
	d.row.SealedEnv, err = s.sealEnv(ctx, d.row.ID, *env)
	d.doc.HasEnv = len(*env) > 0
	d.data["environment"] = "replaced"
	return err
}

// Delete deletes a function with everything that belongs to it; with a version's number as qualifier, that version. A version
// that an alias names is fault.ResourceExists.
func (s *Service) Delete(ctx context.Context, ref Ref) error {
	if err := ref.validate(); err != nil {
		return err
	}
	if ref.Qualifier != "" {
		return s.deleteVersion(ctx, ref)
	}
	l, err := s.find(ctx, ref)
	if err != nil {
		return err
	}
	ev := s.changed(ref, "delete", nil, s.now())
	err = s.c.Store.Write(ctx, func(tx store.Tx) error {
		ok, err := tx.Functions().DeleteFunction(ctx, l.row.ID)
		if err != nil {
			return err
		}
		if !ok {
			return s.notFound(ref)
		}
		return tx.Events().Append(ctx, ev)
	})
	s.bury(ref)
	s.owners.forget(l.row.ID)
	s.logs.forget(l.row.ID)
	if err != nil {
		return stored(err)
	}
	s.c.Events.Publish(ev)
	return nil
}

// Tag adds tags or replaces their values.
func (s *Service) Tag(ctx context.Context, ref Ref, tags map[string]string) error {
	if err := judgeTags(tags); err != nil {
		return err
	}
	_, err := s.change(ctx, ref.Unqualified(), "tag", func(_ context.Context, d *draft) error {
		all := maps.Clone(d.doc.Tags)
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, tags)
		d.doc.Tags = all
		return judgeTags(all)
	})
	return err
}

// Untag removes tags; unknown keys are no error.
func (s *Service) Untag(ctx context.Context, ref Ref, keys []string) error {
	if len(keys) > maxTags {
		return fault.Invalidf("TagKeys", "At most %d keys can be removed at once.", maxTags)
	}
	_, err := s.change(ctx, ref.Unqualified(), "untag", func(_ context.Context, d *draft) error {
		maps.DeleteFunc(d.doc.Tags, func(k, _ string) bool { return slices.Contains(keys, k) })
		return nil
	})
	return err
}

// SetReserved sets the reserved concurrency, which bounds the calls of the function at work on each node; 0 stops it, nil lifts
// the bound.
func (s *Service) SetReserved(ctx context.Context, ref Ref, n *int) error {
	if n != nil && (*n < 0 || *n > 1000) {
		return fault.Invalidf("ReservedConcurrentExecutions", "ReservedConcurrentExecutions must be 0 to 1000.")
	}
	_, err := s.change(ctx, ref.Unqualified(), "reserve concurrency", func(_ context.Context, d *draft) error {
		d.doc.Reserved = nil
		if n != nil {
			c := *n
			d.doc.Reserved = &c
		}
		return nil
	})
	return err
}
