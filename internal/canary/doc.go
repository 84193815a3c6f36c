// Package canary sends texts to the operator's own phones, again and again, and raises an alarm if one is not accepted or not confirmed in time:
// what a monitor of ours cannot see (a carrier that accepts and drops, a sender that was blocked overnight) shows in a text that does not arrive.
//
// A pool's canaries are one setting, delivery/canaries; their numbers are sealed. What became of them is another, delivery/canary-results, which also
// holds a lease: whoever wrote it last, as its version shows, runs the pool's canaries until the lease ends.
//
//	          due                       as expected
//	resting ──────→ waiting ─────────────────────────────→ passed (an event if the one before had failed)
//	                   └─ refused, not delivered, too late ─→ failed (an event each time)
//
// Invariants:
//   - a text and the note that it waits are one commit: a node that dies sends none twice, and forgets none;
//   - a canary has one text under way, and at most one in five minutes;
//   - a canary takes the way of a sign-in code, through the pool's route or the one account that it names, and carries no code;
//   - numbers are sealed, shown masked, and in no event.
package canary
