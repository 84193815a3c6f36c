package route

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"countersign/internal/ratecard"
	"countersign/internal/store"
)

// Names of settings. Documents are in clear; an account's secrets are sealed as an object of strings.
const (
	accountPrefix = "delivery/account/"
	planName      = "delivery/plan"

	table  = "settings"
	column = "sealed"
)

const (
	// fresh is how old what is remembered of a pool may be.
	fresh = 5 * time.Second
	// maxPools bounds the pools that are remembered.
	maxPools = 10_000
	// maxAccounts bounds the accounts of a pool.
	maxAccounts = 200
)

// view is what is remembered of a pool. It is not changed once it is made.
type view struct {
	// plan is nil if the pool has none.
	plan     *plan
	accounts map[string]*live
	card     *ratecard.Card
	loaded   time.Time
}

// plan is a Plan made ready.
type plan struct {
	Plan
	version int64
	rules   []rule
	voice   rule
}

// rule is a Rule made ready.
type rule struct {
	Rule
	// names are the accounts in order, weighted says that there is a lottery.
	names    []string
	weighted bool
}

func compile(p Plan, version int64) *plan {
	out := &plan{Plan: p, version: version}
	for _, r := range p.Rules {
		out.rules = append(out.rules, compileRule(r))
	}
	out.voice = compileRule(Rule{Name: "voice", Use: p.Voice.Use})
	return out
}

func compileRule(r Rule) rule {
	c := rule{Rule: r}
	for _, u := range r.Use {
		c.names = append(c.names, u.Account)
		c.weighted = c.weighted || u.Weight > 0
	}
	return c
}

// slot is a pool's place in the memory.
type slot struct {
	view *view // guarded by Service.mu
	// turn is taken by the one that reads.
	turn chan struct{}
}

// pool returns what is known of a pool, at most 5 s old. While there is an older view nobody waits for the database but the one that reads it, and
// its failure is not the caller's.
func (s *Service) pool(ctx context.Context, id string) (*view, error) {
	s.mu.RLock()
	e := s.pools[id]
	var v *view
	if e != nil {
		v = e.view
	}
	s.mu.RUnlock()
	if v != nil && s.c.Now().Sub(v.loaded) < fresh {
		return v, nil
	}
	return s.load(ctx, id, v)
}

func (s *Service) load(ctx context.Context, id string, have *view) (*view, error) {
	e := s.slot(id)
	if have != nil {
		select {
		case e.turn <- struct{}{}:
		default:
			return have, nil
		}
	} else {
		select {
		case e.turn <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer func() { <-e.turn }()
	s.mu.RLock()
	v := e.view
	s.mu.RUnlock()
	if v != have && v != nil {
		return v, nil
	}
	v, err := s.read(ctx, id, have)
	if err != nil {
		if have != nil {
			s.c.Logger.WarnContext(ctx, "accounts of a pool could not be read; going on with those in memory", "pool", id, "error", err)
			return have, nil
		}
		return nil, err
	}
	s.mu.Lock()
	if e.view != have {
		v.loaded = time.Time{} // Forget came meanwhile: what was read may be older than the change
	}
	e.view = v
	s.mu.Unlock()
	return v, nil
}

// slot returns the pool's place, and drops another pool's if there are too many.
func (s *Service) slot(id string) *slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.pools[id]; e != nil {
		return e
	}
	for other, e := range s.pools {
		if len(s.pools) < maxPools {
			break
		}
		if e.view == nil || len(e.view.accounts) == 0 { // connections and circuits are worth keeping
			delete(s.pools, other)
		}
	}
	e := &slot{turn: make(chan struct{}, 1)}
	s.pools[id] = e
	return e
}

// refresh reads a pool again after a change. Accounts that have not changed stay as they are.
func (s *Service) refresh(ctx context.Context, id string) error {
	e := s.slot(id)
	select {
	case e.turn <- struct{}{}: // whoever read before the change is done
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-e.turn }()
	s.mu.RLock()
	have := e.view
	s.mu.RUnlock()
	v, err := s.read(ctx, id, have)
	if err != nil {
		return err
	}
	s.mu.Lock()
	e.view = v
	s.mu.Unlock()
	return nil
}

// read makes the view of a pool. Accounts of the same version are taken over from the one before, others are retired.
func (s *Service) read(ctx context.Context, id string, have *view) (*view, error) {
	v := &view{accounts: map[string]*live{}, loaded: s.c.Now()}
	var rows []*store.Setting
	var plan *store.Setting
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		if rows, err = tx.Settings().ListSettings(ctx, id, accountPrefix, "", maxAccounts); err != nil {
			return err
		}
		plan, err = tx.Settings().Setting(ctx, id, planName)
		if errors.Is(err, store.ErrNotFound) {
			plan, err = nil, nil
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if plan != nil {
		var p Plan
		if err := json.Unmarshal(plan.Doc, &p); err != nil {
			return nil, fmt.Errorf("route: the plan of pool %s cannot be read: %w", id, err)
		}
		v.plan = compile(p, plan.Version)
	}
	if s.c.Rates != nil {
		if v.card, err = s.c.Rates(ctx, id); err != nil {
			s.c.Logger.WarnContext(ctx, "a rate card could not be read", "pool", id, "error", err)
		}
	}
	return v, s.adopt(id, v, rows, have)
}

// adopt fills in the accounts.
func (s *Service) adopt(id string, v *view, rows []*store.Setting, have *view) error {
	for _, row := range rows {
		name := row.Name[len(accountPrefix):]
		if have != nil {
			if l := have.accounts[name]; l != nil && l.version == row.Version && l.updated.Equal(row.UpdatedAt) {
				v.accounts[name] = l
				continue
			}
		}
		var c AccountConfig
		if err := json.Unmarshal(row.Doc, &c); err != nil {
			return fmt.Errorf("route: account %s of pool %s cannot be read: %w", name, id, err)
		}
		l := s.newLive(id, c)
		l.version, l.updated, l.sealed = row.Version, row.UpdatedAt, row.Sealed
		v.accounts[name] = l
	}
	if have != nil {
		for name, l := range have.accounts {
			if v.accounts[name] != l {
				l.retire()
			}
		}
	}
	return nil
}
