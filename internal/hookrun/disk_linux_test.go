package hookrun

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// A mapped file stays on disk after it lost its name and was closed.
func TestMappedFilesCount(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		path := filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(path, make([]byte, 8192), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		b, err := syscall.Mmap(int(f.Fd()), 0, 4096, syscall.PROT_READ, syscall.MAP_SHARED)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { syscall.Munmap(b) })
		f.Close()
		os.Remove(path)
	}
	if got := hiddenBytes(os.Getpid(), dir); got != 3*maxFileBytes {
		t.Errorf("%d", got)
	}
	if got := hiddenBytes(os.Getpid(), filepath.Join(dir, "other")); got != 0 {
		t.Errorf("%d of another folder", got)
	}
}

// A descriptor that was sent and not received is nobody's, and keeps its file.
func TestDescriptorsInFlightCount(t *testing.T) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(pair[0])
	defer syscall.Close(pair[1])
	dir := t.TempDir()
	if got := hiddenBytes(os.Getpid(), dir); got != 0 {
		t.Fatalf("%d of nothing", got)
	}
	if err := syscall.Sendmsg(pair[0], []byte("x"), syscall.UnixRights(pair[0]), nil, 0); err != nil {
		t.Fatal(err)
	}
	if !tooLarge(dir, os.Getpid()) {
		t.Error("it does not count")
	}
}

func BenchmarkHiddenBytes(b *testing.B) {
	for b.Loop() {
		hiddenBytes(os.Getpid(), "/nowhere")
	}
}
