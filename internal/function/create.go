package function

import (
	"context"
	"errors"
	"maps"

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
	if err := s.artifacts.Keep(ctx, hash, c.Package); err != nil {
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
