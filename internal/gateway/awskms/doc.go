// Package awskms is trigger.Keys over AWS KMS: pools whose KMSKeyID names a key in AWS have their codes sealed there.
//
// Usable asks DescribeKey and remembers what it learnt for 30 seconds, a refusal for five, so that what was mended works soon. States of
// a remembered key: unknown → usable | refused → (time) stale; of several calls that meet a stale but usable key, one asks again.
//
// Invariants:
//   - the region is the ARN's; credentials, endpoint (AWS_ENDPOINT_URL_KMS, if the configuration was loaded with it) and the HTTP client,
//     with its dialer's rules, are those of the aws.Config given;
//   - whether Cognito may use a key for a pool is AWS's key policy for the server's own credentials: there is no other principal here;
//   - a call is tried at most twice and ends after five seconds; data keys are never kept.
package awskms
