package route

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"countersign/provider"
)

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func fail(r provider.Reason) error {
	return provider.Fail(r, 0, &provider.VendorError{Provider: "fake", VendorCode: "1", Text: "no"})
}

var errSilence = fmt.Errorf("%w: silence", provider.ErrAmbiguous)

// A circuit's life as a script: each line is what happens, when, and the state after it.
func TestCircuit(t *testing.T) {
	type line struct {
		after time.Duration
		err   error // of a call; errSkip: the call is refused
		state circuitState
		until time.Duration // of an open circuit, from now
	}
	refused := errors.New("the circuit refuses")
	times := func(n int, l line, rest ...line) (out []line) {
		for range n {
			out = append(out, l)
		}
		return append(out, rest...)
	}
	join := func(parts ...[]line) (out []line) {
		for _, p := range parts {
			out = append(out, p...)
		}
		return out
	}
	auth, temp, good := fail(provider.AuthFailed), fail(provider.Temporary), error(nil)
	tests := []struct {
		name  string
		lines []line
	}{
		{"serves", times(30, line{time.Second, good, closed, 0})},
		{"refused credentials open it at once, for longer each time", []line{
			{0, auth, open, time.Minute},
			{59 * time.Second, refused, open, time.Second},
			{time.Second, auth, open, 2 * time.Minute},
			{2 * time.Minute, auth, open, 4 * time.Minute},
			{4 * time.Minute, auth, open, 8 * time.Minute},
			{8 * time.Minute, auth, open, 15 * time.Minute},
			{15 * time.Minute, auth, open, 15 * time.Minute},
			{15 * time.Minute, good, closed, 0},
			{0, auth, open, time.Minute},
		}},
		{"no balance", []line{{0, fail(provider.InsufficientFunds), open, time.Minute}, {time.Minute, good, closed, 0}}},
		{"five in a row", times(4, line{0, temp, closed, 0}, line{0, errSilence, open, 15 * time.Second}, line{time.Second, refused, open, 14 * time.Second},
			line{14 * time.Second, temp, open, 30 * time.Second}, line{30 * time.Second, good, closed, 0}, line{0, temp, closed, 0})},
		{"a success between", join(times(4, line{0, temp, closed, 0}), times(1, line{0, good, closed, 0}), times(4, line{0, temp, closed, 0}))},
		{"more than half of the last twenty", join(times(4, line{0, good, closed, 0}),
			join(times(3, line{0, temp, closed, 0}), times(1, line{0, good, closed, 0})),
			join(times(3, line{0, temp, closed, 0}), times(1, line{0, good, closed, 0})),
			join(times(3, line{0, temp, closed, 0}), times(1, line{0, good, closed, 0})),
			times(2, line{0, good, closed, 0}), times(1, line{0, temp, closed, 0}), times(1, line{0, temp, open, 15 * time.Second}))},
		{"the same within a longer time", join(times(4, line{3 * time.Second, good, closed, 0}),
			join(times(3, line{3 * time.Second, temp, closed, 0}), times(1, line{0, good, closed, 0})),
			join(times(3, line{3 * time.Second, temp, closed, 0}), times(1, line{0, good, closed, 0})),
			join(times(3, line{3 * time.Second, temp, closed, 0}), times(1, line{0, good, closed, 0})),
			times(2, line{0, good, closed, 0}), times(2, line{3 * time.Second, temp, closed, 0}))},
		{"what is the message's fault", times(30, line{0, fail(provider.InvalidNumber), closed, 0})},
		{"rates", []line{
			{0, provider.Fail(provider.RateLimited, 7*time.Second, &provider.VendorError{}), closed, 0},
			{6 * time.Second, refused, closed, 0}, {time.Second, good, closed, 0},
			{0, provider.Fail(provider.RateLimited, time.Hour, &provider.VendorError{}), closed, 0},
			{5 * time.Minute, good, closed, 0},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var c circuit
			now := start
			for i, l := range tt.lines {
				now = now.Add(l.after)
				before := c.state
				why, probe, at := c.enter(now)
				if (why != "") != (l.err == refused) {
					t.Fatalf("line %d: refused %q", i, why)
				}
				if why != "" && !at.After(now) {
					t.Errorf("line %d: come again at %v", i, at.Sub(now))
				}
				if why == "" {
					ch := c.done(now, probe, l.err)
					if ch.opened != (before == closed && l.state == open) || ch.closed != (before != closed && l.state == closed) {
						t.Errorf("line %d: %+v", i, ch)
					}
				}
				if c.state != l.state || l.state == open && c.until.Sub(now) != l.until {
					t.Fatalf("line %d: %s for %v", i, c.state, c.until.Sub(now))
				}
			}
		})
	}
}

// One message tries a half-open circuit; the others go elsewhere until it is known how it went. One that was not made leaves its turn to the next.
func TestOneProbe(t *testing.T) {
	var c circuit
	c.done(start, false, fail(provider.AuthFailed))
	later := start.Add(time.Minute)
	_, probe, _ := c.enter(later)
	if why, _, _ := c.enter(later); !probe || why == "" {
		t.Fatal("two messages try")
	}
	c.cancel(probe)
	if why, again, _ := c.enter(later); why != "" || !again {
		t.Fatalf("nobody tries any more: %s", why)
	}
	// A call that was under way when the circuit opened does not close it.
	if ch := c.done(later, false, nil); ch.closed || c.state != halfOpen {
		t.Error("an old call closed the circuit")
	}
	if ch := c.done(later, true, nil); !ch.closed || ch.lasted != time.Minute {
		t.Errorf("%+v", ch)
	}
}
