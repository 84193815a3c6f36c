package simulator

import (
	"cmp"
	"encoding/xml"
	"net/http"
	"regexp"
	"time"

	"github.com/google/uuid"

	"countersign/phone"
	"countersign/provider"
)

// esendexBatch is a request, in XML or JSON.
type esendexBatch struct {
	XMLName  xml.Name `xml:"messages" json:"-"`
	Account  string   `xml:"accountreference" json:"accountreference"`
	From     string   `xml:"from" json:"from"`
	Messages []struct {
		From string `xml:"from" json:"from"`
		To   string `xml:"to" json:"to"`
		Type string `xml:"type" json:"type"`
		Body string `xml:"body" json:"body"`
	} `xml:"message" json:"messages"`
}

type esendexHeader struct {
	ID  string `xml:"id,attr" json:"id"`
	URI string `xml:"uri,attr" json:"uri"`
}

type esendexHeaders struct {
	XMLName xml.Name        `xml:"http://api.esendex.com/ns/ messageheaders" json:"-"`
	Batch   string          `xml:"batchid,attr" json:"batchid"`
	Headers []esendexHeader `xml:"messageheader" json:"messageheaders"`
}

func (b *Inbox) esendexRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1.0/messagedispatcher", b.esendex)
	mux.HandleFunc("GET /v1.0/messageheaders/{id}", b.esendexAsk)
	mux.HandleFunc("GET /v1.0/accounts", func(w http.ResponseWriter, r *http.Request) {
		if !basicAuth(r) {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		type entry struct {
			ID        string `xml:"id,attr"`
			Reference string `xml:"reference"`
			Left      int    `xml:"messagesremaining"`
		}
		w.Header().Set("Content-Type", "application/xml; charset=utf-8")
		xml.NewEncoder(w).Encode(struct {
			XMLName  xml.Name `xml:"http://api.esendex.com/ns/ accounts"`
			Accounts []entry  `xml:"account"`
		}{Accounts: []entry{{uuid.NewString(), "EX0000000", 1000}}})
	})
}

// esendexAsk answers what became of a message.
func (b *Inbox) esendexAsk(w http.ResponseWriter, r *http.Request) {
	t, delivered, ok := b.ask("esendex", r.PathValue("id"))
	switch {
	case !basicAuth(r):
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
		return
	case !ok:
		http.Error(w, "Not Found", http.StatusNotFound)
		return
	}
	status := map[bool]string{true: "Delivered", false: "Sent"}[delivered]
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	xml.NewEncoder(w).Encode(struct {
		XMLName xml.Name `xml:"http://api.esendex.com/ns/ messageheader"`
		ID      string   `xml:"id,attr"`
		Status  string   `xml:"status"`
		At      string   `xml:"laststatusat"`
		Parts   int      `xml:"parts"`
	}{ID: t.id, Status: status, At: t.at.Format(time.RFC3339), Parts: t.segments})
}

const maxEsendex = 100

// accountReference is the form of an account ("EX0000000").
var accountReference = regexp.MustCompile(`^EX[0-9]{4,10}$`)

// esendex answers errors in plain words: the API has no codes for them.
func (b *Inbox) esendex(w http.ResponseWriter, r *http.Request) {
	if !basicAuth(r) {
		w.Header().Set("WWW-Authenticate", `Basic realm="Esendex"`)
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
		return
	}
	var in esendexBatch
	isXML := mediaType(r) == "application/xml" || mediaType(r) == "text/xml"
	var err error
	if isXML {
		err = xml.NewDecoder(r.Body).Decode(&in)
	} else {
		err = decodeJSON(r, &in)
	}
	if err != nil || len(in.Messages) == 0 || len(in.Messages) > maxEsendex {
		http.Error(w, "Bad Request", http.StatusBadRequest)
		return
	}
	if !accountReference.MatchString(in.Account) {
		http.Error(w, "Forbidden: the account reference is not one of yours", http.StatusForbidden)
		return
	}
	b.esendexBatch(w, r, in, isXML)
}

// esendexBatch takes all messages of a batch, or none.
func (b *Inbox) esendexBatch(w http.ResponseWriter, r *http.Request, in esendexBatch, isXML bool) {
	numbers := make([]phone.Number, len(in.Messages))
	for i, m := range in.Messages {
		n, err := digitsOnly(m.To)
		from := cmp.Or(m.From, in.From)
		if err != nil || m.Body == "" || from != "" && !validSender(from) || m.Type != "" && m.Type != "SMS" && m.Type != "Voice" {
			http.Error(w, "Bad Request: a message has no valid recipient, sender, type or body", http.StatusBadRequest)
			return
		}
		numbers[i] = n
	}
	out := esendexHeaders{Batch: uuid.NewString()}
	for i, m := range in.Messages {
		a := arrival{service: "esendex", to: numbers[i], from: cmp.Or(m.From, in.From), text: m.Body}
		if m.Type == "Voice" {
			a.channel = provider.Voice
		}
		took, err := b.take(r, a)
		if err != nil {
			f := common.say(w, err)
			http.Error(w, f.text, f.status)
			return
		}
		id := b.note(a.told("esendex", uuid.NewString(), "", took)).id
		out.Headers = append(out.Headers, esendexHeader{ID: id, URI: "https://api.esendex.com/v1.0/messageheaders/" + id})
	}
	if isXML {
		w.Header().Set("Content-Type", "application/xml; charset=utf-8")
		xml.NewEncoder(w).Encode(out)
		return
	}
	writeProviderJSON(w, http.StatusOK, map[string]any{"batch": out, "errors": nil})
}
