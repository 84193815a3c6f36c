package sns

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"countersign/internal/awsapi/sns/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

var update = flag.Bool("update", false, "write docs/sns-operations.md anew")

// common are the exceptions that every operation may answer beside its own.
var common = []string{
	"MissingAuthenticationToken", "SignatureDoesNotMatch", "InvalidClientTokenId", "Throttling", "UnsupportedOperationException",
}

// Internal errors answer as such and no others do; names are those of the model, or common ones.
func TestEveryCodeHasWords(t *testing.T) {
	table := Errors()
	for _, c := range fault.Codes() {
		s := table[c]
		if _, known := api.Exceptions[s.Name]; !known && !slices.Contains(common, s.Name) || s.Message == "" {
			t.Errorf("%s: %+v", c, s)
		}
		if internal := c.Kind() == fault.Internal || c.Kind() == fault.Unavailable && c != fault.Overloaded; internal != (s.Name == internalError) {
			t.Errorf("%s of kind %s answers %s", c, c.Kind(), s.Name)
		}
	}
}

// What an operation answers of its own is declared in the model, or common.
func TestExceptionsAreDeclared(t *testing.T) {
	for _, op := range api.Operations {
		if len(op.Errors) == 0 || op.Name == api.OpGetSMSSandboxAccountStatus.Name { // that takes no parameters which could be wrong
			continue
		}
		for _, c := range fault.Codes() {
			s, own := errorOf(op.Name, fault.New(c))
			if !own {
				s = shapes[c]
			}
			if !slices.Contains(op.Errors, s.Name) && !slices.Contains(common, s.Name) {
				t.Errorf("%s does not declare %s, which %s answers", op.Name, s.Name, c)
			}
		}
	}
	for name, codes := range byOperation {
		if len(codes) == 0 || !slices.ContainsFunc(api.Operations, func(m wire.Meta) bool { return m.Name == name && len(m.Errors) > 0 }) {
			t.Errorf("words for %s", name)
		}
	}
}

// The page that says which operations are done is the operation table, printed. With -update it is written.
func TestOperationsPage(t *testing.T) {
	done := map[string]int{}
	for _, op := range (&facade{}).operations() {
		done[op.Name]++
	}
	for _, m := range api.Operations {
		if served := len(m.Errors) > 0; served != (done[m.Name] == 1) {
			t.Errorf("%s: served %v, implemented %d times", m.Name, served, done[m.Name])
		}
	}
	want := wire.OperationsMarkdown("Amazon SNS: operations", api.Operations, func(name string) bool { return done[name] > 0 })
	page := filepath.Join("..", "..", "..", "docs", "sns-operations.md")
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/sns-operations.md is stale: run go test ./internal/awsapi/sns -run TestOperationsPage -update")
	}
}
