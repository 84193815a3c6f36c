package smsvoice

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"countersign/internal/awsapi/smsvoice/api"
	"countersign/internal/awsapi/wire"
)

var update = flag.Bool("update", false, "write docs/smsvoice-operations.md anew")

// The page that says which operations are done is the operation table, printed. With -update it is written.
func TestOperationsPage(t *testing.T) {
	done := map[string]bool{}
	for _, op := range (&facade{}).operations() {
		done[op.Name] = true
	}
	want := wire.OperationsMarkdown("AWS End User Messaging SMS: operations", api.Operations, func(name string) bool { return done[name] })
	page := filepath.Join("..", "..", "..", "docs", "smsvoice-operations.md")
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
		t.Error("docs/smsvoice-operations.md is stale: run go test ./internal/awsapi/smsvoice -run TestOperationsPage -update")
	}
}

// Every operation that has types is implemented, once.
func TestOperationsAreComplete(t *testing.T) {
	done := map[string]int{}
	for _, op := range (&facade{}).operations() {
		done[op.Name]++
		if op.Auth != wire.AuthIAM {
			t.Errorf("%s needs no signature", op.Name)
		}
	}
	for _, m := range api.Operations {
		if served := len(m.Errors) > 0; served != (done[m.Name] == 1) {
			t.Errorf("%s: served %v, implemented %d times", m.Name, served, done[m.Name])
		}
	}
}
