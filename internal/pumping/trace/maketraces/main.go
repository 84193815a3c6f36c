// Command maketraces writes the recordings of package trace, one file each: those of the aims into testdata/traces, the others into testdata/limits.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"countersign/internal/pumping/trace"
)

func main() {
	if err := run("testdata"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(root string) error {
	for _, s := range trace.Scenarios() {
		folder := filepath.Join(root, "traces")
		if s.Limit {
			folder = filepath.Join(root, "limits")
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		var b bytes.Buffer
		if err := trace.Write(&b, s.Header, s.Messages()); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, s.Name+".jsonl.gz"), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}
