package receipt

import (
	"context"
	"strconv"
	"time"

	"countersign/internal/keyring"
	"countersign/internal/store"
	"countersign/provider"
)

const (
	// maxTyped bounds the typed codes that services are still to be told of.
	maxTyped        = 4096
	feedbackTimeout = 10 * time.Second
	// unusedAfter is when a code that nobody typed in is given up, unless it lives longer; unusedSpan is the span of messages looked through at once.
	unusedAfter = 15 * time.Minute
	unusedSpan  = time.Minute
	unusedPage  = 500
)

// feedback is a message whose code was used, or died.
type feedback struct {
	poolID, account, providerID string
	used                        bool
}

// Typed hears that the code of a message was typed in, after the commit that consumed it. It does not wait.
func (s *Service) Typed(m *store.Message) {
	if m.ProviderID == "" {
		return
	}
	s.tell(feedback{m.PoolID, m.Account, m.ProviderID, true})
}

func (s *Service) tell(f feedback) {
	select {
	case s.typed <- f:
	default:
		if s.dropped.Add(1); s.quiet.first("feedback", s.c.Now()) {
			s.c.Logger.Warn("services are told of typed codes too slowly, some are left out")
		}
	}
}

// tellOne tells a service of one code, if it wants to know.
func (s *Service) tellOne(ctx context.Context, f feedback) {
	p, _, err := s.c.Routes.Provider(ctx, f.poolID, f.account)
	if err != nil {
		return
	}
	to, ok := p.(provider.Feedback)
	if !ok {
		return
	}
	s.wants.Store(true)
	key := [2]string{f.poolID, "feedback " + f.account}
	if s.accounts.until(key).After(s.c.Now()) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, feedbackTimeout)
	defer cancel()
	if err := to.Confirmed(ctx, f.providerID, f.used); err != nil {
		until := s.accounts.failed(key, s.c.Now())
		s.c.Logger.WarnContext(ctx, "a service was not told of a code", "pool", f.poolID, "account", f.account, "reason", provider.ReasonOf(err), "until", until)
		return
	}
	s.accounts.ok(key)
}

// TellUnused queues feedback for messages of the minute that ended 15 minutes ago whose codes nobody typed in. One node does it for each minute. Run
// calls it every 20 seconds.
func (s *Service) TellUnused(ctx context.Context) error {
	if !s.wants.Load() {
		return nil
	}
	now := s.c.Now()
	to := now.Add(-unusedAfter).Truncate(unusedSpan)
	mark, err := s.c.Keys.Lookup(ctx, keyring.Deployment, "unused", strconv.FormatInt(to.Unix(), 10))
	if err != nil {
		return err
	}
	mine := false
	err = s.c.Store.Write(ctx, func(tx store.Tx) (err error) {
		mine, err = tx.Challenges().Spend(context.WithoutCancel(ctx), mark, now.Add(time.Hour))
		return err
	})
	if err != nil || !mine {
		return err
	}
	after := ""
	for {
		var page []*store.Message
		err := s.c.Store.Read(ctx, func(tx store.Tx) (err error) {
			page, err = tx.Outbox().Unverified(ctx, to.Add(-unusedSpan), to, after, unusedPage)
			return err
		})
		if err != nil {
			return err
		}
		for _, m := range page {
			if after = m.ID; !m.ExpiresAt.IsZero() && !m.ExpiresAt.After(now) {
				s.tell(feedback{m.PoolID, m.Account, m.ProviderID, false})
			}
		}
		if len(page) < unusedPage {
			return nil
		}
	}
}
