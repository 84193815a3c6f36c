package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"countersign/internal/adminapi"
)

type optoutCmd struct {
	List optoutListCmd `cmd:"" help:"List numbers that said STOP (masked)."`
	Add  optoutAddCmd  `cmd:"" help:"Text a number no more."`
	Lift optoutLiftCmd `cmd:"" help:"Text a number again."`
}

type optoutListCmd struct {
	serverFlags
	poolFlag
	listFlags
	Number string `help:"Only this number." placeholder:"E164"`
}

func (c *optoutListCmd) Run(a *app) error {
	var out struct {
		OptOuts []adminapi.OptOut `json:"opt_outs"`
		Next    string            `json:"next,omitempty"`
	}
	if shown, err := c.show(a, c.over("/opt-outs", query("pool", c.Pool, "number", c.Number)), &out); shown || err != nil {
		return err
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SINCE\tNUMBER\tSENDER\tHOW")
	for _, o := range out.OptOuts {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", o.At.Local().Format(time.DateTime), o.Number, o.Sender, strings.TrimSpace(o.Source+" "+printable(o.Keyword)))
	}
	a.more(out.Next)
	return t.Flush()
}

type optoutAddCmd struct {
	serverFlags
	poolFlag
	Number string `arg:"" help:"A phone number in E.164 form."`
	Sender string `help:"Only texts of this origination identity (default: all)." placeholder:"FROM"`
}

func (c *optoutAddCmd) Run(a *app) error {
	return c.change(a, "POST", "/opt-outs"+c.query(), map[string]string{"number": c.Number, "sender": c.Sender}, true)
}

type optoutLiftCmd struct {
	serverFlags
	poolFlag
	Number string `arg:"" help:"A phone number in E.164 form."`
	Sender string `help:"Only for this origination identity (default: all)." placeholder:"FROM"`
}

func (c *optoutLiftCmd) Run(a *app) error {
	q := query("pool", c.Pool, "number", c.Number, "sender", c.Sender)
	return c.change(a, "DELETE", "/opt-outs?"+q.Encode(), nil, false)
}

// change adds or lifts an opt-out.
func (f serverFlags) change(a *app, method, path string, in any, out bool) error {
	srv, err := f.connect(a)
	if err != nil {
		return err
	}
	if err := srv.call(a.ctx, method, path, in, nil); err != nil {
		return err
	}
	if out {
		return a.said(map[string]bool{"opted_out": true}, "the number is texted no more")
	}
	return a.said(map[string]bool{"opted_out": false}, "the number may be texted again")
}
