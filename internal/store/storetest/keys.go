package storetest

import (
	"context"
	"encoding/json"
	"fmt"

	"countersign/internal/store"
)

func testKeys(s *suite) {
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, k := range []*store.WrappedKey{
			{PoolID: "b", Purpose: "data", Version: 1, RootID: "r", Wrapped: []byte{0, 1}, CreatedAt: ms(0), RetiredAt: ms(1)},
			{PoolID: "a", Purpose: "data", Version: 10, Wrapped: []byte{1}}, {PoolID: "a", Purpose: "data", Version: 9, Wrapped: []byte{1}},
			{PoolID: "a", Purpose: "lookup", Version: 1, Wrapped: []byte{1}},
		} {
			ok, err := tx.Keys().AddKey(ctx, k)
			s.same("AddKey", ok, true)
			if err != nil {
				return err
			}
		}
		ok, err := tx.Keys().AddKey(ctx, &store.WrappedKey{PoolID: "b", Purpose: "data", Version: 1, Wrapped: []byte{9}})
		s.same("a second AddKey", ok, false)
		return err
	})
	name := func(k *store.WrappedKey) string { return fmt.Sprint(k.PoolID, " ", k.Purpose, " ", k.Version) }
	s.read(func(ctx context.Context, tx store.Tx) error {
		keys, err := tx.Keys().PoolKeys(ctx, "b")
		s.same("PoolKeys", keys, []*store.WrappedKey{
			{PoolID: "b", Purpose: "data", Version: 1, RootID: "r", Wrapped: []byte{0, 1}, CreatedAt: ms(0), RetiredAt: ms(1)},
		})
		if err != nil {
			return err
		}
		var all []string
		var after *store.WrappedKey
		for {
			page, err := tx.Keys().AllKeys(ctx, after, 2)
			if err != nil || len(page) == 0 {
				s.same("AllKeys", all, []string{"a data 9", "a data 10", "a lookup 1", "b data 1"})
				return err
			}
			all, after = append(all, ids(page, name)...), page[len(page)-1]
		}
	})
	s.write(func(ctx context.Context, tx store.Tx) error {
		k := &store.WrappedKey{PoolID: "b", Purpose: "data", Version: 1, RootID: "new", Wrapped: []byte{5}}
		if err := tx.Keys().RewrapKey(ctx, k); err != nil {
			return err
		}
		keys, err := tx.Keys().PoolKeys(ctx, "b")
		k.CreatedAt = ms(0)
		s.same("RewrapKey", keys, []*store.WrappedKey{k})
		if err != nil {
			return err
		}
		k.Version = 7
		s.is("RewrapKey of an unknown key", tx.Keys().RewrapKey(ctx, k), store.ErrNotFound)
		return nil
	})
}

func testSigningKeys(s *suite) {
	want := &store.SigningKey{PoolID: "p", KeyID: "k", Use: "id", Alg: "RS256", Sealed: []byte{1}, Public: []byte{2}, CreatedAt: ms(0)}
	s.write(func(ctx context.Context, tx store.Tx) error {
		ok, err := tx.Keys().AddSigningKey(ctx, want)
		s.same("AddSigningKey", ok, true)
		if err != nil {
			return err
		}
		ok, err = tx.Keys().AddSigningKey(ctx, &store.SigningKey{PoolID: "p", KeyID: "k"})
		s.same("a second AddSigningKey", ok, false)
		if err != nil {
			return err
		}
		return drop(tx.Keys().AddSigningKey(ctx, &store.SigningKey{PoolID: "q", KeyID: "k"}))
	})
	check := func(want ...*store.SigningKey) {
		s.Helper()
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Keys().SigningKeys(ctx, "p")
			s.same("SigningKeys", got, want)
			return err
		})
	}
	check(want)
	want.ActiveAt, want.RetireAt = ms(3), ms(4)
	s.write(func(ctx context.Context, tx store.Tx) error { return tx.Keys().UpdateSigningKey(ctx, want) })
	check(want)
	s.write(func(ctx context.Context, tx store.Tx) error { return tx.Keys().DeleteSigningKey(ctx, "p", "k") })
	check()
}

