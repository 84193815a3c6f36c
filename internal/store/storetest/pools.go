package storetest

import (
	"context"
	"encoding/json"
	"fmt"

	"countersign/internal/store"
)

func testPools(s *suite) {
	want := &store.Pool{
		ID: "r_a", Name: "näme", Config: json.RawMessage(`{"b": [1, 2],"a":null}`), Wire: json.RawMessage(`{"x":" "}`),
		CreatedAt: ms(0), UpdatedAt: ms(1), Version: 1,
	}
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, p := range []*store.Pool{{ID: "r_c"}, want, {ID: "r_b"}} {
			ok, err := tx.Pools().InsertPool(ctx, p)
			if err != nil {
				return err
			}
			s.same("InsertPool", ok, true)
		}
		ok, err := tx.Pools().InsertPool(ctx, &store.Pool{ID: "r_a", Name: "other"})
		s.same("a second InsertPool", ok, false)
		return err
	})
	s.read(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Pools().Pool(ctx, "r_a")
		s.same("Pool", got, want)
		if err != nil {
			return err
		}
		_, err = tx.Pools().Pool(ctx, "r_z")
		s.is("an unknown pool", err, store.ErrNotFound)
		list, err := tx.Pools().ListPools(ctx, "r_a", 1)
		s.same("ListPools", ids(list, func(p *store.Pool) string { return p.ID }), []string{"r_b"})
		return err
	})
}

// ids collects the ids of a list.
func ids[T any](list []T, id func(T) string) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = id(v)
	}
	return out
}

func testPoolUpdate(s *suite) {
	s.write(func(ctx context.Context, tx store.Tx) error {
		return drop(tx.Pools().InsertPool(ctx, &store.Pool{ID: "p", Name: "one", CreatedAt: ms(0), UpdatedAt: ms(0)}))
	})
	next := &store.Pool{ID: "p", Name: "two", Config: json.RawMessage(`{}`), UpdatedAt: ms(5), Version: 1}
	s.write(func(ctx context.Context, tx store.Tx) error {
		ok, err := tx.Pools().UpdatePool(ctx, next)
		s.same("UpdatePool", ok, true)
		s.same("the argument's version", next.Version, int64(1))
		if err != nil {
			return err
		}
		ok, err = tx.Pools().UpdatePool(ctx, next)
		s.same("a stale UpdatePool", ok, false)
		return err
	})
	s.read(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Pools().Pool(ctx, "p")
		s.same("Pool", got, &store.Pool{ID: "p", Name: "two", Config: json.RawMessage(`{}`), CreatedAt: ms(0), UpdatedAt: ms(5), Version: 2})
		return err
	})
}

func testClients(s *suite) {
	want := &store.Client{
		ID: "c1", PoolID: "p", Name: "app", Config: json.RawMessage(`{"a":1}`), SealedSecrets: []byte{0, 1, 255}, CreatedAt: ms(0),
		UpdatedAt: ms(0), Version: 1,
	}
	s.write(func(ctx context.Context, tx store.Tx) error {
		if _, err := tx.Pools().InsertPool(ctx, &store.Pool{ID: "p"}); err != nil {
			return err
		}
		for _, c := range []*store.Client{want, {ID: "c2", PoolID: "p"}, {ID: "c3", PoolID: "other"}} {
			if ok, err := tx.Pools().InsertClient(ctx, c); err != nil || !ok {
				return fmt.Errorf("InsertClient: %v, %w", ok, err)
			}
		}
		ok, err := tx.Pools().InsertClient(ctx, &store.Client{ID: "c1", PoolID: "other"})
		s.same("a second InsertClient", ok, false)
		return err
	})
	s.read(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Pools().Client(ctx, "c1")
		s.same("Client", got, want)
		if err != nil {
			return err
		}
		_, err = tx.Pools().Client(ctx, "c3")
		s.is("a client without a pool", err, store.ErrNotFound)
		list, err := tx.Pools().ListClients(ctx, "p", "", 10)
		s.same("ListClients", ids(list, func(c *store.Client) string { return c.ID }), []string{"c1", "c2"})
		return err
	})
	want.Name, want.SealedSecrets, want.UpdatedAt = "new", nil, ms(9)
	s.write(func(ctx context.Context, tx store.Tx) error {
		ok, err := tx.Pools().UpdateClient(ctx, want)
		s.same("UpdateClient", ok, true)
		if err != nil {
			return err
		}
		ok, err = tx.Pools().UpdateClient(ctx, want)
		s.same("a stale UpdateClient", ok, false)
		if err != nil {
			return err
		}
		want.Version = 2
		got, err := tx.Pools().Client(ctx, "c1")
		s.same("Client", got, want)
		if err != nil {
			return err
		}
		ok, err = tx.Pools().DeleteClient(ctx, "other", "c1")
		s.same("DeleteClient of another pool", ok, false)
		if err != nil {
			return err
		}
		ok, err = tx.Pools().DeleteClient(ctx, "p", "c1")
		s.same("DeleteClient", ok, true)
		return err
	})
	s.read(func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Pools().Client(ctx, "c1")
		s.is("a deleted client", err, store.ErrNotFound)
		return nil
	})
}

