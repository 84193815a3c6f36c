package management

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// fieldsOf gives the value of a field, empty if it has none.
type fieldsOf func(field string) string

// matches judges a document. Nodes are as deep as the parser allows.
func (n *searchNode) matches(doc fieldsOf) bool {
	switch {
	case n == nil:
		return true
	case n.op == "and":
		return !slices.ContainsFunc(n.kids, func(k *searchNode) bool { return !k.matches(doc) })
	case n.op == "or":
		return slices.ContainsFunc(n.kids, func(k *searchNode) bool { return k.matches(doc) })
	case n.op == "not":
		return !n.kids[0].matches(doc)
	}
	return slices.ContainsFunc(n.fields, func(f string) bool { return n.fits(f, doc(f)) })
}

// mentions reports whether any of the fields is compared.
func (n *searchNode) mentions(fields ...string) bool {
	return slices.ContainsFunc(n.kids, func(k *searchNode) bool { return k.mentions(fields...) }) ||
		slices.ContainsFunc(n.fields, func(f string) bool { return slices.Contains(fields, f) })
}

// fits compares one value.
func (n *searchNode) fits(field, v string) bool {
	switch {
	case field == "logins_count" && n.bounds != nil:
		return n.bounds.holdsNumber(v)
	case v == "":
		return false
	case isDate(field):
		return n.fitsDate(v)
	case n.bounds != nil:
		return n.bounds.holds(v)
	case field == "user_id":
		if id, ok := n.exact(); ok { // any prefix will do
			return userIDOf(v) == userIDOf(id)
		}
	case n.fold:
		return n.pattern.folded().matches(strings.ToLower(v))
	}
	return n.pattern.matches(v)
}

func isDate(field string) bool {
	return field == "date" || field == "created_at" || field == "updated_at" || field == "last_login"
}

func (b *bounds) holds(v string) bool {
	return !(b.low != "" && (v < b.low || b.openLow && v == b.low) || b.high != "" && (v > b.high || b.openHigh && v == b.high))
}

// holdsNumber compares numbers; an end that is none holds nothing.
func (b *bounds) holdsNumber(v string) bool {
	x, err := strconv.Atoi(v)
	low, errLow := strconv.Atoi(cmp.Or(b.low, "0"))
	high, errHigh := strconv.Atoi(cmp.Or(b.high, strconv.Itoa(math.MaxInt)))
	if err != nil || errLow != nil || errHigh != nil {
		return false
	}
	return x >= low && x <= high && !(b.openLow && b.low != "" && x == low) && !(b.openHigh && b.high != "" && x == high)
}

// fitsDate: a value or an end of a range is a year, month, day, minute, second or moment, and stands for all of it.
func (n *searchNode) fitsDate(v string) bool {
	from, to, ok := n.period()
	if !ok {
		return n.pattern != nil && n.pattern.matches(v)
	}
	at, err := time.Parse(logTime, v)
	return err == nil && !at.Before(from) && (to.IsZero() || at.Before(to))
}

// period is the time that a comparison of dates asks for: [from, to), a zero end is open. False if it is none.
func (n *searchNode) period() (from, to time.Time, ok bool) {
	if text, exact := n.exact(); exact {
		return parsePeriod(text)
	}
	if n.bounds == nil {
		return from, to, false
	}
	if b := n.bounds; b.low != "" {
		first, after, ok := parsePeriod(b.low)
		if !ok {
			return from, to, false
		}
		if from = first; b.openLow {
			from = after
		}
	}
	if b := n.bounds; b.high != "" {
		first, after, ok := parsePeriod(b.high)
		if !ok {
			return from, to, false
		}
		if to = after; b.openHigh {
			to = first
		}
	}
	return from, to, true
}

