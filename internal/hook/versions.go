package hook

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"countersign/internal/fault"
	"countersign/internal/store"
)

func versionOf(v *store.ScriptVersion, deployed int64) (*Version, error) {
	var c code
	if err := json.Unmarshal(v.Doc, &c); err != nil {
		return nil, fault.Internalf("hook: version %s: %w", v.ID, err)
	}
	return &Version{
		ID: v.ID, ActionID: v.ScriptID, Number: v.Number, Code: c.Code, Dependencies: c.Dependencies, Runtime: c.Runtime, Secrets: c.Secrets,
		Modules: c.Modules, Deployed: v.Number == deployed, BuiltAt: c.BuiltAt, CreatedAt: v.CreatedAt,
	}, nil
}

// DeployAction makes a version of the draft and runs it from now on. A draft that is not built is InvalidParameter ("… must be in the 'built' state …").
func (s *Service) DeployAction(ctx context.Context, poolID, id string) (*Version, error) {
	var v *store.ScriptVersion
	_, err := s.change(ctx, poolID, kindAction, id, func(_ context.Context, e *edit) (err error) {
		if e.doc.Status != Ready {
			return notBuilt(e.doc)
		}
		if v, err = s.deploy(e, &e.doc.code, e.row.Sealed, e.row.Artifact); err == nil {
			e.doc.DeployedID = v.ID
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return versionOf(v, v.Number)
}

// notBuilt says so in words that clients wait for (auth0-deploy-cli), and why.
func notBuilt(d *document) error {
	why := ""
	if len(d.Errors) > 0 {
		why = " " + d.Errors[0].Msg
	}
	return fault.Invalidf("status", "A draft must be in the 'built' state. This action's is '%s'.%s", d.Status, why)
}

// deploy adds a version to an edit, which runs from the commit on.
func (s *Service) deploy(e *edit, c *code, sealed []byte, artifact string) (*store.ScriptVersion, error) {
	if artifact == "" {
		return nil, fault.Internalf("hook: %s is not built", e.row.ID)
	}
	doc, err := encode(c)
	if err != nil {
		return nil, err
	}
	e.row.LastVersion++
	e.row.Deployed = e.row.LastVersion
	v := &store.ScriptVersion{
		ID: uuid.NewString(), ScriptID: e.row.ID, Number: e.row.LastVersion, Doc: doc, Sealed: sealed, Artifact: artifact, CreatedAt: s.now(),
	}
	e.doc.DeployedID = v.ID
	e.also = append(e.also, func(ctx context.Context, tx store.Tx) error {
		if err := tx.Scripts().InsertScriptVersion(ctx, v); err != nil {
			return err
		}
		return s.prune(ctx, tx, v)
	})
	e.event = deployed(e.row, map[string]any{"version": v.Number, "version_id": v.ID, "modules": len(c.Modules)})
	return v, nil
}

// prune deletes the oldest versions beyond what may be kept. The one that runs is the newest.
func (s *Service) prune(ctx context.Context, tx store.Tx, newest *store.ScriptVersion) error {
	before := int64(0)
	for n := 0; ; {
		page, err := tx.Scripts().ListScriptVersions(ctx, newest.ScriptID, before, 100)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, v := range page {
			before = v.Number
			if n++; n <= s.c.Limits.Versions {
				continue
			}
			if _, err := tx.Scripts().DeleteScriptVersion(ctx, v.ScriptID, v.ID); err != nil {
				return err
			}
		}
	}
}

// Versions returns a page of versions, newest first, and how many there are in all.
func (s *Service) Versions(ctx context.Context, poolID, actionID string, skip, limit int) ([]*Version, int, error) {
	var out []*Version
	err := s.c.Store.Read(ctx, func(tx store.Tx) error {
		out = nil
		row, err := tx.Scripts().Script(ctx, poolID, actionID)
		if err == nil && row.Kind != kindAction {
			err = store.ErrNotFound
		}
		if err != nil {
			return err
		}
		all, err := tx.Scripts().ListScriptVersions(ctx, actionID, 0, maxList)
		if err != nil {
			return err
		}
		for _, v := range all {
			view, err := versionOf(v, row.Deployed)
			if err != nil {
				return err
			}
			out = append(out, view)
		}
		return nil
	})
	if err != nil {
		return nil, 0, stored(err)
	}
	if limit <= 0 {
		limit = 100
	}
	from := min(max(skip, 0), len(out))
	return out[from:min(from+limit, len(out))], len(out), nil
}

// version reads a version with its script.
func (s *Service) version(ctx context.Context, poolID, actionID, versionID string) (row *store.Script, v *store.ScriptVersion, err error) {
	err = s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		if row, err = tx.Scripts().Script(ctx, poolID, actionID); err != nil {
			return err
		}
		if row.Kind != kindAction {
			return store.ErrNotFound
		}
		v, err = tx.Scripts().ScriptVersion(ctx, actionID, versionID)
		return err
	})
	return row, v, stored(err)
}

// Version returns a version, or fault.ResourceNotFound.
func (s *Service) Version(ctx context.Context, poolID, actionID, versionID string) (*Version, error) {
	row, v, err := s.version(ctx, poolID, actionID, versionID)
	if err != nil {
		return nil, err
	}
	return versionOf(v, row.Deployed)
}

// DeployVersion runs an older version from now on, as a new version with its contents, secrets included; updateDraft gives the draft its contents, too.
func (s *Service) DeployVersion(ctx context.Context, poolID, actionID, versionID string, updateDraft bool) (*Version, error) {
	_, old, err := s.version(ctx, poolID, actionID, versionID)
	if err != nil {
		return nil, err
	}
	var c code
	if err := json.Unmarshal(old.Doc, &c); err != nil {
		return nil, fault.Internalf("hook: version %s: %w", old.ID, err)
	}
	var v *store.ScriptVersion
	_, err = s.change(ctx, poolID, kindAction, actionID, func(_ context.Context, e *edit) (err error) {
		before := e.doc.DeployedID
		if v, err = s.deploy(e, &c, old.Sealed, old.Artifact); err != nil {
			return err
		}
		switch {
		case updateDraft:
			*e.doc = document{code: c, Status: Ready, DeployedID: v.ID}
			e.row.Sealed, e.row.Artifact = old.Sealed, old.Artifact
		case before != old.ID:
			e.doc.DeployedID = ""
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return versionOf(v, v.Number)
}
