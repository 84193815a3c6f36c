package smsvoice

import (
	"errors"
	"slices"
	"strings"

	"countersign/internal/awsapi/smsvoice/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/origination"
)

// The exceptions of the model.
const (
	validation    = "ValidationException"
	conflict      = "ConflictException"
	notFound      = "ResourceNotFoundException"
	quota         = "ServiceQuotaExceededException"
	throttling    = "ThrottlingException"
	accessDenied  = "AccessDeniedException"
	internalError = "InternalServerException"
	unsupported   = "UnsupportedOperationException"
)

// The kinds of resources, as the model calls them.
const (
	phoneNumber  = "phone-number"
	senderID     = "sender-id"
	destination  = "verified-destination-number"
	optOutList   = "opt-out-list"
	optedOut     = "opted-out-number"
	registered   = "registration"
	configSet    = "configuration-set"
	protection   = "protect-configuration"
	numberPool   = "pool"
	rcsAgent     = "rcs-agent"
	fieldInvalid = "FIELD_VALIDATION_FAILED"
)

// Errors words every fault code for End User Messaging. Codes of users, sign-ins and keys cannot come from the SMS account; they answer by their kind.
// What the model tells by a Reason stands in errorOf.
func Errors() map[fault.Code]wire.ErrorShape {
	table := make(map[fault.Code]wire.ErrorShape, 128)
	for _, code := range fault.Codes() {
		table[code] = byKind(code.Kind())
	}
	for code, shape := range accountErrors() {
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
		return with(validation, "INVALID_PARAMETER", "The request is not valid.")
	case fault.NotFound:
		return wire.ErrorShape{Name: notFound, Message: "The resource does not exist."}
	case fault.Conflict:
		return wire.ErrorShape{Name: conflict, Message: "The request conflicts with the state of the resource."}
	case fault.Denied:
		return wire.ErrorShape{Name: accessDenied, Message: "The request is not authorized."}
	case fault.Throttled, fault.Unavailable:
		return wire.ErrorShape{Name: throttling, Message: "Rate exceeded"}
	case fault.Unsupported:
		return wire.ErrorShape{Name: unsupported, Message: "This is not supported."}
	}
	return wire.ErrorShape{Name: internalError, Message: "The request failed because of an internal error, please try again."}
}

// with is an exception with a reason.
func with(name, reason, message string) wire.ErrorShape {
	return wire.ErrorShape{Name: name, Message: message, Members: map[string]any{"Reason": reason}}
}

