package vonage

import "strings"

// prompt is what a call says around its text.
type prompt struct{ ask, wrong string }

// voice returns the language of a talk action (NCCO reference, text to speech); "" leaves it to Vonage, which speaks English.
func voice(locale string) string {
	language, region, _ := strings.Cut(strings.ReplaceAll(locale, "_", "-"), "-")
	return voiceOf(strings.ToLower(language), strings.ToUpper(region))
}

// question returns what a call asks, and the language of that: English where there are no words of ours.
func question(locale string) (string, prompt) {
	spoken := voice(locale)
	language, _, _ := strings.Cut(spoken, "-")
	if p, ok := prompts(language); ok {
		return spoken, p
	}
	p, _ := prompts("en")
	return "en-US", p
}

func prompts(language string) (prompt, bool) {
	switch language {
	case "en":
		return prompt{"Hello. To hear your code, press the two digits that your screen shows.", "That was not the number on your screen. Goodbye."}, true
	case "de":
		return prompt{"Guten Tag. Um Ihren Code zu hören, drücken Sie die zwei Ziffern, die Ihr Bildschirm zeigt.",
			"Das war nicht die Zahl auf Ihrem Bildschirm. Auf Wiederhören."}, true
	case "fr":
		return prompt{"Bonjour. Pour entendre votre code, tapez les deux chiffres affichés sur votre écran.",
			"Ce n'était pas le nombre affiché sur votre écran. Au revoir."}, true
	case "es":
		return prompt{"Hola. Para oír su código, pulse las dos cifras que muestra su pantalla.", "Ese no era el número de su pantalla. Adiós."}, true
	}
	return prompt{}, false
}

// voiceOf is the language with a region that Vonage speaks, or empty.
func voiceOf(language, region string) string {
	switch language + "-" + region {
	case "en-AU", "en-GB", "en-IN", "en-US", "en-ZA", "es-ES", "es-MX", "es-US", "fr-CA", "fr-FR", "pt-BR", "pt-PT":
		return language + "-" + region
	case "zh-TW":
		return "cmn-TW"
	case "zh-HK":
		return "yue-CN"
	}
	switch language {
	case "ar":
		return "ar"
	case "en":
		return "en-US"
	case "cs":
		return "cs-CZ"
	case "da":
		return "da-DK"
	case "el":
		return "el-GR"
	case "he":
		return "he-IL"
	case "hi":
		return "hi-IN"
	case "ja":
		return "ja-JP"
	case "ko":
		return "ko-KR"
	case "nb", "no":
		return "nb-NO"
	case "sv":
		return "sv-SE"
	case "uk":
		return "uk-UA"
	case "vi":
		return "vi-VN"
	case "zh":
		return "cmn-CN"
	case "de", "es", "fi", "fr", "hu", "id", "is", "it", "nl", "pl", "pt", "ro", "ru", "sk", "th", "tr":
		return language + "-" + strings.ToUpper(language)
	}
	return ""
}
