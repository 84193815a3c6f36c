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
	s.same("rows pruned", counts, []int{9, 3, 0})
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
