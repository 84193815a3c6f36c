package ui

import (
	"crypto/rand"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
)

//go:embed templates
var shared embed.FS

// Head is what the template "head" needs. Make it with NewHead.
type Head struct {
	// Title is the title of the page, without the product's name.
	Title string
	// Nonce allows the page's own scripts; a fresh one for each answer.
	Nonce string
	// Style, Script and Icon are URLs. A page without Script runs none.
	Style, Script, Icon string
}

// NewHead returns the head of a page whose styles and script are the entry (entry.css, entry.js), served under prefix.
func NewHead(title, prefix, entry string) Head {
	return Head{
		Title: title, Nonce: rand.Text(),
		Style: prefix + AssetName(entry+".css"), Script: prefix + AssetName(entry+".js"), Icon: prefix + AssetName("icon.svg"),
	}
}

// NewPlainHead returns the head of a page without scripts, for the template "plain-head".
func NewPlainHead(title, prefix, entry string) Head {
	return Head{Title: title, Style: prefix + AssetName(entry+".css"), Icon: prefix + AssetName("icon.svg")}
}

// SetHeaders sets the headers of an HTML page that may hold secrets: not stored, not framed, nothing from elsewhere.
func (h Head) SetHeaders(header http.Header) {
	script := "'none'"
	if h.Script != "" {
		script = "'nonce-" + h.Nonce + "'"
	}
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Security-Policy", fmt.Sprintf("default-src 'none'; script-src %s; style-src 'self'; img-src 'self'; "+
		"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'", script))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
}

// Parse returns the templates of fsys that match the patterns, together with the shared ones: "head", "plain-head",
// "theme-toggle", "copy" and the function icon.
func Parse(fsys fs.FS, funcs template.FuncMap, patterns ...string) (*template.Template, error) {
	t := template.New("ui").Funcs(template.FuncMap{"icon": icon, "pair": pair}).Funcs(funcs)
	t, err := t.ParseFS(shared, "templates/*.html")
	if err != nil {
		return nil, err
	}
	return t.ParseFS(fsys, patterns...)
}

// pair hands two values to a template.
func pair(first, second any) [2]any { return [2]any{first, second} }
