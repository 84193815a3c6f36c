package function_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"

	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/function"
	"countersign/internal/runner"
	"countersign/internal/store"
)

func TestLifeOfAFunction(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		code := pack(t, map[string]string{"index.js": "1"})
		sum := sha256.Sum256(code)
		i := e.create(t, func(c *function.Create) { c.Package = code; c.Tags = map[string]string{"team": "id"} })
		if i.ARN != "arn:aws:lambda:us-local-1:000000000000:function:sender" || i.Version != "$LATEST" || i.CodeSHA256 != base64.StdEncoding.EncodeToString(sum[:]) ||
			i.CodeSize != int64(len(code)) || i.Settings.MemoryMB != 128 || i.Settings.TimeoutSeconds != 3 || !i.HasEnv || i.Tags["team"] != "id" {
			t.Errorf("created %+v", i)
		}
		_, err := e.Create(ctx, &function.Create{Region: region, Name: "sender", Settings: settings, Package: code})
		want(t, err, fault.ResourceExists)
		if _, err := e.Get(ctx, function.Ref{Region: "eu-west-1", Name: "sender"}); fault.CodeOf(err) != fault.ResourceNotFound {
			t.Errorf("another region: %v", err)
		}
		vars, err := e.Env(ctx, fn())
		if err != nil || vars["API_KEY"] != canary {
			t.Errorf("environment %v, %v", vars, err)
		}

		next, err := e.UpdateCode(ctx, fn(), &function.CodeUpdate{Package: pack(t, map[string]string{"index.mjs": "2"}), Revision: i.Revision})
		must(t, err)
		if next.Revision == i.Revision || next.CodeSHA256 == i.CodeSHA256 || len(next.Notes) != 0 {
			t.Errorf("updated %+v", next)
		}
		_, err = e.UpdateCode(ctx, fn(), &function.CodeUpdate{Package: code, Revision: i.Revision})
		want(t, err, fault.ConcurrentModification)
		_, err = e.UpdateCode(ctx, fn("1"), &function.CodeUpdate{Package: code})
		want(t, err, fault.InvalidParameter)

		timeout, memory := 30, 256
		conf, err := e.UpdateSettings(ctx, fn(), &function.SettingsUpdate{TimeoutSeconds: &timeout, MemoryMB: &memory, Env: &map[string]string{}})
		must(t, err)
		if conf.Settings.TimeoutSeconds != 30 || conf.Settings.MemoryMB != 256 || conf.HasEnv || conf.Settings.Handler != "index.handler" {
			t.Errorf("configured %+v", conf)
		}
		list, err := e.List(ctx, region, "", 10)
		if err != nil || len(list) != 1 || list[0].Name != "sender" {
			t.Errorf("list %v, %v", list, err)
		}
		must(t, e.Tag(ctx, fn(), map[string]string{"a": "b"}))
		must(t, e.Untag(ctx, fn(), []string{"team"}))
		if got, _ := e.Get(ctx, fn()); !maps.Equal(got.Tags, map[string]string{"a": "b"}) || got.Revision != conf.Revision {
			t.Errorf("tags %v; a tag is no revision", got.Tags)
		}
		must(t, e.Delete(ctx, fn()))
		_, err = e.Get(ctx, fn())
		want(t, err, fault.ResourceNotFound)
		want(t, e.Delete(ctx, fn()), fault.ResourceNotFound)
		if n := len(e.eventsOf(t, "", eventlog.FunctionChanged)); n != 6 {
			t.Errorf("%d events of changes, want 6", n)
		}
	})
}

