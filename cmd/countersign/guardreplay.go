package main

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"countersign/internal/pumping"
	"countersign/internal/pumping/replay"
)

type guardReplayCmd struct {
	Traces []string `arg:"" name:"trace" help:"Recordings: JSON lines, gzip-compressed or not (docs/guards.md)."`
	Guards string   `help:"A file with a pool's guards, of which the detector's settings count (default: the defaults)." placeholder:"FILE"`
	Nodes  int      `help:"Share the traffic among so many nodes." default:"1"`
	Blocks bool     `help:"Print what was blocked, when and why."`
}

// Run replays recordings on this machine; it needs no server.
func (c *guardReplayCmd) Run(a *app) error {
	if c.Nodes < 1 || c.Nodes > 100 {
		return hint(fmt.Errorf("%d nodes", c.Nodes), "--nodes is a number between 1 and 100")
	}
	var s pumping.Settings
	if c.Guards != "" {
		p, err := readGuards(c.Guards)
		if err != nil {
			return err
		}
		s = p.Pumping
	}
	var reports []replay.Report
	for _, file := range c.Traces {
		r, err := c.replay(a, file, s)
		if err != nil {
			return hint(fmt.Errorf("%s: %w", file, err), "docs/guards.md describes the form of a recording")
		}
		reports = append(reports, r)
	}
	if a.json {
		return a.printJSON(reports)
	}
	return c.print(a, reports)
}

func (c *guardReplayCmd) replay(a *app, file string, s pumping.Settings) (replay.Report, error) {
	f, err := os.Open(file)
	if err != nil {
		return replay.Report{}, err
	}
	defer f.Close()
	return replay.Replay(a.ctx, f, replay.Options{Settings: s, Nodes: c.Nodes})
}

func (c *guardReplayCmd) print(a *app, reports []replay.Report) error {
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TRACE\tATTACK\tTHROUGH\tSHARE\tPEOPLE\tREFUSED\tSHARE\tBLOCKS")
	for _, r := range reports {
		blocks := 0
		for _, b := range r.Blocks {
			if !b.Lifted {
				blocks++
			}
		}
		through := "-"
		if r.Attack.Messages > 0 {
			through = fmt.Sprintf("%.2f %%", 100*r.AttackShare())
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%d\t%d\t%.3f %%\t%d\n", printable(r.Name), r.Attack.Messages, r.Attack.Sent, through,
			r.Honest.Numbers, r.Honest.NumbersRefused, 100*r.HonestShare(), blocks)
	}
	if err := t.Flush(); err != nil || !c.Blocks {
		return err
	}
	for _, r := range reports {
		fmt.Fprintf(a.stdout, "\n%s\n", printable(r.Name))
		for _, b := range r.Blocks {
			what := "blocked"
			if b.Lifted {
				what = "lifted"
			}
			at := (time.Duration(b.At) * time.Second).String()
			fmt.Fprintf(a.stdout, "  %s  %s %s: %s\n", strings.TrimSuffix(at, "0s"), what, b.Key, b.Evidence)
		}
	}
	return nil
}
