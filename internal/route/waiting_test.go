package route_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/route"
	"countersign/internal/store"
	"countersign/provider"
)

// The third of a code's life that it may wait for a rate begins when it was made, however often it has come back from waiting.
func TestThirdOfALife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, sqlite(t))
		r.setUp(newPlan("a", "b"), route.AccountConfig{Name: "a", PerSecond: 0.1}, route.AccountConfig{Name: "b"})
		if err := r.text(); err != nil {
			t.Fatal(err)
		}
		made := time.Now()
		m, p := row(), texted()
		m.CreatedAt, p.ExpiresAt = made, made.Add(3*time.Minute)
		if _, _, err := r.send(m, p); err == nil {
			t.Fatal("the rate of a does not hold")
		}
		for time.Since(made) < 55*time.Second { // others take what a has left
			time.Sleep(10 * time.Second)
			if err := r.text(); err != nil {
				t.Fatal(err)
			}
		}
		r.w.clear()
		if _, _, err := r.send(m, p); err != nil || !slices.Equal(r.w.accounts(), []string{"b"}) {
			t.Errorf("after %v of 3m it went to %v: %v", time.Since(made), r.w.accounts(), err)
		}
	})
}

// What waits for a slow sender does not put off what only waits for the account.
func TestSlowSenderHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, sqlite(t))
		r.setUp(newPlan("a"), route.AccountConfig{Name: "a", PerSecond: 10, CountryPerSecond: map[string]float64{"GB": 0.01}})
		n := row()
		n.Lane = store.LaneNotice
		for range 5 {
			p := texted()
			p.To, p.Country = "+447400900123", "GB"
			_, _, _ = r.send(n, p)
		}
		for range 3 {
			_, _, err := r.send(n, texted())
			if err == nil {
				continue
			}
			if _, after := provider.ClassOf(err); after > time.Second {
				t.Fatalf("a notice to the US is put off by %v", after)
			}
			return
		}
		t.Fatal("the account has no rate")
	})
}

// A code that waits for a rate is no failed attempt, though an account before was passed over for another reason.
func TestWaitsPastADisabledAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, sqlite(t))
		r.setUp(newPlan("off", "a"), route.AccountConfig{Name: "off", Disabled: true}, route.AccountConfig{Name: "a", PerSecond: 0.1})
		if err := r.text(); err != nil {
			t.Fatal(err)
		}
		d, _, err := r.r.SenderFor(t.Context(), row())
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = d.Send(t.Context(), texted())
		if _, waits := delivery.Waits(err); !waits {
			t.Errorf("it failed: %v", err)
		}
	})
}

// An account whose service is left alone is no reason to give up on the one before it early.
func TestNoHurryWithoutAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, sqlite(t))
		r.setUp(newPlan("a", "b"), named("a", "b")...)
		r.w.answer("a", fail(provider.Unreachable))
		r.w.answer("b", fail(provider.AuthFailed))
		_ = r.text()
		r.w.clear()
		r.w.do("a", func(ctx context.Context, _ provider.Message) (provider.Receipt, error) {
			select {
			case <-time.After(4 * time.Second):
				return provider.Receipt{}, nil
			case <-ctx.Done():
				return provider.Receipt{}, ctx.Err()
			}
		})
		if err := r.text(); err != nil {
			t.Errorf("asked %v: %v", r.w.accounts(), err)
		}
	})
}

// shakyKeys fail for a while.
type shakyKeys struct {
	route.Keys
	broken bool
}

func (k *shakyKeys) OpenRecord(ctx context.Context, poolID, table, row, column string, sealed []byte) ([]byte, error) {
	if k.broken {
		return nil, errors.New("the database does not answer")
	}
	return k.Keys.OpenRecord(ctx, poolID, table, row, column, sealed)
}

// While an account's secrets cannot be opened its messages wait for them; they do not fail for good.
func TestSecretsThatComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := &shakyKeys{}
		r := newRig(t, sqlite(t), func(c *route.Config) {
			keys.Keys = c.Keys
			c.Keys = keys
		})
		if _, err := r.r.PutAccount(t.Context(), pool, route.AccountConfig{Name: "a", Kind: "fake"}, map[string]string{"token": "t"}, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := r.r.PutPlan(t.Context(), pool, newPlan("a"), 0); err != nil {
			t.Fatal(err)
		}
		keys.broken = true
		err := r.text()
		class, _ := provider.ClassOf(err)
		if err == nil || class == provider.ClassMisconfigured || class == provider.ClassPermanent || !strings.Contains(err.Error(), "secrets") {
			t.Fatalf("%s: %v", class, err)
		}
		keys.broken = false
		time.Sleep(6 * time.Second)
		if err := r.text(); err != nil {
			t.Error(err)
		}
	})
}
