package wire

import (
	"fmt"
	"slices"
	"strings"
)

// OperationsMarkdown returns the documentation page of an API: a table of all known operations with their class and
// whether implemented reports them. The result depends on nothing else, so that a test can compare it.
func OperationsMarkdown(title string, known []Meta, implemented func(name string) bool) string {
	sorted := slices.Clone(known)
	slices.SortFunc(sorted, func(a, b Meta) int { return strings.Compare(a.Name, b.Name) })
	var rows strings.Builder
	done := 0
	for _, m := range sorted {
		mark := "no"
		if implemented(m.Name) {
			mark = "yes"
			done++
		}
		fmt.Fprintf(&rows, "| %s | %s | %s |\n", m.Name, m.Auth, mark)
	}
	return fmt.Sprintf("# %s\n\nGenerated from the table of operations; do not edit.\n\n"+
		"%d of %d operations are implemented. The others answer `UnsupportedOperationException` with their name.\n\n"+
		"| Operation | Authorisation | Implemented |\n| --- | --- | --- |\n%s", title, done, len(sorted), rows.String())
}
