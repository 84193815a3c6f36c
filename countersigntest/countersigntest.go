package countersigntest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"countersign"
)

// patience bounds how long Inbox waits for a text, in real time.
const patience = 10 * time.Second

// Server is a running server.
type Server struct {
	// URL is the endpoint of every surface, without a slash at the end.
	URL    string
	server *countersign.Server
	offset atomic.Int64

	mu      sync.Mutex
	inboxes map[string]*Inbox
}

// New starts a server that ends with the test. change may adjust the configuration (FixedCode, Log ...); nil fields are
// filled in by New.
func New(t testing.TB, change ...func(*countersign.Config)) *Server {
	t.Helper()
	s := &Server{inboxes: map[string]*Inbox{}}
	front := httptest.NewUnstartedServer(nil)
	s.URL = "http://" + front.Listener.Addr().String()
	c := countersign.Config{
		Mode: countersign.Dev, BaseURLs: []string{s.URL}, Now: s.Now, Log: slog.New(slog.DiscardHandler), Version: "test",
	}
	for _, f := range change {
		f(&c)
	}
	var err error
	if s.server, err = countersign.New(context.Background(), c); err != nil {
		front.Listener.Close()
		t.Fatalf("countersigntest: %v", err)
	}
	front.Config.Handler = s.server.Handler()
	s.server.Start()
	front.Start()
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
		if err := s.server.Close(); err != nil {
			t.Errorf("countersigntest: the server did not end cleanly: %v", err)
		}
	})
	return s
}

// Now is the server's clock.
func (s *Server) Now() time.Time { return time.Now().Add(time.Duration(s.offset.Load())) }

// Advance moves the server's clock forward. It panics if d is negative: codes and sessions do not come back to life.
func (s *Server) Advance(d time.Duration) {
	if d < 0 {
		panic("countersigntest: Advance with a negative duration")
	}
	s.offset.Add(int64(d))
}

// Reset brings the start state back, faster than a new server.
func (s *Server) Reset(t testing.TB) {
	t.Helper()
	if err := s.server.Reset(context.Background()); err != nil {
		t.Fatalf("countersigntest: %v", err)
	}
}

// Inbox returns the phone with the number, or the mailbox with the address. The same one is returned each time.
func (s *Server) Inbox(to string) *Inbox {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inboxes[to] == nil {
		s.inboxes[to] = &Inbox{server: s.server, to: to}
	}
	return s.inboxes[to]
}

// Inbox is a simulated phone or mailbox. It hands out each text once.
type Inbox struct {
	server *countersign.Server
	to     string

	mu      sync.Mutex
	after   string
	waiting []countersign.Text
}

// Next returns the oldest text that was not handed out yet. It waits for one, and fails the test if none comes.
func (i *Inbox) Next(t testing.TB) countersign.Text {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.waiting) == 0 {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		i.waiting = i.server.Inbox(ctx, i.to, i.after)
	}
	if len(i.waiting) == 0 {
		t.Fatalf("countersigntest: no text came to %s within %v", i.to, patience)
	}
	next := i.waiting[0]
	i.waiting, i.after = i.waiting[1:], next.ID
	return next
}

// Code returns the code of the next text that has one; texts without are passed over.
func (i *Inbox) Code(t testing.TB) string {
	t.Helper()
	for {
		if m := i.Next(t); m.Code != "" {
			return m.Code
		}
	}
}
