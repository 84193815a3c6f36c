package simulator

import (
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/provider"
)

const messageBird = "messagebird"

func (b *Inbox) messageBirdRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /messages", b.messageBird(provider.SMS))
	mux.HandleFunc("POST /voicemessages", b.messageBird(provider.Voice))
	mux.HandleFunc("GET /messages/{id}", b.messageBirdAsk(provider.SMS))
	mux.HandleFunc("GET /voicemessages/{id}", b.messageBirdAsk(provider.Voice))
	mux.HandleFunc("GET /balance", func(w http.ResponseWriter, r *http.Request) {
		if messageBirdAuth(w, r) {
			writeProviderJSON(w, http.StatusOK, map[string]any{"payment": "prepaid", "type": "euros", "amount": 100})
		}
	})
}

func refuseMessageBird(w http.ResponseWriter, status, code int, description, parameter string) {
	writeProviderJSON(w, status, map[string]any{"errors": []any{map[string]any{"code": code, "description": description, "parameter": nullable(parameter)}}})
}

func messageBirdAuth(w http.ResponseWriter, r *http.Request) bool {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if scheme != "AccessKey" || !known("key", key) {
		refuseMessageBird(w, http.StatusUnauthorized, 2, "Request not allowed (incorrect access_key)", "access_key")
		return false
	}
	return true
}

// messageBird takes a text or a call.
func (b *Inbox) messageBird(channel provider.Channel) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !messageBirdAuth(w, r) {
			return
		}
		var in struct {
			Originator, Body, Reference string
			Recipients                  []string
			ReportURL                   string
		}
		invalid := func(code int, description, parameter string) {
			refuseMessageBird(w, http.StatusUnprocessableEntity, code, description, parameter)
		}
		if decodeJSON(r, &in) != nil {
			invalid(21, "Bad request", "")
			return
		}
		if len(in.Recipients) != 1 {
			invalid(9, "no (correct) recipients found", "recipients")
			return
		}
		n, err := digitsOnly(in.Recipients[0])
		switch {
		case err != nil:
			invalid(9, "no (correct) recipients found", "recipient")
		case in.Body == "" || utf8.RuneCountInString(in.Body) > 1600:
			invalid(10, "body is invalid", "body")
		case in.Originator == "" && channel == provider.SMS || in.Originator != "" && !validSender(in.Originator):
			invalid(10, "originator is invalid", "originator")
		default:
			a := arrival{service: messageBird, to: n, from: in.Originator, text: in.Body, channel: channel}
			took, err := b.take(r, a)
			if err != nil {
				f := messageBirdSays.say(w, err)
				code, parameter, _ := strings.Cut(f.code, "/")
				refuseMessageBird(w, f.status, refusal{code: code}.number(), f.text, parameter)
				return
			}
			t := b.note(a.told(messageBird, randomID("", 16), in.Reference, took))
			if in.Reference != "" {
				b.tell(t, in.ReportURL, messageBirdReceipt(t, b.opt.Now().UTC()))
			}
			writeProviderJSON(w, http.StatusCreated, messageBirdObject(t, false))
		}
	}
}

// messageBirdReceipt is a status report by GET. It is not signed: the signing key of an account is in none of its requests.
func messageBirdReceipt(t told, at time.Time) func(string) (*http.Request, error) {
	return inQuery(url.Values{"id": {t.id}, "reference": {t.reference}, "recipient": {strings.TrimPrefix(t.to, "+")}, "status": {messageBirdStatus(t, true)},
		"statusDatetime": {at.Format(time.RFC3339)}})
}

func messageBirdStatus(t told, delivered bool) string {
	switch {
	case t.voice && delivered:
		return "answered"
	case t.voice:
		return "calling"
	case delivered:
		return "delivered"
	}
	return "sent"
}

func messageBirdObject(t told, delivered bool) map[string]any {
	resource := "messages"
	if t.voice {
		resource = "voicemessages"
	}
	at := t.at.Format(time.RFC3339)
	sent := map[bool]int{true: 1}[delivered]
	return map[string]any{
		"id": t.id, "href": "https://rest.messagebird.com/" + resource + "/" + t.id, "direction": "mt", "type": "sms", "originator": t.from,
		"reference": nullable(t.reference), "createdDatetime": at,
		"recipients": map[string]any{"totalCount": 1, "totalSentCount": 1, "totalDeliveredCount": sent, "totalDeliveryFailedCount": 0, "items": []any{map[string]any{
			"recipient": strings.TrimPrefix(t.to, "+"), "status": messageBirdStatus(t, delivered), "statusDatetime": at, "messagePartCount": t.segments,
		}}},
	}
}

func (b *Inbox) messageBirdAsk(channel provider.Channel) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !messageBirdAuth(w, r) {
			return
		}
		t, delivered, ok := b.ask(messageBird, r.PathValue("id"))
		if !ok || t.voice != (channel == provider.Voice) {
			refuseMessageBird(w, http.StatusNotFound, 20, "message not found", "")
			return
		}
		writeProviderJSON(w, http.StatusOK, messageBirdObject(t, delivered))
	}
}
