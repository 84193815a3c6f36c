package liquid

import (
	"encoding/json"
	"math"
	"reflect"
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
