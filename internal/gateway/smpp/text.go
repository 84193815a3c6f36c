package smpp

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"

	"countersign/internal/message"
)

// Charset is how texts in the GSM alphabet are written, one character per octet.
type Charset string

const (
	// CharsetGSM7 is the GSM alphabet with its extension table, one septet per octet.
	CharsetGSM7 Charset = "gsm7"
	// CharsetLatin1 is ISO 8859-1, CharsetASCII its lower half: the centre turns them into the GSM alphabet.
	CharsetLatin1 Charset = "latin1"
	CharsetASCII  Charset = "ascii"
	// CharsetUCS2 writes every text in UCS-2.
	CharsetUCS2 Charset = "ucs2"
)

// Concat is how a text that needs more than one part is sent. The ways are never mixed.
type Concat string

const (
	// ConcatUDH8 and ConcatUDH16 put a header with a reference of 8 or 16 bits before each part (3GPP TS 23.040, 9.2.3.24.1 and 8).
	ConcatUDH8  Concat = "udh8"
	ConcatUDH16 Concat = "udh16"
	// ConcatSAR says the same in optional parameters (5.3.2.22 to 24).
	ConcatSAR Concat = "sar"
	// ConcatPayload sends the whole text in message_payload (5.3.2.32); the centre takes it apart.
	ConcatPayload Concat = "payload"
)

// Values of data_coding (5.2.19).
const (
	codingDefault, codingASCII, codingLatin1, codingUCS2 = 0, 1, 3, 8
)

const (
	// esmUDH says that short_message begins with a user data header (5.2.12).
	esmUDH = 0x40
	// maxParts bounds a text.
	maxParts = 16
)

// errTooLong says that a text needs more than maxParts parts.
var errTooLong = errors.New("the text needs too many parts")

// Texts says how texts are written.
type Texts struct {
	// Charset defaults to CharsetGSM7. What does not fit into it and the GSM alphabet goes out in UCS-2.
	Charset Charset
	// DataCoding is what says that a text is in Charset: 0, the centre's default, unless set; 1 for ASCII, 3 for Latin-1.
	DataCoding byte
	// Concat defaults to ConcatUDH8.
	Concat Concat
}

func (t *Texts) complete() error {
	t.Charset, t.Concat = cmp.Or(t.Charset, CharsetGSM7), cmp.Or(t.Concat, ConcatUDH8)
	fits := t.DataCoding == codingDefault || t.DataCoding == codingASCII && t.Charset == CharsetASCII ||
		t.DataCoding == codingLatin1 && (t.Charset == CharsetLatin1 || t.Charset == CharsetASCII)
	if !fits {
		return fmt.Errorf("data_coding: %d does not say %s", t.DataCoding, t.Charset)
	}
	return nil
}

// Split sets the text of m: it returns one copy of m for each part, and how many segments the text is on the air. The error is that the text is too long.
// reference is the number that the parts share.
func (t Texts) Split(m SM, text string, reference uint16) ([]*SM, int, error) {
	octets, starts, segments := t.oneOctet(text)
	m.DataCoding = t.DataCoding
	if octets == nil {
		octets, starts, segments = t.ucs2(text)
		m.DataCoding = codingUCS2
	}
	if segments > maxParts {
		return nil, 0, errTooLong
	}
	if segments > 1 && t.Concat == ConcatPayload {
		m.TLVs = append(m.TLVs[:len(m.TLVs):len(m.TLVs)], TLV{TagPayload, octets})
		return []*SM{&m}, segments, nil
	}
	parts := make([]*SM, segments)
	for i := range parts {
		end := len(octets)
		if i+1 < segments {
			end = starts[i+1]
		}
		part := m
		part.Short = octets[starts[i]:end:end]
		if segments > 1 {
			t.number(&part, reference, byte(segments), byte(i+1))
		}
		parts[i] = &part
	}
	return parts, segments, nil
}

// number says which part this is.
func (t Texts) number(m *SM, reference uint16, total, part byte) {
	switch t.Concat {
	case ConcatSAR:
		m.TLVs = append(m.TLVs[:len(m.TLVs):len(m.TLVs)], TLV{TagSARReference, binary.BigEndian.AppendUint16(nil, reference)},
			TLV{TagSARTotal, []byte{total}}, TLV{TagSARPart, []byte{part}})
	case ConcatUDH16:
		m.ESMClass |= esmUDH
		m.Short = append([]byte{6, 8, 4, byte(reference >> 8), byte(reference), total, part}, m.Short...)
	default:
		m.ESMClass |= esmUDH
		m.Short = append([]byte{5, 0, 3, byte(reference), total, part}, m.Short...)
	}
}

