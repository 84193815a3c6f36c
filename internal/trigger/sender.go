package trigger

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"countersign/envelope"
	"countersign/internal/fault"
	"countersign/provider"
)

const (
	// sendMargin is how much earlier than its attempt a call ends, so that the attempt's own end is not taken for the call's.
	sendMargin = 250 * time.Millisecond
	// maxCall bounds a call of a sender function where the attempt has no deadline.
	maxCall = 25 * time.Second
	// firstPause and longestPause are between calls of a function that is busy; leastCall is what a call needs to be worth it.
	firstPause, longestPause, leastCall = 200 * time.Millisecond, 2 * time.Second, 3 * time.Second
)

// Sender hands messages to a pool's sender function. It implements delivery.Sender and delivery.EventSender.
type Sender struct {
	Runner *Runner
	PoolID string
	Config *Config
	// Name is CustomSMSSender or CustomEmailSender.
	Name Name
}

// Send is SendEvent for a message that was made while the pool had no sender function: its event has no user.
func (s *Sender) Send(ctx context.Context, m provider.Message) (provider.Receipt, string, error) {
	return s.SendEvent(ctx, m, nil)
}

// SendEvent seals the code, puts it into the event and calls the function. Any answer is a success: what Cognito does not look at is not
// looked at here. The errors:
//
//	misconfigured          the function or the key is gone, or may not be used
//	retryable              the function had not begun; one that is busy was waited for as long as the attempt lasts
//	permanent, ambiguous   it had begun and failed: it is not called again, unless Config.SenderRetries says so
func (s *Sender) SendEvent(ctx context.Context, m provider.Message, event json.RawMessage) (provider.Receipt, string, error) {
	name := "lambda:" + functionName(s.Config.Functions[s.Name])
	payload, err := s.payload(ctx, m, event)
	if err != nil {
		return provider.Receipt{}, name, classed(err)
	}
	var failed error // of a call that had begun: from then on no later attempt may call again
	for range s.Config.SenderRetries + 1 {
		begun, err := s.patiently(ctx, payload, m.Code)
		switch {
		case err == nil:
			return provider.Receipt{}, name, nil
		case begun:
			failed = err
			continue
		case failed == nil:
			return provider.Receipt{}, name, classed(err)
		}
		break
	}
	return provider.Receipt{}, name, provider.Permanent(&begunError{failed})
}

// begunError is a failure after the function had been given the event: it may have sent.
type begunError struct{ err error }

func (e *begunError) Error() string {
	return "the function failed after it had begun, and is not called again: " + e.err.Error()
}

func (e *begunError) Unwrap() []error { return []error{provider.ErrAmbiguous, e.err} }

// patiently is call for a function that may be busy: it asks again while the attempt has time for it.
func (s *Sender) patiently(ctx context.Context, payload []byte, code string) (begun bool, err error) {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		if begun, err = s.call(ctx, payload, code); begun || fault.CodeOf(err) != fault.Overloaded {
			return begun, err
		}
		if end, ok := ctx.Deadline(); !ok || time.Until(end) < pause+leastCall {
			return false, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false, err
		}
	}
}

// call invokes the function once.
func (s *Sender) call(ctx context.Context, payload []byte, code string) (begun bool, err error) {
	timeout := maxCall
	if end, ok := ctx.Deadline(); ok {
		if timeout = min(timeout, time.Until(end)-sendMargin); timeout <= 0 {
			return false, errors.New("no time is left for the function")
		}
	}
	c := s.Runner.caller(s.PoolID)
	c.Secret = code
	a, err := s.Runner.Functions.Invoke(ctx, s.Config.Functions[s.Name], c, payload, timeout)
	switch {
	case err == nil && a.ErrorType == "" && a.ErrorMessage == "":
		return true, nil
	case err == nil:
		return a.Begun, &provider.VendorError{Provider: "lambda", VendorCode: words(a.ErrorType), Text: words(a.ErrorMessage)}
	}
	_, known := errors.AsType[*fault.Error](err)
	return !known && !errors.Is(err, ErrNotBegun), err
}

// classed is for errors before the function began.
func classed(err error) error {
	switch fault.CodeOf(err) {
	case fault.AccessDenied, fault.ResourceNotFound, fault.KeyDisabled, fault.KeyStateInvalid, fault.KeyUsageWrong:
		text := reason(err)
		if hint := fault.Of(err).Hint; hint != "" {
			text += ": " + hint
		}
		return provider.Misconfigured(errors.New(text))
	case fault.PayloadTooLarge:
		return provider.Permanent(errors.New("the event is too large for the function"))
	}
	return err
}

// payload is the event with the sealed code.
func (s *Sender) payload(ctx context.Context, m provider.Message, event json.RawMessage) ([]byte, error) {
	var ev struct {
		Event
		Request SenderRequest `json:"request"`
	}
	if len(event) == 0 {
		ev.Event = Event{TriggerSource: m.TriggerSource, CallerContext: NewCaller("", "")}
		ev.Request = NewSenderRequest(s.Name, nil, map[string]string{attribute(s.Name): m.To})
	} else if err := json.Unmarshal(event, &ev); err != nil {
		return nil, provider.Permanent(errors.New("the event of the message cannot be read"))
	}
	ev.Version, ev.Region, ev.UserPoolID = "1", Region(s.PoolID), s.PoolID
	if m.Code != "" {
		code, err := s.seal(ctx, m)
		if err != nil {
			return nil, err
		}
		ev.Request.Code = &code
	}
	return json.Marshal(ev)
}

// seal encrypts the code for the function, under a data key of this attempt.
func (s *Sender) seal(ctx context.Context, m provider.Message) (string, error) {
	if err := s.Runner.Keys.Usable(ctx, s.Config.KMSKey, s.Runner.PoolARN(s.PoolID)); err != nil {
		return "", err
	}
	code := m.Code
	if strings.HasSuffix(m.TriggerSource, "_AdminCreateUser") {
		code = EscapeHTML(code) // as Cognito does: handlers unescape what they decrypt
	}
	suite := envelope.Suite(s.Config.Suite)
	if suite == 0 {
		suite = envelope.DefaultSuite
	}
	sealed, err := envelope.Encrypt(ctx, suite, s.Runner.Keys.Keyring(s.Config.KMSKey), envelope.Context{"userpool-id": s.PoolID}, []byte(code))
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(sealed), nil
}

var escapeHTML = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")

// EscapeHTML is how a temporary password is written in an event, before it is sealed.
func EscapeHTML(s string) string { return escapeHTML.Replace(s) }

// NewSenderRequest is the request of a sender's event, without the code, which is sealed at each attempt.
func NewSenderRequest(n Name, metadata, attributes map[string]string) SenderRequest {
	r := SenderRequest{Type: "customSMSSenderRequestV1", ClientMetadata: metadata, UserAttributes: attributes}
	if n == CustomEmailSender {
		r.Type = "customEmailSenderRequestV1"
	}
	return r
}

// attribute is where a sender's event has the destination.
func attribute(n Name) string {
	if n == CustomEmailSender {
		return "email"
	}
	return "phone_number"
}

// functionName is the name in an ARN: arn:aws:lambda:<region>:<account>:function:<name>[:version].
func functionName(arn string) string {
	parts := strings.SplitN(arn, ":", 8)
	if len(parts) < 7 {
		return arn
	}
	return parts[6]
}
