package pool

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
)

// secretLength is that of the secrets that are made here; 264 bits of chance.
const secretLength = 51

// NewClientSecret makes a secret for a client.
func NewClientSecret() string { return randomText(lowerAndDigits, secretLength) }

// Client is an app client as administrators see it.
type Client struct {
	ID, PoolID, Name string
	Config           ClientConfig
	// Wire is what a facade keeps with the client to give it back; the domain does not read it.
	Wire json.RawMessage
	// Secrets are the client's secrets, newest first, at most two; empty for a public client. Show them only to whom may read secrets.
	Secrets              []string
	CreatedAt, UpdatedAt time.Time
}

// NewClient is what CreateClient needs.
type NewClient struct {
	// ID is chosen by the caller, or empty for 26 lower-case letters and digits.
	ID           string
	PoolID, Name string
	Config       ClientConfig
	Wire         json.RawMessage
	// Secret is the caller's own secret; GenerateSecret makes one. Neither: a public client.
	Secret         string
	GenerateSecret bool
}

// CreateClient makes an app client. API reference, CreateUserPoolClient. Errors: PoolNotFound, ResourceExists (ID), TooMany.
func (s *Service) CreateClient(ctx context.Context, c Caller, n NewClient) (*Client, error) {
	row, err := s.poolRow(ctx, n.PoolID)
	if err != nil {
		return nil, err
	}
	if list, err := s.ListClients(ctx, n.PoolID, "", maxClients); err != nil || len(list) >= maxClients {
		return nil, orTooMany(err)
	}
	now := s.now().Truncate(time.Microsecond)
	cl := &Client{ID: n.ID, PoolID: n.PoolID, Name: n.Name, Config: n.Config, Wire: n.Wire, CreatedAt: now, UpdatedAt: now}
	if cl.ID == "" {
		cl.ID = randomText(lowerAndDigits, 26)
	}
	switch {
	case n.Secret != "":
		cl.Secrets = []string{n.Secret}
	case n.GenerateSecret:
		cl.Secrets = []string{NewClientSecret()}
	}
	client, err := s.clientRow(ctx, cl, nil, 0)
	if err != nil {
		return nil, err
	}
	ev, err := s.clientEvent(ctx, c, row, client, "created")
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, func(tx *unit) error {
		// The pool may have been deleted meanwhile.
		if _, err := tx.Pools().Pool(ctx, n.PoolID); errors.Is(err, store.ErrNotFound) {
			return fault.New(fault.PoolNotFound).WithField(n.PoolID)
		} else if err != nil {
			return err
		}
		ok, err := tx.Pools().InsertClient(ctx, client)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.ResourceExists).WithField(cl.ID)
		}
		return tx.append(ctx, ev)
	})
	if err != nil {
		return nil, err
	}
	s.cache.forget()
	return cl, nil
}

// clientRow is the client as it is stored. sealed is what is there already, nil if the secrets are new.
func (s *Service) clientRow(ctx context.Context, cl *Client, sealed []byte, version int64) (*store.Client, error) {
	cfg, err := json.Marshal(cl.Config)
	if err != nil {
		return nil, fault.Internalf("client %s: %w", cl.ID, err)
	}
	if sealed == nil {
		if sealed, err = s.sealSecrets(ctx, cl.PoolID, cl.ID, cl.Secrets); err != nil {
			return nil, err
		}
	}
	return &store.Client{
		ID: cl.ID, PoolID: cl.PoolID, Name: cl.Name, Config: cfg, Wire: cl.Wire, SealedSecrets: sealed,
		CreatedAt: cl.CreatedAt, UpdatedAt: cl.UpdatedAt, Version: version,
	}, nil
}

func (s *Service) clientOf(ctx context.Context, row *store.Client) (*Client, error) {
	cfg, err := decode[ClientConfig](row.Config)
	if err != nil {
		return nil, fault.Internalf("client %s: %w", row.ID, err)
	}
	secrets, err := s.openSecrets(ctx, row)
	if err != nil {
		return nil, err
	}
	return &Client{
		ID: row.ID, PoolID: row.PoolID, Name: row.Name, Config: cfg, Wire: row.Wire, Secrets: secrets,
		CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
	}, nil
}

