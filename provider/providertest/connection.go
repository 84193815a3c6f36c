package providertest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign/provider"
)

func contextUntil(ctx context.Context, over <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-over:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

const (
	// soon is the deadline of sends that cannot end otherwise; late is when one has missed it.
	soon, late = 750 * time.Millisecond, 5 * time.Second
	// endless is as much as the server would write of an endless body; much more than the buffers of a connection.
	endless = 24 << 20
)

// Without a whole answer it matters whether the request was written.
func (c *run) connection(t *testing.T) {
	ok := c.ok()
	var wrote atomic.Int64
	cases := map[string]http.HandlerFunc{
		"hangs": func(_ http.ResponseWriter, q *http.Request) { <-q.Context().Done() },
		"cut": func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				conn.Close()
			}
		},
		"cut within the answer": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			ok.head(w)
			io.WriteString(w, ok.Body)
		},
		"slow body": func(w http.ResponseWriter, q *http.Request) {
			ok.head(w)
			io.WriteString(w, ok.Body[:len(ok.Body)/2])
			http.NewResponseController(w).Flush()
			<-q.Context().Done()
		},
		"endless body": func(w http.ResponseWriter, _ *http.Request) {
			ok.head(w)
			var n int
			_, err := io.WriteString(w, ok.Body)
			for blank := strings.Repeat(" ", 64<<10); err == nil && wrote.Load() < endless; wrote.Add(int64(n)) {
				n, err = io.WriteString(w, blank)
			}
		},
	}
	for name, script := range cases {
		t.Run(name, func(t *testing.T) {
			p, s := c.start(t, script)
			m := c.message(p)
			err := c.fails(t, p, m)
			if class, _ := provider.ClassOf(err); class != provider.ClassAmbiguous {
				t.Errorf("%s, not ambiguous: %v", class, err)
			}
			c.one(t, s, m)
		})
	}
	if n := wrote.Load(); n >= endless {
		t.Errorf("%d bytes of an answer were read", n)
	}
	t.Run("nobody listens", c.nobody)
	t.Run("redirect", c.redirect)
}

// fails sends with a deadline, and returns the error.
func (c *run) fails(t *testing.T, p provider.Provider, m provider.Message) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	start := time.Now()
	_, err := p.Send(ctx, m)
	if took := time.Since(start); took > late {
		t.Errorf("the deadline was missed: %v", took)
	}
	if err == nil {
		t.Fatal("taken for a success")
	}
	c.private(t, err.Error(), m)
	if strings.Contains(err.Error(), "://") {
		t.Errorf("a URL is in %v", err)
	}
	return err
}

// nobody: no connection, so nothing was written.
func (c *run) nobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	l.Close()
	p := c.s.New(t, closed)
	err = c.fails(t, p, c.message(p))
	class, _ := provider.ClassOf(err)
	if r := provider.ReasonOf(err); class != provider.ClassRetryable || r != provider.Temporary || errors.Is(err, provider.ErrAmbiguous) {
		t.Errorf("%s, %s: %v; nothing was written", r, class, err)
	}
}

// redirect: it is not followed, and no success.
func (c *run) redirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		p, s := c.start(t, func(w http.ResponseWriter, q *http.Request) {
			if strings.HasPrefix(q.URL.Path, "/elsewhere") {
				c.ok().handler(nil)(w, q)
				return
			}
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		})
		m := c.message(p)
		err := c.fails(t, p, m)
		if class, _ := provider.ClassOf(err); class == provider.ClassAmbiguous || class == provider.ClassPermanent {
			t.Errorf("%d: %s: %v", status, class, err)
		}
		c.one(t, s, m)
	}
}
