package registration

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"countersign/internal/fault"
	"countersign/internal/store"
)

const (
	defaultPage = 50
	maxPage     = 200
	maxCursor   = 1024
)

// Query selects registrations of a pool, those of all pools for an empty PoolID. Empty conditions fit all.
type Query struct {
	PoolID  string
	Country string
	Kind    Kind
	Status  Status
	Name    string
	// Sort is id (default: by age), name, created or updated, with a leading "-" for the other direction.
	Sort string
	// Cursor is List's, of a page of the same query. Limit defaults to 50 and is at most 200.
	Cursor string
	Limit  int
}

// cursor is the last registration of a page.
type cursor struct {
	Sort    string    `json:"s,omitempty"`
	ID      string    `json:"i"`
	Name    string    `json:"n"`
	Created time.Time `json:"c"`
	Updated time.Time `json:"u"`
}

// List returns a page of registrations, and the cursor of the next one, empty after the last. Errors: fault.InvalidParameter.
func (s *Service) List(ctx context.Context, q Query) (page []Registration, next string, err error) {
	if q.Limit <= 0 {
		q.Limit = defaultPage
	}
	q.Limit = min(q.Limit, maxPage)
	if !slices.Contains([]string{"", "id", "name", "created", "updated"}, strings.TrimPrefix(q.Sort, "-")) {
		return nil, "", fault.Invalidf("sort", "Registrations are sorted by id, name, created or updated.")
	}
	rq := store.RecordQuery{Kind: RecordKind, PoolID: q.PoolID, Country: q.Country, Type: string(q.Kind), Status: string(q.Status), Name: q.Name, Sort: q.Sort,
		Limit: q.Limit + 1}
	if rq.After, err = q.after(); err != nil {
		return nil, "", err
	}
	var rows []*store.Record
	err = s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		rows, err = tx.Records().ListRecords(ctx, rq)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(rows) > q.Limit {
		rows = rows[:q.Limit]
		next = cursorOf(q.Sort, rows[q.Limit-1])
	}
	page = make([]Registration, 0, len(rows))
	for _, row := range rows {
		x, err := fromRecord(row)
		if err != nil {
			return nil, "", err
		}
		page = append(page, x.at(s.c.Now()))
	}
	return page, next, nil
}

func cursorOf(sort string, r *store.Record) string {
	b, err := json.Marshal(cursor{Sort: sort, ID: r.ID, Name: r.Name, Created: r.CreatedAt, Updated: r.UpdatedAt})
	if err != nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// after reads a cursor; nil for an empty one.
func (q Query) after() (*store.Record, error) {
	if q.Cursor == "" {
		return nil, nil
	}
	var c cursor
	b, err := base64.RawURLEncoding.DecodeString(q.Cursor)
	if err != nil || len(b) > maxCursor || json.Unmarshal(b, &c) != nil || c.ID == "" || c.Sort != q.Sort {
		return nil, fault.Invalidf("cursor", "The cursor is not one of this list.")
	}
	return &store.Record{Kind: RecordKind, PoolID: q.PoolID, ID: c.ID, Name: c.Name, CreatedAt: c.Created, UpdatedAt: c.Updated}, nil
}