// FillPool makes a pool with one row of everything that can belong to it; its user is "<pool>-u".
func FillPool(ctx context.Context, tx store.Tx, pool string) error {
	pre := func(x string) string { return pool + "-" + x }
	u := &store.User{
		PoolID: pool, ID: pre("u"), Username: "n", Status: store.Confirmed, Enabled: true, Meta: &store.Meta{Connection: "sms"},
		MFA: store.MFA{Phones: []store.MFAPhone{{ID: "1"}}},
	}
	exp := ms(1000)
	for _, err := range []error{
		drop(tx.Pools().InsertPool(ctx, &store.Pool{ID: pool})),
		drop(tx.Pools().InsertClient(ctx, &store.Client{ID: pre("c"), PoolID: pool})),
		tx.Users().InsertUser(ctx, u),
		drop(tx.Users().ClaimAlias(ctx, pool, "k1", u.ID)),
		drop(tx.Users().ClaimAlias(ctx, pool, "k2", u.ID)),
		tx.Users().InsertAttempt(ctx, &store.Attempt{ID: pre("a"), PoolID: pool, NameKey: "k3", ExpiresAt: exp}, 3),
		tx.Users().SeeNetwork(ctx, pool, u.ID, []byte("net"), exp),
		tx.Counters().SaveCounter(ctx, store.CounterKey{PoolID: pool, Subject: u.ID, Purpose: "c"}, store.Counter{N: 1}, exp),
		tx.Codes().InsertCode(ctx, &store.Code{ID: pre("o"), PoolID: pool, SubjectID: u.ID, Purpose: "x", ExpiresAt: exp}, 3),
		tx.Challenges().InsertChallenge(ctx, &store.Challenge{ID: pre("h"), PoolID: pool, UserID: u.ID, ExpiresAt: exp}),
		tx.Families().InsertFamily(ctx, &store.Family{ID: pre("f"), PoolID: pool, UserID: u.ID, OriginJTI: pre("j"), ExpiresAt: exp, Wire: "auth0"}),
		tx.Outbox().Enqueue(ctx, &store.Message{ID: pre("m1"), PoolID: pool, UserID: u.ID, State: store.Queued, NextAt: ms(0), Number: []byte("n")}),
		tx.Outbox().Enqueue(ctx, &store.Message{ID: pre("m2"), PoolID: pool, UserID: u.ID, State: store.Sent, Number: []byte("n")}),
		tx.Outbox().AddAttempt(ctx, &store.DeliveryAttempt{ID: pre("d1"), MessageID: pre("m1"), N: 1}),
		tx.Outbox().AddAttempt(ctx, &store.DeliveryAttempt{ID: pre("d2"), MessageID: pre("m2"), N: 1}),
		drop(tx.Outbox().AddReceipt(ctx, &store.Receipt{ID: pre("r"), MessageID: pre("m2"), PoolID: pool, State: "sent"})),
		drop(tx.OptOuts().PutOptOut(ctx, &store.OptOut{PoolID: pool, Sender: "*", Number: []byte("n")})),
		tx.Routes().AddRouteCounts(ctx, []store.RouteCount{{PoolID: pool, Span: ms(0), Sent: 1}}),
		tx.Guards().AddGuardCounts(ctx, []store.GuardCount{{PoolID: pool, Key: "k", Span: ms(0), Sent: 1}}),
		tx.Guards().PutGuardBlock(ctx, &store.GuardBlock{PoolID: pool, Key: "k", Since: ms(0), Until: exp}),
		drop(tx.Guards().AddQuota(ctx, store.QuotaKey{PoolID: pool, Key: "k", Span: ms(0)}, 1, exp)),
		drop(tx.Records().PutRecord(ctx, &store.Record{Kind: "k", PoolID: pool, ID: "r", Body: []byte(`{}`), Sealed: []byte{3}})),
		tx.Routes().LearnNetwork(ctx, "+4915", "26201", ms(0)),
		tx.Routes().PutDoor(ctx, &store.Door{Hash: []byte(pre("door")), PoolID: pool, Account: "a", EndsAt: exp}),
		tx.Events().Append(ctx, &store.Event{ID: pre("e"), PoolID: pool, UserID: u.ID, Type: "t", At: ms(0)}),
		drop(tx.Keys().AddKey(ctx, &store.WrappedKey{PoolID: pool, Purpose: "data", Version: 1, Wrapped: []byte{1}})),
		drop(tx.Keys().AddSigningKey(ctx, &store.SigningKey{PoolID: pool, KeyID: "k"})),
		drop(tx.Scripts().InsertScript(ctx, &store.Script{ID: pre("s"), PoolID: pool, Kind: "action", Name: "n", Doc: []byte(`{"a":"ü"}`), Sealed: []byte{0, 255}})),
		tx.Scripts().InsertScriptVersion(ctx, &store.ScriptVersion{ID: pre("v"), ScriptID: pre("s"), Number: 1, Sealed: []byte{1}}),
		drop(tx.Settings().PutSetting(ctx, &store.Setting{PoolID: pool, Name: "n", Doc: []byte(`{}`), Sealed: []byte{2}})),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// poolRows is how many rows FillPool makes that go with the pool.
const poolRows = 29

func testPurge(s *suite) {
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, p := range []string{"gone", "stays", "gone2"} {
			if err := FillPool(ctx, tx, p); err != nil {
				return err
			}
		}
		for _, p := range []string{"gone", "gone2"} {
			ok, err := tx.Pools().DeletePool(ctx, p, ms(1))
			s.same("DeletePool", ok, true)
			if err != nil {
				return err
			}
		}
		ok, err := tx.Pools().DeletePool(ctx, "gone", ms(1))
		s.same("a second DeletePool", ok, false)
		return err
	})
	s.read(func(ctx context.Context, tx store.Tx) error {
		_, err := tx.Pools().Pool(ctx, "gone")
		s.is("a deleted pool", err, store.ErrNotFound)
		_, err = tx.Pools().Client(ctx, "gone-c")
		s.is("its client", err, store.ErrNotFound)
		clients, err := tx.Pools().ListClients(ctx, "gone", "", 10)
		s.same("its clients", len(clients), 0)
		if err != nil {
			return err
		}
		pools, err := tx.Pools().ListPools(ctx, "", 10)
		s.same("ListPools", ids(pools, func(p *store.Pool) string { return p.ID }), []string{"stays"})
		return err
	})
	total := 0
	for {
		n := 0
		s.write(func(ctx context.Context, tx store.Tx) (err error) {
			n, err = tx.Pools().PurgePool(ctx, 5)
			return err
		})
		if n > 5 {
			s.Fatalf("PurgePool deleted %d rows, more than 5", n)
		}
		if n == 0 {
			break
		}
		total += n
	}
	s.same("rows purged", total, 2*poolRows)
	s.write(func(ctx context.Context, tx store.Tx) error {
		if ok, err := tx.Pools().InsertPool(ctx, &store.Pool{ID: "gone"}); err != nil || !ok {
			return fmt.Errorf("the id of a purged pool is taken: %w", err)
		}
		if _, err := tx.Users().User(ctx, "gone", "gone-u"); err == nil {
			s.Error("a user of a purged pool is there")
		}
		if _, err := tx.Outbox().Message(ctx, "gone-m2"); err == nil {
			s.Error("a message of a purged pool is there")
		}
		d, err := tx.Outbox().ListAttempts(ctx, "stays-m1")
		s.same("attempts of another pool", len(d), 1)
		if err != nil {
			return err
		}
		_, err = tx.Users().User(ctx, "stays", "stays-u")
		return err
	})
}
