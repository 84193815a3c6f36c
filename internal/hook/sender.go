package hook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"countersign/internal/delivery"
	"countersign/internal/facts"
	"countersign/internal/runner"
	"countersign/internal/script"
	"countersign/provider"
)

// maxTries is how often a message is given to an action of custom-phone-provider that asks for it: once, and 5 times more (Auth0's number).
const maxTries = 6

// Sender returns what sends a pool's texts, false if it has none of the kind. It answers from memory. The sender is a delivery.EventSender, whose event
// is a facts.Message; it stands for the code as it is now.
func (s *Service) Sender(ctx context.Context, poolID string, which Which) (delivery.Sender, bool, error) {
	l, err := s.running(ctx, poolID)
	if err != nil {
		return nil, false, err
	}
	switch {
	case which == PhoneProvider && l.custom != nil:
		return &sender{s, l.custom}, true, nil
	case which == PhoneProvider:
	case l.hook != nil:
		return &sender{s, l.hook}, true, nil
	case len(l.sends) > 0:
		return &sender{s, l.sends[0]}, true, nil
	}
	return nil, false, nil
}

// sender hands messages to one script.
type sender struct {
	s *Service
	u *unit
}

// Send is SendEvent for a message that was made while another was the pool's sender: of the user nothing is known.
func (d *sender) Send(ctx context.Context, m provider.Message) (provider.Receipt, string, error) {
	return d.SendEvent(ctx, m, nil)
}

// SendEvent calls the code once. The errors:
//
//	retryable              it had not begun: no worker was free, no Node is here. While the attempt lasts, it was asked again
//	throttled              it had not begun: it keeps crashing or hanging, and is left alone
//	permanent              it said that the message was not sent, or threw; an action of custom-phone-provider said drop
//	permanent, ambiguous   it had begun and timed out or crashed: the message may have been sent
//	misconfigured          it exports no function
//
// An action of custom-phone-provider that says retry or throws is retryable, five times.
func (d *sender) SendEvent(ctx context.Context, m provider.Message, event json.RawMessage) (provider.Receipt, string, error) {
	name := d.u.Name
	f, err := factsOf(m, event)
	if err != nil {
		return provider.Receipt{}, name, provider.Permanent(err)
	}
	call := &script.Call{Body: d.body(m, f), Secrets: d.u.secrets, Sensitive: sensitive(m, f), Cache: d.u.poolID + "/" + d.u.trigger}
	run := &report{u: d.u, started: d.s.c.Now(), messageID: m.ID, clientID: f.Client.ID}
	if f.User != nil {
		_, run.userID, _ = strings.Cut(f.User.ID, "|")
	}
	run.o, err = d.s.patiently(ctx, d.u, call)
	if err == nil {
		err = d.judge(run.o)
	} else {
		err = notBegun(name, err)
	}
	switch run.err = err; {
	case run.o != nil && run.o.Error != nil || errors.Is(err, runner.ErrUnavailable):
		d.s.failed(ctx, run)
	case run.o != nil:
		d.s.printed(ctx, run)
	}
	if err == nil {
		return receipt(run.o, call), name, nil
	}
	if d.u.Kind == script.CustomPhoneProvider {
		err = delivery.AtMost(maxTries, err)
	}
	return provider.Receipt{}, name, err
}

// factsOf reads the event; without one the message tells what it was made for.
func factsOf(m provider.Message, event json.RawMessage) (*facts.Message, error) {
	f := &facts.Message{Purpose: purpose(m), Language: m.Locale, Tenant: facts.Tenant{ID: m.PoolID}}
	if len(event) > 0 {
		*f = facts.Message{}
		if err := json.Unmarshal(event, f); err != nil {
			return nil, errors.New("the event of the message cannot be read")
		}
	}
	if f.Language == "" {
		f.Language = "en"
	}
	return f, nil
}

func purpose(m provider.Message) facts.Purpose {
	_, source, _ := strings.Cut(m.TriggerSource, "_")
	switch source {
	case "Authentication":
		return facts.SecondFactor
	case "ForgotPassword":
		return facts.Recovery
	case "AccountTakeOverNotification":
		return facts.Notice
	}
	return facts.Enroll
}

