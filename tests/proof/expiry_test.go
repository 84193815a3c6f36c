package proof

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign"
	"countersign/internal/keyring"
	"countersign/provider"
)

// line is a provider that is down until it is up.
type line struct {
	mu    sync.Mutex
	up    bool
	tries int
	sent  []string
}

func (*line) Name() string { return "line" }

func (l *line) Send(_ context.Context, m provider.Message) (provider.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tries++; !l.up {
		return provider.Receipt{}, errors.New("the line is down")
	}
	l.sent = append(l.sent, m.To)
	return provider.Receipt{ProviderID: m.ID}, nil
}

func (l *line) seen() (tries int, sent []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.tries, slices.Clone(l.sent)
}

// until waits for something that another goroutine does.
func until(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(15 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// TestNothingIsSentAfterItsCodeDied: a text that could not be sent waits; if the server comes back after its code has died, it is
// never sent and its contents are gone.
func TestNothingIsSentAfterItsCodeDied(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		var ahead atomic.Int64
		l := &line{}
		cfg := countersign.Config{
			Mode: countersign.Dev, Database: database, RootKey: keyring.NewRoot().Encode(), BaseURLs: []string{"http://localhost:7446"}, Sender: l,
			Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		}
		open := func() *countersign.Server {
			s, err := countersign.New(context.Background(), cfg)
			check(t, err)
			s.Start()
			return s
		}
		signUp := func(s *countersign.Server, phone string) {
			raw, err := json.Marshal(obj{"ClientId": devClient, "Username": phone, "Password": hisSecret})
			check(t, err)
			r := httptest.NewRequest("POST", "http://localhost:7446/", strings.NewReader(string(raw)))
			r.Header.Set("Content-Type", "application/x-amz-json-1.1")
			r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.SignUp")
			w := httptest.NewRecorder()
			if s.Handler().ServeHTTP(w, r); w.Code != http.StatusOK {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
		s := open()
		signUp(s, "+12025550111")
		until(t, "a first try", func() bool { n, _ := l.seen(); return n > 0 })
		check(t, s.Close())
		ahead.Store(int64(25 * time.Hour))
		l.mu.Lock()
		l.up = true
		l.mu.Unlock()
		s = open()
		signUp(s, "+12025550112")
		until(t, "the text of the second", func() bool { _, sent := l.seen(); return slices.Contains(sent, "+12025550112") })
		db := openBeside(t, database)
		until(t, "the end of both messages", func() bool {
			return len(names(t, db, `SELECT id FROM outbox WHERE state IN ('queued', 'sending')`)) == 0
		})
		if _, sent := l.seen(); slices.Contains(sent, "+12025550111") {
			t.Error("a text was sent a day after its code had died")
		}
		if got := names(t, db, `SELECT state FROM outbox ORDER BY id`); !slices.Equal(got, []string{"expired", "sent"}) {
			t.Errorf("the messages are %v", got)
		}
		if got := names(t, db, `SELECT id FROM outbox WHERE sealed IS NOT NULL`); len(got) > 0 {
			t.Errorf("%d messages kept their text", len(got))
		}
		check(t, db.Close())
		check(t, s.Close())
	})
}
