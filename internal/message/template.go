package message

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"countersign/internal/fault"
)

// The placeholders of a template.
const (
	// CodePlaceholder is replaced by the code, or by the temporary password of an invitation.
	CodePlaceholder = "{####}"
	// UsernamePlaceholder is replaced by the user's name.
	UsernamePlaceholder = "{username}"
	linkOpen, linkClose = "{##", "##}"
)

// Kind is the purpose of a template, which fixes its limits.
type Kind string

// The kinds, by the member of the API that holds them.
const (
	// SMSAuthentication is for sign-in and MFA (SmsAuthenticationMessage).
	SMSAuthentication Kind = "sms_authentication"
	// SMSVerification is for sign-up, attributes and password reset (VerificationMessageTemplate.SmsMessage).
	SMSVerification Kind = "sms_verification"
	// SMSInvitation is for AdminCreateUser (InviteMessageTemplate.SMSMessage).
	SMSInvitation Kind = "sms_invitation"
	// CustomSMS and CustomSMSInvitation are a CustomMessage trigger's smsMessage; the second for AdminCreateUser.
	CustomSMS           Kind = "custom_sms"
	CustomSMSInvitation Kind = "custom_sms_invitation"

	// EmailVerification and EmailVerificationLink confirm with a code or by a link.
	EmailVerification     Kind = "email_verification"
	EmailVerificationLink Kind = "email_verification_link"
	EmailInvitation       Kind = "email_invitation"
	EmailMFA              Kind = "email_mfa"
	// CustomEmail and CustomEmailInvitation are a CustomMessage trigger's emailMessage.
	CustomEmail           Kind = "custom_email"
	CustomEmailInvitation Kind = "custom_email_invitation"
	// EmailSubject is the subject of any of them.
	EmailSubject Kind = "email_subject"
)

// limits are in characters, not bytes; the placeholders count as they stand.
type limits struct {
	min, max                 int
	code, username, linkText bool // must be there
	initial                  string
}

// limitsOf returns the limits of a kind (API reference, the …MessageType shapes; CustomMessage in the developer guide).
func limitsOf(kind Kind) (limits, bool) {
	const sms, email = 140, 20000
	switch kind {
	case SMSAuthentication:
		return limits{min: 6, max: sms, code: true, initial: "Your authentication code is {####}."}, true
	case SMSVerification:
		return limits{min: 6, max: sms, code: true, initial: "Your verification code is {####}."}, true
	case SMSInvitation:
		return limits{min: 6, max: sms, initial: "Your username is {username} and temporary password is {####}."}, true
	case CustomSMS:
		return limits{min: 1, max: sms, code: true}, true
	case CustomSMSInvitation:
		return limits{min: 1, max: sms, code: true, username: true}, true
	case EmailVerification:
		return limits{min: 6, max: email, code: true, initial: "Your verification code is {####}."}, true
	case EmailVerificationLink:
		return limits{min: 6, max: email, linkText: true, initial: "Please confirm your e-mail address: {##Confirm##}"}, true
	case EmailInvitation:
		return limits{min: 6, max: email, initial: "Your username is {username} and temporary password is {####}."}, true
	case EmailMFA:
		return limits{min: 6, max: email, code: true, initial: "Your authentication code is {####}."}, true
	case CustomEmail:
		return limits{min: 1, max: email, code: true}, true
	case CustomEmailInvitation:
		return limits{min: 1, max: email, code: true, username: true}, true
	case EmailSubject:
		return limits{min: 1, max: sms, initial: "Your code"}, true
	}
	return limits{}, false
}

// Default returns the text of a pool that sets no template of that kind; "" for kinds that a trigger supplies.
func Default(kind Kind) string {
	l, _ := limitsOf(kind)
	return l.initial
}

// Validate returns nil if tmpl may be stored or sent as a template of that kind, else fault.InvalidParameter whose Field
// is the kind and whose Public says what is wrong. Control characters other than line breaks and tabs are refused.
func Validate(kind Kind, tmpl string) error {
	l, ok := limitsOf(kind)
	if !ok {
		return fault.Invalidf("kind", "Unknown message kind.")
	}
	field := string(kind)
	if !utf8.ValidString(tmpl) || strings.ContainsFunc(tmpl, isControl) {
		return fault.Invalidf(field, "The message has characters that cannot be sent.")
	}
	if kind == EmailSubject && strings.ContainsAny(tmpl, "\r\n") {
		return fault.Invalidf(field, "The subject must be one line.")
	}
	if n := utf8.RuneCountInString(tmpl); n < l.min || n > l.max {
		return fault.Invalidf(field, "The message must have %d to %d characters, it has %d.", l.min, l.max, n)
	}
	switch {
	case l.code && !strings.Contains(tmpl, CodePlaceholder):
		return fault.Invalidf(field, "The message must contain %s.", CodePlaceholder)
	case l.username && !strings.Contains(tmpl, UsernamePlaceholder):
		return fault.Invalidf(field, "The message must contain %s.", UsernamePlaceholder)
	case l.linkText && !hasLink(tmpl):
		return fault.Invalidf(field, "The message must contain {##words of the link##}.")
	}
	return nil
}

func isControl(r rune) bool { return r != '\n' && r != '\r' && r != '\t' && unicode.IsControl(r) }

// hasLink reports whether a link placeholder with words in it is there.
func hasLink(tmpl string) bool {
	for rest := tmpl; ; {
		at := strings.IndexByte(rest, '{')
		if at < 0 {
			return false
		}
		rest = rest[at:]
		if words, _, ok := linkAt(rest); ok && strings.TrimSpace(words) != "" {
			return true
		}
		rest = rest[1:]
	}
}

// linkAt reads a link placeholder at the start of s. {####} is none.
func linkAt(s string) (words, rest string, ok bool) {
	if !strings.HasPrefix(s, linkOpen) || strings.HasPrefix(s, CodePlaceholder) {
		return "", "", false
	}
	return strings.Cut(s[len(linkOpen):], linkClose)
}
