package proof

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// program is the binary under test, built once.
var program string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "countersign-proof-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "countersign")
	build := exec.Command("go", "build", "-o", program, "./cmd/countersign")
	build.Dir = filepath.Join("..", "..")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fail(fmt.Errorf("%w\n%s", err, out))
	}
	return m.Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "proof:", err)
	return 1
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// process is a running program whose output is kept whole.
type process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // once exited is closed
	out    output
}

// environment is ours without settings: the program refuses those that it does not know.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "COUNTERSIGN_") })
}

// start runs the program and waits until url/readyz answers 200.
func start(t testing.TB, url string, args ...string) *process {
	t.Helper()
	p := &process{exited: make(chan struct{}), cmd: exec.Command(program, args...)}
	p.cmd.Env = environment()
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	check(t, p.cmd.Start())
	go func() {
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() { p.kill() })
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		select {
		case <-p.exited:
			t.Fatalf("%v ended before it was ready: %v\n%s", args, p.err, p.out.String())
		default:
		}
		if res, err := http.Get(url + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return p
			}
		}
		if time.Now().After(end) {
			t.Fatalf("%v was not ready within 30 s\n%s", args, p.out.String())
		}
	}
}

// kill is kill -9. It may be called again.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// stop asks for a clean end and demands it.
func (p *process) stop(t testing.TB) {
	t.Helper()
	check(t, p.cmd.Process.Signal(os.Interrupt))
	select {
	case <-p.exited:
		if p.err != nil {
			t.Errorf("the end was not clean: %v\n%s", p.err, p.out.String())
		}
	case <-time.After(20 * time.Second):
		t.Errorf("the program did not end within 20 s\n%s", p.out.String())
	}
}

// output keeps everything written to it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (w *output) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.Write(p)
}

func (w *output) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// freePair finds a port that is free together with the next one.
func freePair(t testing.TB) int {
	t.Helper()
	for range 50 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		port := first.Addr().(*net.TCPAddr).Port
		second, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port+1))
		first.Close()
		if err == nil {
			second.Close()
			return port
		}
	}
	t.Fatal(errors.New("no two neighbouring ports are free"))
	return 0
}
