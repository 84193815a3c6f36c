package hookrun

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/internal/hookrun/sandbox"
)

// shared are the levels at which workers have no network namespace.
var shared = []sandbox.Level{sandbox.Strong, sandbox.None}

// atShared runs a test at each of them.
func atShared(t *testing.T, f func(t *testing.T, level sandbox.Level)) {
	for _, l := range shared {
		t.Run(string(l), func(t *testing.T) { f(t, l) })
	}
}

// clients are the ways to connect: fetch, https and http, a kept agent as of the AWS SDKs, http2, bare TLS and TCP.
const clients = `const https = require('https'), http = require('http'), http2 = require('http2'), tls = require('tls'), net = require('net');
const kept = new https.Agent({ keepAlive: true, maxSockets: 50 });
const read = (s) => new Promise((ok, no) => { let b = ''; s.setEncoding('utf8').on('data', (d) => b += d).on('end', () => ok(b)).on('error', no) });
const get = (url, o) => new Promise((ok, no) => (url.startsWith('https') ? https : http).get(url, o, async (r) => ok(r.statusCode + ' ' + await read(r))).on('error', no));
const bare = async (s, host) => { s.write('GET /x HTTP/1.1\r\nHost: ' + host + '\r\nConnection: close\r\n\r\n'); const t = await read(s); return t.slice(9, 12) + ' ' + t.slice(t.indexOf('\r\n\r\n') + 4).replace(/^[0-9a-f]+\r\n|\r\n0\r\n\r\n$/g, '') };
const ways = {
  fetch: async (u) => { const r = await fetch(u); return r.status + ' ' + await r.text() },
  request: (u) => get(u, {}),
  agent: (u) => get(u, { agent: kept }),
  http2: (u) => new Promise((ok, no) => { const c = http2.connect(u); c.on('error', no); c.on('connect', () => { ok('connected'); c.close() }) }),
  tls: (u) => { const { hostname, port } = new URL(u); return bare(tls.connect(+port || 443, hostname, { servername: hostname }), hostname) },
  tlsoptions: (u) => { const { hostname, port } = new URL(u); return bare(tls.connect({ host: hostname, port: port || '443', servername: hostname, ALPNProtocols: ['http/1.1'] }), hostname) },
  starttls: (u) => new Promise((ok, no) => { const { hostname, port } = new URL(u); const s = net.connect(+port || 443, hostname, () => bare(tls.connect({ socket: s, servername: hostname }), hostname).then(ok, no)).on('error', no) }),
  socket: (u) => { const { hostname, port } = new URL(u); const s = new net.Socket(); s.connect({ host: hostname, port: +port || 80, lookup: () => { throw new Error('looked up') } }); return bare(s, hostname) },
};
exports.handler = async ({ url, how }) => { try { return await ways[how](url) } catch (e) { const c = e.cause || e; return (c.errors ? c.errors[0].code : c.code) || String(c) } }`

func TestTunnelToLocalHandlers(t *testing.T) {
	local := func(host string, port int) http.Handler {
		if host != "api.simulated.test" {
			return nil
		}
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, ok := WorkerOf(r.Context())
			fmt.Fprintf(w, "%s:%d %t %s", host, port, ok, c.Name)
		})
	}
	atShared(t, func(t *testing.T, level sandbox.Level) {
		b := newRunner(t, level, func(o *Options) { o.Local = local; o.Resolver = fakeDNS(t, func(string) string { return "" }) })
		code := js(t, clients)
		for _, how := range []string{"fetch", "request", "agent", "agent", "tls", "tlsoptions", "starttls"} {
			if got, want := b.ok(code, fetchEvent(how, "https://API.simulated.test/x")), fmt.Sprintf(`"200 api.simulated.test:443 true %s"`, code.Name); got != want {
				t.Errorf("%s: %s, want %s", how, got, want)
			}
		}
		for _, how := range []string{"fetch", "request", "socket"} {
			if got, want := b.ok(code, fetchEvent(how, "http://api.simulated.test/x")), fmt.Sprintf(`"200 api.simulated.test:80 true %s"`, code.Name); got != want {
				t.Errorf("%s: %s, want %s", how, got, want)
			}
		}
		module := nodeCode(t, files{"index.mjs": `import { get } from 'node:https'; import { connect } from 'node:tls'; import { rootCertificates } from 'node:tls';
			const ask = (o) => new Promise((ok) => get('https://api.simulated.test/', o, (r) => { r.resume(); ok(r.statusCode) }).on('error', (e) => ok(e.code)));
			const peer = () => new Promise((ok) => { const s = connect({ host: 'api.simulated.test', port: 443 }, () => { ok([s.authorized, s.getPeerCertificate().subject.CN]); s.destroy() }) });
			export const handler = async () => [await ask({}), await ask({ ca: rootCertificates[0] }), await peer()]`})
		if got := b.ok(module, `1`); got != `[200,"SELF_SIGNED_CERT_IN_CHAIN",[true,"api.simulated.test"]]` {
			t.Errorf("as a module: %s", got)
		}
	})
}

