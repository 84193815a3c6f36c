package store

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// NewID returns a fresh UUIDv7 (RFC 9562, section 5.7) in canonical text form. The 12 bits after the millisecond hold
// its fraction (section 6.2, method 3), so that ids of one process order by time to a quarter of a microsecond; 62 bits
// are random.
func NewID(now time.Time) string {
	var b [16]byte
	rand.Read(b[8:])
	ms := now.UnixMilli()
	frac := now.Sub(time.UnixMilli(ms)) * 4096 / time.Millisecond
	binary.BigEndian.PutUint64(b[:8], uint64(ms)<<16|0x7000|uint64(frac)&0x0fff)
	b[8] = b[8]&0x3f | 0x80
	var out [36]byte
	hex.Encode(out[:8], b[:4])
	hex.Encode(out[9:13], b[4:6])
	hex.Encode(out[14:18], b[6:8])
	hex.Encode(out[19:23], b[8:10])
	hex.Encode(out[24:], b[10:])
	out[8], out[13], out[18], out[23] = '-', '-', '-', '-'
	return string(out[:])
}

// MinID returns the smallest id that NewID can make at t or later: ids below it are older.
func MinID(t time.Time) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(t.UnixMilli())<<16)
	h := hex.EncodeToString(b[:6])
	return h[:8] + "-" + h[8:] + "-7000-8000-000000000000"
}
