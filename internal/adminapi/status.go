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
	ListQuery
	After string `query:"after" maxLength:"1024" deprecated:"true" doc:"The older name of cursor."`
}

type poolsOutput struct {
	Body struct {
		Pools []Pool `json:"pools"`
		Next  string `json:"next,omitempty" doc:"Give it as cursor to get the next page."`
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

func poolList() listing[Pool] {
	return listing[Pool]{name: "pools", natural: []string{"id"}, key: func(p Pool) string { return p.ID }, fields: []field[Pool]{
		textBy("id", func(p Pool) string { return p.ID }), textBy("name", func(p Pool) string { return p.Name }),
		timeBy("created_at", func(p Pool) time.Time { return p.CreatedAt }),
	}}
}

func (s *server) listPools(ctx context.Context, in *poolsInput) (*poolsOutput, error) {
	p, err := poolList().understand(in.ListQuery, in.After)
	if err != nil {
		return nil, err
	}
	out := &poolsOutput{}
	out.Body.Pools, out.Body.Next, err = p.read(func(_, after string, limit int) (list []Pool, err error) {
		err = s.Store.Read(ctx, func(tx store.Tx) error {
			rows, err := tx.Pools().ListPools(ctx, after, limit)
			list = views(rows, func(p *store.Pool) Pool { return Pool{p.ID, p.Name, p.CreatedAt} })
			return err
		})
		return list, err
	})
	return out, err
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
