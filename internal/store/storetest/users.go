package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"countersign/internal/store"
)

// fullUser has every field set.
func fullUser() *store.User {
	return &store.User{
		ID: "0193-u", PoolID: "p", Username: "Zoë 🙂", Status: store.ForceChangePassword, Enabled: true,
		PasswordHash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", PasswordHistory: []string{"a", `b"\`},
		SRPSalt: []byte{0, 1}, SealedVerifier: []byte{255, 0}, TemporaryUntil: ms(1),
		Attributes: map[string]string{
			"phone_number": "+12025550123", "phone_number_verified": "true", "email": "zoe@example.com", "name": "", "given_name": "Zoë",
			"family_name": "O'Hara", "preferred_username": "zed", "custom:odd": "a\"b\\c\n\t\u0001 ü 🙂 </script>", "": "empty name",
		},
		Pending: map[string]string{"email": "new@example.com"},
		MFA: store.MFA{
			SMS: true, Email: true, TOTPReady: true, Preferred: "SMS_MFA", Recovery: "0f", RecoveryAt: ms(5), TOTPID: "t", EmailID: "e",
			Phones: []store.MFAPhone{{ID: "1", Number: "+12025550123", Name: "<ü>", Preferred: "voice", CreatedAt: ms(6), ConfirmedAt: ms(7)}, {ID: "2"}},
		},
		Meta: &store.Meta{
			Connection: "sms", User: json.RawMessage(`{"a":"<ü🙂&\\u0000"}`), App: json.RawMessage(`{"b":[1,2]}`), LastLogin: ms(8), Logins: 9, Language: "de",
		},
		SealedTOTP: []byte("totp"), TOTPStep: 1 << 40,
		SealedDataKey: []byte("key"), TokensAfter: ms(2), CreatedAt: ms(3), UpdatedAt: ms(4), Version: 1,
	}
}

func testUserRoundTrip(s *suite) {
	full, bare := fullUser(), &store.User{ID: "bare", PoolID: "p", Status: store.Unconfirmed, Version: 1}
	s.write(func(ctx context.Context, tx store.Tx) error {
		in := fullUser()
		in.TemporaryUntil = in.TemporaryUntil.Add(999 * time.Nanosecond).In(start.Location())
		in.Version = 77
		bare.Meta = &store.Meta{}
		defer func() { bare.Meta = nil }() // a Meta that holds nothing reads as none
		if err := tx.Users().InsertUser(ctx, in); err != nil {
			return err
		}
		return tx.Users().InsertUser(ctx, bare)
	})
	s.read(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Users().User(ctx, "p", full.ID)
		s.same("a full user", got, full)
		if err != nil {
			return err
		}
		got, err = tx.Users().User(ctx, "p", "bare")
		s.same("a bare user", got, bare)
		if err != nil {
			return err
		}
		_, err = tx.Users().User(ctx, "q", "bare")
		s.is("a user of another pool", err, store.ErrNotFound)
		return nil
	})
}

func testUserUpdate(s *suite) {
	s.write(func(ctx context.Context, tx store.Tx) error { return tx.Users().InsertUser(ctx, fullUser()) })
	steps := []func(u *store.User){
		func(u *store.User) { u.PasswordHash, u.UpdatedAt = "other", ms(9) },
		func(u *store.User) { u.Attributes["email"] = "other@example.com" },
		func(u *store.User) { delete(u.Attributes, "phone_number"); u.Status = store.Confirmed },
		func(u *store.User) { u.Enabled = false },
		func(u *store.User) { u.Attributes["name"] = "new"; u.Pending = nil; u.MFA = store.MFA{TOTP: true} },
		func(u *store.User) { u.Attributes = nil },
		func(u *store.User) { u.Meta.User = nil; u.MFA.Phones = []store.MFAPhone{{ID: "3"}} },
		func(u *store.User) { u.Meta, u.MFA = nil, store.MFA{SMS: true} },
	}
	u := fullUser()
	for i, step := range steps {
		step(u)
		s.write(func(ctx context.Context, tx store.Tx) error {
			ok, err := tx.Users().UpdateUser(ctx, u)
			s.same(fmt.Sprintf("UpdateUser %d", i), ok, true)
			if err != nil {
				return err
			}
			ok, err = tx.Users().UpdateUser(ctx, u)
			s.same("a stale UpdateUser", ok, false)
			return err
		})
		u.Version++
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Users().User(ctx, "p", u.ID)
			s.same("User", got, u)
			return err
		})
	}
	var won atomic.Int32
	parallel(20, func(int) {
		err := s.Store.Write(s.Context(), func(tx store.Tx) error {
			ok, err := tx.Users().UpdateUser(s.Context(), u)
			if err == nil && !ok {
				err = errTest
			}
			return err
		})
		if err == nil {
			won.Add(1)
		}
	})
	s.same("winners of one version", won.Load(), int32(1))
	s.write(func(ctx context.Context, tx store.Tx) error {
		ok, err := tx.Users().UpdateUser(ctx, &store.User{PoolID: "p", ID: "none", Version: 1})
		s.same("an unknown user", ok, false)
		return err
	})
}

func testFindUser(s *suite) {
	s.addUser("p", "a", map[string]string{"email": "a@example.com"})
	s.addUser("p", "b", nil)
	s.write(func(ctx context.Context, tx store.Tx) error {
		for k, u := range map[string]string{"ka": "a", "ka2": "a", "kb": "b", "ghost": "nobody"} {
			if err := drop(tx.Users().ClaimAlias(ctx, "p", k, u)); err != nil {
				return err
			}
		}
		return nil
	})
	for _, c := range []struct {
		keys     []string
		user, by string
	}{
		{[]string{"ka"}, "a", "ka"}, {[]string{"kb", "ka"}, "b", "kb"}, {[]string{"x", "ka2", "kb"}, "a", "ka2"}, {[]string{"ghost", "kb"}, "b", "kb"},
		{[]string{"x"}, "", ""}, {nil, "", ""}, {[]string{"ka "}, "", ""}, {[]string{"KA"}, "", ""},
	} {
		s.read(func(ctx context.Context, tx store.Tx) error {
			u, by, err := tx.Users().FindUser(ctx, "p", c.keys...)
			if c.user == "" {
				s.is(fmt.Sprint(c.keys), err, store.ErrNotFound)
				return nil
			}
			if err == nil {
				s.same(fmt.Sprint(c.keys), []string{u.ID, by}, []string{c.user, c.by})
			}
			return err
		})
	}
	s.read(func(ctx context.Context, tx store.Tx) error {
		_, _, err := tx.Users().FindUser(ctx, "q", "ka")
		s.is("a key of another pool", err, store.ErrNotFound)
		return nil
	})
}

func testAliases(s *suite) {
	claim := func(key, user, want string) {
		s.Helper()
		s.write(func(ctx context.Context, tx store.Tx) error {
			owner, err := tx.Users().ClaimAlias(ctx, "p", key, user)
			s.same("the owner of "+key, owner, want)
			return err
		})
	}
	release := func(key, user string) {
		s.write(func(ctx context.Context, tx store.Tx) error { return tx.Users().ReleaseAlias(ctx, "p", key, user) })
	}
	claim("k", "a", "a")
	claim("k", "b", "a")
	claim("k", "a", "a")
	release("k", "b")
	claim("k", "b", "a")
	release("k", "a")
	claim("k", "b", "b")
}

func testAliasRace(s *suite) {
	owners := make([]string, 50)
	parallel(50, func(i int) {
		err := s.Store.Write(s.Context(), func(tx store.Tx) (err error) {
			owners[i], err = tx.Users().ClaimAlias(s.Context(), "p", "k", fmt.Sprint("u", i))
			return err
		})
		if err != nil {
			s.Errorf("ClaimAlias: %v", err)
		}
	})
	for i, o := range owners {
		if o != owners[0] || o == "" {
			s.Errorf("caller %d was told %q, caller 0 %q", i, o, owners[0])
		}
	}
}

func testDeleteUser(s *suite) {
	s.write(func(ctx context.Context, tx store.Tx) error {
		if err := FillPool(ctx, tx, "p"); err != nil {
			return err
		}
		for _, e := range []error{
			tx.Users().InsertUser(ctx, &store.User{PoolID: "p", ID: "other", Status: store.Confirmed}),
			drop(tx.Users().ClaimAlias(ctx, "p", "ko", "other")),
			tx.Counters().SaveCounter(ctx, store.CounterKey{PoolID: "p", Subject: "other", Purpose: "c"}, store.Counter{N: 1}, ms(9)),
		} {
			if e != nil {
				return e
			}
		}
		ok, err := tx.Users().DeleteUser(ctx, "p", "p-u")
		s.same("DeleteUser", ok, true)
		if err != nil {
			return err
		}
		ok, err = tx.Users().DeleteUser(ctx, "p", "p-u")
		s.same("a second DeleteUser", ok, false)
		return err
	})
	s.read(func(ctx context.Context, tx store.Tx) error {
		for what, err := range map[string]error{
			"user": drop(tx.Users().User(ctx, "p", "p-u")), "challenge": drop(tx.Challenges().Challenge(ctx, "p-h")),
			"family": drop(tx.Families().Family(ctx, "p-f")), "queued message": drop(tx.Outbox().Message(ctx, "p-m1")),
		} {
			s.is(what, err, store.ErrNotFound)
		}
		codes, err := tx.Codes().LiveCodes(ctx, "p", "p-u", "x", "", ms(0))
		s.same("codes", len(codes), 0)
		if err != nil {
			return err
		}
		n, err := tx.Counters().Counter(ctx, store.CounterKey{PoolID: "p", Subject: "p-u", Purpose: "c"})
		s.same("counter", n, store.Counter{})
		if err != nil {
			return err
		}
		seen, err := tx.Users().NetworkSeen(ctx, "p", "p-u", []byte("net"), ms(0))
		s.same("network", seen, false)
		if err != nil {
			return err
		}
		n, err = tx.Counters().Counter(ctx, store.CounterKey{PoolID: "p", Subject: "other", Purpose: "c"})
		s.same("another user's counter", n.N, 1)
		if err != nil {
			return err
		}
		d, err := tx.Outbox().ListAttempts(ctx, "p-m1")
		s.same("attempts of the queued message", len(d), 0)
		if err != nil {
			return err
		}
		return drop(tx.Outbox().Message(ctx, "p-m2"))
	})
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, k := range []string{"k1", "k2"} {
			owner, err := tx.Users().ClaimAlias(ctx, "p", k, "other")
			s.same("the owner of a freed alias", owner, "other")
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func testAttempts(s *suite) {
	add := func(n, keep int, key string) {
		s.write(func(ctx context.Context, tx store.Tx) error {
			return tx.Users().InsertAttempt(ctx, &store.Attempt{
				ID: id(n), PoolID: "p", ClientID: "c", NameKey: key, Network: "net", User: *fullUser(), CreatedAt: ms(n), ExpiresAt: ms(100 + n),
			}, keep)
		})
	}
	for n := range 5 {
		add(n, 3, "k")
	}
	add(0, 3, "other")
	s.read(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Users().Attempts(ctx, "p", "k", ms(102))
		if err != nil {
			return err
		}
		if len(got) != 2 || !got[0].CreatedAt.Equal(ms(4)) || !got[1].CreatedAt.Equal(ms(3)) {
			s.Fatalf("attempts: %v", got)
		}
		s.same("the user of an attempt", &got[0].User, fullUser())
		s.same("the network of an attempt", got[0].Network, "net")
		got, err = tx.Users().Attempts(ctx, "p", "k", ms(0))
		s.same("attempts kept", len(got), 3)
		return err
	})
	s.write(func(ctx context.Context, tx store.Tx) error {
		if err := tx.Users().DeleteAttempts(ctx, "p", "k"); err != nil {
			return err
		}
		got, err := tx.Users().Attempts(ctx, "p", "k", ms(0))
		s.same("attempts left", len(got), 0)
		if err != nil {
			return err
		}
		got, err = tx.Users().Attempts(ctx, "p", "other", ms(0))
		s.same("attempts of another name", len(got), 1)
		return err
	})
}

func testNetworks(s *suite) {
	see := func(until time.Time) {
		s.write(func(ctx context.Context, tx store.Tx) error {
			return tx.Users().SeeNetwork(ctx, "p", "u", []byte{0, 1}, until)
		})
	}
	seen := func(at time.Time, want bool) {
		s.Helper()
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Users().NetworkSeen(ctx, "p", "u", []byte{0, 1}, at)
			s.same("NetworkSeen", got, want)
			return err
		})
	}
	seen(ms(0), false)
	see(ms(10))
	seen(ms(9), true)
	seen(ms(10), false)
	see(ms(20))
	seen(ms(10), true)
	s.write(func(ctx context.Context, tx store.Tx) error {
		if err := tx.Users().ForgetNetworks(ctx, "p", "other"); err != nil {
			return err
		}
		ok, err := tx.Users().NetworkSeen(ctx, "p", "u", []byte{0, 1}, ms(10))
		s.same("another user's network", ok, true)
		if err != nil {
			return err
		}
		return tx.Users().ForgetNetworks(ctx, "p", "u")
	})
	seen(ms(10), false)
}

// testText puts in what PostgreSQL cannot keep, and what looks dangerous but is only text.
func testText(s *suite) {
	for _, bad := range []string{"a\x00b", "\xff", "\xed\xa0\x80"} {
		err := s.Store.Write(s.Context(), func(tx store.Tx) error {
			return tx.Users().InsertUser(s.Context(), &store.User{PoolID: "p", ID: "x", Username: bad})
		})
		s.is("a bad name", err, store.ErrText)
		err = s.Store.Write(s.Context(), func(tx store.Tx) error {
			return tx.Users().InsertUser(s.Context(), &store.User{PoolID: "p", ID: "x", Attributes: map[string]string{"custom:a": bad}})
		})
		s.is("a bad attribute", err, store.ErrText)
		err = s.Store.Read(s.Context(), func(tx store.Tx) error {
			_, _, err := tx.Users().FindUser(s.Context(), "p", bad)
			return err
		})
		s.is("a bad key", err, store.ErrText)
	}
	odd := "'; DROP TABLE users; -- $1 ?1 \u2028 \U0010FFFF %_\\"
	s.addUser("p", odd, map[string]string{"email": odd, "custom:" + odd: odd})
	s.read(func(ctx context.Context, tx store.Tx) error {
		u, err := tx.Users().User(ctx, "p", odd)
		if err == nil {
			s.same("attributes", u.Attributes, map[string]string{"email": odd, "custom:" + odd: odd})
		}
		return err
	})
}
