package smpp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Command is a command_id (SMPP 3.4, 5.1.2.1). An answer's is its request's with the highest bit set.
type Command uint32

const (
	BindReceiver    Command = 0x01
	BindTransmitter Command = 0x02
	QuerySM         Command = 0x03
	SubmitSM        Command = 0x04
	DeliverSM       Command = 0x05
	Unbind          Command = 0x06
	BindTransceiver Command = 0x09
	EnquireLink     Command = 0x15
	// AlertNotification says that a phone is there again (4.12); it has no answer.
	AlertNotification Command = 0x102
	GenericNack       Command = 0x80000000
)

// Response is the command of the answer to c.
func (c Command) Response() Command { return c | GenericNack }

// IsResponse reports whether c is an answer.
func (c Command) IsResponse() bool { return c&GenericNack != 0 }

const (
	headerSize = 16
	// MaxPDU bounds what is read, in octets: a message_payload of 64 KiB (5.3.2.32) with what may stand beside it.
	MaxPDU = 72 << 10
	// maxSequence is the last sequence_number (5.1.4); after it comes 1.
	maxSequence = 0x7FFFFFFF
	// maxString bounds C-strings, in octets without the NUL. The specification has narrower ones for each field; centres hand out longer
	// passwords and ids than it allows, so the narrow ones hold for what settings and messages may bring, not for what is read.
	maxString = 255
	// maxTLVs bounds the optional parameters of one PDU.
	maxTLVs = 64
)

// ErrLength says that a command_length is impossible: where the next PDU begins is not known any more.
var ErrLength = errors.New("smpp: impossible command_length")

// errMalformed says that a body is not what its command says.
var errMalformed = errors.New("smpp: malformed PDU")

// PDU is a protocol data unit (SMPP 3.4, 3.2).
type PDU struct {
	Command  Command
	Status   Status
	Sequence uint32
	// Body is a pointer to one of the types of this package, or nil for an empty one: enquire_link, unbind, generic_nack, and answers that
	// say no (4.1.2 and others).
	Body Body
}

// Body is what follows the header: *Bind, *BindResp, *SM, *SMResp, *Query, *QueryResp, or *Opaque for commands that this package does not know.
type Body interface {
	encode(e *encoder)
}

// Append appends p as it goes over the wire. Errors: a text with a NUL, or one that is too long.
func (p PDU) Append(dst []byte) ([]byte, error) {
	start := len(dst)
	e := &encoder{b: binary.BigEndian.AppendUint32(dst, 0)}
	e.b = binary.BigEndian.AppendUint32(e.b, uint32(p.Command))
	e.b = binary.BigEndian.AppendUint32(e.b, uint32(p.Status))
	e.b = binary.BigEndian.AppendUint32(e.b, p.Sequence)
	if p.Body != nil {
		p.Body.encode(e)
	}
	size := len(e.b) - start
	if size > MaxPDU {
		e.fail("it is too long")
	}
	if e.err != nil {
		return dst, e.err
	}
	binary.BigEndian.PutUint32(e.b[start:], uint32(size))
	return e.b, nil
}

// Decode reads one whole PDU. What it returns shares no memory with frame, and encodes to the same octets. If the header can be read, it is returned
// with the error as well, so that a broken request can be answered.
func Decode(frame []byte) (PDU, error) {
	if len(frame) < headerSize {
		return PDU{}, ErrLength
	}
	p := PDU{
		Command:  Command(binary.BigEndian.Uint32(frame[4:])),
		Status:   Status(binary.BigEndian.Uint32(frame[8:])),
		Sequence: binary.BigEndian.Uint32(frame[12:]),
	}
	if binary.BigEndian.Uint32(frame) != uint32(len(frame)) || len(frame) > MaxPDU {
		return p, ErrLength
	}
	if len(frame) == headerSize && (p.Command.IsResponse() || p.Command == EnquireLink || p.Command == Unbind) {
		return p, nil
	}
	d := &decoder{b: frame[headerSize:]}
	p.Body = d.body(p.Command)
	if d.err == nil && len(d.b) > 0 {
		d.fail("octets are left over")
	}
	if d.err != nil {
		p.Body = nil
	}
	return p, d.err
}

// ReadFrame reads the octets of one PDU into buf, which it grows if need be, and returns them. Errors: those of r, io.ErrUnexpectedEOF in the middle of
// a PDU, ErrLength. Not more than MaxPDU is allocated.
func ReadFrame(r *bufio.Reader, buf []byte) ([]byte, error) {
	head, err := r.Peek(4)
	if err != nil {
		if errors.Is(err, io.EOF) && len(head) > 0 {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	size := binary.BigEndian.Uint32(head)
	if size < headerSize || size > MaxPDU {
		return nil, ErrLength
	}
	if cap(buf) < int(size) {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	if _, err := io.ReadFull(r, buf); err != nil {
		return nil, err
	}
	return buf, nil
}

type encoder struct {
	b   []byte
	err error
}

func (e *encoder) fail(why string) {
	if e.err == nil {
		e.err = fmt.Errorf("%w: %s", errMalformed, why)
	}
}

func (e *encoder) octets(v ...byte) { e.b = append(e.b, v...) }

// text appends a C-octet string (3.1).
func (e *encoder) text(s string) {
	if len(s) > maxString {
		e.fail("a text is too long")
		return
	}
	for i := range len(s) {
		if s[i] == 0 {
			e.fail("a text holds a NUL")
			return
		}
	}
	e.b = append(append(e.b, s...), 0)
}

func (e *encoder) tlvs(all TLVs) {
	if len(all) > maxTLVs {
		e.fail("too many optional parameters")
		return
	}
	for _, t := range all {
		if len(t.Value) > 0xFFFF {
			e.fail("an optional parameter is too long")
			return
		}
		e.b = binary.BigEndian.AppendUint16(e.b, uint16(t.Tag))
		e.b = binary.BigEndian.AppendUint16(e.b, uint16(len(t.Value)))
		e.b = append(e.b, t.Value...)
	}
}

type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(why string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", errMalformed, why)
	}
	d.b = nil
}

func (d *decoder) octet() byte {
	if len(d.b) == 0 {
		d.fail("it ends too early")
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) take(n int) []byte {
	if len(d.b) < n {
		d.fail("it ends too early")
		return nil
	}
	if n == 0 {
		return nil
	}
	v := append([]byte(nil), d.b[:n]...)
	d.b = d.b[n:]
	return v
}

func (d *decoder) text() string {
	for i, c := range d.b {
		if c == 0 {
			s := string(d.b[:i])
			d.b = d.b[i+1:]
			return s
		}
		if i == maxString {
			d.fail("a text is too long")
			return ""
		}
	}
	d.fail("a text has no end")
	return ""
}

func (d *decoder) tlvs() TLVs {
	var all TLVs
	for len(d.b) > 0 {
		if len(d.b) < 4 {
			d.fail("an optional parameter ends too early")
			return nil
		}
		if len(all) == maxTLVs {
			d.fail("too many optional parameters")
			return nil
		}
		tag, size := Tag(binary.BigEndian.Uint16(d.b)), int(binary.BigEndian.Uint16(d.b[2:]))
		d.b = d.b[4:]
		all = append(all, TLV{Tag: tag, Value: d.take(size)})
	}
	return all
}