func accountErrors() map[fault.Code]wire.ErrorShape {
	return map[fault.Code]wire.ErrorShape{
		fault.OptedOut:               with(conflict, "DESTINATION_PHONE_NUMBER_OPTED_OUT", "The destination phone number is opted out"),
		fault.DestinationNotVerified: with(conflict, "DESTINATION_PHONE_NUMBER_NOT_VERIFIED", "The account is in the sandbox: the destination phone number must be verified first"),
		fault.DestinationRefused:     with(validation, "DESTINATION_COUNTRY_BLOCKED", "No messages are sent to this destination phone number"),
		fault.PriceTooHigh:           with(validation, "PRICE_OVER_THRESHOLD", "The message costs more than MaxPrice"),
		fault.VerificationComplete:   with(conflict, "VERIFICATION_ALREADY_COMPLETE", "The destination phone number is verified already"),
		fault.CodeMismatch:           with(validation, "VERIFICATION_CODE_MISMATCH", "The verification code is wrong"),
		fault.CodeExpired:            with(conflict, "VERIFICATION_CODE_EXPIRED", "The verification code is expired or was tried too often: send another"),
		fault.AttemptLimit:           with(quota, "VERIFICATION_ATTEMPTS_PER_DAY", "The destination phone number was sent as many codes as it may be within 24 hours"),
		fault.ResourceExists:         with(conflict, "RESOURCE_ALREADY_EXISTS", "The resource exists already"),
		fault.PoolProtected:          with(conflict, "DELETION_PROTECTION_ENABLED", "Deletion protection is enabled"),
		fault.ConcurrentModification: {Name: throttling, Message: "The resource was changed at the same time, please try again."},
		fault.PayloadTooLarge:        with(validation, "MAXIMUM_SIZE_EXCEEDED", "The request is too large"),
		fault.CodeCheckFailed:        {Name: internalError, Status: 500, Message: "The code could not be judged, please try again."},
		fault.DeliveryFailed:         {Name: internalError, Status: 500, Message: "The message could not be handed over, please try again."},
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

// limits are the reasons of ServiceQuotaExceededException, by operation.
var limits = map[string]string{
	api.OpRequestPhoneNumber.Name: "PHONE_NUMBERS_PER_ACCOUNT", api.OpRequestSenderId.Name: "SENDER_IDS_PER_ACCOUNT",
	api.OpCreateOptOutList.Name: "OPT_OUT_LISTS_PER_ACCOUNT", api.OpCreateVerifiedDestinationNumber.Name: "VERIFIED_DESTINATION_NUMBERS_PER_ACCOUNT",
}

// members names the API's members for fields of the domain.
var members = map[string]string{
	"to": "DestinationPhoneNumber", "number": "DestinationPhoneNumber", "text": "MessageBody", "type": "MessageType", "max_price": "MaxPrice", "ttl": "TimeToLive",
	"sender": "OriginationIdentity", "origination": "OriginationIdentity", "name": "OptOutListName", "country": "IsoCountryCode", "value": "SenderId",
	"capabilities": "NumberCapabilities", "message_type": "MessageType", "monthly_limit": "MonthlyLimit", "tags": "Tags",
	"entity_id": "DestinationCountryParameters", "template_id": "DestinationCountryParameters", "language": "LanguageCode",
}

// shapes is the table of Errors, declared what operations declare, by their names. They are not changed.
var (
	shapes   = Errors()
	declared = func() map[string][]string {
		out := make(map[string][]string, len(api.Operations))
		for _, op := range api.Operations {
			out[op.Name] = op.Errors
		}
		return out
	}()
)

// errorOf words errors for which the code alone does not tell exception and reason. Of what an operation does not declare, clients could make no sense:
// it becomes ValidationException, which all of them have.
func errorOf(operation string, f *fault.Error) (wire.ErrorShape, bool) {
	s, own := reasoned(operation, f)
	if !own {
		s = shapes[f.Code]
	}
	switch s.Name {
	case conflict, notFound, quota:
		if names := declared[operation]; len(names) > 0 && !slices.Contains(names, s.Name) {
			return with(validation, "OTHER", s.Message), true
		}
	}
	return s, own
}

// reasoned is errorOf, whatever operations declare.
func reasoned(operation string, f *fault.Error) (wire.ErrorShape, bool) {
	switch f.Code {
	case fault.InvalidParameter:
		return invalid(operation, f), true
	case fault.OriginationRefused:
		return refused(operation, f), true
	case fault.ResourceNotFound:
		s := wire.ErrorShape{Name: notFound, Message: "The resource does not exist", Members: map[string]any{}}
		return about(s, f), true
	case fault.ResourceExists, fault.PoolProtected:
		s := accountErrors()[f.Code]
		if operation == api.OpDeleteOptOutList.Name {
			s = with(conflict, "RESOURCE_DELETION_NOT_ALLOWED", "This opt-out list cannot be deleted")
		}
		return about(s, f), true
	case fault.TooMany:
		if operation == api.OpVerifyDestinationNumber.Name { // it declares no ServiceQuotaExceededException
			return with(conflict, "RESOURCE_MODIFICATION_NOT_ALLOWED", "The account has as many verified destination numbers as it may"), true
		}
		if reason := limits[operation]; reason != "" {
			return with(quota, reason, "The account has as many of these as it may"), true
		}
	case fault.TooSoon:
		if operation == api.OpDeleteOptedOutNumber.Name {
			return with(validation, "PHONE_NUMBER_CANNOT_BE_OPTED_IN", "A phone number can be opted in once in 30 days"), true
		}
		return with(conflict, "RESOURCE_DELETION_NOT_ALLOWED", "The resource can be deleted 24 hours after it was verified or last sent a code"), true
	case fault.SpendLimitReached:
		kind := "TEXT"
		if operation == api.OpSendVoiceMessage.Name || f.Field == "voice" {
			kind = "VOICE"
		}
		return with(quota, "MONTHLY_SPEND_LIMIT_REACHED_FOR_"+kind, "The spend limit of this month is reached"), true
	}
	return wire.ErrorShape{}, false
}

// invalid words what is wrong with a member of the request.
func invalid(operation string, f *fault.Error) wire.ErrorShape {
	s := with(validation, fieldInvalid, "The request is not valid.")
	switch {
	case f.Field == "NextToken" || f.Field == "after":
		return with(validation, "INVALID_NEXT_TOKEN", "The next token is not valid.")
	case f.Field == "monthly_limit_above":
		return with(validation, "REQUESTED_SPEND_LIMIT_HIGHER_THAN_SERVICE_LIMIT", "The limit is higher than that of the account.")
	case f.Field == "tags": // package origination finds nothing wrong with them but their number
		return with(quota, "TAGS_PER_RESOURCE", "A resource has as many tags as it may.")
	case f.Field == "two_way":
		return with(validation, "TWO_WAY_NOT_SUPPORTED_IN_COUNTRY", "Two-way messages are not to be had there.")
	case f.Field != "":
		name := f.Field
		if member := members[name]; member != "" {
			name = member
		}
		if operation == api.OpRequestPhoneNumber.Name && f.Field == "type" {
			name = "NumberType"
		}
		s.Members["Fields"] = []field{{Name: name, Message: f.Public}}
	default:
		s.Members["Fields"] = violated(f.Public)
	}
	return s
}

// field is ValidationExceptionField.
type field struct{ Name, Message string }

// violated finds the members in the sentence of wire.Violations, which says "... at 'destinationPhoneNumber' failed to satisfy constraint: ...".
func violated(sentence string) []field {
	out := []field{}
	for _, part := range strings.Split(sentence, "; ") {
		_, rest, ok := strings.Cut(part, " at '")
		name, constraint, found := strings.Cut(rest, "' failed to satisfy constraint: ")
		if ok && found && name != "" {
			out = append(out, field{Name: strings.ToUpper(name[:1]) + name[1:], Message: constraint})
		}
	}
	return out
}

// subject says what an error is about.
type subject struct {
	kind, id string
	err      error
}

func (s *subject) Error() string { return s.kind + ": " + s.err.Error() }
func (s *subject) Unwrap() error { return s.err }

// on says what an error is about: a kind of resource, and its id as the request named it, unless that is a phone number.
func on(err error, kind, id string) error {
	if err == nil {
		return nil
	}
	if b, ok := errors.AsType[*origination.Blocker](err); ok {
		return fault.New(fault.OriginationRefused).WithField(string(b.Reason)).WithPublic("%s", b.Public).WithErr(b)
	}
	if id != "" && strings.Trim(id, "+0123456789") == "" {
		id = ""
	}
	f := fault.Of(err)
	return f.WithErr(&subject{kind, id, err})
}

// missing is the error for what does not exist here.
func missing(kind, id string) error { return on(fault.New(fault.ResourceNotFound), kind, id) }

// about adds what an error is about.
func about(s wire.ErrorShape, f *fault.Error) wire.ErrorShape {
	if sub, ok := errors.AsType[*subject](f.Err); ok {
		s.Members["ResourceType"] = sub.kind
		if sub.id != "" {
			s.Members["ResourceId"] = sub.id
		}
	}
	return s
}

// refused words why no origination identity may send.
func refused(operation string, f *fault.Error) wire.ErrorShape {
	const message = "No origination identity may send this message"
	switch origination.Reason(f.Field) {
	case origination.Unknown:
		s := wire.ErrorShape{Name: notFound, Message: "The origination identity does not exist", Members: map[string]any{"ResourceType": phoneNumber}}
		if b, ok := errors.AsType[*origination.Blocker](f.Err); ok && origination.SenderIDForm(b.Identity) {
			s.Members["ResourceType"] = senderID
		}
		return s
	case origination.NotActive, origination.OnlySimulated:
		return with(conflict, "RESOURCE_NOT_ACTIVE", message)
	case origination.SenderNotSupported:
		return with(validation, "SENDER_ID_NOT_SUPPORTED", message)
	case origination.SenderNotRegistered:
		if operation == api.OpRequestSenderId.Name {
			return with(validation, "SENDER_ID_REQUIRES_REGISTRATION", message)
		}
		return with(validation, "SENDER_ID_NOT_REGISTERED", message)
	case origination.OtherCountry:
		return with(validation, "INVALID_IDENTITY_FOR_DESTINATION_COUNTRY", message)
	case origination.NoVoice:
		return with(validation, "VOICE_CAPABILITY_NOT_AVAILABLE", message)
	case origination.NoSMS, origination.ReceiveOnly:
		return with(conflict, "NUMBER_CAPABILITIES_MISMATCH", message)
	}
	return with(conflict, "NO_ORIGINATION_IDENTITIES_FOUND", message)
}
