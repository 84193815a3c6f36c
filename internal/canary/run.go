package canary

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/provider"
)

// States of a Result.
const (
	Waiting = "waiting"
	Passed  = "passed"
	Failed  = "failed"
)

const (
	resultsKept = 20
	// lease is how long a node that has stopped keeps others from a pool's canaries.
	lease = 2 * time.Minute
	// poolPage is how many pools are read at once.
	poolPage = 100
	// triggerSource of canary texts; Cognito has none for them.
	triggerSource = "Canary"
)

// Result is what became of one text.
type Result struct {
	// At is when the text was queued, MessageID its row in the outbox, empty if it could not even be queued.
	At        time.Time `json:"at"`
	MessageID string    `json:"message_id,omitempty"`
	// State is Waiting, Passed or Failed; TookMillis how long that took, as far as a look in some seconds tells; Reason why it failed.
	State      string `json:"state"`
	TookMillis int64  `json:"took_ms,omitempty"`
	Reason     string `json:"reason,omitempty"`
	// Account is the account that took it.
	Account string `json:"account,omitempty"`
}

// state is the setting of a pool's results.
type state struct {
	Owner string    `json:"owner"`
	Until time.Time `json:"until"`
	// Results are by name, newest first.
	Results map[string][]Result `json:"results"`

	version int64
}

func (x *state) last(name string) *Result {
	if len(x.Results[name]) == 0 {
		return nil
	}
	return &x.Results[name][0]
}

// before is the last result before the one that waits.
func (x *state) before(name string) *Result {
	if len(x.Results[name]) < 2 {
		return nil
	}
	return &x.Results[name][1]
}

// Results returns the last results of a pool's canaries by name, newest first, at most 20 of each.
func (s *Service) Results(ctx context.Context, poolID string) (map[string][]Result, error) {
	var st *state
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		st, err = loadState(ctx, tx, poolID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return st.Results, nil
}

func loadState(ctx context.Context, tx store.Tx, poolID string) (*state, error) {
	st := &state{}
	row, err := tx.Settings().Setting(ctx, poolID, settingResults)
	if err == nil {
		err = json.Unmarshal(row.Doc, st)
		st.version = row.Version
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fault.Internalf("canary results of pool %s: %w", poolID, err)
	}
	if st.Results == nil {
		st.Results = map[string][]Result{}
	}
	return st, nil
}

// Run looks after all pools' canaries until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	for {
		if err := s.Look(ctx); err != nil && ctx.Err() == nil {
			s.c.Logger.ErrorContext(ctx, "canaries", "error", err)
		}
		wait := time.NewTimer(s.c.Look)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return nil
		}
	}
}

