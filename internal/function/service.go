package function

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"countersign/internal/artifact"
	"countersign/internal/eventlog"
	"countersign/internal/runner"
	"countersign/internal/store"
)

// DefaultAccount is the account of functions unless configured.
const DefaultAccount = "000000000000"

// Keys is what functions need of the keyring (*keyring.Keyring): records and hashes of the deployment.
type Keys interface {
	SealRecord(ctx context.Context, poolID, table, row, column string, plaintext []byte) ([]byte, error)
	OpenRecord(ctx context.Context, poolID, table, row, column string, sealed []byte) ([]byte, error)
	Lookup(ctx context.Context, poolID string, parts ...string) ([]byte, error)
}

// Config configures a Service.
type Config struct {
	// Account is the account in the ARNs of functions hosted here. Defaults to DefaultAccount.
	Account string
	// Events is required.
	Events *eventlog.Log
	// Keys is required.
	Keys Keys
	// Limits bound functions; see there for defaults.
	Limits Limits
	// Log defaults to slog.Default().
	Log *slog.Logger
	// Now defaults to time.Now.
	Now func() time.Time
	// Observe is called after each invocation, or is nil. It must not block.
	Observe func(Invocation)
	// Remote calls functions that are not hosted here, or is nil: there are none.
	Remote Remote
	// RemoteAllow lists patterns of the ARNs that Remote may call, as ArnLike has them; one without a qualifier stands for all versions
	// and aliases. Empty: all.
	RemoteAllow []string
	// Runner executes, or is nil: functions are kept but cannot run here.
	Runner runner.Runner
	// Store is required.
	Store store.Store
}

// Limits are our own bounds. Zero means the default.
type Limits struct {
	// MemoryMB is the most memory that a function may ask for, in MiB. Default 1024, at most 10240.
	MemoryMB int
	// Functions is how many functions a region may have, Versions and Aliases how many a function may. Defaults 500, 100 and 100.
	Functions, Versions, Aliases int
	// Queue and QueueBytes bound the Event invocations that wait on this node. Defaults 1,000 and 64 MiB.
	Queue      int
	QueueBytes int64
	// CodeBytes bounds the packages that are kept, of all regions and versions, each counted once; those of deleted code count until
	// they are swept, an hour later. Uploads at the same time may pass it by a package each. Default 4 GiB.
	CodeBytes int64
	// QueueWorkers is how many of them run at once. Default 8.
	QueueWorkers int
	// Calls bounds the calls at work on this node, queued ones aside. Default 1,000.
	Calls int
	// Workers bounds the workers of one function on this node. Default 4.
	Workers int
}

func (l *Limits) defaults() {
	set := func(p *int, d int) {
		if *p <= 0 {
			*p = d
		}
	}
	set(&l.MemoryMB, 1024)
	l.MemoryMB = min(l.MemoryMB, maxMemoryMB)
	set(&l.Functions, 500)
	set(&l.Versions, 100)
	set(&l.Aliases, 100)
	set(&l.Queue, 1000)
	set(&l.QueueWorkers, 8)
	set(&l.Calls, 1000)
	set(&l.Workers, 4)
	if l.CodeBytes <= 0 {
		l.CodeBytes = 4 << 30
	}
	if l.QueueBytes <= 0 {
		l.QueueBytes = 64 << 20
	}
}

// Service manages and calls functions. It is safe for concurrent use.
type Service struct {
	c        Config
	targets  targets
	owners   owners
	logs     logs
	inFlight inFlight
	queue    *queue
	// checks bounds the packages that are being checked at once.
	checks    chan struct{}
	artifacts *artifact.Keeper
	once      sync.Once
}

// New returns a Service. It panics without Store, Keys or Events, which is a mistake of the programmer.
func New(c Config) *Service {
	if c.Store == nil || c.Keys == nil || c.Events == nil {
		panic("function: Config.Store, Config.Keys and Config.Events are required")
	}
	if c.Account == "" {
		c.Account = DefaultAccount
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Limits.defaults()
	s := &Service{c: c, checks: make(chan struct{}, 2)}
	s.artifacts = artifact.New(artifact.Config{Store: c.Store, Bytes: c.Limits.CodeBytes, Hint: storageHint, Now: c.Now})
	s.queue = newQueue(s)
	return s
}

// Close refuses further Event invocations and runs those that wait until ctx ends. Other calls are not touched.
func (s *Service) Close(ctx context.Context) {
	s.once.Do(func() { s.queue.close(ctx) })
}

// now is the time as it is stored.
func (s *Service) now() time.Time { return s.c.Now().UTC().Truncate(time.Microsecond) }

// hosts reports whether functions of the account are hosted here.
func (s *Service) hosts(account string) bool { return account == s.c.Account }
