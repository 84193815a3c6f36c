package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"countersign/internal/adminapi"
)

type registrationCmd struct {
	List    registrationListCmd    `cmd:"" help:"List a pool's registrations, and those of all pools."`
	Show    registrationShowCmd    `cmd:"" help:"Show one."`
	Put     registrationPutCmd     `cmd:"" help:"Create a registration, or change one."`
	Remove  registrationRemoveCmd  `cmd:"" help:"Remove one under which no other stands."`
	Check   registrationCheckCmd   `cmd:"" help:"Say which registration a text would go out under, or why it would not be sent."`
	Require registrationRequireCmd `cmd:"" help:"Show or set the countries to which nothing is sent without a registration."`
}

// sharedPoolFlag names a pool, or what holds for all.
type sharedPoolFlag struct {
	Pool string `help:"The pool; needed where there are several. deployment: for all pools." placeholder:"ID"`
}

func (f sharedPoolFlag) query() string { return poolFlag(f).query() }

type registrationListCmd struct {
	serverFlags
	sharedPoolFlag
	listFlags
}

func (c *registrationListCmd) Run(a *app) error {
	var out struct {
		Registrations []adminapi.Registration `json:"registrations"`
		Next          string                  `json:"next,omitempty"`
	}
	if shown, err := c.show(a, c.over("/registrations", query("pool", c.Pool)), &out); shown || err != nil {
		return err
	}
	if len(out.Registrations) == 0 && len(c.Filter) == 0 {
		_, err := fmt.Fprintln(a.stdout, "none; docs/registrations.md shows how to begin")
		return err
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tCOUNTRY\tKIND\tSTATUS\tSENDER\tENDS\tFOR\tID")
	for _, r := range out.Registrations {
		ends, holds := "never", "the pool"
		if !r.ExpiresAt.IsZero() {
			ends = r.ExpiresAt.Local().Format(time.DateOnly)
		}
		if r.Shared {
			holds = "all pools"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", printable(r.Name), r.Country, r.Kind, r.Status, printable(r.Sender), ends, holds, r.ID)
	}
	a.more(out.Next)
	return t.Flush()
}

// registrationName names one.
type registrationName struct {
	sharedPoolFlag
	Name string `arg:"" help:"Its name or id."`
}

func (n registrationName) path() string {
	return "/registrations/" + url.PathEscape(n.Name) + n.query()
}

type registrationShowCmd struct {
	serverFlags
	registrationName
}

func (c *registrationShowCmd) Run(a *app) error {
	var r adminapi.Registration
	if shown, err := c.show(a, c.path(), &r); shown || err != nil {
		return err
	}
	return printYAML(a, r)
}

type registrationPutCmd struct {
	serverFlags
	registrationName
	File      string   `help:"What it says as YAML or JSON, - for standard input; flags go over it." placeholder:"FILE"`
	Country   string   `help:"ISO 3166." placeholder:"IN"`
	Kind      string   `help:"ten_dlc_brand, ten_dlc_campaign, toll_free, short_code, sender_id, dlt_entity, dlt_template or template." placeholder:"KIND"`
	Sender    *string  `help:"The sender ID or number that it is for." placeholder:"FROM"`
	Entity    *string  `help:"India: the entity's id." placeholder:"ID"`
	Template  *string  `help:"India: the template's id." placeholder:"ID"`
	Brand     *string  `help:"10DLC: the brand's id." placeholder:"ID"`
	Campaign  *string  `help:"10DLC: the campaign's id." placeholder:"ID"`
	Text      *string  `help:"The exact text, with {{code}} and the places that were registered." placeholder:"TEXT"`
	Variables []string `name:"variable" help:"What is put into the DLT's places, in their order." placeholder:"TEXT" sep:"none"`
	Purposes  []string `name:"purpose" help:"What the text may be sent for: sign_in, sign_up, recovery, verify, invite, notice (default: all)." placeholder:"PURPOSE"`
	Locale    *string  `help:"The text's language tag." placeholder:"TAG"`
	Status    string   `help:"draft, submitted, approved, rejected or expired." placeholder:"STATUS"`
	Reason    *string  `help:"What the registry said." placeholder:"TEXT"`
	Expires   string   `help:"The day on which it ends; never: it does not." placeholder:"YYYY-MM-DD"`
	Parent    *string  `help:"The one above it, by name or id: a campaign's brand, a template's entity." placeholder:"NAME"`
	Rename    string   `help:"Another name." placeholder:"NAME"`
}

func (c *registrationPutCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	var in adminapi.RegistrationChange
	var now adminapi.Registration
	err = srv.call(a.ctx, "GET", c.path(), nil, &now)
	if err != nil && !isNotFound(err) {
		return err
	}
	// One of all pools is shown to each of them, and is not theirs to change.
	if found := err == nil && (!now.Shared || c.Pool == "deployment"); found {
		raw, err := json.Marshal(now)
		if err == nil {
			err = json.Unmarshal(raw, &in)
		}
		if err != nil {
			return err
		}
	}
	version := in.Version
	if c.File != "" {
		raw, err := a.readFile(c.File)
		if err != nil {
			return err
		}
		if err := readYAML(c.File, raw, &in, "docs/registrations.md lists what it holds; begin with countersign registration show NAME"); err != nil {
			return err
		}
	}
	in.Version = version
	if err := c.into(&in); err != nil {
		return err
	}
	var r adminapi.Registration
	if err := srv.call(a.ctx, "PUT", c.path(), in, &r); err != nil {
		return err
	}
	return a.said(r, "%s (%s, %s) is %s", printable(r.Name), r.Country, r.Kind, r.Status)
}

// isNotFound reports whether the server said that there is no such thing.
func isNotFound(err error) bool {
	e, ok := errors.AsType[*refusal](err)
	return ok && e.code == "resource_not_found"
}

// into writes the flags over a registration.
func (c *registrationPutCmd) into(in *adminapi.RegistrationChange) error {
	for _, f := range []struct {
		to   *string
		from *string
	}{{&in.Sender, c.Sender}, {&in.EntityID, c.Entity}, {&in.TemplateID, c.Template}, {&in.BrandID, c.Brand}, {&in.CampaignID, c.Campaign},
		{&in.Text, c.Text}, {&in.Locale, c.Locale}, {&in.Reason, c.Reason}, {&in.ParentID, c.Parent}} {
		take(f.to, f.from)
	}
	for to, from := range map[*string]string{&in.Country: strings.ToUpper(c.Country), &in.Kind: c.Kind, &in.Status: c.Status, &in.Name: c.Rename} {
		if from != "" {
			*to = from
		}
	}
	if c.Variables != nil {
		in.Variables = c.Variables
	}
	if c.Purposes != nil {
		in.Purposes = c.Purposes
	}
	switch c.Expires {
	case "":
	case "never":
		in.ExpiresAt = nil
	default:
		at, err := time.Parse(time.DateOnly, c.Expires)
		if err != nil {
			return hint(fmt.Errorf("--expires %s: not a day", c.Expires), "for example --expires 2027-06-30")
		}
		in.ExpiresAt = &at
	}
	return nil
}

type registrationRemoveCmd struct {
	serverFlags
	registrationName
}

func (c *registrationRemoveCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	if err := srv.call(a.ctx, "DELETE", c.path(), nil, nil); err != nil {
		return err
	}
	return a.said(map[string]string{"removed": c.Name}, "removed %s", c.Name)
}

type registrationCheckCmd struct {
	serverFlags
	poolFlag
	Country  string `required:"" help:"ISO 3166." placeholder:"IN"`
	Purpose  string `help:"sign_in, sign_up, recovery, verify, invite or notice." default:"sign_in" enum:"sign_in,sign_up,recovery,verify,invite,notice"`
	Locale   string `help:"A language tag." placeholder:"TAG"`
	Sender   string `help:"The origination identity." placeholder:"FROM"`
	Text     string `help:"The text as it would go out." placeholder:"TEXT"`
	Entity   string `help:"India: the entity's id." placeholder:"ID"`
	Template string `help:"India: the template's id." placeholder:"ID"`
}

func (c *registrationCheckCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	in := adminapi.RegistrationCheck{Country: strings.ToUpper(c.Country), Purpose: c.Purpose, Locale: c.Locale, Sender: c.Sender, Text: c.Text, EntityID: c.Entity, TemplateID: c.Template}
	var v adminapi.RegistrationVerdict
	if err := srv.call(a.ctx, "POST", "/registrations/check"+c.query(), in, &v); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(v)
	}
	if v.Chosen {
		fmt.Fprintf(a.stdout, "registration %s\n", strings.Join(v.IDs, " under "))
		for _, line := range [][2]string{{"text", v.Text}, {"sender", v.Sender}, {"entity", v.EntityID}, {"template", v.TemplateID}} {
			if line[1] != "" {
				fmt.Fprintf(a.stdout, "  %s: %s\n", line[0], printable(line[1]))
			}
		}
	} else {
		fmt.Fprintln(a.stdout, "no registration chooses the text")
	}
	if v.Blocker != "" {
		return hint(fmt.Errorf("it would not be sent: %s: %s", v.Blocker, v.Why), "%s", v.Hint)
	}
	return nil
}

type registrationRequireCmd struct {
	serverFlags
	sharedPoolFlag
	Countries []string `arg:"" optional:"" help:"These, and no others (ISO 3166); none: no country."`
}

func (c *registrationRequireCmd) Run(a *app) error {
	var set adminapi.RegistrationSettings
	if len(c.Countries) == 0 {
		if shown, err := c.show(a, "/registration-settings"+c.query(), &set); shown || err != nil {
			return err
		}
		if len(set.Require) == 0 {
			set.Require = []string{"none"}
		}
		_, err := fmt.Fprintln(a.stdout, strings.Join(set.Require, " "))
		return err
	}
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	if err := srv.call(a.ctx, "GET", "/registration-settings"+c.query(), nil, &set); err != nil {
		return err
	}
	set.Require = []string{}
	for _, x := range c.Countries {
		if x != "none" {
			set.Require = append(set.Require, strings.ToUpper(x))
		}
	}
	if err := srv.call(a.ctx, "PUT", "/registration-settings"+c.query(), set, &set); err != nil {
		return err
	}
	return a.said(set, "%s now", count(len(set.Require), "country needs a registration", "countries need a registration"))
}
