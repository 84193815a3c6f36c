package routehealth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"strings"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/store"
)

const (
	// Judgements are settings of no pool, one for each key that is degraded or was within the last hour.
	settings    = "route-health/"
	maxDegrades = 1000
)

// held is the row of a key that is degraded, or was within the last hour.
type held struct {
	Key      Key      `json:"key"`
	Evidence Evidence `json:"evidence"`
	// Told is false for a network of a country that was degraded as a whole: it makes no events.
	Told bool `json:"told"`
	// WellAt is when it was found well again: what was sent before that is not held against it. The row goes once no window reaches that far.
	WellAt time.Time `json:"well_at,omitzero"`

	version int64
}

// commit writes the changes, each with its event, in one Write each: whoever changes the row tells of it.
func (m *Monitor) commit(ctx context.Context, now time.Time, changes []held) error {
	st := &m.state
	var errs []error
	for _, h := range changes {
		if _, whole := st.known[h.Key.whole()]; h.WellAt.IsZero() && whole && h.Key.Network != AllNetworks {
			h.Told = false
		}
		first, err := m.commitOne(ctx, now, h)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("keep a judgement: %w", err))
		case !first: // another node was faster: the next load brings what it found
		case h.WellAt.IsZero():
			h.version++
			st.known[h.Key] = h
		default:
			delete(st.known, h.Key)
			h.version++
			st.well[h.Key] = h
		}
	}
	for k, h := range st.well {
		if now.Sub(h.WellAt) <= (keep+1)*Span {
			continue
		}
		errs = append(errs, m.c.Store.Write(ctx, func(tx store.Tx) error {
			set, err := tx.Settings().Setting(ctx, "", nameOf(k))
			if errors.Is(err, store.ErrNotFound) || err == nil && set.Version != h.version {
				return nil // another node was faster
			}
			if err == nil {
				_, err = tx.Settings().DeleteSetting(ctx, "", nameOf(k))
			}
			return err
		}))
	}
	return errors.Join(errs...)
}

// Forget drops all that is known of a pool and is no count in the store: call it after the pool was deleted.
func (m *Monitor) Forget(ctx context.Context, poolID string) error {
	if m == nil {
		return nil
	}
	m.work.Lock()
	defer m.work.Unlock()
	m.mu.Lock()
	maps.DeleteFunc(m.pending, func(r row, _ *counts) bool { return r.PoolID == poolID })
	m.mu.Unlock()
	err := m.c.Store.Write(ctx, func(tx store.Tx) error {
		sets, err := tx.Settings().ListSettings(ctx, "", settings+url.PathEscape(poolID)+"/", "", maxDegrades)
		for _, set := range sets {
			if err == nil {
				_, err = tx.Settings().DeleteSetting(ctx, "", set.Name)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	m.state = newState()
	m.view.Store(&view{})
	m.report.Store(&[]Line{})
	return m.refresh(ctx)
}

func (m *Monitor) commitOne(ctx context.Context, now time.Time, h held) (first bool, err error) {
	doc, err := json.Marshal(h)
	if err != nil {
		return false, err
	}
	var ev *store.Event
	if m.c.Log != nil && h.Told {
		ev = m.c.Log.Event(eventlog.Entry{PoolID: h.Key.PoolID, Type: typeOf(h), Data: dataOf(h), At: now})
	}
	err = m.c.Store.Write(ctx, func(tx store.Tx) (err error) {
		first, err = tx.Settings().PutSetting(ctx, &store.Setting{Name: nameOf(h.Key), Doc: doc, UpdatedAt: now, Version: h.version})
		if err != nil || !first || ev == nil {
			return err
		}
		return tx.Events().Append(ctx, ev)
	})
	if err == nil && first && ev != nil {
		m.c.Log.Publish(ev)
	}
	return first, err
}

func typeOf(h held) eventlog.Type {
	if !h.WellAt.IsZero() {
		return eventlog.RouteRecovered
	}
	return eventlog.RouteDegraded
}

func dataOf(c held) map[string]any {
	return map[string]any{
		"account": c.Key.Account, "channel": c.Key.Channel, "country": c.Key.Country, "network": c.Key.Network, "rule": string(c.Evidence.Rule),
		"since": c.Evidence.Since, "short": c.Evidence.Short, "long": c.Evidence.Long, "baseline": c.Evidence.Baseline,
		"baseline_of": c.Evidence.BaselineOf, "upper": c.Evidence.Upper, "lower": c.Evidence.Lower,
	}
}

func nameOf(k Key) string {
	parts := [...]string{k.PoolID, k.Account, k.Channel, k.Country, k.Network}
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return settings + strings.Join(parts[:], "/")
}
