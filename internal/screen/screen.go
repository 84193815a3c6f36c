package screen

import (
	"context"
	"net/netip"
	"time"

	"countersign/internal/pumping"
	"countersign/phone"
)

// step says what a refusal depends on: see the package comment.
type step int

const (
	byRequest step = iota
	byNumber
	byProof
	steps
)

// finding is why a guard would refuse.
type finding struct {
	reason        Reason
	key, evidence string
	after         time.Duration
}

// judgement is one message being judged.
type judgement struct {
	s   *Service
	p   *compiled
	a   Ask
	now time.Time
	// to and line are the number and its line key, region where it is; empty if there is no number.
	to, line, region string
	// exempt says that an allow rule fits; exemptAlways that one fits that looks at the request alone.
	exempt, exemptAlways bool
	// found is the first refusal of each step.
	found    [steps]*finding
	recorded []Reason
	// latest is what was found last, whatever the mode; for Explain.
	latest *finding
	// mark is the detector's.
	mark string
}

// Screen judges a message, and takes its place in the quotas if it may be sent: then call Committed or Undo. So it is with a refusal of which the caller
// is not told, which costs the client and the pool what a message costs; one that is Open holds nothing. Errors are those of the store, if the policy or a
// block of a quota is not in memory, and of Config.Price.
func (s *Service) Screen(ctx context.Context, a Ask) (Decision, error) {
	p, err := s.policy(ctx, a.PoolID)
	if err != nil || p.mode == Off {
		return Decision{}, err
	}
	j := s.begin(p, a)
	j.judgeRules()
	if j.found[byRequest] != nil {
		return j.refused(byRequest), nil
	}
	j.judgeNumber()
	if j.found[byNumber] != nil && a.Typed {
		return j.refused(byNumber), nil
	}
	return j.count(ctx)
}

func (s *Service) begin(p *compiled, a Ask) *judgement {
	j := &judgement{s: s, p: p, a: a, now: s.c.Now().UTC()}
	j.a.Segments = max(a.Segments, 1)
	if !a.To.IsZero() {
		j.to, j.line, j.region = a.To.String(), a.To.LineKey(), a.To.Region()
	}
	return j
}

// find notes what a guard found.
func (j *judgement) find(m Mode, at step, f finding) {
	if m != Off {
		j.latest = &f
	}
	switch {
	case m == Record:
		j.record(f.reason)
	case m == Enforce && j.found[at] == nil:
		j.found[at] = &f
	}
}

func (j *judgement) record(r Reason) {
	for _, old := range j.recorded {
		if old == r {
			return
		}
	}
	j.recorded = append(j.recorded, r)
}

// judgeRules looks for exceptions.
func (j *judgement) judgeRules() {
	for i := range j.p.rules {
		r := &j.p.rules[i]
		if !r.fits(&j.a, j.to, j.line, j.now) {
			continue
		}
		always := len(r.numbers) == 0
		switch {
		case !r.deny:
			j.exempt, j.exemptAlways = true, j.exemptAlways || always
		case always:
			j.find(j.p.mode, byRequest, finding{reason: DeniedRule, key: r.name, evidence: "the rule " + r.name + " denies it"})
		default:
			j.find(j.p.mode, byNumber, finding{reason: DeniedRule, key: r.name, evidence: "the rule " + r.name + " denies the number"})
		}
	}
}

// judgeNumber looks at what is known of the number.
func (j *judgement) judgeNumber() {
	if j.to == "" {
		return
	}
	if j.a.To.Fictional() {
		j.find(j.p.fictional, byNumber, finding{reason: Fictional, evidence: "the number is set aside for fiction and reaches nobody"})
	}
	if j.exempt {
		return
	}
	if j.p.countries != Off && !j.p.country(j.region) {
		j.find(j.p.countries, byNumber, finding{reason: Country, key: "c:" + j.region, evidence: "the policy has no messages to " + named(j.region)})
	}
	if j.p.lines != Off {
		j.judgeLine()
	}
}

func (c *compiled) country(region string) bool {
	return !c.denied[region] && (c.allowed == nil || c.allowed[region])
}

func named(region string) string {
	switch region {
	case "":
		return "numbers of no known country"
	case "001":
		return "numbers of no country (001)"
	}
	return region
}

// judgeLine judges the type of the line. The plan knows nothing of fictional numbers, which have a guard of their own.
func (j *judgement) judgeLine() {
	t := j.s.lines.of(j.a.To)
	r, name := j.p.lineRule(t, j.region)
	switch {
	case r == lineOpen || r == lineVoice && j.a.Channel == voice || t == phone.Unknown && j.a.To.Fictional():
	case r == lineVoice:
		j.find(j.p.lines, byNumber, finding{reason: LineType, key: name, evidence: "lines of type " + name + " are called, and get no texts"})
	default:
		j.find(j.p.lines, byNumber, finding{reason: LineType, key: name, evidence: "nothing is sent to lines of type " + name})
	}
}

// voice is provider.Voice.
const voice = "voice"

// strange reports whether the guards for unconfirmed numbers apply.
func (j *judgement) strange() bool { return !j.a.Confirmed && !j.a.Operator && !j.exempt }

// judgePumping asks the detector.
func (j *judgement) judgePumping(ctx context.Context, look bool) error {
	if !j.strange() || j.to == "" || j.a.Purpose == "notice" {
		return nil
	}
	ask, judge := j.pumpingAsk(), j.s.c.Pumping.Judge
	if look {
		judge = j.s.c.Pumping.Look
	}
	v, err := judge(ctx, j.p.pumping, ask)
	if err != nil {
		return err
	}
	f := finding{reason: Pumping, key: v.Key, evidence: v.Evidence, after: max(v.Until.Sub(j.now), 0)}
	if v.Reason == pumping.Countries {
		f.reason = CountriesPer
	}
	if !look {
		j.mark = v.Mark
	}
	switch {
	case v.Blocked:
		j.find(Enforce, byProof, f)
	case v.Recorded:
		j.find(Record, byProof, f)
	}
	return nil
}

func (j *judgement) pumpingAsk() pumping.Ask {
	country := j.region
	if len(country) != 2 {
		country = j.a.To.CallingCode()
	}
	return pumping.Ask{
		PoolID: j.a.PoolID, Country: country, Prefix: rangeOf(j.line), Number: j.line, ClientID: j.a.ClientID, Address: valid(j.a.IP), At: j.now,
	}
}

// rangeOf is a number without its last four digits.
func rangeOf(e164 string) string { return e164[:max(len(e164)-4, 2)] }

// valid is an address as the detector counts it.
func valid(ip netip.Addr) netip.Addr {
	if !ip.IsValid() {
		return ip
	}
	return ip.Unmap().WithZone("")
}

// refused is the decision of a step.
func (j *judgement) refused(at step) Decision {
	f := j.found[at]
	return Decision{
		Refused: f.reason, Recorded: j.recorded, Open: at == byRequest || at == byNumber && j.a.Typed,
		Key: f.key, Evidence: f.evidence, RetryAfter: f.after,
	}
}
