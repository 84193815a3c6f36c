package canary

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/phone"
)

// What a canary waits for.
const (
	// ExpectSent: a service has accepted the text. ExpectDelivered: a receipt says that the phone has it.
	ExpectSent      = "sent"
	ExpectDelivered = "delivered"
)

const (
	// MinEvery is the shortest pause between two texts of a canary, MaxEvery the longest.
	MinEvery = 5 * time.Minute
	MaxEvery = 7 * 24 * time.Hour
	// DefaultWithin is how long a canary waits if it does not say.
	DefaultWithin = 2 * time.Minute
	maxWithin     = time.Hour
	// MaxCanaries is how many a pool may have.
	MaxCanaries = 20

	settingCanaries = "delivery/canaries"
	settingResults  = "delivery/canary-results"
	table, column   = "settings", "sealed"
)

// Canary is a text that is sent again and again.
type Canary struct {
	// Name is 1 to 64 of a-z, 0-9, - and _.
	Name string `json:"name"`
	// To is the operator's own phone, in E.164 form. It is sealed and never given back: what is read has Mask. In a change, empty keeps it.
	To   string `json:"to,omitempty"`
	Mask string `json:"mask,omitempty"`
	// Account is the account to be tried alone; empty: the pool's route.
	Account string `json:"account,omitempty"`
	// EverySeconds is the pause, at least 300. Defaults to an hour.
	EverySeconds int `json:"every_seconds"`
	// Expect is ExpectDelivered (default) or ExpectSent, WithinSeconds how long that may take: at least 5, at most an hour and half the pause. Defaults to two
	// minutes.
	Expect        string `json:"expect"`
	WithinSeconds int    `json:"within_seconds"`
	// Disabled canaries rest.
	Disabled bool `json:"disabled,omitempty"`
}

func (c *Canary) every() time.Duration  { return time.Duration(c.EverySeconds) * time.Second }
func (c *Canary) within() time.Duration { return time.Duration(c.WithinSeconds) * time.Second }

// Deliverer is what canaries need of *delivery.Worker.
type Deliverer interface {
	Prepare(ctx context.Context, d delivery.Draft) (*store.Message, error)
	Enqueue(ctx context.Context, tx store.Tx, m *store.Message) error
	Wake(messages ...*store.Message)
}

// Keys is what canaries need of the keyring.
type Keys interface {
	SealRecord(ctx context.Context, poolID, table, row, column string, plaintext []byte) ([]byte, error)
	OpenRecord(ctx context.Context, poolID, table, row, column string, sealed []byte) ([]byte, error)
}

// Config configures a Service.
type Config struct {
	// Store, Keys, Log and Deliver are required.
	Store   store.Store
	Keys    Keys
	Log     *eventlog.Log
	Deliver Deliverer
	// Logger defaults to slog.Default(), Now to time.Now.
	Logger *slog.Logger
	Now    func() time.Time
	// Owner tells this node from others. Defaults to a new id.
	Owner string
	// Look is the pause between two looks at what is due. Defaults to 15 s.
	Look time.Duration
}

// Service keeps and runs canaries. It is safe for concurrent use.
type Service struct{ c Config }

// New returns a Service.
func New(c Config) *Service {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Owner == "" {
		c.Owner = store.NewID(c.Now())
	}
	if c.Look <= 0 {
		c.Look = 15 * time.Second
	}
	return &Service{c: c}
}

func (s *Service) now() time.Time { return s.c.Now().UTC().Truncate(time.Microsecond) }

// set is the setting of a pool's canaries.
type set struct {
	Canaries []Canary `json:"canaries"`

	version int64
	numbers map[string]string // by name, sealed
}

