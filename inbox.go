package countersign

import (
	"context"
	"time"

	"countersign/internal/simulator"
)

// Text is what arrived on a simulated phone or in a simulated mailbox.
type Text struct {
	// ID grows with each text.
	ID string
	// To is a number in E.164 form or an e-mail address.
	To, Channel, Subject, Text, Code string
	// TriggerSource says why it was sent ("CustomSMSSender_SignUp").
	TriggerSource string
	At            time.Time
}

// Inbox returns what the phone or mailbox has received after the text with the given ID (empty: from the beginning),
// oldest first. It waits until there is something or ctx ends; then the list may be empty. In serve mode there is none.
func (s *Server) Inbox(ctx context.Context, to, after string) []Text {
	if s.parts.inbox == nil {
		return nil
	}
	var out []Text
	for _, m := range s.parts.inbox.Wait(ctx, simulator.Filter{To: to, After: after}) {
		out = append(out, Text{m.ID, m.To, string(m.Channel), m.Subject, m.Text, m.Code, m.TriggerSource, m.At})
	}
	return out
}
