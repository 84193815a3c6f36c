package hookrun

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"countersign/internal/hookrun/sandbox"
	"countersign/internal/runner"
)

//go:embed node/bootstrap.cjs
var bootstrapJS []byte

//go:embed node/preload.cjs
var preloadJS []byte

// scriptJS is the runtime of scripts.
//
//go:embed node/script/*.cjs
var scriptJS embed.FS

// minNode is the oldest Node that the bootstrap is tested with.
const minNode = 18

// nodeProgram is the Node.js of this machine, looked for once; a failure is tried again after a minute.
type nodeProgram struct {
	asked string

	mu      sync.Mutex
	path    string
	version string
	err     error
	checked time.Time
}

// find returns the program's real path and its version ("20.20.2").
func (n *nodeProgram) find(ctx context.Context) (string, string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.path != "" && exists(n.path) || n.err != nil && time.Since(n.checked) < time.Minute {
		return n.path, n.version, n.err
	}
	n.checked = time.Now()
	n.path, n.version, n.err = lookNode(ctx, n.asked)
	return n.path, n.version, n.err
}

func lookNode(ctx context.Context, asked string) (string, string, error) {
	if asked == "" {
		asked = "node"
	}
	path, err := exec.LookPath(asked)
	if err != nil {
		return "", "", fmt.Errorf("no Node.js (%s): install it, or name it in functions.node", asked)
	}
	if path, err = filepath.Abs(path); err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "", "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.Output()
	if err != nil {
		return "", "", fmt.Errorf("%s --version: %w", path, err)
	}
	version := strings.TrimPrefix(strings.TrimSpace(string(out)), "v")
	if major(version) < minNode {
		return "", "", fmt.Errorf("%s is Node %s: %d or later is needed", path, version, minNode)
	}
	return path, version, nil
}

// major is the first number of a version, 0 if there is none.
func major(version string) int {
	head, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(head)
	if err != nil {
		return 0
	}
	return n
}

// nodeRuntime returns the number of "nodejs20.x", and whether it is a Node runtime at all.
func nodeRuntime(name string) (int, bool) {
	rest, ok := strings.CutPrefix(name, "nodejs")
	if !ok {
		return 0, false
	}
	return major(rest), true
}

// isNode reports whether the worker is ours of Node.
func (w *worker) isNode() bool {
	_, ok := nodeRuntime(w.code.Runtime)
	return ok
}

func programRuntime(name string) bool {
	return name == "provided" || strings.HasPrefix(name, "provided.")
}

// Check implements runner.Runner.
func (r *Runner) Check(name string) (string, error) {
	if _, err := r.prepared(); err != nil {
		return "", err
	}
	if programRuntime(name) {
		if runtime.GOOS != "linux" {
			return "", fmt.Errorf("%w: %s runs on Linux alone", runner.ErrUnavailable, name)
		}
		return "", nil
	}
	want, ok := nodeRuntime(name)
	if !ok {
		return "", fmt.Errorf("%w: the runtime %q is not supported: nodejs* and provided.* are", runner.ErrUnavailable, name)
	}
	path, version, err := r.node.find(r.ctx)
	if err != nil {
		return "", fmt.Errorf("%w: %w", runner.ErrUnavailable, err)
	}
	if want != major(version) {
		return fmt.Sprintf("%s runs on Node %s (%s)", name, version, path), nil
	}
	return "", nil
}

// program returns what a worker executes: path, arguments, and the folders that it must be able to read.
func (w *worker) program(root string, level sandbox.Level) (string, []string, error) {
	if programRuntime(w.code.Runtime) {
		path := filepath.Join(root, "bootstrap")
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return "", nil, fmt.Errorf("%w: the package of %s has no file \"bootstrap\" at its top", runner.ErrUnavailable, w.code.Name)
		}
		if level != sandbox.None && isScript(path) {
			return "", nil, fmt.Errorf("%w: \"bootstrap\" of %s is a script: its interpreter may not be executed here, only a program may", runner.ErrUnavailable, w.code.Name)
		}
		return path, nil, nil
	}
	if _, ok := nodeRuntime(w.code.Runtime); !ok {
		return "", nil, fmt.Errorf("%w: the runtime %q is not supported", runner.ErrUnavailable, w.code.Runtime)
	}
	path, _, err := w.r.node.find(w.r.ctx)
	if err != nil {
		return "", nil, fmt.Errorf("%w: %w", runner.ErrUnavailable, err)
	}
	args := []string{"--max-old-space-size=" + strconv.Itoa(heapMB(w.code.MemoryMB))}
	if level != sandbox.Full {
		args = append(args, "--require", filepath.Join(w.r.runtimeDir, "preload.cjs"))
	}
	if w.code.Contract == runner.Script {
		args = append(args, "--experimental-vm-modules") // without it, import() in a script cannot be answered
	}
	return path, append(args, filepath.Join(w.r.runtimeDir, "bootstrap.cjs")), nil
}

// isScript reports whether a file begins with "#!".
func isScript(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var head [2]byte
	_, err = io.ReadFull(f, head[:])
	return err == nil && string(head[:]) == "#!"
}

// heapMB is the part of a function's memory that JavaScript objects may take; buffers, code and stacks need the rest.
func heapMB(memoryMB int) int { return max(32, memoryMB*3/4) }

// dataBytes bounds a process's private memory: what the function asked for, and what the runtime reserves on top without using it.
func dataBytes(code *runner.Code) int64 {
	extra := 64
	if _, ok := nodeRuntime(code.Runtime); ok {
		extra = 160
	}
	return int64(max(code.MemoryMB, 64)+extra) << 20
}

// writeRuntime puts the bootstrap where workers can read it.
func writeRuntime(folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	err := errors.Join(replaceFile(filepath.Join(folder, "bootstrap.cjs"), bootstrapJS), replaceFile(filepath.Join(folder, "preload.cjs"), preloadJS),
		os.MkdirAll(filepath.Join(folder, "script"), 0o755))
	if err != nil {
		return err
	}
	return fs.WalkDir(scriptJS, "node/script", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := scriptJS.ReadFile(path)
		if err != nil {
			return err
		}
		return replaceFile(filepath.Join(folder, "script", d.Name()), text)
	})
}

// replaceFile writes a file whole or not at all.
func replaceFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Chmod(0o444), tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
	}
	return err
}
