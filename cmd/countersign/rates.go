package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"countersign/internal/adminapi"
)

type ratesCmd struct {
	Show   ratesShowCmd   `cmd:"" help:"Print a pool's rate card as CSV."`
	List   ratesListCmd   `cmd:"" help:"List the rows of a pool's rate card."`
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

type ratesListCmd struct {
	serverFlags
	poolFlag
	listFlags
}

func (c *ratesListCmd) Run(a *app) error {
	var out struct {
		Rates []adminapi.Rate `json:"rates"`
		Next  string          `json:"next,omitempty"`
	}
	if shown, err := c.show(a, c.over("/rates/rows", c.values()), &out); shown || err != nil {
		return err
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ACCOUNT\tCOUNTRY\tCHANNEL\tPRICE\tFROM")
	for _, r := range out.Rates {
		from := "ever"
		if r.From != nil {
			from = r.From.Format(time.DateOnly)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s %s\t%s\n", r.Account, r.Country, r.Channel, r.Price, r.Currency, from)
	}
	a.more(out.Next)
	return t.Flush()
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
	listFlags
}

func (c *costsCmd) Run(a *app) error {
	var out struct {
		Costs []adminapi.Cost `json:"costs"`
		Next  string          `json:"next,omitempty"`
	}
	q := query("pool", c.Pool, "by", c.By, "from", time.Now().Add(-c.Since).UTC().Format(time.RFC3339))
	if shown, err := c.show(a, c.over("/costs", q), &out); shown || err != nil {
		return err
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.ToUpper(strings.ReplaceAll(c.By, ",", "\t"))+"\tMESSAGES\tDELIVERED\tTYPED IN\tCOST\tSETTLED\tPER TYPED CODE")
	for _, x := range out.Costs {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s %s\t%s\t%s\n", strings.Join(x.By, "\t"), x.Messages, x.Delivered, x.Verified, x.Cost, x.Currency, x.Settled, x.PerCode)
	}
	a.more(out.Next)
	return t.Flush()
}
