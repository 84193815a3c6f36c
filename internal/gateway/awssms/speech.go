package awssms

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2/types"

	"countersign/provider"
)

// spoken is what a call says. A code that stands in the text as it would be typed is said digit by digit, and the text twice; templates for
// voice do both themselves.
func spoken(m provider.Message) string {
	if m.Code == "" || !strings.Contains(m.Text, m.Code) {
		return m.Text
	}
	text := strings.ReplaceAll(m.Text, m.Code, strings.Join(strings.Split(m.Code, ""), ", "))
	if 2*len(text)+2 > maxSpoken {
		return text
	}
	return text + "\n\n" + text
}

// voiceOf is the voice of a language; "" leaves it to AWS, whose choice speaks English.
func voiceOf(locale string) types.VoiceId {
	locale = strings.ToLower(strings.ReplaceAll(locale, "_", "-"))
	if v, ok := voices[locale]; ok {
		return v
	}
	language, _, _ := strings.Cut(locale, "-")
	return voices[language]
}

// voices by language or language and region (Amazon Polly developer guide, available voices).
var voices = map[string]types.VoiceId{
	"da": types.VoiceIdNaja, "de": types.VoiceIdVicki, "en": types.VoiceIdJoanna, "en-au": types.VoiceIdNicole, "en-gb": types.VoiceIdAmy,
	"en-in": types.VoiceIdRaveena, "es": types.VoiceIdLucia, "es-mx": types.VoiceIdMia, "es-us": types.VoiceIdLupe, "fr": types.VoiceIdLea,
	"fr-ca": types.VoiceIdChantal, "is": types.VoiceIdDora, "it": types.VoiceIdBianca, "ja": types.VoiceIdMizuki, "ko": types.VoiceIdSeoyeon,
	"nb": types.VoiceIdLiv, "nl": types.VoiceIdLotte, "no": types.VoiceIdLiv, "pl": types.VoiceIdEwa, "pt": types.VoiceIdInes, "pt-br": types.VoiceIdCamila,
	"ro": types.VoiceIdCarmen, "ru": types.VoiceIdTatyana, "sv": types.VoiceIdAstrid, "tr": types.VoiceIdFiliz, "zh": types.VoiceIdZhiyu,
}
