package authentication

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"countersign/internal/access"
	"countersign/internal/auth0api/wire"
	"countersign/internal/pool"
)

// Flows is what the endpoints need of *pool.Service.
type Flows interface {
	PasswordGrant(ctx context.Context, c pool.Caller, in pool.PasswordGrantInput) (*pool.OAuthResult, error)
	RefreshGrant(ctx context.Context, c pool.Caller, in pool.RefreshGrantInput) (*pool.OAuthTokens, error)
	RevokeGrant(ctx context.Context, c pool.Caller, client pool.OAuthClient, refreshToken string) error
	UserInfo(ctx context.Context, c pool.Caller, accessToken string) (map[string]any, error)

	Authenticators(ctx context.Context, c pool.Caller, b pool.MFABearer) ([]pool.Authenticator, error)
	DeleteAuthenticator(ctx context.Context, c pool.Caller, b pool.MFABearer, id string) error
	Associate(ctx context.Context, c pool.Caller, in pool.AssociateInput) (*pool.AssociateResult, error)
	ChallengeMFA(ctx context.Context, c pool.Caller, in pool.ChallengeInput) (*pool.ChallengeResult, error)
	RedeemOOB(ctx context.Context, c pool.Caller, in pool.RedeemInput) (*pool.OAuthTokens, error)
	RedeemOTP(ctx context.Context, c pool.Caller, in pool.RedeemInput) (*pool.OAuthTokens, error)
	RedeemRecovery(ctx context.Context, c pool.Caller, in pool.RedeemInput) (*pool.OAuthTokens, error)

	StartPasswordless(ctx context.Context, c pool.Caller, in pool.PasswordlessInput) (*pool.PasswordlessStarted, error)
	PasswordlessGrant(ctx context.Context, c pool.Caller, in pool.PasswordlessGrantInput) (*pool.OAuthResult, error)
	VerifyPasswordless(ctx context.Context, c pool.Caller, in pool.PasswordlessGrantInput) error

	TicketEnroll(ctx context.Context, c pool.Caller, ticket, phone, channel string) (oobCode, voiceKey string, err error)
	TicketConfirm(ctx context.Context, c pool.Caller, ticket, oobCode, code string) (recovery string, err error)
}

var _ Flows = (*pool.Service)(nil)

// Management issues management tokens by the grant client_credentials (RFC 6749, section 4.4).
type Management struct {
	// Authenticate returns the management client that id and secret prove, or a *fault.Error (Unauthenticated,
	// AccessKeyUnknown). It compares in constant time and does the same work for unknown clients.
	Authenticate func(ctx context.Context, id, secret string) (access.Principal, error)
	// Issue makes a token for the audience and returns its life.
	Issue func(ctx context.Context, p access.Principal, audience string) (token string, life time.Duration, err error)
	// Audiences are accepted; the first one is meant when none is named.
	Audiences []string
	// Observe hears of each answer: the client id as sent, and the error's name or "". May be nil.
	Observe func(ctx context.Context, clientID, oauthError string)
}

// Options make an API. All fields are required unless said otherwise.
type Options struct {
	Flows      Flows
	Management Management
	// PoolOf returns the pool that the request's Host names, or "". BaseURL returns the declared base URL that the request came by.
	PoolOf, BaseURL func(ctx context.Context) string
	// Dev adds a hint header to errors, and no address is limited: in dev all callers share one.
	Dev bool
	// Log receives internal errors. Default slog.Default().
	Log *slog.Logger
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// API makes the handlers. It is safe for concurrent use.
type API struct {
	Options
	limits limits
	routes map[string]route
}

// New returns an API.
func New(o Options) *API {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &API{Options: o, limits: newLimits(o.Now)}
	a.routes = a.table()
	return a
}

// limits are those of the original: "Rate limits" in docs/auth0.md.
type limits struct{ start, oob, ticketGet, ticketPost *wire.Limiter }

func newLimits(now func() time.Time) limits {
	return limits{
		start:      wire.NewLimiter(wire.PerHour(50), 0, now),
		oob:        wire.NewLimiter(wire.PerMinute(12), 0, now),
		ticketGet:  wire.NewLimiter(wire.Rate{Burst: 20, Every: 6 * time.Second}, 0, now),
		ticketPost: wire.NewLimiter(wire.Rate{Burst: 10, Every: 12 * time.Second}, 0, now),
	}
}

// take takes a token for the caller's address in its pool, and sets the headers. In dev there is no limit.
func (a *API) take(w http.ResponseWriter, r *http.Request, l *wire.Limiter) bool {
	if a.Dev {
		return true
	}
	left := l.Take(a.PoolOf(r.Context()) + " " + wire.AddressKey(r.RemoteAddr))
	left.Headers(w.Header())
	return left.OK
}
