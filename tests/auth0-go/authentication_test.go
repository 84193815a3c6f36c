package auth0go

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/auth0/go-auth0"
	"github.com/auth0/go-auth0/authentication"
	"github.com/auth0/go-auth0/authentication/mfa"
	"github.com/auth0/go-auth0/authentication/oauth"
	"github.com/auth0/go-auth0/authentication/passwordless"
	"github.com/auth0/go-auth0/management"
)

const password = "Corr3ct-Horse-Battery!"

// app is the SDK as an application has it, with a client of its own.
func app(t *testing.T, m *management.Management) *authentication.Authentication {
	t.Helper()
	const grant = "http://auth0.com/oauth/grant-type/"
	c := &management.Client{Name: auth0.String("Shop"), AppType: auth0.String("regular_web"), GrantTypes: &[]string{
		"password", "refresh_token", grant + "password-realm", grant + "mfa-oob", grant + "passwordless/otp",
	}}
	check(t, m.Client.Create(t.Context(), c))
	ca, err := os.ReadFile(os.Getenv("COUNTERSIGN_CA"))
	if err != nil {
		t.Fatal("COUNTERSIGN_CA and COUNTERSIGN_HTTPS_URL are not set: see doc.go")
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	a, err := authentication.New(t.Context(), os.Getenv("COUNTERSIGN_HTTPS_URL"), authentication.WithClientID(c.GetClientID()),
		authentication.WithClientSecret(c.GetClientSecret()),
		authentication.WithClient(&http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}),
		authentication.WithIDTokenClockTolerance(10*time.Second))
	check(t, err)
	return a
}

var seen = map[string]string{} // number → id of the last message that was read

// code waits for the next code on a simulated phone.
func code(t *testing.T, number string) string {
	t.Helper()
	q := url.Values{"to": {number}, "wait": {"5s"}}
	if id := seen[number]; id != "" {
		q.Set("after", id)
	}
	res, err := http.Get(os.Getenv("COUNTERSIGN_URL") + "/simulator/inbox?" + q.Encode())
	check(t, err)
	defer res.Body.Close()
	var list []struct{ ID, Code string }
	check(t, json.NewDecoder(res.Body).Decode(&list))
	for _, m := range list {
		seen[number] = m.ID
		if m.Code != "" {
			return m.Code
		}
	}
	t.Fatalf("no code for %s", number)
	return ""
}

// refused is the API's error.
func refused(t *testing.T, err error) *authentication.Error {
	t.Helper()
	var e *authentication.Error
	if !errors.As(err, &e) {
		t.Fatalf("not an error of the API: %v", err)
	}
	return e
}

func signIn(t *testing.T, a *authentication.Authentication, email string) (*oauth.TokenSet, error) {
	t.Helper()
	return a.OAuth.LoginWithPassword(t.Context(), oauth.LoginWithPasswordRequest{
		Username: email, Password: password, Scope: "openid offline_access", Realm: "Username-Password-Authentication",
	}, oauth.IDTokenValidationOptions{})
}

