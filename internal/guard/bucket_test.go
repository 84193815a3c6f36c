package guard_test

import (
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// Ten wrong answers at once and one more each six minutes; a right one brings none back, and other networks have a bucket of their own.
func TestFactorFailures(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		c := newClock(guard.Limits{})
		try := guard.Try{PoolID: poolID, Subject: "u", Purpose: guard.SignIn, Factor: true}
		succeed := func() fault.Code {
			return write(t, s, func(tx store.Tx) error {
				turn, err := c.Begin(t.Context(), tx, try)
				if err != nil {
					return err
				}
				return turn.Succeed(t.Context())
			})
		}
		for i := range 10 {
			if code := c.fail(t, s, try); code != "" {
				t.Fatalf("failure %d: %s", i+1, code)
			}
			if code := succeed(); i < 9 && code != "" {
				t.Fatalf("success after failure %d: %s", i+1, code)
			}
		}
		check := func(try guard.Try) fault.Code {
			return fault.CodeOf(s.Read(t.Context(), func(tx store.Tx) error { return c.Check(t.Context(), tx, try) }))
		}
		bare := try
		bare.Factor = false
		if got, other := check(try), check(bare); got != fault.AttemptLimit || other != "" {
			t.Errorf("looked up: %q, without the bucket %q", got, other)
		}
		if code := c.fail(t, s, try); code != fault.AttemptLimit {
			t.Errorf("the eleventh: %q", code)
		}
		known := try
		known.Known = true
		if code := c.fail(t, s, known); code != "" {
			t.Errorf("from a known network: %q", code)
		}
		c.now = c.now.Add(6 * time.Minute)
		if code := c.fail(t, s, try); code != "" {
			t.Errorf("six minutes later: %q", code)
		}
		if code := c.fail(t, s, try); code != fault.AttemptLimit {
			t.Errorf("and once more: %q", code)
		}
	})
}

func TestFactorSends(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		c := newClock(guard.Limits{SendsNumber: -1})
		send := func() fault.Code {
			return write(t, s, func(tx store.Tx) error {
				return c.Send(t.Context(), tx, guard.Send{PoolID: poolID, Subject: "u", Purpose: guard.SignIn, Number: "n", Factor: true})
			})
		}
		for i := range 10 {
			if code := send(); code != "" {
				t.Fatalf("message %d: %s", i+1, code)
			}
		}
		for range 3 {
			if code := send(); code != fault.AttemptLimit {
				t.Errorf("beyond ten: %q", code)
			}
			c.now = c.now.Add(time.Hour)
			if code := send(); code != "" {
				t.Errorf("an hour later: %q", code)
			}
		}
	})
}
