package pool_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/internal/token"
)

func eachHarness(t *testing.T, f func(t *testing.T, h *pooltest.Harness), opts ...func(*pool.Options)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s store.Store) { f(t, pooltest.New(t, s, opts...)) })
}

func makePool(t *testing.T, h *pooltest.Harness, n pool.NewPool) *pool.Pool {
	t.Helper()
	p, err := h.Service.CreatePool(t.Context(), h.Admin(), n)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantCode(t *testing.T, what string, err error, code fault.Code) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

func TestCreatePool(t *testing.T) {
	eachHarness(t, func(t *testing.T, h *pooltest.Harness) {
		ctx, form := t.Context(), regexp.MustCompile(`^eu-central-1_[0-9A-Za-z]{9}$`)
		wireDoc := json.RawMessage(`{"pool":{"x":1}}`)
		p := makePool(t, h, pool.NewPool{Name: "shop", Region: "eu-central-1", Config: pooltest.PhonePool(), Wire: wireDoc, Quiet: true})
		if !form.MatchString(p.ID) || p.Config.BaseURL != "https://"+p.ID+".example.com" {
			t.Errorf("made %s at %s", p.ID, p.Config.BaseURL)
		}
		got, err := h.Service.GetPool(ctx, p.ID)
		if err != nil || got.Name != "shop" || string(got.Wire) != string(wireDoc) || got.Config.BaseURL != p.Config.BaseURL || !got.CreatedAt.Equal(pooltest.Start) {
			t.Errorf("read %+v %v", got, err)
		}
		// The pool works at once: keys are there.
		cl, err := h.Service.CreateClient(ctx, h.Admin(), pool.NewClient{PoolID: p.ID, Name: "app", Config: pooltest.AppClient()})
		if err != nil {
			t.Fatal(err)
		}
		h.SignUp(cl.ID, "+12025550123", "Passw0rd!")
		h.SignIn(cl.ID, "+12025550123", "Passw0rd!")
		if n, err := h.Service.EstimateUsers(ctx, p.ID); err != nil || n != 1 {
			t.Errorf("%d users, %v", n, err)
		}

		for _, region := range []string{"", "EU-central-1", "eu_central_1", "eu--central", "-eu", strings.Repeat("a", 33)} {
			_, err := h.Service.CreatePool(ctx, h.Admin(), pool.NewPool{Name: "x", Region: region, Config: pool.DefaultConfig()})
			wantCode(t, "region "+region, err, fault.InvalidParameter)
		}
		_, err = h.Service.CreatePool(ctx, h.Admin(), pool.NewPool{ID: p.ID, Name: "again", Config: pool.DefaultConfig()})
		wantCode(t, "an id in use", err, fault.ResourceExists)
	}, func(o *pool.Options) {
		o.BaseURL = func(id, _ string) string { return "https://" + id + ".example.com" }
	})
}

func TestUpdatePoolLosesNothing(t *testing.T) {
	eachHarness(t, func(t *testing.T, h *pooltest.Harness) {
		p := makePool(t, h, pool.NewPool{Name: "shop", Region: "eu-central-1", Config: pool.DefaultConfig()})
		var wg sync.WaitGroup
		errs := make([]error, 3)
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = h.Service.UpdatePool(t.Context(), h.Admin(), p.ID, func(p *pool.Pool) error {
					p.Config.PasswordHistory++
					p.Wire = json.RawMessage(`{"n":` + string('0'+rune(p.Config.PasswordHistory)) + `}`)
					return nil
				})
			})
		}
		wg.Wait()
		done := 0
		for _, err := range errs {
			switch {
			case err == nil:
				done++
			case fault.CodeOf(err) != fault.ConcurrentModification:
				t.Error(err)
			}
		}
		got, err := h.Service.GetPool(t.Context(), p.ID)
		if err != nil || got.Config.PasswordHistory != done || done == 0 || string(got.Wire) != `{"n":`+string('0'+rune(done))+`}` {
			t.Errorf("%d updates succeeded, the pool has %d %s, %v", done, got.Config.PasswordHistory, got.Wire, err)
		}
		refusal := errors.New("no")
		if _, err := h.Service.UpdatePool(t.Context(), h.Admin(), p.ID, func(p *pool.Pool) error { p.Name = "x"; return refusal }); err != refusal {
			t.Errorf("got %v", err)
		}
		if got, _ := h.Service.GetPool(t.Context(), p.ID); got.Name != "shop" {
			t.Error("a refused change was kept")
		}
	})
}

// A change is effective at once where it was made.
func TestChangesAreEffectiveAtOnce(t *testing.T) {
	eachHarness(t, func(t *testing.T, h *pooltest.Harness) {
		ctx := t.Context()
		p := makePool(t, h, pool.NewPool{Name: "shop", Region: "eu-central-1", Config: pooltest.PhonePool(), Quiet: true})
		cl, err := h.Service.CreateClient(ctx, h.Admin(), pool.NewClient{PoolID: p.ID, Name: "app", Config: pooltest.AppClient()})
		if err != nil {
			t.Fatal(err)
		}
		h.SignUp(cl.ID, "+12025550123", "Passw0rd!")
		signUp := func() error {
			_, err := h.Service.SignUp(ctx, h.Caller(), pool.SignUpInput{ClientAuth: pool.ClientAuth{ClientID: cl.ID}, Username: "+12025550124", Password: "Passw0rd!"})
			return err
		}
		if _, err = h.Service.UpdatePool(ctx, h.Admin(), p.ID, func(p *pool.Pool) error { p.Config.AdminCreateOnly = true; return nil }); err != nil {
			t.Fatal(err)
		}
		wantCode(t, "sign-up is closed", signUp(), fault.SignUpForbidden)
		_, err = h.Service.UpdateClient(ctx, h.Admin(), p.ID, cl.ID, func(cl *pool.Client) error { cl.Secrets = []string{"a secret of 24 characters"}; return nil })
		if err != nil {
			t.Fatal(err)
		}
		wantCode(t, "the client has a secret", signUp(), fault.SecretHashMissing)
		if got, err := h.Service.GetClient(ctx, p.ID, cl.ID); err != nil || len(got.Secrets) != 1 || got.Secrets[0] != "a secret of 24 characters" {
			t.Errorf("the secrets are %v, %v", got, err)
		}
		if err := h.Service.DeleteClient(ctx, h.Admin(), p.ID, cl.ID); err != nil {
			t.Fatal(err)
		}
		wantCode(t, "the client is gone", signUp(), fault.ClientNotFound)
	})
}