func TestTunnelUnderTheRules(t *testing.T) {
	_, port := tlsServer(t)
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "mine") }))
	defer plain.Close()
	_, mine, _ := net.SplitHostPort(plain.Listener.Addr().String())
	look := func(name string) string {
		if name == "unknown.test" {
			return ""
		}
		return "127.0.0.1"
	}
	closed := strconv.Itoa(closedPort(t))
	atShared(t, func(t *testing.T, level sandbox.Level) {
		b := newRunner(t, level, func(o *Options) {
			o.Resolver = fakeDNS(t, look)
			o.Egress.Allow = []string{fmt.Sprintf("allowed.test:%d", port), "localhost:" + mine, "127.0.0.1:" + mine, "allowed.test:" + closed}
		})
		code := js(t, clients)
		code.Env = map[string]string{"NODE_TLS_REJECT_UNAUTHORIZED": "0"}
		for _, c := range []struct{ how, url, want, log string }{
			{"fetch", fmt.Sprintf("https://allowed.test:%d/x", port), fmt.Sprintf("200 hello allowed.test:%d /x", port), ""},
			{"agent", fmt.Sprintf("https://allowed.test:%d/x", port), fmt.Sprintf("200 hello allowed.test:%d /x", port), ""},
			{"tls", fmt.Sprintf("https://allowed.test:%d/x", port), "200 hello allowed.test /x", ""},
			{"fetch", "http://localhost:" + mine + "/", "200 mine", ""},
			{"request", "http://localhost:" + mine + "/", "200 mine", ""},
			{"request", "http://127.0.0.1:" + mine + "/", "200 mine", ""},
			{"request", "http://allowed.test:" + closed + "/", "ECONNREFUSED", ""},
			{"request", fmt.Sprintf("https://other.test:%d/", port), "ECONNREFUSED", "functions.egress.allow with"},
			{"fetch", fmt.Sprintf("https://127.0.0.1:%d/", port), "ECONNREFUSED", "connect by name"},
			{"request", "https://loop.test/", "ECONNREFUSED", "loopback"},
			{"fetch", "https://unknown.test/", "ENOTFOUND", "unknown.test"},
			{"tls", "https://unknown.test/", "ENOTFOUND", "unknown.test"},
			{"request", "http://[::1]/", "ECONNREFUSED", "connect by name"},
			{"socket", "http://169.254.169.254/", "ECONNREFUSED", "connect by name"},
			{"http2", "https://loop.test/", "ECONNREFUSED", "loopback"},
		} {
			if got := b.ok(code, fetchEvent(c.how, c.url)); got != strconv.Quote(c.want) {
				t.Errorf("%s %s: %s, want %s\n%s", c.how, c.url, got, c.want, b.logged())
			}
			if !strings.Contains(b.logged(), c.log) {
				t.Errorf("%s %s: the log does not say %s", c.how, c.url, c.log)
			}
		}
		b.Forget(code.ID)
		if e := b.await(Connected, ""); e.Bytes < 1 || e.Code != code.Name {
			t.Errorf("observed %+v", e)
		}
	})
}

func TestTunnelOnly(t *testing.T) {
	_, port := tlsServer(t)
	atShared(t, func(t *testing.T, level sandbox.Level) {
		b := newRunner(t, level, func(o *Options) {
			o.Resolver = fakeDNS(t, inside)
			o.Egress = Egress{Loopback: true, Only: []string{"api.twilio.test", "*.example.test"}, Allow: []string{fmt.Sprintf("*:%d", port)}}
		})
		code := js(t, clients)
		code.Env = map[string]string{"NODE_TLS_REJECT_UNAUTHORIZED": "0"}
		for host, want := range map[string]bool{"api.twilio.test": true, "a.example.test": true, "evil.test": false, "xapi.twilio.test": false} {
			if got := b.ok(code, fetchEvent("fetch", fmt.Sprintf("https://%s:%d/", host, port))); strings.HasPrefix(got, `"200 `) != want {
				t.Errorf("%s: %s", host, got)
			}
		}
	})
}

