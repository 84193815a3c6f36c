package access_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/access"
	"countersign/internal/fault"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func create(t *testing.T, k *access.Keys, kind access.Kind) access.Created {
	t.Helper()
	c, err := k.Create(t.Context(), access.NewCredential{Kind: kind, Name: "ci", Grants: access.Everything()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestKeys(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		now := &clock{now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
		ring := keyringtest.New(t)
		here := access.NewKeys(access.Config{Store: s, Sealer: ring, Now: now.Now})
		there := access.NewKeys(access.Config{Store: s, Sealer: ring, Now: now.Now})
		c := create(t, here, access.AWS)
		if !regexp.MustCompile(`^CSK[A-Z2-7]{17}$`).MatchString(c.ID) || !regexp.MustCompile(`^[A-Za-z0-9]{40}$`).MatchString(c.Secret.Reveal()) {
			t.Errorf("id %s, secret of %d characters", c.ID, len(c.Secret.Reveal()))
		}
		for _, k := range []*access.Keys{here, there} {
			got, err := k.Lookup(t.Context(), c.ID)
			if err != nil || !got.Secret.Equal(c.Secret) || got.Any || got.Principal.Name != "ci" || got.Principal.Kind != access.AWS {
				t.Fatalf("%+v, %v", got, err)
			}
			if access.Allow(got.Principal, access.KMS, "Decrypt", access.OnKey("k")) != nil {
				t.Error("the grants are lost")
			}
		}
		if err := s.Read(t.Context(), func(tx store.Tx) error {
			row, err := tx.Access().AccessKey(t.Context(), c.ID)
			if err == nil && strings.Contains(string(row.SealedSecret), c.Secret.Reveal()) {
				t.Error("the secret is stored in clear")
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if ok, err := here.Revoke(t.Context(), c.ID); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if ok, err := here.Revoke(t.Context(), c.ID); ok || err != nil {
			t.Error("revoked twice", err)
		}
		if _, err := here.Lookup(t.Context(), c.ID); fault.CodeOf(err) != fault.AccessKeyUnknown {
			t.Errorf("revoked here: %v", err)
		}
		now.Advance(11 * time.Second)
		if _, err := there.Lookup(t.Context(), c.ID); fault.CodeOf(err) != fault.AccessKeyUnknown {
			t.Errorf("revoked elsewhere, after the TTL: %v", err)
		}
		list, err := here.List(t.Context(), "", 10)
		if err != nil || len(list) != 1 || list[0].ID != c.ID || list[0].RevokedAt.IsZero() || strings.Contains(fmt.Sprintf("%+v", list), c.Secret.Reveal()) {
			t.Errorf("list %+v, %v", list, err)
		}
	})
}

func TestAuthenticate(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		k := access.NewKeys(access.Config{Store: s, Sealer: keyringtest.New(t)})
		m, a := create(t, k, access.Management), create(t, k, access.AWS)
		if p, err := k.Authenticate(t.Context(), m.ID, m.Secret.Reveal()); err != nil || p.ID != m.ID || p.Kind != access.Management {
			t.Errorf("%+v, %v", p, err)
		}
		bad := map[string][2]string{
			"wrong secret": {m.ID, strings.Repeat("x", len(m.Secret.Reveal()))}, "no secret": {m.ID, ""}, "unknown": {"nobody", m.Secret.Reveal()},
			"unknown without secret": {"nobody", ""}, "no id": {"", ""}, "an access key": {a.ID, a.Secret.Reveal()},
			"long id": {strings.Repeat("x", 1000), "y"},
		}
		for name, b := range bad {
			if _, err := k.Authenticate(t.Context(), b[0], b[1]); fault.CodeOf(err) != fault.Unauthenticated {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := k.SecretOf(t.Context(), m.ID); fault.CodeOf(err) != fault.AccessKeyUnknown {
			t.Errorf("a management client signs: %v", err)
		}
		if got, err := k.SecretOf(t.Context(), a.ID); err != nil || got != a.Secret.Reveal() {
			t.Errorf("secret of an access key: %v", err)
		}
		if p, err := k.Principal(t.Context(), a.ID); err != nil || p.ID != a.ID {
			t.Errorf("%+v, %v", p, err)
		}
		if _, err := k.Principal(t.Context(), m.ID); fault.CodeOf(err) != fault.AccessKeyUnknown {
			t.Errorf("a management client as signer: %v", err)
		}
	})
}

func TestDevCredentials(t *testing.T) {
	s := storetest.SQLite(t)
	k := access.NewKeys(access.Config{Store: s, Sealer: keyringtest.New(t), AnyCredentials: true})
	c, err := k.Lookup(t.Context(), "AKIAIOSFODNN7EXAMPLE")
	if err != nil || !c.Any || !c.Secret.IsZero() || access.Allow(c.Principal, access.Cognito, "CreateUserPool", access.Resource{}) != nil {
		t.Errorf("%+v, %v", c, err)
	}
	fixed := access.NewCredential{Kind: access.Management, Name: "dev", ID: "countersign-dev", Secret: secret.New("countersign-dev-secret"), Grants: access.Everything()}
	if _, err := k.Create(t.Context(), fixed); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Create(t.Context(), fixed); fault.CodeOf(err) != fault.InvalidParameter {
		t.Errorf("created twice: %v", err)
	}
	if _, err := k.Authenticate(t.Context(), "countersign-dev", "countersign-dev-secret"); err != nil {
		t.Error(err)
	}
	// Any key pair signs in dev; it does not open the management API.
	if _, err := k.Authenticate(t.Context(), "AKIAIOSFODNN7EXAMPLE", ""); fault.CodeOf(err) != fault.Unauthenticated {
		t.Errorf("any client: %v", err)
	}
	strict := access.NewKeys(access.Config{Store: s, Sealer: keyringtest.New(t)})
	if _, err := strict.Lookup(t.Context(), "AKIAIOSFODNN7EXAMPLE"); fault.CodeOf(err) != fault.AccessKeyUnknown {
		t.Errorf("any key in serve: %v", err)
	}
}

func TestCreateRefuses(t *testing.T) {
	k := access.NewKeys(access.Config{Store: storetest.SQLite(t), Sealer: keyringtest.New(t)})
	good := access.NewCredential{Kind: access.AWS, Name: "x", Grants: access.Everything()}
	for name, change := range map[string]func(*access.NewCredential){
		"kind":         func(n *access.NewCredential) { n.Kind = access.Operator },
		"name":         func(n *access.NewCredential) { n.Name = "" },
		"grants":       func(n *access.NewCredential) { n.Grants = nil },
		"id":           func(n *access.NewCredential) { n.ID = "has space" },
		"hyphen":       func(n *access.NewCredential) { n.ID = "with-hyphen" },
		"short secret": func(n *access.NewCredential) { n.Secret = secret.New("short") },
	} {
		n := good
		change(&n)
		if _, err := k.Create(t.Context(), n); fault.CodeOf(err) != fault.InvalidParameter {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// slow is a store whose Read can be held up after it has read.
type slow struct {
	store.Store
	read    chan struct{}
	proceed chan struct{}
}

func (s *slow) Read(ctx context.Context, f func(store.Tx) error) error {
	err := s.Store.Read(ctx, f)
	s.read <- struct{}{}
	<-s.proceed
	return err
}

// A read that began before a revocation must not put the credential back into the cache after it.
func TestRevocationBeatsSlowRead(t *testing.T) {
	s := &slow{Store: storetest.SQLite(t), read: make(chan struct{}), proceed: make(chan struct{})}
	k := access.NewKeys(access.Config{Store: s, Sealer: keyringtest.New(t)})
	c := create(t, k, access.AWS)
	first := make(chan error, 1)
	go func() { _, err := k.Lookup(context.Background(), c.ID); first <- err }()
	<-s.read
	if _, err := k.Revoke(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	s.proceed <- struct{}{}
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	second := make(chan error, 1)
	go func() { _, err := k.Lookup(context.Background(), c.ID); second <- err }()
	select {
	case <-s.read:
		s.proceed <- struct{}{}
		if err := <-second; fault.CodeOf(err) != fault.AccessKeyUnknown {
			t.Errorf("after the revocation: %v", err)
		}
	case err := <-second:
		t.Errorf("answered from a stale cache: %v", err)
	}
}

func BenchmarkLookup(b *testing.B) {
	k := access.NewKeys(access.Config{Store: storetest.SQLite(b), Sealer: keyringtest.New(b)})
	c, err := k.Create(b.Context(), access.NewCredential{Kind: access.AWS, Name: "x", Grants: access.Everything()})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Lookup(b.Context(), c.ID); err != nil {
			b.Fatal(err)
		}
	}
}
