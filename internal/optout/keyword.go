package optout

import "strings"

// Keyword is what a text asks for.
type Keyword string

const (
	// Stop: no more texts of this sender. Start: texts again. Help: who are you.
	Stop  Keyword = "STOP"
	Start Keyword = "START"
	Help  Keyword = "HELP"
)

// maxWord is the length of the longest word, in bytes.
const maxWord = 11

// Read returns what a text from a phone asks for. The whole text must be one of the words: "please stop" is talk, and so is "stop it".
func Read(text string) (Keyword, bool) {
	word := strings.TrimFunc(text, func(r rune) bool { return r <= ' ' || strings.ContainsRune(around, r) })
	if word == "" || len(word) > maxWord {
		return "", false
	}
	switch strings.ToUpper(word) {
	case "STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "ARRET", "ARRÊT":
		return Stop, true
	case "START", "UNSTOP", "YES":
		return Start, true
	case "HELP", "INFO":
		return Help, true
	}
	return "", false
}

// around are the signs that phones and people put around a word.
const around = ".,!?'\"“”‘’ "
