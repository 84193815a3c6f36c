package storetest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"

	"countersign/internal/store"
)

func record(id string) *store.Record {
	return &store.Record{
		Kind: "k", PoolID: "p", ID: id, Name: "name " + id, Hash: []byte("hash " + id), Country: "DE", Status: "active", Type: "long_code",
		Body: json.RawMessage(`{"n":1}`), Sealed: []byte{1, 2}, CreatedAt: ms(0), UpdatedAt: ms(1), ExpiresAt: ms(2),
	}
}

// put changes or inserts a record and raises its version as the store does.
func (s *suite) put(r *store.Record, want bool) {
	s.Helper()
	s.write(func(ctx context.Context, tx store.Tx) error {
		before := *r
		ok, err := tx.Records().PutRecord(ctx, r)
		s.same("PutRecord of "+r.ID, ok, want)
		s.same("the argument of PutRecord", *r, before)
		return err
	})
	if want {
		r.Version++
	}
}

func testRecords(s *suite) {
	full, bare := record("a"), &store.Record{Kind: "k", ID: "a", CreatedAt: ms(0), UpdatedAt: ms(0)}
	s.put(full, true)
	s.put(bare, true)
	check := func(want *store.Record) {
		s.Helper()
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Records().Record(ctx, want.Kind, want.PoolID, want.ID)
			s.same("Record", got, want)
			return err
		})
	}
	check(full)
	check(bare)
	s.read(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Records().RecordByName(ctx, "k", "p", "name a")
		s.same("RecordByName", got, full)
		if err != nil {
			return err
		}
		got, err = tx.Records().RecordByHash(ctx, "k", "p", []byte("hash a"))
		s.same("RecordByHash", got, full)
		for what, err := range map[string]error{
			"an id of another kind":      drop(tx.Records().Record(ctx, "l", "p", "a")),
			"an id of another pool":      drop(tx.Records().Record(ctx, "k", "q", "a")),
			"a name of another pool":     drop(tx.Records().RecordByName(ctx, "k", "", "name a")),
			"no name":                    drop(tx.Records().RecordByName(ctx, "k", "", "")),
			"no hash":                    drop(tx.Records().RecordByHash(ctx, "k", "", nil)),
			"a hash that is not its own": drop(tx.Records().RecordByHash(ctx, "k", "p", []byte("hash"))),
		} {
			s.is(what, err, store.ErrNotFound)
		}
		return err
	})
	stale := *full
	full.Name, full.Hash, full.Country, full.Status, full.Type = "", nil, "US", "released", "simulator"
	full.Body, full.Sealed, full.UpdatedAt, full.ExpiresAt = json.RawMessage(`{}`), []byte{3}, ms(9), ms(10)
	s.put(full, true)
	check(full)
	s.put(&stale, false)
	unknown := *full
	unknown.ID = "b"
	s.put(&unknown, false)
	check(full)
	for _, want := range []bool{true, false} {
		s.write(func(ctx context.Context, tx store.Tx) error {
			ok, err := tx.Records().DeleteRecord(ctx, "k", "p", "a")
			s.same("DeleteRecord", ok, want)
			return err
		})
	}
	check(bare)
	for _, r := range []store.Record{{Kind: "k", PoolID: "gone", ID: "1"}, {Kind: "k", PoolID: "gone", ID: "2"}, {Kind: "other", PoolID: "gone", ID: "1"}} {
		s.put(&r, true)
	}
	for _, want := range []int{2, 0} {
		s.write(func(ctx context.Context, tx store.Tx) error {
			n, err := tx.Records().DeleteRecords(ctx, "k", "gone")
			s.same("DeleteRecords", n, want)
			return err
		})
	}
	s.read(func(ctx context.Context, tx store.Tx) error {
		for _, of := range [][2]string{{"other", "gone"}, {"k", ""}} {
			if n, err := tx.Records().CountRecords(ctx, of[0], of[1], ""); err != nil || n != 1 {
				s.Errorf("%q: %d left, %v", of, n, err)
			}
		}
		return nil
	})
	check(bare)
}

func testRecordNames(s *suite) {
	a, b := record("a"), record("b")
	s.put(a, true)
	s.put(record("a"), false)
	same := record("b")
	same.Name = a.Name
	s.put(same, false)
	same.Name, same.Hash = "", a.Hash
	s.put(same, false)
	s.put(b, true)
	for _, change := range []func(r *store.Record){
		func(r *store.Record) { r.Name = a.Name },
		func(r *store.Record) { r.Hash = a.Hash },
	} {
		r := *b
		change(&r)
		s.put(&r, false)
	}
	s.put(b, true)
	elsewhere := record("c")
	elsewhere.Name, elsewhere.Hash, elsewhere.PoolID = a.Name, a.Hash, "q"
	s.put(elsewhere, true)
	for _, id := range []string{"d", "e"} {
		bare := &store.Record{Kind: "k", PoolID: "p", ID: id, CreatedAt: ms(0), UpdatedAt: ms(0)}
		s.put(bare, true)
		s.put(bare, true)
	}
}

