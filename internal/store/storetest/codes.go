package storetest

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"countersign/internal/store"
)

func newCode(n int, chain string) *store.Code {
	return &store.Code{
		ID: id(n), PoolID: "p", SubjectID: "s", Purpose: "reset", ClientID: "c", Wire: "cognito", Chain: chain, Target: []byte{1, 0},
		Hash: []byte{2}, CreatedAt: ms(n), ExpiresAt: ms(n + 1000),
	}
}

// live returns the milliseconds after which the live codes were made.
func (s *suite) live(chain string, now time.Time) (made []int) {
	s.Helper()
	s.read(func(ctx context.Context, tx store.Tx) error {
		codes, err := tx.Codes().LiveCodes(ctx, "p", "s", "reset", chain, now)
		for _, c := range codes {
			made = append(made, int(c.CreatedAt.Sub(ms(0))/time.Millisecond))
		}
		return err
	})
	return made
}

func testCodesKeep(s *suite) {
	want := newCode(4, "")
	s.write(func(ctx context.Context, tx store.Tx) error {
		for n := range 5 {
			c := newCode(n, "")
			if n == 4 {
				want.ID = c.ID
			}
			if err := tx.Codes().InsertCode(ctx, c, 3); err != nil {
				return err
			}
		}
		other := newCode(0, "")
		other.Purpose = "sign_up"
		return tx.Codes().InsertCode(ctx, other, 3)
	})
	s.same("live codes", s.live("", ms(5)), []int{4, 3, 2})
	s.same("live codes later", s.live("", ms(1003)), []int{4})
	s.write(func(ctx context.Context, tx store.Tx) error {
		codes, err := tx.Codes().LiveCodes(ctx, "p", "s", "reset", "", ms(1003))
		if err != nil {
			return err
		}
		s.same("code", codes[0], want)
		return tx.Codes().DeleteCodes(ctx, "p", "s", "reset")
	})
	s.same("codes after DeleteCodes", s.live("", ms(5)), []int(nil))
	s.read(func(ctx context.Context, tx store.Tx) error {
		codes, err := tx.Codes().LiveCodes(ctx, "p", "s", "sign_up", "", ms(5))
		s.same("codes of another purpose", len(codes), 1)
		return err
	})
	s.write(func(ctx context.Context, tx store.Tx) error {
		if err := tx.Codes().DeleteCodes(ctx, "p", "s", ""); err != nil {
			return err
		}
		codes, err := tx.Codes().LiveCodes(ctx, "p", "s", "sign_up", "", ms(5))
		s.same("codes of any purpose", len(codes), 0)
		return err
	})
}

func testCodesChain(s *suite) {
	chained := map[int]string{}
	s.write(func(ctx context.Context, tx store.Tx) error {
		for n := range 6 {
			chain := []string{"", "a", "b"}[n%3]
			c := newCode(n, chain)
			chained[n] = c.ID
			if err := tx.Codes().InsertCode(ctx, c, 1); err != nil {
				return err
			}
		}
		return nil
	})
	s.same("codes without a chain", s.live("", ms(6)), []int{3})
	s.same("codes of chain a before any was sent", s.live("a", ms(6)), []int{4, 1})
	s.write(func(ctx context.Context, tx store.Tx) error { return tx.Codes().CodeSent(ctx, chained[4]) })
	s.same("codes of chain a", s.live("a", ms(6)), []int{4})
	s.same("codes of chain b", s.live("b", ms(6)), []int{5, 2})
	s.write(func(ctx context.Context, tx store.Tx) error {
		if err := tx.Codes().CodeSent(ctx, chained[3]); err != nil {
			return err
		}
		if err := tx.Codes().CodeSent(ctx, "unknown"); err != nil {
			return err
		}
		codes, err := tx.Codes().LiveCodes(ctx, "p", "s", "reset", "a", ms(6))
		if err == nil {
			s.same("Sent", codes[0].Sent, true)
		}
		return err
	})
	s.same("codes without a chain", s.live("", ms(6)), []int{3})
	s.write(func(ctx context.Context, tx store.Tx) error {
		codes, err := tx.Codes().LiveCodes(ctx, "p", "someone else", "reset", "b", ms(6))
		s.same("codes of a chain, asked for another subject", len(codes), 0)
		return err
	})
}

