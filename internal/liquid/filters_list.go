package liquid

import (
	"cmp"
	"slices"
	"strings"
)

// listed makes a filter of a function on a list that is the caller's own. A text is a list of one, a map too, nil is empty.
func listed(f func(in input, list []any) (any, error)) filter {
	return func(in input) (any, error) {
		list, err := in.list(in.value)
		if err != nil {
			return nil, err
		}
		return f(in, list)
	}
}

func (in input) list(v any) ([]any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case []any:
		if err := in.run.payList(len(v)); err != nil {
			return nil, err
		}
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = normal(item)
		}
		return out, nil
	}
	return []any{v}, nil
}

func listFilter(name string) filter {
	switch name {
	case "compact":
		return listed(func(_ input, list []any) (any, error) {
			return slices.DeleteFunc(list, func(v any) bool { return v == nil }), nil
		})
	case "concat":
		return listed(concatFilter)
	case "first":
		return endFilter("first")
	case "last":
		return endFilter("last")
	case "join":
		return listed(func(in input, list []any) (any, error) {
			separator, err := in.textArg(0, " ")
			if err != nil {
				return nil, err
			}
			return in.run.join(list, separator)
		})
	case "map":
		return listed(func(in input, list []any) (any, error) { return in.pluck(list) })
	case "reverse":
		return listed(func(_ input, list []any) (any, error) { slices.Reverse(list); return list, nil })
	case "slice":
		return sliceFilter
	case "sort":
		return listed(sortFilter(false))
	case "sort_natural":
		return listed(sortFilter(true))
	case "sum":
		return listed(sumFilter)
	case "uniq":
		return listed(uniqFilter)
	case "where":
		return listed(whereFilter)
	}
	return nil
}

func endFilter(which string) filter {
	return func(in input) (any, error) {
		switch v := in.value.(type) {
		case []any:
			return element(v, which), nil
		case string:
			return character(v, which), in.run.pay(len(v))
		}
		return nil, nil
	}
}

func concatFilter(in input, list []any) (any, error) {
	more, err := in.list(in.arg(0))
	if err != nil {
		return nil, err
	}
	if err := in.run.payList(len(list) + len(more)); err != nil {
		return nil, err
	}
	return append(list, more...), nil
}

// pluck reads a property, or a path of them, from each item.
func (in input) pluck(list []any) ([]any, error) {
	path, err := in.textArg(0, "")
	if err != nil {
		return nil, err
	}
	out := make([]any, len(list))
	for i, v := range list {
		if err := in.run.pay(len(path)); err != nil {
			return nil, err
		}
		for key := range strings.SplitSeq(path, ".") {
			v = normal(property(v, key))
		}
		out[i] = v
	}
	return out, nil
}

func sliceFilter(in input) (any, error) {
	from, count := clampInt(in.numArg(0, 0)), clampInt(in.numArg(1, 1))
	if list, ok := in.value.([]any); ok {
		a, b := cut(len(list), from, count)
		return list[a:b:b], nil
	}
	s, err := in.text()
	if err != nil {
		return nil, err
	}
	if err := in.run.pay(len(s)); err != nil {
		return nil, err
	}
	r := []rune(s)
	a, b := cut(len(r), from, count)
	return string(r[a:b]), nil
}

// cut returns the bounds of count items from an index that counts from the end if negative.
func cut(length, from, count int) (int, int) {
	if from < 0 {
		from += length
	}
	from = min(max(from, 0), length)
	return from, min(from+max(count, 0), length)
}

func sortFilter(natural bool) func(input, []any) (any, error) {
	return func(in input, list []any) (any, error) {
		keys := list
		if in.arg(0) != nil {
			var err error
			if keys, err = in.pluck(list); err != nil {
				return nil, err
			}
		}
		type entry struct {
			value any
			num   float64
			str   string
			nums  bool
		}
		entries := make([]entry, len(list))
		for i, k := range keys {
			s, err := in.run.str(k)
			if err != nil {
				return nil, err
			}
			f, isNumber := k.(float64)
			if natural {
				s, isNumber = strings.ToLower(s), false
			}
			if err := in.run.pay(len(s) + itemCost); err != nil {
				return nil, err
			}
			entries[i] = entry{list[i], f, s, isNumber}
		}
		if err := in.run.payList(len(list)); err != nil {
			return nil, err
		}
		slices.SortStableFunc(entries, func(a, b entry) int {
			if a.nums && b.nums {
				return cmp.Compare(a.num, b.num)
			}
			return cmp.Compare(a.str, b.str)
		})
		for i, e := range entries {
			list[i] = e.value
		}
		return list, nil
	}
}

func sumFilter(in input, list []any) (any, error) {
	if in.arg(0) != nil {
		var err error
		if list, err = in.pluck(list); err != nil {
			return nil, err
		}
	}
	sum := 0.0
	for _, v := range list {
		if f, ok := number(v); ok {
			sum += f
		}
	}
	return sum, nil
}

// uniqFilter compares each with each, which is paid for.
func uniqFilter(in input, list []any) (any, error) {
	var out []any
	for _, v := range list {
		if err := in.run.pay(len(out)); err != nil {
			return nil, err
		}
		seen, err := in.run.contains(out, v)
		if err != nil {
			return nil, err
		}
		if !seen {
			out = append(out, v)
		}
	}
	return out, nil
}

// whereFilter keeps the items whose property is truthy, or equal to a value.
func whereFilter(in input, list []any) (any, error) {
	keys, err := in.pluck(list)
	if err != nil {
		return nil, err
	}
	out := []any{}
	for i, k := range keys {
		keep := truthy(k)
		if len(in.args) > 1 {
			if keep, err = in.run.equal(k, in.args[1]); err != nil {
				return nil, err
			}
		}
		if keep {
			out = append(out, list[i])
		}
	}
	return out, nil
}
