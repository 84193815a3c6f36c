package pool

import (
	"context"
	"encoding/json"
	"slices"

	"countersign/internal/facts"
	"countersign/internal/message"
	"countersign/internal/otp"
	"countersign/internal/store"
)

// messageFacts is what user code in Auth0's forms is told of a text or call; nil if something else sends the pool's.
func (t *tenant) messageFacts(c Caller, l letter) (json.RawMessage, error) {
	if p := t.cfg.textProvider(); l.attr == attrEmail || (p != ProviderHook && p != ProviderAction) {
		return nil, nil
	}
	whose := l.whom().user
	f := facts.Message{
		Purpose: l.purposeFacts(), Language: l.language, Voice: l.voice, Request: c.requestFacts(), Client: t.clientFacts(), Tenant: t.facts(), Transaction: l.chain,
	}
	if f.Language == "" {
		f.Language = t.language(c, whose)
	}
	con := connectionOf(whose)
	if whose != nil {
		f.User = t.userFacts(whose)
	} else if l.why == facts.FirstFactor {
		con = connectionOf(&store.User{Meta: &store.Meta{Connection: ConnectionSMS}})
	}
	f.Connection = &con
	return json.Marshal(f)
}

// purposeFacts is why a letter is sent: what the Auth0 wire says, or what the trigger source of the Cognito wire means.
func (l *letter) purposeFacts() facts.Purpose {
	switch {
	case l.why != "":
		return l.why
	case l.trigger == triggerAuthentication && (l.purpose == otp.SMSOTP || l.purpose == otp.EmailOTP):
		return facts.FirstFactor
	case l.trigger == triggerAuthentication:
		return facts.SecondFactor
	case l.trigger == triggerForgot:
		return facts.Recovery
	case l.trigger == "" || l.trigger == triggerRisk:
		return facts.Notice
	}
	return facts.Enroll
}

// phoneText makes the text of a letter of the Auth0 wire from the pool's Liquid templates, and puts into the letter what belongs to it. A text to a
// number that is not verified says nothing about the user: a stranger may have typed it.
func (s *Service) phoneText(ctx context.Context, t *tenant, c Caller, l *letter, code string) (string, error) {
	kind, tmpl := t.phoneTemplate(l.why)
	l.from = tmpl.From
	con := connectionOf(l.user)
	v := message.PhoneValues{
		Code: code, Locale: l.language, RequestLang: c.Language, Connection: con.Name, Strategy: con.Strategy, PhoneNumber: l.to,
		Client: message.PhoneClient(t.clientFacts()), Tenant: phoneTenant(t.facts()),
	}
	if l.user != nil && l.why != facts.Enroll && isProved(l.user, l.to) {
		v.User = t.phoneUser(c, l.user)
	}
	text, err := s.texts.Render(ctx, message.PhoneText{Kind: kind, Source: tmpl.Text, Values: v})
	if err != nil {
		return "", err
	}
	if l.voice, err = s.texts.Render(ctx, message.PhoneText{Kind: kind, Source: tmpl.Voice, Voice: true, Values: v}); err != nil {
		return "", err
	}
	if l.channel == ChannelVoice {
		text = l.voice
	}
	return text, nil
}

// isProved reports whether a code sent to a number came back: it is the user's verified one, or a confirmed telephone.
func isProved(u *store.User, number string) bool {
	return sameLine(verifiedContacts(u)[attrPhone], number) ||
		slices.ContainsFunc(u.MFA.Phones, func(p store.MFAPhone) bool { return p.Confirmed() && sameLine(p.Number, number) })
}

// phoneTemplate chooses kind and template of a text; an empty source is the stock text. The MFA templates are for both channels.
func (t *tenant) phoneTemplate(why facts.Purpose) (message.PhoneKind, PhoneTemplate) {
	c := t.cfg.tenant()
	if c.Consolidated {
		kind := message.PhoneOTPVerify
		if why == facts.Enroll {
			kind = message.PhoneOTPEnroll
		}
		if p := c.Branding[string(kind)]; !p.Disabled {
			return kind, p
		}
		return kind, PhoneTemplate{}
	}
	switch why {
	case facts.Enroll:
		return message.PhoneEnrollment, PhoneTemplate{Text: c.Enrollment, Voice: c.Enrollment}
	case facts.FirstFactor:
		return message.PhonePasswordless, PhoneTemplate{Text: c.Passwordless, Voice: c.Passwordless, From: c.PasswordlessFrom}
	}
	return message.PhoneVerification, PhoneTemplate{Text: c.Verification, Voice: c.Verification}
}

func phoneTenant(f facts.Tenant) message.PhoneTenant {
	return message.PhoneTenant{
		ID: f.ID, FriendlyName: f.FriendlyName, SupportEmail: f.SupportEmail, SupportURL: f.SupportURL, LogoURL: f.LogoURL, HomeURL: f.HomeURL}
}

// phoneUser is a user as a template may show it: with its own verified addresses alone.
func (t *tenant) phoneUser(c Caller, u *store.User) *message.PhoneUser {
	f, own := t.userFacts(u), verifiedContacts(u)
	return &message.PhoneUser{
		Name: u.Attributes["name"], Nickname: u.Attributes["nickname"], GivenName: f.GivenName, FamilyName: f.FamilyName, Picture: f.Picture,
		Email: own[attrEmail], EmailVerified: own[attrEmail] != "", PhoneNumber: own[attrPhone], PhoneVerified: own[attrPhone] != "",
		Logins: f.Logins, UserMetadata: f.UserMetadata, AppMetadata: f.AppMetadata, Multifactor: f.Factors, SourceIP: c.requestFacts().IP,
	}
}
