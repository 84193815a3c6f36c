package vonage

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

// maxParams bounds the parameters of a callback.
const maxParams = 64

// Signed reports whether callbacks are authentic: whether there is a signature secret.
func (p *SMS) Signed() bool { return p.c.SignatureSecret.Reveal() != "" }

// ReadCallback reads a receipt or a text that came in, by GET, as a form or as JSON, as the account is set.
func (p *SMS) ReadCallback(_ context.Context, c provider.Callback) ([]provider.Notice, provider.Reply, error) {
	in, err := params(c)
	if err != nil {
		return nil, provider.Reply{}, err
	}
	if p.Signed() {
		if err := checkSig(in, p.c.SignatureMethod, p.c.SignatureSecret, c.Now); err != nil {
			return nil, provider.Reply{}, err
		}
	}
	id := in["messageId"]
	if id == "" || !same(in["api-key"], p.c.APIKey) {
		return nil, provider.Reply{}, errCallback
	}
	var n provider.Notice
	_, isText := in["text"]
	switch {
	case in["status"] != "":
		n = p.receipt(in)
	case isText:
		n = provider.Notice{At: clock(in["message-timestamp"]), Inbound: &provider.Inbound{
			From: e164(in["msisdn"]), To: in["to"], Text: in["text"], Keyword: keyword(in["keyword"]),
		}}
		n.ID = exchange.Short("in-"+id, 64) // it is sent again until we have it
	default:
		return nil, provider.Reply{}, nil // binary
	}
	if p.Signed() {
		n.ID = exchange.Short(in["nonce"], 64)
	}
	if n.State == "" && n.Inbound == nil {
		return nil, provider.Reply{}, nil
	}
	return []provider.Notice{n}, provider.Reply{}, nil
}

// receipt is what a receipt says of one part. Its price is left out: it is the part's, and the answer to the request said that of the whole.
func (p *SMS) receipt(in map[string]string) provider.Notice {
	n := provider.Notice{
		ProviderID: exchange.Short(in["messageId"], 64), Reference: exchange.Short(in["client-ref"], maxReference),
		Network: network(in["network-code"]), At: received(in),
	}
	switch in["status"] {
	case "accepted", "buffered":
		n.State = provider.StateSent
	case "delivered":
		n.State = provider.StateDelivered
	case "expired":
		n.State = provider.StateExpired
	case "failed", "unknown":
		n.State = provider.StateUndelivered
	case "rejected":
		n.State = provider.StateFailed
	}
	if code := in["err-code"]; code != "" && code != "0" {
		n.VendorCode, n.Text = exchange.Short(code, 64), p.caller.Clean(in["status"], provider.Message{})
	}
	switch n.State {
	case provider.StateUndelivered, provider.StateFailed:
		if n.Reason = receiptReason(in["err-code"]); in["status"] == "unknown" {
			n.Reason = provider.Unknown
		}
	}
	return n
}

// received is when the carrier reported (scts: yymmddhhmm), else when Vonage told.
func received(in map[string]string) time.Time {
	if at, err := time.Parse("0601021504", in["scts"]); err == nil {
		return at.UTC()
	}
	return clock(in["message-timestamp"])
}

// params are the parameters of a callback, each once.
func params(c provider.Callback) (map[string]string, error) {
	if c.Method == http.MethodGet {
		if c.URL == nil || len(c.URL.RawQuery) > maxCallback {
			return nil, errCallback
		}
		return once(c.URL.RawQuery)
	}
	kind, _, err := mime.ParseMediaType(header(c, "Content-Type"))
	if err != nil || c.Method != http.MethodPost || len(c.Body) > maxCallback {
		return nil, errCallback
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		return once(string(c.Body))
	case "application/json":
		var values map[string]text
		if json.Unmarshal(c.Body, &values) != nil || len(values) > maxParams {
			return nil, errCallback
		}
		out := make(map[string]string, len(values))
		for k, v := range values {
			out[k] = string(v)
		}
		return out, nil
	}
	return nil, errCallback
}

func once(query string) (map[string]string, error) {
	values, err := url.ParseQuery(query)
	if err != nil || len(values) > maxParams {
		return nil, errCallback
	}
	out := make(map[string]string, len(values))
	for k, v := range values {
		if len(v) != 1 {
			return nil, errCallback
		}
		out[k] = v[0]
	}
	return out, nil
}
