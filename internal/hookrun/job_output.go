package hookrun

import (
	"bytes"
	"os"
	"sync"
	"time"
)

// tail keeps the end of what a job writes.
type tail struct {
	read, write *os.File
	keep        int
	limit       int64
	full        chan struct{} // closed beyond limit
	ended       chan struct{}
	once        sync.Once

	mu  sync.Mutex
	buf []byte
}

func newTail(keep int, limit int64) (*tail, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	t := &tail{read: r, write: w, keep: keep, limit: limit, full: make(chan struct{}), ended: make(chan struct{})}
	go t.run()
	return t, nil
}

func (t *tail) run() {
	defer close(t.ended)
	chunk, sum := make([]byte, 16<<10), int64(0)
	for {
		n, err := t.read.Read(chunk)
		before := sum
		if sum += int64(n); before <= t.limit && sum > t.limit {
			close(t.full)
		}
		t.mu.Lock()
		if t.buf = append(t.buf, chunk[:n]...); len(t.buf) > 2*t.keep {
			t.buf = append(t.buf[:0], t.buf[len(t.buf)-t.keep:]...)
		}
		t.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (t *tail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Clone(t.buf[max(0, len(t.buf)-t.keep):])
}

func (t *tail) contains(sign string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return bytes.Contains(t.buf, []byte(sign))
}

// close ends the reading once the process is gone. Something that it left behind may still hold the pipe: see output.close.
func (t *tail) close() {
	t.once.Do(func() {
		t.write.Close()
		timer := time.NewTimer(syncTimeout)
		defer timer.Stop()
		select {
		case <-t.ended:
		case <-timer.C:
		}
		t.read.Close()
	})
}
