package main

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"countersign/internal/adminapi"
	"countersign/internal/gateway"
	"countersign/internal/route"
)

type providerCmd struct {
	Kinds      providerKindsCmd  `cmd:"" help:"What accounts with providers there may be, and what each needs."`
	List       providerListCmd   `cmd:"" help:"List a pool's accounts and how they do."`
	Show       providerShowCmd   `cmd:"" help:"Show one account, without its secrets."`
	Add        providerAddCmd    `cmd:"" help:"Add an account."`
	Set        providerSetCmd    `cmd:"" help:"Change settings or secrets of an account."`
	Remove     providerRemoveCmd `cmd:"" help:"Delete an account."`
	Check      providerCheckCmd  `cmd:"" help:"Test an account's credentials, without a text to anybody."`
	ReceiptURL receiptURLCmd     `cmd:"" name:"receipt-url" help:"Show or renew the URL at which the provider reports."`
}

// poolFlag names the pool.
type poolFlag struct {
	Pool string `help:"The pool; needed where there are several." placeholder:"ID"`
}

// accountPath is the admin API's path of an account.
func (f poolFlag) accountPath(name, rest string) string {
	return "/accounts/" + url.PathEscape(name) + rest + f.query()
}

func (f poolFlag) query() string {
	if f.Pool == "" {
		return ""
	}
	return "?pool=" + url.QueryEscape(f.Pool)
}

type providerKindsCmd struct {
	Kind string `arg:"" optional:"" help:"Show one kind with all its settings."`
}

func (c *providerKindsCmd) Run(a *app) error {
	specs := gateway.Specs()
	if c.Kind == "" {
		t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "KIND\tPROVIDER\tCHANNELS\tRECEIPTS")
		for _, s := range specs {
			var channels []string
			for _, ch := range s.Channels {
				channels = append(channels, string(ch))
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.Kind, s.Title, strings.Join(channels, ", "), s.Receipts)
		}
		return t.Flush()
	}
	for _, s := range specs {
		if s.Kind != c.Kind {
			continue
		}
		fmt.Fprintf(a.stdout, "%s: %s\nReceipts: %s\n\n", s.Kind, s.Title, s.Receipts)
		t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "SETTING\t\tMEANING\tEXAMPLE")
		for _, f := range s.Fields {
			mark := ""
			if f.Secret {
				mark = "secret"
			}
			if f.Required {
				mark = strings.TrimPrefix(mark+", required", ", ")
			}
			help := f.Help
			if len(f.Values) > 0 {
				help += " (" + strings.Join(f.Values, ", ") + ")"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.Name, mark, help, f.Example)
		}
		return t.Flush()
	}
	return hint(fmt.Errorf("there is no kind %q", c.Kind), "countersign provider kinds")
}

type accountList struct {
	Accounts []route.Account          `json:"accounts"`
	Status   []adminapi.AccountStatus `json:"status"`
}

type providerListCmd struct {
	serverFlags
	poolFlag
}

