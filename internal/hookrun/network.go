package hookrun

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"countersign/internal/egress"
	"countersign/internal/hookrun/sandbox"
)

const (
	// maxConns bounds the open connections of one worker, API included; maxAllConns those of all workers that leave this machine.
	maxConns    = 64
	maxAllConns = 2048
	// connIdle ends a connection on which nothing has moved for so long; dialTimeout bounds making one.
	connIdle = 5 * time.Minute
	// maxSaid bounds the refusals of a worker that are logged in a minute.
	maxSaid     = 100
	dialTimeout = 10 * time.Second
)

// network is what a worker can connect to. Every connection arrives here: its local address tells the name that the code looked up, its
// local port the port; then the policy decides.
type network struct {
	r *Runner
	// w is nil for a job, which has neither a Runtime API nor hosts that this server answers itself.
	w     *worker
	name  string
	rules *rules
	names *names
	api   *connQueue

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]bool
	// arrivals are the connections to the Runtime API that nothing has come by yet, by the port that they come from (see tunnel.go).
	arrivals map[int]*arrival
	// sayMu guards how many refusals were logged since a time: code must not fill the log.
	sayMu sync.Mutex
	said  int
	since time.Time
}

func newNetwork(w *worker) *network {
	n := plainNetwork(w.r, w.code.Name, w.r.rules)
	n.w = w
	n.names.full = func() { go w.r.wornOut(w, "served all its names") }
	return n
}

// plainNetwork is a network without a Runtime API.
func plainNetwork(r *Runner, name string, rules *rules) *network {
	n := &network{r: r, name: name, rules: rules, names: newNames(), open: map[net.Conn]bool{}, arrivals: map[int]*arrival{}, api: newConnQueue()}
	n.names.localhost = slices.ContainsFunc(rules.hosts, func(h hostRule) bool { return h.pattern == "localhost" })
	n.ctx, n.cancel = context.WithCancel(r.ctx)
	return n
}

// serve begins to answer on all sockets.
func (n *network) serve(s *sandbox.Sockets, isolated bool) {
	if n.w != nil {
		go n.w.api.Serve(n.api)
	}
	for port, l := range s.TCP {
		go n.accept(l, port, isolated)
	}
	if s.DNS != nil {
		go n.names.serveDNS(s.DNS)
	}
}

// accept takes connections of one port until the listener is closed with the process.
func (n *network) accept(l net.Listener, port int, isolated bool) {
	for {
		c, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || n.ctx.Err() != nil {
				return
			}
			time.Sleep(5 * time.Millisecond) // out of descriptors: as net/http does
			continue
		}
		if !n.enter(c) {
			reset(c)
			continue
		}
		local := localAddr(c)
		if n.w != nil && port == apiPort && !isolated {
			n.arrive(c)
			continue
		}
		if n.w != nil && port == apiPort && local.Addr() == loopback4 {
			n.api.put(&countedConn{Conn: c, left: func() { n.leave(c) }})
			continue
		}
		go func() {
			defer n.leave(c)
			n.answer(c, n.names.name(local.Addr()), port)
		}()
	}
}

var loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})

func localAddr(c net.Conn) netip.AddrPort {
	if a, ok := c.LocalAddr().(*net.TCPAddr); ok {
		ap := a.AddrPort()
		return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	}
	return netip.AddrPort{}
}

// enter counts a connection in, unless there are too many.
func (n *network) enter(c net.Conn) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ctx.Err() != nil {
		return false
	}
	if len(n.open) >= maxConns {
		n.refused("", 0, "more than "+strconv.Itoa(maxConns)+" open connections")
		return false
	}
	n.open[c] = true
	n.wg.Add(1) // here, so that close has not begun to wait
	return true
}

func (n *network) leave(c net.Conn) {
	c.Close()
	n.mu.Lock()
	delete(n.open, c)
	n.mu.Unlock()
	n.wg.Done()
}

// close ends all connections.
func (n *network) close() {
	n.cancel()
	n.api.Close()
	n.mu.Lock()
	for c := range n.open {
		c.Close()
	}
	n.mu.Unlock()
	n.wg.Wait()
}

// answer serves one connection to a name: locally, or by connecting to it under the rules.
func (n *network) answer(c net.Conn, host string, port int) {
	if local := localAddr(c).Addr(); host == "" && local == loopback4 && n.rules.inNets(local, port) {
		host = local.String() // a rule opens this port of this machine
	}
	if host == "" {
		n.refused(localAddr(c).Addr().String(), port, noName)
		reset(c)
		return
	}
	serve, err := n.route(host, port)
	if err != nil {
		n.refused(host, port, err.Error())
		reset(c)
		return
	}
	serve(c)
}

// noName is why a connection to an address is refused.
const noName = "an address that no name was resolved to: connect by name"

// route finds what serves connections to host and port: a handler of this server, or the far end, to which it connects under the rules. What it
// returns must be called, and returns when the connection is over.
func (n *network) route(host string, port int) (func(net.Conn), error) {
	if n.w != nil {
		if h := n.r.opts.Local(host, port); h != nil {
			return func(c net.Conn) {
				n.r.local.serve(n.ctx, &localConn{Conn: c, w: n.w, host: host, port: port, handler: h})
			}, nil
		}
	}
	began := time.Now()
	out, err := n.dial(host, port)
	if err != nil {
		return nil, err
	}
	return func(c net.Conn) {
		defer out.Close()
		sum := splice(n.ctx, c, out)
		took := time.Since(began)
		n.r.opts.Observe(Event{Kind: Connected, Code: n.name, Host: host, Port: port, Bytes: sum, Duration: took})
		n.r.opts.Logger.Debug("function connected", "function", n.name, "host", host, "port", port, "bytes", sum, "duration", took)
	}, nil
}

