package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func policy(t testing.TB, loopback bool, allow ...string) *Policy {
	t.Helper()
	p, err := NewPolicy(loopback, allow...)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCheck(t *testing.T) {
	refused := strings.Fields(`0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 127.0.0.1 127.1.2.3
		168.63.129.16 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.192 192.0.2.1 192.168.1.1 198.18.0.1
		198.51.100.1 203.0.113.9 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
		:: ::1 ::127.0.0.1 ::10.0.0.1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:0:10.0.0.1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe
		64:ff9b:1::1 100::1 2001:0:1::1 2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe::1 2002:c0a8:101::1 3fff::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1
		ff02::1 2606:4700::5efe:10.0.0.1 2606:4700::200:5efe:127.0.0.1`)
	for _, s := range refused {
		if err := (*Policy)(nil).Check(netip.MustParseAddr(s)); !errors.Is(err, ErrRefused) {
			t.Errorf("%s is let through: %v", s, err)
		}
	}
	allowed := strings.Fields(`1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 168.63.129.17
		169.253.255.255 172.15.255.255 172.32.0.1 192.0.1.1 192.167.255.255 192.169.0.1 198.17.255.255 198.20.0.1 223.255.255.255
		2606:4700::1111 64:ff9b::808:808 2002:808:808::1 ::ffff:8.8.8.8 2001:4860:4860::8888`)
	for _, s := range allowed {
		if err := (&Policy{}).Check(netip.MustParseAddr(s)); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	if err := (&Policy{}).Check(netip.Addr{}); !errors.Is(err, ErrRefused) {
		t.Errorf("no address: %v", err)
	}
}

func TestExceptions(t *testing.T) {
	p := policy(t, false, "10.1.0.0/16", "192.168.1.5", "[fd00::5]", "SMS.internal", "hook.internal:8443", "127.0.0.1:9000")
	tests := []struct {
		addr string
		ok   bool
	}{
		{"10.1.2.3", true}, {"10.2.0.1", false}, {"::ffff:10.1.2.3", true}, {"192.168.1.5", true}, {"192.168.1.6", false},
		{"fd00::5", true}, {"fd00::6", false}, {"127.0.0.1", false},
	}
	for _, tt := range tests {
		if err := p.Check(netip.MustParseAddr(tt.addr)); (err == nil) != tt.ok {
			t.Errorf("%s: %v", tt.addr, err)
		}
	}
	names := []struct {
		host, port string
		ok         bool
	}{
		{"sms.internal", "443", true}, {"sms.INTERNAL.", "80", true}, {"xsms.internal", "443", false}, {"a.sms.internal", "443", false},
		{"hook.internal", "8443", true}, {"hook.internal", "443", false}, {"127.0.0.1", "9000", true}, {"127.0.0.1", "9001", false},
	}
	for _, tt := range names {
		if p.AllowsName(tt.host, tt.port) != tt.ok {
			t.Errorf("%s:%s is not %v", tt.host, tt.port, tt.ok)
		}
	}
	if p := policy(t, true); p.Check(netip.MustParseAddr("127.9.9.9")) != nil || p.Check(netip.IPv6Loopback()) != nil || p.Check(netip.MustParseAddr("10.0.0.1")) == nil {
		t.Error("loopback means loopback and nothing else")
	}
	if _, err := NewPolicy(false, "ok.example", "not a host", "x:99999", "", "10.0.0.0/33", "::ffff:10.0.0.0/104"); err == nil || strings.Count(err.Error(), "\n") != 4 {
		t.Errorf("all five problems are not reported: %v", err)
	}
}

func TestCheckURL(t *testing.T) {
	good := strings.Fields("https://example.com/hook http://example.com:8080/a?b=c https://8.8.8.8/ https://[2606:4700::1111]/x")
	bad := []string{
		"", "example.com", "ftp://example.com", "file:///etc/passwd", "https:///x", "https://user:pw@example.com/", "https://example.com/#f",
		"http://127.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://localhost/", "http://localhost./", "http://app.localhost/",
		"http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://127.1/", "http://017700000001/", "http://169.254.169.254/latest/meta-data/",
		"http://example.com:0/", "http://example.com:99999/", "https://" + strings.Repeat("a", 3000) + ".com/", "gopher://x", "javascript:alert(1)",
	}
	for _, s := range good {
		if _, err := policy(t, false).CheckURL(s); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range bad {
		if _, err := policy(t, false).CheckURL(s); err == nil {
			t.Errorf("%q is let through", s)
		}
	}
}

func FuzzCheckURL(f *testing.F) {
	f.Add("http://127.0.0.1/")
	f.Add("https://[::ffff:7f00:1]:80/")
	f.Fuzz(func(t *testing.T, s string) {
		p := &Policy{}
		u, err := p.CheckURL(s)
		if err != nil {
			return
		}
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil && p.Check(ip) != nil {
			t.Fatalf("%q leads to %s", s, ip)
		}
	})
}

// inside is a server on loopback that counts who comes.
func insideServer(t *testing.T) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	var n atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Add(1)
		io.WriteString(w, "secret")
	}))
	t.Cleanup(s.Close)
	return s, &n
}

