package hook

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// crockford is the alphabet of ULIDs (github.com/ulid/spec).
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// newULID is the id of a hook: 26 characters that sort by time, 48 bits of milliseconds and 80 of chance.
func newULID(at time.Time) string {
	// 130 bits are written, of which the first two are 0: so 2 bits are put in front, by shifting into 17 bytes.
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(at.UnixMilli())<<16)
	rand.Read(raw[6:])
	var shifted [17]byte
	for i, b := range raw {
		shifted[i] |= b >> 2
		shifted[i+1] = b << 6
	}
	return crockford.EncodeToString(shifted[:])[:26]
}

// newRuleID is the id of a rule: "rul_" and 16 letters and digits.
func newRuleID() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	out := []byte("rul_")
	for len(out) < 20 {
		var b [16]byte
		rand.Read(b[:])
		for _, c := range b {
			if int(c) < 4*len(letters) && len(out) < 20 { // no letter is likelier than another
				out = append(out, letters[int(c)%len(letters)])
			}
		}
	}
	return string(out)
}
