package pool

import (
	"context"
	"maps"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/internal/trigger"
)

// asked remembers what triggers answered within one request: a flow that begins again because a record changed asks none of them twice.
// A request is one goroutine.
type asked map[string]any

// asking is the caller of a request whose flow may begin again.
func (c Caller) asking() Caller {
	c.asked = asked{}
	return c
}

// whom is whom an event is about: a user, or a name that nobody has.
type whom struct {
	name string
	user *store.User
}

func (a *account) whom() whom { return whom{a.name, a.user} }

// username is the userName of events.
func (w whom) username() string {
	if w.user != nil {
		return w.user.Username
	}
	return w.name
}

// attributes are the userAttributes of events: all text, with sub and status.
func (w whom) attributes() map[string]string {
	if w.user == nil {
		return map[string]string{}
	}
	out := make(map[string]string, len(w.user.Attributes)+2)
	maps.Copy(out, w.user.Attributes)
	out["sub"], out["cognito:user_status"] = w.user.ID, string(w.user.Status)
	return out
}

// has reports whether the pool has a function for the trigger.
func (t *tenant) has(n trigger.Name) bool { return t.cfg.Triggers.Has(n) }

// source is the triggerSource of an event.
func source(n trigger.Name, what string) string {
	if n == trigger.PreTokenGeneration {
		return "TokenGeneration_" + what
	}
	return string(n) + "_" + what
}

// ask calls a synchronous trigger and decodes its answer. It must not be called within a Write. part tells two calls of one trigger within
// one request apart, and is mostly empty. A failure is an event, and the answer to the caller.
func ask[T any](ctx context.Context, s *Service, t *tenant, c Caller, n trigger.Name, what, part string, w whom, request any) (out T, err error) {
	key := source(n, what) + "/" + part
	if known, ok := c.asked[key].(T); ok {
		return known, nil
	}
	if s.Triggers == nil || !t.has(n) {
		return out, s.triggerFailed(ctx, t, c, n, what, w, noTriggers(n))
	}
	raw, err := s.Triggers.Run(ctx, t.pool.ID, t.cfg.Triggers, n, trigger.Event{
		TriggerSource: source(n, what), UserName: w.username(), CallerContext: trigger.NewCaller(c.UserAgent, t.clientID()), Request: request,
	})
	if err == nil {
		if tokens, ok := any(&out).(*trigger.TokenAnswer); ok {
			*tokens, err = trigger.DecodeToken(t.cfg.Triggers.TokenVersion, raw)
		} else {
			out, err = trigger.Decode[T](n, raw)
		}
	}
	if err != nil {
		return out, s.triggerFailed(ctx, t, c, n, what, w, err)
	}
	if c.asked != nil {
		c.asked[key] = out
	}
	return out, nil
}

// notify calls a trigger whose answer is not read.
func (s *Service) notify(ctx context.Context, t *tenant, c Caller, n trigger.Name, what string, w whom, request any) error {
	_, err := ask[struct{}](ctx, s, t, c, n, what, "", w, request)
	return err
}

// noTriggers is for a pool that has triggers on a server that runs none, and for one that lost a trigger in the middle of a flow: flows must
// not go on without them.
func noTriggers(n trigger.Name) error {
	return fault.New(fault.TriggerFailed).WithField(string(n)).WithPublic("%s invocation failed due to error ResourceNotFoundException.", n).
		WithHint("This server runs no functions, or the pool has no %s any more.", n)
}

// triggerFailed records why a trigger did not let a flow go on, and returns the error.
func (s *Service) triggerFailed(ctx context.Context, t *tenant, c Caller, n trigger.Name, what string, w whom, cause error) error {
	e := fault.Of(cause)
	if e.Code == fault.InternalError || ctx.Err() != nil {
		return cause
	}
	data := map[string]any{"trigger": string(n), "trigger_source": source(n, what), "reason": string(e.Code)}
	if e.Hint != "" {
		data["hint"] = e.Hint
	}
	personal := map[string]any{}
	if e.Code == fault.TriggerRefused { // the function's own words may name the user
		personal["message"] = e.Public
	} else if e.Public != "" {
		data["message"] = e.Public
	}
	ev, err := s.entry(ctx, t, c, eventlog.TriggerFailed, w.user, "", data, personal)
	if err != nil {
		return err
	}
	if err := s.write(ctx, func(tx *unit) error { return tx.append(ctx, ev) }); err != nil {
		return err
	}
	return cause
}