// dial connects to host under the rules.
func (n *network) dial(host string, port int) (net.Conn, error) {
	r := n.r
	policy, err := n.rules.policy(host, port)
	netsOnly := errors.Is(err, errNetsOnly)
	if err != nil && !netsOnly {
		return nil, err
	}
	if !r.enterConn() {
		return nil, errors.New("too many connections of all functions")
	}
	ctx, cancel := context.WithTimeout(n.ctx, dialTimeout)
	defer cancel()
	if netsOnly {
		host, err = n.listed(ctx, host, port)
	}
	var c net.Conn
	if err == nil {
		d := &egress.Dialer{Policy: policy, Timeout: dialTimeout, Resolver: r.opts.Resolver}
		c, err = d.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	}
	if err != nil {
		r.leaveConn()
		return nil, err
	}
	return &countedConn{Conn: c, left: r.leaveConn}, nil
}

// listed resolves a host to an address in the networks that the port is open for.
func (n *network) listed(ctx context.Context, host string, port int) (string, error) {
	all, err := n.r.opts.Resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return "", err
	}
	for _, ip := range all {
		if n.rules.inNets(ip, port) {
			return ip.Unmap().String(), nil
		}
	}
	return "", fmt.Errorf("%w: port %d is open for the networks of functions.egress.allow alone", egress.ErrRefused, port)
}

func (r *Runner) enterConn() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.conns >= maxAllConns {
		return false
	}
	r.conns++
	return true
}

func (r *Runner) leaveConn() {
	r.mu.Lock()
	r.conns--
	r.mu.Unlock()
}

// refused tells the operator which setting stopped a connection; the code sees a reset connection.
func (n *network) refused(host string, port int, why string) {
	n.r.opts.Observe(Event{Kind: Refused, Code: n.name, Host: host, Port: port, Detail: why})
	n.sayMu.Lock()
	if time.Since(n.since) > time.Minute {
		n.said, n.since = 0, time.Now()
	}
	n.said++
	said := n.said
	n.sayMu.Unlock()
	switch log := n.r.opts.Logger.With("function", n.name, "host", host, "port", port, "reason", why); {
	case said < maxSaid:
		log.Warn("function's connection refused")
	case said == maxSaid:
		log.Warn("function's connection refused; further ones are not logged for a minute")
	}
}

// reset closes a connection so that the other side sees ECONNRESET rather than an empty answer.
func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	c.Close()
}

// traffic is what went by one connection in both directions: how many bytes, and when the last ones.
type traffic struct {
	began time.Time
	bytes atomic.Int64
	last  atomic.Int64 // since began
}

func (t *traffic) add(n int) {
	t.bytes.Add(int64(n))
	t.last.Store(int64(time.Since(t.began)))
}

// idle reports whether nothing has moved for connIdle, and if not, when to look again.
func (t *traffic) idle() (bool, time.Time) {
	last := t.began.Add(time.Duration(t.last.Load()))
	return time.Since(last) >= connIdle, last.Add(connIdle)
}

// splice copies both ways until both are done, the worker ends or nothing moves for connIdle in either direction, and returns how many bytes went by.
func splice(ctx context.Context, a, b net.Conn) int64 {
	sum := traffic{began: time.Now()}
	stop := context.AfterFunc(ctx, func() {
		a.Close()
		b.Close()
	})
	defer stop()
	var wg sync.WaitGroup
	for _, pair := range [][2]net.Conn{{a, b}, {b, a}} {
		wg.Go(func() { copyConn(pair[1], pair[0], &sum) })
	}
	wg.Wait()
	return sum.bytes.Load()
}

// copyConn copies until the source ends, and passes its end on.
func copyConn(to, from net.Conn, sum *traffic) {
	buf := make([]byte, 16<<10)
	for {
		_, until := sum.idle()
		_ = from.SetReadDeadline(until)
		k, err := from.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) && k == 0 {
			if idle, _ := sum.idle(); !idle {
				continue
			}
		}
		if k > 0 {
			sum.add(k)
			_ = to.SetWriteDeadline(time.Now().Add(connIdle))
			if _, werr := to.Write(buf[:k]); werr != nil {
				from.Close()
				to.Close()
				return
			}
		}
		if errors.Is(err, io.EOF) {
			if cw, ok := to.(interface{ CloseWrite() error }); ok && cw.CloseWrite() == nil {
				return
			}
		}
		if err != nil {
			from.Close()
			to.Close()
			return
		}
	}
}

// countedConn tells when it is closed.
type countedConn struct {
	net.Conn
	once sync.Once
	left func()
}

func (c *countedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.left)
	return err
}

func (c *countedConn) CloseWrite() error {
	if cw, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return cw.CloseWrite()
	}
	return errors.ErrUnsupported
}

// connQueue is a listener for connections that were accepted elsewhere.
type connQueue struct {
	ch   chan net.Conn
	done chan struct{}
	once sync.Once
}

func newConnQueue() *connQueue { return &connQueue{ch: make(chan net.Conn), done: make(chan struct{})} }

func (q *connQueue) put(c net.Conn) {
	select {
	case q.ch <- c:
	case <-q.done:
		c.Close()
	}
}

// Accept implements net.Listener.
func (q *connQueue) Accept() (net.Conn, error) {
	select {
	case c := <-q.ch:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (q *connQueue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

// Addr implements net.Listener.
func (q *connQueue) Addr() net.Addr { return &net.TCPAddr{} }
