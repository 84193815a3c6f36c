// Package password hashes passwords, checks them against a pool's policy and makes temporary ones.
//
// New hashes are argon2id with 19 MiB, two passes and one lane (OWASP's first choice), in PHC form:
// $argon2id$v=19$m=19456,t=2,p=1$salt$hash. Verify also reads what other systems leave behind (see parse.go) and says
// when a hash should be replaced by one of ours.
//
// A hash costs about 20 ms of one core and 19 MiB. A Hasher therefore works on as many as there are cores, lets a bounded
// number wait and refuses the rest with fault.Overloaded, so that a flood of sign-ins leaves the cores to others.
//
// Invariants:
//   - no password and no hash appears in an error;
//   - a stored hash cannot make Verify spend more than the bounds of parse.go allow, whoever wrote it;
//   - Dummy costs what Verify costs for a hash of ours, for users who do not exist;
//   - passwords are compared as the bytes given: no trimming, no case folding, no Unicode normalisation.
package password
