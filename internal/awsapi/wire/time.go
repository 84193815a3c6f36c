package wire

import (
	"errors"
	"math"
	"strconv"
	"time"
)

// Time is a timestamp of the awsJson protocols: a JSON number of seconds since 1970, with a fraction of up to three
// digits (1767772800.123).
type Time time.Time

// At returns t for a field of an output; nil for the zero time, so that the member is left out.
func At(t time.Time) *Time {
	if t.IsZero() {
		return nil
	}
	w := Time(t)
	return &w
}

// Time returns the time in UTC.
func (t Time) Time() time.Time { return time.Time(t).UTC() }

// MarshalJSON writes seconds; milliseconds follow unless they are zero.
func (t Time) MarshalJSON() ([]byte, error) {
	ms := time.Time(t).UnixMilli()
	b := make([]byte, 0, 16)
	if ms < 0 {
		b = append(b, '-')
		ms = -ms
	}
	b = strconv.AppendInt(b, ms/1000, 10)
	if f := ms % 1000; f != 0 {
		b = append(b, '.', byte('0'+f/100), byte('0'+f/10%10), byte('0'+f%10))
		for b[len(b)-1] == '0' {
			b = b[:len(b)-1]
		}
	}
	return b, nil
}

var errTime = errors.New("wire: a timestamp must be a number of seconds")

// UnmarshalJSON reads a number of seconds between the years 1 and 9999, rounded to milliseconds.
func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsNaN(f) || f < -62135596800 || f > 253402300799 {
		return errTime
	}
	*t = Time(time.UnixMilli(int64(math.Round(f * 1000))).UTC())
	return nil
}
