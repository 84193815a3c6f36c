package sandbox

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Everything here is about the calling thread alone, by raw system calls: Go's own Setuid and the C library's reach for all threads, which
// the launcher neither needs (execve ends the others) nor may do in a process namespace without its proc filesystem.

const (
	secbitNoRoot       = 1 << 0
	secbitNoRootLocked = 1 << 1
	lastCapability     = 63
)

// becomeUser changes user and group for good and leaves all further groups. 0 keeps what there is.
func becomeUser(id int) error {
	if id == 0 {
		return nil
	}
	// Capabilities are given up by dropCapabilities, in one go, after the groups are set.
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); errno != 0 {
		return fmt.Errorf("own user: setgroups: %w", errno)
	}
	n := uintptr(id)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, n, n, n); errno != 0 {
		return fmt.Errorf("own user: setresgid: %w", errno)
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, n, n, n); errno != 0 {
		return fmt.Errorf("own user: setresuid: %w", errno)
	}
	return nil
}

// dropBounding empties the bounding set, where it may: without CAP_SETPCAP there is nothing to gain capabilities from, either.
func dropBounding() error {
	if !holdsCapability(unix.CAP_SETPCAP) {
		return nil
	}
	for c := range uintptr(lastCapability + 1) {
		_, _, errno := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0, 0, 0, 0)
		if errno == unix.EINVAL && c > unix.CAP_SYS_ADMIN {
			break // that was the last one
		}
		if errno != 0 {
			return fmt.Errorf("capabilities: bounding set: %w", errno)
		}
	}
	if _, _, errno := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_SECUREBITS, secbitNoRoot|secbitNoRootLocked, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("capabilities: securebits: %w", errno)
	}
	return nil
}

// dropCapabilities empties the other sets.
func dropCapabilities() error {
	if _, _, errno := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("capabilities: ambient set: %w", errno)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if _, _, errno := unix.RawSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none)), 0); errno != 0 {
		return fmt.Errorf("capabilities: %w", errno)
	}
	return nil
}

func holdsCapability(c int) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if _, _, errno := unix.RawSyscall(unix.SYS_CAPGET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&sets)), 0); errno != 0 {
		return false
	}
	return sets[c/32].Effective&(1<<(c%32)) != 0
}

// noNewPrivileges makes execve give nothing: no set-user-ID bit, no file capability.
func noNewPrivileges() error {
	if _, _, errno := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("no-new-privs: %w", errno)
	}
	return nil
}

// dieWithServer asks for SIGKILL when the server ends. A change of user undoes it.
func dieWithServer() error {
	if _, _, errno := unix.RawSyscall6(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("death signal: %w", errno)
	}
	return nil
}
