package hookrun

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

const (
	// tailBytes is what Result.Log holds at most, as much as Lambda's LogType Tail.
	tailBytes = 4 << 10
	// maxLine is where a line without end is cut.
	maxLine = 32 << 10
	// stopFactor times Options.OutputBytes ends the worker.
	stopFactor = 16
	// syncTimeout bounds the wait for output that is still on its way when a call has ended.
	syncTimeout = 100 * time.Millisecond
)

// output reads what a worker writes, and gives each line to the call at hand. What is written between calls, or at the start, counts for the
// next one.
//
// When a call ends, its output may still be in the pipe. The server therefore writes a mark into the pipe itself, and waits until it has
// read it: everything before it has been seen by then.
type output struct {
	read, write *os.File
	mark        []byte
	limit       int64
	line        func(requestID, line string)
	overflow    func()

	mu sync.Mutex
	// calls are the calls at hand, in the order in which they began.
	calls []*callLog
	early callLog
	total int64
	waits map[uint64]chan struct{}
	seq   uint64
	ended chan struct{}
}

// callLog is the output of one call.
type callLog struct {
	id      string
	tail    []byte
	bytes   int64
	dropped bool
}

func newOutput(limit int64, line func(requestID, line string), overflow func()) (*output, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	secret := make([]byte, 16)
	rand.Read(secret)
	o := &output{read: r, write: w, limit: limit, line: line, overflow: overflow, waits: map[uint64]chan struct{}{}, ended: make(chan struct{})}
	o.mark = append([]byte{0}, hex.EncodeToString(secret)...)
	go o.run()
	return o, nil
}

// run reads until nobody can write any more.
func (o *output) run() {
	defer close(o.ended)
	r := bufio.NewReaderSize(o.read, maxLine)
	for {
		chunk, err := r.ReadSlice('\n')
		if i := bytes.Index(chunk, o.mark); i >= 0 {
			o.add(chunk[:i], 0)
			o.passed(chunk[i+len(o.mark):])
		} else {
			o.add(chunk, o.skip(r))
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// skip passes over what is here already if it would be dropped anyway, and returns how much: short lines without end would cost much one by one.
func (o *output) skip(r *bufio.Reader) int {
	o.mu.Lock()
	dropping := len(o.calls) == 0 && o.early.dropped || len(o.calls) == 1 && o.calls[0].dropped
	o.mu.Unlock()
	if !dropping {
		return 0
	}
	b, _ := r.Peek(r.Buffered())
	if bytes.IndexByte(b, o.mark[0]) >= 0 {
		return 0
	}
	n, _ := r.Discard(len(b))
	return n
}

// add takes one line, or a part of a very long one, after which so many bytes were skipped.
func (o *output) add(chunk []byte, skipped int) {
	if len(chunk) == 0 {
		return
	}
	text := bytes.TrimRight(chunk, "\r\n")
	size := int64(len(chunk) + skipped)
	o.mu.Lock()
	o.total += size
	over := o.total-size < stopFactor*o.limit && o.total >= stopFactor*o.limit
	c := o.owner(text)
	c.bytes += size
	keep := c.bytes <= o.limit
	id := c.id
	var lines []string
	if keep {
		lines = append(lines, string(text))
	} else if !c.dropped {
		c.dropped = true
		lines = append(lines, fmt.Sprintf("[more than %d bytes of output: the rest is dropped]", o.limit))
	}
	for _, l := range lines {
		c.append(l)
	}
	o.mu.Unlock()
	if o.line != nil {
		for _, l := range lines {
			o.line(id, l)
		}
	}
	if over {
		go o.overflow()
	}
}

// owner finds the call that a line belongs to: the only one, the one that the line names in Lambda's form, else the latest.
func (o *output) owner(text []byte) *callLog {
	if len(o.calls) == 0 {
		return &o.early
	}
	if len(o.calls) > 1 {
		if _, rest, ok := bytes.Cut(text, []byte{'\t'}); ok {
			id, _, _ := bytes.Cut(rest, []byte{'\t'})
			for _, c := range o.calls {
				if c.id == string(id) {
					return c
				}
			}
		}
	}
	return o.calls[len(o.calls)-1]
}

func (c *callLog) append(line string) {
	c.tail = append(append(c.tail, line...), '\n')
	if len(c.tail) > 4*tailBytes {
		c.tail = append(c.tail[:0], c.tail[len(c.tail)-tailBytes:]...)
	}
}

// begin opens a call's log with what was written before it, and the line that Lambda begins with.
func (o *output) begin(id, first string) *callLog {
	o.mu.Lock()
	c := &callLog{id: id, tail: o.early.tail, bytes: o.early.bytes}
	o.early = callLog{}
	o.total = 0
	c.append(first)
	o.calls = append(o.calls, c)
	o.mu.Unlock()
	if o.line != nil {
		o.line(id, first)
	}
	return c
}

// end closes a call's log, with lines of ours, and returns its last 4 KiB.
func (o *output) end(c *callLog, last ...string) []byte {
	o.sync()
	o.mu.Lock()
	for i, x := range o.calls {
		if x == c {
			o.calls = append(o.calls[:i], o.calls[i+1:]...)
			break
		}
	}
	for _, l := range last {
		c.append(l)
	}
	tail := c.tail[max(0, len(c.tail)-tailBytes):]
	o.mu.Unlock()
	if o.line != nil {
		for _, l := range last {
			o.line(c.id, l)
		}
	}
	return tail
}

// sync waits until what has been written so far has been read.
func (o *output) sync() {
	o.mu.Lock()
	o.seq++
	seq, done := o.seq, make(chan struct{})
	o.waits[seq] = done
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		delete(o.waits, seq)
		o.mu.Unlock()
	}()
	// A full pipe blocks the write; then the worker is writing faster than it is read, and what is missed is no loss.
	_ = o.write.SetWriteDeadline(time.Now().Add(syncTimeout))
	if _, err := fmt.Fprintf(o.write, "%s%d\n", o.mark, seq); err != nil {
		return
	}
	timer := time.NewTimer(syncTimeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-o.ended:
	case <-timer.C:
	}
}

// passed wakes whoever waits for a mark.
func (o *output) passed(number []byte) {
	seq, err := strconv.ParseUint(string(bytes.TrimSpace(number)), 10, 64)
	if err != nil {
		return
	}
	o.mu.Lock()
	if done := o.waits[seq]; done != nil {
		close(done)
		delete(o.waits, seq)
	}
	o.mu.Unlock()
}

// last is what was written outside of calls, for workers that never got to one.
func (o *output) last() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.early.tail[max(0, len(o.early.tail)-tailBytes):])
}

// close ends the reading once the process is gone. Something that it left behind may still hold the pipe, so that there may be no end to wait for.
func (o *output) close() {
	o.write.Close()
	timer := time.NewTimer(syncTimeout)
	defer timer.Stop()
	select {
	case <-o.ended:
	case <-timer.C:
	}
	o.read.Close()
}

// contains looks for a sign in the output of the calls at hand, or of the start.
func (o *output) contains(sign string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if bytes.Contains(o.early.tail, []byte(sign)) {
		return true
	}
	for _, c := range o.calls {
		if bytes.Contains(c.tail, []byte(sign)) {
			return true
		}
	}
	return false
}
