// Package kms is the KMS API (TrentService, awsJson1_1) over package kms of the product: each operation translates a
// request to the domain, and the answer back. Amazon's SDKs, its CLI and its Encryption SDK speak it.
//
// A request names a key by id, ARN, alias or alias ARN, or by a ciphertext alone. Grants speak of keys by id or ARN. So the
// order is: the signature, the constraints of the model, the key that is meant, the caller's grant for that key, the
// operation on that very key. A name is looked up once: an alias that moves meanwhile moves nothing under the grant's feet.
//
// Invariants:
//   - every operation is entered through one of free, onKey and the few that stand beside them in the table, and each of
//     these asks for a grant before the operation runs; operations that name no key need the grant for all keys;
//   - the name of an unknown key and that of a foreign one are denied alike, unless the caller may do this to all keys;
//   - beside the grants of package access, a grant of the key itself lends it to the principal it names; a Deny of its policy stands
//     against both. An Allow of its policy does not replace them, not even one that names the caller's own ARN: a policy narrows what
//     the access table gives, so that "countersign keys list" shows who can decrypt;
//   - nobody lends by a grant of a key what package access does not give them, but to services;
//   - a function that runs here has no grants. It may call Decrypt alone, and the domain decides on the key and context;
//   - pages of browsers are refused, whatever their origin allows;
//   - plaintexts, contexts and grant tokens stand in no error.
package kms
