package main

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// listFlags narrow, order and page a list.
type listFlags struct {
	Filter []string `help:"Only what fits: name=value (value* begins with it), name!=value, name~part, name<value, name>value. Several with commas, or repeated." placeholder:"CONDITION" sep:"none"`
	Sort   string   `help:"Order by a field; =-FIELD begins with the greatest." placeholder:"FIELD"`
	Cursor string   `help:"Go on where the page before ended." placeholder:"CURSOR"`
	Limit  int      `help:"At most so many on a page." placeholder:"N"`
}

// over adds the flags to what is asked of a path.
func (f listFlags) over(path string, q url.Values) string {
	limit := ""
	if f.Limit > 0 {
		limit = strconv.Itoa(f.Limit)
	}
	for k, v := range query("filter", strings.Join(f.Filter, ","), "sort", f.Sort, "cursor", f.Cursor, "limit", limit) {
		q[k] = v
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// more says how to get the next page, if there is one.
func (a *app) more(next string) {
	if next != "" {
		fmt.Fprintf(a.stderr, "there is more: repeat with --cursor %s\n", next)
	}
}

// values is the pool as a parameter.
func (f poolFlag) values() url.Values { return query("pool", f.Pool) }

// listed is a page as JSON.
func listed(name string, rows any, next string) map[string]any {
	out := map[string]any{name: rows}
	if next != "" {
		out["next"] = next
	}
	return out
}
