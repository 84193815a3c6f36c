package routehealth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"countersign/internal/store"
)

const (
	// hot is how many spans are read again each time: codes typed late still change them. Each new span all of the present is read once.
	hot = 3
	// A baseline is the spans of baseDays without those of the last hour; it moves on each quarter of an hour and is added up anew each
	// day, because late counts reach spans that were added already. Rows are kept a day longer than that.
	baseSpans, baseLate, baseStep, rebuild = int64(7 * 24 * time.Hour / Span), 12, 3, int64(24 * time.Hour / Span)
	keepRows                               = 8 * 24 * time.Hour
	baseChunk                              = int64(6 * time.Hour / Span)
	pruneLimit                             = 5000
)

// Refresh flushes, reads what all nodes counted, and judges. Run calls it.
func (m *Monitor) Refresh(ctx context.Context) error {
	if m == nil {
		return nil
	}
	m.work.Lock()
	defer m.work.Unlock()
	return m.refresh(ctx)
}

// refresh is Refresh with work held.
func (m *Monitor) refresh(ctx context.Context) error {
	now := m.c.Now().UTC()
	if err := m.Flush(ctx); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	if err := m.load(ctx, now); err != nil {
		return err
	}
	if err := m.rebase(ctx, spanOf(now)); err != nil {
		return err
	}
	return errors.Join(m.judge(ctx, now), m.prune(ctx, now))
}

// load reads the present and the degraded keys.
func (m *Monitor) load(ctx context.Context, now time.Time) error {
	st, current := &m.state, spanOf(now)
	from := current - hot
	if st.loaded != current {
		from = current - keep
	}
	var rows []store.RouteCount
	var sets []*store.Setting
	err := m.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		if rows, err = tx.Routes().RouteCounts(ctx, "", spanStart(from), spanStart(current+2)); err != nil {
			return err
		}
		sets, err = tx.Settings().ListSettings(ctx, "", settings, "", maxDegrades)
		return err
	})
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	st.take(rows, from)
	st.loaded = current
	st.known, st.well = map[Key]held{}, map[Key]held{}
	for _, s := range sets {
		h := held{version: s.Version}
		if json.Unmarshal(s.Doc, &h) != nil {
			continue
		}
		if h.WellAt.IsZero() {
			st.known[h.Key] = h
		} else {
			st.well[h.Key] = h
		}
	}
	for _, s := range st.keys {
		s.note(now)
	}
	st.tidy(current)
	return nil
}

// rebase moves the baselines on.
func (m *Monitor) rebase(ctx context.Context, current int64) error {
	st := &m.state
	from, to := current-baseSpans, current-baseLate
	if st.builtAt == 0 || current-st.builtAt >= rebuild || to-st.baseTo > rebuild {
		for _, s := range st.keys {
			s.base = counts{}
		}
		if err := m.rebaseBy(ctx, from, to, 1); err != nil {
			st.builtAt = 0
			return err
		}
		st.baseFrom, st.baseTo, st.builtAt = from, to, current
		return nil
	}
	if to-st.baseTo < baseStep {
		return nil
	}
	err := errors.Join(m.rebaseBy(ctx, st.baseTo, to, 1), m.rebaseBy(ctx, st.baseFrom, from, -1))
	if err != nil {
		st.builtAt = 0 // half of it may be done: begin anew next time
		return err
	}
	st.baseFrom, st.baseTo = from, to
	return nil
}

func (m *Monitor) rebaseBy(ctx context.Context, from, to int64, sign int) error {
	for ; from < to; from += baseChunk {
		err := m.c.Store.Read(ctx, func(tx store.Tx) error {
			rows, err := tx.Routes().RouteCounts(ctx, "", spanStart(from), spanStart(min(from+baseChunk, to)))
			if err == nil {
				m.state.rebase(rows, sign)
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("baseline: %w", err)
		}
	}
	return nil
}

func (m *Monitor) prune(ctx context.Context, now time.Time) error {
	if m.state.pruned == spanOf(now) {
		return nil
	}
	m.state.pruned = spanOf(now)
	return m.c.Store.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Routes().PruneRouteCounts(ctx, now.Add(-keepRows), pruneLimit)
		return err
	})
}

