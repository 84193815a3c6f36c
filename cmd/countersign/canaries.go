package main

import (
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"countersign/internal/adminapi"
)

type canaryCmd struct {
	List   canaryListCmd   `cmd:"" help:"List canary texts and how the last ones went."`
	Add    canaryAddCmd    `cmd:"" help:"Send a text to a phone of yours again and again, and raise an alarm when it does not arrive."`
	Remove canaryRemoveCmd `cmd:"" help:"End a canary text."`
}

type canaryRemoveCmd struct {
	serverFlags
	poolFlag
	Name string `arg:"" help:"The canary's name."`
}

func (c *canaryRemoveCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	if err := srv.call(a.ctx, "DELETE", "/canaries/"+url.PathEscape(c.Name)+c.query(), nil, nil); err != nil {
		return err
	}
	return a.said(map[string]string{"removed": c.Name}, "removed %s", c.Name)
}

type canaryListCmd struct {
	serverFlags
	poolFlag
	listFlags
}

func (c *canaryListCmd) Run(a *app) error {
	var out struct {
		Canaries []adminapi.Canary `json:"canaries"`
		Next     string            `json:"next,omitempty"`
	}
	if shown, err := c.show(a, c.over("/canaries", c.values()), &out); shown || err != nil {
		return err
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tTO\tTHROUGH\tEVERY\tLAST\tSTATE\tREASON")
	for _, x := range out.Canaries {
		through, last, state, reason := x.Account, "-", "-", ""
		if through == "" {
			through = "the plan"
		}
		if len(x.Results) > 0 {
			r := x.Results[0]
			last, state, reason = r.At.Local().Format(time.DateTime), r.State, r.Reason
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.Name, x.Mask, through, short(time.Duration(x.EverySeconds)*time.Second), last, state, printable(reason))
	}
	a.more(out.Next)
	return t.Flush()
}

type canaryAddCmd struct {
	serverFlags
	poolFlag
	Name     string        `arg:"" help:"A name of your own."`
	To       string        `required:"" help:"A phone of yours, in E.164 form." placeholder:"E164"`
	Provider string        `help:"Try this account alone (default: the pool's plan)." placeholder:"NAME"`
	Every    time.Duration `help:"The pause between two." default:"1h"`
	Expect   string        `help:"What must happen: sent or delivered." default:"delivered" enum:"sent,delivered"`
	Within   time.Duration `help:"How long that may take." default:"2m"`
}

func (c *canaryAddCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	in := map[string]any{"to": c.To, "account": c.Provider, "every_seconds": int(c.Every / time.Second), "expect": c.Expect, "within_seconds": int(c.Within / time.Second)}
	if err := srv.call(a.ctx, "PUT", "/canaries/"+url.PathEscape(c.Name)+c.query(), in, nil); err != nil {
		return err
	}
	return a.said(map[string]string{"name": c.Name}, "%s: a text goes out every %s; how they went: countersign canary list; alarms are events of type cs_canary_failed",
		c.Name, short(c.Every))
}

// short writes a duration without parts that are zero.
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
