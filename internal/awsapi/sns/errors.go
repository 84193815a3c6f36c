package sns

import (
	"net/http"
	"strings"

	"countersign/internal/awsapi/sns/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/smsaccount"
)

// Exceptions that several codes share, by their names in the model.
const (
	invalidParameter      = "InvalidParameterException"
	invalidParameterValue = "InvalidParameterValueException"
	authorization         = "AuthorizationErrorException"
	internalError         = "InternalErrorException"
	throttled             = "ThrottledException"
	notFound              = "ResourceNotFoundException"
	optedOut              = "OptedOutException"
	userError             = "UserErrorException"
	verification          = "VerificationException"
)

// Errors words every fault code for SNS. Codes of users, sign-ins and keys cannot come from the SMS account; they answer by their kind.
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
	case fault.Invalid, fault.Expired, fault.Conflict:
		return wire.ErrorShape{Name: invalidParameter, Message: "Invalid parameter: {field}"}
	case fault.NotFound:
		return wire.ErrorShape{Name: notFound, Message: "{field} does not exist"}
	case fault.Denied:
		return wire.ErrorShape{Name: authorization, Message: "The request is not authorized."}
	case fault.Throttled:
		return wire.ErrorShape{Name: throttled, Message: "Rate exceeded"}
	case fault.Unsupported:
		return wire.ErrorShape{Name: "UnsupportedOperationException", Message: "This is not supported."}
	}
	return wire.ErrorShape{Name: internalError, Message: "The request failed because of an internal error, please try again."}
}

// accountErrors are those that SNS knows only as invalid parameters: clients do not repeat these, and repeating does not help.
func accountErrors() map[fault.Code]wire.ErrorShape {
	return map[fault.Code]wire.ErrorShape{
		fault.OptedOut: {Name: invalidParameter, Message: "Invalid parameter: PhoneNumber Reason: the phone number is opted out"},
		fault.DestinationNotVerified: {Name: invalidParameter, Message: "Invalid parameter: PhoneNumber Reason: it is not verified, and the account is in " +
			"the SMS sandbox"},
		fault.OriginationRefused:     {Name: invalidParameter, Message: "Invalid parameter: PhoneNumber Reason: no origination identity may send to it"},
		fault.SpendLimitReached:      {Name: invalidParameter, Message: "Invalid parameter: MonthlySpendLimit Reason: the spend limit of this month is reached"},
		fault.PriceTooHigh:           {Name: invalidParameter, Message: "Invalid parameter: " + maxPrice + " Reason: the message costs more"},
		fault.DestinationRefused:     {Name: invalidParameter, Message: "Invalid parameter: PhoneNumber Reason: no messages are sent to it"},
		fault.TooSoon:                {Name: invalidParameter, Message: "Invalid parameter: PhoneNumber Reason: this may be done later"},
		fault.ConcurrentModification: {Name: throttled, Message: "The settings were changed at the same time, please try again."},
		fault.Overloaded:             {Name: throttled, Message: "Rate exceeded"},
		fault.PayloadTooLarge:        {Name: invalidParameter, Message: "Invalid parameter: Message too long"},
		fault.DeliveryFailed:         {Name: internalError, Message: "The message could not be handed over, please try again."},
	}
}

// callerErrors are AWS's common errors for signed calls, as services of this protocol call them.
func callerErrors() map[fault.Code]wire.ErrorShape {
	return map[fault.Code]wire.ErrorShape{
		fault.Unauthenticated: {Name: "MissingAuthenticationToken", Status: http.StatusForbidden, Message: "Request is missing Authentication Token"},
		fault.SignatureWrong: {Name: "SignatureDoesNotMatch", Status: http.StatusForbidden, Message: "The request signature we calculated does not match " +
			"the signature you provided. Check your AWS Secret Access Key and signing method."},
		fault.AccessKeyUnknown: {Name: "InvalidClientTokenId", Status: http.StatusForbidden, Message: "The security token included in the request is invalid."},
		fault.OriginForbidden:  {Name: authorization, Message: "Pages of other origins may not call this operation."},
	}
}

