package pool

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"countersign/internal/fault"
	"countersign/internal/message"
	"countersign/internal/store"
	"countersign/provider"
)

// TextConfig are a pool's settings of the messages themselves.
type TextConfig struct {
	// Transliterate writes texts in the GSM alphabet where that saves a part (message.Transliterate).
	Transliterate bool `json:"transliterate,omitempty"`
	// Tail puts what software reads at the end of texts with a code: only for pools whose registered text has it, or whose countries register none.
	Tail bool `json:"tail,omitempty"`
	// Clients says what the tail holds, by app client; "" is for all others.
	Clients map[string]ClientText `json:"clients,omitempty"`
	// Help answers HELP from a phone; empty: nothing does, or the provider does.
	Help string `json:"help,omitempty"`
	// Locales are templates by BCP 47 tag; an empty one falls back: fr-CA, fr, the pool's own (Config.Templates), English.
	Locales map[string]Templates `json:"locales,omitempty"`
}

// ClientText is what texts to the users of one app client end with.
type ClientText struct {
	// OriginHost is the host of the last line "@host #code"; AndroidHash the app's hash after it. Either may be empty.
	OriginHost  string `json:"origin_host,omitempty"`
	AndroidHash string `json:"android_hash,omitempty"`
}

const (
	maxTextClients = 100
	maxLocales     = 50
	maxTag         = 35 // RFC 5646, section 4.4.1
	maxHelp        = 320
)

func (x *TextConfig) check() error {
	if x == nil {
		return nil
	}
	if len(x.Help) > maxHelp || strings.ContainsFunc(x.Help, unicode.IsControl) || !utf8.ValidString(x.Help) {
		return fault.Invalidf("texts.help", "texts.help: at most %d bytes, on one line.", maxHelp)
	}
	if len(x.Clients) > maxTextClients || len(x.Locales) > maxLocales {
		return fault.Invalidf("texts", "There are at most %d clients and %d locales.", maxTextClients, maxLocales)
	}
	for id, c := range x.Clients {
		if c.OriginHost != "" {
			if err := message.ValidHost(c.OriginHost); err != nil {
				return faultAt(err, "texts.clients."+id+".origin_host")
			}
		}
		if c.AndroidHash != "" {
			if err := message.ValidHash(c.AndroidHash); err != nil {
				return faultAt(err, "texts.clients."+id+".android_hash")
			}
		}
	}
	for tag, tmpl := range x.Locales {
		if tag == "" || len(tag) > maxTag || strings.Trim(tag, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
			return fault.Invalidf("texts.locales", "A locale is a BCP 47 tag like fr or fr-CA.")
		}
		if err := tmpl.check(); err != nil {
			return faultAt(err, "texts.locales."+tag)
		}
	}
	return nil
}

// faultAt says where in the settings a fault is.
func faultAt(err error, field string) error {
	if f := fault.Of(err); f.Code == fault.InvalidParameter {
		return f.WithField(field)
	}
	return err
}

// check validates the templates that are there.
func (x *Templates) check() error {
	for _, one := range []struct {
		kind message.Kind
		text string
	}{
		{message.SMSAuthentication, x.SMSAuth}, {message.SMSVerification, x.SMSVerify}, {message.SMSInvitation, x.SMSInvite},
		{message.EmailVerification, x.EmailVerify.Body}, {message.EmailInvitation, x.EmailInvite.Body}, {message.EmailMFA, x.EmailMFA.Body},
		{message.EmailSubject, x.EmailVerify.Subject}, {message.EmailSubject, x.EmailInvite.Subject}, {message.EmailSubject, x.EmailMFA.Subject},
	} {
		if one.text == "" {
			continue
		}
		if err := message.Validate(one.kind, one.text); err != nil {
			return err
		}
	}
	return nil
}

// texts is never nil.
func (c *Config) texts() *TextConfig {
	if c.Texts == nil {
		return &TextConfig{}
	}
	return c.Texts
}

// templates are those of a locale, filled up from its language and from the pool's own.
func (c *Config) templates(locale string) Templates {
	out := c.Templates
	if c.Texts == nil || len(c.Texts.Locales) == 0 {
		return out
	}
	base, _, _ := strings.Cut(locale, "-")
	for _, tag := range []string{base, locale} { // the later one wins
		i := slices.IndexFunc(c.localeTags(), func(t string) bool { return strings.EqualFold(t, tag) })
		if i < 0 {
			continue
		}
		t := c.Texts.Locales[c.localeTags()[i]]
		out = Templates{
			SMSAuth: cmp.Or(t.SMSAuth, out.SMSAuth), SMSVerify: cmp.Or(t.SMSVerify, out.SMSVerify), SMSInvite: cmp.Or(t.SMSInvite, out.SMSInvite),
			EmailVerify: t.EmailVerify.or(out.EmailVerify), EmailInvite: t.EmailInvite.or(out.EmailInvite), EmailMFA: t.EmailMFA.or(out.EmailMFA),
		}
	}
	return out
}

func (m Mail) or(d Mail) Mail {
	return Mail{Subject: cmp.Or(m.Subject, d.Subject), Body: cmp.Or(m.Body, d.Body)}
}

