package proof

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// kind says how a secret is looked for.
type kind int

const (
	// code is a number that somebody was sent: short, so that only whole words count.
	code kind = iota
	// phrase is a password or what only its owner may read: found anywhere, in any answer, it is a leak.
	phrase
	// token is a session or token, or a secret that an answer handed out: answers may hold it, nothing else.
	token
	// number is a telephone number: it has its places in the database, and none in logs, metrics and events.
	number
)

// secrets are what must not be found.
type secrets struct {
	byKind [4]map[string]string // value → what it is
}

func (s *secrets) add(k kind, what, value string) string {
	if len(value) < 6 {
		panic("proof: " + what + " is too short to be looked for: " + value)
	}
	if s.byKind[k] == nil {
		s.byKind[k] = map[string]string{}
	}
	s.byKind[k][value] = what
	return value
}

func (s *secrets) count() (n int) {
	for _, m := range s.byKind {
		n += len(m)
	}
	return n
}

var (
	// moments hold six digits of a second that are no code.
	moments = regexp.MustCompile(`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+`)
	// hexRuns are identifiers and hashes, in which any digits may stand.
	hexRuns = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32,}`)
	// microseconds since 1970, as counters and ids of the simulator have them.
	epochs = regexp.MustCompile(`\b[0-9]{10,19}\b`)
)

// find returns what of the given kinds is in the data.
func (s *secrets) find(data []byte, kinds ...kind) (found []string) {
	for _, k := range kinds {
		switch k {
		case code:
			found = append(found, s.codes(data)...)
		case number:
			for value, what := range s.byKind[k] {
				if bytes.Contains(data, []byte(strings.TrimPrefix(value, "+"))) {
					found = append(found, what+" "+value)
				}
			}
		default:
			for value, what := range s.byKind[k] {
				if bytes.Contains(data, []byte(value)) {
					found = append(found, fmt.Sprintf("%s %.12s…", what, value))
				}
			}
		}
	}
	return found
}

func (s *secrets) codes(data []byte) (found []string) {
	if len(s.byKind[code]) == 0 {
		return nil
	}
	for _, re := range []*regexp.Regexp{moments, hexRuns, epochs} {
		data = re.ReplaceAll(data, []byte(" "))
	}
	for value, what := range s.byKind[code] {
		rest := data
		for {
			i := bytes.Index(rest, []byte(value))
			if i < 0 {
				break
			}
			if end := i + len(value); !joined(rest, i-1, i-2) && !joined(rest, end, end+1) {
				found = append(found, what+" "+value)
				break
			}
			rest = rest[i+len(value):]
		}
	}
	return found
}

// joined reports whether the byte at i, beside a code, makes it a part of something else: an identifier, base64 or, with a digit at
// beyond, a fraction.
func joined(data []byte, i, beyond int) bool {
	at := func(i int) byte {
		if i < 0 || i >= len(data) {
			return ' '
		}
		return data[i]
	}
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	c := at(i)
	return digit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("_-+/", c) >= 0 || c == '.' && digit(at(beyond))
}

// none fails if something of the given kinds is in the data.
func (s *secrets) none(t testing.TB, where string, data []byte, kinds ...kind) {
	t.Helper()
	for _, f := range s.find(data, kinds...) {
		t.Errorf("%s holds %s", where, f)
	}
}

// inHeader is none for a header.
func (s *secrets) inHeader(t testing.TB, where string, h http.Header) {
	t.Helper()
	for name, values := range h {
		s.none(t, where+", header "+name, []byte(strings.Join(values, "\n")), code, phrase, token, number)
	}
}

// TestSecretsAreFound: a search that finds nothing proves nothing, unless it would have found.
func TestSecretsAreFound(t *testing.T) {
	s := &secrets{}
	s.add(code, "the code", "104729")
	s.add(phrase, "the password", "Canary-Yellow-1!")
	s.add(token, "the session", "AYABeA-session")
	s.add(number, "the number", "+12025550187")
	all := []kind{code, phrase, token, number}
	for _, text := range []string{
		`{"code":"104729"}`, "code 104729", "104729", "level=INFO msg=x code=104729 y=1", "Your code is 104729.\n", "\x00104729\x01", "(104729)",
		"x Canary-Yellow-1! y", "AYABeA-session", "tel:12025550187",
	} {
		if len(s.find([]byte(text), all...)) != 1 {
			t.Errorf("not found in %q", text)
		}
	}
	for _, text := range []string{
		"", "1047290", "2026-11-21T12:00:00.104729Z", "0.104729", "01930104729f", "5f104729-1047-1047-1047-104729104729", "1795104729000000", "A104729B",
	} {
		if found := s.find([]byte(text), all...); len(found) > 0 {
			t.Errorf("found %v in %q", found, text)
		}
	}
}
