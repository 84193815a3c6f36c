package message

import "strings"

// plain maps typographic characters and Latin letters that are not in the GSM alphabet to their nearest in it. Nothing
// writes to it; a Replacer is safe for concurrent use.
var plain = strings.NewReplacer(
	"‘", "'", "’", "'", "‚", "'", "‛", "'", "′", "'", "`", "'", "´", "'",
	"“", "\"", "”", "\"", "„", "\"", "«", "\"", "»", "\"", "″", "\"", "‹", "'", "›", "'",
	"‐", "-", "‑", "-", "‒", "-", "–", "-", "—", "-", "−", "-", "…", "...", "•", "-", "·", "-",
	"\u00a0", " ", "\u2007", " ", "\u2009", " ", "\u200a", " ", "\u202f", " ", "\t", " ",
	"\u00ad", "", "\u200b", "", "\u2060", "", "\ufeff", "",
	"™", "(TM)", "®", "(R)", "©", "(C)", "°", "o", "º", "o", "ª", "a",
	"á", "a", "â", "a", "ã", "a", "ā", "a", "ă", "a", "ą", "a", "Á", "A", "À", "A", "Â", "A", "Ã", "A", "Ā", "A", "Ă", "A", "Ą", "A",
	"ç", "c", "ć", "c", "č", "c", "Ć", "C", "Č", "C", "ď", "d", "Ď", "D", "đ", "d", "Đ", "D",
	"ê", "e", "ë", "e", "ē", "e", "ę", "e", "ě", "e", "È", "E", "Ê", "E", "Ë", "E", "Ē", "E", "Ę", "E", "Ě", "E",
	"ğ", "g", "Ğ", "G", "í", "i", "î", "i", "ï", "i", "ī", "i", "ı", "i", "Í", "I", "Ì", "I", "Î", "I", "Ï", "I", "İ", "I",
	"ł", "l", "Ł", "L", "ľ", "l", "Ľ", "L", "ń", "n", "ň", "n", "Ń", "N", "Ň", "N",
	"ó", "o", "ô", "o", "õ", "o", "ő", "o", "Ó", "O", "Ò", "O", "Ô", "O", "Õ", "O", "Ő", "O", "œ", "oe", "Œ", "OE",
	"ř", "r", "Ř", "R", "ś", "s", "š", "s", "ş", "s", "ș", "s", "Ś", "S", "Š", "S", "Ş", "S", "Ș", "S",
	"ť", "t", "ţ", "t", "ț", "t", "Ť", "T", "Ţ", "T", "Ț", "T",
	"ú", "u", "û", "u", "ū", "u", "ů", "u", "ű", "u", "Ú", "U", "Ù", "U", "Û", "U", "Ů", "U", "Ű", "U",
	"ý", "y", "ÿ", "y", "Ý", "Y", "ź", "z", "ż", "z", "ž", "z", "Ź", "Z", "Ż", "Z", "Ž", "Z",
)

// Transliterate returns text with typographic marks and accents replaced by what the GSM alphabet has, if that brings the
// whole text into it. Otherwise, and for texts that are in it already, it returns text unchanged: a loss must save a part.
func Transliterate(text string) string {
	if len(Foreign(text, 1)) == 0 {
		return text
	}
	out := plain.Replace(text)
	if len(Foreign(out, 1)) > 0 {
		return text
	}
	_, before, _ := Segments(text)
	_, after, _ := Segments(out)
	if after >= before {
		return text
	}
	return out
}
