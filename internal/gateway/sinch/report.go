package sinch

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

// report is any of the objects that Sinch tells of messages: a report of one recipient, one of a batch, or a text that came in.
type report struct {
	Type      string `json:"type"`
	BatchID   string `json:"batch_id"`
	Reference string `json:"client_reference"`
	// Of one recipient.
	Code       int    `json:"code"`
	Status     string `json:"status"`
	At         string `json:"at"`
	OperatorAt string `json:"operator_status_at"`
	Operator   string `json:"operator"`
	Parts      int    `json:"number_of_message_parts"`
	// Of a batch; of ours, which have one recipient, there is one at a time.
	Statuses []struct {
		Code   int    `json:"code"`
		Status string `json:"status"`
	} `json:"statuses"`
	// A text.
	ID         string          `json:"id"`
	From       string          `json:"from"`
	To         string          `json:"to"`
	Body       string          `json:"body"`
	ReceivedAt string          `json:"received_at"`
	Encoding   json.RawMessage `json:"encoding"`
}

// notice is what a report of a message says. ok is false if it says nothing that is known.
func (r *report) notice() (n provider.Notice, ok bool) {
	if r.Type == "delivery_report_sms" {
		if len(r.Statuses) != 1 {
			return n, false
		}
		r.Code, r.Status = r.Statuses[0].Code, r.Statuses[0].Status
	}
	state, reason, ok := stateOf(r.Status, r.Code)
	if !ok || r.BatchID == "" && r.Reference == "" {
		return n, false
	}
	n = provider.Notice{
		ProviderID: exchange.Short(r.BatchID, 100), Reference: exchange.Short(r.Reference, 100), State: state, Reason: reason,
		VendorCode: strconv.Itoa(r.Code), Text: r.Status, At: instant(r.OperatorAt),
	}
	if n.At.IsZero() {
		n.At = instant(r.At)
	}
	if r.Parts > 0 && r.Parts < 256 {
		n.Segments = r.Parts
	}
	if len(r.Operator) >= 5 && len(r.Operator) <= 6 && strings.Trim(r.Operator, "0123456789") == "" {
		n.Network = r.Operator
	}
	return n, true
}

func instant(s string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// Poll asks for the report of the batch.
func (p *Provider) Poll(ctx context.Context, providerID string) (provider.Notice, error) {
	req, err := exchange.Get(p.base.JoinPath(segment(providerID), "delivery_report").String() + "?type=summary")
	a, err := p.do(ctx, req, err)
	if err != nil {
		return provider.Notice{}, err
	}
	var r report
	if a.Status == http.StatusNotFound {
		return provider.Notice{}, p.x.NotKnown(a, "")
	}
	if a.Status != http.StatusOK || !a.JSON(&r) || r.BatchID != providerID {
		return provider.Notice{}, p.refused(a, provider.Message{})
	}
	r.Type = "delivery_report_sms"
	n, ok := r.notice()
	if !ok {
		return provider.Notice{}, p.x.Refused(a, provider.Message{}, provider.Unknown, "", "the report has no status that is known")
	}
	return n, nil
}

// segment is an id as a part of a path.
func segment(id string) string {
	if !planID.MatchString(id) {
		return "none"
	}
	return id
}

// Check asks for a dry run to a number that nobody has: Sinch looks at token, plan and sender, and sends nothing.
func (p *Provider) Check(ctx context.Context) (string, error) {
	a, err := p.post(ctx, p.base.JoinPath("dry_run"), batch{From: p.c.From, To: []string{testNumber}, Body: "Test"})
	if err != nil {
		return "", err
	}
	var out struct {
		Messages *int `json:"number_of_messages"`
	}
	if a.Status != http.StatusOK || !a.JSON(&out) || out.Messages == nil {
		return "", p.refused(a, provider.Message{})
	}
	return fmt.Sprintf("Sinch takes token and plan (a dry run of %d message, nothing was sent).", *out.Messages), nil
}

// Confirmed tells Sinch that the code was typed in. Unused ones are not told; nor is anything unless Config.Feedback is set.
func (p *Provider) Confirmed(ctx context.Context, providerID string, used bool) error {
	if !used || !p.c.Feedback || !planID.MatchString(providerID) {
		return nil
	}
	a, err := p.post(ctx, p.base.JoinPath(providerID, "delivery_feedback"), map[string]any{"recipients": []string{}}) // empty: all of the batch
	if err != nil || a.Status >= 200 && a.Status < 300 {
		return err
	}
	return p.refused(a, provider.Message{})
}
