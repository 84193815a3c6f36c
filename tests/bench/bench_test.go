package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/internal/store"
	"countersign/internal/store/sqlstore"
)

func TestParseStat(t *testing.T) {
	s, err := parseStat("4242 (a b) c) S 17 4242 4242 0 -1 4194560 1 2 3 4 150 25 7 3 20 0 12 0 100 1000 200")
	if err != nil || s.parent != 17 || s.own != 1750*time.Millisecond || s.reaped != 100*time.Millisecond {
		t.Errorf("%+v, %v", s, err)
	}
	for _, bad := range []string{"", "1 (x", "1 (x) S 2 3", "1 (x) S 2 3 4 5 6 7 8 9 10 11 x 13 14 15"} {
		if s, err := parseStat(bad); err == nil {
			t.Errorf("%q: %+v", bad, s)
		}
	}
	if _, err := usageOfTree(os.Getpid()); err != nil {
		t.Error(err)
	}
	if m, err := memoryOf(os.Getpid()); err != nil || m.RSS == 0 || m.PSS == 0 || m.Peak < m.RSS/2 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestPercentile(t *testing.T) {
	o := outcome{took: 2 * time.Second}
	if o.percentile(0.99) != 0 {
		t.Error("no operations have no percentile")
	}
	for i := range 200 {
		o.latencies = append(o.latencies, time.Duration(i+1))
	}
	for p, want := range map[float64]time.Duration{0: 1, 0.5: 100, 0.99: 198, 1: 200} {
		if got := o.percentile(p); got != want {
			t.Errorf("%v: %d, not %d", p, got, want)
		}
	}
	if o.rate() != 100 {
		t.Errorf("rate %v", o.rate())
	}
}

func TestUsersAreAllUsedAndNeverTwiceAtOnce(t *testing.T) {
	s := newSets(1000)["RS256"]
	for _, k := range []kind{byCode, withMFA, withSRP} {
		seen := map[int]bool{}
		var backs []func()
		for range s.count(k) {
			u, back := s.take(k)
			if seen[u.index] || (u.index%mfaEvery == 0) != (k != byCode) || u.index < 0 || u.index >= s.n {
				t.Fatalf("kind %d: user %d", k, u.index)
			}
			seen[u.index] = true
			backs = append(backs, back)
		}
		for _, back := range backs {
			back()
		}
	}
	before := s.left(withMFA)
	s.note(withSRP)
	if s.left(withMFA) != before-1 {
		t.Error("a user with a verifier is one with MFA")
	}
}

func TestGrowthAndAims(t *testing.T) {
	r := &report{Figures: []figure{
		{Store: "sqlite", Users: 1000, Workload: "w1", Algorithm: "RS256", Connections: 16, CPU: 0.3, TimesEcho: 6, P99: 10, Rate: 3000},
		{Store: "sqlite", Users: 1_000_000, Workload: "w1", Algorithm: "RS256", Connections: 16, CPU: 0.6, TimesEcho: 12, P99: 11, Rate: 2000},
	}}
	r.Growth = growths(r.Figures)
	if len(r.Growth) != 1 || r.Growth[0].CPU != 2 || r.Growth[0].P99 != 1.1 {
		t.Fatalf("%+v", r.Growth)
	}
	met := map[string][]bool{}
	for _, v := range r.verdicts() {
		met[v.Aim] = append(met[v.Aim], v.Met)
	}
	for name, want := range map[string][2]bool{"W1 SQLite, CPU, 16": {true, false}, "W1 SQLite, rate, 16": {true, false}, "W1 arrival, 16 connections, p99": {true, true}} {
		if got := met[name]; len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// What was seeded is there, and a second copy does not seed again.
func TestSeededDatabase(t *testing.T) {
	c, err := openCache(t.TempDir(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	db := sqliteFiles{c}
	for range 2 {
		path, drop, err := db.copy(t.Context(), 20, true)
		if err != nil {
			t.Fatal(err)
		}
		s, err := sqlstore.OpenSQLite(t.Context(), path, sqlstore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		set := newSets(20)["RS256"]
		err = s.Read(t.Context(), func(tx store.Tx) error {
			u, _, err := tx.Users().FindUser(t.Context(), set.pool, "p:"+set.at(withSRP, 1).phone())
			if err == nil && (!u.MFA.SMS || len(u.SealedVerifier) == 0 || u.Status != store.Confirmed) {
				t.Errorf("%+v", u)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		s.Close()
		drop()
	}
	if found, _ := filepath.Glob(filepath.Join(c.dir, "*.db")); len(found) != 1 {
		t.Errorf("seeded: %v", found)
	}
}

// What compare and --markdown write of a report is read by benchstat and by people.
func TestReportForms(t *testing.T) {
	r := &report{Figures: []figure{
		{Store: "sqlite", Workload: "echo", Connections: 16, CPU: 0.04, TimesEcho: 1},
		{Store: "sqlite", Workload: "w1", Algorithm: "RS256", Connections: 16, CPU: 0.6, TimesEcho: 15, P50: 9, P99: 20},
		{Store: "postgres", Workload: "refresh", Algorithm: "ES256", Connections: 1, CPU: 0.2, DatabaseCPU: 0.1, TimesEcho: 5},
	}, Starts: []startFigure{{Users: 10, Verifiers: true, Start: 20}}}
	var lines, table strings.Builder
	benchmarkLines(&lines, r)
	want := "BenchmarkW1/16 1 0.6000 cpu-ms/op 15.00 echoes/op 9.000 p50-ms 20.000 p99-ms\n" +
		"BenchmarkRefresh-ES256/1 1 0.2000 cpu-ms/op 5.00 echoes/op 0.000 p50-ms 0.000 p99-ms\n" +
		"BenchmarkStart/10-verifiers 1 20.00 start-ms 0.00 pss-MiB 0.00 database-MB\n"
	if lines.String() != want {
		t.Errorf("%s", lines.String())
	}
	r.markdown(&table)
	for _, row := range []string{"| sqlite | w1 | 16 | 0.600 ms |  | 15.0 | 0 | 9.00 ms | 20.00 ms | 0 |\n", "| postgres | refresh | 1 | 0.200 ms | 0.100 ms | 5.0 | 0 |  |  | 0 |\n"} {
		if !strings.Contains(table.String(), row) {
			t.Errorf("no %q in\n%s", row, table.String())
		}
	}
}
