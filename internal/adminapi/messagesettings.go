package adminapi

import (
	"context"

	"countersign/internal/access"
	"countersign/internal/eventlog"
	pools "countersign/internal/pool"
)

// MessageSettings are what a pool says of its messages beyond their templates: transliteration, the last line for browsers and Android, locales, who
// makes the codes, and test numbers.
type MessageSettings = pools.MessageSettings

type (
	messageSettingsInput struct {
		Pool string `query:"pool" maxLength:"128" doc:"Needed where there are several."`
		Body MessageSettings
	}
	messageSettingsOutput struct{ Body MessageSettings }
)

// registerMessageSettings: reading shows the codes of test numbers, therefore it needs what writing needs.
func (s *server) registerMessageSettings() {
	register(s, "GET", "/message-settings", "senders.write", "What a pool says of its messages beyond their templates",
		func(in *ofPoolInput) access.Resource { return onPool(in.Pool) },
		func(ctx context.Context, in *ofPoolInput) (*messageSettingsOutput, error) {
			if err := s.livePool(ctx, &in.Pool); err != nil {
				return nil, err
			}
			m, err := s.Delivery.MessageSettings(ctx, in.Pool)
			return shownSettings(m, err)
		})
	register(s, "PUT", "/message-settings", "senders.write", "Replace what a pool says of its messages",
		func(in *messageSettingsInput) access.Resource { return onPool(in.Pool) },
		func(ctx context.Context, in *messageSettingsInput) (*messageSettingsOutput, error) {
			if err := s.livePool(ctx, &in.Pool); err != nil {
				return nil, err
			}
			m, err := s.Delivery.PutMessageSettings(ctx, in.Pool, in.Body)
			if err != nil {
				return nil, err
			}
			s.audit(ctx, "message settings replaced", "pool", in.Pool, "test_numbers", len(m.TestNumbers))
			s.tell(ctx, in.Pool, eventlog.TemplateChanged, map[string]any{"what": "message settings", "test_numbers": len(m.TestNumbers)})
			return shownSettings(m, nil)
		})
}

func shownSettings(m *MessageSettings, err error) (*messageSettingsOutput, error) {
	if err != nil {
		return nil, err
	}
	out := *m
	out.TestNumbers = append([]pools.TestPhone{}, m.TestNumbers...) // an empty list is shown as one
	return &messageSettingsOutput{out}, nil
}
