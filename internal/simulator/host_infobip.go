package simulator

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"countersign/provider"
)

var infobipHost = regexp.MustCompile(`^([a-z0-9-]{1,63}\.)?api\.infobip\.com$`)

// maxInfobip bounds the messages of one request.
const maxInfobip = 100

func (b *Inbox) infobipRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /sms/2/text/advanced", b.infobip(provider.SMS, false))
	mux.HandleFunc("POST /sms/3/messages", b.infobip(provider.SMS, true))
	mux.HandleFunc("POST /tts/3/advanced", b.infobip(provider.Voice, false))
	mux.HandleFunc("POST /tts/3/single", b.infobip(provider.Voice, false))
	mux.HandleFunc("GET /sms/3/logs", b.infobipLogs(false))
	mux.HandleFunc("GET /tts/3/logs", b.infobipLogs(true))
	mux.HandleFunc("POST /ct/1/log/end/{id}", accepted(infobipAuth, map[string]any{}))
}

// infobipRequest holds the fields of all four requests.
type infobipRequest struct {
	BulkID   string           `json:"bulkId"`
	Messages []infobipMessage `json:"messages"`
	// The rest is /tts/3/single.
	infobipMessage
}

type infobipMessage struct {
	From         string `json:"from"`
	Sender       string `json:"sender"`
	To           string `json:"to"`
	Text         string `json:"text"`
	Content      struct{ Text string }
	Destinations []struct{ To, MessageID string }
	// What India asks for, in the newer form and in the older one.
	Options  struct{ Regional infobipRegional }
	Regional infobipRegional
	// Where to report, in the newer form and in the older one.
	Webhooks struct {
		Delivery     struct{ URL string }
		CallbackData string
	}
	NotifyURL, CallbackData string
}

// infobipRegional is SmsRegionalOptions.
type infobipRegional struct {
	IndiaDLT struct{ ContentTemplateID, PrincipalEntityID string }
}

func (m *infobipMessage) receiptURL() string { return cmp.Or(m.Webhooks.Delivery.URL, m.NotifyURL) }
func (m *infobipMessage) data() string       { return cmp.Or(m.Webhooks.CallbackData, m.CallbackData) }

