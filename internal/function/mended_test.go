package function_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/function"
	"countersign/internal/runner"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/internal/trigger"
)

// zip -r of a folder often names entries "./index.js": the handler's file is there whenever it is looked for.
func TestDotSlashNames(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		e.create(t, func(c *function.Create) { c.Package = pack(t, map[string]string{"./index.js": "x", "./other.js": "x"}) })
		handler := "other.handler"
		i, err := e.UpdateSettings(t.Context(), fn(), &function.SettingsUpdate{Handler: &handler})
		must(t, err)
		if len(i.Notes) > 0 {
			t.Errorf("notes %q", i.Notes)
		}
	})
}

// entries is a zip of n empty entries.
func entries(t *testing.T, n int, name func(int) string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := range n {
		if _, err := w.CreateHeader(&zip.FileHeader{Name: name(i)}); err != nil {
			t.Fatal(err)
		}
	}
	must(t, w.Close())
	return b.Bytes()
}

// Few files may not make very many folders: each is one on the disk of every node.
func TestFoldersCount(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		deep := entries(t, 3000, func(i int) string { return fmt.Sprintf("%d/", i) + strings.Repeat("a/", 35) + "f" })
		_, err := e.Create(t.Context(), &function.Create{Region: region, Name: "deep", Settings: settings, Package: deep})
		want(t, err, fault.PayloadTooLarge)
	})
}

// A directory of very many entries is refused before it is read: each entry would take memory.
func TestEntriesCountBeforeTheyAreRead(t *testing.T) {
	marks := bytes.Repeat([]byte("PK\x01\x02"), 4*function.MaxFiles+1)
	each(t, func(t *testing.T, e *env) {
		_, err := e.Create(t.Context(), &function.Create{Region: region, Name: "many", Settings: settings, Package: marks})
		want(t, err, fault.PayloadTooLarge)
		_, err = e.Create(t.Context(), &function.Create{Region: region, Name: "few", Settings: settings, Package: marks[:4000]})
		want(t, err, fault.InvalidParameter) // it is no zip
	})
}

// A version that an alias names is never deleted, whoever comes first.
func TestAliasAndDeletionRace(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t, func(c *function.Create) { c.Publish = true })
		for i := range 30 {
			memory := 128 + i
			_, err := e.UpdateSettings(ctx, fn(), &function.SettingsUpdate{MemoryMB: &memory})
			must(t, err)
			v, err := e.PublishVersion(ctx, fn(), &function.Publish{})
			must(t, err)
			alias := fmt.Sprint("a", i)
			var created, deleted error
			var wg sync.WaitGroup
			wg.Go(func() { _, created = e.CreateAlias(ctx, fn(), &function.Alias{Name: alias, Version: v.Version}) })
			wg.Go(func() { deleted = e.Delete(ctx, fn(v.Version)) })
			wg.Wait()
			if (created == nil) == (deleted == nil) {
				t.Fatalf("round %d: created %v, deleted %v", i, created, deleted)
			}
			if created == nil {
				_, err = e.Get(ctx, fn(alias))
				must(t, err)
			}
		}
	})
}

// An update of an alias meets the deletion of its next version.
func TestAliasUpdateAndDeletionRace(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t, func(c *function.Create) { c.Publish = true })
		_, err := e.CreateAlias(ctx, fn(), &function.Alias{Name: "live", Version: "1"})
		must(t, err)
		for i := range 30 {
			memory := 128 + i
			_, err := e.UpdateSettings(ctx, fn(), &function.SettingsUpdate{MemoryMB: &memory})
			must(t, err)
			v, err := e.PublishVersion(ctx, fn(), &function.Publish{})
			must(t, err)
			var updated, deleted error
			var wg sync.WaitGroup
			wg.Go(func() { _, updated = e.UpdateAlias(ctx, fn(), "live", &function.AliasUpdate{Version: &v.Version}) })
			wg.Go(func() { deleted = e.Delete(ctx, fn(v.Version)) })
			wg.Wait()
			if (updated == nil) == (deleted == nil) {
				t.Fatalf("round %d: updated %v, deleted %v", i, updated, deleted)
			}
			_, err = e.Get(ctx, fn("live"))
			must(t, err)
			one := "1"
			_, err = e.UpdateAlias(ctx, fn(), "live", &function.AliasUpdate{Version: &one})
			must(t, err)
		}
	})
}

// slow delays reads until they are let go.
type slow struct {
	store.Store
	mu      sync.Mutex
	gate    chan struct{}
	entered chan struct{}
}

func (s *slow) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate, s.entered = make(chan struct{}), make(chan struct{}, 100)
}

