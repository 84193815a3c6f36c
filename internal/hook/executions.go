package hook

import (
	"context"
	"encoding/json"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/store"
)

// Execution returns a run of an action from the log, or fault.ResourceNotFound. Runs that succeeded and printed nothing leave no entry there.
func (s *Service) Execution(ctx context.Context, poolID, id string) (*Execution, error) {
	var ev *store.Event
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		ev, err = tx.Events().Event(ctx, poolID, id)
		return err
	})
	if err != nil {
		return nil, stored(err)
	}
	var d struct {
		ActionID   string    `json:"action_id"`
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
	if d.ActionID == "" || ev.Type != string(eventlog.ActionFailed) && ev.Type != string(eventlog.FunctionRan) {
		return nil, notFound()
	}
	r := ExecutionResult{ActionName: d.ActionName, StartedAt: d.StartedAt, EndedAt: ev.At}
	if d.Class != "" {
		r.Error = &BuildError{ID: d.Class, Msg: d.Error.Message}
	}
	return &Execution{ID: ev.ID, TriggerID: d.TriggerID, Status: "final", CreatedAt: d.StartedAt, UpdatedAt: ev.At, Results: []ExecutionResult{r}}, nil
}
