// Command hostile is the launcher of the tests and the program that tries to get out: each argument is an attempt, "what:detail", and each answer
// is a line "what:detail=result", where the result is ok or the name of an error.
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"countersign/internal/hookrun/sandbox"

	"golang.org/x/sys/unix"
)

// The main goroutine stays on the main thread, of which facts like the death signal are.
func init() { runtime.LockOSThread() }

func main() {
	if sandbox.IsChild(os.Args) {
		sandbox.Child()
	}
	for _, arg := range os.Args[1:] {
		what, detail, _ := strings.Cut(arg, ":")
		f := attempts()[what]
		if f == nil {
			fmt.Printf("%s=unknown\n", arg)
			continue
		}
		fmt.Printf("%s=%s\n", arg, f(detail))
	}
}

func attempts() map[string]func(string) string {
	m := map[string]func(string) string{
		"read":    func(d string) string { _, err := os.ReadFile(d); return name(err) },
		"list":    func(d string) string { _, err := os.ReadDir(d); return name(err) },
		"write":   func(d string) string { return name(os.WriteFile(d, []byte("x"), 0o600)) },
		"symlink": func(d string) string { return name(os.Symlink("/etc/passwd", d)) },
		"fill":    fill,
		"chmod":   func(d string) string { return name(os.Chmod(d, 0o600)) },
		"touch":   func(d string) string { return name(os.Chtimes(d, time.Unix(1, 0), time.Unix(1, 0))) },
		"xattr":   func(d string) string { return name(unix.Setxattr(d, "user.x", []byte("x"), 0)) },
		"exec":    func(d string) string { return name(unix.Exec(d, []string{d, "say"}, nil)) },
		"tcp":     func(d string) string { return dial("tcp4", d) },
		"udp":     func(d string) string { return dial("udp4", d) },
		"unix":    func(d string) string { return dial("unix", d) },
		"listen":  listen,
		"lease": func(d string) string {
			return opened(d, func(fd int) error { return control(fd, unix.F_SETLEASE, unix.F_RDLCK) })
		},
		"fchmod":  func(d string) string { return opened(d, func(fd int) error { return unix.Fchmod(fd, 0) }) },
		"futimes": func(d string) string { return opened(d, func(fd int) error { return futimes(fd) }) },

		"unixgram":   unixgram,
		"sharedzero": sharedZero,
		"fallocate": func(d string) string {
			return created(d, func(fd int) error { return unix.Fallocate(fd, 0, 0, 1<<20) })
		},
		"reserve": func(d string) string { return created(d, reserve) },
		"again":   again,
		"kill":    func(d string) string { return name(unix.Kill(number(d), 0)) },
		"tgkill":  func(d string) string { return name(unix.Tgkill(number(d), number(d), 0)) },
		"threads": threads,
		"alloc":   alloc,
		"shared":  func(d string) string { return mapping(unix.MAP_SHARED | unix.MAP_ANONYMOUS) },
		"stack":   func(d string) string { return mapping(unix.MAP_PRIVATE | unix.MAP_ANONYMOUS | unix.MAP_GROWSDOWN) },
		"spin": func(string) string {
			for {
			}
		},
		"hold":  func(string) string { select {} },
		"sleep": func(d string) string { time.Sleep(time.Hour); return "ok" },
		"print": func(d string) string { return printAll(number(d)) },
		"say":   func(string) string { return "ok" },
		"crash": func(string) string { return name(unix.Kill(os.Getpid(), unix.SIGSEGV)) },
	}
	for k, f := range facts() {
		m[k] = f
	}
	for k, f := range calls() {
		m[k] = func(string) string { return errname(f()) }
	}
	return m
}

