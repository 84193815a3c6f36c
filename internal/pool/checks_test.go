package pool

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/fault"
	"countersign/provider"
)

// Where there is nothing to ask about, an answer takes as long as one of the last questions, and fails for a minute after one that failed.
func TestPretendedChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newChecks()
		took := func(want ...time.Duration) error {
			t.Helper()
			began := time.Now()
			err := c.pretend(t.Context(), "p verify")
			for _, w := range want {
				if time.Since(began) == w {
					return err
				}
			}
			t.Errorf("took %v, want one of %v", time.Since(began), want)
			return err
		}
		if err := took(checkUsual); err != nil {
			t.Error(err)
		}
		for range checksKept {
			c.note("p verify", time.Hour, false)
		}
		c.note("q verify", time.Minute, true)
		for range checksKept / 2 {
			c.note("p verify", time.Second, false)
			c.note("p verify", 2*time.Second, false)
		}
		for range 20 {
			if err := took(time.Second, 2*time.Second); err != nil {
				t.Error(err)
			}
		}
		c.note("p verify", time.Second, true)
		if err := took(time.Second, 2*time.Second); fault.CodeOf(err) != fault.CodeCheckFailed {
			t.Errorf("after an outage: %v", err)
		}
		time.Sleep(outageKept)
		if err := took(time.Second, 2*time.Second); err != nil {
			t.Errorf("long after an outage: %v", err)
		}
	})
}

// deaf is a service whose client does not heed its context.
type deaf struct{ provider.CodeMaker }

func (deaf) CheckCode(context.Context, string, string, string) (bool, bool, error) {
	time.Sleep(time.Minute)
	return true, false, nil
}

func TestChecksAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), checkTimeout)
		defer cancel()
		ok, err := checkCode(ctx, deaf{}, verification{}, "123456")
		if ok || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != checkTimeout {
			t.Errorf("%v, %v after %v", ok, err, time.Since(began))
		}
		c := newChecks()
		for range checksAtOnce {
			if err := c.enter(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := c.enter(ctx); err == nil {
			t.Error("one more than may ask")
		}
		time.Sleep(2 * time.Minute) // until the deaf one has ended
	})
}
