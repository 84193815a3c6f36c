package pool

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/store"
	"countersign/internal/trigger"
	"countersign/provider"
)

// maxMetadata bounds the ClientMetadata of a sender's event, in bytes, so that with the largest attributes the event still fits the outbox.
const maxMetadata = 64 << 10

// senderOf is the trigger that takes the messages of a channel, by the attribute that they go to.
func senderOf(attr string) trigger.Name {
	if attr == attrEmail {
		return trigger.CustomEmailSender
	}
	return trigger.CustomSMSSender
}

// senderReady refuses a flow whose message the pool's sender function could not be given: it may not be called, or the key cannot be used.
// It is asked for known and unknown names alike, before anything is stored, and answers from memory.
func (s *Service) senderReady(ctx context.Context, t *tenant, c Caller, attr, what string, w whom) error {
	n := senderOf(attr)
	if !t.has(n) {
		return nil
	}
	if s.Triggers == nil {
		return s.triggerFailed(ctx, t, c, n, what, w, noTriggers(n))
	}
	size := 0
	for k, v := range c.Metadata {
		size += len(k) + len(v)
	}
	if size > maxMetadata {
		return fault.Invalidf("clientMetadata", "ClientMetadata has at most %d bytes.", maxMetadata)
	}
	if err := s.Triggers.Ready(ctx, t.pool.ID, t.cfg.Triggers, n); err != nil {
		return s.triggerFailed(ctx, t, c, n, what, w, err)
	}
	return nil
}

// whom is whom events about the letter are about.
func (l *letter) whom() whom {
	if l.about != nil {
		return whom{user: l.about}
	}
	return whom{user: l.user}
}

// attributes are the userAttributes of events about the letter. Its destination is among them, whether or not the user has it yet.
func (l *letter) attributes() map[string]string {
	attrs := l.whom().attributes()
	if l.facts != nil {
		attrs = maps.Clone(l.facts)
		attrs[l.attr] = l.to
	}
	if attrs[l.attr] != l.to {
		attrs[l.attr], attrs[l.attr+"_verified"] = l.to, "false"
	}
	return attrs
}

// senderEvent is what the sender function is told of a letter, or user code in one of Auth0's forms that sends the pool's texts; nil if there is
// neither for the channel.
func (t *tenant) senderEvent(c Caller, l letter) (json.RawMessage, error) {
	n := senderOf(l.attr)
	if !t.has(n) {
		return t.messageFacts(c, l)
	}
	return json.Marshal(trigger.Event{
		TriggerSource: source(n, l.trigger), UserName: l.whom().username(), CallerContext: trigger.NewCaller(c.UserAgent, t.clientID()),
		Request: trigger.NewSenderRequest(n, c.Metadata, l.attributes()),
	})
}

// SenderFor returns the sender function of the message's pool as it is configured now, and whether it has one for the channel. Messages
// that Cognito has no trigger source for (notices of changes, test messages) have none. It answers from memory. Errors are classed like
// those of a delivery.Sender.
func (s *Service) SenderFor(ctx context.Context, m *store.Message) (delivery.Sender, bool, error) {
	n := trigger.CustomSMSSender
	if provider.Channel(m.Channel) == provider.Email {
		n = trigger.CustomEmailSender
	}
	if !strings.HasPrefix(m.TriggerSource, string(n)+"_") {
		return nil, false, nil
	}
	t, err := s.byPool(ctx, m.PoolID)
	if fault.CodeOf(err) == fault.PoolNotFound {
		return nil, false, provider.Permanent(errors.New("the user pool was deleted"))
	}
	if err != nil || !t.has(n) {
		return nil, false, err
	}
	if s.Triggers == nil {
		return nil, false, provider.Misconfigured(errors.New("the pool has a sender function, and this server runs none"))
	}
	return &trigger.Sender{Runner: s.Triggers, PoolID: t.pool.ID, Config: t.cfg.Triggers, Name: n}, true, nil
}

// leftOut is the event of a notice that is not sent, since handlers written for Cognito would take it for a take-over of the account.
func (s *Service) leftOut(ctx context.Context, t *tenant, c Caller, u *store.User, attr string) (*store.Event, error) {
	return s.event(ctx, t, c, eventlog.NotificationFailed, u, "", map[string]any{"reason": "custom_sender", "trigger": string(senderOf(attr))})
}
