package routehealth

import (
	"math"
	"time"
)

// How judgements are made. They are looked at every ten seconds for each key, some sixty thousand times a week, so the present must be far from
// what chance does: its Wilson bound is taken at four standard errors (one in 30,000 for a single look), the baseline's at two, since it is
// large and looked at once.
const (
	presentZ, baseZ = 4, 2
	// minTried is below how many tries nothing is said of the present; minBase and minBaseVerified are what a baseline needs.
	minTried, minBase, minBaseVerified = 20, 100, 10
	// fastDrop is for five minutes: less than half of what was typed in before. slowDrop is for an hour, where a quarter less shows: people
	// themselves differ by ten to fifteen per cent between day and night. mildDrop is for a baseline that is the country's: networks
	// differ honestly by a factor of two.
	fastDrop, slowDrop, mildDrop = 0.5, 0.75, 0.25
	// refusedShare is which part must have been refused or reported as undelivered, and refusedTimes how many times the baseline's.
	refusedShare, refusedTimes = 0.3, 2
	// A code is late when it takes lateTimes the mean of the baseline and lateBy more, over minLate typed ones.
	lateTimes, lateBy, minLate = 3, 30 * time.Second, 50

	// An account is well again when as many probes in a row of spans as probesOf says show recoverShare of the baseline, and their Wilson
	// bound at recoverZ lies above half of it; not before minDegraded, and in any case after maxDegraded, when nobody could tell.
	recoverShare, recoverDrop, recoverZ = 0.85, 0.5, 1.64
	minDegraded, maxDegraded            = 10 * time.Minute, 24 * time.Hour
)

// Rule says what an account was found degraded by.
type Rule string

const (
	// Fast and Slow: fewer codes are typed in, over 5 and 60 minutes.
	Fast Rule = "5min"
	Slow Rule = "60min"
	// Refused: attempts fail, or receipts say that texts did not arrive.
	Refused Rule = "refused"
	// Late: codes are typed in much later than they used to be.
	Late Rule = "late"
)

// Window is what was seen in a stretch of time, by the time of the send.
type Window struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Sent were accepted, Failed not. Mature is how many of both had the time to be typed in.
	Sent        int `json:"sent"`
	Failed      int `json:"failed"`
	Mature      int `json:"mature"`
	Delivered   int `json:"delivered"`
	Undelivered int `json:"undelivered"`
	Verified    int `json:"verified"`
	// Ratio is Verified ÷ Mature, VerifySeconds the mean time from the send to the typed code.
	Ratio         float64 `json:"ratio"`
	VerifySeconds float64 `json:"verify_seconds"`

	mean time.Duration
}

func windowOf(c counts, from, to time.Time) Window {
	return Window{
		From: from, To: to, Sent: max(c.sent, 0), Failed: max(c.failed, 0), Mature: max(c.tried(), 0), Delivered: max(c.delivered, 0),
		Undelivered: max(c.undelivered, 0), Verified: max(c.verified, 0),
		Ratio: share(c.verified, c.tried()), VerifySeconds: math.Round(c.mean().Seconds()*10) / 10, mean: c.mean(),
	}
}

// refused is how many are known not to have arrived. A typed code says that a receipt was wrong.
func (w Window) refused() (bad, tried int) {
	tried = w.Sent + w.Failed
	return max(min(w.Failed+w.Undelivered, tried-w.Verified), 0), tried
}

// Evidence is why an account counts as degraded, or no longer does.
type Evidence struct {
	Rule Rule `json:"rule"`
	// Since is when it was found.
	Since time.Time `json:"since"`
	// Short is the last one or two spans, Long the last hour.
	Short Window `json:"short"`
	Long  Window `json:"long"`
	// Baseline is the last seven days without the last hour; BaselineOf is "network" or "country", empty if there is too little to compare with.
	Baseline   Window `json:"baseline"`
	BaselineOf string `json:"baseline_of"`
	// Upper is the highest ratio that the present could have by chance, Lower the lowest of the baseline.
	Upper float64 `json:"upper"`
	Lower float64 `json:"lower"`
}

// wilson returns the bounds of a share v/n at z standard errors (Wilson 1927); 0 and 1 without data.
func wilson(v, n int, z float64) (lower, upper float64) {
	if n <= 0 {
		return 0, 1
	}
	p, f := float64(min(v, n))/float64(n), float64(n)
	middle := p + z*z/(2*f)
	half := z * math.Sqrt(p*(1-p)/f+z*z/(4*f*f))
	d := 1 + z*z/f
	return max((middle-half)/d, 0), min((middle+half)/d, 1)
}

func share(v, n int) float64 {
	if n <= 0 {
		return 0
	}
	return math.Round(float64(min(max(v, 0), n))/float64(n)*1000) / 1000
}

// subject is a key at the time of a judgement.
type subject struct {
	s          *series
	base       counts
	baseOf     string
	after      time.Duration
	now        time.Time
	span       int64
	from       int64 // what was sent in earlier spans is not looked at
	baseWindow [2]time.Time
}

// hasBase says that a baseline is large enough to compare with.
func hasBase(b counts) bool { return b.tried() >= minBase && b.verified >= minBaseVerified }

