package devca

import (
	"crypto/tls"
	"strings"
	"sync"
	"time"
)

// maxNames bounds the names that ByName keeps certificates for.
const maxNames = 64

// ByName returns a tls.Config.GetCertificate that serves <label>.localhost with a certificate of that very name: Node and some browsers do not take
// *.localhost, a wildcard directly beneath a top-level name, for it. For all other names it returns nil, so that Certificates serves them.
func (c *CA) ByName(now func() time.Time) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	var mu sync.Mutex
	made := map[string]*tls.Certificate{}
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
		label, ok := strings.CutSuffix(name, ".localhost")
		if !ok || label == "" || strings.Contains(label, ".") {
			return nil, nil
		}
		mu.Lock()
		defer mu.Unlock()
		if cert := made[name]; cert != nil && now().Before(cert.Leaf.NotAfter) {
			return cert, nil
		}
		cert, err := c.Certificate(now(), name)
		if err != nil {
			return nil, nil // a name that cannot be signed for gets the common certificate
		}
		if len(made) >= maxNames {
			clear(made)
		}
		made[name] = cert
		return cert, nil
	}
}
