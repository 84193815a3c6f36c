package screen

import (
	"context"
	"fmt"
	"strings"
)

// Results of a Line.
const (
	passes      = "passes"
	refuses     = "refuses"
	wouldRefuse = "would refuse"
	notAsked    = "not asked"
)

// Explain says what each guard thinks of a message, in the order in which they are asked, and counts nothing. What is counted in the commit (account, number,
// address) is said as it is limited; where it stands depends on the account. Errors are those of the store.
func (s *Service) Explain(ctx context.Context, a Ask) (Decision, []Line, error) {
	p, err := s.policy(ctx, a.PoolID)
	if err != nil {
		return Decision{}, nil, err
	}
	e := &explanation{judgement: s.begin(p, a)}
	if p.mode == Off {
		return Decision{}, []Line{{Guard: "policy", Mode: Off, Result: notAsked, Text: "the policy's mode is off"}}, nil
	}
	e.static()
	known := e.found // what Screen says before it asks the quotas
	if !a.Typed {
		known[byNumber] = nil
	}
	cost := e.cost(ctx)
	for _, w := range e.wants(byProof, cost) {
		if err := e.quota(ctx, w); err != nil {
			return Decision{}, nil, err
		}
	}
	full := e.found[byProof] // the detector is asked before the strangers' shares
	e.found[byProof] = nil
	if err := e.detector(ctx); err != nil {
		return Decision{}, nil, err
	}
	if e.found[byProof] == nil {
		e.found[byProof] = full
	}
	e.counters()
	d := Decision{Recorded: e.recorded, Cost: cost}
	for _, found := range [][steps]*finding{known, e.found} {
		for at, f := range found {
			if f != nil {
				return e.refused(step(at)), e.lines, nil
			}
		}
	}
	return d, e.lines, nil
}

// explanation is a judgement that writes down what each guard says.
type explanation struct {
	*judgement
	lines []Line
}

// line adds what a guard says: otherwise, if it found nothing.
func (e *explanation) line(guard string, m Mode, otherwise string) *Line {
	l := Line{Guard: guard, Mode: m, Result: passes, Text: otherwise}
	switch f := e.latest; {
	case m == Off:
		l.Result = notAsked
	case f != nil:
		l.Result, l.Reason, l.Text = refuses, f.reason, f.evidence
		if m == Record {
			l.Result = wouldRefuse
		}
	}
	e.latest = nil
	e.lines = append(e.lines, l)
	return &e.lines[len(e.lines)-1]
}

// static explains what is known without counting.
func (e *explanation) static() {
	e.judgeRules()
	rules := "no rule fits"
	if e.exempt {
		rules = "a rule allows it"
	}
	e.line("rules", e.p.mode, rules)
	if e.to == "" {
		return
	}
	whole := e.p
	for _, only := range []struct {
		guard, passes string
		mode          Mode
		one           compiled
	}{
		{"fictional", "the number is not set aside for fiction", whole.fictional, compiled{fictional: whole.fictional, countries: Off, lines: Off}},
		{"countries", "messages go to " + named(e.region), whole.countries, compiled{
			fictional: Off, countries: whole.countries, lines: Off, allowed: whole.allowed, denied: whole.denied}},
		{"line_types", "the line is of type " + e.s.lines.of(e.a.To).String(), whole.lines, compiled{
			fictional: Off, countries: Off, lines: whole.lines, byLine: whole.byLine}},
	} {
		e.p = &only.one
		e.judgeNumber()
		e.line(only.guard, only.mode, only.passes)
	}
	e.p = whole
}

// quota explains where a quota stands.
func (e *explanation) quota(ctx context.Context, w want) (err error) {
	if w.taken, err = e.s.c.Quota.Taken(ctx, w.Key); err != nil {
		return err
	}
	if w.taken+w.N > w.Limit {
		e.find(w.mode, w.at, finding{reason: w.reason, key: w.keyText(), evidence: e.words(&w), after: w.Ends.Sub(e.now)})
	}
	l := e.line(w.guard, w.mode, e.words(&w))
	l.Limit, l.Taken = w.Limit, w.taken
	return nil
}

// detector explains what codes that stay untyped say.
func (e *explanation) detector(ctx context.Context) error {
	m := Mode(e.p.pumping.Mode)
	if m != Off && (!e.strange() || e.to == "" || e.a.Purpose == "notice") {
		e.line("pumping", m, "the number is confirmed, a rule allows the message, or it has no code").Result = notAsked
		return nil
	}
	if err := e.judgePumping(ctx, true); err != nil {
		return err
	}
	e.line("pumping", m, "codes to its country, range and network are typed in as people do")
	return nil
}

// counters says what the commit will count.
func (e *explanation) counters() {
	l := e.p.doc.Limits
	number, of := l.Number, "a number that nobody has proven"
	if e.a.Confirmed {
		number, of = l.Confirmed, "a proven number"
	}
	text := fmt.Sprintf("%s gets %s", of, number.words())
	if len(l.CoolDown) > 0 {
		text += "; its account waits " + strings.Trim(fmt.Sprint(l.CoolDown), "[]") + " seconds between unanswered ones"
	}
	if l.BackOffAfter > 0 && e.a.Confirmed && !e.a.Known {
		text += fmt.Sprintf("; after %d unanswered ones unknown networks wait %d minutes and more", l.BackOffAfter, l.BackOffMinutes)
	}
	e.line("number", e.p.quotas, text)
	e.line("account", e.p.quotas, "an account gets "+l.Account.words())
	e.line("address", e.p.quotas, "an address causes "+l.Address.words()+", the network around it "+l.Network.words())
}

func (w Window) words() string {
	part := func(n int, span string) string {
		switch {
		case n < 0:
			return "any number of messages " + span
		case n == 0:
			return "what the server allows " + span
		}
		return fmt.Sprintf("%d messages %s", n, span)
	}
	return part(w.Hour, "an hour") + ", " + part(w.Day, "a day")
}