// facts answer with what the process is, not with an error.
func facts() map[string]func(string) string {
	return map[string]func(string) string{
		"env":  func(string) string { return strings.Join(os.Environ(), ",") },
		"cwd":  func(string) string { d, err := os.Getwd(); return d + name(err) },
		"pid":  func(string) string { return strconv.Itoa(os.Getpid()) },
		"uid":  func(string) string { return fmt.Sprint(os.Getuid(), os.Geteuid(), os.Getgid(), os.Getegid()) },
		"host": func(string) string { h, _ := os.Hostname(); return h },
		"groups": func(string) string {
			g, _ := os.Getgroups()
			return strconv.Itoa(len(g))
		},
		"fds": func(string) string {
			var open []string
			for fd := range 1024 {
				// What the Go runtime itself opens is an event queue and its wake-up, after start.
				if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
					open = append(open, strconv.Itoa(fd))
				}
			}
			return strings.Join(open, ",")
		},
		"caps": func(string) string {
			h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
			var d [2]unix.CapUserData
			unix.Capget(&h, &d[0])
			bound := 0
			for c := range 64 {
				if v, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0); err == nil {
					bound += v
				}
			}
			return fmt.Sprint(d[0].Effective|d[1].Effective, d[0].Permitted|d[1].Permitted, d[0].Inheritable|d[1].Inheritable, bound)
		},
		"modes": func(string) string {
			nnp, _ := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
			mode, _ := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
			death := int32(0)
			unix.Prctl(unix.PR_GET_PDEATHSIG, uintptr(unsafe.Pointer(&death)), 0, 0, 0)
			return fmt.Sprint(nnp, mode, death)
		},
		"limits": func(string) string {
			var out []string
			for _, r := range []int{unix.RLIMIT_CORE, unix.RLIMIT_FSIZE, unix.RLIMIT_CPU, unix.RLIMIT_DATA, unix.RLIMIT_NPROC} {
				var l unix.Rlimit
				unix.Getrlimit(r, &l)
				out = append(out, strconv.FormatUint(l.Max, 10))
			}
			return strings.Join(out, ",")
		},
	}
}

// kept holds what system calls are given as numbers.
var kept [][]byte

