package hook

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"countersign/internal/fault"
	"countersign/internal/script"
	"countersign/internal/store"
)

// actionOf is an action with the version that runs, nil if there is none.
func (s *Service) actionOf(row *store.Script, d *document, v *Version) *Action {
	a := &Action{
		ID: row.ID, Name: row.Name, Trigger: TriggerRef{row.Trigger, d.TriggerVersion}, Code: d.Code, Dependencies: d.Dependencies, Runtime: d.Runtime,
		Secrets: d.Secrets, Status: d.Status, Errors: d.Errors, Modules: d.Modules, Changes: d.Changes, BuiltAt: d.BuiltAt,
		Deployed: v, Current: v != nil && d.DeployedID == v.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
		cutOff: s.cutOff(d),
	}
	if d.Status == Ready {
		a.Warnings = slices.Concat(d.Warnings, d.unset())
	}
	return a
}

// load makes actions of rows, in the transaction that read them.
func (s *Service) load(ctx context.Context, tx store.Tx, row *store.Script) (*Action, error) {
	d, err := decode(row)
	if err != nil {
		return nil, err
	}
	if row.Deployed == 0 {
		return s.actionOf(row, d, nil), nil
	}
	v, err := tx.Scripts().ScriptVersionByNumber(ctx, row.ID, row.Deployed)
	if err != nil {
		return nil, err
	}
	view, err := versionOf(v, row.Deployed)
	if err != nil {
		return nil, err
	}
	return s.actionOf(row, d, view), nil
}

// CreateAction makes an action and builds it: Status is Ready (or Failed) if that was quick, else Pending. Save.Progress is not called.
func (s *Service) CreateAction(ctx context.Context, poolID string, in *NewAction) (*Action, error) {
	if in.Code == "" && exports[kindOf(in.Trigger.ID)] != "" {
		in.Code = starter(kindOf(in.Trigger.ID))
	}
	if err := firstOf(judgeActionName(in.Name), judgeTrigger(&in.Trigger), judgeRuntime(&in.Runtime), judgeCode("code", in.Code),
		judgeDependencies(in.Dependencies), judgeValues(in.Secrets)); err != nil {
		return nil, err
	}
	now := s.now()
	row := &store.Script{ID: uuid.NewString(), PoolID: poolID, Kind: kindAction, Name: in.Name, Trigger: in.Trigger.ID, CreatedAt: now}
	e := &edit{row: row, doc: &document{
		code:   code{Code: in.Code, Dependencies: in.Dependencies, TriggerVersion: in.Trigger.Version, Runtime: in.Runtime},
		Deploy: in.Deploy,
	}}
	if err := s.withSecrets(ctx, e, replaceBy(in.Secrets)); err != nil {
		return nil, err
	}
	free, err := s.builds.reserve()
	if err != nil {
		return nil, err
	}
	begin(e, in.Confirm, now)
	if err := s.write(ctx, e, insertRow(row, s.c.Limits.Actions)); err != nil {
		free()
		return nil, stored(err)
	}
	s.finish(ctx, e, free)
	return s.Action(ctx, poolID, row.ID)
}

// starter is an action that does nothing yet.
func starter(kind script.Kind) string {
	return "exports." + exports[kind] + " = async (event, api) => {\n};\n"
}

// judgeValues looks at the secrets of an action.
func judgeValues(list []SecretValue) error {
	all := map[string]string{}
	for _, v := range list {
		if _, twice := all[v.Name]; twice {
			return fault.Invalidf("secrets", "The secret %s is named twice.", v.Name)
		}
		all[v.Name] = v.Value
	}
	return judgeSecrets(all, maxSecrets)
}

// replaceBy makes the list the full set: what it does not name goes, what it names without a value stays as it is.
func replaceBy(list []SecretValue) func(map[string]string) error {
	return func(values map[string]string) error {
		keep := map[string]bool{}
		for _, v := range list {
			keep[v.Name] = true
			if v.Value != "" && !isPlaceholder(v.Value) {
				values[v.Name] = v.Value
			}
		}
		for name := range values {
			if !keep[name] {
				delete(values, name)
			}
		}
		return nil
	}
}

