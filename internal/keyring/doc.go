// Package keyring holds the keys of the server itself, in three levels: the root key wraps the keys of each pool, and
// the pool's keys seal records. The root key comes from a file or the environment and is never stored in the database.
//
// A pool has one row for each purpose and version:
//
//	seal     records at rest (queued texts, secrets, signing keys), AES-256-GCM
//	session  stateless tokens that leave the server (SECRET_BLOCK, page tokens), AES-256-GCM
//	code     keyed hashes of one-time codes, HMAC-SHA256
//	lookup   keyed hashes that rows are found by, HMAC-SHA256; never rotated, else searches would break
//
// The deployment itself is the pool "" (Deployment), for access keys and the like.
//
// States of a pool key: new (stored; every node learns of it) → current (seals) → superseded (opens only). A new
// version seals nothing until every node has had time to load it, so that no node meets a value it cannot open.
// Superseded versions are kept as long as anything may be sealed under them.
//
// Invariants:
//   - a wrapped key is bound to pool, purpose and version, a record to table, row, column and pool;
//   - rotation only adds rows, and re-wrapping changes a row from one accepted root to another, so that a crash at any
//     moment leaves every key readable;
//   - a wrong root key is refused when the keyring is opened, before anything is written;
//   - a running server goes on with the keys it has while the database is away.
//
// Nothing here may be called inside store.Write: a missing key is read from the database. Take a Sealing or Codes
// snapshot in the prepare step; their methods do no I/O.
package keyring
