// Package cognito is the Cognito user pools API (awsJson1_1) over package pool: each operation translates a request to the domain, and the
// answer back. What an operation must not forget (signatures, limits of the model, wordings of errors, CORS) is package wire's.
//
// Invariants:
//   - an operation decides nothing: what is allowed, counted and hidden is package pool's to say;
//   - only the name of a signed caller makes an administrator, and only operations of class IAM have one;
//   - an absent member stays absent: an answer holds what Cognito's would, no more.
package cognito
