package hookrun

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"countersign/internal/egress"
)

// Workers without a network namespace reach the server at one address alone, that of the Runtime API. There, node/preload.cjs sends every TCP
// connection of the code to that address instead of its own, and before the code sees it as connected, says in a request of its own, which begins
// with the worker's secret, what it is for: the port that it comes from, and the port and host that the code asked for. From then on
// it is served as if it had been made in a network namespace. A connection is thus either claimed before a byte has come by, or the Runtime API's.

// arrival is such a connection while it is not known what it is.
type arrival struct {
	net.Conn
	// read is closed when the first Read has ended, with what it gave.
	read chan struct{}
	n    int
	err  error
	head [1]byte
	// claimed is guarded by network.mu.
	claimed bool
}

// maxTunnel bounds the body of a claim.
const maxTunnel = 512

// arrive waits for the first byte of a connection, or for the claim that it is for a host.
func (n *network) arrive(c net.Conn) {
	a := &arrival{Conn: c, read: make(chan struct{})}
	from := remotePort(c)
	n.mu.Lock()
	n.arrivals[from] = a
	n.mu.Unlock()
	_ = c.SetReadDeadline(time.Now().Add(max(10*time.Second, n.r.opts.InitTimeout)))
	go func() {
		a.n, a.err = c.Read(a.head[:])
		n.mu.Lock()
		claimed := a.claimed
		if n.arrivals[from] == a {
			delete(n.arrivals, from)
		}
		n.mu.Unlock()
		close(a.read)
		switch {
		case claimed: // whoever claimed it goes on
		case a.n == 0:
			n.leave(c)
		default:
			_ = c.SetReadDeadline(time.Time{})
			n.api.put(&countedConn{Conn: &begunConn{Conn: c, head: a.head[:]}, left: func() { n.leave(c) }})
		}
	}()
}

// claim takes the connection that comes from a port, if it is there and nothing has come by it.
func (n *network) claim(from int) net.Conn {
	n.mu.Lock()
	a := n.arrivals[from]
	if a != nil {
		a.claimed = true
		delete(n.arrivals, from)
	}
	n.mu.Unlock()
	if a == nil {
		return nil
	}
	_ = a.SetReadDeadline(time.Unix(1, 0))
	<-a.read
	if a.n > 0 || !errors.Is(a.err, os.ErrDeadlineExceeded) {
		n.leave(a.Conn)
		return nil
	}
	_ = a.SetReadDeadline(time.Time{})
	return a.Conn
}

func remotePort(c net.Conn) int {
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// begunConn is a connection whose first bytes have been read.
type begunConn struct {
	net.Conn
	head []byte
}

// Read implements net.Conn.
func (c *begunConn) Read(p []byte) (int, error) {
	if len(c.head) > 0 && len(p) > 0 {
		k := copy(p, c.head)
		c.head = c.head[k:]
		return k, nil
	}
	return c.Conn.Read(p)
}

// CloseWrite lets the other side read an answer to what was not read.
func (c *begunConn) CloseWrite() error {
	if cw, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return cw.CloseWrite()
	}
	return errors.ErrUnsupported
}

// serveTunnel takes a claim: three lines, the port that the connection comes from, the port and the host that it is for. The answer is 204, or
// 502 and the code of the error that the code is to see.
func (w *worker) serveTunnel(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxTunnel))
	lines := strings.Split(string(body), "\n")
	if err != nil || len(lines) != 3 {
		apiError(rw, http.StatusBadRequest, "InvalidRequest", "want the lines port, port, host")
		return
	}
	from, _ := strconv.Atoi(lines[0])
	port, _ := strconv.Atoi(lines[1])
	rw.Header().Set("Connection", "close")
	c := w.net.claim(from)
	if c == nil {
		refuseTunnel(rw, "ECONNRESET")
		return
	}
	serve, err := w.net.tunnel(strings.TrimSuffix(strings.ToLower(lines[2]), "."), port)
	if err != nil {
		reset(c)
		w.net.leave(c)
		refuseTunnel(rw, errorCode(err))
		return
	}
	rw.WriteHeader(http.StatusNoContent)
	go func() {
		defer w.net.leave(c)
		serve(c)
	}()
}

func refuseTunnel(rw http.ResponseWriter, code string) {
	rw.WriteHeader(http.StatusBadGateway)
	io.WriteString(rw, code)
}

// tunnel is route for hosts as code names them.
func (n *network) tunnel(host string, port int) (func(net.Conn), error) {
	shown := host
	ip, err := netip.ParseAddr(host)
	switch {
	case err == nil:
		shown = ip.String()
		if ip = ip.Unmap().WithZone(""); n.rules.inNets(ip, port) {
			host, err = ip.String(), nil // a rule opens this port of this very address
		} else {
			err = errors.Join(egress.ErrRefused, errors.New(noName))
		}
	case !hostName(host) || port < 1 || port > 65535:
		shown, err = "", errUnknownHost
	default:
		err = nil
	}
	var serve func(net.Conn)
	if err == nil {
		serve, err = n.route(host, port)
	}
	if err != nil {
		n.refused(shown, port, err.Error())
	}
	return serve, err
}

var errUnknownHost = &net.DNSError{Err: "not a host name", IsNotFound: true}

// errorCode is what code sees of a connection that could not be made, in Node's words.
func errorCode(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return "ENOTFOUND"
		}
		return "EAI_AGAIN"
	}
	switch {
	case errors.Is(err, egress.ErrRefused), errors.Is(err, syscall.ECONNREFUSED):
		return "ECONNREFUSED"
	case errors.Is(err, syscall.EHOSTUNREACH):
		return "EHOSTUNREACH"
	case errors.Is(err, syscall.ENETUNREACH):
		return "ENETUNREACH"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return "ETIMEDOUT"
	}
	return "ECONNRESET"
}
