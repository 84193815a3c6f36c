// Package eventlog writes and reads the log: what happened to whom, in the words of Auth0's log where it has one
// (its event codes) and with names of our own, which begin with "cs_", elsewhere. Types lists them all.
//
// An event is made in two steps, because a transaction may hold nothing slow. Prepare seals, hashes and bounds; the
// caller appends the result to its own transaction (tx.Events().Append), so that an event exists exactly if what it
// tells has been committed. After the commit the caller may hand it to Publish for the live feed.
//
// Invariants:
//   - Data is not personal: no number, address, name or user agent. Strings in it are cut, and runs that look like an
//     E.164 number are masked (Scrub), because provider errors are foreign text.
//   - Personal is sealed under the user's data key where there is a user, else under the pool's key. Erasing the user
//     destroys the key: the event stays and counts, its Personal answers ErrDark for ever.
//   - A number is found again by its keyed hash, never by its digits.
//   - Codes, passwords and tokens are in neither. Values of type secret.String are written as [redacted].
//   - Everything is bounded: MaxKeys keys, MaxString characters a string, MaxData bytes, MaxDepth levels.
//
// Retention is a bounded delete by age (Run, Prune), 90 days unless configured.
package eventlog
