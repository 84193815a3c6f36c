package storetest

import (
	"context"
	"fmt"
	"time"

	"countersign/internal/store"
)

func testOptOuts(s *suite) {
	var all []*store.OptOut
	for n, sender := range []string{"+1", "*", "+2", "+1"} {
		all = append(all, &store.OptOut{
			PoolID: "p", Sender: sender, Number: []byte{byte(n / 3)}, Mask: "+***12", Source: "inbound", Keyword: "STOP", At: ms(n),
		})
	}
	foreign := *all[0]
	foreign.PoolID = "q"
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, o := range append(all, &foreign) {
			for _, first := range []bool{true, false} {
				ok, err := tx.OptOuts().PutOptOut(ctx, o)
				s.same("PutOptOut", ok, first)
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	senders := func(n byte, want ...string) {
		s.Helper()
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.OptOuts().OptedOut(ctx, "p", []byte{n})
			s.same("OptedOut", fmt.Sprint(got), fmt.Sprint(want))
			return err
		})
	}
	senders(0, "*", "+1", "+2")
	senders(1, "+1")
	senders(2)
	list := func(q store.OptOutQuery, want ...*store.OptOut) {
		s.Helper()
		s.read(func(ctx context.Context, tx store.Tx) error {
			q.PoolID = "p"
			got, err := tx.OptOuts().ListOptOuts(ctx, q)
			s.same("ListOptOuts", got, want)
			return err
		})
	}
	list(store.OptOutQuery{Limit: 9}, all[1], all[0], all[2], all[3])
	list(store.OptOutQuery{Limit: 2, After: all[1]}, all[0], all[2])
	list(store.OptOutQuery{Limit: 9, Sender: "+1"}, all[0], all[3])
	list(store.OptOutQuery{Limit: 9, Sender: "+1", Number: []byte{1}, After: all[0]}, all[3])
	for _, c := range []struct {
		sender string
		want   int
	}{{"+3", 0}, {"+2", 1}, {"", 2}, {"", 0}} {
		s.write(func(ctx context.Context, tx store.Tx) error {
			n, err := tx.OptOuts().DeleteOptOut(ctx, "p", c.sender, []byte{0})
			s.same("DeleteOptOut "+c.sender, n, c.want)
			return err
		})
	}
	senders(1, "+1")
}

func testRouteCounts(s *suite) {
	span := ms(0).Truncate(5 * time.Minute)
	key := func(pool, account string, n int) store.RouteCount {
		return store.RouteCount{PoolID: pool, Account: account, Channel: "sms", Country: "DE", Network: "26201", Span: span.Add(time.Duration(n) * 5 * time.Minute)}
	}
	a, b, c := key("p", "b", 0), key("p", "a", 0), key("q", "a", 1)
	a.Sent, a.Failed, a.Delivered, a.Undelivered, a.Verified, a.VerifyTime = 1, 2, 3, 4, 5, 6*time.Second
	b.Sent, c.Sent = 1, 1
	parallel(8, func(int) {
		err := s.Store.Write(s.Context(), func(tx store.Tx) error {
			return tx.Routes().AddRouteCounts(s.Context(), []store.RouteCount{a, c, b})
		})
		if err != nil {
			s.Errorf("AddRouteCounts: %v", err)
		}
	})
	a.Sent, a.Failed, a.Delivered, a.Undelivered, a.Verified, a.VerifyTime = 8, 16, 24, 32, 40, 48*time.Second
	b.Sent, c.Sent = 8, 8
	counts := func(pool string, from, to int, want ...store.RouteCount) {
		s.Helper()
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Routes().RouteCounts(ctx, pool, key("", "", from).Span, key("", "", to).Span)
			s.same(fmt.Sprint("RouteCounts ", pool, from, to), got, want)
			return err
		})
	}
	counts("", 0, 9, b, a, c)
	counts("p", 0, 9, b, a)
	counts("", 1, 2, c)
	counts("q", 0, 1)
	for _, want := range []int{1, 1, 0} {
		s.write(func(ctx context.Context, tx store.Tx) error {
			n, err := tx.Routes().PruneRouteCounts(ctx, c.Span, 1)
			s.same("PruneRouteCounts", n, want)
			return err
		})
	}
	counts("", 0, 9, c)
}

