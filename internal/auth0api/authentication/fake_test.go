package authentication

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign/internal/access"
	"countersign/internal/fault"
	"countersign/internal/pool"
)

const (
	apiAudience = "https://localhost:7447/api/v2/"
	poolID      = "us-local-1_countersign"
	form, js    = "application/x-www-form-urlencoded", "application/json; charset=utf-8"
)

// fake remembers the last call and answers err, if there is one.
type fake struct {
	err    error
	mfa    *pool.MFARequired
	called string
	in     any
	caller pool.Caller
	// ticket decides over the ticket's page in place of err, if it is set.
	ticket func(args []string) error
}

func (f *fake) ticketErr(args []string) error {
	if f.ticket != nil {
		return f.ticket(args)
	}
	return f.err
}

func (f *fake) did(name string, c pool.Caller, in any) { f.called, f.caller, f.in = name, c, in }

var someTokens = &pool.OAuthTokens{Access: "A", ID: "I", Refresh: "R", Scope: "openid", ExpiresIn: 86400}

func (f *fake) result() (*pool.OAuthResult, error) {
	if f.mfa != nil {
		return &pool.OAuthResult{MFA: f.mfa}, f.err
	}
	return &pool.OAuthResult{Tokens: someTokens}, f.err
}

func (f *fake) PasswordGrant(_ context.Context, c pool.Caller, in pool.PasswordGrantInput) (*pool.OAuthResult, error) {
	f.did("password", c, in)
	return f.result()
}

func (f *fake) PasswordlessGrant(_ context.Context, c pool.Caller, in pool.PasswordlessGrantInput) (*pool.OAuthResult, error) {
	f.did("passwordless", c, in)
	return f.result()
}

func (f *fake) VerifyPasswordless(_ context.Context, c pool.Caller, in pool.PasswordlessGrantInput) error {
	f.did("verify", c, in)
	return f.err
}

func (f *fake) RefreshGrant(_ context.Context, c pool.Caller, in pool.RefreshGrantInput) (*pool.OAuthTokens, error) {
	if in.RefreshToken == "panic" {
		panic("secret detail")
	}
	f.did("refresh", c, in)
	return someTokens, f.err
}

func (f *fake) RevokeGrant(_ context.Context, c pool.Caller, client pool.OAuthClient, token string) error {
	f.did("revoke", c, []any{client, token})
	return f.err
}

func (f *fake) UserInfo(_ context.Context, c pool.Caller, token string) (map[string]any, error) {
	f.did("userinfo", c, token)
	return map[string]any{"sub": "auth0|1"}, f.err
}

func (f *fake) Authenticators(_ context.Context, c pool.Caller, b pool.MFABearer) ([]pool.Authenticator, error) {
	f.did("authenticators", c, b)
	return []pool.Authenticator{
		{ID: "recovery-code|dev_1", Kind: pool.FactorRecovery, Type: "recovery-code", Active: true},
		{ID: "sms|dev_2", Kind: pool.FactorPhone, Type: "oob", Channel: "sms", Name: "XXXXXXXX0123", Active: true,
			CreatedAt: time.Date(2026, 11, 21, 9, 41, 0, 123456789, time.UTC)},
	}, f.err
}

func (f *fake) DeleteAuthenticator(_ context.Context, c pool.Caller, b pool.MFABearer, id string) error {
	f.did("delete", c, id)
	return f.err
}

func (f *fake) Associate(_ context.Context, c pool.Caller, in pool.AssociateInput) (*pool.AssociateResult, error) {
	f.did("associate", c, in)
	if in.Types[0] == "otp" {
		return &pool.AssociateResult{Type: "otp", Secret: "S", URI: "otpauth://totp/x?secret=S&issuer=y"}, f.err
	}
	return &pool.AssociateResult{Type: "oob", Channel: "sms", OOBCode: "O", RecoveryCodes: []string{"RC"}}, f.err
}

func (f *fake) ChallengeMFA(_ context.Context, c pool.Caller, in pool.ChallengeInput) (*pool.ChallengeResult, error) {
	f.did("challenge", c, in)
	if len(in.Types) == 1 && in.Types[0] == "otp" {
		return &pool.ChallengeResult{Type: "otp"}, f.err
	}
	return &pool.ChallengeResult{Type: "oob", OOBCode: "O", Channel: "sms"}, f.err
}

