// Package sns is the part of the SNS API that sends texts to phones (AWS Query protocol): Publish to a number, the account's SMS attributes, opt-outs,
// the sandbox with its destination numbers, origination numbers. Each operation translates a request to the domain (packages smsaccount, sandbox and
// origination), and the answer back.
//
// There are no topics, subscriptions and platform endpoints: their operations answer UnsupportedOperationException with their name, and Publish refuses
// a TopicArn or TargetArn by name.
//
// The account is one for the deployment, whatever region a call is signed for.
//
// Where the answers differ from Amazon's:
//   - Publish says at once what Amazon says later in a delivery log, if at all: a number that is opted out, that the sandbox does not know, a ceiling or
//     spend limit that is reached. The sentence names the parameter and the reason.
//   - An opted-out number that no longer stands anywhere in full is listed by its mask: opt-outs are kept as keyed hashes.
//
// Invariants:
//   - every operation asks for the grant of its name for service sns; grants of SNS speak of no pools and keys;
//   - phone numbers and codes of a request stand in no error and no log.
package sns
