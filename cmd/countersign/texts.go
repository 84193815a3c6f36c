package main

import (
	"fmt"

	"countersign/internal/adminapi"
)

type textsCmd struct {
	Show    textsShowCmd    `cmd:"" help:"Print what a pool says of its messages: transliteration, last line, locales, who makes codes, test numbers."`
	Apply   textsApplyCmd   `cmd:"" help:"Replace it by a file."`
	Preview textsPreviewCmd `cmd:"" help:"Render a text: encoding, segments, price."`
}

type textsShowCmd struct {
	serverFlags
	poolFlag
}

func (c *textsShowCmd) Run(a *app) error {
	var m adminapi.MessageSettings
	if shown, err := c.show(a, "/message-settings"+c.query(), &m); shown || err != nil {
		return err
	}
	return printYAML(a, m)
}

type textsApplyCmd struct {
	serverFlags
	poolFlag
	File string `arg:"" help:"YAML or JSON; - for standard input."`
}

func (c *textsApplyCmd) Run(a *app) error {
	raw, err := a.readFile(c.File)
	if err != nil {
		return err
	}
	var m adminapi.MessageSettings
	if err := readYAML(c.File, raw, &m, "docs/delivery.md lists what it holds; begin with countersign texts show"); err != nil {
		return err
	}
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	if err := srv.call(a.ctx, "PUT", "/message-settings"+c.query(), m, &m); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(m)
	}
	_, err = fmt.Fprintln(a.stdout, "these settings hold from the next message on; see one: countersign texts preview")
	return err
}

type textsPreviewCmd struct {
	serverFlags
	poolFlag
	Kind   string `help:"What the text is for: sign_in, sign_up, reset, verify, invite." default:"sign_in"`
	Client string `help:"The app client whose last line it gets." placeholder:"ID"`
	Locale string `help:"A language tag (fr-CA)." placeholder:"TAG"`
	To     string `help:"A number that it would go to, for the price." placeholder:"E164"`
	Text   string `help:"This template in place of the pool's; {####} is the code." placeholder:"TEXT"`
}

func (c *textsPreviewCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	var p adminapi.Preview
	in := adminapi.PreviewInput{Kind: c.Kind, Client: c.Client, Locale: c.Locale, To: c.To, Text: c.Text}
	if err := srv.call(a.ctx, "POST", "/messages/preview"+c.query(), in, &p); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(p)
	}
	fmt.Fprintf(a.stdout, "%s\n\n%s, %s, %s\n", p.Text, p.Encoding, count(p.Units, "unit", "units"), count(p.Segments, "segment", "segments"))
	if p.Foreign != "" {
		fmt.Fprintf(a.stdout, "these characters force UCS-2: %s\n", p.Foreign)
	}
	if p.Cost != "" {
		note := ""
		if !p.Known {
			note = " (no rate is known: the dear default)"
		}
		fmt.Fprintf(a.stdout, "cost: %s %s%s\n", p.Cost, p.Currency, note)
	}
	return nil
}
