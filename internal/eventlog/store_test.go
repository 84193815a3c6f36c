package eventlog_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

func write(t *testing.T, l *eventlog.Log, s store.Store, entries ...eventlog.Entry) {
	t.Helper()
	ctx := context.Background()
	var events []*store.Event
	for _, e := range entries {
		ev, err := l.Prepare(ctx, e, secret.Key{})
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, ev)
	}
	err := s.Write(ctx, func(tx store.Tx) error {
		for _, ev := range events {
			if err := tx.Events().Append(ctx, ev); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestList(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		l := newLog(t)
		entry := func(n int, kind eventlog.Type, user, number string) eventlog.Entry {
			return eventlog.Entry{PoolID: pool, Type: kind, UserID: user, Number: number, At: at.Add(time.Duration(n) * time.Minute),
				Data: map[string]any{"n": n}, Personal: map[string]any{"ip": fmt.Sprint(n)}}
		}
		write(t, l, s, entry(0, "s", "u1", "+12025550123"), entry(1, "fp", "u1", ""), entry(2, "s", "u2", "+12025550124"),
			entry(3, "gd_send_sms", "u2", "+12025550123"))
		tests := []struct {
			name string
			q    eventlog.Query
			want string
		}{
			{"all", eventlog.Query{}, "3210"},
			{"ascending", eventlog.Query{Ascending: true}, "0123"},
			{"limit", eventlog.Query{Limit: 2}, "32"},
			{"type", eventlog.Query{Types: []eventlog.Type{eventlog.LoginSucceeded}}, "20"},
			{"user", eventlog.Query{UserID: "u1"}, "10"},
			{"number", eventlog.Query{Number: "+12025550123"}, "30"},
			{"number that nobody has", eventlog.Query{Number: "+12025550199"}, ""},
			{"time", eventlog.Query{From: at.Add(time.Minute), To: at.Add(3 * time.Minute)}, "21"},
			{"other pool", eventlog.Query{PoolID: "other"}, ""},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				if tt.q.PoolID == "" {
					tt.q.PoolID = pool
				}
				events, err := l.List(t.Context(), s, tt.q)
				if err != nil && tt.q.PoolID == pool {
					t.Fatal(err)
				}
				got := ""
				for _, e := range events {
					m, err := l.Open(t.Context(), e, secret.Key{})
					if err != nil {
						t.Fatal(err)
					}
					got += m["ip"].(string)
				}
				if got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		}
		first, _ := l.List(t.Context(), s, eventlog.Query{PoolID: pool, Limit: 2})
		second, err := l.List(t.Context(), s, eventlog.Query{PoolID: pool, Limit: 2, After: first[1].ID})
		if err != nil || len(second) != 2 || string(second[0].Data) != `{"n":1}` {
			t.Errorf("second page %v, %v", second, err)
		}
	})
}

func TestPrune(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s store.Store) {
		keys := keyringtest.New(t, pool)
		l := eventlog.New(eventlog.Config{Keys: keys, Now: func() time.Time { return at }})
		var entries []eventlog.Entry
		for i := range 1203 {
			entries = append(entries, eventlog.Entry{PoolID: pool, Type: "s", At: at.Add(-91*24*time.Hour + time.Duration(i)*time.Second)})
		}
		young := eventlog.Entry{PoolID: pool, Type: "f", At: at.Add(-89 * 24 * time.Hour)}
		write(t, l, s, append(entries, young)...)
		forever := eventlog.New(eventlog.Config{Keys: keys, Now: func() time.Time { return at }, Retention: -1})
		if n, err := forever.Prune(t.Context(), s); n != 0 || err != nil {
			t.Errorf("kept for ever: %d deleted, %v", n, err)
		}
		if n, err := l.Prune(t.Context(), s); n != 1203 || err != nil {
			t.Errorf("%d deleted, %v", n, err)
		}
		left, err := l.List(t.Context(), s, eventlog.Query{PoolID: pool})
		if err != nil || len(left) != 1 || left[0].Type != "f" {
			t.Errorf("left %v, %v", left, err)
		}
	})
}

func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := storetest.SQLite(t)
		l := eventlog.New(eventlog.Config{Keys: keyringtest.New(t, pool), Retention: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { l.Run(ctx, s); close(done) }()
		write(t, l, s, eventlog.Entry{PoolID: pool, Type: "s"})
		count := func() int {
			synctest.Wait()
			events, err := l.List(t.Context(), s, eventlog.Query{PoolID: pool})
			if err != nil {
				t.Fatal(err)
			}
			return len(events)
		}
		time.Sleep(59 * time.Minute)
		if n := count(); n != 1 {
			t.Errorf("%d events within the retention", n)
		}
		time.Sleep(62 * time.Minute)
		if n := count(); n != 0 {
			t.Errorf("%d events after the retention", n)
		}
		cancel()
		<-done
	})
}
