package message

import (
	"context"
	"strings"

	"countersign/internal/fault"
)

// PhoneKind is the purpose of a text in Auth0's dialect, whose templates are Liquid.
type PhoneKind string

// The kinds. The first two are the MFA templates (guardian/factors/phone/templates), the third is the template of the passwordless connection, the
// others are the types of the unified phone templates (branding/phone/templates).
const (
	PhoneEnrollment     PhoneKind = "enrollment"
	PhoneVerification   PhoneKind = "verification"
	PhonePasswordless   PhoneKind = "passwordless"
	PhoneOTPVerify      PhoneKind = "otp_verify"
	PhoneOTPEnroll      PhoneKind = "otp_enroll"
	PhoneChangePassword PhoneKind = "change_password"
	PhoneBlockedAccount PhoneKind = "blocked_account"
	PhonePasswordBreach PhoneKind = "password_breach"
)

// PhoneKinds returns all kinds.
func PhoneKinds() []PhoneKind {
	return []PhoneKind{PhoneEnrollment, PhoneVerification, PhonePasswordless, PhoneOTPVerify, PhoneOTPEnroll, PhoneChangePassword,
		PhoneBlockedAccount, PhonePasswordBreach}
}

// HoldsCode reports whether a text of that kind must hold a code. The others are notices.
func (k PhoneKind) HoldsCode() bool { return k != PhoneBlockedAccount && k != PhonePasswordBreach }

// PhoneText is a text to be made.
type PhoneText struct {
	Kind PhoneKind
	// Source is the template; "" is the stock text (DefaultPhone).
	Source string
	// Voice says that the text will be spoken: message_type is voice, code has dots between its digits, pause is a pause.
	Voice  bool
	Values PhoneValues
}

// pause makes speech engines wait; it is nothing in a text.
const pause = "..."

// passwordMacro is the older form of {{ code }} in templates of the passwordless connection.
const passwordMacro = "@@password@@"

// sampleCode is what templates are tried with.
const sampleCode = "123456"

// PhoneCache keeps parsed templates, the ones used last, so that a send does not parse. It is safe for concurrent use.
type PhoneCache struct{ parsed *lru }

// NewPhoneCache returns a cache of at most size templates.
func NewPhoneCache(size int) *PhoneCache { return &PhoneCache{parsed: newLRU(size)} }

// Render makes a text: trimmed, with all values filled in. If Values.Code is CodePlaceholder the place is kept open for Fill.
//
// A template that does not render, or not to a text that holds the code (it knows no text for a locale), gives way to the stock
// text, since its user waits for a code. So the error is that of ctx alone.
func (c *PhoneCache) Render(ctx context.Context, p PhoneText) (string, error) {
	if p.Source != "" {
		text, err := c.fill(ctx, p)
		if err == nil && p.complete(text) {
			return text, nil
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		p.Source = ""
	}
	return c.fill(ctx, p)
}

func (c *PhoneCache) fill(ctx context.Context, p PhoneText) (string, error) {
	source := p.Source
	if source == "" {
		source = DefaultPhone(p.Kind, p.Voice)
	} else if p.Kind == PhonePasswordless {
		source = strings.ReplaceAll(source, passwordMacro, "{{ code }}")
	}
	tmpl, err := c.parsed.get(source)
	if err != nil {
		return "", err
	}
	text, err := tmpl.Render(ctx, p.Values.bindings(p.Voice))
	return strings.TrimSpace(text), err
}

// complete reports whether a text can be sent: it says something, and holds its code.
func (p PhoneText) complete(text string) bool {
	if p.Kind.HoldsCode() {
		return strings.Contains(text, codeFor(p.Values.Code, p.Voice))
	}
	return text != ""
}

// codeFor is what the variable code is.
func codeFor(code string, voice bool) string {
	switch {
	case !voice:
		return code
	case code == CodePlaceholder:
		return SpokenPlaceholder
	}
	return Spoken(code)
}

// RenderPhone is PhoneCache.Render without a cache.
func RenderPhone(ctx context.Context, p PhoneText) (string, error) {
	return NewPhoneCache(1).Render(ctx, p)
}

// ValidatePhone returns nil if source may be stored as a template of that kind: it parses, and gives a text in English that holds the
// code unchanged (for notices: any text), written and spoken. The error is fault.TemplateInvalid whose Field is the kind and whose Public gives line
// and reason.
func ValidatePhone(kind PhoneKind, source string) error {
	for _, voice := range []bool{false, true} {
		if err := validatePhone(kind, source, voice); err != nil {
			return err
		}
	}
	return nil
}

// ValidatePhoneBody is ValidatePhone for a template that is used for one of the two only (the unified templates have a body for each).
func ValidatePhoneBody(kind PhoneKind, source string, voice bool) error {
	return validatePhone(kind, source, voice)
}

func validatePhone(kind PhoneKind, source string, voice bool) error {
	if strings.TrimSpace(source) == "" {
		return fault.New(fault.TemplateInvalid).WithField(string(kind)).WithPublic("The template is empty.")
	}
	cache := NewPhoneCache(1)
	for _, code := range []string{sampleCode, CodePlaceholder} {
		p := PhoneText{Kind: kind, Source: source, Voice: voice, Values: samplePhone("en")}
		p.Values.Code = code
		text, err := cache.fill(context.Background(), p)
		if err != nil {
			return fault.Of(err).WithField(string(kind))
		}
		if !p.complete(text) {
			return incomplete(kind, voice)
		}
	}
	return nil
}

func incomplete(kind PhoneKind, voice bool) error {
	way, lacks := "text", "does not hold the code as it is ({{ code }})"
	if voice {
		way = "voice"
	}
	if !kind.HoldsCode() {
		lacks = "is empty"
	}
	return fault.New(fault.TemplateInvalid).WithField(string(kind)).WithPublic("The %s message for locale en %s.", way, lacks)
}

// PhoneSample is what a template looks like, and costs, with sample values.
type PhoneSample struct {
	Text string
	// Encoding, Segments and Units are as Segments returns them. Foreign are characters that force UCS2, at most ten.
	Encoding        Encoding
	Segments, Units int
	Foreign         []rune
}

// PreviewPhone shows a template in a locale ("" is en), written and spoken. source "" is the stock text. The error is
// fault.TemplateInvalid as of ValidatePhone; a text that lacks its code is shown as it is.
func PreviewPhone(ctx context.Context, kind PhoneKind, source, locale string) (sms, voice PhoneSample, err error) {
	if locale == "" {
		locale = "en"
	}
	samples := [2]PhoneSample{}
	cache := NewPhoneCache(2)
	for i := range samples {
		text, err := cache.fill(ctx, PhoneText{Kind: kind, Source: source, Voice: i == 1, Values: samplePhone(locale)})
		if err != nil {
			if ctx.Err() != nil {
				return sms, voice, ctx.Err()
			}
			return sms, voice, fault.Of(err).WithField(string(kind))
		}
		s := PhoneSample{Text: text, Foreign: Foreign(text, 10)}
		s.Encoding, s.Segments, s.Units = Segments(text)
		samples[i] = s
	}
	return samples[0], samples[1], nil
}
