package wire

import (
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxFields bounds the names in the query parameter fields.
const maxFields = 100

// Page is which part of a list is asked for.
type Page struct {
	// Number counts from 0; Size is the elements of a page.
	Number, Size int
	// Totals: the answer is an object with start, limit and total instead of a list.
	Totals bool
	// Checkpoint paging (from, take) was asked for; Size is take.
	Checkpoint bool
	From       string
}

// Start is how many elements come before the page.
func (p Page) Start() int { return p.Number * p.Size }

// ParsePage reads page, per_page, include_totals, from and take. usual is the size of a page that names none.
func ParsePage(q url.Values, usual, most int) (Page, error) {
	p := Page{From: q.Get("from")}
	var err error
	if q.Has("take") || p.From != "" {
		p.Checkpoint = true
		p.Size, err = number(q, "take", usual, 1, most)
		return p, err
	}
	if p.Number, err = number(q, "page", 0, 0, 1_000_000); err != nil {
		return p, err
	}
	if p.Size, err = number(q, "per_page", usual, 0, most); err != nil {
		return p, err
	}
	if p.Size == 0 { // "per_page=0" asks for the usual page
		p.Size = usual
	}
	p.Totals, err = QueryBool(q, "include_totals", false)
	return p, err
}

func number(q url.Values, name string, usual, least, most int) (int, error) {
	s := q.Get(name)
	if s == "" {
		return usual, nil
	}
	n, err := strconv.Atoi(s)
	switch {
	case err != nil:
		return 0, BadQuery(name, "", "Expected type integer but found type string")
	case n < least:
		return 0, BadQuery(name, "", "Value %d is less than minimum %d", n, least)
	case n > most:
		return 0, BadQuery(name, "", "Value %d is greater than maximum %d", n, most)
	}
	return n, nil
}

// QueryBool reads a query parameter that is true or false.
func QueryBool(q url.Values, name string, usual bool) (bool, error) {
	switch q.Get(name) {
	case "":
		return usual, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, BadQuery(name, "", "Expected type boolean but found type string")
}

// Listed is a list as it is answered: the list itself, or {start, limit, length, total, key: list} if totals were asked for.
func (p Page) Listed(key string, list any, length, total int) any {
	if !p.Totals {
		return list
	}
	return map[string]any{"start": p.Start(), "limit": p.Size, "length": length, "total": total, key: list}
}

// Cut returns the page of a list that is wholly at hand.
func Cut[T any](p Page, list []T) []T {
	from := min(p.Start(), len(list))
	return list[from:min(from+p.Size, len(list))]
}

// Select keeps (include_fields=true, the default) or leaves out the members that the query parameter fields names: of an object, of each object of
// a list, and of each object of the list in an object with totals or with the page of a checkpoint.
func Select(q url.Values, body []byte) ([]byte, error) {
	text := q.Get("fields")
	if text == "" {
		return body, nil
	}
	include, err := QueryBool(q, "include_fields", true)
	if err != nil {
		return nil, err
	}
	names := strings.Split(text, ",")
	if len(names) > maxFields {
		return nil, BadQuery("fields", "", "Too many fields (%d), maximum %d", len(names), maxFields)
	}
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	keep := func(name string) bool { return slices.Contains(names, name) == include }
	return selected(body, keep, true, q.Has("take") || q.Get("from") != "")
}

// selected goes into lists. outer is the answer itself, not an element; paged says that it is an object around a list.
func selected(body []byte, keep func(string) bool, outer, paged bool) ([]byte, error) {
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil {
		for i := range list {
			var err error
			if list[i], err = selected(list[i], keep, false, false); err != nil {
				return nil, err
			}
		}
		return json.Marshal(list)
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil {
		return body, nil
	}
	if _, totals := object["total"]; totals {
		paged = true
	}
	for name, v := range object {
		switch {
		case outer && paged && len(v) > 0 && v[0] == '[':
			inner, err := selected(v, keep, false, false)
			if err != nil {
				return nil, err
			}
			object[name] = inner
		case outer && paged:
		case !keep(name):
			delete(object, name)
		}
	}
	return json.Marshal(object)
}
