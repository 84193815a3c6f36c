package pumping

import (
	"math"
	"time"
)

// count adds to the span of a key, in memory and in what is to be written; mu is held.
func (d *Detector) count(poolID, key string, at time.Time, sent, verified, refused int) {
	s := d.pool(poolID).of(key)
	s.count(at, sent, verified, refused)
	s.usedAt = later(s.usedAt, d.c.Now()) // it stays until it is written
	r := row{poolID, key, spanOf(at)}
	if _, known := d.pending[r]; !known && len(d.pending) >= maxPending {
		return
	}
	n := d.pending[r]
	d.pending[r] = stored{n.sent + sent, n.verified + verified, n.refused + refused}
}

// Sent counts a message that was committed; at is the time of its Ask.
func (d *Detector) Sent(poolID, mark string, at time.Time) {
	m, ok := parseMark(mark)
	if !ok || m.flag != counted {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, key := range m.keys() {
		d.count(poolID, key, at, 1, 0, 0)
	}
}

// Refused takes back a message that Judge let pass and that was not made after all: another guard refused it, or nothing was committed. at is the time
// of its Ask. A message that Judge blocked is counted by Judge.
func (d *Detector) Refused(poolID, mark string, at time.Time) {
	m, ok := parseMark(mark)
	if !ok || m.flag != counted {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.pool(poolID)
	for _, key := range m.keys() {
		p.of(key).reserve(at, -1)
	}
}

// Verified counts a code that was typed in; sentAt is when it was asked for.
func (d *Detector) Verified(poolID, mark string, sentAt, at time.Time) {
	m, ok := parseMark(mark)
	if !ok || at.Sub(sentAt) >= day {
		return
	}
	if !m.first.IsZero() && sentAt.Sub(m.first) < day {
		sentAt = m.first
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.pool(poolID)
	if m.flag == recorded { // it was not counted as sent: without that it would be no evidence
		for _, key := range m.keys() {
			d.count(poolID, key, sentAt, 1, 0, 0)
			p.of(key).reserve(sentAt, 1)
		}
	}
	for _, key := range m.keys() {
		d.count(poolID, key, sentAt, 0, 1, 0)
		s := p.of(key)
		s.typedIn(sentAt, at)
		if b := p.blocks[key]; b != nil && b.By != Operator && b.Until.After(at) {
			b.allowance = min(b.allowance+2, maxAllowance)
			d.reconsider(poolID, p, b, s, m.country, at)
		}
	}
	if m.address != "" {
		p.of(addressKind+":"+m.address).visit(m.country, at, true)
	}
}

// reconsider lifts a block when too little of its evidence is left: codes were typed in meanwhile, or a narrower block explains it; mu is held.
func (d *Detector) reconsider(poolID string, p *pool, b *block, s *series, country string, now time.Time) {
	usual := p.of(countryKind+":"+country).usual(p.settings.Conversion, now)
	if s.weigh(usual, sharedCredit, now.Add(-day), now) < math.Log(p.settings.Odds)/2 {
		d.lift(poolID, b, "too little of the evidence is left", "", now)
		s.from = now
	}
}
