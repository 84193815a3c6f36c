package screen

import (
	"countersign/internal/pumping"
	"countersign/phone"
)

// Marking writes a mark with the detector's.
func Marking(recorded []Reason, cost int64, pumping string) string {
	return marking{recorded: recorded, strange: true, cost: cost, pumping: pumping}.String()
}

// LineMemory is lineMemory.
type LineMemory struct{ m lineMemory }

// NewLineMemory returns one that is empty.
func NewLineMemory() *LineMemory { return &LineMemory{lineMemory{kept: map[string]phone.LineType{}}} }

// Of is of.
func (m *LineMemory) Of(n phone.Number) phone.LineType { return m.m.of(n) }

// Pumping is the service's detector.
func (s *Service) Pumping() *pumping.Detector { return s.c.Pumping }
