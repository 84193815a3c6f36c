package authentication

import (
	"context"
	"crypto/sha256"
	"net/http"

	"countersign/internal/auth0api/wire"
	"countersign/internal/pool"
)

const (
	clientCredentials = "client_credentials"
	grantURI          = "http://auth0.com/oauth/grant-type/"
)

// tokens is RFC 6749, section 5.1.
type tokens struct {
	Access       string `json:"access_token"`
	ID           string `json:"id_token,omitempty"`
	Refresh      string `json:"refresh_token,omitempty"`
	Scope        string `json:"scope,omitempty"`
	ExpiresIn    int    `json:"expires_in"`
	TokenType    string `json:"token_type"`
	RecoveryCode string `json:"recovery_code,omitempty"`
}

func tokensOf(t *pool.OAuthTokens) *tokens {
	return &tokens{Access: t.Access, ID: t.ID, Refresh: t.Refresh, Scope: t.Scope, ExpiresIn: t.ExpiresIn, TokenType: "Bearer", RecoveryCode: t.RecoveryCode}
}

// mfaRequired is the answer of a sign-in that owes a second factor, with 403.
type mfaRequired struct {
	Name         string       `json:"error"`
	Description  string       `json:"error_description"`
	Token        string       `json:"mfa_token"`
	Requirements requirements `json:"mfa_requirements"`
}

type requirements struct {
	Challenge []kind `json:"challenge,omitempty"`
	Enroll    []kind `json:"enroll,omitempty"`
}

type kind struct {
	Type string `json:"type"`
}

func kinds(names []string) []kind {
	out := make([]kind, len(names))
	for i, n := range names {
		out[i] = kind{n}
	}
	return out
}

func resultOf(r *pool.OAuthResult) any {
	if r.MFA == nil {
		return tokensOf(r.Tokens)
	}
	return &mfaRequired{"mfa_required", "Multifactor authentication required", r.MFA.Token, requirements{kinds(r.MFA.Challenge), kinds(r.MFA.Enroll)}}
}

// Token is the handler of POST /oauth/token. elsewhere says where management tokens are issued ("on the operators' listener"); empty: here.
func (a *API) Token(elsewhere string) http.Handler {
	grants := a.grants()
	return a.recovering(func(w http.ResponseWriter, r *http.Request) {
		if !a.begin(w, r, []string{http.MethodPost}, r.Method == http.MethodPost) {
			return
		}
		p, err := readParameters(w, r)
		if err != nil {
			allowOrigin(w.Header())
			a.fail(w, r, err)
			return
		}
		if p.Get("grant_type") == clientCredentials {
			a.managementToken(w, r, p, elsewhere)
			return
		}
		allowOrigin(w.Header())
		do := grants[p.Get("grant_type")]
		switch {
		case p.Get("grant_type") == "":
			a.fail(w, r, missing("grant_type"))
		case do == nil:
			a.fail(w, r, &oauthError{status: http.StatusForbidden, Name: "unsupported_grant_type",
				Description: "Unsupported grant type: " + wire.Printable(p.Get("grant_type"))})
		case p.Get("client_id") == "":
			a.fail(w, r, missing("client_id"))
		default:
			a.serve(&request{Request: r, w: w, params: p}, do)
		}
	})
}

// grants are the grant types of end users. Each needs a client_id.
func (a *API) grants() map[string]endpoint {
	return map[string]endpoint{
		"password":                     a.passwordGrant,
		grantURI + "password-realm":    a.passwordGrant,
		grantURI + "passwordless/otp":  a.passwordlessGrant,
		grantURI + "mfa-oob":           a.oobGrant,
		grantURI + "mfa-otp":           a.otpGrant,
		grantURI + "mfa-recovery-code": a.recoveryGrant,
		"refresh_token":                a.refreshGrant,
	}
}

func (q *request) asked() pool.Asked {
	return pool.Asked{Audience: q.get("audience"), Scope: q.get("scope")}
}

func (a *API) passwordGrant(ctx context.Context, q *request) (any, error) {
	in := pool.PasswordGrantInput{OAuthClient: q.client(), Asked: q.asked(), Username: q.get("username"), Password: q.get("password")}
	names := []string{"username", "password"}
	if q.get("grant_type") != "password" {
		in.Realm, names = q.get("realm"), append(names, "realm")
	}
	if err := required(q.get, names...); err != nil {
		return nil, err
	}
	out, err := a.Flows.PasswordGrant(ctx, q.caller, in)
	if err != nil {
		return nil, err
	}
	return resultOf(out), nil
}

func (a *API) passwordlessGrant(ctx context.Context, q *request) (any, error) {
	if err := required(q.get, "realm", "username", "otp"); err != nil {
		return nil, err
	}
	out, err := a.Flows.PasswordlessGrant(ctx, q.caller, pool.PasswordlessGrantInput{
		OAuthClient: q.client(), Asked: q.asked(), Realm: q.get("realm"), Username: q.get("username"), Code: q.get("otp"),
	})
	if err != nil {
		return nil, answered(err, codeWordsOf(q.get("realm")))
	}
	return resultOf(out), nil
}

func (a *API) oobGrant(ctx context.Context, q *request) (any, error) {
	if err := required(q.get, "mfa_token", "oob_code", "binding_code"); err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(q.get("mfa_token")))
	left := a.limits.oob.Take(string(sum[:]))
	if left.Headers(q.w.Header()); !left.OK {
		return nil, tooMany("too_many_attempts", descManyCodes)
	}
	return redeemed(a.Flows.RedeemOOB(ctx, q.caller, pool.RedeemInput{
		OAuthClient: q.client(), Token: q.get("mfa_token"), OOBCode: q.get("oob_code"), Code: q.get("binding_code"),
	}))
}

func (a *API) otpGrant(ctx context.Context, q *request) (any, error) {
	if err := required(q.get, "mfa_token", "otp"); err != nil {
		return nil, err
	}
	return redeemed(a.Flows.RedeemOTP(ctx, q.caller, pool.RedeemInput{OAuthClient: q.client(), Token: q.get("mfa_token"), Code: q.get("otp")}))
}

func (a *API) recoveryGrant(ctx context.Context, q *request) (any, error) {
	if err := required(q.get, "mfa_token", "recovery_code"); err != nil {
		return nil, err
	}
	return redeemed(a.Flows.RedeemRecovery(ctx, q.caller, pool.RedeemInput{OAuthClient: q.client(), Token: q.get("mfa_token"), Code: q.get("recovery_code")}))
}

func (a *API) refreshGrant(ctx context.Context, q *request) (any, error) {
	if err := required(q.get, "refresh_token"); err != nil {
		return nil, err
	}
	return redeemed(a.Flows.RefreshGrant(ctx, q.caller, pool.RefreshGrantInput{
		OAuthClient: q.client(), RefreshToken: q.get("refresh_token"), Scope: q.get("scope"),
	}))
}

func redeemed(t *pool.OAuthTokens, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return tokensOf(t), nil
}
