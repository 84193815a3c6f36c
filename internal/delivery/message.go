package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/internal/fault"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/tracing"
	"countersign/phone"
	"countersign/provider"
)

const (
	maxTo   = 320       // an e-mail address, RFC 3696 erratum 1690
	maxText = 100 << 10 // bytes; an e-mail of 20,000 characters (API reference, EmailVerificationMessageType) with its values filled in
	// maxEvent bounds Draft.Event, in bytes: a user's attributes and the caller's metadata, in JSON's longest spelling.
	maxEvent = 1 << 20

	table  = "outbox"
	column = "content"
)

// Keys is what delivery needs of the keyring (*keyring.Keyring).
type Keys interface {
	SealRecord(ctx context.Context, poolID, table, row, column string, plaintext []byte) ([]byte, error)
	OpenRecord(ctx context.Context, poolID, table, row, column string, sealed []byte) ([]byte, error)
}

// Draft is a message to be queued.
type Draft struct {
	PoolID string
	// UserID is empty for messages to nobody's account.
	UserID   string
	ClientID string
	Lane     store.Lane
	// Channel defaults to provider.SMS.
	Channel provider.Channel
	// To is in E.164 form, or an e-mail address for provider.Email.
	To string
	// From is the origination identity, or empty for the sender's default.
	From string
	// Subject is for e-mail only.
	Subject string
	// HTML says that Text is HTML, for e-mail only.
	HTML bool
	// Text is the complete text, Code the code within it or empty.
	Text, Code string
	// CodeID is the row of the code, marked as sent together with the message. Empty: no code.
	CodeID        string
	TriggerSource string
	Locale        string
	// ExpiresAt is when the code dies; the message is never sent after it. Zero: no end.
	ExpiresAt time.Time
	// Event is what an EventSender gets besides the message: the state of the flow that made it, without the code. Empty for all others.
	Event json.RawMessage
	// ID is the message's id if the caller needs to know it before. Defaults to a new one.
	ID string
	// Account pins the message to one account with a provider, and no other may take it: one whose service makes the code (Text and Code are empty
	// then), or one that a canary tries. Empty: the route chooses.
	Account string
	// Guard goes into store.Message.Guard as it is.
	Guard string
	// EntityID and TemplateID are those of provider.Message.
	EntityID, TemplateID string
	// Key is what must be pressed before a call reads the code, two digits; empty: no call that asks for a key takes the message over.
	Key string
}

// content is what is sealed.
type content struct {
	To       string          `json:"to"`
	From     string          `json:"from,omitempty"`
	Subject  string          `json:"subject,omitempty"`
	Text     string          `json:"text"`
	Code     string          `json:"code,omitempty"`
	Locale   string          `json:"locale,omitempty"`
	Event    json.RawMessage `json:"event,omitempty"`
	HTML     bool            `json:"html,omitempty"`
	Key      string          `json:"key,omitempty"`
	Entity   string          `json:"entity,omitempty"`
	Template string          `json:"template,omitempty"`
	// Trace is the request that asked for it (package tracing).
	Trace string `json:"trace,omitempty"`
}

// Prepare makes the outbox row of a draft: contents sealed to the id of the row, destination masked and hashed, segments
// counted. Call it before the transaction. It returns fault.InvalidParameter for a destination or text that cannot be
// sent at all.
func (w *Worker) Prepare(ctx context.Context, d Draft) (*store.Message, error) {
	if d.Channel == "" {
		d.Channel = provider.SMS
	}
	mask, err := check(d)
	if err != nil {
		return nil, err
	}
	now := w.c.Now().UTC().Truncate(time.Microsecond)
	if d.ID == "" {
		d.ID = store.NewID(now)
	}
	hash, err := w.c.Log.NumberHash(ctx, d.PoolID, d.To)
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(content{d.To, d.From, d.Subject, d.Text, d.Code, d.Locale, d.Event, d.HTML, d.Key, d.EntityID, d.TemplateID, tracing.Carry(ctx)})
	if err != nil {
		return nil, err
	}
	sealed, err := w.c.Keys.SealRecord(ctx, d.PoolID, table, d.ID, column, plain)
	if err != nil {
		return nil, fmt.Errorf("delivery: seal: %w", err)
	}
	m := &store.Message{
		ID: d.ID, PoolID: d.PoolID, UserID: d.UserID, ClientID: d.ClientID, Lane: d.Lane, Channel: string(d.Channel),
		State: store.Queued, Sealed: sealed, Mask: mask, Number: hash, CodeID: d.CodeID, TriggerSource: d.TriggerSource,
		Account: d.Account, Guard: d.Guard,
		NextAt: now, ExpiresAt: d.ExpiresAt.UTC().Truncate(time.Microsecond), CreatedAt: now, UpdatedAt: now,
	}
	if d.Channel == provider.SMS {
		m.Segments = w.c.Segments(d.Text)
	}
	if n, err := phone.Parse(d.To); err == nil && d.Channel != provider.Email {
		m.Country, m.Prefix = n.Region(), prefix(d.To)
	}
	return m, nil
}

