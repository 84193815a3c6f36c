package sandbox_test

import (
	"os/exec"
	"testing"
	"time"

	"countersign/internal/hookrun/sandbox"
)

// BenchmarkStart is start and end of an empty program at each level. The launcher is the small test program; the server's size adds what its own
// start takes (its packages' initialisation).
func BenchmarkStart(b *testing.B) {
	programs := map[string]sandbox.Spec{"go": {Path: programPath("0"), Args: []string{"say"}}}
	if node, err := exec.LookPath("node"); err == nil {
		programs["node"] = sandbox.Spec{Path: node, Args: []string{"-e", "0"}}
	}
	l := launcher(b, programPath("0"))
	for name, spec := range programs {
		spec.Dir, spec.Ports, spec.DNS = "/", []int{9001, 443, 80}, true
		for _, level := range []sandbox.Level{sandbox.Full, sandbox.Strong, sandbox.Weak, sandbox.None} {
			b.Run(name+"/"+string(level), func(b *testing.B) {
				spec.Max = level
				best := time.Hour
				for b.Loop() {
					began := time.Now()
					p, err := l.Start(b.Context(), spec)
					if err != nil {
						b.Fatal(err)
					}
					if e := p.Wait(); e.Code != 0 {
						b.Fatalf("%+v", e)
					}
					best = min(best, time.Since(began))
				}
				b.ReportMetric(float64(best.Microseconds())/1000, "ms-min")
			})
		}
	}
}
