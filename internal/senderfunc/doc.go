// Package senderfunc is the ready-made custom sender: `countersign lambda`, for pools of Cognito or of Countersign. It decrypts with
// package smssender, makes the text and hands it to the accounts that the environment describes, one after the other: each kind of package
// gateway that sends codes of others, the signed webhook among them.
//
// States of an event: received → refused (bad event, code that cannot be decrypted) | skipped (nothing to send) | sent | failed (not
// worth another try) | retry (the function fails, so that Lambda calls again). Each ends in one line of JSON on standard output; each attempt
// of an account has one more, unless the webhook is all there is.
//
// An attempt's failure is followed by the next account, whatever it was (provider.Reason.Elsewhere), unless the number is none, its owner wants no
// texts, or a service said that the text can go nowhere. After "unreachable" one more is asked.
//
// Invariants:
//   - all tries of one event have the same message id: the request id that Lambda keeps when it calls again;
//   - all attempts of one event carry the same text and code, those after a failure whose outcome is unknown too;
//   - all attempts together fit into the function's time;
//   - no log line and no error holds a code, a text, a whole number or a secret of an account.
package senderfunc