// localeTags are the locales that the pool has templates for, sorted.
func (c *Config) localeTags() []string {
	var out []string
	for tag := range c.texts().Locales {
		out = append(out, tag)
	}
	slices.Sort(out)
	return out
}

// locales are those that a message can be in, the pool's default first.
func (c *Config) locales() []string {
	if list := c.tenant().Locales; len(list) > 0 {
		return list
	}
	return append([]string{defaultLocale}, c.localeTags()...)
}

// finished is a text as it is sent: in fewer parts if the pool says so, and with the tail that its code and its client have.
func (t *tenant) finished(text string, channel provider.Channel, code string, tail bool) (string, error) {
	x := t.cfg.Texts
	if x == nil || channel != provider.SMS {
		return text, nil
	}
	if x.Transliterate {
		text = message.Transliterate(text)
	}
	if !x.Tail || !tail {
		return text, nil
	}
	c, ok := x.Clients[t.clientID()]
	if !ok {
		c = x.Clients[""]
	}
	return message.Tail{Host: c.OriginHost, Hash: c.AndroidHash}.With(text, code)
}

// PreviewInput asks what a text looks like and how long it is.
type PreviewInput struct {
	// Kind is one of message's kinds of texts ("sms_authentication", "sms_verification", "sms_invitation") or of the Auth0 dialect ("enrollment",
	// "verification", "passwordless", "otp_verify" ...).
	Kind string
	// Template takes the place of the pool's; nil is the stored one. Texts takes the place of the pool's settings.
	Template *string
	Texts    *TextConfig
	// Locale is a tag, ClientID the app client whose tail the text gets. Either may be empty.
	Locale, ClientID string
}

// Preview is a text with sample values: code 123456.
type Preview struct {
	Text string
	// Encoding is GSM-7 or UCS-2, Segments the parts that are billed, Units the septets or 16-bit units. Foreign are up to ten characters that force
	// UCS-2.
	Encoding        string
	Segments, Units int
	Foreign         []rune
}

// Preview shows a text as it would be sent. What it costs is the segments times a route's price. Errors: PoolNotFound, InvalidParameter,
// TemplateInvalid.
func (s *Service) Preview(ctx context.Context, poolID string, in PreviewInput) (*Preview, error) {
	t, err := s.byPool(ctx, poolID)
	if err != nil {
		return nil, err
	}
	if err := in.Texts.check(); err != nil {
		return nil, err
	}
	cfg := *t.cfg
	if in.Texts != nil {
		cfg.Texts = in.Texts
	}
	shown := *t
	if shown.cfg = &cfg; in.ClientID != "" {
		shown.client = &store.Client{ID: in.ClientID, PoolID: poolID}
	}
	text, tail, err := shown.sample(ctx, in)
	if err != nil {
		return nil, err
	}
	if text, err = shown.finished(text, provider.SMS, sampleCode, tail); err != nil {
		return nil, err
	}
	p := &Preview{Text: text, Foreign: message.Foreign(text, 10)}
	encoding, n, units := message.Segments(text)
	p.Encoding, p.Segments, p.Units = encoding.String(), n, units
	return p, nil
}

// sampleCode stands in previews.
const sampleCode = "123456"

// sample is the text of a preview before it is finished, and whether a tail belongs to its kind.
func (t *tenant) sample(ctx context.Context, in PreviewInput) (text string, tail bool, err error) {
	locale := firstOf(matchLocale(t.cfg.locales(), in.Locale), in.Locale, t.cfg.locales()[0])
	if kind := message.PhoneKind(in.Kind); slices.Contains(message.PhoneKinds(), kind) {
		source := t.cfg.phoneSource(kind)
		if in.Template != nil {
			source = *in.Template
		}
		sms, _, err := message.PreviewPhone(ctx, kind, source, locale)
		return sms.Text, kind.HoldsCode(), err
	}
	kind, tmpl := message.Kind(in.Kind), t.cfg.templates(locale)
	stored, ok := map[message.Kind]string{
		message.SMSAuthentication: tmpl.SMSAuth, message.SMSVerification: tmpl.SMSVerify, message.SMSInvitation: tmpl.SMSInvite}[kind]
	if !ok {
		return "", false, fault.Invalidf("kind", "There is no text of the kind %q.", in.Kind)
	}
	if in.Template != nil {
		if stored = *in.Template; stored != "" {
			if err := message.Validate(kind, stored); err != nil {
				return "", false, err
			}
		}
	}
	code := sampleCode
	text, err = message.Render(cmp.Or(stored, message.Default(kind)), message.Values{Code: code, Username: "ann", Trusted: true})
	return text, kind != message.SMSInvitation, err
}

// phoneSource is the pool's own Liquid template of a kind, or empty.
func (c *Config) phoneSource(kind message.PhoneKind) string {
	x := c.tenant()
	switch kind {
	case message.PhoneEnrollment:
		return x.Enrollment
	case message.PhoneVerification:
		return x.Verification
	case message.PhonePasswordless:
		return x.Passwordless
	}
	return x.Branding[string(kind)].Text
}
