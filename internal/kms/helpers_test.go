package kms

import (
	"context"
	"sync"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/internal/trigger"
)

var _ trigger.Keys = (*Service)(nil)

const (
	account = "000000000000"
	region  = "us-local-1"
	poolA   = "arn:aws:cognito-idp:us-local-1:000000000000:userpool/us-local-1_a"
	poolB   = "arn:aws:cognito-idp:us-local-1:000000000000:userpool/us-local-1_b"
	rootARN = "arn:aws:iam::000000000000:root"
	ann     = "arn:aws:iam::000000000000:user/ann"
	bob     = "arn:aws:iam::000000000000:user/bob"
)

// boss is the account itself.
var boss = Caller{Region: region, ID: "AKIA"}

// clock is a movable Now.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) add(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.t = c.t.Add(d) }

// world is a store with a keyring and a clock, and nodes on it.
type world struct {
	store store.Store
	keys  *keyring.Keyring
	clock *clock
}

func newWorld(t testing.TB, s store.Store) *world {
	return &world{s, keyringtest.New(t), newClock()}
}

func (w *world) node() *Service {
	return New(Config{
		Store: w.store, Keyring: w.keys, Events: eventlog.New(eventlog.Config{Keys: w.keys, Now: w.clock.now}), Account: account, Now: w.clock.now,
		FunctionMay: func(_ context.Context, function, _, pool string) (bool, error) {
			return function == "arn:fn" && pool == "us-local-1_a", nil
		},
	})
}

// alone is a node on SQLite.
func alone(t testing.TB) (*Service, *world) {
	w := newWorld(t, storetest.SQLite(t))
	return w.node(), w
}

func (s *Service) mustCreate(t testing.TB, n NewKey) *Key {
	t.Helper()
	k, err := s.Create(t.Context(), boss, n)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (s *Service) mustEncrypt(t testing.TB, key, text string, ec map[string]string) []byte {
	t.Helper()
	sealed, err := s.Encrypt(t.Context(), boss, key, []byte(text), ec)
	if err != nil {
		t.Fatal(err)
	}
	return sealed.Blob
}

func (s *Service) mustDecrypt(t testing.TB, key string, blob []byte, want string, ec map[string]string) {
	t.Helper()
	o, err := s.Decrypt(t.Context(), boss, key, blob, ec)
	if err != nil || string(o.Plaintext) != want {
		t.Errorf("Decrypt = %q, %v; want %q", o.Plaintext, err, want)
	}
}

// wants demands an error's code; "" means none.
func wants(t testing.TB, what string, err error, code fault.Code) {
	t.Helper()
	if got := fault.CodeOf(err); got != code {
		t.Errorf("%s: %v, want %q", what, err, code)
	}
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