// window is that of the series, without what is not looked at.
func (j subject) window(from, to int64) Window {
	return j.s.window(max(from, j.from), max(to, j.from), j.after, j.now)
}

// evidence gathers what there is to see.
func (j subject) evidence() Evidence {
	e := Evidence{
		Short: j.window(j.span-1, j.span), Long: j.window(j.span-12, j.span),
		Baseline: windowOf(j.base, j.baseWindow[0], j.baseWindow[1]), BaselineOf: j.baseOf,
	}
	e.Lower, _ = wilson(e.Baseline.Verified, e.Baseline.Mature, baseZ)
	return e
}

// judge says whether there is enough to judge by, and if the key is degraded, by what rule; the evidence is of that rule.
func (j subject) judge() (e Evidence, judged bool) {
	e = j.evidence()
	current, before := j.window(j.span, j.span), j.window(j.span-1, j.span-1)
	fast, slow := fastDrop, slowDrop
	if j.baseOf == "country" {
		fast, slow = mildDrop, mildDrop
	}
	if j.baseOf != "" {
		for _, w := range [...]Window{current, before, e.Short} {
			if e.drop(w, Fast, fast) {
				return e, true
			}
		}
		if e.drop(e.Long, Slow, slow) {
			return e, true
		}
		judged = e.Short.Mature >= minTried || e.Long.Mature >= minTried
	}
	for _, w := range [...]Window{current, e.Short} {
		if e.refuse(w) {
			return e, true
		}
	}
	if j.baseOf == "network" && e.late() {
		return e, true
	}
	return e, judged
}

// drop looks for fewer typed codes.
func (e *Evidence) drop(w Window, r Rule, factor float64) bool {
	if w.Mature < minTried {
		return false
	}
	if _, upper := wilson(w.Verified, w.Mature, presentZ); upper < factor*e.Lower {
		e.Rule, e.Upper = r, math.Round(upper*1000)/1000
		if r == Fast {
			e.Short = w
		}
		return true
	}
	return false
}

// refuse looks for failures and for receipts that say so. It needs no ripeness: what was refused will not be typed in.
func (e *Evidence) refuse(w Window) bool {
	bad, tried := w.refused()
	if tried < minTried {
		return false
	}
	usual, n := e.Baseline.refused()
	limit := refusedShare
	if n >= minBase {
		_, upper := wilson(usual, n, baseZ)
		limit = max(limit, refusedTimes*upper)
	}
	if lower, _ := wilson(bad, tried, presentZ); lower > limit {
		e.Rule, e.Short = Refused, w
		_, e.Upper = wilson(w.Verified, w.Mature, presentZ)
		return true
	}
	return false
}

// late looks for codes that take long. A time is heavy-tailed, so it takes a large factor and many of them.
func (e *Evidence) late() bool {
	if e.Short.Verified >= minLate && e.Baseline.Verified >= minBase && e.Short.mean > lateTimes*e.Baseline.mean && e.Short.mean > e.Baseline.mean+lateBy {
		e.Rule = Late
		_, e.Upper = wilson(e.Short.Verified, e.Short.Mature, presentZ)
		return true
	}
	return false
}

// probesOf is how many probes tell that a key is well: enough that the baseline would have eight typed codes among them, or twenty after a drop
// that was not total.
func probesOf(r Rule, ratio float64) int {
	least, typed := 12, 8.0
	if r == Slow {
		least, typed = 30, 20
	}
	return max(least, int(math.Ceil(typed/max(ratio, 0.01))))
}

// recovered says whether a degraded key is well again, by whole spans that began after it was found. Upper of the evidence then is the lower bound
// of the probes' ratio.
func (j subject) recovered(was Evidence) (Evidence, bool) {
	e := j.evidence()
	e.Rule, e.Since = was.Rule, was.Since
	age := j.now.Sub(was.Since)
	if age >= maxDegraded {
		return e, true
	}
	need := probesOf(was.Rule, e.Baseline.Ratio)
	w, ok := j.probes(spanOf(was.Since)+1, need)
	if age < minDegraded || !ok {
		return e, false
	}
	e.Short = w
	bad, tried := w.refused()
	_, refused := wilson(bad, tried, recoverZ)
	if j.baseOf == "" {
		return e, refused < refusedShare
	}
	lower, _ := wilson(w.Verified, w.Mature, recoverZ)
	e.Upper = math.Round(lower*1000) / 1000
	onTime := was.Rule != Late || w.mean < e.Baseline.mean*2 || w.mean < e.Baseline.mean+lateBy
	return e, w.Ratio >= recoverShare*e.Baseline.Ratio && lower >= recoverDrop*e.Baseline.Ratio && onTime
}

// probes goes back over whole spans until there are enough tries.
func (j subject) probes(from int64, need int) (Window, bool) {
	last := j.span
	for last >= from && !wholly(last, j.after, j.now) {
		last--
	}
	n := 0
	for i := len(j.s.spans) - 1; i >= 0; i-- {
		sp := j.s.spans[i]
		if sp.n > last {
			continue
		}
		if sp.n < from {
			break
		}
		if n += sp.tried(); n >= need {
			return j.window(sp.n, last), true
		}
	}
	return Window{}, false
}
