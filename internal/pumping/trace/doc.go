// Package trace holds recordings of who asked for codes: JSON lines, of which the first describes the recording and each other is a message. They are
// for replaying (package replay, `countersign guard replay`). Those under ../testdata are made by the scenarios of this package from a seed; every number
// and address in them is drawn at random.
package trace