func post(c *http.Client, target string) (*http.Response, error) {
	res, err := c.Post(target, "application/json", strings.NewReader("{}"))
	if err == nil {
		res.Body.Close()
	}
	return res, err
}

// Zitadel CVE-2026-27945, CVE-2026-55671, Mailpit GHSA-w4mc-hhc6-xp28, Gitea CVE-2026-58442, Casdoor CVE-2026-5469, Gogs
// CVE-2022-1285: targets that reach inside hosts.
func TestAdvisory_CVE_2026_27945_TargetsReachInside(t *testing.T) {
	s, n := insideServer(t)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	c := NewClient(Config{Timeout: 5 * time.Second})
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0", "[::]", "127.1", "2130706433",
		"0x7f000001", "169.254.169.254", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "10.0.0.1", "[fe80::1%25lo]"} {
		if _, err := post(c, "http://"+host+":"+port+"/"); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if n.Load() != 0 {
		t.Errorf("%d requests came through", n.Load())
	}
}

// fakeDNS answers A queries with the addresses given, one after the other, the last one for ever.
func fakeDNS(t *testing.T, answers ...string) (*net.Resolver, *atomic.Int32) {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.Close() })
	var asked atomic.Int32
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				return
			}
			q := buf[:n]
			end := 12
			for q[end] != 0 {
				end += int(q[end]) + 1
			}
			end += 5
			res := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end]...)
			if q[end-3] == 1 { // A
				i := int(asked.Add(1)) - 1
				ip := netip.MustParseAddr(answers[min(i, len(answers)-1)]).As4()
				res[7] = 1
				res = append(res, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				res = append(res, ip[:]...)
			}
			pc.WriteTo(res, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}, &asked
}

// The deny list was asked about the name, or about an earlier answer of the DNS.
func TestAdvisory_CVE_2026_55671_RebindingNames(t *testing.T) {
	s, n := insideServer(t)
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(s.URL, "http://"))
	for _, answers := range [][]string{{"127.0.0.1"}, {"198.20.0.1", "127.0.0.1"}} {
		dns, asked := fakeDNS(t, answers...)
		p := policy(t, false)
		c := NewClient(Config{Policy: p, Resolver: dns, Timeout: 5 * time.Second})
		target := "http://hook.example.com:" + port + "/"
		if _, err := p.CheckURL(target); err != nil {
			t.Fatal(err)
		}
		for range answers[1:] { // the answer that a check would have seen
			if _, err := dns.LookupNetIP(t.Context(), "ip4", "hook.example.com"); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := post(c, target); !errors.Is(err, ErrRefused) {
			t.Errorf("%v: %v", answers, err)
		}
		if asked.Load() == 0 {
			t.Error("the name was not resolved")
		}
		allowed := NewClient(Config{Policy: policy(t, false, "hook.example.com:"+port), Resolver: dns, Timeout: 5 * time.Second})
		if _, err := post(allowed, target); err != nil {
			t.Errorf("allowed by name: %v", err)
		}
	}
	if n.Load() != 2 {
		t.Errorf("%d requests came through, want the two allowed by name", n.Load())
	}
}

