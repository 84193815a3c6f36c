package adminapi

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"countersign/internal/access"
	"countersign/internal/fault"
	"countersign/internal/screen"
	"countersign/internal/store"
	"countersign/provider"
)

// Message is a text, call or e-mail on its way; never its contents.
type Message struct {
	ID      string `json:"id"`
	PoolID  string `json:"pool_id"`
	UserID  string `json:"user_id,omitempty"`
	Channel string `json:"channel"`
	State   string `json:"state" enum:"queued,sending,sent,delivered,undelivered,failed,expired,suppressed"`
	// To is masked.
	To            string     `json:"to"`
	TriggerSource string     `json:"trigger_source,omitempty"`
	Segments      int        `json:"segments,omitempty"`
	Attempts      int        `json:"attempts"`
	Provider      string     `json:"provider,omitempty"`
	ProviderID    string     `json:"provider_id,omitempty"`
	Account       string     `json:"account,omitempty" doc:"The configured account that took it."`
	From          string     `json:"from,omitempty" doc:"The origination identity."`
	Country       string     `json:"country,omitempty"`
	Network       string     `json:"network,omitempty" doc:"The carrier's MCC and MNC, as far as it is known."`
	Cost          string     `json:"cost,omitempty"`
	Currency      string     `json:"currency,omitempty"`
	Settled       bool       `json:"settled,omitempty" doc:"A provider named the price; otherwise it is the rate card's."`
	SentAt        *time.Time `json:"sent_at,omitempty" doc:"When a provider accepted it."`
	VerifiedAt    *time.Time `json:"verified_at,omitempty" doc:"When its code was typed in."`
	ErrorClass    string     `json:"error_class,omitempty"`
	Error         string     `json:"error,omitempty"`
	Recorded      []string   `json:"guards_recorded,omitempty" doc:"Guards that only record, and would have refused it."`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
	ExpiresAt     *time.Time `json:"expires_at,omitempty"`
	// Timeline holds the attempts and Receipts what was reported, for a single message.
	Timeline []Attempt `json:"timeline,omitempty"`
	Receipts []Receipt `json:"receipts,omitempty"`
}

// Attempt is one call of a provider.
type Attempt struct {
	N          int       `json:"n"`
	Provider   string    `json:"provider"`
	Account    string    `json:"account,omitempty"`
	From       string    `json:"from,omitempty"`
	Outcome    string    `json:"outcome" doc:"sent, or the class of the failure: retryable, permanent, throttled, misconfigured, ambiguous."`
	Reason     string    `json:"reason,omitempty" doc:"Why not: invalid_number, unreachable, opted_out, blocked, sender_rejected ..."`
	Advice     string    `json:"advice,omitempty" doc:"What may be done about it."`
	ProviderID string    `json:"provider_id,omitempty"`
	Segments   int       `json:"segments,omitempty"`
	Cost       string    `json:"cost,omitempty"`
	Currency   string    `json:"currency,omitempty"`
	VendorCode string    `json:"vendor_code,omitempty"`
	Text       string    `json:"text,omitempty"`
	StartedAt  time.Time `json:"started_at"`
	EndedAt    time.Time `json:"ended_at"`
}

// Receipt is what a provider reported of a message.
type Receipt struct {
	Account    string     `json:"account"`
	ProviderID string     `json:"provider_id,omitempty"`
	State      string     `json:"state" enum:"queued,sent,delivered,undelivered,failed,expired"`
	Reason     string     `json:"reason,omitempty"`
	VendorCode string     `json:"vendor_code,omitempty"`
	Text       string     `json:"text,omitempty"`
	Source     string     `json:"source" enum:"push,poll,stream,import"`
	Authentic  bool       `json:"authentic" doc:"False: nobody signed it; it is evidence and moves nothing."`
	Cost       string     `json:"cost,omitempty"`
	Currency   string     `json:"currency,omitempty"`
	Network    string     `json:"network,omitempty"`
	At         *time.Time `json:"at,omitempty" doc:"By the provider's clock."`
	ReceivedAt time.Time  `json:"received_at"`
}