func TestRefusedConfigurations(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		foreign := "arm64"
		if e.create(t, func(c *function.Create) {
			c.Name, c.Settings = "own", function.Settings{Runtime: "provided.al2023"}
			c.Package = pack(t, map[string]string{"bootstrap": "x"})
		}).Settings.Architecture == "arm64" {
			foreign = "x86_64"
		}
		tests := []struct {
			name   string
			change func(*function.Create)
			want   fault.Code
			says   string
		}{
			{"name", func(c *function.Create) { c.Name = "a b" }, fault.InvalidParameter, "name"},
			{"python", func(c *function.Create) { c.Settings.Runtime = "python3.13" }, fault.UnsupportedOperation, "python3.13"},
			{"no runtime", func(c *function.Create) { c.Settings.Runtime = "" }, fault.InvalidParameter, "nodejs20.x"},
			{"handler without export", func(c *function.Create) { c.Settings.Handler = "index" }, fault.InvalidParameter, "file.export"},
			{"handler outside", func(c *function.Create) { c.Settings.Handler = "../index.handler" }, fault.InvalidParameter, "file.export"},
			{"handler missing", func(c *function.Create) { c.Settings.Handler = "main.handler" }, fault.InvalidParameter, "main.js"},
			{"bootstrap missing", func(c *function.Create) { c.Settings.Runtime = "provided.al2" }, fault.InvalidParameter, "bootstrap"},
			{"foreign machine", func(c *function.Create) { c.Settings.Runtime, c.Settings.Architecture = "provided.al2023", foreign }, fault.UnsupportedOperation, foreign},
			{"memory", func(c *function.Create) { c.Settings.MemoryMB = 64 }, fault.InvalidParameter, "128"},
			{"memory beyond ours", func(c *function.Create) { c.Settings.MemoryMB = 2048 }, fault.InvalidParameter, "1024"},
			{"timeout", func(c *function.Create) { c.Settings.TimeoutSeconds = 901 }, fault.InvalidParameter, "900"},
			{"role", func(c *function.Create) { c.Settings.Role = "admin" }, fault.InvalidParameter, "Role"},
			{"reserved", func(c *function.Create) { c.Env = map[string]string{"AWS_REGION": "x", "AWS_LAMBDA_RUNTIME_API": "y"} }, fault.InvalidParameter, "AWS_LAMBDA_RUNTIME_API, AWS_REGION"},
			{"variable", func(c *function.Create) { c.Env = map[string]string{"1A": "x"} }, fault.InvalidParameter, "letter"},
			{"4 KB", func(c *function.Create) { c.Env = map[string]string{"AA": strings.Repeat("x", 4095)} }, fault.InvalidParameter, "4KB"},
			{"tags", func(c *function.Create) { c.Tags = map[string]string{"a|b": ""} }, fault.InvalidParameter, "tags"},
			{"no package", func(c *function.Create) { c.Package = nil }, fault.InvalidParameter, "empty"},
			{"no zip", func(c *function.Create) { c.Package = []byte("PK no") }, fault.InvalidParameter, "unzip"},
		}
		for _, tt := range tests {
			c := &function.Create{Region: region, Name: "bad", Settings: settings, Package: pack(t, map[string]string{"index.js": ""})}
			tt.change(c)
			_, err := e.Create(t.Context(), c)
			if fault.CodeOf(err) != tt.want || !strings.Contains(fault.Of(err).Public, tt.says) {
				t.Errorf("%s: %v; want %q saying %q", tt.name, err, tt.want, tt.says)
			}
		}
		if all, _ := e.List(t.Context(), region, "", 10); len(all) != 1 {
			t.Errorf("%d functions were kept", len(all))
		}
		e.create(t, func(c *function.Create) {
			c.Env = map[string]string{"AWS_ENDPOINT_URL": "http://x", "AWS_ENDPOINT_URL_SNS": "http://y", "NODE_OPTIONS": "z"}
		})
	})
}

// A new handler in a new package is reached in either order, as on Lambda; what is missing meanwhile is noted.
func TestHandlerAndPackageChangeOneAfterTheOther(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		e.create(t)
		i, err := e.UpdateCode(t.Context(), fn(), &function.CodeUpdate{Package: pack(t, map[string]string{"dist/app.js": "x"})})
		must(t, err)
		if len(i.Notes) != 1 || !strings.Contains(i.Notes[0], "index.js") {
			t.Errorf("notes %q", i.Notes)
		}
		h := "dist/app.on.event"
		if i, err = e.UpdateSettings(t.Context(), fn(), &function.SettingsUpdate{Handler: &h}); err != nil || len(i.Notes) != 0 {
			t.Errorf("%v, notes %q", err, i.Notes)
		}
	})
}

func TestDryRunOfCodeChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		before := e.create(t)
		i, err := e.UpdateCode(t.Context(), fn(), &function.CodeUpdate{Package: pack(t, map[string]string{"index.js": "new"}), DryRun: true})
		must(t, err)
		after, _ := e.Get(t.Context(), fn())
		if i.CodeSHA256 == before.CodeSHA256 || after.CodeSHA256 != before.CodeSHA256 || after.Revision != before.Revision {
			t.Error("a dry run changed the function, or did not show what it would do")
		}
	})
}

