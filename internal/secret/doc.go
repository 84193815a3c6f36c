// Package secret holds what must not be seen: strings that print as [redacted], and the primitives that seal values
// at rest. It knows no pools and no rotation; package keyring builds those from it.
//
// Sealing is AES-256-GCM with a random 96-bit nonce (NIST SP 800-38D, section 8.2.2). A sealed value is
//
//	format (1 byte, 0x01) ‖ key version (4 bytes, big endian) ‖ nonce (12) ‖ ciphertext ‖ tag (16)
//
// Invariants:
//   - Sealed bytes are bound to the place where they live: AAD names table, row, column and pool, each with its length
//     in front, so that no two places share an AAD and a value cannot be moved to another row.
//   - One key seals fewer than 2^32 values; rotate long before.
//   - Open answers one error for everything that is wrong with the bytes, and never part of the plaintext.
//   - Lookup hashes are keyed: without the key, a stolen table cannot be searched for a phone number.
package secret
