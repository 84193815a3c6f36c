// Package trigger calls the functions of a user pool: what Cognito calls Lambda triggers. It knows their events and answers (developer
// guide, "Customizing user pool workflows with Lambda triggers"), when a call is repeated, and what a failure is called. It does not know
// where functions run (Functions) or where keys lie (Keys), nor when a flow calls which trigger (package pool).
//
// There are two kinds of triggers:
//
//   - Synchronous ones. Runner.Run calls the function within the request: five seconds, up to three tries for what is not the function's own
//     error. What it throws refuses the request and is shown to the caller: that is the contract.
//   - Sender functions (CustomSMSSender, CustomEmailSender). Sender is how a message is handed over: it gets the code sealed under the
//     pool's key, and nothing that happens to it shows in the request that caused it.
//
// Invariants:
//   - a sender function is invoked once for each message, unless the pool asks for retries or it certainly had not begun;
//   - a code is in an event only as an AWS Encryption SDK message; a password is in the event of UserMigration alone;
//   - nothing of what a function answers is used before its form and size have been judged.
package trigger
