package smpp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"countersign/provider"
)

// registered are the values of registered_delivery (5.2.17).
var registered = map[Receipts]byte{ReceiptsFinal: 0x01, ReceiptsFailure: 0x02, ReceiptsEachStep: 0x11, ReceiptsNone: 0}

// Send submits the text, part after part, and succeeds when the centre accepted all of them. A receipt is asked for the last part alone, whose
// id is Receipt.ProviderID: ids of other parts could not be matched after a restart or by another node.
func (p *Provider) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	parts, segments, err := p.build(m)
	if err != nil {
		return provider.Receipt{}, err
	}
	if ctx.Err() != nil {
		return provider.Receipt{}, notSent(ctx.Err())
	}
	s, err := p.send.get(ctx)
	if err != nil {
		return provider.Receipt{}, notSent(err)
	}
	var id string
	for i, part := range parts {
		id, err = p.submit(ctx, s, part, m.ExpiresAt, i == 0)
		if err != nil {
			return provider.Receipt{}, err
		}
	}
	return provider.Receipt{ProviderID: plainID(id), Segments: segments, Raw: StatusOK.String()}, nil
}

// build makes the parts, or says why nothing can be sent.
func (p *Provider) build(m provider.Message) ([]*SM, int, error) {
	refuse := func(r provider.Reason, why string) error {
		return provider.Fail(r, 0, &provider.VendorError{Provider: "smpp", VendorCode: "not_sent", Text: why})
	}
	if c := cmp.Or(m.Channel, provider.SMS); c != provider.SMS {
		return nil, 0, refuse(provider.BadRequest, "only texts can be sent")
	}
	to, err := p.c.Destination.address(m.To)
	if err != nil || !strings.HasPrefix(m.To, "+") || strings.Trim(m.To[1:], "0123456789") != "" {
		return nil, 0, refuse(provider.InvalidNumber, "the recipient is not in E.164 form")
	}
	from, err := p.c.Source.address(cmp.Or(m.From, p.c.From))
	if err != nil {
		return nil, 0, refuse(provider.SenderRejected, err.Error())
	}
	if m.Text == "" {
		return nil, 0, refuse(provider.ContentRejected, "the text is empty")
	}
	validity, alive := p.validity(m.ExpiresAt)
	if !alive {
		return nil, 0, errTooLate
	}
	base := SM{ServiceType: p.c.ServiceType, Source: from, Destination: to, Validity: validity, TLVs: p.registration(m)}
	parts, segments, err := p.c.Texts.Split(base, m.Text, uint16(p.reference.Add(1)))
	if err != nil {
		return nil, 0, refuse(provider.ContentRejected, err.Error())
	}
	parts[len(parts)-1].RegisteredDelivery = registered[p.c.Receipts]
	return parts, segments, nil
}

// registration are the optional parameters for a text that is registered with India's DLT.
func (p *Provider) registration(m provider.Message) (out TLVs) {
	if m.EntityID != "" {
		out = append(out, TLV{p.c.EntityTag, []byte(m.EntityID)})
	}
	if m.TemplateID != "" {
		out = append(out, TLV{p.c.TemplateTag, []byte(m.TemplateID)})
	}
	return out
}

var errTooLate = provider.Permanent(errors.New("smpp: the code dies before the text can arrive"))

// validity is validity_period (7.1.1) for a code that dies at end; alive is false if it is too late.
func (p *Provider) validity(end time.Time) (s string, alive bool) {
	if end.IsZero() {
		return "", true
	}
	now := p.c.Now()
	left := min(end.Sub(now), maxLife)
	if left < minLife {
		return "", false
	}
	switch p.c.Validity {
	case ValidityNone:
		return "", true
	case ValidityAbsolute: // tenths of a second, and quarters of an hour from UTC
		return now.Add(left).UTC().Format("060102150405") + "000+", true
	}
	t := int(left / time.Second)
	return fmt.Sprintf("0000%02d%02d%02d%02d000R", t/86400, t/3600%24, t/60%60, t%60), true
}

// submit sends one part. Once a part was accepted, whatever leaves the text incomplete without a refusal is ambiguous: the code may stand in
// the part that went.
func (p *Provider) submit(ctx context.Context, s *session, m *SM, end time.Time, first bool) (id string, err error) {
	for holds := 0; ; holds++ {
		after, err := p.pace.wait(ctx)
		switch {
		case err != nil && !first:
			return "", ambiguous(err)
		case errors.Is(err, errPaced):
			return "", provider.Fail(provider.RateLimited, after, &provider.VendorError{Provider: "smpp", VendorCode: "paced", Text: err.Error()})
		case err != nil:
			return "", notSent(err)
		case first && !end.IsZero() && end.Sub(p.c.Now()) < minLife:
			return "", errTooLate
		}
		o := s.do(ctx, SubmitSM, m)
		answered := o.answer.Command != 0
		switch {
		case answered && (o.answer.Status != StatusOK || o.answer.Command == GenericNack):
			status := o.answer.Status
			if status == StatusThrottled || status == StatusQueueFull {
				if p.pace.throttled(); !first && holds < maxHolds {
					continue
				}
			}
			if status == StatusInvalidBindState || status == StatusAlreadyBound {
				forgotten := fmt.Errorf("the message centre forgot the session: %s", status)
				s.retire(forgotten)
				return "", notSent(forgotten)
			}
			return "", p.refused(status)
		case o.err != nil && (o.written || !first):
			return "", ambiguous(o.err)
		case o.err != nil:
			return "", notSent(o.err)
		}
		r, ok := o.answer.Body.(*SMResp)
		if !ok {
			return "", ambiguous(errors.New("the answer says no id"))
		}
		return r.MessageID, nil
	}
}

// refused is the error of a status.
func (p *Provider) refused(s Status) error {
	r := s.reason(p.c.Reasons)
	after := time.Duration(0)
	if r == provider.RateLimited {
		after = hold
	}
	return provider.Fail(r, after, &provider.VendorError{Provider: "smpp", VendorCode: s.Code(), Text: s.String()})
}

// notSent is the error of what never reached the centre: temporary, unless err is classed itself.
func notSent(err error) error { return fmt.Errorf("smpp: %w: %w", provider.ErrNotSent, err) }

func ambiguous(err error) error { return fmt.Errorf("smpp: %w: %w", provider.ErrAmbiguous, err) }
