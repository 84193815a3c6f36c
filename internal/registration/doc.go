// Package registration keeps what a country's rules want to know before a text is sent there: brands and campaigns of 10DLC, India's entities and
// templates of the DLT, registered sender IDs, toll-free numbers and short codes, with the exact texts that were registered.
//
// Registrations choose what is rendered (Choose) and are asked once more right before the send (Clear, Check), so that a text that a carrier would block
// stops here with a reason that can be mended. They are written down, not fetched: whoever registers at a registry or a provider says here what came of
// it.
//
//	draft → submitted → approved → expired
//	                  ↘ rejected
//
// Any state may follow any other; expired follows by itself when ExpiresAt has passed. Invariants:
//
//   - A country is under registration for a pool as soon as the pool, or the whole deployment, has one there that is no draft, or the setting requires
//     it. Elsewhere Check never refuses.
//   - A registration counts only while it and all above it (campaign → brand, template → entity) are approved and not expired.
//   - A text fits a registered one exactly, but for its places; matching takes time in proportion to the product of both lengths at worst, and both are
//     bounded.
//   - What another node wrote is seen after at most three seconds, what this one wrote at once.
//   - Every write is an event in the same commit.
package registration