// At Strong, Landlock leaves no way but the tunnel, whatever the code does.
func TestTunnelIsTheOnlyWayAtStrong(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := newRunner(t, sandbox.Strong, func(o *Options) { o.Egress.Allow = []string{"10.0.0.1:" + strconv.Itoa(l.Addr().(*net.TCPAddr).Port)} })
	code := js(t, `const { TCP, TCPConnectWrap, constants } = process.binding('tcp_wrap');
		exports.handler = (port) => new Promise((ok) => { const r = new TCPConnectWrap(); r.oncomplete = (s) => ok(s); const s = new TCP(constants.SOCKET).connect(r, '127.0.0.1', port); if (s) ok(s) })`)
	if got := b.ok(code, strconv.Itoa(l.Addr().(*net.TCPAddr).Port)); got != "-13" {
		t.Errorf("a connection past Node's own: %s, want EACCES", got)
	}
}

// What programs of Node's own rely on: events in their order, times that run out, sockets that are used again, workers, odd prototypes.
func TestTunnelLooksLikeASocket(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "mine")
	}))
	defer plain.Close()
	_, mine, _ := net.SplitHostPort(plain.Listener.Addr().String())
	greeter, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer greeter.Close()
	go func() {
		for {
			c, err := greeter.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, "220 hello")
			go func() { io.Copy(c, c); c.Close() }()
		}
	}()
	_, smtp, _ := net.SplitHostPort(greeter.Addr().String())
	atShared(t, func(t *testing.T, level sandbox.Level) {
		b := newRunner(t, level, func(o *Options) {
			o.Resolver = fakeDNS(t, inside)
			o.Egress = Egress{Loopback: true, Allow: []string{"localhost:" + mine, "localhost:" + smtp, "a.test:" + smtp}}
		})
		for name, c := range map[string]struct{ code, want string }{
			"events": {`exports.handler = (e) => new Promise((ok) => { const seen = []; const s = net.connect(e.smtp, 'localhost', () => seen.push('callback'));
				seen.push(s.connecting, s.readyState); for (const n of ['connect', 'ready', 'end', 'close']) s.on(n, () => seen.push(n)); s.on('data', (d) => { seen.push(String(d)); s.end() });
				s.on('close', () => ok([...seen, Object.keys(s).includes('emit')])) })`, `[true,"opening","callback","connect","ready","220 hello","end","close",false]`},
			"early writes": {`exports.handler = (e) => new Promise((ok) => { let t = ''; const s = net.connect({ port: e.smtp }); s.write('one '); s.end('two'); s.on('data', (d) => t += d).on('close', () => ok(t)) })`, `"220 helloone two"`},
			"used again":   {`exports.handler = async (e) => { const out = []; const s = new net.Socket(); for (let i = 0; i < 2; i++) out.push(await new Promise((ok) => { s.connect(e.smtp, 'localhost'); s.once('data', (d) => { s.once('close', () => ok(String(d))); s.destroy() }) })); return out }`, `["220 hello","220 hello"]`},
			"given up":     {`exports.handler = (e) => new Promise((ok) => { const s = net.connect(e.smtp, 'localhost'); s.on('connect', () => ok('connected')); s.on('close', () => setTimeout(ok, 100, 'closed')); setImmediate(() => s.destroy()) })`, `"closed"`},
			"timeout":      {`exports.handler = (e) => new Promise((ok) => { const s = net.connect({ port: e.smtp, host: 'localhost', timeout: 50 }); s.on('timeout', () => { ok('timeout'); s.destroy() }) })`, `"timeout"`},
			"worker":       {`const { Worker } = require('worker_threads'); exports.handler = (e) => new Promise((ok, no) => new Worker('require("http").get("http://localhost:' + e.mine + '/", (r) => r.on("data", (d) => require("worker_threads").parentPort.postMessage(String(d))))', { eval: true }).on('message', ok).on('error', no))`, `"mine"`},
			"context":      {`const { AsyncLocalStorage } = require('async_hooks'); const als = new AsyncLocalStorage(); exports.handler = (e) => als.run('here', () => new Promise((ok) => net.connect(e.smtp, 'localhost').on('connect', function () { ok(als.getStore()); this.destroy() })))`, `"here"`},
			"looked up": {`const dns = require('dns'); exports.handler = async (e) => { const p = dns.promises, c = (f, ...a) => new Promise((ok, no) => f(...a, (x, ...v) => x ? no(x) : ok(v)));
				const a = (await p.lookup('a.test')).address, all = await p.lookup('A.test', { all: true }), b = await c(dns.resolve4, 'b.test');
				const one = await c(dns.lookup, 'a.test', { all: false }), r = new dns.promises.Resolver();
				const said = await new Promise((ok) => { const s = net.connect(+e.smtp, a).on('data', (d) => { ok(String(d)); s.destroy() }).on('error', (x) => ok(x.message)) });
				return [all[0].address === a, one[0] === a, one[1], b[0][0] !== a, (await r.resolve4('b.test'))[0] === b[0][0], (await p.lookup('localhost')).family > 0, (await p.lookup('10.0.0.1')).address, said] }`,
				`[true,true,4,true,true,true,"10.0.0.1","220 hello"]`},
			"prototypes": {`exports.handler = (e) => new Promise((ok) => { const own = [[String.prototype, 'slice'], [String.prototype, 'indexOf'], [Buffer.prototype, 'latin1Slice'], [Array, 'isArray'], [Buffer, 'byteLength']].map(([o, n]) => [o, n, o[n]]);
				const s = net.connect(e.smtp, 'localhost').on('error', (x) => end(x.message)).on('data', () => end('data')); for (const [o, n] of own) o[n] = () => 'x';
				function end(v) { for (const [o, n, f] of own) o[n] = f; s.destroy(); ok(v) } })`, `"data"`},
		} {
			code := js(t, "const net = require('net');\n"+c.code)
			res := b.run(code, fmt.Sprintf(`{"mine":%s,"smtp":%s}`, mine, smtp))
			if got := string(res.Payload); got != c.want {
				t.Errorf("%s: %s %v, want %s\n%s", name, got, res.Error, c.want, b.logged())
			}
		}
	})
}

