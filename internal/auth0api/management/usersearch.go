package management

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"countersign/internal/auth0api/wire"
	"countersign/internal/store"
)

// userFields is what a search of users may name. Values are compared without case.
var userFields = searchable{
	fields: []string{
		"blocked", "created_at", "email", "email_verified", "family_name", "given_name", "identities.connection", "identities.provider", "last_login",
		"logins_count", "name", "nickname", "phone_number", "phone_verified", "updated_at", "user_id", "username",
	},
	bare: []string{"email", "name", "nickname", "given_name", "family_name", "phone_number", "username", "user_id"},
	fold: true,
}

// maxUserScan bounds the users that a search goes through where no index helps.
const maxUserScan = 10_000

// field is the value that a search compares.
func (b *userBody) field(name string) string {
	text := func(v *bool) string {
		if v == nil {
			return ""
		}
		return strconv.FormatBool(*v)
	}
	switch name {
	case "blocked":
		return strconv.FormatBool(b.Blocked)
	case "created_at":
		return b.CreatedAt
	case "email":
		return b.Email
	case "email_verified":
		return text(b.EmailVerified)
	case "family_name":
		return b.FamilyName
	case "given_name":
		return b.GivenName
	case "identities.connection":
		return b.Identities[0].Connection
	case "identities.provider":
		return b.Identities[0].Provider
	case "last_login":
		return b.LastLogin
	case "logins_count":
		return strconv.Itoa(b.Logins)
	case "name":
		return b.Name
	case "nickname":
		return b.Nickname
	case "phone_number":
		return b.Phone
	case "phone_verified":
		return text(b.PhoneVerified)
	case "updated_at":
		return b.UpdatedAt
	case "user_id":
		return b.UserID
	case "username":
		return b.Username
	}
	return ""
}

// plan is the queries whose answers together hold every match of a search; false if no index helps.
func (n *searchNode) plan() ([]store.UserQuery, bool) {
	switch n.op {
	case "and":
		for _, k := range n.kids {
			if q, ok := k.plan(); ok {
				return q, true
			}
		}
		return nil, false
	case "or":
		var all []store.UserQuery
		for _, k := range n.kids {
			q, ok := k.plan()
			if !ok {
				return nil, false
			}
			all = append(all, q...)
		}
		return all, true
	case "not":
		return nil, false
	}
	return n.planOf()
}

// planOf: names are found as they are stored. Addresses are stored as typed, so they are looked for as given and in lower case.
func (n *searchNode) planOf() ([]store.UserQuery, bool) {
	if n.pattern == nil || len(n.fields) != 1 {
		return nil, false
	}
	parts := n.pattern.parts
	exact, prefix := len(parts) == 1, len(parts) == 2 && parts[1] == "" && parts[0] != ""
	value := parts[0]
	switch f := n.fields[0]; {
	case f == "user_id" && exact:
		return []store.UserQuery{{Field: "sub", Value: strings.ToLower(userIDOf(value))}}, true
	case f == "phone_number" && (exact || prefix):
		return []store.UserQuery{{Field: f, Value: value, Prefix: prefix}}, true
	case (f == "email" || f == "username" || f == "name" || f == "given_name" || f == "family_name") && exact:
		out := []store.UserQuery{{Field: f, Value: value}}
		if low := strings.ToLower(value); low != value {
			out = append(out, store.UserQuery{Field: f, Value: low})
		}
		return out, true
	case (f == "email" || f == "username") && prefix:
		out := []store.UserQuery{{Field: f, Value: value, Prefix: true}}
		if low := strings.ToLower(value); low != value {
			out = append(out, store.UserQuery{Field: f, Value: low, Prefix: true})
		}
		return out, true
	}
	return nil, false
}

// userFinder collects users.
type userFinder struct {
	a    *api
	pool string
	node *searchNode
	// want is how many are looked for.
	want    int
	scanned int
	found   []*store.User
	seen    map[string]bool
	partial bool
}

// query collects the matches among the users that a query selects, in pages.
func (f *userFinder) query(ctx context.Context, q store.UserQuery) error {
	q.PoolID, q.Limit = f.pool, 200
	for len(f.found) < f.want {
		var list []*store.User
		err := f.a.Store.Read(ctx, func(tx store.Tx) (err error) {
			list, err = tx.Users().ListUsers(ctx, q)
			return err
		})
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrText) { // the user at which a page ended is gone; not a text
			return nil
		}
		if err != nil {
			return err
		}
		for _, u := range list {
			if len(f.found) < f.want && !f.seen[u.ID] && (f.node == nil || f.node.matches(userOf(u).field)) {
				f.seen[u.ID] = true
				f.found = append(f.found, u)
			}
		}
		if f.scanned += len(list); len(list) < q.Limit {
			return nil
		}
		if f.node != nil && f.scanned >= maxUserScan {
			f.partial = true
			return nil
		}
		last := list[len(list)-1]
		if q.After = last.ID; q.Prefix {
			q.AfterValue = last.Attributes[q.Field]
			if q.Field == "username" {
				q.AfterValue = last.Username
			}
		}
	}
	return nil
}

