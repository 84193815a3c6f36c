package vonage

import (
	"context"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

// Signed reports whether callbacks are authentic: whether there is a signature secret.
func (p *Verify) Signed() bool { return p.signed.configured() }

// ReadCallback reads an event of a verification's step, or its summary. Neither ends anything but the message: whether a code is right, CheckCode
// alone says.
func (p *Verify) ReadCallback(_ context.Context, c provider.Callback) ([]provider.Notice, provider.Reply, error) {
	id, err := p.signed.check(c)
	if err != nil {
		return nil, provider.Reply{}, err
	}
	var in struct {
		RequestID   string `json:"request_id"`
		Type        string `json:"type"`
		Status      string `json:"status"`
		TriggeredAt string `json:"triggered_at"`
		FinalizedAt string `json:"finalized_at"`
	}
	if readJSON(c, &in) != nil || !requestID(in.RequestID) || in.Type != "event" && in.Type != "summary" {
		return nil, provider.Reply{}, errCallback
	}
	n := provider.Notice{ProviderID: in.RequestID, ID: exchange.Short(id, 64), At: clock(in.TriggeredAt)}
	if n.At.IsZero() {
		n.At = clock(in.FinalizedAt)
	}
	switch in.Status {
	case "completed": // the code was typed in, so it arrived
		n.State = provider.StateDelivered
	case "failed", "user_rejected":
		n.State, n.Reason, n.VendorCode = provider.StateFailed, provider.Unknown, in.Status
	case "expired":
		n.State = provider.StateExpired
	default:
		return nil, provider.Reply{}, nil
	}
	return []provider.Notice{n}, provider.Reply{}, nil
}
