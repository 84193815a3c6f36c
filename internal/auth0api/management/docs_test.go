package management

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of docs/management-api.md anew")

const (
	docsPage   = "../../../docs/management-api.md"
	tableBegin = "<!-- routes: generated from the table of routes; do not edit -->\n"
	tableEnd   = "<!-- end of routes -->\n"
)

// TestDocs keeps the table of docs/management-api.md equal to the table of routes.
func TestDocs(t *testing.T) {
	raw, err := os.ReadFile(docsPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(raw), tableBegin)
	have, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok1 || !ok2 {
		t.Fatal("the page has lost the marks around its table")
	}
	want := routesTable()
	if *update {
		if err := os.WriteFile(docsPage, []byte(before+tableBegin+want+tableEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have != want {
		t.Errorf("the table of %s is not that of the routes: run go test ./internal/auth0api/management -run TestDocs -update", docsPage)
	}
}

func routesTable() string {
	var b strings.Builder
	b.WriteString("\n| Call | Scope | |\n| --- | --- | --- |\n")
	for _, r := range routes() {
		scopes := "`" + strings.ReplaceAll(r.Scopes, " ", "` or `") + "`"
		fmt.Fprintf(&b, "| `%s %s` | %s | %s |\n", r.Method, r.Path, scopes, strings.ReplaceAll(r.Note, "|", "\\|"))
	}
	b.WriteString("\n")
	return b.String()
}
