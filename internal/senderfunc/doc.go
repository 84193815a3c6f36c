// Package senderfunc is the ready-made custom sender: `countersign lambda`, for pools of Cognito or of Countersign. It decrypts with
// package smssender, makes the text and hands it to the senders that are built in; today that is the signed webhook.
//
// States of an event: received → refused (bad event, code that cannot be decrypted) | skipped (nothing to send) | sent | failed (not
// worth another try) | retry (the function fails, so that Lambda calls again). Each ends in one line of JSON on standard output.
//
// Invariants:
//   - all tries of one event have the same message id: the request id that Lambda keeps when it calls again;
//   - no log line and no error holds a code, a text or a whole number.
package senderfunc
