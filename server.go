package countersign

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"countersign/internal/front"
)

// Server is a Countersign server. It is safe for concurrent use.
type Server struct {
	c       Config
	parts   *parts
	metrics *metrics
	hosts   *front.Hosts
	started time.Time

	// surfaces are the handlers, before a door chooses among them.
	surfaces map[front.Surface]http.Handler
	ready    atomic.Bool
	bindings []Binding  // set once by Run
	resets   sync.Mutex // one Reset at a time
	sole     sole

	startOnce sync.Once
	stop      context.CancelFunc
	stopped   func() // waits for the background
	worker    chan error
	closeOnce sync.Once
	closeErr  error
}

// New opens the database and makes a Server. It listens to nothing and sends nothing until Start or Run. A database of
// a newer version is store.ErrNewer in the error's chain.
func New(ctx context.Context, c Config) (*Server, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	p, err := assemble(ctx, &c)
	if err != nil {
		return nil, err
	}
	s := &Server{c: c, parts: p, started: c.Now(), metrics: newMetrics(p.registry, p.hasher, c.Version), stop: func() {}, stopped: func() {}}
	p.metrics.Store(s.metrics)
	s.queueAge(p.registry)
	s.guardState(p.registry)
	s.hosts, p.urls, p.publicURL = front.NewHosts(s.poolByName), s.urlsOf, s.publicURL
	for _, u := range append(c.BaseURLs[:len(c.BaseURLs):len(c.BaseURLs)], c.AdminBaseURLs...) {
		pool := c.Pools[u]
		if pool == "" && c.Mode == Dev {
			pool = DevPool
		}
		if err := s.hosts.Declare(u, pool); err != nil {
			return nil, errors.Join(err, p.close())
		}
	}
	if c.Mode == Dev {
		if err := s.startState(ctx); err != nil {
			return nil, errors.Join(err, p.close())
		}
	}
	if err := s.mount(ctx); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return s, nil
}

func isPostgres(database string) bool {
	return strings.HasPrefix(database, "postgres://") || strings.HasPrefix(database, "postgresql://")
}

// Start begins what works beside requests: delivery, retention, sweeping. Run calls it; a program that serves Handler by
// itself calls it once, and Close at the end.
func (s *Server) Start() {
	s.startOnce.Do(func() {
		ctx, cancel := context.WithCancel(context.Background())
		s.stop, s.stopped = cancel, s.parts.background(ctx, &s.c)
		s.worker = make(chan error, 1)
		go func() { s.worker <- s.parts.worker.Run(ctx) }()
		if s.c.Mode == Serve { // in dev mode it is said when the first function is made
			go s.parts.readyFunctions(ctx, s.c.Log)
		}
		s.ready.Store(true)
	})
}

// Run serves the bindings until ctx ends, then drains: /readyz answers 503, listeners close, requests in flight and the
// messages at work finish, at most for Config.DrainTimeout. It closes the Server. A clean end is nil.
func (s *Server) Run(ctx context.Context, bindings ...Binding) error {
	s.bindings = bindings
	s.Start()
	servers := make([]*http.Server, len(bindings))
	failed := make(chan error, len(bindings))
	for i, b := range bindings {
		servers[i] = s.httpServer(b)
		go func() {
			l := b.Listener
			var err error
			if b.TLS != nil {
				err = servers[i].ServeTLS(l, "", "")
			} else {
				err = servers[i].Serve(l)
			}
			if !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		}()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	return errors.Join(err, s.drain(servers))
}

// drain ends everything in the order in which it depends on each other.
func (s *Server) drain(servers []*http.Server) error {
	s.ready.Store(false)
	ctx, cancel := context.WithTimeout(context.Background(), s.c.DrainTimeout)
	defer cancel()
	if s.parts.inbox != nil {
		// Open event streams would hold Shutdown up until the timeout.
		s.parts.inbox.Close()
	}
	var wg sync.WaitGroup
	errs := make([]error, len(servers))
	for i, srv := range servers {
		wg.Go(func() {
			if errs[i] = srv.Shutdown(ctx); errs[i] != nil {
				srv.Close()
			}
		})
	}
	wg.Wait()
	return errors.Join(append(errs, s.closeWithin(ctx))...)
}

// Close ends the background, returns unsent messages to the queue and closes the database. It may be called again.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), s.c.DrainTimeout)
	defer cancel()
	return s.closeWithin(ctx)
}

func (s *Server) closeWithin(ctx context.Context) error {
	s.closeOnce.Do(func() {
		s.ready.Store(false)
		s.startOnce.Do(func() {}) // never started: stays so
		var errs []error
		if s.worker != nil {
			errs = append(errs, s.parts.worker.Drain(ctx), <-s.worker)
		}
		s.stop()
		s.stopped()
		if s.parts.quotas != nil {
			errs = append(errs, s.parts.quotas.Return(ctx))
		}
		s.closeErr = errors.Join(append(errs, s.parts.close())...)
	})
	return s.closeErr
}

const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	// maxHeader bounds request headers: an access token of 16 KiB and room.
	maxHeader = 64 << 10
)

func (s *Server) httpServer(b Binding) *http.Server {
	srv := &http.Server{ // net/http writes to its TLS configuration, and two bindings may share one
		Handler: s.door(b.Door), TLSConfig: b.TLS.Clone(), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: quietLog(s.c.Log),
	}
	if b.Door == LocalDoor {
		srv.ConnContext = func(ctx context.Context, _ net.Conn) context.Context { return asLocal(ctx) }
	}
	return srv
}

// Handler returns all surfaces but the owner's socket: for a program that brings its own listener, and for tests.
func (s *Server) Handler() http.Handler { return s.door(AllDoors) }