func (c *providerListCmd) Run(a *app) error {
	var out accountList
	if shown, err := c.show(a, "/accounts"+c.query(), &out); shown || err != nil {
		return err
	}
	if len(out.Accounts) == 0 {
		_, err := fmt.Fprintln(a.stdout, "no accounts; add one: countersign provider add NAME --kind KIND (countersign provider kinds)")
		return err
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tKIND\tFROM\tCIRCUIT\tIN FLIGHT\tNOTES")
	for _, x := range out.Accounts {
		circuit, inFlight, notes := "closed", 0, []string{}
		for _, st := range out.Status {
			if st.Account != x.Name {
				continue
			}
			circuit, inFlight = st.Circuit, st.InFlight
			for _, n := range []string{st.Reason, st.Fault} {
				if n != "" {
					notes = append(notes, printable(n))
				}
			}
		}
		if x.Disabled {
			notes = append(notes, "disabled")
		}
		if x.Static {
			notes = append(notes, "from the configuration file")
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\n", x.Name, x.Kind, x.From, circuit, inFlight, strings.Join(notes, "; "))
	}
	return t.Flush()
}

type providerShowCmd struct {
	serverFlags
	poolFlag
	Name string `arg:"" help:"The account's name."`
}

func (c *providerShowCmd) Run(a *app) error {
	var x route.Account
	if shown, err := c.show(a, c.accountPath(c.Name, ""), &x); shown || err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s (%s), version %d\n", x.Name, x.Kind, x.Version)
	for _, k := range sortedKeys(x.Settings) {
		fmt.Fprintf(a.stdout, "  %s = %s\n", k, printable(x.Settings[k]))
	}
	for _, k := range x.SecretsSet {
		fmt.Fprintf(a.stdout, "  %s is set\n", k)
	}
	if x.From != "" {
		fmt.Fprintf(a.stdout, "  from %s\n", x.From)
	}
	for _, k := range sortedKeys(x.Senders) {
		fmt.Fprintf(a.stdout, "  from %s to %s\n", x.Senders[k], k)
	}
	return nil
}

func sortedKeys(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// accountFlags are what an account is made of.
type accountFlags struct {
	Set     []string `help:"A setting of the kind." placeholder:"NAME=VALUE" sep:"none"`
	Secret  []string `help:"A secret of the kind: its value, @FILE, or - for standard input." placeholder:"NAME=VALUE" sep:"none"`
	From    *string  `help:"Origination identity: number or sender ID." placeholder:"FROM"`
	Senders []string `name:"sender" help:"Origination identity for a country." placeholder:"GB=Acme" sep:"none"`
	Rate    *float64 `name:"per-second" help:"At most so many messages per second." placeholder:"N"`
	Off     bool     `name:"disable" help:"Pass it over until it is enabled."`
	On      bool     `name:"enable" help:"Use it again."`
}

// into writes the flags over an account.
func (f *accountFlags) into(a *app, n *adminapi.NewAccount) (err error) {
	if n.Settings, err = pairs(n.Settings, "--set", f.Set, nil); err != nil {
		return err
	}
	if n.Secrets, err = pairs(nil, "--secret", f.Secret, a.secretValue); err != nil {
		return err
	}
	if n.Senders, err = pairs(n.Senders, "--sender", f.Senders, nil); err != nil {
		return err
	}
	if f.From != nil {
		n.From = *f.From
	}
	if f.Rate != nil {
		n.PerSecond = *f.Rate
	}
	if f.Off && f.On {
		return errors.New("--disable and --enable contradict each other")
	}
	if f.Off || f.On {
		n.Disabled = f.Off
	}
	return nil
}

// pairs adds name=value to a map; an empty value removes the name.
func pairs(into map[string]string, flag string, list []string, read func(string) (string, error)) (map[string]string, error) {
	out := map[string]string{}
	for k, v := range into {
		out[k] = v
	}
	for _, kv := range list {
		k, v, ok := strings.Cut(kv, "=")
		if !ok || k == "" {
			return nil, hint(fmt.Errorf("%s %s: must be NAME=VALUE", flag, k), "countersign provider kinds KIND lists the names")
		}
		if read != nil {
			var err error
			if v, err = read(v); err != nil {
				return nil, fmt.Errorf("%s %s: %w", flag, k, err)
			}
			out[k] = v
			continue
		}
		if v == "" {
			delete(out, k)
		} else {
			out[k] = v
		}
	}
	return out, nil
}

// maxSecret bounds a secret that is read from a file, in bytes.
const maxSecret = 64 << 10

// secretValue reads a secret from where the flag says.
func (a *app) secretValue(v string) (string, error) {
	switch {
	case v == "-":
		raw, err := io.ReadAll(io.LimitReader(a.stdin, maxSecret))
		return strings.TrimRight(string(raw), "\r\n"), err
	case strings.HasPrefix(v, "@"):
		raw, err := os.ReadFile(v[1:])
		return strings.TrimRight(string(raw), "\r\n"), err
	}
	return v, nil
}

type providerAddCmd struct {
	serverFlags
	poolFlag
	Name string `arg:"" help:"A name of your own: a-z, 0-9, - and _."`
	Kind string `required:"" help:"The kind; countersign provider kinds lists them." placeholder:"KIND"`
	accountFlags
}

func (c *providerAddCmd) Run(a *app) error {
	n := adminapi.NewAccount{Kind: c.Kind}
	if err := c.into(a, &n); err != nil {
		return err
	}
	return c.put(a, c.poolFlag, c.Name, n, "added")
}

// put sends an account.
func (f serverFlags) put(a *app, pool poolFlag, name string, n adminapi.NewAccount, done string) error {
	srv, err := f.connect(a)
	if err != nil {
		return err
	}
	var out route.Account
	if err := srv.call(a.ctx, "PUT", pool.accountPath(name, ""), n, &out); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(out)
	}
	_, err = fmt.Fprintf(a.stdout, "%s %s; test it: countersign provider check %s; then countersign send --to NUMBER --provider %s\n", done, name, name, name)
	return err
}

type providerSetCmd struct {
	serverFlags
	poolFlag
	Name string `arg:"" help:"The account's name."`
	accountFlags
}

func (c *providerSetCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	var x route.Account
	if err := srv.call(a.ctx, "GET", c.accountPath(c.Name, ""), nil, &x); err != nil {
		return err
	}
	n := adminapi.NewAccount{
		Kind: x.Kind, Settings: x.Settings, Channels: x.Channels, From: x.From, Senders: x.Senders, PerSecond: x.PerSecond,
		SenderPerSecond: x.SenderPerSecond, CountryPerSecond: x.CountryPerSecond, MaxInFlight: x.MaxInFlight, Disabled: x.Disabled, Version: x.Version,
	}
	if err := c.into(a, &n); err != nil {
		return err
	}
	return c.put(a, c.poolFlag, c.Name, n, "changed")
}

type providerRemoveCmd struct {
	serverFlags
	poolFlag
	Name string `arg:"" help:"The account's name."`
}

func (c *providerRemoveCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	if err := srv.call(a.ctx, "DELETE", c.accountPath(c.Name, ""), nil, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.stdout, "removed", c.Name)
	return err
}

type providerCheckCmd struct {
	serverFlags
	poolFlag
	Name string `arg:"" help:"The account's name."`
}

func (c *providerCheckCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	var out struct {
		Found string `json:"found"`
	}
	if err := srv.call(a.ctx, "POST", c.accountPath(c.Name, "/check"), nil, &out); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(out)
	}
	_, err = fmt.Fprintln(a.stdout, printable(out.Found))
	return err
}

type receiptURLCmd struct {
	serverFlags
	poolFlag
	Name    string `arg:"" help:"The account's name."`
	Renew   bool   `help:"Make a new one."`
	Overlap int    `help:"How many hours the one before stays good." default:"72" placeholder:"HOURS"`
}

func (c *receiptURLCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	var out struct {
		URL string `json:"url"`
	}
	method, in := "GET", any(nil)
	if c.Renew {
		method, in = "POST", map[string]int{"overlap_hours": c.Overlap}
	}
	if err := srv.call(a.ctx, method, c.accountPath(c.Name, "/receipt-url"), in, &out); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(out)
	}
	_, err = fmt.Fprintln(a.stdout, out.URL)
	return err
}
