// Package docs holds no code: its tests compare the pages with what they describe.
package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"countersign/internal/config"
	"countersign/internal/fault"
)

func page(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEveryErrorCodeIsDocumented(t *testing.T) {
	text := page(t, "errors.md")
	known := map[string]bool{}
	for _, code := range fault.Codes() {
		known[string(code)] = true
		if !strings.Contains(text, "| `"+string(code)+"` |") {
			t.Errorf("errors.md does not explain %s", code)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(text, -1) {
		if !known[m[1]] {
			t.Errorf("errors.md explains %s, which no longer exists", m[1])
		}
	}
}

func TestTheExampleConfigurationIsTheProgramsOwn(t *testing.T) {
	if !strings.Contains(page(t, "configuration.md"), "```yaml\n"+config.Example+"```") {
		t.Error("configuration.md shows another file than `countersign config example`; copy config.Example")
	}
}

var link = regexp.MustCompile(`\]\(([^)#:\s]+)(#[^)]*)?\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	files, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.Glob("../*.md")
	if err != nil {
		t.Fatal(err)
	}
	decisions, err := filepath.Glob("decisions/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(append(files, top...), decisions...) {
		for _, m := range link.FindAllStringSubmatch(page(t, file), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s: the link %s leads nowhere", file, m[1])
			}
		}
	}
}
