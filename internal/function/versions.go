package function

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"strconv"
	"strings"

	"countersign/internal/fault"
	"countersign/internal/store"
)

func versionNumber(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 1 {
		return 0, errors.New("function: not a version")
	}
	return n, nil
}

// newVersion is the version row.LastVersion of what row and c hold.
func newVersion(row *store.Function, c *code) (*store.FunctionVersion, error) {
	doc, err := encode(c)
	if err != nil {
		return nil, err
	}
	return &store.FunctionVersion{
		FunctionID: row.ID, Number: row.LastVersion, Doc: doc, SealedEnv: row.SealedEnv, Artifact: row.Artifact, CreatedAt: row.UpdatedAt,
	}, nil
}

// publish adds a version of the draft to it, unless the last one is the same.
func (s *Service) publish(ctx context.Context, d *draft) error {
	same, err := s.unchanged(ctx, d)
	if err != nil || same {
		return err
	}
	row := *d.row
	row.LastVersion++
	row.UpdatedAt = s.now()
	v, err := newVersion(&row, &d.doc.code)
	if err != nil {
		return err
	}
	d.row.LastVersion = row.LastVersion
	d.data["version"] = row.LastVersion
	limit := s.c.Limits.Versions
	d.also = append(d.also, func(ctx context.Context, tx store.Tx) error {
		all, err := tx.Functions().ListFunctionVersions(ctx, row.ID, 0, limit)
		if err != nil {
			return err
		}
		if len(all) >= limit {
			return &fault.Error{Code: fault.TooMany, Field: "Versions", Public: "The function has as many versions as it may have: delete some."}
		}
		return tx.Functions().InsertFunctionVersion(ctx, v)
	})
	return nil
}

// unchanged reports whether the last version published is what the draft holds.
func (s *Service) unchanged(ctx context.Context, d *draft) (bool, error) {
	if d.row.LastVersion == 0 {
		return false, nil
	}
	same := false
	err := s.c.Store.Read(ctx, func(tx store.Tx) error {
		v, err := tx.Functions().FunctionVersion(ctx, d.row.ID, d.row.LastVersion)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return stored(err)
		}
		c, err := decode[code](v.Doc)
		if err != nil {
			return err
		}
		same = v.Artifact == d.row.Artifact && bytes.Equal(v.SealedEnv, d.row.SealedEnv) && c.Settings.equal(d.doc.Settings)
		return nil
	})
	return same, err
}

// PublishVersion makes a version of $LATEST. If nothing changed since the last one, that one is the answer, as on Lambda.
func (s *Service) PublishVersion(ctx context.Context, ref Ref, p *Publish) (*Info, error) {
	if err := s.onlyLatest(ref); err != nil {
		return nil, err
	}
	d, err := s.change(ctx, ref.Unqualified(), "publish version", func(ctx context.Context, d *draft) error {
		if err := revision(p.Revision, d.doc.Revision); err != nil {
			return err
		}
		if p.CodeSHA256 != "" && p.CodeSHA256 != base64Hash(d.row.Artifact) {
			return fault.Invalidf("CodeSha256", "CodeSha256 (%.64s) is different from current CodeSha256 in $LATEST. Please try again with the CodeSha256 in $LATEST.", p.CodeSHA256)
		}
		latest := d.doc.Settings.Description
		set(&d.doc.Settings.Description, p.Description)
		if err := d.doc.Settings.normalize(s.c.Limits); err != nil {
			return err
		}
		err := s.publish(ctx, d)
		d.doc.Settings.Description = latest
		return err
	})
	if err != nil {
		return nil, err
	}
	ref.Qualifier = itoa(int(d.row.LastVersion))
	return s.Get(ctx, ref)
}

// ListVersions returns up to limit published versions with number > after, by number. $LATEST is not among them.
func (s *Service) ListVersions(ctx context.Context, ref Ref, after int64, limit int) ([]*Info, error) {
	ref = ref.Unqualified()
	if err := ref.validate(); err != nil {
		return nil, err
	}
	var out []*Info
	err := s.c.Store.Read(ctx, func(tx store.Tx) error {
		f, d, err := s.read(ctx, tx, ref)
		if err != nil {
			return err
		}
		rows, err := tx.Functions().ListFunctionVersions(ctx, f.ID, after, min(max(limit, 1), 1000))
		if err != nil {
			return stored(err)
		}
		out = make([]*Info, 0, len(rows))
		for _, v := range rows {
			c, err := decode[code](v.Doc)
			if err != nil {
				return err
			}
			at := ref
			at.Qualifier = strconv.FormatInt(v.Number, 10)
			out = append(out, s.info(at, f, d, c, at.Qualifier, v.Artifact, f.CreatedAt))
		}
		return nil
	})
	return out, err
}

// deleteVersion deletes one version with its policy, unless an alias names it.
func (s *Service) deleteVersion(ctx context.Context, ref Ref) error {
	number, err := versionNumber(ref.Qualifier)
	if err != nil {
		return fault.Invalidf("Qualifier", "$LATEST and aliases cannot be deleted with the function's name: name a version, or delete the alias.")
	}
	_, err = s.change(ctx, ref, "delete version", func(_ context.Context, d *draft) error {
		delete(d.doc.Policies, ref.Qualifier)
		id := d.row.ID
		d.also = append(d.also, func(ctx context.Context, tx store.Tx) error {
			aliases, err := tx.Functions().ListFunctionAliases(ctx, id, "", s.c.Limits.Aliases)
			if err != nil {
				return err
			}
			for _, a := range aliases {
				if doc, err := decode[aliasDoc](a.Doc); err != nil {
					return err
				} else if doc.names(ref.Qualifier) {
					return &fault.Error{Code: fault.ResourceExists, Field: a.Name, Public: "The version is used by the alias " + a.Name + "."}
				}
			}
			ok, err := tx.Functions().DeleteFunctionVersion(ctx, id, number)
			if err == nil && !ok {
				return s.notFound(ref)
			}
			return err
		})
		return nil
	})
	return err
}

// packageFiles lists the files of a stored package.
func (s *Service) packageFiles(ctx context.Context, artifact string) (contents, error) {
	p, err := s.Package(ctx, artifact)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	z, err := zip.NewReader(p, p.Size())
	if err != nil {
		return nil, fault.Internalf("function: stored package: %w", err)
	}
	c := make(contents, len(z.File))
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, "/") {
			c[strings.TrimPrefix(f.Name, "./")] = struct{}{}
		}
	}
	return c, nil
}
