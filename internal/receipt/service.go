package receipt

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/optout"
	"countersign/internal/route"
	"countersign/internal/routehealth"
	"countersign/internal/store"
	"countersign/phone"
	"countersign/provider"
)

// Where notices come from.
const (
	// Push is a callback, Poll an answer to our question, Stream a connection, Imported a file of prices.
	Push     = "push"
	Poll     = "poll"
	Stream   = "stream"
	Imported = "import"
)

// Keys is what receipts need of the keyring (*keyring.Keyring).
type Keys interface {
	Lookup(ctx context.Context, poolID string, parts ...string) ([]byte, error)
	SealRecord(ctx context.Context, poolID, table, row, column string, plaintext []byte) ([]byte, error)
	OpenRecord(ctx context.Context, poolID, table, row, column string, sealed []byte) ([]byte, error)
	SealToken(ctx context.Context, poolID, audience string, plaintext []byte) ([]byte, error)
	OpenToken(ctx context.Context, poolID, audience string, sealed []byte) ([]byte, error)
}

// Routes finds the provider of an account (*route.Service). poolID is empty for accounts of the configuration file. Errors: fault.ResourceNotFound.
type Routes interface {
	Provider(ctx context.Context, poolID, account string) (provider.Provider, route.AccountConfig, error)
}

// Health counts what became of messages with a code (*routehealth.Monitor).
type Health interface {
	Delivered(k routehealth.Key, sentAt time.Time)
	Undelivered(k routehealth.Key, sentAt time.Time)
}

// Answer is what a phone is to be told after a keyword.
type Answer struct {
	PoolID, Account string
	// From is the identity that the phone wrote to.
	From    string
	To      phone.Number
	Keyword optout.Keyword
}

// Config configures a Service. Store, Keys, Log, Routes and OptOuts are required.
type Config struct {
	Store store.Store
	Keys  Keys
	Log   *eventlog.Log
	// Logger defaults to slog.Default(), Now to time.Now.
	Logger  *slog.Logger
	Now     func() time.Time
	Routes  Routes
	OptOuts *optout.Service
	// Health may be nil.
	Health Health
	// BaseURL is the base URL of a pool ("": of the server) that services can reach, without a slash at its end; empty: they can reach none. Nil: none.
	BaseURL func(ctx context.Context, poolID string) string
	// Reported hears of every receipt that is new, for metrics: of the message as it is then, and whether the receipt moved it. May be nil.
	Reported func(m *store.Message, account string, state provider.State, authentic, moved bool)
	// Priced hears of every message whose true price came, and what it was taken to cost before, in millionths. May be nil.
	Priced func(m *store.Message, wasMicros int64)
	// Text answers HELP by a message of the lane for notices. It is called for numbers that the pool has texted, at most once for a number and day, and
	// does nothing where the pool has no such text. May be nil.
	Text func(ctx context.Context, a Answer) error
}

// Service takes receipts. It is safe for concurrent use.
type Service struct {
	c Config

	unknown, refused, dropped atomic.Int64
	quiet                     quiet
	unsigned                  few
	waiting                   waiting
	accounts                  pauses
	typed                     chan feedback
	// wake starts a round of polls; wants is set once an account was seen whose service wants to know of typed codes.
	wake  chan struct{}
	wants atomic.Bool
}

// New returns a Service. It panics if something required is missing, which is a mistake of the programmer.
func New(c Config) *Service {
	if c.Store == nil || c.Keys == nil || c.Log == nil || c.Routes == nil || c.OptOuts == nil {
		panic("receipt: Config.Store, Keys, Log, Routes and OptOuts are required")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.BaseURL == nil {
		c.BaseURL = func(context.Context, string) string { return "" }
	}
	if c.Reported == nil {
		c.Reported = func(*store.Message, string, provider.State, bool, bool) {}
	}
	return &Service{c: c, typed: make(chan feedback, maxTyped), wake: make(chan struct{}, 1)}
}

// Stats counts since the start of this process.
type Stats struct {
	// Unknown are notices of messages that nobody knows, Refused callbacks that were turned away at a door that exists, Dropped notices and
	// feedback that there was no room for.
	Unknown, Refused, Dropped int64
	// Waiting are notices that wait for their message.
	Waiting int
}

// Stats returns the counts.
func (s *Service) Stats() Stats {
	return Stats{Unknown: s.unknown.Load(), Refused: s.refused.Load(), Dropped: s.dropped.Load(), Waiting: s.waiting.len()}
}

// few lets some of many happenings of a key through in a minute.
type few struct {
	mu    sync.Mutex
	since time.Time
	n     map[string]int
}

func (f *few) allow(key string, most int, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n == nil || now.Sub(f.since) >= quietFor || len(f.n) >= maxQuiet {
		f.since, f.n = now, map[string]int{}
	}
	f.n[key]++
	return f.n[key] <= most
}

// quiet lets one of many equal happenings through in a minute.
type quiet struct {
	mu   sync.Mutex
	last map[string]time.Time
}

const (
	quietFor = time.Minute
	maxQuiet = 1000
)

func (q *quiet) first(key string, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if at, ok := q.last[key]; ok && now.Sub(at) < quietFor {
		return false
	}
	if q.last == nil || len(q.last) >= maxQuiet {
		q.last = map[string]time.Time{}
	}
	q.last[key] = now
	return true
}
