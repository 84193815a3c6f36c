// Package awslambda calls functions in AWS Lambda for pools whose triggers name ARNs that are not hosted here. It is the adapter
// behind function.Remote.
//
// A call is made once: the SDK's retries are off, since Invoke is not idempotent (one throw must not mean three texts), and what
// is known of whether the function had begun is told in the error. States of a call: sent → answered | threw | refused | broken.
//
// Invariants:
//   - the region is the ARN's; credentials, endpoint (AWS_ENDPOINT_URL_LAMBDA, if the configuration was loaded with it) and the
//     HTTP client, with its dialer's rules, are those of the aws.Config given;
//   - nothing of the payload is in an error; the function's own words are in the Answer alone;
//   - requests and answers are bounded in size and time.
package awslambda