// testRecordRace lets 16 callers want one name, by inserts and by changes: one has it, and nobody gets an error.
func testRecordRace(s *suite) {
	for i := range 8 {
		s.put(record(fmt.Sprint("old", i)), true)
	}
	var won atomic.Int64
	parallel(16, func(i int) {
		r := record(fmt.Sprint("new", i))
		if i < 8 {
			r = record(fmt.Sprint("old", i))
			r.Version = 1
		}
		r.Name = "wanted"
		won := &won
		var ok bool
		err := s.Store.Write(s.Context(), func(tx store.Tx) (err error) {
			ok, err = tx.Records().PutRecord(s.Context(), r)
			return err
		})
		if err != nil {
			s.Errorf("PutRecord: %v", err)
		}
		if ok {
			won.Add(1)
		}
	})
	s.same("who has the name", won.Load(), int64(1))
}

// testRecordLists goes through each order, forth and back, in pages of each size, with and without conditions.
func testRecordLists(s *suite) {
	var all []*store.Record
	for n := range 12 {
		r := record(fmt.Sprintf("%02d", n))
		r.Name, r.Country, r.Status = fmt.Sprint("name ", 7*n%12), []string{"DE", "US"}[n%2], []string{"active", "pending", "released"}[n%3]
		r.Type = []string{"long_code", "simulator"}[n/6]
		r.CreatedAt, r.UpdatedAt, r.Version = ms(n/4), ms(5*n%12/3), 1
		if n > 9 {
			r.Name = ""
		}
		all = append(all, r)
		in := *r
		in.Version = 0
		s.put(&in, true)
	}
	for _, foreign := range []string{"q", ""} {
		r := record("00")
		r.PoolID = foreign
		s.put(r, true)
	}
	orders := map[string]func(a, b *store.Record) int{
		"id":      func(a, b *store.Record) int { return cmp.Compare(a.ID, b.ID) },
		"name":    func(a, b *store.Record) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) },
		"created": func(a, b *store.Record) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) },
		"updated": func(a, b *store.Record) int { return cmp.Or(a.UpdatedAt.Compare(b.UpdatedAt), cmp.Compare(a.ID, b.ID)) },
	}
	filters := map[string]func(r *store.Record) bool{
		"":                    func(*store.Record) bool { return true },
		"country":             func(r *store.Record) bool { return r.Country == "DE" },
		"status":              func(r *store.Record) bool { return r.Status == "pending" },
		"type":                func(r *store.Record) bool { return r.Type == "simulator" },
		"name":                func(r *store.Record) bool { return r.Name == "name 7" },
		"country status type": func(r *store.Record) bool { return r.Country == "US" && r.Status == "active" && r.Type == "long_code" },
	}
	queries := map[string]store.RecordQuery{
		"country": {Country: "DE"}, "status": {Status: "pending"}, "type": {Type: "simulator"}, "name": {Name: "name 7"},
		"country status type": {Country: "US", Status: "active", Type: "long_code"},
	}
	for order, compare := range orders {
		for filter, fits := range filters {
			want := slices.DeleteFunc(slices.Clone(all), func(r *store.Record) bool { return !fits(r) })
			slices.SortFunc(want, compare)
			for _, sort := range []string{order, "-" + order} {
				for _, limit := range []int{1, 5, 100} {
					q := queries[filter]
					q.Sort, q.Limit = sort, limit
					s.same(fmt.Sprintf("records by %s of %q in pages of %d", sort, filter, limit), s.pages(q), want)
				}
				slices.Reverse(want)
			}
		}
	}
	s.same("the default order", s.pages(store.RecordQuery{Limit: 100}), all)
	s.read(func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Records().ListRecords(ctx, store.RecordQuery{Kind: "k", PoolID: "p", Sort: "body", Limit: 1}); err == nil {
			s.Error("records sorted by what is no order")
		}
		for status, want := range map[string]int{"": 12, "pending": 4, "unknown": 0} {
			n, err := tx.Records().CountRecords(ctx, "k", "p", status)
			s.same("CountRecords of "+status, n, want)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// pages reads the pages of a list one after the other.
func (s *suite) pages(q store.RecordQuery) (all []*store.Record) {
	s.Helper()
	q.Kind, q.PoolID = "k", "p"
	for {
		var page []*store.Record
		s.read(func(ctx context.Context, tx store.Tx) (err error) {
			page, err = tx.Records().ListRecords(ctx, q)
			return err
		})
		all = append(all, page...)
		if len(page) < q.Limit {
			return all
		}
		q.After = page[len(page)-1]
	}
}
