package awskms

import (
	"errors"
	"fmt"
	"strings"

	"github.com/aws/smithy-go"

	"countersign/internal/fault"
)

// codes are KMS's own errors and those of AWS's front door (KMS API reference, "Common Errors").
var codes = map[string]fault.Code{
	"NotFoundException": fault.ResourceNotFound, "InvalidArnException": fault.ResourceNotFound,
	"DisabledException": fault.KeyDisabled, "KMSInvalidStateException": fault.KeyStateInvalid, "InvalidKeyUsageException": fault.KeyUsageWrong,
	"InvalidCiphertextException": fault.CiphertextInvalid, "IncorrectKeyException": fault.KeyIncorrect,
	"AccessDeniedException": fault.AccessDenied, "AccessDenied": fault.AccessDenied, "InvalidGrantTokenException": fault.AccessDenied,
	"UnrecognizedClientException": fault.AccessDenied, "InvalidClientTokenId": fault.AccessDenied, "InvalidSignatureException": fault.AccessDenied,
	"SignatureDoesNotMatch": fault.AccessDenied, "ExpiredTokenException": fault.AccessDenied, "ExpiredToken": fault.AccessDenied,
	"IncompleteSignatureException": fault.AccessDenied, "MissingAuthenticationTokenException": fault.AccessDenied, "NotAuthorized": fault.AccessDenied,
	"OptInRequired": fault.AccessDenied,
}

// classify turns an error of the SDK into one of package fault. What AWS says is for the log; it names principals and keys.
func classify(keyARN string, err error) error {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		if code, ok := codes[e.ErrorCode()]; ok {
			return refusal(code, keyARN, err)
		}
	}
	return &fault.Error{Code: fault.Overloaded, Err: fmt.Errorf("AWS KMS, key %s: %w", keyARN, err)}
}

// refusal says what to run about a key that cannot be used.
func refusal(code fault.Code, keyARN string, cause error) error {
	at := " --region " + strings.SplitN(keyARN, ":", 5)[3]
	key := at + " --key-id " + keyARN
	hint := ""
	switch code {
	case fault.ResourceNotFound:
		hint = "aws kms list-keys" + at
	case fault.KeyDisabled:
		hint = "aws kms enable-key" + key
	case fault.KeyStateInvalid:
		hint = "aws kms cancel-key-deletion" + key + " && aws kms enable-key" + key
	case fault.KeyUsageWrong:
		hint = "aws kms create-key" + at + ", and set the pool's KMSKeyID to its ARN"
	case fault.AccessDenied:
		hint = "aws kms create-grant" + key + " --operations DescribeKey GenerateDataKey --grantee-principal THE-SERVERS-ROLE"
	}
	if cause == nil {
		cause = fmt.Errorf("AWS KMS: the key %s cannot seal codes", keyARN)
	}
	return &fault.Error{Code: code, Field: "KMSKeyID", Hint: hint, Err: cause}
}
