package storetest

import (
	"context"
	"sync/atomic"
	"time"

	"countersign/internal/store"
)

func testCounter(s *suite) {
	k := store.CounterKey{PoolID: "p", Subject: "u", Purpose: "password", Bucket: "known"}
	other := k
	other.Bucket = "other"
	want := store.Counter{N: 3, Total: 70, Since: ms(0), Last: ms(1), LockedUntil: ms(2)}
	get := func(k store.CounterKey, want store.Counter) {
		s.Helper()
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Counters().Counter(ctx, k)
			s.same("Counter", got, want)
			return err
		})
	}
	get(k, store.Counter{})
	s.write(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Counters().LockCounter(ctx, k)
		s.same("LockCounter", got, store.Counter{})
		if err != nil {
			return err
		}
		if err := tx.Counters().SaveCounter(ctx, k, want, ms(100)); err != nil {
			return err
		}
		return tx.Counters().SaveCounter(ctx, other, store.Counter{N: 1}, ms(100))
	})
	get(k, want)
	s.write(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Counters().LockCounter(ctx, k)
		s.same("LockCounter", got, want)
		return err
	})
	s.write(func(ctx context.Context, tx store.Tx) error {
		return tx.Counters().ResetCounters(ctx, "p", "u", "password")
	})
	get(k, store.Counter{})
	get(other, store.Counter{})
}

// testLockCounter lets 200 callers read, add and save: none of them is lost.
func testLockCounter(s *suite) {
	keys := []store.CounterKey{{PoolID: "p", Subject: "u", Purpose: "a"}, {PoolID: "p", Subject: "u", Purpose: "b"}}
	parallel(200, func(int) {
		err := s.Store.Write(s.Context(), func(tx store.Tx) error {
			for _, k := range keys {
				c, err := tx.Counters().LockCounter(s.Context(), k)
				if err != nil {
					return err
				}
				c.N++
				if err := tx.Counters().SaveCounter(s.Context(), k, c, ms(9)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			s.Errorf("Write: %v", err)
		}
	})
	s.read(func(ctx context.Context, tx store.Tx) error {
		for _, k := range keys {
			c, err := tx.Counters().Counter(ctx, k)
			s.same("increments of "+k.Purpose, c.N, 200)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func testBump(s *suite) {
	k := store.CounterKey{PoolID: "p", Subject: "u", Purpose: "send"}
	for _, c := range []struct{ at, want int }{{0, 1}, {5, 2}, {9, 3}, {10, 1}, {12, 2}, {19, 3}, {40, 1}} {
		s.write(func(ctx context.Context, tx store.Tx) error {
			n, err := tx.Counters().BumpCounter(ctx, k, ms(c.at), 10*time.Millisecond)
			s.same("BumpCounter", n, c.want)
			return err
		})
	}
	s.read(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Counters().Counter(ctx, k)
		s.same("Counter", got, store.Counter{N: 1, Since: ms(40), Last: ms(40)})
		return err
	})
	var sum atomic.Int64
	parallel(100, func(int) {
		err := s.Store.Write(s.Context(), func(tx store.Tx) error {
			n, err := tx.Counters().BumpCounter(s.Context(), store.CounterKey{Subject: "race"}, ms(0), time.Hour)
			if err == nil {
				sum.Add(int64(n))
			}
			return err
		})
		if err != nil {
			s.Errorf("BumpCounter: %v", err)
		}
	})
	s.same("the sum of 1 to 100", sum.Load(), int64(5050))
}

func testTake(s *suite) {
	k := store.CounterKey{PoolID: "p", Subject: "u", Purpose: "take"}
	day := ms(100)
	for _, c := range []struct {
		at, n, total int
		ok           bool
	}{{0, 1, 1, true}, {5, 2, 2, true}, {9, 0, 0, false}, {10, 1, 3, true}, {12, 2, 4, true}, {13, 0, 0, false}, {30, 1, 5, true}, {50, 0, 0, false}, {101, 1, 1, true}} {
		s.write(func(ctx context.Context, tx store.Tx) error {
			w := store.Taking{Now: ms(c.at), Window: 10 * time.Millisecond, Limit: 2, DayEnds: day, DayLimit: 5}
			if c.at > 100 {
				w.DayEnds = ms(200)
			}
			got, ok, err := tx.Counters().TakeCounter(ctx, k, w)
			s.same("taken", ok, c.ok)
			if ok {
				s.same("N", got.N, c.n)
				s.same("Total", got.Total, c.total)
				s.same("Last", got.Last, ms(c.at))
				s.same("LockedUntil", got.LockedUntil, w.DayEnds)
			}
			return err
		})
	}
	var taken atomic.Int64
	parallel(100, func(int) {
		err := s.Store.Write(s.Context(), func(tx store.Tx) error {
			_, ok, err := tx.Counters().TakeCounter(s.Context(), store.CounterKey{Subject: "take race"},
				store.Taking{Now: ms(0), Window: time.Hour, Limit: 40, DayEnds: ms(0).Add(24 * time.Hour)})
			if ok && err == nil {
				taken.Add(1)
			}
			return err
		})
		if err != nil {
			s.Errorf("TakeCounter: %v", err)
		}
	})
	s.same("taken of forty by a hundred", taken.Load(), int64(40))
}
