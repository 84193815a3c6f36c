// Package proof attacks the real program from outside, as the advisories in docs/advisories.md tell that comparable
// servers were attacked. It builds the binary once and runs it on SQLite and, where COUNTERSIGN_TEST_POSTGRES names a
// server, on PostgreSQL:
//
//   - canary_test.go, console_test.go: after every flow and every kind of error no code, password, token or number is found in logs,
//     metrics, events, answers, backups or any column of the database;
//   - crash_test.go, expiry_test.go: kill -9 under load loses nothing that was answered, and nothing is sent after its
//     code has died;
//   - hostile_test.go: a real page of another origin and a rebound name try every route;
//   - doors_test.go: operators' routes without, with wrong and with foreign credentials; forged forwarded headers;
//     forged page tokens; what read paths give away;
//   - usercode_*_test.go: the same of functions that run here. What they are told and say is in no log and no column; they die with the
//     server and lose no text; they reach nothing of others and are stopped at their limits; they do not tell who exists;
//   - auth0_*_test.go: the same of the Auth0 dialect, its Management API and the hooks, actions and rules of several tenants on one server: what
//     they are told is where it may be alone; hostile ones reach and stop nobody else; hundreds of texts through a hook that hangs or crashes end
//     within the life of their codes; a kill loses nothing; names, tokens and limits of one tenant tell and open nothing at another;
//   - delivery_*_test.go: an outage of the first of two accounts under a thousand texts; kill -9 at every step of a send; sign-in codes beside fifty thousand
//     invitations; services that quote whatever they are told; receipts that are forged, old, repeated or about others' messages;
//   - guard_*_test.go: limits and a day's money hold over two nodes and a kill; two strangers cannot stop an owner's codes; whatever a guard refuses, on both
//     wires, is answered alike whoever the number belongs to; each refusal is an event with its reason;
//   - sandbox_*_test.go: the sandbox holds on every node, for what was queued before it, and over a kill; nobody without a grant uses numbers, guards,
//     registrations and the SMS account; no code and no number of theirs is found where it must not be;
//   - advisories_test.go: each row of docs/advisories.md names a test that exists.
//
// What existence-hiding answers look like is compared in internal/awsapi/cognito (enumeration_test.go), the flows
// themselves in internal/pool (advisory_test.go).
package proof
