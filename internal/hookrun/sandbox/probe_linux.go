package sandbox

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// layer is one of the three that the level depends on.
type layer struct {
	name string
	used func(machine) bool
	drop func(*machine)
}

func layers() []layer {
	return []layer{
		{"namespaces", func(m machine) bool { return m.Namespaces }, func(m *machine) { m.Namespaces = false }},
		{"landlock", func(m machine) bool { return m.Landlock > 0 }, func(m *machine) { m.Landlock = 0 }},
		{"seccomp", func(m machine) bool { return m.Seccomp }, func(m *machine) { m.Seccomp = false }},
	}
}

// probe runs the launcher itself as the program, with all layers, then with fewer until it runs.
func (l *Launcher) probe(ctx context.Context) error {
	m, missing := offered()
	for m.level() != None {
		err := l.try(ctx, m)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		next, what := l.without(ctx, m)
		missing = append(missing, what+": "+err.Error()+hint(what))
		m = next
	}
	if os.Geteuid() == 0 && !m.ownUsers {
		missing = append(missing, "own user: this server may not give user ids away")
	}
	if m.level() != None {
		var err error
		if m.groups, err = findCgroups("/sys/fs/cgroup", "/proc/self/cgroup"); err != nil {
			m.groups = nil
			missing = append(missing, "cgroup: "+err.Error())
		}
	}
	l.machine = m
	l.report = Report{Level: m.level(), Missing: missing}
	return nil
}

// without finds one layer without which m works; else it leaves the first one away.
func (l *Launcher) without(ctx context.Context, m machine) (machine, string) {
	var first *machine
	what := ""
	for _, y := range layers() {
		if !y.used(m) {
			continue
		}
		next := m
		y.drop(&next)
		if next.level() != None && l.try(ctx, next) == nil {
			return next, y.name
		}
		if first == nil {
			first, what = &next, y.name
		}
	}
	return *first, what
}

// offered asks the kernel what it says it has.
func offered() (machine, []string) {
	m := machine{Namespaces: true, Seccomp: true}
	var missing []string
	abi, err := landlockABI()
	m.Landlock = abi
	switch {
	case errors.Is(err, unix.EOPNOTSUPP):
		missing = append(missing, "landlock: switched off; add landlock to the kernel's lsm= parameter")
	case err != nil:
		missing = append(missing, "landlock: "+err.Error()+" (it needs Linux 6.12)")
	case abi < 6:
		missing = append(missing, fmt.Sprintf("landlock scopes: this kernel has version %d of 6 (Linux 6.12)", abi))
	}
	if err := seccompOffered(); err != nil {
		m.Seccomp = false
		missing = append(missing, err.Error())
	}
	m.ownUsers = os.Geteuid() == 0 && holdsCapability(unix.CAP_SETUID) && holdsCapability(unix.CAP_SETGID) && holdsCapability(unix.CAP_CHOWN) &&
		holdsCapability(unix.CAP_DAC_OVERRIDE) &&
		mapped("/proc/self/uid_map") && mapped("/proc/self/gid_map")
	return m, missing
}

// try runs the probe in the layers of m.
func (l *Launcher) try(ctx context.Context, m machine) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	spec := Spec{Path: l.path, Args: []string{probeMark}, Dir: "/", Ports: []int{9001}, DNS: true, Limits: Limits{}.withDefaults()}
	probe := &Launcher{path: l.path, machine: m}
	p, err := probe.startChild(ctx, &spec, m.level())
	if err != nil {
		return err
	}
	defer p.Kill()
	select {
	case <-p.Done():
	case <-ctx.Done():
		return ctx.Err()
	}
	if e := p.Wait(); e.Code != 0 {
		return fmt.Errorf("the probe ended with status %d, signal %d", e.Code, e.Signal)
	}
	return nil
}

// missing is the report for a process with the layers of m.
func (l *Launcher) missing(m machine) []string {
	out := append([]string(nil), l.report.Missing...)
	for _, y := range layers() {
		if y.used(l.machine) && !y.used(m) {
			out = append(out, y.name+": not used at level "+string(m.level()))
		}
	}
	return out
}

// hint names the setting that commonly forbids a layer.
func hint(what string) string {
	if what != "namespaces" {
		return ""
	}
	for _, s := range []struct{ file, bad, name string }{
		{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "kernel.apparmor_restrict_unprivileged_userns"},
		{"/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone"},
		{"/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces"},
	} {
		if b, err := os.ReadFile(s.file); err == nil && strings.TrimSpace(string(b)) == s.bad {
			return " (" + s.name + " is " + s.bad + ")"
		}
	}
	return ""
}

// mapped reports whether all ids from ownBase on exist in this user namespace (user_namespaces(7)).
func mapped(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var inside, outside, count int
		if n, _ := fmt.Sscan(s.Text(), &inside, &outside, &count); n == 3 && inside <= ownBase && ownBase+1<<ownBits <= inside+count {
			return true
		}
	}
	return false
}
