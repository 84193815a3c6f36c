package ui

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func TestAssets(t *testing.T) {
	h := Assets("/x/assets/")
	get := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	for entry, kind := range map[string]string{"simulator.css": "text/css; charset=utf-8", "simulator.js": "text/javascript; charset=utf-8", "icon.svg": "image/svg+xml"} {
		w := get("GET", "/x/assets/"+AssetName(entry))
		if w.Code != 200 || w.Body.Len() == 0 || w.Header().Get("Content-Type") != kind {
			t.Errorf("%s: %d %v", entry, w.Code, w.Header())
		}
		if got := w.Header().Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %s", entry, got)
		}
	}
	for _, path := range []string{"/x/assets/", "/x/assets/manifest.json", "/x/assets/../page.go", "/assets/" + AssetName("icon.svg"), "/x/assets/simulator.css"} {
		if w := get("GET", path); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if w := get("POST", "/x/assets/"+AssetName("icon.svg")); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", w.Code)
	}
	defer func() {
		if recover() == nil {
			t.Error("an unknown entry has a name")
		}
	}()
	AssetName("nothing.js")
}

func TestHead(t *testing.T) {
	page := fstest.MapFS{"p.html": {Data: []byte(`{{define "p"}}{{template "head" .}}{{template "theme-toggle"}}{{template "copy" (pair "Copy" "<b>")}}{{icon "copy"}}{{end}}`)}}
	tmpl, err := Parse(page, nil, "p.html")
	if err != nil {
		t.Fatal(err)
	}
	head := NewHead("A <title>", "/x/", "simulator")
	var out bytes.Buffer
	if err := tmpl.ExecuteTemplate(&out, "p", head); err != nil {
		t.Fatal(err)
	}
	html := out.String()
	for _, s := range []string{"<title>A &lt;title&gt; · Countersign</title>", `data-copy="&lt;b&gt;"`, `src="/x/simulator-`, `nonce="` + head.Nonce + `"`} {
		if !strings.Contains(html, s) {
			t.Errorf("no %s in %s", s, html)
		}
	}
	if n := strings.Count(html, "<script"); n != strings.Count(html, "<script nonce=")+strings.Count(html, `<script type="module" nonce=`) {
		t.Error("a script without a nonce")
	}
	if NewHead("", "/x/", "simulator").Nonce == head.Nonce || len(head.Nonce) < 20 {
		t.Error("the nonce is not fresh")
	}
	header := http.Header{}
	head.SetHeaders(header)
	if csp := header.Get("Content-Security-Policy"); !strings.Contains(csp, "'nonce-"+head.Nonce+"'") || strings.Contains(csp, "unsafe") {
		t.Error(csp)
	}
	if plain := NewPlainHead("", "/x/", "page"); plain.Script != "" || !strings.HasPrefix(plain.Style, "/x/page-") {
		t.Errorf("%+v", plain)
	} else if plain.SetHeaders(header); !strings.Contains(header.Get("Content-Security-Policy"), "script-src 'none'") {
		t.Error(header)
	}
	if _, err := icon("none"); err == nil {
		t.Error("an unknown icon was drawn")
	}
}
