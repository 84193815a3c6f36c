// Package quota shares limits between nodes without a row that every request locks.
//
// A quota is a number that may be taken within a span (an hour, a day): messages of a pool, client, country or range, or the money of a day. The store holds
// how much of it is taken. A node takes a block at a time and serves from memory what it holds; what it did not use it gives back.
//
//	unknown ── first Take: a block of what is wanted now ──► held ── used up: a block four times as large, up to Config.Block ──► held
//	held ── not used for ten seconds, crowded out, Return ──► given back to the store
//	held ── the store has nothing left ──► full: refused from memory for a second, then asked again
//
// Near the end a block is at most an eighth of what is left, so that no node sits on what another one needs. A node that dies loses its blocks: less is then
// sent than the limit, never more.
//
// Invariants:
//   - over all nodes and restarts no more than the limit is taken, whatever is given back in between; Add alone goes beyond it;
//   - limits of one key may differ between callers, or be lowered: what was leased above a caller's limit is given back before it is served;
//   - all of the keys of TakeAll are taken or none, and their leases are one transaction, in the order of the keys;
//   - one lease at a time for each key, sized for everybody who waits for it;
//   - memory is bounded (maxKeys); keys are known after their span for as long as the store keeps their row.
package quota
