package pumping

import (
	"context"
	"fmt"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// Who comes from ever new addresses fills no memory, and does not make the detector forget what it knows of others.
func TestAdvisory_NewAddressesFillNoMemory(t *testing.T) {
	d := New(Config{Store: storetest.SQLite(t), Log: &eventlog.Log{}, Hash: func(context.Context, string, ...string) (string, error) { return "h", nil }})
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	d.pool("p").of("r:+4915112345").convicted = true
	for i := range 2 * mostSeries {
		now = now.Add(100 * time.Microsecond) // ten thousand in a second
		d.missing("p", []string{fmt.Sprint("a:", i), "c:DE"}, now)
	}
	p := d.pool("p")
	if n := len(p.series); n > mostSeries+10 {
		t.Errorf("%d keys are remembered", n)
	}
	if p.series["c:DE"] == nil || p.series["r:+4915112345"] == nil {
		t.Error("a key in use, or one that was blocked, is forgotten")
	}
}

// All old rows go in one sweep, not a few thousand every five minutes: an attack writes faster.
func TestSweepPrunesAll(t *testing.T) {
	s := storetest.SQLite(t)
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	d := New(Config{
		Store: s, Log: &eventlog.Log{}, Now: func() time.Time { return now },
		Hash: func(context.Context, string, ...string) (string, error) { return "h", nil },
	})
	old := make([]store.GuardCount, 2*pruneLimit+1)
	for i := range old {
		old[i] = store.GuardCount{PoolID: "p", Key: fmt.Sprint("a:", i), Span: now.Add(-past - time.Hour), Sent: 1}
	}
	if err := s.Write(t.Context(), func(tx store.Tx) error { return tx.Guards().AddGuardCounts(t.Context(), old) }); err != nil {
		t.Fatal(err)
	}
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	var left []store.GuardCount
	err := s.Read(t.Context(), func(tx store.Tx) (err error) {
		left, err = tx.Guards().TopGuardCounts(t.Context(), "p", "a:", time.Unix(0, 0), now, 10)
		return err
	})
	if err != nil || len(left) > 0 {
		t.Errorf("%d rows and more are left, %v", len(left), err)
	}
}
