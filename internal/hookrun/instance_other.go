//go:build !unix

package hookrun

import "os"

// tryLock only makes the file: this system has no flock, so that whoever made one counts as alive for as long as it is there.
func tryLock(path string) (lock *os.File, held bool, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if os.IsExist(err) {
		return nil, true, nil
	}
	return f, false, err
}

// owned is never known here.
func owned(os.FileInfo) bool { return false }
