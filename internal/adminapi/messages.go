package adminapi

import (
	"context"
	"slices"
	"strings"
	"time"

	"countersign/internal/access"
	"countersign/internal/fault"
	"countersign/internal/store"
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
	ErrorClass    string     `json:"error_class,omitempty"`
	Error         string     `json:"error,omitempty"`
	CreatedAt     time.Time  `json:"created_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
	ExpiresAt     *time.Time `json:"expires_at,omitempty"`
	// Timeline holds the attempts, for a single message.
	Timeline []Attempt `json:"timeline,omitempty"`
}

// Attempt is one call of a provider.
type Attempt struct {
	N          int       `json:"n"`
	Provider   string    `json:"provider"`
	Outcome    string    `json:"outcome"`
	VendorCode string    `json:"vendor_code,omitempty"`
	Text       string    `json:"text,omitempty"`
	StartedAt  time.Time `json:"started_at"`
	EndedAt    time.Time `json:"ended_at"`
}

type messagesInput struct {
	Pool   string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
	User   string `query:"user" maxLength:"128"`
	Number string `query:"number" maxLength:"32" doc:"A phone number in E.164 form."`
	State  string `query:"state" maxLength:"16"`
	Before string `query:"before" maxLength:"64"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
}

type messagesOutput struct {
	Body struct {
		Messages []Message `json:"messages"`
		Next     string    `json:"next,omitempty" doc:"Give it as before to get the next page."`
	}
}

type messageInput struct {
	ID string `path:"id" maxLength:"64"`
}

type messageOutput struct{ Body Message }

func (s *server) registerMessages() {
	register(s, "GET", "/messages", "messages.read", "List messages, newest first",
		func(in *messagesInput) access.Resource { return onPool(in.Pool) }, s.listMessages)
	register(s, "GET", "/messages/{id}", "messages.read", "One message with its timeline", nil, s.getMessage)
}

func (s *server) listMessages(ctx context.Context, in *messagesInput) (*messagesOutput, error) {
	if err := s.onlyPool(ctx, &in.Pool); err != nil {
		return nil, err
	}
	if err := knownState(in.State); err != nil {
		return nil, err
	}
	q := store.MessageQuery{PoolID: in.Pool, UserID: in.User, State: store.State(in.State), Before: in.Before, Limit: in.Limit}
	if in.Number != "" {
		var err error
		if q.Number, err = s.Events.NumberHash(ctx, in.Pool, in.Number); err != nil {
			return nil, err
		}
	}
	var rows []*store.Message
	err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
		rows, err = tx.Outbox().ListMessages(ctx, q)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &messagesOutput{}
	out.Body.Messages = make([]Message, 0, len(rows))
	for _, m := range rows {
		out.Body.Messages = append(out.Body.Messages, messageView(m))
	}
	if len(rows) == in.Limit {
		out.Body.Next = rows[len(rows)-1].ID
	}
	return out, nil
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
	var row *store.Message
	var attempts []*store.DeliveryAttempt
	err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
		if row, err = tx.Outbox().Message(ctx, in.ID); err == nil {
			attempts, err = tx.Outbox().ListAttempts(ctx, in.ID)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	m := messageView(row)
	for _, a := range attempts {
		m.Timeline = append(m.Timeline, Attempt{a.N, a.Provider, a.Outcome, a.VendorCode, a.Text, a.StartedAt, a.EndedAt})
	}
	return &messageOutput{m}, nil
}

func messageView(m *store.Message) Message {
	v := Message{
		ID: m.ID, PoolID: m.PoolID, UserID: m.UserID, Channel: m.Channel, State: string(m.State), To: m.Mask, TriggerSource: m.TriggerSource,
		Segments: m.Segments, Attempts: m.Attempts, Provider: m.Provider, ProviderID: m.ProviderID, ErrorClass: m.LastClass, Error: m.LastError,
		CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
	}
	if !m.ExpiresAt.IsZero() {
		v.ExpiresAt = &m.ExpiresAt
	}
	return v
}
