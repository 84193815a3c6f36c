package main

import "fmt"

// aim is a limit that a figure must keep.
type aim struct {
	name string
	// unit of the limit; least: the figure must not be below it, else not above.
	unit  string
	limit float64
	least bool
	// of returns the figure's value, and whether the aim is about it.
	of func(f *figure) (float64, bool)
}

// verdict compares one figure with its aim.
type verdict struct {
	Aim      string  `json:"aim"`
	Limit    float64 `json:"limit"`
	Least    bool    `json:"at_least,omitempty"`
	Unit     string  `json:"unit"`
	Measured float64 `json:"measured"`
	Met      bool    `json:"met"`
	Where    string  `json:"where"`
}

func (v *verdict) limit() string {
	if v.Least {
		return fmt.Sprintf("≥ %g %s", v.Limit, v.Unit)
	}
	return fmt.Sprintf("≤ %g %s", v.Limit, v.Unit)
}

// on selects figures; 0 and "" match all.
func on(store, workload, alg string, connections int, value func(*figure) float64) func(*figure) (float64, bool) {
	return func(f *figure) (float64, bool) {
		if store != "" && f.Store != store || f.Workload != workload || alg != "" && f.Algorithm != alg || connections != 0 && f.Connections != connections {
			return 0, false
		}
		return value(f), true
	}
}

func cpu(f *figure) float64        { return f.CPU }
func echoes(f *figure) float64     { return f.TimesEcho }
func rate(f *figure) float64       { return f.Rate }
func p50(f *figure) float64        { return f.P50 }
func p99(f *figure) float64        { return f.P99 }
func exceptHash(f *figure) float64 { return f.ExceptHash }

// aims are those of operations. Aims of cost hold at 16 connections and are shown for all.
var aims = []aim{
	{"W1 SQLite, CPU, 16", "ms", 0.40, false, on("sqlite", "w1", "", 16, cpu)},
	{"W1 SQLite, CPU, 64", "ms", 0.40, false, on("sqlite", "w1", "", 64, cpu)},
	{"W1 SQLite, echoes, 16", "×", 9, false, on("sqlite", "w1", "", 16, echoes)},
	{"W1 SQLite, echoes, 64", "×", 9, false, on("sqlite", "w1", "", 64, echoes)},
	{"W1 SQLite, rate, 16", "/s", 2800, true, on("sqlite", "w1", "", 16, rate)},
	{"W1 SQLite, rate, 64", "/s", 2800, true, on("sqlite", "w1", "", 64, rate)},
	{"W1 arrival, 1 connection, p50", "ms", 1.2, false, on("sqlite", "w1", "", 1, p50)},
	{"W1 arrival, 16 connections, p99", "ms", 15, false, on("sqlite", "w1", "", 16, p99)},
	{"W1 PostgreSQL, CPU with the database, 16", "ms", 1.2, false, on("postgres", "w1", "", 16, cpu)},
	{"W1 PostgreSQL, CPU with the database, 64", "ms", 1.2, false, on("postgres", "w1", "", 64, cpu)},
	{"W2 but the hash, RS256", "ms", 4, false, on("", "w2", "RS256", 16, exceptHash)},
	{"W2 but the hash, ES256", "ms", 1.5, false, on("", "w2", "ES256", 16, exceptHash)},
	{"W2 by SRP, RS256", "ms", 6, false, on("", "w2srp", "RS256", 16, cpu)},
	{"Refresh, RS256", "ms", 1.9, false, on("", "refresh", "RS256", 16, cpu)},
	{"Refresh, ES256", "ms", 0.30, false, on("", "refresh", "ES256", 16, cpu)},
	{"Get user", "ms", 0.13, false, on("", "getuser", "", 16, cpu)},
	{"Function, warm, one worker, p50", "ms", 0.6, false, on("", "invoke", "", 1, p50)},
	{"Function, cold, p50", "ms", 60, false, on("", "cold", "", 1, p50)},
	{"Get user beside sign-ins at saturation, p99", "ms", 25, false, on("", saturationWorkload, "", 0, func(f *figure) float64 { return f.Beside.P99 })},
}

// verdicts judges what was measured.
func (r *report) verdicts() (out []verdict) {
	for _, a := range aims {
		for i := range r.Figures {
			f := &r.Figures[i]
			if v, ok := a.of(f); ok {
				where := fmt.Sprintf("%s, %d users, %s, %d connections", f.Store, f.Users, f.Algorithm, f.Connections)
				out = append(out, verdict{a.name, a.limit, a.least, a.unit, v, a.limit == v || (v > a.limit) == a.least, where})
			}
		}
	}
	for _, s := range r.Starts {
		if s.Users > 100_000 {
			continue
		}
		where := fmt.Sprintf("%s, %d users, verifiers %v", s.Store, s.Users, s.Verifiers)
		add := func(name, unit string, limit, v float64) {
			out = append(out, verdict{name, limit, false, unit, v, v <= limit, where})
		}
		mib := float64(s.Memory.PSS) / (1 << 20)
		add("Start", "ms", 50, s.Start)
		if s.Users < 1000 {
			add("Memory idle", "MiB", 25, mib)
			continue
		}
		add("Memory with users", "MiB", 40, mib)
		if s.Users == 100_000 {
			add("Database, 100,000 users", "MB", 40, float64(s.Size)/1e6)
		}
	}
	for _, g := range r.Growth {
		if g.From != 1000 || g.To != 1_000_000 || g.Connections != 16 {
			continue
		}
		where := fmt.Sprintf("%s, %s, %s, %d connections", g.Store, g.Workload, g.Algorithm, g.Connections)
		out = append(out, verdict{"1,000 to 1,000,000 users, CPU", 1.15, false, "×", g.CPU, g.CPU <= 1.15, where},
			verdict{"1,000 to 1,000,000 users, p99", 1.15, false, "×", g.P99, g.P99 <= 1.15, where})
	}
	return out
}
