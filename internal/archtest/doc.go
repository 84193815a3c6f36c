// Package archtest holds the dependency policy as a test: a table of which package may import which, read by
// TestArrows against `go list`.
//
//	wiring       countersign, countersigntest, cmd, config       may import what they wire
//	facades      awsapi/*, auth0api, adminapi, oidc              never each other, a store's driver or a gateway
//	decisions    pool, delivery, otp, guard, token ...           no HTTP servers, no SQL
//	contracts    store, provider                                 adapters (sqlstore, gateway/*, mail) fulfil them
//	vocabulary   fault, secret, phone, access ...                standard library, nearly
//
// Arrows point down. A failing arrow is a question about the design; changing the table is an answer that needs a reason.
package archtest
