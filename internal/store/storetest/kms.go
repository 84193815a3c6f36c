package storetest

import (
	"context"
	"encoding/json"
	"fmt"

	"countersign/internal/store"
)

func testKMSKeys(s *suite) {
	want := &store.KMSKey{
		ID: "k2", Region: "r", Doc: json.RawMessage(`{"a":"ü"}`), Sealed: []byte{0, 255}, DeleteAt: ms(10), CreatedAt: ms(0), UpdatedAt: ms(1), Version: 1,
	}
	s.write(func(ctx context.Context, tx store.Tx) error {
		in := *want
		in.Version = 77
		if err := tx.KMS().InsertKMSKey(ctx, &in); err != nil {
			return err
		}
		for _, k := range []*store.KMSKey{{ID: "k1", Region: "r"}, {ID: "k3", Region: "r"}, {ID: "k4", Region: "other"}} {
			if err := tx.KMS().InsertKMSKey(ctx, k); err != nil {
				return err
			}
		}
		return nil
	})
	s.write(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.KMS().KMSKey(ctx, "k2")
		s.same("KMSKey", got, want)
		if err != nil {
			return err
		}
		list, err := tx.KMS().ListKMSKeys(ctx, "r", "k1", 1)
		s.same("ListKMSKeys", list, []*store.KMSKey{want})
		if err != nil {
			return err
		}
		n, err := tx.KMS().CountKMSKeys(ctx, "r")
		s.same("CountKMSKeys", n, int64(3))
		if err != nil {
			return err
		}
		s.is("an unknown key", drop(tx.KMS().KMSKey(ctx, "none")), store.ErrNotFound)
		s.is("an unknown version", drop(tx.KMS().KMSKeyVersion(ctx, "none")), store.ErrNotFound)
		want.Doc, want.Sealed, want.DeleteAt, want.UpdatedAt = json.RawMessage(`{}`), []byte{1}, ms(0).AddDate(1, 0, 0), ms(5)
		for _, first := range []bool{true, false} {
			ok, err := tx.KMS().UpdateKMSKey(ctx, want)
			s.same("UpdateKMSKey", ok, first)
			if err != nil {
				return err
			}
		}
		want.Version = 2
		v, err := tx.KMS().KMSKeyVersion(ctx, "k2")
		s.same("KMSKeyVersion", v, int64(2))
		if err != nil {
			return err
		}
		got, err = tx.KMS().KMSKey(ctx, "k2")
		s.same("the updated key", got, want)
		return err
	})
}

func testKMSAliases(s *suite) {
	want := &store.KMSAlias{Region: "r", Name: "alias/b", KeyID: "k1", CreatedAt: ms(0), UpdatedAt: ms(1)}
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, a := range []*store.KMSAlias{want, {Region: "r", Name: "alias/a", KeyID: "k1"}, {Region: "r", Name: "alias/c", KeyID: "k2"},
			{Region: "q", Name: "alias/b", KeyID: "k3"}} {
			ok, err := tx.KMS().InsertKMSAlias(ctx, a)
			s.same("InsertKMSAlias", ok, true)
			if err != nil {
				return err
			}
		}
		ok, err := tx.KMS().InsertKMSAlias(ctx, &store.KMSAlias{Region: "r", Name: "alias/b", KeyID: "k9"})
		s.same("a second InsertKMSAlias", ok, false)
		return err
	})
	names := func(a *store.KMSAlias) string { return a.Region + " " + a.Name }
	s.write(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.KMS().KMSAlias(ctx, "r", "alias/b")
		s.same("KMSAlias", got, want)
		if err != nil {
			return err
		}
		for _, c := range []struct {
			keyID, after string
			limit        int
			want         []string
		}{
			{"", "", 2, []string{"r alias/a", "r alias/b"}}, {"", "alias/b", 9, []string{"r alias/c"}},
			{"k1", "", 9, []string{"r alias/a", "r alias/b"}}, {"k1", "alias/a", 9, []string{"r alias/b"}}, {"k3", "", 9, []string{}},
		} {
			list, err := tx.KMS().ListKMSAliases(ctx, "r", c.keyID, c.after, c.limit)
			s.same(fmt.Sprintf("ListKMSAliases %+v", c), ids(list, names), c.want)
			if err != nil {
				return err
			}
		}
		want.KeyID, want.UpdatedAt = "k2", ms(7)
		ok, err := tx.KMS().MoveKMSAlias(ctx, want)
		s.same("MoveKMSAlias", ok, true)
		if err != nil {
			return err
		}
		got, err = tx.KMS().KMSAlias(ctx, "r", "alias/b")
		s.same("the moved alias", got, want)
		if err != nil {
			return err
		}
		ok, err = tx.KMS().MoveKMSAlias(ctx, &store.KMSAlias{Region: "r", Name: "alias/none", KeyID: "k"})
		s.same("MoveKMSAlias of none", ok, false)
		if err != nil {
			return err
		}
		for _, first := range []bool{true, false} {
			ok, err := tx.KMS().DeleteKMSAlias(ctx, "r", "alias/b")
			s.same("DeleteKMSAlias", ok, first)
			if err != nil {
				return err
			}
		}
		s.is("a deleted alias", drop(tx.KMS().KMSAlias(ctx, "r", "alias/b")), store.ErrNotFound)
		return drop(tx.KMS().KMSAlias(ctx, "q", "alias/b"))
	})
}