// calls are raw system calls with arguments that would work if they were allowed.
func calls() map[string]func() syscall.Errno {
	sys := func(nr uintptr, a ...uintptr) func() syscall.Errno {
		a = append(a, 0, 0, 0, 0, 0, 0)
		return func() syscall.Errno { _, _, e := unix.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5]); return e }
	}
	text := func(s string) uintptr {
		b := append([]byte(s), 0)
		kept = append(kept, b)
		return uintptr(unsafe.Pointer(&b[0]))
	}
	p := text(strings.Repeat("\x00", 4095))
	self := uintptr(os.Getpid())
	return map[string]func() syscall.Errno{
		"fork":        sys(unix.SYS_CLONE, uintptr(unix.SIGCHLD)),
		"clone3":      sys(unix.SYS_CLONE3, p, 88),
		"ptrace":      sys(unix.SYS_PTRACE, unix.PTRACE_TRACEME),
		"process_vm":  sys(unix.SYS_PROCESS_VM_READV, self, p, 1, p, 1),
		"mount":       sys(unix.SYS_MOUNT, text("none"), text("/tmp"), text("tmpfs")),
		"fsopen":      sys(unix.SYS_FSOPEN, text("tmpfs")),
		"open_tree":   sys(unix.SYS_OPEN_TREE, ^uintptr(99), text("/"), 1),
		"chroot":      sys(unix.SYS_CHROOT, text("/tmp")),
		"unshare":     sys(unix.SYS_UNSHARE, unix.CLONE_NEWUSER),
		"setns":       sys(unix.SYS_SETNS, 0, 0),
		"keyctl":      sys(unix.SYS_KEYCTL, 0, ^uintptr(2), 1),
		"add_key":     sys(unix.SYS_ADD_KEY, text("user"), text("x"), p, 1, ^uintptr(2)),
		"bpf":         sys(unix.SYS_BPF, 0, p, 64),
		"perf":        sys(unix.SYS_PERF_EVENT_OPEN, p, 0, ^uintptr(0), ^uintptr(0)),
		"userfaultfd": sys(unix.SYS_USERFAULTFD, 1),
		"io_uring":    sys(unix.SYS_IO_URING_SETUP, 4, p),
		"aio":         sys(unix.SYS_IO_SETUP, 4, p),
		"kexec":       sys(unix.SYS_KEXEC_LOAD),
		"module":      sys(unix.SYS_INIT_MODULE, p, 1, p),
		"memfd":       sys(unix.SYS_MEMFD_CREATE, text("x"), 0),
		"shm":         sys(unix.SYS_SHMGET, 0, 4096, 0o1600),
		"mqueue":      sys(unix.SYS_MQ_OPEN, text("x"), unix.O_CREAT|unix.O_RDWR, 0o600),
		"hostname":    sys(unix.SYS_SETHOSTNAME, p, 1),
		"settime":     sys(unix.SYS_CLOCK_SETTIME, 0, p),
		"setuid":      sys(unix.SYS_SETUID, 0),
		"raw":         sys(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_RAW, 1),
		"packet":      sys(unix.SYS_SOCKET, unix.AF_PACKET, unix.SOCK_RAW, 0x300),
		"netlink":     sys(unix.SYS_SOCKET, unix.AF_NETLINK, unix.SOCK_RAW, 0),
		"vsock":       sys(unix.SYS_SOCKET, unix.AF_VSOCK, unix.SOCK_STREAM, 0),
		"mptcp":       sys(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM, 262),
		"ping":        sys(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_DGRAM, 1),
		"stream":      sys(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 6),
		"stream6":     sys(unix.SYS_SOCKET, unix.AF_INET6, unix.SOCK_STREAM, 0),
		"pair":        sys(unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_STREAM, 0, p),
		"autolisten":  autolisten,
		"fastopen":    fastopen,
		"execveat":    sys(unix.SYS_EXECVEAT, ^uintptr(99), text("/bin/true"), 0, 0, 0),
		"pdeathsig":   sys(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, 0),
		"renice":      sys(unix.SYS_SETPRIORITY, 0, 0, 19),
		"affinity":    sys(unix.SYS_SCHED_SETAFFINITY, 0, 8, p),
		"setown":      sys(unix.SYS_FCNTL, 0, unix.F_SETOWN, self),
		"setsig":      sys(unix.SYS_FCNTL, 0, unix.F_SETSIG, 9),
		"inotify":     sys(unix.SYS_INOTIFY_ADD_WATCH, 0, text("/tmp"), 1),
		"tiocsti":     sys(unix.SYS_IOCTL, 0, unix.TIOCSTI, p),
		"pidfd":       sys(unix.SYS_PIDFD_OPEN, self, 0),
		"nodump":      sys(unix.SYS_PRCTL, unix.PR_SET_DUMPABLE, 0),
		"dnotify":     sys(unix.SYS_FCNTL, 0, unix.F_NOTIFY, 0),
		"sync":        sys(unix.SYS_SYNC),
		// Threads whose descriptors the server would not see. (The kernel would refuse the first one, too: EINVAL.)
		"own table":      sys(unix.SYS_CLONE, unix.CLONE_VM|unix.CLONE_SIGHAND|unix.CLONE_THREAD|unix.CLONE_NEWUSER),
		"unshared table": sys(unix.SYS_CLOSE_RANGE, 900, 900, unix.CLOSE_RANGE_UNSHARE),

		"prlimit": sys(unix.SYS_PRLIMIT64, self+1, unix.RLIMIT_CORE, 0, p),
		"unknown": sys(467, ^uintptr(99), text("/"), 1),
		"x32":     sys(0x40000000+39, 0),
	}
}

// autolisten listens without bind, which takes a free port.
func autolisten() syscall.Errno {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err.(syscall.Errno)
	}
	defer unix.Close(fd)
	e, _ := unix.Listen(fd, 1).(syscall.Errno)
	return e
}

// fastopen connects by sending.
func fastopen() syscall.Errno {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err.(syscall.Errno)
	}
	defer unix.Close(fd)
	e, _ := unix.Sendto(fd, []byte("x"), unix.MSG_FASTOPEN, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: 9}).(syscall.Errno)
	return e
}

// opened opens a file for reading.
func opened(path string, f func(fd int) error) string {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return name(err)
	}
	defer unix.Close(fd)
	return name(f(fd))
}

func created(path string, f func(fd int) error) string {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return name(err)
	}
	defer unix.Close(fd)
	return name(f(fd))
}

func control(fd, command, arg int) error {
	_, err := unix.FcntlInt(uintptr(fd), command, arg)
	return err
}

func futimes(fd int) error {
	times := [2]unix.Timespec{{Sec: 1}, {Sec: 1}}
	if _, _, e := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times)), 0, 0, 0); e != 0 {
		return e
	}
	return nil
}

