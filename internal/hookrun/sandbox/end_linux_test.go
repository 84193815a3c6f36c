package sandbox_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"countersign/internal/hookrun/sandbox"

	"golang.org/x/sys/unix"
)

// gone waits until a process has ended that is not ours to wait for.
func gone(pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err == unix.ESRCH
	}
	defer unix.Close(fd)
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000)
	return err == nil && n == 1
}

func TestSpinIsKilled(t *testing.T) {
	l := fullLauncher(t)
	for _, level := range []sandbox.Level{sandbox.Full, sandbox.Strong, sandbox.None} {
		p, r := begin(t, l, sandbox.Spec{Path: programPath("0"), Args: []string{"say", "spin"}, Max: level})
		if line, err := bufio.NewReader(r).ReadString('\n'); err != nil || line != "say=ok\n" {
			t.Fatalf("%q, %v", line, err)
		}
		began := time.Now()
		p.Kill()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%s: killing took %v", level, took)
		}
		if e := p.Wait(); e.Signal != syscall.SIGKILL || e.Cause != sandbox.Killed || e.Code != -1 {
			t.Errorf("%s: %+v", level, e)
		}
		if !gone(p.Pid()) {
			t.Errorf("%s: still there", level)
		}
		p.Kill() // does nothing
	}
}

func TestProcessorTime(t *testing.T) {
	both(t, func(t *testing.T, l *sandbox.Launcher, level sandbox.Level) {
		_, exit := run(t, l, sandbox.Spec{Path: programPath("0"), Args: []string{"spin"}, Max: level, Limits: sandbox.Limits{CPU: time.Second}})
		if exit.Cause != sandbox.CPU || exit.Signal != syscall.SIGKILL || exit.CPU < 500*time.Millisecond {
			t.Errorf("%+v", exit)
		}
	})
}

func TestMemory(t *testing.T) {
	both(t, func(t *testing.T, l *sandbox.Launcher, level sandbox.Level) {
		out, exit := run(t, l, sandbox.Spec{Path: programPath("0"), Args: []string{"alloc:4096"}, Max: level, Limits: sandbox.Limits{DataBytes: 160 << 20}})
		var at int
		if _, err := fmt.Sscanf(out, "alloc:4096=ENOMEM at %d", &at); err != nil || at < 32 || at > 160 {
			t.Errorf("%q, %+v", out, exit)
		}
		if exit.MaxRSS > 200<<20 {
			t.Errorf("%+v", exit)
		}
	})
}

// Node's buffers and its heap.
func TestMemoryOfNode(t *testing.T) {
	node := nodePath(t)
	both(t, func(t *testing.T, l *sandbox.Launcher, level sandbox.Level) {
		spec := sandbox.Spec{Path: node, Args: []string{"-e", "const a=[];for(let i=0;i<64;i++){a.push(Buffer.alloc(64<<20,1));console.log(i)}"}, Max: level}
		out, exit := run(t, l, spec)
		if exit.Code == 0 || strings.Contains(out, "\n8\n") || exit.MaxRSS > 400<<20 {
			t.Errorf("buffers: %+v\n%s", exit, out)
		}
		spec.Args = []string{"--max-old-space-size=64", "-e", "const a=[];for(;;)a.push(new Array(1000).fill(0).map(()=>({})))"}
		out, exit = run(t, l, spec)
		if exit.Signal == 0 || !strings.Contains(out, "heap") {
			t.Errorf("heap: %+v\n%s", exit, out)
		}
	})
}

// Threads are all that can be multiplied. The Go runtime ends when it gets no more.
func TestThreads(t *testing.T) {
	both(t, func(t *testing.T, l *sandbox.Launcher, level sandbox.Level) {
		p, r := begin(t, l, sandbox.Spec{Path: programPath("0"), Args: []string{"threads:200"}, Max: level, Limits: sandbox.Limits{Threads: 40}})
		out, _ := io.ReadAll(r)
		if strings.Contains(strings.Join(p.Missing(), ";"), "thread limit") {
			if level == sandbox.Full {
				t.Error(p.Missing())
			}
			return // and says so
		}
		if e := p.Wait(); e.Code == 0 || !strings.Contains(string(out), "failed to create new OS thread") {
			t.Errorf("%+v\n%.300s", e, out)
		}
	})
}

// A program that prints without end fills the pipe, and waits or, when nobody reads any more, ends.
func TestPrint(t *testing.T) {
	both(t, func(t *testing.T, l *sandbox.Launcher, level sandbox.Level) {
		p, r := begin(t, l, sandbox.Spec{Path: programPath("0"), Args: []string{"print:1024"}, Max: level})
		if n, err := io.CopyN(io.Discard, r, 8<<20); err != nil {
			t.Fatal(n, err)
		}
		r.Close()
		if e := p.Wait(); e.Cause != "" || e.Signal == 0 && e.Code == 0 {
			t.Errorf("%+v", e)
		}
	})
}

