package store

import (
	"regexp"
	"testing"
	"time"
)

func TestNewID(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	last := ""
	for i := range 5000 {
		now := at.Add(time.Duration(i) * time.Microsecond)
		id := NewID(now)
		if !form.MatchString(id) {
			t.Fatalf("%s is not a UUIDv7", id)
		}
		if id <= last {
			t.Fatalf("%s does not follow %s", id, last)
		}
		if min := MinID(now); id < min || !form.MatchString(min) {
			t.Fatalf("%s is below MinID %s", id, min)
		}
		if id >= MinID(now.Add(time.Millisecond)) {
			t.Fatalf("%s is not below the next millisecond", id)
		}
		last = id
	}
}
