package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What is committed in dist must be what the sources give, byte for byte, and nothing else.
func TestDistIsFresh(t *testing.T) {
	want, err := build("../src")
	if err != nil {
		t.Fatal(err)
	}
	again, err := build("../src")
	if err != nil {
		t.Fatal(err)
	}
	if !maps.EqualFunc(want, again, bytes.Equal) {
		t.Error("two builds of the same sources differ")
	}
	got := map[string][]byte{}
	listed, err := os.ReadDir("../dist")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range listed {
		if got[e.Name()], err = os.ReadFile(filepath.Join("../dist", e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	if !maps.EqualFunc(want, got, bytes.Equal) {
		t.Errorf("dist is stale: run \"go run ./internal/ui/build\"\n built: %v\n dist:  %v",
			slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)))
	}
}

func TestEntryOf(t *testing.T) {
	for name, want := range map[string]string{"a-b-HASH.js": "a-b.js", "a-HASH.css": "a.css", "plain.js": "", "a.b-c": ""} {
		got, err := entryOf(name)
		if got != want || (err != nil) != (want == "") {
			t.Errorf("entryOf(%q) = %q, %v; want %q", name, got, err, want)
		}
	}
}
