package simulator

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"time"

	"countersign/internal/ui"
)

const (
	// maxRows bounds the list of phones or mailboxes, maxBubbles the messages shown of one.
	maxRows    = 100
	maxBubbles = 200
	// maxPreview bounds the last text in the list, in characters.
	maxPreview = 90
)

// view is the page, ready for the template.
type view struct {
	Head          ui.Head
	Sandbox       bool   // the SMS account is in its sandbox
	Mail          bool   // the mailboxes are shown, not the phones
	Query         string // what the list is searched for
	PhoneCount    int
	MailboxCount  int
	Rows          []row
	Hidden        int // rows beyond the bound
	Thread        *thread
	Explicit      bool // the address names the thread; else it is the newest
	Epoch, Last   string
	BaseURL       string
	Region        string
	ClientID      string
	Number, Email string // examples in the commands
}

// row is one phone or mailbox in the list.
type row struct {
	Party, Label string
	Mail         bool
	Badge        string
	Preview      string
	Last         string // id of the last message that came in
	At           stamp
	Day          string // the day, if it is not today
	Selected     bool
}

// thread is one phone or mailbox, opened.
type thread struct {
	Party, Label string
	Encoded      string // Party for a query
	Mail         bool
	Contact      string // who texts this phone
	ContactLabel string
	Initial      string
	Older        int // messages beyond the bound
	Bubbles      []bubble
	Latest       bubble // the newest message with a code, else the newest that came in, else nothing
}

// bubble is one message.
type bubble struct {
	Message
	Label   string    // "Sign-in"
	Via     string    // the name of the simulated provider, where one took it
	Trigger [2]string // the trigger source, cut after its underscore
	Other   string    // the sender, where it is not the thread's contact
	Day     string    // set where a new day begins
	Parts   []part
	At      stamp
	Dies    *stamp
	Dead    bool
}

// part is a piece of a text; Code is set for the code in it.
type part struct {
	Text string
	Code bool
}

// stamp is a moment for <time>.
type stamp struct{ ISO, Clock string }

func stampOf(t time.Time, zone *time.Location) stamp {
	return stamp{t.UTC().Format("2006-01-02T15:04:05.000Z"), t.In(zone).Format("15:04")}
}

// request is what the page's address asks for.
type request struct {
	to    string
	mail  bool
	query string
}

func (h *handler) buildView(q request) view {
	s := h.Inbox.snapshot(Filter{Replies: true})
	byParty := map[string][]Message{}
	var phones, mailboxes []string
	for _, m := range s.messages {
		key := partyKey(m)
		if _, ok := byParty[key]; !ok {
			if m.mail() {
				mailboxes = append(mailboxes, key)
			} else {
				phones = append(phones, key)
			}
		}
		byParty[key] = append(byParty[key], m)
	}
	v := view{
		Mail: q.mail, Query: q.query, PhoneCount: len(phones), MailboxCount: len(mailboxes), Epoch: s.epoch, Last: s.last,
		BaseURL: h.BaseURL, Region: h.Region, ClientID: h.ClientID, Number: "+12025550123", Email: "ada@example.com",
	}
	parties := phones
	if q.mail {
		parties = mailboxes
	}
	slices.SortFunc(parties, func(a, b string) int {
		return cmp.Compare(byParty[b][len(byParty[b])-1].ID, byParty[a][len(byParty[a])-1].ID)
	})
	chosen := q.to
	if v.Explicit = chosen != ""; !v.Explicit && len(parties) > 0 {
		chosen = parties[0]
	}
	v.Rows, v.Hidden = h.rows(parties, byParty, q, chosen)
	if chosen != "" {
		v.Thread = h.thread(chosen, byParty[strings.ToLower(chosen)], q.mail)
	}
	return v
}

func partyKey(m Message) string { return strings.ToLower(m.Party()) }

func (h *handler) rows(parties []string, byParty map[string][]Message, q request, chosen string) (rows []row, hidden int) {
	for _, p := range parties {
		if !found(p, q.query) {
			continue
		}
		if len(rows) == maxRows {
			hidden++
			continue
		}
		list := byParty[p]
		last := list[len(list)-1]
		r := row{
			Party: last.Party(), Label: display(last.Party()), Mail: q.mail, Badge: badge(p, q.mail), At: stampOf(last.At, h.Location),
			Preview: preview(last), Selected: strings.EqualFold(p, chosen),
		}
		if d := dayName(last.At, h.Inbox.opt.Now(), h.Location); d != "Today" {
			r.Day = d
			if d != "Yesterday" {
				r.Day = last.At.In(h.Location).Format("2 Jan")
			}
		}
		for _, m := range slices.Backward(list) {
			if m.Direction == Outbound {
				r.Last = m.ID
				break
			}
		}
		rows = append(rows, r)
	}
	return rows, hidden
}

func (h *handler) thread(party string, list []Message, mail bool) *thread {
	t := &thread{Party: party, Label: display(party), Mail: mail}
	for _, m := range list {
		if m.Direction == Outbound {
			t.Party, t.Contact = m.Party(), cmp.Or(m.From, t.Contact)
		}
	}
	t.Contact, t.Encoded = cmp.Or(t.Contact, "Countersign"), url.QueryEscape(t.Party)
	t.Initial, t.ContactLabel = strings.ToUpper(firstLetter(t.Contact)), display(t.Contact)
	if t.Older = max(0, len(list)-maxBubbles); t.Older > 0 {
		list = list[t.Older:]
	}
	day, now := "", h.Inbox.opt.Now()
	for _, m := range list {
		b := h.bubble(m, now)
		if m.From != t.Contact && m.Direction == Outbound {
			b.Other = m.From
		}
		if d := dayName(m.At, now, h.Location); d != day {
			day, b.Day = d, d
		}
		t.Bubbles = append(t.Bubbles, b)
	}
	for _, b := range slices.Backward(t.Bubbles) {
		if b.Direction == Outbound && (t.Latest.ID == "" || b.Code != "") {
			t.Latest = b
		}
		if t.Latest.Code != "" {
			break
		}
	}
	return t
}

func (h *handler) bubble(m Message, now time.Time) bubble {
	head, tail, found := strings.Cut(m.TriggerSource, "_")
	if found {
		head += "_"
	}
	b := bubble{Message: m, Trigger: [2]string{head, tail}, Label: triggerLabel(m.TriggerSource), Via: serviceName(m.Provider), Parts: split(m.Text, m.Code), At: stampOf(m.At, h.Location)}
	if m.ExpiresAt != nil {
		at := stampOf(*m.ExpiresAt, h.Location)
		b.Dies, b.Dead = &at, !now.Before(*m.ExpiresAt)
	}
	return b
}
