package kms

import (
	"context"
	"strings"

	"countersign/internal/fault"
	"countersign/internal/store"
)

// maxAliases is how many aliases a key may have (KMS quotas).
const maxAliases = 50

func judgeAlias(name string) error {
	switch {
	case !aliasForm.MatchString(name):
		return fault.Invalidf("AliasName", "An alias is alias/ and up to 250 letters, digits, slashes, underscores and hyphens.")
	case strings.HasPrefix(name, awsAliases):
		return fault.Invalidf("AliasName", "Aliases that begin with %s are reserved.", awsAliases)
	}
	return nil
}

// CreateAlias gives a key a second name in its region. The error is fault.ResourceExists for a name that is taken.
func (s *Service) CreateAlias(ctx context.Context, c Caller, name, key string) error {
	if err := judgeAlias(name); err != nil {
		return err
	}
	r, err := s.target(ctx, c, key, "CreateAlias")
	if err != nil {
		return err
	}
	a := &store.KMSAlias{Region: r.row.Region, Name: name, KeyID: r.row.ID, CreatedAt: s.now(), UpdatedAt: s.now()}
	ev := s.event(c, "CreateAlias", r.arn, a.CreatedAt, map[string]any{"alias": name})
	return s.write(ctx, ev, func(tx store.Tx) error {
		there, err := tx.KMS().ListKMSAliases(ctx, a.Region, a.KeyID, "", maxAliases)
		if err != nil {
			return err
		}
		if len(there) >= maxAliases {
			return fault.New(fault.TooMany).WithPublic("A key has at most %d aliases.", maxAliases)
		}
		ok, err := tx.KMS().InsertKMSAlias(ctx, a)
		if err == nil && !ok {
			err = fault.New(fault.ResourceExists).WithField(s.arn(a.Region, name)).WithPublic("An alias with the name %s already exists", s.arn(a.Region, name)).
				WithHint("move it: aws kms update-alias --alias-name %s --target-key-id %s", name, r.row.ID)
		}
		return err
	})
}

// target returns a key that an alias may be given to.
func (s *Service) target(ctx context.Context, c Caller, key, action string) (*record, error) {
	r, err := s.authorized(ctx, c, key, action)
	if err != nil {
		return nil, err
	}
	return r, r.notPending()
}

// UpdateAlias moves an alias to another key of the region, of the same usage. The caller needs the permission of both keys.
func (s *Service) UpdateAlias(ctx context.Context, c Caller, name, key string) error {
	if err := judgeAlias(name); err != nil {
		return err
	}
	r, err := s.target(ctx, c, key, "UpdateAlias")
	if err != nil {
		return err
	}
	c.Region = r.row.Region
	from, err := s.authorized(ctx, c, name, "UpdateAlias")
	if err != nil {
		return err
	}
	if from.doc.Usage != r.doc.Usage {
		return fault.Invalidf("TargetKeyId", "Alias %s cannot be moved to a key of another usage (%s, not %s).", name, r.doc.Usage, from.doc.Usage)
	}
	a := &store.KMSAlias{Region: r.row.Region, Name: name, KeyID: r.row.ID, UpdatedAt: s.now()}
	ev := s.event(c, "UpdateAlias", r.arn, a.UpdatedAt, map[string]any{"alias": name, "from": from.arn})
	return s.write(ctx, ev, func(tx store.Tx) error {
		ok, err := tx.KMS().MoveKMSAlias(ctx, a)
		if err == nil && !ok {
			err = unknown(s.arn(a.Region, name))
		}
		return err
	})
}

// DeleteAlias deletes an alias of the caller's region; its key stays.
func (s *Service) DeleteAlias(ctx context.Context, c Caller, name string) error {
	if err := judgeAlias(name); err != nil {
		return err
	}
	r, err := s.authorized(ctx, c, name, "DeleteAlias")
	if err != nil {
		return err
	}
	ev := s.event(c, "DeleteAlias", r.arn, s.now(), map[string]any{"alias": name})
	return s.write(ctx, ev, func(tx store.Tx) error {
		ok, err := tx.KMS().DeleteKMSAlias(ctx, r.row.Region, name)
		if err == nil && !ok {
			err = unknown(s.arn(r.row.Region, name))
		}
		return err
	})
}

// ListAliases returns up to limit aliases of a region with a name after the given one, by name; those of one key if keyID is not
// empty.
func (s *Service) ListAliases(ctx context.Context, region, keyID, after string, limit int) ([]*Alias, error) {
	var rows []*store.KMSAlias
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		rows, err = tx.KMS().ListKMSAliases(ctx, region, keyID, after, min(limit, maxPage))
		return err
	})
	if err != nil {
		return nil, stored(err)
	}
	out := make([]*Alias, len(rows))
	for i, a := range rows {
		out[i] = &Alias{a.Name, s.arn(a.Region, a.Name), a.KeyID, a.CreatedAt, a.UpdatedAt}
	}
	return out, nil
}
