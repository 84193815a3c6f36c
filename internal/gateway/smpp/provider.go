package smpp

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"countersign/provider"
)

const (
	// dialTimeout bounds connecting, TLS included.
	dialTimeout = 3 * time.Second
	// maxNotices bounds what was heard and not told yet; beyond it the centre is asked to come again.
	maxNotices = 1000
	// minLife is how long a code must still live when its text is sent, maxLife what validity_period may say.
	minLife, maxLife = 2 * time.Second, 7 * 24 * time.Hour
	// maxHolds bounds how often a later part of a text waits for the centre to take more again.
	maxHolds = 5
)

// Provider is an account at a message centre. It is safe for concurrent use. The connection is made at the first use and kept until Close.
type Provider struct {
	c       Config
	names   *names
	pace    *pacer
	parts   Assembler
	notices chan provider.Notice
	// reference numbers texts of several parts.
	reference atomic.Uint32
	// unread counts receipts that could not be read.
	unread atomic.Uint64
	// send is the keeper that submits go through, receive that of a pair's receiver, else nil.
	send, receive *keeper
	closed        chan struct{}
	closing       sync.Once
}

var (
	_ provider.Provider = (*Provider)(nil)
	_ provider.Stream   = (*Provider)(nil)
	_ provider.Checker  = (*Provider)(nil)
	_ io.Closer         = (*Provider)(nil)
)

// New returns the provider, or all that is wrong with its configuration. It connects to nothing yet.
func New(c Config) (*Provider, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	p := &Provider{
		c: c, names: newNames(c.IDs), pace: newPacer(c.PerSecond),
		notices: make(chan provider.Notice, maxNotices), closed: make(chan struct{}),
	}
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails; nodes should not share references
	p.reference.Store(uint32(binary.BigEndian.Uint16(b[:])))
	fatal := func(err error) bool { return provider.ReasonOf(err) == provider.AuthFailed }
	log := c.Log.With("host", c.Host)
	if c.Pair {
		p.send = newKeeper(p.connector(BindTransmitter), fatal, log.With("bind", "transmitter"))
		p.receive = newKeeper(p.connector(BindReceiver), fatal, log.With("bind", "receiver"))
	} else {
		p.send = newKeeper(p.connector(BindTransceiver), fatal, log.With("bind", "transceiver"))
	}
	return p, nil
}

// Name returns "smpp".
func (p *Provider) Name() string { return "smpp" }

// connector makes bound sessions.
func (p *Provider) connector(c Command) func(context.Context) (*session, error) {
	return func(ctx context.Context) (*session, error) {
		conn, err := p.dial(ctx)
		if err != nil {
			return nil, err
		}
		s := newSession(conn, p.c.Window, p.deliver, p.names.sent)
		o := s.do(ctx, c, &Bind{SystemID: p.c.SystemID, Password: p.c.Password.Reveal(), SystemType: p.c.SystemType, Version: 0x34})
		switch {
		case o.answer.Command != 0 && (o.answer.Status != StatusOK || o.answer.Command == GenericNack):
			err = p.refused(o.answer.Status)
		case o.err != nil:
			err = fmt.Errorf("smpp: not bound: %w", o.err)
		}
		if err != nil {
			s.fail(err)
			s.wg.Wait()
			return nil, err
		}
		s.wg.Go(s.keepAlive)
		return s, nil
	}
}

func (p *Provider) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := p.c.Dial(ctx, "tcp", p.c.address())
	if err != nil {
		return nil, fmt.Errorf("smpp: no connection: %w", err)
	}
	if p.c.TLS == nil {
		return conn, nil
	}
	secure := tls.Client(conn, p.c.TLS)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		err = fmt.Errorf("smpp: no TLS connection: %w", err)
		if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			err = provider.Misconfigured(err)
		}
		return nil, err
	}
	return secure, nil
}

// deliver takes what the centre says. It does not block: the answer must not wait for whoever is told.
func (p *Provider) deliver(m *SM) Status {
	if len(p.notices) == cap(p.notices) { // before a part is put to others: it will come again
		return StatusTemporary
	}
	n, ok := p.notice(m)
	if !ok {
		return StatusOK
	}
	select {
	case p.notices <- n:
		return StatusOK
	default:
		return StatusTemporary
	}
}

// notice reads a deliver_sm: a receipt, or a text that is whole now. ok is false for anything else.
func (p *Provider) notice(m *SM) (provider.Notice, bool) {
	if isReceipt(m) {
		r, ok := readReceipt(m)
		if !ok {
			if n := p.unread.Add(1); n&(n-1) == 0 { // ever more seldom: a centre with a form of its own sends only such
				p.c.Log.Warn("smpp: receipts cannot be read", "so_far", n, "esm_class", m.ESMClass)
			}
			return provider.Notice{}, false
		}
		// When it happened is not said: the dates have no zone.
		return provider.Notice{ProviderID: p.names.reported(r.id), State: r.state, Reason: r.reason, VendorCode: cmp.Or(r.code, r.word), Text: r.word}, true
	}
	if m.ESMClass&esmKind != 0 { // answers of phones to texts, 5.2.12
		return provider.Notice{}, false
	}
	octets, ok := p.parts.Add(m, time.Now())
	if !ok {
		return provider.Notice{}, false
	}
	text, ok := DecodeText(octets, m.DataCoding, p.c.Texts.Charset)
	from := m.Source.e164()
	if !ok || from == "" {
		return provider.Notice{}, false
	}
	return provider.Notice{Inbound: &provider.Inbound{From: from, To: m.Destination.sender(), Text: text}}, true
}

// Run tells what the centre says, until ctx ends or the account is closed. What was acknowledged to the centre is told before it returns.
func (p *Provider) Run(ctx context.Context, tell func(provider.Notice)) error {
	p.start()
	for {
		select {
		case n := <-p.notices:
			tell(n)
		case <-ctx.Done():
			p.tellRest(tell)
			return ctx.Err()
		case <-p.closed:
			p.tellRest(tell)
			return fmt.Errorf("smpp: %w", errClosed)
		}
	}
}

func (p *Provider) tellRest(tell func(provider.Notice)) {
	for {
		select {
		case n := <-p.notices:
			tell(n)
		default:
			return
		}
	}
}

func (p *Provider) start() {
	p.send.start()
	if p.receive != nil {
		p.receive.start()
	}
}

// Check binds, if it is not bound yet, and asks the centre whether it is there.
func (p *Provider) Check(ctx context.Context) (string, error) {
	p.start()
	said := "Bound to " + p.c.address()
	for _, k := range []*keeper{p.send, p.receive} {
		if k == nil {
			continue
		}
		s, err := k.get(ctx)
		if err != nil {
			return "", notSent(err)
		}
		began := time.Now()
		if o := s.do(ctx, EnquireLink, nil); o.err != nil {
			return "", fmt.Errorf("smpp: bound, but: %w", o.err)
		} else if o.answer.Status != StatusOK || o.answer.Command == GenericNack {
			return "", p.refused(o.answer.Status)
		}
		said += fmt.Sprintf(", enquire_link answered in %s", time.Since(began).Round(time.Millisecond))
	}
	return said + ".", nil
}

// Close lets submits that are under way be answered, for five seconds, unbinds and disconnects.
func (p *Provider) Close() error {
	p.closing.Do(func() {
		var wg sync.WaitGroup
		wg.Go(p.send.close)
		if p.receive != nil {
			wg.Go(p.receive.close)
		}
		wg.Wait()
		close(p.closed)
	})
	return nil
}
