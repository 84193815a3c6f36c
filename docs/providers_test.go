package docs

import (
	"regexp"
	"strings"
	"testing"

	"countersign/internal/gateway"
	"countersign/internal/gateway/account"
)

var fieldsMarker = regexp.MustCompile(`(?s)<!-- fields: ([\w-]+) -->\n(.*?)\n\n`)

// providers.md shows the settings of each kind as the program knows them, and nothing that it does not know.
func TestProvidersShowTheSettings(t *testing.T) {
	text := page(t, "providers.md") + "\n\n"
	shown := map[string]string{}
	for _, m := range fieldsMarker.FindAllStringSubmatch(text, -1) {
		shown[m[1]] = m[2]
	}
	for _, s := range gateway.Specs() {
		if want := fieldTable(s); shown[s.Kind] != want {
			t.Errorf("providers.md must show after <!-- fields: %s -->\n%s", s.Kind, want)
		}
		if !strings.Contains(text, "\n## `"+s.Kind+"`: "+s.Title+"\n") {
			t.Errorf("providers.md has no section %q", s.Title)
		}
		delete(shown, s.Kind)
	}
	for kind := range shown {
		t.Errorf("providers.md describes %s, which no longer exists", kind)
	}
}

func fieldTable(s account.Spec) string {
	rows := []string{"| Setting | | Meaning | Example |", "| --- | --- | --- | --- |"}
	for _, f := range s.Fields {
		var marks []string
		if f.Secret {
			marks = append(marks, "secret")
		}
		if f.Required {
			marks = append(marks, "required")
		}
		help, example := f.Help, f.Example
		if len(f.Values) > 0 {
			help += " `" + strings.Join(f.Values, "`, `") + "`"
		}
		if example != "" {
			example = "`" + example + "`"
		}
		rows = append(rows, strings.Join([]string{"| `" + f.Name + "`", strings.Join(marks, ", "), strings.ReplaceAll(help, "|", `\|`), example}, " | ")+" |")
	}
	return strings.Join(rows, "\n")
}
