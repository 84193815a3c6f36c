package pumping

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
)

const (
	byDetector = "detector"
	// allowance is how many messages a block lets through from addresses whose people type codes in; each code typed in adds two.
	firstAllowance, maxAllowance = 3.0, 20.0
	// probeEvery is how often a block lets one message through to see whether it is still right.
	probeEvery = day
	maxWhy     = 200
)

// block is a block as this node knows it.
type block struct {
	store.GuardBlock
	allowance float64
	probed    time.Time
	// fleeting: the mode is record; nothing is written of it but the event.
	fleeting bool
}

// attempt is what a block held back since it was last written.
type attempt struct {
	refused int64
	until   time.Time
}

// change is a block that is to be written, or was lifted.
type change struct {
	store.GuardBlock
	lifted   bool
	fleeting bool
	event    *store.Event
}

// block blocks a key for what is known of it.
func (v *view) block(key string, s *series, usual, weight float64, since time.Time) Verdict {
	b := &block{allowance: firstAllowance, fleeting: v.s.Mode != Enforce, GuardBlock: store.GuardBlock{
		PoolID: v.id, Key: key, Reason: Untyped, Evidence: s.words(usual, weight, since, v.now), By: byDetector,
		Since: v.now, Until: v.now.Add(v.s.block()), Refused: 1,
	}}
	out := Verdict{Key: key, Reason: Untyped, Evidence: b.Evidence, Until: b.Until}
	if !v.keep {
		return out
	}
	v.p.blocks[key] = b
	typ := eventlog.GuardBlocked
	if b.fleeting {
		typ = eventlog.GuardRecorded
	}
	v.d.placed = append(v.d.placed, change{GuardBlock: b.GuardBlock, fleeting: b.fleeting, event: v.d.event(typ, b.GuardBlock)})
	v.explain(key, s, since)
	return out
}

// event tells of a block.
func (d *Detector) event(typ eventlog.Type, b store.GuardBlock) *store.Event {
	return d.c.Log.Event(eventlog.Entry{PoolID: b.PoolID, Type: typ, At: d.c.Now(), Data: facts(b)})
}

// byHand tells of a block that an operator placed or lifted, and who it was.
func (d *Detector) byHand(ctx context.Context, typ eventlog.Type, b store.GuardBlock) *store.Event {
	return d.c.Log.Event(eventlog.Entry{PoolID: b.PoolID, Type: typ, At: d.c.Now(), Data: access.Signed(ctx, facts(b))})
}

func facts(b store.GuardBlock) map[string]any {
	return map[string]any{
		"guard": "pumping", "key": LogKey(b.Key), "reason": b.Reason, "evidence": b.Evidence, "by": b.By, "until": b.Until, "refused": b.Refused,
	}
}

// explain takes what a narrow key is blocked for out of the wider keys around it: a range of which nothing is typed in says nothing against its country.
func (v *view) explain(key string, s *series, since time.Time) {
	var wider []string
	country := countryKind + ":" + v.country
	switch kindOf(key) {
	case rangeKind:
		wider = append(wider, wideKind+":"+v.wide(), country, abroadKey)
	case wideKind:
		wider = append(wider, country, abroadKey)
	case "ac":
		wider = append(wider, addressKind+":"+v.address, networkKind+":"+v.network, country, abroadKey)
	case addressKind:
		wider = append(wider, networkKind+":"+v.network)
	case countryKind:
		wider = append(wider, abroadKey)
	}
	for _, w := range wider {
		if w == abroadKey && !v.abroad || strings.HasSuffix(w, ":") {
			continue
		}
		other := v.p.of(w)
		i, _ := find(s.spans, spanOf(since))
		for _, b := range s.spans[i:] {
			if n := b.untyped(); n > 0 {
				v.d.count(v.id, w, spanStart(b.at), -n, 0, 0)
			}
		}
		for _, b := range s.fine {
			if n := b.untyped(); n > 0 {
				other.reserve(tickStart(b.at), -n)
			}
		}
		if b := v.p.blocks[w]; b != nil && b.By != Operator {
			v.d.reconsider(v.id, v.p, b, other, v.country, v.now)
		}
	}
}

// attempt notes that a block held n messages back, and that it lasts on; mu is held.
func (d *Detector) attempt(poolID string, b *block, n int, lasts time.Duration, now time.Time) {
	b.Refused += int64(n)
	if b.By != Operator && b.Until.Before(now.Add(lasts)) {
		b.Until = now.Add(lasts)
	}
	if !b.fleeting {
		k := blocked{poolID, b.Key}
		d.attempts[k] = attempt{d.attempts[k].refused + int64(n), b.Until}
	}
}

