//go:build linux && (amd64 || arm64)

package sandbox

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Offsets in struct seccomp_data (seccomp(2)). Arguments are 64 bits, little endian on both architectures; what is compared here are ints and flags
// of which the kernel reads the low half alone.
const (
	dataNumber = 0
	dataArch   = 4
	dataArgs   = 16
)

// FIONBIO, FIONCLEX and FIOCLEX of asm/ioctls.h, which x/sys lacks. TIOCINQ is FIONREAD.
const (
	ioctlNoWait        = 0x5421
	ioctlNoCloseOnExec = 0x5450
	ioctlCloseOnExec   = 0x5451
)

// lastCall is the last system call that this list was made with (mseal, Linux 6.10); later ones do not exist for the program. On amd64 this also
// refuses the x32 calls, whose numbers have bit 30 set.
const lastCall = unix.SYS_MSEAL

// ioctls are what may be asked of an open file: modes and sizes of pipes, sockets and terminals, and the list of network interfaces. Terminals
// cannot be typed into, signals not be redirected, files neither be reserved space for nor get attributes (those of files that are merely read, too).
var ioctls = []uint32{
	unix.TCGETS, unix.TIOCGPGRP, unix.TIOCGWINSZ, unix.TIOCOUTQ, unix.TIOCINQ, ioctlNoWait, ioctlNoCloseOnExec, ioctlCloseOnExec,
	unix.SIOCGIFNAME, unix.SIOCGIFCONF, unix.SIOCGIFFLAGS, unix.SIOCGIFADDR, unix.SIOCGIFNETMASK, unix.SIOCGIFMTU, unix.SIOCGIFINDEX,
}

// execution is the one execution that is allowed: that of an open file, whose empty path is at an address that nobody knows.
type execution struct {
	fd   int
	path uintptr
}

// filter makes the program of the seccomp layer. pid is the number that the process sees itself as.
func filter(p *plan, pid int, x execution) []unix.SockFilter {
	f := []unix.SockFilter{
		load(dataArch),
		jump(unix.BPF_JEQ, auditArch, 1, 0),
		ret(unix.SECCOMP_RET_KILL_PROCESS),
		load(dataNumber),
		jump(unix.BPF_JGT, lastCall, 0, 1),
		errno(unix.ENOSYS),
	}
	for _, r := range argumentRules(p, uint32(pid), x) {
		f = append(f, jump(unix.BPF_JEQ, r.call, 0, uint8(len(r.body))))
		f = append(f, r.body...)
	}
	for _, nr := range absentCalls() {
		f = append(f, jump(unix.BPF_JEQ, nr, 0, 1), errno(unix.ENOSYS))
	}
	for _, nr := range refusedCalls(p) {
		f = append(f, jump(unix.BPF_JEQ, nr, 0, 1), errno(unix.EPERM))
	}
	for _, nr := range pretendedCalls(p) {
		f = append(f, jump(unix.BPF_JEQ, nr, 0, 1), errno(0))
	}
	// Space without writing would fill a disk faster than anybody can look. Programs that want to reserve some write zeros then.
	f = append(f, jump(unix.BPF_JEQ, unix.SYS_FALLOCATE, 0, 1), errno(unix.EOPNOTSUPP))
	// listen(2) without bind(2) takes a free port without asking Landlock.
	f = append(f, jump(unix.BPF_JEQ, unix.SYS_LISTEN, 0, 1), errno(unix.EACCES))
	return append(f, ret(unix.SECCOMP_RET_ALLOW))
}

// argumentRule is for a call that depends on its arguments. The body ends in every case.
type argumentRule struct {
	call uint32
	body []unix.SockFilter
}

