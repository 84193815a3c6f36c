package main

import (
	"fmt"
	"io"
	"net/url"
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
}

func (c *routeHealthCmd) Run(a *app) error {
	var out struct {
		Lines []adminapi.HealthLine `json:"lines"`
	}
	if shown, err := c.show(a, "/route-health"+c.query(), &out); shown || err != nil {
		return err
	}
	if len(out.Lines) == 0 {
		_, err := fmt.Fprintln(a.stdout, "no codes have gone out through accounts yet")
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
	return t.Flush()
}

// typed is how many of the codes that had the time to be typed in were.
func typed(w routehealth.Window) string {
	if w.Mature == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d (%.0f%%)", w.Verified, w.Mature, 100*w.Ratio)
}

type ratesCmd struct {
	Show   ratesShowCmd   `cmd:"" help:"Print a pool's rate card as CSV."`
	Apply  ratesApplyCmd  `cmd:"" help:"Replace a pool's rate card by a CSV file."`
	Settle ratesSettleCmd `cmd:"" help:"Import the prices of a provider's bill."`
}

type ratesShowCmd struct {
	serverFlags
	poolFlag
}

func (c *ratesShowCmd) Run(a *app) error {
	var r adminapi.Rates
	if shown, err := c.show(a, "/rates"+c.query(), &r); shown || err != nil {
		return err
	}
	if r.CSV == "" {
		r.CSV = "account,country,channel,price,currency,from\n"
	}
	_, err := io.WriteString(a.stdout, r.CSV)
	return err
}

type ratesApplyCmd struct {
	serverFlags
	poolFlag
	File string `arg:"" help:"CSV: account,country,channel,price,currency,from; - for standard input."`
}

func (c *ratesApplyCmd) Run(a *app) error {
	raw, err := a.readFile(c.File)
	if err != nil {
		return err
	}
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	var r adminapi.Rates
	if err := srv.call(a.ctx, "GET", "/rates"+c.query(), nil, &r); err != nil {
		return err
	}
	r.CSV = string(raw)
	if err := srv.call(a.ctx, "PUT", "/rates"+c.query(), r, &r); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(r)
	}
	_, err = fmt.Fprintf(a.stdout, "%s now\n", count(strings.Count(r.CSV, "\n")-1, "price holds", "prices hold"))
	return err
}

type ratesSettleCmd struct {
	serverFlags
	poolFlag
	Account string `required:"" help:"The account that the bill is of." placeholder:"NAME"`
	File    string `arg:"" help:"CSV: provider_id,price,currency; - for standard input."`
}

func (c *ratesSettleCmd) Run(a *app) error {
	raw, err := a.readFile(c.File)
	if err != nil {
		return err
	}
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	var out struct {
		Settled int `json:"settled"`
	}
	if err := srv.call(a.ctx, "POST", "/rates/settle"+c.query(), map[string]string{"account": c.Account, "csv": string(raw)}, &out); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(out)
	}
	_, err = fmt.Fprintf(a.stdout, "%s now; other ids of the file are not of this account\n", count(out.Settled, "message has its true price", "messages have their true prices"))
	return err
}

type costsCmd struct {
	serverFlags
	poolFlag
	By    string        `help:"Group by (comma-separated): account, country, channel, network, state, trigger_source, client, day." default:"account,country"`
	Since time.Duration `help:"Over this time." default:"720h" placeholder:"24h"`
}

func (c *costsCmd) Run(a *app) error {
	var out struct {
		Costs []adminapi.Cost `json:"costs"`
	}
	q := query("pool", c.Pool, "by", c.By, "from", time.Now().Add(-c.Since).UTC().Format(time.RFC3339))
	if shown, err := c.show(a, "/costs?"+q.Encode(), &out); shown || err != nil {
		return err
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.ToUpper(strings.ReplaceAll(c.By, ",", "\t"))+"\tMESSAGES\tDELIVERED\tTYPED IN\tCOST\tSETTLED\tPER TYPED CODE")
	for _, x := range out.Costs {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s %s\t%s\t%s\n", strings.Join(x.By, "\t"), x.Messages, x.Delivered, x.Verified, x.Cost, x.Currency, x.Settled, x.PerCode)
	}
	return t.Flush()
}

type sendCmd struct {
	serverFlags
	poolFlag
	To       string `required:"" help:"A phone number in E.164 form." placeholder:"E164"`
	Provider string `help:"The account to send through (default: the pool's plan)." placeholder:"NAME"`
	Voice    bool   `help:"Call instead of texting."`
	Text     string `help:"What to say." placeholder:"TEXT"`
}

func (c *sendCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	done := a.progress("sending")
	var m adminapi.Message
	err = srv.call(a.ctx, "POST", "/messages"+c.query(), adminapi.NewMessage{To: c.To, Account: c.Provider, Voice: c.Voice, Text: c.Text}, &m)
	done()
	if err != nil {
		return err
	}
	if a.json {
		if err := a.printJSON(m); err != nil {
			return err
		}
	} else if err := printMessage(a, &m); err != nil {
		return err
	}
	switch m.State {
	case "sent", "delivered":
		if !a.json {
			fmt.Fprintf(a.stdout, "\nfollow it: countersign message show %s\n", m.ID)
		}
		return nil
	}
	return fmt.Errorf("not sent: %s", m.State)
}

type optoutCmd struct {
	List optoutListCmd `cmd:"" help:"List numbers that said STOP (masked)."`
	Add  optoutAddCmd  `cmd:"" help:"Text a number no more."`
	Lift optoutLiftCmd `cmd:"" help:"Text a number again."`
}

type optoutListCmd struct {
	serverFlags
	poolFlag
	Number string `help:"Only this number." placeholder:"E164"`
	Limit  int    `help:"At most so many." default:"100"`
}

func (c *optoutListCmd) Run(a *app) error {
	var out struct {
		OptOuts []adminapi.OptOut `json:"opt_outs"`
		Next    string            `json:"next,omitempty"`
	}
	q := query("pool", c.Pool, "number", c.Number, "limit", fmt.Sprint(c.Limit))
	if shown, err := c.show(a, "/opt-outs?"+q.Encode(), &out); shown || err != nil {
		return err
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SINCE\tNUMBER\tSENDER\tHOW")
	for _, o := range out.OptOuts {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", o.At.Local().Format(time.DateTime), o.Number, o.Sender, strings.TrimSpace(o.Source+" "+printable(o.Keyword)))
	}
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
}

func (c *canaryListCmd) Run(a *app) error {
	var out struct {
		Canaries []adminapi.Canary `json:"canaries"`
	}
	if shown, err := c.show(a, "/canaries"+c.query(), &out); shown || err != nil {
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
