package trace

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
)

// Labels of a message.
const (
	Honest = "honest"
	Attack = "attack"
)

const (
	// maxLine bounds a line, maxLines a recording.
	maxLine, maxLines = 4096, 10_000_000
)

// Header is the first line.
type Header struct {
	// Name, Pool and About are for people. Seed is what it was made from, 0 if it was recorded.
	Name  string `json:"name"`
	Pool  string `json:"pool"`
	Seed  uint64 `json:"seed"`
	About string `json:"about,omitempty"`
}

// Message is a line: a code that somebody asked for.
type Message struct {
	// At is in seconds since the beginning; lines go by it.
	At float64 `json:"at"`
	To string  `json:"to"`
	// IP may be empty: unknown.
	IP      string `json:"ip,omitempty"`
	Client  string `json:"client,omitempty"`
	Purpose string `json:"purpose,omitempty"`
	// TypedAfter is in seconds since At; nil: the code was never typed in.
	TypedAfter *float64 `json:"typed_after,omitempty"`
	// Label is Honest or Attack; recordings of which that is not known call all Honest.
	Label string `json:"label"`
}

// Read reads a recording, gzip-compressed or not. The messages end with the first error. Errors name the line.
func Read(r io.Reader) (Header, iter.Seq2[Message, error], error) {
	var h Header
	b := bufio.NewReaderSize(r, 64<<10)
	if magic, err := b.Peek(2); err == nil && bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(b)
		if err != nil {
			return h, nil, fmt.Errorf("trace: %w", err)
		}
		b = bufio.NewReaderSize(z, 64<<10)
	}
	lines := bufio.NewScanner(b)
	lines.Buffer(make([]byte, 0, maxLine), maxLine)
	if !lines.Scan() {
		return h, nil, fmt.Errorf("trace: line 1: %w", or(lines.Err(), io.ErrUnexpectedEOF))
	}
	if err := strict(lines.Bytes(), &h); err != nil {
		return h, nil, fmt.Errorf("trace: line 1 (name, pool, seed): %w", err)
	}
	if h.Name == "" {
		return h, nil, errors.New("trace: line 1 has no name")
	}
	return h, messages(lines), nil
}

func messages(lines *bufio.Scanner) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		last, n := 0.0, 1
		for lines.Scan() {
			n++
			var m Message
			err := strict(lines.Bytes(), &m)
			switch {
			case err != nil:
			case n > maxLines:
				err = fmt.Errorf("more than %d lines", maxLines)
			case !(m.At >= last):
				err = fmt.Errorf("at %v is before the line above", m.At)
			case m.To == "":
				err = errors.New(`"to" is missing`)
			case m.Label != Honest && m.Label != Attack:
				err = fmt.Errorf("a label is %s or %s", Honest, Attack)
			case m.TypedAfter != nil && !(*m.TypedAfter >= 0):
				err = errors.New("typed_after is negative")
			}
			if err != nil {
				yield(m, fmt.Errorf("trace: line %d: %w", n, err))
				return
			}
			last = m.At
			if !yield(m, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Message{}, fmt.Errorf("trace: line %d: %w", n+1, err))
		}
	}
}

// Write writes a recording, compressed.
func Write(w io.Writer, h Header, messages []Message) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	e := json.NewEncoder(z)
	if err := e.Encode(h); err != nil {
		return err
	}
	for _, m := range messages {
		if err := e.Encode(m); err != nil {
			return err
		}
	}
	return z.Close()
}

func strict(line []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.More() {
		return errors.New("more than one value")
	}
	return nil
}

func or(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
