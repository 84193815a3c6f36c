package kms

import (
	"strconv"

	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

// listing is what a request wants listed.
type listing struct {
	scope  wire.PageScope
	marker *string
	limit  *int64
	// usual is the page's size unless the request says otherwise.
	usual int
}

func (l listing) size() int {
	if l.limit == nil {
		return l.usual
	}
	return int(*l.limit)
}

// start returns the cursor within the marker, "" for none.
func (f *facade) start(l listing) (string, error) {
	if l.marker == nil {
		return "", nil
	}
	cursor, err := f.pages.Open(l.scope, *l.marker)
	return string(cursor), err
}

// list fetches one page and one item more, which tells whether there is another page. next is that page's marker, or nil.
func list[T any](f *facade, l listing, id func(T) string, fetch func(after string, limit int) ([]T, error)) (items []T, next *string, err error) {
	after, err := f.start(l)
	if err != nil {
		return nil, nil, err
	}
	size := l.size()
	if items, err = fetch(after, size+1); err != nil || len(items) <= size {
		return items, nil, err
	}
	items = items[:size]
	token, err := f.pages.Seal(l.scope, []byte(id(items[size-1])))
	return items, &token, err
}

// cut is list for what is at hand as a whole.
func cut[T any](f *facade, l listing, all []T) (items []T, next *string, err error) {
	after, err := f.start(l)
	if err != nil {
		return nil, nil, err
	}
	from := 0
	if after != "" {
		if from, err = strconv.Atoi(after); err != nil {
			return nil, nil, fault.Internalf("cursor of %s: %w", l.scope.Operation, err)
		}
	}
	from = min(from, len(all))
	if size := l.size(); len(all)-from > size {
		token, err := f.pages.Seal(l.scope, []byte(strconv.Itoa(from+size)))
		return all[from : from+size], &token, err
	}
	return all[from:], nil, nil
}
