package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"countersign/internal/store"
)

func newScript(id, kind, name string) *store.Script {
	return &store.Script{ID: id, PoolID: "p", Kind: kind, Name: name, Trigger: "send-phone-message", Version: 1}
}

// addScripts inserts scripts that must fit.
func (s *suite) addScripts(scripts ...*store.Script) {
	s.Helper()
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, c := range scripts {
			ok, err := tx.Scripts().InsertScript(ctx, c)
			s.same("InsertScript "+c.ID, ok, true)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *suite) script(id string) (c *store.Script) {
	s.Helper()
	s.read(func(ctx context.Context, tx store.Tx) (err error) {
		c, err = tx.Scripts().Script(ctx, "p", id)
		return err
	})
	return c
}

func testScripts(s *suite) {
	want := &store.Script{
		ID: "a", PoolID: "p", Kind: "action", Name: "Ü 1", Trigger: "t", Enabled: true, Position: 3, Doc: json.RawMessage(`{"a":"<ü>"}`),
		Sealed: []byte{0, 255}, Artifact: "h", LastVersion: 4, Deployed: 2, CreatedAt: ms(1), UpdatedAt: ms(2), Version: 1,
	}
	bare := &store.Script{ID: "b", PoolID: "p", Kind: "hook", Name: "b", Version: 1}
	s.addScripts(want, bare)
	s.same("a full script", s.script("a"), want)
	s.same("a bare script", s.script("b"), bare)
	want.Name, want.Trigger, want.Enabled, want.Position, want.Doc, want.Sealed = "other", "u", false, 4, json.RawMessage(`{}`), nil
	want.Artifact, want.LastVersion, want.Deployed, want.UpdatedAt = "i", 5, 3, ms(9)
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, first := range []bool{true, false} {
			ok, taken, err := tx.Scripts().UpdateScript(ctx, want)
			s.same("UpdateScript", []bool{ok, taken}, []bool{first, false})
			if err != nil {
				return err
			}
		}
		foreign := *want
		foreign.PoolID, foreign.Version = "q", 2
		ok, taken, err := tx.Scripts().UpdateScript(ctx, &foreign)
		s.same("UpdateScript of another pool", []bool{ok, taken}, []bool{false, false})
		return err
	})
	want.Version = 2
	s.same("the updated script", s.script("a"), want)
	s.write(func(ctx context.Context, tx store.Tx) error {
		s.is("a script of another pool", drop(tx.Scripts().Script(ctx, "q", "a")), store.ErrNotFound)
		s.is("an unknown script", drop(tx.Scripts().Script(ctx, "p", "none")), store.ErrNotFound)
		ok, err := tx.Scripts().DeleteScript(ctx, "q", "a")
		s.same("DeleteScript of another pool", ok, false)
		for _, first := range []bool{true, false} {
			if err != nil {
				return err
			}
			ok, err = tx.Scripts().DeleteScript(ctx, "p", "a")
			s.same("DeleteScript", ok, first)
		}
		return err
	})
}

func testScriptList(s *suite) {
	var all []*store.Script
	for n, c := range []*store.Script{
		newScript("e", "hook", "1"), newScript("d", "hook", "2"), newScript("c", "action", "1"), newScript("b", "hook", "3"), newScript("a", "rule", "1"),
	} {
		c.Position, c.Enabled = int64(n/2), n%2 == 0
		if n == 3 {
			c.Trigger = "other"
		}
		all = append(all, c)
	}
	s.addScripts(all...)
	s.addScripts(&store.Script{ID: "q", PoolID: "q", Kind: "hook", Name: "1"})
	yes, no := true, false
	for _, c := range []struct {
		q     store.ScriptQuery
		want  string
		count int
	}{
		{store.ScriptQuery{}, "[d e b c a]", 5},
		{store.ScriptQuery{Kind: "hook"}, "[d e b]", 3},
		{store.ScriptQuery{Kind: "hook", Trigger: "send-phone-message"}, "[d e]", 2},
		{store.ScriptQuery{Trigger: "send-phone-message", Enabled: &yes}, "[e c a]", 3},
		{store.ScriptQuery{Kind: "hook", Trigger: "send-phone-message", Enabled: &no}, "[d]", 1},
		{store.ScriptQuery{Name: "1"}, "[e c a]", 3},
		{store.ScriptQuery{Kind: "hook", Name: "3"}, "[b]", 1},
		{store.ScriptQuery{Skip: 1, Limit: 2}, "[e b]", 5},
		{store.ScriptQuery{Skip: 4}, "[a]", 5},
		{store.ScriptQuery{Skip: 5, Limit: 9}, "[]", 5},
		{store.ScriptQuery{Kind: "none"}, "[]", 0},
	} {
		c.q.PoolID = "p"
		s.read(func(ctx context.Context, tx store.Tx) error {
			got, err := tx.Scripts().ListScripts(ctx, c.q)
			s.same(fmt.Sprintf("%+v", c.q), fmt.Sprint(ids(got, func(c *store.Script) string { return c.ID })), c.want)
			if err != nil {
				return err
			}
			n, err := tx.Scripts().CountScripts(ctx, c.q)
			s.same(fmt.Sprintf("CountScripts %+v", c.q), n, c.count)
			return err
		})
	}
}

