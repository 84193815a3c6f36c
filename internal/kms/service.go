package kms

import (
	"context"
	"errors"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring"
	"countersign/internal/store"
)

const (
	// checkEvery is how old a key in memory gets before its version is asked for.
	checkEvery = time.Second
	// maxCached bounds the keys in memory.
	maxCached = 1024
	// maxKeys is the default of Config.MaxKeys.
	maxKeys = 10_000
	// tries is how often a change is made anew if the key changed meanwhile.
	tries = 4
)

// Keyring seals material and grant tokens (*keyring.Keyring).
type Keyring interface {
	SealRecord(ctx context.Context, poolID, table, rowID, column string, plaintext []byte) ([]byte, error)
	OpenRecord(ctx context.Context, poolID, table, rowID, column string, sealed []byte) ([]byte, error)
	SealToken(ctx context.Context, poolID, audience string, plaintext []byte) ([]byte, error)
	OpenToken(ctx context.Context, poolID, audience string, sealed []byte) ([]byte, error)
}

var _ Keyring = (*keyring.Keyring)(nil)

// Config is what the service stands on.
type Config struct {
	// Store, Keyring and Events are required.
	Store   store.Store
	Keyring Keyring
	Events  *eventlog.Log
	// Account is the twelve-digit account of all keys. Required.
	Account string
	// MaxKeys bounds the keys of a region; creations at the same time may pass it by one each. Default 10,000.
	MaxKeys int
	// FunctionMay reports whether a function may open what was sealed under the key for a pool: whether the pool calls that function
	// for its codes and seals them under that key. Defaults to never.
	FunctionMay func(ctx context.Context, functionARN, keyARN, poolID string) (bool, error)
	// Now defaults to time.Now.
	Now func() time.Time
}

// Service is the key service. It is safe for concurrent use.
type Service struct {
	c     Config
	cache cache
}

// New returns a Service. It panics if a required part is missing, which is a mistake of the programmer.
func New(c Config) *Service {
	if c.Store == nil || c.Keyring == nil || c.Events == nil || c.Account == "" {
		panic("kms: Config is incomplete")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.MaxKeys <= 0 {
		c.MaxKeys = maxKeys
	}
	if c.FunctionMay == nil {
		c.FunctionMay = func(context.Context, string, string, string) (bool, error) { return false, nil }
	}
	return &Service{c: c, cache: cache{records: map[string]*cached{}}}
}

// now is the time as rows keep it.
func (s *Service) now() time.Time { return s.c.Now().UTC().Truncate(time.Microsecond) }

// stored makes an error of the store one that a facade can answer.
func stored(err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok || err == nil || errors.Is(err, errChanged) {
		return err
	}
	return fault.Internalf("kms: %w", err)
}

// event is the entry of a change. It is appended in the transaction of the change and published after it.
func (s *Service) event(c Caller, action, keyARN string, at time.Time, more map[string]any) *store.Event {
	data := map[string]any{"action": action, "key": keyARN}
	if c.ID != "" {
		data["by"] = c.ID
	}
	for k, v := range more {
		data[k] = v
	}
	return s.c.Events.Event(eventlog.Entry{Type: eventlog.KMSKeyChanged, Data: data, At: at})
}

// write runs f and appends the event in one transaction.
func (s *Service) write(ctx context.Context, ev *store.Event, f func(tx store.Tx) error) error {
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		return tx.Events().Append(ctx, ev)
	})
	if err != nil {
		return stored(err)
	}
	s.c.Events.Publish(ev)
	return nil
}
