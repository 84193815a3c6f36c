package sqlstore

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"countersign/internal/store"
)

// highest is above every character: v <= x < v+highest are the texts that begin with v.
const highest = "\U0010FFFF"

const listUsers = `SELECT ` + userColumns + ` FROM users u WHERE u.pool_id = $1`

// ListUsers answers each field from an index. Searches for the beginning of an attribute come ordered by value.
func (t userTx) ListUsers(ctx context.Context, q store.UserQuery) ([]*store.User, error) {
	switch q.Field {
	case "":
		return t.list(ctx, ` AND u.id > $2 ORDER BY u.id LIMIT $3`, q.PoolID, q.After, q.Limit)
	case "sub":
		upper := q.Value
		if q.Prefix {
			upper += highest
		}
		return t.list(ctx, ` AND u.id > $2 AND u.id >= $4 AND u.id <= $5 ORDER BY u.id LIMIT $3`,
			q.PoolID, q.After, q.Limit, q.Value, upper)
	case "enabled":
		return t.listEnabled(ctx, q)
	case "status":
		return t.listStatus(ctx, q)
	case "username":
		return t.listUsername(ctx, q)
	default:
		if !isSearchable(q.Field) {
			return nil, fmt.Errorf("store: users cannot be searched by %q", q.Field)
		}
	}
	return t.listColumn(ctx, q)
}

// listColumn searches a column by its index, which holds the rows where it is not NULL.
func (t userTx) listColumn(ctx context.Context, q store.UserQuery) ([]*store.User, error) {
	if q.Prefix {
		return t.listPrefix(ctx, q)
	}
	return t.list(ctx, fmt.Sprintf(` AND u.%[1]s IS NOT NULL AND substr(u.%[1]s, 1, 128) = substr($4, 1, 128) AND u.%[1]s = $4
		AND u.id > $2 ORDER BY u.id LIMIT $3`, q.Field), q.PoolID, q.After, q.Limit, q.Value)
}

func (t userTx) list(ctx context.Context, where string, args ...any) ([]*store.User, error) {
	return users(many(ctx, t.tx, listUsers+where, readUser, args...))
}

// listEnabled takes "true" or "false", or the beginning of one.
func (t userTx) listEnabled(ctx context.Context, q store.UserQuery) ([]*store.User, error) {
	yes, no := matches("true", q), matches("false", q)
	switch {
	case yes && no:
		return t.list(ctx, ` AND u.id > $2 ORDER BY u.id LIMIT $3`, q.PoolID, q.After, q.Limit)
	case yes:
		return t.list(ctx, ` AND u.enabled = 1 AND u.id > $2 ORDER BY u.id LIMIT $3`, q.PoolID, q.After, q.Limit)
	case no:
		return t.list(ctx, ` AND u.enabled = 0 AND u.id > $2 ORDER BY u.id LIMIT $3`, q.PoolID, q.After, q.Limit)
	}
	return nil, nil
}

func matches(value string, q store.UserQuery) bool {
	if q.Prefix {
		return len(q.Value) <= len(value) && value[:len(q.Value)] == q.Value
	}
	return value == q.Value
}

// listStatus knows all statuses, so that the beginning of one is the statuses that begin so.
func (t userTx) listStatus(ctx context.Context, q store.UserQuery) ([]*store.User, error) {
	var rare []any
	for _, s := range []store.Status{store.Unconfirmed, store.ForceChangePassword, store.ResetRequired} {
		if matches(string(s), q) {
			rare = append(rare, string(s))
		}
	}
	confirmed := matches(string(store.Confirmed), q)
	args := []any{q.PoolID, q.After, q.Limit}
	switch {
	case confirmed && len(rare) == 3:
		return t.list(ctx, ` AND u.id > $2 ORDER BY u.id LIMIT $3`, args...)
	case confirmed:
		return t.list(ctx, ` AND u.status = 'CONFIRMED' AND u.id > $2 ORDER BY u.id LIMIT $3`, args...)
	case len(rare) == 1:
		return t.list(ctx, ` AND u.status <> 'CONFIRMED' AND u.status = $4 AND u.id > $2 ORDER BY u.id LIMIT $3`, append(args, rare[0])...)
	}
	return nil, nil
}

// listPrefix goes on after the last user's value and id. The user's value is looked up if the caller did not keep it.
func (t userTx) listPrefix(ctx context.Context, q store.UserQuery) ([]*store.User, error) {
	column := "u." + q.Field
	after := q.AfterValue
	if q.After != "" && after == "" {
		var err error
		after, err = one(ctx, t.tx, `SELECT `+column+` FROM users u WHERE u.pool_id = $1 AND u.id = $2`, readText, q.PoolID, q.After)
		if err != nil {
			return nil, err
		}
	}
	where := fmt.Sprintf(` AND %[1]s IS NOT NULL AND substr(%[1]s, 1, 128) >= substr($4, 1, 128) AND substr(%[1]s, 1, 128) < $5
		AND %[1]s >= $4 AND %[1]s < $6 AND (substr(%[1]s, 1, 128), u.id) > (substr($7, 1, 128), $2)
		ORDER BY substr(%[1]s, 1, 128), u.id LIMIT $3`, column)
	return t.list(ctx, where, q.PoolID, q.After, q.Limit, q.Value, firstRunes(q.Value, 128)+highest, q.Value+highest, after)
}

// lookAhead is how many ids the search by username goes through for users whose username is their id. In a pool with names
// of its own there are none, and the search must not go through all of it.
const lookAhead = 1000

// listUsername merges the users whose username is their id with those that have a name of their own. A pool has only one
// of the two kinds.
func (t userTx) listUsername(ctx context.Context, q store.UserQuery) ([]*store.User, error) {
	upper := q.Value
	if q.Prefix {
		upper += highest
	}
	unnamed, err := users(many(ctx, t.tx, `SELECT `+userColumns+` FROM (SELECT * FROM users WHERE pool_id = $1 AND id > $2 AND id >= $4
		AND id <= $5 ORDER BY id LIMIT $6) AS u WHERE u.username IS NULL ORDER BY u.id LIMIT $3`, readUser,
		q.PoolID, q.After, q.Limit, q.Value, upper, lookAhead))
	if err != nil {
		return nil, err
	}
	if q.After != "" && q.AfterValue == "" && len(unnamed) > 0 {
		q.AfterValue = q.After
	}
	named, err := t.listColumn(ctx, q)
	if err != nil {
		return nil, err
	}
	all := append(unnamed, named...)
	slices.SortFunc(all, func(a, b *store.User) int {
		if !q.Prefix {
			return cmp.Compare(a.ID, b.ID)
		}
		return cmp.Or(cmp.Compare(firstRunes(a.Username, 128), firstRunes(b.Username, 128)), cmp.Compare(a.ID, b.ID))
	})
	return all[:min(len(all), q.Limit)], nil
}

// firstRunes cuts a text to n characters, as substr does.
func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
