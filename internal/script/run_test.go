package script_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/facts"
	"countersign/internal/hookrun"
	"countersign/internal/hookrun/hookruntest"
	"countersign/internal/hookrun/sandbox"
	"countersign/internal/script"
)

func TestMain(m *testing.M) { os.Exit(hookruntest.Main(m)) }

// stage runs scripts on real processes.
type stage struct {
	*script.Runner
	t   testing.TB
	log *bytes.Buffer
}

func newStage(t testing.TB, level sandbox.Level, change func(*hookrun.Options)) *stage {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "script-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, log: &bytes.Buffer{}}
	o := hookrun.Options{Cache: filepath.Join(dir, "cache"), Isolation: level, MaxIsolation: level, Logger: slog.New(slog.NewTextHandler(s.log, nil))}
	if level != sandbox.None {
		o.Launcher = hookruntest.Program(t, hookruntest.Launcher)
	}
	if change != nil {
		change(&o)
	}
	r, err := hookrun.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Runner = &script.Runner{Code: r}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		if t.Failed() {
			t.Logf("the server's log:\n%s", s.log)
		}
		hookrun.RemoveAll(dir)
	})
	return s
}

// with is the same for a subtest.
func (s *stage) with(t testing.TB) *stage {
	c := *s
	c.t = t
	return &c
}

func unit(kind script.Kind, code string) *script.Unit {
	archive, _ := script.Pack(code, "hook.js")
	return script.NewUnit(kind, "test", archive)
}

var calls atomic.Int64

func newCall(body json.RawMessage) *script.Call {
	return &script.Call{RequestID: fmt.Sprintf("00000000-0000-4000-8000-%012d", calls.Add(1)), Body: body}
}

const (
	number = "+12025550123"
	digits = "493817"
)

var message = &facts.Message{
	Purpose: facts.SecondFactor, Language: "pt-BR", Request: facts.Request{IP: "192.0.2.7", UserAgent: "test agent"},
	Client: facts.Client{ID: "client1", Name: "Shop", Metadata: map[string]string{"brand": "blue"}},
	User:   &facts.User{ID: "auth0|1", Name: "Ann", Email: "ann@example.com", Phone: number, AppMetadata: json.RawMessage(`{"plan":"gold"}`)},
	Tenant: facts.Tenant{ID: "us-local-1_test"},
}

func hookBody() json.RawMessage {
	return script.HookBody(message, script.Text{To: number, Body: "Your code is " + digits, Code: digits, Channel: "sms"})
}

// run calls code and expects an outcome.
func (s *stage) run(u *script.Unit, c *script.Call) *script.Outcome {
	s.t.Helper()
	out, err := s.Run(context.Background(), u, c)
	if err != nil {
		s.t.Fatalf("Run: %v\n%s", err, s.log)
	}
	return out
}

func (s *stage) hook(code string) *script.Outcome {
	s.t.Helper()
	return s.run(unit(script.Hook, code), newCall(hookBody()))
}
