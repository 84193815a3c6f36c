package function

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// logEntries is how many calls of a function are remembered on this node, logFunctions of how many functions.
	logEntries   = 32
	logFunctions = 128
)

// LogEntry is a call as it is remembered: in memory, on the node that made it. Secrets of the environment and runs of digits are
// masked in its texts.
type LogEntry struct {
	At                 time.Time
	RequestID, Version string
	Mode               Mode
	// Outcome is that of Invocation.
	Outcome                 string
	ErrorType, ErrorMessage string
	Duration, Init          time.Duration
	MemoryMB                int
	// Text is the end of what the function wrote, at most 4 KiB.
	Text string
}

// logs are rings by function id.
type logs struct {
	mu  sync.Mutex
	all map[string]*ring
	// turnedAway is when an event last said that a function had no worker free.
	turnedAway map[Ref]time.Time
}

// busyEvery is how often an event says so.
const busyEvery = 10 * time.Second

func (l *logs) busy(ref Ref, at time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.turnedAway[ref]; ok && at.Sub(last) < busyEvery {
		return false
	}
	if l.turnedAway == nil || len(l.turnedAway) >= maxTargets {
		l.turnedAway = map[Ref]time.Time{}
	}
	l.turnedAway[ref] = at
	return true
}

type ring struct {
	entries []LogEntry
	next    int
	last    time.Time
}

func (l *logs) add(functionID string, e LogEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.all[functionID]
	if r == nil {
		if l.all == nil {
			l.all = map[string]*ring{}
		}
		if len(l.all) >= logFunctions {
			l.dropOldest()
		}
		r = &ring{}
		l.all[functionID] = r
	}
	r.last = e.At
	if len(r.entries) < logEntries {
		r.entries = append(r.entries, e)
		return
	}
	r.entries[r.next] = e
	r.next = (r.next + 1) % logEntries
}

func (l *logs) dropOldest() {
	oldest := ""
	for id, r := range l.all {
		if oldest == "" || r.last.Before(l.all[oldest].last) {
			oldest = id
		}
	}
	delete(l.all, oldest)
}

func (l *logs) forget(functionID string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.all, functionID)
}

func (l *logs) of(functionID string) []LogEntry {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.all[functionID]
	if r == nil {
		return nil
	}
	return slices.Concat(r.entries[r.next:], r.entries[:r.next])
}

// Logs returns what this node remembers of the last calls of a function, oldest first; with a version as qualifier, of that one.
func (s *Service) Logs(ctx context.Context, ref Ref) ([]LogEntry, error) {
	l, err := s.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	all := s.logs.of(l.row.ID)
	if ref.Qualifier != "" {
		all = slices.DeleteFunc(all, func(e LogEntry) bool { return e.Version != l.version })
	}
	return all, nil
}
