// Package store is the contract of everything durable: row types and the small interfaces of a transaction. It holds no
// SQL; sqlstore implements it for SQLite and PostgreSQL, and storetest is the suite that both pass.
//
// A Store has two doors. Read runs a function on a consistent snapshot (or a plain READ COMMITTED connection) whose
// writing methods fail. Write runs a function in one durable transaction: when Write returns nil everything in it has
// been committed and synced; when it returns an error nothing of it has happened. A function given to Write
//
//   - must be SQL on values already computed: no hashing, signing, network or waiting;
//   - may run more than once (group commit, serialisation retries), so it must not change anything outside of itself
//     that a second run would not overwrite;
//   - returns an error to undo everything it did. ErrKeep-wrapped errors commit and are still returned: a failed attempt
//     must be counted although the caller gets an error.
//
// Because a function may run again, methods never change their arguments: after an update the row's Version is one more
// than that of the value passed, and a second update in the same function needs it.
//
// Invariants:
//   - ids are UUIDv7 in canonical text form, so that retention is a bounded delete by id range;
//   - times are UTC, kept in whole microseconds; the zero time is NULL;
//   - uniqueness is decided by the store (Claim, Insert... report false), never by catching a violation;
//   - rows with a Version are changed by guarded updates: a stale version reports false and changes nothing;
//   - what is named Sealed is ciphertext of the keyring and what is named Hash is a keyed hash; the store never sees
//     a code, a password, a session or a token.
//
// Lock order on PostgreSQL: pool, user, alias, counter (by key), code, challenge, family, outbox, event.
package store
