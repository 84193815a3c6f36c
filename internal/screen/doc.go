// Package screen judges a text or call before it is made: may a message go to this number, and may one more go for this client, pool, country and
// day's money. What belongs to an account, a number or an address is counted by package guard, in the commit; whose limits are here too (Service.Limits).
// What codes that stay untyped say is package pumping's.
//
//	Screen ── refused ─────────────────────────→ the caller is told, or not (Decision.Open)
//	   │ may be sent, its place in quotas is taken
//	   ├── Committed: it counts for the detector ── Typed, Settled
//	   └── Undo: nothing was committed, the place is given back
//
// A pool's Policy is the setting `guards`. Each guard enforces, records (the message is sent, its Decision says what would have been refused), or is off.
//
// The guards are asked in three steps, and the order is what keeps accounts hidden:
//
//  1. what depends on the request and not even on the number: rules about clients, networks and purposes, the quotas of client and pool;
//  2. what depends on the number: rules about numbers, fictional ranges, the country, the type of the line, the day's money;
//  3. what depends on whether the number is proven: the strangers' share of each quota, and the detector. It is for unconfirmed numbers alone, so that
//     strangers cannot use up what owners need.
//
// Invariants:
//   - a refusal is Open only in step 1, or in step 2 if the number was typed in: it is then the same whoever the number belongs to;
//   - a refusal that is not Open has cost the client and the pool what a message costs them;
//   - a message that is only pretended is judged like others, and takes of the client's and the pool's quota alone;
//   - the policy is read from memory; what this node writes holds at once, what another writes within five seconds;
//   - no more is taken of a quota than its limit, over all nodes and restarts (package quota).
package screen
