package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"countersign/internal/facts"
	"countersign/internal/hookrun"
	"countersign/internal/module"
	"countersign/internal/npm"
	hooks "countersign/internal/script"
)

// hookCase is a hook to be measured: what it needs, and how it sends.
type hookCase struct {
	name    string
	modules map[string]string
	code    string
}

// The hooks send to a provider that this program plays, as their own network sees it; the first one sends nothing.
var hookCases = []hookCase{
	{"no modules, sends nothing", nil, `module.exports = function (recipient, text, context, cb) { cb(null, {}); };`},
	{"fetch, sends", nil, `module.exports = function (recipient, text, context, cb) {
  fetch('https://api.example.com/send', { method: 'POST', body: JSON.stringify({ to: recipient, text }) })
    .then((r) => cb(r.status === 200 ? null : new Error('status ' + r.status), {}), cb);
};`},
	{"axios, sends", map[string]string{"axios": "1.7.9"}, `const axios = require('axios');
module.exports = function (recipient, text, context, cb) {
  axios.post('https://api.example.com/send', { to: recipient, text }).then(() => cb(null, {}), (e) => cb(e));
};`},
	{"aws-sdk v2, sends", map[string]string{"aws-sdk": "2.1693.0"}, `var AWS = require('aws-sdk');
module.exports = function (recipient, text, context, cb) {
  var sns = new AWS.SNS({ region: 'eu-west-1', credentials: new AWS.Credentials('AKIAIOSFODNN7EXAMPLE', 'secret') });
  sns.publish({ Message: text, PhoneNumber: recipient }).promise().then(() => cb(null, {}), cb);
};`},
}

const (
	hookColds = 15
	hookWarms = 1000
)

// hookFigure is what one case costs. Times in milliseconds, sizes in KiB and MiB.
type hookFigure struct {
	Name                          string
	Deploy, Redeploy              float64
	Artifact                      int
	ColdP50, ColdP99              float64
	WarmP50, WarmP99              float64
	ManyP50, ManyP99, ManyPerSec  float64
	WorkerPrivate, WorkerPrivateN int64
}

// benchHooks measures hooks by themselves: deploying, cold and warm calls, memory.
func benchHooks(ctx context.Context, args []string, out, progress io.Writer) error {
	asJSON := slices.Contains(args, "--json")
	self, err := os.Executable()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "countersign-bench-hooks-")
	if err != nil {
		return err
	}
	defer hookrun.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	run, err := hookrun.New(hookrun.Options{
		Launcher: self, Cache: dir, Local: playedProvider, Logger: slog.New(slog.NewTextHandler(progress, &slog.HandlerOptions{Level: slog.LevelWarn})), MemoryMB: 4096,
	})
	if err != nil {
		return err
	}
	defer run.Close(context.WithoutCancel(ctx))
	var figures []*hookFigure
	for _, c := range hookCases {
		fmt.Fprintln(progress, c.name)
		f, err := measureHook(ctx, run, self, c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		figures = append(figures, f)
	}
	if asJSON {
		return json.NewEncoder(out).Encode(figures)
	}
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "hook\tdeploy ms\tagain ms\tpackage KiB\tcold p50 ms\tp99\twarm p50 ms\tp99\t16 at once: p50 ms\tp99\t/s\tworker private MiB")
	for _, f := range figures {
		fmt.Fprintf(t, "%s\t%.0f\t%.1f\t%d\t%.0f\t%.0f\t%.2f\t%.2f\t%.2f\t%.2f\t%.0f\t%d\n", f.Name, f.Deploy, f.Redeploy, f.Artifact, f.ColdP50, f.ColdP99,
			f.WarmP50, f.WarmP99, f.ManyP50, f.ManyP99, f.ManyPerSec, f.WorkerPrivate>>20)
	}
	return t.Flush()
}

// playedProvider answers as a provider that takes everything.
func playedProvider(host string, port int) http.Handler {
	if port != 443 || host != "api.example.com" && host != "sns.eu-west-1.amazonaws.com" {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if host != "api.example.com" {
			w.Header().Set("Content-Type", "text/xml")
			io.WriteString(w, `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult>`+
				`<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PublishResponse>`)
			return
		}
		io.WriteString(w, "{}")
	})
}

