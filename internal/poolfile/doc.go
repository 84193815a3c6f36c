// Package poolfile is a pool's configuration as a document that can be kept beside an app's code: read from a running server, compared with it, and
// written back. It knows the form alone; internal/adminapi reads and writes what the document says.
//
// A document has parts (pool, clients, accounts, plan ...). A part that is not there is not spoken of: applying the document leaves it as it is. A part
// that is there says everything about what it names; what is left out of it has its default. Entries of lists (clients, accounts, canaries,
// registrations, originations) are known by id or name, and entries that the document does not name stay, unless a caller prunes.
//
// Invariants:
//   - a document never holds a secret that a server has: in their place stand references, ${NAME}, which are filled in on the side of whoever applies
//     the document. A reference that nobody filled in means: as it is;
//   - the canonical form (Canonical, YAML) has no dates of changes, no versions and no defaults, and its lists of named entries are sorted, so that the
//     same configuration gives the same bytes;
//   - nothing here reads or writes anything.
package poolfile
