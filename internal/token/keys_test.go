package token_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/fault"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/token"
	"countersign/internal/token/tokentest"
)

func (n node) kids(t *testing.T) map[string]bool {
	t.Helper()
	doc, _, err := n.JWKS(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []struct{ Kid string } }
	if err := json.Unmarshal(doc, &set); err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, k := range set.Keys {
		out[k.Kid] = true
	}
	return out
}

func (n node) kidOf(t *testing.T, tok string) string {
	t.Helper()
	var h struct{ Kid string }
	if err := json.Unmarshal(decode(t, tok[:strings.IndexByte(tok, '.')]), &h); err != nil {
		t.Fatal(err)
	}
	return h.Kid
}

func (n node) access(t *testing.T) string {
	t.Helper()
	c := accessClaims(n.clock.Now())
	c["exp"] = n.clock.Now().Add(24 * time.Hour).Unix()
	return n.sign(t, token.Access, c)
}

// The life of a key: next, active, retired, gone.
func TestRotation(t *testing.T) {
	n := newNode(t, token.ES256)
	first := n.access(t)
	kid1 := n.kidOf(t, first)
	if err := n.Rotate(t.Context(), pool, token.Access); err != nil {
		t.Fatal(err)
	}
	if kids := n.kids(t); len(kids) != 3 || !kids[kid1] {
		t.Errorf("after Rotate the JWKS has %d keys, not the next one besides the two", len(kids))
	}
	n.clock.add(59 * time.Minute)
	if n.kidOf(t, n.access(t)) != kid1 {
		t.Error("the next key signs before it was announced for an hour")
	}
	last := n.access(t)
	n.clock.add(2 * time.Minute)
	kid2 := n.kidOf(t, n.access(t))
	if kid2 == kid1 {
		t.Error("the next key did not become active")
	}
	states := map[string]string{}
	infos, err := n.List(t.Context(), pool)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range infos {
		states[i.KeyID] = i.State
	}
	if states[kid1] != "retired" || states[kid2] != "active" {
		t.Errorf("states %v", states)
	}
	n.clock.add(23*time.Hour + 57*time.Minute)
	if _, err := n.verify(t, last); err != nil {
		t.Errorf("the last token of the retired key, shortly before its exp: %v", err)
	}
	if !n.kids(t)[kid1] {
		t.Error("a key was withdrawn while its tokens live")
	}
	n.clock.add(2 * time.Hour)
	if n.kids(t)[kid1] {
		t.Error("a key stays published after its last token has died")
	}
	_, err = n.verify(t, first)
	wantCode(t, "token of a key that is gone", err, fault.AccessTokenInvalid)

	if pruned, err := n.Prune(t.Context(), pool); err != nil || pruned != 0 {
		t.Errorf("pruned %d too early, %v", pruned, err)
	}
	n.clock.add(8 * 24 * time.Hour)
	if pruned, err := n.Prune(t.Context(), pool); err != nil || pruned != 1 {
		t.Errorf("pruned %d, %v", pruned, err)
	}
	if got := n.kidOf(t, n.access(t)); got != kid2 {
		t.Error("pruning changed the signer")
	}
	if err := n.Rotate(t.Context(), pool, "x"); err == nil {
		t.Error("rotated an unknown use")
	}
}

func TestRevoke(t *testing.T) {
	n := newNode(t, token.ES256)
	tok := n.access(t)
	kid := n.kidOf(t, tok)
	if _, err := n.verify(t, tok); err != nil {
		t.Fatal(err)
	}
	if err := n.Revoke(t.Context(), pool, kid); err != nil {
		t.Fatal(err)
	}
	_, err := n.verify(t, tok) // was in the cache of verified tokens
	wantCode(t, "token of a revoked key", err, fault.AccessTokenInvalid)
	again := n.access(t)
	if n.kidOf(t, again) == kid {
		t.Error("a revoked key signs")
	}
	if _, err := n.verify(t, again); err != nil {
		t.Errorf("after the revocation: %v", err)
	}
	if n.kids(t)[kid] {
		t.Error("a revoked key is published")
	}
	if err := n.Revoke(t.Context(), pool, "unknown"); err != nil {
		t.Error(err)
	}
}

