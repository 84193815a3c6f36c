package keyring_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/keyring"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/secret"
)

const pool = "us-local-1_test"

// clock is a movable Now.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) add(d time.Duration) { c.mu.Lock(); c.t = c.t.Add(d); c.mu.Unlock() }

func open(t testing.TB, s keyring.Store, c keyring.Config) *keyring.Keyring {
	t.Helper()
	k, err := keyring.Open(t.Context(), s, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Create(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	return k
}

func seal(t testing.TB, k *keyring.Keyring, text string) []byte {
	t.Helper()
	sealed, err := k.SealRecord(t.Context(), pool, "outbox", "m1", "body", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func mustOpen(t testing.TB, k *keyring.Keyring, sealed []byte, want string) {
	t.Helper()
	got, err := k.OpenRecord(t.Context(), pool, "outbox", "m1", "body", sealed)
	if err != nil || string(got) != want {
		t.Errorf("OpenRecord = %q, %v; want %q", got, err, want)
	}
}

func TestRecordsAreBoundToTheirPlace(t *testing.T) {
	k := keyringtest.New(t, "a", "b")
	ctx := t.Context()
	sealed, err := k.SealRecord(ctx, "a", "users", "u1", "phone", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		pool, table, row, column string
		ok                       bool
	}{
		{"a", "users", "u1", "phone", true}, {"b", "users", "u1", "phone", false}, {"", "users", "u1", "phone", false},
		{"a", "events", "u1", "phone", false}, {"a", "users", "u2", "phone", false}, {"a", "users", "u1", "mail", false},
		{"a", "users", "u1phone", "", false},
	} {
		got, err := k.OpenRecord(ctx, c.pool, c.table, c.row, c.column, sealed)
		if (err == nil) != c.ok || c.ok && string(got) != "x" {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
		if !c.ok && !errors.Is(err, secret.ErrOpen) {
			t.Errorf("%+v: error is %v", c, err)
		}
	}
	if _, err := k.OpenToken(ctx, "a", "users", sealed); err == nil {
		t.Error("a record opened as a token")
	}
}

func TestTokensAreBoundToAudienceAndPool(t *testing.T) {
	k := keyringtest.New(t, "a", "b")
	ctx := t.Context()
	tok, err := k.SealToken(ctx, "a", "secret_block", []byte("srp"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.OpenToken(ctx, "a", "secret_block", tok); err != nil || string(got) != "srp" {
		t.Errorf("OpenToken = %q, %v", got, err)
	}
	if _, err := k.OpenToken(ctx, "a", "page", tok); !errors.Is(err, secret.ErrOpen) {
		t.Errorf("other audience: %v", err)
	}
	if _, err := k.OpenToken(ctx, "b", "secret_block", tok); !errors.Is(err, secret.ErrOpen) {
		t.Errorf("other pool: %v", err)
	}
}

func TestPoolWithoutKeys(t *testing.T) {
	k := keyringtest.New(t)
	if _, err := k.SealRecord(t.Context(), "nobody", "t", "r", "c", nil); !errors.Is(err, keyring.ErrNoKeys) {
		t.Errorf("SealRecord: %v", err)
	}
	if _, err := k.Lookup(t.Context(), "nobody", "x"); !errors.Is(err, keyring.ErrNoKeys) {
		t.Errorf("Lookup: %v", err)
	}
	if err := k.Rotate(t.Context(), "nobody", keyring.PurposeSeal); !errors.Is(err, keyring.ErrNoKeys) {
		t.Errorf("Rotate: %v", err)
	}
}

func TestCreateIsIdempotentAndRaceSafe(t *testing.T) {
	s := &keyringtest.Memory{}
	root := keyring.NewRoot()
	var nodes []*keyring.Keyring
	for range 4 {
		k, err := keyring.Open(t.Context(), s, keyring.Config{Root: root})
		if err != nil {
			t.Fatal(err)
		}
		nodes = append(nodes, k)
	}
	var wg sync.WaitGroup
	for _, k := range nodes {
		for range 4 {
			wg.Go(func() {
				if err := k.Create(context.Background(), pool); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	rows, _ := s.PoolKeys(t.Context(), pool)
	if len(rows) != 4 {
		t.Errorf("%d rows, not one for each purpose", len(rows))
	}
	mustOpen(t, nodes[1], seal(t, nodes[0], "hello"), "hello")
	a, _ := nodes[0].Lookup(t.Context(), pool, "phone", "+12025550123")
	b, _ := nodes[3].Lookup(t.Context(), pool, "phone", "+12025550123")
	other, _ := nodes[3].Lookup(t.Context(), keyring.Deployment, "phone", "+12025550123")
	if !bytes.Equal(a, b) || len(a) != secret.LookupSize || bytes.Equal(a, other) {
		t.Errorf("lookup hashes %x, %x, deployment %x", a, b, other)
	}
}

func TestRotation(t *testing.T) {
	s, c, root := &keyringtest.Memory{}, newClock(), keyring.NewRoot()
	a := open(t, s, keyring.Config{Root: root, Now: c.Now})
	b := open(t, s, keyring.Config{Root: root, Now: c.Now})
	old := seal(t, a, "old")
	mustOpen(t, b, old, "old")
	c.add(time.Hour)
	if err := a.Rotate(t.Context(), pool, keyring.PurposeSeal); err != nil {
		t.Fatal(err)
	}
	version := func(sealed []byte) uint32 { v, _ := secret.Version(sealed); return v }
	if v := version(seal(t, a, "x")); v != 1 {
		t.Errorf("version %d seals before the other nodes know of it", v)
	}
	c.add(2*time.Minute + time.Second)
	sealed := seal(t, a, "new")
	if v := version(sealed); v != 2 {
		t.Errorf("version %d seals after the rotation", v)
	}
	mustOpen(t, b, sealed, "new")
	mustOpen(t, a, old, "old")
	mustOpen(t, b, old, "old")
	snap, err := a.Sealing(t.Context(), pool)
	if err != nil || !snap.Stale(old) || snap.Stale(sealed) {
		t.Errorf("Stale is wrong (%v)", err)
	}
	if err := a.Rotate(t.Context(), pool, keyring.PurposeLookup); err == nil {
		t.Error("the lookup key was rotated")
	}
	if err := a.Rotate(t.Context(), pool, "other"); err == nil {
		t.Error("a key without a purpose was rotated")
	}
}

// A node whose clock stands still in its cache must ask again when it meets a version that it does not know.
func TestUnknownVersionIsLookedUpAndForgeriesAreCheap(t *testing.T) {
	s, root := &keyringtest.Memory{}, keyring.NewRoot()
	ca, cb := newClock(), newClock()
	a := open(t, s, keyring.Config{Root: root, Now: ca.Now})
	b := open(t, s, keyring.Config{Root: root, Now: cb.Now})
	mustOpen(t, b, seal(t, a, "x"), "x")
	if err := a.Rotate(t.Context(), pool, keyring.PurposeSeal); err != nil {
		t.Fatal(err)
	}
	ca.add(time.Hour)
	sealed := seal(t, a, "new")
	cb.add(2 * time.Second)
	mustOpen(t, b, sealed, "new")

	forged := bytes.Clone(sealed)
	forged[3] = 0xff
	before := s.Reads()
	for range 1000 {
		if _, err := b.OpenRecord(t.Context(), pool, "outbox", "m1", "body", forged); !errors.Is(err, secret.ErrKeyVersion) {
			t.Fatalf("forged version: %v", err)
		}
	}
	if n := s.Reads() - before; n > 1 {
		t.Errorf("1000 forged values cost %d queries", n)
	}
}

func TestCodes(t *testing.T) {
	s, c := &keyringtest.Memory{}, newClock()
	k := open(t, s, keyring.Config{Root: keyring.NewRoot(), Now: c.Now})
	codes, err := k.Codes(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	sum := codes.Sum("sms_mfa", "user", "123456")
	for _, bad := range [][]string{{"sms_mfa", "user", "123457"}, {"reset", "user", "123456"}, {"sms_mfa", "user1", "23456"}, {"sms_mfa", "user"}, nil} {
		if codes.Check(sum, bad...) {
			t.Errorf("%q was accepted", bad)
		}
	}
	for i := range sum {
		bad := bytes.Clone(sum)
		bad[i] ^= 1
		if codes.Check(bad, "sms_mfa", "user", "123456") {
			t.Errorf("changed byte %d was accepted", i)
		}
	}
	for _, bad := range [][]byte{nil, {}, sum[:len(sum)-1], append(bytes.Clone(sum), 0)} {
		if codes.Check(bad, "sms_mfa", "user", "123456") {
			t.Errorf("a sum of %d bytes was accepted", len(bad))
		}
	}
	if err := k.Rotate(t.Context(), pool, keyring.PurposeCode); err != nil {
		t.Fatal(err)
	}
	c.add(5 * time.Minute)
	later, err := k.Codes(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	if !later.Check(sum, "sms_mfa", "user", "123456") {
		t.Error("a code from before the rotation was refused")
	}
	if again := later.Sum("sms_mfa", "user", "123456"); bytes.Equal(again, sum) || !later.Check(again, "sms_mfa", "user", "123456") {
		t.Error("the rotated key is not in use")
	}
}

func TestRootRotationSurvivesACrash(t *testing.T) {
	s := &keyringtest.Memory{}
	oldRoot, newRoot := keyring.NewRoot(), keyring.NewRoot()
	k := open(t, s, keyring.Config{Root: oldRoot})
	sealed := seal(t, k, "kept")
	crash := errors.New("crash")
	n := 0
	s.Fail = func(method string) error {
		if method == "RewrapKey" {
			if n++; n > 3 {
				return crash
			}
		}
		return nil
	}
	if _, err := k.RotateRoot(t.Context(), newRoot); !errors.Is(err, crash) {
		t.Fatalf("RotateRoot: %v", err)
	}
	mustOpen(t, k, sealed, "kept")
	s.Fail = nil

	for name, root := range map[string]keyring.Root{"old": oldRoot, "new": newRoot} {
		_, err := keyring.Open(t.Context(), s, keyring.Config{Root: root})
		wrong, ok := errors.AsType[*keyring.WrongRootError](err)
		if !ok || !errors.Is(err, keyring.ErrWrongRoot) || wrong.Keys == 0 {
			t.Errorf("half rotated, only the %s root: %v", name, err)
		}
	}
	k2, err := keyring.Open(t.Context(), s, keyring.Config{Root: oldRoot, Accept: []keyring.Root{newRoot}})
	if err != nil {
		t.Fatal(err)
	}
	mustOpen(t, k2, sealed, "kept")
	if n, err := k2.RotateRoot(t.Context(), newRoot); err != nil || n != 5 {
		t.Errorf("second run re-wrapped %d keys, %v; want the 5 that were left", n, err)
	}
	if n, err := k2.RotateRoot(t.Context(), newRoot); err != nil || n != 0 {
		t.Errorf("third run re-wrapped %d keys, %v", n, err)
	}
	k3, err := keyring.Open(t.Context(), s, keyring.Config{Root: newRoot})
	if err != nil {
		t.Fatal(err)
	}
	mustOpen(t, k3, sealed, "kept")
	_, err = keyring.Open(t.Context(), s, keyring.Config{Root: oldRoot})
	if err == nil || !strings.Contains(err.Error(), newRoot.ID()) || !strings.Contains(err.Error(), oldRoot.ID()) {
		t.Errorf("the error does not name both fingerprints: %v", err)
	}
}

func TestRootRotationReachesManyPools(t *testing.T) {
	s := &keyringtest.Memory{}
	k := open(t, s, keyring.Config{Root: keyring.NewRoot()})
	for i := range 150 { // 600 rows: several pages, the first full
		if err := k.Create(t.Context(), strings.Repeat("p", i+1)); err != nil {
			t.Fatal(err)
		}
	}
	next := keyring.NewRoot()
	if n, err := k.RotateRoot(t.Context(), next); err != nil || n != 4*152 {
		t.Errorf("re-wrapped %d, %v", n, err)
	}
	if _, err := keyring.Open(t.Context(), s, keyring.Config{Root: next}); err != nil {
		t.Error(err)
	}
}

func TestSwappedAndDamagedRowsAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(rows []*keyring.Row){
		"seal and session swapped": func(rows []*keyring.Row) {
			i := slices.IndexFunc(rows, func(r *keyring.Row) bool { return r.Purpose == keyring.PurposeSeal })
			j := slices.IndexFunc(rows, func(r *keyring.Row) bool { return r.Purpose == keyring.PurposeSession })
			rows[i].Wrapped, rows[j].Wrapped = rows[j].Wrapped, rows[i].Wrapped
		},
		"flipped bit": func(rows []*keyring.Row) { rows[0].Wrapped[20] ^= 1 },
		"empty":       func(rows []*keyring.Row) { rows[0].Wrapped = nil },
	} {
		s, root := &keyringtest.Memory{}, keyring.NewRoot()
		open(t, s, keyring.Config{Root: root})
		rows, _ := s.PoolKeys(t.Context(), pool)
		spoil(rows)
		for _, r := range rows {
			if err := s.RewrapKey(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		k, err := keyring.Open(t.Context(), s, keyring.Config{Root: root})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.SealRecord(t.Context(), pool, "t", "r", "c", nil); !errors.Is(err, keyring.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestARunningServerOutlivesItsDatabase(t *testing.T) {
	s, c := &keyringtest.Memory{}, newClock()
	var log bytes.Buffer
	k := open(t, s, keyring.Config{Root: keyring.NewRoot(), Now: c.Now, Log: slog.New(slog.NewTextHandler(&log, nil))})
	sealed := seal(t, k, "x")
	s.Fail = func(string) error { return errors.New("database is away") }
	c.add(time.Hour)
	mustOpen(t, k, sealed, "x")
	if !strings.Contains(log.String(), "database is away") {
		t.Errorf("the operator is not told: %s", log.String())
	}
	k.Forget(pool)
	if _, err := k.OpenRecord(t.Context(), pool, "outbox", "m1", "body", sealed); err == nil {
		t.Error("opened without a key")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s := &keyringtest.Memory{}
	k := open(t, s, keyring.Config{Root: keyring.NewRoot(), MaxPools: 2})
	sealed := seal(t, k, "x")
	for _, p := range []string{"p1", "p2", "p3", "p4"} {
		if err := k.Create(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if _, err := k.Sealing(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	before := s.Reads()
	mustOpen(t, k, sealed, "x")
	if s.Reads() == before {
		t.Error("five pools fitted into a bound of two")
	}
	before = s.Reads()
	for range 10 {
		mustOpen(t, k, sealed, "x")
	}
	if s.Reads() != before {
		t.Error("keys in memory are not used")
	}
}

func TestDataKeys(t *testing.T) {
	k := keyringtest.New(t, pool, "other")
	sealed, key, err := k.NewDataKey(t.Context(), pool, "u1")
	if err != nil {
		t.Fatal(err)
	}
	text := secret.Seal(key, []byte("+12025550123"), nil)
	again, err := k.OpenDataKey(t.Context(), pool, "u1", sealed)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := secret.Open(again, text, nil); err != nil || string(got) != "+12025550123" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := k.OpenDataKey(t.Context(), pool, "u2", sealed); !errors.Is(err, secret.ErrOpen) {
		t.Errorf("another user's: %v", err)
	}
	if _, err := k.OpenDataKey(t.Context(), "other", "u1", sealed); !errors.Is(err, secret.ErrOpen) {
		t.Errorf("another pool's: %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	s, c := &keyringtest.Memory{}, newClock()
	k := open(t, s, keyring.Config{Root: keyring.NewRoot(), Now: c.Now, MaxPools: 3})
	pools := []string{"", pool, "x1", "x2", "x3"}
	for _, p := range pools {
		if err := k.Create(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 300 {
				p := pools[(i+j)%len(pools)]
				sealed, err := k.SealRecord(context.Background(), p, "t", "r", "c", []byte("x"))
				if err != nil {
					t.Error(err)
					return
				}
				if j%50 == 0 {
					c.add(40 * time.Second)
					k.Forget(p)
				}
				if _, err := k.OpenRecord(context.Background(), p, "t", "r", "c", sealed); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Go(func() {
		for range 10 {
			if err := k.Rotate(context.Background(), pool, keyring.PurposeSeal); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
}

func TestCancelledCallerDoesNotWait(t *testing.T) {
	s := &keyringtest.Memory{}
	k := open(t, s, keyring.Config{Root: keyring.NewRoot()})
	entered, release := make(chan struct{}), make(chan struct{})
	s.Fail = func(string) error { close(entered); <-release; return nil }
	done := make(chan error)
	go func() { _, err := k.Sealing(context.Background(), pool); done <- err }()
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := k.Sealing(ctx, pool); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled caller got %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func BenchmarkSealRecord(b *testing.B) {
	k := keyringtest.New(b, pool)
	plain := make([]byte, 64)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.SealRecord(b.Context(), pool, "outbox", "0192f0aa-7e1c-7000-8000-000000000000", "body", plain); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenRecord(b *testing.B) {
	k := keyringtest.New(b, pool)
	sealed := seal(b, k, "Your code is 123456")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.OpenRecord(b.Context(), pool, "outbox", "m1", "body", sealed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	k := keyringtest.New(b, pool)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Lookup(b.Context(), pool, "phone_number", "+12025550123"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckCode(b *testing.B) {
	k := keyringtest.New(b, pool)
	codes, _ := k.Codes(b.Context(), pool)
	sum := codes.Sum("sms_mfa", "user", "123456")
	b.ReportAllocs()
	for b.Loop() {
		if !codes.Check(sum, "sms_mfa", "user", "123456") {
			b.Fatal("refused")
		}
	}
}

func BenchmarkOpenDataKey(b *testing.B) {
	k := keyringtest.New(b, pool)
	sealed, _, _ := k.NewDataKey(b.Context(), pool, "u1")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.OpenDataKey(b.Context(), pool, "u1", sealed); err != nil {
			b.Fatal(err)
		}
	}
}
