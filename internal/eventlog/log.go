package eventlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/phone"
)

const (
	// MaxData is the bound of Data and of Personal in bytes of JSON, each.
	MaxData = 8 << 10
	// MaxKeys bounds the keys of one object and the elements of one list.
	MaxKeys = 32
	// MaxString bounds a string, in characters.
	MaxString = 1024
	// MaxDepth bounds nesting; what lies deeper is left out.
	MaxDepth = 4
	// DefaultRetention is how long events are kept unless configured.
	DefaultRetention = 90 * 24 * time.Hour

	table  = "events"
	column = "personal"
	// The first byte of Sealed says under whose key the rest is.
	underPool = 0x01
	underUser = 0x02
)

var (
	// ErrDark means that the personal part of an event can no longer be read: its user was erased.
	ErrDark = errors.New("eventlog: the user of this event was erased")
	// ErrSealed means that the personal part of an event cannot be opened with the key given.
	ErrSealed = errors.New("eventlog: the personal part cannot be opened")
)

// Keys is what the log needs of the keyring (*keyring.Keyring).
type Keys interface {
	// SealRecord and OpenRecord seal under the pool's key, bound to the place.
	SealRecord(ctx context.Context, poolID, table, row, column string, plaintext []byte) ([]byte, error)
	OpenRecord(ctx context.Context, poolID, table, row, column string, sealed []byte) ([]byte, error)
	// Lookup is the pool's keyed hash of parts.
	Lookup(ctx context.Context, poolID string, parts ...string) ([]byte, error)
}

// Config configures a Log.
type Config struct {
	// Keys is required.
	Keys Keys
	// Logger receives what the pruning loop has to say. Defaults to slog.Default().
	Logger *slog.Logger
	// Now defaults to time.Now.
	Now func() time.Time
	// Observe hears of each event that is published, for metrics. It must not block nor change the event. May be nil.
	Observe func(*store.Event)
	// Retention defaults to DefaultRetention; -1 keeps events for ever.
	Retention time.Duration
}

// Log makes and opens events. It is safe for concurrent use.
type Log struct {
	c    Config
	feed feed
}

