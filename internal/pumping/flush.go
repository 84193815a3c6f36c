package pumping

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/store"
)

const (
	// freshFor is how old other nodes' counts and blocks may be, lately how far back their changes are looked for.
	freshFor = 2 * time.Second
	lately   = 20 * time.Minute
	// flushEvery is how often counts are written, sweepEvery how often memory and store are swept.
	flushEvery, sweepEvery = time.Second, 5 * time.Minute
	// maxPending, maxSeries and maxNumbers bound memory, pruneLimit a statement, maxPrunes how many there are in one sweep.
	maxPending, maxSeries, maxNumbers, pruneLimit, maxPrunes = 100_000, 50_000, 200_000, 5000, 100
	// mostSeries is when even what was used a moment ago makes room, looked how many are looked at for it.
	mostSeries, looked = 4 * maxSeries, 32
)

// refresh reads what other nodes counted by these keys, and their blocks, unless that was done lately.
func (d *Detector) refresh(ctx context.Context, poolID string, keys []string, now time.Time) error {
	d.io.RLock()
	defer d.io.RUnlock()
	fresh, stale, blocks := d.missing(poolID, keys, now)
	if len(fresh)+len(stale) == 0 && !blocks {
		return nil
	}
	var whole, part []store.GuardCount
	var held []*store.GuardBlock
	err := d.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		if len(fresh) > 0 {
			if whole, err = tx.Guards().GuardCounts(ctx, poolID, fresh, now.Add(-past), now.Add(span)); err != nil {
				return err
			}
		}
		if len(stale) > 0 {
			if part, err = tx.Guards().GuardCounts(ctx, poolID, stale, now.Add(-lately), now.Add(span)); err != nil {
				return err
			}
		}
		if blocks {
			held, err = tx.Guards().GuardBlocks(ctx, poolID, now)
		}
		return err
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.pool(poolID)
	for _, c := range append(whole, part...) {
		s := p.of(c.Key)
		s.read(spanOf(c.Span), stored{c.Sent, c.Verified, c.Refused}, now, s.readAt.IsZero())
	}
	for _, list := range [][]string{fresh, stale} {
		for _, key := range list {
			p.of(key).readAt = now
		}
	}
	if blocks {
		d.takeOver(p, held, now)
	}
	return nil
}

// missing returns the keys of which nothing is known, those that were not looked at lately, and whether blocks were not.
func (d *Detector) missing(poolID string, keys []string, now time.Time) (fresh, stale []string, blocks bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.pool(poolID)
	for _, key := range keys {
		if p.series[key] == nil {
			p.makeRoom(now)
		}
		s := p.of(key)
		s.usedAt = now
		switch {
		case s.readAt.IsZero():
			fresh = append(fresh, key)
		case now.Sub(s.readAt) >= freshFor:
			stale = append(stale, key)
		}
	}
	return fresh, stale, p.readAt.IsZero() || now.Sub(p.readAt) >= freshFor
}

// makeRoom forgets some keys that nobody asked for lately, if there are many; what is forgotten is read again. mu of the detector is held.
func (p *pool) makeRoom(now time.Time) {
	if len(p.series) < maxSeries {
		return
	}
	idle, n := 2*time.Minute, 0 // by then no code of it is waiting
	if len(p.series) >= mostSeries {
		idle = 5 * time.Second // by then it is written
	}
	for key, s := range p.series {
		if n++; n > looked {
			return
		}
		if now.Sub(s.usedAt) >= idle && !s.convicted && s.from.Before(now.Add(-day)) {
			delete(p.series, key)
		}
	}
}

// takeOver makes a pool's blocks those of the store, and of what is not written yet; mu is held.
func (d *Detector) takeOver(p *pool, held []*store.GuardBlock, now time.Time) {
	p.readAt = now
	listed := map[string]bool{}
	for _, g := range held {
		listed[g.Key] = true
		b := p.blocks[g.Key]
		switch {
		case b == nil:
			p.blocks[g.Key] = &block{GuardBlock: *g, allowance: firstAllowance}
		case g.Until.After(b.Until) || g.By != b.By:
			b.Until, b.By, b.Reason, b.Evidence = g.Until, g.By, g.Reason, g.Evidence
		}
	}
	for _, c := range d.placed { // not written yet
		if c.lifted {
			delete(p.blocks, c.Key)
		}
		listed[c.Key] = true
	}
	for key, b := range p.blocks {
		switch {
		case !listed[key] && !b.Until.After(now):
			d.expired(p, b)
		case !listed[key] && !b.fleeting && b.Since.Before(now.Add(-freshFor)): // somebody lifted it
			p.of(key).from = now
			delete(p.blocks, key)
		}
	}
}

// expired forgets a block that ended by itself. What led to it is no evidence any more, but the next time less is needed; mu is held.
func (d *Detector) expired(p *pool, b *block) {
	s := p.of(b.Key)
	s.from, s.convicted = b.Until, b.By != Operator
	delete(p.blocks, b.Key)
	if b.By == Operator {
		return
	}
	g := b.GuardBlock
	g.Evidence = "nobody tried any more"
	d.placed = append(d.placed, change{GuardBlock: g, lifted: true, fleeting: b.fleeting, event: d.event(eventlog.GuardUnblocked, g)})
}

