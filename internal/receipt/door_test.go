package receipt_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/receipt"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/provider"
)

func TestDoors(t *testing.T) {
	each(t, func(w *world) {
		ctx := w.Context()
		kind, first := w.door(pool, "signed")
		if _, again := w.door(pool, "signed"); again != first {
			t.Error("the URL changes")
		}
		if _, other := w.door("", "signed"); other == first {
			t.Error("two doors have one secret")
		}
		try := func(kind, secret string) error {
			_, err := w.Take(ctx, kind, secret, w.callback(secret, true, []byte("[]")))
			return err
		}
		w.ok(try(kind, first))
		for _, c := range [][2]string{{"x", first}, {"", first}, {"K", first}, {kind, first[:42]}, {kind, first + "A"}, {kind, strings.Repeat("A", 43)}, {kind, ""},
			{strings.Repeat("k", 33), first}, {kind, strings.ToLower(first)}} {
			w.want(try(c[0], c[1]), fault.ResourceNotFound)
		}
		renewed, err := w.Rotate(ctx, pool, "signed", time.Hour)
		w.ok(err)
		_, second := w.door(pool, "signed")
		if !strings.HasSuffix(renewed, "/"+second) || second == first {
			t.Errorf("renewed to %s, now %s", renewed, second)
		}
		w.ok(try(kind, first))
		w.ok(try(kind, second))
		w.now = w.now.Add(time.Hour)
		w.want(try(kind, first), fault.ResourceNotFound)
		w.ok(try(kind, second))
		if n := len(w.events(eventlog.ReceiptRefused)); n != 1 {
			t.Errorf("%d events of an ended door", n)
		}
		third, err := w.Rotate(ctx, pool, "signed", 0)
		w.ok(err)
		w.want(try(kind, second), fault.ResourceNotFound)
		w.ok(try(kind, third[strings.LastIndexByte(third, '/')+1:]))
		for _, overlap := range []time.Duration{-1, 31 * 24 * time.Hour} {
			_, err := w.Rotate(ctx, pool, "signed", overlap)
			w.want(err, fault.InvalidParameter)
		}
		_, err = w.Rotate(ctx, pool, "none", 0)
		w.want(err, fault.ResourceNotFound)
	})
}

// TestNoBase: a server that services cannot reach makes no doors.
func TestNoBase(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	w.base = ""
	u, err := w.URL(t.Context(), pool, "signed", "k")
	if u != "" || err != nil {
		t.Error(u, err)
	}
	if u, err = w.Rotate(t.Context(), pool, "signed", 0); u != "" || err != nil {
		t.Error(u, err)
	}
	w.write(func(ctx context.Context, tx store.Tx) error {
		list, err := tx.Routes().ListDoors(ctx, pool, "signed")
		if len(list) != 0 {
			t.Errorf("%d doors", len(list))
		}
		return err
	})
}

// TestDoorsRace: all who ask at once get the same URL, on one node at least.
func TestDoorsRace(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	got := make(chan string)
	for range 8 {
		go func() {
			u, err := w.URL(context.Background(), pool, "signed", "k")
			if err != nil {
				u = err.Error()
			}
			got <- u
		}()
	}
	first := <-got
	for range 7 {
		if u := <-got; u != first {
			t.Errorf("%s and %s", u, first)
		}
	}
}

// TestWhoIsNotServed: accounts that are gone, of another kind or without callbacks look like no door at all.
func TestWhoIsNotServed(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	kind, secret := w.door(pool, "mute")
	_, err := w.Take(t.Context(), kind, secret, w.callback(secret, true, []byte("[]")))
	w.want(err, fault.ResourceNotFound)
	_, err = w.TakeKeys(t.Context(), kind, secret, w.callback(secret, true, nil))
	w.want(err, fault.ResourceNotFound)
	kind, secret = w.door(pool, "gone")
	_, err = w.Take(t.Context(), kind, secret, w.callback(secret, true, []byte("[]")))
	w.want(err, fault.ResourceNotFound)
	kind, secret = w.door(pool, "unsigned")
	w.routes["p/unsigned"] = &caller{plain: plain{"other"}}
	_, err = w.Take(t.Context(), kind, secret, w.callback(secret, true, []byte("[]")))
	w.want(err, fault.ResourceNotFound)
}

// TestUnreadable: what cannot be read is 400 and one event a minute, without what stood in it; a service that should come again is told so.
func TestUnreadable(t *testing.T) {
	w := newWorld(t, storetest.SQLite(t))
	kind, secret := w.door(pool, "signed")
	for range 3 {
		_, err := w.Take(t.Context(), kind, secret, w.callback(secret, true, []byte("no JSON")))
		w.want(err, fault.InvalidParameter)
	}
	if n := len(w.events(eventlog.ReceiptRefused)); n != 1 {
		t.Errorf("%d events", n)
	}
	w.now = w.now.Add(time.Minute)
	_, err := w.Take(t.Context(), kind, secret, w.callback(secret, true, []byte("no JSON")))
	w.want(err, fault.InvalidParameter)
	if n := len(w.events(eventlog.ReceiptRefused)); n != 2 {
		t.Errorf("%d events", n)
	}
	w.routes["p/signed"].(*caller).fail = provider.RetryAfter(time.Second, context.DeadlineExceeded)
	w.want(w.call("signed", true), fault.Overloaded)
	if got := w.Stats(); got.Refused != 4 {
		t.Errorf("%+v", got)
	}
}

func TestNewPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("New without anything")
		}
	}()
	receipt.New(receipt.Config{})
}
