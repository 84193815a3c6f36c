package simulator

import (
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"
)

const plivo = "plivo"

func (b *Inbox) plivoRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/Account/{account}/Message/", b.plivoMessage)
	mux.HandleFunc("GET /v1/Account/{account}/Message/{id}/", b.plivoAsk)
	mux.HandleFunc("GET /v1/Account/{account}/", func(w http.ResponseWriter, r *http.Request) {
		if plivoAuth(w, r) {
			writeProviderJSON(w, http.StatusOK, map[string]any{"api_id": uuid.NewString(), "auth_id": r.PathValue("account"), "cash_credits": "100.00000", "state": "Active"})
		}
	})
}

func plivoAuth(w http.ResponseWriter, r *http.Request) bool {
	if user, _, _ := r.BasicAuth(); !basicAuth(r) || user != r.PathValue("account") {
		http.Error(w, "Could not verify your access level for that URL.", http.StatusUnauthorized)
		return false
	}
	return true
}

func refusePlivo(w http.ResponseWriter, status int, text string) {
	writeProviderJSON(w, status, map[string]any{"api_id": uuid.NewString(), "error": text})
}

func (b *Inbox) plivoMessage(w http.ResponseWriter, r *http.Request) {
	if !plivoAuth(w, r) {
		return
	}
	var in struct {
		Src       string `json:"src"`
		Powerpack string `json:"powerpack_uuid"`
		Dst       string `json:"dst"`
		Text      string `json:"text"`
		URL       string `json:"url"`
		Entity    string `json:"dlt_entity_id"`
		Template  string `json:"dlt_template_id"`
	}
	if decodeJSON(r, &in) != nil {
		refusePlivo(w, http.StatusBadRequest, "invalid json")
		return
	}
	n, err := digitsOnly(in.Dst)
	switch {
	case err != nil:
		refusePlivo(w, http.StatusBadRequest, "dst parameter is invalid")
	case in.Text == "" || utf8.RuneCountInString(in.Text) > 1600:
		refusePlivo(w, http.StatusBadRequest, "text parameter is invalid")
	case in.Src == "" && in.Powerpack == "" || in.Src != "" && !validSender(in.Src):
		refusePlivo(w, http.StatusBadRequest, "src parameter is invalid")
	default:
		a := arrival{service: plivo, to: n, from: in.Src, text: in.Text, entity: in.Entity, template: in.Template}
		took, err := b.take(r, a)
		if err != nil {
			f := common.say(w, err)
			refusePlivo(w, f.status, f.text)
			return
		}
		_, key, _ := r.BasicAuth()
		t := b.note(a.told(plivo, uuid.NewString(), "", took))
		b.tell(t, in.URL, plivoReceipt(t, key))
		writeProviderJSON(w, http.StatusAccepted, map[string]any{"api_id": uuid.NewString(), "message": "message(s) queued", "message_uuid": []string{t.id}})
	}
}

func (b *Inbox) plivoAsk(w http.ResponseWriter, r *http.Request) {
	if !plivoAuth(w, r) {
		return
	}
	t, delivered, ok := b.ask(plivo, r.PathValue("id"))
	if !ok {
		refusePlivo(w, http.StatusNotFound, "not found")
		return
	}
	state := map[bool]string{true: "delivered", false: "sent"}[delivered]
	writeProviderJSON(w, http.StatusOK, map[string]any{"api_id": uuid.NewString(), "message_uuid": t.id, "message_state": state, "message_direction": "outbound",
		"message_type": "sms", "units": t.segments, "error_code": nil, "to_number": strings.TrimPrefix(t.to, "+"), "from_number": t.from, "total_amount": "0.00000"})
}
