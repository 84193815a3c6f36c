package pool

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"countersign/internal/fault"
	"countersign/internal/store"
)

const (
	// listMost is the largest page of ListUsers (API reference).
	listMost = 60
	// filterMost bounds a filter, in characters (API reference).
	filterMost = 256
	// cursorRunes is how much of a value a cursor keeps: as much as the store orders by.
	cursorRunes = 128
)

// filterFields maps the attributes that a filter may name to store.UserQuery.Field.
var filterFields = map[string]string{
	"username": "username", "email": "email", "phone_number": "phone_number", "name": "name", "given_name": "given_name",
	"family_name": "family_name", "preferred_username": "preferred_username", "cognito:user_status": "status", "status": "enabled", "sub": "sub",
}

// ParseFilter reads the filter of ListUsers: an attribute, = or ^= (begins with), and a value in double quotes, in which \ keeps the
// next character as it is. An empty filter is none. Errors are InvalidParameter. API reference, ListUsers.
func ParseFilter(s string) (UserFilter, error) {
	if strings.TrimSpace(s) == "" {
		return UserFilter{}, nil
	}
	bad := func(why string) (UserFilter, error) {
		return UserFilter{}, fault.Invalidf("filter", "Invalid filter: %s.", why).
			WithHint(`A filter is one comparison, such as phone_number ^= "+1202" or cognito:user_status = "CONFIRMED".`)
	}
	if utf8.RuneCountInString(s) > filterMost || !utf8.ValidString(s) {
		return bad("it is too long or not UTF-8")
	}
	at := strings.IndexAny(s, "^=")
	if at < 0 {
		return bad("= or ^= is missing")
	}
	var f UserFilter
	name, rest := strings.Trim(strings.TrimSpace(s[:at]), `"`), s[at:]
	if f.Field = filterFields[name]; f.Field == "" {
		return bad("users cannot be searched by this attribute")
	}
	if rest, f.Prefix = strings.CutPrefix(rest, "^"); !strings.HasPrefix(rest, "=") {
		return bad("= or ^= is missing")
	}
	value, ok := unquote(strings.TrimSpace(rest[1:]))
	if !ok {
		return bad("the value must be in double quotes")
	}
	f.Value = value
	return f.normal(), nil
}

// unquote reads a value in double quotes, which must be all of s.
func unquote(s string) (string, bool) {
	if len(s) < 2 || s[0] != '"' {
		return "", false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), i == len(s)-1
		case '\\':
			if i++; i == len(s) {
				return "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", false
}

// never matches no user.
var never = UserFilter{Field: "sub", Value: "-"}

// normal spells values as the store does.
func (f UserFilter) normal() UserFilter {
	switch f.Field {
	case "status":
		f.Value = strings.ToUpper(f.Value)
	case "sub":
		f.Value = strings.ToLower(f.Value)
	case "enabled":
		fits := func(v string) bool { return v == f.Value || f.Prefix && strings.HasPrefix(v, f.Value) }
		switch yes, no := fits("Enabled"), fits("Disabled"); {
		case yes && no:
			return UserFilter{}
		case yes:
			return UserFilter{Field: "enabled", Value: "true"}
		case no:
			return UserFilter{Field: "enabled", Value: "false"}
		}
		return never
	}
	return f
}

// ListInput asks for a page of users.
type ListInput struct {
	PoolID string
	// Filter as sent; see ParseFilter.
	Filter string
	// Limit is 1 to 60; 0 means 60.
	Limit int
	// After is where the page before ended; nil: the first page.
	After *ListCursor
}

// ListCursor is the last user of a page. It belongs to one pool and filter.
type ListCursor struct {
	ID    string `json:"i"`
	Value string `json:"v,omitempty"`
}

// ListUsers returns a page of users and where the next one begins, nil at the end. API reference, ListUsers.
func (s *Service) ListUsers(ctx context.Context, in ListInput) ([]*UserView, *ListCursor, error) {
	t, err := s.byPool(ctx, in.PoolID)
	if err != nil {
		return nil, nil, err
	}
	f, err := ParseFilter(in.Filter)
	if err != nil {
		return nil, nil, err
	}
	limit := in.Limit
	if limit == 0 {
		limit = listMost
	}
	if limit < 0 || limit > listMost {
		return nil, nil, fault.Invalidf("limit", "Limit must be at most %d.", listMost)
	}
	q := store.UserQuery{PoolID: t.pool.ID, Field: f.Field, Value: f.Value, Prefix: f.Prefix, Limit: limit + 1}
	if in.After != nil {
		q.After, q.AfterValue = in.After.ID, in.After.Value
	}
	var rows []*store.User
	err = s.Store.Read(ctx, func(tx store.Tx) (err error) {
		rows, err = tx.Users().ListUsers(ctx, q)
		return err
	})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrText) {
		return nil, nil, fault.Invalidf("paginationToken", "Invalid pagination token or filter.").WithErr(err)
	}
	if err != nil {
		return nil, nil, err
	}
	var next *ListCursor
	if len(rows) > limit {
		rows = rows[:limit]
		next = f.cursor(rows[limit-1])
	}
	out := make([]*UserView, len(rows))
	for i, u := range rows {
		out[i] = s.view(t, u, all)
	}
	return out, next, nil
}

// cursor remembers the last user, and its value where the page was ordered by it.
func (f UserFilter) cursor(u *store.User) *ListCursor {
	c := &ListCursor{ID: u.ID}
	switch {
	case !f.Prefix || f.Field == "sub" || f.Field == "status" || f.Field == "enabled":
	case f.Field == "username":
		c.Value = u.Username
	default:
		c.Value = u.Attributes[f.Field]
	}
	if utf8.RuneCountInString(c.Value) > cursorRunes {
		c.Value = string([]rune(c.Value)[:cursorRunes])
	}
	return c
}
