package main

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"countersign/internal/adminapi"
)

type sandboxCmd struct {
	Status sandboxStatusCmd `cmd:"" help:"Say whether the account is in its sandbox, and which numbers it knows."`
	On     sandboxOnCmd     `cmd:"" help:"Send to verified destination numbers only."`
	Off    sandboxOffCmd    `cmd:"" help:"Send to everybody."`
	List   sandboxListCmd   `cmd:"" help:"List destination numbers."`
	Add    sandboxAddCmd    `cmd:"" help:"Add a number, and text it a code."`
	Code   sandboxCodeCmd   `cmd:"" help:"Send a number another code."`
	Verify sandboxVerifyCmd `cmd:"" help:"Take the code that was sent to a number."`
	Remove sandboxRemoveCmd `cmd:"" help:"Take a number out."`
}

type sandboxOnCmd struct{ serverFlags }

func (c *sandboxOnCmd) Run(a *app) error { return c.sandbox(a, true) }

type sandboxOffCmd struct{ serverFlags }

func (c *sandboxOffCmd) Run(a *app) error { return c.sandbox(a, false) }

func (f serverFlags) sandbox(a *app, on bool) error {
	srv, err := f.connect(a)
	if err != nil {
		return err
	}
	var out adminapi.SMSAccount
	if err := srv.call(a.ctx, "PUT", "/sms-account/sandbox", map[string]bool{"enabled": on}, &out); err != nil {
		return err
	}
	if on {
		return a.said(map[string]bool{"sandbox": true}, "the account is in its sandbox: only verified destination numbers are sent to (countersign sandbox add NUMBER)")
	}
	return a.said(map[string]bool{"sandbox": false}, "the account is out of its sandbox")
}

type destinationPage struct {
	Numbers []adminapi.DestinationNumber `json:"destination_numbers"`
	Next    string                       `json:"next,omitempty"`
}

type sandboxStatusCmd struct{ serverFlags }

func (c *sandboxStatusCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	var account adminapi.SMSAccount
	if err := srv.call(a.ctx, "GET", "/sms-account", nil, &account); err != nil {
		return err
	}
	var page destinationPage
	if err := srv.call(a.ctx, "GET", "/destination-numbers?limit=1000", nil, &page); err != nil {
		return err
	}
	verified := 0
	for _, n := range page.Numbers {
		if n.Status == "verified" {
			verified++
		}
	}
	if a.json {
		return a.printJSON(map[string]any{"sandbox": account.Sandbox, "verified": verified, "pending": len(page.Numbers) - verified})
	}
	state := "out of its sandbox: everybody is sent to"
	if account.Sandbox {
		state = "in its sandbox: only verified destination numbers are sent to"
	}
	_, err = fmt.Fprintf(a.stdout, "the account is %s\n%s verified, %d pending\n", state, count(verified, "number is", "numbers are"), len(page.Numbers)-verified)
	return err
}

type sandboxListCmd struct {
	serverFlags
	listFlags
	Reveal bool `help:"Show the numbers in full."`
}

