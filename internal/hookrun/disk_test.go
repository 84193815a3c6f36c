//go:build unix

package hookrun

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
)

// Whatever way the private folder is filled: the worker ends, and nothing of it is left.
func TestPrivateFolderIsBounded(t *testing.T) {
	const start = `const fs = require('fs'); const hold = []; exports.handler = async () => { process.chdir(process.env.TMPDIR); `
	for name, fill := range map[string]string{
		"named":   `for (let i = 0; i < 40; i++) { fs.writeFileSync('f' + i, ''); fs.truncateSync('f' + i, 16 << 20); }`,
		"no name": `for (let i = 0; i < 40; i++) { const fd = fs.openSync('f', 'w'); hold.push(fd); fs.ftruncateSync(fd, 16 << 20); fs.unlinkSync('f'); }`,
		"deep":    `for (let i = 0; i < 2500; i++) { fs.mkdirSync('a'); process.chdir('a'); fs.writeFileSync('f', 'x'); }`,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t, sandbox.Full, nil)
			code := js(t, start+fill+` await new Promise((r) => setTimeout(r, 30000)); return 'not seen'; };`)
			code.Timeout = time.Minute
			r.fails(code, `{}`, runner.Output, "Runtime.OutputTooLarge")
			r.await(WorkerEnded, "private folder too large")
			if list, err := os.ReadDir(filepath.Join(r.opts.Cache, "work")); err != nil || len(list) > 0 {
				t.Errorf("left: %v %v", list, err)
			}
		})
	}
}

// Names that are longer than the kernel takes are no obstacle, nor are folders that nobody may enter.
func TestRemoveAll(t *testing.T) {
	parent := t.TempDir()
	root, above := filepath.Join(parent, "tree"), filepath.Join(parent, "above")
	if err := os.Mkdir(root, 0o500); err != nil {
		t.Fatal(err)
	}
	for range 3000 { // each time one folder above all others
		err := errors.Join(os.Mkdir(above, 0o700), os.Rename(root, filepath.Join(above, "d")), os.Chmod(above, 0o500), os.Rename(above, root))
		if err != nil {
			t.Fatal(err)
		}
	}
	if !tooLarge(root, os.Getpid()) {
		t.Error("not too large")
	}
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	few := syscall.Rlimit{Cur: min(limit.Cur, 256), Max: limit.Max}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	err := RemoveAll(root)
	syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit)
	if err != nil || exists(root) {
		t.Errorf("%v", err)
	}
}
