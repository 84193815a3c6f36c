package countersign

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"countersign/internal/access"
	mgmtapi "countersign/internal/auth0api/management"
	"countersign/internal/canary"
	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/function"
	"countersign/internal/hook"
	"countersign/internal/keyring"
	"countersign/internal/kms"
	"countersign/internal/message"
	"countersign/internal/optout"
	"countersign/internal/otp"
	"countersign/internal/password"
	"countersign/internal/pool"
	"countersign/internal/receipt"
	"countersign/internal/route"
	"countersign/internal/routehealth"
	"countersign/internal/sigv4"
	"countersign/internal/simulator"
	"countersign/internal/srp"
	"countersign/internal/store"
	"countersign/internal/store/sqlstore"
	"countersign/internal/token"
	"countersign/internal/trigger"
)

// parts are what a server is made of, bottom up.
type parts struct {
	store    *sqlstore.Store
	root     keyring.Root
	keyring  *keyring.Keyring
	tokens   *token.Keys
	events   *eventlog.Log
	access   *access.Keys
	verifier *sigv4.Verifier
	worker   *delivery.Worker
	senders  desk
	hasher   *password.Hasher
	srp      *srp.Precomputer
	pool     *pool.Service
	inbox    *simulator.Inbox // dev only
	mgmt     *management

	launcher  *launcher
	functions *function.Service
	kms       *kms.Service
	triggers  *trigger.Runner
	hooks     *hook.Service
	// What messages go through, beside the worker.
	routes   *route.Service
	health   *routehealth.Monitor
	optouts  *optout.Service
	receipts *receipt.Service
	canaries *canary.Service
	cards    cards
	// numbers are the guards before a message, and what is known of numbers and senders.
	numbers
	now func() time.Time
	// urls are the declared base URLs of a pool; set once the list of hosts is made.
	urls func(poolID string) []string
	// publicURL is the base URL of a pool's pages and receipts, outside of any request; set with urls.
	publicURL func(poolID string) string
	// public answers what simulated services report; set when the surfaces are mounted. Dev mode only.
	public http.Handler
	// localKMS is the KMS as functions reach it; set when the surfaces are mounted.
	localKMS http.Handler
	cleanups []func()
	// registry holds all metrics; sending are those of messages, and metrics those of the server, once that is made.
	registry *prometheus.Registry
	sending  *sending
	metrics  atomic.Pointer[metrics]
}

// srpPairs is how many ephemeral pairs are kept ready.
const srpPairs = 64

// hashQueue is how many passwords may wait for a core before sign-ins are refused as overloaded.
const hashQueue = 256

// assemble opens the database and makes the parts. On error everything opened is closed again.
func assemble(ctx context.Context, c *Config) (_ *parts, err error) {
	p := &parts{registry: prometheus.NewRegistry(), now: c.Now}
	p.sending = newSending(p.registry)
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	if p.store, err = openStore(ctx, c); err != nil {
		return nil, err
	}
	if err = p.openKeys(ctx, c); err != nil {
		return nil, err
	}
	p.events = eventlog.New(eventlog.Config{
		Keys: p.keyring, Logger: c.Log, Now: c.Now, Retention: c.EventRetention, Observe: p.sending.logged,
	})
	anyKeys := c.Mode == Dev && c.AccessKeyID == ""
	p.access = access.NewKeys(access.Config{Store: p.store, Sealer: p.keyring, Now: c.Now, AnyCredentials: anyKeys})
	p.verifier = &sigv4.Verifier{Lookup: p.secretOf, AcceptAny: anyKeys, Verified: function.IsAccessKey, Now: c.Now}
	p.mgmt = &management{keyring: p.keyring, access: p.access, verifier: p.verifier, principal: p.principal, now: c.Now}
	p.mgmt.machines = func() *mgmtapi.Machines { return &mgmtapi.Machines{Pools: p.pool, Store: p.store} }
	if err = p.openSender(c); err != nil {
		return nil, err
	}
	if err = p.openDelivery(c); err != nil {
		return nil, err
	}
	p.openNumbers(c)
	if err = p.openFunctions(c); err != nil {
		return nil, err
	}
	if err = p.openHooks(c); err != nil {
		return nil, err
	}
	p.hasher, p.srp = password.New(0, hashQueue), srp.New(srpPairs)
	p.pool = pool.New(pool.Options{
		Codes: &otp.Codes{Key: p.keyring.Codes, Now: c.Now, Fixed: c.FixedCode},
		// A pool of its own has <name>.localhost as well, but not every resolver knows such names: tokens name the shared URL.
		BaseURL: func(_, _ string) string { return c.BaseURLs[0] },
		Deliver: p.worker, Dev: c.Mode == Dev, Events: p.events, Hasher: p.hasher, Keys: p.keyring, Log: c.Log, Now: c.Now,
		SRP: p.srp, Store: p.store, Tokens: p.tokens, Triggers: p.triggers,
		BaseURLs: func(poolID string) []string { return p.urls(poolID) }, Logins: p.hooks, Await: p.worker.Await,
		Typed: p.typed, CodeMaker: p.codeMaker, VoiceKeys: p.routes.AsksKey, LiftOptOut: p.liftOptOut, OptedOut: p.optedOut(c.Log),
		Screener: p.screen, Registered: p.registrations.Choose,
	})
	return p, nil
}

