// Package query is the generic side of the AWS Query protocol: one POST to "/", the operation in the form parameter Action, XML as the answer.
//
// A facade (SNS) lists its operations, each a function from a typed input to a typed output, and a Handler does everything else in a fixed order: the
// browser rule, method and content type, the form, action and version, authorisation, decoding, validation, the call, the mapping of errors, the
// request id and the event for metrics.
//
// A form is a tree: the dots of a parameter's name are its branches. Lists are X.member.1, X.member.2 …, maps X.entry.1.key and X.entry.1.value
// (smithy.io, "AWS query protocol"). The generated types say in the tag query what their members are called:
//
//	query:"PhoneNumber"                     a member
//	query:"PhoneNumbers,item"               a list whose elements are not called member
//	query:"MessageAttributes,Name,Value"    a map whose keys and values are not called key and value
//
// Invariants:
//   - Every operation needs a signature, and runs only after the Authorizer agreed; never for a page of another origin.
//   - An operation sees only inputs that passed their Validate method.
//   - A parameter that comes twice is refused, not chosen from.
//   - The answer to anything that is not a *fault.Error is the facade's internal error without detail; the cause goes to the log. So is a panic.
//   - Bodies, the number and depth of parameters and echoed names are bounded.
package query