// Flush writes what is counted now.
func (d *Detector) Flush(ctx context.Context) error {
	d.io.Lock()
	defer d.io.Unlock()
	d.mu.Lock()
	pending, placed, attempts := d.pending, d.placed, d.attempts
	d.pending, d.placed, d.attempts = map[row]stored{}, nil, map[blocked]attempt{}
	d.mu.Unlock()
	if len(pending)+len(placed)+len(attempts) == 0 {
		return nil
	}
	counts := make([]store.GuardCount, 0, len(pending))
	for r, n := range pending {
		counts = append(counts, store.GuardCount{
			PoolID: r.pool, Key: r.key, Span: spanStart(r.span), Sent: n.sent, Verified: n.verified, Refused: n.refused,
		})
	}
	err := d.c.Store.Write(ctx, func(tx store.Tx) error { return write(ctx, tx, counts, placed, attempts) })
	d.mu.Lock()
	if err != nil {
		d.restore(pending, placed, attempts)
	} else {
		for r, n := range pending {
			d.pool(r.pool).of(r.key).wrote(r.span, n.sent, n.verified, n.refused)
		}
	}
	d.mu.Unlock()
	for _, c := range placed {
		if err == nil {
			d.c.Log.Publish(c.event)
		}
	}
	return err
}

func write(ctx context.Context, tx store.Tx, counts []store.GuardCount, placed []change, attempts map[blocked]attempt) error {
	if err := tx.Guards().AddGuardCounts(ctx, counts); err != nil {
		return err
	}
	for _, c := range placed {
		if !c.fleeting {
			var err error
			there := true
			if c.lifted {
				there, err = tx.Guards().EndGuardBlock(ctx, c.PoolID, c.Key)
			} else {
				err = tx.Guards().PutGuardBlock(ctx, &c.GuardBlock)
			}
			if err != nil {
				return err
			}
			if !there { // another node was first, and told of it
				continue
			}
		}
		if err := tx.Events().Append(ctx, c.event); err != nil {
			return err
		}
	}
	for _, k := range sortedBlocks(attempts) {
		if err := tx.Guards().CountGuardBlock(ctx, k.pool, k.key, attempts[k].refused, attempts[k].until); err != nil {
			return err
		}
	}
	return nil
}

// restore takes back what could not be written, as far as there is room; mu is held.
func (d *Detector) restore(pending map[row]stored, placed []change, attempts map[blocked]attempt) {
	for r, n := range pending {
		if now := d.pending[r]; len(d.pending) < maxPending {
			d.pending[r] = stored{n.sent + now.sent, n.verified + now.verified, n.refused + now.refused}
		}
	}
	d.placed = append(placed, d.placed...)
	if len(d.placed) > maxPending/100 {
		d.placed = d.placed[len(d.placed)-maxPending/100:]
	}
	for k, a := range attempts {
		if len(d.attempts) < maxPending {
			d.attempts[k] = attempt{d.attempts[k].refused + a.refused, later(a.until, d.attempts[k].until)}
		}
	}
}

// Sweep forgets what is old, in memory and in the store, and tells of blocks that ended.
func (d *Detector) Sweep(ctx context.Context) error {
	now := d.c.Now()
	d.mu.Lock()
	var held []string
	unwritten := map[string]bool{}
	for r := range d.pending {
		unwritten[r.key] = true
	}
	for id, p := range d.pools {
		d.sweep(p, unwritten, now)
		if len(p.blocks) > 0 {
			held = append(held, id)
		}
	}
	d.mu.Unlock()
	for _, id := range held { // blocks that ended are told of, however quiet it is
		if err := d.refresh(ctx, id, nil, now); err != nil {
			return err
		}
	}
	for range maxPrunes {
		n := 0
		err := d.c.Store.Write(ctx, func(tx store.Tx) (err error) {
			n, err = tx.Guards().PruneGuardCounts(ctx, now.Add(-past-span), pruneLimit)
			return err
		})
		if err != nil || n < pruneLimit {
			return err
		}
	}
	return nil
}

func (d *Detector) sweep(p *pool, unwritten map[string]bool, now time.Time) {
	for near, list := range p.hot {
		maps.DeleteFunc(list, func(_ string, at time.Time) bool { return now.Sub(at) >= time.Hour })
		if len(list) == 0 {
			delete(p.hot, near)
		}
	}
	for h, n := range p.numbers {
		if now.Sub(n.first) >= day || len(p.numbers) > maxNumbers {
			delete(p.numbers, h)
		}
	}
	for key, s := range p.series {
		s.trim(now)
		idle := 30 * time.Minute
		if len(p.series) > maxSeries {
			idle = span // what is forgotten is read again
		}
		if now.Sub(s.usedAt) >= idle && !s.convicted && s.from.Before(now.Add(-day)) && len(s.countries) == 0 && !unwritten[key] {
			delete(p.series, key)
		}
	}
}

// Run writes what is counted every second, and sweeps, until the context ends; then it writes what is left.
func (d *Detector) Run(ctx context.Context) error {
	flush, sweep := time.NewTicker(flushEvery), time.NewTicker(sweepEvery)
	defer flush.Stop()
	defer sweep.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return d.Flush(last)
		case <-flush.C:
			err = d.Flush(ctx)
		case <-sweep.C:
			err = d.Sweep(ctx)
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			d.c.Logger.WarnContext(ctx, "pumping: counts could not be written", "error", err)
		}
	}
}

// Top returns the keys of a kind (c, w, r, a, n, k) with the most untyped codes since a time, at most limit.
func (d *Detector) Top(ctx context.Context, poolID, kind string, since time.Time, limit int) (out []store.GuardCount, err error) {
	if err := d.Flush(ctx); err != nil {
		return nil, err
	}
	now := d.c.Now()
	err = d.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		out, err = tx.Guards().TopGuardCounts(ctx, poolID, strings.TrimSuffix(kind, ":")+":", since, now.Add(span), limit)
		return err
	})
	return out, err
}
