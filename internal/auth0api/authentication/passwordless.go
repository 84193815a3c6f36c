package authentication

import (
	"context"
	"net/http"

	"countersign/internal/fault"
	"countersign/internal/pool"
)

// started is the answer of POST /passwordless/start.
type started struct {
	ID            string `json:"_id"`
	Phone         string `json:"phone_number,omitempty"`
	PhoneVerified *bool  `json:"phone_verified,omitempty"`
	Email         string `json:"email,omitempty"`
	EmailVerified *bool  `json:"email_verified,omitempty"`
	Language      string `json:"request_language,omitempty"`
}

func (a *API) startPasswordless(ctx context.Context, q *request) (any, error) {
	if !a.take(q.w, q.Request, a.limits.start) {
		return nil, tooMany("too_many_requests", descManyTexts)
	}
	in := pool.PasswordlessInput{OAuthClient: q.client(), Connection: q.get("connection"), Phone: q.get("phone_number"), Email: q.get("email")}
	if err := startable(q, in); err != nil {
		return nil, err
	}
	out, err := a.Flows.StartPasswordless(ctx, q.caller, in)
	if err != nil {
		return nil, startError(err, in.Connection)
	}
	r := started{ID: out.ID, Phone: out.Phone, Email: out.Email, Language: out.Language}
	if out.Phone != "" {
		r.PhoneVerified = &out.Verified
	} else {
		r.EmailVerified = &out.Verified
	}
	return r, nil
}

// startable says what the request lacks, in the names that clients know.
func startable(q *request, in pool.PasswordlessInput) error {
	bad := func(name, text string) error {
		return &oauthError{status: http.StatusBadRequest, Name: name, Description: text}
	}
	switch {
	case in.ID == "":
		return missing("client_id")
	case in.Connection != "sms" && in.Connection != "email":
		return bad("bad.connection", "The connection must be sms or email.")
	case in.Connection == "sms" && in.Phone == "":
		return bad("bad.phone_number", "Missing required parameter: phone_number")
	case in.Connection == "email" && in.Email == "":
		return bad("bad.email", "Missing required parameter: email")
	case q.get("send") != "" && q.get("send") != "code":
		return bad("operation_not_supported", "Only codes are sent: leave send out, or set it to code.")
	}
	return nil
}

// startError names the parameter that a sentence is about.
func startError(err error, connection string) error {
	f := fault.Of(err)
	if f.Code != fault.InvalidParameter && f.Code != fault.DestinationRefused {
		return answered(err, startWords)
	}
	name := "bad.phone_number"
	if connection == "email" {
		name = "bad.email"
	}
	if f.Field == "connection" {
		name = "bad.connection"
	}
	return answered(err, words{f.Code: {status: http.StatusBadRequest, name: name, text: "The destination cannot be used.", own: true}})
}

// verifyPasswordless tells whether a code is right and leaves it for the grant. A wrong one costs what it costs there. The code is bound to the client, which
// must name itself.
func (a *API) verifyPasswordless(ctx context.Context, q *request) (any, error) {
	in := pool.PasswordlessGrantInput{OAuthClient: q.client(), Realm: q.get("connection"), Username: q.get("phone_number"), Code: q.get("verification_code")}
	if in.Realm == "email" {
		in.Username = q.get("email")
	}
	err := startable(q, pool.PasswordlessInput{OAuthClient: in.OAuthClient, Connection: in.Realm, Phone: q.get("phone_number"), Email: q.get("email")})
	if err == nil && in.Code == "" {
		err = missing("verification_code")
	}
	if err != nil {
		return nil, err
	}
	if err := a.Flows.VerifyPasswordless(ctx, q.caller, in); err != nil {
		return nil, answered(err, codeWordsOf(in.Realm))
	}
	return struct{}{}, nil
}

// codeWordsOf words a wrong code of a connection.
func codeWordsOf(connection string) words {
	if connection == "email" {
		return emailCodeWords
	}
	return phoneCodeWords
}
