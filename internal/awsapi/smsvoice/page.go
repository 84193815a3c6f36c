package smsvoice

import (
	"slices"
	"strconv"

	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

// usualPage is a page's size unless the request says otherwise.
const usualPage = 100

// listing is what a request wants listed.
type listing struct {
	scope wire.PageScope
	token *string
	limit *int64
}

func (l listing) size() int {
	if l.limit == nil {
		return usualPage
	}
	return int(*l.limit)
}

// cursor returns what is within the token, "" for none.
func (f *facade) cursor(l listing) (string, error) {
	if l.token == nil {
		return "", nil
	}
	c, err := f.Pages.Open(l.scope, *l.token)
	return string(c), err
}

// seal returns the token of a cursor, nil for none.
func (f *facade) seal(l listing, cursor string) (*string, error) {
	if cursor == "" {
		return nil, nil
	}
	t, err := f.Pages.Seal(l.scope, []byte(cursor))
	return &t, err
}

// cut returns a page of what is at hand as a whole.
func cut[T any](f *facade, l listing, all []T) (page []T, next *string, err error) {
	c, err := f.cursor(l)
	if err != nil {
		return nil, nil, err
	}
	from := 0
	if c != "" {
		if from, err = strconv.Atoi(c); err != nil {
			return nil, nil, fault.Internalf("cursor of %s: %w", l.scope.Operation, err)
		}
	}
	from = min(from, len(all))
	if size := l.size(); len(all)-from > size {
		next, err = f.seal(l, strconv.Itoa(from+size))
		return all[from : from+size], next, err
	}
	return all[from:], nil, nil
}

// condition is a filter of a request: the values of a name, one of which must fit.
type condition struct {
	name   string
	values []string
}

// fits reports whether each condition has a value that of returns for its name.
func fits(conditions []condition, of func(name string) []string) bool {
	for _, c := range conditions {
		if !slices.ContainsFunc(of(c.name), func(v string) bool { return slices.Contains(c.values, v) }) {
			return false
		}
	}
	return true
}
