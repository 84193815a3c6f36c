package sandbox

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroupHeadroom is added to Limits.DataBytes for what RLIMIT_DATA does not count: code, stacks, the page cache of the temp folder.
const cgroupHeadroom = 128 << 20

// cgroupPrefix begins the names of our groups: prefix, pid of the server, random.
const cgroupPrefix = "countersign-"

// cgroups is where groups can be made: one folder per controller in version 1, one for both in version 2. It is a further layer: never needed for a level.
type cgroups struct {
	memory, pids string
	v2           bool
}

// findCgroups looks for a folder that is ours to divide. root is /sys/fs/cgroup, own /proc/self/cgroup (cgroups(7)).
func findCgroups(root, own string) (*cgroups, error) {
	text, err := os.ReadFile(own)
	if err != nil {
		return nil, err
	}
	paths := map[string]string{} // by controller, "" is version 2
	for line := range strings.Lines(string(text)) {
		if f := strings.SplitN(strings.TrimSpace(line), ":", 3); len(f) == 3 {
			for _, c := range strings.Split(f[1], ",") {
				paths[c] = f[2]
			}
		}
	}
	if _, ok := paths["memory"]; ok {
		c := &cgroups{memory: filepath.Join(root, "memory", paths["memory"]), pids: filepath.Join(root, "pids", paths["pids"])}
		return c, c.usable()
	}
	if path, ok := paths[""]; ok {
		return findDelegated(filepath.Join(root, path))
	}
	return nil, errors.New("none mounted")
}

// findDelegated is version 2. A group with processes cannot be divided, so that the server has to be in a group of its own below the delegated one.
func findDelegated(own string) (*cgroups, error) {
	dir := filepath.Dir(own)
	var b [8]byte
	n, err := unix.Getxattr(dir, "user.delegate", b[:])
	if err != nil || string(b[:n]) != "1" {
		return nil, errors.New("not delegated (systemd: Delegate=memory pids, DelegateSubgroup=server)")
	}
	controllers, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return nil, err
	}
	if f := strings.Fields(string(controllers)); !slices.Contains(f, "memory") || !slices.Contains(f, "pids") {
		return nil, errors.New("controllers memory and pids are not delegated")
	}
	if err := put(dir, "cgroup.subtree_control", "+memory +pids"); err != nil {
		return nil, err
	}
	c := &cgroups{memory: dir, pids: dir, v2: true}
	return c, c.usable()
}

// usable removes what servers left that were killed, and tries.
func (c *cgroups) usable() error {
	for _, dir := range []string{c.memory, c.pids} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			pid, _, _ := strings.Cut(strings.TrimPrefix(e.Name(), cgroupPrefix), "-")
			if !strings.HasPrefix(e.Name(), cgroupPrefix) {
				continue
			}
			if _, err := os.Stat("/proc/" + pid); errors.Is(err, fs.ErrNotExist) {
				unix.Rmdir(filepath.Join(dir, e.Name()))
			}
		}
	}
	g, err := c.make(Limits{}.withDefaults())
	if err != nil {
		return err
	}
	g.close()
	return nil
}

// cgroup holds one process. A nil one holds nothing.
type cgroup struct {
	dirs []string
	v2   bool
}

// make makes an empty group with limits.
func (c *cgroups) make(l Limits) (*cgroup, error) {
	name := cgroupPrefix + strconv.Itoa(os.Getpid()) + "-" + rand.Text()[:12]
	g := &cgroup{v2: c.v2}
	for _, parent := range slices.Compact([]string{c.memory, c.pids}) {
		dir := filepath.Join(parent, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			g.close()
			return nil, err
		}
		g.dirs = append(g.dirs, dir)
	}
	memory := strconv.FormatInt(l.DataBytes+cgroupHeadroom, 10)
	first, last := g.dirs[0], g.dirs[len(g.dirs)-1]
	var err error
	if c.v2 {
		err = put(first, "memory.max", memory)
		put(first, "memory.swap.max", "0") // absent without swap
	} else {
		err = put(first, "memory.limit_in_bytes", memory)
		put(first, "memory.memsw.limit_in_bytes", memory) // absent without swap accounting
	}
	// The launcher's own threads are in the group until it becomes the program.
	if err := errors.Join(err, put(last, "pids.max", strconv.Itoa(max(l.Threads, 16)))); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

// add moves a process with its threads.
func (g *cgroup) add(pid int) error {
	for _, dir := range g.dirs {
		if err := put(dir, "cgroup.procs", strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return nil
}

// close removes the group, which must be empty, and reports whether the kernel ended something in it for its memory.
func (g *cgroup) close() (oom bool) {
	if g == nil || len(g.dirs) == 0 {
		return false
	}
	file := "memory.oom_control"
	if g.v2 {
		file = "memory.events"
	}
	if f, err := os.Open(filepath.Join(g.dirs[0], file)); err == nil {
		for s := bufio.NewScanner(f); s.Scan(); {
			if n, ok := strings.CutPrefix(s.Text(), "oom_kill "); ok && n != "0" {
				oom = true
			}
		}
		f.Close()
	}
	for _, dir := range g.dirs {
		unix.Rmdir(dir)
	}
	g.dirs = nil
	return oom
}

// put writes without creating: these files exist or the kernel lacks the controller.
func put(dir, file, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}
