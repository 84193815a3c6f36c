package function

import (
	"context"
	"errors"
	"maps"
	"math"

	"countersign/internal/fault"
	"countersign/internal/store"
)

// aliasDoc is store.FunctionAlias.Doc.
type aliasDoc struct {
	Version     string             `json:"version"`
	Description string             `json:"description,omitempty"`
	Weights     map[string]float64 `json:"weights,omitempty"`
	Revision    string             `json:"revision"`
}

// names reports whether the alias leads to a version.
func (a *aliasDoc) names(version string) bool {
	_, ok := a.Weights[version]
	return ok || a.Version == version
}

func (s *Service) readAlias(ctx context.Context, tx store.Tx, ref Ref, functionID string) (*store.FunctionAlias, *aliasDoc, error) {
	a, err := tx.Functions().FunctionAlias(ctx, functionID, ref.Qualifier)
	if errors.Is(err, store.ErrNotFound) {
		arn := ref.ARN(s.c.Account)
		return nil, nil, &fault.Error{Code: fault.ResourceNotFound, Field: arn, Public: "Cannot find alias arn: " + arn}
	}
	if err != nil {
		return nil, nil, stored(err)
	}
	d, err := decode[aliasDoc](a.Doc)
	return a, d, err
}

func (s *Service) aliasInfo(ref Ref, d *aliasDoc) *Alias {
	return &Alias{
		Region: ref.Region, Function: ref.Name, Name: ref.Qualifier, ARN: ref.ARN(s.c.Account), Version: d.Version, Description: d.Description,
		Weights: maps.Clone(d.Weights), Revision: d.Revision,
	}
}

// aliasRef names an alias of a function.
func aliasRef(ref Ref, name string) (Ref, error) {
	ref.Qualifier = name
	if err := ref.Unqualified().validate(); err != nil {
		return ref, err
	}
	if !aliasForm.MatchString(name) || numberForm.MatchString(name) {
		return ref, fault.Invalidf("Name", "An alias has 1 to %d letters, digits, hyphens and underscores, not digits alone.", maxQualifier)
	}
	return ref, nil
}

// judge judges what an alias says; that its versions exist is decided by judgeVersions.
func (a *aliasDoc) judge() error {
	if len(a.Description) > 4*maxDescription || !text(a.Description) {
		return fault.Invalidf("Description", "Description must have at most %d characters.", maxDescription)
	}
	if a.Version != Latest {
		if _, err := versionNumber(a.Version); err != nil {
			return fault.Invalidf("FunctionVersion", "FunctionVersion must be a version's number or $LATEST.")
		}
	}
	if len(a.Weights) > 1 {
		return fault.Invalidf("RoutingConfig", "An alias can send a share of its calls to one other version.")
	}
	for v, w := range a.Weights {
		switch _, err := versionNumber(v); {
		case err != nil || a.Version == Latest:
			return fault.Invalidf("RoutingConfig", "Only published versions can share the calls of an alias.")
		case v == a.Version:
			return fault.Invalidf("RoutingConfig", "The other version must differ from FunctionVersion.")
		case math.IsNaN(w) || w < 0 || w > 1:
			return fault.Invalidf("RoutingConfig", "A weight must be 0 to 1.")
		}
	}
	return nil
}

// judgeVersions refuses versions that do not exist.
func (s *Service) judgeVersions(ctx context.Context, tx store.Tx, ref Ref, functionID string, a *aliasDoc) error {
	for _, v := range append(mapKeys(a.Weights), a.Version) {
		if v == Latest {
			continue
		}
		n, err := versionNumber(v)
		if err == nil {
			_, err = tx.Functions().FunctionVersion(ctx, functionID, n)
		}
		if errors.Is(err, store.ErrNotFound) {
			ref.Qualifier = v
			return s.notFound(ref)
		}
		if err != nil {
			return stored(err)
		}
	}
	return nil
}

func mapKeys(m map[string]float64) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	return out
}

// CreateAlias gives a version a name. The errors are fault.ResourceExists, fault.ResourceNotFound (function or version),
// fault.InvalidParameter and fault.TooMany.
func (s *Service) CreateAlias(ctx context.Context, ref Ref, a *Alias) (*Alias, error) {
	ref, err := aliasRef(ref, a.Name)
	if err != nil {
		return nil, err
	}
	now := s.now()
	doc := &aliasDoc{Version: a.Version, Description: a.Description, Weights: maps.Clone(a.Weights), Revision: store.NewID(now)}
	if err := doc.judge(); err != nil {
		return nil, err
	}
	row := &store.FunctionAlias{Name: a.Name, CreatedAt: now, UpdatedAt: now}
	if row.Doc, err = encode(doc); err != nil {
		return nil, err
	}
	ev := s.changed(ref, "create alias", map[string]any{"version": a.Version}, now)
	err = s.again(ctx, func(tx store.Tx) error {
		f, _, err := s.read(ctx, tx, ref.Unqualified())
		if err != nil {
			return err
		}
		if err := hold(ctx, tx, f); err != nil {
			return err
		}
		if err := s.judgeVersions(ctx, tx, ref, f.ID, doc); err != nil {
			return err
		}
		all, err := tx.Functions().ListFunctionAliases(ctx, f.ID, "", s.c.Limits.Aliases)
		if err != nil {
			return err
		}
		if len(all) >= s.c.Limits.Aliases {
			return &fault.Error{Code: fault.TooMany, Field: "Aliases", Public: "The function has as many aliases as it may have."}
		}
		one := *row
		one.FunctionID = f.ID
		ok, err := tx.Functions().InsertFunctionAlias(ctx, &one)
		if err != nil {
			return err
		}
		if !ok {
			return &fault.Error{Code: fault.ResourceExists, Field: a.Name, Public: "Alias already exists: " + ref.ARN(s.c.Account)}
		}
		return tx.Events().Append(ctx, ev)
	})
	s.forget(ref)
	if err != nil {
		return nil, stored(err)
	}
	s.c.Events.Publish(ev)
	return s.aliasInfo(ref, doc), nil
}

