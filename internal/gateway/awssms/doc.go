// Package awssms sends through Amazon Web Services: Amazon SNS (kind "sns": Publish to a phone number) and AWS End User Messaging (kind
// "aws-sms": SendTextMessage and SendVoiceMessage).
//
// The AWS SDK makes and signs the requests, and nothing more: its retries are off, since neither Publish nor SendTextMessage knows an idempotency key, and its
// HTTP client is an exchange.Caller, which makes one request for each call, keeps the rules for addresses and says whether a request was
// written. A second request within one call is refused. The machine's metadata service, ~/.aws and the environment are looked at only if the
// setting credentials is chain.
//
// Success is status 200 with the service's own answer and a message id in it; all else is an error with a reason from codes.go.
//
// What End User Messaging has to tell comes from an Amazon SNS topic that is subscribed to the receipt URL. A notification counts if its topic is
// one of those configured, it is at most an hour old (SNS gives up after that) and its signature (version 1 or 2) is right under a certificate
// fetched from AWS over HTTPS. A subscription is confirmed when a topic that is configured asks for it, so nothing is left to be done by hand.
//
// Amazon SNS itself tells nothing back: its delivery logs go to CloudWatch.
//
// Invariants: one HTTP request for each Send; every text is Transactional; no key, number or text is in an error; certificates and subscriptions
// are fetched from sns.REGION.amazonaws.com(.cn) alone.
package awssms
