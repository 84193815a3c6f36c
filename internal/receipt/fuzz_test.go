package receipt_test

import (
	"encoding/json"
	"testing"
	"time"

	"countersign/internal/receipt"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/provider"
)

func secretKey() secret.Key { return secret.Key{} }

// FuzzNotice: whatever a service says, the store takes it and the message's state is one of the table's.
func FuzzNotice(f *testing.F) {
	f.Add("id-1", "", "delivered", "", "30003", "text", "USD", "26201", int64(7500), 1, true)
	f.Add("id-1", "ref", "failed", "opted_out", "\x00", "\xff\xfe", "usd", "x", int64(-1), -1, true)
	f.Add("", "", "queued", "made up", "", "", "", "", int64(1<<62), 1<<40, false)
	f.Fuzz(func(t *testing.T, id, reference, state, reason, code, text, currency, network string, price int64, segments int, authentic bool) {
		w := newWorld(t, storetest.SQLite(t))
		m, _ := w.message("signed", "id-1", nil)
		n := provider.Notice{
			ProviderID: id, Reference: reference, State: provider.State(state), Reason: provider.Reason(reason), VendorCode: code, Text: text, Currency: currency,
			Network: network, Price: price, Segments: segments, At: start.Add(time.Duration(price)),
		}
		if err := w.Notice(t.Context(), pool, "signed", n, receipt.Push, authentic); err != nil {
			t.Fatal(err)
		}
		got, receipts := w.stored(m.ID)
		if !authentic && got.State != store.Sent || got.State != store.Sent && len(receipts) != 1 || got.Cost < 0 || got.Segments < 1 {
			t.Fatalf("%+v %+v", got, receipts)
		}
	})
}

// FuzzImport: a file is refused with its line, or read whole.
func FuzzImport(f *testing.F) {
	for _, s := range []string{
		"provider_id,price,currency\nid-1,0.0075,EUR\n", "price,currency,provider_id\n-1,usd,id-1\n", "\ufeffprovider_id,price,currency\nid-1,1.0000009,EUR\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		w := newWorld(t, storetest.SQLite(t))
		m, _ := w.message("signed", "id-1", nil)
		n, err := w.Import(t.Context(), pool, "signed", file)
		got, _ := w.stored(m.ID)
		if err != nil && n != 0 || got.Settled && n == 0 || !got.Settled && got.Cost != 500000 || got.Cost < 0 {
			t.Fatalf("%d, %v, %+v", n, err, got)
		}
	})
}

// FuzzCall: a body that is a list of notices never ends in an error of ours.
func FuzzCall(f *testing.F) {
	f.Add([]byte(`[{"ProviderID":"id-1","State":"delivered"},{"Inbound":{"From":"+12025550123","Text":"STOP"}}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var notices []provider.Notice
		if json.Unmarshal(body, &notices) != nil {
			return
		}
		w := newWorld(t, storetest.SQLite(t))
		w.message("signed", "id-1", nil)
		kind, secret := w.door(pool, "signed")
		if _, err := w.Take(t.Context(), kind, secret, w.callback(secret, true, body)); err != nil {
			t.Fatal(err)
		}
	})
}
