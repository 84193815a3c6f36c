package sandbox

import (
	"net"
	"os"
	"time"
)

// Level says how well a worker is shut in; see encryption.md 5.6 for what each stops.
type Level string

const (
	// Full: namespaces, Landlock, seccomp, rlimits, no capabilities.
	Full Level = "full"
	// Strong: no namespaces, but Landlock and seccomp.
	Strong Level = "strong"
	// Weak: some layers alone.
	Weak Level = "weak"
	// None: a plain child process with a clean environment. Development only.
	None Level = "none"
)

// Report says which layers this machine offers.
type Report struct {
	Level Level
	// Missing names the absent layers and why, for people: "user namespaces: operation not permitted".
	Missing []string
}

// Limits bound one process. Zero means the default in the comment.
type Limits struct {
	// DataBytes bounds private memory (RLIMIT_DATA, and the cgroup where there is one). Default 256 MiB.
	DataBytes int64
	// FileBytes bounds each file written. Default 16 MiB. TempBytes bounds nothing by itself: the temp folder is swept after the worker.
	FileBytes int64
	// CPU is processor time in all. Default 15 minutes. Files is open files, default 256; Threads is default 64.
	CPU            time.Duration
	Files, Threads int
}

// Spec is one process to be started.
type Spec struct {
	// Path is the program (absolute), Args its arguments without the name, Env the whole environment, Dir the working folder.
	Path string
	Args []string
	Env  []string
	Dir  string
	// Read lists files and folders that may be read besides the system's libraries and certificates, Exec programs that may be executed besides
	// Path, Write the private folder that may be written.
	Read, Exec []string
	Write      string
	// Ports are the TCP ports that are listened on inside the process's network, on every loopback address, and the only ones that it may
	// connect to. DNS opens UDP port 53 there as well. At levels without a network namespace Ports[0] alone exists, on a free port of
	// 127.0.0.1 (see Process.Addr).
	Ports  []int
	DNS    bool
	Limits Limits
	// Output receives stdout and stderr.
	Output *os.File
	// Want is the least level that is acceptable; Start fails if the machine offers less. Use at most Max (empty: no bound), so that a
	// test can exercise the lower levels.
	Want, Max Level
}

// Sockets are the server's ends of a process's network.
type Sockets struct {
	// TCP holds a listener for each of Spec.Ports, made inside the namespace: what is accepted here was dialled there.
	TCP map[int]net.Listener
	// DNS is nil unless Spec.DNS.
	DNS net.PacketConn
}
