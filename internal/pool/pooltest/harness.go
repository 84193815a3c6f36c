package pooltest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/keyring"
	"countersign/internal/message"
	"countersign/internal/otp"
	"countersign/internal/password"
	"countersign/internal/pool"
	"countersign/internal/srp"
	"countersign/internal/store"
	"countersign/internal/token"
	"countersign/internal/token/tokentest"
)

// Start is what a new harness' clock shows.
var Start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// Harness is a Service and everything around it. Its methods may be called by several goroutines; those that take no error back fail
// the test.
type Harness struct {
	Service *pool.Service
	Store   store.Store
	Keys    *keyring.Keyring
	Tokens  *token.Keys
	Log     *eventlog.Log
	// Inbox holds the messages sent.
	Inbox *Inbox

	t testing.TB

	mu    sync.Mutex
	now   time.Time
	pools int
}

// New returns a harness over an empty store. opts may change the Service's options before it is made (Dev, Limits, another Deliver).
func New(t testing.TB, s store.Store, opts ...func(*pool.Options)) *Harness {
	t.Helper()
	h := &Harness{Store: s, t: t, now: Start}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	var err error
	if h.Keys, err = keyring.Open(t.Context(), keyring.Database(s), keyring.Config{Root: keyring.NewRoot(), Now: h.Now, Log: quiet}); err != nil {
		t.Fatalf("pooltest: keyring: %v", err)
	}
	h.Tokens = token.New(token.Config{Store: token.Database(s), Vault: h.Keys, Algorithm: tokentest.ES256, Now: h.Now, Log: quiet})
	t.Cleanup(func() {
		if err := h.Tokens.Close(); err != nil {
			t.Errorf("pooltest: closing keys: %v", err)
		}
	})
	h.Log = eventlog.New(eventlog.Config{Keys: h.Keys, Now: h.Now, Logger: quiet})
	w, err := delivery.New(delivery.Config{
		Keys: h.Keys, Log: h.Log, Logger: quiet, Now: h.Now, Route: delivery.Always(delivery.NoSender{}), Segments: segments, Store: s,
	})
	if err != nil {
		t.Fatalf("pooltest: delivery: %v", err)
	}
	h.Inbox = &Inbox{h: h, worker: w, drafts: map[string]delivery.Draft{}}
	o := pool.Options{
		Codes: &otp.Codes{Key: h.Keys.Codes, Now: h.Now}, Deliver: h.Inbox, Events: h.Log, Hasher: password.NewWithCost(password.Cost{MemoryKiB: 64, Passes: 1}, 0, 1024), Keys: h.Keys,
		Log: quiet, Now: h.Now, SRP: srp.New(1), Store: s, Tokens: h.Tokens,
	}
	for _, f := range opts {
		f(&o)
	}
	h.Service = pool.New(o)
	return h
}

func segments(text string) int {
	_, n, _ := message.Segments(text)
	return n
}

// Now is the clock.
func (h *Harness) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

// Advance moves the clock.
func (h *Harness) Advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// PhonePool is a pool whose users sign in with a verified phone number, with SMS and TOTP as optional second factors: what
// Amplify makes of "phone number".
func PhonePool() pool.Config {
	c := pool.DefaultConfig()
	c.UsernameAttributes, c.AutoVerified, c.CaseSensitive = []string{"phone_number"}, []string{"phone_number"}, false
	c.MFA, c.MFASMS, c.MFATOTP, c.SMSConfigured = "OPTIONAL", true, true, true
	return c
}

// AppClient allows every flow that needs no verifier of SRP, which would be slow to make.
func AppClient() pool.ClientConfig {
	c := pool.DefaultClientConfig()
	c.Flows = []string{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
	return c
}

// Pool stores a pool with its keys and returns its id. The base URL defaults to http://localhost:7446.
func (h *Harness) Pool(c pool.Config) string {
	h.t.Helper()
	h.mu.Lock()
	h.pools++
	id := fmt.Sprintf("us-local-1_test%d", h.pools)
	h.mu.Unlock()
	if c.BaseURL == "" {
		c.BaseURL = "http://localhost:7446"
	}
	ctx := h.t.Context()
	if err := h.Keys.Create(ctx, id); err != nil {
		h.t.Fatalf("pooltest: keys of %s: %v", id, err)
	}
	if err := h.Tokens.Prepare(ctx, id); err != nil {
		h.t.Fatalf("pooltest: signing keys of %s: %v", id, err)
	}
	p := &store.Pool{ID: id, Name: id, Config: h.json(c), Wire: json.RawMessage("{}"), CreatedAt: h.Now(), UpdatedAt: h.Now(), Version: 1}
	h.Write(func(tx store.Tx) error {
		_, err := tx.Pools().InsertPool(ctx, p)
		return err
	})
	return id
}

// Reconfigure changes a pool's configuration. The change is effective at once: the clock moves a second past the cache.
func (h *Harness) Reconfigure(poolID string, change func(*pool.Config)) {
	h.t.Helper()
	ctx := h.t.Context()
	h.Write(func(tx store.Tx) error {
		p, err := tx.Pools().Pool(ctx, poolID)
		if err != nil {
			return err
		}
		var c pool.Config
		if err := json.Unmarshal(p.Config, &c); err != nil {
			return err
		}
		change(&c)
		p.Config = h.json(c)
		_, err = tx.Pools().UpdatePool(ctx, p)
		return err
	})
	h.Advance(time.Second)
}

// Client stores an app client and returns its id. With secrets it is a confidential one.
func (h *Harness) Client(poolID string, c pool.ClientConfig, secrets ...string) string {
	h.t.Helper()
	ctx := h.t.Context()
	h.mu.Lock()
	h.pools++
	id := fmt.Sprintf("client%020d", h.pools)
	h.mu.Unlock()
	row := &store.Client{ID: id, PoolID: poolID, Name: id, Config: h.json(c), Wire: json.RawMessage("{}"), CreatedAt: h.Now(), UpdatedAt: h.Now(), Version: 1}
	if len(secrets) > 0 {
		sealed, err := h.Keys.SealRecord(ctx, poolID, "clients", id, "secrets", h.json(secrets))
		if err != nil {
			h.t.Fatalf("pooltest: secrets: %v", err)
		}
		row.SealedSecrets = sealed
	}
	h.Write(func(tx store.Tx) error {
		_, err := tx.Pools().InsertClient(ctx, row)
		return err
	})
	return id
}

func (h *Harness) json(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil {
		h.t.Fatalf("pooltest: %v", err)
	}
	return raw
}

// Write and Read run f in a transaction.
func (h *Harness) Write(f func(store.Tx) error) {
	h.t.Helper()
	if err := h.Store.Write(context.Background(), f); err != nil {
		h.t.Fatalf("pooltest: write: %v", err)
	}
}

// Read runs f in a transaction that only reads.
func (h *Harness) Read(f func(store.Tx) error) {
	h.t.Helper()
	if err := h.Store.Read(context.Background(), f); err != nil {
		h.t.Fatalf("pooltest: read: %v", err)
	}
}

// Caller is an end user's device on the Cognito wire.
func (h *Harness) Caller() pool.Caller {
	return pool.Caller{Wire: "cognito", IP: netip.MustParseAddr("203.0.113.7"), UserAgent: "pooltest"}
}

// Admin is an administrator's program.
func (h *Harness) Admin() pool.Caller {
	c := h.Caller()
	c.Admin = "AKIAPOOLTEST"
	return c
}
