package smpp

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// answerTimeout is the response timer (7.2), enquireEvery how often a silent peer is asked, and maxMisses how many of these times may pass
	// without a word of it.
	answerTimeout = 10 * time.Second
	enquireEvery  = 30 * time.Second
	maxMisses     = 2
	// maxBatch is how much is written at once, in octets, where several requests wait.
	maxBatch = 16 << 10
	// maxReplies bounds the answers that wait to be written.
	maxReplies = 256
	// drainTime is how long Close waits for answers, partingTime for that to its unbind.
	drainTime, partingTime = 5 * time.Second, 2 * time.Second
	// retireTime is how long a session that the centre forgot is kept for the answers to what was sent with the one that it refused.
	retireTime = time.Second
)

var (
	errNoAnswer = errors.New("no answer within the response timer")
	errSilent   = errors.New("the message centre does not answer enquire_link")
	errUnbound  = errors.New("the message centre unbound")
	errClosed   = errors.New("the account was closed")
	errStuck    = errors.New("the message centre does not read its answers")
)

// States of a request. Only the writer goes from queued to written, only whoever gives it up from queued to cancelled.
const (
	queued int32 = iota
	written
	cancelled
)

// request is something that wants an answer. Its fields under session.mu: seq and timer.
type request struct {
	frame []byte
	state atomic.Int32
	done  chan outcome
	// slot says that it needs a place in the window, want what the answer is.
	slot  bool
	want  Command
	seq   uint32
	timer *time.Timer
}

// outcome is an answer, or why there is none and whether the request may have been read.
type outcome struct {
	answer  PDU
	err     error
	written bool
}

// session is one connection. A request goes from waiting (for a place in the window) to queue (for the writer), and is pending from then until its
// answer.
type session struct {
	conn   net.Conn
	window int
	// deliver takes a deliver_sm and says how to answer it. It must not block.
	deliver func(*SM) Status
	// accepted hears the id of each accepted submit, before any receipt that follows it. It must not block.
	accepted func(id string)

	wake    chan struct{}
	replies chan []byte
	parting chan error
	dead    chan struct{}
	heard   atomic.Bool
	wg      sync.WaitGroup

	mu             sync.Mutex
	next           uint32
	used           int
	waiting, queue []*request
	pending        map[uint32]*request
	// cause is why the session ended; idle, if not nil, is closed when the window is empty.
	cause error
	idle  chan struct{}
}

func newSession(conn net.Conn, window int, deliver func(*SM) Status, accepted func(id string)) *session {
	s := &session{
		conn: conn, window: window, deliver: deliver, accepted: accepted,
		wake: make(chan struct{}, 1), replies: make(chan []byte, maxReplies), parting: make(chan error, 1),
		dead: make(chan struct{}), pending: map[uint32]*request{},
	}
	s.wg.Go(s.read)
	s.wg.Go(s.write)
	return s
}

// do sends a request and waits for its answer; submits go through the window, in order. If ctx ends first, what was written keeps its place in the
// window until it is answered or the response timer ends.
func (s *session) do(ctx context.Context, c Command, b Body) outcome {
	if err := ctx.Err(); err != nil {
		return outcome{err: err}
	}
	r, err := s.enqueue(c, b)
	if err != nil {
		return outcome{err: err}
	}
	select {
	case o := <-r.done:
		return o
	case <-ctx.Done():
	}
	if r.state.CompareAndSwap(queued, cancelled) {
		s.giveUp(r)
		return outcome{err: ctx.Err()}
	}
	select {
	case o := <-r.done: // it came in the same moment
		return o
	default:
		return outcome{err: ctx.Err(), written: true}
	}
}

func (s *session) enqueue(c Command, b Body) (*request, error) {
	frame, err := PDU{Command: c, Body: b}.Append(make([]byte, 0, 256))
	if err != nil {
		return nil, err
	}
	r := &request{frame: frame, done: make(chan outcome, 1), slot: c == SubmitSM, want: c.Response()}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.cause != nil:
		return nil, s.cause
	case r.slot && (s.used >= s.window || s.idle != nil):
		s.waiting = append(s.waiting, r)
	default:
		s.admit(r)
	}
	return r, nil
}

// admit numbers a request and hands it to the writer. The lock is held.
func (s *session) admit(r *request) {
	if s.next++; s.next > maxSequence {
		s.next = 1
	}
	r.seq = s.next
	binary.BigEndian.PutUint32(r.frame[12:], r.seq)
	if r.slot {
		s.used++
	}
	s.pending[r.seq] = r
	r.timer = time.AfterFunc(answerTimeout, func() { s.finish(r.seq, outcome{err: errNoAnswer}, 0) })
	s.queue = append(s.queue, r)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// release takes an admitted request out of the window, and admits the next. The lock is held.
func (s *session) release(r *request) {
	delete(s.pending, r.seq)
	r.timer.Stop()
	if !r.slot {
		return
	}
	s.used--
	for s.used < s.window && len(s.waiting) > 0 && s.idle == nil {
		next := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.admit(next)
	}
	if s.used == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// giveUp takes a cancelled request out.
func (s *session) giveUp(r *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	same := func(o *request) bool { return o == r }
	s.waiting, s.queue = slices.DeleteFunc(s.waiting, same), slices.DeleteFunc(s.queue, same)
	if s.pending[r.seq] == r {
		s.release(r)
	}
}

// finish ends the request with this number, if there is one that waits for such an answer.
func (s *session) finish(seq uint32, o outcome, c Command) {
	s.mu.Lock()
	r, ok := s.pending[seq]
	if !ok || c != 0 && c != r.want && c != GenericNack {
		s.mu.Unlock()
		return
	}
	s.release(r)
	s.mu.Unlock()
	r.end(o)
}

func (r *request) end(o outcome) {
	o.written = !r.state.CompareAndSwap(queued, cancelled) && r.state.Load() == written
	r.done <- o
}

// fail ends the connection and all that waits on it.
func (s *session) fail(cause error) {
	s.mu.Lock()
	if s.cause != nil {
		s.mu.Unlock()
		return
	}
	s.cause = cause
	ended := s.waiting
	for _, r := range s.pending {
		r.timer.Stop()
		ended = append(ended, r)
	}
	s.waiting, s.queue, s.pending = nil, nil, nil
	if s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
	s.mu.Unlock()
	close(s.dead)
	for _, r := range ended {
		r.end(outcome{err: cause})
	}
	s.conn.Close() // after them: with TLS it may take a moment
}

// retire ends the connection in a moment: what is under way may still be answered.
func (s *session) retire(cause error) { time.AfterFunc(retireTime, func() { s.fail(cause) }) }

func (s *session) why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

// close lets submits that are under way be answered, unbinds, and returns when all goroutines have ended.
func (s *session) close() {
	s.mu.Lock()
	var idle chan struct{}
	if s.used > 0 && s.cause == nil {
		idle = make(chan struct{})
		s.idle = idle
	}
	s.mu.Unlock()
	if idle != nil {
		limit := time.NewTimer(drainTime)
		select {
		case <-idle:
		case <-limit.C:
		}
		limit.Stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), partingTime)
	defer cancel()
	s.do(ctx, Unbind, nil)
	s.fail(errClosed)
	s.wg.Wait()
}
