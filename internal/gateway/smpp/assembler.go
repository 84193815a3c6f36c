package smpp

import (
	"sync"
	"time"
)

const (
	// maxOpen bounds the texts whose parts are not all there, maxInParts the parts of one, and openFor how long they are waited for.
	maxOpen, maxInParts = 500, 16
	openFor             = 10 * time.Minute
)

// partKey says which text a part belongs to.
type partKey struct {
	from, to  string
	reference uint16
	wide      bool
	total     byte
}

type openText struct {
	since time.Time
	left  int
	parts [][]byte
}

// Assembler puts parts of texts together. The zero value is ready; it is safe for concurrent use.
type Assembler struct {
	mu   sync.Mutex
	open map[partKey]*openText
}

// Add returns the octets of the text that m completes, or ok false: a part is missing, or m makes no sense. A part that comes twice counts once.
func (a *Assembler) Add(m *SM, now time.Time) (octets []byte, ok bool) {
	body, key, part, ok := m.part()
	if !ok {
		return nil, false
	}
	if key.total <= 1 {
		return body, true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open == nil {
		a.open = map[partKey]*openText{}
	}
	t := a.open[key]
	if t == nil || now.Sub(t.since) > openFor { // references come round again
		a.makeRoom(now)
		t = &openText{since: now, left: int(key.total), parts: make([][]byte, key.total)}
		a.open[key] = t
	}
	if t.parts[part-1] == nil {
		t.parts[part-1] = append([]byte{}, body...)
		t.left--
	}
	if t.left > 0 {
		return nil, false
	}
	delete(a.open, key)
	for _, p := range t.parts {
		octets = append(octets, p...)
	}
	return octets, true
}

// makeRoom forgets what is too old, and the oldest if there is too much.
func (a *Assembler) makeRoom(now time.Time) {
	if len(a.open) < maxOpen {
		return
	}
	var oldest partKey
	var since time.Time
	for key, t := range a.open {
		if now.Sub(t.since) > openFor {
			delete(a.open, key)
		} else if since.IsZero() || t.since.Before(since) {
			oldest, since = key, t.since
		}
	}
	if len(a.open) >= maxOpen {
		delete(a.open, oldest)
	}
}

// part takes m apart: its octets without header, which text it is of, and which part, from 1.
func (m *SM) part() (body []byte, key partKey, part byte, ok bool) {
	body = m.Short
	if v, found := m.TLVs.Get(TagPayload); found && len(body) == 0 {
		body = v
	}
	if len(body) > maxInParts*maxShort {
		return nil, key, 0, false
	}
	key = partKey{from: m.Source.Digits, to: m.Destination.Digits, total: 1}
	part = 1
	if m.ESMClass&esmUDH != 0 {
		if body, ok = readHeader(body, &key, &part); !ok {
			return nil, key, 0, false
		}
	} else if total, found := m.TLVs.number(TagSARTotal, 1); found {
		reference, _ := m.TLVs.number(TagSARReference, 2)
		n, _ := m.TLVs.number(TagSARPart, 1)
		key.reference, key.wide, key.total, part = uint16(reference), true, byte(total), byte(n)
	}
	return body, key, part, key.total >= 1 && key.total <= maxInParts && part >= 1 && part <= key.total
}

// readHeader reads a user data header (3GPP TS 23.040, 9.2.3.24) and returns what follows it.
func readHeader(b []byte, key *partKey, part *byte) ([]byte, bool) {
	if len(b) == 0 || int(b[0]) >= len(b) {
		return nil, false
	}
	header, rest := b[1:1+int(b[0])], b[1+int(b[0]):]
	for len(header) >= 2 {
		id, size := header[0], int(header[1])
		if header = header[2:]; size > len(header) {
			return nil, false
		}
		v := header[:size]
		header = header[size:]
		switch {
		case id == 0 && size == 3:
			key.reference, key.total, *part = uint16(v[0]), v[1], v[2]
		case id == 8 && size == 4:
			key.reference, key.wide, key.total, *part = uint16(v[0])<<8|uint16(v[1]), true, v[2], v[3]
		}
	}
	return rest, true
}
