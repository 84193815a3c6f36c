package simulator

import (
	"cmp"
	"strings"
	"time"
	"unicode"

	"countersign/phone"
	"countersign/provider"
)

// split cuts the text at each place where the code stands.
func split(text, code string) []part {
	if code == "" {
		return []part{{Text: text}}
	}
	var out []part
	for i, s := range strings.Split(text, code) {
		if i > 0 {
			out = append(out, part{code, true})
		}
		if s != "" {
			out = append(out, part{s, false})
		}
	}
	return out
}

// triggerLabels are the words for people; a trigger source that is not here is shown as it is.
var triggerLabels = map[string]string{
	"SignUp": "Sign-up", "ResendCode": "Code again", "Authentication": "Sign-in", "ForgotPassword": "Recovery",
	"UpdateUserAttribute": "New number", "VerifyUserAttribute": "Verification", "AdminCreateUser": "Invitation",
	"AccountTakeOverNotification": "Security notice", "AccountChanged": "Account changed", "TestMessage": "Test message",
}

func triggerLabel(source string) string {
	_, name, ok := strings.Cut(source, "_")
	if !ok {
		name = source
	}
	return cmp.Or(triggerLabels[name], name)
}

// serviceNames are the providers as people call them.
var serviceNames = map[string]string{
	"sns": "Amazon SNS", "twilio": "Twilio", verifyService: "Twilio Verify", "infobip": "Infobip", "telesign": "TeleSign", "vonage": "Vonage",
	"esendex": "Esendex", "mitto": "Mitto", "messagebird": "MessageBird", "plivo": "Plivo", "sinch": "Sinch", awsService: "AWS End User Messaging",
}

func serviceName(service string) string { return cmp.Or(serviceNames[service], service) }

func dayName(at, now time.Time, zone *time.Location) string {
	at, now = at.In(zone), now.In(zone)
	switch at.Format(time.DateOnly) {
	case now.Format(time.DateOnly):
		return "Today"
	case now.AddDate(0, 0, -1).Format(time.DateOnly):
		return "Yesterday"
	}
	return at.Format("Monday 2 January")
}

// preview is the last text in one line; the subject of an e-mail.
func preview(m Message) string {
	text := m.Text
	if m.mail() && m.Subject != "" {
		text = m.Subject
	}
	if m.Direction == Inbound {
		text = "You: " + text
	}
	if m.Channel == provider.Voice {
		text = "Call: " + text
	}
	r := []rune(strings.Join(strings.Fields(text), " "))
	if len(r) > maxPreview {
		r = append(r[:maxPreview], '…')
	}
	return string(r)
}

// display sets a number in groups for the eye: the calling code, then threes, the rest in the last group. What is not a
// number of a known plan stays as it is.
func display(party string) string {
	n, err := phone.Parse(party)
	if err != nil || n.CallingCode() == "" {
		return party
	}
	rest, ok := strings.CutPrefix(party, "+"+n.CallingCode())
	if !ok {
		return party
	}
	out := "+" + n.CallingCode()
	for len(rest) >= 6 {
		out, rest = out+" "+rest[:3], rest[3:]
	}
	return out + " " + rest
}

// badge is what tells phones apart at a glance: the last two digits, or the letter of the mailbox.
func badge(party string, mail bool) string {
	if mail {
		return strings.ToUpper(firstLetter(party))
	}
	return party[max(0, len(party)-2):]
}

func firstLetter(s string) string {
	for _, r := range s {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return string(r)
		}
	}
	return "#"
}

// found reports whether the party has the query in it, whatever spaces, dashes or brackets a number is written with.
func found(party, query string) bool {
	query = strings.ToLower(strings.TrimSpace(query))
	if strings.Contains(party, query) {
		return true
	}
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -()./", r) {
			return -1
		}
		return r
	}, query)
	return digits != "" && strings.Contains(party, digits)
}
