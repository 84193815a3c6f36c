package twilio

import (
	"encoding/xml"
	"strings"

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
	once := `<Pause length="1"/>` + say(text, voice(m.Locale))
	if times == 2 && 2*len(once) < maxTwiML-len("<Response></Response>") {
		once += once
	}
	return "<Response>" + once + "</Response>"
}

// keyed asks for two keys, and hangs up if they do not come: the answer to them says what goes on. Tones count from the first moment, so a call
// that begins with some fails (TwiML reference, Gather).
func keyed(m provider.Message) string {
	language := voice(m.Locale)
	prompt, ok := prompts[language[:min(2, len(language))]]
	if !ok {
		prompt, language = prompts["en"], "en-US"
	}
	ask := say(prompt, language)
	return `<Response><Gather input="dtmf" numDigits="2" timeout="10" finishOnKey="" actionOnEmptyResult="true" method="POST" action="` + escaped(m.KeyURL) +
		`"><Pause length="1"/>` + ask + `<Pause length="3"/>` + ask + `</Gather><Hangup/></Response>`
}

const hangUp = "<Response><Hangup/></Response>"

// prompts ask for the two digits, by language.
var prompts = map[string]string{
	"da": "Tast de to cifre, der vises på skærmen.",
	"de": "Bitte geben Sie die zwei Ziffern ein, die auf dem Bildschirm stehen.",
	"en": "Please enter the two digits shown on the screen.",
	"es": "Marque las dos cifras que aparecen en la pantalla.",
	"fr": "Composez les deux chiffres affichés à l'écran.",
	"it": "Digiti le due cifre mostrate sullo schermo.",
	"nl": "Toets de twee cijfers in die op het scherm staan.",
	"pl": "Wybierz dwie cyfry widoczne na ekranie.",
	"pt": "Digite os dois algarismos mostrados na tela.",
	"sv": "Slå de två siffror som visas på skärmen.",
}

func say(text, language string) string {
	if language == "" {
		return "<Say>" + escaped(text) + "</Say>"
	}
	return `<Say language="` + language + `">` + escaped(text) + "</Say>"
}

func escaped(s string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(s)) // a strings.Builder takes everything
	return out.String()
}
