package lambda

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"countersign/internal/awsapi/lambda/api"
	"countersign/internal/awsapi/wire"
)

var update = flag.Bool("update", false, "write docs/lambda-operations.md anew")

// The page that says which operations are done is the operation table, printed. With -update it is written.
func TestOperationsPage(t *testing.T) {
	h := start(t).handler
	known := make([]wire.Meta, 0, len(api.Operations))
	for _, r := range api.Operations {
		known = append(known, r.Meta)
	}
	want := wire.OperationsMarkdown("AWS Lambda: operations", known, h.Implemented)
	page := filepath.Join("..", "..", "..", "docs", "lambda-operations.md")
	if *update {
		check(t, os.WriteFile(page, []byte(want), 0o644))
	}
	got, err := os.ReadFile(page)
	check(t, err)
	if string(got) != want {
		t.Error("docs/lambda-operations.md is stale: run go test ./internal/awsapi/lambda -run TestOperationsPage -update")
	}
}

// Every operation that has types is implemented, and signed.
func TestOperationsAreComplete(t *testing.T) {
	h := start(t).handler
	for _, r := range api.Served {
		if !h.Implemented(r.Name) {
			t.Errorf("%s has types and no implementation", r.Name)
		}
	}
	for _, r := range api.Operations {
		if r.Auth != wire.AuthIAM {
			t.Errorf("%s needs no signature", r.Name)
		}
	}
}
