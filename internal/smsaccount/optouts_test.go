package smsaccount_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/optout"
	"countersign/internal/sandbox"
	"countersign/internal/smsaccount"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

func (w *world) optedOut(n string, want bool) {
	w.Helper()
	got, err := w.IsOptedOut(w.Context(), number(w, n))
	if err != nil || got != want {
		w.Errorf("%s opted out: %v, %v, want %v", n, got, err, want)
	}
}

// numbers are those of a list, read in pages.
func (w *world) numbers(q smsaccount.OptOutQuery) (out []string) {
	w.Helper()
	for {
		page, next, err := w.OptedOut(w.Context(), q)
		w.must(err)
		if q.Limit > 0 && len(page) > q.Limit {
			w.Errorf("%d numbers on a page of %d", len(page), q.Limit)
		}
		for _, o := range page {
			out = append(out, o.Number)
			if o.Known == strings.Contains(o.Number, "*") {
				w.Errorf("%+v", o)
			}
		}
		if q.After = next; next == "" {
			slices.Sort(out)
			return out
		}
	}
}

func TestOptOutAndIn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		ctx := t.Context()
		w.optedOut(alice, false)
		o, err := w.OptOut(ctx, "Default", number(t, alice))
		w.must(err)
		if o.Number != alice || !o.Known || o.EndUser || !o.At.Equal(w.now) {
			t.Errorf("%+v", o)
		}
		w.optedOut(alice, true)
		w.must(w.optouts.Hear(ctx, "p", "+12025550199", number(t, bob), optout.Stop))
		w.optedOut(bob, true)
		if got, want := w.numbers(smsaccount.OptOutQuery{}), []string{"+*******0124", alice}; !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
		yes, no := true, false
		if got := w.numbers(smsaccount.OptOutQuery{EndUser: &yes}); !slices.Equal(got, []string{"+*******0124"}) {
			t.Errorf("%q", got)
		}
		if got := w.numbers(smsaccount.OptOutQuery{EndUser: &no}); !slices.Equal(got, []string{alice}) {
			t.Errorf("%q", got)
		}
		if got := w.numbers(smsaccount.OptOutQuery{Number: number(t, bob)}); !slices.Equal(got, []string{bob}) {
			t.Errorf("%q", got)
		}

		o, err = w.OptIn(ctx, "Default", number(t, bob))
		if err != nil || !o.EndUser || o.Number != bob {
			t.Errorf("%+v, %v", o, err)
		}
		w.optedOut(bob, false)
		_, err = w.OptIn(ctx, "Default", number(t, bob))
		w.want("not on the list", err, fault.ResourceNotFound, "number")
		w.now = w.now.Add(24 * time.Hour)
		w.must(w.optouts.Hear(ctx, "p", "+12025550199", number(t, bob), optout.Stop))
		_, err = w.OptIn(ctx, "Default", number(t, bob))
		w.want("again", err, fault.TooSoon, "number")
		if wait := fault.Of(err).RetryAfter; wait != 29*24*time.Hour {
			t.Errorf("after %s", wait)
		}
		w.optedOut(bob, true)
		w.now = w.now.Add(29*24*time.Hour + time.Second)
		_, err = w.OptIn(ctx, "Default", number(t, bob))
		w.must(err)
		w.optedOut(bob, false)
		w.optedOut(alice, true)
	})
}

// A named list holds back what is sent from an identity that uses it.
func TestLists(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		ctx := t.Context()
		l, err := w.CreateOptOutList(ctx, "Marketing")
		w.must(err)
		if l.Name != "Marketing" || !l.CreatedAt.Equal(w.now) {
			t.Errorf("%+v", l)
		}
		for name, code := range map[string]fault.Code{
			"Marketing": fault.ResourceExists, "Default": fault.ResourceExists, "": fault.InvalidParameter, "a b": fault.InvalidParameter,
			strings.Repeat("x", 65): fault.InvalidParameter,
		} {
			_, err := w.CreateOptOutList(ctx, name)
			w.want(name, err, code)
		}
		_, err = w.OptOut(ctx, "Marketing", number(t, alice))
		w.must(err)
		_, err = w.OptOut(ctx, "Nothing", number(t, alice))
		w.want("unknown list", err, fault.ResourceNotFound, "opt_out_list")
		_, _, err = w.OptedOut(ctx, smsaccount.OptOutQuery{List: "Nothing"})
		w.want("unknown list", err, fault.ResourceNotFound, "opt_out_list")

		w.optedOut(alice, false)
		w.send(text(t, alice))
		w.ids.own.OptOutList = "Marketing"
		_, err = w.Send(ctx, text(t, alice))
		w.want("from an identity with the list", err, fault.OptedOut)
		w.ids.own.SelfManagedOptOuts = true
		w.send(text(t, alice))

		if got := w.numbers(smsaccount.OptOutQuery{List: "Marketing"}); !slices.Equal(got, []string{alice}) {
			t.Errorf("%q", got)
		}
		if got := w.numbers(smsaccount.OptOutQuery{}); len(got) != 0 {
			t.Errorf("%q", got)
		}
		lists, err := w.OptOutLists(ctx)
		if err != nil || len(lists) != 2 || lists[0].Name != "Default" || lists[1].Name != "Marketing" {
			t.Errorf("%+v, %v", lists, err)
		}
		_, err = w.OptOutLists(ctx, "Default", "Nothing")
		w.want("unknown list", err, fault.ResourceNotFound)
		_, err = w.DeleteOptOutList(ctx, "Default")
		w.want("Default", err, fault.PoolProtected)
		_, err = w.DeleteOptOutList(ctx, "Marketing")
		w.must(err)
		_, err = w.DeleteOptOutList(ctx, "Marketing")
		w.want("twice", err, fault.ResourceNotFound)
		if list, _, err := w.optouts.List(ctx, optout.Query{PoolID: "p"}); len(list) != 0 || err != nil {
			t.Errorf("%d opt-outs are left, %v", len(list), err)
		}
		for i := range smsaccount.MaxLists - 1 {
			_, err := w.CreateOptOutList(ctx, fmt.Sprint("list", i))
			w.must(err)
		}
		_, err = w.CreateOptOutList(ctx, "more")
		w.want("more", err, fault.TooMany)
	})
}