// infobipStatus is a status of the table of Infobip's response codes; groupId 5 is a refusal.
type infobipStatus struct {
	GroupID     int    `json:"groupId"`
	GroupName   string `json:"groupName"`
	ID          int    `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

func infobipRejected(id int, name, description string) infobipStatus {
	return infobipStatus{5, "REJECTED", id, name, description}
}

func infobipAuth(r *http.Request) bool {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return scheme == "App" && known("key", key) || basicAuth(r)
}

// infobipLogs answers what became of a text or a call.
func (b *Inbox) infobipLogs(voice bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !infobipAuth(r) {
			refuseInfobip(w, true, http.StatusUnauthorized, "UNAUTHORIZED", "E401", "Invalid login details")
			return
		}
		results := []any{}
		if t, delivered, ok := b.ask("infobip", r.URL.Query().Get("messageId")); ok && t.voice == voice {
			results = append(results, infobipReport(t, t.at, delivered))
		}
		writeProviderJSON(w, http.StatusOK, map[string]any{"results": results})
	}
}

// infobip answers 200 for all that it could read: what is wrong with a message is in its status.
func (b *Inbox) infobip(channel provider.Channel, v3 bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !infobipAuth(r) {
			refuseInfobip(w, v3, http.StatusUnauthorized, "UNAUTHORIZED", "E401", "Invalid login details")
			return
		}
		var in infobipRequest
		err := decodeJSON(r, &in)
		if strings.HasSuffix(r.URL.Path, "/single") {
			in.Messages = []infobipMessage{in.infobipMessage}
		}
		if problem := in.normalise(); err != nil || problem != "" {
			refuseInfobip(w, v3, http.StatusBadRequest, "BAD_REQUEST", "E400", "Bad Request: "+problem)
			return
		}
		results := []any{}
		for _, m := range in.Messages {
			for _, d := range m.Destinations {
				result, ok := b.infobipResult(w, r, channel, v3, m, d.To, d.MessageID)
				if !ok {
					refuseInfobip(w, v3, http.StatusUnauthorized, "UNAUTHORIZED", "E401", "Invalid login details")
					return
				}
				results = append(results, result)
			}
		}
		out := map[string]any{"messages": results}
		if v3 || len(results) > 1 || in.BulkID != "" {
			if in.BulkID == "" {
				in.BulkID = randomID("", 12)
			}
			out["bulkId"] = in.BulkID
		}
		writeProviderJSON(w, http.StatusOK, out)
	}
}

// normalise brings the three forms of a message into that of /sms/2/text/advanced, and says what is wrong with the whole.
func (in *infobipRequest) normalise() (problem string) {
	count := 0
	for i := range in.Messages {
		m := &in.Messages[i]
		m.Text, m.From = cmp.Or(m.Content.Text, m.Text), cmp.Or(m.Sender, m.From)
		if len(m.Destinations) == 0 {
			m.Destinations = append(m.Destinations, struct{ To, MessageID string }{To: m.To})
		}
		if count += len(m.Destinations); m.Text == "" {
			return fmt.Sprintf("messages[%d].text must not be empty", i)
		}
	}
	if count == 0 || count > maxInfobip {
		return fmt.Sprintf("1 to %d messages are expected", maxInfobip)
	}
	return ""
}

func (b *Inbox) infobipResult(w http.ResponseWriter, r *http.Request, channel provider.Channel, v3 bool, m infobipMessage, to, id string) (result any, ok bool) {
	if id == "" {
		id = uuid.NewString()
	}
	segments, status := b.infobipTake(w, r, channel, m, to, id)
	if status.ID == 0 { // the one refusal that is no status: of the whole request
		return nil, false
	}
	if v3 {
		return map[string]any{"messageId": id, "destination": to, "status": status, "details": map[string]any{"messageCount": segments}}, true
	}
	return map[string]any{"to": to, "status": status, "messageId": id}, true
}

func (b *Inbox) infobipTake(w http.ResponseWriter, r *http.Request, channel provider.Channel, m infobipMessage, to, id string) (int, infobipStatus) {
	n, err := digitsOnly(to)
	switch {
	case to == "":
		return 0, infobipRejected(51, "MISSING_TO", "Missing destination")
	case err != nil:
		return 0, infobipRejected(52, "REJECTED_DESTINATION", "Invalid destination address.")
	case m.From != "" && !validSender(m.From):
		return 0, infobipRejected(13, "REJECTED_SENDER", "Invalid source address.")
	}
	newer, older := m.Options.Regional.IndiaDLT, m.Regional.IndiaDLT
	a := arrival{service: "infobip", to: n, from: m.From, text: m.Text, channel: channel,
		entity: cmp.Or(newer.PrincipalEntityID, older.PrincipalEntityID), template: cmp.Or(newer.ContentTemplateID, older.ContentTemplateID)}
	took, err := b.take(r, a)
	if err != nil {
		f := infobipSays.say(w, err)
		return 0, infobipRejected(f.number(), f.text, "Refused by a fault or a magic number.")
	}
	t := b.note(a.told("infobip", id, m.data(), took))
	b.tell(t, m.receiptURL(), infobipReceipt(t, b.opt.Now().UTC()))
	return took.segments, infobipStatus{1, "PENDING", 26, "PENDING_ACCEPTED", "Message sent to next instance"}
}

func refuseInfobip(w http.ResponseWriter, v3 bool, status int, id, code, text string) {
	if v3 {
		writeProviderJSON(w, status, map[string]any{
			"errorCode": code, "description": text, "action": "Check the request and the API key.", "violations": []any{}, "resources": []any{},
		})
		return
	}
	writeProviderJSON(w, status, map[string]any{"requestError": map[string]any{"serviceException": map[string]any{"messageId": id, "text": text}}})
}