func (s *slow) Read(ctx context.Context, f func(store.Tx) error) error {
	s.mu.Lock()
	gate, entered := s.gate, s.entered
	s.mu.Unlock()
	if gate != nil {
		entered <- struct{}{}
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.Store.Read(ctx, f)
}

// Many callers of a function that is not in memory cause one look-up, and one caller that leaves takes nothing from the others.
func TestColdCallersShareOneLookUp(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		s := &slow{Store: st}
		e := newEnv(t, s, func(c *function.Config) { c.Store = s })
		e.create(t)
		_, err := e.AddPermission(t.Context(), fn(), permission("s"))
		must(t, err)
		e.clock.add(time.Minute)
		s.close()
		first, leave := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() { gone <- e.Permit(first, arn, caller(poolA)) }()
		<-s.entered
		var wg sync.WaitGroup
		errs := make([]error, 20)
		for i := range errs {
			wg.Go(func() { errs[i] = e.Permit(t.Context(), arn, caller(poolA)) })
		}
		leave()
		if err := <-gone; err == nil {
			t.Error("the caller that left got an answer")
		}
		close(s.gate)
		wg.Wait()
		for i, err := range errs {
			if err != nil {
				t.Errorf("caller %d: %v", i, err)
			}
		}
		if n := len(s.entered); n > 0 {
			t.Errorf("%d look-ups more", n)
		}
	})
}

// Who asks after a change does not get what a look-up from before it found.
func TestLookUpFromBeforeAChange(t *testing.T) {
	storetest.Each(t, func(t *testing.T, st store.Store) {
		s := &slow{Store: st}
		e := newEnv(t, s, func(c *function.Config) { c.Store = s })
		e.create(t)
		_, err := e.AddPermission(t.Context(), fn(), permission("s"))
		must(t, err)
		e.clock.add(time.Minute)
		s.close()
		old := make(chan error, 1)
		go func() { old <- e.Permit(t.Context(), arn, caller(poolA)) }()
		<-s.entered
		gate := s.gate
		s.mu.Lock()
		s.gate = nil
		s.mu.Unlock()
		must(t, e.RemovePermission(t.Context(), fn(), "s", ""))
		want(t, e.Permit(t.Context(), arn, caller(poolA)), fault.AccessDenied)
		close(gate)
		<-old
		want(t, e.Permit(t.Context(), arn, caller(poolA)), fault.AccessDenied)
	})
}

// The packages of a deployment are bounded together; the same package again costs nothing.
func TestCodeStorage(t *testing.T) {
	one := pack(t, map[string]string{"index.js": "one"})
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t, func(c *function.Create) { c.Package = one })
		e.create(t, func(c *function.Create) { c.Package, c.Name = one, "same" })
		two := pack(t, map[string]string{"index.js": "two"})
		_, err := e.UpdateCode(ctx, fn(), &function.CodeUpdate{Package: two})
		must(t, err)
		three := pack(t, map[string]string{"index.js": "333"})
		_, err = e.UpdateCode(ctx, fn(), &function.CodeUpdate{Package: three})
		want(t, err, fault.TooMany)
		_, err = e.Create(ctx, &function.Create{Region: region, Name: "more", Settings: settings, Package: three})
		want(t, err, fault.TooMany)
		_, err = e.UpdateCode(ctx, fn(), &function.CodeUpdate{Package: three, DryRun: true})
		must(t, err)
		_, err = e.UpdateCode(ctx, fn(), &function.CodeUpdate{Package: one})
		must(t, err)
		e.clock.add(2 * time.Hour)
		must(t, e.store.Write(ctx, func(tx store.Tx) error {
			_, err := tx.Sweep(ctx, e.clock.Now(), 100)
			return err
		}))
		_, err = e.UpdateCode(ctx, fn(), &function.CodeUpdate{Package: three}) // the second package is gone
		must(t, err)
	}, func(c *function.Config) { c.Limits.CodeBytes = int64(2*len(one)) + 10 })
}

// A package that was uploaded long ago is not swept between its next upload and the row that names it.
func TestSweepSparesWhatComesAgain(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		code := pack(t, map[string]string{"index.js": "again"})
		e.create(t, func(c *function.Create) { c.Package = code })
		must(t, e.Delete(ctx, fn()))
		e.clock.add(48 * time.Hour)
		i := e.create(t, func(c *function.Create) { c.Package = code })
		sweep := func() {
			must(t, e.store.Write(ctx, func(tx store.Tx) error {
				_, err := tx.Sweep(ctx, e.clock.Now(), 100)
				return err
			}))
		}
		must(t, e.Delete(ctx, fn())) // young, and named by nothing
		sweep()
		_, err := e.Package(ctx, i.Artifact)
		must(t, err)
		e.clock.add(2 * time.Hour)
		sweep()
		_, err = e.Package(ctx, i.Artifact)
		want(t, err, fault.ResourceNotFound)
	})
}

