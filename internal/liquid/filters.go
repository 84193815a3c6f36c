package liquid

import (
	"encoding/json"
	"math"
	"strings"
	"time"
)

// input is what a filter is given.
type input struct {
	run        *run
	value      any
	args       []any
	allowFalse bool
}

// filter never fails but for a limit; what it cannot work with it treats as JavaScript would.
type filter func(in input) (any, error)

// arg returns an argument, nil if it was not given.
func (in input) arg(i int) any {
	if i < len(in.args) {
		return in.args[i]
	}
	return nil
}

// text and textArg are the value and an argument as text; other stands for an argument that was not given.
func (in input) text() (string, error) { return in.run.str(in.value) }

func (in input) textArg(i int, other string) (string, error) {
	if in.arg(i) == nil {
		return other, nil
	}
	return in.run.str(in.args[i])
}

// num and numArg are the value and an argument as numbers, 0 if they are none.
func (in input) num() float64 { return orZero(in.value) }

func orZero(v any) float64 {
	if f, ok := number(v); ok {
		return f
	}
	return 0
}

func (in input) numArg(i int, other float64) float64 {
	if in.arg(i) == nil {
		return other
	}
	return orZero(in.args[i])
}

// filterOf returns the filter of that name.
func filterOf(name string) (filter, bool) {
	for _, family := range []func(string) filter{generalFilter, mathFilter, textFilter, webFilter, listFilter} {
		if f := family(name); f != nil {
			return f, true
		}
	}
	return nil, false
}

func generalFilter(name string) filter {
	switch name {
	case "date":
		return dateFilter
	case "default":
		return defaultFilter
	case "json", "jsonify", "inspect":
		return jsonFilter
	case "raw":
		return func(in input) (any, error) { return in.value, nil }
	case "size":
		return sizeFilter
	case "to_integer":
		return arithmetic(func(in input) float64 { return math.Trunc(in.num()) })
	}
	return nil
}

func defaultFilter(in input) (any, error) {
	if in.allowFalse && in.value == false {
		return in.value, nil
	}
	if fits("empty", in.value) || !truthy(in.value) {
		return in.arg(0), nil
	}
	return in.value, nil
}

// jsonFilter pays for the value by its size first, since lists may share their items.
func jsonFilter(in input) (any, error) {
	if err := in.run.weigh(in.value); err != nil {
		return nil, err
	}
	v := plain(in.value)
	switch f := v.(type) {
	case nil:
		return nil, nil
	case position, special:
		v = map[string]any{}
	case float64:
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return "null", nil
		}
	}
	var out strings.Builder
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return "null", nil
	}
	return strings.TrimSuffix(out.String(), "\n"), in.run.payText(out.Len())
}

// weigh pays for all that is in a value.
func (r *run) weigh(v any) error {
	if err := r.pay(itemCost); err != nil {
		return err
	}
	switch v := v.(type) {
	case string:
		return r.pay(len(v))
	case []any:
		for _, item := range v {
			if err := r.weigh(item); err != nil {
				return err
			}
		}
	case map[string]any:
		for k, item := range v {
			if err := r.pay(len(k)); err != nil {
				return err
			}
			if err := r.weigh(item); err != nil {
				return err
			}
		}
	}
	return nil
}

func sizeFilter(in input) (any, error) {
	switch v := in.value.(type) {
	case string:
		return float64(length(v)), in.run.pay(len(v))
	case []any:
		return float64(len(v)), nil
	}
	return 0.0, nil // of a map too, as in LiquidJS; map.size counts its members
}

func dateFilter(in input) (any, error) {
	format, err := in.textArg(0, "%A, %B %-e, %Y at %-l:%M %P %z")
	if err != nil {
		return nil, err
	}
	t, ok := in.run.moment(in.value)
	if !ok {
		return in.value, nil
	}
	out := strftime(t, format)
	return out, in.run.payText(len(out))
}

// moment reads a date: "now", "today", seconds since 1970, or one of the usual forms.
func (r *run) moment(v any) (time.Time, bool) {
	switch v := v.(type) {
	case time.Time:
		return v.UTC(), true
	case float64:
		if math.Abs(v) > 1e11 || math.IsNaN(v) {
			return time.Time{}, false
		}
		return time.UnixMilli(int64(v * 1000)).UTC(), true
	case string:
		v = strings.TrimSpace(v)
		if v == "now" || v == "today" {
			return r.today(), true
		}
		if f, ok := number(v); ok && v != "" && strings.Trim(v, "0123456789") == "" {
			return r.moment(f)
		}
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 MST",
			"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02", "2006/01/02", time.RFC1123, time.RFC1123Z, "January 2, 2006", "Jan 2, 2006",
			"2 January 2006", "2 Jan 2006"} {
			if t, err := time.Parse(layout, v); err == nil {
				return t.UTC(), true
			}
		}
	}
	return time.Time{}, false
}

// arithmetic makes a filter of a calculation.
func arithmetic(f func(in input) float64) filter {
	return func(in input) (any, error) { return f(in), nil }
}

func mathFilter(name string) filter {
	switch name {
	case "abs":
		return arithmetic(func(in input) float64 { return math.Abs(in.num()) })
	case "at_least":
		return arithmetic(func(in input) float64 { return math.Max(in.num(), in.numArg(0, math.NaN())) })
	case "at_most":
		return arithmetic(func(in input) float64 { return math.Min(in.num(), in.numArg(0, math.NaN())) })
	case "ceil":
		return arithmetic(func(in input) float64 { return math.Ceil(in.num()) })
	case "divided_by":
		return arithmetic(func(in input) float64 {
			q := in.num() / in.numArg(0, math.NaN())
			if truthy(in.arg(1)) { // integer arithmetic
				return math.Floor(q)
			}
			return q
		})
	case "floor":
		return arithmetic(func(in input) float64 { return math.Floor(in.num()) })
	case "minus":
		return arithmetic(func(in input) float64 { return in.num() - in.numArg(0, math.NaN()) })
	case "modulo":
		return arithmetic(func(in input) float64 { return floored(in.num(), in.numArg(0, math.NaN())) })
	case "plus":
		return arithmetic(func(in input) float64 { return in.num() + in.numArg(0, math.NaN()) })
	case "round":
		return arithmetic(func(in input) float64 {
			scale := math.Pow(10, in.numArg(0, 0))
			return math.Round(in.num()*scale) / scale
		})
	case "times":
		return arithmetic(func(in input) float64 { return in.num() * in.numArg(0, math.NaN()) })
	}
	return nil
}

// floored is the remainder that has the sign of the divisor.
func floored(a, b float64) float64 {
	m := math.Mod(a, b)
	if m != 0 && (m < 0) != (b < 0) {
		m += b
	}
	return m
}