func TestPackagesComeBackByteForByte(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		big := make([]byte, 2*store.ChunkSize+12345)
		rand.Read(big)
		code := pack(t, map[string]string{"index.js": "x", "data": string(big)})
		stored := e.create(t, func(c *function.Create) { c.Package = code })
		p, err := e.Package(t.Context(), stored.Artifact)
		must(t, err)
		got, err := io.ReadAll(io.NewSectionReader(p, 0, p.Size()))
		if err != nil || !bytes.Equal(got, code) {
			t.Errorf("%d bytes, %v; want %d", len(got), err, len(code))
		}
		b := make([]byte, 10)
		if n, err := p.ReadAt(b, p.Size()-4); n != 4 || !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %d, %v", n, err)
		}
		must(t, p.Close())
		_, err = e.Package(t.Context(), strings.Repeat("0", 64))
		want(t, err, fault.ResourceNotFound)
	})
}

func TestVersions(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		v1 := e.create(t, func(c *function.Create) { c.Publish = true })
		if v1.Version != "1" || !strings.HasSuffix(v1.ARN, ":sender:1") {
			t.Errorf("published with creation: %+v", v1)
		}
		same, err := e.PublishVersion(ctx, fn(), &function.Publish{})
		if err != nil || same.Version != "1" {
			t.Errorf("publishing the same: %+v, %v", same, err)
		}
		_, err = e.PublishVersion(ctx, fn(), &function.Publish{CodeSHA256: "other"})
		want(t, err, fault.InvalidParameter)
		_, err = e.PublishVersion(ctx, fn(), &function.Publish{Revision: "other"})
		want(t, err, fault.ConcurrentModification)
		_, err = e.UpdateSettings(ctx, fn(), &function.SettingsUpdate{Env: &map[string]string{"API_KEY": "second"}})
		must(t, err)
		d := "the second"
		v2, err := e.PublishVersion(ctx, fn(), &function.Publish{Description: &d})
		if err != nil || v2.Version != "2" || v2.Settings.Description != d {
			t.Fatalf("%+v, %v", v2, err)
		}
		if env, _ := e.Env(ctx, fn("1")); env["API_KEY"] != canary {
			t.Errorf("version 1 changed: %v", env)
		}
		if latest, _ := e.Get(ctx, fn()); latest.Settings.Description != "" {
			t.Error("the description of a version became that of $LATEST")
		}
		all, err := e.ListVersions(ctx, fn(), 0, 10)
		if err != nil || len(all) != 2 || all[1].Version != "2" {
			t.Errorf("%v, %v", all, err)
		}
		_, err = e.CreateAlias(ctx, fn(), &function.Alias{Name: "live", Version: "1"})
		must(t, err)
		want(t, e.Delete(ctx, fn("1")), fault.ResourceExists)
		must(t, e.Delete(ctx, fn("2")))
		want(t, e.Delete(ctx, fn("2")), fault.ResourceNotFound)
		want(t, e.Delete(ctx, fn("live")), fault.InvalidParameter)
		v3, err := e.PublishVersion(ctx, fn(), &function.Publish{})
		if err != nil || v3.Version != "3" {
			t.Errorf("a number was used again: %+v, %v", v3, err)
		}
	})
}

