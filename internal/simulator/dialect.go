package simulator

import (
	"errors"
	"net/http"
	"strconv"

	"countersign/provider"
)

// refusal is how a service says that a send failed: HTTP status, its own code, its sentence.
type refusal struct {
	status int
	code   string
	text   string
}

// dialect is how a service says each reason. Where it has no word for one, the nearest that it has is said (see nearest).
type dialect map[provider.Reason]refusal

// nearest are the reasons to look for instead, in this order.
var nearest = map[provider.Reason][]provider.Reason{
	provider.Unreachable: {provider.InvalidNumber, provider.BadRequest}, provider.OptedOut: {provider.Blocked, provider.InvalidNumber, provider.BadRequest},
	provider.Blocked:       {provider.InvalidNumber, provider.BadRequest},
	provider.InvalidNumber: {provider.BadRequest}, provider.SenderRejected: {provider.BadRequest}, provider.ContentRejected: {provider.BadRequest},
}

// common are refusals by HTTP status alone.
var common = dialect{
	provider.BadRequest: {400, "", "Bad Request"}, provider.AuthFailed: {401, "", "Unauthorized"}, provider.InsufficientFunds: {402, "", "Payment Required"},
	provider.RateLimited: {429, "", "Too Many Requests"}, provider.Temporary: {503, "", "Service Unavailable"}, provider.Unknown: {200, "", ""},
}

// say returns the refusal for an error of Inbox.take, and sets Retry-After for one that throttles. A connection that a fault cuts ends here.
func (d dialect) say(w http.ResponseWriter, err error) refusal {
	if errors.Is(err, errCut) {
		panic(http.ErrAbortHandler)
	}
	reason := provider.ReasonOf(err)
	if _, after := provider.ClassOf(err); after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(after.Seconds())))
	}
	for _, r := range append([]provider.Reason{reason}, nearest[reason]...) {
		if out, ok := d[r]; ok {
			return out
		}
		if out, ok := common[r]; ok {
			return out
		}
	}
	return common[provider.Temporary]
}

// number is a code as JSON writes it, 0 if it is none.
func (r refusal) number() int {
	n, _ := strconv.Atoi(r.code) // codes of the dialects that are numbers are numbers
	return n
}

var twilioSays = dialect{
	provider.InvalidNumber: {400, "21211", "Invalid 'To' Phone Number"}, provider.Unreachable: {400, "21635", "'To' number cannot be a landline"},
	provider.OptedOut:        {400, "21610", "Attempt to send to unsubscribed recipient"},
	provider.Blocked:         {400, "30450", "Message delivery blocked"},
	provider.SenderRejected:  {400, "21606", "The 'From' phone number is not a valid, message-capable number for your account"},
	provider.ContentRejected: {400, "30007", "Message filtered"}, provider.AuthFailed: {401, "20003", "Authenticate"},
	provider.InsufficientFunds: {402, "20402", "Payment required"}, provider.RateLimited: {429, "20429", "Too Many Requests"},
	provider.Temporary: {500, "20500", "Internal error."}, provider.BadRequest: {400, "21408", "Permission to send to this region is not enabled"},
	provider.Unknown: {200, "29999", "Something that no table holds"},
}

var infobipSays = dialect{ // status ids
	provider.InvalidNumber: {200, "52", "REJECTED_DESTINATION"}, provider.OptedOut: {200, "10", "REJECTED_DND"}, provider.SenderRejected: {200, "13", "REJECTED_SENDER"},
	provider.Unreachable: {200, "96", "REJECTED_NO_ANSWER"}, provider.ContentRejected: {200, "25", "REJECTED_MESSAGE_TOO_LONG"},
	provider.InsufficientFunds: {200, "12", "REJECTED_NOT_ENOUGH_CREDITS"}, provider.RateLimited: {200, "20", "REJECTED_FLOODING_FILTER"},
	provider.Temporary: {200, "21", "REJECTED_SYSTEM_ERROR"}, provider.BadRequest: {200, "19", "REJECTED_ROUTE_NOT_AVAILABLE"},
	provider.Unknown: {200, "9999", "REJECTED_SOMEHOW"}, provider.Blocked: {200, "87", "SIGNALS_BLOCKED"},
}

var telesignSays = dialect{
	provider.InvalidNumber: {400, "11000", "Invalid value for parameter phone_number."}, provider.Unreachable: {200, "211", "Device is not reachable"},
	provider.Blocked: {200, "229", "Recipient is blocked"}, provider.SenderRejected: {400, "11013", "Invalid value for parameter sender_id."},
	provider.ContentRejected: {200, "231", "Message contains prohibited content"}, provider.AuthFailed: {401, "501", "Not authorized"},
	provider.InsufficientFunds: {402, "402", "Payment required"}, provider.RateLimited: {429, "3204", "Rate limit exceeded"},
	provider.Temporary: {500, "500", "Transaction not attempted"}, provider.BadRequest: {400, "11010", "Invalid value for parameter message_type."},
	provider.Unknown: {200, "599", "Status not available"},
}

