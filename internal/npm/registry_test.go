package npm

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/hookrun/sandbox"
)

// now is when the tests take place, old long before.
var (
	now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	old = now.AddDate(-1, 0, 0)
)

// release is a version of a package in a registry of ours.
type release struct {
	// files are the archive's, package.json besides.
	files map[string]string
	// links are symbolic links in it, by their targets. odd are files under exactly these names in the archive.
	links, odd map[string]string
	// about is added to package.json.
	about map[string]any
	// at defaults to old.
	at time.Time
	// change rewrites what the registry says in "dist".
	change func(dist map[string]any)
	// body replaces the archive at its address, after its sum was taken. redirect sends who asks for it elsewhere.
	body     []byte
	redirect string
}

// fakeRegistry answers like npm's.
type fakeRegistry struct {
	*httptest.Server
	packages map[string]map[string]release // by name and version
	// undated says nothing about when releases were made.
	undated bool

	mu   sync.Mutex
	asks []string
}

func newFakeRegistry(t testing.TB, packages map[string]map[string]release) *fakeRegistry {
	t.Helper()
	f := &fakeRegistry{packages: packages}
	f.Server = httptest.NewTLSServer(f)
	t.Cleanup(f.Close)
	return f
}

// asked returns the paths that were asked for so far.
func (f *fakeRegistry) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string{}, f.asks...)
}

func (f *fakeRegistry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.asks = append(f.asks, r.URL.Path)
	f.mu.Unlock()
	name, rest, archive := strings.Cut(strings.Trim(r.URL.Path, "/"), "/-/")
	if archive {
		base := name[strings.LastIndex(name, "/")+1:]
		version := strings.TrimSuffix(strings.TrimPrefix(rest, base+"-"), ".tgz")
		f.archive(w, r, name, version)
		return
	}
	if versions, ok := f.packages[name]; ok {
		f.document(w, name, versions)
		return
	}
	if i := strings.LastIndex(name, "/"); i > 0 {
		if v, ok := f.packages[name[:i]][name[i+1:]]; ok {
			json.NewEncoder(w).Encode(f.manifest(name[:i], name[i+1:], v))
			return
		}
	}
	w.WriteHeader(http.StatusNotFound)
	w.Write([]byte(`{"error":"Not found"}`))
}

func (f *fakeRegistry) document(w http.ResponseWriter, name string, versions map[string]release) {
	all, times := map[string]any{}, map[string]any{"unpublished": map[string]any{"name": "x"}}
	latest := ""
	for _, v := range sortedKeys(versions) {
		all[v] = f.manifest(name, v, versions[v])
		at := versions[v].at
		if at.IsZero() {
			at = old
		}
		times[v] = at.Format(time.RFC3339)
		latest = v
	}
	doc := map[string]any{"name": name, "dist-tags": map[string]string{"latest": latest}, "versions": all}
	if !f.undated {
		doc["time"] = times
	}
	json.NewEncoder(w).Encode(doc)
}

func (f *fakeRegistry) manifest(name, version string, v release) map[string]any {
	data := v.pack(name, version)
	weak := sha1.Sum(data)
	dist := map[string]any{
		"tarball":   f.URL + "/" + name + "/-/" + name[strings.LastIndex(name, "/")+1:] + "-" + version + ".tgz",
		"integrity": integrity(data), "shasum": hex.EncodeToString(weak[:]),
	}
	if v.change != nil {
		v.change(dist)
	}
	out := v.packageJSON(name, version)
	out["dist"] = dist
	return out
}

func (v release) packageJSON(name, version string) map[string]any {
	out := map[string]any{"name": name, "version": version}
	maps.Copy(out, v.about)
	return out
}

func (f *fakeRegistry) archive(w http.ResponseWriter, r *http.Request, name, version string) {
	v, ok := f.packages[name][version]
	switch {
	case !ok:
		http.NotFound(w, r)
	case v.redirect != "":
		http.Redirect(w, r, v.redirect, http.StatusFound)
	case v.body != nil:
		w.Write(v.body)
	default:
		w.Write(v.pack(name, version))
	}
}

// pack makes the archive, always the same.
func (v release) pack(name, version string) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	z.Write(v.rawTar(name, version))
	z.Close()
	return buf.Bytes()
}

func integrity(data []byte) string {
	sum := sha512.Sum512(data)
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

// noise cannot be compressed.
func noise(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return string(b)
}

func (v release) rawTar(name, version string) []byte {
	var buf bytes.Buffer
	t := tar.NewWriter(&buf)
	about, _ := json.Marshal(v.packageJSON(name, version))
	put := func(h tar.Header, data string) {
		h.Size, h.Mode = int64(len(data)), 0o644
		t.WriteHeader(&h)
		t.Write([]byte(data))
	}
	put(tar.Header{Name: "package/package.json"}, string(about))
	for _, n := range sortedKeys(v.links) {
		put(tar.Header{Name: "package/" + n, Typeflag: tar.TypeSymlink, Linkname: v.links[n]}, "")
	}
	for _, n := range sortedKeys(v.files) {
		put(tar.Header{Name: "package/" + n}, v.files[n])
	}
	for _, n := range sortedKeys(v.odd) {
		put(tar.Header{Name: n}, v.odd[n])
	}
	t.Close()
	return buf.Bytes()
}

// js is a release of one file.
func js(code string) release { return release{files: map[string]string{"index.js": code}} }

// with adds to package.json.
func (v release) with(key string, value any) release {
	v.about = maps.Clone(v.about)
	if v.about == nil {
		v.about = map[string]any{}
	}
	v.about[key] = value
	return v
}

// versions makes a package of one version.
func only(version string, v release) map[string]release { return map[string]release{version: v} }

// fakeBuilder is a Builder for a registry of ours.
func fakeBuilder(t testing.TB, level sandbox.Level, f *fakeRegistry, change func(*Options)) *Builder {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return newBuilder(t, level, func(o *Options) {
		o.Registry, o.RegistryCA, o.Now = f.URL, ca, func() time.Time { return now }
		if change != nil {
			change(o)
		}
	})
}
