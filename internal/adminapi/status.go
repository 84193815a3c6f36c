package adminapi

import (
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"countersign/internal/fault"
	"countersign/internal/store"
)

// Status describes a running server.
type Status struct {
	Version   string    `json:"version"`
	Mode      string    `json:"mode" enum:"dev,serve"`
	StartedAt time.Time `json:"started_at"`
	// Listeners are addresses, BaseURLs what Host may be.
	Listeners []string `json:"listeners"`
	BaseURLs  []string `json:"base_urls"`
	// Sender names who sends texts; Mailer who sends e-mail.
	Sender   string   `json:"sender"`
	Mailer   string   `json:"mailer"`
	Database Database `json:"database"`
	// RootKey is the fingerprint of the root key in use.
	RootKey string `json:"root_key"`
	// Ready is false while the server drains.
	Ready bool `json:"ready"`
}

// Database describes the store.
type Database struct {
	Engine    string `json:"engine"`
	Version   string `json:"version"`
	Schema    int    `json:"schema"`
	Epoch     int64  `json:"epoch"`
	SizeBytes int64  `json:"size_bytes"`
}

// Pool is an entry of the list of pools.
type Pool struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

type statusOutput struct{ Body Status }

type poolsInput struct {
	After string `query:"after" doc:"The last id of the page before." maxLength:"128"`
	Limit int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

type poolsOutput struct {
	Body struct {
		Pools []Pool `json:"pools"`
		Next  string `json:"next,omitempty" doc:"Give it as after to get the next page."`
	}
}

func (s *server) registerStatus() {
	register(s, "GET", "/status", "status.read", "The running server", nil, func(ctx context.Context, _ *struct{}) (*statusOutput, error) {
		st := s.Status()
		info, err := s.Store.Info(ctx)
		if err != nil {
			return nil, err
		}
		st.Database = Database{info.Engine, info.Version, info.Schema, info.Epoch, info.SizeBytes}
		st.RootKey = s.Keyring.Root()
		return &statusOutput{st}, nil
	})
	register(s, "GET", "/pools", "pools.read", "List user pools", nil, s.listPools)
	register(s, "POST", "/backup", "backup.read", "Write a consistent copy of the database while it is in use", nil,
		func(ctx context.Context, _ *struct{}) (*huma.StreamResponse, error) {
			s.audit(ctx, "backup")
			return &huma.StreamResponse{Body: func(h huma.Context) {
				h.SetHeader("Content-Type", "application/octet-stream")
				if err := s.Store.Backup(h.Context(), h.BodyWriter()); err != nil {
					s.Log.ErrorContext(h.Context(), "backup", "error", err)
					panic(abort) // the client must see a broken answer, not a short file
				}
			}}, nil
		})
}

func (s *server) listPools(ctx context.Context, in *poolsInput) (*poolsOutput, error) {
	var rows []*store.Pool
	err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
		rows, err = tx.Pools().ListPools(ctx, in.After, in.Limit)
		return err
	})
	if err != nil {
		return nil, err
	}
	out := &poolsOutput{}
	out.Body.Pools = make([]Pool, 0, len(rows))
	for _, p := range rows {
		out.Body.Pools = append(out.Body.Pools, Pool{p.ID, p.Name, p.CreatedAt})
	}
	if len(rows) == in.Limit {
		out.Body.Next = rows[len(rows)-1].ID
	}
	return out, nil
}

// onlyPool fills in the pool where none is named and there is just one: the log and the outbox are kept by pool.
func (s *server) onlyPool(ctx context.Context, id *string) error {
	if *id != "" {
		return nil
	}
	var rows []*store.Pool
	err := s.Store.Read(ctx, func(tx store.Tx) (err error) {
		rows, err = tx.Pools().ListPools(ctx, "", 2)
		return err
	})
	if err == nil && len(rows) != 1 {
		err = fault.Invalidf("pool", "There are several pools (or none); name one.").WithHint("--pool ID; list them: %s", listPools)
	}
	if err == nil {
		*id = rows[0].ID
	}
	return err
}
