package function

import (
	"bytes"
	"context"
	"maps"

	"countersign/internal/fault"
	"countersign/internal/store"
)

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
		if err := s.artifacts.Keep(ctx, hash, u.Package); err != nil {
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
