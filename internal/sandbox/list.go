package sandbox

import (
	"cmp"
	"context"
	"encoding/base64"
	"slices"
	"strings"

	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/store"
)

// maxPage bounds a page.
const maxPage = 100

// Numbers returns numbers, and where the next page begins, "" if there is none. Errors: fault.InvalidParameter (after, sort).
func (s *Service) Numbers(ctx context.Context, q Query) (list []Number, next string, err error) {
	by, down := strings.CutPrefix(cmp.Or(q.Sort, "created"), "-")
	key, ok := sorts[by]
	if !ok {
		return nil, "", fault.Invalidf("sort", "sort is created, status or number.")
	}
	all, err := s.all(ctx)
	if err != nil {
		return nil, "", err
	}
	place := func(n Number) string { return key(n) + "\x00" + n.ID }
	compare := func(a, b string) int {
		if down {
			a, b = b, a
		}
		return strings.Compare(a, b)
	}
	slices.SortFunc(all, func(a, b Number) int { return compare(place(a), place(b)) })
	after, err := base64.RawURLEncoding.DecodeString(q.After)
	if err != nil || q.After != "" && !strings.Contains(string(after), "\x00") {
		return nil, "", fault.Invalidf("after", "This is not a place that a list ended at.")
	}
	limit := min(q.Limit, maxPage)
	if limit <= 0 {
		limit = maxPage
	}
	for _, n := range all {
		if q.Status != "" && n.Status != q.Status || q.After != "" && compare(place(n), string(after)) <= 0 {
			continue
		}
		if len(list) == limit {
			return list, base64.RawURLEncoding.EncodeToString([]byte(place(list[limit-1]))), nil
		}
		list = append(list, n)
	}
	return list, "", nil
}

// sorts are what Numbers sorts by; ties go by id.
var sorts = map[string]func(Number) string{
	"created": func(n Number) string { return n.CreatedAt.UTC().Format("2006-01-02T15:04:05.000000") },
	"status":  func(n Number) string { return string(n.Status) },
	"number":  func(n Number) string { return n.Number.String() },
}

// all returns every number: there are at most MaxNumbers.
func (s *Service) all(ctx context.Context) ([]Number, error) {
	var rows []*store.Record
	err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		rows, err = tx.Records().ListRecords(ctx, store.RecordQuery{Kind: kind, PoolID: keyring.Deployment, Limit: MaxNumbers})
		return err
	})
	out := make([]Number, 0, len(rows))
	for _, row := range rows {
		e, err := s.open(ctx, row)
		if err != nil {
			return nil, err
		}
		out = append(out, e.shown(s.now()))
	}
	return out, err
}