// winners runs f 50 times at once, each in a transaction, and counts how often it reports true.
func (s *suite) winners(f func(tx store.Tx) (bool, error)) int32 {
	s.Helper()
	var won atomic.Int32
	parallel(50, func(int) {
		var mine bool
		err := s.Store.Write(s.Context(), func(tx store.Tx) (err error) {
			mine, err = f(tx)
			return err
		})
		if err != nil {
			s.Errorf("Write: %v", err)
		}
		if mine {
			won.Add(1)
		}
	})
	return won.Load()
}

func testConsume(s *suite) {
	c := newCode(0, "")
	s.write(func(ctx context.Context, tx store.Tx) error { return tx.Codes().InsertCode(ctx, c, 3) })
	s.same("callers that consumed the code", s.winners(func(tx store.Tx) (bool, error) {
		return tx.Codes().ConsumeCode(s.Context(), c.ID)
	}), int32(1))
}

func testChallenge(s *suite) {
	want := &store.Challenge{
		ID: id(0), PoolID: "p", ClientID: "c", UserID: "u", Wire: "cognito", Audience: "session", Kind: "SMS_MFA", Chain: "ch", Hash: []byte{1},
		Data: json.RawMessage(`{"a":"b"}`), CreatedAt: ms(0), ExpiresAt: ms(10),
	}
	s.write(func(ctx context.Context, tx store.Tx) error {
		if err := tx.Challenges().InsertChallenge(ctx, want); err != nil {
			return err
		}
		return tx.Challenges().InsertChallenge(ctx, &store.Challenge{ID: id(1), PoolID: "p", UserID: "v"})
	})
	get := func() (c *store.Challenge) {
		s.Helper()
		s.read(func(ctx context.Context, tx store.Tx) (err error) {
			c, err = tx.Challenges().Challenge(ctx, want.ID)
			return err
		})
		return c
	}
	s.same("Challenge", get(), want)
	parallel(20, func(int) {
		err := s.Store.Write(s.Context(), func(tx store.Tx) error { return drop(tx.Challenges().AddTry(s.Context(), want.ID)) })
		if err != nil {
			s.Errorf("AddTry: %v", err)
		}
	})
	s.write(func(ctx context.Context, tx store.Tx) error {
		n, err := tx.Challenges().AddTry(ctx, want.ID)
		s.same("the 21st try", n, 21)
		_, unknown := tx.Challenges().AddTry(ctx, "unknown")
		s.is("AddTry", unknown, store.ErrNotFound)
		_, unknown = tx.Challenges().Challenge(ctx, "unknown")
		s.is("Challenge", unknown, store.ErrNotFound)
		if err != nil {
			return err
		}
		return tx.Challenges().EndChallenges(ctx, "p", "u", ms(5))
	})
	s.same("UsedAt", get().UsedAt, ms(5))
	s.write(func(ctx context.Context, tx store.Tx) error {
		ok, err := tx.Challenges().UseChallenge(ctx, want.ID, ms(6))
		s.same("UseChallenge after EndChallenges", ok, false)
		return err
	})
}

func testUseChallenge(s *suite) {
	s.write(func(ctx context.Context, tx store.Tx) error {
		return tx.Challenges().InsertChallenge(ctx, &store.Challenge{ID: "h", ExpiresAt: ms(9)})
	})
	s.same("callers that used the challenge", s.winners(func(tx store.Tx) (bool, error) {
		return tx.Challenges().UseChallenge(s.Context(), "h", ms(1))
	}), int32(1))
}

func testSpend(s *suite) {
	s.same("callers that spent the mark", s.winners(func(tx store.Tx) (bool, error) {
		return tx.Challenges().Spend(s.Context(), []byte("mark"), ms(1))
	}), int32(1))
	s.write(func(ctx context.Context, tx store.Tx) error {
		ok, err := tx.Challenges().Spend(ctx, []byte("other"), ms(1))
		s.same("another mark", ok, true)
		return err
	})
}
