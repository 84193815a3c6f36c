package sandbox_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"countersign/internal/hookrun/sandbox"
)

// world is what surrounds a program: things that it must not touch, and those that it may.
type world struct {
	dir, own, tmp, database string
	unixSocket, unixgram    string
	tcp, udp                string // other services of the machine
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{dir: openDir(t)}
	w.own, w.tmp, w.database = filepath.Join(w.dir, "own"), filepath.Join(w.dir, "tmp"), filepath.Join(w.dir, "countersign.db")
	for _, d := range []string{w.own, w.tmp} {
		// Everybody may write the first one: it is not the file's mode that stops.
		if err := os.Mkdir(d, 0o777); err != nil {
			t.Fatal(err)
		}
		os.Chmod(d, 0o777)
	}
	for path, text := range map[string]string{w.database: "secret", filepath.Join(w.own, "index.js"): "exports.handler = 0"} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	w.unixSocket = filepath.Join(w.dir, "socket")
	for _, at := range []struct{ network, address string }{{"tcp4", "127.0.0.1:0"}, {"unix", w.unixSocket}, {"unix", w.abstract()}} {
		l, err := net.Listen(at.network, at.address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		if at.network == "tcp4" {
			w.tcp = l.Addr().String()
		}
	}
	os.Chmod(w.unixSocket, 0o777)
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go echo(c)
	w.udp = c.LocalAddr().String()
	// As /dev/log is.
	w.unixgram = filepath.Join(w.dir, "log")
	d, err := net.ListenPacket("unixgram", w.unixgram)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	os.Chmod(w.unixgram, 0o777)
	return w
}

// echo answers every datagram with itself.
func echo(c net.PacketConn) {
	b := make([]byte, 512)
	for {
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		c.WriteTo(b[:n], from)
	}
}

func (w *world) abstract() string { return "@" + w.dir }

func (w *world) spec(level sandbox.Level) sandbox.Spec {
	return sandbox.Spec{Dir: w.own, Read: []string{w.own}, Write: w.tmp, Ports: []int{9001, 443}, Want: level, Max: level,
		Env: []string{"HOME=" + w.tmp, "TMPDIR=" + w.tmp}}
}

// reach is host:port of a port that is allowed, at an address outside.
func (w *world) reach(p string) string { return net.JoinHostPort("169.254.169.254", p) }

// attempt is one thing that a program tries. none is what happens without isolation, to show that the attempt is a real one; it is empty
// where trying would do harm to the machine that tests.
type attempt struct{ try, full, strong, none string }

func same(try, shut, none string) attempt { return attempt{try, shut, shut, none} }

// attempts is the table of reference section "what was stopped", and more.
func (w *world) attempts() []attempt {
	server := strconv.Itoa(os.Getpid())
	list := []attempt{
		same("read:"+w.own+"/index.js", "ok", "ok"),
		same("write:"+w.tmp+"/x", "ok", "ok"),
		same("fill:"+w.tmp+"/big", "EFBIG at 16", ""),
		same("symlink:"+w.tmp+"/link", "EACCES", "ok"),
		same("read:"+w.database, "EACCES", "ok"),
		same("write:"+w.database, "EACCES", "ok"),
		same("read:"+w.own+"/../countersign.db", "EACCES", "ok"),
		same("read:/etc/passwd", "EACCES", "ok"),
		same("read:/etc/resolv.conf", "EACCES", ""),
		same("list:/", "EACCES", "ok"),
		same("list:"+w.dir, "EACCES", "ok"),
		same("list:/dev", "EACCES", "ok"),
		same("write:"+w.own+"/x", "EACCES", "ok"),
		same("write:/tmp/countersign-hostile", "EACCES", ""),
		same("write:/dev/shm/countersign-hostile", "EACCES", ""),
		same("read:/proc/self/environ", "EACCES", "ok"),
		same("read:/proc/"+server+"/environ", "EACCES", "ok"),
		same("read:/proc/"+server+"/mem", "EACCES", ""),
		same("read:/sys/class/net/lo/address", "EACCES", "ok"),
		same("exec:/bin/sh", "EPERM", ""),
		same("exec:"+programPath("0"), "EPERM", ""),
		same("chmod:"+w.database, "EPERM", "ok"),
		same("touch:"+w.database, "EPERM", "ok"),
		same("xattr:"+w.database, "EPERM", ""),
		same("kill:"+server, "EPERM", "ok"),
		same("tgkill:"+server, "EPERM", "ok"),
		same("kill:-1", "EPERM", ""),
		same("tcp:"+w.tcp, "EACCES", "ok"),
		same("tcp:169.254.169.254:80", "EACCES", ""),
		{"tcp:" + w.reach("443"), "ENETUNREACH", "EACCES", ""},
		same("unix:"+w.unixSocket, "EPERM", "ok"),
		same("unix:"+w.abstract(), "EPERM", "ok"),
		same("udp:"+w.udp, "EPERM", "ping"),
		same("listen:", "EACCES", ""),
		same("stack:", "EPERM", ""),
		same("unixgram:"+w.unixgram, "EPERM", "ok"),
		same("shared:", "EPERM", "ok"),
		same("sharedzero:", "EACCES", "ok"),
		same("fallocate:"+w.tmp+"/reserved", "ENOTSUP", ""),
		same("reserve:"+w.tmp+"/reserved", "ENOTTY", ""),
		same("lease:"+w.own+"/index.js", "EPERM", "ok"),
		same("again:"+programPath("0"), "EPERM", ""),
	}
	for call, shut := range map[string]string{
		"fork": "EPERM", "clone3": "ENOSYS", "ptrace": "EPERM", "process_vm": "EPERM", "mount": "EPERM", "fsopen": "EPERM", "open_tree": "EPERM",
		"chroot": "EPERM", "unshare": "EPERM", "setns": "EPERM", "keyctl": "EPERM", "add_key": "EPERM", "bpf": "EPERM", "perf": "EPERM",
		"userfaultfd": "EPERM", "io_uring": "ENOSYS", "aio": "ENOSYS", "kexec": "EPERM", "module": "EPERM", "memfd": "EPERM", "shm": "EPERM",
		"mqueue": "EPERM", "hostname": "EPERM", "settime": "EPERM", "raw": "EPERM", "packet": "EPERM", "netlink": "EPERM", "vsock": "EPERM",
		"mptcp": "EPERM", "ping": "EPERM", "stream": "ok", "stream6": "ok", "pair": "ok", "autolisten": "EACCES", "tiocsti": "ENOTTY", "pidfd": "EPERM",
		"prlimit": "EPERM", "unknown": "ENOSYS", "x32": "ENOSYS", "fastopen": "EPERM", "execveat": "EPERM", "pdeathsig": "EPERM", "renice": "EPERM",
		"affinity": "EPERM", "setown": "EPERM", "setsig": "EPERM", "inotify": "EPERM", "nodump": "EPERM", "dnotify": "EPERM", "sync": "EPERM", "own table": "EPERM",
		"unshared table": "EPERM",
	} {
		list = append(list, same(call, shut, ""))
	}
	return list
}

func TestHostileProgram(t *testing.T) {
	l := fullLauncher(t)
	for _, level := range []sandbox.Level{sandbox.Full, sandbox.Strong, sandbox.None} {
		t.Run(string(level), func(t *testing.T) {
			w := newWorld(t)
			spec := w.spec(level)
			spec.Path = programPath("0")
			want := map[string]string{}
			for _, a := range w.attempts() {
				if result := map[sandbox.Level]string{sandbox.Full: a.full, sandbox.Strong: a.strong, sandbox.None: a.none}[level]; result != "" {
					spec.Args = append(spec.Args, a.try)
					want[a.try] = result
				}
			}
			out, exit := run(t, l, spec)
			if exit.Code != 0 {
				t.Errorf("%+v", exit)
			}
			got := answers(out)
			for try, result := range want {
				if got[try] != result {
					t.Errorf("%s: %q, want %q", try, got[try], result)
				}
			}
			if text, _ := os.ReadFile(w.database); level != sandbox.None && string(text) != "secret" {
				t.Errorf("the database is now %q", text)
			}
		})
	}
}

// A program that shares the server's user id owns the files that it reads, and still cannot make them unusable for others.
func TestHostileOwner(t *testing.T) {
	l := fullLauncher(t)
	for _, level := range []sandbox.Level{sandbox.Full, sandbox.Strong, sandbox.None} {
		t.Run(string(level), func(t *testing.T) {
			w := newWorld(t)
			if err := os.Chmod(w.dir, 0o700); err != nil { // no other user could get here
				t.Fatal(err)
			}
			file := filepath.Join(w.own, "index.js")
			before, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			spec := w.spec(level)
			spec.Path, spec.Args = programPath("0"), []string{"futimes:" + file, "fchmod:" + file}
			out, _ := run(t, l, spec)
			if got := answers(out); got[spec.Args[0]] != "ok" || got[spec.Args[1]] != "ok" {
				t.Errorf("%s", out)
			}
			after, err := os.Stat(file)
			if err != nil {
				t.Fatal(err)
			}
			if same := after.Mode() == before.Mode() && after.ModTime().Equal(before.ModTime()); same != (level != sandbox.None) {
				t.Errorf("%v %v, before %v %v", after.Mode(), after.ModTime(), before.Mode(), before.ModTime())
			}
		})
	}
}

// The same by JavaScript, as a function's author would try.
func TestHostileScript(t *testing.T) {
	l := fullLauncher(t)
	node := nodePath(t)
	script, err := os.ReadFile("testdata/hostile.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, level := range []sandbox.Level{sandbox.Full, sandbox.Strong, sandbox.None} {
		t.Run(string(level), func(t *testing.T) {
			w := newWorld(t)
			if err := os.WriteFile(filepath.Join(w.own, "hostile.js"), script, 0o644); err != nil {
				t.Fatal(err)
			}
			spec := w.spec(level)
			spec.Path, spec.Args = node, []string{"--max-old-space-size=96", filepath.Join(w.own, "hostile.js"), w.database, w.own, w.tmp, w.unixSocket,
				w.tcp, w.udp, strconv.Itoa(os.Getpid())}
			out, exit := run(t, l, spec)
			if exit.Code != 0 {
				t.Fatalf("%+v\n%s", exit, out)
			}
			got := answers(out)
			for _, r := range scriptResults() {
				want := map[sandbox.Level]string{sandbox.Full: r.full, sandbox.Strong: r.strong, sandbox.None: r.none}[level]
				if got[r.try] != want && want != "" {
					t.Errorf("%s: %q, want %q", r.try, got[r.try], want)
				}
			}
		})
	}
}

func scriptResults() []attempt {
	return []attempt{
		same("password file", "EACCES", "ok"),
		same("database", "EACCES", "ok"),
		same("list root", "EACCES", "ok"),
		same("write own folder", "EACCES", "ok"),
		same("write shared temp", "EACCES", "ok"),
		same("write private temp", "ok", "ok"),
		same("17 MB file", "EFBIG", "ok"),
		same("shell", "EPERM", "ok"),
		same("node again", "EPERM", "ok"),
		same("fork bomb", "0", "20"),
		same("signal server", "EPERM", "ok"),
		same("worker thread", "ok", "ok"),
		same("other loopback port", "EACCES", "ok"),
		same("metadata", "EACCES", ""),
		same("unix socket", "EPERM", "ok"),
		same("udp", "EPERM", "ok"),
		same("listen", "EACCES", "ok"),
		same("random and time zone", "ok", "ok"),
		same("certificates", "ok", "ok"),
	}
}

func nodePath(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		missing(t, "node is not on the PATH")
	}
	path, err = filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// What is dialled inside arrives at the server: TCP at any loopback address, and UDP 53.
func TestNetwork(t *testing.T) {
	l := fullLauncher(t)
	spec := sandbox.Spec{Path: programPath("0"), Args: []string{"tcp:127.0.0.1:443", "tcp:127.3.2.1:443", "tcp:127.0.0.1:9001", "udp:127.0.0.1:53",
		"udp:127.0.0.1:54", "tcp:127.0.0.1:80"}, Ports: []int{9001, 443}, DNS: true}
	p, r := begin(t, l, spec)
	if !p.Isolated() || p.Addr() != "127.0.0.1:9001" || len(p.Sockets().TCP) != 2 {
		t.Fatalf("%v %v %v", p.Isolated(), p.Addr(), p.Sockets())
	}
	go echo(p.Sockets().DNS)
	arrived := make(chan string, 8)
	for _, port := range spec.Ports {
		go func() {
			for {
				c, err := p.Sockets().TCP[port].Accept()
				if err != nil {
					return
				}
				arrived <- c.LocalAddr().String()
				c.Close()
			}
		}()
	}
	lines := map[string]string{}
	for s := bufio.NewScanner(r); s.Scan(); {
		for k, v := range answers(s.Text()) {
			lines[k] = v
		}
	}
	p.Wait()
	want := map[string]string{"tcp:127.0.0.1:443": "ok", "tcp:127.3.2.1:443": "ok", "tcp:127.0.0.1:9001": "ok", "udp:127.0.0.1:53": "ping",
		"udp:127.0.0.1:54": "ECONNREFUSED", "tcp:127.0.0.1:80": "EACCES"}
	if fmt.Sprint(lines) != fmt.Sprint(want) {
		t.Errorf("%v", lines)
	}
	got := []string{<-arrived, <-arrived, <-arrived}
	slices.Sort(got)
	if fmt.Sprint(got) != "[127.0.0.1:443 127.0.0.1:9001 127.3.2.1:443]" {
		t.Errorf("arrived at %v", got)
	}
}

// Without a network of its own a program reaches the one local port, and what Direct names.
func TestLocalPort(t *testing.T) {
	l := fullLauncher(t)
	w := newWorld(t)
	spec := w.spec(sandbox.Strong)
	_, port, _ := net.SplitHostPort(w.tcp)
	direct, _ := strconv.Atoi(port)
	spec.Path, spec.Direct, spec.Args = programPath("0"), []int{direct}, []string{"tcp:" + w.tcp, "udp:" + w.udp, "read:/etc/resolv.conf", "env"}
	out, _ := run(t, l, spec)
	got := answers(out)
	if got["tcp:"+w.tcp] != "ok" || got["udp:"+w.udp] != "ping" || got["read:/etc/resolv.conf"] != "ok" {
		t.Errorf("%s", out)
	}
}
