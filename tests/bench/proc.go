package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the times in /proc/<pid>/stat: USER_HZ is 100 on every Linux (proc(5)).
const tick = 10 * time.Millisecond

// procStat is what we need of /proc/<pid>/stat.
type procStat struct {
	parent int
	// own is user and system time of the process, reaped that of children which have ended and been waited for.
	own, reaped time.Duration
}

// parseStat reads the line. The name in parentheses may hold anything, so fields are counted from its end.
func parseStat(line string) (procStat, error) {
	i := strings.LastIndexByte(line, ')')
	if i < 0 {
		return procStat{}, errors.New("no command name")
	}
	f := strings.Fields(line[i+1:])
	const parent, utime, cstime = 1, 11, 14
	if len(f) <= cstime {
		return procStat{}, errors.New("too few fields")
	}
	var n [cstime + 1]int64
	for i := parent; i <= cstime; i++ {
		v, err := strconv.ParseInt(f[i], 10, 64)
		if err != nil && (i == parent || i >= utime) {
			return procStat{}, err
		}
		n[i] = v
	}
	return procStat{parent: int(n[parent]), own: time.Duration(n[utime]+n[utime+1]) * tick, reaped: time.Duration(n[utime+2]+n[cstime]) * tick}, nil
}

func readStat(pid int) (procStat, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return procStat{}, err
	}
	return parseStat(string(b))
}

// usage is what processes have used since they began.
type usage struct {
	cpu time.Duration
	// written is the bytes that went, or will go, to the disk; 0 where the kernel does not tell us.
	written int64
}

func (u usage) minus(v usage) usage { return usage{u.cpu - v.cpu, u.written - v.written} }

func (u usage) plus(v usage) usage { return usage{u.cpu + v.cpu, u.written + v.written} }

// usageOf is that of one process.
func usageOf(pid int) (usage, error) {
	s, err := readStat(pid)
	return usage{s.own, written(pid)}, err
}

// usageOfTree is that of a process and its direct children, the time of those that have ended included. PostgreSQL has one
// process for each connection, all of them children of the first.
func usageOfTree(pid int) (usage, error) {
	root, err := readStat(pid)
	if err != nil {
		return usage{}, err
	}
	sum := usage{root.own + root.reaped, written(pid)}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return usage{}, err
	}
	for _, d := range dirs {
		child, err := strconv.Atoi(filepath.Base(d))
		if err != nil {
			continue
		}
		// A process may end between the listing and the reading; its time is then the parent's.
		if s, err := readStat(child); err == nil && s.parent == pid {
			sum = sum.plus(usage{s.own, written(child)})
		}
	}
	return sum, nil
}

// written reads /proc/<pid>/io, which is for the process's owner only.
func written(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			n, _ := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			return n
		}
	}
	return 0
}

// memory is a process's memory in bytes.
type memory struct {
	// RSS is what is resident, PSS the same with shared pages divided among their users, Peak the highest RSS so far.
	RSS  int64 `json:"rss"`
	PSS  int64 `json:"pss"`
	Peak int64 `json:"peak"`
}

func memoryOf(pid int) (m memory, err error) {
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return m, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return m, err
	}
	m.RSS, m.PSS, m.Peak = kilobytes(string(rollup), "Rss:"), kilobytes(string(rollup), "Pss:"), kilobytes(string(status), "VmHWM:")
	return m, nil
}

// kilobytes finds "Key:   123 kB" and returns bytes, 0 if it is not there.
func kilobytes(text, key string) int64 {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				n, _ := strconv.ParseInt(f[0], 10, 64)
				return n << 10
			}
		}
	}
	return 0
}
