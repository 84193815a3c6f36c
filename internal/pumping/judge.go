package pumping

import (
	"context"
	"fmt"
	"hash/maphash"
	"math"
	"strings"
	"time"
)

const (
	// credit is by how much people may be likelier than an attack before it no longer counts: little for ranges, which people use rarely, much for
	// addresses, which whole networks share.
	rangeCredit, addressCredit, wideCredit, networkCredit, sharedCredit = 1.0, 2.0, 4.0, 5.0, 8.0
	// trusted is from when on an address counts as one of people.
	trusted, trustedTyped, trustedWaiting = -3.0, 3, 2
	// suspect is from when on further codes of a number count like those of further numbers; after maxRepeats they always do.
	suspect, maxRepeats = 4.0, 2
	// hot is from when on a range makes those near by suspicious, at most by maxAlert; maxHot bounds how many are remembered. relapse is how much a block
	// makes its own key suspicious later.
	hot, maxAlert, maxHot, relapse = 3.0, 3.0, 16, 2.0
	// crowded is by how much more evidence keys need of which codes are typed in: there are more runs of bad luck to be taken for an attack.
	crowded, maxCrowded = 1.5, 6.0
)

// Judge judges a message and, unless it is blocked, reserves its place until Sent or Refused is called. Errors are those of the store and of Hash.
func (d *Detector) Judge(ctx context.Context, s Settings, a Ask) (Verdict, error) {
	return d.judge(ctx, s, a, true)
}

// Look is Judge without any trace: nothing is counted, reserved or blocked.
func (d *Detector) Look(ctx context.Context, s Settings, a Ask) (Verdict, error) {
	return d.judge(ctx, s, a, false)
}