func TestSocketsEndWithTheProcess(t *testing.T) {
	node := nodePath(t)
	both(t, func(t *testing.T, l *sandbox.Launcher, level sandbox.Level) {
		p, _ := begin(t, l, sandbox.Spec{Path: node, Args: []string{"-e", "require('net').connect(+process.env.PORT,'127.0.0.1',()=>setInterval(()=>{},1e6))"},
			Env: []string{"PORT=9001"}, Max: sandbox.Full})
		c, err := p.Sockets().TCP[9001].Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		p.Kill()
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		_, err = c.Read(make([]byte, 1))
		if ne, ok := err.(net.Error); err == nil || ok && ne.Timeout() {
			t.Errorf("the connection is still held: %v", err)
		}
		if c, err := p.Sockets().TCP[9001].Accept(); err == nil {
			c.Close()
			t.Error("the listener is still open")
		}
	})
}

// Where a user of its own could not reach the files, the program keeps the server's, without its powers, and the process says so.
func TestFilesOutOfReach(t *testing.T) {
	if os.Geteuid() != 0 {
		return // there is one user alone
	}
	both(t, func(t *testing.T, l *sandbox.Launcher, level sandbox.Level) {
		dir := t.TempDir() // below a folder of mode 0700
		p, r := begin(t, l, sandbox.Spec{Path: programPath("0"), Dir: dir, Read: []string{dir}, Write: dir, Max: level,
			Args: []string{"uid", "caps", "write:" + dir + "/x", "setuid", "read:/etc/shadow", "chmod:/etc/shadow", "threads:200"}, Limits: sandbox.Limits{Threads: 40}})
		out, _ := io.ReadAll(r)
		p.Wait()
		got := answers(string(out))
		for k, v := range map[string]string{"uid": "0 0 0 0", "caps": "0 0 0 0", "write:" + dir + "/x": "ok", "setuid": "ok", "read:/etc/shadow": "EACCES",
			"chmod:/etc/shadow": "EPERM"} {
			if got[k] != v {
				t.Errorf("%s: %q, want %q", k, got[k], v)
			}
		}
		said := strings.Join(p.Missing(), ";")
		if !strings.Contains(said, "own user: ") {
			t.Errorf("missing: %q", said)
		}
		if limited := strings.Contains(string(out), "failed to create new OS thread"); limited == strings.Contains(said, "thread limit") {
			t.Errorf("threads are bounded: %v; missing: %q", limited, said)
		}
	})
}

// What cannot be started leaves nothing behind, and says why.
func TestStartFails(t *testing.T) {
	both(t, func(t *testing.T, l *sandbox.Launcher, level sandbox.Level) {
		dir := openDir(t)
		text := filepath.Join(dir, "text")
		os.WriteFile(text, []byte("no program"), 0o755)
		for want, spec := range map[string]sandbox.Spec{
			"no such file or directory":            {Path: filepath.Join(dir, "none")},
			"exec format error":                    {Path: text},
			"folder /nowhere: no such file":        {Path: programPath("0"), Dir: "/nowhere"},
			"landlock: /nowhere: no such file":     {Path: programPath("0"), Read: []string{"/nowhere"}},
			"path \"a\" is not absolute":           {Path: "a"},
			"argument list too long":               {Path: programPath("0"), Args: []string{strings.Repeat("x", 200_000)}},
			"arguments and environment are too lo": {Path: programPath("0"), Args: []string{strings.Repeat("x", 2_000_000)}},
			"not valid UTF-8":                      {Path: programPath("0"), Env: []string{"A=\xff"}},
		} {
			spec.Max, spec.Ports = level, []int{9001}
			if spec.Dir == "" {
				spec.Dir = dir
			}
			p, err := l.Start(t.Context(), spec)
			if err == nil {
				p.Kill()
				t.Errorf("%s: no error", want)
			} else if !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %s", err, want)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if p, err := l.Start(ctx, sandbox.Spec{Path: programPath("0"), Dir: "/", Ports: []int{9001}, Max: level}); err == nil {
			p.Kill()
			t.Error("started after its context had ended")
		}
	})
}

// An executable that is no launcher is an error, not a machine without layers.
func TestLauncherThatIsNone(t *testing.T) {
	l, err := sandbox.New(t.Context(), "/bin/true")
	if err == nil && l.Report().Level != sandbox.None {
		t.Errorf("%+v", l.Report())
	}
}

