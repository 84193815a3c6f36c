package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"countersign/internal/adminapi"
	"countersign/internal/screen"
)

type guardCmd struct {
	Show    guardShowCmd    `cmd:"" help:"Print what a pool's guards allow."`
	Set     guardSetCmd     `cmd:"" help:"Replace what a pool's guards allow by a file, or set some of it."`
	Reset   guardResetCmd   `cmd:"" help:"Go back to the defaults."`
	Explain guardExplainCmd `cmd:"" help:"Say what each guard thinks of a message, without counting or sending it."`
	Report  guardReportCmd  `cmd:"" help:"Show where the guards stand: money, quotas, blocks, untyped codes."`
	Blocks  guardBlocksCmd  `cmd:"" help:"List what nothing is sent to for a while."`
	Block   guardBlockCmd   `cmd:"" help:"Send nothing to a country or range of numbers, or from an address, for a while."`
	Unblock guardUnblockCmd `cmd:"" help:"Lift a block, and forgive what was counted."`
	Replay  guardReplayCmd  `cmd:"" help:"Replay recorded traffic against the detector, and count what an attacker gets and which people are refused."`
}

const policyHelp = "docs/guards.md lists what a policy holds; countersign guard show prints the one in force"

type guardShowCmd struct {
	serverFlags
	poolFlag
	Own     bool `help:"Only what the pool says itself, without the defaults."`
	Default bool `help:"What holds where a pool says nothing; no server is asked."`
}

func (c *guardShowCmd) Run(a *app) error {
	if c.Default {
		p := screen.Default(false)
		if a.json {
			return a.printJSON(p)
		}
		return printYAML(a, p)
	}
	var g adminapi.GuardSettings
	if shown, err := c.show(a, "/guards"+c.query(), &g); shown || err != nil {
		return err
	}
	if c.Own || g.InForce == nil {
		return printYAML(a, g.Policy)
	}
	if g.Version == 0 {
		fmt.Fprintln(a.stdout, "# the defaults; the pool says nothing of its own")
	}
	return printYAML(a, g.InForce)
}

type guardSetCmd struct {
	serverFlags
	poolFlag
	File string   `arg:"" optional:"" help:"YAML or JSON, the whole policy; - for standard input."`
	Set  []string `help:"Change one value of the policy and leave the rest, for example --set mode=record, --set spend.day=50.00, --set countries.allow=US,GB. An empty value goes back to the default." placeholder:"NAME=VALUE" sep:"none"`
}

func (c *guardSetCmd) Run(a *app) error {
	if (c.File == "") == (len(c.Set) == 0) {
		return hint(errors.New("name either a file or --set NAME=VALUE"), policyHelp)
	}
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	var now, next adminapi.GuardSettings
	if err := srv.call(a.ctx, "GET", "/guards"+c.query(), nil, &now); err != nil {
		return err
	}
	next.Version = now.Version
	if c.File != "" {
		raw, err := a.readFile(c.File)
		if err != nil {
			return err
		}
		if err := readYAML(c.File, raw, &next.Policy, policyHelp); err != nil {
			return err
		}
	} else if next.Policy, err = withValues(now.Policy, c.Set); err != nil {
		return err
	}
	if err := srv.call(a.ctx, "PUT", "/guards"+c.query(), next, &now); err != nil {
		return err
	}
	return a.said(now, "the guards hold from the next message on (version %d); try: countersign guard explain --to NUMBER", now.Version)
}

// withValues sets values of a policy by their names.
func withValues(p screen.Policy, values []string) (screen.Policy, error) {
	doc := map[string]any{}
	raw, err := json.Marshal(p)
	if err == nil {
		err = json.Unmarshal(raw, &doc)
	}
	if err != nil {
		return p, err
	}
	for _, kv := range values {
		name, value, ok := strings.Cut(kv, "=")
		if !ok || name == "" {
			return p, hint(fmt.Errorf("--set %s: must be NAME=VALUE", name), "%s", policyHelp)
		}
		at := doc
		steps := strings.Split(name, ".")
		for _, step := range steps[:len(steps)-1] {
			inner, ok := at[step].(map[string]any)
			if !ok {
				inner = map[string]any{}
				at[step] = inner
			}
			at = inner
		}
		if last := steps[len(steps)-1]; value == "" {
			delete(at, last)
		} else {
			at[last] = valueOf(name, value)
		}
	}
	if raw, err = json.Marshal(doc); err != nil {
		return p, err
	}
	var out screen.Policy
	return out, readYAML("--set", raw, &out, policyHelp)
}

