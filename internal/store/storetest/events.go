package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"countersign/internal/store"
)

func testEvents(s *suite) {
	var all []*store.Event
	for n := range 10 {
		e := &store.Event{ID: id(n * 60000), PoolID: "p", Type: "gd_send_sms", UserID: "u", Number: []byte{1}, At: ms(n * 60000)}
		switch n {
		case 1:
			e.PoolID = "q"
		case 2:
			e.Type = "f"
		case 3:
			e.UserID = ""
		case 4:
			e.Number = nil
		case 5:
			e.ClientID, e.Data, e.Sealed = "c", json.RawMessage(`{"a":1}`), []byte{0, 9}
		}
		all = append(all, e)
	}
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, e := range all {
			if err := tx.Events().Append(ctx, e); err != nil {
				return err
			}
		}
		return nil
	})
	minute := func(n int) time.Time { return ms(n * 60000) }
	for _, c := range []struct {
		q    store.EventQuery
		want string
	}{
		{store.EventQuery{Limit: 20}, "[9 8 7 6 5 4 3 2 0]"},
		{store.EventQuery{Limit: 3, Ascending: true}, "[0 2 3]"},
		{store.EventQuery{Limit: 2, After: all[8].ID}, "[7 6]"},
		{store.EventQuery{Limit: 2, After: all[3].ID, Ascending: true}, "[4 5]"},
		{store.EventQuery{Limit: 20, Type: "f"}, "[2]"},
		{store.EventQuery{Limit: 20, Types: []string{"f"}}, "[2]"},
		{store.EventQuery{Limit: 20, Types: []string{"f", "s", "gd_send_sms", "f"}}, "[9 8 7 6 5 4 3 2 0]"},
		{store.EventQuery{Limit: 3, Types: []string{"f", "gd_send_sms"}, Ascending: true, After: all[0].ID}, "[2 3 4]"},
		{store.EventQuery{Limit: 20, Types: []string{"f", "s", "t"}, UserID: "u"}, "[2]"},
		{store.EventQuery{Limit: 20, Types: []string{"f", "gd_send_sms"}, From: minute(2), To: minute(5)}, "[4 3 2]"},
		{store.EventQuery{Limit: 20, Type: "f", Types: []string{"gd_send_sms", "s"}}, "[2]"},
		{store.EventQuery{Limit: 20, ClientID: "c"}, "[5]"},
		{store.EventQuery{Limit: 20, ClientID: "c", Types: []string{"f", "gd_send_sms"}}, "[5]"},
		{store.EventQuery{Limit: 20, ClientID: "c", Types: []string{"f", "s"}}, "[]"},
		{store.EventQuery{Limit: 20, UserID: "u"}, "[9 8 7 6 5 4 2 0]"},
		{store.EventQuery{Limit: 20, Number: []byte{1}}, "[9 8 7 6 5 3 2 0]"},
		{store.EventQuery{Limit: 20, From: minute(3), To: minute(6)}, "[5 4 3]"},
		{store.EventQuery{Limit: 20, To: minute(3), Ascending: true}, "[0 2]"},
		{store.EventQuery{Limit: 20, From: minute(6), Type: "gd_send_sms", UserID: "u", Number: []byte{1}, After: all[9].ID}, "[8 7 6]"},
	} {
		c.q.PoolID = "p"
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Events().ListEvents(ctx, c.q)
			var made []int
			for _, e := range got {
				made = append(made, int(e.At.Sub(ms(0))/time.Minute))
				if e.ID == all[5].ID {
					s.same("event", e, all[5])
				}
			}
			s.same(fmt.Sprintf("%+v", c.q), fmt.Sprint(made), c.want)
			return err
		})
	}
	s.read(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Events().Event(ctx, "p", all[5].ID)
		s.same("Event", got, all[5])
		s.is("an event of another pool", drop(tx.Events().Event(ctx, "p", all[1].ID)), store.ErrNotFound)
		s.is("an unknown event", drop(tx.Events().Event(ctx, "p", id(77))), store.ErrNotFound)
		if _, err := tx.Events().ListEvents(ctx, store.EventQuery{PoolID: "p", Limit: 1, Types: make([]string, 33)}); err == nil {
			s.Error("33 types at once")
		}
		return err
	})
}