type messagesInput struct {
	Pool   string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
	User   string `query:"user" maxLength:"128"`
	Number string `query:"number" maxLength:"32" doc:"A phone number in E.164 form."`
	State  string `query:"state" maxLength:"16"`
	ListQuery
	Before string `query:"before" maxLength:"1024" deprecated:"true" doc:"The older name of cursor."`
}

type messagesOutput struct {
	Body struct {
		Messages []Message `json:"messages"`
		Next     string    `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
	}
}

type messageInput struct {
	ID   string `path:"id" maxLength:"64"`
	Pool string `query:"pool" maxLength:"128" doc:"The message's pool; needed by callers that may read some pools only."`
}

type messageOutput struct{ Body Message }

func (s *server) registerMessages() {
	register(s, "GET", "/messages", "messages.read", "List messages, newest first",
		func(in *messagesInput) access.Resource { return onPool(in.Pool) }, s.listMessages)
	register(s, "GET", "/messages/{id}", "messages.read", "One message with its timeline: attempts and receipts",
		func(in *messageInput) access.Resource { return onPool(in.Pool) }, s.getMessage)
}

func (s *server) listMessages(ctx context.Context, in *messagesInput) (*messagesOutput, error) {
	if err := s.livePool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	p, err := messageList().understand(in.ListQuery, in.Before, in.Pool, in.User, in.Number, in.State)
	if err != nil {
		return nil, err
	}
	q := store.MessageQuery{PoolID: in.Pool, UserID: p.take("user_id", in.User), State: store.State(p.take("state", in.State))}
	if err := knownState(string(q.State)); err != nil {
		return nil, err
	}
	if in.Number != "" {
		if q.Number, err = s.Events.NumberHash(ctx, in.Pool, in.Number); err != nil {
			return nil, err
		}
	}
	out := &messagesOutput{}
	out.Body.Messages, out.Body.Next, err = p.read(func(_, before string, limit int) (list []Message, err error) {
		q.Before, q.Limit = before, limit
		err = s.Store.Read(ctx, func(tx store.Tx) error {
			rows, err := tx.Outbox().ListMessages(ctx, q)
			list = views(rows, messageView)
			return err
		})
		return list, err
	})
	return out, err
}

// messageList has of a message what is shown of it.
func messageList() listing[Message] {
	text := func(name string, of func(Message) string) field[Message] { return textBy(name, of) }
	return listing[Message]{name: "messages", natural: []string{"-created_at"}, limit: 50, key: func(m Message) string { return m.ID }, fields: []field[Message]{
		timeBy("created_at", func(m Message) time.Time { return m.CreatedAt }), timeBy("updated_at", func(m Message) time.Time { return m.UpdatedAt }),
		timeBy("sent_at", func(m Message) time.Time { return maybe(m.SentAt) }), timeBy("verified_at", func(m Message) time.Time { return maybe(m.VerifiedAt) }),
		text("id", func(m Message) string { return m.ID }), text("user_id", func(m Message) string { return m.UserID }),
		text("state", func(m Message) string { return m.State }), text("channel", func(m Message) string { return m.Channel }),
		text("to", func(m Message) string { return m.To }), text("trigger_source", func(m Message) string { return m.TriggerSource }),
		text("provider", func(m Message) string { return m.Provider }), text("account", func(m Message) string { return m.Account }),
		text("from", func(m Message) string { return m.From }), text("country", func(m Message) string { return m.Country }),
		text("network", func(m Message) string { return m.Network }), text("error_class", func(m Message) string { return m.ErrorClass }),
		text("error", func(m Message) string { return m.Error }), text("currency", func(m Message) string { return m.Currency }),
		numberBy("segments", func(m Message) float64 { return float64(m.Segments) }), numberBy("attempts", func(m Message) float64 { return float64(m.Attempts) }),
		numberBy("cost", func(m Message) float64 { return decimal(m.Cost) }),
	}}
}

// knownState refuses a state that no message can have: an empty list would look like an answer.
func knownState(name string) error {
	names := []string{""}
	for _, state := range store.States() {
		names = append(names, string(state))
	}
	if slices.Contains(names, name) {
		return nil
	}
	return fault.Invalidf("state", "state: %q is not a state of a message.", name).WithHint("one of %s", strings.Join(names[1:], ", "))
}

func (s *server) getMessage(ctx context.Context, in *messageInput) (*messageOutput, error) {
	m, err := s.message(ctx, in.ID)
	if err == nil && in.Pool != "" && m.PoolID != in.Pool {
		err = store.ErrNotFound
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New(fault.ResourceNotFound).WithPublic("There is no such message.").WithHint("countersign messages list")
	}
	return &messageOutput{m}, err
}

// message reads a message with its timeline.
func (s *server) message(ctx context.Context, id string) (Message, error) {
	var row *store.Message
	var attempts []*store.DeliveryAttempt
	var receipts []*store.Receipt
	err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
		if row, err = tx.Outbox().Message(ctx, id); err != nil {
			return err
		}
		if attempts, err = tx.Outbox().ListAttempts(ctx, id); err != nil {
			return err
		}
		receipts, err = tx.Outbox().ListReceipts(ctx, id)
		return err
	})
	if err != nil {
		return Message{}, err
	}
	m := messageView(row)
	for _, a := range attempts {
		m.Timeline = append(m.Timeline, attemptView(a))
	}
	for _, r := range receipts {
		m.Receipts = append(m.Receipts, receiptView(r))
	}
	return m, nil
}

func attemptView(a *store.DeliveryAttempt) Attempt {
	v := Attempt{
		N: a.N, Provider: a.Provider, Account: a.Account, From: a.Sender, Outcome: a.Outcome, Reason: a.Reason, ProviderID: a.ProviderID,
		Segments: a.Segments, VendorCode: a.VendorCode, Text: a.Text, StartedAt: a.StartedAt, EndedAt: a.EndedAt,
	}
	if a.Reason != "" {
		v.Advice = adviceOn(provider.Reason(a.Reason), a.VendorCode, a.Account)
	}
	v.Cost, v.Currency = costView(a.Cost, a.Currency)
	return v
}

func receiptView(r *store.Receipt) Receipt {
	v := Receipt{
		Account: r.Account, ProviderID: r.ProviderID, State: r.State, Reason: r.Reason, VendorCode: r.VendorCode, Text: r.Text, Source: r.Source,
		Authentic: r.Authentic, Network: r.Network, At: moment(r.At), ReceivedAt: r.ReceivedAt,
	}
	v.Cost, v.Currency = costView(r.Cost, r.Currency)
	return v
}

// costView is an amount and its currency; both are empty where none is known.
func costView(micros int64, currency string) (string, string) {
	if currency == "" {
		return "", ""
	}
	return Amount(micros), currency
}

// moment is nil for no time.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func messageView(m *store.Message) Message {
	v := Message{
		Recorded: reasons(screen.RecordedOf(m.Guard)),
		ID:       m.ID, PoolID: m.PoolID, UserID: m.UserID, Channel: m.Channel, State: string(m.State), To: m.Mask, TriggerSource: m.TriggerSource,
		Segments: m.Segments, Attempts: m.Attempts, Provider: m.Provider, ProviderID: m.ProviderID, ErrorClass: m.LastClass, Error: m.LastError,
		CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt, Account: m.Account, From: m.Sender, Country: m.Country, Network: m.Network, Settled: m.Settled,
		ExpiresAt: moment(m.ExpiresAt), SentAt: moment(m.SentAt), VerifiedAt: moment(m.VerifiedAt),
	}
	v.Cost, v.Currency = costView(m.Cost, m.Currency)
	return v
}

// reasons are those of guards as text.
func reasons(list []screen.Reason) []string {
	var out []string
	for _, r := range list {
		out = append(out, string(r))
	}
	return out
}
