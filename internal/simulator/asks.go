package simulator

import (
	"encoding/xml"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

// What services answer to those who ask: for an account, for what became of a message, and to the news that a code was used.

func (b *Inbox) twilioAsks(mux *http.ServeMux) {
	const account = "/2010-04-01/Accounts/{account}"
	mux.HandleFunc("GET /2010-04-01/Accounts/{file}", func(w http.ResponseWriter, r *http.Request) {
		sid, ok := strings.CutSuffix(r.PathValue("file"), ".json")
		if user, _, _ := r.BasicAuth(); !ok || !basicAuth(r) || user != sid && !strings.HasPrefix(user, "SK") {
			refuseTwilio(w, http.StatusUnauthorized, 20003, "Authenticate")
			return
		}
		writeProviderJSON(w, http.StatusOK, map[string]any{"sid": sid, "status": "active", "type": "Full", "friendly_name": "Simulated"})
	})
	mux.HandleFunc("GET "+account+"/Messages/{file}", func(w http.ResponseWriter, r *http.Request) { b.twilioAsk(w, r, "delivered", "sent") })
	mux.HandleFunc("GET "+account+"/Calls/{file}", func(w http.ResponseWriter, r *http.Request) { b.twilioAsk(w, r, "completed", "ringing") })
	mux.HandleFunc("POST "+account+"/Messages/{sid}/Feedback.json", func(w http.ResponseWriter, r *http.Request) {
		if twilioAuth(w, r) {
			writeProviderJSON(w, http.StatusCreated, map[string]any{"message_sid": r.PathValue("sid"), "outcome": r.PostFormValue("Outcome")})
		}
	})
}

// twilioAsk answers a message or call with one of two statuses.
func (b *Inbox) twilioAsk(w http.ResponseWriter, r *http.Request, arrived, underway string) {
	if !twilioAuth(w, r) {
		return
	}
	sid, _ := strings.CutSuffix(r.PathValue("file"), ".json")
	t, done, ok := b.ask("twilio", sid)
	if !ok || t.voice != (arrived == "completed") {
		refuseTwilio(w, http.StatusNotFound, 20404, "The requested resource "+r.URL.Path+" was not found")
		return
	}
	status := underway
	if done {
		status = arrived
	}
	writeProviderJSON(w, http.StatusOK, map[string]any{
		"sid": t.id, "account_sid": r.PathValue("account"), "to": t.to, "from": nullable(t.from), "status": status, "num_segments": decimal(t.segments),
		"error_code": nil, "error_message": nil, "price": nil, "price_unit": "USD", "date_updated": t.at.Format(time.RFC1123Z),
	})
}

// accepted answers what needs no answer, to whoever has credentials.
func accepted(auth func(*http.Request) bool, body any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !auth(r) {
			writeProviderJSON(w, http.StatusUnauthorized, "Unauthorized")
			return
		}
		writeProviderJSON(w, http.StatusOK, body)
	}
}

func mittoAuth(r *http.Request) bool { return known("key", r.Header.Get("X-Mitto-API-Key")) }

type snsAttribute struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

// snsAsk answers the questions about an account that a check asks; ok is false for any other action.
func snsAsk(w http.ResponseWriter, action string) (ok bool) {
	switch action {
	case "GetSMSAttributes":
		writeXML(w, http.StatusOK, struct {
			XMLName    xml.Name       `xml:"http://sns.amazonaws.com/doc/2010-03-31/ GetSMSAttributesResponse"`
			Attributes []snsAttribute `xml:"GetSMSAttributesResult>attributes>entry"`
			RequestID  string         `xml:"ResponseMetadata>RequestId"`
		}{Attributes: []snsAttribute{{"MonthlySpendLimit", "100"}, {"DefaultSMSType", "Transactional"}}, RequestID: uuid.NewString()})
	case "GetSMSSandboxAccountStatus":
		writeXML(w, http.StatusOK, struct {
			XMLName   xml.Name `xml:"http://sns.amazonaws.com/doc/2010-03-31/ GetSMSSandboxAccountStatusResponse"`
			In        bool     `xml:"GetSMSSandboxAccountStatusResult>IsInSandbox"`
			RequestID string   `xml:"ResponseMetadata>RequestId"`
		}{In: false, RequestID: uuid.NewString()})
	default:
		return false
	}
	return true
}
