package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"countersign/internal/adminapi"
	"countersign/internal/gateway"
	"countersign/internal/gateway/account"
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
	if c.Kind == "" {
		return listKinds(a, gateway.Specs())
	}
	s, ok := gateway.Spec(c.Kind)
	if !ok {
		return hint(fmt.Errorf("there is no kind %q", c.Kind), "countersign provider kinds")
	}
	if a.json {
		return a.printJSON(adminapi.KindOf(s))
	}
	fmt.Fprintf(a.stdout, "%s: %s, %s\nReceipts: %s\n\n", s.Kind, s.Title, channelsOf(s), s.Receipts)
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\t\tMEANING\tEXAMPLE")
	for _, f := range s.Fields {
		help := f.Help
		if len(f.Values) > 0 {
			help += " (" + strings.Join(f.Values, ", ") + ")"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", f.Name, markOf(f), help, f.Example)
	}
	fmt.Fprintf(t, "\nGive secrets by --secret NAME=VALUE, the rest by --set NAME=VALUE; more: docs/providers.md\n")
	return t.Flush()
}

func listKinds(a *app, specs []account.Spec) error {
	if a.json {
		out := make([]adminapi.AccountKind, 0, len(specs))
		for _, s := range specs {
			out = append(out, adminapi.KindOf(s))
		}
		return a.printJSON(map[string]any{"kinds": out})
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "KIND\tPROVIDER\tCHANNELS\tNEEDS")
	for _, s := range specs {
		var needs []string
		for _, f := range s.Fields {
			if f.Required {
				needs = append(needs, f.Name)
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.Kind, s.Title, channelsOf(s), strings.Join(needs, ", "))
	}
	fmt.Fprintf(t, "\nAll about one: countersign provider kinds KIND\n")
	return t.Flush()
}

func channelsOf(s account.Spec) string {
	var out []string
	for _, ch := range s.Channels {
		out = append(out, string(ch))
	}
	return strings.Join(out, ", ")
}

// markOf says what is special about a field.
func markOf(f account.Field) string {
	switch {
	case f.Secret && f.Required:
		return "secret, required"
	case f.Secret:
		return "secret"
	case f.Required:
		return "required"
	}
	return ""
}

type accountList struct {
	Accounts []route.Account          `json:"accounts"`
	Status   []adminapi.AccountStatus `json:"status"`
	Next     string                   `json:"next,omitempty"`
}

type providerListCmd struct {
	serverFlags
	poolFlag
	listFlags
}

func (c *providerListCmd) Run(a *app) error {
	var out accountList
	if shown, err := c.show(a, c.over("/accounts", c.values()), &out); shown || err != nil {
		return err
	}
	if len(out.Accounts) == 0 && len(c.Filter) == 0 {
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
	a.more(out.Next)
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
	fmt.Fprintf(a.stdout, "%s (%s)%s\n", x.Name, x.Kind, versionOf(x))
	line := func(on bool, format string, args ...any) {
		if on {
			fmt.Fprintf(a.stdout, "  "+format+"\n", args...)
		}
	}
	for _, k := range sortedKeys(x.Settings) {
		line(true, "%s = %s", k, printable(x.Settings[k]))
	}
	for _, k := range x.SecretsSet {
		line(true, "%s is set", k)
	}
	line(x.From != "", "from %s", printable(x.From))
	for _, k := range sortedKeys(x.Senders) {
		line(true, "from %s to %s", printable(x.Senders[k]), k)
	}
	line(len(x.Channels) > 0, "only for %s", strings.Join(x.Channels, ", "))
	line(x.PerSecond > 0, "at most %g a second", x.PerSecond)
	line(x.SenderPerSecond > 0, "at most %g a second by each sender", x.SenderPerSecond)
	for _, k := range sortedKeys(x.CountryPerSecond) {
		line(true, "at most %g a second to %s", x.CountryPerSecond[k], k)
	}
	line(x.MaxInFlight > 0, "at most %d calls at once", x.MaxInFlight)
	line(x.TrustUnsigned, "reports are believed unsigned")
	line(x.Disabled, "disabled: it is passed over")
	line(x.Static, "from the configuration file")
	return nil
}

func versionOf(x route.Account) string {
	if x.Static {
		return ""
	}
	return fmt.Sprintf(", version %d", x.Version)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// accountFlags are what an account is made of.
type accountFlags struct {
	Set     []string `help:"A setting of the kind." placeholder:"NAME=VALUE" sep:"none"`
	Secret  []string `help:"A secret of the kind: its value, @FILE, or - for standard input; empty removes it." placeholder:"NAME=VALUE" sep:"none"`
	From    *string  `help:"Origination identity: number or sender ID." placeholder:"FROM"`
	Senders []string `name:"sender" help:"Origination identity for a country." placeholder:"GB=Acme" sep:"none"`
	Rate    *float64 `name:"per-second" help:"At most so many messages per second." placeholder:"N"`
	// The rest is for accounts that need it.
	SenderRate  *float64           `name:"sender-per-second" help:"At most so many of one sender per second." placeholder:"N"`
	CountryRate map[string]float64 `name:"country-per-second" help:"At most so many to a country per second; 0 lifts it." placeholder:"GB=N"`
	InFlight    *int               `name:"max-in-flight" help:"At most so many calls of the provider at once." placeholder:"N"`
	Channels    []string           `name:"channel" help:"Only for sms or only for voice; all for both." enum:"sms,voice,all" placeholder:"sms"`
	Trust       *bool              `name:"trust-unsigned" help:"Believe reports that nobody signed, where the provider can neither sign nor be asked." negatable:""`
	Off         bool               `name:"disable" help:"Pass it over until it is enabled."`
	On          bool               `name:"enable" help:"Use it again."`
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
	take(&n.From, f.From)
	take(&n.PerSecond, f.Rate)
	take(&n.SenderPerSecond, f.SenderRate)
	take(&n.MaxInFlight, f.InFlight)
	take(&n.TrustUnsigned, f.Trust)
	for country, rate := range f.CountryRate {
		if n.CountryPerSecond == nil {
			n.CountryPerSecond = map[string]float64{}
		}
		if n.CountryPerSecond[country] = rate; rate == 0 {
			delete(n.CountryPerSecond, country)
		}
	}
	if f.Channels != nil {
		n.Channels = slices.DeleteFunc(f.Channels, func(ch string) bool { return ch == "all" })
	}
	if f.Off && f.On {
		return errors.New("--disable and --enable contradict each other")
	}
	if f.Off || f.On {
		n.Disabled = f.Off
	}
	return nil
}

// take writes a flag that was given.
func take[T any](into *T, flag *T) {
	if flag != nil {
		*into = *flag
	}
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
	r, file := a.stdin, strings.HasPrefix(v, "@")
	if v != "-" && !file {
		return v, nil
	}
	if file {
		f, err := os.Open(v[1:])
		if err != nil {
			return "", err
		}
		defer f.Close()
		r = f
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxSecret))
	text := strings.TrimRight(string(raw), "\r\n")
	if err == nil && text == "" { // an empty secret would be removed
		err = errors.New("there is nothing in it")
	}
	return text, err
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

// said tells what was done, as a sentence or as JSON.
func (a *app) said(asJSON any, format string, args ...any) error {
	if a.json {
		return a.printJSON(asJSON)
	}
	_, err := fmt.Fprintf(a.stdout, format+"\n", args...)
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
	if x.Static {
		return hint(fmt.Errorf("the account %s stands in the configuration file", x.Name), "change it in the file of sender.file, and start the server anew")
	}
	n := adminapi.NewAccount{
		Kind: x.Kind, Settings: x.Settings, Channels: x.Channels, From: x.From, Senders: x.Senders, PerSecond: x.PerSecond,
		SenderPerSecond: x.SenderPerSecond, CountryPerSecond: x.CountryPerSecond, MaxInFlight: x.MaxInFlight, Disabled: x.Disabled,
		TrustUnsigned: x.TrustUnsigned, Version: x.Version,
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
	return a.said(map[string]string{"removed": c.Name}, "removed %s", c.Name)
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
