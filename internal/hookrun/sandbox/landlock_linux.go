package sandbox

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Access rights by what the kernel knows them for (landlock(7)); the numbers of ABIs are those of that page.
const (
	accessFile = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	accessABI1  = 1<<13 - 1 // EXECUTE to MAKE_SYM
	accessRead  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	accessExec  = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE
	accessDev   = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE
	accessWrite = accessRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_REFER |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR
)

// systemPaths may be read by every program: libraries, certificates, time zones. Nothing of them is about this machine's users or services. Resolver
// and name-switch files are left out on purpose: the C library then asks the name server on 127.0.0.1, which is ours.
func systemPaths() []string {
	return append(libraryPaths(),
		"/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/ld-musl-x86_64.path", "/etc/ld-musl-aarch64.path",
		"/etc/ssl/certs", "/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/etc/pki/tls", "/etc/pki/ca-trust", "/etc/ca-certificates",
		"/usr/share/ca-certificates", "/usr/local/share/ca-certificates",
		"/usr/share/zoneinfo", "/etc/localtime", "/usr/share/nodejs", "/usr/share/icu",
	)
}

func libraryPaths() []string {
	return []string{"/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64"}
}

// landlockABI is the version that the kernel offers, 0 with the reason if none.
func landlockABI() (int, error) {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0, errno
	}
	return int(v), nil
}

type landlockRuleset struct{ fs, net, scoped uint64 }

// attributes are all that the ABI can restrict, up to ABI 6, the last one that this code was tried with, and their size.
func landlockAttributes(abi int) (landlockRuleset, uintptr) {
	a := landlockRuleset{fs: accessABI1}
	if abi >= 2 {
		a.fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		a.fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi < 4 {
		return a, 8
	}
	a.net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	if abi >= 5 {
		a.fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi < 6 {
		return a, 16
	}
	a.scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	return a, 24
}

// restrictLandlock shuts this thread, and what it will execute, in. no-new-privs must be set.
func restrictLandlock(p *plan) error {
	attr, size := landlockAttributes(p.Landlock)
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return fmt.Errorf("landlock: create: %w", errno)
	}
	defer unix.Close(int(fd))
	r := ruleset{int(fd), attr}
	for _, list := range []struct {
		paths  []string
		access uint64
		needed bool
	}{
		{systemPaths(), accessRead, false},
		{[]string{"/dev/null"}, accessDev, false}, // not /dev/zero: mapped shared, it is memory that RLIMIT_DATA does not count
		{[]string{"/dev/random", "/dev/urandom"}, accessRead, false},
		{p.Read, accessRead, !p.Datagrams},
		{p.Exec, accessExec, true},
		{nonEmpty(p.Write), accessWrite, true},
	} {
		for _, path := range list.paths {
			if err := r.allow(path, list.access); err != nil && (list.needed || !errors.Is(err, unix.ENOENT)) {
				return err
			}
		}
	}
	if err := r.allowPorts(p.Connect); err != nil {
		return err
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("landlock: restrict: %w", errno)
	}
	return nil
}

type ruleset struct {
	fd   int
	attr landlockRuleset
}

// allow grants access at and below path, as far as the ABI knows it and the kind of file has it.
func (r ruleset) allow(path string, access uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("landlock: %s: %w", path, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("landlock: %s: %w", path, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= accessFile
	}
	beneath := struct {
		access uint64
		fd     int32
	}{access & r.attr.fs, int32(fd)}
	const ruleBeneath = 1
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(r.fd), ruleBeneath, uintptr(unsafe.Pointer(&beneath)), 0, 0, 0); errno != 0 {
		return fmt.Errorf("landlock: rule for %s: %w", path, errno)
	}
	return nil
}

// allowPorts grants TCP connections to ports; nothing may be bound.
func (r ruleset) allowPorts(ports []int) error {
	if r.attr.net == 0 {
		return nil
	}
	for _, port := range ports {
		rule := struct{ access, port uint64 }{unix.LANDLOCK_ACCESS_NET_CONNECT_TCP, uint64(port)}
		const rulePort = 2
		if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(r.fd), rulePort, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); errno != 0 {
			return fmt.Errorf("landlock: rule for port %d: %w", port, errno)
		}
	}
	return nil
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}