var vonageSMSSays = dialect{ // statuses, always with 200
	provider.InvalidNumber: {200, "6", "The message was rejected: anti-spam or unroutable number"}, provider.Unreachable: {200, "33", "Number not reachable"},
	provider.Blocked: {200, "7", "Number barred"}, provider.SenderRejected: {200, "15", "Illegal Sender Address - rejected"},
	provider.ContentRejected: {200, "12", "Message Too Long"}, provider.AuthFailed: {200, "4", "Bad Credentials"},
	provider.InsufficientFunds: {200, "9", "Partner quota violation"}, provider.RateLimited: {200, "1", "Throughput Rate Exceeded - please wait and retry"},
	provider.Temporary: {200, "5", "Internal Error"}, provider.BadRequest: {200, "2", "Missing params"}, provider.Unknown: {200, "99", "Something new"},
}

var vonageSays = dialect{ // the ends of types of problems
	provider.InvalidNumber: {422, "/messages#1170", "Invalid or Missing Msisdn Param"}, provider.Unreachable: {422, "/messages#1180", "Absent Subscriber"},
	provider.OptedOut: {422, "/messages#1240", "Illegal Number"}, provider.SenderRejected: {422, "/messages#1120", "Illegal Sender Address"},
	provider.ContentRejected: {422, "/messages#1210", "Anti-Spam Rejection"}, provider.AuthFailed: {401, "#unauthorized", "Unauthorized"},
	provider.InsufficientFunds: {402, "#low-balance", "Low balance"}, provider.RateLimited: {429, "#throttled", "Rate Limit Hit"},
	provider.Temporary: {500, "/messages#1100", "Internal Error"}, provider.BadRequest: {422, "#invalid-params", "Invalid params"},
	provider.Unknown: {200, "/messages#1330", "Unknown"}, provider.Blocked: {422, "/messages#1280", "Carrier Rejected"},
}

var mittoSays = dialect{ // response codes
	provider.InvalidNumber: {200, "8", "Invalid recipient"}, provider.SenderRejected: {200, "6", "Invalid sender"}, provider.ContentRejected: {200, "4", "Invalid text"},
	provider.Temporary: {200, "1", "Internal error"}, provider.BadRequest: {200, "2", "Bad request"}, provider.Unknown: {200, "99", "Something new"},
}

var snsSays = dialect{
	provider.InvalidNumber: {400, "InvalidParameter", "Invalid parameter: PhoneNumber Reason: not valid to publish to"},
	provider.AuthFailed:    {403, "AuthorizationError", "Not authorized"}, provider.RateLimited: {400, "Throttling", "Rate exceeded"},
	provider.Temporary: {500, "InternalError", "Internal error."}, provider.BadRequest: {400, "ParameterValueInvalid", "Invalid parameter value"},
	provider.Unknown: {200, "SomethingNew", "Something new"},
}

var awsSays = dialect{ // exception/Reason
	provider.InvalidNumber:   {400, "ValidationException/FIELD_VALIDATION_FAILED", "DestinationPhoneNumber"},
	provider.OptedOut:        {400, "ConflictException/DESTINATION_PHONE_NUMBER_OPTED_OUT", "opted out"},
	provider.Blocked:         {400, "ConflictException/DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE", "blocked"},
	provider.SenderRejected:  {400, "ConflictException/NO_ORIGINATION_IDENTITIES_FOUND", "no origination identity"},
	provider.ContentRejected: {400, "ValidationException/MAXIMUM_SIZE_EXCEEDED", "too long"},
	provider.AuthFailed:      {400, "AccessDeniedException/ACCOUNT_DISABLED", "the account is disabled"},
	provider.InsufficientFunds: {400, "ServiceQuotaExceededException/MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT",
		"the monthly spend limit is reached"},
	provider.RateLimited: {400, "ThrottlingException", "Rate exceeded"}, provider.Temporary: {500, "InternalServerException", "internal error"},
	provider.BadRequest: {400, "ValidationException/COUNTRY_NOT_ENABLED", "the country is not enabled"}, provider.Unknown: {200, "SomethingNewException", "something new"},
}

var messageBirdSays = dialect{ // code/parameter
	provider.InvalidNumber: {422, "9/recipient", "no (correct) recipients found"}, provider.SenderRejected: {422, "10/originator", "originator is invalid"},
	provider.AuthFailed: {401, "2/access_key", "Request not allowed (incorrect access_key)"}, provider.InsufficientFunds: {422, "25/", "Not enough balance"},
	provider.Temporary: {500, "99/", "Internal error"}, provider.BadRequest: {422, "21/", "Bad request"}, provider.RateLimited: {429, "", "Too many requests"},
}

var sinchSays = dialect{
	provider.InvalidNumber:  {400, "syntax_invalid_parameter_format", "The format of parameter 'to[0]' is invalid."},
	provider.SenderRejected: {400, "syntax_invalid_parameter_format", "The format of parameter 'from' is invalid."},
	provider.BadRequest:     {403, "forbidden", "The plan does not allow this."}, provider.RateLimited: {429, "too_many_requests", "Too many requests."},
	provider.Temporary: {500, "internal_error", "Internal error."},
}