// lift ends a block; mu is held.
func (d *Detector) lift(poolID string, b *block, why, by string, now time.Time) {
	b.Until = now
	delete(d.pool(poolID).blocks, b.Key)
	delete(d.attempts, blocked{poolID, b.Key})
	g := b.GuardBlock
	g.Evidence = why
	if by != "" {
		g.By = by
	}
	d.placed = append(d.placed, change{GuardBlock: g, lifted: true, fleeting: b.fleeting, event: d.event(eventlog.GuardUnblocked, g)})
}

// Blocks returns the blocks of a pool that last, by key.
func (d *Detector) Blocks(ctx context.Context, poolID string) (out []*store.GuardBlock, err error) {
	if err := d.Flush(ctx); err != nil {
		return nil, err
	}
	err = d.c.Store.Read(ctx, func(tx store.Tx) (err error) {
		out, err = tx.Guards().GuardBlocks(ctx, poolID, d.c.Now())
		return err
	})
	return out, err
}

// Block blocks a key by hand; nothing lets messages through it, and it ends at its time. Errors: fault.InvalidParameter for keys that are none and times
// that are past; those of the store.
func (d *Detector) Block(ctx context.Context, poolID, key string, until time.Time, why string) error {
	now := d.c.Now()
	key = withPlus(key)
	switch {
	case !keyForm.MatchString(key):
		return fault.Invalidf("key", "A key is c:DE, w:+4915112 (without the last six digits), r:+491511234 (without the last four), a:… or n:…")
	case !until.After(now):
		return fault.Invalidf("until", "A block ends in the future.")
	}
	b := store.GuardBlock{
		PoolID: poolID, Key: key, Reason: Operator, Evidence: why[:min(len(why), maxWhy)], By: Operator, Since: now.UTC(), Until: until.UTC(),
	}
	b.Evidence = strings.ToValidUTF8(b.Evidence, "")
	ev := d.byHand(ctx, eventlog.GuardBlocked, b)
	err := d.c.Store.Write(ctx, func(tx store.Tx) error {
		if err := tx.Guards().PutGuardBlock(ctx, &b); err != nil {
			return err
		}
		return tx.Events().Append(ctx, ev)
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.pool(poolID).blocks[key] = &block{GuardBlock: b}
	d.mu.Unlock()
	d.c.Log.Publish(ev)
	return nil
}

// Unblock lifts the block of a key, and forgives what was counted of it. Errors: fault.ResourceNotFound if it is not blocked; those of the store.
func (d *Detector) Unblock(ctx context.Context, poolID, key string) error {
	if err := d.Flush(ctx); err != nil {
		return err
	}
	now := d.c.Now()
	key = withPlus(key)
	ev := d.byHand(ctx, eventlog.GuardUnblocked, store.GuardBlock{PoolID: poolID, Key: key, Reason: Operator, Evidence: "lifted by hand", By: Operator, Until: now})
	found := false
	err := d.c.Store.Write(ctx, func(tx store.Tx) (err error) {
		if found, err = tx.Guards().EndGuardBlock(ctx, poolID, key); err != nil || !found {
			return err
		}
		if err := forgive(ctx, tx, poolID, key, now); err != nil {
			return err
		}
		return tx.Events().Append(ctx, ev)
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	p := d.pool(poolID)
	b := p.blocks[key]
	delete(p.blocks, key)
	p.of(key).from = now
	p.of(key).convicted = false
	d.mu.Unlock()
	if !found && b == nil {
		return notBlocked(key)
	}
	d.c.Log.Publish(ev)
	return nil
}

func notBlocked(key string) error {
	e := fault.New(fault.ResourceNotFound)
	e.Public = fmt.Sprintf("%s is not blocked.", key)
	return e
}

// forgive takes out of the store what stayed untyped of a key in the last day, so that other nodes do not block it at once again.
func forgive(ctx context.Context, tx store.Tx, poolID, key string, now time.Time) error {
	rows, err := tx.Guards().GuardCounts(ctx, poolID, []string{key}, now.Add(-day-span), now.Add(span))
	if err != nil {
		return err
	}
	var back []store.GuardCount
	for _, r := range rows {
		if n := r.Sent - r.Verified; n > 0 {
			back = append(back, store.GuardCount{PoolID: poolID, Key: key, Span: r.Span, Sent: -n})
		}
	}
	return tx.Guards().AddGuardCounts(ctx, back)
}

// sortedBlocks is the order in which rows are written: the same on all nodes.
func sortedBlocks(m map[blocked]attempt) []blocked {
	return slices.SortedFunc(maps.Keys(m), func(a, b blocked) int { return cmp.Or(cmp.Compare(a.pool, b.pool), cmp.Compare(a.key, b.key)) })
}