// testScriptNames: ids and names are taken once, whoever is first.
func testScriptNames(s *suite) {
	s.addScripts(newScript("a", "hook", "one"), newScript("b", "action", "one"), newScript("c", "hook", "two"))
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, c := range []*store.Script{newScript("a", "hook", "new"), newScript("d", "hook", "one")} {
			ok, err := tx.Scripts().InsertScript(ctx, c)
			s.same("InsertScript of what is taken", ok, false)
			if err != nil {
				return err
			}
		}
		c := newScript("c", "hook", "one")
		ok, taken, err := tx.Scripts().UpdateScript(ctx, c)
		s.same("UpdateScript to a name that is taken", []bool{ok, taken}, []bool{false, true})
		if err != nil {
			return err
		}
		c.Name = "ONE"
		ok, taken, err = tx.Scripts().UpdateScript(ctx, c)
		s.same("UpdateScript to a free name", []bool{ok, taken}, []bool{true, false})
		return err
	})
	var won atomic.Int32
	parallel(20, func(n int) {
		err := s.Store.Write(s.Context(), func(tx store.Tx) error {
			ok, err := tx.Scripts().InsertScript(s.Context(), newScript(fmt.Sprint("r", n), "hook", "race"))
			if err == nil && !ok {
				err = errTest
			}
			return err
		})
		switch {
		case err == nil:
			won.Add(1)
		case !errors.Is(err, errTest):
			s.Errorf("InsertScript: %v", err)
		}
	})
	s.same("scripts that got the name", won.Load(), int32(1))
}

func testEnableOnly(s *suite) {
	a, b, c, other, rule := newScript("a", "hook", "a"), newScript("b", "hook", "b"), newScript("c", "hook", "c"), newScript("d", "hook", "d"), newScript("e", "rule", "e")
	a.Enabled, other.Enabled, rule.Enabled, other.Trigger = true, true, true, "post-login"
	s.addScripts(a, b, c, other, rule)
	s.write(func(ctx context.Context, tx store.Tx) error { return tx.Scripts().EnableOnly(ctx, "p", "b", ms(7)) })
	a.Enabled, b.Enabled, a.Version, b.Version, a.UpdatedAt, b.UpdatedAt = false, true, 2, 2, ms(7), ms(7)
	for _, want := range []*store.Script{a, b, c, other, rule} {
		s.same("script "+want.ID, s.script(want.ID), want)
	}
	for _, id := range []string{"none", "q"} {
		err := s.Store.Write(s.Context(), func(tx store.Tx) error { return tx.Scripts().EnableOnly(s.Context(), "q", id, ms(8)) })
		s.is("EnableOnly of an unknown script", err, store.ErrNotFound)
	}
	parallel(20, func(n int) {
		err := s.Store.Write(s.Context(), func(tx store.Tx) error {
			return tx.Scripts().EnableOnly(s.Context(), "p", []string{"a", "b", "c"}[n%3], ms(9))
		})
		if err != nil {
			s.Errorf("EnableOnly: %v", err)
		}
	})
	s.read(func(ctx context.Context, tx store.Tx) error {
		yes := true
		n, err := tx.Scripts().CountScripts(ctx, store.ScriptQuery{PoolID: "p", Kind: "hook", Trigger: "send-phone-message", Enabled: &yes})
		s.same("enabled at the end", n, 1)
		return err
	})
}

