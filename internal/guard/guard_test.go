package guard_test

import (
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/guard"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

const poolID = "us-local-1_guard"

type clock struct {
	now time.Time
	*guard.Guard
}

func newClock(l guard.Limits) *clock {
	c := &clock{now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	c.Guard = &guard.Guard{Limits: l, Now: func() time.Time { return c.now }}
	return c
}

func write(t *testing.T, s store.Store, f func(store.Tx) error) fault.Code {
	t.Helper()
	return fault.CodeOf(s.Write(t.Context(), f))
}

// fail makes a wrong attempt and returns its refusal, if it is not judged.
func (c *clock) fail(t *testing.T, s store.Store, try guard.Try) fault.Code {
	t.Helper()
	return write(t, s, func(tx store.Tx) error {
		turn, err := c.Begin(t.Context(), tx, try)
		if err != nil {
			return err
		}
		_, err = turn.Fail(t.Context())
		return err
	})
}

// The seconds are those of the developer guide, lockout behavior.
func TestLockTimes(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		c := newClock(guard.Limits{})
		try := guard.Try{PoolID: poolID, Subject: "u", Purpose: guard.Password}
		for n, seconds := range []int{0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900} {
			if code := c.fail(t, s, try); code != "" {
				t.Fatalf("failure %d: %s", n+1, code)
			}
			lock := time.Duration(seconds) * time.Second
			if lock == 0 {
				continue
			}
			c.now = c.now.Add(lock - time.Millisecond)
			if code := c.fail(t, s, try); code != fault.PasswordLocked {
				t.Errorf("after failure %d, %v later: %q", n+1, lock-time.Millisecond, code)
			}
			c.now = c.now.Add(time.Millisecond)
		}
	})
}

// A run ends by a quiet quarter of an hour, the total only by a success; the other bucket has its own, and a success opens both.
func TestTotalsAndBuckets(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		c := newClock(guard.Limits{TotalKnown: 3, TotalOther: 6})
		stranger := guard.Try{PoolID: poolID, Subject: "u", Purpose: guard.SignIn}
		owner := stranger
		owner.Known = true
		for range 6 {
			if code := c.fail(t, s, stranger); code != "" {
				t.Fatal(code)
			}
			c.now = c.now.Add(15 * time.Minute)
		}
		if code := c.fail(t, s, stranger); code != fault.AttemptLimit {
			t.Errorf("beyond the total: %q", code)
		}
		if code := c.fail(t, s, owner); code != "" {
			t.Errorf("the owner: %q", code)
		}
		write(t, s, func(tx store.Tx) error {
			turn, err := c.Begin(t.Context(), tx, owner)
			if err != nil {
				return err
			}
			return turn.Succeed(t.Context())
		})
		if code := c.fail(t, s, stranger); code != "" {
			t.Errorf("after a success: %q", code)
		}
	})
}

// Strangers have their own hourly share of calls and messages, and the owner a reserve at its line.
func TestShares(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		c := newClock(guard.Limits{SendsNumber: 4, SendsAccount: map[guard.Purpose]int{guard.Recovery: 4}, Calls: map[guard.Purpose]int{guard.Recovery: 2}})
		send := func(known bool) fault.Code {
			return write(t, s, func(tx store.Tx) error {
				return c.Send(t.Context(), tx, guard.Send{PoolID: poolID, Subject: "u", Purpose: guard.Recovery, Number: "line", Known: known})
			})
		}
		call := func(known bool) fault.Code {
			try := guard.Try{PoolID: poolID, Subject: "u", Purpose: guard.Recovery, Known: known}
			code := write(t, s, func(tx store.Tx) error { return c.Call(t.Context(), tx, try) })
			check := fault.CodeOf(s.Read(t.Context(), func(tx store.Tx) error { return c.CheckCall(t.Context(), tx, try) }))
			if code != "" && check != code {
				t.Errorf("Call refuses with %q, CheckCall says %q", code, check)
			}
			return code
		}
		for _, known := range []bool{false, true} {
			for i := range 6 {
				if code := send(known); (code != "") != (i >= 4) {
					t.Errorf("known %v, message %d: %q", known, i+1, code)
				}
				if code := call(known); (code != "") != (i >= 2) {
					t.Errorf("known %v, call %d: %q", known, i+1, code)
				}
			}
		}
		c.now = c.now.Add(time.Hour)
		if code := send(false); code != "" {
			t.Errorf("an hour later: %q", code)
		}
	})
}