func (d *sender) body(m provider.Message, f *facts.Message) json.RawMessage {
	t := script.Text{To: m.To, Body: m.Text, Code: m.Code, From: m.From, Channel: "sms"}
	if m.Channel == provider.Voice {
		t.Channel = "voice"
	}
	switch d.u.Kind {
	case script.SendPhoneMessage:
		return script.SendPhoneMessageEvent(f, t)
	case script.CustomPhoneProvider:
		return script.CustomPhoneProviderEvent(f, t)
	}
	return script.HookBody(f, t)
}

// notBegun classes an error of a call that was not made.
func notBegun(name string, err error) error {
	if r, ok := errors.AsType[*restingError](err); ok {
		return provider.RetryAfter(r.wait, r)
	}
	switch {
	case errors.Is(err, runner.ErrBusy):
		return fmt.Errorf("%s: too many calls at once: %w", name, err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: no time was left to call it", name)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// ambiguous is a failure after the code had begun: it may have sent.
type ambiguous struct{ err error }

func (e *ambiguous) Error() string   { return e.err.Error() + " (it is not called again)" }
func (e *ambiguous) Unwrap() []error { return []error{provider.ErrAmbiguous, e.err} }

// judge classes what came of a call; nil is a success.
func (d *sender) judge(o *script.Outcome) error {
	custom := d.u.Kind == script.CustomPhoneProvider
	if custom {
		if err, said := notification(d.u.Name, o.Commands); said && (o.Error == nil || permanent(err)) {
			return err
		}
	}
	if o.Error == nil {
		return nil
	}
	err := vendorError(d.u.Name, o.Error)
	switch {
	case o.Error.Failure == script.Invalid:
		return provider.Misconfigured(err)
	case !o.Begun:
		return err
	case o.Error.Failure == script.TimedOut || o.Error.Failure == script.Crashed:
		return provider.Permanent(&ambiguous{err})
	case custom:
		return err
	}
	return provider.Permanent(err)
}

// vendorError is what code said, in its own words.
func vendorError(name string, e *script.Error) *provider.VendorError {
	code := e.Code
	if code == "" && e.Status != 0 {
		code = fmt.Sprint(e.Status)
	}
	kind := nameOf(e)
	if code == "" {
		code = kind
	} else if kind != "Error" {
		return &provider.VendorError{Provider: name, VendorCode: words(code), Text: kind + ": " + words(e.Message)}
	}
	return &provider.VendorError{Provider: name, VendorCode: words(code), Text: words(e.Message)}
}

func nameOf(e *script.Error) string { return words(name(e)) }

// notification is what an action of custom-phone-provider said last with api.notification, if it said anything.
func notification(name string, commands []script.Command) (err error, said bool) {
	for _, c := range commands {
		if c.Name != "notification.drop" && c.Name != "notification.retry" {
			continue
		}
		reason := ""
		if len(c.Args) > 0 {
			_ = json.Unmarshal(c.Args[0], &reason) // a reason that is no string is none
		}
		_, verb, _ := strings.Cut(c.Name, ".")
		err, said = &provider.VendorError{Provider: name, VendorCode: verb, Text: words(reason)}, true
		if verb == "drop" {
			err = provider.Permanent(err)
		}
	}
	return err, said
}

// ids are where providers' answers, which hooks like to pass on, have the id of a message.
var ids = []string{"MessageId", "MessageID", "messageId", "message_id", "message-id", "sid", "id", "reference_id"}

// receipt takes the id of the message at its provider from what a hook gave its callback. It is kept in clear, and a hook may give anything.
func receipt(o *script.Outcome, c *script.Call) provider.Receipt {
	var data map[string]any
	_ = json.Unmarshal(o.Data, &data) // an answer of another form has no id
	for _, k := range ids {
		if id, ok := data[k].(string); ok && id != "" {
			return provider.Receipt{ProviderID: words(c.Clean(id))}
		}
	}
	return provider.Receipt{}
}

func permanent(err error) bool {
	class, _ := provider.ClassOf(err)
	return class == provider.ClassPermanent
}
