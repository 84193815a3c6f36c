package hookrun

import (
	"context"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
)

// fakeDNS is a name server whose answers a test decides; none: no such name.
func fakeDNS(t testing.TB, look func(name string) string) *net.Resolver {
	t.Helper()
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			name, end := question(buf[:n])
			reply := append([]byte(nil), buf[:end+4]...)
			binary.BigEndian.PutUint16(reply[2:], 0x8180)
			copy(reply[6:12], []byte{0, 0, 0, 0, 0, 0})
			if ip := look(name); ip != "" && binary.BigEndian.Uint16(buf[end:]) == typeA {
				reply[7] = 1
				a := netip.MustParseAddr(ip).As4()
				reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				reply = append(reply, a[:]...)
			} else if ip == "" {
				reply[3] |= dnsNXDomain
			}
			pc.WriteTo(reply, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp4", pc.LocalAddr().String())
	}}
}

// inside resolves every name to this machine, where an attacker would like to get.
func inside(string) string { return "127.0.0.1" }

func tlsServer(t testing.TB) (*httptest.Server, int) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello %s %s", r.Host, r.URL.Path)
	}))
	t.Cleanup(s.Close)
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	n, _ := strconv.Atoi(port)
	return s, n
}

// fetchJS gets what its event names, by fetch or https, and answers status and body, or the cause's code.
const fetchJS = `const https = require('https'), http = require('http');
const get = (url) => new Promise((ok, no) => (url.startsWith('https') ? https : http).get(url, (r) => { let b = ''; r.on('data', (d) => b += d); r.on('end', () => ok(r.statusCode + ' ' + b)) }).on('error', no));
exports.handler = async ({ url, how }) => { try { if (how === 'request') return await get(url); const r = await fetch(url); return r.status + ' ' + await r.text() } catch (e) { const c = e.cause || e; return c.code || String(c) } }`

func fetchEvent(how, url string) string { return fmt.Sprintf(`{"how":%q,"url":%q}`, how, url) }

func TestEgressAllowed(t *testing.T) {
	_, port := tlsServer(t)
	b := newRunner(t, sandbox.Full, func(o *Options) {
		o.Resolver = fakeDNS(t, inside)
		o.Egress.Allow = []string{fmt.Sprintf("allowed.test:%d", port), fmt.Sprintf("*.zone.test:%d", port)}
	})
	code := js(t, fetchJS)
	code.Env = map[string]string{"NODE_TLS_REJECT_UNAUTHORIZED": "0"}
	for _, how := range []string{"fetch", "request"} {
		for _, host := range []string{"allowed.test", "a.zone.test", "A.B.Zone.Test"} {
			want := fmt.Sprintf(`"200 hello %s:%d /x"`, strings.ToLower(host), port)
			if got := b.ok(code, fetchEvent(how, fmt.Sprintf("https://%s:%d/x", host, port))); !strings.EqualFold(got, want) {
				t.Errorf("%s %s: %s", how, host, got)
			}
		}
	}
	if got := b.ok(code, fetchEvent("fetch", fmt.Sprintf("https://zone.test:%d/", port))); got != `"ECONNRESET"` {
		t.Errorf("the zone's own name: %s", got)
	}
	b.Forget(code.ID)
	e := b.await(Connected, "")
	if e.Port != port || e.Bytes < 1000 || !strings.HasSuffix(e.Host, ".test") || e.Code != code.Name {
		t.Errorf("observed %+v", e)
	}
}

func TestEgressByProgram(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "plain "+r.Host) }))
	defer plain.Close()
	_, port, _ := net.SplitHostPort(plain.Listener.Addr().String())
	b := newRunner(t, sandbox.Full, func(o *Options) {
		o.Resolver = fakeDNS(t, inside)
		o.Egress.Allow = []string{"127.0.0.1:" + port}
	})
	code := goCode(t)
	if got := b.ok(code, fmt.Sprintf(`{"Do":"get","URL":"http://a.test:%s/"}`, port)); got != fmt.Sprintf(`"200 plain a.test:%s"`, port) {
		t.Errorf("a name in a listed network: %s", got)
	}
	res := b.fails(code, `{"Do":"get","URL":"https://a.test/"}`, runner.Thrown, "")
	if !strings.Contains(res.Error.Message, "connection reset") {
		t.Errorf("%+v", res.Error)
	}
}

