package hookrun

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"countersign/internal/runner"
)

const (
	// maxTempBytes and maxTempFiles bound a worker's private folder, as large as Lambda's /tmp, and maxTempDepth the folders in one another; it is
	// looked at every tempInterval. Files that have no name any more, but are open or mapped, count as well.
	maxTempBytes = 512 << 20
	maxTempFiles = 10_000
	maxTempDepth = 64
	tempInterval = time.Second
	// maxFileBytes bounds each file (sandbox.Limits.FileBytes).
	maxFileBytes = 16 << 20
	// flatDepth is how deep folders are removed at once.
	flatDepth = 8
)

// watchDisk ends the worker if its private folder grows too large, and returns when the process has ended.
func (w *worker) watchDisk() {
	tick := time.NewTicker(tempInterval)
	defer tick.Stop()
	for {
		select {
		case <-w.proc.Done():
			return
		case <-tick.C:
		}
		if tooLarge(w.temp, w.proc.Pid()) {
			w.r.retire(w, runner.Output, "private folder too large")
		}
	}
}

var errFull = errors.New("hookrun: the folder is too large")

// tooLarge judges a worker's folder, and what its process holds of it besides.
func tooLarge(folder string, pid int) bool { return exceeds(folder, pid, maxTempBytes, maxTempFiles) }

// exceeds reports whether a folder, and what a process holds of it besides, is larger than the bounds.
func exceeds(folder string, pid int, maxBytes int64, maxFiles int) bool {
	size := hiddenBytes(pid, folder)
	files := 0
	err := filepath.WalkDir(folder, func(p string, d fs.DirEntry, err error) error {
		if depth(folder, p) > maxTempDepth {
			return errFull // deeper, names are longer than the kernel takes, and what is there would not be seen
		}
		if err != nil {
			return nil // it may have gone meanwhile
		}
		if info, err := d.Info(); err == nil && !d.IsDir() {
			size += info.Size()
		}
		if files++; size > maxBytes || files > maxFiles {
			return errFull
		}
		return nil
	})
	return size > maxBytes || errors.Is(err, errFull)
}

// depth is how many folders lie between root and p.
func depth(root, p string) int {
	return strings.Count(p[min(len(p), len(root)):], string(filepath.Separator))
}

// RemoveAll removes a tree whose folders may be read-only, and nested so deeply that neither names nor descriptors would suffice: what is deep is
// moved up first.
func RemoveAll(root string) error {
	roots := []string{root}
	for i := 0; i < len(roots); i++ {
		top := roots[i]
		_ = filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return nil
			}
			_ = os.Chmod(p, 0o700)
			if depth(top, p) < flatDepth {
				return nil
			}
			up := filepath.Join(root, ".deep-"+rand.Text())
			if os.Rename(p, up) != nil {
				return nil
			}
			roots = append(roots, up)
			return filepath.SkipDir
		})
	}
	return os.RemoveAll(root)
}