func TestANewAlgorithmRotatesTheKeys(t *testing.T) {
	eachHarness(t, func(t *testing.T, h *pooltest.Harness) {
		ctx := t.Context()
		p := makePool(t, h, pool.NewPool{Name: "shop", Region: "eu-central-1", Config: pool.DefaultConfig()})
		if err := h.Tokens.Prepare(ctx, p.ID); err != nil {
			t.Fatal(err)
		}
		count := func() int {
			list, err := h.Tokens.List(ctx, p.ID)
			if err != nil {
				t.Fatal(err)
			}
			return len(list)
		}
		set := func(f func(*pool.Config)) {
			t.Helper()
			if _, err := h.Service.UpdatePool(ctx, h.Admin(), p.ID, func(p *pool.Pool) error { f(&p.Config); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		set(func(c *pool.Config) { c.Strict = true; c.Alg = string(token.RS256) })
		if n := count(); n != 2 {
			t.Errorf("%d keys after a change of something else", n)
		}
		set(func(c *pool.Config) { c.Alg = string(token.ES256) })
		if n := count(); n != 4 {
			t.Errorf("%d keys after a change of the algorithm, want the old pair and the new", n)
		}
		events, err := h.Log.List(ctx, h.Store, eventlog.Query{PoolID: p.ID, Types: []eventlog.Type{eventlog.KeysRotated}})
		if err != nil || len(events) != 1 {
			t.Errorf("the log has %v, %v", events, err)
		}
	})
}

// A change that names a client that is not there undoes everything.
func TestRequireMFAOfAnUnknownClient(t *testing.T) {
	eachHarness(t, func(t *testing.T, h *pooltest.Harness) {
		ctx := t.Context()
		p := makePool(t, h, pool.NewPool{Name: "shop", Region: "eu-central-1", Config: pooltest.PhonePool(), Quiet: true})
		elsewhere := h.Client(h.Pool(pooltest.PhonePool()), pooltest.AppClient())
		for _, id := range []string{"unknown", elsewhere} {
			_, err := h.Service.UpdatePool(ctx, h.Admin(), p.ID, func(p *pool.Pool) error {
				p.Name, p.Change.RequireMFA = "changed", map[string]bool{id: true}
				return nil
			})
			wantCode(t, id, err, fault.InvalidParameter)
		}
		if got, err := h.Service.GetPool(ctx, p.ID); err != nil || got.Name != "shop" {
			t.Errorf("%+v %v", got, err)
		}
		if _, err := h.Service.UpdatePool(ctx, h.Admin(), p.ID, func(p *pool.Pool) error {
			p.Change.RequireMFA = map[string]bool{"unknown": false}
			return nil
		}); err != nil {
			t.Errorf("switching it off for a client that is gone: %v", err)
		}
	})
}

// What is deleted is unreachable at once, and gone after the purge.
func TestDeletePool(t *testing.T) {
	eachHarness(t, func(t *testing.T, h *pooltest.Harness) {
		ctx := t.Context()
		p := makePool(t, h, pool.NewPool{Name: "shop", Region: "eu-central-1", Config: pooltest.PhonePool(), Quiet: true})
		cl, err := h.Service.CreateClient(ctx, h.Admin(), pool.NewClient{PoolID: p.ID, Name: "app", Config: pooltest.AppClient()})
		if err != nil {
			t.Fatal(err)
		}
		h.SignUp(cl.ID, "+12025550123", "Passw0rd!")
		access := h.SignIn(cl.ID, "+12025550123", "Passw0rd!").Access
		if err := h.Service.DeletePool(ctx, h.Admin(), p.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Service.User(ctx, h.Caller(), access); err == nil {
			t.Error("an access token of the deleted pool is good")
		}
		wantCode(t, "deleting it again", h.Service.DeletePool(ctx, h.Admin(), p.ID), fault.PoolNotFound)
		_, err = h.Service.CreateClient(ctx, h.Admin(), pool.NewClient{PoolID: p.ID, Name: "late", Config: pooltest.AppClient()})
		wantCode(t, "a client for it", err, fault.PoolNotFound)
		for n := 1; n > 0; {
			h.Write(func(tx store.Tx) (err error) {
				n, err = tx.Pools().PurgePool(ctx, 100)
				return err
			})
		}
		h.Read(func(tx store.Tx) error {
			if keys, err := tx.Keys().PoolKeys(ctx, p.ID); err != nil || len(keys) != 0 {
				t.Errorf("its keys outlived the purge: %d, %v", len(keys), err)
			}
			return nil
		})
	})
}