// elsewhere is functions elsewhere.
type elsewhere struct{ called []string }

func (r *elsewhere) Invoke(_ context.Context, arn string, _ []byte, _ time.Duration) (*trigger.Answer, error) {
	r.called = append(r.called, arn)
	return &trigger.Answer{Begun: true}, nil
}

// Functions elsewhere are called with the server's own credentials: which ones is the operator's to say.
func TestRemoteAllow(t *testing.T) {
	r := &elsewhere{}
	each(t, func(t *testing.T, e *env) {
		const here, there = "arn:aws:lambda:eu-west-1:111111111111:function:", "arn:aws:lambda:eu-west-1:222222222222:function:"
		for _, c := range []struct {
			arn     string
			allowed bool
		}{
			{here + "sender", true}, {here + "sender:live", true}, {here + "sender:1", true}, {here + "senders", false}, {here + "other", false},
			{here + "pool-a", true}, {here + "pool-a:live", true}, {there + "sender", false}, {here + "fixed:live", true}, {here + "fixed", false},
			{here + "fixed:2", false}, {"arn:aws:lambda:eu-west-2:111111111111:function:sender", false},
		} {
			r.called = nil
			err := e.Permit(t.Context(), c.arn, caller(poolA))
			_, invoked := e.Service.Invoke(t.Context(), c.arn, caller(poolA), []byte(`{}`), time.Second)
			if (err == nil) != c.allowed || (invoked == nil) != c.allowed || len(r.called) > 0 != c.allowed {
				t.Errorf("%s: Permit %v, Invoke %v, called %v", c.arn, err, invoked, r.called)
			}
			if !c.allowed && (fault.CodeOf(err) != fault.AccessDenied || !strings.Contains(fault.Of(err).Hint, "functions.remote_allow")) {
				t.Errorf("%s: %v, hint %q", c.arn, err, fault.Of(err).Hint)
			}
		}
		want(t, e.Permit(t.Context(), arn, caller(poolA)), fault.ResourceNotFound) // one of ours that is not there
	}, func(c *function.Config) {
		c.Remote = r
		c.RemoteAllow = []string{
			"arn:aws:lambda:eu-west-1:111111111111:function:sender", "arn:aws:lambda:*:111111111111:function:pool-?",
			"arn:aws:lambda:eu-west-1:111111111111:function:fixed:live",
		}
	})
}

// Two nodes give a function new code at the same time: one follows the other, and what is left fits together.
func TestTwoNodesUpdateCode(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t)
		other := function.New(e.config)
		defer other.Close(ctx)
		for round := range 5 {
			var wg sync.WaitGroup
			made := make([]*function.Info, 6)
			for i := range made {
				s := []*function.Service{e.Service, other}[i%2]
				wg.Go(func() {
					var err error
					code := pack(t, map[string]string{"index.js": fmt.Sprint(round, i)})
					if made[i], err = s.UpdateCode(ctx, fn(), &function.CodeUpdate{Package: code, Publish: true}); err != nil && fault.CodeOf(err) != fault.ConcurrentModification {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			versions := map[string]bool{}
			for _, i := range made {
				if i == nil {
					continue
				}
				if versions[i.Version] {
					t.Errorf("version %s was given twice", i.Version)
				}
				versions[i.Version] = true
				v, err := e.Get(ctx, fn(i.Version))
				must(t, err)
				if v.CodeSHA256 != i.CodeSHA256 || v.CodeSize != i.CodeSize {
					t.Errorf("version %s holds other code than was answered", i.Version)
				}
			}
			now, err := other.Get(ctx, fn())
			must(t, err)
			p, err := e.Package(ctx, now.Artifact)
			must(t, err)
			if p.Size() != now.CodeSize {
				t.Errorf("%d bytes, not %d", p.Size(), now.CodeSize)
			}
			must(t, p.Close())
		}
	})
}

// A function that is deleted while it runs ends its call; the next one finds nothing.
func TestDeleteWhileRunning(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t)
		begun, end := make(chan struct{}), make(chan struct{})
		e.fake.run = func(context.Context, *runner.Code, *runner.Call) (*runner.Result, error) {
			close(begun)
			<-end
			return &runner.Result{Payload: []byte(`"done"`)}, nil
		}
		answer := make(chan error, 1)
		go func() {
			res, err := e.Call(ctx, fn(), &function.Call{})
			if err == nil && string(res.Result.Payload) != `"done"` {
				err = fmt.Errorf("answer %s", res.Result.Payload)
			}
			answer <- err
		}()
		<-begun
		must(t, e.Delete(ctx, fn()))
		_, err := e.Call(ctx, fn(), &function.Call{})
		want(t, err, fault.ResourceNotFound)
		close(end)
		must(t, <-answer)
	})
}
