package main

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"

	"countersign/internal/adminapi"
)

type originationCmd struct {
	List      originationListCmd      `cmd:"" help:"List sender IDs and origination numbers."`
	Show      originationShowCmd      `cmd:"" help:"Show one."`
	Add       originationAddCmd       `cmd:"" help:"Write down a number or sender ID that a carrier has given."`
	Request   originationRequestCmd   `cmd:"" help:"Ask for a sender ID, or in dev for a simulated number."`
	Set       originationSetCmd       `cmd:"" help:"Change one."`
	Release   originationReleaseCmd   `cmd:"" help:"Give one up: nothing is sent from it any more."`
	Countries originationCountriesCmd `cmd:"" help:"What each country allows: sender IDs, numbers, two-way; with source and date."`
	Settings  originationSettingsCmd  `cmd:"" help:"Show or replace which messages need an identity, and corrections of the countries."`
}

type originationListCmd struct {
	serverFlags
	listFlags
}

func (c *originationListCmd) Run(a *app) error {
	var out struct {
		Originations []adminapi.Origination `json:"originations"`
		Next         string                 `json:"next,omitempty"`
	}
	if shown, err := c.show(a, c.over("/originations", url.Values{}), &out); shown || err != nil {
		return err
	}
	if len(out.Originations) == 0 && len(c.Filter) == 0 {
		_, err := fmt.Fprintln(a.stdout, "none; write down what your carrier gave you: countersign origination add NUMBER, or countersign origination add SENDERID --country GB")
		return err
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "VALUE\tCOUNTRY\tTYPE\tSTATUS\tFOR\tCAN\tNOTES\tID")
	for _, i := range out.Originations {
		var notes []string
		for _, n := range []struct {
			on   bool
			text string
		}{{i.Simulated, "simulated"}, {i.TwoWay, "two-way"}, {i.Protected, "protected"}, {i.RegistrationID != "", "registered"}, {i.Account != "", "at " + i.Account}} {
			if n.on {
				notes = append(notes, n.text)
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", i.Value, i.Country, i.Type, i.Status, strings.ToLower(i.MessageType), strings.Join(i.Capabilities, " "), strings.Join(notes, ", "), i.ID)
	}
	a.more(out.Next)
	return t.Flush()
}

// originationName names one in a path.
type originationName struct {
	Name string `arg:"" help:"The number, SENDERID/COUNTRY, or the id."`
}

func (n originationName) path() string { return "/originations/" + url.PathEscape(n.Name) }

type originationShowCmd struct {
	serverFlags
	originationName
}

func (c *originationShowCmd) Run(a *app) error {
	var i adminapi.Origination
	if shown, err := c.show(a, c.path(), &i); shown || err != nil {
		return err
	}
	return printYAML(a, i)
}

// originationFlags are what a new identity is made of.
type originationFlags struct {
	Type         string            `help:"long_code, toll_free, ten_dlc, short_code, simulator or sender_id." placeholder:"TYPE"`
	Capability   []string          `help:"SMS, VOICE, MMS (default SMS)." placeholder:"SMS"`
	Promotional  bool              `help:"For promotional messages (default: transactional)."`
	OptOutList   string            `name:"opt-out-list" help:"The list that is asked before a message is sent from it." placeholder:"NAME"`
	Registration string            `help:"The id of its registration." placeholder:"ID"`
	Tags         map[string]string `name:"tag" help:"A tag." placeholder:"NAME=VALUE"`
	Protect      bool              `help:"Refuse to release it."`
}

func (f originationFlags) into(n *adminapi.NewOrigination) {
	n.Type, n.OptOutList, n.RegistrationID, n.Tags, n.Protected = f.Type, f.OptOutList, f.Registration, f.Tags, f.Protect
	for _, c := range f.Capability {
		n.Capabilities = append(n.Capabilities, strings.ToUpper(c))
	}
	if f.Promotional {
		n.MessageType = "PROMOTIONAL"
	}
	if strings.Trim(n.Value, "+0123456789") != "" || f.Type == "sender_id" {
		n.Kind = "sender_id"
	}
}

type originationAddCmd struct {
	serverFlags
	Value   string `arg:"" help:"The number in E.164 form, a short code's digits, or the sender ID."`
	Country string `help:"ISO 3166; a number in E.164 form has its own." placeholder:"GB"`
	Account string `help:"The provider account that has it." placeholder:"NAME"`
	TwoWay  bool   `help:"It takes texts, too."`
	Pending bool   `help:"It waits for its registration: nothing is sent from it yet."`
	Price   string `help:"What it costs in a month, in US dollars." placeholder:"1.00"`
	originationFlags
}

func (c *originationAddCmd) Run(a *app) error {
	n := adminapi.NewOrigination{Value: c.Value, Country: c.Country, Account: c.Account, TwoWay: c.TwoWay, MonthlyPrice: c.Price}
	if c.Pending {
		n.Status = "pending"
	}
	c.into(&n)
	return c.make(a, "/originations", n)
}

// make sends a new identity.
func (f serverFlags) make(a *app, path string, n adminapi.NewOrigination) error {
	srv, err := f.connect(a)
	if err != nil {
		return err
	}
	var i adminapi.Origination
	if err := srv.call(a.ctx, "POST", path, n, &i); err != nil {
		return err
	}
	return a.said(i, "%s (%s, %s) is %s", i.Value, i.Country, i.Type, i.Status)
}

type originationRequestCmd struct {
	serverFlags
	Sender  string `arg:"" optional:"" help:"A sender ID; without one a number is asked for."`
	Country string `required:"" help:"ISO 3166." placeholder:"GB"`
	originationFlags
}

func (c *originationRequestCmd) Run(a *app) error {
	n := adminapi.NewOrigination{Value: c.Sender, Country: c.Country}
	c.into(&n)
	return c.make(a, "/originations/request", n)
}

type originationSetCmd struct {
	serverFlags
	originationName
	TwoWay       *bool   `help:"It takes texts, too." negatable:""`
	OptOutList   *string `name:"opt-out-list" help:"The list that is asked before a message is sent from it." placeholder:"NAME"`
	Registration *string `help:"The id of its registration; empty: none." placeholder:"ID"`
	Account      *string `help:"The provider account that has it." placeholder:"NAME"`
	Price        *string `help:"What it costs in a month, in US dollars." placeholder:"1.00"`
	Status       *string `help:"active or pending." placeholder:"STATUS"`
	Protect      bool    `help:"Refuse to release it." xor:"protect"`
	Unprotect    bool    `help:"Let it be released." xor:"protect"`
}

func (c *originationSetCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	ch := adminapi.OriginationChange{TwoWay: c.TwoWay, OptOutList: c.OptOutList, RegistrationID: c.Registration, Account: c.Account, MonthlyPrice: c.Price, Status: c.Status}
	if c.Protect || c.Unprotect {
		ch.Protected = &c.Protect
	}
	var i adminapi.Origination
	if err := srv.call(a.ctx, "PATCH", c.path(), ch, &i); err != nil {
		return err
	}
	return a.said(i, "changed %s", i.Value)
}

type originationReleaseCmd struct {
	serverFlags
	originationName
}

func (c *originationReleaseCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	var i adminapi.Origination
	if err := srv.call(a.ctx, "DELETE", c.path(), nil, &i); err != nil {
		return err
	}
	return a.said(i, "released %s", i.Value)
}

type originationCountriesCmd struct {
	serverFlags
	listFlags
	Country string `arg:"" optional:"" help:"Only this one (ISO 3166)."`
}

func (c *originationCountriesCmd) Run(a *app) error {
	var out struct {
		Countries []adminapi.OriginationCountry `json:"countries"`
		Next      string                        `json:"next,omitempty"`
	}
	if c.Country != "" {
		c.Filter = append(c.Filter, "country="+strings.ToUpper(c.Country))
	}
	if shown, err := c.show(a, c.over("/originations/countries", url.Values{}), &out); shown || err != nil {
		return err
	}
	if len(out.Countries) == 0 {
		_, err := fmt.Fprintln(a.stdout, "the table has no such country; nothing is refused for those that it does not have")
		return err
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "COUNTRY\tNAME\tSENDER IDS\tNUMBERS\tTWO-WAY\tNEEDS ONE\tREAD")
	for _, x := range out.Countries {
		types := []string{}
		for _, ty := range x.Types {
			types = append(types, string(ty))
		}
		read := x.Read
		if !x.Sure {
			read += " (not sure)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.ISO, x.Name, strings.ReplaceAll(string(x.SenderID), "_", " "), cmp.Or(strings.Join(types, " "), "-"), yes(x.TwoWay), yes(x.Needed), read)
	}
	if len(out.Countries) == 1 {
		fmt.Fprintf(t, "\n%s\n", strings.TrimSpace(printable(out.Countries[0].Note)+" Source: "+printable(out.Countries[0].Source)))
	}
	a.more(out.Next)
	return t.Flush()
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

type originationSettingsCmd struct {
	serverFlags
	File string `arg:"" optional:"" help:"Replace them by this YAML or JSON file; - for standard input."`
}

func (c *originationSettingsCmd) Run(a *app) error {
	var now adminapi.OriginationSettings
	if c.File == "" {
		if shown, err := c.show(a, "/origination-settings", &now); shown || err != nil {
			return err
		}
		if now.Version == 0 {
			fmt.Fprintln(a.stdout, "# the defaults")
			now.Enforce = "account"
		}
		return printYAML(a, now.Settings)
	}
	raw, err := a.readFile(c.File)
	if err != nil {
		return err
	}
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	if err := srv.call(a.ctx, "GET", "/origination-settings", nil, &now); err != nil {
		return err
	}
	next := adminapi.OriginationSettings{Version: now.Version}
	if err := readYAML(c.File, raw, &next.Settings, "docs/originations.md lists what they hold"); err != nil {
		return err
	}
	if err := srv.call(a.ctx, "PUT", "/origination-settings", next, &now); err != nil {
		return err
	}
	return a.said(now, "replaced (version %d)", now.Version)
}
