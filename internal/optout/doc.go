// Package optout keeps the numbers that must not be texted.
//
// An opt-out is of a pool, a number and a sender: who answered STOP to one origination identity hears nothing more from that one. The sender "*"
// stands for all of the pool. A number is kept as its keyed hash (eventlog.Log.NumberHash), and all spellings of one line are one; what an operator
// puts on a list is kept sealed besides, until its last opt-out is lifted.
//
//	none ── STOP, a receipt that says so, the service's list, an operator ──► opted out ── START, a signed-in user, an operator ──► none
//
// Words, of a whole text without the space and the signs around it, in any case:
//
//	STOP   STOP STOPALL UNSUBSCRIBE CANCEL END QUIT REVOKE OPTOUT ARRET
//	START  START UNSTOP YES
//	HELP   HELP INFO
//
// A named list (List) is a sender, too: it holds back what asks for it by its name, and nothing else.
//
// Invariants:
//   - What a node heard it knows at once, and every other node within five seconds: of a pool that sends many messages Check remembers the whole
//     list for so long, if it is short, and reads the store for each message of all others. A node that changes a list remembers nothing of it
//     until the change is committed.
//   - A message whose sender nobody knows (the service chooses) counts as sent by any: an opt-out for whichever sender holds it back.
//   - An opt-out says nothing of factors: a code that is owed stays owed, and somebody who is signed in lifts it for a number
//     that is proven to be theirs (package pool).
//   - A change and its event (cs_opt_out, cs_opt_in) are one commit; what changes nothing is no event.
package optout
