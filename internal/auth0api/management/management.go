package management

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"countersign/internal/access"
	"countersign/internal/auth0api/wire"
	"countersign/internal/eventlog"
	"countersign/internal/hook"
	"countersign/internal/pool"
	"countersign/internal/secret"
	"countersign/internal/store"
)

// Prefix is where the API stands.
const Prefix = "/api/v2"

// maxBody bounds a request, in bytes: a script of 512 KiB, escaped, and what goes with it.
const maxBody = 2 << 20

// Keys seals credentials (*keyring.Keyring).
type Keys interface {
	SealRecord(ctx context.Context, poolID, table, row, column string, plaintext []byte) ([]byte, error)
	OpenRecord(ctx context.Context, poolID, table, row, column string, sealed []byte) ([]byte, error)
	// OpenDataKey opens the key of a user's personal data.
	OpenDataKey(ctx context.Context, poolID, userID string, sealed []byte) (secret.Key, error)
}

// Options make the handler. All fields are required unless said otherwise.
type Options struct {
	// Authenticate says who calls, by the bearer's token. Errors are *fault.Error (Unauthenticated, AccessTokenInvalid ...).
	Authenticate func(r *http.Request, body []byte) (access.Principal, error)
	// PoolOf names the pool of a request (by its Host), "" if there is none. BaseURLOf is the declared base URL that the request came by, without
	// a slash at its end; optional.
	PoolOf    func(r *http.Request) string
	BaseURLOf func(r *http.Request) string
	// PageURLOf is a declared base URL under which the pool's end users find the page of a ticket; optional, default BaseURLOf.
	PageURLOf func(r *http.Request) string
	Pools     *pool.Service
	Hooks     *hook.Service
	Store     store.Store
	Keys      Keys
	Events    *eventlog.Log
	// Try sends a text by the pool's sender, for the calls named "try"; nil: they are not supported.
	Try func(ctx context.Context, t Trial) error
	// Rate limits each caller. Default 100 at once, 50 a second.
	Rate wire.Rate
	// Dev adds hints to errors.
	Dev bool
	// Log receives internal errors. Default slog.Default().
	Log *slog.Logger
	// Now defaults to time.Now.
	Now func() time.Time
}

// Trial is a message that an administrator sends to try a provider or a template. Text is rendered, To in E.164 form.
type Trial struct {
	PoolID, To, Text string
	Voice            bool
	// Provider: by the branding phone provider, even where the pool's own texts go another way.
	Provider bool
	Caller   pool.Caller
}

// api is the handlers' receiver. It holds no state of its own but what limits calls.
type api struct {
	Options
	limit *wire.Limiter
	// tries bounds the messages that a pool's administrators send to try things: each costs money.
	tries *wire.Limiter
	scans scans
	// changes is held while settings are read, changed and written back.
	changes sync.Mutex
}

// Handler returns the API. It panics if a required option is missing, which is a mistake of the programmer.
func Handler(o Options) http.Handler {
	if o.Authenticate == nil || o.PoolOf == nil || o.Pools == nil || o.Hooks == nil || o.Store == nil || o.Keys == nil || o.Events == nil {
		panic("management: an option is missing")
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rate == (wire.Rate{}) {
		o.Rate = wire.Rate{Burst: 100, Every: 20 * time.Millisecond}
	}
	a := &api{Options: o, limit: wire.NewLimiter(o.Rate, 0, o.Now), tries: wire.NewLimiter(wire.PerMinute(10), 0, o.Now), scans: newScans()}
	return newMux(a, routes())
}
