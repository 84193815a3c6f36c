// Package mail hands e-mails to an SMTP server: the provider for the channel Email.
//
// Each Send is one connection: greet, TLS, sign in, one message to one address, end. Nothing is retried here.
//
// Invariants:
//   - No code travels in clear: without TLS only a server on loopback is accepted, and STARTTLS is never optional.
//   - What comes from outside (address, subject) cannot add a header or a recipient; it is refused, not repaired.
//   - Success is the server's 250 to the whole message. A connection that breaks between the message and the answer is
//     reported as ambiguous.
//   - An error holds the server's codes and our words. The server's own sentence is left out, since servers like to
//     repeat the address in it.
package mail
