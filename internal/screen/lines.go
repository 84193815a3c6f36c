package screen

import (
	"sync"

	"countersign/phone"
)

// maxLines bounds the blocks of a hundred numbers whose type is remembered.
const maxLines = 8192

// lineMemory remembers the types of lines: a look into the numbering plan takes a hundred times as long as everything else here. Numbering plans do not
// tell numbers apart by their last two digits, except that some fictional and special numbers stand alone; a test compares.
type lineMemory struct {
	mu   sync.RWMutex
	kept map[string]phone.LineType
}

func (m *lineMemory) of(n phone.Number) phone.LineType {
	s := n.String()
	if len(s) < 8 {
		return n.Line()
	}
	key := s[:len(s)-2] // numbers of other lengths have keys of other lengths
	m.mu.RLock()
	t, ok := m.kept[key]
	m.mu.RUnlock()
	if ok {
		return t
	}
	t = n.Line()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.kept) >= maxLines {
		clear(m.kept)
	}
	m.kept[key] = t
	return t
}