// valueOf reads a value as the policy has it there: lists of words and numbers, numbers, and texts.
func valueOf(name, value string) any {
	last := name[strings.LastIndexByte(name, '.')+1:]
	number := func(s string) any {
		if n, err := strconv.ParseFloat(s, 64); err == nil {
			return n
		}
		return s
	}
	switch last {
	case "allow", "deny", "block", "voice_only", "cool_down_seconds":
		list := []any{}
		for part := range strings.SplitSeq(value, ",") {
			if part = strings.TrimSpace(part); last == "cool_down_seconds" {
				list = append(list, number(part))
			} else if part != "" && part != "none" {
				list = append(list, part)
			}
		}
		return list
	case "mode", "fictional", "currency", "unpriced":
		return value
	}
	if name == "spend.day" {
		return value
	}
	return number(value)
}

type guardResetCmd struct {
	serverFlags
	poolFlag
}

func (c *guardResetCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	if err := srv.call(a.ctx, "DELETE", "/guards"+c.query(), nil, nil); err != nil {
		return err
	}
	return a.said(map[string]string{"removed": "guards"}, "the defaults hold again: countersign guard show")
}

type guardExplainCmd struct {
	serverFlags
	poolFlag
	To        string `required:"" help:"A phone number in E.164 form." placeholder:"E164"`
	IP        string `help:"The address that asks." placeholder:"ADDRESS"`
	Client    string `help:"An app client." placeholder:"ID"`
	Channel   string `help:"sms or voice." default:"sms" enum:"sms,voice"`
	Purpose   string `help:"sign_in, recovery, sign_up, verify or notice." default:"sign_in" enum:"sign_in,recovery,sign_up,verify,notice"`
	Confirmed bool   `help:"The number is proven to belong to the account."`
	Known     bool   `help:"The caller's network had a success of the account lately."`
	Operator  bool   `help:"An administrator asks."`
	Segments  int    `help:"How many parts the text has." default:"1"`
}

func (c *guardExplainCmd) Run(a *app) error {
	q := query("pool", c.Pool, "to", c.To, "ip", c.IP, "client", c.Client, "channel", c.Channel, "purpose", c.Purpose, "segments", strconv.Itoa(c.Segments))
	for name, on := range map[string]bool{"confirmed": c.Confirmed, "known": c.Known, "operator": c.Operator} {
		if on {
			q.Set(name, "true")
		}
	}
	var v adminapi.GuardVerdict
	if shown, err := c.show(a, "/guards/explain?"+q.Encode(), &v); shown || err != nil {
		return err
	}
	switch {
	case v.Refused != "" && v.Open:
		fmt.Fprintf(a.stdout, "refused: %s; the caller is told\n", v.Refused)
	case v.Refused != "":
		fmt.Fprintf(a.stdout, "refused: %s; where existence is hidden it looks as if the message had been sent\n", v.Refused)
	case len(v.Recorded) > 0:
		fmt.Fprintf(a.stdout, "it may be sent; only recorded: %s\n", strings.Join(v.Recorded, ", "))
	default:
		fmt.Fprintln(a.stdout, "it may be sent")
	}
	for _, line := range []string{v.Evidence, v.Key} {
		if line != "" {
			fmt.Fprintf(a.stdout, "  %s\n", printable(line))
		}
	}
	if v.RetryAfter > 0 {
		fmt.Fprintf(a.stdout, "  again in %s\n", short(time.Duration(v.RetryAfter)*time.Second))
	}
	fmt.Fprintln(a.stdout)
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "GUARD\tMODE\tRESULT\tWHERE IT STANDS")
	for _, l := range v.Lines {
		result := l.Result
		if l.Reason != "" {
			result += " (" + string(l.Reason) + ")"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", l.Guard, l.Mode, result, printable(l.Text))
	}
	return t.Flush()
}

