package hookrun

import (
	"context"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
)

// event is as large as a CustomSMSSender event with an encrypted code.
var event = `{"version":"1","triggerSource":"CustomSMSSender_SignUp","region":"us-local-1","userPoolId":"us-local-1_countersign","userName":"u","request":{"type":"customSMSSenderRequestV1","code":"` +
	strings.Repeat("A", 812) + `","userAttributes":{"phone_number":"+12025550123"}},"response":{}}`

// BenchmarkWarm is a call of a warm worker: host to handler and back.
func BenchmarkWarm(b *testing.B) {
	for _, c := range []struct {
		name  string
		level sandbox.Level
		code  func(testing.TB) *runner.Code
	}{{"node/full", sandbox.Full, echoJS}, {"node/none", sandbox.None, echoJS}, {"go/full", sandbox.Full, goCode}} {
		b.Run(c.name, func(b *testing.B) {
			r, code := newRunner(b, c.level, nil), c.code(b)
			r.ok(code, event)
			var took []time.Duration
			b.ResetTimer()
			for b.Loop() {
				began := time.Now()
				r.ok(code, event)
				took = append(took, time.Since(began))
			}
			b.StopTimer()
			report(b, took)
			rss, private := memoryOf(r, code)
			b.ReportMetric(rss, "rss-MB")
			b.ReportMetric(private, "private-MB")
		})
	}
}

// BenchmarkTwoWorkers is the same with two workers and four callers.
func BenchmarkTwoWorkers(b *testing.B) {
	r, code := newRunner(b, sandbox.Full, nil), echoJS(b)
	code.Workers = 2
	b.SetParallelism(2)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if res, err := r.Run(context.Background(), code, newCall(event)); err != nil || res.Error != nil {
				b.Errorf("%v %v", res, err)
				return
			}
		}
	})
}

// BenchmarkCold is a first call, from nothing but the unpacked package.
func BenchmarkCold(b *testing.B) {
	for _, c := range []struct {
		name  string
		level sandbox.Level
		code  func(testing.TB) *runner.Code
	}{{"node/full", sandbox.Full, echoJS}, {"node/strong", sandbox.Strong, echoJS}, {"node/none", sandbox.None, echoJS}, {"go/none", sandbox.None, goCode}, {"go/full", sandbox.Full, goCode}} {
		b.Run(c.name, func(b *testing.B) {
			r, code := newRunner(b, c.level, nil), c.code(b)
			r.ok(code, event)
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				fresh := *code
				fresh.ID += strconv.Itoa(i)
				began := time.Now()
				r.ok(&fresh, event)
				took = append(took, time.Since(began))
				r.Forget(fresh.ID)
			}
			report(b, took)
		})
	}
}

func echoJS(t testing.TB) *runner.Code { return js(t, `exports.handler = async (e) => ({ ok: true })`) }

func report(b *testing.B, took []time.Duration) {
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// memoryOf reads resident and private memory of the code's worker in MB (proc(5), smaps_rollup).
func memoryOf(r *bench, code *runner.Code) (rss, private float64) {
	r.Runner.mu.Lock()
	pid := r.pools[code.ID].workers[0].proc.Pid()
	r.Runner.mu.Unlock()
	text, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) == 3 {
			kib, _ := strconv.ParseFloat(f[1], 64)
			switch f[0] {
			case "Rss:":
				rss = kib / 1024
			case "Private_Dirty:":
				private += kib / 1024
			}
		}
	}
	return rss, private
}
