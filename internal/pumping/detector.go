package pumping

import (
	"context"
	"hash/maphash"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/store"
)

// Reasons of a verdict.
const (
	// Untyped: too few codes of the key are typed in. Waiting: too many codes of a key without history wait to be typed in. Countries: the address
	// sends to too many countries. Operator: somebody blocked the key by hand.
	Untyped   = "untyped"
	Waiting   = "waiting"
	Countries = "countries"
	Operator  = "operator"
)

// Config configures a Detector. Store, Log and Hash are required.
type Config struct {
	Store store.Store
	Log   *eventlog.Log
	// Logger defaults to slog.Default(), Now to time.Now.
	Logger *slog.Logger
	Now    func() time.Time
	// Hash is the pool's keyed hash of parts, as text; addresses are known by it alone.
	Hash func(ctx context.Context, poolID string, parts ...string) (string, error)
}

// Ask is a message with a code to an unconfirmed number that is about to be made.
type Ask struct {
	PoolID string
	// Country is ISO 3166, or a calling code where a range belongs to no country. Prefix is the number in E.164 form without its last four digits.
	Country, Prefix string
	// Number is the whole number in E.164 form, or anything that stands for it. It tells the first code from the next ones, stays in memory (as a hash
	// that no other process could make) and may be empty: then every code counts as the first.
	Number string
	// ClientID is for reports alone.
	ClientID string
	// Address is the caller's; invalid: unknown.
	Address netip.Addr
	// At defaults to Now.
	At time.Time
}

// Verdict is what the detector thinks of a message.
type Verdict struct {
	// Blocked: it must not be sent. Recorded: it should not have been sent, but the mode is record. At most one of both is true.
	Blocked, Recorded bool
	// Key is what is blocked: c:DE, w:+4915112, r:+491511234, a:<hash>, a:<hash>:DE or n:<hash>. Reason is one of the constants above, Evidence the
	// figures in words, Until when it may end.
	Key, Reason, Evidence string
	Until                 time.Time
	// Mark holds what the message counts by; empty if it is Blocked. Hand it to Sent or Refused, and to Verified.
	Mark string
}

// Detector counts and judges. It is safe for concurrent use.
type Detector struct {
	c    Config
	seed maphash.Seed
	// io keeps readings and writings of counts apart: a reading that began before a writing would take it for another node's.
	io sync.RWMutex
	// mu guards all below.
	mu      sync.Mutex
	pools   map[string]*pool
	pending map[row]stored
	// placed are blocks and lifted ones that are to be written, attempts what blocks held back.
	placed   []change
	attempts map[blocked]attempt
}

// pool is what is remembered of a pool.
type pool struct {
	series  map[string]*series
	blocks  map[string]*block
	readAt  time.Time
	numbers map[uint64]number
	// hot are suspicious ranges by where they lie, and when they last were.
	hot map[string]map[string]time.Time
	// settings are those that Judge was last given.
	settings Settings
}

// row names a row of counts, blocked a block.
type row struct {
	pool, key string
	span      int64
}
type blocked struct{ pool, key string }

// number is what is remembered of a number for a day: when it had its first code, and how many it had.
type number struct {
	first time.Time
	n     int
}

// New returns a Detector. It panics without Store, Log or Hash, which is a mistake of the programmer.
func New(c Config) *Detector {
	if c.Store == nil || c.Log == nil || c.Hash == nil {
		panic("pumping: Config.Store, Log and Hash are required")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Detector{c: c, seed: maphash.MakeSeed(), pools: map[string]*pool{}, pending: map[row]stored{}, attempts: map[blocked]attempt{}}
}

// pool returns what is remembered of a pool; mu is held.
func (d *Detector) pool(id string) *pool {
	p := d.pools[id]
	if p == nil {
		p = &pool{
			series: map[string]*series{}, blocks: map[string]*block{},
			numbers: map[uint64]number{}, hot: map[string]map[string]time.Time{}, settings: Defaults(),
		}
		d.pools[id] = p
	}
	return p
}

// Forget drops what is known of a pool whose rows are gone from the store.
func (d *Detector) Forget(poolID string) {
	d.io.Lock()
	defer d.io.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.pools, poolID)
	maps.DeleteFunc(d.pending, func(r row, _ stored) bool { return r.pool == poolID })
	maps.DeleteFunc(d.attempts, func(b blocked, _ attempt) bool { return b.pool == poolID })
	d.placed = slices.DeleteFunc(d.placed, func(c change) bool { return c.PoolID == poolID })
}

// of returns what is known of a key; mu of the detector is held.
func (p *pool) of(key string) *series {
	s := p.series[key]
	if s == nil {
		s = &series{}
		p.series[key] = s
	}
	return s
}
