// Package origination keeps what messages may come from: sender IDs and origination numbers, and what each country allows.
//
// Identities belong to the deployment, not to a pool: they are what the operator has with its carriers. In dev they are simulated: a requested number is
// made up from ranges that reach nobody. In serve numbers are bought at the carrier and written down here; a sender ID needs no purchase.
//
//	requested or added ──► active ⇄ pending (waits for its registration) ──► released (the record is gone)
//
// The table of countries holds facts of Amazon's published list; its rows name their source and when it was read, and a deployment may correct them.
//
// Invariants:
//   - a value belongs to one identity of its kind and, for sender IDs, country;
//   - Choose returns an identity that may send to that country on that channel, the zero Identity where none is needed, or a *Blocker that names the
//     reason: it never falls back to an identity that the country forbids;
//   - what this node changed it knows at once, what another node changed after two seconds at most;
//   - a change and its event (cs_origination_changed) are one commit; numbers stand masked in events.
package origination
