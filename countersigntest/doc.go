// Package countersigntest is httptest for phone sign-in: a whole server in the test's own process, with its phones and a
// clock that the test moves.
//
//	cs := countersigntest.New(t)
//	signUp(t, cs.URL, "+12025550123")              // your code, your AWS client, cs.URL as its endpoint
//	confirm(t, cs.Inbox("+12025550123").Code(t))
//	cs.Advance(4 * time.Minute)                    // sessions of sign-ins have expired
//
// The server begins with the start state of `countersign dev`: region countersign.DevRegion, pool countersign.DevPool,
// client countersign.DevClient; any AWS key pair signs. Nothing is kept. Servers do not share anything, so that tests
// may run in parallel.
package countersigntest