// A claim needs the worker's secret, and takes no connection that has begun to speak.
func TestTunnelClaims(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "mine") }))
	defer plain.Close()
	_, mine, _ := net.SplitHostPort(plain.Listener.Addr().String())
	b := newRunner(t, sandbox.None, func(o *Options) { o.Egress = Egress{Loopback: true, Allow: []string{"localhost:" + mine}} })
	api := strings.Trim(b.ok(js(t, `exports.handler = async () => process.env.AWS_LAMBDA_RUNTIME_API`), `1`), `"`)
	address, secret, _ := strings.Cut(api, "/")
	claim := func(secret, body string) (int, string) {
		t.Helper()
		res, err := http.Post("http://"+address+"/"+secret+"/2018-06-01/runtime/tunnel", "", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(text)
	}
	dial := func() (net.Conn, string) {
		t.Helper()
		c, err := new(net.Dialer).DialContext(context.Background(), "tcp4", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		_, from, _ := net.SplitHostPort(c.LocalAddr().String())
		return c, from
	}
	c, from := dial()
	if status, _ := claim("0123456789abcdef0123456789abcdef", from+"\n"+mine+"\nlocalhost"); status != http.StatusNotFound {
		t.Errorf("another's secret: %d", status)
	}
	for _, bad := range []string{"", "1", from + "\n" + mine, from + "\n" + mine + "\nlocalhost\n", strings.Repeat("x", maxTunnel+1)} {
		if status, _ := claim(secret, bad); status != http.StatusBadRequest {
			t.Errorf("%.20q: %d", bad, status)
		}
	}
	if status, text := claim(secret, "1\n"+mine+"\nlocalhost"); status != http.StatusBadGateway || text != "ECONNRESET" {
		t.Errorf("a connection that is not there: %d %s", status, text)
	}
	if status, text := claim(secret, from+"\n"+mine+"\nlocalhost"); status != http.StatusNoContent {
		t.Fatalf("%d %s", status, text)
	}
	if status, _ := claim(secret, from+"\n"+mine+"\nlocalhost"); status != http.StatusBadGateway {
		t.Errorf("claimed twice: %d", status)
	}
	io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
	if text, err := io.ReadAll(c); err != nil || !strings.HasSuffix(string(text), "mine") {
		t.Errorf("%s %v", text, err)
	}
	for host, want := range map[string]string{"a b": "ENOTFOUND", "": "ENOTFOUND", "a..b": "ENOTFOUND", "127.0.0.1": "ECONNREFUSED", "::1%lo": "ECONNREFUSED"} {
		c, from := dial()
		if status, text := claim(secret, from+"\n"+mine+"\n"+host); status != http.StatusBadGateway || text != want {
			t.Errorf("%q: %d %s", host, status, text)
		}
		if _, err := c.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
			t.Errorf("%q: the connection is still there: %v", host, err)
		}
	}
}

func closedPort(t *testing.T) int {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
