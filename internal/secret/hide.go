package secret

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// longLine is from where a line of a secret counts as one.
const longLine = 16

// escapeHTML is how codes and passwords are written in the texts of events.
var escapeHTML = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")

// Hide takes secrets out of foreign text, as they are and as JSON, HTML and URLs write them; the longest first, since one may hold another. Values
// shorter than shortest bytes are no secrets: words would go with them.
func Hide(text string, secrets []string, shortest int) string {
	if text == "" {
		return ""
	}
	var all []string
	for _, v := range secrets {
		if len(v) < max(shortest, 1) {
			continue
		}
		all = append(all, v, escapeHTML.Replace(v), url.QueryEscape(v), url.PathEscape(v))
		for l := range strings.Lines(v) { // as consoles show keys
			if l = strings.TrimSpace(l); len(l) >= longLine {
				all = append(all, l)
			}
		}
		for _, html := range []bool{true, false} { // as Go and JavaScript write JSON
			var quoted strings.Builder
			e := json.NewEncoder(&quoted)
			e.SetEscapeHTML(html)
			if e.Encode(v) == nil {
				all = append(all, quoted.String()[1:quoted.Len()-2])
			}
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	for _, v := range all {
		text = strings.ReplaceAll(text, v, Redacted)
	}
	return text
}