// hold keeps the function's row until the commit: none of its versions goes meanwhile. It must come before the versions are looked at.
func hold(ctx context.Context, tx store.Tx, f *store.Function) error {
	ok, err := tx.Functions().UpdateFunction(ctx, f)
	if err == nil && !ok {
		err = errRace
	}
	return err
}

// again writes, anew if a race was lost.
func (s *Service) again(ctx context.Context, f func(store.Tx) error) error {
	for range attempts {
		if err := s.c.Store.Write(ctx, f); !errors.Is(err, errRace) {
			return err
		}
	}
	return fault.New(fault.ConcurrentModification)
}

// Alias returns an alias.
func (s *Service) Alias(ctx context.Context, ref Ref, name string) (*Alias, error) {
	ref, err := aliasRef(ref, name)
	if err != nil {
		return nil, err
	}
	l, err := s.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	return s.aliasInfo(ref, l.routing), nil
}

// UpdateAlias changes an alias: from then on calls by its name meet the new version.
func (s *Service) UpdateAlias(ctx context.Context, ref Ref, name string, u *AliasUpdate) (*Alias, error) {
	ref, err := aliasRef(ref, name)
	if err != nil {
		return nil, err
	}
	for range attempts {
		l, err := s.find(ctx, ref)
		if err != nil {
			return nil, err
		}
		doc := l.routing
		if err := revision(u.Revision, doc.Revision); err != nil {
			return nil, err
		}
		set(&doc.Version, u.Version)
		set(&doc.Description, u.Description)
		if u.Weights != nil {
			doc.Weights = maps.Clone(*u.Weights)
		}
		doc.Revision = store.NewID(s.now())
		if err := doc.judge(); err != nil {
			return nil, err
		}
		if err := s.writeAlias(ctx, ref, l, doc); errors.Is(err, errRace) {
			continue
		} else if err != nil {
			return nil, err
		}
		return s.aliasInfo(ref, doc), nil
	}
	return nil, fault.New(fault.ConcurrentModification)
}

func (s *Service) writeAlias(ctx context.Context, ref Ref, l *located, doc *aliasDoc) error {
	now := s.now()
	row := *l.alias
	row.UpdatedAt = now
	var err error
	if row.Doc, err = encode(doc); err != nil {
		return err
	}
	ev := s.changed(ref, "update alias", map[string]any{"version": doc.Version}, now)
	err = s.c.Store.Write(ctx, func(tx store.Tx) error {
		if err := hold(ctx, tx, l.row); err != nil {
			return err
		}
		if err := s.judgeVersions(ctx, tx, ref, row.FunctionID, doc); err != nil {
			return err
		}
		ok, err := tx.Functions().UpdateFunctionAlias(ctx, &row)
		if err != nil {
			return err
		}
		if !ok {
			return errRace
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

// DeleteAlias deletes an alias with its policy. An unknown alias is no error, as on Lambda.
func (s *Service) DeleteAlias(ctx context.Context, ref Ref, name string) error {
	ref, err := aliasRef(ref, name)
	if err != nil {
		return err
	}
	_, err = s.change(ctx, ref, "delete alias", func(_ context.Context, d *draft) error {
		delete(d.doc.Policies, name)
		id := d.row.ID
		d.also = append(d.also, func(ctx context.Context, tx store.Tx) error {
			_, err := tx.Functions().DeleteFunctionAlias(ctx, id, name)
			return err
		})
		return nil
	})
	return err
}

// ListAliases returns up to limit aliases with name > after, by name; with a version, only those that lead to it.
func (s *Service) ListAliases(ctx context.Context, ref Ref, version, after string, limit int) ([]*Alias, error) {
	ref = ref.Unqualified()
	if err := ref.validate(); err != nil {
		return nil, err
	}
	limit = min(max(limit, 1), 1000)
	var out []*Alias
	err := s.c.Store.Read(ctx, func(tx store.Tx) error {
		f, _, err := s.read(ctx, tx, ref)
		if err != nil {
			return err
		}
		rows, err := tx.Functions().ListFunctionAliases(ctx, f.ID, after, s.c.Limits.Aliases)
		if err != nil {
			return stored(err)
		}
		out = out[:0]
		for _, a := range rows {
			d, err := decode[aliasDoc](a.Doc)
			if err != nil {
				return err
			}
			if len(out) < limit && (version == "" || d.names(version)) {
				at := ref
				at.Qualifier = a.Name
				out = append(out, s.aliasInfo(at, d))
			}
		}
		return nil
	})
	return out, err
}
