package storetest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"countersign/internal/store"
)

// full is a message with everything that delivery learns.
func full(n int) *store.Message {
	m := newMessage(n)
	m.Account, m.Sender, m.Country, m.Prefix, m.Network, m.Cost, m.Currency, m.Settled = "a", "s", "DE", "+49151555", "26201", 75000, "EUR", true
	m.SentAt, m.VerifiedAt, m.PollAt, m.Guard = ms(n+1), ms(n+2), ms(n+3), "g"
	return m
}

func testMessageFields(s *suite) {
	want := full(0)
	s.enqueue(want)
	s.same("Message", s.message(want.ID), want)
	m := newMessage(1)
	s.enqueue(m)
	m = s.claim("w", 10, 50, 9)[1]
	m.State, m.Attempts, m.Account, m.Sender, m.Network, m.Cost, m.Currency, m.Settled = store.Sent, 3, "b", "t", "26202", 7, "USD", true
	m.Channel = "voice"
	m.SentAt, m.PollAt, m.UpdatedAt = ms(11), ms(12), ms(13)
	m.Country, m.Prefix, m.VerifiedAt = "XX", "no", ms(14)
	s.settle(m, true)
	m.Sealed, m.LeaseOwner, m.LeaseUntil, m.Country, m.Prefix, m.VerifiedAt = nil, "", time.Time{}, "", "", time.Time{}
	s.same("a settled message", s.message(m.ID), m)
}

func (s *suite) advance(m *store.Message, from store.State, want bool) {
	s.Helper()
	s.write(func(ctx context.Context, tx store.Tx) error {
		ok, err := tx.Outbox().Advance(ctx, m, from)
		s.same("Advance", ok, want)
		return err
	})
}

func testAdvance(s *suite) {
	m := full(0)
	m.State, m.Sealed = store.Sent, nil
	s.enqueue(m)
	m.State, m.LastClass, m.LastError, m.Segments, m.Network, m.Cost, m.Currency, m.Settled = store.Undelivered, "c", "e", 2, "n", 5, "USD", false
	m.PollAt, m.UpdatedAt = time.Time{}, ms(9)
	m.Provider, m.ProviderID, m.Account, m.Sender, m.SentAt = "p", "p-1", "b", "t", ms(8)
	s.advance(m, store.Queued, false)
	s.advance(m, store.Sent, true)
	s.advance(m, store.Sent, false)
	s.same("an advanced message", s.message(m.ID), m)
}

func testCodeTyped(s *suite) {
	older, newer, other := newMessage(0), newMessage(1), newMessage(2)
	other.CodeID = ""
	s.enqueue(older, newer, other)
	typed := func(code string, want error) (m *store.Message) {
		s.Helper()
		s.write(func(ctx context.Context, tx store.Tx) (err error) {
			m, err = tx.Outbox().CodeTyped(ctx, code, ms(9))
			s.is("CodeTyped", err, want)
			return nil
		})
		return m
	}
	newer.VerifiedAt, newer.UpdatedAt = ms(9), ms(9)
	s.same("CodeTyped", typed("code", nil), newer)
	s.same("the message", s.message(newer.ID), newer)
	s.same("an older one", s.message(older.ID), older)
	typed("code", store.ErrNotFound)
	typed("", store.ErrNotFound)
	typed("none", store.ErrNotFound)
	for _, m := range s.claim("w", 10, 50, 9) { // the code came back before the send was recorded
		m.State, m.VerifiedAt = store.Sent, time.Time{}
		s.settle(m, true)
		want := time.Time{}
		if m.ID == newer.ID {
			want = ms(9)
		}
		s.same("VerifiedAt after Settle", m.VerifiedAt, want)
	}
}