// argumentRules come first: the kernel remembers calls that are always allowed, these alone are judged each time.
func argumentRules(p *plan, pid uint32, x execution) []argumentRule {
	allow, refuse := ret(unix.SECCOMP_RET_ALLOW), errno(unix.EPERM)
	times := allow
	if p.User == 0 {
		times = errno(0)
	}
	flagged := func(call uint32, n int, flags uint32, verdict, otherwise unix.SockFilter) argumentRule {
		return argumentRule{call, []unix.SockFilter{loadArg(n), jump(unix.BPF_JSET, flags, 0, 1), verdict, otherwise}}
	}
	among := func(call uint32, n int, otherwise unix.SockFilter, values ...uint32) argumentRule {
		body := []unix.SockFilter{loadArg(n)}
		for _, v := range values {
			body = append(body, jump(unix.BPF_JEQ, v, 0, 1), allow)
		}
		return argumentRule{call, append(body, otherwise)}
	}
	equals := func(call uint32, n int, values ...uint32) argumentRule { return among(call, n, refuse, values...) }
	except := func(call uint32, n int, values ...uint32) argumentRule {
		body := []unix.SockFilter{loadArg(n)}
		for _, v := range values {
			body = append(body, jump(unix.BPF_JEQ, v, 0, 1), refuse)
		}
		return argumentRule{call, append(body, allow)}
	}
	return []argumentRule{
		// Memory that RLIMIT_DATA does not count: shared without a file, growing downwards.
		{unix.SYS_MMAP, []unix.SockFilter{
			loadArg(3),
			jump(unix.BPF_JSET, unix.MAP_GROWSDOWN, 3, 0),
			jump(unix.BPF_JSET, unix.MAP_ANONYMOUS, 0, 1),
			jump(unix.BPF_JSET, unix.MAP_SHARED, 1, 0),
			allow,
			refuse,
		}},
		// TCP fast open connects without asking Landlock.
		flagged(unix.SYS_SENDTO, 3, unix.MSG_FASTOPEN, refuse, allow),
		flagged(unix.SYS_SENDMSG, 2, unix.MSG_FASTOPEN, refuse, allow),
		flagged(unix.SYS_SENDMMSG, 3, unix.MSG_FASTOPEN, refuse, allow),
		// Nor do the protocols that a TCP socket can be turned into (SMC).
		{unix.SYS_SETSOCKOPT, []unix.SockFilter{loadArg(1), jump(unix.BPF_JEQ, unix.IPPROTO_TCP, 0, 2), loadArg(2), jump(unix.BPF_JEQ, unix.TCP_ULP, 1, 0),
			allow, refuse}},
		// Threads, no processes; with one table of descriptors, so that the server sees all that are open.
		{unix.SYS_CLONE, []unix.SockFilter{loadArg(0), jump(unix.BPF_JSET, unix.CLONE_THREAD, 0, 2), jump(unix.BPF_JSET, unix.CLONE_FILES, 0, 1),
			allow, refuse}},
		flagged(unix.SYS_CLOSE_RANGE, 2, unix.CLOSE_RANGE_UNSHARE, refuse, allow),
		{unix.SYS_SOCKET, socketRule(p.Datagrams)},
		// Streams alone: half of a pair of datagram sockets can send to any socket of the machine, /dev/log for one, and Landlock is not asked.
		{unix.SYS_SOCKETPAIR, []unix.SockFilter{loadArg(0), jump(unix.BPF_JEQ, unix.AF_UNIX, 0, 4), loadArg(1), withoutFlags(),
			jump(unix.BPF_JEQ, unix.SOCK_STREAM, 0, 1), allow, refuse}},
		// Nobody but itself; this stands where Landlock has no scope for signals.
		equals(unix.SYS_KILL, 0, pid),
		equals(unix.SYS_TGKILL, 0, pid),
		equals(unix.SYS_RT_SIGQUEUEINFO, 0, pid),
		equals(unix.SYS_RT_TGSIGQUEUEINFO, 0, pid),
		equals(unix.SYS_PRLIMIT64, 0, 0, pid),
		// Signals by way of descriptors; leases, which stop others from opening a file; watching.
		except(unix.SYS_FCNTL, 1, unix.F_SETOWN, unix.F_SETOWN_EX, unix.F_SETSIG, unix.F_SETLEASE, unix.F_NOTIFY),
		among(unix.SYS_IOCTL, 1, errno(unix.ENOTTY), ioctls...),
		// The death signal has to stay, and the server has to see which files it holds.
		except(unix.SYS_PRCTL, 0, unix.PR_SET_PDEATHSIG, unix.PR_SET_DUMPABLE),
		// Times of an open file, not of one that is named: Landlock does not ask here. See also pretended.
		{unix.SYS_UTIMENSAT, []unix.SockFilter{loadArg(1), jump(unix.BPF_JEQ, 0, 0, 3), loadArgHigh(1), jump(unix.BPF_JEQ, 0, 0, 1), times, refuse}},
		// The program itself, once: see execute.
		{unix.SYS_EXECVEAT, []unix.SockFilter{
			loadArg(0), jump(unix.BPF_JEQ, uint32(x.fd), 0, 7),
			loadArg(1), jump(unix.BPF_JEQ, uint32(x.path), 0, 5),
			loadArgHigh(1), jump(unix.BPF_JEQ, uint32(uint64(x.path)>>32), 0, 3),
			loadArg(4), jump(unix.BPF_JEQ, unix.AT_EMPTY_PATH, 0, 1), allow,
			refuse,
		}},
	}
}

// withoutFlags leaves a socket's type without SOCK_CLOEXEC and SOCK_NONBLOCK.
func withoutFlags() unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0xf}
}

// socketRule allows TCP and, if datagrams, UDP. The protocol is checked since Landlock knows TCP but not MPTCP, SCTP and SMC, which are streams as well.
func socketRule(datagrams bool) []unix.SockFilter {
	datagram := uint8(7) // to the last line
	if datagrams {
		datagram = 3 // to the second loadArg(2)
	}
	return []unix.SockFilter{
		loadArg(0),
		jump(unix.BPF_JEQ, unix.AF_INET, 1, 0),
		jump(unix.BPF_JEQ, unix.AF_INET6, 0, 11),
		loadArg(1),
		withoutFlags(),
		jump(unix.BPF_JEQ, unix.SOCK_STREAM, 1, 0),
		jump(unix.BPF_JEQ, unix.SOCK_DGRAM, datagram, 7),
		loadArg(2),
		jump(unix.BPF_JEQ, 0, 4, 0),
		jump(unix.BPF_JEQ, unix.IPPROTO_TCP, 3, 4),
		loadArg(2),
		jump(unix.BPF_JEQ, 0, 1, 0),
		jump(unix.BPF_JEQ, unix.IPPROTO_UDP, 0, 1),
		ret(unix.SECCOMP_RET_ALLOW),
		errno(unix.EPERM),
	}
}