// byOperation names the exceptions that single operations have for a code.
var byOperation = map[string]map[fault.Code]wire.ErrorShape{
	api.OpCreateSMSSandboxPhoneNumber.Name: {
		fault.OptedOut:             {Name: optedOut, Message: "The phone number is opted out: it cannot be texted a code"},
		fault.AttemptLimit:         {Name: userError, Message: "The phone number was sent as many codes as it may be within 24 hours"},
		fault.TooMany:              {Name: userError, Message: "The account has as many destination phone numbers as it may"},
		fault.VerificationComplete: {Name: userError, Message: "The phone number is verified already"},
		fault.ResourceExists:       {Name: userError, Message: "The phone number is there already"},
	},
	api.OpVerifySMSSandboxPhoneNumber.Name: {
		fault.CodeMismatch:         unverified("CODE_MISMATCH", "The one-time password is wrong"),
		fault.CodeExpired:          unverified("CODE_EXPIRED", "The one-time password is expired or was tried too often, ask for another"),
		fault.AttemptLimit:         unverified("TOO_MANY_ATTEMPTS", "The one-time password was tried too often, ask for another"),
		fault.VerificationComplete: unverified("ALREADY_VERIFIED", "The phone number is verified already"),
		fault.ResourceNotFound:     {Name: notFound, Message: noNumber},
		fault.TooMany:              unverified("TOO_MANY_NUMBERS", "The account has as many verified destination phone numbers as it may"),
	},
	api.OpDeleteSMSSandboxPhoneNumber.Name: {
		fault.ResourceNotFound: {Name: notFound, Message: noNumber},
		fault.TooSoon:          {Name: userError, Message: "The phone number can be deleted 24 hours after it was verified or last sent a code"},
	},
}

const noNumber = "The phone number is not a destination phone number of the SMS sandbox"

// unverified is VerificationException, whose member Status says in a word what is wrong.
func unverified(status, message string) wire.ErrorShape {
	return wire.ErrorShape{Name: verification, Message: message, Members: map[string]any{"Status": status}}
}

// errorOf words errors for which the code alone does not tell the exception.
func errorOf(operation string, f *fault.Error) (wire.ErrorShape, bool) {
	if s, ok := byOperation[operation][f.Code]; ok {
		return s, true
	}
	if f.Kind() == fault.NotFound && !namesResources[operation] {
		return wire.ErrorShape{Name: invalidParameter, Message: "Invalid parameter: {field} does not exist"}, true
	}
	if operation != api.OpPublish.Name {
		return wire.ErrorShape{}, false
	}
	switch {
	case f.Code == fault.InvalidParameter && f.Field == attributesField:
		return wire.ErrorShape{Name: invalidParameterValue, Message: "Invalid parameter: Message Attributes"}, true
	case shapes[f.Code].Name == throttled:
		return wire.ErrorShape{Name: "Throttling", Status: http.StatusBadRequest, Message: "Rate exceeded"}, true // Publish declares no ThrottledException
	}
	return wire.ErrorShape{}, false
}

// namesResources are the served operations that declare ResourceNotFoundException.
var namesResources = map[string]bool{
	api.OpVerifySMSSandboxPhoneNumber.Name: true, api.OpDeleteSMSSandboxPhoneNumber.Name: true, api.OpListSMSSandboxPhoneNumbers.Name: true,
}

const invalidPrefix = "Invalid parameter: "

// shapes is the table of Errors. It is not changed.
var shapes = Errors()

// worded puts a sentence of the domain into SNS's form, with the parameter's name there, if an operation answers with the exception that has one.
// parameter returns SNS's name for what an error is about; nil: that of the domain.
func worded(operation string, err error, parameter func(*fault.Error) string) error {
	if err == nil {
		return nil
	}
	f := fault.Of(err)
	shape, own := errorOf(operation, f)
	if !own {
		shape = shapes[f.Code]
	}
	if f.Public == "" || strings.HasPrefix(f.Public, invalidPrefix) || shape.Name != invalidParameter {
		return err
	}
	name := f.Field
	if parameter != nil {
		name = parameter(f)
	}
	if name == "" {
		return err
	}
	return f.WithPublic("%s%s Reason: %s", invalidPrefix, name, f.Public)
}

// absent reports that what was named does not exist.
func absent(err error) bool { return fault.CodeOf(err) == fault.ResourceNotFound }

// publishParameter names what package smsaccount refuses as Publish calls it. What is not known is of the destination.
func publishParameter(f *fault.Error) string {
	if f.Code == fault.SpendLimitReached {
		return smsaccount.MonthlySpendLimit
	}
	if name := parameterNames[f.Field]; name != "" && f.Code != fault.OriginationRefused {
		return name
	}
	return "PhoneNumber"
}

var parameterNames = map[string]string{
	"to": "PhoneNumber", "text": "Message", "sender": senderID, "origination": originationNumber, "type": smsType, "max_price": maxPrice,
	"entity_id": entityID, "template_id": templateID,
}
