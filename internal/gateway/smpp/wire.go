package smpp

import (
	"bufio"
	"errors"
	"fmt"
	"time"
)

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
		case <-s.wake:
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

// gather adds what waits: answers first; at the end of a session, them alone.
func (s *session) gather(b *batch, last bool) {
	for more := true; more && len(b.octets) < maxBatch; {
		select {
		case octets := <-s.replies:
			b.octets = append(b.octets, octets...)
		default:
			more = false
		}
	}
	if last {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for ; n < len(s.queue) && len(b.octets) < maxBatch; n++ {
		b.add(s.queue[n])
	}
	if s.queue = s.queue[n:]; len(s.queue) > 0 {
		select {
		case s.wake <- struct{}{}:
		default:
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
		if r, ok := p.Body.(*SMResp); ok && p.Command == SubmitSM.Response() && p.Status == StatusOK {
			s.accepted(r.MessageID)
		}
		s.finish(p.Sequence, outcome{answer: p, err: broken}, p.Command)
		return true
	case p.Command == DeliverSM:
		answer.Body = &SMResp{}
		if m, ok := p.Body.(*SM); ok && broken == nil {
			answer.Status = s.deliver(m)
		} else {
			answer.Status = StatusPermanent // it would be as broken the next time
		}
	case p.Command == AlertNotification:
		return true
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
		if _, err := s.enqueue(EnquireLink, nil); err != nil {
			s.fail(err)
			return
		}
	}
}
