// Package delivery carries messages from the outbox to a sender: claim, send, record the attempt, settle.
//
// A message is prepared (sealed, masked, hashed) before a transaction, enqueued in the transaction that makes its code,
// and sent after the commit:
//
//	m, err := worker.Prepare(ctx, draft)
//	err = store.Write(ctx, func(tx store.Tx) error { ...; return worker.Enqueue(ctx, tx, m) })
//	worker.Wake(m)
//
// Enqueue may write the row as already claimed by this process, so that no second transaction is needed before it is sent;
// Wake then starts it. If the process dies between the two, the lease runs out and any node sends it. Messages enqueued
// otherwise (tx.Outbox().Enqueue and Wake without arguments, another node, a retry) are claimed in batches. An idle worker
// does not poll: it sleeps until the next message is due, at most Config.Idle.
//
// States are in the table of states.go. Invariants:
//
//   - One call of the sender for each attempt, one attempt at a time for each message. The one window in which a
//     message may be sent twice is a crash between the provider's answer and the commit of its attempt; attempts carry the
//     same IdempotencyKey and the same code.
//   - A message is never sent after ExpiresAt: the clock is read right before the call, whose deadline is not later.
//   - The attempt, the state, "this code was sent" and the event are one commit.
//   - Sealed contents are gone in every final state.
//   - What a sender reports is stored without number, code or text, whatever the sender put into it.
//   - Sends at work are bounded, and notices take at most half of the places, so that a bulk invitation does not
//     hold up a sign-in code.
package delivery