func (x *set) find(name string) *Canary {
	i := slices.IndexFunc(x.Canaries, func(c Canary) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return &x.Canaries[i]
}

// load reads a pool's canaries; an empty set with version 0 if there is none.
func (s *Service) load(ctx context.Context, tx store.Tx, poolID string) (*set, []byte, error) {
	x := &set{numbers: map[string]string{}}
	row, err := tx.Settings().Setting(ctx, poolID, settingCanaries)
	if errors.Is(err, store.ErrNotFound) {
		return x, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if err := json.Unmarshal(row.Doc, x); err != nil {
		return nil, nil, fault.Internalf("canaries of pool %s: %w", poolID, err)
	}
	x.version = row.Version
	return x, row.Sealed, nil
}

// open opens the numbers of a set.
func (s *Service) open(ctx context.Context, poolID string, x *set, sealed []byte) error {
	if len(sealed) == 0 {
		return nil
	}
	plain, err := s.c.Keys.OpenRecord(ctx, poolID, table, settingCanaries, column, sealed)
	if err != nil {
		return fault.Internalf("canaries of pool %s: %w", poolID, err)
	}
	return json.Unmarshal(plain, &x.numbers)
}

func (s *Service) read(ctx context.Context, poolID string, numbers bool) (x *set, err error) {
	var sealed []byte
	err = s.c.Store.Read(ctx, func(tx store.Tx) error {
		x, sealed, err = s.load(ctx, tx, poolID)
		return err
	})
	if err == nil && numbers {
		err = s.open(ctx, poolID, x, sealed)
	}
	return x, err
}

// List returns a pool's canaries by name, without their numbers, and the version that a change must name.
func (s *Service) List(ctx context.Context, poolID string) ([]Canary, int64, error) {
	x, err := s.read(ctx, poolID, false)
	if err != nil {
		return nil, 0, err
	}
	return x.Canaries, x.version, nil
}

// Put adds a canary, or replaces the one of its name, and returns the new version; version is the one that List gave, or negative for any. Errors:
// InvalidParameter, TooMany, ConcurrentModification.
func (s *Service) Put(ctx context.Context, poolID string, c Canary, version int64) (int64, error) {
	return s.change(ctx, poolID, version, func(x *set) error {
		old := x.find(c.Name)
		if err := c.check(old); err != nil {
			return err
		}
		if c.To != "" {
			x.numbers[c.Name] = c.To
		}
		c.To = ""
		switch {
		case old != nil:
			*old = c
		case len(x.Canaries) >= MaxCanaries:
			return fault.New(fault.TooMany).WithField("canaries")
		default:
			x.Canaries = append(x.Canaries, c)
		}
		slices.SortFunc(x.Canaries, func(a, b Canary) int { return strings.Compare(a.Name, b.Name) })
		return nil
	})
}

// Delete removes a canary; its results go with the next look. Errors: ResourceNotFound, ConcurrentModification.
func (s *Service) Delete(ctx context.Context, poolID, name string, version int64) (int64, error) {
	return s.change(ctx, poolID, version, func(x *set) error {
		if x.find(name) == nil {
			return fault.New(fault.ResourceNotFound).WithField(name)
		}
		x.Canaries = slices.DeleteFunc(x.Canaries, func(c Canary) bool { return c.Name == name })
		delete(x.numbers, name)
		return nil
	})
}

func (s *Service) change(ctx context.Context, poolID string, version int64, f func(*set) error) (int64, error) {
	x, err := s.read(ctx, poolID, true)
	if err != nil {
		return 0, err
	}
	if version >= 0 && version != x.version {
		return 0, fault.New(fault.ConcurrentModification)
	}
	if err := f(x); err != nil {
		return 0, err
	}
	row := &store.Setting{PoolID: poolID, Name: settingCanaries, UpdatedAt: s.now(), Version: x.version}
	if row.Doc, err = json.Marshal(x); err != nil {
		return 0, err
	}
	plain, err := json.Marshal(x.numbers)
	if err != nil {
		return 0, err
	}
	if row.Sealed, err = s.c.Keys.SealRecord(ctx, poolID, table, settingCanaries, column, plain); err != nil {
		return 0, err
	}
	ev := s.c.Log.Event(eventlog.Entry{PoolID: poolID, Type: eventlog.SenderChanged, Data: map[string]any{"what": "canaries", "canaries": len(x.Canaries)}})
	return x.version + 1, s.c.Store.Write(ctx, func(tx store.Tx) error {
		ok, err := tx.Settings().PutSetting(ctx, row)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.ConcurrentModification)
		}
		return tx.Events().Append(ctx, ev)
	})
}

// check fills in defaults and refuses what cannot be run. old is the canary that it replaces, or nil.
func (c *Canary) check(old *Canary) error {
	if len(c.Name) < 1 || len(c.Name) > 64 || strings.Trim(c.Name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return fault.Invalidf("name", "A name has 1 to 64 lower-case letters, digits, - and _.")
	}
	if c.EverySeconds == 0 {
		c.EverySeconds = int(time.Hour / time.Second)
	}
	if c.WithinSeconds == 0 {
		c.WithinSeconds = int(DefaultWithin / time.Second)
	}
	if c.Expect == "" {
		c.Expect = ExpectDelivered
	}
	switch {
	case c.EverySeconds < int(MinEvery/time.Second) || c.EverySeconds > int(MaxEvery/time.Second):
		return fault.Invalidf("every_seconds", "A canary is sent every five minutes at most, and once in a week at least.")
	case c.WithinSeconds < 5 || c.within() > maxWithin || c.within() > c.every()/2:
		return fault.Invalidf("within_seconds", "A canary waits for 5 seconds to an hour, and for half its pause at most.")
	case c.Expect != ExpectSent && c.Expect != ExpectDelivered:
		return fault.Invalidf("expect", "A canary expects sent or delivered.")
	case len(c.Account) > 64:
		return fault.Invalidf("account", "There is no such account.")
	}
	if c.To == "" {
		if old == nil {
			return fault.Invalidf("to", "A canary needs a phone.")
		}
		c.Mask = old.Mask
		return nil
	}
	n, err := phone.Parse(c.To)
	if err != nil {
		return fault.Invalidf("to", "The phone is in E.164 form, like +12025550123.")
	}
	c.To, c.Mask = n.String(), n.Mask()
	return nil
}
