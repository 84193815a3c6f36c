package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"countersign/internal/store"
)

// span returns the beginning of the nth five minutes.
func span(n int) time.Time {
	return ms(0).Truncate(5 * time.Minute).Add(time.Duration(n) * 5 * time.Minute)
}

func guardCount(pool, key string, n int) store.GuardCount {
	return store.GuardCount{PoolID: pool, Key: key, Span: span(n)}
}

func testGuardCounts(s *suite) {
	a, b, c, other := guardCount("p", "r:+49151", 1), guardCount("p", "r:+49151", 0), guardCount("p", "c:DE", 0), guardCount("q", "c:DE", 0)
	add := []store.GuardCount{a, b, c, other}
	for i := range add {
		add[i].Sent, add[i].Verified, add[i].Refused = 3, 2, 1
	}
	parallel(8, func(i int) {
		err := s.Store.Write(s.Context(), func(tx store.Tx) error {
			return tx.Guards().AddGuardCounts(s.Context(), slices.Concat(add[i%4:], add[:i%4]))
		})
		if err != nil {
			s.Errorf("AddGuardCounts: %v", err)
		}
	})
	for _, row := range []*store.GuardCount{&a, &b, &c, &other} {
		row.Sent, row.Verified, row.Refused = 24, 16, 8
	}
	counts := func(pool string, keys []string, from, to int, want ...store.GuardCount) {
		s.Helper()
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Guards().GuardCounts(ctx, pool, keys, span(from), span(to))
			s.same(fmt.Sprint("GuardCounts ", pool, from, to), got, want)
			return err
		})
	}
	counts("p", nil, 0, 9)
	counts("p", []string{"r:+49151"}, 0, 9, b, a)
	counts("p", []string{"r:+49151"}, 0, 1, b)
	counts("p", []string{"r:+49151", "x", "c:DE", "c:DE"}, 0, 9, c, b, a)
	counts("q", []string{"r:+49151", "c:DE"}, 0, 9, other)
	many := []string{"r:+49151", "c:DE"}
	for n := len(many); n < 1000; n++ {
		many = append(many, fmt.Sprint("d", n))
	}
	counts("p", many, 0, 9, c, b, a)
	s.read(func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Guards().GuardCounts(ctx, "p", append(many, "one more"), span(0), span(9)); err == nil {
			s.Error("counts of 1001 keys at once")
		}
		return nil
	})
	for _, want := range []int{2, 1, 0} {
		s.write(func(ctx context.Context, tx store.Tx) error {
			n, err := tx.Guards().PruneGuardCounts(ctx, span(1), 2)
			s.same("PruneGuardCounts", n, want)
			return err
		})
	}
	counts("p", many, 0, 9, a)
}

func testTopGuardCounts(s *suite) {
	row := func(pool, key string, n, sent, verified, refused int) store.GuardCount {
		c := guardCount(pool, key, n)
		c.Sent, c.Verified, c.Refused = sent, verified, refused
		return c
	}
	s.write(func(ctx context.Context, tx store.Tx) error {
		return tx.Guards().AddGuardCounts(ctx, []store.GuardCount{
			row("p", "r:1", 0, 5, 5, 0), row("p", "r:1", 1, 5, 4, 0), row("p", "r:2", 1, 9, 0, 3), row("p", "r:3", 2, 4, 3, 0),
			row("p", "r:4", 9, 100, 0, 0), row("q", "r:1", 1, 50, 0, 0), row("p", "s:1", 1, 50, 0, 0),
		})
	})
	s.read(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Guards().TopGuardCounts(ctx, "p", "r:", span(0), span(9), 10)
		s.same("TopGuardCounts", got, []store.GuardCount{row("p", "r:2", 1, 9, 0, 3), row("p", "r:1", 0, 10, 9, 0), row("p", "r:3", 2, 4, 3, 0)})
		if err != nil {
			return err
		}
		got, err = tx.Guards().TopGuardCounts(ctx, "p", "r:", span(1), span(10), 1)
		s.same("the first of TopGuardCounts", got, []store.GuardCount{row("p", "r:4", 9, 100, 0, 0)})
		return err
	})
}

