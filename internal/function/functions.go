package function

import (
	"context"

	"countersign/internal/store"
)

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
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
