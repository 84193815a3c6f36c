package liquid

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// str writes a value as an output does.
func (r *run) str(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case float64:
		return formatNumber(v), nil
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.000Z"), nil
	case Labelled:
		return v.Text, nil
	case map[string]any, position:
		return "[object Object]", nil
	case []any:
		return r.join(v, "")
	}
	return "", nil
}

// join writes the items of a list with a separator between them.
func (r *run) join(list []any, separator string) (string, error) {
	var out strings.Builder
	for i, item := range list {
		if i > 0 {
			out.WriteString(separator)
		}
		s, err := r.str(normal(item))
		if err != nil {
			return "", err
		}
		if out.Len()+len(s) > MaxOutput {
			return "", r.payText(MaxOutput + 1)
		}
		if err := r.pay(1 + len(separator) + len(s)); err != nil {
			return "", err
		}
		out.WriteString(s)
	}
	return out.String(), nil
}

// enumerate returns what a loop goes through: the items of a list, the [key, value] pairs of a map by the order of its keys, a text
// that is not empty as one item.
func (r *run) enumerate(v any) ([]any, error) {
	switch v := v.(type) {
	case []any:
		return v, r.payList(len(v))
	case string:
		if v != "" {
			return []any{v}, nil
		}
	case map[string]any:
		if err := r.payList(len(v)); err != nil {
			return nil, err
		}
		var out []any
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = append(out, []any{k, v[k]})
		}
		return out, nil
	}
	return nil, nil
}

// plain is the text of what is labelled, else v.
func plain(v any) any {
	if l, ok := v.(Labelled); ok {
		return l.Text
	}
	return v
}

func (r *run) compare(operator string, a, b any) (any, error) {
	a, b = plain(a), plain(b)
	switch operator {
	case "contains":
		return r.contains(a, b)
	case "==":
		return r.equal(a, b)
	case "!=", "<>":
		same, err := r.equal(a, b)
		return !same, err
	}
	if a == nil || b == nil {
		return false, nil
	}
	if x, ok := a.(string); ok {
		if y, ok := b.(string); ok {
			if err := r.pay(min(len(x), len(y))); err != nil {
				return nil, err
			}
			return ordered(operator, strings.Compare(x, y)), nil
		}
	}
	x, ok := number(a)
	y, ok2 := number(b)
	if !ok || !ok2 {
		return false, nil
	}
	switch {
	case x < y:
		return ordered(operator, -1), nil
	case x > y:
		return ordered(operator, 1), nil
	}
	return ordered(operator, 0), nil
}

func ordered(operator string, c int) bool {
	switch operator {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

// equal is strict, as ===, but lists are compared by their items.
func (r *run) equal(a, b any) (bool, error) {
	a, b = plain(a), plain(b)
	if s, ok := a.(special); ok {
		return fits(s, b), nil
	}
	if s, ok := b.(special); ok {
		return fits(s, a), nil
	}
	switch x := a.(type) {
	case string:
		y, ok := b.(string)
		if !ok || len(x) != len(y) {
			return false, nil
		}
		return x == y, r.pay(len(x))
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false, nil
		}
		for i := range x {
			if err := r.pay(1); err != nil {
				return false, err
			}
			if same, err := r.equal(normal(x[i]), normal(y[i])); !same || err != nil {
				return false, err
			}
		}
		return true, nil
	case map[string]any:
		y, ok := b.(map[string]any)
		return ok && reflect.ValueOf(x).Pointer() == reflect.ValueOf(y).Pointer(), nil
	case time.Time:
		y, ok := b.(time.Time)
		return ok && x.Equal(y), nil
	}
	switch b.(type) {
	case []any, map[string]any:
		return false, nil
	}
	return a == b, nil
}

// fits says whether v is empty (an empty text, list or map) or blank (that, or nil, false, or nothing but space).
func fits(s special, v any) bool {
	switch v := v.(type) {
	case string:
		return v == "" || s == "blank" && strings.Trim(v, spaces) == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	case special:
		return v == s
	}
	return s == "blank" && !truthy(v)
}

// contains: a text in a text, an item in a list.
func (r *run) contains(a, b any) (bool, error) {
	switch a := a.(type) {
	case string:
		s, err := r.str(b)
		if err == nil {
			err = r.pay(len(a))
		}
		return err == nil && strings.Contains(a, s), err
	case []any:
		for _, item := range a {
			if err := r.pay(1); err != nil {
				return false, err
			}
			if same, err := r.equal(normal(item), b); same || err != nil {
				return same, err
			}
		}
	}
	return false, nil
}
