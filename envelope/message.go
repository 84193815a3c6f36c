package envelope

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Limits. MaxPlaintext is in bytes.
const (
	MaxPlaintext = 4096

	maxMessage = 64 << 10
	maxKeys    = 8
)

const (
	keyLength        = 32
	commitmentLength = 32
	ivLength         = 12
	tagLength        = 16
	frameLength      = 4096

	customerData = 0x80
	framed       = 0x02
	finalFrame   = 0xffffffff
	frameLabel   = "AWSKMSEncryptionClient Final Frame"
)

// Header is what a message says in clear. Only Decrypt knows whether it is true.
type Header struct {
	Suite Suite
	// MessageID is random, of 16 or 32 bytes.
	MessageID []byte
	// Context is the encryption context, with the public key of signed suites.
	Context Context
	// Keys are the encrypted data keys, 1 to 8.
	Keys []EncryptedKey
}

// wire is a message, field by field.
type wire struct {
	Header
	frameLength         uint32
	commitment          []byte
	headerIV, headerTag []byte
	frameIV             []byte
	sealed              []byte // ciphertext and tag
	signature           []byte

	// Of parsed messages: the bytes that the header's tag and the signature vouch for.
	header, signed []byte
}

// appendHeader appends what the header's tag vouches for.
func (m *wire) appendHeader(b []byte) []byte {
	if m.Suite.Commits() {
		b = append(b, 2)
	} else {
		b = append(b, 1, customerData)
	}
	b = binary.BigEndian.AppendUint16(b, uint16(m.Suite))
	b = append(b, m.MessageID...)
	at := len(b)
	b = m.Context.append(append(b, 0, 0))
	binary.BigEndian.PutUint16(b[at:], uint16(len(b)-at-2))
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.Keys)))
	for _, k := range m.Keys {
		b = appendString(b, k.Provider)
		b = appendString(b, k.Info)
		b = appendString(b, k.Ciphertext)
	}
	b = append(b, framed)
	if !m.Suite.Commits() {
		b = append(b, 0, 0, 0, 0, ivLength)
	}
	b = binary.BigEndian.AppendUint32(b, m.frameLength)
	return append(b, m.commitment...)
}

// appendBody appends the rest, but for the footer.
func (m *wire) appendBody(b []byte) []byte {
	if !m.Suite.Commits() {
		b = append(b, m.headerIV...)
	}
	b = append(b, m.headerTag...)
	b = binary.BigEndian.AppendUint32(b, finalFrame)
	b = binary.BigEndian.AppendUint32(b, 1)
	b = append(b, m.frameIV...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(m.sealed)-tagLength))
	return append(b, m.sealed...)
}

// appendFooter appends the signature, if the suite has one.
func (m *wire) appendFooter(b []byte) []byte {
	if !m.Suite.Signed() {
		return b
	}
	return appendString(b, m.signature)
}

// frameAAD is what the frame's tag vouches for besides its content.
func (m *wire) frameAAD() []byte {
	b := make([]byte, 0, len(m.MessageID)+len(frameLabel)+12)
	b = append(b, m.MessageID...)
	b = append(b, frameLabel...)
	b = binary.BigEndian.AppendUint32(b, 1)
	return binary.BigEndian.AppendUint64(b, uint64(len(m.sealed)-tagLength))
}

// Parse reads the header of a message of at most 64 KiB without opening it: to see which keys it needs. The message must be whole
// and canonical; nothing says that it is authentic. Errors wrap ErrMalformed.
func Parse(message []byte) (*Header, error) {
	m, err := parse(message)
	if err != nil {
		return nil, err
	}
	return m.copyHeader(), nil
}

// copyHeader is the header with bytes of its own: those of m are the caller's message.
func (m *wire) copyHeader() *Header {
	h := Header{m.Suite, slices.Clone(m.MessageID), m.Context, make([]EncryptedKey, len(m.Keys))}
	for i, k := range m.Keys {
		h.Keys[i] = EncryptedKey{k.Provider, slices.Clone(k.Info), slices.Clone(k.Ciphertext)}
	}
	return &h
}

// parse takes a message apart; the parts point into it.
func parse(message []byte) (*wire, error) {
	if len(message) > maxMessage {
		return nil, malformed("longer than %d bytes", maxMessage)
	}
	m := new(wire)
	r := reader{b: message}
	if err := m.parseHeader(&r); err != nil {
		return nil, err
	}
	m.header = message[:len(message)-len(r.b)]
	m.headerIV = make([]byte, ivLength)
	if !m.Suite.Commits() {
		m.headerIV = r.take(ivLength)
	}
	m.headerTag = r.take(tagLength)
	if err := m.parseFrame(&r); err != nil {
		return nil, err
	}
	m.signed = message[:len(message)-len(r.b)]
	if m.Suite.Signed() {
		m.signature = r.string()
	}
	switch {
	case r.bad:
		return nil, malformed("truncated")
	case len(r.b) > 0:
		return nil, malformed("%d bytes too many", len(r.b))
	}
	return m, nil
}

func (m *wire) parseHeader(r *reader) error {
	version := r.byte()
	if version == 1 && r.byte() != customerData {
		return malformed("unknown type")
	}
	m.Suite = Suite(r.uint16())
	if !m.Suite.Valid() || m.Suite.Commits() != (version == 2) || version > 2 {
		return malformed("unknown version or algorithm suite")
	}
	m.MessageID = r.take(m.Suite.idLength())
	ec, ok := parseContext(r.string())
	if !ok {
		return malformed("the encryption context is not canonical")
	}
	m.Context = ec
	if _, ok := ec[PublicKey]; ok != m.Suite.Signed() {
		return malformed("a public key without a signature, or the reverse")
	}
	if err := m.parseKeys(r); err != nil {
		return err
	}
	if r.byte() != framed {
		return malformed("the body is not framed")
	}
	if !m.Suite.Commits() && !bytes.Equal(r.take(5), []byte{0, 0, 0, 0, ivLength}) {
		return malformed("unknown reserved bytes or IV length")
	}
	if m.frameLength = r.uint32(); m.frameLength == 0 {
		return malformed("frames of no length")
	}
	if m.Suite.Commits() {
		m.commitment = r.take(commitmentLength)
	}
	return nil
}

func (m *wire) parseKeys(r *reader) error {
	n := int(r.uint16())
	if n < 1 || n > maxKeys {
		return malformed("%d data keys, not 1 to %d", n, maxKeys)
	}
	m.Keys = make([]EncryptedKey, n)
	for i := range m.Keys {
		k := EncryptedKey{string(r.string()), r.string(), r.string()}
		if !utf8.ValidString(k.Provider) {
			return malformed("a key provider's name is not UTF-8")
		}
		m.Keys[i] = k
	}
	return nil
}

func (m *wire) parseFrame(r *reader) error {
	if r.uint32() != finalFrame || r.uint32() != 1 {
		return malformed("more than one frame")
	}
	m.frameIV = r.take(ivLength)
	n := r.uint32()
	if n > MaxPlaintext || n > m.frameLength {
		return malformed("the frame is longer than allowed")
	}
	m.sealed = r.take(int(n) + tagLength)
	return nil
}

// malformed says what is wrong, without showing any of it.
func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// reader takes bytes from the front. Once they are too few, it is bad and yields zeros of no length.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.b) {
		r.bad, r.b = true, nil
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// string takes a length of two bytes and so many bytes.
func (r *reader) string() []byte { return r.take(int(r.uint16())) }
