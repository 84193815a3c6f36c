package authentication

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestDocumentedErrors: docs/auth0.md has a row for each answer, with the codes of docs/errors.md that lead to it.
func TestDocumentedErrors(t *testing.T) {
	page, err := os.ReadFile("../../../docs/auth0.md")
	if err != nil {
		t.Fatal(err)
	}
	codes := map[row][]string{}
	for c, r := range rows {
		r.retry = 0
		codes[r] = append(codes[r], "`"+string(c)+"`")
	}
	delete(codes, internalRow)
	var lines []string
	for r, list := range codes {
		slices.Sort(list)
		text := r.text
		if r.own {
			text += " *"
		}
		line := fmt.Sprintf("| %d | `%s` | %s | %s |\n", r.status, r.name, text, strings.Join(list, ", "))
		if !strings.Contains(string(page), line) {
			lines = append(lines, line)
		}
	}
	if slices.Sort(lines); len(lines) > 0 {
		t.Errorf("docs/auth0.md lacks:\n%s", strings.Join(lines, ""))
	}
}
