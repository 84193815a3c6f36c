package liquid

import (
	"encoding/json"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// Labelled is a binding with properties that is written as Text where it is written itself.
type Labelled struct {
	Text   string
	Fields map[string]any
}

// normal turns what bindings may hold into what the package works with: nil, bool, float64, string, time.Time, []any,
// map[string]any, Labelled, position, special. What it does not know becomes nil.
func normal(v any) any {
	switch v := v.(type) {
	case nil, bool, float64, string, time.Time, []any, map[string]any, position, special, Labelled:
		return v
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return nil
		}
		return f
	case map[string]string:
		out := make(map[string]any, len(v))
		for k, s := range v {
			out[k] = s
		}
		return out
	case []string:
		out := make([]any, len(v))
		for i, s := range v {
			out[i] = s
		}
		return out
	}
	return reflected(reflect.ValueOf(v))
}

// reflected handles named types of the kinds above.
func reflected(v reflect.Value) any {
	switch {
	case v.CanInt():
		return float64(v.Int())
	case v.CanUint():
		return float64(v.Uint())
	case v.CanFloat():
		return v.Float()
	case v.Kind() == reflect.String:
		return v.String()
	case v.Kind() == reflect.Bool:
		return v.Bool()
	}
	return nil
}

// truthy: all but nil and false.
func truthy(v any) bool { return v != nil && v != false }

// property returns v[key]; lists have first, last and size, texts and maps have size.
func property(v, key any) any {
	name, isName := key.(string)
	switch v := v.(type) {
	case map[string]any:
		if !isName {
			f, ok := key.(float64)
			if !ok {
				return nil
			}
			name = formatNumber(f)
		}
		if found, ok := v[name]; ok || name != "size" {
			return found
		}
		return float64(len(v))
	case Labelled:
		return v.Fields[name]
	case position:
		return v.property(name)
	case string:
		if name == "size" {
			return float64(length(v))
		}
		if _, ok := key.(float64); ok {
			return character(v, key)
		}
	case []any:
		return element(v, key)
	}
	return nil
}

// character is element for the characters of a text; nil for none.
func character(s string, key any) any {
	r := []rune(s)
	at := 0
	if f, ok := key.(float64); ok {
		at = clampInt(f)
	} else if key == "last" {
		at = -1
	}
	if at < 0 {
		at += len(r)
	}
	if at < 0 || at >= len(r) {
		return nil
	}
	return string(r[at])
}

func element(list []any, key any) any {
	at := 0
	switch key {
	case "size":
		return float64(len(list))
	case "first":
	case "last":
		at = -1
	default:
		f, ok := number(key)
		if !ok || f != math.Trunc(f) {
			return nil
		}
		at = clampInt(f)
	}
	if at < 0 {
		at += len(list)
	}
	if at < 0 || at >= len(list) {
		return nil
	}
	return list[at]
}

// length of a text in UTF-16 units, as JavaScript counts.
func length(s string) int {
	n := 0
	for _, r := range s {
		n += max(utf16.RuneLen(r), 1)
	}
	return n
}

// number converts as JavaScript's Number does; false stands for NaN.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case nil:
		return 0, true
	case float64:
		return v, !math.IsNaN(v)
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case string:
		v = strings.Trim(v, spaces)
		if v == "" {
			return 0, true
		}
		f, err := strconv.ParseFloat(v, 64)
		if err != nil || strings.Trim(v, "+-0123456789.eE") != "" {
			return math.NaN(), false
		}
		return f, true
	case time.Time:
		return float64(v.UnixMilli()), true
	}
	return math.NaN(), false
}

// clampInt converts f to an int, so far as it fits in 32 bits.
func clampInt(f float64) int {
	if math.IsNaN(f) {
		return 0
	}
	return int(min(max(f, math.MinInt32), math.MaxInt32))
}

// formatNumber writes f as JavaScript does.
func formatNumber(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strconv.FormatFloat(f, 'g', -1, 64), "+") + "inity"
	case f == 0:
		return "0"
	case math.Abs(f) >= 1e21 || math.Abs(f) < 1e-6:
		s := strconv.FormatFloat(f, 'e', -1, 64) // 1e+21, 1e-07
		return strings.Replace(strings.Replace(s, "e-0", "e-", 1), "e+0", "e+", 1)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

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
