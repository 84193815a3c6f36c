package receipt

import (
	"context"
	"errors"
	"sync"
	"time"

	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/provider"
)

const (
	// pollLease is when a message is asked for again if nothing comes of this time.
	pollLease = 2 * time.Minute
	// pollBatch is how many messages are taken in a round, pollEach how many of one account are asked for, one after the other.
	pollBatch, pollEach = 100, 20
	pollTimeout         = 10 * time.Second
	// minPause and maxPause bound how long an account is left alone after errors.
	minPause, maxPause = 30 * time.Second, 15 * time.Minute
	maxPauses          = 10_000
)

// schedule is when a service is asked, after the send.
var schedule = [...]time.Duration{
	15 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour,
	72 * time.Hour,
}

// nextPoll is the first time of the schedule after now; zero: never again.
func nextPoll(m *store.Message, now time.Time) time.Time {
	sent := m.SentAt
	if sent.IsZero() {
		sent = m.CreatedAt
	}
	for _, d := range schedule {
		if at := sent.Add(d); at.After(now) {
			return at
		}
	}
	return time.Time{}
}

// pauses are the accounts that are left alone, on this node.
type pauses struct {
	mu   sync.Mutex
	list map[[2]string]pause
}

type pause struct {
	fails int
	until time.Time
}

func (p *pauses) until(key [2]string) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.list[key].until
}

// failed doubles the pause of an account and returns its end; ok ends it.
func (p *pauses) failed(key [2]string, now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.list == nil || len(p.list) >= maxPauses {
		p.list = map[[2]string]pause{}
	}
	x := p.list[key]
	x.until = now.Add(min(minPause<<min(x.fails, 6), maxPause))
	x.fails++
	p.list[key] = x
	return x.until
}

func (p *pauses) ok(key [2]string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.list, key)
}

// PollDue asks services for the messages that are due, and returns how many were taken up. Run calls it every five seconds.
func (s *Service) PollDue(ctx context.Context) (int, error) {
	now := s.c.Now()
	var due []*store.Message
	err := s.c.Store.Write(ctx, func(tx store.Tx) (err error) {
		due, err = tx.Outbox().DuePolls(context.WithoutCancel(ctx), now, now.Add(pollLease), pollBatch)
		return err
	})
	if err != nil {
		return 0, err
	}
	by := map[[2]string][]*store.Message{}
	for _, m := range due {
		key := [2]string{m.PoolID, m.Account}
		by[key] = append(by[key], m)
	}
	var wg sync.WaitGroup
	for key, messages := range by {
		wg.Go(func() { s.pollAccount(ctx, key, messages) })
	}
	wg.Wait()
	return len(due), nil
}

// pollAccount asks for an account's messages until one fails; what is left waits for the end of the lease or of the pause.
func (s *Service) pollAccount(ctx context.Context, key [2]string, messages []*store.Message) {
	until := s.accounts.until(key)
	for i, m := range messages {
		now := s.c.Now()
		if ctx.Err() != nil {
			return
		}
		if until.After(now) {
			s.putOff(ctx, messages[i:], func(m *store.Message) time.Time { return until })
			return
		}
		if i >= pollEach {
			return
		}
		n, ask, err := s.ask(ctx, m)
		switch {
		case !ask:
			s.putOff(ctx, messages[i:i+1], func(*store.Message) time.Time { return time.Time{} })
		case errors.Is(err, provider.ErrNotKnown):
			s.accounts.ok(key)
			s.putOff(ctx, messages[i:i+1], func(m *store.Message) time.Time { return nextPoll(m, s.c.Now()) })
		case err != nil && ctx.Err() == nil:
			until = s.accounts.failed(key, s.c.Now())
			s.c.Logger.WarnContext(ctx, "a service was asked in vain what became of a message", "pool", m.PoolID, "account", m.Account, "message", m.ID,
				"reason", provider.ReasonOf(err), "until", until)
			s.putOff(ctx, messages[i:i+1], func(m *store.Message) time.Time { return latest(nextPoll(m, s.c.Now()), until) })
		case err == nil:
			s.accounts.ok(key)
			s.answered(ctx, m, n)
		}
	}
}

// latest is the later of next and until; zero if there is no next.
func latest(next, until time.Time) time.Time {
	if next.IsZero() || next.After(until) {
		return next
	}
	return until
}

// ask asks the service of a message. ask is false if there is nobody to ask.
func (s *Service) ask(ctx context.Context, m *store.Message) (n provider.Notice, ask bool, err error) {
	if m.State != store.Sent || m.ProviderID == "" {
		return n, false, nil
	}
	p, _, err := s.c.Routes.Provider(ctx, m.PoolID, m.Account)
	if fault.CodeOf(err) == fault.ResourceNotFound && err != nil {
		return n, false, nil // the account is gone
	}
	if err != nil {
		return n, true, err
	}
	poller, ok := p.(provider.Poller)
	if !ok {
		return n, false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	n, err = poller.Poll(ctx, m.ProviderID)
	return n, true, err
}

// answered takes the answer to a poll.
func (s *Service) answered(ctx context.Context, m *store.Message, n provider.Notice) {
	n.ProviderID, n.Reference = m.ProviderID, ""
	r, ok := s.report(m.PoolID, m.Account, n, Poll, true)
	if !ok {
		s.putOff(ctx, []*store.Message{m}, func(m *store.Message) time.Time { return nextPoll(m, s.c.Now()) })
		return
	}
	r.pollAt = nextPoll(m, s.c.Now())
	r.messageID = m.ID
	if err := s.apply(ctx, []report{r}); err != nil {
		s.c.Logger.ErrorContext(ctx, "the answer of a service was not recorded", "pool", m.PoolID, "message", m.ID, "error", err)
	}
}

// putOff sets when messages are asked for again (zero: never).
func (s *Service) putOff(ctx context.Context, messages []*store.Message, next func(*store.Message) time.Time) {
	ctx = context.WithoutCancel(ctx)
	err := s.c.Store.Write(ctx, func(tx store.Tx) error {
		for _, m := range messages {
			now, err := tx.Outbox().Message(ctx, m.ID)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			now.PollAt = next(now)
			if _, err := tx.Outbox().Advance(ctx, now, now.State); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.c.Logger.ErrorContext(ctx, "polls were not put off", "error", err)
	}
}