func testKMSGrants(s *suite) {
	want := &store.KMSGrant{ID: "g2", KeyID: "k", Retiring: "arn:r", Doc: json.RawMessage(`{"a":1}`), CreatedAt: ms(0)}
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, g := range []*store.KMSGrant{want, {ID: "g1", KeyID: "k"}, {ID: "g3", KeyID: "k", Retiring: "arn:q"}, {ID: "g4", KeyID: "other", Retiring: "arn:r"},
			{ID: "g5", KeyID: "far", Retiring: "arn:r"}} {
			if err := tx.KMS().InsertKMSGrant(ctx, g); err != nil {
				return err
			}
		}
		return nil
	})
	name := func(g *store.KMSGrant) string { return g.ID }
	s.write(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.KMS().KMSGrant(ctx, "k", "g2")
		s.same("KMSGrant", got, want)
		if err != nil {
			return err
		}
		s.is("a grant of another key", drop(tx.KMS().KMSGrant(ctx, "k", "g4")), store.ErrNotFound)
		list, err := tx.KMS().KMSGrants(ctx, "k", "g1", 9)
		s.same("KMSGrants", ids(list, name), []string{"g2", "g3"})
		if err != nil {
			return err
		}
		for id, region := range map[string]string{"k": "r", "other": "r", "far": "q"} {
			if err := tx.KMS().InsertKMSKey(ctx, &store.KMSKey{ID: id, Region: region}); err != nil {
				return err
			}
		}
		list, err = tx.KMS().RetirableKMSGrants(ctx, "r", "arn:r", "", 9)
		s.same("RetirableKMSGrants", ids(list, name), []string{"g2", "g4"})
		if err != nil {
			return err
		}
		list, err = tx.KMS().RetirableKMSGrants(ctx, "q", "arn:r", "", 9)
		s.same("RetirableKMSGrants of another region", ids(list, name), []string{"g5"})
		if err != nil {
			return err
		}
		list, err = tx.KMS().RetirableKMSGrants(ctx, "r", "", "", 9)
		s.same("grants that nobody may retire", ids(list, name), []string{})
		if err != nil {
			return err
		}
		ok, err := tx.KMS().DeleteKMSGrant(ctx, "other", "g2")
		s.same("DeleteKMSGrant of another key", ok, false)
		if err != nil {
			return err
		}
		ok, err = tx.KMS().DeleteKMSGrant(ctx, "k", "g2")
		s.same("DeleteKMSGrant", ok, true)
		return err
	})
}

// testKMSDeletion: keys go when their time has come, with what hangs on them, and no others do.
func testKMSDeletion(s *suite) {
	s.write(func(ctx context.Context, tx store.Tx) error {
		for i, at := range []int{30, 10, 20, 0} {
			id := fmt.Sprint("k", i)
			k := &store.KMSKey{ID: id, Region: "r", DeleteAt: ms(at)}
			if at == 0 {
				k.DeleteAt = k.CreatedAt
			}
			if err := tx.KMS().InsertKMSKey(ctx, k); err != nil {
				return err
			}
			if err := drop(tx.KMS().InsertKMSAlias(ctx, &store.KMSAlias{Region: "r", Name: "alias/" + id, KeyID: id})); err != nil {
				return err
			}
			if err := tx.KMS().InsertKMSGrant(ctx, &store.KMSGrant{ID: "g" + id, KeyID: id}); err != nil {
				return err
			}
		}
		return nil
	})
	for _, c := range []struct{ now, limit, n int }{{9, 9, 0}, {20, 1, 1}, {20, 9, 1}, {20, 9, 0}} {
		s.write(func(ctx context.Context, tx store.Tx) error {
			n, err := tx.KMS().DeleteKMSKeys(ctx, ms(c.now), c.limit)
			s.same(fmt.Sprintf("DeleteKMSKeys %+v", c), n, c.n)
			return err
		})
	}
	s.read(func(ctx context.Context, tx store.Tx) error {
		keys, err := tx.KMS().ListKMSKeys(ctx, "r", "", 9)
		s.same("keys", ids(keys, func(k *store.KMSKey) string { return k.ID }), []string{"k0", "k3"})
		if err != nil {
			return err
		}
		aliases, err := tx.KMS().ListKMSAliases(ctx, "r", "", "", 9)
		s.same("aliases", ids(aliases, func(a *store.KMSAlias) string { return a.KeyID }), []string{"k0", "k3"})
		if err != nil {
			return err
		}
		for i, want := range []error{nil, store.ErrNotFound, store.ErrNotFound, nil} {
			id := fmt.Sprint("k", i)
			s.is("the grant of "+id, drop(tx.KMS().KMSGrant(ctx, id, "g"+id)), want)
		}
		return nil
	})
	s.write(func(ctx context.Context, tx store.Tx) error {
		n, err := tx.Sweep(ctx, ms(30), 9)
		s.same("keys swept", n, 1)
		return err
	})
}
