package main

import (
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"countersign/internal/adminapi"
)

type functionsCmd struct {
	List      functionsListCmd      `cmd:"" help:"List functions by name."`
	Logs      functionsLogsCmd      `cmd:"" help:"Show the last calls of a function on the node that answers, and what it wrote."`
	Isolation functionsIsolationCmd `cmd:"" help:"Say how well functions are shut in on the node that answers."`
}

// regionFlags name a region; functions live in one.
type regionFlags struct {
	serverFlags
	Region string `help:"The region of the functions." placeholder:"REGION" env:"AWS_REGION,AWS_DEFAULT_REGION" default:"us-local-1"`
}

type functionsListCmd struct {
	regionFlags
	After string `help:"Begin after this name." placeholder:"NAME"`
	listFlags
}

func (c *functionsListCmd) Run(a *app) error {
	var out struct {
		Functions []adminapi.Function `json:"functions"`
		Next      string              `json:"next,omitempty"`
	}
	if shown, err := c.show(a, c.over("/functions", query("region", c.Region, "after", c.After)), &out); shown || err != nil {
		return err
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tRUNTIME\tHANDLER\tMEMORY\tTIMEOUT\tCODE\tCHANGED")
	for _, f := range out.Functions {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d MiB\t%d s\t%d kB\t%s\n", f.Name, f.Runtime, f.Handler, f.MemoryMB, f.Timeout, (f.CodeSize+999)/1000,
			f.ModifiedAt.Local().Format(time.DateTime))
	}
	a.more(out.Next)
	return t.Flush()
}

type functionsLogsCmd struct {
	regionFlags
	Name string `arg:"" help:"The function's name."`
	listFlags
}

func (c *functionsLogsCmd) Run(a *app) error {
	var out struct {
		Calls []adminapi.FunctionCall `json:"calls"`
		Next  string                  `json:"next,omitempty"`
	}
	if shown, err := c.show(a, c.over("/functions/"+url.PathEscape(c.Name)+"/calls", query("region", c.Region)), &out); shown || err != nil {
		return err
	}
	a.more(out.Next)
	for _, call := range out.Calls {
		fmt.Fprintf(a.stdout, "%s  %s  %s by %s in %.1f ms", call.At.Local().Format(time.DateTime), call.RequestID, call.Outcome, call.Mode, call.DurationMS)
		if call.InitMS > 0 {
			fmt.Fprintf(a.stdout, ", started in %.0f ms", call.InitMS)
		}
		if call.Error != "" || call.ErrorType != "" {
			fmt.Fprintf(a.stdout, "\n  %s: %s", printable(call.ErrorType), printable(call.Error))
		}
		fmt.Fprintln(a.stdout)
		for line := range strings.Lines(call.Log) {
			fmt.Fprintln(a.stdout, "  "+printable(strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", "  ")))
		}
	}
	return nil
}

type functionsIsolationCmd struct{ serverFlags }

func (c *functionsIsolationCmd) Run(a *app) error {
	var i adminapi.Isolation
	if shown, err := c.show(a, "/isolation", &i); shown || err != nil {
		return err
	}
	node := "Node.js " + i.Node
	if i.Node == "" {
		node = "no Node.js"
	}
	fmt.Fprintf(a.stdout, "isolation %s, %s\n", i.Level, node)
	for _, m := range i.Missing {
		fmt.Fprintln(a.stdout, "  missing: "+printable(m))
	}
	for _, n := range i.Notes {
		fmt.Fprintln(a.stdout, "  "+printable(n))
	}
	return nil
}
