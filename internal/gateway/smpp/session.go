package smpp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
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
)

var (
	errNoAnswer = errors.New("no answer within the response timer")
	errSilent   = errors.New("the message centre does not answer enquire_link")
	errUnbound  = errors.New("the message centre unbound")
	errClosed   = errors.New("the account was closed")
	errStuck    = errors.New("the message centre does not read its answers")
)

// States of a request. Only the writer goes from queued to written, only the one who waits from queued to cancelled.
const (
	queued int32 = iota
	written
	cancelled
)

type request struct {
	frame []byte
	state atomic.Int32
	done  chan outcome
	timer *time.Timer
	// slot says that it holds a place in the window.
	slot bool
	seq  uint32
	want Command
}

// outcome is an answer, or why there is none and whether the request may have been read.
type outcome struct {
	answer  PDU
	err     error
	written bool
}

// session is one connection. All fields but those under mu are set before its goroutines start.
type session struct {
	conn   net.Conn
	window chan struct{}
	// deliver takes a deliver_sm and says how to answer it. It must not block.
	deliver func(*SM) Status

	out     chan *request
	replies chan []byte
	parting chan error
	dead    chan struct{}
	heard   atomic.Bool
	wg      sync.WaitGroup

	mu      sync.Mutex
	next    uint32
	pending map[uint32]*request
	cause   error
}

func newSession(conn net.Conn, window int, deliver func(*SM) Status) *session {
	s := &session{
		conn: conn, window: make(chan struct{}, window), deliver: deliver,
		out: make(chan *request, window+4), replies: make(chan []byte, maxReplies), parting: make(chan error, 1),
		dead: make(chan struct{}), pending: map[uint32]*request{},
	}
	s.wg.Go(s.read)
	s.wg.Go(s.write)
	return s
}

// submit sends one submit_sm through the window.
func (s *session) submit(ctx context.Context, m *SM) outcome {
	select {
	case s.window <- struct{}{}:
	case <-s.dead:
		return outcome{err: s.why()}
	case <-ctx.Done():
		return outcome{err: ctx.Err()}
	}
	return s.do(ctx, SubmitSM, m, true)
}

// do sends a request and waits for its answer. If ctx ends first, the request keeps its place in the window until it is answered or the response
// timer ends.
func (s *session) do(ctx context.Context, c Command, b Body, slot bool) outcome {
	r, err := s.enqueue(c, b, slot)
	if err != nil {
		if slot {
			<-s.window
		}
		return outcome{err: err}
	}
	select {
	case o := <-r.done:
		return o
	case <-ctx.Done():
	}
	if r.state.CompareAndSwap(queued, cancelled) {
		s.finish(r.seq, outcome{}, 0)
		return outcome{err: ctx.Err()}
	}
	select {
	case o := <-r.done: // it came in the same moment
		return o
	default:
		return outcome{err: ctx.Err(), written: true}
	}
}

// enqueue numbers a request and hands it to the writer; under the lock, so that numbers go out in order.
func (s *session) enqueue(c Command, b Body, slot bool) (*request, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause != nil {
		return nil, s.cause
	}
	if s.next++; s.next > maxSequence {
		s.next = 1
	}
	seq := s.next
	frame, err := PDU{Command: c, Sequence: seq, Body: b}.Append(make([]byte, 0, 256))
	if err != nil {
		return nil, err
	}
	r := &request{frame: frame, done: make(chan outcome, 1), slot: slot, seq: seq, want: c.Response()}
	select {
	case s.out <- r:
	default:
		return nil, errStuck // what gave up while the writer is blocked fills the queue
	}
	s.pending[seq] = r
	r.timer = time.AfterFunc(answerTimeout, func() { s.finish(seq, outcome{err: errNoAnswer}, 0) })
	return r, nil
}

// finish ends the request with this number, if there is one that waits for such an answer.
func (s *session) finish(seq uint32, o outcome, c Command) {
	s.mu.Lock()
	r, ok := s.pending[seq]
	if !ok || c != 0 && c != r.want && c != GenericNack {
		s.mu.Unlock()
		return
	}
	delete(s.pending, seq)
	s.mu.Unlock()
	r.end(o, s.window)
}

func (r *request) end(o outcome, window chan struct{}) {
	r.timer.Stop()
	o.written = !r.state.CompareAndSwap(queued, cancelled) && r.state.Load() == written
	r.done <- o
	if r.slot {
		<-window
	}
}

// fail ends the connection and all that waits on it.
func (s *session) fail(cause error) {
	s.mu.Lock()
	if s.cause != nil {
		s.mu.Unlock()
		return
	}
	s.cause = cause
	waiting := s.pending
	s.pending = map[uint32]*request{}
	s.mu.Unlock()
	close(s.dead)
	for _, r := range waiting {
		r.end(outcome{err: cause}, s.window)
	}
	s.conn.Close() // after them: with TLS it may take a moment
}

func (s *session) why() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

