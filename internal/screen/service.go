package screen

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/pumping"
	"countersign/internal/quota"
	"countersign/internal/recall"
	"countersign/internal/store"
	"countersign/phone"
)

// Config configures a Service.
type Config struct {
	// Store, Log, Quota and Pumping are required.
	Store   store.Store
	Log     *eventlog.Log
	Quota   *quota.Service
	Pumping *pumping.Detector
	// Logger defaults to slog.Default(), Now to time.Now.
	Logger *slog.Logger
	Now    func() time.Time
	// Dev: what a policy does not say is what Default(true) says.
	Dev bool
	// Base is the policy of pools that have none of their own. Nil: the defaults are.
	Base *Policy
	// Price is what a message may cost by the pool's rate card, in millionths; false: the card does not say. Nil: no card says.
	Price func(ctx context.Context, poolID, country, channel string, segments int) (micros int64, known bool)
}

// Service judges the messages of all pools. It is safe for concurrent use.
type Service struct {
	c        Config
	policies *recall.Memory[string, *compiled]
	// changing is held by whoever writes a policy: the event says what was before.
	changing sync.Mutex
	lines    lineMemory

	mu sync.Mutex
	// warned are the days (as quotas' keys) about whose money this node has said what there is to say. owed is what Run is to add to the days' spend.
	warned map[store.QuotaKey]bool
	owed   map[store.QuotaKey]int64
}

// New returns a Service. It panics without Store, Log, Quota or Pumping, which is a mistake of the programmer.
func New(c Config) *Service {
	if c.Store == nil || c.Log == nil || c.Quota == nil || c.Pumping == nil {
		panic("screen: Config.Store, Log, Quota and Pumping are required")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	s := &Service{c: c, warned: map[store.QuotaKey]bool{}, owed: map[store.QuotaKey]int64{}}
	s.policies = recall.New(recall.Config[string, *compiled]{Load: s.load, Fresh: freshFor, Most: maxPools, Now: c.Now})
	s.lines.kept = map[string]phone.LineType{}
	return s
}