func testUnverified(s *suite) {
	var all []*store.Message
	for n := range 8 {
		m := newMessage(n * 1000)
		m.State, m.ProviderID, m.Sealed = store.Sent, "x", nil
		switch n {
		case 1:
			m.VerifiedAt = ms(1)
		case 2:
			m.CodeID = ""
		case 3:
			m.State = store.Failed
		case 4:
			m.ProviderID = ""
		}
		all = append(all, m)
	}
	s.enqueue(all...)
	for _, c := range []struct {
		after string
		limit int
		want  []string
	}{{"", 9, []string{all[0].ID, all[5].ID, all[6].ID}}, {all[0].ID, 1, []string{all[5].ID}}, {all[6].ID, 1, []string{}}} {
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Outbox().Unverified(ctx, ms(0), ms(7000), c.after, c.limit)
			s.same("Unverified", ids(got, messageID), c.want)
			return err
		})
	}
}

func testDuePolls(s *suite) {
	const messages = 60
	for n := range messages {
		m := newMessage(n)
		m.State, m.PollAt = store.Sent, ms(n)
		if n == 0 {
			m.PollAt = time.Time{}
		}
		s.enqueue(m)
	}
	var mu sync.Mutex
	seen := map[string]int{}
	parallel(4, func(int) {
		for {
			var got []*store.Message
			err := s.Store.Write(s.Context(), func(tx store.Tx) (err error) {
				got, err = tx.Outbox().DuePolls(s.Context(), ms(messages-2), ms(1000), 7)
				return err
			})
			if err != nil || len(got) > 7 {
				s.Errorf("DuePolls: %d, %v", len(got), err)
			}
			mu.Lock()
			left := 0
			for _, m := range got {
				seen[m.ID]++
				s.same("PollAt", m.PollAt, ms(1000))
			}
			for _, n := range seen {
				left += n
			}
			mu.Unlock()
			if len(got) == 0 && left >= messages-2 || err != nil {
				return
			}
		}
	})
	s.same("messages polled", len(seen), messages-2)
	for id, n := range seen {
		if n != 1 {
			s.Errorf("%s was polled %d times", id, n)
		}
	}
}

func testAttemptFields(s *suite) {
	mine, foreign := newMessage(0), newMessage(1)
	foreign.PoolID = "q"
	s.enqueue(mine, foreign)
	first := &store.DeliveryAttempt{
		ID: id(2), MessageID: mine.ID, N: 1, Provider: "twilio", Outcome: "sent", Reason: "unknown", Account: "a", Sender: "s", ProviderID: "SM1",
		Segments: 2, Cost: 3, Currency: "EUR", VendorCode: "v", Text: "t", StartedAt: ms(1), EndedAt: ms(2),
	}
	second, other, none := *first, *first, *first
	second.ID, second.N = id(3), 2
	other.ID, other.MessageID = id(4), foreign.ID
	none.ID, none.N, none.ProviderID = id(5), 3, ""
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, a := range []*store.DeliveryAttempt{first, &second, &other, &none} {
			if err := tx.Outbox().AddAttempt(ctx, a); err != nil {
				return err
			}
		}
		return nil
	})
	s.read(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Outbox().Attempt(ctx, first.ID)
		s.same("Attempt", got, first)
		if err != nil {
			return err
		}
		s.is("an unknown attempt", drop(tx.Outbox().Attempt(ctx, "none")), store.ErrNotFound)
		for _, c := range []struct {
			pool, account, id string
			want              *store.DeliveryAttempt
		}{
			{"p", "a", "SM1", &second}, {"q", "a", "SM1", &other}, {"", "a", "SM1", &other},
			{"r", "a", "SM1", nil}, {"p", "b", "SM1", nil}, {"p", "a", "SM2", nil}, {"p", "a", "", nil},
		} {
			got, err := tx.Outbox().AttemptByProviderID(ctx, c.pool, c.account, c.id)
			if c.want == nil {
				s.is(fmt.Sprint(c), err, store.ErrNotFound)
			} else {
				s.is(fmt.Sprint(c), err, nil)
				s.same(fmt.Sprint(c), got, c.want)
			}
		}
		return nil
	})
}

