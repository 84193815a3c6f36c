package interop

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// jsTest is a line of node/lib/reporter.js.
type jsTest struct {
	Name    string
	OK      bool
	Skipped bool
	Error   string
}

// TestJavaScript runs every file of node/*/*.test.js in a process of its own; each of its tests is a subtest.
func TestJavaScript(t *testing.T) {
	if _, err := os.Stat("node/node_modules/aws-amplify"); err != nil {
		t.Fatal("the npm packages are missing; run ./scripts/test, or `npm ci` in tests/interop/node")
	}
	files, err := fs.Glob(os.DirFS("node"), "*/*.test.js")
	check(t, err)
	if len(files) == 0 {
		t.Fatal("no JavaScript tests")
	}
	for i, file := range files {
		t.Run(strings.TrimSuffix(file, ".test.js"), func(t *testing.T) {
			t.Parallel()
			runJavaScript(t, file, goBlock+1+i)
		})
	}
}

// runJavaScript ends a file when its tests have ended: Amplify keeps a timer of three minutes after an automatic sign-in.
func runJavaScript(t *testing.T, file string, block int) {
	cmd := exec.CommandContext(t.Context(), "node", "--test-force-exit", "--test-reporter=./lib/reporter.js",
		"--test-reporter-destination=stdout", filepath.FromSlash(file))
	cmd.Dir = "node"
	cmd.Env = append(os.Environ(), "COUNTERSIGN_URL="+srv.URL, "COUNTERSIGN_HTTPS_URL="+srv.HTTPS,
		"NODE_EXTRA_CA_CERTS="+srv.CA, fmt.Sprint("COUNTERSIGN_BLOCK=", block))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	check(t, err)
	check(t, cmd.Start())
	ran, failed := 0, false
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var js jsTest
		if json.Unmarshal(lines.Bytes(), &js) != nil || js.Name == "" {
			continue // what a client printed
		}
		ran++
		failed = failed || !js.OK
		t.Run(js.Name, func(t *testing.T) {
			switch {
			case js.Skipped:
				t.Error("skipped; nothing may be")
			case !js.OK:
				t.Error(js.Error)
			}
		})
	}
	if err := cmd.Wait(); err != nil && !failed || ran == 0 {
		t.Errorf("node ended with %v after %d tests\n%s", err, ran, stderr.String())
	}
}
