package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// maxSocketPath is what fits into sockaddr_un on every system (104 bytes), less the temporary folder's name.
const maxSocketPath = 85

// socketPath is admin.sock in the folder, or in the temporary folder where that path would be too long.
func socketPath(folder string) string {
	path := filepath.Join(folder, "admin.sock")
	if len(path) <= maxSocketPath {
		return path
	}
	sum := sha256.Sum256([]byte(folder))
	return filepath.Join(os.TempDir(), fmt.Sprintf("countersign-%d-%s", os.Getuid(), hex.EncodeToString(sum[:8])), "admin.sock")
}

// listenSocket opens a Unix socket of mode 0600. It is made in a folder of its own and renamed, so that nobody else
// reaches it with the mode that the umask gives.
func listenSocket(path string) (net.Listener, error) {
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		c.Close()
		return nil, fmt.Errorf("another server answers at %s", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if strings.HasPrefix(path, os.TempDir()+"/countersign-") {
		// Fails if somebody else made the folder first.
		if err := os.Chmod(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
	}
	own, err := os.MkdirTemp(filepath.Dir(path), ".s") // mode 0700
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(own)
	tmp := filepath.Join(own, "s")
	l, err := net.Listen("unix", tmp)
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(tmp, 0o600), os.Rename(tmp, path)); err != nil {
		l.Close()
		return nil, err
	}
	return &socket{Listener: l, path: path}, nil
}

// socket removes its file when it is closed.
type socket struct {
	net.Listener
	path string
}

// Addr is where clients find it, not where it was made.
func (s *socket) Addr() net.Addr { return &net.UnixAddr{Name: s.path, Net: "unix"} }

func (s *socket) Close() error {
	os.Remove(s.path)
	return s.Listener.Close()
}