func TestNothingLeaks(t *testing.T) {
	l := fullLauncher(t)
	once := func() {
		for _, level := range []sandbox.Level{sandbox.Full, sandbox.Strong, sandbox.None} {
			for _, path := range []string{programPath("0"), "/nonexistent"} {
				p, err := l.Start(t.Context(), sandbox.Spec{Path: path, Args: []string{"say"}, Dir: "/", Ports: []int{9001, 443}, DNS: true, Max: level})
				if err == nil {
					p.Wait()
				}
			}
		}
	}
	once()
	fds, routines := openFiles(t), runtime.NumGoroutine()
	for range 8 {
		once()
	}
	// Wait returns when the last goroutine of a process is about to end, which a busy machine may delay.
	for began := time.Now(); runtime.NumGoroutine() > routines && time.Since(began) < 5*time.Second; {
		runtime.Gosched()
	}
	if n := openFiles(t); n > fds {
		t.Errorf("%d descriptors, %d before", n, fds)
	}
	if n := runtime.NumGoroutine(); n > routines {
		t.Errorf("%d goroutines, %d before", n, routines)
	}
	for _, pattern := range []string{"/sys/fs/cgroup/*/countersign-%d-*", "/sys/fs/cgroup/memory/*/*/countersign-%d-*"} {
		if left, _ := filepath.Glob(fmt.Sprintf(pattern, os.Getpid())); len(left) > 0 {
			t.Errorf("groups left: %v", left)
		}
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// serverVar makes the test program a server that starts a worker, prints its pid, and waits to be killed.
const serverVar = "COUNTERSIGN_SANDBOX_SERVER"

func beServer() {
	l, err := sandbox.New(context.Background(), programPath("0"))
	if err == nil {
		var p *sandbox.Process
		p, err = l.Start(context.Background(), sandbox.Spec{Path: programPath("0"), Args: []string{"hold"}, Dir: "/", Ports: []int{9001},
			Max: sandbox.Level(os.Getenv(serverVar))})
		if err == nil {
			fmt.Println(p.Pid())
			p.Wait()
		}
	}
	fmt.Println(err)
	os.Exit(1)
}

func TestDeathOfTheServer(t *testing.T) {
	fullLauncher(t)
	for _, level := range []sandbox.Level{sandbox.Full, sandbox.Strong, sandbox.None} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), serverVar+"="+string(level))
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, _ := bufio.NewReader(out).ReadString('\n')
		pid, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Errorf("%s: the server said %q", level, line)
		}
		cmd.Process.Kill()
		cmd.Wait()
		if err == nil && !gone(pid) {
			t.Errorf("%s: the worker %d outlived the server", level, pid)
			unix.Kill(pid, unix.SIGKILL)
		}
	}
	launcher(t, programPath("0")) // sweeps the groups that the killed servers left
}

// A root server is the exception; all tests again as nobody in particular.
func TestAsOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		return // this is it
	}
	fullLauncher(t)
	dir := openDir(t)
	self := filepath.Join(dir, "sandbox.test")
	if out, err := exec.Command("cp", os.Args[0], self).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data := filepath.Join(dir, "testdata")
	tmp := filepath.Join(dir, "tmp")
	os.Mkdir(tmp, 0o777)
	os.Chmod(tmp, 0o777)
	if err := os.CopyFS(data, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.timeout=120s")
	cmd.Dir, cmd.WaitDelay = dir, 5*time.Second // what a test that failed left behind may hold the output
	cmd.Env = append(os.Environ(), "HOME="+dir, "TMPDIR="+tmp, "CI=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Where memory is scarce the kernel is to end the program and not the server, which sees what the program holds.
func TestServerSeesTheProgram(t *testing.T) {
	both(t, func(t *testing.T, l *sandbox.Launcher, level sandbox.Level) {
		p, _ := begin(t, l, sandbox.Spec{Path: programPath("0"), Args: []string{"nodump", "hold"}, Ports: []int{9001}, Max: level})
		defer p.Kill()
		proc := fmt.Sprintf("/proc/%d/", p.Pid())
		if text, err := os.ReadFile(proc + "oom_score_adj"); string(text) != "1000\n" {
			t.Errorf("%q %v", text, err)
		}
		if list, err := os.ReadDir(proc + "fd"); err != nil || len(list) == 0 {
			t.Errorf("descriptors: %v %v", list, err)
		}
		if text, err := os.ReadFile(proc + "maps"); err != nil || len(text) == 0 {
			t.Errorf("maps: %d bytes, %v", len(text), err)
		}
	})
}
