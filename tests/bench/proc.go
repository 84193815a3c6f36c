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

// cpuOf is the time of one process.
func cpuOf(pid int) (time.Duration, error) {
	s, err := readStat(pid)
	return s.own, err
}

// cpuOfTree is the time of a process and its direct children, those that have ended included. PostgreSQL has one process for
// each connection, all of them children of the first.
func cpuOfTree(pid int) (time.Duration, error) {
	root, err := readStat(pid)
	if err != nil {
		return 0, err
	}
	sum := root.own + root.reaped
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, d := range dirs {
		child, err := strconv.Atoi(filepath.Base(d))
		if err != nil {
			continue
		}
		// A process may end between the listing and the reading; its time is then the parent's.
		if s, err := readStat(child); err == nil && s.parent == pid {
			sum += s.own
		}
	}
	return sum, nil
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
