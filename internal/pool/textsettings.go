package pool

import (
	"context"
	"fmt"
	"time"

	"countersign/internal/fault"
	"countersign/phone"
)

// MessageSettings are what a pool says of its messages beyond their templates. No surface of Cognito or Auth0 has them; what those surfaces change
// leaves them alone.
type MessageSettings struct {
	Texts TextConfig `json:"texts"`
	// CodeMaker: nil means that this server makes the codes.
	CodeMaker   *MakerConfig `json:"code_maker,omitempty"`
	TestNumbers []TestPhone  `json:"test_numbers"`
}

// MessageSettings returns a pool's settings. Errors: PoolNotFound.
func (s *Service) MessageSettings(ctx context.Context, poolID string) (*MessageSettings, error) {
	p, err := s.GetPool(ctx, poolID)
	if err != nil {
		return nil, err
	}
	return p.Config.messageSettings(), nil
}

func (c *Config) messageSettings() *MessageSettings {
	return &MessageSettings{Texts: *c.texts(), CodeMaker: c.CodeMaker, TestNumbers: c.TestNumbers}
}

// PutMessageSettings replaces a pool's settings and returns them as they are kept. Since is the server's: a test number that was there already keeps its
// own. Codes that a service has made are not taken any more once it makes none. Errors: InvalidParameter, PoolNotFound, ConcurrentModification.
func (s *Service) PutMessageSettings(ctx context.Context, c Caller, poolID string, m MessageSettings) (*MessageSettings, error) {
	if m.CodeMaker != nil && s.CodeMaker != nil {
		if _, err := s.CodeMaker(ctx, poolID, m.CodeMaker.Account); err != nil {
			return nil, fault.Invalidf("code_maker", "The account %s makes no codes.", m.CodeMaker.Account).WithErr(err)
		}
	}
	p, err := s.UpdatePool(ctx, c, poolID, func(p *Pool) error {
		now := s.now().Truncate(time.Microsecond)
		if err := m.Texts.check(); err != nil {
			return err
		}
		if err := m.CodeMaker.check(); err != nil {
			return err
		}
		if err := checkTestNumbers(m.TestNumbers, now); err != nil {
			return err
		}
		list := sinceWhen(m.TestNumbers, p.Config.TestNumbers, now)
		texts := m.Texts
		p.Config.Texts, p.Config.CodeMaker, p.Config.TestNumbers = &texts, m.CodeMaker, list
		if n := len(list); n > 0 {
			p.Change.Warnings = append(p.Change.Warnings, fmt.Sprintf("%d test numbers have fixed codes", n))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return p.Config.messageSettings(), nil
}

// sinceWhen stamps test numbers: what ended, or was taken out, begins anew.
func sinceWhen(list, old []TestPhone, now time.Time) []TestPhone {
	out := make([]TestPhone, 0, len(list))
	for _, x := range list {
		if n, err := phone.Parse(x.Number); err == nil {
			x.Number = n.String()
		}
		x.Since, x.Until = now, x.Until.UTC()
		for _, o := range old {
			if o.Number == x.Number && now.Before(o.Until) {
				x.Since = o.Since
			}
		}
		out = append(out, x)
	}
	return out
}

// Check says what PutMessageSettings would refuse but for test numbers, and without asking the account that makes codes. Errors: InvalidParameter.
func (m *MessageSettings) Check() error {
	if err := m.Texts.check(); err != nil {
		return err
	}
	return m.CodeMaker.check()
}
