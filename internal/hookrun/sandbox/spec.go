package sandbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"
)

// Level says how well a worker is shut in.
type Level string

const (
	// Full: namespaces (user, network, process, ipc, uts), Landlock with files, TCP and scopes (ABI 6), seccomp, limits, no capabilities.
	Full Level = "full"
	// Strong: Landlock with files and TCP (ABI 4) and seccomp, limits, no capabilities; no namespaces.
	Strong Level = "strong"
	// Weak: seccomp or an older Landlock alone, limits, no capabilities.
	Weak Level = "weak"
	// None: a plain child process with a clean environment. Development only.
	None Level = "none"
)

// rank orders the levels; unknown words are below None.
func (l Level) rank() int {
	switch l {
	case Full:
		return 4
	case Strong:
		return 3
	case Weak:
		return 2
	case None:
		return 1
	}
	return 0
}

// AtLeast reports whether l is want or better. Everything is at least the empty level.
func (l Level) AtLeast(want Level) bool { return l.rank() >= want.rank() }

// Report says which layers this machine offers.
type Report struct {
	Level Level
	// Missing names the absent layers and why, for people: "namespaces: operation not permitted". Layers beyond the level (own user, cgroup)
	// are named here too, so that it may be not empty at Full.
	Missing []string
}

// Limits bound one process. Zero means the default in the comment.
type Limits struct {
	// DataBytes bounds private memory (RLIMIT_DATA, and the cgroup where there is one). Default 256 MiB.
	DataBytes int64
	// FileBytes bounds each file written. Default 16 MiB. The number of files is not bounded: the temp folder is swept after the worker.
	FileBytes int64
	// CPU is processor time in all, rounded up to seconds. Default 15 minutes.
	CPU time.Duration
	// Files is open files, default 256; Threads is default 64 (not enforced where the program shares the server's user id and
	// there are neither namespaces nor a cgroup; Report says so).
	Files, Threads int
}

func (l Limits) withDefaults() Limits {
	if l.DataBytes <= 0 {
		l.DataBytes = 256 << 20
	}
	if l.FileBytes <= 0 {
		l.FileBytes = 16 << 20
	}
	if l.CPU <= 0 {
		l.CPU = 15 * time.Minute
	}
	if l.Files <= 0 {
		l.Files = 256
	}
	if l.Threads <= 0 {
		l.Threads = 64
	}
	return l
}

// Spec is one process to be started. All paths are absolute.
type Spec struct {
	// Path is the program, Args its arguments without the name, Env the whole environment, Dir the working folder.
	// Dir is not readable unless Read (or Write) covers it.
	Path string
	Args []string
	Env  []string
	Dir  string
	// Read lists files and folders that may be read besides the system's libraries and certificates, Write is the private folder that may be
	// written; empty: none. Nothing may be executed but Path, once: it must be a program, not a script, and its ELF interpreter, if it has one, must be
	// among the system's libraries.
	//
	// If the server is root, the program gets a user id of its own, that of nobody else, provided that everybody may read these paths and
	// enter the folders above (Write is given to it and need not be readable). Otherwise it keeps the server's user id, without its powers.
	Read  []string
	Write string
	// Ports are the TCP ports that are listened on inside the process's network, on every loopback address, and the only ones that it may
	// connect to. DNS opens UDP port 53 there as well. Without a network namespace (see Process.Isolated) Ports[0] alone exists, on a
	// free port of 127.0.0.1 (see Process.Addr), and from Strong upwards it is the only one that may be connected to.
	Ports []int
	DNS   bool
	// Direct lists TCP ports that may be connected to at any address, and allows DNS by UDP, where there is no network namespace (443, say).
	// Such connections bypass the server's dialer, its rules about addresses and its log; empty is the safe choice.
	Direct []int
	Limits Limits
	// Output receives stdout and stderr: the writing end of a pipe. It stays the caller's, who closes it after Start. Nil: nowhere.
	Output *os.File
	// Want is the least level that is acceptable; Start fails with ErrLevel if the machine offers less. Use at most Max (empty: no bound), so
	// that a test can exercise the lower levels.
	Want, Max Level
}

// ErrLevel is wrapped when a process would have to run with less isolation than Spec.Want.
var ErrLevel = errors.New("sandbox: isolation missing")

func (s *Spec) validate() error {
	for _, p := range append([]string{s.Path, s.Dir}, s.Read...) {
		if !filepath.IsAbs(p) {
			return fmt.Errorf("sandbox: path %q is not absolute", p)
		}
	}
	if s.Write != "" && !filepath.IsAbs(s.Write) {
		return fmt.Errorf("sandbox: path %q is not absolute", s.Write)
	}
	for _, list := range [][]string{s.Args, s.Env} {
		for _, v := range list {
			if !utf8.ValidString(v) || strings.Contains(v, "\x00") {
				return errors.New("sandbox: an argument or the environment is not valid UTF-8, or contains a zero byte")
			}
		}
	}
	if len(s.Ports) == 0 || len(s.Ports) > 32 || len(s.Direct) > 32 {
		return errors.New("sandbox: 1 to 32 ports are needed")
	}
	for i, p := range s.Ports {
		if p < 1 || p > 65535 {
			return fmt.Errorf("sandbox: port %d", p)
		}
		for _, q := range s.Ports[:i] {
			if p == q {
				return fmt.Errorf("sandbox: port %d twice", p)
			}
		}
	}
	return nil
}

// Sockets are the server's ends of a process's network. They are closed when the process has ended.
type Sockets struct {
	// TCP holds a listener for each of Spec.Ports (without a network namespace: for Ports[0] alone), made inside the namespace: what is
	// accepted here was dialled there.
	TCP map[int]net.Listener
	// DNS is nil unless Spec.DNS, and without a network namespace.
	DNS net.PacketConn
}

func (s *Sockets) close() {
	for _, l := range s.TCP {
		l.Close()
	}
	if s.DNS != nil {
		s.DNS.Close()
	}
}
