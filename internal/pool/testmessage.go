package pool

import (
	"context"
	"time"

	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/message"
	"countersign/internal/store"
	"countersign/internal/trigger"
	"countersign/provider"
)

// TestNumber gets the test message of dev mode: a number set aside for fiction (NANP 555-0100 to 555-0199), which belongs to
// nobody.
const TestNumber = "+12025550100"

// testTrigger is the trigger source of test messages; Cognito has none for them.
const testTrigger = "TestMessage"

// testMessage is what a Write stores when SMS MFA was configured or changed. Nil is nothing.
//
// Cognito sends a text to a number of its own then, at the customer's expense. In dev mode so do we, to a simulated phone. In
// serve mode it is a dry run, made of the same parts up to the outbox, and a text only if the pool names the operator's number.
type testMessage struct {
	message *store.Message
	event   *store.Event
}

func (s *Service) testMessage(ctx context.Context, t *tenant, c Caller) (*testMessage, error) {
	tmpl := t.cfg.template(letter{trigger: triggerAuthentication, attr: attrPhone})
	sample, err := message.Render(tmpl.Body, message.Values{Code: "000000"})
	if err != nil {
		return nil, fault.Internalf("template of %s: %w", testTrigger, err)
	}
	_, segments, _ := message.Segments(sample)
	to := t.cfg.OperatorNumber
	if s.Dev {
		to = TestNumber
	}
	data := map[string]any{}
	by := t.cfg.textProvider()
	if t.has(trigger.CustomSMSSender) || by == ProviderHook || by == ProviderAction { // all texts are code's, which knows no test message
		to, data["custom_sender"] = "", true
	}
	out := &testMessage{}
	data["dry_run"], data["segments"] = to == "", segments
	if to != "" {
		out.message, err = s.Deliver.Prepare(ctx, delivery.Draft{
			PoolID: t.pool.ID, Lane: store.LaneNotice, Channel: provider.SMS, To: to, TriggerSource: testTrigger,
			Text:      "Test message: SMS MFA of user pool " + t.pool.ID + " is set up.",
			ExpiresAt: s.now().Add(24 * time.Hour),
		})
		if err != nil {
			return nil, err
		}
		data["message_id"] = out.message.ID
	}
	out.event, err = s.event(ctx, t, c, eventlog.TestMessage, nil, to, data)
	return out, err
}

func (m *testMessage) put(ctx context.Context, tx *unit) error {
	if m == nil {
		return nil
	}
	if m.message != nil {
		if err := tx.enqueue(ctx, m.message); err != nil {
			return err
		}
	}
	return tx.append(ctx, m.event)
}
