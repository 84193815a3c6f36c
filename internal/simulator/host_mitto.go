package simulator

import (
	"net/http"
	"regexp"
	"time"
	"unicode/utf8"
)

var (
	mittoHost    = regexp.MustCompile(`^rest(-[a-z]{2,8})?\.mittoapi\.(com|net)$`)
	mittoNumeric = regexp.MustCompile(`^\+?[0-9]{3,14}$`)
)

// mitto answers 200 for all that it could read; responseCode 0 alone is success (SMS API, status codes).
func (b *Inbox) mitto(w http.ResponseWriter, r *http.Request) {
	if !known("key", r.Header.Get("X-Mitto-API-Key")) {
		writeProviderJSON(w, http.StatusUnauthorized, "Unauthorized")
		return
	}
	answer := func(code int, text string, length int) map[string]any {
		return map[string]any{"timestamp": b.opt.Now().UTC().Format(time.RFC3339Nano), "responseCode": code, "responseText": text, "textLength": length}
	}
	refuse := func(code int, text string) { writeProviderJSON(w, http.StatusOK, answer(code, text, 0)) }
	var in struct {
		From, To, Text, Type string
		Reference, Callback  string
		Test                 bool
	}
	if err := decodeJSON(r, &in); err != nil {
		writeProviderJSON(w, http.StatusBadRequest, "Bad Request")
		return
	}
	n, err := digitsOnly(in.To)
	switch {
	case in.To == "":
		refuse(7, "Missing recipient")
	case err != nil:
		refuse(8, "Invalid recipient")
	case in.From == "":
		refuse(5, "Missing sender")
	case !mittoNumeric.MatchString(in.From) && (len(in.From) < 3 || !validSender(in.From) || !letter.MatchString(in.From)):
		refuse(6, "Invalid sender")
	case in.Text == "":
		refuse(3, "Missing text")
	default:
		out := answer(0, "SMS sent", utf8.RuneCountInString(in.Text))
		id := randomID("", 16)
		if out["id"] = id; in.Test {
			out["test"] = true
			writeProviderJSON(w, http.StatusOK, out)
			return
		}
		a := arrival{service: "mitto", to: n, from: in.From, text: in.Text}
		took, err := b.take(r, a)
		if err != nil {
			f := mittoSays.say(w, err)
			writeProviderJSON(w, f.status, answer(f.number(), f.text, 0))
			return
		}
		t := b.note(a.told("mitto", id, in.Reference, took))
		b.tell(t, in.Callback, delivered(map[string]any{"messageId": id, "deliveryStatus": "Delivered", "reference": in.Reference,
			"timestamp": b.opt.Now().UTC().Format(time.RFC3339Nano)}))
		writeProviderJSON(w, http.StatusOK, out)
	}
}
