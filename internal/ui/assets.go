package ui

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:generate go run ./build

//go:embed dist
var dist embed.FS

// manifest maps the name of an entry ("simulator.css") to its file in dist ("simulator-ABCDEFGH.css").
var manifest = sync.OnceValue(func() map[string]string {
	raw, err := dist.ReadFile("dist/manifest.json")
	m := map[string]string{}
	if err == nil {
		err = json.Unmarshal(raw, &m)
	}
	if err != nil {
		panic(fmt.Sprintf("ui: dist/manifest.json: %v", err)) // embedded: wrong in every run or in none
	}
	return m
})

// AssetName returns the file name of the entry, such as "simulator.js". It panics if there is none.
func AssetName(entry string) string {
	name, ok := manifest()[entry]
	if !ok {
		panic("ui: no such entry in dist: " + entry)
	}
	return name
}

// Assets serves the files of dist under prefix, which begins and ends with a slash. Only names with a hash are served,
// so an answer never changes and is cached for a year.
func Assets(prefix string) http.Handler {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder is embedded
	}
	known := map[string]bool{}
	for _, name := range manifest() {
		known[name] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := strings.CutPrefix(r.URL.Path, prefix)
		if !ok || !known[name] {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", contentTypes[path.Ext(name)])
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("X-Content-Type-Options", "nosniff")
		http.ServeFileFS(w, r, files, name)
	})
}

// contentTypes is fixed, since the system's table differs from machine to machine.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}
