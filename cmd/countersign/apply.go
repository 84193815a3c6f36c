package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"countersign/internal/adminapi"
	"countersign/internal/poolfile"
)

// configHelp is where the file is described.
const configHelp = "docs/config-as-code.md describes the file; countersign export prints the one that holds"

type applyCmd struct {
	serverFlags
	Pool   string `help:"The pool of a file that names none; needed where there are several." placeholder:"ID"`
	File   string `short:"f" required:"" help:"YAML or JSON; - for standard input." placeholder:"FILE"`
	DryRun bool   `help:"Say what would change, and change nothing."`
	Prune  bool   `help:"Remove clients, accounts and whatever else the file does not name."`
}

func (c *applyCmd) Run(a *app) error {
	raw, err := a.readFile(c.File)
	if err != nil {
		return err
	}
	doc, err := poolfile.Parse(raw)
	if err != nil {
		return hint(fmt.Errorf("%s: %w", c.File, err), configHelp)
	}
	kept := doc.Fill(func(name string) (string, bool) { v := a.getenv(name); return v, v != "" })
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	q := url.Values{}
	for name, on := range map[string]bool{"dry_run": c.DryRun, "prune": c.Prune} {
		if on {
			q.Set(name, "true")
		}
	}
	if c.Pool != "" {
		q.Set("pool", c.Pool)
	}
	var out adminapi.PoolConfigResult
	if err := srv.call(a.ctx, "PUT", "/pool-config?"+q.Encode(), doc, &out); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(out)
	}
	return a.tellApplied(&out, kept)
}

func (a *app) tellApplied(out *adminapi.PoolConfigResult, kept []string) error {
	if len(kept) > 0 {
		fmt.Fprintf(a.stderr, "not in the environment, what is there is kept: %s\n", strings.Join(kept, ", "))
	}
	for _, w := range out.Warnings {
		fmt.Fprintln(a.stderr, "warning:", w)
	}
	for _, ch := range out.Changes {
		fmt.Fprintln(a.stdout, changeLine(ch))
	}
	for _, s := range out.Secrets {
		fmt.Fprintf(a.stdout, "the secret of client %s, shown this once: %s\n", s.Client, s.Secret)
	}
	end := ""
	if out.DryRun {
		end = "; nothing was written"
	}
	_, err := fmt.Fprintf(a.stdout, "%s%s\n", count(len(out.Changes), "change", "changes"), end)
	return err
}

// widestValue is how much of a value a line shows, in bytes.
const widestValue = 160

// changeLine shows a change: + is new, - is gone, ~ is another value.
func changeLine(ch poolfile.Change) string {
	switch {
	case ch.Before == nil:
		return "+ " + ch.Path + ": " + valueText(ch.After)
	case ch.After == nil:
		return "- " + ch.Path + ": " + valueText(ch.Before)
	}
	return "~ " + ch.Path + ": " + valueText(ch.Before) + " -> " + valueText(ch.After)
}

func valueText(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return "?"
	}
	s := strings.TrimSpace(b.String())
	if len(s) > widestValue {
		s = strings.ToValidUTF8(s[:widestValue], "") + "..."
	}
	return s
}

type exportCmd struct {
	serverFlags
	poolFlag
	Deployment bool `help:"What all pools share: sandbox, SMS account, sender IDs and numbers, registrations."`
}

func (c *exportCmd) Run(a *app) error {
	path := "/pool-config" + c.query()
	if c.Deployment {
		path = "/pool-config?deployment=true"
	}
	var doc poolfile.Document
	if shown, err := c.show(a, path, &doc); shown || err != nil {
		return err
	}
	out, err := poolfile.YAML(&doc)
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(out)
	return err
}
