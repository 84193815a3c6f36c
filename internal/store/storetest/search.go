package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"countersign/internal/store"
)

func testUserSearch(s *suite) {
	long := strings.Repeat("ü", 3000)
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, u := range []store.User{
			{ID: "a", Username: "ann", Status: store.Confirmed, Enabled: true, Attributes: map[string]string{"email": "ann@x", "phone_number": "+1202", "name": long}},
			{ID: "b", Username: "anna", Status: store.Unconfirmed, Enabled: true, Attributes: map[string]string{"email": "anna@x", "phone_number": "+1203"}},
			{ID: "c", Username: "Ann", Status: store.ForceChangePassword, Attributes: map[string]string{"email": "ann@x", "name": long + "x"}},
			{ID: "d", Username: "bob", Status: store.Confirmed, Attributes: map[string]string{"given_name": "Bob", "family_name": "B_b", "name": ""}},
			{ID: "da", Username: "zoë", Status: store.ResetRequired, Enabled: true, Attributes: map[string]string{"preferred_username": "z%"}},
		} {
			u.PoolID = "p"
			if err := tx.Users().InsertUser(ctx, &u); err != nil {
				return err
			}
		}
		for _, id := range []string{"n1", "n2", "m3"} {
			if err := tx.Users().InsertUser(ctx, &store.User{PoolID: "unnamed", ID: id, Username: id}); err != nil {
				return err
			}
		}
		return tx.Users().InsertUser(ctx, &store.User{PoolID: "q", ID: "a", Username: "ann", Status: store.Confirmed, Enabled: true})
	})
	for _, c := range []struct {
		field, value string
		prefix       bool
		want         string
	}{
		{"", "", false, "a b c d da"},
		{"username", "ann", false, "a"}, {"username", "ann", true, "a b"}, {"username", "", true, "c a b d da"}, {"username", "zo", true, "da"},
		{"sub", "d", false, "d"}, {"sub", "d", true, "d da"}, {"sub", "x", true, ""},
		{"status", "CONFIRMED", false, "a d"}, {"status", "UNCONFIRMED", false, "b"}, {"status", "C", true, "a d"}, {"status", "RES", true, "da"},
		{"status", "", true, "a b c d da"}, {"status", "nonsense", false, ""}, {"status", "confirmed", false, ""},
		{"enabled", "true", false, "a b da"}, {"enabled", "false", false, "c d"}, {"enabled", "f", true, "c d"}, {"enabled", "", true, "a b c d da"},
		{"email", "ann@x", false, "a c"}, {"email", "ann", true, "a c b"}, {"email", "", true, "a c b"}, {"email", "none", true, ""},
		{"phone_number", "+120", true, "a b"}, {"phone_number", "+1203", false, "b"}, {"name", long, false, "a"}, {"name", long + "x", false, "c"},
		{"name", long, true, "a c"}, {"name", long + "x", true, "c"}, {"name", "", false, "d"}, {"name", "", true, "d a c"},
		{"given_name", "Bob", false, "d"}, {"given_name", "bob", false, ""}, {"family_name", "B_", true, "d"}, {"family_name", "B%", true, ""},
		{"preferred_username", "z%", false, "da"},
	} {
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Users().ListUsers(ctx, store.UserQuery{PoolID: "p", Field: c.field, Value: c.value, Prefix: c.prefix, Limit: 10})
			s.same(fmt.Sprintf("%s %.8q prefix=%v", c.field, c.value, c.prefix), strings.Join(ids(got, userID), " "), c.want)
			return err
		})
	}
	for _, c := range []struct {
		value, after string
		prefix       bool
		want         string
	}{{"n1", "", false, "n1"}, {"n", "", true, "n1 n2"}, {"n", "n1", true, "n2"}, {"n", "n2", true, ""}, {"", "", true, "m3 n1 n2"}, {"x", "", true, ""}} {
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Users().ListUsers(ctx, store.UserQuery{
				PoolID: "unnamed", Field: "username", Value: c.value, Prefix: c.prefix, Limit: 10, After: c.after, AfterValue: c.after,
			})
			s.same("username "+c.value+" where it is the id", strings.Join(ids(got, userID), " "), c.want)
			return err
		})
	}
	err := s.Store.Read(s.Context(), func(tx store.Tx) error {
		return drop(tx.Users().ListUsers(s.Context(), store.UserQuery{PoolID: "p", Field: "password_hash", Value: "x", Limit: 1}))
	})
	if err == nil {
		s.Error("users can be searched by their password hash")
	}
}

func userID(u *store.User) string { return u.ID }

// testUserPages reads lists page by page while users come and go: who is there all the time comes exactly once.
func testUserPages(s *suite) {
	for i := range 30 {
		s.addUser("p", fmt.Sprintf("u%02d", i), map[string]string{"email": fmt.Sprintf("mail%d@x", i%7)})
	}
	for _, q := range []store.UserQuery{
		{PoolID: "p", Limit: 4}, {PoolID: "p", Field: "email", Value: "mail", Prefix: true, Limit: 4},
		{PoolID: "p", Field: "enabled", Value: "true", Limit: 4}, {PoolID: "p", Field: "username", Value: "name-u", Prefix: true, Limit: 4},
	} {
		var all []string
		for page := 0; ; page++ {
			var got []*store.User
			s.read(func(ctx context.Context, tx store.Tx) (err error) {
				got, err = tx.Users().ListUsers(ctx, q)
				return err
			})
			if len(got) == 0 {
				break
			}
			all = append(all, ids(got, userID)...)
			last := got[len(got)-1]
			q.After, q.AfterValue = last.ID, last.Attributes[q.Field]
			if q.Field == "username" {
				q.AfterValue = last.Username
			}
			s.write(func(ctx context.Context, tx store.Tx) error {
				extra := fmt.Sprintf("extra-%s-%d", q.Field, page)
				if err := tx.Users().InsertUser(ctx, &store.User{PoolID: "p", ID: extra, Username: extra, Enabled: true}); err != nil {
					return err
				}
				return drop(tx.Users().DeleteUser(ctx, "p", extra))
			})
		}
		s.same("users seen by "+q.Field, len(all), 30)
		slices.Sort(all)
		s.same("different users seen by "+q.Field, len(slices.Compact(all)), 30)
	}
	s.read(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Users().ListUsers(ctx, store.UserQuery{PoolID: "p", Field: "email", Value: "mail", Prefix: true, Limit: 2, After: "u07"})
		s.same("a page without AfterValue", ids(got, userID), []string{"u14", "u21"})
		if err != nil {
			return err
		}
		n, err := tx.Users().CountUsers(ctx, "p", 7)
		s.same("CountUsers up to 7", n, 7)
		return err
	})
}