func measureHook(ctx context.Context, run *hookrun.Runner, self string, c hookCase) (*hookFigure, error) {
	f := &hookFigure{Name: c.name}
	builder, err := npm.New(npm.Options{Runner: func() (*hookrun.Runner, error) { return run, nil }, Program: self})
	if err != nil {
		return nil, err
	}
	src := &module.Source{Code: c.code, File: "hook.js", Dependencies: c.modules}
	began := time.Now()
	built, err := builder.Build(ctx, src, nil)
	if err != nil {
		return nil, err
	}
	f.Deploy, f.Artifact = ms(time.Since(began)), len(built.Artifact)>>10
	src.Code, src.Lock = c.code+"\n// edited", built.Lock
	began = time.Now()
	if _, err := builder.Build(ctx, src, nil); err != nil {
		return nil, err
	}
	f.Redeploy = ms(time.Since(began))

	s := &hooks.Runner{Code: run, Workers: 1}
	var colds []time.Duration
	for i := range hookColds {
		unit := hooks.NewUnit(hooks.Hook, c.name, built.Artifact)
		unit.ID += fmt.Sprintf("-%d", i)
		took, err := callHook(ctx, s, unit)
		if err != nil {
			return nil, err
		}
		if i > 0 { // the first one unpacks
			colds = append(colds, took)
		}
		s.Forget(unit)
	}
	f.ColdP50, f.ColdP99 = quantiles(colds)
	unit := hooks.NewUnit(hooks.Hook, c.name, built.Artifact)
	warms, _, err := callMany(ctx, s, unit, 1, hookWarms)
	if err != nil {
		return nil, err
	}
	f.WarmP50, f.WarmP99 = quantiles(warms)
	many, took, err := callMany(ctx, s, unit, 16, 4*hookWarms)
	if err != nil {
		return nil, err
	}
	f.ManyP50, f.ManyP99 = quantiles(many)
	f.ManyPerSec = float64(len(many)) / took.Seconds()
	mem, err := memoryOfWorkers(os.Getpid())
	if err == nil && len(mem) > 0 {
		f.WorkerPrivate, f.WorkerPrivateN = mem[0].Private, int64(len(mem))
	}
	s.Forget(unit)
	return f, nil
}

var hookFacts = &facts.Message{
	Purpose: facts.SecondFactor, Language: "en", Request: facts.Request{IP: "192.0.2.1", UserAgent: "bench"}, Client: facts.Client{ID: "bench", Name: "bench"},
	User: &facts.User{ID: "auth0|bench", Email: "bench@example.com"}, Tenant: facts.Tenant{ID: "bench"},
}

func callHook(ctx context.Context, s *hooks.Runner, u *hooks.Unit) (time.Duration, error) {
	body := hooks.HookBody(hookFacts, hooks.Text{To: "+12025550123", Body: "123456 is your code.", Code: "123456", Channel: "sms"})
	began := time.Now()
	o, err := s.Run(ctx, u, &hooks.Call{RequestID: uuid.NewString(), Body: body, Secrets: map[string]string{"KEY": "value-of-the-key"}})
	took := time.Since(began)
	if err == nil && o.Error != nil {
		err = o.Error
	}
	if err == nil && !bytes.Contains(o.Envelope, []byte(`"success"`)) {
		err = fmt.Errorf("the hook answered %s", o.Envelope)
	}
	return took, err
}

func callMany(ctx context.Context, s *hooks.Runner, u *hooks.Unit, callers, n int) ([]time.Duration, time.Duration, error) {
	if _, err := callHook(ctx, s, u); err != nil {
		return nil, 0, err
	}
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	began := time.Now()
	for range callers {
		wg.Go(func() {
			for range n / callers {
				took, err := callHook(ctx, s, u)
				mu.Lock()
				if err != nil {
					failed = err
				}
				all = append(all, took)
				stop := failed != nil
				mu.Unlock()
				if stop {
					return
				}
			}
		})
	}
	wg.Wait()
	return all, time.Since(began), failed
}

func quantiles(list []time.Duration) (p50, p99 float64) {
	slices.Sort(list)
	return ms(list[len(list)/2]), ms(list[min(len(list)-1, len(list)*99/100)])
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