func testAccess(s *suite) {
	want := &store.AccessKey{ID: "AKIA1", Name: "n", Kind: "aws", SealedSecret: []byte{1}, Grants: json.RawMessage(`["a"]`), CreatedAt: ms(0), LastUsedAt: ms(1)}
	s.write(func(ctx context.Context, tx store.Tx) error {
		ok, err := tx.Access().InsertAccessKey(ctx, want)
		s.same("InsertAccessKey", ok, true)
		if err != nil {
			return err
		}
		ok, err = tx.Access().InsertAccessKey(ctx, &store.AccessKey{ID: "AKIA1"})
		s.same("a second InsertAccessKey", ok, false)
		if err != nil {
			return err
		}
		return drop(tx.Access().InsertAccessKey(ctx, &store.AccessKey{ID: "AKIA2"}))
	})
	s.write(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Access().AccessKey(ctx, "AKIA1")
		s.same("AccessKey", got, want)
		if err != nil {
			return err
		}
		list, err := tx.Access().ListAccessKeys(ctx, "AKIA1", 5)
		s.same("ListAccessKeys", ids(list, func(k *store.AccessKey) string { return k.ID }), []string{"AKIA2"})
		if err != nil {
			return err
		}
		if err := tx.Access().ResealAccessKey(ctx, "AKIA1", []byte{2}); err != nil {
			return err
		}
		for i, first := range []bool{true, false} {
			ok, err := tx.Access().RevokeAccessKey(ctx, "AKIA1", ms(5+i))
			s.same("RevokeAccessKey", ok, first)
			if err != nil {
				return err
			}
		}
		want.SealedSecret, want.RevokedAt = []byte{2}, ms(5)
		got, err = tx.Access().AccessKey(ctx, "AKIA1")
		s.same("a revoked AccessKey", got, want)
		s.is("an unknown AccessKey", drop(tx.Access().AccessKey(ctx, "none")), store.ErrNotFound)
		return err
	})
}

func testSweep(s *suite) {
	s.write(func(ctx context.Context, tx store.Tx) error {
		for n := range 3 {
			pool := fmt.Sprint("p", n)
			if err := FillPool(ctx, tx, pool); err != nil {
				return err
			}
			if err := drop(tx.Challenges().Spend(ctx, []byte(pool), ms(1000))); err != nil {
				return err
			}
		}
		return nil
	})
	var counts []int
	for _, now := range []int{999, 1000, 1000, 1000} {
		s.write(func(ctx context.Context, tx store.Tx) error {
			n, err := tx.Sweep(ctx, ms(now), 2)
			counts = append(counts, n)
			return err
		})
	}
	const kinds = 10
	s.same("rows swept", counts, []int{0, 2 * kinds, kinds, 0})
	s.read(func(ctx context.Context, tx store.Tx) error { return drop(tx.Users().User(ctx, "p0", "p0-u")) })
}

func testEpoch(s *suite) {
	s.write(func(ctx context.Context, tx store.Tx) error { return FillPool(ctx, tx, "p") })
	s.write(func(ctx context.Context, tx store.Tx) error {
		n, err := tx.RaiseEpoch(ctx, ms(5))
		s.same("RaiseEpoch", n, int64(2))
		return err
	})
	s.read(func(ctx context.Context, tx store.Tx) error {
		n, err := tx.Epoch(ctx)
		s.same("Epoch", n, int64(2))
		if err != nil {
			return err
		}
		codes, err := tx.Codes().LiveCodes(ctx, "p", "p-u", "x", "", ms(0))
		s.same("codes", len(codes), 0)
		if err != nil {
			return err
		}
		s.is("challenge", drop(tx.Challenges().Challenge(ctx, "p-h")), store.ErrNotFound)
		m, err := tx.Outbox().Message(ctx, "p-m1")
		if err != nil {
			return err
		}
		s.same("the queued message", m.State, store.Expired)
		b, err := tx.Families().Bearer(ctx, "p", "p-u", "p-j", ms(6))
		if err == nil {
			s.same("the family is revoked", b.Revoked, true)
		}
		return err
	})
}
