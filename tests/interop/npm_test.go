package interop

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/internal/hookrun"
	"countersign/internal/hookrun/sandbox"
	"countersign/internal/module"
	"countersign/internal/npm"
)

// modulesBuilder builds with npm's own registry, at full isolation, with the bundler of the program under test.
func modulesBuilder(t *testing.T, now func() time.Time) *npm.Builder {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "countersign-modules-")
	check(t, err)
	t.Cleanup(func() { check(t, hookrun.RemoveAll(dir)) })
	check(t, os.Chmod(dir, 0o755))
	check(t, os.Chmod(filepath.Dir(program), 0o755))
	r, err := hookrun.New(hookrun.Options{Launcher: program, Cache: filepath.Join(dir, "cache"), Isolation: sandbox.Full})
	check(t, err)
	t.Cleanup(func() { check(t, r.Close(context.Background())) })
	b, err := npm.New(npm.Options{Runner: func() (*hookrun.Runner, error) { return r, nil }, Program: program, Now: now})
	check(t, err)
	return b
}

// Real modules of the real registry: the documents' hooks with theirs, a version in the require, files of modules, and what is refused.
func TestModulesOfTheRegistry(t *testing.T) {
	b := modulesBuilder(t, nil)
	for name, s := range map[string]*module.Source{
		"document 000": {Code: documentedHook(t, "000"), Dependencies: map[string]string{"aws-sdk": "2.1693.0"}},
		"document 001": {Code: documentedHook(t, "001"), Dependencies: map[string]string{"aws-sdk": "^2.1693.0"}},
		"axios":        {Code: `const axios = require('axios')`, Dependencies: map[string]string{"axios": "1.7.0"}},
		"version":      {Code: `const odd = require('is-odd@3.0.1')`},
		"file":         {Code: `const client = require('twilio/lib/rest/Twilio')`, Dependencies: map[string]string{"twilio": "5.3.0"}},
	} {
		t.Run(name, func(t *testing.T) {
			s.AllowYoung = true // what these need in turn may have been released yesterday
			began := time.Now()
			out, err := b.Build(t.Context(), s, nil)
			check(t, err)
			t.Logf("%d modules, %d bytes, bundled %v, %s", len(out.Modules), len(out.Artifact), out.Bundled, time.Since(began).Round(time.Millisecond))
			if !out.Bundled || len(out.Modules) == 0 || !out.Modules[0].Direct || out.Modules[0].ReleasedAt.IsZero() || len(out.Warnings) > 0 {
				t.Errorf("%+v %+v", out.Modules, out.Warnings)
			}
			s.Code, s.Lock, began = s.Code+"\n// changed", out.Lock, time.Now()
			if _, err := b.Build(t.Context(), s, nil); err != nil {
				t.Error(err)
			}
			t.Logf("the script alone changed: %s", time.Since(began).Round(time.Microsecond))
		})
	}
	for name, tt := range map[string]struct {
		deps map[string]string
		want string
	}{
		"native":  {map[string]string{"bcrypt": "5.1.1"}, "bcrypt@5.1.1 needs a native build"},
		"unknown": {map[string]string{"countersign-no-such-module-zzz": "1"}, "no module"},
		"version": {map[string]string{"is-odd": "99.0.0"}, "is-odd@99.0.0"},
		"git":     {map[string]string{"is-odd": "jonschlinkert/is-odd"}, "not from git"},
		"trap":    {map[string]string{"twilio-node": "1.0.0"}, `"twilio"`},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			_, err := b.Build(t.Context(), &module.Source{Dependencies: tt.deps}, nil)
			if f := fault.Of(err); err == nil || f.Code != fault.ModuleRefused || !strings.Contains(f.Public, tt.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// A day after its release a module asks for consent.
func TestYoungModule(t *testing.T) {
	s := &module.Source{Dependencies: map[string]string{"is-number": "7.0.0"}}
	out, err := modulesBuilder(t, nil).Build(t.Context(), s, nil)
	check(t, err)
	released := out.Modules[0].ReleasedAt
	_, err = modulesBuilder(t, func() time.Time { return released.Add(24 * time.Hour) }).Build(t.Context(), s, nil)
	if f := fault.Of(err); err == nil || f.Code != fault.ConfirmationNeeded || !strings.Contains(f.Public,
		"is-number 7.0.0 ("+released.Format(time.DateOnly)+")") {
		t.Errorf("%v", err)
	}
}
