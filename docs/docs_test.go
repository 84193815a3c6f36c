// Package docs holds no code: its tests compare the pages with what they describe.
package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"countersign/internal/awsapi/cognito"
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

var errorRow = regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\w+)")

// Each code stands in errors.md, beside the exception that the Cognito wire answers.
func TestEveryErrorCodeIsDocumented(t *testing.T) {
	rows := map[fault.Code]string{}
	for _, m := range errorRow.FindAllStringSubmatch(page(t, "errors.md"), -1) {
		rows[fault.Code(m[1])] = m[2]
	}
	shapes := cognito.Errors()
	for _, code := range fault.Codes() {
		want := strings.TrimSuffix(shapes[code].Name, "Exception")
		if got, ok := rows[code]; !ok {
			t.Errorf("errors.md does not explain %s", code)
		} else if got != want {
			t.Errorf("errors.md calls %s %s, the wire says %s", code, got, want)
		}
		delete(rows, code)
	}
	for code := range rows {
		t.Errorf("errors.md explains %s, which no longer exists", code)
	}
}

func TestTheExampleConfigurationIsTheProgramsOwn(t *testing.T) {
	if !strings.Contains(page(t, "configuration.md"), "```yaml\n"+config.Example+"```") {
		t.Error("configuration.md shows another file than `countersign config example`; copy config.Example")
	}
}

// The README counts what the table of operations counts.
func TestTheReadmeCountsOperations(t *testing.T) {
	count := regexp.MustCompile(`\d+ of \d+ operations`)
	want := count.FindString(page(t, "cognito-operations.md"))
	if got := count.FindString(page(t, "../README.md")); want == "" || got != want {
		t.Errorf("README.md says %q, cognito-operations.md %q", got, want)
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
