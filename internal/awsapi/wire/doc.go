// Package wire is the generic side of the awsJson protocols: one POST to "/", the operation in X-Amz-Target, one
// JSON object in the body.
//
// A facade (Cognito user pools, KMS, End User Messaging) lists its operations, each a function from a typed input
// to a typed output, and a Mux does everything else in a fixed order: method, target and content type, the browser
// rule, decoding, authorisation, validation, the call, the mapping of errors, CORS, the request id and the event for
// metrics. An operation cannot forget a step that it does not own.
//
// Invariants:
//   - An operation of class IAM runs only after the Authorizer agreed, and never for a page of another origin.
//   - An operation sees only inputs that passed their Validate method.
//   - The answer to anything that is not a *fault.Error is InternalErrorException without detail; the cause goes to
//     the log. A panic in an operation is such an error and ends nothing else.
//   - Bodies, tokens, lists of violations and echoed values are bounded.
//   - Values of members that the model calls sensitive are never echoed.
package wire
