package authentication

import (
	"net/http"

	"countersign/internal/fault"
)

// oauthError is RFC 6749, section 5.2, with the statuses of the original.
type oauthError struct {
	status      int
	Name        string `json:"error"`
	Description string `json:"error_description"`
	hint        string
	retry       int // seconds, 0: unknown
}

func (e *oauthError) Error() string { return e.Name + ": " + e.Description }

func invalidRequest(text string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, Name: "invalid_request", Description: text}
}

func missing(name string) *oauthError { return invalidRequest("Missing required parameter: " + name) }

// required returns the first of the names that has no value, as an error.
func required(get func(string) string, names ...string) error {
	for _, n := range names {
		if get(n) == "" {
			return missing(n)
		}
	}
	return nil
}

// words are answers to fault codes that differ from the table at one endpoint.
type words map[fault.Code]row

// answerTo turns a fault into an answer: by the endpoint's own words, else by the table.
func answerTo(err error, own words) *oauthError {
	f := fault.Of(err)
	r, ok := own[f.Code]
	if !ok {
		r, ok = rows[f.Code]
	}
	if !ok {
		r = internalRow
	}
	e := &oauthError{status: r.status, Name: r.name, Description: r.text, hint: f.Hint, retry: r.retry}
	if r.own && f.Public != "" {
		e.Description = f.Public
	}
	if f.RetryAfter > 0 {
		e.retry = max(1, int(f.RetryAfter.Seconds()))
	}
	return e
}

// answered is answerTo for endpoints; an internal error stays as it is, so that its cause is logged.
func answered(err error, own words) error {
	if e := answerTo(err, own); e.status != http.StatusInternalServerError {
		return e
	}
	return err
}

// The words of endpoints.
var (
	// sendWords: challenge and associate send, so the allowance that is used up is that of messages.
	sendWords = words{fault.AttemptLimit: {status: 429, name: "too_many_attempts", text: descManyTexts}}
	// startWords are the names that clients know of POST /passwordless/start.
	startWords = words{
		fault.AttemptLimit:       {status: 429, name: "too_many_requests", text: descManyTexts},
		fault.ClientNotFound:     {status: 401, name: "unauthorized", text: descUnauthorized},
		fault.ClientSecretWrong:  {status: 401, name: "unauthorized", text: descUnauthorized},
		fault.SecretHashMissing:  {status: 401, name: "unauthorized", text: descUnauthorized},
		fault.SecretHashWrong:    {status: 401, name: "unauthorized", text: descUnauthorized},
		fault.DeliveryFailed:     {status: 400, name: "sms_provider_error", text: "The message could not be sent.", own: true},
		fault.DestinationRefused: {status: 400, name: "bad.phone_number", text: "Invalid phone number.", own: true},
	}
	phoneCodeWords, emailCodeWords = codeWords(descPhoneCode), codeWords(descEmailCode)
)

// codeWords are those of the grant passwordless/otp: whether a code was wrong, old or never sent has one answer.
func codeWords(text string) words {
	out := words{}
	for _, c := range []fault.Code{fault.WrongCredentials, fault.UserNotFound, fault.CodeMismatch, fault.ChallengeCodeMismatch, fault.CodeExpired,
		fault.SessionInvalid, fault.SessionExpired, fault.SessionUsed, fault.OOBCodeInvalid, fault.OOBCodeExpired} {
		out[c] = row{status: 403, name: "invalid_grant", text: text}
	}
	return out
}