// Action returns an action, or fault.ResourceNotFound. A build that was cut off is begun anew.
func (s *Service) Action(ctx context.Context, poolID, id string) (*Action, error) {
	var a *Action
	read := func() error {
		return s.c.Store.Read(ctx, func(tx store.Tx) error {
			row, err := tx.Scripts().Script(ctx, poolID, id)
			if err == nil && row.Kind != kindAction {
				err = store.ErrNotFound
			}
			if err != nil {
				return err
			}
			a, err = s.load(ctx, tx, row)
			return err
		})
	}
	err := read()
	if err == nil && a.cutOff {
		if err := s.revive(ctx, poolID, id); err == nil {
			return a, stored(read())
		}
	}
	if err != nil {
		return nil, stored(err)
	}
	return a, nil
}

// Actions returns a page of actions, and how many there are in all. There are few: all are read.
func (s *Service) Actions(ctx context.Context, poolID string, q ActionQuery) ([]*Action, int, error) {
	var out []*Action
	err := s.c.Store.Read(ctx, func(tx store.Tx) error {
		out = nil
		rows, err := tx.Scripts().ListScripts(ctx, store.ScriptQuery{PoolID: poolID, Kind: kindAction, Trigger: q.TriggerID, Name: q.Name, Limit: maxList})
		if err != nil {
			return err
		}
		for _, row := range rows {
			if q.Deployed != nil && *q.Deployed != (row.Deployed > 0) {
				continue
			}
			a, err := s.load(ctx, tx, row)
			if err != nil {
				return err
			}
			out = append(out, a)
		}
		return nil
	})
	if err != nil {
		return nil, 0, stored(err)
	}
	slices.SortStableFunc(out, func(a, b *Action) int { return a.CreatedAt.Compare(b.CreatedAt) })
	if q.Limit <= 0 {
		q.Limit = 100
	}
	from := min(max(q.Skip, 0), len(out))
	return out[from:min(from+q.Limit, len(out))], len(out), nil
}

// UpdateAction changes the draft and builds it, as CreateAction does. A change of secrets alone needs no build. What is deployed stays as it is.
func (s *Service) UpdateAction(ctx context.Context, poolID, id string, c *ActionChange) (*Action, error) {
	if err := c.judge(); err != nil {
		return nil, err
	}
	free, err := s.builds.reserve()
	if err != nil {
		return nil, err
	}
	e, err := s.change(ctx, poolID, kindAction, id, func(ctx context.Context, e *edit) error { return s.redraft(ctx, e, c) })
	if err != nil {
		free()
		return nil, err
	}
	if e.doc.Status == Pending {
		s.finish(ctx, e, free)
	} else {
		free()
	}
	return s.Action(ctx, poolID, id)
}

func (c *ActionChange) judge() error {
	var errs []error
	if c.Name != nil {
		errs = append(errs, judgeActionName(*c.Name))
	}
	if c.Trigger != nil {
		errs = append(errs, judgeTrigger(c.Trigger))
	}
	if c.Runtime != nil {
		errs = append(errs, judgeRuntime(c.Runtime))
	}
	if c.Code != nil {
		errs = append(errs, judgeCode("code", *c.Code))
	}
	if c.Dependencies != nil {
		errs = append(errs, judgeDependencies(*c.Dependencies))
	}
	if c.Secrets != nil {
		errs = append(errs, judgeValues(*c.Secrets))
	}
	return firstOf(errs...)
}

// redraft changes the draft of an edit. Its status is Pending if it has to be built.
func (s *Service) redraft(ctx context.Context, e *edit, c *ActionChange) error {
	before, sealed := e.doc.code, e.row.Sealed
	set(&e.row.Name, c.Name)
	set(&e.doc.Code, c.Code)
	set(&e.doc.Dependencies, c.Dependencies)
	set(&e.doc.Runtime, c.Runtime)
	if c.Trigger != nil {
		if c.Trigger.ID != e.row.Trigger {
			return fault.Invalidf("supported_triggers", "The trigger of an action cannot change: make another action.")
		}
		e.doc.TriggerVersion = c.Trigger.Version
	}
	if c.Secrets != nil {
		if err := s.withSecrets(ctx, e, replaceBy(*c.Secrets)); err != nil {
			return err
		}
	}
	again := e.doc.differs(&before)
	if again || e.doc.Runtime != before.Runtime || e.doc.TriggerVersion != before.TriggerVersion || !slices.Equal(e.row.Sealed, sealed) {
		e.doc.DeployedID = ""
	}
	if again || e.doc.Status == Failed {
		begin(e, c.Confirm, s.now())
	}
	return nil
}
