package hookrun

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// hiddenBytes is what a process holds of a folder that no name leads to any more: files that are open, and files that are mapped, whose size
// cannot be seen and is taken to be the largest. 0 where the process may not be looked at.
func hiddenBytes(pid int, folder string) int64 {
	proc := "/proc/" + strconv.Itoa(pid)
	size, seen := openHidden(proc + "/fd")
	f, err := os.Open(proc + "/maps")
	if err != nil {
		return size
	}
	defer f.Close()
	for s := bufio.NewScanner(f); size <= maxTempBytes && s.Scan(); {
		// address, permissions, offset, device, inode, path (proc_pid_maps(5))
		line := s.Text()
		if !strings.HasSuffix(line, " (deleted)") || !strings.Contains(line, folder+"/") {
			continue
		}
		if f := strings.Fields(line); len(f) > 5 && !seen[f[4]] {
			seen[f[4]] = true
			size += maxFileBytes
		}
	}
	return size
}

// inFlight reports whether descriptors wait in a socket to be received (proc_pid_fdinfo(5)). There they may be in sockets that are in flight themselves,
// and no program sends them to itself but to hide them.
func inFlight(fdinfo string) bool {
	text, err := os.ReadFile(fdinfo)
	_, rest, ok := strings.Cut(string(text), "scm_fds:")
	n, _, _ := strings.Cut(rest, "\n")
	return err == nil && ok && strings.TrimSpace(n) != "0"
}

// openHidden adds up open files without a name. seen are their inodes.
func openHidden(folder string) (size int64, seen map[string]bool) {
	seen = map[string]bool{}
	dir, err := os.Open(folder)
	if err != nil {
		return 0, seen
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(0)
	for _, name := range names {
		info, err := os.Stat(folder + "/" + name)
		if err == nil && info.Mode()&os.ModeSocket != 0 && inFlight(folder+"info/"+name) {
			size += maxTempBytes + 1
		}
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok || st.Nlink > 0 {
			continue
		}
		if inode := strconv.FormatUint(st.Ino, 10); !seen[inode] {
			seen[inode] = true
			size += info.Size()
		}
	}
	return size, seen
}