// batch is what is written at once, with where each request begins.
type batch struct {
	octets []byte
	sent   []*request
	starts []int
}

func (b *batch) add(r *request) {
	if r.state.CompareAndSwap(queued, written) {
		b.sent, b.starts = append(b.sent, r), append(b.starts, len(b.octets))
		b.octets = append(b.octets, r.frame...)
	}
}

// write is the only one that writes. It takes together what waits.
func (s *session) write() {
	var b batch
	for {
		b = batch{octets: b.octets[:0], sent: b.sent[:0], starts: b.starts[:0]}
		var last error
		select {
		case <-s.dead:
			return
		case last = <-s.parting:
		case octets := <-s.replies:
			b.octets = append(b.octets, octets...)
		case r := <-s.out:
			b.add(r)
		}
		s.gather(&b, last != nil)
		if err := s.flush(&b); err != nil {
			s.fail(fmt.Errorf("the connection broke: %w", err))
			return
		}
		if last != nil {
			s.fail(last)
			return
		}
	}
}

// gather adds what waits; at the end of a session, answers alone.
func (s *session) gather(b *batch, last bool) {
	out := s.out
	if last {
		out = nil
	}
	for len(b.octets) < maxBatch {
		select {
		case octets := <-s.replies:
			b.octets = append(b.octets, octets...)
		case r := <-out:
			b.add(r)
		default:
			return
		}
	}
}

func (s *session) flush(b *batch) error {
	if len(b.octets) == 0 {
		return nil
	}
	s.conn.SetWriteDeadline(time.Now().Add(answerTimeout))
	n, err := s.conn.Write(b.octets)
	if err == nil {
		return nil
	}
	for i, r := range b.sent {
		if b.starts[i] >= n { // not an octet of it left
			r.state.CompareAndSwap(written, cancelled)
		}
	}
	return err
}

// read is the only one that reads. It blocks on nothing else.
func (s *session) read() {
	r := bufio.NewReaderSize(s.conn, 8<<10)
	var buf []byte
	for {
		frame, err := ReadFrame(r, buf)
		switch {
		case errors.Is(err, ErrLength):
			s.reply(PDU{Command: GenericNack, Status: StatusInvalidLength})
			s.part(err)
			return
		case err != nil:
			s.fail(fmt.Errorf("the connection broke: %w", err))
			return
		}
		buf = frame
		s.heard.Store(true)
		p, err := Decode(frame)
		if !s.handle(p, err) {
			return
		}
	}
}

// handle takes one PDU; broken says that its body cannot be read. It returns false after the last one.
func (s *session) handle(p PDU, broken error) bool {
	answer := PDU{Command: p.Command.Response(), Sequence: p.Sequence}
	switch {
	case p.Command.IsResponse():
		s.finish(p.Sequence, outcome{answer: p, err: broken}, p.Command)
		return true
	case p.Command == DeliverSM:
		answer.Body = &SMResp{}
		if m, ok := p.Body.(*SM); ok && broken == nil {
			answer.Status = s.deliver(m)
		} else {
			answer.Status = StatusPermanent // it would be as broken the next time
		}
	case p.Command == EnquireLink:
	case p.Command == Unbind:
		s.reply(answer)
		s.part(errUnbound)
		return false
	default: // 4.3: what is not known is refused by generic_nack
		answer = PDU{Command: GenericNack, Status: StatusInvalidCommand, Sequence: p.Sequence}
	}
	s.reply(answer)
	return true
}

// part has the writer end the connection once the answers that wait are written.
func (s *session) part(cause error) {
	select {
	case s.parting <- cause:
	default: // it is about to end already
	}
}

// reply queues an answer.
func (s *session) reply(p PDU) {
	b, err := p.Append(nil)
	if err != nil {
		return
	}
	select {
	case s.replies <- b:
	default:
		s.fail(errStuck)
	}
}

// keepAlive asks a silent peer whether it is there, until the session ends.
func (s *session) keepAlive() {
	t := time.NewTicker(enquireEvery)
	defer t.Stop()
	misses := 0
	for {
		select {
		case <-s.dead:
			return
		case <-t.C:
		}
		if s.heard.Swap(false) {
			misses = 0
		} else if misses++; misses >= maxMisses {
			s.fail(errSilent)
			return
		}
		if _, err := s.enqueue(EnquireLink, nil, false); err != nil {
			s.fail(err)
			return
		}
	}
}

// close lets submits that are under way be answered, unbinds, and returns when all goroutines have ended.
func (s *session) close() {
	drained := time.NewTimer(drainTime)
	defer drained.Stop()
	for range cap(s.window) {
		select {
		case s.window <- struct{}{}:
			continue
		case <-s.dead:
		case <-drained.C:
		}
		break
	}
	ctx, cancel := context.WithTimeout(context.Background(), partingTime)
	defer cancel()
	s.do(ctx, Unbind, nil, false)
	s.fail(errClosed)
	s.wg.Wait()
}