func TestAdvisory_CVE_2026_55671_Redirects(t *testing.T) {
	s, n := insideServer(t)
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, s.URL, http.StatusTemporaryRedirect)
	}))
	defer outside.Close()
	p := policy(t, false, strings.TrimPrefix(outside.URL, "http://"))
	for _, follow := range []int{0, 5} {
		c := NewClient(Config{Policy: p, Follow: follow})
		if res, err := post(c, outside.URL); err != nil || res.StatusCode != http.StatusTemporaryRedirect {
			t.Errorf("follow %d, POST: %v", follow, err)
		}
		res, err := c.Get(outside.URL)
		switch {
		case follow == 0 && (err != nil || res.StatusCode != http.StatusTemporaryRedirect):
			t.Errorf("not followed: %v", err)
		case follow > 0 && !errors.Is(err, ErrRefused):
			t.Errorf("followed inside: %v", err)
		}
	}
	if n.Load() != 0 {
		t.Errorf("%d requests were led inside", n.Load())
	}
}

func TestFollowsAllowedRedirects(t *testing.T) {
	hops := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hops++
		if r.URL.Path != "/2" {
			http.Redirect(w, r, map[string]string{"/": "/1", "/1": "/2"}[r.URL.Path], http.StatusFound)
		}
	}))
	defer s.Close()
	for follow, want := range map[int]int{1: http.StatusFound, 2: http.StatusOK} {
		res, err := NewClient(Config{Policy: policy(t, true), Follow: follow}).Get(s.URL)
		if err != nil || res.StatusCode != want {
			t.Errorf("follow %d: %v %v", follow, res, err)
		}
	}
}

func TestProxyFromEnvironmentIsIgnored(t *testing.T) {
	proxy, n := insideServer(t)
	s, _ := insideServer(t)
	for _, k := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(k, proxy.URL)
	}
	if _, err := post(NewClient(Config{Policy: policy(t, true)}), s.URL); err != nil || n.Load() != 0 {
		t.Errorf("error %v, the proxy was asked %d times", err, n.Load())
	}
	u, _ := url.Parse(proxy.URL)
	if _, err := post(NewClient(Config{Proxy: u, Policy: policy(t, true)}), "http://sms.example.com/"); err != nil || n.Load() != 1 {
		t.Errorf("configured proxy: %v, asked %d times", err, n.Load())
	}
	if _, err := post(NewClient(Config{Proxy: u}), "http://sms.example.com/"); !errors.Is(err, ErrRefused) {
		t.Errorf("a proxy inside that is not allowed: %v", err)
	}
	if _, err := post(NewClient(Config{Proxy: u, Policy: policy(t, false, u.Host)}), "http://169.254.169.254/"); !errors.Is(err, ErrRefused) {
		t.Errorf("metadata through a proxy: %v", err)
	}
}

func TestAnswerIsBounded(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if chunked {
				w.(http.Flusher).Flush()
			}
			w.Write(make([]byte, 101))
		}))
		for limit, want := range map[int64]error{100: ErrTooLarge, 101: nil} {
			res, err := NewClient(Config{Policy: policy(t, true), MaxResponse: limit}).Get(s.URL)
			if err == nil {
				var b []byte
				b, err = io.ReadAll(res.Body)
				if int64(len(b)) > limit {
					t.Errorf("read %d bytes of at most %d", len(b), limit)
				}
			}
			if !errors.Is(err, want) {
				t.Errorf("limit %d, chunked %v: %v", limit, chunked, err)
			}
		}
		s.Close()
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	for version, ok := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true} {
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: version}
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.StartTLS()
		base := s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
		base.MinVersion = tls.VersionTLS10
		_, err := post(NewClient(Config{Policy: policy(t, true), TLS: base}), s.URL)
		if (err == nil) != ok {
			t.Errorf("TLS %x: %v", version, err)
		}
		s.Close()
	}
}

func TestOnlyTCP(t *testing.T) {
	d := &Dialer{Policy: policy(t, true)}
	for _, network := range []string{"udp", "unix", "ip"} {
		if _, err := d.DialContext(t.Context(), network, "127.0.0.1:1"); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", network, err)
		}
	}
}