// Lists name the numbers that are known elsewhere: of users, and of the sandbox.
func TestKnownNumbers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		ctx := t.Context()
		for _, n := range []string{alice, bob, german} {
			w.must(w.optouts.Hear(ctx, "p", "+12025550199", number(t, n), optout.Stop))
		}
		masks := []string{number(t, alice).Mask(), number(t, bob).Mask(), number(t, german).Mask()}
		slices.Sort(masks)
		if got := w.numbers(smsaccount.OptOutQuery{}); !slices.Equal(got, masks) {
			t.Errorf("%q", got)
		}
		w.sandbox.numbers = []sandbox.Number{{Number: number(t, bob)}}
		hash, err := w.config.Log.NumberHash(ctx, "p", alice)
		w.must(err)
		user := store.NewID(w.now)
		w.must(s.Write(ctx, func(tx store.Tx) error {
			u := &store.User{
				ID: user, PoolID: "p", Username: "a", Status: store.Confirmed, Attributes: map[string]string{"phone_number": alice},
				CreatedAt: w.now, UpdatedAt: w.now,
			}
			if err := tx.Users().InsertUser(ctx, u); err != nil {
				return err
			}
			for _, id := range []string{user, "", store.NewID(w.now)} {
				m := &store.Message{
					ID: store.NewID(w.now), PoolID: "p", UserID: id, Channel: "sms", State: store.Queued, Sealed: []byte("x"), Number: hash,
					NextAt: w.now, ExpiresAt: w.now.Add(time.Hour), CreatedAt: w.now, UpdatedAt: w.now,
				}
				if err := tx.Outbox().Enqueue(ctx, m); err != nil {
					return err
				}
			}
			return nil
		}))
		want := []string{number(t, german).Mask(), alice, bob}
		slices.Sort(want)
		if got := w.numbers(smsaccount.OptOutQuery{}); !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
		w.must(s.Write(ctx, func(tx store.Tx) error {
			_, err := tx.Users().DeleteUser(ctx, "p", user)
			return err
		}))
		want[slices.Index(want, alice)] = number(t, alice).Mask()
		slices.Sort(want)
		if got := w.numbers(smsaccount.OptOutQuery{}); !slices.Equal(got, want) {
			t.Errorf("of a user who was erased: %q", got)
		}
	})
}

// A number is listed once, however many senders it has told to stop, and pages neither repeat nor lose one.
func TestPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		w := newWorld(t, s)
		ctx := t.Context()
		_, err := w.CreateOptOutList(ctx, "Other")
		w.must(err)
		var want []string
		for i := range 12 {
			n := fmt.Sprintf("+1202555%04d", 1000+i)
			for j := range i % 3 {
				w.must(w.optouts.Hear(ctx, "p", fmt.Sprintf("+1202555010%d", j), number(t, n), optout.Stop))
			}
			if i%4 == 0 {
				_, err = w.OptOut(ctx, "Other", number(t, n))
				w.must(err)
			}
			if i%3 > 0 {
				_, err = w.OptOut(ctx, "Default", number(t, n))
				w.must(err)
				want = append(want, n)
			}
		}
		for _, limit := range []int{0, 1, 2, 3, 7, 8, 9, 100, 1000} {
			if got := w.numbers(smsaccount.OptOutQuery{Limit: limit}); !slices.Equal(got, want) {
				t.Errorf("by %d: %q, want %q", limit, got, want)
			}
			if got := w.numbers(smsaccount.OptOutQuery{List: "Other", Limit: limit}); len(got) != 3 {
				t.Errorf("by %d: %q", limit, got)
			}
			yes := true
			if got := w.numbers(smsaccount.OptOutQuery{EndUser: &yes, Limit: limit}); !slices.Equal(got, want) {
				t.Errorf("by %d: %q, want %q", limit, got, want)
			}
		}
		_, _, err = w.OptedOut(ctx, smsaccount.OptOutQuery{After: "?"})
		w.want("after", err, fault.InvalidParameter)
	})
}