// parsePeriod reads a time as exact as it is written.
func parsePeriod(s string) (from, to time.Time, ok bool) {
	for _, f := range []struct {
		layout string
		span   func(time.Time) time.Time
	}{
		{"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
		{"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
		{"2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
		{"2006-01-02T15:04", func(t time.Time) time.Time { return t.Add(time.Minute) }},
		{"2006-01-02T15:04:05", func(t time.Time) time.Time { return t.Add(time.Second) }},
	} {
		if t, err := time.Parse(f.layout, s); err == nil && len(s) == len(f.layout) {
			return t, f.span(t), true
		}
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		if t, err = time.Parse("2006-01-02T15:04Z07:00", s); err != nil {
			return from, to, false
		}
		return t.UTC(), t.UTC().Add(time.Minute), true
	}
	span := time.Millisecond
	if !strings.Contains(s, ".") {
		span = time.Second
	}
	return t.UTC(), t.UTC().Add(span), true
}

// need is what every match of a search must have: the database looks for it.
type need struct {
	// types is any of these; nil: any at all. An empty list is impossible.
	types            []string
	clientID, userID string
	from, to         time.Time
}

// maxNeedTypes is what the store takes (store.EventQuery).
const maxNeedTypes = 32

// needs returns what every match must have. known are all types that there are.
func (n *searchNode) needs(known []string) (w need) {
	switch {
	case n == nil || n.op == "not":
	case n.op == "and":
		for _, k := range n.kids {
			w.both(k.needs(known))
		}
	case n.op == "or":
		w.types = []string{}
		for _, k := range n.kids {
			one := k.needs(known)
			if one.types == nil {
				return need{}
			}
			w.types = append(w.types, one.types...)
		}
		slices.Sort(w.types)
		w.types = slices.Compact(w.types)
		if len(w.types) > maxNeedTypes {
			w.types = nil
		}
	default:
		w = n.needsOf(known)
	}
	return w
}

func (n *searchNode) needsOf(known []string) (w need) {
	text, exact := n.exact()
	switch {
	case n.is("type") && n.pattern != nil:
		w.types = []string{}
		for _, t := range known {
			if n.pattern.matches(t) {
				w.types = append(w.types, t)
			}
		}
		if len(w.types) > maxNeedTypes {
			w.types = nil
		}
	case n.is("client_id") && exact:
		w.clientID = text
	case n.is("user_id") && exact:
		w.userID = userIDOf(text)
	case n.is("date"):
		if from, to, ok := n.period(); ok {
			w.from, w.to = from, to
		}
	}
	return w
}

// both adds what another part of a conjunction needs.
func (w *need) both(o need) {
	switch {
	case w.types == nil:
		w.types = o.types
	case o.types != nil:
		w.types = slices.DeleteFunc(w.types, func(t string) bool { return !slices.Contains(o.types, t) })
	}
	if w.clientID == "" {
		w.clientID = o.clientID
	}
	if w.userID == "" {
		w.userID = o.userID
	}
	if o.from.After(w.from) {
		w.from = o.from
	}
	if w.to.IsZero() || !o.to.IsZero() && o.to.Before(w.to) {
		w.to = o.to
	}
}

// userIDOf is the user's own id of one on this wire; any prefix will do.
func userIDOf(id string) string {
	if _, own, ok := strings.Cut(id, "|"); ok {
		return own
	}
	return id
}

// folded is the pattern without case.
func (p *pattern) folded() *pattern {
	out := &pattern{make([]string, len(p.parts))}
	for i, s := range p.parts {
		out.parts[i] = strings.ToLower(s)
	}
	return out
}

// matches reports whether a whole value fits.
func (p *pattern) matches(v string) bool {
	if len(p.parts) == 1 {
		return v == p.parts[0]
	}
	rest, ok := strings.CutPrefix(v, p.parts[0])
	if !ok {
		return false
	}
	last := len(p.parts) - 1
	for _, part := range p.parts[1:last] {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			return false
		}
		rest = after
	}
	return strings.HasSuffix(rest, p.parts[last])
}

// is reports whether the node compares that field alone.
func (n *searchNode) is(field string) bool {
	return n.op == "" && len(n.fields) == 1 && n.fields[0] == field
}

// exact returns the value of a comparison without asterisks.
func (n *searchNode) exact() (string, bool) {
	if n.pattern == nil || len(n.pattern.parts) != 1 {
		return "", false
	}
	return n.pattern.parts[0], true
}
