package proof

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	namedTest = regexp.MustCompile("`([a-z0-9/]+)\\.(Test[A-Za-z0-9_]+)`")
	testFunc  = regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(`)
)

// TestEveryAdvisoryHasItsTest reads docs/advisories.md against the tests that there are.
func TestEveryAdvisoryHasItsTest(t *testing.T) {
	root := filepath.Join("..", "..")
	raw, err := os.ReadFile(filepath.Join(root, "docs", "advisories.md"))
	check(t, err)
	tests := map[string][]string{} // folder → tests
	check(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".") && path != root) {
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return err
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		src, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(path))
		for _, m := range testFunc.FindAllStringSubmatch(string(src), -1) {
			folder := filepath.ToSlash(folder)
			tests[folder] = append(tests[folder], m[1])
		}
		return err
	}))
	rows, named := 0, map[string]bool{}
	for line := range strings.Lines(string(raw)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| Advisory |") {
			continue
		}
		rows++
		if len(cells) != 3 {
			t.Errorf("%d cells: %s", len(cells), line)
			continue
		}
		found := namedTest.FindAllStringSubmatch(cells[2], -1)
		if len(found) == 0 && !strings.HasPrefix(strings.TrimSpace(cells[2]), "Not yet: ") {
			t.Errorf("no test and no reason: %s", line)
		}
		for _, m := range found {
			named[m[1]+"."+m[2]] = true
			if !slices.Contains(tests[m[1]], m[2]) {
				t.Errorf("%s has no %s", m[1], m[2])
			}
		}
	}
	if rows < 40 {
		t.Errorf("only %d rows were read", rows)
	}
	for folder, list := range tests {
		for _, name := range list {
			if strings.HasPrefix(name, "TestAdvisory_") && !named[folder+"."+name] {
				t.Errorf("%s.%s is not in docs/advisories.md", folder, name)
			}
		}
	}
}
