package authentication

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"countersign/internal/fault"
)

// TestEveryFaultHasAnAnswer, and no answer is to a code that does not exist.
func TestEveryFaultHasAnAnswer(t *testing.T) {
	codes := fault.Codes()
	for _, c := range codes {
		r, ok := rows[c]
		if !ok || r.status < 400 || r.name == "" || r.text == "" {
			t.Errorf("%s: %+v", c, r)
		}
		if (c.Kind() == fault.Internal) && r.status != 500 {
			t.Errorf("%s is internal: %+v", c, r)
		}
	}
	for c := range rows {
		if !slices.Contains(codes, c) {
			t.Errorf("%s is no code", c)
		}
	}
	for _, own := range []words{sendWords, startWords, phoneCodeWords, emailCodeWords} {
		for c := range own {
			if _, ok := rows[c]; !ok {
				t.Errorf("%s is no code", c)
			}
		}
	}
}

// TestWordsThatClientsCompare: they are part of the contract, to the full stop.
func TestWordsThatClientsCompare(t *testing.T) {
	for code, want := range map[fault.Code]struct {
		status            int
		name, description string
	}{
		fault.CodeMismatch:         {403, "invalid_grant", "Invalid binding_code."},
		fault.OTPWrong:             {403, "invalid_grant", "Invalid otp_code."},
		fault.RecoveryCodeWrong:    {403, "invalid_grant", "MFA Authorization rejected."},
		fault.MFATokenInvalid:      {403, "invalid_grant", "Malformed mfa_token"},
		fault.MFATokenExpired:      {403, "expired_token", "mfa_token is expired"},
		fault.OOBCodeInvalid:       {403, "invalid_grant", "Malformed oob_code"},
		fault.OOBCodeExpired:       {403, "expired_token", "oob_code is expired"},
		fault.WrongCredentials:     {403, "invalid_grant", "Wrong email or password."},
		fault.RefreshTokenInvalid:  {403, "invalid_grant", "Unknown or invalid refresh token."},
		fault.AttemptLimit:         {429, "too_many_attempts", "Too many failed codes. Wait for some minutes before retrying."},
		fault.ChallengeUnsupported: {401, "unsupported_challenge_type", "The user does not support any of the requested challenge types."},
	} {
		e := answerTo(fault.New(code), nil)
		if e.status != want.status || e.Name != want.name || e.Description != want.description {
			t.Errorf("%s: %d %s", code, e.status, e)
		}
	}
}

// TestRefusalsThatDependOnAnAccountNameNobody: a sentence of the pool about a user never comes through.
func TestRefusalsThatDependOnAnAccountNameNobody(t *testing.T) {
	for _, c := range []fault.Code{
		fault.WrongCredentials, fault.UserNotFound, fault.ResetUserNotFound, fault.UsernameTaken, fault.AliasTaken, fault.SignInNameTaken, fault.UserAlreadyConfirmed,
		fault.CodeMismatch, fault.OTPWrong, fault.MFATokenInvalid, fault.RefreshTokenInvalid, fault.ClientNotFound,
	} {
		if e := answerTo(fault.New(c).WithPublic("anna@example.com is unknown"), nil); strings.Contains(e.Description, "anna") {
			t.Errorf("%s: %s", c, e)
		}
	}
}

func TestInternalErrorsAreLoggedNotShown(t *testing.T) {
	x := newWorld()
	x.flows.err = errors.New("disk on fire")
	w := x.do("POST", "/passwordless/start", js, `{"client_id":"app","connection":"sms","phone_number":"+1"}`)
	same(t, "start", w, 500, `{"error":"server_error","error_description":"Internal error"}`)
	if !strings.Contains(x.log.String(), "disk on fire") {
		t.Errorf("the log says %q", x.log.String())
	}
}

func TestHintsAreForDevelopers(t *testing.T) {
	for _, dev := range []bool{false, true} {
		x := newWorld()
		x.dev, x.flows.err = dev, fault.New(fault.GrantNotAllowed).WithHint("allow it with …")
		w := x.do("POST", "/oauth/token", form, "grant_type=password&client_id=app&username=a&password=b")
		if (w.Header().Get(hintHeader) != "") != dev {
			t.Errorf("dev %v: %v", dev, w.Header())
		}
	}
}

func TestBearerErrors(t *testing.T) {
	x := newWorld()
	x.flows.err = fault.New(fault.AccessTokenExpired)
	w := x.do("GET", "/userinfo", "", "", "Authorization", bearer)
	if w.Code != 401 || w.Header().Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	x.flows.err = &fault.Error{Code: fault.RateExceeded, RetryAfter: 90 * time.Second}
	if w := x.do("GET", "/userinfo", "", "", "Authorization", bearer); w.Code != 429 || w.Header().Get("Retry-After") != "90" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}