func TestSecondFactor(t *testing.T) {
	m, ctx := client(t), t.Context()
	a := app(t, m)
	const email, number = "go.mfa@example.com", "+12025550171"
	check(t, m.User.Create(ctx, &management.User{
		Connection: auth0.String("Username-Password-Authentication"), Email: auth0.String(email), Password: auth0.String(password), EmailVerified: auth0.Bool(true),
	}))
	check(t, m.Guardian.MultiFactor.SMS.Enable(ctx, true))
	check(t, m.Guardian.MultiFactor.UpdatePolicy(ctx, &management.MultiFactorPolicies{"all-applications"}))
	t.Cleanup(func() {
		check(t, m.Guardian.MultiFactor.UpdatePolicy(context.Background(), &management.MultiFactorPolicies{}))
	})

	_, err := signIn(t, a, email)
	owed := refused(t, err)
	if owed.Err != "mfa_required" || owed.Status() != 403 || owed.GetMFAToken() == "" {
		t.Fatal(owed)
	}
	added, err := a.MFA.AddAuthenticator(ctx, owed.GetMFAToken(), mfa.AddAuthenticatorRequest{
		AuthenticatorTypes: []string{"oob"}, OOBChannels: []string{"sms"}, PhoneNumber: number,
	})
	check(t, err)
	right := code(t, number)
	verify := func(token, oob, code string) (*oauth.TokenSet, error) {
		return a.MFA.VerifyWithOOB(ctx, mfa.VerifyWithOOBRequest{MFAToken: token, OOBCode: oob, BindingCode: code})
	}
	_, err = verify(owed.GetMFAToken(), added.OOBCode, strings.Repeat("0", 5)+"x")
	if e := refused(t, err); e.Status() != 403 || e.Err != "invalid_grant" || e.Message != "Invalid binding_code." {
		t.Error(e)
	}
	tokens, err := verify(owed.GetMFAToken(), added.OOBCode, right)
	check(t, err)
	if tokens.AccessToken == "" || tokens.RefreshToken == "" {
		t.Errorf("%+v", tokens)
	}

	_, err = signIn(t, a, email)
	owed = refused(t, err)
	list, err := a.MFA.ListAuthenticators(ctx, owed.GetMFAToken())
	check(t, err)
	if len(list) == 0 || list[0].OOBChannel != "sms" || list[0].Name != "XXXXXXXX0171" || !list[0].Active {
		t.Errorf("%+v", list)
	}
	challenge, err := a.MFA.Challenge(ctx, mfa.ChallengeRequest{MFAToken: owed.GetMFAToken(), ChallengeType: "oob", AuthenticatorID: list[0].ID})
	check(t, err)
	if challenge.BindingMethod != "prompt" {
		t.Errorf("%+v", challenge)
	}
	tokens, err = verify(owed.GetMFAToken(), challenge.OOBCode, code(t, number))
	check(t, err)
	fresh, err := a.OAuth.RefreshToken(ctx, oauth.RefreshTokenRequest{RefreshToken: tokens.RefreshToken}, oauth.IDTokenValidationOptions{})
	check(t, err)
	info, err := a.UserInfo(ctx, fresh.AccessToken)
	check(t, err)
	if !strings.HasPrefix(info.Sub, "auth0|") {
		t.Errorf("%+v", info)
	}
	check(t, a.OAuth.RevokeRefreshToken(ctx, oauth.RevokeRefreshTokenRequest{Token: tokens.RefreshToken}))
	_, err = a.OAuth.RefreshToken(ctx, oauth.RefreshTokenRequest{RefreshToken: tokens.RefreshToken}, oauth.IDTokenValidationOptions{})
	if e := refused(t, err); e.Status() != 403 || e.Err != "invalid_grant" {
		t.Error(e)
	}
}

func TestPasswordless(t *testing.T) {
	a, ctx := app(t, client(t)), t.Context()
	const number = "+12025550172"
	sent, err := a.Passwordless.SendSMS(ctx, passwordless.SendSMSRequest{PhoneNumber: number})
	check(t, err)
	if sent.ID == "" || sent.PhoneNumber != number || sent.PhoneVerified {
		t.Errorf("%+v", sent)
	}
	right := code(t, number)
	login := func(code string) (*oauth.TokenSet, error) {
		return a.Passwordless.LoginWithSMS(ctx, passwordless.LoginWithSMSRequest{PhoneNumber: number, Code: code, Scope: "openid"}, oauth.IDTokenValidationOptions{})
	}
	_, err = login("12345x")
	if e := refused(t, err); e.Status() != 403 || e.Err != "invalid_grant" || e.Message != "Wrong phone number or verification code." {
		t.Error(e)
	}
	tokens, err := login(right)
	check(t, err)
	if tokens.IDToken == "" {
		t.Errorf("%+v", tokens)
	}
}
