package simulator

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"countersign/provider"
)

// The limits of Twilio's Messages and Calls (API reference, 2010-04-01), in characters.
const (
	maxTwilioBody = 1600
	maxTwiML      = 4000
)

func (b *Inbox) twilioRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /2010-04-01/Accounts/{account}/Messages.json", b.twilioMessage)
	mux.HandleFunc("POST /2010-04-01/Accounts/{account}/Calls.json", b.twilioCall)
	b.twilioAsks(mux)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuseTwilio(w, http.StatusNotFound, 20404, "The requested resource "+r.URL.Path+" was not found")
	})
}

// refuseTwilio answers as all of Twilio's APIs do.
func refuseTwilio(w http.ResponseWriter, status, code int, message string) {
	writeProviderJSON(w, status, map[string]any{
		"code": code, "message": message, "more_info": "https://www.twilio.com/docs/errors/" + strconv.Itoa(code), "status": status,
	})
}

// failTwilio says why a message was not taken.
func failTwilio(w http.ResponseWriter, err error) {
	r := twilioSays.say(w, err)
	refuseTwilio(w, r.status, r.number(), r.text)
}

// twilioTell calls the request's StatusCallback, if it came with the account's own token: an API key's secret signs nothing.
func (b *Inbox) twilioTell(r *http.Request, t told) {
	user, key, _ := r.BasicAuth()
	if t = b.note(t); user == r.PathValue("account") {
		b.tell(t, r.PostFormValue("StatusCallback"), twilioReceipt(t, user, key))
	}
}

// twilioAuth checks the credentials: those of the account in the path, or an API key (SK…).
func twilioAuth(w http.ResponseWriter, r *http.Request) bool {
	user, _, _ := r.BasicAuth()
	account := r.PathValue("account")
	if !basicAuth(r) || account != "" && user != account && !strings.HasPrefix(user, "SK") {
		refuseTwilio(w, http.StatusUnauthorized, 20003, "Authenticate")
		return false
	}
	return true
}

func twilioTime(b *Inbox) string { return b.opt.Now().UTC().Format(time.RFC1123Z) }

// twilioMessage answers as Twilio does for a text.
func (b *Inbox) twilioMessage(w http.ResponseWriter, r *http.Request) {
	if !twilioAuth(w, r) {
		return
	}
	refuse := func(code int, message string) { refuseTwilio(w, http.StatusBadRequest, code, message) }
	to, body, from := r.PostFormValue("To"), r.PostFormValue("Body"), r.PostFormValue("From")
	service := r.PostFormValue("MessagingServiceSid")
	n, err := withPlus(to)
	switch {
	case to == "":
		refuse(21604, "A 'To' phone number is required.")
	case body == "":
		refuse(21602, "Message body is required.")
	case from == "" && service == "":
		refuse(21603, "A 'From' phone number is required.")
	case from != "" && !validSender(from):
		refuse(21212, "Invalid 'From' Phone Number: "+from)
	case utf8.RuneCountInString(body) > maxTwilioBody:
		refuse(21617, "The concatenated message body exceeds the 1600 character limit.")
	case err != nil:
		refuse(21211, "Invalid 'To' Phone Number: "+to)
	default:
		a := arrival{service: "twilio", to: n, from: from, text: body}
		took, err := b.take(r, a)
		if err != nil {
			failTwilio(w, err)
			return
		}
		status, parts := "queued", strconv.Itoa(took.segments)
		if service != "" {
			status, parts = "accepted", "0"
		}
		account, sid := r.PathValue("account"), randomID("SM", 16)
		b.twilioTell(r, a.told("twilio", sid, "", took))
		uri := "/2010-04-01/Accounts/" + account + "/Messages/" + sid
		writeProviderJSON(w, http.StatusCreated, map[string]any{
			"sid": sid, "account_sid": account, "to": n.String(), "from": nullable(from), "messaging_service_sid": nullable(service), "body": body,
			"status": status, "direction": "outbound-api", "num_segments": parts, "num_media": "0", "price": nil, "price_unit": "USD",
			"error_code": nil, "error_message": nil, "api_version": "2010-04-01", "date_created": twilioTime(b), "date_updated": twilioTime(b),
			"date_sent": nil, "uri": uri + ".json", "subresource_uris": map[string]any{"media": uri + "/Media.json"},
		})
	}
}

