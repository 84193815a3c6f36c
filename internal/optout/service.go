package optout

import (
	"cmp"
	"context"
	"encoding/base64"
	"log/slog"
	"strings"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/phone"
)

// AnySender stands for all origination identities of a pool.
const AnySender = "*"

// Sources of opt-outs.
const (
	// Inbound: the phone said so. Receipt: a service refused to deliver for it. Provider: the service's own list. Operator: by hand.
	Inbound  = "inbound"
	Receipt  = "receipt"
	Provider = "provider"
	Operator = "operator"
)

const (
	maxSender = 40
	maxPage   = 1000
)

// Config configures a Service. Store and Log are required.
type Config struct {
	Store store.Store
	// Log hashes numbers and makes events.
	Log *eventlog.Log
	// Keys seal the numbers that an operator opts out, so that lists can name them. Nil: lists show masks alone.
	Keys Keys
	// Logger defaults to slog.Default(), Now to time.Now.
	Logger *slog.Logger
	Now    func() time.Time
}

// Service keeps the opt-outs of all pools. It is safe for concurrent use.
type Service struct {
	c      Config
	memory memory
}

// New returns a Service. It panics without Store or Log, which is a mistake of the programmer.
func New(c Config) *Service {
	if c.Store == nil || c.Log == nil {
		panic("optout: Config.Store and Log are required")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Service{c: c}
}

// Sender is an origination identity as opt-outs know it: numbers of seven digits and more with a plus sign, all others as they are.
func Sender(s string) string {
	s = strings.TrimSpace(s)
	if digits := strings.TrimPrefix(s, "+"); len(digits) >= 7 && strings.Trim(digits, "0123456789") == "" {
		return "+" + digits
	}
	return s
}

// Check reports whether a number does not want texts from one of these senders. Without senders, or with an empty one among them, the service
// chooses the sender, and any opt-out counts. Errors are those of the store and of the keys.
func (s *Service) Check(ctx context.Context, poolID string, to phone.Number, senders ...string) (bool, error) {
	hash, err := s.c.Log.NumberHash(ctx, poolID, to.String())
	if err != nil {
		return false, err
	}
	out, err := s.optedOut(ctx, poolID, hash)
	if err != nil || len(out) == 0 {
		return false, err
	}
	if len(senders) == 0 {
		senders = []string{""}
	}
	for _, from := range senders {
		from = Sender(from)
		for _, o := range out {
			if from == "" && !IsList(o) || o == AnySender || strings.EqualFold(o, from) {
				return true, nil
			}
		}
	}
	return false, nil
}

// Hear does what a text from a phone to a sender asks for: Stop adds an opt-out, Start lifts those of the sender and of all senders. An empty
// sender stands for all.
func (s *Service) Hear(ctx context.Context, poolID, sender string, from phone.Number, k Keyword) error {
	hash, err := s.c.Log.NumberHash(ctx, poolID, from.String())
	if err != nil {
		return err
	}
	var ev *store.Event
	err = s.c.Store.Write(ctx, func(tx store.Tx) (err error) {
		ev, err = s.HearTx(ctx, tx, poolID, sender, hash, from.Mask(), k)
		return err
	})
	if ev != nil && err == nil {
		s.c.Log.Publish(ev)
	}
	return err
}

// HearTx is Hear within a Write, of a number that is hashed already. The event is nil if nothing changed; publish it after the commit.
func (s *Service) HearTx(ctx context.Context, tx store.Tx, poolID, sender string, hash []byte, mask string, k Keyword) (ev *store.Event, err error) {
	sender = Sender(sender)
	switch k {
	case Stop:
		return s.PutTx(ctx, tx, &store.OptOut{
			PoolID: poolID, Sender: cmp.Or(sender, AnySender), Number: hash, Mask: mask, Source: Inbound, Keyword: string(k),
		})
	case Start:
		_, ev, err = s.lift(ctx, tx, poolID, sender, hash, Inbound)
	}
	return ev, err
}

// Put adds an opt-out of a number and reports whether it is new. Number and At are filled in. An operator's number is kept sealed (Numbers). Errors:
// fault.InvalidParameter for a sender that is none, else those of the store.
func (s *Service) Put(ctx context.Context, o *store.OptOut, number phone.Number) (bool, error) {
	row := *o
	var err error
	if row.Number, err = s.c.Log.NumberHash(ctx, o.PoolID, number.String()); err != nil {
		return false, err
	}
	row.Mask = number.Mask()
	kept, err := s.seal(ctx, &row, number)
	if err != nil {
		return false, err
	}
	var ev *store.Event
	err = s.c.Store.Write(ctx, func(tx store.Tx) (err error) {
		if ev, err = s.PutTx(ctx, tx, &row); err != nil || kept == nil {
			return err
		}
		record := *kept // false means that it is kept already
		_, err = tx.Records().PutRecord(ctx, &record)
		return err
	})
	if ev != nil && err == nil {
		s.c.Log.Publish(ev)
	}
	return ev != nil, err
}

// PutTx is Put within a Write, of a number that is hashed already. The event is nil if the opt-out is not new; publish it after the commit.
func (s *Service) PutTx(ctx context.Context, tx store.Tx, o *store.OptOut) (*store.Event, error) {
	row := *o
	row.Sender = Sender(o.Sender)
	if row.Sender == "" || len(row.Sender) > len(listPrefix)+maxList || !IsList(row.Sender) && len(row.Sender) > maxSender || len(row.Number) == 0 {
		return nil, fault.Invalidf("sender", "A sender is 1 to %d characters, or %s for all.", maxSender, AnySender)
	}
	if row.At.IsZero() {
		row.At = s.c.Now()
	}
	fresh, err := tx.OptOuts().PutOptOut(ctx, &row)
	if err != nil || !fresh {
		return nil, err
	}
	s.memory.forget(row.PoolID, s.c.Now())
	ev := s.c.Log.Event(eventlog.Entry{
		PoolID: row.PoolID, Type: eventlog.OptedOut, NumberHash: row.Number, At: row.At,
		Data: map[string]any{"sender": row.Sender, "source": row.Source, "keyword": row.Keyword},
	})
	return ev, tx.Events().Append(ctx, ev)
}

// Lift takes away a number's opt-outs for a sender and those for all senders ("": every one) and returns how many there were. why goes into the
// event: one of the sources, or "signed_in".
func (s *Service) Lift(ctx context.Context, poolID, sender string, number phone.Number, why string) (int, error) {
	hash, err := s.c.Log.NumberHash(ctx, poolID, number.String())
	if err != nil {
		return 0, err
	}
	var n int
	var ev *store.Event
	err = s.c.Store.Write(ctx, func(tx store.Tx) (err error) {
		n, ev, err = s.lift(ctx, tx, poolID, Sender(sender), hash, why)
		return err
	})
	if ev != nil && err == nil {
		s.c.Log.Publish(ev)
	}
	return n, err
}

// LiftTx takes away all opt-outs of a number within a Write: somebody who is signed in asks for a code to it.
func (s *Service) LiftTx(ctx context.Context, tx store.Tx, poolID string, numberHash []byte) (int, error) {
	n, _, err := s.lift(ctx, tx, poolID, "", numberHash, SignedIn)
	return n, err
}

// SignedIn is why LiftTx lifts.
const SignedIn = "signed_in"

func (s *Service) lift(ctx context.Context, tx store.Tx, poolID, sender string, hash []byte, why string) (int, *store.Event, error) {
	n, err := tx.OptOuts().DeleteOptOut(ctx, poolID, sender, hash)
	if err == nil && sender != "" && sender != AnySender && !IsList(sender) {
		var all int
		all, err = tx.OptOuts().DeleteOptOut(ctx, poolID, AnySender, hash)
		n += all
	}
	if err != nil || n == 0 {
		return 0, nil, err
	}
	if err := s.dropNumber(ctx, tx, poolID, hash); err != nil {
		return 0, nil, err
	}
	s.memory.forget(poolID, s.c.Now())
	ev := s.c.Log.Event(eventlog.Entry{
		PoolID: poolID, Type: eventlog.OptedIn, NumberHash: hash, At: s.c.Now(),
		Data: map[string]any{"sender": cmp.Or(sender, AnySender), "why": why, "lifted": n},
	})
	return n, ev, tx.Events().Append(ctx, ev)
}

// Query selects opt-outs of a pool.
type Query struct {
	PoolID string
	// Sender and Number narrow the list if they are set.
	Sender string
	Number phone.Number
	// After is what List returned as next. Limit is at most 1,000; 0: 100.
	After string
	Limit int
}

// List returns opt-outs, and where the next page begins, "" if there is none. Errors: fault.InvalidParameter for After that List did not return.
func (s *Service) List(ctx context.Context, q Query) (list []*store.OptOut, next string, err error) {
	in := store.OptOutQuery{PoolID: q.PoolID, Sender: Sender(q.Sender), Limit: min(q.Limit, maxPage)}
	if in.Limit <= 0 {
		in.Limit = 100
	}
	if !q.Number.IsZero() {
		if in.Number, err = s.c.Log.NumberHash(ctx, q.PoolID, q.Number.String()); err != nil {
			return nil, "", err
		}
	}
	if q.After != "" {
		if in.After = parsePlace(q.After); in.After == nil {
			return nil, "", fault.Invalidf("after", "This is not a place that a list ended at.")
		}
	}
	limit := in.Limit
	in.Limit++
	err = s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		list, err = tx.OptOuts().ListOptOuts(ctx, in)
		return err
	})
	if err == nil && len(list) > limit {
		list = list[:limit]
		next = Place(list[limit-1])
	}
	return list, next, err
}

// Place is where a list that ends with an opt-out goes on: what List returns as next, and takes as After.
func Place(o *store.OptOut) string {
	return base64.RawURLEncoding.EncodeToString(o.Number) + "." + base64.RawURLEncoding.EncodeToString([]byte(o.Sender))
}

// parsePlace is the reverse of Place; nil for anything else.
func parsePlace(s string) *store.OptOut {
	number, sender, ok := strings.Cut(s, ".")
	n, err1 := base64.RawURLEncoding.DecodeString(number)
	f, err2 := base64.RawURLEncoding.DecodeString(sender)
	if !ok || err1 != nil || err2 != nil || len(n) == 0 || len(f) == 0 || len(s) > 256 {
		return nil
	}
	return &store.OptOut{Number: n, Sender: string(f)}
}