func (d *Detector) judge(ctx context.Context, s Settings, a Ask, keep bool) (Verdict, error) {
	s = s.filled()
	if a.At.IsZero() {
		a.At = d.c.Now()
	}
	at, err := d.placesOf(ctx, a)
	if err != nil {
		return Verdict{}, fmt.Errorf("pumping: address: %w", err)
	}
	at.abroad = true // its row is read in any case
	if err := d.refresh(ctx, a.PoolID, at.keys(), a.At); err != nil {
		return Verdict{}, fmt.Errorf("pumping: counts: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.pool(a.PoolID)
	if keep {
		p.settings = s
	}
	country := p.of(countryKind + ":" + at.country)
	v := &view{d: d, p: p, s: s, id: a.PoolID, places: at, now: a.At, home: country, usual: country.usual(s.Conversion, a.At), keep: keep}
	v.served = country.served(a.At)
	v.abroad = !v.served && !v.typing(countryKind+":"+at.country, trusted)
	v.proven = at.address != "" && v.typing(at.fromHere(), 0)
	v.trusted = v.proven && v.trusts(at.fromHere())
	out := v.verdict()
	if !keep {
		return out, nil
	}
	if out.Blocked || out.Recorded {
		d.count(a.PoolID, out.Key, a.At, 0, 0, 1)
	}
	if !out.Blocked {
		out.Mark = v.accept(a.Number, out.Recorded)
	}
	return out, nil
}

// view is a message at the moment of its judgement; mu of the detector is held.
type view struct {
	d *Detector
	p *pool
	s Settings
	places
	id    string
	now   time.Time
	home  *series
	usual float64
	keep  bool
	// served says that the country is never blocked as a whole; trusted, that all is well with what the address asked for in this country.
	served, trusted bool
	// heaviest is the weight of the most suspicious key.
	heaviest float64
	// passed are blocks that let the message pass, spent those that do so out of their allowance.
	passed map[string]bool
	spent  []*block
}

// verdict judges. What is refused says so in Blocked, or in Recorded if the mode is record.
func (v *view) verdict() Verdict {
	if v.s.Mode == Off {
		return Verdict{}
	}
	for _, check := range []func() (Verdict, bool){v.byBlock, v.byCountries, v.byEvidence} {
		if out, refused := check(); refused {
			out.Blocked, out.Recorded = v.s.Mode == Enforce, v.s.Mode != Enforce
			return out
		}
	}
	if v.keep {
		for _, b := range v.spent {
			b.allowance--
			b.probed = v.now
		}
	}
	return Verdict{}
}

// byBlock refuses what is blocked already. All blocks that the message falls under last on.
func (v *view) byBlock() (out Verdict, refused bool) {
	var all []*block
	for _, key := range v.keys() {
		b := v.p.blocks[key]
		if b == nil || !b.Until.After(v.now) {
			continue
		}
		all = append(all, b)
		if kindOf(key) == rangeKind && b.By != Operator {
			v.heat()
		}
		if !v.passes(b) && !refused {
			out, refused = Verdict{Key: key, Reason: b.Reason, Evidence: b.Evidence, Until: b.Until}, true
		}
	}
	if !refused || !v.keep {
		return out, refused
	}
	for _, b := range all {
		n := 0
		if b.Key == out.Key {
			n = 1
		}
		if v.d.attempt(v.id, b, n, v.s.block(), v.now); n == 1 {
			out.Until = b.Until
		}
	}
	return out, true
}

// passes says that a block lets a message through: from an address whose people type their codes in, as long as that goes well, and now and then
// to see whether the block is still right.
func (v *view) passes(b *block) bool {
	trusted := v.trusted && b.allowance >= 1 && b.Key != v.fromHere()
	if b.By == Operator || !trusted && !v.probes(b) {
		return false
	}
	v.spent = append(v.spent, b)
	if v.passed == nil {
		v.passed = map[string]bool{}
	}
	v.passed[b.Key] = true
	return true
}

// probes says that a block has let nothing through for a day, on any node.
func (v *view) probes(b *block) bool {
	return v.now.Sub(later(b.Since, b.probed)) >= probeEvery && v.p.of(b.Key).sum(spanOf(v.now.Add(-probeEvery)), spanOf(v.now)+1).sent <= 0
}

// trusts says that people type in the codes of a key, and that few wait now.
func (v *view) trusts(key string) bool {
	return v.typing(key, trusted) && v.p.series[key].waiting(v.now) <= trustedWaiting
}

// typing says that people type in the codes of a key: at least some, and its evidence is no more than most.
func (v *view) typing(key string, most float64) bool {
	s := v.p.series[key]
	if s == nil || s.sum(spanOf(v.now.Add(-past)), spanOf(v.now)+1).verified < trustedTyped {
		return false
	}
	return s.weigh(v.usual, sharedCredit, v.now.Add(-past), v.now) <= most
}

// byCountries refuses an address that sends to one country after the other. One that is blocked for a country sends only where people type its codes in.
func (v *view) byCountries() (Verdict, bool) {
	if v.address == "" {
		return Verdict{}, false
	}
	key := addressKind + ":" + v.address
	s := v.p.of(key)
	untyped, typed := 0, 0
	for country, c := range s.countries {
		switch {
		case v.now.Sub(c.at) >= day:
		case c.verified:
			typed++
		case country != v.country:
			untyped++
		}
	}
	if v.typedHere() || untyped < v.s.CountriesPerAddress+typed && !v.elsewhere() {
		return Verdict{}, false
	}
	return Verdict{
		Key: key, Reason: Countries, Until: v.now.Add(time.Hour),
		Evidence: fmt.Sprintf("codes to %d other countries in a day where none was typed in; this one would be another", untyped),
	}, true
}

// typedHere says that a code of this country was typed in that this address asked for, on any node.
func (v *view) typedHere() bool {
	return v.p.of(v.fromHere()).sum(spanOf(v.now.Add(-past)), spanOf(v.now)+1).verified > 0
}

// subject is a key and by what it is judged.
type subject struct {
	key    string
	level  Level
	credit float64
	// mild: while a whole country's codes are not typed in, its keys are not blamed.
	mild bool
}

// subjects are the keys that are judged, those of narrow reach first.
func (v *view) subjects() []subject {
	out := make([]subject, 0, 7)
	add := func(key string, l Level, credit float64, mild bool) {
		out = append(out, subject{key, l, credit, mild})
	}
	if v.prefix != "" {
		add(rangeKind+":"+v.prefix, v.s.Range, rangeCredit, false)
	}
	if v.address != "" {
		add(v.fromHere(), v.s.Address, networkCredit, true)
	}
	if v.address != "" && !v.proven {
		add(addressKind+":"+v.address, v.s.Address, addressCredit, true)
	}
	if w := v.wide(); w != "" {
		add(wideKind+":"+w, v.s.Wide, wideCredit, true)
	}
	if v.network != "" && !v.proven {
		add(networkKind+":"+v.network, v.s.Network, networkCredit, true)
	}
	if !v.served {
		add(countryKind+":"+v.country, v.s.Country, sharedCredit, false)
	}
	if v.abroad {
		add(abroadKey, v.s.Country, sharedCredit, false)
	}
	return out
}

// byEvidence judges each key by what is known of it.
func (v *view) byEvidence() (Verdict, bool) {
	for _, j := range v.subjects() {
		if v.passed[j.key] {
			continue
		}
		s := v.p.of(j.key)
		since := later(v.now.Add(-day), s.from)
		usual := v.usual
		if j.mild {
			usual *= short(v.home, s, usual, v.now)
		}
		if usual >= minUsual {
			w, limit := s.weigh(usual, j.credit, since, v.now), v.limit(j.key, s)
			v.heaviest = max(v.heaviest, w)
			if kindOf(j.key) == rangeKind && w >= hot {
				v.heat()
			}
			if w >= limit && s.over(j.level, since, v.now) {
				return v.block(j.key, s, usual, w, since), true
			}
		}
		if out, held := v.byWaiting(j, s); held {
			return out, true
		}
	}
	return Verdict{}, false
}

// limit is the weight from which on a key is blocked.
func (v *view) limit(key string, s *series) float64 {
	limit := math.Log(v.s.Odds)
	if s.convicted {
		limit -= relapse
	}
	switch kind := kindOf(key); kind {
	case rangeKind:
		limit -= v.alert()
		fallthrough
	default: // where people are, there are more runs of bad luck
		limit += min(crowded*math.Log1p(float64(s.typedToday(v.now))), maxCrowded)
	case addressKind:
	}
	return max(limit, 3)
}

// elsewhere says that the address is blocked for another country.
func (v *view) elsewhere() bool {
	for other, b := range v.p.blocks {
		if other != v.fromHere() && b.By != Operator && b.Until.After(v.now) && strings.HasPrefix(other, addressKind+":"+v.address+":") {
			return true
		}
	}
	return false
}

// near is where a range lies: roughly its country and operator.
func (p places) near() string { return p.prefix[:min(len(p.prefix), 4)] }

// alert is how suspicious the ranges near by make this one: half for each of the last hour, at most maxAlert.
func (v *view) alert() (n float64) {
	for prefix, at := range v.p.hot[v.near()] {
		if prefix != v.prefix && v.now.Sub(at) < time.Hour {
			n += 0.5
		}
	}
	return min(n, maxAlert)
}

// heat remembers a suspicious range.
func (v *view) heat() {
	near := v.p.hot[v.near()]
	if near == nil {
		near = map[string]time.Time{}
		v.p.hot[v.near()] = near
	}
	if _, known := near[v.prefix]; v.keep && (known || len(near) < maxHot) {
		near[v.prefix] = v.now
	}
}

// byWaiting bounds how many codes may wait at once where little was typed in lately: nobody can know yet whether they will be.
func (v *view) byWaiting(j subject, s *series) (Verdict, bool) {
	hour := s.sum(spanOf(v.now.Add(-time.Hour)), spanOf(v.now)+1).verified
	today := s.typedToday(v.now)
	limit := j.level.Waiting + max(hour, today/4)
	if kindOf(j.key) == rangeKind {
		limit -= int(v.alert())
	}
	if s.convicted {
		limit = limit/2 + 1
	}
	n := s.waiting(v.now)
	if n < max(limit, 1) {
		return Verdict{}, false
	}
	return Verdict{
		Key: j.key, Reason: Waiting, Until: v.now.Add(waitingFor),
		Evidence: fmt.Sprintf("%d codes of the last %d seconds wait to be typed in; %d were typed in within the hour", n, int(waitingFor.Seconds()), hour),
	}, true
}

// accept reserves the place of a message and returns its mark.
func (v *view) accept(num string, asRecorded bool) string {
	m := mark{flag: counted, places: v.places}
	if num != "" {
		h := maphash.String(v.d.seed, num)
		was, known := v.p.numbers[h]
		if !known || v.now.Sub(was.first) >= day {
			was = number{first: v.now}
		} else if was.n <= maxRepeats && v.heaviest < suspect {
			m.flag, m.first = repeated, was.first
		}
		was.n++
		v.p.numbers[h] = was
	}
	if asRecorded {
		m.flag = recorded
	}
	if m.flag == counted {
		for _, key := range v.keys() {
			v.p.of(key).reserve(v.now, 1)
		}
		if v.address != "" {
			v.p.of(addressKind+":"+v.address).visit(v.country, v.now, false)
		}
	}
	return m.String()
}

// visit notes that an address sent to a country, or that a code was typed in there.
func (s *series) visit(country string, now time.Time, verified bool) {
	if s.countries == nil {
		s.countries = map[string]visit{}
	}
	old, known := s.countries[country]
	if !known && len(s.countries) >= 300 {
		return
	}
	s.countries[country] = visit{now, verified || old.verified}
}
