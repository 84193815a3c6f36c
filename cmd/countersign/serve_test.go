package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"
)

// TestSocketOfConfigFromEnvironment: serve listens where the command line looks, also if the configuration is named by the
// environment and the database has no folder.
func TestSocketOfConfigFromEnvironment(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "c.yaml")
	text := "listen: 127.0.0.1:0\nadmin: {listen: 127.0.0.1:0}\nbase_urls: [http://localhost:1]\ndatabase: postgres://nobody@127.0.0.1:1/none\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a := &app{ctx: t.Context(), env: []string{"COUNTERSIGN_CONFIG=" + file}}
	var f configFlags
	c, err := f.load(a)
	if err != nil {
		t.Fatal(err)
	}
	bindings, err := f.bind(a, c)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bindings {
		defer b.Listener.Close()
	}
	path := filepath.Join(folder, "admin.sock")
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v; want mode 0600", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(folder, ".*")); len(left) != 0 {
		t.Fatalf("left behind: %v", left)
	}
}