// sizes are what fits into a text of one part, and into each part of several: 140 octets less a header of six or seven (3GPP TS 23.040, 9.2.3.24.1). A
// centre that gets SAR parameters chooses the header, so the larger one counts.
func (t Texts) sizes(single, short, long int) (int, int) {
	if t.Concat == ConcatUDH16 || t.Concat == ConcatSAR {
		return single, long
	}
	return single, short
}

// oneOctet writes a text in the charset, or returns nil if it does not fit. Parts are measured in septets of the GSM alphabet whatever the charset,
// since that is what goes over the air; starts are where each part begins.
func (t Texts) oneOctet(text string) (octets []byte, starts []int, segments int) {
	if t.Charset == CharsetUCS2 {
		return nil, nil, 0
	}
	single, part := t.sizes(160, 153, 152)
	c := cutter{single: single, part: part, octets: make([]byte, 0, len(text)+8)}
	for _, r := range text {
		before := len(c.octets)
		out, ok := message.AppendGSM(c.octets, r)
		width := len(out) - before
		if ok && t.Charset != CharsetGSM7 {
			out, ok = append(out[:before], byte(r)), r < 0x80 || r < 0x100 && t.Charset == CharsetLatin1
		}
		if !ok {
			return nil, nil, 0
		}
		c.add(out, width)
	}
	starts, segments = c.parts()
	return c.octets, starts, segments
}

// ucs2 writes a text in UTF-16, big endian; centres call it UCS-2 and pass surrogates on.
func (t Texts) ucs2(text string) (octets []byte, starts []int, segments int) {
	single, part := t.sizes(70, 67, 66)
	c := cutter{single: single, part: part, octets: make([]byte, 0, 2*len(text))}
	for _, r := range text {
		before := len(c.octets)
		out := c.octets
		for _, u := range utf16.AppendRune(nil, r) {
			out = binary.BigEndian.AppendUint16(out, u)
		}
		c.add(out, (len(out)-before)/2)
	}
	starts, segments = c.parts()
	return c.octets, starts, segments
}

// cutter remembers where parts begin. A character is added whole: escapes and surrogates are never torn.
type cutter struct {
	single, part int
	octets       []byte
	starts       []int
	used, all    int
}

// add takes octets, which are those of c and a character of the given width.
func (c *cutter) add(octets []byte, width int) {
	if c.used += width; c.used > c.part {
		c.starts = append(c.starts, len(c.octets))
		c.used = width
	}
	c.all += width
	c.octets = octets
}

func (c *cutter) parts() ([]int, int) {
	if c.octets == nil {
		c.octets = []byte{}
	}
	if c.all <= c.single {
		return []int{0}, 1
	}
	return append([]int{0}, c.starts...), len(c.starts) + 1
}

// DecodeText returns the text of octets in a data_coding; charset is what the centre's default, 0, means. ok is false for what is not text.
func DecodeText(octets []byte, coding byte, charset Charset) (text string, ok bool) {
	switch {
	case coding == codingUCS2 || coding&0xFC == 0x18: // 0x18 to 0x1B: UCS-2 with a message class, as 3GPP TS 23.038, 4 has it
		return fromUCS2(octets), true
	case coding == codingASCII || coding == codingLatin1:
		return fromLatin1(octets), true
	case coding == codingDefault || coding&0xFC == 0x10 || coding&0xFC == 0xF0:
		if charset == CharsetLatin1 || charset == CharsetASCII {
			return fromLatin1(octets), true
		}
		return message.FromGSM(octets), true
	}
	return "", false
}

func fromUCS2(octets []byte) string {
	units := make([]uint16, len(octets)/2)
	for i := range units {
		units[i] = binary.BigEndian.Uint16(octets[2*i:])
	}
	return string(utf16.Decode(units))
}

func fromLatin1(octets []byte) string {
	out := make([]byte, 0, len(octets))
	for _, c := range octets {
		out = utf8.AppendRune(out, rune(c))
	}
	return string(out)
}