// Row CVE-2026-27945, CVE-2026-55671: what users configure must not reach inside hosts; here, what users' code connects to.
func TestAdvisory_CVE_2026_27945_FunctionsReachInside(t *testing.T) {
	secret, port := tlsServer(t)
	look := func(name string) string {
		switch {
		case name == "metadata.test":
			return "169.254.169.254"
		case strings.HasPrefix(name, "ten."):
			return "10.1.2.3"
		}
		return "127.0.0.1"
	}
	b := newRunner(t, sandbox.Full, func(o *Options) {
		o.Resolver = fakeDNS(t, look)
		o.Egress.Allow = []string{fmt.Sprintf("other.test:%d", port)}
	})
	code := js(t, fetchJS)
	code.Env = map[string]string{"NODE_TLS_REJECT_UNAUTHORIZED": "0"}
	for url, want := range map[string]string{
		"https://loop.test/":                                   "loopback",
		"https://metadata.test/":                               "link-local",
		"https://ten.test/":                                    "private",
		fmt.Sprintf("https://loop.test:%d/", port):             fmt.Sprintf("functions.egress.allow with \\\"loop.test:%d\\\" opens it", port),
		"http://loop.test/":                                    "port 80 is closed",
		"http://metadata.google.internal/computeMetadata/v1/":  "port 80 is closed",
		"https://localhost/":                                   "connect by name",
		"https://127.0.0.1/":                                   "connect by name",
		"https://127.64.0.200/":                                "connect by name",
		fmt.Sprintf("https://2130706433:%d/", port):            "connect by name",
		fmt.Sprintf("https://0x7f.1:%d/", port):                "connect by name",
		fmt.Sprintf("https://%s/", secret.Listener.Addr()):     "connect by name",
		fmt.Sprintf("https://[::ffff:127.0.0.1]:%d/", port):    "",
		"http://169.254.169.254/latest/meta-data/":             "",
		"http://10.0.0.1/":                                     "",
		"https://8.8.8.8/":                                     "",
		"http://[fd00:ec2::254]/":                              "",
		"http://[::1]/":                                        "",
		fmt.Sprintf("https://[::1]:%d/", port):                 "",
		"https://loop.test:22/":                                "",
		fmt.Sprintf("https://0.0.0.0:%d/", port):               "connect by name",
		"https://xn--caf-dma.test/":                            "loopback",
		"https://ten.test./":                                   "private",
		fmt.Sprintf("https://other.test.evil.test:%d/x", port): "functions.egress.allow",
	} {
		for _, how := range []string{"fetch", "request"} {
			got := b.ok(code, fetchEvent(how, url))
			if strings.Contains(got, "hello") || strings.HasPrefix(got, `"2`) {
				t.Errorf("%s was reached: %s", url, got)
			}
			if want != "" && got != `"ECONNRESET"` && got != `"UND_ERR_SOCKET"` {
				t.Errorf("%s: the code saw %s", url, got)
			}
			if want != "" && !strings.Contains(b.logged(), want) {
				t.Errorf("%s: the log does not say %s:\n%s", url, want, b.logged())
			}
		}
	}
}

// A name that answers with a public address first and with an inside one later, or with both.
func TestAdvisory_CVE_2026_55671_FunctionsAndRebindingNames(t *testing.T) {
	var mu sync.Mutex
	asked := 0
	b := newRunner(t, sandbox.Full, func(o *Options) {
		o.Resolver = fakeDNS(t, func(string) string {
			mu.Lock()
			defer mu.Unlock()
			asked++
			return "127.0.0.1"
		})
	})
	code := js(t, `const dns = require('dns').promises; const net = require('net');
		exports.handler = async () => { const seen = [];
			for (let i = 0; i < 3; i++) { const a = await dns.lookup('rebind.test'); const b = await dns.resolve4('rebind.test'); seen.push(a.address === b[0]);
				seen.push(await new Promise((ok) => net.connect(443, a.address).on('error', (e) => ok(e.code)).on('close', () => ok('closed')).on('data', () => ok('data')))) }
			return seen }`)
	got := b.ok(code, `1`)
	if got != `[true,"ECONNRESET",true,"ECONNRESET",true,"ECONNRESET"]` {
		t.Errorf("got %s", got)
	}
	mu.Lock()
	defer mu.Unlock()
	if asked == 0 {
		t.Error("the name was never resolved by the server")
	}
	if strings.Count(b.logged(), "loopback") != 3 {
		t.Errorf("log:\n%s", b.logged())
	}
}