// New returns a Log. It panics without Keys, which is a mistake of the programmer.
func New(c Config) *Log {
	if c.Keys == nil {
		panic("eventlog: Config.Keys is missing")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Retention == 0 {
		c.Retention = DefaultRetention
	}
	return &Log{c: c}
}

// Entry is what is to be logged.
type Entry struct {
	PoolID string
	// Type is one of the constants of this package.
	Type     Type
	UserID   string
	ClientID string
	// Number is the phone number concerned in E.164 form, or empty. Only its keyed hash is kept.
	Number string
	// NumberHash is used instead of Number where only the hash is at hand.
	NumberHash []byte
	// Data is not personal. Strings, booleans, numbers, times, and maps and lists of these.
	Data map[string]any
	// Personal is sealed: address, user agent, destination.
	Personal map[string]any
	// At is when it happened. Defaults to now.
	At time.Time
}

// Prepare makes the event of e, ready to be appended. userKey is the data key of the user in e; with the zero Key
// (no user, unknown user) the personal part is sealed under the pool's key. The only errors are those of Keys.
func (l *Log) Prepare(ctx context.Context, e Entry, userKey secret.Key) (*store.Event, error) {
	ev := l.Event(e)
	if e.NumberHash == nil && e.Number != "" {
		h, err := l.NumberHash(ctx, e.PoolID, e.Number)
		if err != nil {
			return nil, err
		}
		ev.Number = h
	}
	if len(e.Personal) == 0 {
		return ev, nil
	}
	plain := encode(e.Personal, false)
	if !userKey.IsZero() {
		sealed := append(make([]byte, 0, 1+len(plain)+secret.Overhead), underUser)
		ev.Sealed = secret.AppendSeal(sealed, userKey, plain, secret.AAD(table, ev.ID, column, ev.PoolID))
		return ev, nil
	}
	sealed, err := l.c.Keys.SealRecord(ctx, ev.PoolID, table, ev.ID, column, plain)
	if err != nil {
		return nil, fmt.Errorf("eventlog: seal: %w", err)
	}
	ev.Sealed = append([]byte{underPool}, sealed...)
	return ev, nil
}

// Event makes an event without a personal part: it ignores Number and Personal, needs no key and cannot fail, so it
// may be called where nothing slow may happen.
func (l *Log) Event(e Entry) *store.Event {
	at := e.At
	if at.IsZero() {
		at = l.c.Now()
	}
	ev := &store.Event{
		ID: store.NewID(at), PoolID: e.PoolID, Type: string(e.Type), UserID: e.UserID, ClientID: e.ClientID,
		Number: e.NumberHash, At: at.UTC().Truncate(time.Microsecond),
	}
	if len(e.Data) > 0 {
		ev.Data = encode(e.Data, true)
	}
	return ev
}

// NumberHash returns the keyed hash under which a number is found in events and messages of a pool. All spellings of
// one line have the same hash (phone.Number.LineKey); what is no E.164 number is hashed as it stands.
func (l *Log) NumberHash(ctx context.Context, poolID, e164 string) ([]byte, error) {
	if n, err := phone.Parse(e164); err == nil {
		e164 = n.LineKey()
	}
	h, err := l.c.Keys.Lookup(ctx, poolID, "number", e164)
	if err != nil {
		return nil, fmt.Errorf("eventlog: number: %w", err)
	}
	return h, nil
}

// Open returns the personal part of an event, nil if it has none. The caller has the right to decrypt. userKey is the
// data key of the event's user; the zero Key says that the user no longer exists, and gives ErrDark where it was
// needed.
func (l *Log) Open(ctx context.Context, ev *store.Event, userKey secret.Key) (map[string]any, error) {
	if len(ev.Sealed) == 0 {
		return nil, nil
	}
	var plain []byte
	var err error
	switch ev.Sealed[0] {
	case underUser:
		if userKey.IsZero() {
			return nil, ErrDark
		}
		plain, err = secret.Open(userKey, ev.Sealed[1:], secret.AAD(table, ev.ID, column, ev.PoolID))
	case underPool:
		plain, err = l.c.Keys.OpenRecord(ctx, ev.PoolID, table, ev.ID, column, ev.Sealed[1:])
	default:
		return nil, ErrSealed
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSealed, err)
	}
	var out map[string]any
	d := json.NewDecoder(bytes.NewReader(plain))
	d.UseNumber()
	if err := d.Decode(&out); err != nil {
		return nil, ErrSealed
	}
	return out, nil
}

// Query selects events; see store.EventQuery.
type Query struct {
	PoolID, UserID, ClientID string
	// Types selects any of these; empty: all. 32 at most.
	Types []Type
	// Number is in E.164 form.
	Number    string
	From, To  time.Time
	After     string
	Ascending bool
	// Limit defaults to 50 and is at most 1000.
	Limit int
}

// List reads a page of events, newest first unless Ascending.
func (l *Log) List(ctx context.Context, s store.Store, q Query) ([]*store.Event, error) {
	sq := store.EventQuery{
		PoolID: q.PoolID, UserID: q.UserID, ClientID: q.ClientID, From: q.From, To: q.To,
		After: q.After, Ascending: q.Ascending, Limit: min(q.Limit, 1000),
	}
	if len(q.Types) == 1 {
		sq.Type = string(q.Types[0])
	} else {
		for _, t := range q.Types {
			sq.Types = append(sq.Types, string(t))
		}
	}
	if sq.Limit <= 0 {
		sq.Limit = 50
	}
	if q.Number != "" {
		h, err := l.NumberHash(ctx, q.PoolID, q.Number)
		if err != nil {
			return nil, err
		}
		sq.Number = h
	}
	var out []*store.Event
	err := s.Read(ctx, func(tx store.Tx) (err error) {
		out, err = tx.Events().ListEvents(ctx, sq)
		return err
	})
	return out, err
}
