package screen

import (
	"context"
	"sync"
	"time"

	"countersign/internal/guard"
	"countersign/internal/store"
)

type policies struct{ kept map[string]*slot }
type slot struct{}
type hold struct{ once sync.Once }

// Screen judges a message, and takes its place in the quotas if it may be sent. Errors are those of the store.
func (s *Service) Screen(ctx context.Context, a Ask) (Decision, error) { return Decision{}, nil }

// Committed counts a message that was committed.
func (s *Service) Committed(ctx context.Context, poolID string, d Decision) {}

// Undo gives back what a decision took: nothing was committed. It may be called for refused ones, and twice.
func (s *Service) Undo(d Decision) {}

// Typed counts a code that was typed in.
func (s *Service) Typed(m *store.Message, at time.Time) {}

// Settled corrects the day's spend by what a message costs more than was.
func (s *Service) Settled(m *store.Message, wasMicros int64) {}

// Run writes corrections of the days' spend every second until ctx ends, and what is left then.
func (s *Service) Run(ctx context.Context) error { return nil }

// Policy returns a pool's policy as it was written, and its version; 0 and the zero Policy if it has none.
func (s *Service) Policy(ctx context.Context, poolID string) (Policy, int64, error) {
	return Policy{}, 0, nil
}

// PutPolicy writes it.
func (s *Service) PutPolicy(ctx context.Context, poolID string, p Policy, version int64) (int64, error) {
	return 0, nil
}

// DeletePolicy brings the defaults back.
func (s *Service) DeletePolicy(ctx context.Context, poolID string) error { return nil }

// Filled returns p with this server's defaults where it says nothing.
func (s *Service) Filled(p Policy) Policy { return p }

// Check names the first field that cannot be.
func (p Policy) Check() error { return nil }

// By returns a context for changes that says in the log who made them.
func By(ctx context.Context, who string) context.Context { return ctx }

// Explain says what each guard thinks of a message, and counts nothing.
func (s *Service) Explain(ctx context.Context, a Ask) (Decision, []Line, error) {
	return Decision{}, nil, nil
}

// Report says where a pool stands today.
func (s *Service) Report(ctx context.Context, poolID string) (Report, error) { return Report{}, nil }

// Limits are the pool's for guard.Send.
func (s *Service) Limits(ctx context.Context, poolID string) (guard.Limits, error) {
	return guard.Limits{}, nil
}
