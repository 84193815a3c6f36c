package sandbox

import (
	"context"
	"log/slog"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/keyring"
	"countersign/internal/recall"
	"countersign/internal/store"
	"countersign/phone"
)

// Keys is what the sandbox needs of the keyring.
type Keys interface {
	SealRecord(ctx context.Context, poolID, table, row, column string, plaintext []byte) ([]byte, error)
	OpenRecord(ctx context.Context, poolID, table, row, column string, sealed []byte) ([]byte, error)
	Codes(ctx context.Context, poolID string) (keyring.Codes, error)
}

// Deliverer is what the sandbox needs of *delivery.Worker.
type Deliverer interface {
	Prepare(ctx context.Context, d delivery.Draft) (*store.Message, error)
	Enqueue(ctx context.Context, tx store.Tx, m *store.Message) error
	Wake(messages ...*store.Message)
}

// Config configures a Service.
type Config struct {
	// Store, Keys, Log, Deliver and Pool are required.
	Store   store.Store
	Keys    Keys
	Log     *eventlog.Log
	Deliver Deliverer
	// Pool returns the account pool, whose messages those with codes are ((*smsaccount.Service).Pool).
	Pool func(ctx context.Context) (string, error)
	// OptedOut reports whether a number does not want texts ((*smsaccount.Service).IsOptedOut). Nil: none does.
	OptedOut func(ctx context.Context, n phone.Number) (bool, error)
	// Logger defaults to slog.Default(), Now to time.Now.
	Logger *slog.Logger
	Now    func() time.Time
	// Dev lets numbers be removed at once. Fixed is every code's value; dev mode only.
	Dev   bool
	Fixed string
}

// Service keeps the sandbox and its destination numbers. It is safe for concurrent use.
type Service struct {
	c      Config
	memory *recall.Memory[struct{}, *view]
}

// New returns a Service. It panics without what Config requires, which is a mistake of the programmer.
func New(c Config) *Service {
	if c.Store == nil || c.Keys == nil || c.Log == nil || c.Deliver == nil || c.Pool == nil {
		panic("sandbox: Config.Store, Keys, Log, Deliver and Pool are required")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Service{c: c}
	s.memory = recall.New(recall.Config[struct{}, *view]{Load: s.load, Fresh: freshFor, Now: c.Now})
	return s
}