// judge looks at every key, tells what changed and shows the result to Rank and Report.
func (m *Monitor) judge(ctx context.Context, now time.Time) error {
	st := &m.state
	lines := make([]Line, 0, len(st.keys))
	well := map[Key]bool{}
	var changes []held
	for _, k := range m.order() {
		j := m.subject(k, st.keys[k], now)
		if h, bad := st.known[k]; bad {
			if e, ok := j.recovered(h.Evidence); ok {
				changes = append(changes, held{Key: k, Evidence: e, Told: h.Told, WellAt: now, version: h.version})
			}
			lines = append(lines, Line{Key: k, Evidence: j.evidence()})
			continue
		}
		e, judged := j.judge()
		if e.Rule != "" {
			e.Since = now
			changes = append(changes, held{Key: k, Evidence: e, Told: true, version: st.well[k].version})
		} else if judged {
			well[k] = true
		}
		lines = append(lines, Line{Key: k, Evidence: e})
	}
	err := m.commit(ctx, now, changes)
	m.show(lines, well)
	return err
}

// order is the keys with traffic or a row, countries before their networks.
func (m *Monitor) order() []Key {
	st := &m.state
	keys := make([]Key, 0, len(st.keys))
	for k, s := range st.keys {
		if len(s.spans) > 0 {
			keys = append(keys, k)
		}
	}
	for k := range st.known {
		if s := st.keys[k]; s == nil || len(s.spans) == 0 {
			st.of(k)
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b Key) int {
		whole := 0 // a country comes before its networks
		if (a.Network == AllNetworks) != (b.Network == AllNetworks) {
			whole = 1
			if a.Network == AllNetworks {
				whole = -1
			}
		}
		return cmp.Or(compareKeys(a.whole(), b.whole()), whole, compareKeys(a, b))
	})
	return keys
}

func (m *Monitor) subject(k Key, s *series, now time.Time) subject {
	st := &m.state
	j := subject{s: s, now: now, span: spanOf(now), baseWindow: [2]time.Time{spanStart(st.baseFrom), spanStart(st.baseTo)}}
	switch whole := st.keys[k.whole()]; {
	case hasBase(s.base):
		j.base, j.baseOf = s.base, "network"
	case whole != nil && hasBase(whole.base):
		j.base, j.baseOf = whole.base, "country"
	}
	j.after = matureAfter(j.base)
	for _, k := range [...]Key{k, k.whole()} {
		if h, ok := st.well[k]; ok {
			j.from = max(j.from, spanOf(h.WellAt))
		}
	}
	return j
}

// show hands the present state to Rank and Report.
func (m *Monitor) show(lines []Line, well map[Key]bool) {
	v := &view{degraded: make(map[Key]*degraded, len(m.state.known)), well: map[Key]bool{}}
	old := m.view.Load()
	for k, h := range m.state.known {
		d := &degraded{evidence: h.Evidence}
		if old != nil && old.degraded[k] != nil {
			d.asked = old.degraded[k].asked
		} else {
			d.asked = new(atomic.Uint32)
		}
		v.degraded[k] = d
	}
	for k := range maps.Keys(well) {
		if _, bad := m.state.known[k.whole()]; bad && k.Network != AllNetworks {
			v.well[k] = true
		}
	}
	for i := range lines {
		if h, bad := m.state.known[lines[i].Key]; bad {
			lines[i].Degraded, lines[i].Evidence.Rule, lines[i].Evidence.Since = true, h.Evidence.Rule, h.Evidence.Since
		} else {
			lines[i].Degraded, lines[i].Evidence.Rule, lines[i].Evidence.Since = false, "", time.Time{}
		}
	}
	m.view.Store(v)
	m.report.Store(&lines)
}
