package storetest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"countersign/internal/store"
)

func newMessage(n int) *store.Message {
	return &store.Message{
		ID: id(n), PoolID: "p", UserID: "u", ClientID: "c", Lane: store.LaneSignUp, Channel: "sms", State: store.Queued, Sealed: []byte("sealed"),
		Mask: "+*******0123", Number: []byte{7, 0}, CodeID: "code", TriggerSource: "X_Y", Segments: 1, NextAt: ms(n), ExpiresAt: ms(n + 1000),
		CreatedAt: ms(n), UpdatedAt: ms(n),
	}
}

// enqueue stores messages.
func (s *suite) enqueue(messages ...*store.Message) {
	s.Helper()
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, m := range messages {
			if err := tx.Outbox().Enqueue(ctx, m); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *suite) claim(owner string, now, lease, limit int) (got []*store.Message) {
	s.Helper()
	s.write(func(ctx context.Context, tx store.Tx) (err error) {
		got, err = tx.Outbox().Claim(ctx, owner, ms(now), ms(lease), limit)
		return err
	})
	return got
}

func (s *suite) settle(m *store.Message, want bool) {
	s.Helper()
	s.write(func(ctx context.Context, tx store.Tx) error {
		ok, err := tx.Outbox().Settle(ctx, m)
		s.same("Settle", ok, want)
		return err
	})
}

func (s *suite) message(id string) (m *store.Message) {
	s.Helper()
	s.read(func(ctx context.Context, tx store.Tx) (err error) {
		m, err = tx.Outbox().Message(ctx, id)
		return err
	})
	return m
}

func messageID(m *store.Message) string { return m.ID }

func testMessage(s *suite) {
	want := newMessage(0)
	s.enqueue(want)
	s.same("Message", s.message(want.ID), want)
	s.same("claims before NextAt", len(s.claim("w", -1, 50, 9)), 0)
	got := s.claim("w", 1, 50, 9)
	want.State, want.LeaseOwner, want.LeaseUntil, want.Attempts, want.UpdatedAt = store.Sending, "w", ms(50), 1, ms(1)
	s.same("Claim", got, []*store.Message{want})
	s.same("Message", s.message(want.ID), want)

	retry := *got[0]
	retry.State, retry.LastClass, retry.LastError, retry.NextAt, retry.UpdatedAt = store.Queued, "throttled", "slow down", ms(20), ms(2)
	s.settle(&retry, true)
	s.settle(&retry, false)
	retry.LeaseOwner, retry.LeaseUntil = "", time.Time{}
	s.same("a message to be tried again", s.message(want.ID), &retry)

	sent := *s.claim("v", 20, 60, 9)[0]
	s.same("Attempts", sent.Attempts, 2)
	sent.State, sent.Provider, sent.ProviderID, sent.Segments, sent.UpdatedAt = store.Sent, "sns", "id-1", 2, ms(21)
	other := sent
	other.LeaseOwner = "w"
	s.settle(&other, false)
	s.settle(&sent, true)
	sent.Sealed, sent.LeaseOwner, sent.LeaseUntil = nil, "", time.Time{}
	s.same("a sent message", s.message(want.ID), &sent)
	s.same("claims of a sent message", len(s.claim("w", 900, 950, 9)), 0)
	s.read(func(ctx context.Context, tx store.Tx) error {
		s.is("an unknown message", drop(tx.Outbox().Message(ctx, "none")), store.ErrNotFound)
		return nil
	})

	suppressed := newMessage(1)
	suppressed.State = store.Suppressed
	s.enqueue(suppressed)
	suppressed.Sealed = nil
	s.same("a message that was final from the start", s.message(suppressed.ID), suppressed)
}

func testClaimOrder(s *suite) {
	var want []string
	byLane := make([][]*store.Message, store.Lanes)
	for n := range 12 {
		m := newMessage(n)
		m.Lane = store.Lane((n * 7) % store.Lanes)
		m.NextAt = ms(n)
		if n == 0 {
			m.NextAt = time.Time{}
		}
		s.enqueue(m)
		byLane[m.Lane] = append(byLane[m.Lane], m)
	}
	for _, l := range byLane {
		want = append(want, ids(l, messageID)...)
	}
	var got []string
	for range 4 {
		got = append(got, ids(s.claim("w", 100, 200, 3), messageID)...)
	}
	s.same("messages in order of claims", got, want)
}

func testClaimRace(s *suite) {
	const messages, claimers = 400, 16
	s.write(func(ctx context.Context, tx store.Tx) error {
		for n := range messages {
			m := newMessage(n)
			m.NextAt, m.ExpiresAt, m.Lane = ms(0), ms(1e6), store.Lane(n%store.Lanes)
			if err := tx.Outbox().Enqueue(ctx, m); err != nil {
				return err
			}
		}
		return nil
	})
	var mu sync.Mutex
	seen := map[string]string{}
	parallel(claimers, func(i int) {
		owner := fmt.Sprint("w", i)
		for idle := 0; idle < 3; {
			var got []*store.Message
			err := s.Store.Write(s.Context(), func(tx store.Tx) (err error) {
				got, err = tx.Outbox().Claim(s.Context(), owner, ms(1), ms(1000), 7)
				return err
			})
			if err != nil {
				s.Errorf("Claim: %v", err)
				return
			}
			if len(got) > 7 {
				s.Errorf("Claim took %d messages, more than 7", len(got))
			}
			if len(got) == 0 {
				idle++
			}
			mu.Lock()
			for _, m := range got {
				if by, ok := seen[m.ID]; ok {
					s.Errorf("%s was claimed by %s and by %s", m.ID, by, owner)
				}
				seen[m.ID] = owner
			}
			mu.Unlock()
		}
	})
	s.same("messages claimed", len(seen), messages)
}

func testLeases(s *suite) {
	a, b, c := newMessage(0), newMessage(1), newMessage(2)
	b.ExpiresAt = ms(30)
	c.ExpiresAt = time.Time{}
	s.enqueue(a, b, c)
	s.same("first claims", len(s.claim("w", 10, 50, 9)), 3)
	s.same("claims under a lease", len(s.claim("v", 49, 90, 9)), 0)
	again := s.claim("v", 50, 90, 9)
	s.same("claims after the lease, without the expired one", ids(again, messageID), []string{a.ID, c.ID})
	s.same("Attempts", again[0].Attempts, 2)
	stale := *a
	stale.State, stale.LeaseOwner = store.Sent, "w"
	s.settle(&stale, false)

	var expired []*store.Message
	s.write(func(ctx context.Context, tx store.Tx) (err error) {
		expired, err = tx.Outbox().ExpireDue(ctx, ms(60), 9)
		return err
	})
	s.same("ExpireDue", ids(expired, messageID), []string{b.ID})
	got := s.message(b.ID)
	if got.State != store.Expired || got.Sealed != nil || got.LeaseOwner != "" || !got.UpdatedAt.Equal(ms(60)) {
		s.Errorf("an expired message: %+v", got)
	}
	s.write(func(ctx context.Context, tx store.Tx) error { return tx.Outbox().Release(ctx, "v", ms(61)) })
	released := s.message(a.ID)
	if released.State != store.Queued || released.LeaseOwner != "" || !released.NextAt.Equal(ms(61)) || released.Sealed == nil {
		s.Errorf("a released message: %+v", released)
	}
	s.same("claims after Release", len(s.claim("x", 61, 90, 9)), 2)
	s.write(func(ctx context.Context, tx store.Tx) (err error) {
		expired, err = tx.Outbox().ExpireDue(ctx, ms(100000), 9)
		return err
	})
	s.same("ExpireDue spares messages that never expire", ids(expired, messageID), []string{a.ID})
}

func testNextDue(s *suite) {
	due := func(want int, ok bool) {
		s.Helper()
		s.read(func(ctx context.Context, tx store.Tx) error {
			at, got, err := tx.Outbox().NextDue(ctx)
			s.same("NextDue", got, ok)
			if ok {
				s.same("NextDue", at, ms(want))
			}
			return err
		})
	}
	due(0, false)
	late, early := newMessage(20), newMessage(10)
	early.Lane = store.LaneNotice
	s.enqueue(late)
	due(20, true)
	s.enqueue(early)
	due(10, true)
	m := s.claim("w", 10, 30, 1)[0]
	due(20, true)
	m.State = store.Delivered
	s.settle(m, true)
	due(20, true)
	s.claim("w", 20, 40, 1)
	due(40, true)
}

func testMessageList(s *suite) {
	var all []*store.Message
	for n := range 8 {
		m := newMessage(n)
		switch n {
		case 1:
			m.PoolID = "q"
		case 2:
			m.UserID = ""
		case 3:
			m.Number = nil
		case 4:
			m.State = store.Failed
		}
		all = append(all, m)
	}
	s.enqueue(all...)
	for _, c := range []struct {
		q    store.MessageQuery
		want string
	}{
		{store.MessageQuery{PoolID: "p", Limit: 10}, "[7 6 5 4 3 2 0]"},
		{store.MessageQuery{PoolID: "p", Limit: 2, Before: all[6].ID}, "[5 4]"},
		{store.MessageQuery{PoolID: "p", Limit: 9, UserID: "u"}, "[7 6 5 4 3 0]"},
		{store.MessageQuery{PoolID: "p", Limit: 9, Number: []byte{7, 0}}, "[7 6 5 4 2 0]"},
		{store.MessageQuery{PoolID: "p", Limit: 9, State: store.Failed}, "[4]"},
		{store.MessageQuery{PoolID: "p", Limit: 2, State: store.Queued, UserID: "u", Number: []byte{7, 0}, Before: all[7].ID}, "[6 5]"},
	} {
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Outbox().ListMessages(ctx, c.q)
			var made []int
			for _, m := range got {
				made = append(made, int(m.CreatedAt.Sub(ms(0))/time.Millisecond))
			}
			s.same(fmt.Sprintf("%+v", c.q), fmt.Sprint(made), c.want)
			return err
		})
	}
	want := []*store.DeliveryAttempt{
		{ID: "z", MessageID: all[0].ID, N: 1, Provider: "sns", Outcome: "throttled", VendorCode: "429", Text: "slow", StartedAt: ms(1), EndedAt: ms(2)},
		{ID: "a", MessageID: all[0].ID, N: 2, Provider: "twilio", Outcome: "sent"},
	}
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, a := range []*store.DeliveryAttempt{want[1], want[0], {ID: "x", MessageID: all[1].ID, N: 1}} {
			if err := tx.Outbox().AddAttempt(ctx, a); err != nil {
				return err
			}
		}
		got, err := tx.Outbox().ListAttempts(ctx, all[0].ID)
		s.same("ListAttempts", got, want)
		return err
	})
}
