package main

import (
	"fmt"
	"io"
)

// markdown writes the figures as a table for docs/performance.md. Hand-off figures have no request before them: there p50 and p99 are from the commit
// to the provider's request.
func (r *report) markdown(w io.Writer) {
	fmt.Fprintf(w, "%s, %s, %d cores, %s, commit %s, load %s; cheapest of %d\n\n", r.Date.Format("2006-01-02 15:04"), r.Machine, r.Cores, r.Go, r.Commit, r.Load, r.Repeat)
	fmt.Fprintln(w, "| Store | Workload | Connections | CPU | of which the database's | × echo | A second | p50 | p99 | Errors |")
	fmt.Fprintln(w, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
	for _, f := range r.Figures {
		name := f.Workload
		if len(r.algorithms(f.Workload)) > 1 {
			name += " " + f.Algorithm
		}
		fmt.Fprintf(w, "| %s | %s | %s | %.3f ms | %s | %.1f | %.0f | %s | %s | %d |\n", f.Store, name, blank(float64(f.Connections), "%.0f"), f.CPU,
			blank(f.DatabaseCPU, "%.3f ms"), f.TimesEcho, f.Rate, blank(f.P50, "%.2f ms"), blank(f.P99, "%.2f ms"), f.Errors)
	}
	if len(r.Starts) == 0 {
		return
	}
	fmt.Fprint(w, "\n| Store | Users | Verifiers | Start | Slowest | PSS | Database |\n| --- | --- | --- | --- | --- | --- | --- |\n")
	for _, s := range r.Starts {
		fmt.Fprintf(w, "| %s | %d | %v | %.1f ms | %.1f ms | %.1f MiB | %.1f MB |\n", s.Store, s.Users, s.Verifiers, s.Start, s.Slowest,
			float64(s.Memory.PSS)/(1<<20), float64(s.Size)/1e6)
	}
}

// algorithms are those that a workload was measured with.
func (r *report) algorithms(workload string) map[string]bool {
	out := map[string]bool{}
	for _, f := range r.Figures {
		if f.Workload == workload {
			out[f.Algorithm] = true
		}
	}
	return out
}

// blank is nothing for 0.
func blank(v float64, format string) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf(format, v)
}
