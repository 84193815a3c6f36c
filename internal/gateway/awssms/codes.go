package awssms

import (
	"encoding/json"
	"strings"
	"time"

	"countersign/provider"
)

// common are errors of AWS's front door (Amazon SNS and End User Messaging API references, "Common Errors").
var common = map[string]provider.Reason{
	"AccessDenied": provider.AuthFailed, "AccessDeniedException": provider.AuthFailed, "AuthorizationError": provider.AuthFailed,
	"InvalidSecurity": provider.AuthFailed, "SignatureDoesNotMatch": provider.AuthFailed, "InvalidSignatureException": provider.AuthFailed,
	"InvalidClientTokenId": provider.AuthFailed, "UnrecognizedClientException": provider.AuthFailed, "ExpiredToken": provider.AuthFailed,
	"ExpiredTokenException": provider.AuthFailed, "OptInRequired": provider.AuthFailed, "IncompleteSignature": provider.AuthFailed,
	"IncompleteSignatureException": provider.AuthFailed, "MissingAuthenticationToken": provider.AuthFailed,
	"MissingAuthenticationTokenException": provider.AuthFailed, "RequestExpired": provider.AuthFailed, "NotAuthorized": provider.AuthFailed,
	"Throttling": provider.RateLimited, "ThrottlingException": provider.RateLimited, "Throttled": provider.RateLimited,
	"ThrottledException":       provider.RateLimited,
	"TooManyRequestsException": provider.RateLimited, "RequestLimitExceeded": provider.RateLimited,
	"InternalError": provider.Temporary, "InternalFailure": provider.Temporary, "InternalServerException": provider.Temporary,
	"ServiceUnavailable":          provider.Temporary,
	"ServiceUnavailableException": provider.Temporary,
	"ValidationException":         provider.BadRequest, "ParameterValueInvalid": provider.BadRequest, "InvalidParameterValue": provider.BadRequest,
	"InvalidAction": provider.BadRequest, "MissingParameter": provider.BadRequest, "MissingAction": provider.BadRequest,
}

// snsReason is what an error code of SNS means; "" leaves it to the status.
func snsReason(code, text string) provider.Reason {
	switch {
	case code == "InvalidParameter" && strings.Contains(text, "PhoneNumber"):
		return provider.InvalidNumber
	case code == "InvalidParameter" && strings.Contains(text, "too long"):
		return provider.ContentRejected
	case code == "InvalidParameter", code == "NotFound", code == "EndpointDisabled", code == "PlatformApplicationDisabled", strings.HasPrefix(code, "KMS"):
		return provider.BadRequest
	}
	return common[code]
}

// refusal is what End User Messaging adds to an error.
type refusal struct {
	Reason string
	Fields []struct{ Name string }
}

func refusalOf(body []byte) refusal {
	var r refusal
	if json.Unmarshal(body, &r) != nil {
		return refusal{}
	}
	return r
}

// byReason are the meanings of Reason (End User Messaging API reference, the exceptions' Reason).
var byReason = map[string]provider.Reason{
	"COUNTRY_NOT_ENABLED": provider.BadRequest, "DESTINATION_COUNTRY_BLOCKED": provider.BadRequest,
	"INTERNATIONAL_SENDING_NOT_SUPPORTED": provider.BadRequest, "PRICE_OVER_THRESHOLD": provider.BadRequest,
	"INVALID_IDENTITY_FOR_DESTINATION_COUNTRY": provider.SenderRejected, "SENDER_ID_NOT_REGISTERED": provider.SenderRejected,
	"SENDER_ID_NOT_SUPPORTED": provider.SenderRejected, "SENDER_ID_REQUIRES_REGISTRATION": provider.SenderRejected,
	"CHANNEL_NOT_ENABLED": provider.SenderRejected, "VOICE_CAPABILITY_NOT_AVAILABLE": provider.SenderRejected,
	"MAXIMUM_SIZE_EXCEEDED": provider.ContentRejected,

	"DESTINATION_PHONE_NUMBER_OPTED_OUT": provider.OptedOut, "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE": provider.Blocked,
	"DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION": provider.Blocked, "DESTINATION_PHONE_NUMBER_NOT_VERIFIED": provider.BadRequest,
	"NO_ORIGINATION_IDENTITIES_FOUND": provider.SenderRejected, "NUMBER_CAPABILITIES_MISMATCH": provider.SenderRejected,
	"MESSAGE_TYPE_MISMATCH": provider.SenderRejected, "RESOURCE_NOT_ACTIVE": provider.SenderRejected,

	"DAILY_DESTINATION_CALL_LIMIT": provider.RateLimited, "DAILY_NOTIFY_TIER_MESSAGE_LIMIT": provider.RateLimited,
}

// eumReason is what an error of End User Messaging means; "" leaves it to the status.
func eumReason(code string, r refusal) provider.Reason {
	switch code {
	case "ValidationException":
		for _, f := range r.Fields {
			if f.Name == "DestinationPhoneNumber" {
				return provider.InvalidNumber
			}
		}
	case "ResourceNotFoundException":
		return provider.SenderRejected
	case "ServiceQuotaExceededException":
		if strings.HasPrefix(r.Reason, "MONTHLY_SPEND_LIMIT_REACHED") {
			return provider.InsufficientFunds
		}
		if byReason[r.Reason] == "" {
			return provider.BadRequest
		}
	case "AccessDeniedException":
		return provider.AuthFailed
	case "ConflictException":
		if byReason[r.Reason] == "" {
			return provider.BadRequest
		}
	}
	if by := byReason[r.Reason]; by != "" {
		return by
	}
	return common[code]
}

// untilTomorrow is how long a daily limit lasts (days are UTC's), at least a minute.
func untilTomorrow(now time.Time) time.Duration {
	const day = 24 * time.Hour
	return max(now.Truncate(day).Add(day).Sub(now), time.Minute)
}