func (a *api) listUsers(ctx context.Context, r *Request) (int, any, error) {
	page, err := r.Page(50, 100)
	if err != nil {
		return 0, nil, err
	}
	if page.Checkpoint {
		return a.usersAfter(ctx, r, page)
	}
	if page.Start() > 0 && page.Start()+page.Size > maxReach {
		return 0, nil, wire.Errorf(http.StatusBadRequest, "invalid_paging", "You can only page through the first %d records.", maxReach)
	}
	n, err := parseSearch("q", userSearch(r), userFields)
	if err != nil {
		return 0, nil, err
	}
	order, err := userOrder(r)
	if err != nil {
		return 0, nil, err
	}
	if n != nil || order != nil {
		done, err := a.scans.turn(ctx)
		if err != nil {
			return 0, nil, err
		}
		defer done()
	}
	f := &userFinder{a: a, pool: r.PoolID, node: n, want: page.Start() + page.Size, seen: map[string]bool{}}
	if order != nil || page.Totals {
		f.want = maxReach
	}
	if err := f.run(ctx); err != nil {
		return 0, nil, err
	}
	if f.partial {
		r.Header().Set("X-Countersign-Search", "partial; search by user_id, email, phone_number, username or name")
	}
	if order != nil {
		slices.SortStableFunc(f.found, order)
	}
	list := wire.Cut(page, f.found)
	total := len(f.found)
	if page.Totals && n == nil && total >= maxReach {
		if total, err = a.Pools.EstimateUsers(ctx, r.PoolID); err != nil {
			return 0, nil, err
		}
	}
	return http.StatusOK, page.Listed("users", bodies(list), len(list), total), nil
}

// userSearch joins the parameters q and connection.
func userSearch(r *Request) string {
	q := r.Query.Get("q")
	c := r.Query.Get("connection")
	switch {
	case c == "":
		return q
	case strings.TrimSpace(q) == "":
		return `identities.connection:"` + escapeQuoted(c) + `"`
	}
	return "(" + q + `) AND identities.connection:"` + escapeQuoted(c) + `"`
}

func escapeQuoted(s string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
}

func (f *userFinder) run(ctx context.Context) error {
	queries := []store.UserQuery{{}}
	if f.node != nil {
		if planned, ok := f.node.plan(); ok {
			queries = planned
		}
	}
	for _, q := range queries {
		if q.Field == "sub" {
			if u, err := uuid.Parse(q.Value); err != nil || u.String() != q.Value {
				continue
			}
		}
		if err := f.query(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// userOrder reads the parameter sort: a field and 1 or -1. The first 1000 matches are sorted.
func userOrder(r *Request) (func(x, y *store.User) int, error) {
	field, order, _ := strings.Cut(r.Query.Get("sort"), ":")
	if field == "" {
		return nil, nil
	}
	if !slices.Contains(userFields.fields, field) || order != "1" && order != "-1" {
		return nil, wire.BadQuery("sort", "", "Users are sorted by field:1 or field:-1, with a field of %s", strings.Join(userFields.fields, ", "))
	}
	return func(x, y *store.User) int {
		c := cmp.Compare(strings.ToLower(userOf(x).field(field)), strings.ToLower(userOf(y).field(field)))
		if field == "logins_count" {
			c = cmp.Compare(userOf(x).Logins, userOf(y).Logins)
		}
		if order == "-1" {
			c = -c
		}
		return c
	}, nil
}

// usersAfter is checkpoint paging (from, take), by id.
func (a *api) usersAfter(ctx context.Context, r *Request, page wire.Page) (int, any, error) {
	q := store.UserQuery{PoolID: r.PoolID, Limit: page.Size}
	if page.From != "" {
		u, err := uuid.Parse(userIDOf(page.From))
		if err != nil {
			return 0, nil, wire.BadQuery("from", "", "Not the user_id of a user")
		}
		q.After = u.String()
	}
	var list []*store.User
	err := a.Store.Read(ctx, func(tx store.Tx) (err error) {
		list, err = tx.Users().ListUsers(ctx, q)
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	out := map[string]any{"users": bodies(list)}
	if len(list) == page.Size {
		out["next"] = list[len(list)-1].ID
	}
	return http.StatusOK, out, nil
}
