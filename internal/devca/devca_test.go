package devca

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestAuthorityIsKeptAndServes(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	first, err := Open(dir, now)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir, now)
	if err != nil || again.Fingerprint() != first.Fingerprint() {
		t.Fatalf("the second start made another authority: %v", err)
	}
	if info, err := os.Stat(filepath.Join(dir, KeyFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("key file: %v %v", info.Mode(), err)
	}
	cert, err := again.Certificate(now, "192.168.1.20", "my-laptop.local")
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok") }))
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{*cert}}
	srv.StartTLS()
	defer srv.Close()
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: first.Pool()}}}
	for _, name := range []string{"localhost", "x.localhost", "127.0.0.1", "::1", "192.168.1.20", "my-laptop.local"} {
		c.Transport.(*http.Transport).TLSClientConfig.ServerName = name
		c.CloseIdleConnections()
		res, err := c.Get(srv.URL)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		res.Body.Close()
	}
}

// TestStolenKeySignsNothingPublic: clients refuse what the authority would sign for a public name.
func TestStolenKeySignsNothingPublic(t *testing.T) {
	ca, err := Open(t.TempDir(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"example.com", "8.8.8.8", "localhost.example.com", "2001:db8::1"} {
		if _, err := ca.Certificate(time.Now(), name); err == nil {
			t.Errorf("%s was signed", name)
		}
	}
	if !ca.cert.PermittedDNSDomainsCritical || ca.cert.MaxPathLen != 0 || ca.cert.KeyUsage != x509.KeyUsageCertSign {
		t.Errorf("the authority's own certificate allows too much: %+v", ca.cert.KeyUsage)
	}
}

func TestUnusableAuthorityIsReplaced(t *testing.T) {
	for name, spoil := range map[string]func(dir string){
		"key readable by others": func(dir string) { os.Chmod(filepath.Join(dir, KeyFile), 0o644) },
		"certificate gone":       func(dir string) { os.Remove(filepath.Join(dir, CertFile)) },
		"key damaged":            func(dir string) { os.WriteFile(filepath.Join(dir, KeyFile), []byte("x"), 0o600) },
	} {
		dir := t.TempDir()
		first, err := Open(dir, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		spoil(dir)
		second, err := Open(dir, time.Now())
		if err != nil || second.Fingerprint() == first.Fingerprint() {
			t.Errorf("%s: the old authority was used (%v)", name, err)
		}
	}
	dir := t.TempDir()
	first, _ := Open(dir, time.Now())
	second, err := Open(dir, time.Now().Add(caLife))
	if err != nil || second.Fingerprint() == first.Fingerprint() {
		t.Errorf("an expired authority was used (%v)", err)
	}
}

func TestTrustSteps(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		steps := TrustSteps(goos, "/data/ca.pem", "abcd")
		if len(steps) < 2 || steps[0].Args == nil || !strings.Contains(steps[0].Command, "/data/ca.pem") {
			t.Errorf("%s: %+v", goos, steps)
		}
	}
}
