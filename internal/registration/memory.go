package registration

import (
	"cmp"
	"context"
	"slices"
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

// view is all that is registered for a pool, those of all pools included. It is never changed.
type view struct {
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

// forget drops what is remembered of a pool, or of all for "". It is called after each write: even one that failed may have been committed.
func (s *Service) forget(poolID string) {
	if poolID == allPools {
		s.memory.ForgetAll()
		return
	}
	s.memory.Forget(poolID)
}

// viewOf returns what is registered for a pool.
func (s *Service) viewOf(ctx context.Context, poolID string) (*view, error) {
	return s.memory.Get(ctx, poolID)
}

func (s *Service) load(ctx context.Context, poolID string) (*view, error) {
	v := &view{countries: map[string][]*line{}}
	var found []stored
	err := s.c.Store.Read(ctx, func(tx store.Tx) error {
		found, v.require = nil, map[string]bool{}
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
