package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// report is everything that a run found out.
type report struct {
	Date    time.Time     `json:"date"`
	Machine string        `json:"machine"`
	Cores   int           `json:"cores"`
	Go      string        `json:"go"`
	Commit  string        `json:"commit"`
	Load    string        `json:"load_average"`
	Seconds float64       `json:"seconds_each"`
	Repeat  int           `json:"repeat"`
	Hash    hashCost      `json:"password_hash"`
	Figures []figure      `json:"figures"`
	Starts  []startFigure `json:"starts"`
	Growth  []growth      `json:"growth"`
	// LeftOut says which workloads this machine could not run, and why.
	LeftOut []string  `json:"left_out,omitempty"`
	Aims    []verdict `json:"aims"`
	// Texts that arrived, were expected by nobody, or had a bad signature.
	Texts  int64 `json:"texts"`
	Stray  int64 `json:"texts_stray"`
	Forged int64 `json:"texts_forged"`
}

func newReport(o *options) *report {
	r := &report{Date: time.Now().UTC().Truncate(time.Second), Cores: runtime.NumCPU(), Go: runtime.Version(), Machine: processor(), Seconds: o.seconds, Repeat: o.repeat}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		r.Load = strings.Join(strings.Fields(string(b))[:3], " ")
	}
	if b, err := exec.Command("git", "describe", "--always", "--dirty", "--tags").Output(); err == nil {
		r.Commit = strings.TrimSpace(string(b))
	}
	return r
}

func processor() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return runtime.GOARCH
}

func (r *report) finish(s *sink) {
	r.Texts, r.Stray, r.Forged = s.arrived.Load(), s.stray.Load(), s.forged.Load()
	r.Growth = growths(r.Figures)
	r.Aims = r.verdicts()
}

// maxErrors is the share of failed operations that a measurement may have.
const maxErrors = 0.005

// judge fails a run whose figures mean nothing.
func (r *report) judge() error {
	bad := 0
	example := ""
	for _, f := range r.Figures {
		if float64(f.Errors) > maxErrors*float64(f.Operations) {
			bad++
			example = f.Error
		}
	}
	if r.Forged > 0 {
		return fmt.Errorf("%d texts had a bad signature", r.Forged)
	}
	if bad > 0 {
		return fmt.Errorf("%d measurements had too many errors, such as: %s", bad, example)
	}
	return nil
}

func (r *report) write(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", " ")
		return e.Encode(r)
	}
	fmt.Fprintf(w, "%s, %s, %d cores, %s, commit %s, load %s\n", r.Date.Format(time.RFC3339), r.Machine, r.Cores, r.Go, r.Commit, r.Load)
	fmt.Fprintf(w, "One password hash (argon2id) by itself: %.1f ms CPU\n\n", r.Hash.CPU)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "store\tusers\tworkload\talg\tconns\tms CPU/op\t(server\tdatabase\tbut hash)\tworkers\t× echo\tKiB written\t/s\tp50 ms\tp99 ms\toperations\terrors\t")
	for _, f := range r.Figures {
		fmt.Fprintf(t, "%s\t%d\t%s\t%s\t%d\t%.3f\t%.3f\t%.3f\t%s\t%s\t%.1f\t%.1f\t%.0f\t%.2f\t%.2f\t%d\t%d\t\n", f.Store, f.Users, f.Workload, f.Algorithm, f.Connections,
			f.CPU, f.ServerCPU, f.DatabaseCPU, orBlank(f.ExceptHash), orBlank(f.WorkersCPU), f.TimesEcho, f.Written/1024, f.Rate, f.P50, f.P99, f.Operations, f.Errors)
	}
	t.Flush()
	r.writeWorkers(w)
	r.writeStarts(w)
	r.writeGrowth(w)
	r.writeAims(w)
	_, err := fmt.Fprintf(w, "\n%d texts arrived, %d of them late or twice.\n", r.Texts, r.Stray)
	return err
}

// writeWorkers shows the memory of functions' workers, the median of each measurement's.
func (r *report) writeWorkers(w io.Writer) {
	for _, f := range r.Figures {
		if n := len(f.Workers); n > 0 {
			m := f.Workers[n/2]
			fmt.Fprintf(w, "\n%s, %d connections: %d workers, PSS %.1f MiB each, private %.1f MiB", f.Workload, f.Connections, n, float64(m.PSS)/(1<<20), float64(m.Private)/(1<<20))
		}
	}
	for _, s := range r.LeftOut {
		fmt.Fprint(w, "\n"+s)
	}
	fmt.Fprintln(w)
}

func orBlank(v float64) string {
	if v == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", v)
}

func (r *report) writeStarts(w io.Writer) {
	if len(r.Starts) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "store\tusers\tSRP verifiers\tstart ms\tslowest\tRSS MiB\tPSS MiB\tdatabase MB\tbytes/user\t")
	for _, s := range r.Starts {
		fmt.Fprintf(t, "%s\t%d\t%v\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.0f\t\n", s.Store, s.Users, s.Verifiers, s.Start, s.Slowest,
			float64(s.Memory.RSS)/(1<<20), float64(s.Memory.PSS)/(1<<20), float64(s.Size)/1e6, float64(s.Size)/float64(s.Users))
	}
	t.Flush()
}

// growth compares the same measurement with the fewest and the most users.
type growth struct {
	Store       string  `json:"store"`
	Workload    string  `json:"workload"`
	Algorithm   string  `json:"algorithm"`
	Connections int     `json:"connections"`
	From        int     `json:"from_users"`
	To          int     `json:"to_users"`
	CPU         float64 `json:"cpu_ratio"`
	P99         float64 `json:"p99_ratio"`
}

func growths(list []figure) (out []growth) {
	type key struct {
		store, workload, alg string
		connections          int
	}
	least := map[key]figure{}
	for _, f := range list {
		k := key{f.Store, f.Workload, f.Algorithm, f.Connections}
		if l, ok := least[k]; !ok || f.Users < l.Users {
			least[k] = f
		}
	}
	for _, f := range list {
		l := least[key{f.Store, f.Workload, f.Algorithm, f.Connections}]
		// The pool that signs with ES256 has the same users in every database.
		if f.Workload == "echo" || f.Algorithm == "ES256" || f.Users < 10*l.Users || l.CPU == 0 || l.P99 == 0 {
			continue
		}
		out = append(out, growth{f.Store, f.Workload, f.Algorithm, f.Connections, l.Users, f.Users, f.CPU / l.CPU, f.P99 / l.P99})
	}
	return out
}

func (r *report) writeGrowth(w io.Writer) {
	if len(r.Growth) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "store\tworkload\talg\tconns\tusers\tCPU ×\tp99 ×\t")
	for _, g := range r.Growth {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d → %d\t%.2f\t%.2f\t\n", g.Store, g.Workload, g.Algorithm, g.Connections, g.From, g.To, g.CPU, g.P99)
	}
	t.Flush()
}

func (r *report) writeAims(w io.Writer) {
	if len(r.Aims) == 0 {
		return
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "aim\tlimit\tmeasured\t\twhere")
	for _, v := range r.Aims {
		word := "met"
		if !v.Met {
			word = "MISSED"
		}
		fmt.Fprintf(t, "%s\t%s\t%.3g\t%s\t%s\n", v.Aim, v.limit(), v.Measured, word, v.Where)
	}
	t.Flush()
}