// A next key that is revoked before its time does not end the life of the active one.
func TestRevokedNextKeySupersedesNothing(t *testing.T) {
	n := newNode(t, token.ES256)
	kid1 := n.kidOf(t, n.access(t))
	if err := n.Rotate(t.Context(), pool, token.Access); err != nil {
		t.Fatal(err)
	}
	infos, _ := n.List(t.Context(), pool)
	for _, i := range infos {
		if i.State == "next" {
			if err := n.Revoke(t.Context(), pool, i.KeyID); err != nil {
				t.Fatal(err)
			}
		}
	}
	n.clock.add(100 * time.Hour)
	if got := n.kidOf(t, n.access(t)); got != kid1 {
		t.Errorf("signer is %s, not the first key", got)
	}
}

// TestPrepareLaterOfADeletedPool: a pool that is gone is nothing an operator must hear of, another failure is.
func TestPrepareLaterOfADeletedPool(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{{fault.New(fault.PoolNotFound), false}, {errors.New("the disk is full"), true}} {
		synctest.Test(t, func(t *testing.T) {
			var log strings.Builder
			k := token.New(token.Config{Store: &tokentest.Memory{Fail: func(string) error { return fmt.Errorf("reading: %w", c.err) }},
				Vault: keyringtest.New(t, pool), Algorithm: tokentest.ES256, Log: logTo(&log)})
			k.PrepareLater(pool)
			synctest.Wait()
			k.Close()
			if got := strings.Contains(log.String(), "level=ERROR"); got != c.want {
				t.Errorf("%v logged %q", c.err, log.String())
			}
		})
	}
}

