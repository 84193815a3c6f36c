package exchange_test

import (
	"strings"
	"testing"

	"countersign/internal/gateway/exchange"
)

func TestBase(t *testing.T) {
	for set, want := range map[string]string{"": "https://api.example.com/v1", "http://localhost:8080": "http://localhost:8080", "https://eu.example.com/x": "https://eu.example.com/x"} {
		if u, err := exchange.Base("acme", set, "https://api.example.com/v1"); err != nil || u.String() != want {
			t.Errorf("%q: %v, %v", set, u, err)
		}
	}
	for _, set := range []string{"api.example.com", "ftp://x", "https://", "https://u:p@x", "https://x?key=1", "https://x#y", ":", "https://x\n"} {
		if u, err := exchange.Base("acme", set, ""); u == nil || err == nil || !strings.HasPrefix(err.Error(), "acme: base_url ") || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%q: %v, %v", set, u, err)
		}
	}
}
