package devca

import (
	"crypto/tls"
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestByName(t *testing.T) {
	now := time.Now()
	ca, err := Open(t.TempDir(), now)
	if err != nil {
		t.Fatal(err)
	}
	get := ca.ByName(func() time.Time { return now })
	first, err := get(&tls.ClientHelloInfo{ServerName: "Tenant.localhost"})
	if err != nil || first == nil || !slices.Contains(first.Leaf.DNSNames, "tenant.localhost") {
		t.Fatalf("%v %v", first, err)
	}
	if again, _ := get(&tls.ClientHelloInfo{ServerName: "tenant.localhost"}); again != first {
		t.Error("the certificate was made anew")
	}
	now = first.Leaf.NotAfter.Add(time.Second)
	if renewed, _ := get(&tls.ClientHelloInfo{ServerName: "tenant.localhost"}); renewed == first {
		t.Error("an old certificate is served")
	}
	for _, name := range []string{"", "localhost", ".localhost", "a.b.localhost", "127.0.0.1", "example.com", "evil.example.localhost"} {
		if cert, err := get(&tls.ClientHelloInfo{ServerName: name}); cert != nil || err != nil {
			t.Errorf("%q: %v %v", name, cert, err)
		}
	}
	for i := range 3 * maxNames { // bounded, and still serving
		if cert, err := get(&tls.ClientHelloInfo{ServerName: fmt.Sprintf("t%d.localhost", i)}); cert == nil || err != nil {
			t.Fatal(err)
		}
	}
}
