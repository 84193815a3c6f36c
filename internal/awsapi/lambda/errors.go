package lambda

import (
	"net/http"

	"countersign/internal/awsapi/lambda/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

// Exceptions that several codes share.
const (
	invalidValue    = "InvalidParameterValueException"
	notFound        = "ResourceNotFoundException"
	conflict        = "ResourceConflictException"
	tooManyRequests = "TooManyRequestsException"
	serviceFailure  = "ServiceException"
	accessDenied    = "AccessDeniedException"
	storageExceeded = "CodeStorageExceededException"
	policyTooLong   = "PolicyLengthExceededException"
	tooLarge        = "RequestTooLargeException"
	bodyTooLarge    = "RequestEntityTooLargeException"
	badContent      = "InvalidRequestContentException"
	unsupported     = "UnsupportedOperationException"
	unknown         = "UnknownOperationException"
)

// statuses are those of exceptions that the model does not declare: AWS's common errors, and our own answer for what is not served.
var statuses = map[string]int{
	accessDenied: http.StatusForbidden, "MissingAuthenticationTokenException": http.StatusForbidden, "InvalidSignatureException": http.StatusForbidden,
	"UnrecognizedClientException": http.StatusForbidden, unsupported: http.StatusNotImplemented, unknown: http.StatusNotFound,
	bodyTooLarge: http.StatusRequestEntityTooLarge,
}

// Status returns the HTTP status of an exception.
func Status(exception string) int {
	if s := api.ExceptionStatus[exception]; s != 0 {
		return s
	}
	if s := statuses[exception]; s != 0 {
		return s
	}
	return http.StatusBadRequest
}

// capital lists the exceptions whose sentence is the member Message; it is message in the others. SDKs look for the one or the other.
var capital = map[string]bool{
	notFound: true, serviceFailure: true, "KMSDisabledException": true, "KMSInvalidStateException": true, accessDenied: true,
}

// words are those that Lambda has for codes which functions use. Codes of users and sign-ins cannot come from package function; shapeOf answers
// them by their kind.
var words = map[fault.Code]wire.ErrorShape{
	fault.InternalError:          {Name: serviceFailure, Message: "An internal error occurred, please try again."},
	fault.InvalidParameter:       {Name: invalidValue, Message: "A parameter is invalid."},
	fault.UnsupportedOperation:   {Name: invalidValue, Message: "This is not supported."},
	fault.ConcurrentModification: {Name: conflict, Message: "The operation cannot be performed at this time. The function is being changed, please try again."},
	fault.Overloaded:             {Name: tooManyRequests, Message: "Rate Exceeded."},
	fault.RateExceeded:           {Name: tooManyRequests, Message: "Rate Exceeded."},
	fault.ResourceNotFound:       {Name: notFound, Message: "Function not found: {field}"},
	fault.ResourceExists:         {Name: conflict, Message: "Function already exist: {field}"},
	fault.TooMany:                {Name: storageExceeded, Message: "Code storage limit exceeded."},
	fault.PayloadTooLarge:        {Name: tooLarge, Message: "The request is too large."},
	fault.PolicyMalformed:        {Name: invalidValue, Message: "The policy is malformed."},
	fault.KeyDisabled:            {Name: "KMSDisabledException", Message: "The KMS key is disabled."},
	fault.KeyStateInvalid:        {Name: "KMSInvalidStateException", Message: "The KMS key is not in a state for this."},
	fault.AccessDenied:           {Name: accessDenied, Message: "User is not authorized to perform this action."},
	fault.Unauthenticated:        {Name: "MissingAuthenticationTokenException", Message: "Missing Authentication Token"},
	fault.SignatureWrong: {Name: "InvalidSignatureException", Message: "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."},
	fault.AccessKeyUnknown: {Name: "UnrecognizedClientException", Message: "The security token included in the request is invalid."},
	fault.OriginForbidden:  {Name: accessDenied, Message: "Pages of other origins may not call this operation."},
}

// wordsFor holds what single operations word otherwise.
var wordsFor = map[string]map[fault.Code]wire.ErrorShape{
	"CreateAlias": {
		fault.TooMany:        {Name: "AliasLimitExceededException", Message: "The function has as many aliases as it may."},
		fault.ResourceExists: {Name: conflict, Message: "Alias already exists: {field}"},
	},
	"AddPermission": {
		fault.TooMany:         {Name: policyTooLong, Message: "The final policy size is larger than the limit."},
		fault.PayloadTooLarge: {Name: policyTooLong, Message: "The final policy size is larger than the limit."},
		fault.ResourceExists:  {Name: conflict, Message: "The statement id ({field}) provided already exists. Please provide a new statement id, or remove the existing statement."},
	},
	"CreateFunction":     {fault.PayloadTooLarge: {Name: invalidValue, Message: "The package is too large."}},
	"UpdateFunctionCode": {fault.PayloadTooLarge: {Name: invalidValue, Message: "The package is too large."}},
	"GetPolicy":          {fault.ResourceNotFound: {Name: notFound, Message: "The resource you requested does not exist."}},
}

// revisionField is the Field of a ConcurrentModification that the caller asked for by RevisionId.
const revisionField = "RevisionId"

// shapeOf words a fault. Applications decide by the name; Status gives the HTTP status.
func shapeOf(operation string, f *fault.Error) wire.ErrorShape {
	if f.Code == fault.ConcurrentModification && f.Field == revisionField {
		return wire.ErrorShape{Name: "PreconditionFailedException", Message: "The Revision Id provided does not match the latest Revision Id. " +
			"Call the GetFunction/GetAlias API to retrieve the latest Revision Id"}
	}
	s, ok := wordsFor[operation][f.Code]
	if !ok {
		s, ok = words[f.Code]
	}
	if ok {
		return s
	}
	switch f.Kind() {
	case fault.NotFound:
		return wire.ErrorShape{Name: notFound, Message: "The resource you requested does not exist."}
	case fault.Conflict:
		return wire.ErrorShape{Name: conflict, Message: "The resource is in use."}
	case fault.Denied:
		return wire.ErrorShape{Name: accessDenied, Message: "This is not allowed."}
	case fault.Throttled:
		return wire.ErrorShape{Name: tooManyRequests, Message: "Rate Exceeded."}
	case fault.Invalid, fault.Expired, fault.Unsupported:
		return wire.ErrorShape{Name: invalidValue, Message: "A parameter is invalid."}
	}
	return words[fault.InternalError]
}

// protocolError is a fault of the protocol: it has a fixed name and no fault code.
type protocolError struct{ name, message string }

func (e *protocolError) Error() string { return e.name + ": " + e.message }
