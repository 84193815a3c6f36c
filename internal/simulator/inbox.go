package simulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"countersign/provider"
)

const (
	// defaultMax is how many messages an Inbox keeps.
	defaultMax = 1000
	// maxText bounds one text or e-mail, in bytes.
	maxText = 64 << 10
	// maxField bounds every other field of a message, in bytes.
	maxField = 1 << 10
	// keysPerMessage is how many idempotency keys are remembered for each message that may be kept.
	keysPerMessage = 4
)

// Options configure an Inbox. The zero value is an inbox in memory.
type Options struct {
	// Path is the file that keeps the messages over a restart. Empty: in memory only.
	Path string
	// Max is how many messages are kept; the oldest go first. Default 1,000.
	Max int
	// Now is the clock. Default time.Now.
	Now func() time.Time
	// Segments counts the parts of a text. Nil: Message.Segments stays 0.
	Segments func(text string) int
	// Callback makes the requests by which simulated services tell what became of a message, to the receipt URL that a request named, signed as the
	// service signs as far as the request carried the key. It is called in a goroutine of its own; what it calls is its own decision. Nil: nothing is told.
	Callback func(req *http.Request)
	// ReceiptDelay is how long a message is on its way. Default 1 s.
	ReceiptDelay time.Duration
	// Logger hears of trouble with the file, never of texts. Default: discard.
	Logger *slog.Logger
}

// Inbox keeps what was sent in dev mode. It is safe for concurrent use.
type Inbox struct {
	opt Options

	mu       sync.Mutex
	messages []Message
	last     uint64 // greatest id ever given, as a number
	epoch    uint64 // changes when messages were taken away, so that streams know
	receipts map[string]provider.Receipt
	keys     []string      // of receipts, oldest first
	changed  chan struct{} // closed and replaced at each change
	closed   bool
	faults   []Fault
	told     map[string]told // by the service's id
	toldIDs  []string        // of told, oldest first
	pending  chan struct{}   // one token for each receipt that waits
	file     *os.File
	lines    int // in file
}

// Open returns an Inbox, with yesterday's messages if the file of o.Path has any. A file that cannot be opened is an
// error; lines in it that cannot be read are left out.
func Open(o Options) (*Inbox, error) {
	o.Max = cmp.Or(max(o.Max, 0), defaultMax)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.ReceiptDelay <= 0 {
		o.ReceiptDelay = defaultReceiptDelay
	}
	b := &Inbox{pending: make(chan struct{}, maxPending), opt: o, receipts: map[string]provider.Receipt{}, changed: make(chan struct{})}
	b.epoch = b.nextID()
	if o.Path != "" {
		if err := b.load(); err != nil {
			return nil, fmt.Errorf("simulator: %w", err)
		}
	}
	return b, nil
}

// Name returns "simulator".
func (b *Inbox) Name() string { return "simulator" }

// Send keeps the message. It fails with a permanent error if the message could not be one (no destination, unknown
// channel, more than 64 KiB of text), with the context's error if that has ended, and as faults and magic numbers want it.
func (b *Inbox) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	return b.accept(ctx, m, "")
}

// accept is Send for a message that came by the simulated service of that name.
func (b *Inbox) accept(ctx context.Context, m provider.Message, service string) (provider.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return provider.Receipt{}, err
	}
	kept, err := fromProvider(m)
	if err != nil {
		return provider.Receipt{}, provider.Permanent(err)
	}
	kept.Provider = service
	if b.opt.Segments != nil && kept.Channel == provider.SMS {
		kept.Segments = b.opt.Segments(kept.Text)
	}
	if r, ok := b.known(m.IdempotencyKey); ok {
		return r, nil
	}
	e := b.effect(service, &kept)
	if err := e.before(ctx); err != nil {
		return provider.Receipt{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if r, ok := b.receipts[m.IdempotencyKey]; ok && m.IdempotencyKey != "" {
		return r, nil
	}
	if b.closed {
		return provider.Receipt{}, errClosed
	}
	if e.reason == FaultAcceptOnly {
		kept.ID = formatID(b.nextID())
		r := receiptOf(kept)
		r.Raw = vanished
		return r, nil
	}
	kept = b.add(kept, m.IdempotencyKey)
	if e.reason == FaultAmbiguous {
		return provider.Receipt{}, fmt.Errorf("simulator: %w: %w", provider.ErrAmbiguous, errCut)
	}
	return receiptOf(kept), nil
}

// known returns the receipt of a message that was sent before.
func (b *Inbox) known(key string) (provider.Receipt, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	r, ok := b.receipts[key]
	return r, ok && key != ""
}

// vanished is Receipt.Raw of a message that a fault keeps from arriving.
const vanished = "accepted by the simulator"

var errClosed = errors.New("simulator: closed")

func receiptOf(m Message) provider.Receipt {
	return provider.Receipt{ProviderID: "sim-" + m.ID, Segments: m.Segments, Raw: "delivered to the simulator"}
}

func fromProvider(m provider.Message) (Message, error) {
	kept := Message{
		To: m.To, From: m.From, Channel: cmp.Or(m.Channel, provider.SMS), Text: m.Text, Code: m.Code,
		PoolID: m.PoolID, TriggerSource: m.TriggerSource, MessageID: m.ID, EntityID: m.EntityID, TemplateID: m.TemplateID,
	}
	switch kept.Channel {
	case provider.Email:
		kept.Subject = m.Subject
	case provider.SMS, provider.Voice:
	default:
		return Message{}, errors.New("simulator: unknown channel")
	}
	if !m.ExpiresAt.IsZero() {
		at := m.ExpiresAt.UTC().Truncate(time.Microsecond)
		kept.ExpiresAt = &at
	}
	if kept.To == "" {
		return Message{}, errors.New("simulator: no destination")
	}
	if len(kept.Text) > maxText {
		return Message{}, errors.New("simulator: the text is longer than 64 KiB")
	}
	for _, s := range []string{kept.To, kept.From, kept.Subject, kept.Code, kept.PoolID, kept.TriggerSource, m.ID, m.IdempotencyKey, m.EntityID, m.TemplateID} {
		if len(s) > maxField {
			return Message{}, errors.New("simulator: a field is longer than 1 KiB")
		}
	}
	return kept, nil
}

// Reply keeps a text typed on the phone with the number from. It is addressed to whoever texted that phone last.
func (b *Inbox) Reply(from, text string) (Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return Message{}, errClosed
	}
	m := Message{From: from, Channel: provider.SMS, Text: text, Direction: Inbound}
	for i := range slices.Backward(b.messages) {
		if p := &b.messages[i]; p.Direction == Outbound && p.To == from && !p.mail() {
			m.To, m.PoolID = p.From, p.PoolID
			break
		}
	}
	return b.add(m, ""), nil
}