func TestEgressOnly(t *testing.T) {
	_, port := tlsServer(t)
	b := newRunner(t, sandbox.Full, func(o *Options) {
		o.Resolver = fakeDNS(t, inside)
		o.Egress = Egress{Loopback: true, Only: []string{"api.twilio.test", "*.example.test"}, Allow: []string{fmt.Sprintf("*:%d", port), fmt.Sprintf("named.test:%d", port)}}
	})
	code := js(t, fetchJS)
	code.Env = map[string]string{"NODE_TLS_REJECT_UNAUTHORIZED": "0"}
	for host, want := range map[string]bool{"api.twilio.test": true, "a.example.test": true, "named.test": true, "example.test": false, "evil.test": false, "xapi.twilio.test": false} {
		got := b.ok(code, fetchEvent("fetch", fmt.Sprintf("https://%s:%d/", host, port)))
		if strings.HasPrefix(got, `"200 `) != want {
			t.Errorf("%s: %s", host, got)
		}
	}
	if !strings.Contains(b.logged(), "evil.test is not listed in functions.egress.only") {
		t.Errorf("log:\n%s", b.logged())
	}
}

func TestLocalHandlers(t *testing.T) {
	local := func(host string, port int) http.Handler {
		if host != "kms.us-local-1.amazonaws.com" && host != "api.simulated.test" {
			return nil
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, ok := WorkerOf(r.Context())
			body, _ := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s:%d %s %t %s %v", host, port, r.Method, ok, c.Name, len(body))
		})
	}
	b := newRunner(t, sandbox.Full, func(o *Options) { o.Local = local; o.Resolver = fakeDNS(t, func(string) string { return "" }) })
	node, program := js(t, fetchJS), goCode(t)
	for _, how := range []string{"fetch", "request"} {
		if got, want := b.ok(node, fetchEvent(how, "https://kms.us-local-1.amazonaws.com/")), fmt.Sprintf(`"200 kms.us-local-1.amazonaws.com:443 GET true %s 0"`, node.Name); got != want {
			t.Errorf("%s: %s, want %s", how, got, want)
		}
		if got, want := b.ok(node, fetchEvent(how, "http://api.simulated.test/x")), fmt.Sprintf(`"200 api.simulated.test:80 GET true %s 0"`, node.Name); got != want {
			t.Errorf("%s: %s, want %s", how, got, want)
		}
	}
	module := nodeCode(t, files{"index.mjs": `import { createSecureContext, rootCertificates } from 'node:tls'; import https from 'node:https';
		const get = (o) => new Promise((ok) => https.get('https://kms.us-local-1.amazonaws.com/', o, (r) => { r.resume(); ok(r.statusCode) }).on('error', (e) => ok(e.code)));
		export const handler = async () => [await get({}), await get({ secureContext: createSecureContext() }), await get({ ca: rootCertificates[0] }), Object.keys(process.env).filter((k) => /^COUNTERSIGN|EXTRA/.test(k))]`})
	if got := b.ok(module, `1`); got != `[200,200,"SELF_SIGNED_CERT_IN_CHAIN",[]]` {
		t.Errorf("as a module: %s", got)
	}
	if got, want := b.ok(program, `{"Do":"get","URL":"https://kms.us-local-1.amazonaws.com/"}`), fmt.Sprintf(`"200 kms.us-local-1.amazonaws.com:443 GET true %s 0"`, program.Name); got != want {
		t.Errorf("Go: %s, want %s", got, want)
	}
}

// Programs that have no network of their own find the KMS by its endpoint; Node needs none.
func TestEndpointsWithoutANetworkOfTheirOwn(t *testing.T) {
	local := func(host string, port int) http.Handler {
		if host != "kms.us-local-1.amazonaws.com" {
			return nil
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, _ := WorkerOf(r.Context())
			fmt.Fprintf(w, "kms for %s", c.Name)
		})
	}
	for _, level := range []sandbox.Level{sandbox.Strong, sandbox.None} {
		b := newRunner(t, level, func(o *Options) { o.Local = local })
		if got := b.ok(js(t, `exports.handler = async () => Object.keys(process.env).filter((n) => /ENDPOINT|COUNTERSIGN/.test(n))`), `1`); got != `[]` {
			t.Errorf("%s: Node is told %s", level, got)
		}
		code := goCode(t)
		_, url, _ := strings.Cut(b.ok(code, `{"Do":"env"}`), "AWS_ENDPOINT_URL_KMS=")
		url, _, _ = strings.Cut(url, `"`)
		for scope, want := range map[string]string{"AKIA/20260101/us-local-1/kms/aws4_request": "kms for " + code.Name, "AKIA/20260101/us-local-1/sns/aws4_request": "no such service"} {
			req, err := http.NewRequest(http.MethodPost, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+scope+", SignedHeaders=host, Signature=00")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if !strings.Contains(string(got), want) {
				t.Errorf("%s: %s", level, got)
			}
		}
	}
}

