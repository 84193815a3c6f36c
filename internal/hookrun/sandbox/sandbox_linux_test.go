package sandbox_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"countersign/internal/hookrun/sandbox"
)

// programsVar names the folder with the test programs, for a run as another user, who has no Go cache.
const programsVar = "COUNTERSIGN_SANDBOX_PROGRAMS"

// The test program is launcher and attacker in one. Both kinds of build must work: "go run" uses cgo where there is a C compiler.
func TestMain(m *testing.M) {
	if os.Getenv(serverVar) != "" {
		beServer()
	}
	code := 1
	dir := os.Getenv(programsVar)
	if dir != "" {
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "sandbox-test")
	if err == nil {
		err = build(dir)
	}
	if err == nil {
		os.Setenv(programsVar, dir)
		code = m.Run()
	} else {
		fmt.Fprintln(os.Stderr, err)
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

func build(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	for _, cgo := range []string{"0", "1"} {
		cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "hostile"+cgo), "./testdata/hostile")
		cmd.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
	}
	return nil
}

func programPath(cgo string) string { return filepath.Join(os.Getenv(programsVar), "hostile"+cgo) }

// openDir is a temporary folder that everybody may enter, unlike that of t.TempDir.
func openDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sandbox-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func launcher(t testing.TB, path string) *sandbox.Launcher {
	t.Helper()
	l, err := sandbox.New(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// fullLauncher is a launcher on a machine that has everything, or the end of the test: what a machine lacks is its own affair outside CI.
func fullLauncher(t testing.TB) *sandbox.Launcher {
	t.Helper()
	l := launcher(t, programPath("0"))
	if r := l.Report(); r.Level != sandbox.Full {
		missing(t, fmt.Sprintf("this machine offers %s: %s", r.Level, strings.Join(r.Missing, "; ")))
	}
	return l
}

// missing fails in CI, whose machines are known to have what is needed, and skips elsewhere.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// begin starts a program whose output can be read until its end.
func begin(t testing.TB, l *sandbox.Launcher, spec sandbox.Spec) (*sandbox.Process, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	spec.Output = w
	if spec.Dir == "" {
		spec.Dir = "/"
	}
	if len(spec.Ports) == 0 {
		spec.Ports = []int{9001}
	}
	p, err := l.Start(t.Context(), spec)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p, r
}

// run starts a program, waits for its end and returns what it printed.
func run(t testing.TB, l *sandbox.Launcher, spec sandbox.Spec) (string, sandbox.Exit) {
	t.Helper()
	p, r := begin(t, l, spec)
	stop := time.AfterFunc(time.Minute, p.Kill)
	defer stop.Stop()
	out, _ := io.ReadAll(r)
	return string(out), p.Wait()
}

// both runs a test at the levels Full and Strong.
func both(t *testing.T, f func(t *testing.T, l *sandbox.Launcher, level sandbox.Level)) {
	l := fullLauncher(t)
	for _, level := range []sandbox.Level{sandbox.Full, sandbox.Strong} {
		t.Run(string(level), func(t *testing.T) { f(t, l, level) })
	}
}

func TestLauncherWithAndWithoutCgo(t *testing.T) {
	fullLauncher(t)
	for _, cgo := range []string{"0", "1"} {
		l := launcher(t, programPath(cgo))
		for _, level := range []sandbox.Level{sandbox.Full, sandbox.Strong, sandbox.Weak, sandbox.None} {
			out, exit := run(t, l, sandbox.Spec{Path: programPath(cgo), Args: []string{"say"}, Want: level, Max: level})
			if out != "say=ok\n" || exit.Code != 0 || exit.Cause != "" {
				t.Errorf("cgo %s, %s: %q, %+v", cgo, level, out, exit)
			}
		}
	}
}

func TestWant(t *testing.T) {
	l := launcher(t, programPath("0"))
	_, err := l.Start(t.Context(), sandbox.Spec{Path: "/bin/true", Dir: "/", Ports: []int{1}, Want: sandbox.Strong, Max: sandbox.Weak})
	if err == nil || !strings.Contains(err.Error(), "strong is wanted, weak is what there is") {
		t.Errorf("%v", err)
	}
}

// What a program is told, and what it is.
func TestIdentity(t *testing.T) {
	both(t, func(t *testing.T, l *sandbox.Launcher, level sandbox.Level) {
		t.Setenv("SERVER_SECRET", "1")
		dir := openDir(t)
		out, exit := run(t, l, sandbox.Spec{Path: programPath("0"), Args: strings.Fields("env cwd fds caps modes limits uid groups pid host"),
			Env: []string{"A=1", "B=é", "API=" + sandbox.AddrMark + "/x"}, Dir: dir, Max: level, Limits: sandbox.Limits{CPU: 1500 * time.Millisecond, FileBytes: 5 << 20}})
		if exit.Code != 0 {
			t.Fatalf("%+v\n%s", exit, out)
		}
		got := answers(out)
		port := regexp.MustCompile(`^A=1,B=é,API=127\.0\.0\.1:([0-9]+)/x$`).FindStringSubmatch(got["env"])
		if port == nil || (port[1] == "9001") != (level == sandbox.Full) {
			t.Errorf("environment: %s", got["env"])
		}
		want := map[string]string{"cwd": dir + "ok", "fds": "0,1,2", "modes": "1 2 9"}
		if os.Geteuid() == 0 || level == sandbox.Full {
			want["caps"] = "0 0 0 0"
		} else {
			want["caps"] = got["caps"]
			if !strings.HasPrefix(got["caps"], "0 0 0 ") {
				t.Errorf("capabilities: %s", got["caps"])
			}
		}
		if level == sandbox.Full {
			want["pid"], want["host"] = "1", "worker"
		}
		if os.Geteuid() == 0 {
			want["groups"] = "0"
			if id := strings.Fields(got["uid"]); len(id) != 4 || len(id[0]) != 10 || id[0] != id[1] || id[0] != id[2] || id[0] != id[3] {
				t.Errorf("user and group: %s", got["uid"])
			}
		}
		for k, v := range want {
			if got[k] != v {
				t.Errorf("%s is %q, want %q", k, got[k], v)
			}
		}
		if !strings.HasPrefix(got["limits"], "0,5242880,2,268435456,") {
			t.Errorf("limits: %s", got["limits"])
		}
	})
}

// answers reads lines of name=value.
func answers(out string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(out) {
		// Details may hold "=", answers do not, except for the environment, which has no detail.
		line = strings.TrimSpace(line)
		i := strings.LastIndex(line, "=")
		if strings.HasPrefix(line, "env=") {
			i = len("env")
		}
		if i > 0 {
			m[line[:i]] = line[i+1:]
		}
	}
	return m
}