func TestAliases(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t, func(c *function.Create) { c.Publish = true })
		_, err := e.UpdateCode(ctx, fn(), &function.CodeUpdate{Package: pack(t, map[string]string{"index.js": "2"}), Publish: true})
		must(t, err)
		for name, a := range map[string]*function.Alias{
			"digits":         {Name: "12", Version: "1"},
			"form":           {Name: "a.b", Version: "1"},
			"weights latest": {Name: "x", Version: "$LATEST", Weights: map[string]float64{"1": 0.5}},
			"weight":         {Name: "x", Version: "1", Weights: map[string]float64{"2": 1.5}},
			"same":           {Name: "x", Version: "1", Weights: map[string]float64{"1": 0.5}},
		} {
			if _, err := e.CreateAlias(ctx, fn(), a); fault.CodeOf(err) != fault.InvalidParameter {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err = e.CreateAlias(ctx, fn(), &function.Alias{Name: "live", Version: "9"})
		want(t, err, fault.ResourceNotFound)
		a, err := e.CreateAlias(ctx, fn(), &function.Alias{Name: "live", Version: "1", Description: "d"})
		must(t, err)
		_, err = e.CreateAlias(ctx, fn(), &function.Alias{Name: "live", Version: "1"})
		want(t, err, fault.ResourceExists)
		if i, err := e.Get(ctx, fn("live")); err != nil || i.Version != "1" || !strings.HasSuffix(i.ARN, ":live") {
			t.Errorf("%+v, %v", i, err)
		}
		two := "2"
		_, err = e.UpdateAlias(ctx, fn(), "live", &function.AliasUpdate{Version: &two, Revision: "other"})
		want(t, err, fault.ConcurrentModification)
		b, err := e.UpdateAlias(ctx, fn(), "live", &function.AliasUpdate{Version: &two, Weights: &map[string]float64{"1": 0.25}, Revision: a.Revision})
		if err != nil || b.Version != "2" || b.Weights["1"] != 0.25 || b.Description != "d" || b.Revision == a.Revision {
			t.Errorf("%+v, %v", b, err)
		}
		for version, n := range map[string]int{"": 1, "1": 1, "2": 1, "3": 0} {
			if all, err := e.ListAliases(ctx, fn(), version, "", 10); err != nil || len(all) != n {
				t.Errorf("version %q: %v, %v", version, all, err)
			}
		}
		must(t, e.DeleteAlias(ctx, fn(), "live"))
		_, err = e.Alias(ctx, fn(), "live")
		want(t, err, fault.ResourceNotFound)
	})
}

func TestBounds(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		ctx := t.Context()
		e.create(t, func(c *function.Create) { c.Publish = true })
		e.create(t, func(c *function.Create) { c.Name = "second" })
		_, err := e.Create(ctx, &function.Create{Region: region, Name: "third", Settings: settings, Package: pack(t, map[string]string{"index.js": ""})})
		want(t, err, fault.TooMany)
		e.create(t, func(c *function.Create) { c.Region = "eu-west-1" })
		_, err = e.UpdateCode(ctx, fn(), &function.CodeUpdate{Package: pack(t, map[string]string{"index.js": "2"}), Publish: true})
		want(t, err, fault.TooMany)
		_, err = e.CreateAlias(ctx, fn(), &function.Alias{Name: "a", Version: "1"})
		must(t, err)
		_, err = e.CreateAlias(ctx, fn(), &function.Alias{Name: "b", Version: "1"})
		want(t, err, fault.TooMany)
	}, func(c *function.Config) { c.Limits = function.Limits{Functions: 2, Versions: 1, Aliases: 1} })
}

// What a function cannot do on this node is shown, and stops nothing else.
func TestFunctionsThatCannotRunHere(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		e.fake.note = "Node 20 runs what asks for Node 22"
		if i := e.create(t); len(i.Notes) != 1 || i.Unavailable != "" || !strings.Contains(e.log.String(), "Node 20 runs") {
			t.Errorf("%+v; log %s", i, e.log)
		}
		e.fake.note, e.fake.err = "", errors.Join(runner.ErrUnavailable, errors.New("no node on the PATH"))
		if i, err := e.Get(t.Context(), fn()); err != nil || !strings.Contains(i.Unavailable, "no node") {
			t.Errorf("%+v, %v", i, err)
		}
		want(t, e.DryRun(t.Context(), fn()), fault.UnsupportedOperation)
		without := function.New(function.Config{Store: e.store, Keys: e.keys, Events: e.events, Now: e.clock.Now})
		_, err := without.Call(t.Context(), fn(), &function.Call{})
		want(t, err, fault.UnsupportedOperation)
		want(t, without.Enqueue(t.Context(), fn(), &function.Call{}), fault.UnsupportedOperation)
	})
}

func TestSettingsAreJSONWithoutSecrets(t *testing.T) {
	each(t, func(t *testing.T, e *env) {
		e.create(t, func(c *function.Create) { c.Settings.Extra = json.RawMessage(`{"TracingConfig":{"Mode":"Active"}}`) })
		i, err := e.Get(t.Context(), fn())
		if err != nil || string(i.Settings.Extra) != `{"TracingConfig":{"Mode":"Active"}}` {
			t.Errorf("%s, %v", i.Settings.Extra, err)
		}
	})
}
