package hookrun

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	caLife   = 5 * 365 * 24 * time.Hour
	leafLife = 90 * 24 * time.Hour
	// caPrefix begins the names of the files below.
	caPrefix = "ca-"
	// maxLeafs bounds the certificates that are kept; names come from workers, but only those with a local handler get one.
	maxLeafs = 256
)

// bundlePaths are where systems keep their trusted certificates, as crypto/x509 looks for them.
var bundlePaths = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
	"/etc/pki/tls/cacert.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem"}

// authority signs for the hosts that this server answers itself. Its key lives in this process alone, and only workers are told to trust
// it. certFile is its certificate; bundleFile has the system's roots as well, for programs that take one file for all.
type authority struct {
	cert                 *x509.Certificate
	key                  *ecdsa.PrivateKey
	certFile, bundleFile string

	mu    sync.Mutex
	leafs map[string]*tls.Certificate
}

func newAuthority(folder, instance string) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	t := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: "Countersign, for its functions alone"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(caLife), KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
		MaxPathLenZero: true}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	name := caPrefix + instance
	return &authority{cert: cert, key: key, leafs: map[string]*tls.Certificate{},
		certFile: filepath.Join(folder, name+".pem"), bundleFile: filepath.Join(folder, name+"-bundle.pem")}, nil
}

// write puts the files that workers read in place, if they are not there (any more).
func (a *authority) write() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if exists(a.certFile) && exists(a.bundleFile) {
		return nil
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
	bundle := slices.Clone(text)
	for _, p := range bundlePaths {
		if system, err := os.ReadFile(p); err == nil {
			bundle = append(append(bundle, '\n'), system...)
			break
		}
	}
	return errors.Join(replaceFile(a.certFile, text), replaceFile(a.bundleFile, bundle))
}

func (a *authority) remove() {
	os.Remove(a.certFile)
	os.Remove(a.bundleFile)
}

// leaf returns a certificate for a host, from memory if there is one.
func (a *authority) leaf(host string) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if c := a.leafs[host]; c != nil && now.Before(c.Leaf.NotAfter.Add(-leafLife/3)) {
		return c, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	t := &x509.Certificate{SerialNumber: serial(), Subject: pkix.Name{CommonName: host[:min(len(host), 64)]}, DNSNames: []string{host},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(leafLife), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, t, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	if len(a.leafs) >= maxLeafs {
		clear(a.leafs)
	}
	c := &tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: leaf}
	a.leafs[host] = c
	return c, nil
}

func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b)
	b[0] = b[0]&0x7f | 0x40 // positive (RFC 5280, section 4.1.2.2), and never short
	return new(big.Int).SetBytes(b)
}

// localServer serves the connections to hosts that this server answers itself, for all workers.
type localServer struct {
	r     *Runner
	queue *connQueue
	srv   *http.Server
}

// localConn is a worker's connection to such a host.
type localConn struct {
	net.Conn
	w       *worker
	host    string
	port    int
	handler http.Handler
	once    sync.Once
	closed  chan struct{}
}

// Close implements net.Conn.
func (c *localConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { close(c.closed) })
	return err
}

type localKey struct{}

func newLocalServer(r *Runner) *localServer {
	s := &localServer{r: r, queue: newConnQueue()}
	s.srv = &http.Server{ReadHeaderTimeout: 10 * time.Second, IdleTimeout: connIdle, MaxHeaderBytes: 64 << 10, ErrorLog: r.quiet,
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
			if c, ok := req.Context().Value(localKey{}).(*localConn); ok {
				c.w.asWorker(c.handler, rw, req)
			}
		}),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if t, ok := c.(*tls.Conn); ok {
				c = t.NetConn()
			}
			return context.WithValue(ctx, localKey{}, c)
		}}
	go s.srv.Serve(s.queue)
	return s
}

// serve answers the connection and returns when it is closed.
func (s *localServer) serve(ctx context.Context, c *localConn) {
	c.closed = make(chan struct{})
	var conn net.Conn = c
	if c.port != 80 {
		leaf, err := s.r.ca.leaf(c.host)
		if err != nil {
			c.Close()
			return
		}
		conn = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{*leaf}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	}
	stop := context.AfterFunc(ctx, func() { c.Close() })
	defer stop()
	s.queue.put(conn)
	<-c.closed
}

func (s *localServer) close() { s.srv.Close() }

// endpointServices are the AWS services whose clients can be pointed at this server where workers have no network of their own.
var endpointServices = []string{"kms", "sns"}

// serveEndpoint answers a request for such a service on the worker's own listener, named by the scope of its signature
// (Signature Version 4: Credential=<key>/<date>/<region>/<service>/aws4_request).
func (w *worker) serveEndpoint(rw http.ResponseWriter, r *http.Request) {
	if w.secret == "" {
		apiError(rw, http.StatusNotFound, "InvalidPath", "no such operation of the Runtime API")
		return
	}
	_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	scope, _, _ = strings.Cut(scope, ",")
	p := strings.Split(scope, "/")
	if n := len(p); n >= 5 && slices.Contains(endpointServices, p[n-2]) {
		if h := w.r.opts.Local(p[n-2]+"."+p[n-3]+".amazonaws.com", 443); h != nil {
			w.asWorker(h, rw, r)
			return
		}
	}
	apiError(rw, http.StatusNotFound, "InvalidPath", "no such service")
}
