package main

import (
	"slices"
	"strings"
	"testing"
)

// A stack for people is short and says where in the script and its modules, not where they lay during the run.
func TestFrames(t *testing.T) {
	build := "/tmp/countersign-try-1/packages/" + strings.Repeat("0a", 32) + "/"
	stack := "Error: no region\n    at Request.validate (" + build + "modules.cjs:1:2)\n    at " + build + "hook.js:3:4\n    at node:internal/timers:5:6"
	want := []string{"at Request.validate (modules.cjs:1:2)", "at hook.js:3:4", "at node:internal/timers:5:6"}
	if got := frames(stack); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	if got := frames(strings.Repeat("at x\n", maxFrames+1)); len(got) != maxFrames+1 || got[maxFrames] != "…" {
		t.Errorf("too many: %q", got)
	}
	if got := frames("words alone"); got != nil {
		t.Errorf("words: %q", got)
	}
}
