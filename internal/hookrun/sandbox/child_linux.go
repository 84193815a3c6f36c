package sandbox

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// probeMark makes the executable end at once, well: the program that New runs.
const probeMark = childMark + "-probe"

// IsChild reports whether the arguments (os.Args) are those of a launcher; main then calls Child before anything else.
func IsChild(args []string) bool {
	return len(args) == 2 && (args[1] == childMark || args[1] == probeMark)
}

// Child becomes the program. It does not return.
func Child() {
	if os.Args[1] == probeMark {
		os.Exit(0)
	}
	// Landlock, seccomp and credentials belong to threads. execve ends all but the one that calls it, so that no other needs to be restricted.
	runtime.LockOSThread()
	if kind, err := unix.GetsockoptInt(controlFD, unix.SOL_SOCKET, unix.SO_DOMAIN); err != nil || kind != unix.AF_UNIX {
		os.Stderr.WriteString("this is not meant to be called by hand\n")
		os.Exit(2)
	}
	unix.CloseOnExec(controlFD)
	sayFailed(become())
	os.Exit(126)
}

// become goes through the steps of the package comment. It returns only if one fails.
func become() error {
	p, err := receivePlan()
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	var fds []int
	if p.Namespaces {
		if err := unix.Sethostname([]byte("worker")); err != nil {
			return fmt.Errorf("host name: %w", err)
		}
		if fds, err = listenInside(p.Ports, p.DNS); err != nil {
			return err
		}
	}
	if err := dropBounding(); err != nil {
		return err
	}
	if err := becomeUser(p.User); err != nil {
		return err
	}
	if err := dropCapabilities(); err != nil {
		return err
	}
	// The server's "go" comes after this: if it died before, it is noticed there.
	if err := dieWithServer(); err != nil {
		return err
	}
	if err := passSockets(fds); err != nil {
		return err
	}
	if err := awaitGo(); err != nil {
		return err
	}
	unix.Umask(0o077)
	if err := unix.Chdir(p.Dir); err != nil {
		return fmt.Errorf("folder %s: %w", p.Dir, err)
	}
	if err := noNewPrivileges(); err != nil {
		return err
	}
	if p.Landlock > 0 {
		if err := restrictLandlock(p); err != nil {
			return err
		}
	}
	return execute(p)
}

// execute is the last step. From the first limit on nothing is allocated that need not be, and after the filter there is only the execution.
//
// Under the filter that is execveat of one descriptor, whose number is beyond the limit of descriptors: it is closed by the execution, and no other can
// ever have its number. A path, with which the number means nothing, would have to be at the one address where the empty path is: it is random and
// not mapped any more. So nothing can be executed again. (A second execution from another thread would shake off the death signal.)
func execute(p *plan) error {
	args, err := cStrings(append([]string{p.Path}, p.Args...))
	if err != nil {
		return fmt.Errorf("arguments: %w", err)
	}
	env, err := cStrings(p.Env)
	if err != nil {
		return fmt.Errorf("environment: %w", err)
	}
	fd, err := openProgram(p)
	if err != nil {
		return fmt.Errorf("program %s: %w", p.Path, err)
	}
	if err := closeOnExec(); err != nil {
		return fmt.Errorf("descriptors: %w", err)
	}
	var prog *unix.SockFprog
	empty, err := hiddenZero()
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	if p.Seccomp {
		prog = compileFilter(p, unix.Getpid(), execution{fd, empty})
	}
	for _, r := range p.Rlimits {
		limit := unix.Rlimit{Cur: r.Value, Max: r.Value}
		if r.Resource == unix.RLIMIT_NOFILE {
			limit.Cur, limit.Max = uint64(fd), uint64(fd)
		}
		if _, _, errno := unix.RawSyscall6(unix.SYS_PRLIMIT64, 0, uintptr(r.Resource), uintptr(unsafe.Pointer(&limit)), 0, 0, 0); errno != 0 {
			return fmt.Errorf("limit %d: %w", r.Resource, errno)
		}
	}
	if p.Seccomp {
		if errno := installFilter(prog); errno != 0 {
			return fmt.Errorf("seccomp: %w", errno)
		}
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_EXECVEAT, uintptr(fd), empty, uintptr(unsafe.Pointer(&args[0])),
		uintptr(unsafe.Pointer(&env[0])), unix.AT_EMPTY_PATH, 0)
	return fmt.Errorf("program %s: %w", p.Path, errno)
}

// hiddenZero is the address of a zero byte at a random place of the whole address space: 46 bits of it, fewer where it is smaller.
func hiddenZero() (uintptr, error) {
	const size = 64 << 10 // the largest page that there is
	var b [12]byte
	var errno unix.Errno
	for bits := 46; bits > 36; bits-- {
		// Not crypto/rand: it starts a timer, and the runtime an event queue, in descriptors that other threads do not share any more.
		if _, err := unix.Getrandom(b[:], 0); err != nil {
			return 0, err
		}
		want := uintptr(binary.LittleEndian.Uint64(b[:])&(1<<bits-1)&^(size-1) | 1<<32)
		var at uintptr
		at, _, errno = unix.Syscall6(unix.SYS_MMAP, want, size, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED_NOREPLACE,
			^uintptr(0), 0)
		if errno == 0 && at == want {
			return at + uintptr(binary.LittleEndian.Uint32(b[8:])%size), nil
		}
	}
	return 0, fmt.Errorf("no free address: %w", errno)
}

// openProgram opens the program at the first number that the program will not be able to use.
func openProgram(p *plan) (int, error) {
	limit := 3
	for _, r := range p.Rlimits {
		if r.Resource == unix.RLIMIT_NOFILE {
			limit = int(r.Value)
		}
	}
	var have unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &have); err != nil {
		return 0, err
	}
	// To grow a table of descriptors that threads share, the kernel waits until nobody reads it, some milliseconds. A table of this thread's own, which
	// execution would make anyway, grows at once. Where that is forbidden it takes the milliseconds.
	_ = unix.Unshare(unix.CLONE_FILES)
	low, err := unix.Open(p.Path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	defer unix.Close(low)
	return unix.FcntlInt(uintptr(low), unix.F_DUPFD_CLOEXEC, min(limit, int(min(have.Cur, 1<<20))-1))
}

// cStrings ends with a nil pointer.
func cStrings(list []string) ([]*byte, error) {
	out := make([]*byte, 0, len(list)+1)
	for _, s := range list {
		b, err := unix.BytePtrFromString(s)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return append(out, nil), nil
}

// closeOnExec leaves the program stdin, stdout and stderr.
func closeOnExec() error {
	err := unix.CloseRange(controlFD, 1<<31-1, unix.CLOSE_RANGE_CLOEXEC)
	if err == nil || err != unix.ENOSYS && err != unix.EINVAL {
		return err
	}
	for fd := controlFD; fd < 4096; fd++ { // before Linux 5.11; the server's own descriptors are close-on-exec anyway
		unix.CloseOnExec(fd)
	}
	return nil
}