func (f *fake) RedeemOOB(_ context.Context, c pool.Caller, in pool.RedeemInput) (*pool.OAuthTokens, error) {
	f.did("oob", c, in)
	return someTokens, f.err
}

func (f *fake) RedeemOTP(_ context.Context, c pool.Caller, in pool.RedeemInput) (*pool.OAuthTokens, error) {
	f.did("otp", c, in)
	return someTokens, f.err
}

func (f *fake) RedeemRecovery(_ context.Context, c pool.Caller, in pool.RedeemInput) (*pool.OAuthTokens, error) {
	f.did("recovery", c, in)
	return &pool.OAuthTokens{Access: "A", ExpiresIn: 86400, RecoveryCode: "NEW"}, f.err
}

func (f *fake) StartPasswordless(_ context.Context, c pool.Caller, in pool.PasswordlessInput) (*pool.PasswordlessStarted, error) {
	f.did("start", c, in)
	return &pool.PasswordlessStarted{ID: "id", Phone: in.Phone, Email: in.Email, Language: c.Language}, f.err
}

func (f *fake) TicketEnroll(_ context.Context, c pool.Caller, ticket, phone, channel string) (string, string, error) {
	f.did("ticket enroll", c, []string{ticket, phone, channel})
	return "OOB", "47", f.ticketErr([]string{ticket, phone, channel})
}

func (f *fake) TicketConfirm(_ context.Context, c pool.Caller, ticket, oob, code string) (string, error) {
	f.did("ticket confirm", c, []string{ticket, oob, code})
	return "RECOVERY24", f.ticketErr([]string{ticket, oob, code})
}

// world is an API with its fake pool and a clock.
type world struct {
	flows fake
	pool  string
	base  string
	dev   bool
	now   time.Time
	seen  string // what Management.Observe heard
	log   strings.Builder
	api   *API
}

func newWorld() *world {
	return &world{pool: poolID, base: "https://localhost:7447", now: time.Unix(1_800_000_000, 0)}
}

func (x *world) handler(elsewhere string) http.Handler {
	if x.api == nil {
		x.api = New(Options{
			Flows: &x.flows, Management: x.management(), Dev: x.dev, Now: func() time.Time { return x.now },
			PoolOf: func(context.Context) string { return x.pool }, BaseURL: func(context.Context) string { return x.base },
			Log: slog.New(slog.NewTextHandler(&x.log, nil)),
		})
	}
	mux := http.NewServeMux()
	mux.Handle("/oauth/token", x.api.Token(elsewhere))
	mux.Handle("/", x.api.EndUsers())
	return mux
}

func (x *world) management() Management {
	return Management{
		Authenticate: func(_ context.Context, id, secret string) (access.Principal, error) {
			switch {
			case id == "broken":
				return access.Principal{}, errors.New("disk on fire")
			case id == "busy":
				return access.Principal{}, &fault.Error{Code: fault.Overloaded, RetryAfter: 3 * time.Second}
			case id == "m2m" && secret == "s3cret&+":
				return access.Principal{ID: id, Kind: access.Management, Grants: []access.Grant{
					{Service: access.ManagementAPI, Actions: []string{"read:users", "read:logs"}}, {Service: access.Admin, Actions: []string{"*"}},
				}}, nil
			}
			return access.Principal{}, fault.New(fault.AccessKeyUnknown)
		},
		Issue: func(_ context.Context, p access.Principal, audience string) (string, time.Duration, error) {
			return "token for " + p.ID + " at " + audience, 24 * time.Hour, nil
		},
		Audiences: []string{apiAudience, "http://localhost:7446/api/v2/"},
		Observe:   func(_ context.Context, id, name string) { x.seen = id + "/" + name },
	}
}

// do sends a request; header is a list of names and values.
func (x *world) do(method, path, contentType, body string, header ...string) *httptest.ResponseRecorder {
	return x.at("", method, path, contentType, body, header...)
}

func (x *world) at(elsewhere, method, path, contentType, body string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://localhost:7447"+path, strings.NewReader(body))
	r.RemoteAddr = "192.0.2.7:5555"
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	x.handler(elsewhere).ServeHTTP(w, r)
	return w
}

// same compares the JSON text of an answer.
func same(t *testing.T, what string, w *httptest.ResponseRecorder, status int, body string) {
	t.Helper()
	if got := strings.TrimSpace(w.Body.String()); w.Code != status || got != body {
		t.Errorf("%s: %d %s\nnot %d %s", what, w.Code, got, status, body)
	}
}
