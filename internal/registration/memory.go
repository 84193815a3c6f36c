package registration

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"countersign/internal/store"
)

const (
	// freshFor is how old what is remembered of a pool may be.
	freshFor = 3 * time.Second
	// maxPools bounds the pools that are remembered.
	maxPools = 256
	// deep bounds the registrations above one.
	deep = 4
)

// memory holds the registrations of pools for some seconds.
type memory struct {
	mu    sync.Mutex
	pools map[string]*view
	// writes counts what this node wrote: what was read before is not kept.
	writes int64
}

// view is all that is registered for a pool, those of all pools included. It is never changed.
type view struct {
	readAt    time.Time
	countries map[string][]*line
	require   map[string]bool
}

// of returns the registrations for a country, and whether it is under registration. Territories of the United States that have none of their own are
// served by its numbers and registrations (AWS End User Messaging user guide, toll-free registration).
func (v *view) of(country string) (lines []*line, under bool) {
	lines, under = v.countries[country]
	if under = under || v.require[country]; under {
		return lines, true
	}
	switch country {
	case "PR", "VI", "GU", "AS":
		return v.of("US")
	}
	return nil, false
}

// line is one registration under which texts are sent, with what it takes from those above it.
type line struct {
	Registration
	pattern  pattern
	template string
	// ids and names are its own and of those above it.
	ids, names []string
	// broken says that one above it is gone; ends is the first end of it and those above, zero: never; bad is the first of them that is not approved.
	broken bool
	ends   time.Time
	ending *Registration
	bad    *Registration
}

// forget drops what is remembered of a pool, or of all for "".
func (m *memory) forget(poolID string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	if poolID == "" {
		clear(m.pools)
		return
	}
	delete(m.pools, poolID)
}

func (m *memory) look(poolID string, now time.Time) (v *view, writes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v = m.pools[poolID]; v != nil && now.Sub(v.readAt) < freshFor && !now.Before(v.readAt) {
		return v, m.writes
	}
	return nil, m.writes
}

func (m *memory) keep(poolID string, v *view, writes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.writes != writes {
		return
	}
	if m.pools == nil {
		m.pools = map[string]*view{}
	}
	for other := range m.pools {
		if len(m.pools) < maxPools {
			break
		}
		delete(m.pools, other)
	}
	m.pools[poolID] = v
}

// viewOf returns what is registered for a pool.
func (s *Service) viewOf(ctx context.Context, poolID string) (*view, error) {
	now := s.c.Now()
	v, writes := s.memory.look(poolID, now)
	if v != nil {
		return v, nil
	}
	v = &view{readAt: now, countries: map[string][]*line{}, require: map[string]bool{}}
	var found []stored
	err := s.c.Store.Read(ctx, func(tx store.Tx) error {
		found = nil
		for _, owner := range owners(poolID) {
			some, err := all(ctx, tx, owner)
			if err != nil {
				return err
			}
			found = append(found, some...)
			row, err := setting(ctx, tx, owner)
			if err != nil {
				return err
			}
			set, err := settingsOf(row)
			if err != nil {
				return err
			}
			for _, c := range set.Require {
				v.require[c] = true
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for country, regs := range byCountry(found) {
		v.countries[country] = linesOf(regs)
	}
	s.memory.keep(poolID, v, writes)
	return v, nil
}

// owners are those whose registrations count for a pool, its own first.
func owners(poolID string) []string {
	if poolID == "" {
		return []string{""}
	}
	return []string{poolID, ""}
}

// byCountry leaves drafts out: what is being written down has no effect yet.
func byCountry(found []stored) map[string][]*Registration {
	out := map[string][]*Registration{}
	for i := range found {
		if r := &found[i].Registration; r.Status != Draft {
			out[r.Country] = append(out[r.Country], r)
		}
	}
	return out
}

// linesOf returns the registrations under which texts are sent: those without others below, and in a country with a DLT its templates alone.
func linesOf(regs []*Registration) []*line {
	ids := map[string]*Registration{}
	parents := map[string]bool{}
	dlt := false
	for _, r := range regs {
		ids[r.ID] = r
		parents[r.ParentID] = true
		dlt = dlt || r.Kind == DLTEntity || r.Kind == DLTTemplate
	}
	out := []*line{}
	for _, r := range regs {
		k, _ := rules(r.Kind)
		if k.sends && !parents[r.ID] && (!dlt || r.Kind == DLTTemplate) {
			out = append(out, lineOf(r, ids))
		}
	}
	// The pool's own come first, then the oldest.
	slices.SortStableFunc(out, func(a, b *line) int {
		if (a.PoolID == "") != (b.PoolID == "") {
			return cmp.Compare(len(b.PoolID), len(a.PoolID))
		}
		return cmp.Compare(a.ID, b.ID)
	})
	return out
}

// lineOf fills a registration up from those above it.
func lineOf(r *Registration, ids map[string]*Registration) *line {
	l := &line{Registration: *r}
	for up, n := r, 0; ; n++ {
		l.ids, l.names = append(l.ids, up.ID), append(l.names, up.Name)
		if up.Status != Approved {
			l.bad = up
		}
		if !up.ExpiresAt.IsZero() && (l.ends.IsZero() || up.ExpiresAt.Before(l.ends)) {
			l.ends, l.ending = up.ExpiresAt, up
		}
		l.Sender, l.EntityID, l.TemplateID = cmp.Or(l.Sender, up.Sender), cmp.Or(l.EntityID, up.EntityID), cmp.Or(l.TemplateID, up.TemplateID)
		if up.ParentID == "" {
			break
		}
		next := ids[up.ParentID]
		if next == nil || n == deep {
			l.broken = true
			break
		}
		up = next
	}
	if l.Text == "" {
		return l
	}
	p, err := parse(l.Text)
	if err == nil {
		l.pattern = p
		l.template, err = p.template(l.Variables, len(l.Purposes) == 1 && l.Purposes[0] == Notice)
	}
	l.broken = l.broken || err != nil
	return l
}
