package npm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"countersign/internal/egress"
	"countersign/internal/hookrun"
)

const (
	// maxDocument bounds what the registry says about a package, in bytes; popular ones have some ten MiB of versions.
	maxDocument     = 128 << 20
	documentTimeout = time.Minute
	// lookAtOnce bounds the requests at a time.
	lookAtOnce = 6
	// maxDates bounds the release dates that are remembered.
	maxDates = 20_000
	// caFile holds the certificates that jobs trust.
	caFile = "ca.pem"
)

// bundlePaths are where systems keep their trusted certificates, as crypto/x509 looks for them. Node has a list of its own, which lacks those that an
// operator trusts.
var bundlePaths = []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}

// registry asks the configured registry what npm does not tell.
type registry struct {
	base   *url.URL
	client *http.Client
	// ca is what jobs trust besides Node's list.
	ca []byte

	mu    sync.Mutex
	dates map[string]time.Time
}

func newRegistry(base *url.URL, caPath string) (*registry, error) {
	r := &registry{base: base, dates: map[string]time.Time{}}
	conf := &tls.Config{}
	for _, p := range append([]string{os.Getenv("SSL_CERT_FILE")}, bundlePaths...) {
		if text, err := os.ReadFile(p); err == nil && len(text) > 0 {
			r.ca = text
			break
		}
	}
	if caPath != "" {
		text, err := os.ReadFile(caPath)
		if err != nil {
			return nil, fmt.Errorf("npm: certificates of the registry: %w", err)
		}
		if conf.RootCAs, err = x509.SystemCertPool(); err != nil {
			conf.RootCAs = x509.NewCertPool()
		}
		if !conf.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("npm: %s holds no certificates", caPath)
		}
		r.ca = append(append(text, '\n'), r.ca...)
	}
	// Wherever the name leads, to a mirror inside, say: the certificate tells whether it is the registry.
	policy, err := egress.NewPolicy(false, hostPort(base))
	if err != nil {
		return nil, fmt.Errorf("npm: registry: %w", err)
	}
	r.client = egress.NewClient(egress.Config{Policy: policy, MaxResponse: maxDocument, MaxConns: lookAtOnce, Timeout: documentTimeout, TLS: conf})
	return r, nil
}

// hostPort is the registry's address.
func hostPort(u *url.URL) string {
	if u.Port() != "" {
		return u.Host
	}
	return net.JoinHostPort(u.Hostname(), "443")
}

// egress is where npm may connect to: the registry.
func (b *Builder) egress() *hookrun.Egress {
	return &hookrun.Egress{Allow: []string{hostPort(b.registry)}, Only: []string{b.registry.Hostname()}}
}

// get asks for a document of the registry. The body must be closed.
func (r *registry) get(ctx context.Context, name string, more ...string) (io.ReadCloser, error) {
	target := strings.TrimSuffix(r.base.String(), "/") + "/" + strings.ReplaceAll(url.PathEscape(name), "%40", "@")
	for _, m := range more {
		target += "/" + url.PathEscape(m)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	res, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		res.Body.Close()
		return nil, fmt.Errorf("the registry answers %s for %s", res.Status, name)
	}
	return res.Body, nil
}

// manifest is what a version's package.json says about building it.
type manifest struct {
	Scripts      map[string]string `json:"scripts"`
	Dependencies map[string]string `json:"dependencies"`
	GypFile      bool              `json:"gypfile"`
}

// builders are programs and packages that compile native code or fetch what was compiled elsewhere.
var builders = []string{"node-gyp", "node-pre-gyp", "prebuild", "cmake-js", "napi", "node-waf", "neon", "cargo", "electron-build"}

// native names what a package would need to be built with, empty if nothing.
func (m *manifest) native() string {
	if m.GypFile {
		return "node-gyp"
	}
	for _, script := range []string{"preinstall", "install", "postinstall"} {
		for _, b := range builders {
			if strings.Contains(m.Scripts[script], b) {
				return b
			}
		}
	}
	for _, dep := range []string{"node-addon-api", "nan", "bindings", "node-gyp-build", "prebuild-install", "@mapbox/node-pre-gyp"} {
		if _, ok := m.Dependencies[dep]; ok {
			return dep
		}
	}
	return ""
}

func (r *registry) manifest(ctx context.Context, p pkg) (*manifest, error) {
	body, err := r.get(ctx, p.name, p.version)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var m manifest
	if err := json.NewDecoder(io.LimitReader(body, 1<<20)).Decode(&m); err != nil {
		return nil, fmt.Errorf("the registry's answer for %s: %w", p.id(), err)
	}
	return &m, nil
}

// date returns when a release was made, and whether it is remembered.
func (r *registry) date(p pkg) (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, ok := r.dates[p.id()]
	return t, ok
}

// lookUp asks for the dates of releases that are not remembered. A registry need not tell them: then they are zero.
func (r *registry) lookUp(ctx context.Context, packages []pkg) error {
	byName := map[string][]pkg{}
	for _, p := range packages {
		if _, ok := r.date(p); !ok {
			byName[p.name] = append(byName[p.name], p)
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, lookAtOnce)
	var wg sync.WaitGroup
	for _, name := range sortedKeys(byName) {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := r.lookUpOne(ctx, name, byName[name]); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

func (r *registry) lookUpOne(ctx context.Context, name string, versions []pkg) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	body, err := r.get(ctx, name)
	if err != nil {
		return err
	}
	defer body.Close()
	times, err := readTimes(body)
	if err != nil {
		return fmt.Errorf("the registry's answer for %s: %w", name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.dates) > maxDates {
		clear(r.dates)
	}
	for _, p := range versions {
		at, err := time.Parse(time.RFC3339, times[p.version])
		if err != nil {
			at = time.Time{}
		}
		r.dates[p.id()] = at.UTC()
	}
	return nil
}

// readTimes reads the member "time" of a package's document, and passes over the others.
func readTimes(body io.Reader) (map[string]string, error) {
	d := json.NewDecoder(body)
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.Join(errors.New("no object"), err)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		if key == "time" {
			var raw map[string]json.RawMessage // of what was taken back an object
			err := d.Decode(&raw)
			times := make(map[string]string, len(raw))
			for version, at := range raw {
				times[version] = strings.Trim(string(at), `"`)
			}
			return times, err
		}
		if err := skipValue(d); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// skipValue reads one value without keeping it.
func skipValue(d *json.Decoder) error {
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}