// Look judges what waits and sends what is due, once, in all pools. What fails in one pool is logged and keeps no other from its turn.
func (s *Service) Look(ctx context.Context) error {
	after := ""
	for {
		var pools, with []string
		err := s.c.Store.Read(ctx, func(tx store.Tx) error {
			list, err := tx.Pools().ListPools(ctx, after, poolPage)
			if err != nil {
				return err
			}
			for _, p := range list {
				pools = append(pools, p.ID)
				_, err := tx.Settings().Setting(ctx, p.ID, settingCanaries)
				if err == nil {
					with = append(with, p.ID)
				} else if !errors.Is(err, store.ErrNotFound) {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, id := range with {
			if err := s.look(ctx, id); err != nil {
				s.c.Logger.ErrorContext(ctx, "canaries", "pool", id, "error", err)
			}
		}
		if len(pools) < poolPage || ctx.Err() != nil {
			return ctx.Err()
		}
		after = pools[len(pools)-1]
	}
}

// turn is one look at a pool.
type turn struct {
	poolID   string
	now      time.Time
	x        *set
	st       *state
	waiting  map[string]*store.Message
	messages []*store.Message
	events   []*store.Event
	changed  bool
}

// look is Look for one pool. Everything it found and did is one commit, which only the holder of the lease can make.
func (s *Service) look(ctx context.Context, poolID string) error {
	t := &turn{poolID: poolID, now: s.now(), waiting: map[string]*store.Message{}}
	var sealed []byte
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		if t.x, sealed, err = s.load(ctx, tx, poolID); err != nil {
			return err
		}
		if t.st, err = loadState(ctx, tx, poolID); err != nil {
			return err
		}
		return t.read(ctx, tx)
	})
	if err != nil {
		return err
	}
	if t.st.Owner != s.c.Owner && t.now.Before(t.st.Until) {
		return nil
	}
	t.forget()
	for i := range t.x.Canaries {
		s.judge(t, &t.x.Canaries[i])
	}
	if err := s.send(ctx, t, sealed); err != nil {
		return err
	}
	if !t.changed && t.st.Owner == s.c.Owner && t.st.Until.Sub(t.now) > lease/2 {
		return nil
	}
	return s.commit(ctx, t)
}

// read reads the messages that canaries wait for.
func (t *turn) read(ctx context.Context, tx store.Tx) error {
	for _, c := range t.x.Canaries {
		r := t.st.last(c.Name)
		if r == nil || r.State != Waiting {
			continue
		}
		m, err := tx.Outbox().Message(ctx, r.MessageID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		t.waiting[c.Name] = m
	}
	return nil
}

// forget drops the results of canaries that are gone.
func (t *turn) forget() {
	for name := range t.st.Results {
		if t.x.find(name) == nil {
			delete(t.st.Results, name)
			t.changed = true
		}
	}
}

// judge decides about a text that waits.
func (s *Service) judge(t *turn, c *Canary) {
	r := t.st.last(c.Name)
	if r == nil || r.State != Waiting {
		return
	}
	m := t.waiting[c.Name]
	took := t.now.Sub(r.At)
	reason := ""
	switch {
	case m == nil:
		reason = "the message is gone"
	case m.State == store.Delivered, c.Expect == ExpectSent && (m.State == store.Sent || m.State == store.Undelivered):
		if at := m.SentAt; c.Expect == ExpectSent && !at.IsZero() {
			took = at.Sub(r.At)
		} else if m.State == store.Delivered && m.UpdatedAt.After(r.At) {
			took = m.UpdatedAt.Sub(r.At)
		}
		if took > c.within() {
			reason = "too late"
		}
	case m.State == store.Sent || !m.State.Final():
		if took <= c.within() {
			return
		}
		if reason = "not sent in time"; m.State == store.Sent {
			reason = "no receipt in time"
		}
	default:
		reason = string(m.State)
		if m.LastClass != "" {
			reason += ": " + m.LastClass
		}
	}
	if m != nil {
		r.Account = m.Account
	}
	r.TookMillis = max(took, 0).Milliseconds()
	s.end(t, c, r, m, reason)
}

// end ends a result, and tells of it.
func (s *Service) end(t *turn, c *Canary, r *Result, m *store.Message, reason string) {
	t.changed = true
	kind := eventlog.CanaryPassed
	if r.State, r.Reason = Passed, reason; reason != "" {
		r.State, kind = Failed, eventlog.CanaryFailed
	} else if b := t.st.before(c.Name); b == nil || b.State != Failed {
		return
	}
	e := eventlog.Entry{PoolID: t.poolID, Type: kind, At: t.now, Data: map[string]any{
		"canary": c.Name, "expect": c.Expect, "account": firstOf(r.Account, c.Account), "message_id": r.MessageID, "took_ms": r.TookMillis}}
	if reason != "" {
		e.Data["reason"] = reason
	}
	if m != nil {
		e.NumberHash = m.Number
	}
	t.events = append(t.events, s.c.Log.Event(e))
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// send queues the texts that are due.
func (s *Service) send(ctx context.Context, t *turn, sealed []byte) error {
	due := slices.DeleteFunc(slices.Clone(t.x.Canaries), func(c Canary) bool {
		r := t.st.last(c.Name)
		return c.Disabled || r != nil && (r.State == Waiting || t.now.Before(r.At.Add(c.every())))
	})
	if len(due) == 0 {
		return nil
	}
	if err := s.open(ctx, t.poolID, t.x, sealed); err != nil {
		return err
	}
	for i := range due {
		c := &due[i]
		r := Result{At: t.now, State: Waiting}
		m, err := s.c.Deliver.Prepare(ctx, delivery.Draft{
			PoolID: t.poolID, Lane: store.LaneSignIn, Channel: provider.SMS, To: t.x.numbers[c.Name], Account: c.Account, TriggerSource: triggerSource,
			Text: "Canary " + c.Name + " " + t.now.Format("15:04") + " UTC. This is a test of your own text messages.", ExpiresAt: t.now.Add(c.within()),
		})
		if err == nil {
			r.MessageID = m.ID
			t.messages = append(t.messages, m)
		}
		t.changed = true
		t.st.Results[c.Name] = append([]Result{r}, t.st.Results[c.Name]...)
		t.st.Results[c.Name] = t.st.Results[c.Name][:min(len(t.st.Results[c.Name]), resultsKept)]
		if err != nil {
			s.c.Logger.WarnContext(ctx, "a canary text could not be made", "pool", t.poolID, "canary", c.Name, "error", err)
			s.end(t, c, &t.st.Results[c.Name][0], nil, "it could not be made: "+string(fault.CodeOf(err)))
		}
	}
	return nil
}

// commit stores what a turn found and did, unless another node was faster.
func (s *Service) commit(ctx context.Context, t *turn) error {
	t.st.Owner, t.st.Until = s.c.Owner, t.now.Add(lease)
	doc, err := json.Marshal(t.st)
	if err != nil {
		return err
	}
	row := &store.Setting{PoolID: t.poolID, Name: settingResults, Doc: doc, UpdatedAt: t.now, Version: t.st.version}
	won := false
	err = s.c.Store.Write(ctx, func(tx store.Tx) (err error) {
		if won, err = tx.Settings().PutSetting(ctx, row); err != nil || !won {
			return err
		}
		for _, m := range t.messages {
			if err := s.c.Deliver.Enqueue(ctx, tx, m); err != nil {
				return err
			}
		}
		for _, e := range t.events {
			if err := tx.Events().Append(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && won && len(t.messages) > 0 {
		s.c.Deliver.Wake(t.messages...)
	}
	return err
}
