package store

import (
	"context"
	"encoding/json"
	"time"
)

// Pool is a user pool.
type Pool struct {
	// ID is "<region>_<name>"; the part before the underscore is the region.
	ID   string
	Name string
	// Config is the domain's configuration; Wire is what a facade must give back verbatim and the domain does not read.
	Config json.RawMessage
	Wire   json.RawMessage
	// BaseURLs is in Config; Hosts is not stored here.
	CreatedAt, UpdatedAt time.Time
	Version              int64
}

// Client is an app client of a pool.
type Client struct {
	ID     string
	PoolID string
	Name   string
	Config json.RawMessage
	Wire   json.RawMessage
	// SealedSecrets is a sealed JSON list of client secrets, at most two; empty for a public client.
	SealedSecrets        []byte
	CreatedAt, UpdatedAt time.Time
	Version              int64
}

// Pools reads and writes pools and their app clients.
type Pools interface {
	// InsertPool reports false if the id exists.
	InsertPool(ctx context.Context, p *Pool) (bool, error)
	// Pool returns ErrNotFound for unknown and deleted pools.
	Pool(ctx context.Context, id string) (*Pool, error)
	// ListPools returns up to limit pools with id > after, by id.
	ListPools(ctx context.Context, after string, limit int) ([]*Pool, error)
	// UpdatePool writes name, config, wire and UpdatedAt where Version matches, adds one to Version, and reports whether it did.
	UpdatePool(ctx context.Context, p *Pool) (bool, error)
	// DeletePool makes the pool and its clients unreachable at once. PurgePool then deletes the rest in bounded steps.
	DeletePool(ctx context.Context, id string, now time.Time) (bool, error)
	// PurgePool deletes at most limit rows of deleted pools and returns how many; 0 means that nothing is left.
	PurgePool(ctx context.Context, limit int) (int, error)

	// InsertClient reports false if the id exists.
	InsertClient(ctx context.Context, c *Client) (bool, error)
	// Client returns ErrNotFound for unknown clients and clients of deleted pools.
	Client(ctx context.Context, id string) (*Client, error)
	// ListClients returns up to limit clients of a pool with id > after, by id.
	ListClients(ctx context.Context, poolID, after string, limit int) ([]*Client, error)
	// UpdateClient is like UpdatePool; it also writes SealedSecrets.
	UpdateClient(ctx context.Context, c *Client) (bool, error)
	DeleteClient(ctx context.Context, poolID, id string) (bool, error)
}
