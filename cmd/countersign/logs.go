package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"countersign/internal/adminapi"
)

// logsCmd reads the log as people follow it: oldest first, and on as it grows.
type logsCmd struct {
	serverFlags
	Follow bool          `short:"f" help:"Go on with what happens from now on, until interrupted."`
	Type   []string      `help:"Of these types, for example gd_send_sms_failure. Several with commas." placeholder:"TYPE"`
	Pool   string        `help:"The pool; needed where there are several. deployment: events of no pool." placeholder:"ID"`
	User   string        `help:"About one user (sub, or auth0|sub)." placeholder:"ID"`
	Client string        `help:"Of one app client." placeholder:"ID"`
	Number string        `help:"About one phone number." placeholder:"E164"`
	Since  time.Duration `help:"Not older than this." placeholder:"1h"`
	Limit  int           `help:"The last so many, before following." default:"20"`
	Reveal bool          `help:"Show what is sealed (addresses, destinations)."`
}

// followEvery is how often the server is asked for more, followPage how much it is asked for at once, followOverlap what is read again.
const (
	followEvery   = time.Second
	followPage    = 500
	followOverlap = 5 * time.Second
)

type eventPage struct {
	Events []adminapi.Event `json:"events"`
	Next   string           `json:"next,omitempty"`
}

func (c *logsCmd) Run(a *app) error {
	srv, err := c.connect(a)
	if err != nil {
		return err
	}
	q := c.query()
	q.Set("limit", strconv.Itoa(min(max(c.Limit, 1), 1000)))
	var page eventPage
	began := time.Now().UTC()
	if err := srv.call(a.ctx, "GET", "/events?"+q.Encode(), nil, &page); err != nil {
		return err
	}
	slices.Reverse(page.Events)
	if a.json && !c.Follow {
		return a.printJSON(page.Events)
	}
	f := &follower{a: a, srv: srv, query: q, seen: map[string]time.Time{}, newest: began.Add(-followOverlap)}
	if err := f.print(page.Events); err != nil || !c.Follow {
		return err
	}
	q.Set("ascending", "true")
	q.Set("limit", strconv.Itoa(followPage))
	return f.run()
}

func (c *logsCmd) query() url.Values {
	_, user, ok := strings.Cut(c.User, "|")
	if !ok {
		user = c.User
	}
	q := query("pool", c.Pool, "user", user, "client", c.Client, "number", c.Number, "type", strings.Join(c.Type, ","))
	if c.Since > 0 {
		q.Set("from", time.Now().Add(-c.Since).UTC().Format(time.RFC3339))
	}
	if c.Reveal {
		q.Set("reveal", "true")
	}
	return q
}

// follower prints events as they come. An event becomes visible when it is committed, which may be after a later one: the last seconds are
// read again each time.
type follower struct {
	a      *app
	srv    *client
	query  url.Values
	seen   map[string]time.Time
	newest time.Time
}

// run goes on until it is interrupted. A server that is away for a while is waited for.
func (f *follower) run() error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	lost := false
	for {
		select {
		case <-f.a.ctx.Done():
			return nil
		case <-tick.C:
		}
		page, err := f.read()
		switch {
		case f.a.ctx.Err() != nil:
			return nil
		case err != nil && !lost:
			fmt.Fprintf(f.a.stderr, "the server does not answer; waiting for it: %v\n", err)
			lost = true
		case err == nil && lost:
			fmt.Fprintln(f.a.stderr, "the server is back")
			lost = false
		}
		if err := f.print(page); err != nil {
			return err
		}
	}
}

// read returns the events since a little before the newest one that was seen.
func (f *follower) read() (all []adminapi.Event, err error) {
	from := f.newest.Add(-followOverlap)
	f.query.Set("from", from.UTC().Format(time.RFC3339Nano))
	f.query.Del("after")
	for {
		var page eventPage
		if err := f.srv.call(f.a.ctx, "GET", "/events?"+f.query.Encode(), nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Events...)
		if page.Next == "" {
			break
		}
		f.query.Set("after", page.Next)
	}
	for id, at := range f.seen {
		if at.Before(from) {
			delete(f.seen, id)
		}
	}
	return all, nil
}

// print prints events that were not printed before, one line each.
func (f *follower) print(list []adminapi.Event) error {
	for _, e := range list {
		if _, ok := f.seen[e.ID]; ok {
			continue
		}
		f.seen[e.ID] = e.At
		if e.At.After(f.newest) {
			f.newest = e.At
		}
		line := fmt.Sprintf("%s  %-22s %-36s %s\n", e.At.Local().Format(time.DateTime), e.Type, cmp.Or(e.UserID, "-"), printable(eventData(&e)))
		if f.a.json {
			raw, err := json.Marshal(e)
			if err != nil {
				return err
			}
			line = string(raw) + "\n"
		}
		if _, err := io.WriteString(f.a.stdout, line); err != nil {
			return err
		}
	}
	return nil
}

// eventData is what an event holds, on one line.
func eventData(e *adminapi.Event) string {
	data := string(e.Data)
	switch {
	case e.Dark:
		data += " (erased)"
	case len(e.Personal) > 0:
		raw, _ := json.Marshal(e.Personal)
		data += " " + string(raw)
	}
	return data
}
