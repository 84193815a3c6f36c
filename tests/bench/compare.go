package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// benchstat compares the rounds.
const benchstat = "golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da"

// side is one of the two programs that are compared, with the bench of its own commit: databases are seeded as that commit has them.
type side struct {
	name, tree     string
	bench, program string
	lines          bytes.Buffer
}

// comparison are the flags of the command compare.
type comparison struct {
	before, store, workloads, connections, out string
	users, rounds                              int
	seconds                                    float64
}

// compare measures another commit and this tree in alternating rounds and hands the figures to benchstat.
func compare(ctx context.Context, args []string, out, progress io.Writer) (err error) {
	var c comparison
	f := flag.NewFlagSet("bench compare", flag.ContinueOnError)
	f.SetOutput(progress)
	f.StringVar(&c.before, "before", "f9d5e0e", "the commit to compare with")
	f.StringVar(&c.store, "store", "sqlite", "engine")
	f.StringVar(&c.workloads, "workload", "start,w1,refresh,getuser", "what to measure; both commits must know it")
	f.StringVar(&c.connections, "connections", "1,16", "numbers of connections")
	f.IntVar(&c.users, "users", 1000, "number of users")
	f.IntVar(&c.rounds, "rounds", 6, "rounds; fewer than 6 give benchstat no confidence")
	f.Float64Var(&c.seconds, "seconds", 3, "length of a measurement")
	f.StringVar(&c.out, "out", "", "folder to keep before.txt and after.txt in")
	if err := f.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "countersign-compare-")
	if err != nil {
		return err
	}
	tree := filepath.Join(dir, "tree")
	defer func() {
		gone := exec.Command("git", "worktree", "remove", "--force", tree).Run()
		err = errors.Join(err, gone, os.RemoveAll(dir))
	}()
	if msg, err := exec.CommandContext(ctx, "git", "worktree", "add", "--detach", tree, c.before).CombinedOutput(); err != nil {
		return fmt.Errorf("git worktree add: %w\n%s", err, msg)
	}
	here, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("go list: %w", err)
	}
	sides := []*side{{name: "before", tree: tree}, {name: "after", tree: strings.TrimSpace(string(here))}}
	for _, s := range sides {
		fmt.Fprintln(progress, "building", s.name)
		if err := s.build(ctx, dir); err != nil {
			return err
		}
	}
	for n := range c.rounds {
		for i := range sides {
			s := sides[(n+i)%2]
			fmt.Fprintf(progress, "round %d of %d: %s\n", n+1, c.rounds, s.name)
			if err := s.round(ctx, &c, dir); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return c.finish(ctx, sides, dir, out)
}

func (s *side) build(ctx context.Context, dir string) error {
	s.bench, s.program = filepath.Join(dir, s.name+"-bench"), filepath.Join(dir, s.name+"-countersign")
	for out, pkg := range map[string]string{s.bench: "./tests/bench", s.program: "./cmd/countersign"} {
		cmd := exec.CommandContext(ctx, "go", "build", "-o", out, pkg)
		cmd.Dir = s.tree
		if msg, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("building %s: %w\n%s", pkg, err, msg)
		}
	}
	return nil
}

// round measures a side once and adds lines in Go's benchmark format.
func (s *side) round(ctx context.Context, c *comparison, dir string) error {
	cmd := exec.CommandContext(ctx, s.bench, "--store", c.store, "--users", fmt.Sprint(c.users), "--workload", c.workloads, "--connections", c.connections,
		"--seconds", fmt.Sprint(c.seconds), "--program", s.program, "--cache", filepath.Join(dir, s.name+"-cache"), "--json")
	cmd.Dir = s.tree
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w\n%s", err, stderr.Bytes())
	}
	var r report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		return err
	}
	info, err := os.Stat(s.program)
	if err != nil {
		return err
	}
	fmt.Fprintf(&s.lines, "BenchmarkProgram 1 %.1f MB\n", float64(info.Size())/1e6)
	benchmarkLines(&s.lines, &r)
	return nil
}

// benchmarkLines writes figures as Go's benchmarks are written.
func benchmarkLines(w io.Writer, r *report) {
	for _, f := range r.Figures {
		if f.Workload == "echo" {
			continue
		}
		name := f.Workload
		if f.Algorithm == "ES256" {
			name += "-" + f.Algorithm
		}
		fmt.Fprintf(w, "Benchmark%s%s/%d 1 %.4f cpu-ms/op %.2f echoes/op %.3f p50-ms %.3f p99-ms\n", strings.ToUpper(name[:1]), name[1:], f.Connections,
			f.CPU, f.TimesEcho, f.P50, f.P99)
	}
	for _, s := range r.Starts {
		kind := "verifiers"
		if !s.Verifiers {
			kind = "plain"
		}
		fmt.Fprintf(w, "BenchmarkStart/%d-%s 1 %.2f start-ms %.2f pss-MiB %.2f database-MB\n", s.Users, kind, s.Start, float64(s.Memory.PSS)/(1<<20), float64(s.Size)/1e6)
	}
}

// finish keeps the lines and compares them.
func (c *comparison) finish(ctx context.Context, sides []*side, dir string, out io.Writer) error {
	if c.out == "" {
		c.out = dir
	}
	if err := os.MkdirAll(c.out, 0o755); err != nil {
		return err
	}
	args := []string{"run", benchstat}
	for _, s := range sides {
		path := filepath.Join(c.out, s.name+".txt")
		if err := os.WriteFile(path, s.lines.Bytes(), 0o644); err != nil {
			return err
		}
		args = append(args, s.name+"="+path)
	}
	fmt.Fprintf(out, "before is %s; %s, %d users, %d alternating rounds\n\n", c.before, c.store, c.users, c.rounds)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	return cmd.Run()
}
