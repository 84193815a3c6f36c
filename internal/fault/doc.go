// Package fault is the one application error of Countersign.
//
// Logic returns a *Error with a stable Code; each facade owns one table from Code to its dialect (a Cognito
// exception, an OAuth error, an admin API problem) and the domain never spells a wire name. Anything that is not
// a *Error is internal: it is logged for the operator and answered without detail.
//
// Invariants:
//   - Code is one of the constants of this package; Codes lists them all, and a test of every facade walks the list.
//   - Public, Field and Hint never hold a code, a secret, a password or a full phone number. Public and Field may be
//     shown to anybody; Hint is shown to developers only (dev mode) and says what to do next.
//   - Err is for the log alone.
package fault
