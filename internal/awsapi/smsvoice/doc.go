// Package smsvoice is the part of the End User Messaging SMS API (PinpointSMSVoiceV2, awsJson1_0) that the SMS account offers: origination numbers and
// sender IDs, verified destination numbers of the sandbox, opt-out lists, spend limits, texts and calls, and a look at registrations. Each operation
// translates a request to the domain (packages origination, sandbox, smsaccount and registration), and the answer back.
//
// There are no phone pools, configuration sets, protect configurations, keywords, media, RCS and Notify: their operations answer
// UnsupportedOperationException with their name, and a request that names such a thing gets ResourceNotFoundException.
//
// The account is one for the deployment, whatever region a call is signed for; ARNs of answers carry the caller's region.
//
// Where the answers differ from Amazon's:
//   - numbers are made up in dev, from ranges that reach nobody; in serve they are bought at the carrier, and RequestPhoneNumber says so;
//   - an opted-out number that no longer stands anywhere in full is listed by its mask: opt-outs are kept as keyed hashes;
//   - Context and MessageFeedbackEnabled are taken and not kept.
//
// Invariants:
//   - every operation asks for the grant of its name for service sms-voice; such grants speak of no pools and keys;
//   - exceptions carry Reason, ResourceType and ResourceId as the model has them; numbers, texts and codes of a request stand in no error and no log.
package smsvoice
