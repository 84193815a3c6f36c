package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a child that we measure. It dies with us.
type process struct {
	cmd  *exec.Cmd
	done chan struct{}
	// stderr keeps the end of what it said, for errors.
	stderr *tail
}

// newProcess prepares a child. It must be started by the main goroutine, whose thread the child's death is tied to.
func newProcess(argv []string) *process {
	p := &process{cmd: exec.Command(argv[0], argv[1:]...), done: make(chan struct{}), stderr: &tail{}}
	p.cmd.Stderr = p.stderr
	p.cmd.Env = cleanEnv()
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return p
}

// cleanEnv leaves out what the server would take for its configuration.
func cleanEnv() []string {
	var out []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "COUNTERSIGN_") {
			out = append(out, kv)
		}
	}
	return out
}

// watch notes the end of the child.
func (p *process) watch() {
	go func() {
		p.cmd.Wait()
		close(p.done)
	}()
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// end asks the child to end, and makes it after a while.
func (p *process) end() {
	p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(15 * time.Second):
		p.cmd.Process.Kill()
		<-p.done
	}
}

// tail is a writer that keeps the last bytes. One goroutine writes; it is read after the child's end.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	const keep = 4 << 10
	t.b = append(t.b, p...)
	if len(t.b) > keep {
		t.b = bytes.Clone(t.b[len(t.b)-keep:])
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.TrimSpace(string(t.b)) }

// server is a Countersign server at work.
type server struct {
	*process
	address string
	// admin is the operators' address.
	admin string
	// profiler is the address of its pprof, empty for the real program.
	profiler string
	// started is how long it took until /readyz said yes.
	started time.Duration
}

// launcher starts servers.
type launcher struct {
	// program is the binary of countersign; empty: this program with the server inside, which can be profiled.
	program  string
	rootFile string
	sinkURL  string
	dir      string
	// isolation is the least that functions run under; functionsMB is what all their workers may take, 0 for the default. functions is the
	// folder of the server started last.
	isolation   string
	functionsMB int
	functions   string
}

// build compiles the program into dir.
func build(ctx context.Context, dir string) (string, error) {
	out := filepath.Join(dir, "countersign")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, "countersign/cmd/countersign")
	if msg, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building countersign: %w\n%s", err, msg)
	}
	return out, nil
}

// readyTimeout bounds the start of a server.
const readyTimeout = 30 * time.Second

// start runs a server on a database and waits until it is ready. Somebody may take a port between the choice and the use of
// it, so it tries again.
func (l *launcher) start(ctx context.Context, database string) (s *server, err error) {
	for range 3 {
		if s, err = l.once(ctx, database); err == nil || ctx.Err() != nil {
			break
		}
	}
	return s, err
}

func (l *launcher) once(ctx context.Context, database string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	adminPort, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &server{address: fmt.Sprintf("127.0.0.1:%d", port), admin: fmt.Sprintf("127.0.0.1:%d", adminPort)}
	if l.functions, err = os.MkdirTemp(l.dir, "functions-"); err != nil {
		return nil, err
	}
	// Workers may run under other users.
	if err := os.Chmod(l.functions, 0o755); err != nil {
		return nil, err
	}
	argv, err := l.command(s, database, adminPort)
	if err != nil {
		return nil, err
	}
	s.process = newProcess(argv)
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	s.watch()
	if err := s.ready(ctx); err != nil {
		s.end()
		return nil, fmt.Errorf("%w: %s", err, s.stderr)
	}
	s.started = time.Since(began)
	return s, nil
}

func (l *launcher) command(s *server, database string, adminPort int) (argv []string, err error) {
	if l.program == "" {
		s.profiler = fmt.Sprintf("127.0.0.1:%d", adminPort)
		self, err := os.Executable()
		return []string{self, childServer, s.address, s.profiler, database, l.rootFile, l.sinkURL, l.isolation, l.functions, strconv.Itoa(cmp.Or(l.functionsMB, 2048))}, err
	}
	guards, err := l.guards()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(l.dir, "countersign.yaml")
	text := fmt.Sprintf(`listen: %s
base_urls: [http://%[1]s]
proxy: {trusted: [127.0.0.1]}
admin: {listen: "127.0.0.1:%d", socket: "off"}
database: %q
root_key: {file: %q}
sender: {webhook: {url: %q, secret: %q}}
egress: {allow: [127.0.0.1]}
log: {level: warn}
functions: {isolation: %s, cache: %q, memory: %d}
%s`, s.address, adminPort, database, l.rootFile, l.sinkURL, sinkSecret, l.isolation, l.functions, cmp.Or(l.functionsMB, 2048), guards)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return []string{l.program, "serve", "--config", path}, nil
}

// guards is the line of the configuration with a policy that judges and counts as the default one does, and has room for the load. Programs from before the
// guards do not know it.
func (l *launcher) guards() (string, error) {
	example, err := exec.Command(l.program, "config", "example").Output()
	if err != nil || !bytes.Contains(example, []byte("\nguards:")) {
		return "", err
	}
	file := filepath.Join(l.dir, "guards.yaml")
	return fmt.Sprintf("guards: {file: %q}\n", file), os.WriteFile(file, roomy, 0o600)
}

// roomy is room for the load. Nobody types these codes in.
//
//go:embed testdata/guards.yaml
var roomy []byte

// ready polls /readyz, twice a millisecond.
func (s *server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	t := time.NewTicker(500 * time.Microsecond)
	defer t.Stop()
	for {
		if s.answersReady() {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.New("the server is not ready")
		case <-s.done:
			return errors.New("the server ended")
		case <-t.C:
		}
	}
}

func (s *server) answersReady() bool {
	c, err := net.DialTimeout("tcp", s.address, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprintf(c, "GET /readyz HTTP/1.1\r\nHost: %s\r\nX-Forwarded-Proto: http\r\nConnection: close\r\n\r\n", s.address)
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}
