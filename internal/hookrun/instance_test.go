package hookrun

import (
	"os"
	"path/filepath"
	"testing"

	"countersign/internal/hookrun/sandbox"
)

// What a killed server left goes at the next start; what a living one uses stays.
func TestSweep(t *testing.T) {
	b := newRunner(t, sandbox.None, nil)
	code := js(t, pidOf)
	me := b.ok(code, `1`)
	left := []string{"work/0dead-1/large", "work/old", "packages/.new-0dead-1/code/index.js", "runtime/ca-0dead.pem", "run/0dead.lock"}
	for _, name := range left {
		path := filepath.Join(b.opts.Cache, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	other, err := New(b.opts)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(t.Context())
	for _, name := range append(left, "work/0dead-1", "packages/.new-0dead-1") {
		if exists(filepath.Join(b.opts.Cache, filepath.FromSlash(name))) {
			t.Errorf("%s was left", name)
		}
	}
	if got := b.ok(code, `1`); got != me {
		t.Errorf("the living server's worker was ended: %s, %s", me, got)
	}
	if list, err := os.ReadDir(filepath.Join(b.opts.Cache, "work")); err != nil || len(list) != 1 {
		t.Errorf("the living server's folders: %v, %v", list, err)
	}
	lock := filepath.Join(b.opts.Cache, "run", other.instance+lockSuffix)
	if _, held, err := tryLock(lock); err != nil || !held {
		t.Errorf("the lock of a living server: held %t, %v", held, err)
	}
	if Abandoned(b.opts.Cache) {
		t.Error("a folder with living servers counts as abandoned")
	}
	dead := t.TempDir()
	if Abandoned(dead) {
		t.Error("a folder that was no cache counts as abandoned")
	}
	if err := os.Mkdir(filepath.Join(dead, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dead, "run", "0dead.lock"), nil, 0o600); err != nil || !Abandoned(dead) {
		t.Errorf("a folder whose server is dead does not count as abandoned: %v", err)
	}
	if err := other.Close(t.Context()); err != nil || exists(lock) {
		t.Errorf("after the end: %v, the lock is there: %t", err, exists(lock))
	}
}
