// Package interop proves that clients which know nothing of Countersign work with it when only their endpoint is
// changed. It builds the real binary once, runs `countersign dev`, and talks to it with
//
//   - the AWS SDK for Go v2, through every implemented user pool operation (sdk_*_test.go);
//   - aws-amplify v6, amazon-cognito-identity-js, the AWS SDK for JavaScript v3 and aws-jwt-verify, in Node
//     (node/, run file by file, each JavaScript test a subtest here);
//   - Auth0's own clients: auth0-auth-js, auth0 for Node in versions 3, 4 and 7, the Deploy CLI (auth0_*_test.go), and go-auth0 in a module of its
//     own (tests/auth0-go);
//   - functions: the documents' handlers with npm's Encryption SDK, a trigger of every kind in Node (triggers_*_test.go), programs made
//     with aws-lambda-go and smssender (testdata/), the program itself as a sender, functions of a second server in the place of AWS;
//   - the AWS CLI, with the very commands that the README and docs show (docs_test.go), and from a new SMS account to a verified number
//     (smscli_test.go); boto3 the same way, and through every error that SNS and End User Messaging declare (boto3/).
//
// Nothing here looks inside the server: texts are read from the simulated phones, as a person would.
// The npm packages must be installed (`npm ci` in node/), `aws` and a Python with boto3 must be there; ./scripts/test sees to both.
package interop