// Below Full, other programs of this machine reach the listener of the Runtime API: without the worker's secret they get nothing.
func TestRuntimeAPIIsTheWorkersOwn(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	code := js(t, `exports.handler = async () => process.env.AWS_LAMBDA_RUNTIME_API`)
	api := strings.Trim(b.ok(code, `1`), `"`)
	address, _, _ := strings.Cut(api, "/")
	for _, path := range []string{"/2018-06-01/runtime/invocation/next", "/0123456789abcdef0123456789abcdef/2018-06-01/runtime/invocation/next"} {
		res, err := http.Get("http://" + address + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
}

func TestRuntimeAPIOfUnknownCalls(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	code := js(t, `const api = 'http://' + process.env.AWS_LAMBDA_RUNTIME_API + '/2018-06-01/runtime/';
		const post = async (where) => { const r = await fetch(api + where, { method: 'POST', body: '{}' }); return [r.status, (await r.json()).errorType] };
		exports.handler = async (e, c) => { if (e) { const a = await post('invocation/' + e + '/response'), b = await post('invocation/unknown/error'); return [a, b, await post('nothing'), (await fetch(api + 'invocation/next', { method: 'POST' })).status] } return c.awsRequestId }`)
	first := b.ok(code, `null`)
	if got := b.ok(code, first); got != `[[400,"InvalidRequestID"],[400,"InvalidRequestID"],[404,"InvalidPath"],404]` {
		t.Errorf("got %s", got)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	b := newRunner(t, sandbox.Full, func(o *Options) {
		o.Local = func(string, int) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "here") })
		}
	})
	hoarder := js(t, `const net = require('net'); const held = [];
		exports.handler = async () => { let cut = 0; const all = [];
			for (let i = 0; i < 150; i++) all.push(new Promise((ok) => { const s = net.connect(80, 'a.test'); held.push(s); s.on('connect', () => setTimeout(ok, 300)).on('error', () => { cut++; ok() }) }));
			await Promise.all(all); return cut }`)
	got, err := strconv.Atoi(b.ok(hoarder, `1`))
	if err != nil || got < 150-maxConns {
		t.Errorf("%d connections were cut, %v", got, err)
	}
	if !strings.Contains(b.logged(), "more than 64 open connections") {
		t.Error("the log does not say which limit")
	}
	other := js(t, fetchJS)
	if got := b.ok(other, fetchEvent("fetch", "http://a.test/")); got != `"200 here"` {
		t.Errorf("another function: %s", got)
	}
	// The worker itself goes on: its own connection was there before.
	if got := b.ok(hoarder, `1`); got == "" {
		t.Error("no answer")
	}
}

