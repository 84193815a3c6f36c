package function

import (
	"context"
	"errors"

	"countersign/internal/store"
)

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
