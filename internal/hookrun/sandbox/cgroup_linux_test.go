package sandbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// tree makes files below a folder; the kernel makes those of new groups by itself, here they are made before.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestFindCgroups(t *testing.T) {
	for name, test := range map[string]struct {
		own, controllers string
		delegate         string
		want             string
	}{
		"none":           {own: "", want: "none mounted"},
		"not delegated":  {own: "0::/system.slice/x.service\n", controllers: "memory pids", want: "not delegated"},
		"no memory":      {own: "0::/unit/server\n", controllers: "cpu pids", delegate: "1", want: "controllers memory and pids are not delegated"},
		"delegated":      {own: "0::/unit/server\n", controllers: "cpu memory pids", delegate: "1", want: "memory.max"},
		"not writable 1": {own: "9:memory:/a\n8:pids:/b\n0::/\n", want: "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			root := tree(t, map[string]string{"unit/cgroup.controllers": test.controllers, "unit/cgroup.subtree_control": "", "own": test.own,
				"unit/" + cgroupPrefix + "notes/file": "not empty"})
			if test.delegate != "" {
				if err := unix.Setxattr(filepath.Join(root, "unit"), "user.delegate", []byte(test.delegate), 0); err != nil {
					t.Fatal(err)
				}
			}
			_, err := findCgroups(root, filepath.Join(root, "own"))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %s", err, test.want)
			}
			if test.want != "memory.max" {
				return
			}
			if b, _ := os.ReadFile(filepath.Join(root, "unit/cgroup.subtree_control")); string(b) != "+memory +pids" {
				t.Errorf("subtree control: %s", b)
			}
		})
	}
}

func TestCgroupReportsMemory(t *testing.T) {
	for _, v2 := range []bool{false, true} {
		for text, want := range map[string]bool{"oom_kill 0\n": false, "oom 3\noom_kill 2\n": true, "oom_kill_disable 1\nunder_oom 0\noom_kill 1\n": true, "": false} {
			root := tree(t, map[string]string{"g/memory.oom_control": text, "g/memory.events": text})
			if got := (&cgroup{dirs: []string{filepath.Join(root, "g")}, v2: v2}).close(); got != want {
				t.Errorf("version 2 %v, %q: %v", v2, text, got)
			}
		}
	}
	if (*cgroup)(nil).close() {
		t.Error("nothing was ended for its memory")
	}
}

// A group that a killed server left is removed; that of a living one stays.
func TestCgroupSweep(t *testing.T) {
	root := tree(t, map[string]string{"unit/x": ""})
	unit := filepath.Join(root, "unit")
	dead, alive := filepath.Join(unit, cgroupPrefix+"999999999-A"), filepath.Join(unit, cgroupPrefix+"1-A")
	for _, d := range []string{dead, alive} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	_ = (&cgroups{memory: unit, pids: unit, v2: true}).usable() // fails further on: no kernel makes the files
	if _, err := os.Stat(dead); err == nil {
		t.Error("the group of a dead server is still there")
	}
	if _, err := os.Stat(alive); err != nil {
		t.Error("the group of a living server is gone")
	}
}

func TestCapped(t *testing.T) {
	full := machine{Namespaces: true, Landlock: 7, Seccomp: true}
	for limit, want := range map[Level]machine{
		Full:   full,
		Strong: {Landlock: 7, Seccomp: true},
		Weak:   {Seccomp: true},
		None:   {},
	} {
		if got := full.capped(limit); got != want || got.level() != limit {
			t.Errorf("%s: %+v", limit, got)
		}
	}
	for _, m := range []machine{{Namespaces: true, Landlock: 5, Seccomp: true}, {Landlock: 4, Seccomp: true}} {
		if m.level() != Strong || m.capped(Strong) != m {
			t.Errorf("%+v is %s", m, m.level())
		}
	}
	for _, m := range []machine{{Namespaces: true}, {Landlock: 3, Seccomp: true}, {Landlock: 7}, {Seccomp: true}, {Namespaces: true, Landlock: 7}} {
		if m.level() != Weak {
			t.Errorf("%+v is %s", m, m.level())
		}
	}
}
