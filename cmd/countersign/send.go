package main

import (
	"fmt"

	"countersign/internal/adminapi"
)

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