func testCarriers(s *suite) {
	var many []string
	for n := range 100 {
		many = append(many, fmt.Sprint("+4915", n))
	}
	learn := func(at int, prefix, network string) {
		s.Helper()
		s.write(func(ctx context.Context, tx store.Tx) error {
			return tx.Routes().LearnNetwork(ctx, prefix, network, ms(at))
		})
	}
	known := func(prefixes []string, want map[string]string) {
		s.Helper()
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Routes().NetworksOf(ctx, prefixes)
			s.same("NetworksOf", got, want)
			return err
		})
	}
	known(nil, map[string]string{})
	learn(0, many[3], "26201")
	learn(1, many[99], "26203")
	learn(2, many[3], "26202")
	known(many, map[string]string{many[3]: "26202", many[99]: "26203"})
	known(many[3:4], map[string]string{many[3]: "26202"})
	const days = 24 * 3600 * 1000
	learn(20*days, many[3], "26202")
	learn(40*days, many[99], "26203")
	s.write(func(ctx context.Context, tx store.Tx) error {
		n, err := tx.Sweep(ctx, ms(401*days), 10)
		s.same("carriers swept", n, 1)
		return err
	})
	known(many, map[string]string{many[99]: "26203"})
}

func testDoors(s *suite) {
	first := &store.Door{Hash: []byte{1, 1}, Sealed: []byte{9}, PoolID: "p", Account: "a", CreatedAt: ms(0)}
	second := &store.Door{Hash: []byte{2, 2}, PoolID: "p", Account: "a", CreatedAt: ms(1)}
	other := &store.Door{Hash: []byte{3, 3}, PoolID: "p", Account: "b", CreatedAt: ms(2)}
	static := &store.Door{Hash: []byte{4, 4}, Account: "a", CreatedAt: ms(3)}
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, d := range []*store.Door{first, second, other, static} {
			if err := tx.Routes().PutDoor(ctx, d); err != nil {
				return err
			}
		}
		return nil
	})
	if err := s.Store.Write(s.Context(), func(tx store.Tx) error { return tx.Routes().PutDoor(s.Context(), first) }); err == nil {
		s.Error("a second PutDoor")
	}
	end := func(except []byte, at int) {
		s.Helper()
		s.write(func(ctx context.Context, tx store.Tx) error {
			return tx.Routes().EndDoors(ctx, "p", "a", except, ms(at))
		})
	}
	end(second.Hash, 55)
	end(second.Hash, 50)
	first.EndsAt = ms(50)
	end(second.Hash, 60)
	s.read(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Routes().ListDoors(ctx, "p", "a")
		s.same("ListDoors", got, []*store.Door{second, first})
		if err != nil {
			return err
		}
		d, err := tx.Routes().DoorByHash(ctx, first.Hash)
		s.same("DoorByHash", d, first)
		s.is("an unknown door", drop(tx.Routes().DoorByHash(ctx, []byte{5})), store.ErrNotFound)
		return err
	})
	end(nil, 70)
	second.EndsAt = ms(70)
	s.write(func(ctx context.Context, tx store.Tx) error {
		n, err := tx.Sweep(ctx, ms(60), 10)
		s.same("doors swept", n, 1)
		if err != nil {
			return err
		}
		got, err := tx.Routes().ListDoors(ctx, "p", "a")
		s.same("ListDoors", got, []*store.Door{second})
		return err
	})
	s.read(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Routes().ListDoors(ctx, "", "a")
		s.same("ListDoors of no pool", got, []*store.Door{static})
		return err
	})
}
