package eventlog

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/internal/secret"
)

// encode bounds m and returns it as JSON of at most MaxData bytes. Keys that do not fit are left out, last ones first,
// and "truncated" says so.
func encode(m map[string]any, scrub bool) json.RawMessage {
	clean := boundMap(m, scrub, 1)
	b, err := json.Marshal(clean)
	if err == nil && len(b) <= MaxData {
		return b
	}
	clean["truncated"] = true
	for _, k := range slices.Backward(slices.Sorted(maps.Keys(clean))) {
		if k == "truncated" {
			continue
		}
		delete(clean, k)
		if b, err = json.Marshal(clean); err == nil && len(b) <= MaxData {
			return b
		}
	}
	return json.RawMessage(`{"truncated":true}`)
}

func boundMap(m map[string]any, scrub bool, depth int) map[string]any {
	out := make(map[string]any, min(len(m), MaxKeys))
	if len(m) <= MaxKeys {
		for k, v := range m {
			boundInto(out, k, v, scrub, depth)
		}
		return out
	}
	for _, k := range slices.Sorted(maps.Keys(m))[:MaxKeys-1] {
		boundInto(out, k, m[k], scrub, depth)
	}
	out["truncated"] = true
	return out
}

func boundInto(out map[string]any, k string, v any, scrub bool, depth int) {
	if v, ok := bound(v, scrub, depth); ok {
		out[cut(k, scrub)] = v
	}
}

// bound returns v with strings cut, or false if it is nil or too deep.
func bound(v any, scrub bool, depth int) (any, bool) {
	switch v := v.(type) {
	case nil:
		return nil, false
	case bool, int, int32, int64, uint32, uint64, json.Number:
		return v, true
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	case string:
		return cut(v, scrub), true
	case secret.String:
		return v.String(), true
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano), true
	case time.Duration:
		return v.Milliseconds(), true
	case []string:
		out := make([]string, min(len(v), MaxKeys))
		for i := range out {
			out[i] = cut(v[i], scrub)
		}
		return out, true
	case []any:
		return boundList(v, scrub, depth)
	case map[string]string:
		m := make(map[string]any, len(v))
		for k, s := range v {
			m[k] = s
		}
		return boundMap(m, scrub, depth+1), depth < MaxDepth
	case map[string]any:
		if depth >= MaxDepth {
			return nil, false
		}
		return boundMap(v, scrub, depth+1), true
	case error:
		return cut(v.Error(), scrub), true
	case fmt.Stringer:
		return cut(v.String(), scrub), true
	}
	return boundOther(v, scrub, depth)
}

func boundList(v []any, scrub bool, depth int) (any, bool) {
	if depth >= MaxDepth {
		return nil, false
	}
	out := make([]any, 0, min(len(v), MaxKeys))
	for _, e := range v[:min(len(v), MaxKeys)] {
		if b, ok := bound(e, scrub, depth+1); ok {
			out = append(out, b)
		}
	}
	return out, true
}

// boundOther takes named types and structs through their JSON form.
func boundOther(v any, scrub bool, depth int) (any, bool) {
	b, err := json.Marshal(v)
	if err != nil || len(b) > 4*MaxData {
		return fmt.Sprintf("(%T left out)", v), true
	}
	var plain any
	if err := json.Unmarshal(b, &plain); err != nil {
		return nil, false
	}
	return bound(plain, scrub, depth)
}

func cut(s string, scrub bool) string {
	if len(s) > 4*MaxString {
		s = s[:4*MaxString]
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	if utf8.RuneCountInString(s) > MaxString {
		s = string([]rune(s)[:MaxString]) + "…"
	}
	if scrub {
		return Scrub(s)
	}
	return s
}

// Scrub masks runs that look like an E.164 number: a plus sign (or its percent form) and 7 to 15 digits, with the usual
// separators between them. The last two digits stay. It is a net under foreign text, not a licence to log numbers.
func Scrub(s string) string {
	if !strings.Contains(s, "+") && !strings.Contains(s, "%2B") && !strings.Contains(s, "%2b") {
		return s
	}
	b := []byte(s)
	for i := 0; i < len(b); i++ {
		start := i + 1
		if b[i] == '%' && i+2 < len(b) && b[i+1] == '2' && (b[i+2] == 'B' || b[i+2] == 'b') {
			start = i + 3
		} else if b[i] != '+' {
			continue
		}
		i = maskDigits(b, start) - 1
	}
	return string(b)
}

// maskDigits masks the number that begins at start, if there is one, and returns where it ends.
func maskDigits(b []byte, start int) int {
	var at [32]int
	n, i := 0, start
	for ; i < len(b) && n < len(at); i++ {
		switch c := b[i]; {
		case '0' <= c && c <= '9':
			at[n] = i
			n++
		case (c == ' ' || c == '-' || c == '.' || c == '(' || c == ')') && i+1 < len(b) && i-start < 48:
		default:
			goto end
		}
	}
end:
	if n < 7 {
		return max(start, 1)
	}
	for _, p := range at[:n-2] {
		b[p] = '*'
	}
	return at[n-1] + 1
}
