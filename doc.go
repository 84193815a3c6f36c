// Package countersign embeds the server: phone sign-in and MFA that AWS clients use unmodified, with the SMS sender that
// you choose.
//
// Most people run the program (cmd/countersign). Embed the server where one process is wanted; for tests there is
// package countersigntest, which is shorter.
//
//	s, err := countersign.New(ctx, countersign.Config{Mode: countersign.Dev, BaseURLs: []string{"http://localhost:7446"}})
//	...
//	err = s.Run(ctx, countersign.Binding{Listener: l, Door: countersign.AllDoors})
//
// This package is wiring: it makes the parts, gives them to each other, and starts and stops them in order. Nothing is
// decided here but the start state of dev mode.
//
// States of a Server: new (answers, /readyz 503 until Run or Start) → ready → draining (/readyz 503, requests in flight
// finish, the delivery worker returns what it has not sent) → closed.
package countersign