func (s *Service) clientEvent(ctx context.Context, c Caller, p *store.Pool, cl *store.Client, change string) (*store.Event, error) {
	return s.event(ctx, &tenant{pool: p, client: cl}, c, eventlog.ClientChanged, nil, "", map[string]any{"change": change, "name": cl.Name})
}

// client reads a pool and one of its clients. Errors: PoolNotFound, ClientNotFound.
func (s *Service) client(ctx context.Context, poolID, clientID string) (p *store.Pool, cl *store.Client, err error) {
	err = s.Store.Read(ctx, func(tx store.Tx) error {
		if p, err = tx.Pools().Pool(ctx, poolID); errors.Is(err, store.ErrNotFound) {
			return fault.New(fault.PoolNotFound).WithField(poolID)
		} else if err != nil {
			return err
		}
		cl, err = tx.Pools().Client(ctx, clientID)
		if errors.Is(err, store.ErrNotFound) || (err == nil && cl.PoolID != poolID) {
			return fault.New(fault.ClientNotFound).WithField(clientID)
		}
		return err
	})
	return p, cl, err
}

// GetClient returns an app client as it is stored now, or PoolNotFound, ClientNotFound.
func (s *Service) GetClient(ctx context.Context, poolID, clientID string) (*Client, error) {
	_, row, err := s.client(ctx, poolID, clientID)
	if err != nil {
		return nil, err
	}
	return s.clientOf(ctx, row)
}

// ListClients returns up to limit clients of a pool whose id is greater than after, by id, without their secrets.
func (s *Service) ListClients(ctx context.Context, poolID, after string, limit int) ([]*Client, error) {
	var rows []*store.Client
	err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
		if _, err = tx.Pools().Pool(ctx, poolID); errors.Is(err, store.ErrNotFound) {
			return fault.New(fault.PoolNotFound).WithField(poolID)
		} else if err != nil {
			return err
		}
		rows, err = tx.Pools().ListClients(ctx, poolID, after, limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([]*Client, len(rows))
	for i, row := range rows {
		row.SealedSecrets = nil
		if out[i], err = s.clientOf(ctx, row); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// UpdateClient changes an app client. f gets it as it is stored now and may set Name, Config, Wire and Secrets; it runs again if
// somebody else was faster. Errors: those of f, PoolNotFound, ClientNotFound, ConcurrentModification.
func (s *Service) UpdateClient(ctx context.Context, c Caller, poolID, clientID string, f func(*Client) error) (cl *Client, err error) {
	err = again(func() error {
		p, row, err := s.client(ctx, poolID, clientID)
		if err != nil {
			return err
		}
		if cl, err = s.clientOf(ctx, row); err != nil {
			return err
		}
		had := slices.Clone(cl.Secrets)
		if err := f(cl); err != nil {
			return err
		}
		cl.ID, cl.PoolID, cl.CreatedAt, cl.UpdatedAt = row.ID, row.PoolID, row.CreatedAt, s.now().Truncate(time.Microsecond)
		sealed := row.SealedSecrets
		if !slices.Equal(had, cl.Secrets) {
			sealed = nil
		}
		next, err := s.clientRow(ctx, cl, sealed, row.Version)
		if err != nil {
			return err
		}
		ev, err := s.clientEvent(ctx, c, p, next, "updated")
		if err != nil {
			return err
		}
		return s.write(ctx, func(tx *unit) error {
			ok, err := tx.Pools().UpdateClient(ctx, next)
			if err != nil {
				return err
			}
			if !ok {
				return errStale
			}
			return tx.append(ctx, ev)
		})
	})
	if err != nil {
		return nil, err
	}
	s.cache.forget()
	return cl, nil
}

// DeleteClient deletes an app client: its sign-ins in progress and its refresh tokens are dead at once. Errors: PoolNotFound,
// ClientNotFound.
func (s *Service) DeleteClient(ctx context.Context, c Caller, poolID, clientID string) error {
	p, row, err := s.client(ctx, poolID, clientID)
	if err != nil {
		return err
	}
	ev, err := s.clientEvent(ctx, c, p, row, "deleted")
	if err != nil {
		return err
	}
	err = s.write(ctx, func(tx *unit) error {
		ok, err := tx.Pools().DeleteClient(ctx, poolID, clientID)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.ClientNotFound).WithField(clientID)
		}
		return tx.append(ctx, ev)
	})
	if err == nil {
		s.cache.forget()
	}
	return err
}
