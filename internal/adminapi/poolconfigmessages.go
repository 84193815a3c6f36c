package adminapi

import (
	pools "countersign/internal/pool"
	"countersign/internal/poolfile"
)

// messagesOf are settings of messages as a file has them.
func messagesOf(m *pools.MessageSettings) *poolfile.Messages {
	out := &poolfile.Messages{Transliterate: m.Texts.Transliterate, Tail: m.Texts.Tail, Help: m.Texts.Help}
	for id, x := range m.Texts.Clients {
		if out.Clients == nil {
			out.Clients = map[string]poolfile.ClientTail{}
		}
		out.Clients[id] = poolfile.ClientTail(x)
	}
	for tag, x := range m.Texts.Locales {
		if out.Locales == nil {
			out.Locales = map[string]poolfile.Templates{}
		}
		out.Locales[tag] = poolfile.Templates{
			SMSAuth: x.SMSAuth, SMSVerify: x.SMSVerify, SMSInvite: x.SMSInvite, EmailVerify: poolfile.Mail(x.EmailVerify),
			EmailInvite: poolfile.Mail(x.EmailInvite), EmailMFA: poolfile.Mail(x.EmailMFA),
		}
	}
	if m.CodeMaker != nil {
		out.CodeMaker = &poolfile.CodeMaker{Account: m.CodeMaker.Account, Purposes: m.CodeMaker.Purposes}
	}
	return out
}

// messageSettingsOf is messagesOf in reverse; nil is a pool that says nothing.
func messageSettingsOf(m *poolfile.Messages) pools.MessageSettings {
	var out pools.MessageSettings
	if m == nil {
		return out
	}
	out.Texts = pools.TextConfig{Transliterate: m.Transliterate, Tail: m.Tail, Help: m.Help}
	for id, x := range m.Clients {
		if out.Texts.Clients == nil {
			out.Texts.Clients = map[string]pools.ClientText{}
		}
		out.Texts.Clients[id] = pools.ClientText(x)
	}
	for tag, x := range m.Locales {
		if out.Texts.Locales == nil {
			out.Texts.Locales = map[string]pools.Templates{}
		}
		out.Texts.Locales[tag] = pools.Templates{
			SMSAuth: x.SMSAuth, SMSVerify: x.SMSVerify, SMSInvite: x.SMSInvite, EmailVerify: pools.Mail(x.EmailVerify),
			EmailInvite: pools.Mail(x.EmailInvite), EmailMFA: pools.Mail(x.EmailMFA),
		}
	}
	if m.CodeMaker != nil {
		out.CodeMaker = &pools.MakerConfig{Account: m.CodeMaker.Account, Purposes: m.CodeMaker.Purposes}
	}
	return out
}
