package interop

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
	"syscall"
	"testing"
	"time"
)

// What `countersign dev` starts with.
const (
	region    = "us-local-1"
	devPool   = "us-local-1_countersign"
	devClient = "countersigndevclient"
)

// server is a running `countersign dev`.
type server struct {
	// URL and HTTPS are its base URLs, without a trailing slash. CA is the file of its local authority.
	URL, HTTPS, CA string

	cmd    *exec.Cmd
	exited chan error
	log    tail
}

// with is a change of a server's arguments, withEnv one of its environment.
func with(args ...string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) { cmd.Args = append(cmd.Args, args...) }
}

func withEnv(env ...string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) { cmd.Env = append(cmd.Env, env...) }
}

// useServer makes clients talk to a server until the test ends.
func useServer(t *testing.T, s *server) {
	old := srv
	srv = s
	t.Cleanup(func() { srv = old })
}

// startServer runs the program on free ports with its data in dir, and waits until it is ready.
func startServer(dir string, changes ...func(*exec.Cmd)) (*server, error) {
	port, err := freePair()
	if err != nil {
		return nil, err
	}
	return startServerAt(port, dir, changes...)
}

func startServerAt(port int, dir string, changes ...func(*exec.Cmd)) (*server, error) {
	s := &server{
		URL:    fmt.Sprintf("http://127.0.0.1:%d", port),
		HTTPS:  fmt.Sprintf("https://127.0.0.1:%d", port+1),
		CA:     filepath.Join(dir, "ca.pem"),
		exited: make(chan error, 1),
	}
	s.cmd = exec.Command(program, "dev", "--listen", "127.0.0.1:"+strconv.Itoa(port), "--data", dir)
	s.cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "COUNTERSIGN_") })
	for _, change := range changes {
		change(s.cmd)
	}
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.exited <- s.cmd.Wait() }()
	if err := s.awaitReady(30 * time.Second); err != nil {
		s.cmd.Process.Kill()
		return nil, fmt.Errorf("%w; it printed\n%s", err, s.output())
	}
	return s, nil
}

// freePair finds a port that is free together with the next one: https is always one above http.
func freePair() (int, error) {
	for range 50 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := first.Addr().(*net.TCPAddr).Port
		second, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port+1))
		first.Close()
		if err == nil {
			second.Close()
			return port, nil
		}
	}
	return 0, errors.New("no two neighbouring ports are free")
}

func (s *server) awaitReady(limit time.Duration) error {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		select {
		case err := <-s.exited:
			return fmt.Errorf("the server ended before it was ready: %v", err)
		default:
		}
		if res, err := http.Get(s.URL + "/readyz"); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
	return fmt.Errorf("the server was not ready within %v", limit)
}

// stop presses Ctrl-C and demands a clean end.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case err := <-s.exited:
		if err != nil {
			return fmt.Errorf("Ctrl-C did not end the server cleanly: %w\n%s", err, s.output())
		}
		return nil
	case <-time.After(15 * time.Second):
		s.cmd.Process.Signal(syscall.SIGKILL)
		return fmt.Errorf("Ctrl-C did not end the server within 15 s\n%s", s.output())
	}
}

func (s *server) output() string { return s.log.String() }

// newServer starts a server of the test's own, for tests that count on the start state.
func newServer(t *testing.T, changes ...func(*exec.Cmd)) *server {
	t.Helper()
	port, err := freePair()
	check(t, err)
	return newServerAt(t, port, changes...)
}

func newServerAt(t *testing.T, port int, changes ...func(*exec.Cmd)) *server {
	t.Helper()
	s, err := startServerAt(port, filepath.Join(t.TempDir(), "data"), changes...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const tailSize = 64 << 10

func (w *tail) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf.Write(p)
	if extra := w.buf.Len() - tailSize; extra > 0 {
		w.buf.Next(extra)
	}
	return len(p), nil
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.TrimSpace(w.buf.String())
}
