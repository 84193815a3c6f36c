package adminapi

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
)

// field is something of a row that lists are filtered and sorted by.
type field[T any] struct {
	name string
	// value is what is compared, in a form in which the order of texts is that of the values.
	value func(T) string
	// read brings what a filter gives into that form. nil: it is a text, and stays as it is.
	read func(string) (string, error)
}

func textBy[T any](name string, of func(T) string) field[T] {
	return field[T]{name: name, value: of}
}

func flagBy[T any](name string, of func(T) bool) field[T] {
	return field[T]{name: name, value: func(row T) string { return strconv.FormatBool(of(row)) }, read: func(s string) (string, error) {
		if s != "true" && s != "false" {
			return "", errors.New("must be true or false")
		}
		return s, nil
	}}
}

func numberBy[T any](name string, of func(T) float64) field[T] {
	return field[T]{name: name, value: func(row T) string { return orderedNumber(of(row)) }, read: func(s string) (string, error) {
		n, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(n) {
			return "", errors.New("must be a number")
		}
		return orderedNumber(n), nil
	}}
}

// orderedNumber writes a number so that texts are ordered as numbers are: the bits of a double grow with it, those of negative ones the other way round.
func orderedNumber(n float64) string {
	bits := math.Float64bits(n + 0) // no negative zero
	if n < 0 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	return fmt.Sprintf("%016x", bits)
}

// orderedTime is a time's form in which texts are ordered as times are; empty for no time.
const orderedTime = "2006-01-02T15:04:05.000000000Z"

func timeBy[T any](name string, of func(T) time.Time) field[T] {
	return field[T]{name: name, value: func(row T) string {
		at := of(row)
		if at.IsZero() {
			return ""
		}
		return at.UTC().Format(orderedTime)
	}, read: func(s string) (string, error) {
		for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
			if at, err := time.Parse(layout, s); err == nil {
				return at.UTC().Format(orderedTime), nil
			}
		}
		return "", errors.New("must be a time (2026-11-22T10:00:00Z) or a day (2026-11-22)")
	}}
}

// maybe is a time that may be absent.
func maybe(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