func testGuardBlocks(s *suite) {
	block := func(pool, key string, since, until int) *store.GuardBlock {
		return &store.GuardBlock{
			PoolID: pool, Key: key, Reason: "pumping", Evidence: "9 of 9 untyped", By: "detector", Since: ms(since), Until: ms(until), Refused: 1,
		}
	}
	put := func(b *store.GuardBlock) {
		s.Helper()
		s.write(func(ctx context.Context, tx store.Tx) error { return tx.Guards().PutGuardBlock(ctx, b) })
	}
	list := func(pool string, after int, want ...*store.GuardBlock) {
		s.Helper()
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Guards().GuardBlocks(ctx, pool, ms(after))
			s.same("GuardBlocks of "+pool, got, want)
			return err
		})
	}
	a, b, other := block("p", "r:1", 0, 100), block("p", "a:1", 0, 200), block("q", "r:1", 0, 300)
	for _, one := range []*store.GuardBlock{a, b, other} {
		put(one)
	}
	list("p", 99, b, a)
	list("p", 100, b)
	list("", 100, b, other)
	count := func(key string, n int64, until int) {
		s.Helper()
		s.write(func(ctx context.Context, tx store.Tx) error {
			return tx.Guards().CountGuardBlock(ctx, "p", key, n, ms(until))
		})
	}
	count("r:1", 4, 50)
	count("r:1", 4, 150)
	count("unknown", 4, 150)
	a.Refused, a.Until = 9, ms(150)
	list("p", 0, b, a)

	again := block("p", "r:1", 140, 400)
	again.Reason, again.Evidence, again.By = "by hand", "", "operator"
	put(again)
	again.Since, again.Refused = ms(0), 9
	list("p", 0, b, again)
	later := block("p", "r:1", 400, 500)
	put(later)
	list("p", 0, b, later)
	for _, want := range []bool{true, false} {
		s.write(func(ctx context.Context, tx store.Tx) error {
			ok, err := tx.Guards().EndGuardBlock(ctx, "p", "r:1")
			s.same("EndGuardBlock", ok, want)
			return err
		})
	}
	list("", 0, b, other)
	s.write(func(ctx context.Context, tx store.Tx) error {
		n, err := tx.Sweep(ctx, ms(200), 10)
		s.same("blocks swept", n, 1)
		return err
	})
	list("", 0, other)
}

func testQuotas(s *suite) {
	k := store.QuotaKey{PoolID: "p", Key: "sent", Span: span(0)}
	taken := func(k store.QuotaKey, want int64) {
		s.Helper()
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Guards().QuotaTaken(ctx, k)
			s.same("QuotaTaken", got, want)
			return err
		})
	}
	take := func(k store.QuotaKey, n, limit, granted, taken int64) {
		s.Helper()
		s.write(func(ctx context.Context, tx store.Tx) error {
			g, all, err := tx.Guards().TakeQuota(ctx, k, n, limit, ms(1000))
			s.same(fmt.Sprintf("TakeQuota(%d, %d)", n, limit), []int64{g, all}, []int64{granted, taken})
			return err
		})
	}
	give := func(n int64) {
		s.Helper()
		s.write(func(ctx context.Context, tx store.Tx) error { return tx.Guards().GiveQuota(ctx, k, n) })
	}
	add := func(k store.QuotaKey, n, want int64) {
		s.Helper()
		s.write(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Guards().AddQuota(ctx, k, n, ms(2000))
			s.same(fmt.Sprintf("AddQuota(%d)", n), got, want)
			return err
		})
	}
	taken(k, 0)
	give(5)
	taken(k, 0)
	take(k, 4, 10, 4, 4)
	take(k, 4, 10, 4, 8)
	take(k, 4, 10, 2, 10)
	take(k, 4, 10, 0, 10)
	take(k, 1, 5, 0, 10)
	take(k, 0, 20, 0, 10)
	take(k, -3, 20, 0, 10)
	give(3)
	give(-3)
	take(k, 4, 10, 3, 10)
	add(k, 5, 15)
	take(k, 1, 10, 0, 15)
	add(k, -20, 0)
	give(1)
	taken(k, 0)
	take(k, 9, 10, 9, 9)

	next, spend := k, store.QuotaKey{PoolID: "p", Key: "spent", Span: span(0)}
	next.Span = span(1)
	take(next, 9, 10, 9, 9)
	take(next, 1, 0, 0, 9)
	add(spend, -1, 0)
	add(spend, 1<<40, 1<<40)
	s.write(func(ctx context.Context, tx store.Tx) error {
		n, err := tx.Sweep(ctx, ms(1000), 10)
		s.same("quotas swept", n, 2)
		return err
	})
	taken(k, 0)
	taken(spend, 1<<40)
}

// testQuotaRace lets 16 nodes take and give back at once: they never hold more than the limit, and nothing is lost.
func testQuotaRace(s *suite) {
	const limit = 100
	k := store.QuotaKey{PoolID: "p", Key: "sent", Span: span(0)}
	var held atomic.Int64
	parallel(16, func(i int) {
		for round := range 10 {
			var granted, taken int64
			err := s.Store.Write(s.Context(), func(tx store.Tx) (err error) {
				granted, taken, err = tx.Guards().TakeQuota(s.Context(), k, int64(i+round), limit, ms(1000))
				return err
			})
			if err != nil || taken > limit {
				s.Errorf("TakeQuota: %d are taken, error %v", taken, err)
			}
			if all := held.Add(granted); all > limit {
				s.Errorf("%d are held, more than %d", all, limit)
			}
			back := granted / 2
			held.Add(-back)
			if err := s.Store.Write(s.Context(), func(tx store.Tx) error { return tx.Guards().GiveQuota(s.Context(), k, back) }); err != nil {
				s.Errorf("GiveQuota: %v", err)
			}
		}
	})
	s.read(func(ctx context.Context, tx store.Tx) error {
		n, err := tx.Guards().QuotaTaken(ctx, k)
		s.same("QuotaTaken", n, held.Load())
		return err
	})
}
