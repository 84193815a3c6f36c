package simulator

import (
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/phone"
)

const sinch = "sinch"

var sinchHost = regexp.MustCompile(`^(us|eu|au|br|ca)\.sms\.api\.sinch\.com$`)

func (b *Inbox) sinchRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /xms/v1/{plan}/batches", b.sinchBatch)
	mux.HandleFunc("POST /xms/v1/{plan}/batches/dry_run", b.sinchDryRun)
	mux.HandleFunc("GET /xms/v1/{plan}/batches/{id}/delivery_report", b.sinchReport)
	mux.HandleFunc("POST /xms/v1/{plan}/batches/{id}/delivery_feedback", func(w http.ResponseWriter, r *http.Request) {
		if sinchAuth(w, r) {
			w.WriteHeader(http.StatusAccepted)
		}
	})
}

func sinchAuth(w http.ResponseWriter, r *http.Request) bool {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if scheme != "Bearer" || !known("key", key) {
		w.WriteHeader(http.StatusUnauthorized)
		return false
	}
	return true
}

func refuseSinch(w http.ResponseWriter, status int, code, text string) {
	writeProviderJSON(w, status, map[string]any{"code": code, "text": text})
}

// sinchMessage is a batch.
type sinchMessage struct {
	From        string   `json:"from"`
	To          []string `json:"to"`
	Body        string   `json:"body"`
	CallbackURL string   `json:"callback_url"`
	Report      string   `json:"delivery_report"`
	Reference   string   `json:"client_reference"`
	ExpireAt    string   `json:"expire_at"`
}

// sinchRead reads a batch of one recipient; if it cannot, it answers.
func sinchRead(w http.ResponseWriter, r *http.Request) (in sinchMessage, n phone.Number, ok bool) {
	if !sinchAuth(w, r) {
		return in, n, false
	}
	const format = "syntax_invalid_parameter_format"
	if decodeJSON(r, &in) != nil {
		refuseSinch(w, http.StatusBadRequest, "syntax_invalid_json", "The JSON could not be read.")
		return in, n, false
	}
	if len(in.To) != 1 {
		refuseSinch(w, http.StatusBadRequest, "syntax_constraint_violation", "Only batches of one recipient are simulated.")
		return in, n, false
	}
	n, err := digitsOnly(in.To[0])
	_, expireErr := time.Parse(time.RFC3339, in.ExpireAt)
	switch {
	case err != nil:
		refuseSinch(w, http.StatusBadRequest, format, "The format of parameter 'to[0]' is invalid.")
	case in.From != "" && !validSender(in.From):
		refuseSinch(w, http.StatusBadRequest, format, "The format of parameter 'from' is invalid.")
	case in.Body == "" || utf8.RuneCountInString(in.Body) > 1600:
		refuseSinch(w, http.StatusBadRequest, "syntax_constraint_violation", "The value of parameter 'body' is invalid.")
	case in.ExpireAt != "" && expireErr != nil:
		refuseSinch(w, http.StatusBadRequest, format, "The format of parameter 'expire_at' is invalid.")
	default:
		return in, n, true
	}
	return in, n, false
}

func (b *Inbox) sinchBatch(w http.ResponseWriter, r *http.Request) {
	in, n, ok := sinchRead(w, r)
	if !ok {
		return
	}
	a := arrival{service: sinch, to: n, from: in.From, text: in.Body}
	took, err := b.take(r, a)
	if err != nil {
		f := sinchSays.say(w, err)
		refuseSinch(w, f.status, f.code, f.text)
		return
	}
	t := b.note(a.told(sinch, strings.ToUpper(randomID("", 13)), in.Reference, took))
	if in.Report != "" && in.Report != "none" { // not signed: the secret of callbacks is in no request
		b.tell(t, in.CallbackURL, delivered(map[string]any{"type": "recipient_delivery_report_sms", "batch_id": t.id, "recipient": t.to, "code": 0,
			"status": "Delivered", "at": b.opt.Now().UTC().Format(time.RFC3339Nano), "client_reference": t.reference}))
	}
	writeProviderJSON(w, http.StatusCreated, map[string]any{"id": t.id, "to": in.To, "from": in.From, "canceled": false, "body": in.Body, "type": "mt_text",
		"created_at": t.at.Format(time.RFC3339Nano), "modified_at": t.at.Format(time.RFC3339Nano)})
}

func (b *Inbox) sinchDryRun(w http.ResponseWriter, r *http.Request) {
	in, _, ok := sinchRead(w, r)
	if !ok {
		return
	}
	parts := 1
	if b.opt.Segments != nil {
		parts = max(b.opt.Segments(in.Body), 1)
	}
	writeProviderJSON(w, http.StatusOK, map[string]any{"number_of_recipients": 1, "number_of_messages": parts})
}

func (b *Inbox) sinchReport(w http.ResponseWriter, r *http.Request) {
	if !sinchAuth(w, r) {
		return
	}
	t, done, ok := b.ask(sinch, r.PathValue("id"))
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	status := map[string]any{"code": 401, "status": "Dispatched", "count": 1}
	if done {
		status = map[string]any{"code": 0, "status": "Delivered", "count": 1}
	}
	writeProviderJSON(w, http.StatusOK, map[string]any{"type": "delivery_report_sms", "batch_id": t.id, "total_message_count": "1", "statuses": []any{status},
		"client_reference": t.reference})
}
