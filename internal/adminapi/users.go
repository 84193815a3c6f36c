package adminapi

import (
	"context"
	"errors"
	"maps"
	"time"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/secret"
	"countersign/internal/store"
)

type userInput struct {
	Pool string `path:"pool" maxLength:"128"`
	User string `path:"user" maxLength:"256" doc:"The user's id (sub), username, phone number or e-mail address."`
}

func (in *userInput) resource() access.Resource { return onPool(in.Pool) }

// Export is everything that is kept about one user (GDPR, article 15).
type Export struct {
	PoolID     string            `json:"pool_id"`
	Sub        string            `json:"sub"`
	Username   string            `json:"username"`
	Status     string            `json:"status"`
	Enabled    bool              `json:"enabled"`
	Attributes map[string]string `json:"attributes"`
	Pending    map[string]string `json:"pending,omitempty"`
	MFA        store.MFA         `json:"mfa"`
	// Meta is what the Auth0 dialect keeps: metadata, language, sign-ins.
	Meta      *store.Meta     `json:"meta,omitempty"`
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
	Sessions  []ExportSession `json:"sessions"`
	Events    []Event         `json:"events"`
	Messages  []Message       `json:"messages"`
	// Truncated says that there is more than is listed.
	Truncated bool `json:"truncated,omitempty"`
}

// ExportSession is a live sign-in.
type ExportSession struct {
	ClientID  string    `json:"client_id"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Erased tells what is left of an erased user: the id, under which counts remain.
type Erased struct {
	PoolID string    `json:"pool_id"`
	Sub    string    `json:"sub"`
	At     time.Time `json:"at"`
}

type exportOutput struct{ Body Export }

type eraseOutput struct{ Body Erased }

func (s *server) registerUsers() {
	register(s, "GET", "/pools/{pool}/users/{user}/export", access.ReadPersonal, "Everything kept about a user, in clear",
		(*userInput).resource, s.exportUser)
	register(s, "POST", "/pools/{pool}/users/{user}/erase", "users.erase", "Delete a user and the key of what is kept elsewhere about them",
		(*userInput).resource, s.eraseUser)
}

// findUser looks for the name as id, username, phone number and e-mail address. Two users with one unverified address
// are a conflict: an erasure must not guess.
func (s *server) findUser(ctx context.Context, in *userInput) (*store.User, error) {
	if err := s.poolExists(ctx, in.Pool); err != nil {
		return nil, err
	}
	var found *store.User
	err := s.Store.Read(ctx, func(tx store.Tx) error {
		for _, field := range []string{"sub", "username", "phone_number", "email"} {
			list, err := tx.Users().ListUsers(ctx, store.UserQuery{PoolID: in.Pool, Field: field, Value: in.User, Limit: 2})
			if err != nil {
				return err
			}
			if len(list) > 1 {
				return fault.Invalidf("user", "Several users have this %s; name one by its id (sub).", field)
			}
			if len(list) == 1 {
				found = list[0]
				return nil
			}
		}
		return fault.New(fault.UserNotFound)
	})
	return found, err
}

// maxExport bounds the events and the messages of an export, each.
const maxExport = 10_000

func (s *server) exportUser(ctx context.Context, in *userInput) (*exportOutput, error) {
	u, err := s.findUser(ctx, in)
	if err != nil {
		return nil, err
	}
	x := Export{
		PoolID: u.PoolID, Sub: u.ID, Username: u.Username, Status: string(u.Status), Enabled: u.Enabled, Attributes: u.Attributes,
		Pending: maps.Clone(u.Pending), MFA: u.MFA, Meta: u.Meta, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
		Sessions: []ExportSession{}, Events: []Event{}, Messages: []Message{},
	}
	x.MFA.Recovery = "" // what proves the user is no fact about the user
	maps.DeleteFunc(x.Pending, func(k, _ string) bool { return k != "phone_number" && k != "email" })
	err = s.Store.Read(ctx, func(tx store.Tx) error {
		families, err := tx.Families().ListFamilies(ctx, u.PoolID, u.ID, s.Now().UTC(), 1000)
		for _, f := range families {
			x.Sessions = append(x.Sessions, ExportSession{f.ClientID, f.CreatedAt, f.ExpiresAt})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.exportEvents(ctx, u, &x); err != nil {
		return nil, err
	}
	if err := s.exportMessages(ctx, u, &x); err != nil {
		return nil, err
	}
	s.audit(ctx, "user exported", "pool", u.PoolID, "sub", u.ID)
	return &exportOutput{x}, nil
}

func (s *server) exportEvents(ctx context.Context, u *store.User, x *Export) error {
	for after := ""; ; {
		rows, err := s.Events.List(ctx, s.Store, eventlog.Query{PoolID: u.PoolID, UserID: u.ID, After: after, Ascending: true, Limit: 1000})
		if err != nil {
			return err
		}
		views, err := s.eventViews(ctx, rows, true)
		if err != nil {
			return err
		}
		x.Events = append(x.Events, views...)
		if len(rows) < 1000 {
			return nil
		}
		if len(x.Events) >= maxExport {
			x.Truncated = true
			return nil
		}
		after = rows[len(rows)-1].ID
	}
}

func (s *server) exportMessages(ctx context.Context, u *store.User, x *Export) error {
	for before := ""; ; {
		var rows []*store.Message
		err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
			rows, err = tx.Outbox().ListMessages(ctx, store.MessageQuery{PoolID: u.PoolID, UserID: u.ID, Before: before, Limit: 1000})
			return err
		})
		if err != nil {
			return err
		}
		for _, m := range rows {
			x.Messages = append(x.Messages, messageView(m))
		}
		if len(rows) < 1000 {
			return nil
		}
		if len(x.Messages) >= maxExport {
			x.Truncated = true
			return nil
		}
		before = rows[len(rows)-1].ID
	}
}

func (s *server) eraseUser(ctx context.Context, in *userInput) (*eraseOutput, error) {
	u, err := s.findUser(ctx, in)
	if err != nil {
		return nil, err
	}
	now := s.Now().UTC()
	// The event names the erased id and who asked, and nothing that was sealed under the user's key.
	ev, err := s.Events.Prepare(ctx, eventlog.Entry{
		PoolID: u.PoolID, Type: eventlog.UserDeleted, UserID: u.ID, At: now,
		Data: map[string]any{"erased": true, "by": access.From(ctx).ID},
	}, secret.Key{})
	if err != nil {
		return nil, err
	}
	err = s.Store.Write(ctx, func(tx store.Tx) error {
		ok, err := tx.Users().DeleteUser(ctx, u.PoolID, u.ID)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.UserNotFound)
		}
		return tx.Events().Append(ctx, ev)
	})
	if errors.Is(err, store.ErrNotFound) {
		err = fault.New(fault.UserNotFound)
	}
	if err != nil {
		return nil, err
	}
	s.Events.Publish(ev)
	return &eraseOutput{Erased{u.PoolID, u.ID, now}}, nil
}