// prefix is an E.164 number without its last four digits, empty if it has no more.
func prefix(e164 string) string {
	if len(e164) < len("+12345") {
		return ""
	}
	return e164[:len(e164)-4]
}

// check refuses what cannot be sent, and returns the masked destination.
func check(d Draft) (mask string, err error) {
	switch {
	case d.PoolID == "":
		return "", fault.Internalf("delivery: draft without a pool")
	case d.Text == "" && d.Account == "" || len(d.Text) > maxText || len(d.Subject) > maxText || !utf8.ValidString(d.Text):
		return "", fault.Invalidf("message", "The message is empty or too long.")
	case len(d.Event) > maxEvent:
		return "", fault.Invalidf("clientMetadata", "The attributes and metadata are too large for an event.")
	case d.Key != "" && !isKey(d.Key):
		return "", fault.Internalf("delivery: a key is two digits")
	case d.Lane < 0 || d.Lane >= store.Lanes:
		return "", fault.Internalf("delivery: lane %d does not exist", d.Lane)
	}
	switch d.Channel {
	case provider.SMS, provider.Voice:
		n, err := phone.Parse(d.To)
		if err != nil {
			return "", fault.Invalidf("phone_number", "Invalid phone number format.").WithErr(err)
		}
		return n.Mask(), nil
	case provider.Email:
		at := strings.LastIndexByte(d.To, '@')
		if at < 1 || at == len(d.To)-1 || len(d.To) > maxTo || strings.ContainsAny(d.To, "\r\n\x00") {
			return "", fault.Invalidf("email", "Invalid email address format.")
		}
		return MaskEmail(d.To), nil
	}
	return "", fault.Internalf("delivery: unknown channel %q", d.Channel)
}

func isKey(s string) bool { return len(s) == 2 && s[0]-'0' <= 9 && s[1]-'0' <= 9 }

// MaskEmail returns an e-mail address as Cognito shows it to callers: the first letters of name and domain ("j***@g***").
func MaskEmail(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 1 || at == len(address)-1 {
		return "***"
	}
	_, a := utf8.DecodeRuneInString(address)
	_, b := utf8.DecodeRuneInString(address[at+1:])
	return address[:a] + "***@" + address[at+1:at+1+b] + "***"
}

// open returns the contents of a claimed message as a provider sees them, the event, and the request that asked for it.
func (w *Worker) open(ctx context.Context, m *store.Message) (out provider.Message, event json.RawMessage, trace string, err error) {
	plain, err := w.c.Keys.OpenRecord(ctx, m.PoolID, table, m.ID, column, m.Sealed)
	if errors.Is(err, secret.ErrOpen) {
		return out, nil, "", provider.Permanent(errors.New("the sealed contents cannot be opened"))
	}
	if err != nil {
		return out, nil, "", fmt.Errorf("keys: %w", err)
	}
	var c content
	if err := json.Unmarshal(plain, &c); err != nil {
		return out, nil, "", provider.Permanent(errors.New("the contents cannot be read"))
	}
	return provider.Message{
		ID: m.ID, IdempotencyKey: m.ID, Channel: provider.Channel(m.Channel), To: c.To, From: c.From, Subject: c.Subject,
		Text: c.Text, Code: c.Code, PoolID: m.PoolID, TriggerSource: m.TriggerSource, Locale: c.Locale, ExpiresAt: m.ExpiresAt, HTML: c.HTML, Key: c.Key,
		Country: m.Country, Reference: store.NewID(w.c.Now()), EntityID: c.Entity, TemplateID: c.Template,
	}, c.Event, c.Trace, nil
}
