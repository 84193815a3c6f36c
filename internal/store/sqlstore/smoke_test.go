package sqlstore_test

import (
	"context"
	"testing"
	"time"

	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

func TestSmoke(t *testing.T) {
	for range 3 {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		ctx := context.Background()
		now := time.Now()
		err := s.Write(ctx, func(tx store.Tx) error {
			u := &store.User{ID: "u", PoolID: "p", Username: "u", Status: store.Confirmed, Enabled: true, Attributes: map[string]string{"email": "a@b", "custom:x": "y\"\n"}, CreatedAt: now}
			if err := tx.Users().InsertUser(ctx, u); err != nil {
				return err
			}
			_, err := tx.Users().ClaimAlias(ctx, "p", "k", "u")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Read(ctx, func(tx store.Tx) error {
			u, k, err := tx.Users().FindUser(ctx, "p", "a", "k")
			t.Logf("%+v %v %v", u, k, err)
			b, err := tx.Families().Bearer(ctx, "p", "u", "j", now)
			t.Logf("%+v %v", b, err)
			l, err := tx.Users().ListUsers(ctx, store.UserQuery{PoolID: "p", Field: "email", Value: "a", Prefix: true, Limit: 10})
			t.Logf("%+v %v", l, err)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		i, err := s.Info(ctx)
		t.Log(i, err)
	})
	}
}
