// Package pooltest gives tests a pool.Service over a real store, with a clock of their own and messages that arrive at once in memory.
//
//	storetest.Each(t, func(t *testing.T, s store.Store) {
//		h := pooltest.New(t, s)
//		poolID := h.Pool(pooltest.PhonePool())
//		clientID := h.Client(poolID, pooltest.AppClient())
//		sub := h.SignUp(clientID, "+12025550100", "Passw0rd!") // signed up and confirmed
//		h.Advance(time.Minute)
//		_, err := h.Service.ForgotPassword(t.Context(), h.Caller(), pool.NameInput{ClientAuth: pool.ClientAuth{ClientID: clientID}, Username: "+12025550100"})
//		code := h.Code("+12025550100") // the last code sent there
//	})
//
// A message counts as sent when its transaction was committed, before the flow returns: its row in the outbox is then final and its
// code marked as sent. With Refuse(true) the provider takes nothing, and rows end as failed. Tokens are signed with ES256 and
// passwords hashed at a low cost, so that both take next to nothing.
package pooltest
