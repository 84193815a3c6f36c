package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"countersign/internal/adminapi"
	"countersign/internal/route"
	"countersign/internal/routehealth"
)

type routeCmd struct {
	Show    routeShowCmd    `cmd:"" help:"Print a pool's plan: which accounts carry which messages."`
	Apply   routeApplyCmd   `cmd:"" help:"Replace a pool's plan by a file; it holds from the next message on."`
	Remove  routeRemoveCmd  `cmd:"" help:"Remove a pool's plan: its texts go to the server's sender again."`
	Explain routeExplainCmd `cmd:"" help:"Say what would become of a message to a number, without sending it."`
	Health  routeHealthCmd  `cmd:"" help:"Show how many codes of each account are typed in."`
}

type routeShowCmd struct {
	serverFlags
	poolFlag
}

func (c *routeShowCmd) Run(a *app) error {
	var p adminapi.Plan
	if shown, err := c.show(a, "/route-plan"+c.query(), &p); shown || err != nil {
		return err
	}
	if len(p.Rules) == 0 && p.Version == 0 {
		_, err := fmt.Fprintln(a.stdout, "# no plan: texts go to the server's sender. An example:\n#   rules:\n#     - name: all\n#       use: [{account: NAME}]\n# countersign route apply FILE")
		return err
	}
	if p.Static {
		fmt.Fprintln(a.stdout, "# from the configuration file; the pool has no plan of its own")
	}
	return printYAML(a, p.Plan)
}

type routeApplyCmd struct {
	serverFlags
	poolFlag
	File string `arg:"" help:"YAML or JSON; - for standard input."`
}

func (c *routeApplyCmd) Run(a *app) error {
	raw, err := a.readFile(c.File)
	if err != nil {
		return err
	}
	var p adminapi.Plan
	if err := readYAML(c.File, raw, &p.Plan, "docs/delivery.md lists what a plan holds; countersign route show prints the one that holds"); err != nil {
		return err
	}
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	var now adminapi.Plan
	if err := srv.call(a.ctx, "GET", "/route-plan"+c.query(), nil, &now); err != nil {
		return err
	}
	p.Version = now.Version
	if err := srv.call(a.ctx, "PUT", "/route-plan"+c.query(), p, &now); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(now)
	}
	_, err = fmt.Fprintf(a.stdout, "%s now (version %d); try: countersign route explain --to NUMBER\n", count(len(now.Rules), "rule holds", "rules hold"), now.Version)
	return err
}

type routeRemoveCmd struct {
	serverFlags
	poolFlag
}

func (c *routeRemoveCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	if err := srv.call(a.ctx, "DELETE", "/route-plan"+c.query(), nil, nil); err != nil {
		return err
	}
	return a.said(map[string]string{"removed": "route-plan"}, "removed the plan")
}

// count says how many, in words for one and for several.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}

type routeExplainCmd struct {
	serverFlags
	poolFlag
	To      string `required:"" help:"A phone number in E.164 form." placeholder:"E164"`
	Channel string `help:"sms or voice." default:"sms" enum:"sms,voice"`
	Purpose string `help:"sign_in, recovery, sign_up or notice." default:"sign_in" enum:"sign_in,recovery,sign_up,notice"`
	Client  string `help:"An app client." placeholder:"ID"`
	Text    string `help:"A text to count." placeholder:"TEXT"`
}

func (c *routeExplainCmd) Run(a *app) error {
	var out struct {
		Steps []route.Step `json:"steps"`
	}
	q := query("pool", c.Pool, "to", c.To, "channel", c.Channel, "purpose", c.Purpose, "client", c.Client, "text", c.Text)
	if shown, err := c.show(a, "/route-plan/explain?"+q.Encode(), &out); shown || err != nil {
		return err
	}
	if len(out.Steps) == 0 {
		_, err := fmt.Fprintln(a.stdout, "nobody: no rule fits, and the message would not be sent; or there is no plan, and the server's sender has it (countersign route show)")
		return err
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\tRULE\tACCOUNT\tKIND\tCHANNEL\tFROM\tSEGMENTS\tCOST\tNOTES")
	for i, s := range out.Steps {
		var notes []string
		for _, n := range []struct {
			on   bool
			text string
		}{{s.PassedOver != "", "passed over: " + s.PassedOver}, {s.Degraded, "its codes are not typed in as they were"}, {s.Weight > 0, fmt.Sprintf("weight %d", s.Weight)}, {s.Estimated, "no rate is known"}} {
			if n.on {
				notes = append(notes, n.text)
			}
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%d\t%s %s\t%s\n", i+1, s.Rule, s.Account, s.Kind, s.Channel, s.From, s.Segments, adminapi.Amount(s.Cost), s.Currency, strings.Join(notes, "; "))
	}
	return t.Flush()
}

type routeHealthCmd struct {
	serverFlags
	poolFlag
	listFlags
}

func (c *routeHealthCmd) Run(a *app) error {
	var out struct {
		Lines []adminapi.HealthLine `json:"lines"`
		Next  string                `json:"next,omitempty"`
	}
	if shown, err := c.show(a, c.over("/route-health", c.values()), &out); shown || err != nil {
		return err
	}
	if len(out.Lines) == 0 && len(c.Filter) == 0 {
		_, err := fmt.Fprintln(a.stdout, "nothing is counted yet; codes that go out through accounts show up here after some ten seconds")
		return err
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ACCOUNT\tCHANNEL\tCOUNTRY\tNETWORK\tLAST MINUTES\tLAST HOUR\tBASELINE\tSECONDS\tSTATE")
	for _, l := range out.Lines {
		state := "well"
		if l.Degraded {
			state = fmt.Sprintf("degraded since %s (%s)", l.Evidence.Since.Local().Format(time.TimeOnly), l.Evidence.Rule)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%.0f\t%s\n", l.Account, l.Channel, l.Country, l.Network, typed(l.Evidence.Short), typed(l.Evidence.Long),
			typed(l.Evidence.Baseline), l.Evidence.Long.VerifySeconds, state)
	}
	a.more(out.Next)
	return t.Flush()
}

// typed is how many of the codes that had the time to be typed in were.
func typed(w routehealth.Window) string {
	if w.Mature == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d (%.0f%%)", w.Verified, w.Mature, 100*w.Ratio)
}
