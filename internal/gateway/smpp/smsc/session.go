package smsc

import (
	"bufio"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"countersign/internal/gateway/smpp"
)

const (
	// maxOut bounds what waits to be written; a client that does not read loses its connection.
	maxOut = 4096
	// maxBatch is how much is written at once, in octets.
	maxBatch = 16 << 10
)

type session struct {
	center *Center
	conn   net.Conn
	out    chan []byte
	dead   chan struct{}
	once   sync.Once

	mu    sync.Mutex
	kind  smpp.Command
	next  uint32
	asked map[uint32]chan smpp.Status
}

// bound returns the command that it was bound by, 0 before and after.
func (s *session) bound() smpp.Command {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kind
}

func (s *session) bind(c smpp.Command) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kind = c
}

func (s *session) end() {
	s.once.Do(func() {
		s.bind(0)
		close(s.dead)
		s.conn.Close()
		c := s.center
		c.mu.Lock()
		defer c.mu.Unlock()
		c.sessions = slices.DeleteFunc(c.sessions, func(o *session) bool { return o == s })
	})
}

func (s *session) read() {
	defer s.end()
	r := bufio.NewReader(s.conn)
	var buf []byte
	for {
		frame, err := smpp.ReadFrame(r, buf)
		if err != nil {
			return
		}
		buf = frame
		p, err := smpp.Decode(frame)
		switch {
		case err != nil:
			s.reply(smpp.PDU{Command: smpp.GenericNack, Status: smpp.StatusInvalidLength, Sequence: p.Sequence})
		case p.Command == smpp.Unbind.Response():
			return
		case p.Command.IsResponse():
			s.answered(p)
		default:
			s.handle(p)
		}
	}
}

// handle answers a request as the script says.
func (s *session) handle(p smpp.PDU) {
	r := s.center.judge(p)
	if r.After > 0 {
		s.center.wg.Go(func() {
			t := time.NewTimer(r.After)
			defer t.Stop()
			select {
			case <-t.C:
				s.carryOut(p, r)
			case <-s.dead:
			}
		})
		return
	}
	s.carryOut(p, r)
}

func (s *session) carryOut(p smpp.PDU, r Reply) {
	answer := smpp.PDU{Command: p.Command.Response(), Status: r.Status, Sequence: p.Sequence + r.Sequence}
	var report *smpp.SM
	if r.Status == smpp.StatusOK {
		answer.Body, report = s.obey(p, r)
	}
	if answer.Body == nil && r.Status == smpp.StatusOK && p.Command != smpp.EnquireLink && p.Command != smpp.Unbind {
		answer = smpp.PDU{Command: smpp.GenericNack, Status: smpp.StatusInvalidCommand, Sequence: p.Sequence}
	}
	switch {
	case r.Raw != nil:
		s.send(r.Raw)
	case !r.Silent:
		s.reply(answer)
	}
	if report != nil {
		s.center.wg.Go(func() { _, _ = s.deliver(context.Background(), report) })
	}
	if r.Unbind {
		s.request(smpp.Unbind, nil)
	}
	if r.Drop || p.Command == smpp.Unbind {
		s.send(nil)
	}
}

// obey does what a request asks for and returns the body of its answer.
func (s *session) obey(p smpp.PDU, r Reply) (body smpp.Body, report *smpp.SM) {
	switch b := p.Body.(type) {
	case *smpp.Bind:
		s.bind(p.Command)
		return &smpp.BindResp{SystemID: "smsc", TLVs: smpp.TLVs{{Tag: smpp.TagInterfaceVersion, Value: []byte{0x34}}}}, nil
	case *smpp.SM:
		if p.Command != smpp.SubmitSM {
			return nil, nil
		}
		m := s.center.accept(p, b, r.ID)
		if s.center.State != "" && b.RegisteredDelivery&1 != 0 && s.bound() == smpp.BindTransceiver {
			report = Receipt(m, m.ID, s.center.State, "000")
		}
		return &smpp.SMResp{MessageID: m.ID}, report
	case *smpp.Query:
		return &smpp.QueryResp{MessageID: b.MessageID, State: 2}, nil
	}
	return nil, nil
}

func (s *session) reply(p smpp.PDU) {
	if b, err := p.Append(nil); err == nil {
		s.send(b)
	}
}

// send queues octets; none end the connection once all before them are written.
func (s *session) send(octets []byte) {
	select {
	case s.out <- octets:
	case <-s.dead:
	default:
		s.end()
	}
}

func (s *session) request(c smpp.Command, b smpp.Body) (uint32, chan smpp.Status) {
	ch := make(chan smpp.Status, 1)
	s.mu.Lock()
	s.next++
	seq := s.next
	s.asked[seq] = ch
	s.mu.Unlock()
	s.reply(smpp.PDU{Command: c, Sequence: seq, Body: b})
	return seq, ch
}

func (s *session) answered(p smpp.PDU) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ch, ok := s.asked[p.Sequence]; ok {
		delete(s.asked, p.Sequence)
		ch <- p.Status
	}
}

func (s *session) deliver(ctx context.Context, m *smpp.SM) (smpp.Status, error) {
	seq, ch := s.request(smpp.DeliverSM, m)
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.asked, seq)
	}()
	select {
	case status := <-ch:
		return status, nil
	case <-s.dead:
		return 0, errors.New("smsc: the session ended")
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (s *session) write() {
	defer s.end()
	var buf []byte
	for {
		buf = buf[:0]
		last := false
		take := func(b []byte) {
			buf = append(buf, b...)
			last = last || b == nil
		}
		select {
		case <-s.dead:
			return
		case b := <-s.out:
			take(b)
		}
		for more := true; more && !last && len(buf) < maxBatch; {
			select {
			case b := <-s.out:
				take(b)
			default:
				more = false
			}
		}
		if _, err := s.conn.Write(buf); err != nil || last {
			return
		}
	}
}
