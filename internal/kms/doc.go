// Package kms is the built-in key service: keys as AWS KMS has them, for the codes of user pools and the functions that
// open them. It decides; it speaks no HTTP and knows no SQL.
//
// A key has a state:
//
//	Enabled ⇄ Disabled          EnableKey, DisableKey
//	Enabled, Disabled → PendingDeletion → gone    ScheduleKeyDeletion; CancelKeyDeletion leads to Disabled
//
// and versions of material: rotation adds one, which encrypts from then on, and the older ones go on decrypting. All versions are
// sealed together in the key's row, under the deployment's key; document and material change in one update, so that a crash
// leaves either the old key or the new one. A rotation that is due happens with the key's next use.
//
// Who may use a key: its policy decides first (an explicit Deny wins), then its grants. The policy's usual statement for the
// account's root leaves it to the grants of package access, which the facade asks. A function that runs here may call Decrypt
// alone, and only what Config.FunctionMay allows for the pool that the encryption context names. User pools use keys as
// the service cognito-idp.amazonaws.com; see Usable.
//
// A ciphertext is a format byte, the key's id, the version of the material, 28 random bytes, and AES-256-GCM under a key that is
// derived from the material and 16 of these bytes. All that stands before the ciphertext, and the encryption context in
// canonical order, is authenticated. No key of AES meets two messages, so there is no bound on the number of messages.
//
// Invariants:
//   - key material is in memory (a bounded cache) and sealed in the row, and nowhere else: not in documents, events or errors;
//   - a key that is disabled, or whose policy changes, is so at once on this node and within two seconds on others;
//   - a key is found only in its region and account;
//   - plaintexts and encryption contexts are in no error and no event.
package kms