func testScriptVersions(s *suite) {
	s.addScripts(newScript("s", "action", "s"), newScript("t", "action", "t"))
	want := &store.ScriptVersion{ID: "v2", ScriptID: "s", Number: 2, Doc: json.RawMessage(`{"a":1}`), Sealed: []byte{0, 1}, Artifact: "h", CreatedAt: ms(3)}
	s.write(func(ctx context.Context, tx store.Tx) error {
		for _, v := range []*store.ScriptVersion{want, {ID: "v10", ScriptID: "s", Number: 10}, {ID: "v1", ScriptID: "s", Number: 1}, {ID: "w", ScriptID: "t", Number: 2}} {
			if err := tx.Scripts().InsertScriptVersion(ctx, v); err != nil {
				return err
			}
		}
		return nil
	})
	for _, bad := range []*store.ScriptVersion{{ID: "v2", ScriptID: "s", Number: 3}, {ID: "v3", ScriptID: "s", Number: 2}, {ID: "v3", ScriptID: "none", Number: 1}} {
		err := s.Store.Write(s.Context(), func(tx store.Tx) error { return tx.Scripts().InsertScriptVersion(s.Context(), bad) })
		if err == nil {
			s.Errorf("InsertScriptVersion took %+v", bad)
		}
	}
	list := func(before int64, limit int) (got string) {
		s.read(func(ctx context.Context, tx store.Tx) error {
			l, err := tx.Scripts().ListScriptVersions(ctx, "s", before, limit)
			got = fmt.Sprint(ids(l, func(v *store.ScriptVersion) string { return v.ID }))
			return err
		})
		return got
	}
	s.same("ListScriptVersions", list(0, 9), "[v10 v2 v1]")
	s.same("a page of them", list(10, 1), "[v2]")
	s.write(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Scripts().ScriptVersion(ctx, "s", "v2")
		s.same("ScriptVersion", got, want)
		if err != nil {
			return err
		}
		got, err = tx.Scripts().ScriptVersionByNumber(ctx, "s", 2)
		s.same("ScriptVersionByNumber", got, want)
		if err != nil {
			return err
		}
		s.is("a version of another script", drop(tx.Scripts().ScriptVersion(ctx, "t", "v2")), store.ErrNotFound)
		s.is("an unknown number", drop(tx.Scripts().ScriptVersionByNumber(ctx, "s", 3)), store.ErrNotFound)
		for _, first := range []bool{true, false} {
			ok, err := tx.Scripts().DeleteScriptVersion(ctx, "s", "v10")
			s.same("DeleteScriptVersion", ok, first)
			if err != nil {
				return err
			}
		}
		if err := drop(tx.Scripts().DeleteScript(ctx, "p", "s")); err != nil {
			return err
		}
		s.is("a version of a deleted script", drop(tx.Scripts().ScriptVersion(ctx, "s", "v2")), store.ErrNotFound)
		return drop(tx.Scripts().ScriptVersion(ctx, "t", "w"))
	})
}