func openStore(ctx context.Context, c *Config) (*sqlstore.Store, error) {
	o := sqlstore.Options{Migrate: c.Migrate || c.Mode == Dev || c.Database == Ephemeral}
	if isPostgres(c.Database) {
		return sqlstore.OpenPostgres(ctx, c.Database, o)
	}
	return sqlstore.OpenSQLite(ctx, c.Database, o)
}

func (p *parts) openKeys(ctx context.Context, c *Config) (err error) {
	p.root = keyring.NewRoot()
	if c.RootKey != "" {
		if p.root, err = keyring.ParseRoot(c.RootKey); err != nil {
			return err
		}
	}
	kc := keyring.Config{Root: p.root, Log: c.Log, Now: c.Now}
	for _, old := range c.OldRootKeys {
		root, err := keyring.ParseRoot(old)
		if err != nil {
			return err
		}
		kc.Accept = append(kc.Accept, root)
	}
	if p.keyring, err = keyring.Open(ctx, keyring.Database(p.store), kc); err != nil {
		return err
	}
	p.tokens = token.New(token.Config{Store: token.Database(p.store), Vault: p.keyring, Log: c.Log, Now: c.Now, Algorithm: p.algorithm})
	return nil
}

// algorithm reads the pool's setting for its next keys.
func (p *parts) algorithm(ctx context.Context, poolID string) (token.Alg, error) {
	cfg, err := poolConfig(ctx, p.store, poolID)
	if err != nil || cfg.Alg == "" {
		return token.RS256, err
	}
	return token.Alg(cfg.Alg), nil
}

func (p *parts) openSender(c *Config) (err error) {
	p.senders = desk{texts: c.Sender, mail: c.Mailer}
	if c.Mode == Dev {
		p.inbox, err = simulator.Open(simulator.Options{Path: c.Inbox, Now: c.Now, Logger: c.Log, Segments: segments, Callback: p.callBack})
		if err != nil {
			return err
		}
		if p.senders.texts == nil {
			p.senders.texts = p.inbox
		}
		if p.senders.mail == nil {
			p.senders.mail = p.inbox
		}
	}
	p.worker, err = delivery.New(delivery.Config{
		Keys: p.keyring, Log: p.events, Logger: c.Log, Now: c.Now, Observe: p.seen, Route: p.choose, Segments: segments, Store: p.store, Tracer: c.Tracer, Typed: p.typed,
	})
	return err
}

func segments(text string) int {
	_, n, _ := message.Segments(text)
	return n
}

// close releases everything, last made first. It may be called with parts missing.
func (p *parts) close() error {
	errs := []error{p.closeFunctions()}
	if p.routes != nil {
		p.routes.Close()
	}
	if p.inbox != nil {
		errs = append(errs, p.inbox.Close())
	}
	if p.tokens != nil {
		errs = append(errs, p.tokens.Close())
	}
	if p.store != nil {
		errs = append(errs, p.store.Close())
	}
	return errors.Join(errs...)
}

// background runs what works beside requests until ctx ends, and returns a function that waits for its end. The
// delivery worker is not among it: it drains by itself.
func (p *parts) background(ctx context.Context, c *Config) (wait func()) {
	var wg sync.WaitGroup
	wg.Go(func() { p.events.Run(ctx, p.store) })
	wg.Go(func() { p.sweep(ctx, c) })
	for name, run := range map[string]func(context.Context) error{
		"accounts": p.routes.Run, "route health": p.health.Run, "receipts": p.receipts.Run, "canaries": p.canaries.Run,
		"pumping": p.pumping.Run, "guards": p.screen.Run, "quotas": p.quotas.Run, "registrations": p.registrations.Run,
	} {
		wg.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				c.Log.Error("a part of delivery has ended", "part", name, "error", err)
			}
		})
	}
	p.srp.Start(ctx)
	wg.Go(func() { <-p.srp.Done() })
	return wg.Wait
}

const (
	// sweepEvery is how often expired rows are looked for, sweepRows how many of each kind go in one transaction.
	sweepEvery = time.Minute
	sweepRows  = 500
)

// sweep deletes what has expired and what deleted pools left behind, in small steps.
func (p *parts) sweep(ctx context.Context, c *Config) {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if err := p.sweepOnce(ctx, c.Now().UTC()); err != nil && ctx.Err() == nil {
			c.Log.Warn("sweeping expired rows failed; it is tried again in a minute", "error", err)
		}
	}
}

func (p *parts) sweepOnce(ctx context.Context, now time.Time) error {
	for ctx.Err() == nil {
		n := 0
		err := p.store.Write(ctx, func(tx store.Tx) error {
			expired, err := tx.Sweep(ctx, now, sweepRows)
			if err != nil {
				return err
			}
			purged, err := tx.Pools().PurgePool(ctx, sweepRows)
			n = expired + purged
			return err
		})
		if err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
		if n < sweepRows {
			return nil
		}
	}
	return nil
}
