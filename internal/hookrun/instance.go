package hookrun

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const (
	lockSuffix = ".lock"
	newPrefix  = ".new-"
)

// enlist marks this Runner as alive: whatever it makes in the cache folder bears its name, and the lock beside ends with the process. Several
// servers may share the folder.
func (r *Runner) enlist() error {
	folder := filepath.Join(r.opts.Cache, "run")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("hookrun: %w", err)
	}
	for range 3 { // a sweep may take the file away between its making and its locking
		b := make([]byte, 6)
		rand.Read(b)
		r.instance = hex.EncodeToString(b)
		lock, held, err := tryLock(filepath.Join(folder, r.instance+lockSuffix))
		if err != nil {
			return fmt.Errorf("hookrun: %w", err)
		}
		if !held && sameFile(lock) {
			r.lock = lock
			return nil
		}
		if !held {
			lock.Close()
		}
	}
	return errors.New("hookrun: other servers take this one's lock away")
}

// sameFile reports whether an open file still has its name.
func sameFile(f *os.File) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(f.Name())
	return err == nil && os.SameFile(mine, named)
}

// delist is the reverse.
func (r *Runner) delist() {
	os.Remove(r.lock.Name())
	r.lock.Close()
}

// sweep removes what killed servers left: private folders of workers, half-made packages, certificates.
func (r *Runner) sweep() {
	run := filepath.Join(r.opts.Cache, "run")
	alive := map[string]bool{r.instance: true}
	list, err := os.ReadDir(run)
	if err != nil {
		return
	}
	for _, d := range list {
		name, ok := strings.CutSuffix(d.Name(), lockSuffix)
		if !ok || name == r.instance {
			continue
		}
		path := filepath.Join(run, d.Name())
		lock, held, err := tryLock(path)
		if err != nil || held {
			alive[name] = true
			continue
		}
		os.Remove(path)
		lock.Close()
	}
	for folder, prefix := range map[string]string{"work": "", "packages": newPrefix, "runtime": caPrefix} {
		r.sweepFolder(filepath.Join(r.opts.Cache, folder), prefix, alive)
	}
}

// sweepFolder removes what bears the prefix and the name of no Runner that is alive.
func (r *Runner) sweepFolder(folder, prefix string, alive map[string]bool) {
	list, err := os.ReadDir(folder)
	if err != nil {
		return
	}
	for _, d := range list {
		rest, ok := strings.CutPrefix(d.Name(), prefix)
		name, _, _ := strings.Cut(rest, "-")
		if !ok || alive[name] {
			continue
		}
		if err := RemoveAll(filepath.Join(folder, d.Name())); err != nil {
			r.opts.Logger.Warn("what an earlier server left cannot be removed", "path", filepath.Join(folder, d.Name()), "error", err)
		}
	}
}

// Abandoned reports whether a folder was the cache of Runners that are all gone, and belongs to this process's user.
func Abandoned(folder string) bool {
	info, err := os.Lstat(folder)
	if err != nil || !info.IsDir() || !owned(info) {
		return false
	}
	run := filepath.Join(folder, "run")
	list, err := os.ReadDir(run)
	for _, d := range list {
		lock, held, lockErr := tryLock(filepath.Join(run, d.Name()))
		if lockErr != nil || held {
			return false
		}
		lock.Close()
	}
	return err == nil
}
