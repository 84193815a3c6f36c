package hook

import (
	"context"
	"encoding/json"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/store"
)

// Execution returns a failed run of an action from the log, or fault.ResourceNotFound. Runs that succeeded leave no entry of their own.
func (s *Service) Execution(ctx context.Context, poolID, id string) (*Execution, error) {
	var ev *store.Event
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		ev, err = tx.Events().Event(ctx, poolID, id)
		return err
	})
	if err == nil && ev.Type != string(eventlog.ActionFailed) {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, stored(err)
	}
	var d struct {
		TriggerID  string    `json:"trigger_id"`
		ActionName string    `json:"action_name"`
		Class      string    `json:"error_class"`
		StartedAt  time.Time `json:"started_at"`
		Error      struct {
			Message string `json:"message"`
		} `json:"action_error"`
	}
	if err := json.Unmarshal(ev.Data, &d); err != nil {
		return nil, stored(err)
	}
	return &Execution{
		ID: ev.ID, TriggerID: d.TriggerID, Status: "final", CreatedAt: d.StartedAt, UpdatedAt: ev.At,
		Results: []ExecutionResult{{ActionName: d.ActionName, Error: &BuildError{ID: d.Class, Msg: d.Error.Message}, StartedAt: d.StartedAt, EndedAt: ev.At}},
	}, nil
}
