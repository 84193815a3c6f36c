package liquid

import (
	"strconv"
	"strings"
	"time"
)

// maxWidth bounds the width of a conversion.
const maxWidth = 32

// strftime formats t by the conversions of LiquidJS: %[flags][width]letter, the flags being - _ 0 ^ # and :. What it does not know
// stays as it is.
func strftime(t time.Time, format string) string {
	var out strings.Builder
	for format != "" {
		at := strings.IndexByte(format, '%')
		if at < 0 || out.Len() > MaxOutput {
			out.WriteString(format)
			break
		}
		out.WriteString(format[:at])
		format = format[at:]
		rest := strings.TrimLeft(format[1:], "-_0^#:")
		flags := format[1 : len(format)-len(rest)]
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		width, err := strconv.Atoi("0" + rest[:digits])
		letter := byte(0)
		if digits < len(rest) {
			letter = rest[digits]
		}
		s, size, pad, ok := convert(t, letter, flags)
		if !ok || err != nil || width > maxWidth {
			out.WriteByte('%')
			format = format[1:]
			continue
		}
		out.WriteString(padded(s, size, pad, flags, width))
		format = rest[digits+1:]
	}
	return out.String()
}

// padded applies flags and width. size is the width of the conversion itself.
func padded(s string, size int, pad byte, flags string, width int) string {
	if width > 0 {
		size = width
	}
	for _, f := range flags {
		switch f {
		case '-':
			size = 0
		case '_':
			pad = ' '
		case '0':
			pad = '0'
		case '^':
			s = strings.ToUpper(s)
		case '#':
			if strings.ToUpper(s) == s {
				s = strings.ToLower(s)
			} else {
				s = strings.ToUpper(s)
			}
		}
	}
	if len(s) < size {
		s = strings.Repeat(string(pad), size-len(s)) + s
	}
	return s
}

func ordinal(day int) string {
	switch {
	case day/10 == 1:
		return "th"
	case day%10 == 1:
		return "st"
	case day%10 == 2:
		return "nd"
	case day%10 == 3:
		return "rd"
	}
	return "th"
}

// convert returns one conversion with its usual width and padding.
func convert(t time.Time, letter byte, flags string) (s string, size int, pad byte, ok bool) {
	number := func(n, size int, pad byte) (string, int, byte, bool) { return strconv.Itoa(n), size, pad, true }
	word := func(s string) (string, int, byte, bool) { return s, 0, ' ', true }
	hour := (t.Hour()+11)%12 + 1
	switch letter {
	case 'Y':
		return number(t.Year(), 0, '0')
	case 'C':
		return number(t.Year()/100, 2, '0')
	case 'y':
		return number(t.Year()%100, 2, '0')
	case 'm':
		return number(int(t.Month()), 2, '0')
	case 'd':
		return number(t.Day(), 2, '0')
	case 'e':
		return number(t.Day(), 2, ' ')
	case 'j':
		return number(t.YearDay(), 3, '0')
	case 'H':
		return number(t.Hour(), 2, '0')
	case 'k':
		return number(t.Hour(), 2, ' ')
	case 'I':
		return number(hour, 2, '0')
	case 'l':
		return number(hour, 2, ' ')
	case 'M':
		return number(t.Minute(), 2, '0')
	case 'S':
		return number(t.Second(), 2, '0')
	case 'L':
		return number(t.Nanosecond()/1e6, 3, '0')
	case 'N':
		return number(t.Nanosecond(), 9, '0')
	case 'u':
		return number((int(t.Weekday())+6)%7+1, 0, '0')
	case 'w':
		return number(int(t.Weekday()), 0, '0')
	case 's':
		return word(strconv.FormatInt(t.Unix(), 10))
	case 'U':
		return number((t.YearDay()+6-int(t.Weekday()))/7, 2, '0')
	case 'W':
		return number((t.YearDay()+6-(int(t.Weekday())+6)%7)/7, 2, '0')
	case 'V':
		_, week := t.ISOWeek()
		return number(week, 2, '0')
	case 'G':
		year, _ := t.ISOWeek()
		return number(year, 0, '0')
	case 'z':
		if strings.Contains(flags, ":") {
			return word(t.Format("-07:00"))
		}
		return word(t.Format("-0700"))
	}
	layout, ok := map[byte]string{'A': "Monday", 'a': "Mon", 'B': "January", 'b': "Jan", 'h': "Jan", 'p': "PM", 'P': "pm", 'Z': "MST",
		'D': "01/02/06", 'x': "1/2/2006", 'F': "2006-01-02", 'T': "15:04:05", 'X': "3:04:05 PM", 'R': "15:04", 'r': "03:04:05 PM", 'c': "1/2/2006, 3:04:05 PM",
		'v': "_2-Jan-2006", 'n': "\n", 't': "\t", '%': "%"}[letter]
	if letter == 'q' {
		return word(ordinal(t.Day()))
	}
	return t.Format(layout), 0, ' ', ok
}
