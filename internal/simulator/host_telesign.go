package simulator

import (
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/phone"
	"countersign/provider"
)

// telesign is the name of the service.
const telesign = "telesign"

func (b *Inbox) telesignRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/messaging", b.telesignMessage)
	mux.HandleFunc("POST /v1/voice", b.telesignMessage)
	mux.HandleFunc("GET /v1/messaging/{id}", b.telesignStatus(false))
	mux.HandleFunc("GET /v1/voice/{id}", b.telesignStatus(true))
	mux.HandleFunc("POST /v1/verify/sms", b.telesignVerify)
	mux.HandleFunc("POST /v1/verify/call", b.telesignVerify)
}

// tsaAuth is the digest authentication; its signature is not checked.
var tsaAuth = regexp.MustCompile(`^TSA ([^:\s]+):\S+$`)

// telesignAnswer writes the envelope of every answer. The code of the status tells what happened, more than HTTP's.
func (b *Inbox) telesignAnswer(w http.ResponseWriter, r *http.Request, status, code int, description string) {
	b.telesignAnswerOf(w, r, strings.ToUpper(randomID("", 16)), status, code, description)
}

func (b *Inbox) telesignAnswerOf(w http.ResponseWriter, r *http.Request, id string, status, code int, description string) {
	out := map[string]any{
		"reference_id": id,
		"status":       map[string]any{"code": code, "description": description, "updated_on": b.opt.Now().UTC().Format(time.RFC3339)},
	}
	if external := r.PostFormValue("external_id"); external != "" {
		out["external_id"] = external
	}
	if kind, ok := strings.CutPrefix(r.URL.Path, "/v1/verify/"); ok {
		out["sub_resource"], out["errors"], out["resource_uri"] = kind, []any{}, "/v1/verify/"+id
		out["verify"] = map[string]any{"code_state": "UNKNOWN", "code_entered": ""}
	}
	writeProviderJSON(w, status, out)
}

// telesignStatus answers what became of a text or a call.
func (b *Inbox) telesignStatus(voice bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !b.telesignAuth(w, r) {
			return
		}
		t, delivered, ok := b.ask(telesign, r.PathValue("id"))
		switch {
		case !ok || t.voice != voice:
			b.telesignAnswerOf(w, r, r.PathValue("id"), http.StatusNotFound, 500, "Transaction not attempted")
		case voice && delivered:
			b.telesignAnswerOf(w, r, t.id, http.StatusOK, 100, "Call answered")
		case voice:
			b.telesignAnswerOf(w, r, t.id, http.StatusOK, 103, "Call in progress")
		case delivered:
			b.telesignAnswerOf(w, r, t.id, http.StatusOK, 200, "Delivered to handset")
		default:
			b.telesignAnswerOf(w, r, t.id, http.StatusOK, 290, "Message in progress")
		}
	}
}

// telesignAuth checks credentials; if they are wrong it answers.
func (b *Inbox) telesignAuth(w http.ResponseWriter, r *http.Request) bool {
	digest := tsaAuth.FindStringSubmatch(r.Header.Get("Authorization"))
	if !basicAuth(r) && (digest == nil || digest[1] == wrongKey) {
		b.telesignAnswer(w, r, http.StatusUnauthorized, 501, "Not authorized")
		return false
	}
	return true
}

// telesignCaller checks credentials and number; if they are wrong it answers.
func (b *Inbox) telesignCaller(w http.ResponseWriter, r *http.Request) (n phone.Number, ok bool) {
	if !b.telesignAuth(w, r) {
		return n, false
	}
	n, err := digitsOnly(r.PostFormValue("phone_number"))
	if err != nil {
		b.telesignAnswer(w, r, http.StatusBadRequest, 11000, "Invalid value for parameter phone_number.")
	}
	return n, err == nil
}

func (b *Inbox) telesignMessage(w http.ResponseWriter, r *http.Request) {
	n, ok := b.telesignCaller(w, r)
	if !ok {
		return
	}
	text, kind, sender := r.PostFormValue("message"), r.PostFormValue("message_type"), r.PostFormValue("sender_id")
	switch {
	case text == "" || utf8.RuneCountInString(text) > 1600:
		b.telesignAnswer(w, r, http.StatusBadRequest, 11009, "Invalid value for parameter message.")
		return
	case kind != "OTP" && kind != "ARN" && kind != "MKT":
		b.telesignAnswer(w, r, http.StatusBadRequest, 11010, "Invalid value for parameter message_type.")
		return
	case sender != "" && !validSender(sender):
		b.telesignAnswer(w, r, http.StatusBadRequest, 11013, "Invalid value for parameter sender_id.")
		return
	}
	b.telesignTake(w, r, arrival{service: telesign, to: n, from: sender, text: text}, strings.HasSuffix(r.URL.Path, "/voice"))
}

// telesignVerify makes a code of its own unless it is given one.
func (b *Inbox) telesignVerify(w http.ResponseWriter, r *http.Request) {
	n, ok := b.telesignCaller(w, r)
	if !ok {
		return
	}
	code, voice := r.PostFormValue("verify_code"), strings.HasSuffix(r.URL.Path, "/call")
	if code == "" {
		code = randomCode()
	} else if !customCode.MatchString(code) {
		b.telesignAnswer(w, r, http.StatusBadRequest, 11003, "Invalid value for parameter verify_code.")
		return
	}
	text, spoken := r.PostFormValue("template"), code
	if voice {
		text, spoken = r.PostFormValue("tts_message"), strings.Join(strings.Split(code, ""), ", ")
	}
	if text == "" {
		text = "Your verification code is $$CODE$$."
	}
	if utf8.RuneCountInString(text) > 1600 {
		b.telesignAnswer(w, r, http.StatusBadRequest, 11009, "Invalid value for parameter template.")
		return
	}
	b.telesignTake(w, r, arrival{service: telesign, to: n, text: strings.ReplaceAll(text, "$$CODE$$", spoken), code: code}, voice)
}

func (b *Inbox) telesignTake(w http.ResponseWriter, r *http.Request, a arrival, voice bool) {
	status, description := 290, "Message in progress"
	if voice {
		a.channel, status, description = provider.Voice, 103, "Call in progress"
	}
	took, err := b.take(r, a)
	if err != nil {
		f := telesignSays.say(w, err)
		b.telesignAnswer(w, r, f.status, f.number(), f.text)
		return
	}
	t := b.note(a.told(telesign, strings.ToUpper(randomID("", 16)), r.PostFormValue("external_id"), took))
	user, key, _ := r.BasicAuth()
	b.tell(t, r.PostFormValue("callback_url"), telesignReceipt(t, user, key, b.opt.Now().UTC()))
	b.telesignAnswerOf(w, r, t.id, http.StatusOK, status, description)
}
