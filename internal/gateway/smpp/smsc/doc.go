// Package smsc is a message centre for tests and for trying things out: it speaks SMPP 3.4 from the other side, keeps what it accepts, and does
// what a script says where a real centre would fail.
//
//	c := &smsc.Center{State: "DELIVRD"}
//	defer c.Close()
//	p, err := smpp.New(smpp.Config{Host: "smsc.test", SystemID: "user", Dial: c.Dial})
//
// Dial connects in memory, so that a whole conversation fits into a testing/synctest bubble; Serve takes real connections.
//
// Invariants: a session's reader never waits for its writer; Close returns when no goroutine is left.
package smsc
