package smsaccount

import (
	"context"
	"log/slog"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/optout"
	"countersign/internal/origination"
	"countersign/internal/recall"
	"countersign/internal/sandbox"
	"countersign/internal/store"
	"countersign/phone"
)

// Keys is what the account needs of the keyring.
type Keys interface {
	SealRecord(ctx context.Context, poolID, table, row, column string, plaintext []byte) ([]byte, error)
	OpenRecord(ctx context.Context, poolID, table, row, column string, sealed []byte) ([]byte, error)
}

// Sandbox is what the account asks *sandbox.Service.
type Sandbox interface {
	Enabled(ctx context.Context) (bool, error)
	Allowed(ctx context.Context, n phone.Number) (bool, error)
	Numbers(ctx context.Context, q sandbox.Query) (list []sandbox.Number, next string, err error)
}

// Originations is what the account asks *origination.Service.
type Originations interface {
	Choose(ctx context.Context, country, channel, preferred string) (origination.Identity, error)
}

// Config configures a Service.
type Config struct {
	// Store, Keys, Log, DefaultPool, Sandbox, Originations, OptOuts and Enqueue are required.
	Store store.Store
	Keys  Keys
	Log   *eventlog.Log
	// DefaultPool returns the only pool; its error says that there is none, or that there are several and the settings must name one.
	DefaultPool  func(ctx context.Context) (string, error)
	Sandbox      Sandbox
	Originations Originations
	OptOuts      *optout.Service
	// Enqueue commits a message and wakes the worker. Its faults are Send's.
	Enqueue func(ctx context.Context, d delivery.Draft) (id string, err error)
	// Spent returns what a pool's messages of a channel (sms, voice) cost in the month that begins at a time, in millionths of a US dollar. Nil: nothing.
	Spent func(ctx context.Context, poolID, channel string, month time.Time) (micros int64, err error)
	// Price returns what a message would cost, in millionths of a US dollar, and whether that is known. Nil: nothing is known.
	Price func(ctx context.Context, poolID, country, channel string, segments int) (micros int64, known bool, err error)
	// Logger defaults to slog.Default(), Now to time.Now.
	Logger *slog.Logger
	Now    func() time.Time
	// Dev: the sandbox's own spend limit is shown and not enforced, since simulated texts cost nothing.
	Dev bool
}

// Service is the account. It is safe for concurrent use.
type Service struct {
	c      Config
	memory *recall.Memory[struct{}, Settings]
	sums   spentMemory
}

// New returns a Service. It panics without what Config requires, which is a mistake of the programmer.
func New(c Config) *Service {
	if c.Store == nil || c.Keys == nil || c.Log == nil || c.DefaultPool == nil ||
		c.Sandbox == nil || c.Originations == nil || c.OptOuts == nil || c.Enqueue == nil {
		panic("smsaccount: Config.Store, Keys, Log, DefaultPool, Sandbox, Originations, OptOuts and Enqueue are required")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Service{c: c}
	s.memory = recall.New(recall.Config[struct{}, Settings]{Load: s.read, Fresh: freshFor, Now: c.Now})
	return s
}
