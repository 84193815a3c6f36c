package hook

import (
	"context"
	"log/slog"
	"time"

	"countersign/internal/artifact"
	"countersign/internal/eventlog"
	"countersign/internal/module"
	"countersign/internal/script"
	"countersign/internal/store"
)

// Keys is what hooks need of the keyring (*keyring.Keyring).
type Keys interface {
	SealRecord(ctx context.Context, poolID, table, row, column string, plaintext []byte) ([]byte, error)
	OpenRecord(ctx context.Context, poolID, table, row, column string, sealed []byte) ([]byte, error)
}

// Config configures a Service.
type Config struct {
	// Store, Keys and Events are required.
	Store  store.Store
	Keys   Keys
	Events *eventlog.Log
	// Builder builds scripts, or is nil: nothing can be saved that is to run.
	Builder module.Builder
	// Scripts executes, or is nil: scripts are kept but cannot run here.
	Scripts *script.Runner
	// Log defaults to slog.Default().
	Log *slog.Logger
	// Now defaults to time.Now.
	Now func() time.Time
	// Limits bound scripts; see there for defaults.
	Limits Limits
	// Dev logs what code prints.
	Dev bool
}

// Limits are bounds of one pool, unless said otherwise. Zero means the default.
type Limits struct {
	// Hooks, Actions and Rules are how many a pool may have. Defaults 100 each.
	Hooks, Actions, Rules int
	// Versions are kept of each action; the oldest that no longer runs makes room. Default 50.
	Versions int
	// Bound actions of a trigger. Default 20.
	Bound int
	// Builds run at once on this node, Queue wait. Defaults 2 and 64.
	Builds, Queue int
	// CodeBytes bounds the packages kept by the deployment, functions' included. Default 4 GiB.
	CodeBytes int64
}

func (l *Limits) defaults() {
	set := func(p *int, d int) {
		if *p <= 0 {
			*p = d
		}
	}
	set(&l.Hooks, 100)
	set(&l.Actions, 100)
	set(&l.Rules, 100)
	set(&l.Versions, 50)
	set(&l.Bound, 20)
	set(&l.Builds, 2)
	set(&l.Queue, 64)
	if l.CodeBytes <= 0 {
		l.CodeBytes = 4 << 30
	}
}

// Service manages and runs user code. It is safe for concurrent use. It is a pool.LoginJudge.
type Service struct {
	c         Config
	artifacts *artifact.Keeper
	builds    *builds
	live      liveCache
	breaker   breaker
}

// New returns a Service. It panics without Store, Keys or Events, which is a mistake of the programmer.
func New(c Config) *Service {
	if c.Store == nil || c.Keys == nil || c.Events == nil {
		panic("hook: Config.Store, Config.Keys and Config.Events are required")
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Limits.defaults()
	return &Service{
		c: c, builds: newBuilds(c.Limits),
		artifacts: artifact.New(artifact.Config{Store: c.Store, Bytes: c.Limits.CodeBytes, Hint: storageHint, Now: c.Now}),
	}
}

// storageHint is for those whose packages no longer fit.
const storageHint = "delete functions, hooks and versions that are not needed (their packages go within two hours), " +
	"or raise functions.storage in the configuration"

// Close cuts off what is built in the background, and waits for it until ctx ends. Calls that are at work are not touched.
func (s *Service) Close(ctx context.Context) {
	s.builds.cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.builds.background.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// Forget drops what is kept in memory of a pool, after it was deleted, and ends its workers after the calls that they have at hand.
func (s *Service) Forget(poolID string) {
	if e := s.live.remove(poolID); e != nil {
		e.mu.Lock()
		defer e.mu.Unlock()
		s.replace(e, &live{})
	}
}

// now is the time as it is stored.
func (s *Service) now() time.Time { return s.c.Now().UTC().Truncate(time.Microsecond) }
