package main

import (
	"archive/zip"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"countersign/internal/trigger"
)

//go:embed handlers/given.js
var givenJS string

//go:embed handlers/decrypt.js
var decryptJS string

//go:embed handlers/claims.js
var claimsJS string

//go:embed handlers/empty.js
var emptyJS string

// userCode is what a server is given before it starts, so that it runs functions: packages, and the pools' triggers.
type userCode struct {
	name    string
	runtime string
	// pack makes the package. An error of errLeftOut leaves the workload out of the run.
	pack func(ctx context.Context, r *runner) ([]byte, error)
	// trigger, if any, calls the function for all pools.
	trigger trigger.Name
	// functions is how many there are of it, functionMB what each worker may take, totalMB what all may take together.
	functions, functionMB, totalMB int
}

// errLeftOut says that this machine lacks what a workload needs.
var errLeftOut = errors.New("left out")

// The functions. Two workers of 128 MB fit into 256.
var (
	givenNode  = &userCode{"given", "nodejs20.x", script(givenJS), trigger.CustomSMSSender, 1, 128, 2048}
	senderGo   = &userCode{"sender", "provided.al2023", program("countersign/tests/bench/testdata/sender"), trigger.CustomSMSSender, 1, 128, 2048}
	senderNode = &userCode{"decrypt", "nodejs20.x", withModules(decryptJS, "@aws-crypto/client-node", "base64-js"), trigger.CustomSMSSender, 1, 256, 2048}
	claimsNode = &userCode{"claims", "nodejs20.x", script(claimsJS), trigger.PreTokenGeneration, 1, 128, 2048}
	emptyNode  = &userCode{"empty", "nodejs20.x", script(emptyJS), "", 1, 128, 256}
	coldNode   = &userCode{"cold", "nodejs20.x", script(emptyJS), "", coldCalls, 128, 2048}
)

// coldCalls is how many functions are called once each.
const coldCalls = 60

// script is a package of one Node handler.
func script(text string) func(context.Context, *runner) ([]byte, error) {
	return func(context.Context, *runner) ([]byte, error) {
		var buf bytes.Buffer
		w := zip.NewWriter(&buf)
		err := errors.Join(addFile(w, "index.js", 0o644, []byte(text)), w.Close())
		return buf.Bytes(), err
	}
}

// program is a package of a Go program of this module.
func program(path string) func(context.Context, *runner) ([]byte, error) {
	return func(ctx context.Context, r *runner) ([]byte, error) {
		out := filepath.Join(r.launch.dir, "bootstrap")
		cmd := exec.CommandContext(ctx, "go", "build", "-ldflags=-s -w", "-o", out, path)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if msg, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("building %s: %w\n%s", path, err, msg)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			return nil, err
		}
		var buf bytes.Buffer
		w := zip.NewWriter(&buf)
		err = errors.Join(addFile(w, "bootstrap", 0o755, b), w.Close())
		return buf.Bytes(), err
	}
}

// modulesFolder holds node_modules, if those of the interoperability tests were installed.
const modulesFolder = "tests/interop/node"

// withModules is a package of a Node handler with npm modules and all that they depend on.
func withModules(text string, modules ...string) func(context.Context, *runner) ([]byte, error) {
	return func(context.Context, *runner) ([]byte, error) {
		var buf bytes.Buffer
		w := zip.NewWriter(&buf)
		if err := addFile(w, "index.js", 0o644, []byte(text)); err != nil {
			return nil, err
		}
		done := map[string]bool{}
		for _, m := range modules {
			if err := packModule(w, done, modulesFolder, m); err != nil {
				return nil, err
			}
		}
		err := w.Close()
		return buf.Bytes(), err
	}
}

func addFile(w *zip.Writer, name string, mode os.FileMode, content []byte) error {
	h := &zip.FileHeader{Name: name, Method: zip.Deflate}
	h.SetMode(mode)
	f, err := w.CreateHeader(h)
	if err == nil {
		_, err = f.Write(content)
	}
	return err
}

// packModule adds a module and what it depends on, found as Node finds it: in the nearest node_modules above from.
func packModule(w *zip.Writer, done map[string]bool, from, name string) error {
	dir, err := findModule(from, name)
	if err != nil || done[dir] {
		return err
	}
	done[dir] = true
	raw, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		return err
	}
	var manifest struct{ Dependencies, OptionalDependencies map[string]string }
	if err := errors.Join(json.Unmarshal(raw, &manifest), packFolder(w, dir)); err != nil {
		return err
	}
	for dep := range manifest.Dependencies {
		if _, optional := manifest.OptionalDependencies[dep]; optional {
			continue
		}
		if err := packModule(w, done, dir, dep); err != nil {
			return err
		}
	}
	return nil
}

func findModule(from, name string) (string, error) {
	for dir := from; ; dir = filepath.Dir(dir) {
		found := filepath.Join(dir, "node_modules", filepath.FromSlash(name))
		if _, err := os.Stat(filepath.Join(found, "package.json")); err == nil {
			return found, nil
		}
		if dir == modulesFolder || dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%w: the npm module %s is not in %s (make interop installs it)", errLeftOut, name, modulesFolder)
		}
	}
}

func packFolder(w *zip.Writer, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "node_modules" && path != dir {
			return fs.SkipDir // its modules are packed where they are needed
		}
		if !d.Type().IsRegular() || strings.HasSuffix(path, ".map") || strings.HasSuffix(path, ".d.ts") {
			return nil
		}
		name, err := filepath.Rel(modulesFolder, path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return addFile(w, filepath.ToSlash(name), 0o644, b)
	})
}
