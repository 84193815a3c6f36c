package hook

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"countersign/internal/fault"
	"countersign/internal/store"
)

// bindingsPrefix and a trigger's id name the setting that holds the trigger's bindings.
const bindingsPrefix = "bindings/"

// binding is an element of that setting.
type binding struct {
	ID          string    `json:"id"`
	ActionID    string    `json:"action_id"`
	DisplayName string    `json:"display_name"`
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

// bindings reads a trigger's list; the setting is a new one if there is none.
func bindings(ctx context.Context, tx store.Tx, poolID, triggerID string) (*store.Setting, []binding, error) {
	set, err := tx.Settings().Setting(ctx, poolID, bindingsPrefix+triggerID)
	if errors.Is(err, store.ErrNotFound) {
		return &store.Setting{PoolID: poolID, Name: bindingsPrefix + triggerID}, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	var list []binding
	return set, list, json.Unmarshal(set.Doc, &list)
}

func judgeBound(triggerID string) error {
	if !knownTrigger(triggerID) {
		return fault.New(fault.ResourceNotFound).WithField("triggerId").WithPublic("There is no trigger %q for actions.", triggerID)
	}
	return nil
}

// Bindings returns the bindings of a trigger in order, or fault.ResourceNotFound for unknown triggers.
func (s *Service) Bindings(ctx context.Context, poolID, triggerID string) ([]*Binding, error) {
	if err := judgeBound(triggerID); err != nil {
		return nil, err
	}
	var out []*Binding
	err := s.c.Store.Read(ctx, func(tx store.Tx) error {
		_, list, err := bindings(ctx, tx, poolID, triggerID)
		if err != nil {
			return err
		}
		out, err = s.bound(ctx, tx, poolID, triggerID, list)
		return err
	})
	return out, stored(err)
}

// bound is a list of bindings with their actions.
func (s *Service) bound(ctx context.Context, tx store.Tx, poolID, triggerID string, list []binding) ([]*Binding, error) {
	out := make([]*Binding, 0, len(list))
	for _, b := range list {
		row, err := tx.Scripts().Script(ctx, poolID, b.ActionID)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		a, err := s.load(ctx, tx, row)
		if err != nil {
			return nil, err
		}
		out = append(out, &Binding{ID: b.ID, TriggerID: triggerID, DisplayName: b.DisplayName, Action: a, CreatedAt: b.CreatedAt, UpdatedAt: b.UpdatedAt})
	}
	return out, nil
}

// Bind replaces the bindings of a trigger. Actions must be deployed and be of the trigger. A binding that was there keeps its id.
func (s *Service) Bind(ctx context.Context, poolID, triggerID string, list []NewBinding) ([]*Binding, error) {
	if err := judgeBound(triggerID); err != nil {
		return nil, err
	}
	if len(list) > s.c.Limits.Bound {
		return nil, fault.New(fault.TooMany).WithField("bindings").WithPublic("At most %d actions can be bound to a trigger.", s.c.Limits.Bound)
	}
	now := s.now()
	var out []*Binding
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		set, before, err := bindings(ctx, tx, poolID, triggerID)
		if err != nil {
			return err
		}
		after, err := bind(ctx, tx, poolID, triggerID, before, list, now)
		if err != nil {
			return err
		}
		if err := replaceBindings(ctx, tx, set, after, now); err != nil {
			return err
		}
		out, err = s.bound(ctx, tx, poolID, triggerID, after)
		return err
	})
	s.live.forget(poolID)
	if err != nil {
		return nil, stored(err)
	}
	return out, nil
}

func replaceBindings(ctx context.Context, tx store.Tx, set *store.Setting, list []binding, now time.Time) (err error) {
	if set.Doc, err = encode(list); err != nil {
		return err
	}
	set.UpdatedAt = now
	ok, err := tx.Settings().PutSetting(ctx, set)
	if err == nil && !ok {
		err = errRace
	}
	return err
}

// bind makes the list that replaces before.
func bind(ctx context.Context, tx store.Tx, poolID, triggerID string, before []binding, list []NewBinding, now time.Time) ([]binding, error) {
	after := make([]binding, 0, len(list))
	for _, n := range list {
		row, err := toBind(ctx, tx, poolID, n)
		if err != nil {
			return nil, err
		}
		switch {
		case row.Trigger != triggerID:
			return nil, fault.Invalidf("bindings", "The action %q is one of %s, not of %s.", row.Name, row.Trigger, triggerID)
		case row.Deployed == 0:
			return nil, fault.Invalidf("bindings", "The action %q must be deployed before it can be bound.", row.Name)
		case slices.ContainsFunc(after, func(b binding) bool { return b.ActionID == row.ID }):
			return nil, fault.Invalidf("bindings", "The action %q is named twice.", row.Name)
		}
		b := binding{ID: uuid.NewString(), ActionID: row.ID, CreatedAt: now}
		if i := slices.IndexFunc(before, func(b binding) bool { return b.ActionID == row.ID }); i >= 0 {
			b = before[i]
		}
		if b.UpdatedAt, b.DisplayName = now, n.DisplayName; b.DisplayName == "" {
			b.DisplayName = row.Name
		}
		if err := judgeActionName(b.DisplayName); err != nil {
			return nil, err
		}
		after = append(after, b)
	}
	return after, nil
}

// toBind is the action that a binding names.
func toBind(ctx context.Context, tx store.Tx, poolID string, n NewBinding) (*store.Script, error) {
	if n.ActionID == "" {
		rows, err := tx.Scripts().ListScripts(ctx, store.ScriptQuery{PoolID: poolID, Kind: kindAction, Name: n.ActionName, Limit: 1})
		if err == nil && (len(rows) == 0 || n.ActionName == "") {
			err = fault.New(fault.ResourceNotFound).WithField("bindings").WithPublic("There is no action with the name %q.", n.ActionName)
		}
		if err != nil {
			return nil, err
		}
		return rows[0], nil
	}
	row, err := tx.Scripts().Script(ctx, poolID, n.ActionID)
	if errors.Is(err, store.ErrNotFound) || err == nil && row.Kind != kindAction {
		err = fault.New(fault.ResourceNotFound).WithField("bindings").WithPublic("There is no action with the id %q.", n.ActionID)
	}
	return row, err
}

// DeleteAction deletes an action with its versions. One that is bound is InvalidParameter unless force, which takes it out of the bindings.
func (s *Service) DeleteAction(ctx context.Context, poolID, id string, force bool) error {
	now := s.now()
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		row, err := tx.Scripts().Script(ctx, poolID, id)
		if err == nil && row.Kind != kindAction {
			err = store.ErrNotFound
		}
		if err != nil {
			return err
		}
		set, list, err := bindings(ctx, tx, poolID, row.Trigger)
		if err != nil {
			return err
		}
		of := func(b binding) bool { return b.ActionID == id }
		if slices.ContainsFunc(list, of) {
			if !force {
				return fault.Invalidf("force", "The action is bound to %s: unbind it, or delete it by force.", row.Trigger)
			}
			if err := replaceBindings(ctx, tx, set, slices.DeleteFunc(list, of), now); err != nil {
				return err
			}
		}
		_, err = tx.Scripts().DeleteScript(ctx, poolID, id)
		return err
	})
	s.live.forget(poolID)
	return stored(err)
}