// testScriptArtifacts: what a script or a version of one names stays, and is held for a day after it was named.
func testScriptArtifacts(s *suite) {
	put := func(hash string) {
		s.write(func(ctx context.Context, tx store.Tx) error {
			if err := tx.Artifacts().PutArtifactChunk(ctx, hash, 0, []byte{1}, ms(0)); err != nil {
				return err
			}
			return tx.Artifacts().CompleteArtifact(ctx, &store.Artifact{Hash: hash, Size: 1, CreatedAt: ms(0)})
		})
	}
	for _, hash := range []string{"draft", "version", "unnamed", "before"} {
		put(hash)
	}
	c := newScript("s", "action", "s")
	c.Artifact = "before"
	s.addScripts(c)
	c.Artifact, c.UpdatedAt = "draft", ms(1)
	s.write(func(ctx context.Context, tx store.Tx) error {
		if _, _, err := tx.Scripts().UpdateScript(ctx, c); err != nil {
			return err
		}
		return tx.Scripts().InsertScriptVersion(ctx, &store.ScriptVersion{ID: "v", ScriptID: "s", Number: 1, Artifact: "version", CreatedAt: ms(0)})
	})
	left := func(at time.Time, limit int) (got []string) {
		s.write(func(ctx context.Context, tx store.Tx) error {
			if err := drop(tx.Artifacts().SweepArtifacts(ctx, at, limit)); err != nil {
				return err
			}
			for _, hash := range []string{"draft", "version", "unnamed", "before"} {
				if err := drop(tx.Artifacts().Artifact(ctx, hash)); err == nil {
					got = append(got, hash)
				}
			}
			return nil
		})
		return got
	}
	s.same("artifacts after an hour", left(ms(3600_000), 9), []string{"draft", "version"})
	s.same("artifacts after a week", left(ms(7*86400_000), 9), []string{"draft", "version"})
	s.write(func(ctx context.Context, tx store.Tx) error { return drop(tx.Scripts().DeleteScript(ctx, "p", "s")) })
	s.same("artifacts of a deleted script, the same day", left(ms(3600_000), 9), []string{"draft", "version"})
	s.same("artifacts of a deleted script, later", len(left(ms(2*86400_000), 9)), 0)
}

func testSettings(s *suite) {
	want := &store.Setting{PoolID: "p", Name: "template/b", Doc: json.RawMessage(`{"a":"<ü>"}`), Sealed: []byte{0, 255}, UpdatedAt: ms(1), Version: 1}
	put := func(ctx context.Context, tx store.Tx, set store.Setting, want bool) error {
		ok, err := tx.Settings().PutSetting(ctx, &set)
		s.same(fmt.Sprintf("PutSetting of %s at %d", set.Name, set.Version), ok, want)
		return err
	}
	s.write(func(ctx context.Context, tx store.Tx) error {
		first := *want
		first.Version = 0
		for _, set := range []store.Setting{first, {PoolID: "p", Name: "template/a"}, {PoolID: "p", Name: "template/c"}, {PoolID: "p", Name: "templates"}, {PoolID: "q", Name: "template/a"}} {
			if err := put(ctx, tx, set, true); err != nil {
				return err
			}
		}
		if err := put(ctx, tx, first, false); err != nil {
			return err
		}
		return put(ctx, tx, store.Setting{PoolID: "p", Name: "none", Version: 1}, false)
	})
	s.write(func(ctx context.Context, tx store.Tx) error {
		got, err := tx.Settings().Setting(ctx, "p", want.Name)
		s.same("Setting", got, want)
		if err != nil {
			return err
		}
		want.Doc, want.Sealed, want.UpdatedAt = nil, nil, ms(2)
		for _, first := range []bool{true, false} {
			if err := put(ctx, tx, *want, first); err != nil {
				return err
			}
		}
		want.Version = 2
		got, err = tx.Settings().Setting(ctx, "p", want.Name)
		s.same("the replaced setting", got, want)
		if err != nil {
			return err
		}
		for _, c := range []struct {
			prefix, after string
			limit         int
			want          string
		}{
			{"template/", "", 9, "[template/a template/b template/c]"}, {"template/", "template/a", 1, "[template/b]"}, {"", "", 9, "[template/a template/b template/c templates]"},
			{"x", "", 9, "[]"}, {"templates", "", 9, "[templates]"},
		} {
			got, err := tx.Settings().ListSettings(ctx, "p", c.prefix, c.after, c.limit)
			s.same("ListSettings "+c.prefix, fmt.Sprint(ids(got, func(s *store.Setting) string { return s.Name })), c.want)
			if err != nil {
				return err
			}
		}
		for _, first := range []bool{true, false} {
			ok, err := tx.Settings().DeleteSetting(ctx, "p", want.Name)
			s.same("DeleteSetting", ok, first)
			if err != nil {
				return err
			}
		}
		s.is("a deleted setting", drop(tx.Settings().Setting(ctx, "p", want.Name)), store.ErrNotFound)
		return drop(tx.Settings().Setting(ctx, "q", "template/a"))
	})
}
