package senderfunc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/google/uuid"

	"countersign/internal/message"
	"countersign/phone"
	"countersign/provider"
	"countersign/smssender"
)

// Function is the custom sender. It implements lambda.Handler.
type Function struct {
	handler smssender.Handler
	// accounts are asked in this order; alone says that it is the webhook of an environment without PROVIDERS.
	accounts []*sender
	alone    bool
	texts    map[message.Kind]string
	client   *http.Client
	log      *slog.Logger
	now      func() time.Time
	// last is when the last event ended, in Unix nanoseconds of the wall clock.
	last atomic.Int64
}

// stale is after how long without an event connections are not used again. Lambda freezes the program meanwhile, and networks forget connections:
// a text written to a dead one is lost, or nobody knows.
const stale = 10 * time.Second

var _ lambda.Handler = (*Function)(nil)

// Main runs the function until ctx ends. It returns what is missing in the environment, as New does.
func Main(ctx context.Context, getenv func(string) string, log io.Writer, names ...string) error {
	f, err := New(getenv, log, names...)
	h := f.handler
	h.Send = func(context.Context, smssender.Message) error { return nil }
	if err := errors.Join(err, h.Check()); err != nil {
		return err
	}
	go lambda.Start(f) // never returns
	<-ctx.Done()
	return nil
}

// result is how an event ended, as the log has it.
type result struct {
	outcome string
	m       smssender.Message
	account string // that took the text
	err     error
}

// Invoke implements lambda.Handler: one event, one line of log, and one more for each attempt of an account.
func (f *Function) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	began := f.now()
	if began.UnixNano()-f.last.Load() > int64(stale) {
		f.client.CloseIdleConnections()
	}
	defer func() { f.last.Store(f.now().UnixNano()) }()
	r := result{outcome: "refused", m: glimpse(event)}
	h := f.handler
	h.Send = func(ctx context.Context, m smssender.Message) error {
		r = f.send(ctx, m)
		return r.err
	}
	answer, err := h.Invoke(ctx, event)
	f.report(ctx, r, err, f.now().Sub(began))
	if r.outcome == "failed" {
		return []byte("null"), nil
	}
	return answer, err
}

// send makes the text and hands it over.
func (f *Function) send(ctx context.Context, m smssender.Message) result {
	text, err := f.text(m)
	switch {
	case err != nil:
		return result{outcome: "failed", m: m, err: errors.New("the text cannot be made")}
	case text == "":
		return result{outcome: "skipped", m: m}
	}
	id := requestID(ctx)
	out := provider.Message{
		ID: id, IdempotencyKey: id, Channel: provider.SMS, To: m.Phone, Text: text, Code: m.Code, PoolID: m.PoolID, TriggerSource: m.Source,
	}
	if l := m.Metadata["locale"]; len(l) <= 35 { // the longest BCP 47 tag that RFC 5646, section 4.4.1, has buffers hold
		out.Locale = l
	}
	if n, err := phone.Parse(m.Phone); err == nil {
		out.Country = n.Region()
	}
	account, err := f.deliver(ctx, out)
	if err == nil {
		return result{outcome: "sent", m: m, account: account}
	}
	if class, _ := provider.ClassOf(err); class == provider.ClassPermanent {
		return result{outcome: "failed", m: m, err: err}
	}
	return result{outcome: "retry", m: m, err: err}
}

// text is empty if there is nothing to send: no code, or a trigger for e-mail.
func (f *Function) text(m smssender.Message) (string, error) {
	kind := message.SMSVerification
	switch m.Trigger {
	case smssender.AccountTakeOverNotification:
		return "", nil
	case smssender.Authentication:
		kind = message.SMSAuthentication
	case smssender.AdminCreateUser:
		kind = message.SMSInvitation
	}
	if m.Channel != smssender.SMS {
		return "", nil
	}
	v := message.Values{Code: m.Code}
	if kind == message.SMSInvitation {
		v.Username, v.Trusted = m.Username, true
	}
	return message.Render(f.texts[kind], v)
}

// requestID is the same each time that Lambda calls again.
func requestID(ctx context.Context) string {
	if lc, ok := lambdacontext.FromContext(ctx); ok && lc.AwsRequestID != "" {
		return lc.AwsRequestID
	}
	return uuid.NewString()
}

// glimpse is what the log says of an event that may turn out to be none.
func glimpse(event []byte) smssender.Message {
	var e struct {
		TriggerSource string `json:"triggerSource"`
		UserPoolID    string `json:"userPoolId"`
	}
	if json.Unmarshal(event, &e) != nil || len(e.TriggerSource) > 64 || len(e.UserPoolID) > 64 {
		return smssender.Message{}
	}
	return smssender.Message{Source: e.TriggerSource, PoolID: e.UserPoolID}
}

// report writes the line. Errors of smssender and of providers hold neither code nor number.
func (f *Function) report(ctx context.Context, r result, err error, took time.Duration) {
	level := slog.LevelInfo
	attrs := []slog.Attr{
		slog.String("trigger_source", r.m.Source), slog.String("pool_id", r.m.PoolID), slog.String("to", r.m.Masked()),
		slog.String("request_id", requestID(ctx)), slog.Float64("duration_ms", milliseconds(took)),
	}
	if r.account != "" && !f.alone {
		attrs = append(attrs, slog.String("account", r.account))
	}
	if err != nil {
		level = slog.LevelError
		kind, text := "", err.Error()
		if e, ok := errors.AsType[messages.InvokeResponse_Error](err); ok { // its Error is Go syntax
			kind, text = e.Type, e.Message
		}
		attrs = append(attrs, slog.String("error_type", kind), slog.String("error", text))
	}
	f.log.LogAttrs(ctx, level, r.outcome, attrs...)
}