// twilioCall answers as Twilio does for a call, and speaks what its TwiML says.
func (b *Inbox) twilioCall(w http.ResponseWriter, r *http.Request) {
	if !twilioAuth(w, r) {
		return
	}
	refuse := func(code int, message string) { refuseTwilio(w, http.StatusBadRequest, code, message) }
	to, from, twiml, url := r.PostFormValue("To"), r.PostFormValue("From"), r.PostFormValue("Twiml"), r.PostFormValue("Url")
	n, err := withPlus(to)
	_, fromErr := withPlus(from)
	switch {
	case to == "":
		refuse(21201, "No 'To' number is specified")
	case from == "":
		refuse(21213, "No 'From' number is specified")
	case err != nil:
		refuse(21217, "The phone number you are attempting to call, "+to+", is not valid.")
	case fromErr != nil:
		refuse(21212, "The source phone number provided, "+from+", is not valid.")
	case twiml == "" && url == "" && r.PostFormValue("ApplicationSid") == "":
		refuse(21205, "Url parameter is required.")
	case utf8.RuneCountInString(twiml) > maxTwiML:
		refuse(21605, "Twiml is longer than 4000 characters.")
	default:
		a := arrival{service: "twilio", to: n, from: from, text: spokenTwiML(twiml, url), channel: provider.Voice}
		took, err := b.take(r, a)
		if err != nil {
			failTwilio(w, err)
			return
		}
		account, sid := r.PathValue("account"), randomID("CA", 16)
		b.twilioTell(r, a.told("twilio", sid, "", took))
		uri := "/2010-04-01/Accounts/" + account + "/Calls/" + sid
		writeProviderJSON(w, http.StatusCreated, map[string]any{
			"sid": sid, "account_sid": account, "to": n.String(), "to_formatted": n.String(), "from": from, "from_formatted": from, "status": "queued",
			"direction": "outbound-api", "price": nil, "price_unit": "USD", "api_version": "2010-04-01", "date_created": nil, "date_updated": nil,
			"start_time": nil, "end_time": nil, "duration": nil, "parent_call_sid": nil, "phone_number_sid": nil, "answered_by": nil,
			"forwarded_from": nil, "group_sid": nil, "caller_name": nil, "queue_time": "0", "trunk_sid": nil, "uri": uri + ".json",
			"subresource_uris": map[string]any{"notifications": uri + "/Notifications.json", "recordings": uri + "/Recordings.json"},
		})
	}
}

// What is heard where TwiML cannot be followed: instructions from a URL are not fetched; broken TwiML is an apology, as on the real line.
const twilioApology = "We are sorry, an application error has occurred. Goodbye."

// spokenTwiML is what the called person hears.
func spokenTwiML(twiml, url string) string {
	if url != "" {
		return "(The instructions at " + url + " are not followed here.)"
	}
	words, err := sayVerbs(twiml)
	if err != nil || len(words) == 0 {
		return twilioApology
	}
	return strings.Join(words, " ")
}

// sayVerbs collects the texts of <Say>, which may hold SSML.
func sayVerbs(twiml string) (words []string, err error) {
	const maxLoop = 10
	d := xml.NewDecoder(strings.NewReader(twiml))
	depth, say, loop := 0, 0, 1
	var text strings.Builder
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return words, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth++; depth == 1 && t.Name.Local != "Response" {
				return nil, errors.New("the document is no Response")
			}
			if t.Name.Local == "Say" && say == 0 {
				say, loop = depth, 1
				for _, a := range t.Attr {
					if n, err := strconv.Atoi(a.Value); a.Name.Local == "loop" && err == nil {
						loop = min(max(n, 1), maxLoop)
					}
				}
			}
		case xml.CharData:
			if say > 0 {
				text.Write(t)
			}
		case xml.EndElement:
			if depth == say {
				for range loop {
					words = append(words, strings.Join(strings.Fields(text.String()), " "))
				}
				text.Reset()
				say = 0
			}
			depth--
		}
	}
}
