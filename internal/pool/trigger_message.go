package pool

import (
	"context"

	"countersign/internal/fault"
	"countersign/internal/message"
	"countersign/internal/otp"
	"countersign/internal/trigger"
)

// linkParameter is what stands for a link in an e-mail; Countersign confirms by code, so that nothing takes its place.
const linkParameter = "{##Click Here##}"

// customMessage asks CustomMessage for the text of a letter; tmpl is what the pool says otherwise, and what is kept of it where the function
// answers null. Where a sender function takes the message, there is no text to ask for.
func (s *Service) customMessage(ctx context.Context, t *tenant, c Caller, l letter, tmpl Mail) (Mail, error) {
	if !t.has(trigger.CustomMessage) || t.has(senderOf(l.attr)) {
		return tmpl, nil
	}
	own, err := s.askMessage(ctx, t, c, l, tmpl)
	if err == nil {
		return own, nil
	}
	if t.client != nil && t.concealed() && l.secretly() && fault.CodeOf(err) != fault.InternalError {
		return tmpl, nil // an error would tell that somebody has the name
	}
	return tmpl, err
}

// secretly reports whether the letter is of a flow that answers alike for names that nobody has.
func (l *letter) secretly() bool {
	return l.trigger == triggerForgot || l.trigger == triggerResend || l.purpose == otp.SMSOTP || l.purpose == otp.EmailOTP
}

func (s *Service) askMessage(ctx context.Context, t *tenant, c Caller, l letter, tmpl Mail) (Mail, error) {
	r := trigger.CustomMessageRequest{
		UserAttributes: l.attributes(), CodeParameter: message.CodePlaceholder, LinkParameter: linkParameter, ClientMetadata: c.Metadata,
	}
	if l.trigger == triggerInvite {
		name := message.UsernamePlaceholder
		r.UsernameParameter = &name
	}
	a, err := ask[trigger.CustomMessageAnswer](ctx, s, t, c, trigger.CustomMessage, l.trigger, l.attr, l.whom(), r)
	if err != nil {
		return tmpl, err
	}
	body, kind := a.SMSMessage, message.CustomSMS
	switch invite := l.trigger == triggerInvite; {
	case l.attr == attrEmail && invite:
		body, kind = a.EmailMessage, message.CustomEmailInvitation
	case l.attr == attrEmail:
		body, kind = a.EmailMessage, message.CustomEmail
	case invite:
		kind = message.CustomSMSInvitation
	}
	if body != "" {
		err, tmpl.Body = message.Validate(kind, body), body
	}
	if l.attr == attrEmail && a.EmailSubject != "" && err == nil {
		err, tmpl.Subject = message.Validate(message.EmailSubject, a.EmailSubject), a.EmailSubject
	}
	if err != nil {
		return tmpl, s.triggerFailed(ctx, t, c, trigger.CustomMessage, l.trigger, l.whom(), trigger.Invalid(trigger.CustomMessage, fault.Of(err).Public))
	}
	return tmpl, nil
}
