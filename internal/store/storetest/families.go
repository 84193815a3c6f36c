package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"countersign/internal/store"
)

func newFamily(n int) *store.Family {
	return &store.Family{
		ID: id(n), OriginJTI: fmt.Sprint("jti", n), PoolID: "p", UserID: "u", ClientID: "c", Hash: []byte{1}, Name: "+1202",
		DeviceKey: "d", AuthTime: ms(n), CreatedAt: ms(n), ExpiresAt: ms(n + 1000), Version: 1,
		Wire: "auth0", Scope: "openid offline_access", Audience: "https://a/", Methods: "pwd mfa",
	}
}

func testFamily(s *suite) {
	want, bare := newFamily(0), newFamily(1)
	bare.Wire, bare.Scope, bare.Audience, bare.Methods = "", "", "", ""
	s.write(func(ctx context.Context, tx store.Tx) error {
		if err := tx.Families().InsertFamily(ctx, bare); err != nil {
			return err
		}
		return tx.Families().InsertFamily(ctx, want)
	})
	s.read(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Families().Family(ctx, bare.ID)
		s.same("a family without a wire", got, bare)
		return err
	})
	get := func() (f *store.Family) {
		s.Helper()
		s.read(func(ctx context.Context, tx store.Tx) (err error) {
			f, err = tx.Families().Family(ctx, want.ID)
			return err
		})
		return f
	}
	s.same("Family", get(), want)
	next := *want
	next.Hash, next.Previous, next.PreviousUntil, next.Older, next.ExpiresAt = []byte{2}, []byte{1}, ms(5), []byte{9, 9}, ms(2000)
	var won atomic.Int32
	parallel(20, func(int) {
		err := s.Store.Write(s.Context(), func(tx store.Tx) error {
			ok, err := tx.Families().UpdateFamily(s.Context(), &next)
			if err == nil && !ok {
				err = errTest
			}
			return err
		})
		switch {
		case err == nil:
			won.Add(1)
		case !errors.Is(err, errTest):
			s.Errorf("UpdateFamily: %v", err)
		}
	})
	s.same("callers that turned the family", won.Load(), int32(1))
	next.Version = 2
	s.same("Family", get(), &next)
	s.read(func(ctx context.Context, tx store.Tx) error {
		s.is("an unknown family", drop(tx.Families().Family(ctx, "none")), store.ErrNotFound)
		return nil
	})
}

func testRevoke(s *suite) {
	s.write(func(ctx context.Context, tx store.Tx) error {
		for n := range 4 {
			if err := tx.Families().InsertFamily(ctx, newFamily(n)); err != nil {
				return err
			}
		}
		other := newFamily(9)
		other.UserID = "v"
		return tx.Families().InsertFamily(ctx, other)
	})
	list := func(user string, now, limit int) (jtis []string) {
		s.Helper()
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Families().ListFamilies(ctx, "p", user, ms(now), limit)
			jtis = ids(got, func(f *store.Family) string { return f.OriginJTI })
			return err
		})
		return jtis
	}
	s.same("families", list("u", 0, 3), []string{"jti3", "jti2", "jti1"})
	s.same("families later", list("u", 1002, 9), []string{"jti3"})
	var stale *store.Family
	s.write(func(ctx context.Context, tx store.Tx) (err error) {
		got, err := tx.Families().ListFamilies(ctx, "p", "u", ms(0), 9)
		if err != nil {
			return err
		}
		stale = got[0]
		return tx.Families().RevokeFamilies(ctx, "p", "u", "jti2", ms(7))
	})
	s.same("families but one revoked", list("u", 0, 9), []string{"jti2"})
	s.write(func(ctx context.Context, tx store.Tx) error {
		ok, err := tx.Families().UpdateFamily(ctx, stale)
		s.same("a refresh that began before the revocation", ok, false)
		if err != nil {
			return err
		}
		return tx.Families().RevokeFamilies(ctx, "p", "u", "", ms(8))
	})
	s.same("families all revoked", list("u", 0, 9), []string{})
	s.same("families of another user", list("v", 0, 9), []string{"jti9"})
	s.read(func(ctx context.Context, tx store.Tx) error {
		f, err := tx.Families().Family(ctx, stale.ID)
		if err == nil {
			s.same("RevokedAt", f.RevokedAt, ms(7))
		}
		return err
	})
}

func testBearer(s *suite) {
	u := fullUser()
	u.ID = "u"
	s.write(func(ctx context.Context, tx store.Tx) error {
		if err := tx.Users().InsertUser(ctx, u); err != nil {
			return err
		}
		for n := range 3 {
			f := newFamily(n)
			if n == 1 {
				f.RevokedAt = ms(5)
			}
			if n == 2 {
				f.UserID = "v"
			}
			if err := tx.Families().InsertFamily(ctx, f); err != nil {
				return err
			}
		}
		return nil
	})
	for _, c := range []struct {
		jti     string
		now     int
		revoked bool
		auth    int
	}{{"jti0", 1, false, 0}, {"jti0", 1000, true, 0}, {"jti1", 1, true, 1}, {"jti2", 1, true, -1}, {"unknown", 1, true, -1}} {
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Families().Bearer(ctx, "p", "u", c.jti, ms(c.now))
			if err != nil {
				return err
			}
			want := &store.Bearer{User: u, Revoked: c.revoked}
			if c.auth >= 0 {
				want.AuthTime, want.Methods = ms(c.auth), "pwd mfa"
			}
			s.same(c.jti, got, want)
			return nil
		})
	}
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, c := range [][2]string{{"u", "jti0"}, {"v", "jti1"}, {"u", "jti2"}} { // the last two are not this user's
			if err := tx.Families().SetMethods(ctx, "p", c[0], c[1], "sms"); err != nil {
				return err
			}
		}
		return nil
	})
	for jti, methods := range map[string]string{"jti0": "sms", "jti1": "pwd mfa", "jti2": ""} {
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Families().Bearer(ctx, "p", "u", jti, ms(1))
			if err == nil {
				s.same("methods of "+jti, got.Methods, methods)
			}
			return err
		})
	}
	s.read(func(ctx context.Context, tx store.Tx) error {
		s.is("an unknown user", drop(tx.Families().Bearer(ctx, "p", "v", "jti2", ms(0))), store.ErrNotFound)
		return nil
	})
}
