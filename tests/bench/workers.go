package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// workersOf lists the processes below a server: the workers of its functions.
func workersOf(pid int) ([]int, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	parents := map[int]int{}
	for _, d := range dirs {
		child, err := strconv.Atoi(filepath.Base(d))
		if err != nil {
			continue
		}
		if s, err := readStat(child); err == nil {
			parents[child] = s.parent
		}
	}
	below := func(p int) bool {
		for p = parents[p]; p > 1; p = parents[p] {
			if p == pid {
				return true
			}
		}
		return false
	}
	var out []int
	for child := range parents {
		if below(child) {
			out = append(out, child)
		}
	}
	slices.Sort(out)
	return out, nil
}

// usageOfWorkers is that of all processes that a server started, those that have ended included.
func usageOfWorkers(pid int) (usage, error) {
	root, err := readStat(pid)
	if err != nil {
		return usage{}, err
	}
	sum := usage{cpu: root.reaped}
	list, err := workersOf(pid)
	for _, p := range list {
		// A process may end between the listing and the reading; its time is then its parent's.
		if s, err := readStat(p); err == nil {
			sum.cpu += s.own + s.reaped
		}
	}
	return sum, err
}

// workerMemory is the memory of one worker, its pages shared with nobody apart.
type workerMemory struct {
	PSS     int64 `json:"pss"`
	Private int64 `json:"private"`
}

// memoryOfWorkers measures each worker, the largest first.
func memoryOfWorkers(pid int) (out []workerMemory, err error) {
	list, err := workersOf(pid)
	for _, p := range list {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p))
		if err != nil || len(b) == 0 {
			continue // it has ended, or is another user's
		}
		m := workerMemory{kilobytes(string(b), "Pss:"), kilobytes(string(b), "Private_Clean:") + kilobytes(string(b), "Private_Dirty:")}
		if m.PSS > 0 {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b workerMemory) int { return int(b.PSS - a.PSS) })
	return out, err
}