// testEventCounts has an event of type s every six hours, of type f every day, for 100 days from 12:30 on, by ten users in turn.
func testEventCounts(s *suite) {
	const hours = 3600 * 1000
	s.write(func(ctx context.Context, tx store.Tx) error {
		for n := range 400 {
			for _, e := range []*store.Event{
				{PoolID: "p", Type: "s", UserID: fmt.Sprint("u", n%10)}, {PoolID: "q", Type: "s", UserID: "v"}, {PoolID: "p", Type: "f"}, {PoolID: "p", Type: "x"},
			} {
				if e.Type == "f" && n%4 != 0 {
					continue
				}
				e.ID, e.At = id(n*6*hours), ms(n*6*hours)
				if err := tx.Events().Append(ctx, e); err != nil {
					return err
				}
			}
		}
		return nil
	})
	first := ms(0).Truncate(24 * time.Hour)
	count := func(from, to time.Time, types ...string) (out string) {
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Events().CountDays(ctx, "p", types, from, to)
			for _, c := range got {
				out += fmt.Sprintf("%d%s%d ", c.Day.Sub(first)/(24*time.Hour), c.Type, c.N)
			}
			return err
		})
		return out
	}
	// The first is at 07:00 UTC.
	s.same("two days", count(first, first.Add(48*time.Hour), "f", "s", "none"), "0f1 0s3 1f1 1s4 ")
	s.same("parts of days", count(ms(3*hours), ms(25*hours), "s"), "0s2 1s2 ")
	s.same("nothing before", count(first.Add(-99*24*time.Hour), ms(0), "s"), "")
	s.same("no types", count(first, first.Add(48*time.Hour)), "")
	s.same("an empty range", count(ms(9), ms(9), "s"), "")
	s.same("an empty range the other way round", count(ms(99*hours), ms(9), "s"), "")
	s.same("beyond one statement", count(first.Add(-40*24*time.Hour), first.Add(100*24*time.Hour), "f")[:12], "0f1 1f1 2f1 ")
	s.same("the end of a long range", len(count(first.Add(-40*24*time.Hour), first.Add(200*24*time.Hour), "f")), 10*4+90*5)
	s.read(func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Events().CountDays(ctx, "p", []string{"s"}, first, first.Add(401*24*time.Hour)); err == nil {
			s.Error("CountDays went through 401 days")
		}
		for _, c := range []struct {
			from        time.Time
			types       []string
			limit, want int
		}{
			{ms(0), []string{"s", "f"}, 1000, 10}, {ms(0), []string{"f", "x"}, 1000, 0}, {ms(396 * 6 * hours), []string{"s"}, 1000, 4},
			{ms(0), []string{"s"}, 3, 3}, {ms(0), nil, 1000, 0},
		} {
			n, err := tx.Events().CountActive(ctx, "p", c.types, c.from, c.limit)
			s.same(fmt.Sprint("users with ", c.types), n, c.want)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func testPrune(s *suite) {
	s.write(func(ctx context.Context, tx store.Tx) error {
		for n := range 6 {
			at := n * 1000
			sent := newMessage(at)
			sent.State = store.Sent
			for _, err := range []error{
				tx.Events().Append(ctx, &store.Event{ID: id(at), PoolID: "p", At: ms(at)}),
				tx.Outbox().Enqueue(ctx, sent),
				tx.Outbox().AddAttempt(ctx, &store.DeliveryAttempt{ID: id(at), MessageID: sent.ID, N: 1}),
				drop(tx.Outbox().AddReceipt(ctx, &store.Receipt{ID: id(at), MessageID: sent.ID})),
			} {
				if err != nil {
					return err
				}
			}
		}
		return tx.Outbox().Enqueue(ctx, newMessage(0))
	})
	var counts []int
	for range 3 {
		s.write(func(ctx context.Context, tx store.Tx) error {
			n, err := tx.Events().Prune(ctx, ms(4000), 3)
			counts = append(counts, n)
			return err
		})
	}
	s.same("rows pruned", counts, []int{12, 4, 0})
	s.read(func(ctx context.Context, tx store.Tx) error {
		events, err := tx.Events().ListEvents(ctx, store.EventQuery{PoolID: "p", Limit: 10})
		s.same("events left", len(events), 2)
		if err != nil {
			return err
		}
		messages, err := tx.Outbox().ListMessages(ctx, store.MessageQuery{PoolID: "p", Limit: 10})
		s.same("messages left, with the queued one", len(messages), 3)
		return err
	})
}
