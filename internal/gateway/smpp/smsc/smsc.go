package smsc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"countersign/internal/gateway/smpp"
)

// Reply is how a request is answered. The zero value accepts it.
type Reply struct {
	Status smpp.Status
	// ID is the message_id of an accepted submit; a number if empty.
	ID string
	// After is how long the answer takes; others are answered meanwhile.
	After time.Duration
	// Silent gives no answer, Raw gives these octets instead, Sequence adds to the answer's number.
	Silent   bool
	Raw      []byte
	Sequence uint32
	// Unbind follows the answer with an unbind, Drop with the end of the connection.
	Unbind, Drop bool
}

// Center is a message centre. The zero value accepts everything. Set its fields before it is used.
type Center struct {
	// SystemID and Password are what a bind must say; empty ones take anything.
	SystemID, Password string
	// Bind, Submit and Enquire decide on requests; n counts them from 1. Nil ones accept.
	Bind    func(n int, b *smpp.Bind) Reply
	Submit  func(n int, m *smpp.SM) Reply
	Enquire func(n int) Reply
	// State is what receipts say ("DELIVRD") to those who ask for one; empty sends none.
	State string
	// Charset is what data_coding 0 means. Defaults to smpp.CharsetGSM7.
	Charset smpp.Charset
	// Refuse, if it returns an error, is why Dial makes no connection; n counts from 1.
	Refuse func(n int) error

	wg sync.WaitGroup

	mu                             sync.Mutex
	sessions                       []*session
	accepted                       []Message
	texts                          []Text
	parts                          smpp.Assembler
	dials, binds, submits, enquiry int
	closed                         bool
	listener                       net.Listener
}

// Message is an accepted submit_sm.
type Message struct {
	ID       string
	SM       smpp.SM
	Sequence uint32
	At       time.Time
}

// Text is a whole text, put together from its parts.
type Text struct {
	From, To, Text string
	// ID is that of the part that came last.
	ID string
	At time.Time
}

var errClosed = errors.New("smsc: closed")

// Dial connects to the centre in memory.
func (c *Center) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	c.mu.Lock()
	c.dials++
	n := c.dials
	c.mu.Unlock()
	if c.Refuse != nil {
		if err := c.Refuse(n); err != nil {
			return nil, err
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	if !c.take(far) {
		return nil, errClosed
	}
	return near, nil
}

// Serve takes connections until Close.
func (c *Center) Serve(l net.Listener) error {
	c.mu.Lock()
	c.listener = l
	c.mu.Unlock()
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		if !c.take(conn) {
			return errClosed
		}
	}
}

func (c *Center) take(conn net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		conn.Close()
		return false
	}
	s := &session{center: c, conn: conn, out: make(chan []byte, maxOut), dead: make(chan struct{}), asked: map[uint32]chan smpp.Status{}}
	c.sessions = append(c.sessions, s)
	c.wg.Go(s.read)
	c.wg.Go(s.write)
	return true
}

// Close ends all connections.
func (c *Center) Close() error {
	c.mu.Lock()
	c.closed = true
	l := c.listener
	c.mu.Unlock()
	if l != nil {
		l.Close()
	}
	c.Drop()
	c.wg.Wait()
	return nil
}

// Drop ends the connections that there are.
func (c *Center) Drop() {
	for _, s := range c.all() {
		s.end()
	}
}

// Unbind asks all sessions to end.
func (c *Center) Unbind() {
	for _, s := range c.all() {
		s.request(smpp.Unbind, nil)
	}
}

// Write writes octets to all sessions.
func (c *Center) Write(octets []byte) {
	for _, s := range c.all() {
		s.send(octets)
	}
}

func (c *Center) all() []*session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.sessions)
}

// Messages returns what was accepted, in order.
func (c *Center) Messages() []Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.accepted)
}

// Texts returns the texts whose parts are all there, in the order in which they became whole.
func (c *Center) Texts() []Text {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.texts)
}

// Counts returns how many connections, binds, submits and enquiries there were, refused ones included.
func (c *Center) Counts() (dials, binds, submits, enquiries int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dials, c.binds, c.submits, c.enquiry
}

// Bound returns how many sessions are bound now.
func (c *Center) Bound() int {
	n := 0
	for _, s := range c.all() {
		if s.bound() != 0 {
			n++
		}
	}
	return n
}

// Deliver sends a deliver_sm to a session that receives, the newest, and returns how it is answered.
func (c *Center) Deliver(ctx context.Context, m *smpp.SM) (smpp.Status, error) {
	all := c.all()
	for _, s := range slices.Backward(all) {
		if b := s.bound(); b == smpp.BindReceiver || b == smpp.BindTransceiver {
			return s.deliver(ctx, m)
		}
	}
	return 0, errors.New("smsc: nobody receives")
}

// Receipt is the deliver_sm that reports on a message, in the text form of appendix B.
func Receipt(m Message, id, state, code string) *smpp.SM {
	at := m.At.UTC().Format("0601021504")
	text := fmt.Sprintf("id:%s sub:001 dlvrd:001 submit date:%s done date:%s stat:%s err:%s text:-", id, at, at, state, code)
	return &smpp.SM{Source: m.SM.Destination, Destination: m.SM.Source, ESMClass: 0x04, Short: []byte(text)}
}

// accept keeps a message and returns its id.
func (c *Center) accept(p smpp.PDU, m *smpp.SM, id string) Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id == "" {
		id = strconv.Itoa(len(c.accepted) + 1)
	}
	msg := Message{ID: id, SM: *m, Sequence: p.Sequence, At: time.Now()}
	c.accepted = append(c.accepted, msg)
	if octets, ok := c.parts.Add(m, msg.At); ok {
		charset := c.Charset
		if charset == "" {
			charset = smpp.CharsetGSM7
		}
		text, _ := smpp.DecodeText(octets, m.DataCoding, charset)
		c.texts = append(c.texts, Text{From: m.Source.Digits, To: m.Destination.Digits, Text: text, ID: id, At: msg.At})
	}
	return msg
}

// judge counts a request and asks the script.
func (c *Center) judge(p smpp.PDU) Reply {
	c.mu.Lock()
	var n int
	switch p.Command {
	case smpp.SubmitSM:
		c.submits++
		n = c.submits
	case smpp.EnquireLink:
		c.enquiry++
		n = c.enquiry
	case smpp.BindReceiver, smpp.BindTransmitter, smpp.BindTransceiver:
		c.binds++
		n = c.binds
	}
	c.mu.Unlock()
	switch b := p.Body.(type) {
	case *smpp.SM:
		if p.Command == smpp.SubmitSM && c.Submit != nil {
			return c.Submit(n, b)
		}
	case *smpp.Bind:
		if c.Bind != nil {
			return c.Bind(n, b)
		}
		if c.SystemID != "" && b.SystemID != c.SystemID {
			return Reply{Status: 0x0F}
		}
		if c.Password != "" && b.Password != c.Password {
			return Reply{Status: smpp.StatusInvalidPassword}
		}
	case nil:
		if p.Command == smpp.EnquireLink && c.Enquire != nil {
			return c.Enquire(n)
		}
	}
	return Reply{}
}
