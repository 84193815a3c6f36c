// Package adminapi is Countersign's own administration API, /admin/v1, described by itself as OpenAPI 3.1 at
// /admin/v1/openapi.json. The command line speaks only to it.
//
// Callers are a management token (Bearer), a signed request (SigV4, service "countersign"), or whoever may open the
// socket of mode 0600 beside the data.
//
// Invariants:
//   - every operation is registered with the action that it needs, and the wrapper asks package access before the
//     operation runs: an operation cannot forget it;
//   - reading is not decrypting: what is sealed or masked is shown only with the action personal.decrypt;
//   - secrets are shown once, when they are made;
//   - errors are problem details (RFC 9457) with a stable code, and a hint for the person at the terminal.
package adminapi
