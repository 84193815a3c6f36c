package sandbox

import (
	"strings"
)

// texts are what the message with a code says, by language tag. %s is the code.
var texts = map[string]string{
	"en-US":  "%s is your code to verify this phone number. It is good for 24 hours.",
	"es-419": "%s es tu código para verificar este número de teléfono. Vale 24 horas.",
	"de-DE":  "%s ist der Code, mit dem Sie diese Telefonnummer bestätigen. Er gilt 24 Stunden.",
	"fr-FR":  "%s est votre code pour vérifier ce numéro de téléphone. Il est valable 24 heures.",
	"it-IT":  "%s è il codice per verificare questo numero di telefono. Vale 24 ore.",
	"ja-JP":  "%s はこの電話番号を確認するためのコードです。24時間有効です。",
	"pt-BR":  "%s é o código para verificar este número de telefone. Vale por 24 horas.",
	"ko-KR":  "%s 은(는) 이 전화번호를 확인하는 코드입니다. 24시간 동안 유효합니다.",
	"zh-CN":  "%s 是用于验证此电话号码的代码，24 小时内有效。",
	"zh-TW":  "%s 是用於驗證此電話號碼的代碼，24 小時內有效。",
}

// likes are languages that read another one's text.
var likes = map[string]string{"en-GB": "en-US", "es-ES": "es-419", "fr-CA": "fr-FR"}

// textFor returns the text with a code, and the language tag it is in. SNS spells Korean kr-KR, End User Messaging writes DE_DE.
func textFor(language, code string, voice bool) (text, tag string) {
	tag = tagOf(language)
	text, ok := texts[tag]
	if !ok {
		if text, ok = texts[likes[tag]]; !ok {
			tag, text = "en-US", texts["en-US"]
		}
	}
	if voice {
		code = strings.Join(strings.Split(code, ""), ". ") + "."
	}
	return strings.Replace(text, "%s", code, 1), tag
}

// tagOf returns a language tag in its usual spelling: en-US for EN_US.
func tagOf(s string) string {
	lang, region, _ := strings.Cut(strings.ReplaceAll(s, "_", "-"), "-")
	if lang = strings.ToLower(lang); lang == "kr" {
		lang = "ko"
	}
	return lang + "-" + strings.ToUpper(region)
}

// Languages are the language tags that codes are sent in; all others read English.
func Languages() []string {
	return []string{"en-US", "en-GB", "es-419", "es-ES", "de-DE", "fr-CA", "fr-FR", "it-IT", "ja-JP", "pt-BR", "ko-KR", "zh-CN", "zh-TW"}
}