func (c *sandboxListCmd) Run(a *app) error {
	q := url.Values{}
	if c.Reveal {
		q.Set("reveal", strconv.FormatBool(true))
	}
	var page destinationPage
	if shown, err := c.show(a, c.over("/destination-numbers", q), &page); shown || err != nil {
		return err
	}
	if len(page.Numbers) == 0 && len(c.Filter) == 0 {
		_, err := fmt.Fprintln(a.stdout, "none; add one: countersign sandbox add NUMBER")
		return err
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NUMBER\tSTATUS\tADDED\tVERIFIED\tCODES TODAY\tID")
	for _, n := range page.Numbers {
		verified := "-"
		if n.VerifiedAt != nil {
			verified = n.VerifiedAt.Local().Format(time.DateTime)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\n", n.Number, n.Status, n.CreatedAt.Local().Format(time.DateTime), verified, n.Codes, n.ID)
	}
	a.more(page.Next)
	return t.Flush()
}

type sandboxAddCmd struct {
	serverFlags
	Number   string `arg:"" help:"A phone number in E.164 form."`
	Language string `help:"Of the text with the code (en-US, de-DE, es-419 ...)." placeholder:"TAG"`
}

func (c *sandboxAddCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	var n adminapi.DestinationNumber
	if err := srv.call(a.ctx, "POST", "/destination-numbers", map[string]string{"number": c.Number, "language": c.Language}, &n); err != nil {
		return err
	}
	return a.said(n, "a code was sent; take it: countersign sandbox verify %s CODE", c.Number)
}

// destinationName names a destination number.
type destinationName struct {
	Number string `arg:"" help:"The number in E.164 form, or its id."`
}

func (n destinationName) path(rest string) string {
	return "/destination-numbers/" + url.PathEscape(n.Number) + rest
}

type sandboxCodeCmd struct {
	serverFlags
	destinationName
	Voice    bool   `help:"Call instead of texting."`
	Language string `help:"Of the text or call." placeholder:"TAG"`
}

func (c *sandboxCodeCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	var out struct {
		MessageID string `json:"message_id"`
	}
	if err := srv.call(a.ctx, "POST", c.path("/code"), map[string]any{"voice": c.Voice, "language": c.Language}, &out); err != nil {
		return err
	}
	return a.said(out, "a code was sent; follow it: countersign message show %s", out.MessageID)
}

type sandboxVerifyCmd struct {
	serverFlags
	destinationName
	Code string `arg:"" help:"The code."`
}

func (c *sandboxVerifyCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	var n adminapi.DestinationNumber
	if err := srv.call(a.ctx, "POST", c.path("/verify"), map[string]string{"code": c.Code}, &n); err != nil {
		return err
	}
	return a.said(n, "%s is %s", n.Number, n.Status)
}

type sandboxRemoveCmd struct {
	serverFlags
	destinationName
}

func (c *sandboxRemoveCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	if err := srv.call(a.ctx, "DELETE", c.path(""), nil, nil); err != nil {
		return err
	}
	return a.said(map[string]string{"removed": c.Number}, "removed")
}

type smsAccountCmd struct {
	Show smsAccountShowCmd `cmd:"" help:"Show the account that SNS and End User Messaging know: pool, sandbox, spend limits, default sender."`
	Set  smsAccountSetCmd  `cmd:"" help:"Change it."`
}

type smsAccountShowCmd struct{ serverFlags }

func (c *smsAccountShowCmd) Run(a *app) error {
	var x adminapi.SMSAccount
	if shown, err := c.show(a, "/sms-account", &x); shown || err != nil {
		return err
	}
	pool := x.PoolInForce
	if pool == "" {
		pool = "none: there are several pools, name one (countersign sms-account set --pool ID)"
	}
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	limit := "none"
	if x.MonthlySpendLimit != "" {
		limit = x.MonthlySpendLimit + " USD"
	}
	fmt.Fprintf(a.stdout, "pool: %s\nsandbox: %s\nmonthly limit: %s\nsender ID: %s\ntype: %s\n", pool, yes(x.Sandbox), limit, or(printable(x.DefaultSenderID), "none"), or(x.DefaultSMSType, "Promotional"))
	for _, l := range x.Limits {
		most := ""
		if l.Overridden {
			most = " (set by End User Messaging)"
		}
		fmt.Fprintf(a.stdout, "  %s: %d USD a month%s\n", l.Kind, l.Enforced, most)
	}
	return nil
}

type smsAccountSetCmd struct {
	serverFlags
	Pool         *string `help:"The pool whose messages, opt-outs and spend are the account's; empty: the only pool." placeholder:"ID"`
	MonthlyLimit *string `name:"monthly-limit" help:"What a month's messages may cost, in US dollars; empty: none." placeholder:"20.00"`
	Sender       *string `help:"The sender ID of messages that name none." placeholder:"FROM"`
	Type         *string `help:"Promotional or Transactional." placeholder:"TYPE"`
	TextLimit    *string `name:"text-limit" help:"End User Messaging's own limit for texts, in whole US dollars a month; empty: none." placeholder:"N"`
	VoiceLimit   *string `name:"voice-limit" help:"The same for calls." placeholder:"N"`
}

func (c *smsAccountSetCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	var x adminapi.SMSAccount
	if err := srv.call(a.ctx, "GET", "/sms-account", nil, &x); err != nil {
		return err
	}
	in := adminapi.SMSAccount{Settings: x.Settings, Version: x.Version}
	take(&in.Pool, c.Pool)
	take(&in.MonthlySpendLimit, c.MonthlyLimit)
	take(&in.DefaultSenderID, c.Sender)
	take(&in.DefaultSMSType, c.Type)
	for _, l := range []struct {
		to   **int64
		from *string
		name string
	}{{&in.TextLimit, c.TextLimit, "--text-limit"}, {&in.VoiceLimit, c.VoiceLimit, "--voice-limit"}} {
		if err := takeNumber(l.to, l.from, l.name); err != nil {
			return err
		}
	}
	if err := srv.call(a.ctx, "PUT", "/sms-account", in, &x); err != nil {
		return err
	}
	return a.said(x, "the account is changed (version %d)", x.Version)
}

// takeNumber writes a number that was given; an empty one takes it away.
func takeNumber(to **int64, flag *string, name string) error {
	if flag == nil {
		return nil
	}
	if strings.TrimSpace(*flag) == "" {
		*to = nil
		return nil
	}
	n, err := strconv.ParseInt(*flag, 10, 64)
	if err != nil {
		return hint(errors.New(name+": not a whole number"), "for example %s 20", name)
	}
	*to = &n
	return nil
}
