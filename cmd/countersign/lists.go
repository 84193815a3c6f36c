package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"countersign/internal/adminapi"
)

type usersCmd struct {
	List   usersListCmd   `cmd:"" help:"List users, without their attributes."`
	Export usersExportCmd `cmd:"" help:"Print everything kept about a user, in clear, as JSON."`
	Erase  usersEraseCmd  `cmd:"" help:"Delete a user and the key of what is kept elsewhere about them."`
}

// userFlags name a user.
type userFlags struct {
	serverFlags
	Pool string `required:"" help:"The pool's id." placeholder:"ID"`
	User string `arg:"" help:"Sub, username, phone number or e-mail address."`
}

func (f *userFlags) path() string {
	return "/pools/" + url.PathEscape(f.Pool) + "/users/" + url.PathEscape(f.User)
}

type usersListCmd struct {
	serverFlags
	Pool string `required:"" help:"The pool's id." placeholder:"ID"`
	listFlags
}

func (c *usersListCmd) Run(a *app) error {
	var out struct {
		Users []adminapi.User `json:"users"`
		Next  string          `json:"next,omitempty"`
	}
	if shown, err := c.show(a, c.over("/pools/"+url.PathEscape(c.Pool)+"/users", url.Values{}), &out); shown || err != nil {
		return err
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "SUB\tUSERNAME\tSTATUS\tENABLED\tNUMBER\tVERIFIED\tMFA\tCREATED")
	for _, u := range out.Users {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", u.Sub, printable(u.Username), u.Status, yes(u.Enabled), u.Number, yes(u.Verified), yes(u.MFA),
			u.CreatedAt.Local().Format(time.DateTime))
	}
	a.more(out.Next)
	return t.Flush()
}

type usersExportCmd struct{ userFlags }

func (c *usersExportCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	defer a.progress("exporting")()
	var out json.RawMessage
	if err := srv.call(a.ctx, "GET", c.path()+"/export", nil, &out); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, out, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.stdout, strings.TrimSpace(b.String()))
	return err
}

type usersEraseCmd struct {
	userFlags
	Yes bool `help:"Do it: this cannot be undone."`
}

func (c *usersEraseCmd) Run(a *app) error {
	if !c.Yes {
		return hint(errors.New("an erasure cannot be undone"), "look first: countersign users export; then repeat with --yes")
	}
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	var out adminapi.Erased
	if err := srv.call(a.ctx, "POST", c.path()+"/erase", nil, &out); err != nil {
		return err
	}
	if a.json {
		return a.printJSON(out)
	}
	_, err = fmt.Fprintf(a.stdout, "erased %s; the log keeps its counts under that id\n", out.Sub)
	return err
}

type eventsCmd struct {
	List eventsListCmd `cmd:"" help:"List events, newest first."`
}

type eventsListCmd struct {
	serverFlags
	Pool   string        `help:"The pool; needed where there are several. deployment: events of no pool, such as changes of functions and keys." placeholder:"ID"`
	Type   string        `help:"Of one type." placeholder:"TYPE"`
	User   string        `help:"About one user (sub)." placeholder:"ID"`
	Number string        `help:"About one phone number." placeholder:"E164"`
	Since  time.Duration `help:"Not older than this." placeholder:"1h"`
	Reveal bool          `help:"Show what is sealed (addresses, destinations)."`
	listFlags
}

func (c *eventsListCmd) Run(a *app) error {
	q := query("pool", c.Pool, "type", c.Type, "user", c.User, "number", c.Number)
	if c.Since > 0 {
		q.Set("from", time.Now().Add(-c.Since).UTC().Format(time.RFC3339))
	}
	if c.Reveal {
		q.Set("reveal", "true")
	}
	var out struct {
		Events []adminapi.Event `json:"events"`
		Next   string           `json:"next,omitempty"`
	}
	if shown, err := c.show(a, c.over("/events", q), &out); shown || err != nil {
		return err
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "AT\tTYPE\tUSER\tDATA")
	for _, e := range out.Events {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", e.At.Local().Format(time.DateTime), e.Type, e.UserID, printable(eventData(&e)))
	}
	a.more(out.Next)
	return t.Flush()
}

type messagesCmd struct {
	List messagesListCmd `cmd:"" help:"List messages, newest first."`
	Show messagesShowCmd `cmd:"" help:"Show one message with its attempts."`
}

type messagesListCmd struct {
	serverFlags
	Pool   string `help:"The pool; needed where there are several." placeholder:"ID"`
	User   string `help:"To one user (sub)." placeholder:"ID"`
	Number string `help:"To one phone number." placeholder:"E164"`
	State  string `help:"In one state (queued, sending, sent, delivered, undelivered, failed, expired, suppressed)." placeholder:"STATE"`
	listFlags
}

func (c *messagesListCmd) Run(a *app) error {
	var out struct {
		Messages []adminapi.Message `json:"messages"`
		Next     string             `json:"next,omitempty"`
	}
	q := query("pool", c.Pool, "user", c.User, "number", c.Number, "state", c.State)
	if shown, err := c.show(a, c.over("/messages", q), &out); shown || err != nil {
		return err
	}
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "AT\tID\tSTATE\tTO\tFOR\tPROVIDER\tERROR")
	for _, m := range out.Messages {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", m.CreatedAt.Local().Format(time.DateTime), m.ID, m.State, m.To, m.TriggerSource, through(&m),
			printable(strings.TrimPrefix(m.Error, m.Provider+": ")))
	}
	a.more(out.Next)
	return t.Flush()
}

// through is who took a message, or empty.
func through(m *adminapi.Message) string {
	if m.Account+m.Provider == "" {
		return ""
	}
	return by(m.Account, m.Provider)
}

type messagesShowCmd struct {
	serverFlags
	poolFlag
	ID string `arg:"" help:"The message's id."`
}

func (c *messagesShowCmd) Run(a *app) error {
	var m adminapi.Message
	if shown, err := c.show(a, "/messages/"+url.PathEscape(c.ID)+c.query(), &m); shown || err != nil {
		return err
	}
	return printMessage(a, &m)
}

type statusCmd struct{ serverFlags }

func (c *statusCmd) Run(a *app) error {
	var s adminapi.Status
	if shown, err := c.show(a, "/status", &s); shown || err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "countersign %s, %s, since %s\nlistening at %s\nhosts: %s\ndatabase: %s %s, schema %d, %d bytes\nsender: %s, e-mail: %s\nroot key %s\n",
		s.Version, s.Mode, s.StartedAt.Local().Format(time.DateTime), strings.Join(s.Listeners, ", "), strings.Join(s.BaseURLs, ", "),
		s.Database.Engine, s.Database.Version, s.Database.Schema, s.Database.SizeBytes, s.Sender, s.Mailer, s.RootKey)
	return err
}

// query makes a query string of what is not empty.
func query(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}
