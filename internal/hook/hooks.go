package hook

import (
	"context"
	"errors"
	"maps"
	"slices"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/module"
	"countersign/internal/script"
	"countersign/internal/store"
)

func hookOf(row *store.Script, d *document) *Hook {
	return &Hook{
		ID: row.ID, Name: row.Name, TriggerID: row.Trigger, Script: d.Code, Dependencies: dependencyMap(d.Dependencies), Enabled: row.Enabled,
		Secrets: d.Secrets, Modules: d.Modules, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
	}
}

// runs reports whether hooks of the trigger run here.
func runs(trigger string) bool { return trigger == SendPhoneMessage }

// judgeEnabled refuses to switch on what would never run.
func judgeEnabled(trigger string, enabled bool) error {
	if enabled && !runs(trigger) {
		return fault.New(fault.UnsupportedOperation).WithField("enabled").WithPublic(
			"Only hooks of %s run here: a hook of %s can be stored, but not enabled.", SendPhoneMessage, trigger)
	}
	return nil
}

// CreateHook makes a hook. Errors: InvalidParameter, ResourceExists (the name), TooMany, UnsupportedOperation (a trigger that does not run here was to
// be enabled), and those of module.Builder. A hook of a trigger that does not run here is stored without being built.
func (s *Service) CreateHook(ctx context.Context, poolID string, in *NewHook) (*Hook, *Built, error) {
	deps := dependencyList(in.Dependencies)
	if err := firstOf(judgeHookName(in.Name), judgeCode("script", in.Script), judgeDependencies(deps), judgeSecrets(in.Secrets, maxHookSecrets)); err != nil {
		return nil, nil, err
	}
	if !slices.Contains(hookTrigger, in.TriggerID) {
		return nil, nil, fault.Invalidf("triggerId", "There is no trigger %q for hooks.", in.TriggerID)
	}
	if err := judgeEnabled(in.TriggerID, in.Enabled); err != nil {
		return nil, nil, err
	}
	now := s.now()
	row := &store.Script{ID: newULID(now), PoolID: poolID, Kind: kindHook, Name: in.Name, Trigger: in.TriggerID, Enabled: in.Enabled, CreatedAt: now}
	e := &edit{row: row, doc: &document{code: code{Code: in.Script, Dependencies: deps}}}
	if err := s.room(ctx, row, s.c.Limits.Hooks); err != nil {
		return nil, nil, err
	}
	err := s.withSecrets(ctx, e, func(values map[string]string) error {
		maps.Copy(values, in.Secrets)
		maps.DeleteFunc(values, func(_, v string) bool { return isPlaceholder(v) })
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	report, err := s.rebuild(ctx, e, script.Hook, &code{}, in.Save, &lastBuild{})
	if err != nil {
		return nil, nil, err
	}
	enableOnly(e)
	for range maxRaces {
		if err = s.write(ctx, e, insertRow(row, s.c.Limits.Hooks)); !errors.Is(err, errRace) {
			break
		}
	}
	if err != nil {
		return nil, nil, stored(err)
	}
	return hookOf(row, e.doc), report, nil
}

// room refuses what would be too many, or is there already, before it is built. The insert decides.
func (s *Service) room(ctx context.Context, row *store.Script, limit int) error {
	return stored(s.c.Store.Read(ctx, func(tx store.Tx) error {
		all, err := tx.Scripts().CountScripts(ctx, store.ScriptQuery{PoolID: row.PoolID, Kind: row.Kind})
		if err != nil {
			return err
		}
		same, err := tx.Scripts().CountScripts(ctx, store.ScriptQuery{PoolID: row.PoolID, Kind: row.Kind, Name: row.Name})
		switch {
		case err != nil:
			return err
		case same > 0:
			return nameTaken(row.Kind, row.Name)
		case all >= limit:
			return fault.New(fault.TooMany).WithField(row.Kind).WithPublic("There are %d %ss already, which is as many as there may be.", all, row.Kind)
		}
		return nil
	}))
}

// lastBuild is the build of an edit that has to be made anew.
type lastBuild struct {
	b  *module.Build
	of code
}

// rebuild builds the code of an edit of a hook or rule if it differs from before.
func (s *Service) rebuild(ctx context.Context, e *edit, kind script.Kind, before *code, save Save, last *lastBuild) (*Built, error) {
	switch {
	case kind == script.Hook && !runs(e.row.Trigger):
		return &Built{Warnings: []module.Warning{{Text: "Hooks of " + e.row.Trigger + " do not run here: the script was stored as it is."}}}, nil
	case e.row.Artifact != "" && !e.doc.differs(before):
		return e.doc.report(e.doc.Modules), nil
	}
	if last.b == nil || e.doc.differs(&last.of) {
		b, err := s.buildNow(ctx, kind, &e.doc.code, save)
		if err != nil {
			return nil, err
		}
		last.b, last.of = b, e.doc.code
	}
	e.row.Artifact = last.b.Hash
	report := e.doc.take(kind, last.b, s.now())
	e.event = deployed(e.row, map[string]any{"modules": len(last.b.Modules), "bundled": last.b.Bundled})
	return report, nil
}

// deployed is the event of code that is to run from now on.
func deployed(row *store.Script, more map[string]any) *eventlog.Entry {
	data := map[string]any{"kind": row.Kind, "id": row.ID, "name": row.Name, "artifact": row.Artifact}
	if row.Trigger != "" {
		data["trigger_id"] = row.Trigger
	}
	maps.Copy(data, more)
	return &eventlog.Entry{PoolID: row.PoolID, Type: eventlog.HookDeployed, Data: data}
}

// enableOnly switches the other hooks of the trigger off, if this one is on.
func enableOnly(e *edit) {
	if !e.row.Enabled {
		return
	}
	row := e.row
	e.also = append(e.also, func(ctx context.Context, tx store.Tx) error {
		if err := alone(ctx, tx, row); err != nil {
			return err
		}
		return tx.Scripts().EnableOnly(ctx, row.PoolID, row.ID, row.UpdatedAt)
	})
}

// alone makes two transactions that enable hooks at the same time race for one row: neither would see what the other inserts.
func alone(ctx context.Context, tx store.Tx, row *store.Script) error {
	name := "enabled-hook/" + row.Trigger
	set, err := tx.Settings().Setting(ctx, row.PoolID, name)
	if errors.Is(err, store.ErrNotFound) {
		set, err = &store.Setting{PoolID: row.PoolID, Name: name}, nil
	}
	if err != nil {
		return err
	}
	if set.Doc, err = encode(row.ID); err != nil {
		return err
	}
	set.UpdatedAt = row.UpdatedAt
	ok, err := tx.Settings().PutSetting(ctx, set)
	if err == nil && !ok {
		err = errRace
	}
	return err
}

// Hook returns a hook, or fault.ResourceNotFound.
func (s *Service) Hook(ctx context.Context, poolID, id string) (*Hook, error) {
	row, d, err := s.row(ctx, poolID, kindHook, id)
	if err != nil {
		return nil, err
	}
	return hookOf(row, d), nil
}

// Hooks returns a page of hooks, the oldest first, and how many there are in all.
func (s *Service) Hooks(ctx context.Context, poolID string, q HookQuery) ([]*Hook, int, error) {
	rows, total, err := s.list(ctx, store.ScriptQuery{
		PoolID: poolID, Kind: kindHook, Trigger: q.TriggerID, Enabled: q.Enabled, Skip: q.Skip, Limit: q.Limit,
	})
	if err != nil {
		return nil, 0, err
	}
	out := make([]*Hook, 0, len(rows))
	for _, row := range rows {
		d, err := decode(row)
		if err != nil {
			return nil, 0, err
		}
		out = append(out, hookOf(row, d))
	}
	return out, total, nil
}

// UpdateHook changes a hook. If its script or dependencies change they are built first; where that fails, the hook stays as it was.
func (s *Service) UpdateHook(ctx context.Context, poolID, id string, c *HookChange) (*Hook, *Built, error) {
	if err := c.judge(); err != nil {
		return nil, nil, err
	}
	var report *Built
	var last lastBuild
	e, err := s.change(ctx, poolID, kindHook, id, func(ctx context.Context, e *edit) error {
		before := e.doc.code
		set(&e.row.Name, c.Name)
		set(&e.row.Enabled, c.Enabled)
		set(&e.doc.Code, c.Script)
		if c.Dependencies != nil {
			e.doc.Dependencies = dependencyList(*c.Dependencies)
		}
		if err := judgeEnabled(e.row.Trigger, e.row.Enabled); err != nil {
			return err
		}
		var err error
		if report, err = s.rebuild(ctx, e, script.Hook, &before, c.Save, &last); err != nil {
			return err
		}
		if c.Enabled != nil {
			enableOnly(e)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	return hookOf(e.row, e.doc), report, nil
}

// differs reports whether it has to be built.
func (c *code) differs(from *code) bool {
	return c.Code != from.Code || !slices.Equal(c.Dependencies, from.Dependencies)
}

func (c *HookChange) judge() error {
	if c.Name == nil && c.Script == nil && c.Enabled == nil && c.Dependencies == nil {
		return fault.Invalidf("", "Nothing is to be changed.")
	}
	if c.Name != nil {
		if err := judgeHookName(*c.Name); err != nil {
			return err
		}
	}
	if c.Script != nil {
		if err := judgeCode("script", *c.Script); err != nil {
			return err
		}
	}
	if c.Dependencies != nil {
		return judgeDependencies(dependencyList(*c.Dependencies))
	}
	return nil
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// DeleteHook deletes a hook. An unknown one is fault.ResourceNotFound.
func (s *Service) DeleteHook(ctx context.Context, poolID, id string) error {
	return s.remove(ctx, poolID, kindHook, id)
}

// remove deletes a script of a kind.
func (s *Service) remove(ctx context.Context, poolID, kind, id string) error {
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		row, err := tx.Scripts().Script(ctx, poolID, id)
		if err == nil && row.Kind != kind {
			err = store.ErrNotFound
		}
		if err != nil {
			return err
		}
		_, err = tx.Scripts().DeleteScript(ctx, poolID, id)
		return err
	})
	s.live.forget(poolID)
	return stored(err)
}
