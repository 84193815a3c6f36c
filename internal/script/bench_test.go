package script_test

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/hookrun"
	"countersign/internal/hookrun/sandbox"
	"countersign/internal/script"

	"github.com/evanw/esbuild/pkg/api"
)

const echo = `module.exports = function (recipient, text, context, cb) { cb(null, { MessageID: context.code }); };`

// report adds percentiles, in microseconds.
func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	at := func(q float64) float64 { return float64(took[int(q*float64(len(took)-1))].Microseconds()) }
	b.ReportMetric(at(0.5), "p50-µs")
	b.ReportMetric(at(0.99), "p99-µs")
}

// BenchmarkHookWarm is a call of a hook whose process is there.
func BenchmarkHookWarm(b *testing.B) {
	for _, level := range levels {
		b.Run(string(level), func(b *testing.B) {
			s := newStage(b, level, func(o *hookrun.Options) { o.MaxCalls = 1 << 30 })
			u := unit(script.Hook, echo)
			s.run(u, newCall(hookBody()))
			var took []time.Duration
			b.ResetTimer()
			for b.Loop() {
				began := time.Now()
				if out := s.run(u, newCall(hookBody())); out.Error != nil {
					b.Fatal(out.Error)
				}
				took = append(took, time.Since(began))
			}
			b.StopTimer()
			report(b, took)
		})
	}
}

// BenchmarkHookParallel is 16 calls at once in one process.
func BenchmarkHookParallel(b *testing.B) {
	s := newStage(b, sandbox.Full, func(o *hookrun.Options) { o.MaxCalls = 1 << 30 })
	s.Workers = 1
	u := unit(script.Hook, echo)
	s.run(u, newCall(hookBody()))
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if out, err := s.Run(context.Background(), u, newCall(hookBody())); err != nil || out.Error != nil {
				b.Errorf("%v %v", out, err)
				return
			}
		}
	})
}

// bundled is the hook of the documents' kind with aws-sdk version 2 in a bundle.
func bundled(b *testing.B) []byte {
	const sdk = "../../tests/interop/node/node_modules/aws-sdk"
	if _, err := os.Stat(sdk); err != nil {
		b.Fatal("aws-sdk is not installed; run `npm ci` in tests/interop/node")
	}
	r := api.Build(api.BuildOptions{Stdin: &api.StdinOptions{Contents: `module.exports = { 'aws-sdk': () => require('aws-sdk') }`, ResolveDir: "../../tests/interop/node"},
		Bundle: true, Platform: api.PlatformNode, Format: api.FormatCommonJS, MinifySyntax: true, MinifyWhitespace: true})
	if len(r.Errors) > 0 {
		b.Fatal(r.Errors)
	}
	code := strings.Replace(`var AWS = require('aws-sdk'); `+echo, "cb(", "new AWS.SNS({ apiVersion: '2010-03-31', region: 'eu-west-1' }); cb(", 1)
	return archive(map[string]string{"script.js": code, "script.json": `{"file":"hook.js","modules":["aws-sdk"]}`, "modules.cjs": string(r.OutputFiles[0].Contents)})
}

var fresh atomic.Int64

// BenchmarkHookCold is a first call: a process is started, and loads the code.
func BenchmarkHookCold(b *testing.B) {
	plain, _ := script.Pack(echo, "hook.js")
	for _, c := range []struct {
		name  string
		level sandbox.Level
		pack  func() []byte
	}{{"plain/full", sandbox.Full, func() []byte { return plain }}, {"plain/none", sandbox.None, func() []byte { return plain }}, {"aws-sdk/full", sandbox.Full, func() []byte { return bundled(b) }}} {
		b.Run(c.name, func(b *testing.B) {
			s := newStage(b, c.level, nil)
			u := script.NewUnit(script.Hook, "cold", c.pack())
			s.run(u, newCall(hookBody()))
			var took []time.Duration
			b.ResetTimer()
			for b.Loop() {
				one := *u
				one.ID = strconv.FormatInt(fresh.Add(1), 10)
				began := time.Now()
				if out := s.run(&one, newCall(hookBody())); out.Error != nil {
					b.Fatal(out.Error)
				}
				took = append(took, time.Since(began))
				b.StopTimer()
				s.Forget(&one)
				b.StartTimer()
			}
			b.StopTimer()
			report(b, took)
		})
	}
}