func TestRules(t *testing.T) {
	for _, bad := range []string{"host", "host:0", "host:x", "bad host:1", "*foo:1", ":1", "10.0.0.0/99:1", "a..b:1"} {
		if _, err := newRules(Egress{Allow: []string{bad}}); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	if _, err := newRules(Egress{Only: []string{"*"}}); err == nil {
		t.Error("* was accepted")
	}
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf("a:%d", i+1))
	}
	if _, err := newRules(Egress{Allow: many}); err == nil {
		t.Error("40 ports were accepted")
	}
	r, err := newRules(Egress{Allow: []string{"A.example.com:8443", "10.1.0.0/16:25", "[fd00::1]:25", "x:9001"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.ports()); got != "[9001 25 80 443 8443]" {
		t.Errorf("ports %s", got)
	}
	if !r.inNets(netip.MustParseAddr("10.1.9.9"), 25) || r.inNets(netip.MustParseAddr("10.1.9.9"), 443) || r.inNets(netip.MustParseAddr("10.2.0.1"), 25) {
		t.Error("networks")
	}
}

func TestDNS(t *testing.T) {
	n := newNames()
	query := func(name string, kind uint16) []byte {
		q := []byte{1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0}
		for label := range strings.SplitSeq(name, ".") {
			q = append(append(q, byte(len(label))), label...)
		}
		q = append(q, 0)
		q = binary.BigEndian.AppendUint16(q, kind)
		return binary.BigEndian.AppendUint16(q, classIN)
	}
	a1, a2, b1 := n.answer(query("a.test", 1)), n.answer(query("A.TEST", 1)), n.answer(query("b.test", 1))
	if string(a1[len(a1)-4:]) != string(a2[len(a2)-4:]) || string(a1[len(a1)-4:]) == string(b1[len(b1)-4:]) || a1[3]&15 != 0 || a1[7] != 1 {
		t.Errorf("% x, % x, % x", a1, a2, b1)
	}
	if n.name(netip.AddrFrom4([4]byte(a1[len(a1)-4:]))) != "a.test" {
		t.Error("the address does not lead back")
	}
	for name, c := range map[string]struct {
		q       []byte
		code, n byte
	}{"AAAA": {query("a.test", 28), 0, 0}, "TXT": {query("a.test", 16), 0, 0}, "SRV": {query("_x._tcp.a.test", 33), 0, 0},
		"bad name": {query("a b.test", 1), dnsNXDomain, 0}, "localhost": {query("localhost", 1), 0, 1}} {
		if r := n.answer(c.q); r == nil || r[3]&15 != c.code || r[7] != c.n || r[2]&0x80 == 0 {
			t.Errorf("%s: % x", name, r)
		}
	}
	for i := range maxNames + 10 {
		n.answer(query(fmt.Sprintf("n%d.test", i), 1))
	}
	if r := n.answer(query("one-more.test", 1)); r[3]&15 != dnsServFail || len(n.byName) != maxNames {
		t.Errorf("%d names, % x", len(n.byName), r)
	}
}

func FuzzDNS(f *testing.F) {
	f.Add([]byte{1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 0, 0, 1, 0, 1})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, q []byte) {
		r := newNames().answer(q)
		if r != nil && (len(r) < 12 || r[0] != q[0] || r[1] != q[1] || r[2]&0x80 == 0) {
			t.Errorf("% x for % x", r, q)
		}
	})
}

// The bundle must work for programs that read one file for all roots.
func TestAuthority(t *testing.T) {
	dir := t.TempDir()
	a, err := newAuthority(dir, "one")
	if err != nil {
		t.Fatal(err)
	}
	one, err := a.leaf("kms.eu-west-1.amazonaws.com")
	if err != nil {
		t.Fatal(err)
	}
	two, _ := a.leaf("kms.eu-west-1.amazonaws.com")
	if one != two {
		t.Error("the leaf is made anew each time")
	}
	if err := one.Leaf.VerifyHostname("kms.eu-west-1.amazonaws.com"); err != nil {
		t.Error(err)
	}
	for i := range maxLeafs + 5 {
		a.leaf(fmt.Sprintf("h%d.test", i))
	}
	if len(a.leafs) > maxLeafs {
		t.Errorf("%d leafs kept", len(a.leafs))
	}
	if err := a.write(); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{a.certFile, a.bundleFile} {
		text, err := os.ReadFile(file)
		pool := x509.NewCertPool()
		if err != nil || !pool.AppendCertsFromPEM(text) {
			t.Fatalf("%s: %v", file, err)
		}
		if _, err := one.Leaf.Verify(x509.VerifyOptions{Roots: pool}); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if one.Leaf.NotAfter.Before(time.Now().Add(24*time.Hour)) || one.Leaf.IsCA {
		t.Error("a bad leaf")
	}
}

// A developer's own service on this machine, opened by name and by address.
func TestEgressToThisMachine(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "mine") }))
	defer plain.Close()
	_, port, _ := net.SplitHostPort(plain.Listener.Addr().String())
	for host, allow := range map[string]string{"localhost": "localhost:" + port, "127.0.0.1": "127.0.0.1:" + port} {
		b := newRunner(t, sandbox.Full, func(o *Options) { o.Egress.Allow = []string{allow}; o.Resolver = fakeDNS(t, inside) })
		code := js(t, fetchJS)
		for _, how := range []string{"fetch", "request"} {
			if got := b.ok(code, fetchEvent(how, "http://"+host+":"+port+"/")); got != `"200 mine"` {
				t.Errorf("%s %s: %s\n%s", how, host, got, b.logged())
			}
		}
	}
}