func testReceipts(s *suite) {
	want := &store.Receipt{
		ID: id(1), MessageID: "m", PoolID: "p", Account: "a", ProviderID: "SM1", State: "delivered", Reason: "r", VendorCode: "v", Text: "t",
		Source: "push", Authentic: true, Segments: 2, Cost: 3, Currency: "EUR", Network: "26201", At: ms(1), ReceivedAt: ms(3),
	}
	again, unsigned, early := *want, *want, *want
	again.ID, again.ReceivedAt = id(2), ms(9)
	unsigned.ID, unsigned.Authentic, unsigned.ReceivedAt = id(3), false, ms(2)
	early.ID, early.State, early.At, early.ReceivedAt = id(4), "sent", time.Time{}, ms(1)
	s.write(func(ctx context.Context, tx store.Tx) error {
		for r, isNew := range map[*store.Receipt]bool{&unsigned: true, &early: true} {
			ok, err := tx.Outbox().AddReceipt(ctx, r)
			s.same("AddReceipt", ok, isNew)
			if err != nil {
				return err
			}
		}
		for _, r := range []*store.Receipt{want, &again} {
			ok, err := tx.Outbox().AddReceipt(ctx, r)
			s.same("AddReceipt", ok, r == want)
			if err != nil {
				return err
			}
		}
		got, err := tx.Outbox().ListReceipts(ctx, "m")
		s.same("ListReceipts", got, []*store.Receipt{&early, &unsigned, want})
		return err
	})
}

func testTotals(s *suite) {
	var all []*store.Message
	for n := range 8 {
		m := full(n)
		m.State, m.Settled, m.Sealed = store.Sent, n%2 == 0, nil
		switch n {
		case 0:
			m.PoolID = "q"
		case 1:
			m.State = store.Failed
		case 2:
			m.State, m.Account = store.Delivered, "b"
		case 3:
			m.Currency, m.VerifiedAt = "USD", time.Time{}
		case 4:
			m.ID, m.CreatedAt = store.NewID(ms(24*3600*1000)), ms(24*3600*1000)
		case 7:
			m.ID = store.NewID(ms(100 * 24 * 3600 * 1000))
		}
		all = append(all, m)
	}
	s.enqueue(all...)
	totals := func(by ...string) (got []store.Total, err error) {
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err = tx.Outbox().Totals(ctx, store.TotalsQuery{PoolID: "p", From: ms(0), To: ms(48 * 3600 * 1000), By: by})
			return nil
		})
		return got, err
	}
	for _, c := range []struct {
		by   []string
		want []store.Total
	}{
		{nil, []store.Total{
			{Messages: 4, Delivered: 1, Verified: 4, Segments: 4, Cost: 300000, Settled: 225000, Currency: "EUR"},
			{Messages: 1, Segments: 1, Cost: 75000, Currency: "USD"},
		}},
		{[]string{"account", "day"}, []store.Total{
			{By: []string{"a", "2026-11-21"}, Messages: 2, Verified: 2, Segments: 2, Cost: 150000, Settled: 75000, Currency: "EUR"},
			{By: []string{"a", "2026-11-21"}, Messages: 1, Segments: 1, Cost: 75000, Currency: "USD"},
			{By: []string{"a", "2026-11-22"}, Messages: 1, Verified: 1, Segments: 1, Cost: 75000, Settled: 75000, Currency: "EUR"},
			{By: []string{"b", "2026-11-21"}, Messages: 1, Delivered: 1, Verified: 1, Segments: 1, Cost: 75000, Settled: 75000, Currency: "EUR"},
		}},
		{[]string{"country", "channel", "network", "trigger_source", "client"}, []store.Total{
			{By: []string{"DE", "sms", "26201", "X_Y", "c"}, Messages: 4, Delivered: 1, Verified: 4, Segments: 4, Cost: 300000, Settled: 225000, Currency: "EUR"},
			{By: []string{"DE", "sms", "26201", "X_Y", "c"}, Messages: 1, Segments: 1, Cost: 75000, Currency: "USD"},
		}},
	} {
		got, err := totals(c.by...)
		s.is(fmt.Sprint(c.by), err, nil)
		s.same(fmt.Sprint(c.by), got, c.want)
	}
	if _, err := totals("id; DROP TABLE outbox"); err == nil {
		s.Error("Totals by an unknown name")
	}
	s.read(func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Outbox().Totals(ctx, store.TotalsQuery{PoolID: "p", To: ms(0)}); err == nil {
			s.Error("Totals of two thousand years")
		}
		return nil
	})
}
