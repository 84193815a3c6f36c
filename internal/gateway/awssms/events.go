package awssms

import (
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

// event is a message's event or a text that came in (End User Messaging user guide, "Event types", "Two-way SMS messaging").
type event struct {
	EventType                string            `json:"eventType"`
	EventTimestamp           json.Number       `json:"eventTimestamp"`
	IsFinal                  bool              `json:"isFinal"`
	MCC                      any               `json:"mcc"`
	MNC                      any               `json:"mnc"`
	MessageID                string            `json:"messageId"`
	MessageStatus            string            `json:"messageStatus"`
	MessageStatusDescription string            `json:"messageStatusDescription"`
	Context                  map[string]string `json:"context"`
	TotalMessageParts        json.Number       `json:"totalMessageParts"`
	TotalMessagePrice        json.Number       `json:"totalMessagePrice"`
	TotalCarrierFee          json.Number       `json:"totalCarrierFee"`

	OriginationNumber string `json:"originationNumber"`
	DestinationNumber string `json:"destinationNumber"`
	MessageKeyword    string `json:"messageKeyword"`
	MessageBody       string `json:"messageBody"`
	InboundMessageID  string `json:"inboundMessageId"`
}

// meaning is what an event type says.
type meaning struct {
	state  provider.State
	reason provider.Reason
}

// meanings are those of event types (API model, EventType); types that are not here are not told.
var meanings = map[string]meaning{
	"TEXT_QUEUED": {provider.StateQueued, ""}, "TEXT_PENDING": {provider.StateSent, ""}, "TEXT_SENT": {provider.StateSent, ""},
	"TEXT_SUCCESSFUL": {provider.StateSent, ""}, "TEXT_DELIVERED": {provider.StateDelivered, ""},
	"TEXT_INVALID": {provider.StateFailed, provider.InvalidNumber}, "TEXT_INVALID_MESSAGE": {provider.StateFailed, provider.ContentRejected},
	"TEXT_UNREACHABLE":         {provider.StateUndelivered, provider.Unreachable},
	"TEXT_CARRIER_UNREACHABLE": {provider.StateUndelivered, provider.Unreachable},
	"TEXT_BLOCKED":             {provider.StateFailed, provider.Blocked}, "TEXT_CARRIER_BLOCKED": {provider.StateFailed, provider.Blocked},
	"TEXT_PROTECT_BLOCKED": {provider.StateFailed, provider.Blocked}, "TEXT_SPAM": {provider.StateFailed, provider.ContentRejected},
	"TEXT_TTL_EXPIRED": {provider.StateExpired, ""}, "TEXT_UNKNOWN": {provider.StateUndelivered, provider.Unknown},
	"VOICE_INITIATED": {provider.StateQueued, ""}, "VOICE_RINGING": {provider.StateSent, ""}, "VOICE_ANSWERED": {provider.StateSent, ""},
	"VOICE_COMPLETED": {provider.StateDelivered, ""}, "VOICE_BUSY": {provider.StateUndelivered, provider.Unreachable},
	"VOICE_NO_ANSWER": {provider.StateUndelivered, provider.Unreachable}, "VOICE_FAILED": {provider.StateFailed, provider.Unknown},
	"VOICE_TTL_EXPIRED": {provider.StateExpired, ""},
}

// read understands the message of a notification. id and at are the notification's.
func read(message, id string, at time.Time, caller exchange.Caller) ([]provider.Notice, provider.Reply, error) {
	var e event
	if err := json.Unmarshal([]byte(message), &e); err != nil {
		if strings.HasPrefix(strings.TrimSpace(message), "{") {
			return nil, provider.Reply{}, errors.New("aws-sms: the notification holds JSON that is not the service's")
		}
		return nil, provider.Reply{}, nil // what people publish to a topic to try it out
	}
	if e.EventType == "" && e.OriginationNumber != "" {
		in, ok := e.inbound()
		if !ok {
			return nil, provider.Reply{}, errors.New("aws-sms: the text that came in names no numbers")
		}
		return []provider.Notice{{Inbound: in, At: at, ID: exchange.Short(cmp.Or(id, e.InboundMessageID), maxID)}}, provider.Reply{}, nil
	}
	m, known := meanings[e.EventType]
	if !known || e.MessageID == "" {
		return nil, provider.Reply{}, nil
	}
	if e.EventType == "TEXT_SUCCESSFUL" && e.IsFinal { // some networks tell no more than this
		m.state = provider.StateDelivered
	}
	n := provider.Notice{
		ProviderID: exchange.Short(e.MessageID, maxID), Reference: exchange.Short(e.Context[referenceKey], 40), State: m.state, Reason: m.reason,
		VendorCode: e.EventType, Text: caller.Clean(cmp.Or(e.MessageStatusDescription, e.MessageStatus), provider.Message{}),
		Network: network(e.MCC, e.MNC), At: e.at(at), ID: exchange.Short(id, maxID),
	}
	if parts, err := strconv.Atoi(e.TotalMessageParts.String()); err == nil {
		n.Segments = min(max(parts, 0), 255)
	}
	if n.Price = micros(e.TotalMessagePrice) + micros(e.TotalCarrierFee); n.Price > 0 {
		n.Currency = "USD"
	}
	return []provider.Notice{n}, provider.Reply{}, nil
}

// at is the event's own time, or that of the notification.
func (e event) at(notified time.Time) time.Time {
	ms, err := strconv.ParseInt(e.EventTimestamp.String(), 10, 64)
	if err != nil || ms <= 0 || ms > math.MaxInt64/int64(time.Millisecond) {
		return notified
	}
	return time.UnixMilli(ms).UTC()
}

func (e event) inbound() (*provider.Inbound, bool) {
	if !numberForm.MatchString(e.OriginationNumber) || e.DestinationNumber == "" {
		return nil, false
	}
	in := &provider.Inbound{From: "+" + strings.TrimPrefix(e.OriginationNumber, "+"), To: exchange.Short(e.DestinationNumber, 64),
		Text: exchange.Short(e.MessageBody, 4096)}
	switch k := strings.ToUpper(strings.TrimSpace(e.MessageKeyword)); k {
	case "STOP", "HELP", "START":
		in.Keyword = k
	case "UNSTOP":
		in.Keyword = "START"
	}
	return in, true
}

// network joins the country's and the network's code.
func network(mcc, mnc any) string {
	a, b := code(mcc), code(mnc)
	if len(b) == 1 {
		b = "0" + b
	}
	if len(a) != 3 || len(b) != 2 && len(b) != 3 {
		return ""
	}
	return a + b
}

// code reads a code that may be text or a number.
func code(v any) string {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case float64:
		s = strconv.FormatFloat(v, 'f', -1, 64)
	}
	if strings.Trim(s, "0123456789") != "" {
		return ""
	}
	return s
}

// micros reads an amount that may be written with an exponent, as Java does for small ones.
func micros(n json.Number) int64 {
	f, err := n.Float64()
	if err != nil || !(f > 0 && f < 1e6) {
		return 0
	}
	return int64(math.Round(f * 1e6))
}
