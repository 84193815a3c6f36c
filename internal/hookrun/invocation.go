package hookrun

import (
	"sync"
	"time"

	"countersign/internal/runner"
)

// invocation is a call on its way through one worker:
//
//	offered ── next ──► begun ── response, error, end of the worker ──► done
//	   └── withdrawn: no worker's code has seen it      └── abandoned: the caller has left; the code goes on until then, or its deadline
type invocation struct {
	call *runner.Call
	arn  string
	// timeout bounds it from when it begins; limit, if not zero, is when the caller stops waiting.
	timeout time.Duration
	limit   time.Time

	// settled is closed when the code is through with a call whose caller had left.
	begun, done, settled chan struct{}

	mu                   sync.Mutex
	withdrawn, abandoned bool
	// started and deadline are set when it begins; payload or err, and ended, when it is done.
	started, deadline, ended time.Time
	payload                  []byte
	err                      *runner.Error
	log                      *callLog
}

func newInvocation(code *runner.Code, call *runner.Call, limit time.Time) *invocation {
	return &invocation{call: call, arn: code.ARN, timeout: code.Timeout, limit: limit, begun: make(chan struct{}),
		done: make(chan struct{}), settled: make(chan struct{})}
}

// begin hands it over; false if it was withdrawn.
func (i *invocation) begin(o *output, first string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.withdrawn {
		return false
	}
	i.log = o.begin(i.call.RequestID, first)
	i.started = time.Now()
	i.deadline = i.started.Add(i.timeout)
	if !i.limit.IsZero() && i.limit.Before(i.deadline) {
		i.deadline = i.limit
	}
	close(i.begun)
	return true
}

// withdraw takes it back; false if it has begun.
func (i *invocation) withdraw() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	select {
	case <-i.begun:
		return false
	default:
		i.withdrawn = true
		return true
	}
}

// finish ends it, once; later answers are false.
func (i *invocation) finish(payload []byte, err *runner.Error) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	select {
	case <-i.done:
		left := i.abandoned
		if i.abandoned = false; left {
			close(i.settled)
		}
		return left
	default:
	}
	i.end(payload, err)
	return true
}

// abandon ends it for the caller alone; false if it is done.
func (i *invocation) abandon(err *runner.Error) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	select {
	case <-i.done:
		return false
	default:
	}
	i.end(nil, err)
	i.abandoned = true
	return true
}

func (i *invocation) end(payload []byte, err *runner.Error) {
	i.payload, i.err, i.ended = payload, err, time.Now()
	close(i.done)
}
