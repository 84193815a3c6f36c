package sandbox

import (
	"crypto/rand"
	"debug/elf"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is which layers are used: what the probe found, or less if Spec.Max asks for less.
type machine struct {
	// Namespaces are user, net, pid, ipc and uts together; Landlock is the ABI, 0 for none.
	Namespaces bool
	Landlock   int
	Seccomp    bool
	// ownUsers: the server may give user ids of ownBase and above to its children. groups is nil without cgroups.
	ownUsers bool
	groups   *cgroups
}

func (m machine) level() Level {
	switch {
	case m.Namespaces && m.Landlock >= 6 && m.Seccomp:
		return Full
	case m.Landlock >= 4 && m.Seccomp:
		return Strong
	case m.Landlock > 0 || m.Seccomp || m.Namespaces:
		return Weak
	}
	return None
}

// capped leaves layers away until the level is at most limit.
func (m machine) capped(limit Level) machine {
	over := func() bool { return m.level().rank() > limit.rank() }
	if over() {
		m.Namespaces = false
	}
	if over() {
		m.Landlock = 0
	}
	if over() {
		m.Seccomp = false
	}
	return m
}

// plan is what the launcher is told: everything about the program, decided by the parent. It goes over the control socket, so that nothing of it
// shows in a process list.
type plan struct {
	machine
	Path      string
	Args, Env []string
	Dir       string
	// Read and Write as in Spec, Write may be empty; Exec is the program and its loader.
	Read, Exec []string
	Write      string
	// Ports are to be listened on (in the namespace), Connect may be connected to.
	Ports, Connect []int
	DNS            bool
	// Datagrams allows UDP sockets.
	Datagrams bool
	// User is the user and group id to change to, 0 to stay.
	User    int
	Rlimits []rlimit
}

type rlimit struct {
	Resource int
	Value    uint64
}

const (
	// ownBase begins the user ids that programs of a root server get, at random. The range of 2^24 is in use by nobody: it lies between what
	// systemd gives to containers and its foreign range (systemd, UIDS-GIDS), and below 2^31.
	ownBase = 1_900_000_000
	ownBits = 24
)

// ownUser picks an id: with so many, two workers that meet in one are not expected, and they would still be kept apart by Landlock.
func ownUser() int {
	var b [4]byte
	rand.Read(b[:])
	return ownBase + int(binary.LittleEndian.Uint32(b[:])>>(32-ownBits))
}

// makePlan turns a Spec into a plan for the layers of m.
func makePlan(spec *Spec, m machine) *plan {
	p := &plan{machine: m, Path: spec.Path, Args: spec.Args, Env: spec.Env, Dir: spec.Dir, Read: spec.Read, Write: spec.Write}
	p.Exec = append([]string{spec.Path}, nonEmpty(loader(spec.Path))...)
	if m.Namespaces {
		p.Ports, p.Connect, p.DNS, p.Datagrams = spec.Ports, spec.Ports, spec.DNS, spec.DNS
	} else {
		p.Connect, p.Datagrams = spec.Direct, len(spec.Direct) > 0 // and the port of the local listener
		if p.Datagrams {
			p.Read = append(p.Read[:len(p.Read):len(p.Read)], "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf")
		}
	}
	if m.ownUsers && closedTo(append(append([]string{spec.Dir}, p.Read...), p.Exec...), spec.Write) == "" {
		p.User = ownUser()
	}
	p.Rlimits = rlimits(spec.Limits, p.limitsThreads())
	return p
}

// limitsThreads reports whether RLIMIT_NPROC bounds this program alone: it counts by user id and user namespace (since Linux 5.14), and the
// first user of the machine is exempt.
func (p *plan) limitsThreads() bool {
	return p.User != 0 || p.Namespaces && os.Geteuid() != 0
}

// rlimits are the limits of setrlimit(2). The soft ones are the hard ones: CPU then ends the program with SIGKILL, which it cannot catch.
func rlimits(l Limits, threads bool) []rlimit {
	r := []rlimit{
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_MEMLOCK, 64 << 10},
		{unix.RLIMIT_MSGQUEUE, 0},
		{unix.RLIMIT_FSIZE, uint64(l.FileBytes)},
		{unix.RLIMIT_CPU, uint64(math.Ceil(l.CPU.Seconds()))},
		{unix.RLIMIT_NOFILE, uint64(l.Files)},
		{unix.RLIMIT_STACK, 8 << 20},
		{unix.RLIMIT_DATA, uint64(l.DataBytes)},
	}
	if threads {
		r = append(r, rlimit{unix.RLIMIT_NPROC, uint64(l.Threads)})
	}
	return r
}

// loader is the ELF interpreter of a program, empty if it has none or is none. Its author chose the name, and what is named may be read and executed: it
// has to be a file among the system's libraries, which everybody may read anyway.
func loader(path string) string {
	name := interpreter(path)
	if !filepath.IsAbs(name) {
		return ""
	}
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return ""
	}
	if info, err := os.Stat(real); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	for _, dir := range libraryPaths() {
		if dir, err := filepath.EvalSymlinks(dir); err == nil && strings.HasPrefix(real, dir+"/") {
			return name
		}
	}
	return ""
}

func interpreter(path string) string {
	f, err := elf.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz == 0 || p.Filesz > 4096 {
			continue
		}
		b := make([]byte, p.Filesz)
		if _, err := p.ReadAt(b, 0); err != nil {
			return ""
		}
		return strings.TrimRight(string(b), "\x00")
	}
	return ""
}

// closedTo returns the first path that a user without any rights of his own cannot read or reach, or "". What lies in folders is not looked at. write
// has to be reached alone: it will be his.
func closedTo(paths []string, write string) string {
	const enter, read = 0o001, 0o004
	for _, p := range paths {
		real, err := filepath.EvalSymlinks(p)
		if err != nil {
			continue // whether it is needed shows later
		}
		info, err := os.Stat(real)
		if err != nil || info.Mode()&read == 0 || info.IsDir() && info.Mode()&enter == 0 {
			return p
		}
		if dir := closedAbove(real); dir != "" {
			return dir
		}
	}
	if write != "" {
		return closedAbove(write)
	}
	return ""
}

// closedAbove returns the first folder above path that not everybody may enter, or "".
func closedAbove(path string) string {
	for path != "/" {
		path = filepath.Dir(path)
		info, err := os.Stat(path)
		if err != nil || info.Mode()&0o001 == 0 {
			return path
		}
	}
	return ""
}
