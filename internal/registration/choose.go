package registration

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Choose returns what a text to a country is to be: that of the approved registration which fits purpose and locale best, the pool's own before those of
// all pools. ok is false if there is none; whether anything may be sent then is for Clear to say. The only errors are the store's.
func (s *Service) Choose(ctx context.Context, poolID, country, purpose, locale string) (c Choice, ok bool, err error) {
	v, err := s.viewOf(ctx, poolID)
	if err != nil {
		return Choice{}, false, err
	}
	var best *line
	most := 0
	now := s.c.Now()
	lines, _ := v.of(country)
	for _, l := range lines {
		if l.broken || l.bad != nil || l.over(now) || !l.isFor(purpose) {
			continue
		}
		if n := l.rank(purpose, locale); best == nil || n > most {
			best, most = l, n
		}
	}
	if best == nil {
		return Choice{}, false, nil
	}
	return best.choice(), true, nil
}

func (l *line) choice() Choice {
	return Choice{Text: l.template, Sender: l.Sender, EntityID: l.EntityID, TemplateID: l.TemplateID, IDs: slices.Clone(l.ids)}
}

func (l *line) over(now time.Time) bool { return !l.ends.IsZero() && !now.Before(l.ends) }

func (l *line) isFor(purpose string) bool {
	return purpose == "" || len(l.Purposes) == 0 || slices.Contains(l.Purposes, purpose)
}

// rank is how well a registration fits: its language first, then that it names the purpose, then that it has a text.
func (l *line) rank(purpose, locale string) int {
	n := 0
	base, _, _ := strings.Cut(locale, "-")
	own, _, _ := strings.Cut(l.Locale, "-")
	switch {
	case l.Locale != "" && strings.EqualFold(l.Locale, locale):
		n += 16
	case l.Locale != "" && strings.EqualFold(l.Locale, base):
		n += 12 // the language itself, before that of another country
	case l.Locale != "" && strings.EqualFold(own, base):
		n += 8
	case l.Locale == "":
		n += 4
	}
	if purpose != "" && slices.Contains(l.Purposes, purpose) {
		n += 2
	}
	if l.Text != "" {
		n++
	}
	return n
}

// Check refuses a text that must not be sent. Errors: *Blocker, and the store's.
func (s *Service) Check(ctx context.Context, poolID string, m Candidate) error {
	_, err := s.Clear(ctx, poolID, m)
	return err
}

// Clear is Check, and returns the registration under which the text may be sent, so that a sender or ids that are missing can be filled in. A country
// that is not under registration has an empty Choice. It is for texts: calls need no registration.
func (s *Service) Clear(ctx context.Context, poolID string, m Candidate) (Choice, error) {
	v, err := s.viewOf(ctx, poolID)
	if err != nil {
		return Choice{}, err
	}
	lines, under := v.of(m.Country)
	if !under {
		return Choice{}, nil
	}
	now, m := s.c.Now(), m
	m.Sender = sender(m.Sender)
	var nearest *line
	far, at := Reason(""), -1
	for _, l := range lines {
		why := l.refuses(m, now)
		if why == "" {
			return l.choice(), nil
		}
		if n := slices.Index(order(), why); n > at {
			nearest, far, at = l, why, n
		}
	}
	return Choice{}, blocker(m, nearest, cmp.Or(far, Missing))
}

// order is that of the questions of refuses.
func order() []Reason {
	return []Reason{Missing, SenderMismatch, PurposeMismatch, TextMismatch, IDMismatch, NotApproved, Over}
}

// refuses returns why a text may not be sent under a registration, "" if it may.
func (l *line) refuses(m Candidate, now time.Time) Reason {
	bound := m.RegistrationID != "" && (slices.Contains(l.ids, m.RegistrationID) || slices.Contains(l.names, m.RegistrationID))
	switch {
	case !bound && m.Sender != "" && l.Sender != "" && m.Sender != l.Sender:
		return SenderMismatch
	case !l.isFor(m.Purpose) && (m.Purpose != Notice || !l.isFor(Invite)): // both leave by the same lane
		return PurposeMismatch
	case l.Text != "" && m.Text != "" && !l.pattern.matches(m.Text):
		return TextMismatch
	case m.EntityID != "" && l.EntityID != "" && m.EntityID != l.EntityID, m.TemplateID != "" && l.TemplateID != "" && m.TemplateID != l.TemplateID:
		return IDMismatch
	case l.broken, l.bad != nil && l.bad.Status != Expired:
		return NotApproved
	case l.bad != nil, l.over(now):
		return Over
	}
	return ""
}

// blocker puts a reason into words.
func blocker(m Candidate, l *line, why Reason) *Blocker {
	b := &Blocker{Reason: why, Country: m.Country}
	if l == nil {
		b.Public = fmt.Sprintf("Texts to %s need a registration, and there is none under which they can be sent.", m.Country)
		b.Hint = "write it down with `countersign registration put`, or take the country off the setting registrations.require"
		return b
	}
	at := &l.Registration
	switch {
	case why == NotApproved && l.bad != nil:
		at = l.bad
	case why == Over && l.bad != nil:
		at = l.bad
	case why == Over:
		at = l.ending
	}
	b.ID, b.Name, b.Kind = at.ID, at.Name, at.Kind
	b.Public, b.Hint = words(l, at, why)
	return b
}

// words are a blocker's sentence and what to do about it.
func words(l *line, at *Registration, why Reason) (public, hint string) {
	switch why {
	case SenderMismatch:
		return fmt.Sprintf("The registration %s for %s is for another sender.", at.Name, at.Country),
			"send from the sender that is registered, or register this one"
	case PurposeMismatch:
		return fmt.Sprintf("No registration for %s is for texts of this purpose.", at.Country), "register a text for it, or add the purpose to a registration"
	case TextMismatch:
		return fmt.Sprintf("The text is not the registered one of %s for %s.", at.Name, at.Country),
			"render the registered text, without a tail or transliteration of its own, or register this one"
	case IDMismatch:
		return fmt.Sprintf("The entity or template id is not that of the registration %s for %s.", at.Name, at.Country),
			"leave the ids to the registration: the account's or the message's own differ"
	case Over:
		return fmt.Sprintf("The registration %s for %s has expired.", at.Name, at.Country), "renew it, and write down its new end"
	}
	if l.broken {
		return fmt.Sprintf("A registration above %s for %s is gone or is a draft, or its text cannot be read.", at.Name, at.Country), "write it down again"
	}
	return fmt.Sprintf("The registration %s for %s is %s.", at.Name, at.Country, at.Status), "set its status to approved once the registry says so"
}