// reserve is fallocate by ioctl, FS_IOC_RESVSP.
func reserve(fd int) error {
	space := struct {
		kind, whence int16
		start, size  int64
		sysid        int32
		pid          uint32
		pad          [4]int32
	}{size: 1 << 20}
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), 0x40305828, uintptr(unsafe.Pointer(&space))); e != 0 {
		return e
	}
	return nil
}

// unixgram sends to a socket of the machine from one half of a pair.
func unixgram(path string) string {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return name(err)
	}
	return name(unix.Sendto(pair[0], []byte("<0>forged"), 0, &unix.SockaddrUnix{Name: path}))
}

// sharedZero takes memory by way of /dev/zero, shared.
func sharedZero(string) string {
	fd, err := unix.Open("/dev/zero", unix.O_RDWR, 0)
	if err != nil {
		return name(err)
	}
	b, err := unix.Mmap(fd, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err == nil {
		b[0] = 1
	}
	return name(err)
}

// again executes the program a second time, with the number of the descriptor that was executed first and a path that needs none.
func again(path string) string {
	var l unix.Rlimit
	unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
	p, _ := unix.BytePtrFromString(path)
	arg, _ := unix.BytePtrFromString("say")
	list := []*byte{p, arg, nil}
	_, _, e := unix.RawSyscall6(unix.SYS_EXECVEAT, uintptr(l.Max), uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(&list[0])),
		uintptr(unsafe.Pointer(&list[2])), unix.AT_EMPTY_PATH, 0)
	return errname(e)
}

func dial(network, address string) string {
	d := net.Dialer{Timeout: 2 * time.Second}
	if network == "tcp4" {
		d.SetMultipathTCP(false)
	}
	c, err := d.Dial(network, address)
	if err != nil {
		return name(err)
	}
	defer c.Close()
	if network != "udp4" {
		return "ok"
	}
	c.SetDeadline(time.Now().Add(2 * time.Second))
	if _, err := c.Write([]byte("ping")); err != nil {
		return name(err)
	}
	b := make([]byte, 16)
	n, err := c.Read(b)
	if err != nil {
		return name(err)
	}
	return string(b[:n])
}

func listen(string) string {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return name(err)
	}
	defer unix.Close(fd)
	return name(unix.Bind(fd, &unix.SockaddrInet4{Port: 18080}))
}

// fill writes 17 MiB.
func fill(path string) string {
	f, err := os.Create(path)
	if err != nil {
		return name(err)
	}
	defer f.Close()
	b := make([]byte, 1<<20)
	for i := range 17 {
		if _, err := f.Write(b); err != nil {
			return fmt.Sprint(name(err), " at ", i)
		}
	}
	return "ok"
}

// threads starts as many as it says, each with a tiny stack of its own, and counts.
func threads(d string) string {
	n := 0
	for range number(d) {
		ready := make(chan struct{})
		stack := make([]byte, 4096)
		_ = stack
		go func() {
			runtime.LockOSThread()
			close(ready)
			select {}
		}()
		<-ready
		n++
	}
	return strconv.Itoa(n)
}

// alloc touches so many MiB of private memory.
func alloc(d string) string {
	for i := range number(d) {
		b, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err != nil {
			return fmt.Sprint(name(err), " at ", i)
		}
		for j := 0; j < len(b); j += 4096 {
			b[j] = 1
		}
	}
	return "ok"
}

func mapping(flags int) string {
	_, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, flags)
	return name(err)
}

func printAll(mib int) string {
	b := make([]byte, 1<<20)
	for range mib {
		if _, err := os.Stdout.Write(b); err != nil {
			return name(err)
		}
	}
	return "ok"
}

func number(s string) int { n, _ := strconv.Atoi(s); return n }

func name(err error) string {
	if err == nil {
		return "ok"
	}
	var e syscall.Errno
	if errors.As(err, &e) {
		return errname(e)
	}
	var t net.Error
	if errors.As(err, &t) && t.Timeout() {
		return "timeout"
	}
	return err.Error()
}

func errname(e syscall.Errno) string {
	if e == 0 {
		return "ok"
	}
	return unix.ErrnoName(e)
}
