// Command gen writes the Go types of an AWS API from the public API model: structs, enumerations, validation and the
// table of operations.
//
//	go generate ./internal/awsapi/...
//
// It knows Cognito user pools, KMS and End User Messaging (awsJson), Lambda (rest-json) and SNS (query). For Lambda the table of operations says where
// each member lives outside the body.
//
// The models are data files of boto/botocore and are not part of this repository. The environment variable
// COUNTERSIGN_REFERENCE names the folder that holds specs/aws/<service>-<version>.json; it defaults to ../shared beside the
// repository. What the model lacks, or what Countersign wants otherwise, stands in <service>_overlay.json next to the
// program: operations and shapes in the model's own format, patterns that RE2 cannot express, shapes whose values must
// not be echoed, authorisation classes that cannot be derived, and which operations are served: only these get types.
//
// With -check nothing is written: the program exits with 1 if the files differ from what it would write. The test of
// this package does the same.
package main
