package twilio

import (
	"encoding/xml"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"countersign/provider"
)

// maxTwiML is the most characters of TwiML in a request (API reference, Calls).
const maxTwiML = 4000

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// voice is the language of Say, which needs a region (TwiML reference, Say); "" leaves it to Twilio.
func voice(locale string) string {
	locale = strings.ReplaceAll(locale, "_", "-")
	language, region, _ := strings.Cut(locale, "-")
	if strings.Trim(language+region, letters) != "" { // it may come from whoever asked for the message
		return ""
	}
	if len(language) == 2 && len(region) == 2 {
		return strings.ToLower(language) + "-" + strings.ToUpper(region)
	}
	switch language {
	case "da":
		return "da-DK"
	case "de", "es", "fr", "it", "nl", "pl", "pt", "ru":
		return language + "-" + strings.ToUpper(language)
	case "en":
		return "en-US"
	case "ja":
		return "ja-JP"
	case "ko":
		return "ko-KR"
	case "nb", "no":
		return "nb-NO"
	case "sv":
		return "sv-SE"
	case "zh":
		return "zh-CN"
	}
	return ""
}

// twiml says the text. A code that stands in it as it would be typed is said digit by digit, and the text twice; templates for voice
// do both themselves.
func twiml(m provider.Message) string {
	text, times := m.Text, 1
	if m.Code != "" && strings.Contains(text, m.Code) {
		text, times = strings.ReplaceAll(text, m.Code, strings.Join(strings.Split(m.Code, ""), ", ")), 2
	}
	say := "<Say>"
	if l := voice(m.Locale); l != "" {
		say = `<Say language="` + l + `">`
	}
	once := `<Pause length="1"/>` + say + escaped(text) + "</Say>"
	if times == 2 && 2*len(once) < maxTwiML-len("<Response></Response>") {
		once += once
	}
	return "<Response>" + once + "</Response>"
}

func escaped(s string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(s)) // a strings.Builder takes everything
	return out.String()
}

// digits are what may be a telephone number in Twilio's sentences.
var digits = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\+?\d[\d ().-]{4,}\d`) })

func withoutNumbers(s string) string { return digits().ReplaceAllString(s, "(number)") }

// withoutURL drops what net/http puts around an error: the URL holds the account.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

func short(s string, n int) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}
