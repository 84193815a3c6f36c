package registration

import (
	"context"
	"log/slog"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/recall"
	"countersign/internal/store"
)

const (
	// RecordKind is the kind of the store's records that are registrations.
	RecordKind = "registration"
	// SettingName is the setting that holds Settings.
	SettingName = "registrations"
	// MaxEach is how many registrations a pool has at most, and the deployment besides.
	MaxEach = 500
)

// Config configures a Service. Store and Log are required.
type Config struct {
	Store store.Store
	Log   *eventlog.Log
	// Logger defaults to slog.Default(), Now to time.Now.
	Logger *slog.Logger
	Now    func() time.Time
}

// Service keeps the registrations of all pools. It is safe for concurrent use.
type Service struct {
	c      Config
	memory *recall.Memory[string, *view]
}

// New returns a Service. It panics without Store or Log, which is a mistake of the programmer.
func New(c Config) *Service {
	if c.Store == nil || c.Log == nil {
		panic("registration: Config.Store and Log are required")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Service{c: c}
	s.memory = recall.New(recall.Config[string, *view]{Load: s.load, Fresh: freshFor, Most: maxPools, Now: c.Now})
	return s
}

type byKey struct{}

// By returns a context for changes that says in the log who made them: an access key, an operator.
func By(ctx context.Context, who string) context.Context { return context.WithValue(ctx, byKey{}, who) }

func by(ctx context.Context, data map[string]any) map[string]any {
	if who, ok := ctx.Value(byKey{}).(string); ok {
		data["by"] = who
	}
	return data
}
