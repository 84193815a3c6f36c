package route

import (
	"sync"
	"time"

	"countersign/provider"
)

const (
	// An account that refuses our credentials or has no balance needs a person: it is left alone for a minute, then for two ... at most 15.
	firstRefused   = time.Minute
	longestRefused = 15 * time.Minute
	// One that fails is asked again sooner.
	firstFailing   = 15 * time.Second
	longestFailing = 5 * time.Minute
	// It fails if failuresInRow calls did in a row, or more than half of the last lastCalls, all within callSpan.
	failuresInRow = 5
	lastCalls     = 20
	callSpan      = 30 * time.Second
	// An account that wants fewer messages is passed over for as long as it says, within these bounds.
	shortestThrottle = time.Second
	longestThrottle  = 5 * time.Minute
)

type circuitState int

const (
	closed circuitState = iota
	open
	halfOpen
)

func (s circuitState) String() string { return [...]string{"closed", "open", "half_open"}[s] }

// change is what a call did to a circuit.
type change struct {
	opened, closed bool
	reason         provider.Reason
	until          time.Time
	// lasted is how long it was open, for one that closed.
	lasted time.Duration
}

// circuit is the breaker of one account on this node.
type circuit struct {
	mu    sync.Mutex
	state circuitState
	// reason and since are of the first failure of an open circuit, until the end of its present pause, pauses how many there were.
	reason       provider.Reason
	since, until time.Time
	pauses       int
	// probing is set while a half-open circuit's one message is under way.
	probing bool
	// throttled is until when the service wants to be left alone; that opens nothing.
	throttled time.Time
	inRow     int
	calls     [lastCalls]call
	next      int
}

type call struct {
	at     time.Time
	failed bool
}

// enter asks for a call. The answer is a sentence why not, or empty; probe says that the call decides over the circuit, and must be ended by done
// or cancel. at is when to ask again.
func (c *circuit) enter(now time.Time) (refused string, probe bool, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now.Before(c.throttled) {
		return "it wants fewer messages", false, c.throttled
	}
	switch c.state {
	case open:
		if now.Before(c.until) {
			return "its circuit is open: " + string(c.reason), false, c.until
		}
		c.state, c.probing = halfOpen, true
		return "", true, time.Time{}
	case halfOpen:
		if c.probing {
			return "its circuit is half open, and another message tries", false, now.Add(time.Second)
		}
		c.probing = true
		return "", true, time.Time{}
	}
	return "", false, time.Time{}
}

// throttledUntil is until when the service wants to be left alone.
func (c *circuit) throttledUntil() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.throttled
}

// look is enter without going in.
func (c *circuit) look(now time.Time) (s Status, refused string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Circuit = c.state.String()
	if c.state != closed {
		s.Reason, s.Since, s.Until = string(c.reason), c.since, c.until
	}
	switch {
	case now.Before(c.throttled):
		refused = "it wants fewer messages"
	case c.state == open && now.Before(c.until):
		refused = "its circuit is open: " + string(c.reason)
	case c.state == halfOpen && c.probing:
		refused = "its circuit is half open, and another message tries"
	}
	return s, refused
}

// cancel ends a probe whose call was not made.
func (c *circuit) cancel(probe bool) {
	if probe {
		c.mu.Lock()
		c.probing = false
		c.mu.Unlock()
	}
}

// reset closes the circuit and forgets its calls.
func (c *circuit) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state, c.pauses, c.probing, c.inRow, c.throttled, c.calls = closed, 0, false, 0, time.Time{}, [lastCalls]call{}
}

// done records what a call came to.
func (c *circuit) done(now time.Time, probe bool, err error) change {
	c.mu.Lock()
	defer c.mu.Unlock()
	if probe {
		c.probing = false
	}
	if err == nil {
		return c.succeeded(now, probe)
	}
	class, after := provider.ClassOf(err)
	reason := provider.ReasonOf(err)
	switch {
	case reason == provider.AuthFailed, reason == provider.InsufficientFunds:
		return c.open(now, reason, firstRefused, longestRefused)
	case reason == provider.RateLimited:
		c.throttled = now.Add(min(max(after, shortestThrottle), longestThrottle))
		return change{}
	case reason == provider.Temporary || class == provider.ClassAmbiguous:
		return c.failed(now, probe, reason)
	}
	// The service is there and said what is wrong with this message.
	return c.succeeded(now, probe)
}

func (c *circuit) succeeded(now time.Time, probe bool) (ch change) {
	c.inRow = 0
	c.remember(now, false)
	if c.state != closed && probe {
		ch = change{closed: true, reason: c.reason, lasted: now.Sub(c.since)}
		c.state, c.pauses, c.inRow = closed, 0, 0
		c.calls = [lastCalls]call{}
	}
	return ch
}

func (c *circuit) failed(now time.Time, probe bool, reason provider.Reason) change {
	c.inRow++
	c.remember(now, true)
	if probe || c.state == closed && (c.inRow >= failuresInRow || c.mostFail(now)) {
		return c.open(now, reason, firstFailing, longestFailing)
	}
	return change{}
}

// open begins a pause. Calls that were under way when it began do not make it longer.
func (c *circuit) open(now time.Time, reason provider.Reason, first, longest time.Duration) change {
	if c.state == open && now.Before(c.until) {
		return change{}
	}
	fresh := c.state == closed
	if fresh {
		c.since, c.pauses = now, 0
	}
	pause := min(first<<min(c.pauses, 10), longest)
	c.pauses++
	c.state, c.reason, c.until, c.probing = open, reason, now.Add(pause), false
	c.inRow = 0
	c.calls = [lastCalls]call{}
	return change{opened: fresh, reason: reason, until: c.until}
}

func (c *circuit) remember(now time.Time, failed bool) {
	c.calls[c.next] = call{now, failed}
	c.next = (c.next + 1) % lastCalls
}

// mostFail reports whether the last calls are all recent and more than half of them failed.
func (c *circuit) mostFail(now time.Time) bool {
	n := 0
	for _, k := range c.calls {
		if k.at.IsZero() || now.Sub(k.at) > callSpan {
			return false
		}
		if k.failed {
			n++
		}
	}
	return n > lastCalls/2
}
