package simulator

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"countersign/provider"
)

// What a fault may do beside failing for a provider.Reason.
const (
	// FaultAmbiguous: the message arrives, and the connection is cut before the answer.
	FaultAmbiguous = "ambiguous"
	// FaultDelay: the answer takes DelayMS, then all is well.
	FaultDelay = "delay"
	// FaultAcceptOnly: the service says yes, and the message never arrives.
	FaultAcceptOnly = "accept_only"
)

const (
	// maxFaults bounds the list, maxFaultDelay how long a fault may hang, maxFaultCount its counters.
	maxFaults     = 100
	maxFaultDelay = 60 * time.Second
	maxFaultCount = 1_000_000
	// throttledFor is how long a throttling service wants to be left alone.
	throttledFor = time.Second
	// magicDelay is how slow the magic number is that delays.
	magicDelay = 10 * time.Second
)

// Fault is a rule that makes sends go wrong. The first one of the list that fits decides.
type Fault struct {
	// Provider is the simulated service as Message.Provider names it, or "simulator" for what Countersign hands to the simulator itself; "*" or empty: any.
	Provider string `json:"provider,omitempty"`
	// To is a number or address, or the beginning of some with a star after it; "*" or empty: any.
	To string `json:"to,omitempty"`
	// Channel is sms, voice or email; empty: any.
	Channel provider.Channel `json:"channel,omitempty"`
	// Share is the part of the messages that it hits, 0 to 1, by chance. Default 1.
	Share *float64 `json:"share,omitempty"`
	// Reason is a provider.Reason, ambiguous, delay or accept_only. Required.
	Reason string `json:"reason"`
	// DelayMS is how long the service waits before it does what Reason says, in milliseconds, at most a minute.
	DelayMS int `json:"delay_ms,omitempty"`
	// After lets so many messages that fit pass first; Times ends the rule when it has hit so many, 0: never.
	After int `json:"after,omitempty"`
	Times int `json:"times,omitempty"`
	// Seen and Hit count the messages that fitted and those that were hit. They are not set by a caller.
	Seen int `json:"seen"`
	Hit  int `json:"hit"`
}

// FaultError says which field of which rule is wrong.
type FaultError struct {
	// Field is its path ("[2].reason"), Problem what is wrong with it.
	Field, Problem string
}

// Error joins the two.
func (e *FaultError) Error() string { return "simulator: " + e.Field + " " + e.Problem }

// services are the names that Fault.Provider may have.
func services() []string { return append(slices.Sorted(maps.Keys(serviceNames)), "simulator") }

// kinds are the values of Fault.Reason.
func kinds() []string {
	var out []string
	for _, r := range provider.Reasons() {
		if r != provider.Blocked && r != provider.Withheld { // the magic numbers go by this order; no service withholds
			out = append(out, string(r))
		}
	}
	return append(out, FaultAmbiguous, FaultDelay, FaultAcceptOnly, string(provider.Blocked))
}

// check returns what is wrong with the rule, by the name of its field.
func (f *Fault) check() (field, problem string) {
	switch {
	case f.Provider != "" && f.Provider != "*" && !slices.Contains(services(), f.Provider):
		return "provider", "must be * or one of " + strings.Join(services(), ", ")
	case len(f.To) > maxAddress || strings.Contains(strings.TrimSuffix(f.To, "*"), "*"):
		return "to", "must be a number or address, or its beginning and a star"
	case !slices.Contains([]provider.Channel{"", provider.SMS, provider.Voice, provider.Email}, f.Channel):
		return "channel", "must be sms, voice or email"
	case f.Share != nil && !(*f.Share >= 0 && *f.Share <= 1):
		return "share", "must be a number from 0 to 1"
	case !slices.Contains(kinds(), f.Reason):
		return "reason", "must be one of " + strings.Join(kinds(), ", ")
	case f.DelayMS < 0 || time.Duration(f.DelayMS)*time.Millisecond > maxFaultDelay:
		return "delay_ms", "must be 0 to 60000"
	case f.Reason == FaultDelay && f.DelayMS == 0:
		return "delay_ms", "is needed for a delay"
	case f.After < 0 || f.After > maxFaultCount:
		return "after", "must be 0 to 1000000"
	case f.Times < 0 || f.Times > maxFaultCount:
		return "times", "must be 0 to 1000000"
	}
	return "", ""
}

