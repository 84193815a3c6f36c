package kms

import (
	"strings"

	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

// Exceptions that several codes share.
const (
	notFound         = "NotFoundException"
	validation       = "ValidationException"
	invalidState     = "KMSInvalidStateException"
	throttling       = "ThrottlingException"
	accessDenied     = "AccessDeniedException"
	unsupported      = "UnsupportedOperationException"
	internalError    = "KMSInternalException"
	limitExceeded    = "LimitExceededException"
	alreadyExists    = "AlreadyExistsException"
	dependencyFailed = "DependencyTimeoutException"
)

// Errors words every fault code as KMS does. Codes that keys cannot cause (those of users and tokens) go by their kind.
// Faults of the client have status 400, as in KMS; clients decide by name.
func Errors() map[fault.Code]wire.ErrorShape {
	table := make(map[fault.Code]wire.ErrorShape, 96)
	for _, code := range fault.Codes() {
		table[code] = byKind(code.Kind())
	}
	for code, shape := range keyErrors() {
		table[code] = shape
	}
	for code, shape := range callerErrors() {
		table[code] = shape
	}
	return table
}

func byKind(kind fault.Kind) wire.ErrorShape {
	switch kind {
	case fault.Invalid, fault.Expired:
		return wire.ErrorShape{Name: validation, Message: "The request is not valid."}
	case fault.NotFound:
		return wire.ErrorShape{Name: notFound, Message: "{field} is not found."}
	case fault.Conflict:
		return wire.ErrorShape{Name: alreadyExists, Message: "{field} already exists."}
	case fault.Denied:
		return wire.ErrorShape{Name: accessDenied, Message: "The request is not authorized."}
	case fault.Throttled:
		return wire.ErrorShape{Name: throttling, Message: "Rate exceeded"}
	case fault.Unavailable:
		return wire.ErrorShape{Name: dependencyFailed, Status: 503, Message: "The system timed out while trying to fulfill the request."}
	case fault.Unsupported:
		return wire.ErrorShape{Name: unsupported, Message: "This is not supported."}
	}
	return wire.ErrorShape{Name: internalError, Message: "The request failed because of an internal error, please try again."}
}

func keyErrors() map[fault.Code]wire.ErrorShape {
	return map[fault.Code]wire.ErrorShape{
		fault.ResourceNotFound:       {Name: notFound, Message: "Key '{field}' does not exist"},
		fault.ResourceExists:         {Name: alreadyExists, Message: "{field} already exists"},
		fault.TooMany:                {Name: limitExceeded, Message: "The maximum number of these resources is reached."},
		fault.KeyDisabled:            {Name: "DisabledException", Message: "{field} is disabled."},
		fault.KeyStateInvalid:        {Name: invalidState, Message: "{field} is pending deletion."},
		fault.KeyUsageWrong:          {Name: "InvalidKeyUsageException", Message: "The key usage of {field} is not compatible with this operation."},
		fault.CiphertextInvalid:      {Name: "InvalidCiphertextException", Message: "The ciphertext is damaged, of another service, or bound to another encryption context."},
		fault.KeyIncorrect:           {Name: "IncorrectKeyException", Message: "The key ID in the request does not identify a CMK that can perform this operation."},
		fault.PolicyMalformed:        {Name: "MalformedPolicyDocumentException", Message: "The policy is not valid."},
		fault.PayloadTooLarge:        {Name: validation, Message: "The request is too large."},
		fault.ConcurrentModification: {Name: throttling, Message: "The key was changed at the same time, please try again."},
		fault.Overloaded:             {Name: throttling, Message: "Rate exceeded"},
	}
}

// callerErrors are AWS's common errors for signed calls.
func callerErrors() map[fault.Code]wire.ErrorShape {
	return map[fault.Code]wire.ErrorShape{
		fault.Unauthenticated: {Name: "MissingAuthenticationTokenException", Message: "Missing Authentication Token"},
		fault.SignatureWrong: {Name: "InvalidSignatureException", Message: "The request signature we calculated does not match the signature you " +
			"provided. Check your AWS Secret Access Key and signing method."},
		fault.AccessKeyUnknown: {Name: "UnrecognizedClientException", Message: "The security token included in the request is invalid."},
		fault.OriginForbidden:  {Name: accessDenied, Status: 403, Message: "Pages of other origins may not call this operation."},
	}
}

// byField names the exceptions that KMS has for single parameters.
var byField = map[string]wire.ErrorShape{
	"aliasname":   {Name: "InvalidAliasNameException", Message: "The alias name is not valid."},
	"arn":         {Name: "InvalidArnException", Message: "The ARN is not valid."},
	"marker":      {Name: "InvalidMarkerException", Message: "The marker is not valid."},
	"nexttoken":   {Name: "InvalidMarkerException", Message: "The marker is not valid."}, // package wire's name for it
	"granttoken":  {Name: "InvalidGrantTokenException", Message: "The grant token is not valid."},
	"granttokens": {Name: "InvalidGrantTokenException", Message: "The grant token is not valid."},
	"grantid":     {Name: "InvalidGrantIdException", Message: "The grant id is not valid."},
	"tags":        {Name: "TagException", Message: "The tags are not valid."},
	"tagkeys":     {Name: "TagException", Message: "The tag keys are not valid."},
	"signature":   {Name: "KMSInvalidSignatureException", Message: "The signature is not valid."},
	"dryrun":      {Name: "DryRunOperationException", Message: "The request would have succeeded, but the DryRun option is set."},
}

// errorOf words an invalid parameter by its name, where KMS does.
func errorOf(_ string, f *fault.Error) (wire.ErrorShape, bool) {
	if f.Code != fault.InvalidParameter {
		return wire.ErrorShape{}, false
	}
	s, ok := byField[strings.ToLower(f.Field)]
	return s, ok
}