func TestCreationIsRaceSafe(t *testing.T) {
	vault, store := keyringtest.New(t, pool), &tokentest.Memory{}
	c := newClock()
	var nodes []node
	for range 4 {
		k := token.New(token.Config{Store: store, Vault: vault, Now: c.Now, Algorithm: tokentest.ES256})
		nodes = append(nodes, node{k, c, store})
	}
	var wg sync.WaitGroup
	for _, n := range nodes {
		n.PrepareLater(pool)
		wg.Go(func() {
			if _, err := n.Sign(context.Background(), pool, token.Access, accessClaims(start)); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := n.Prepare(context.Background(), pool); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, n := range nodes {
		n.Close()
	}
	rows, _ := store.SigningKeys(t.Context(), pool)
	if len(rows) != 2 {
		t.Fatalf("%d keys, not 2", len(rows))
	}
	tok := nodes[0].access(t)
	for _, n := range nodes {
		if _, err := n.verify(t, tok); err != nil {
			t.Errorf("a node refuses another's token: %v", err)
		}
	}
	// Two nodes rotate at the same moment: both have made a key before either stores it, and there is one successor.
	var both sync.WaitGroup
	both.Add(2)
	store.Fail = func(method string) error {
		if method == "AddSigningKey" {
			both.Done()
			both.Wait()
		}
		return nil
	}
	for _, n := range nodes[:2] {
		wg.Go(func() {
			if err := n.Rotate(context.Background(), pool, token.ID); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if rows, _ := store.SigningKeys(t.Context(), pool); len(rows) != 3 {
		t.Errorf("%d keys after a rotation on two nodes at once", len(rows))
	}
}

// A node meets a token of a key that another node made: it asks once, and forgeries do not make it ask more.
func TestUnknownKeysAreLookedUpOnce(t *testing.T) {
	vault, store := keyringtest.New(t, pool), &tokentest.Memory{}
	a := node{token.New(token.Config{Store: store, Vault: vault, Now: newClock().Now, Algorithm: tokentest.ES256}), newClock(), store}
	cb := newClock()
	b := node{token.New(token.Config{Store: store, Vault: vault, Now: cb.Now, Algorithm: tokentest.ES256}), cb, store}
	_, err := b.verify(t, "x.y.z") // b has looked, and found no keys
	wantCode(t, "no keys yet", err, fault.AccessTokenInvalid)
	tok := a.access(t)
	cb.add(2 * time.Second)
	if _, err := b.verify(t, tok); err != nil {
		t.Errorf("b refuses: %v", err)
	}
	before := store.Reads()
	for i := range 500 {
		_, err := b.verify(t, fmt.Sprintf("%s%d.y.z", seg(`{"kid":"`), i))
		wantCode(t, "forged header", err, fault.AccessTokenInvalid)
	}
	if n := store.Reads() - before; n > 1 {
		t.Errorf("500 forged tokens cost %d queries", n)
	}
}

func TestTamperedRowsAreRefused(t *testing.T) {
	other := newNode(t, token.ES256)
	if err := other.Prepare(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	foreign, _ := other.store.SigningKeys(t.Context(), pool)
	for name, spoil := range map[string]func(*token.Row){
		"sealed changed":        func(r *token.Row) { r.Sealed[30] ^= 1 },
		"public exchanged":      func(r *token.Row) { r.Public = foreign[0].Public },
		"key of another store":  func(r *token.Row) { r.Sealed, r.Public = foreign[0].Sealed, foreign[0].Public },
		"ID key made an access": func(r *token.Row) { r.Use = "access" },
		"algorithm exchanged":   func(r *token.Row) { r.Alg = "RS256" },
		"algorithm none":        func(r *token.Row) { r.Alg = "none" },
		"key id exchanged":      func(r *token.Row) { r.KeyID = "x" + r.Use },
		"empty":                 func(r *token.Row) { r.Sealed = nil },
	} {
		n := newNode(t, token.ES256)
		tok := n.access(t)
		n.store.Spoil(spoil)
		n.Forget(pool)
		_, err := n.verify(t, tok)
		if err == nil || fault.CodeOf(err) != fault.InternalError {
			t.Errorf("%s: verify: %v; a damaged key is our fault, not the client's", name, err)
		}
		if _, err := n.Sign(t.Context(), pool, token.Access, claims{}); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
}

func TestARunningServerOutlivesItsDatabase(t *testing.T) {
	vault, store, c := keyringtest.New(t, pool), &tokentest.Memory{}, newClock()
	var log strings.Builder
	k := token.New(token.Config{Store: store, Vault: vault, Now: c.Now, Algorithm: tokentest.ES256, Log: logTo(&log)})
	n := node{k, c, store}
	tok := n.access(t)
	store.Fail = func(string) error { return errors.New("database is away") }
	c.add(time.Hour)
	if _, err := n.verify(t, tok); err != nil {
		t.Errorf("verify: %v", err)
	}
	n.access(t)
	if !strings.Contains(log.String(), "database is away") {
		t.Errorf("the operator is not told: %q", log.String())
	}
	n.Forget(pool)
	_, err := n.verify(t, tok)
	wantCode(t, "without keys in memory", err, fault.InternalError)
}

func TestKeysAreReadOncePerMinute(t *testing.T) {
	n := newNode(t, token.ES256)
	n.access(t)
	before := n.store.Reads()
	for range 100 {
		if _, err := n.verify(t, n.access(t)); err != nil {
			t.Fatal(err)
		}
	}
	if n.store.Reads() != before {
		t.Error("keys in memory are not used")
	}
	n.clock.add(time.Minute)
	n.access(t)
	if n.store.Reads() != before+1 {
		t.Errorf("%d reads after a minute", n.store.Reads()-before)
	}
}

func TestVerifiedTokensAreBounded(t *testing.T) {
	c := newClock()
	k := token.New(token.Config{Store: &tokentest.Memory{}, Vault: keyringtest.New(t, pool), Now: c.Now, Algorithm: tokentest.ES256, MaxVerified: 64})
	n := node{Keys: k, clock: c}
	hot := n.access(t)
	for i := range 500 {
		cl := accessClaims(start)
		cl["jti"] = fmt.Sprint(i)
		if _, err := n.verify(t, n.sign(t, token.Access, cl)); err != nil {
			t.Fatal(err)
		}
		if _, err := n.verify(t, hot); err != nil {
			t.Fatal(err)
		}
		if got := n.Remembered(); got > 64 {
			t.Fatalf("%d tokens are remembered", got)
		}
	}
	if n.Remembered() < 16 {
		t.Errorf("only %d tokens are remembered", n.Remembered())
	}
}

func TestPoolsAreBounded(t *testing.T) {
	pools := []string{"p1", "p2", "p3", "p4"}
	store := &tokentest.Memory{}
	k := token.New(token.Config{Store: store, Vault: keyringtest.New(t, pools...), Algorithm: tokentest.ES256, MaxPools: 2})
	var toks []string
	for _, p := range pools {
		tok, err := k.Sign(t.Context(), p, token.Access, claims{"token_use": "access", "exp": time.Now().Unix() + 60})
		if err != nil {
			t.Fatal(err)
		}
		toks = append(toks, tok)
	}
	before := store.Reads()
	for i, p := range pools {
		if _, err := k.Verify(t.Context(), p, token.Access, toks[i], token.Expect{}); err != nil {
			t.Errorf("%s: %v", p, err)
		}
	}
	if store.Reads() == before {
		t.Error("four pools fitted into a bound of two")
	}
}

// An impatient first caller must not make every later one start again.
func TestCancelledCreationStillStoresItsKey(t *testing.T) {
	vault, store := keyringtest.New(t, pool), &tokentest.Memory{}
	ctx, cancel := context.WithCancel(t.Context())
	k := token.New(token.Config{Store: store, Vault: vault, Algorithm: tokentest.ES256})
	store.Fail = func(method string) error {
		if method == "AddSigningKey" {
			cancel()
		}
		return nil
	}
	k.Sign(ctx, pool, token.ID, claims{}) // fails or not, as the scheduler will
	rows, _ := store.SigningKeys(t.Context(), pool)
	if len(rows) == 0 {
		t.Error("the work of a cancelled caller is lost")
	}
}

func TestRotationChangesTheAlgorithm(t *testing.T) {
	alg := token.ES256
	c, store := newClock(), &tokentest.Memory{}
	k := token.New(token.Config{Store: store, Vault: keyringtest.New(t, pool), Now: c.Now,
		Algorithm: func(context.Context, string) (token.Alg, error) { return alg, nil }})
	n := node{k, c, store}
	before := n.access(t)
	alg = token.RS256
	if err := n.Rotate(t.Context(), pool, token.Access); err != nil {
		t.Fatal(err)
	}
	c.add(2 * time.Hour)
	after := n.access(t)
	for _, tok := range []string{before, after} {
		if _, err := n.verify(t, tok); err != nil {
			t.Error(err)
		}
	}
	if len(after) <= len(before)+200 {
		t.Error("the new token is not signed by RSA")
	}
	if algs, err := n.Algorithms(t.Context(), pool); err != nil || len(algs) != 1 || algs[0] != token.ES256 {
		t.Errorf("ID token algorithms %v, %v", algs, err)
	}
}

func TestConcurrentUse(t *testing.T) {
	n := newNode(t, token.ES256)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 60 {
				cl := accessClaims(n.clock.Now())
				tok, err := n.Sign(context.Background(), pool, token.Access, cl)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := n.Verify(context.Background(), pool, token.Access, tok, token.Expect{}); err != nil {
					t.Error(err)
					return
				}
				if i%20 == 0 {
					n.Forget(pool)
				}
			}
		})
	}
	wg.Go(func() {
		for range 5 {
			if err := n.Rotate(context.Background(), pool, token.Access); err != nil {
				t.Error(err)
			}
			n.clock.add(10 * time.Minute)
		}
	})
	wg.Wait()
}

func logTo(w *strings.Builder) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