// absentCalls pretend not to exist, so that programs fall back: clone3 has its flags in memory, where a filter cannot look.
func absentCalls() []uint32 {
	return []uint32{
		unix.SYS_CLONE3, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
		unix.SYS_IO_SETUP, unix.SYS_IO_SUBMIT, unix.SYS_IO_DESTROY, unix.SYS_IO_CANCEL, unix.SYS_IO_GETEVENTS, unix.SYS_IO_PGETEVENTS,
	}
}

// pretendedCalls seem to work and do nothing. A program that has the server's user id owns files that it may merely read, and can change their modes and
// times by descriptor: it could make its runtime, or the machine's libraries, unreadable for everybody. Copying files needs the call.
func pretendedCalls(p *plan) []uint32 {
	if p.User != 0 {
		return nil
	}
	return []uint32{unix.SYS_FCHMOD}
}

// refusedCalls are what no function needs.
func refusedCalls(p *plan) []uint32 {
	calls := append(archRefused(),
		// other processes
		unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE, unix.SYS_PROCESS_MRELEASE, unix.SYS_KCMP,
		unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_GETFD, unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_MIGRATE_PAGES, unix.SYS_MOVE_PAGES, unix.SYS_EXECVE,
		unix.SYS_SETPRIORITY, unix.SYS_IOPRIO_SET, unix.SYS_SCHED_SETSCHEDULER, unix.SYS_SCHED_SETPARAM, unix.SYS_SCHED_SETATTR, unix.SYS_SCHED_SETAFFINITY,
		// what Landlock does not see: files of the same user could be made unusable, or watched
		unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT, unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_FSETXATTR,
		unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_FREMOVEXATTR, unix.SYS_INOTIFY_ADD_WATCH,
		// memory that RLIMIT_DATA does not count
		unix.SYS_MEMFD_CREATE, unix.SYS_MEMFD_SECRET, unix.SYS_REMAP_FILE_PAGES,
		unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_SHMCTL, unix.SYS_SHMDT,
		unix.SYS_SEMGET, unix.SYS_SEMOP, unix.SYS_SEMCTL, unix.SYS_SEMTIMEDOP,
		unix.SYS_MSGGET, unix.SYS_MSGSND, unix.SYS_MSGRCV, unix.SYS_MSGCTL,
		unix.SYS_MQ_OPEN, unix.SYS_MQ_UNLINK, unix.SYS_MQ_TIMEDSEND, unix.SYS_MQ_TIMEDRECEIVE, unix.SYS_MQ_NOTIFY, unix.SYS_MQ_GETSETATTR,
		// namespaces and mounts
		unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT, unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_FSOPEN, unix.SYS_FSCONFIG,
		unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_MOUNT_SETATTR, unix.SYS_STATMOUNT, unix.SYS_LISTMOUNT,
		// large and often broken parts of the kernel
		unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
		unix.SYS_FANOTIFY_INIT, unix.SYS_FANOTIFY_MARK, unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_LOOKUP_DCOOKIE,
		unix.SYS_PERSONALITY, unix.SYS_QUOTACTL, unix.SYS_QUOTACTL_FD, unix.SYS_NFSSERVCTL, unix.SYS_VMSPLICE,
		// the machine
		unix.SYS_SYNC, unix.SYS_SYNCFS,
		unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_REBOOT,
		unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_SYSLOG, unix.SYS_ACCT, unix.SYS_VHANGUP, unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME,
		unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_CLOCK_ADJTIME, unix.SYS_ADJTIMEX,
	)
	if !p.Namespaces && p.Landlock < 6 {
		calls = append(calls, unix.SYS_TKILL) // names any thread of the machine; where it cannot, musl's raise needs it
	}
	return calls
}

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func loadArg(n int) unix.SockFilter { return load(dataArgs + 8*uint32(n)) }

func loadArgHigh(n int) unix.SockFilter { return load(dataArgs + 8*uint32(n) + 4) }

// jump compares; yes and no are how many instructions are skipped.
func jump(op uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, Jt: yes, Jf: no, K: k}
}

func ret(verdict uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: verdict}
}

func errno(e unix.Errno) unix.SockFilter { return ret(unix.SECCOMP_RET_ERRNO | uint32(e)) }

// seccompOffered returns nil if the kernel filters system calls.
func seccompOffered() error {
	action := uint32(unix.SECCOMP_RET_ERRNO)
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action))); errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}

// compileFilter is what installFilter needs.
func compileFilter(p *plan, pid int, x execution) *unix.SockFprog {
	f := filter(p, pid, x)
	return &unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
}

// installFilter puts the filter on this thread. It neither allocates nor enters Go's scheduler.
func installFilter(prog *unix.SockFprog) unix.Errno {
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(prog)))
	return errno
}