// SetFaults replaces the list of faults; counters start anew. It returns a *FaultError if a rule is wrong, and changes nothing then.
func (b *Inbox) SetFaults(list []Fault) error {
	if len(list) > maxFaults {
		return &FaultError{Field: fmt.Sprintf("[%d]", maxFaults), Problem: fmt.Sprintf("is one too many: at most %d rules are kept", maxFaults)}
	}
	list = slices.Clone(list)
	for i := range list {
		if field, problem := list[i].check(); problem != "" {
			return &FaultError{Field: fmt.Sprintf("[%d].%s", i, field), Problem: problem}
		}
		list[i].Seen, list[i].Hit = 0, 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = list
	return nil
}

// Faults returns the list with its counters.
func (b *Inbox) Faults() []Fault {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Fault{}, b.faults...)
}

// effect is what happens to a message.
type effect struct {
	reason string
	delay  time.Duration
}

// effect looks for a rule that hits the message, then at the magic numbers.
func (b *Inbox) effect(service string, m *Message) effect {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.faults {
		f := &b.faults[i]
		if !f.fits(service, m) {
			continue
		}
		if f.Seen++; f.Seen <= f.After || f.Times > 0 && f.Hit >= f.Times || f.Share != nil && chance() >= *f.Share {
			continue
		}
		f.Hit++
		return effect{f.Reason, time.Duration(f.DelayMS) * time.Millisecond}
	}
	return magicEffect(m.To)
}

func (f *Fault) fits(service string, m *Message) bool {
	if f.Provider != "" && f.Provider != "*" && f.Provider != cmp.Or(service, "simulator") || f.Channel != "" && f.Channel != m.Channel {
		return false
	}
	if before, ok := strings.CutSuffix(f.To, "*"); ok {
		return strings.HasPrefix(m.To, before)
	}
	return f.To == "" || sameParty(f.To, m.To)
}

// chance is a number from 0 to 1, not 1 itself.
func chance() float64 {
	var raw [8]byte
	rand.Read(raw[:])
	return float64(binary.BigEndian.Uint64(raw[:])>>11) / (1 << 53)
}

// before waits as long as the effect says, or until ctx ends, and returns the error that the service fails with; nil for those that accept.
func (e effect) before(ctx context.Context) error {
	if e.delay > 0 {
		t := time.NewTimer(e.delay)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	switch e.reason {
	case "", FaultDelay, FaultAcceptOnly, FaultAmbiguous:
		return nil
	}
	r, after := provider.Reason(e.reason), time.Duration(0)
	if r == provider.RateLimited {
		after = throttledFor
	}
	return provider.Fail(r, after, &provider.VendorError{Provider: "simulator", VendorCode: e.reason, Text: "a fault or a magic number wants it so"})
}

var errCut = errors.New("a fault cut the connection")

// magicPrefix begins the numbers that always fail in the same way; two digits follow. They belong to nobody (North American numbering
// plan, 555-0100 to 555-0199).
const magicPrefix = "+19095550"

// MagicNumber is a number to which every send goes wrong in the same way.
type MagicNumber struct {
	// To is in E.164 form, Reason as Fault.Reason.
	To, Reason string
}

// MagicNumbers returns them all: one for each provider.Reason, then one for each of the other kinds of fault.
func MagicNumbers() []MagicNumber {
	var out []MagicNumber
	for i, k := range kinds() {
		out = append(out, MagicNumber{To: fmt.Sprintf("%s%03d", magicPrefix, 101+i), Reason: k})
	}
	return out
}

func magicEffect(to string) effect {
	if !strings.HasPrefix(to, magicPrefix) {
		return effect{}
	}
	for _, m := range MagicNumbers() {
		if m.To == to && m.Reason == FaultDelay {
			return effect{m.Reason, magicDelay}
		} else if m.To == to {
			return effect{reason: m.Reason}
		}
	}
	return effect{}
}