// add gives m its id and time and keeps it. The caller holds mu.
func (b *Inbox) add(m Message, key string) Message {
	m.At = b.opt.Now().UTC().Truncate(time.Microsecond)
	m.ID = formatID(b.nextID())
	b.keep(m)
	if key != "" {
		b.remember(key, receiptOf(m))
	}
	b.append(record{Message: m, Key: key})
	b.wake()
	return m
}

// keep appends to the list and drops the oldest beyond the bound.
func (b *Inbox) keep(m Message) {
	b.messages = append(b.messages, m)
	if over := len(b.messages) - b.opt.Max; over > 0 {
		b.messages = slices.Delete(b.messages, 0, over)
	}
}

func (b *Inbox) remember(key string, r provider.Receipt) {
	if _, ok := b.receipts[key]; ok {
		return
	}
	b.receipts[key] = r
	b.keys = append(b.keys, key)
	if over := len(b.keys) - keysPerMessage*b.opt.Max; over > 0 {
		for _, k := range b.keys[:over] {
			delete(b.receipts, k)
		}
		b.keys = slices.Delete(b.keys, 0, over)
	}
}

// nextID is the time in microseconds, but always greater than any before: a clock set back repeats no id.
func (b *Inbox) nextID() uint64 {
	b.last = max(uint64(max(b.opt.Now().UnixMicro(), 1)), b.last+1)
	return b.last
}

func formatID(id uint64) string { return fmt.Sprintf("%016d", id) }

func (b *Inbox) wake() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// List returns the messages that match f, oldest first.
func (b *Inbox) List(f Filter) []Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.list(f)
}

func (b *Inbox) list(f Filter) []Message {
	out := []Message{}
	from, _ := slices.BinarySearchFunc(b.messages, f.After, func(m Message, id string) int { return cmp.Compare(m.ID, id) })
	for i := from; i < len(b.messages); i++ {
		if f.matches(&b.messages[i]) {
			out = append(out, b.messages[i])
		}
	}
	return out
}

// Wait returns as List does, but not before there is something to return, ctx ends or the inbox is closed; then the
// list may be empty.
func (b *Inbox) Wait(ctx context.Context, f Filter) []Message {
	for {
		s := b.snapshot(f)
		if len(s.messages) > 0 || s.closed {
			return s.messages
		}
		select {
		case <-s.changed:
		case <-ctx.Done():
			return s.messages
		}
	}
}

// state is what a stream needs to know at one moment.
type state struct {
	messages []Message
	last     string
	epoch    string
	changed  <-chan struct{}
	closed   bool
}

func (b *Inbox) lastID() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return formatID(b.last)
}

func (b *Inbox) snapshot(f Filter) state {
	b.mu.Lock()
	defer b.mu.Unlock()
	return state{
		messages: b.list(f), changed: b.changed, closed: b.closed,
		last: formatID(b.last), epoch: strconv.FormatUint(b.epoch, 10),
	}
}

// Clear takes away every message of the phone or mailbox to, or of all if to is empty, and returns how many went.
// Idempotency keys are remembered: what was sent stays sent.
func (b *Inbox) Clear(to string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := len(b.messages)
	b.messages = slices.DeleteFunc(b.messages, func(m Message) bool { return to == "" || sameParty(m.Party(), to) })
	b.epoch = b.nextID()
	b.rewrite()
	b.wake()
	return before - len(b.messages)
}

// Reset is Clear for all, and forgets the idempotency keys and the faults too.
func (b *Inbox) Reset() {
	b.mu.Lock()
	clear(b.receipts)
	b.faults = nil
	b.keys = nil
	b.mu.Unlock()
	b.Clear("")
}

// Close ends every stream and closes the file. Later sends fail; Close may be called again.
func (b *Inbox) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	b.wake()
	if b.file == nil {
		return nil
	}
	err := b.file.Close()
	b.file = nil
	return err
}