type guardReportCmd struct {
	serverFlags
	poolFlag
}

func (c *guardReportCmd) Run(a *app) error {
	var r adminapi.GuardReport
	if shown, err := c.show(a, "/guards/report"+c.query(), &r); shown || err != nil {
		return err
	}
	limit := "no limit"
	if r.Spend.Limit != "" {
		limit = "of " + r.Spend.Limit
	}
	fmt.Fprintf(a.stdout, "guards: %s\nspent on %s: %s %s %s; %s of it to numbers that nobody has proven\n", r.Mode, r.Spend.Day, r.Spend.Spent, limit, r.Spend.Currency, r.Spend.Strangers)
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	if len(r.Quotas) > 0 {
		fmt.Fprintln(t, "\nQUOTA\tTAKEN\tLIMIT\tENDS")
		for _, q := range r.Quotas {
			fmt.Fprintf(t, "%s\t%d\t%d\t%s\n", q.Key, q.Taken, q.Limit, q.Ends.Local().Format(time.TimeOnly))
		}
	}
	if len(r.Blocks) > 0 {
		fmt.Fprintln(t)
		blockLines(t, r.Blocks)
	}
	countLines(t, "COUNTRY", r.Countries)
	countLines(t, "RANGE", r.Ranges)
	return t.Flush()
}

func countLines(w io.Writer, title string, list []adminapi.GuardCount) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\tSENT\tTYPED IN\tUNTYPED\tREFUSED\n", title)
	for _, x := range list {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\n", x.Key, x.Sent, x.Verified, x.Untyped, x.Refused)
	}
}

func blockLines(w io.Writer, list []adminapi.GuardBlock) {
	fmt.Fprintln(w, "BLOCKED\tREASON\tBY\tSINCE\tUNTIL\tHELD BACK\tEVIDENCE")
	for _, b := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", b.Key, b.Reason, b.By, b.Since.Local().Format(time.DateTime), b.Until.Local().Format(time.DateTime), b.Refused, printable(b.Evidence))
	}
}

type guardBlocksCmd struct {
	serverFlags
	poolFlag
	listFlags
}

func (c *guardBlocksCmd) Run(a *app) error {
	var out struct {
		Blocks []adminapi.GuardBlock `json:"blocks"`
		Next   string                `json:"next,omitempty"`
	}
	if shown, err := c.show(a, c.over("/guards/blocks", c.values()), &out); shown || err != nil {
		return err
	}
	if len(out.Blocks) == 0 {
		_, err := fmt.Fprintln(a.stdout, "nothing is blocked")
		return err
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	blockLines(t, out.Blocks)
	a.more(out.Next)
	return t.Flush()
}

type guardBlockCmd struct {
	serverFlags
	poolFlag
	Key     string        `arg:"" optional:"" help:"c:DE (a country), w:+4915112 (numbers without their last six digits), r:+491511234 (without their last four)."`
	Address string        `help:"In place of a key: an IP address, or a network of /24 (IPv6: /48)." placeholder:"ADDRESS"`
	For     time.Duration `help:"How long." default:"24h"`
	Why     string        `help:"A note for the log." placeholder:"TEXT"`
}

func (c *guardBlockCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	until := time.Now().Add(c.For).UTC()
	var b adminapi.GuardBlock
	in := adminapi.NewGuardBlock{Key: c.Key, Address: c.Address, Until: &until, Why: c.Why}
	if err := srv.call(a.ctx, "POST", "/guards/blocks"+c.query(), in, &b); err != nil {
		return err
	}
	return a.said(b, "%s is blocked until %s; lift it: countersign guard unblock %s", b.Key, b.Until.Local().Format(time.DateTime), b.Key)
}

type guardUnblockCmd struct {
	serverFlags
	poolFlag
	Key string `arg:"" help:"As countersign guard blocks has it."`
}

func (c *guardUnblockCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	q := url.Values{"key": {c.Key}}
	for k, v := range c.values() {
		q[k] = v
	}
	if err := srv.call(a.ctx, "DELETE", "/guards/blocks?"+q.Encode(), nil, nil); err != nil {
		return err
	}
	return a.said(map[string]string{"unblocked": c.Key}, "%s is no longer blocked", c.Key)
}
