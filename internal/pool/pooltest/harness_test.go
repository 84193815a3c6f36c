package pooltest_test

import (
	"testing"
	"time"

	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// The whole way of a phone user: sign-up, code, sign-in, second factor.
func TestHarness(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		const phone = "+12025550100"
		h := pooltest.New(t, s)
		clientID := h.Client(h.Pool(pooltest.PhonePool()), pooltest.AppClient())
		sub := h.SignUp(clientID, phone, "Passw0rd!")
		tk := h.SignIn(clientID, phone, "Passw0rd!")
		u, err := h.Service.User(t.Context(), h.Caller(), tk.Access)
		if err != nil || u.Sub != sub || u.Status != store.Confirmed {
			t.Fatalf("got %+v, %v", u, err)
		}
		if err := h.Service.SetMFAPreference(t.Context(), h.Caller(), tk.Access, pool.MFAPreference{SMS: &pool.FactorChange{Enabled: true}}); err != nil {
			t.Fatal(err)
		}
		h.Advance(time.Minute)
		ch := h.Begin(clientID, phone, "Passw0rd!")
		if out := h.Answer(clientID, phone, ch, "SMS_MFA_CODE", h.Code(phone)); out.Tokens == nil {
			t.Fatalf("got challenge %s", out.Challenge)
		}
		s.Read(t.Context(), func(tx store.Tx) error {
			if _, waiting, _ := tx.Outbox().NextDue(t.Context()); waiting {
				t.Error("a message is still in the outbox")
			}
			return nil
		})
	})
}
