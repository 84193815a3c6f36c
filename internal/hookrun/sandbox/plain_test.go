package sandbox

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
)

func TestNoneRunsWithCleanEnvironment(t *testing.T) {
	t.Setenv("SERVER_SECRET", "x")
	l, err := New(t.Context(), os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p, err := l.Start(context.Background(), Spec{Path: "/bin/sh", Args: []string{"-c", "echo $A-$SERVER_SECRET; pwd"}, Env: []string{"A=1"},
		Dir: "/", Ports: []int{9001}, Output: w, Max: None})
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	out, _ := io.ReadAll(r)
	if e := p.Wait(); e.Code != 0 || e.Cause != "" {
		t.Errorf("exit %+v", e)
	}
	if got := strings.Fields(string(out)); len(got) != 2 || got[0] != "1-" || got[1] != "/" {
		t.Errorf("output %q", out)
	}
}
