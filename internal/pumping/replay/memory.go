package replay

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign/internal/store"
)

// memory is a store that holds what the detector uses.
type memory struct {
	store.Store
	mu     sync.Mutex
	counts map[string][]store.GuardCount // by key, in the order of time
	blocks map[string]*store.GuardBlock
	events []*store.Event
}

func (m *memory) Read(_ context.Context, f func(store.Tx) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return f(memoryTx{m: m})
}

func (m *memory) Write(ctx context.Context, f func(store.Tx) error) error { return m.Read(ctx, f) }

type memoryTx struct {
	store.Tx
	m *memory
}

func (t memoryTx) Guards() store.Guards { return memoryGuards{m: t.m} }
func (t memoryTx) Events() store.Events { return memoryEvents{m: t.m} }

type memoryEvents struct {
	store.Events
	m *memory
}

func (e memoryEvents) Append(_ context.Context, ev *store.Event) error {
	e.m.events = append(e.m.events, ev)
	return nil
}

type memoryGuards struct {
	store.Guards
	m *memory
}

func bySpan(c store.GuardCount, span time.Time) int { return c.Span.Compare(span) }

func (g memoryGuards) AddGuardCounts(_ context.Context, counts []store.GuardCount) error {
	for _, c := range counts {
		list := g.m.counts[c.Key]
		i, ok := slices.BinarySearchFunc(list, c.Span, bySpan)
		if !ok {
			g.m.counts[c.Key] = slices.Insert(list, i, c)
			continue
		}
		list[i].Sent, list[i].Verified, list[i].Refused = list[i].Sent+c.Sent, list[i].Verified+c.Verified, list[i].Refused+c.Refused
	}
	return nil
}

func (g memoryGuards) GuardCounts(_ context.Context, _ string, keys []string, from, to time.Time) (out []store.GuardCount, err error) {
	for _, key := range keys {
		list := g.m.counts[key]
		i, _ := slices.BinarySearchFunc(list, from, bySpan)
		j, _ := slices.BinarySearchFunc(list, to, bySpan)
		out = append(out, list[i:j]...)
	}
	return out, nil
}

// PruneGuardCounts keeps all: recordings are short.
func (g memoryGuards) PruneGuardCounts(context.Context, time.Time, int) (int, error) { return 0, nil }

func (g memoryGuards) PutGuardBlock(_ context.Context, b *store.GuardBlock) error {
	row := *b
	if old := g.m.blocks[b.Key]; old != nil && old.Until.After(b.Since) {
		row.Since, row.Refused = old.Since, old.Refused
	}
	g.m.blocks[b.Key] = &row
	return nil
}

func (g memoryGuards) CountGuardBlock(_ context.Context, _, key string, refused int64, until time.Time) error {
	if b := g.m.blocks[key]; b != nil {
		b.Refused += refused
		if until.After(b.Until) {
			b.Until = until
		}
	}
	return nil
}

func (g memoryGuards) GuardBlocks(_ context.Context, _ string, after time.Time) (out []*store.GuardBlock, err error) {
	for _, b := range g.m.blocks {
		if b.Until.After(after) {
			row := *b
			out = append(out, &row)
		}
	}
	slices.SortFunc(out, func(a, b *store.GuardBlock) int { return cmp.Compare(a.Key, b.Key) })
	return out, nil
}

func (g memoryGuards) EndGuardBlock(_ context.Context, _, key string) (bool, error) {
	ok := g.m.blocks[key] != nil
	delete(g.m.blocks, key)
	return ok, nil
}

// noKeys is for a log whose events have nothing personal.
type noKeys struct{}

func (noKeys) SealRecord(context.Context, string, string, string, string, []byte) ([]byte, error) {
	return nil, nil
}
func (noKeys) OpenRecord(context.Context, string, string, string, string, []byte) ([]byte, error) {
	return nil, nil
}
func (noKeys) Lookup(_ context.Context, _ string, parts ...string) ([]byte, error) {
	return []byte(strings.Join(parts, " ")), nil
}
