package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestPack(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	content := bytes.Repeat([]byte("\x7fELF and so on "), 1000)
	if err := os.WriteFile(program, content, 0o600); err != nil {
		t.Fatal(err)
	}
	var first []byte
	for i, name := range []string{"a.zip", "b.zip"} {
		if err := os.Chtimes(program, time.Time{}, time.Unix(int64(i)*1e9, 0)); err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(dir, name)
		if err := pack(program, out); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && !bytes.Equal(raw, first) {
			t.Fatal("two packages of one program differ")
		}
		first = raw
	}
	z, err := zip.NewReader(bytes.NewReader(first), int64(len(first)))
	if err != nil || len(z.File) != 1 {
		t.Fatalf("%v", err)
	}
	f := z.File[0]
	r, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, content) || f.Name != "bootstrap" || f.Mode() != 0o755 {
		t.Fatalf("%s %v, %d bytes, %v", f.Name, f.Mode(), len(got), err)
	}
	if err := pack(filepath.Join(dir, "missing"), filepath.Join(dir, "c.zip")); err == nil {
		t.Error("a missing program is packed")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.tmp")); len(left) > 0 {
		t.Error(left)
	}
}
