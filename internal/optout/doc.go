// Package optout keeps the numbers that must not be texted.
//
// An opt-out is of a pool, a number and a sender: who answered STOP to one origination identity hears nothing more from that one. The sender "*"
// stands for all of the pool. A number is kept as its keyed hash alone (eventlog.Log.NumberHash), and all spellings of one line are one.
//
//	none ── STOP, a receipt that says so, the service's list, an operator ──► opted out ── START, a signed-in user, an operator ──► none
//
// Words, of a whole text without the space and the signs around it, in any case:
//
//	STOP   STOP STOPALL UNSUBSCRIBE CANCEL END QUIT REVOKE OPTOUT ARRET
//	START  START UNSTOP YES
//	HELP   HELP INFO
//
// Invariants:
//   - Check reads the store each time: what one node heard holds everywhere with its commit. It is one read by the primary key, some ten
//     microseconds on SQLite and one round trip on PostgreSQL, next to a call of a service that takes a hundred thousand.
//   - A message whose sender nobody knows (the service chooses) counts as sent by any: an opt-out for whichever sender holds it back.
//   - An opt-out says nothing of factors: a code that is owed stays owed, and somebody who is signed in lifts it by asking for one.
//   - A change and its event (cs_opt_out, cs_opt_in) are one commit; what changes nothing is no event.
package optout
