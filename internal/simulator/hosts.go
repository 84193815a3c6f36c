package simulator

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"countersign/phone"
	"countersign/provider"
)

// maxProviderBody bounds a request to a simulated provider, in bytes.
const maxProviderBody = 64 << 10

// Host returns the simulated service behind a public host name, for functions that send by themselves: in dev mode their calls
// to it end here, and the text appears on a simulated phone. It returns nil for names that are not simulated.
//
//	api.twilio.com            Messages (2010-04-01)
//	sns.<region>.amazonaws.com    Publish to a phone number
func (b *Inbox) Host(name string) http.Handler {
	mux := http.NewServeMux()
	switch {
	case name == "api.twilio.com":
		mux.HandleFunc("POST /2010-04-01/Accounts/{account}/Messages.json", b.twilio)
	case snsHost.MatchString(name):
		mux.HandleFunc("POST /{$}", b.sns)
	default:
		return nil
	}
	return http.MaxBytesHandler(mux, maxProviderBody)
}

var snsHost = regexp.MustCompile(`^sns\.[a-z0-9-]{2,40}\.amazonaws\.com$`)

// codeInText finds what a person would type: the last run of 4 to 10 digits that is no part of a longer word.
var codeInText = regexp.MustCompile(`\b\d{4,10}\b`)

// take keeps a text that a function sent by itself; the answer is the service's id for it.
func (b *Inbox) take(r *http.Request, n phone.Number, from, text, prefix string) (id string, segments int, err error) {
	m := provider.Message{To: n.String(), From: from, Text: text}
	if all := codeInText.FindAllString(text, -1); len(all) > 0 {
		m.Code = all[len(all)-1]
	}
	receipt, err := b.Send(r.Context(), m)
	var raw [16]byte
	rand.Read(raw[:])
	return prefix + hex.EncodeToString(raw[:]), receipt.Segments, err
}

// twilio answers as Twilio's API 2010-04-01 does for a message.
func (b *Inbox) twilio(w http.ResponseWriter, r *http.Request) {
	account, _, signed := r.BasicAuth()
	refuse := func(status, code int, message string) {
		writeProviderJSON(w, status, map[string]any{
			"code": code, "message": message, "more_info": "https://www.twilio.com/docs/errors/" + strconv.Itoa(code), "status": status,
		})
	}
	if !signed || account == "" {
		refuse(http.StatusUnauthorized, 20003, "Authenticate")
		return
	}
	to, body, from := r.PostFormValue("To"), r.PostFormValue("Body"), r.PostFormValue("From")
	service := r.PostFormValue("MessagingServiceSid")
	n, err := phone.Parse(to)
	switch {
	case to == "":
		refuse(http.StatusBadRequest, 21604, "A 'To' phone number is required.")
	case body == "":
		refuse(http.StatusBadRequest, 21602, "Message body is required.")
	case from == "" && service == "":
		refuse(http.StatusBadRequest, 21603, "A 'From' phone number is required.")
	case len(body) > 1600:
		refuse(http.StatusBadRequest, 21617, "The concatenated message body exceeds the 1600 character limit.")
	case err != nil:
		refuse(http.StatusBadRequest, 21211, "Invalid 'To' Phone Number.")
	default:
		id, segments, err := b.take(r, n, from, body, "SM")
		if err != nil {
			refuse(http.StatusInternalServerError, 20500, "Internal error.")
			return
		}
		writeProviderJSON(w, http.StatusCreated, map[string]any{
			"sid": id, "account_sid": r.PathValue("account"), "to": n.String(), "from": from, "messaging_service_sid": nullable(service), "body": body,
			"status": "queued", "direction": "outbound-api", "num_segments": strconv.Itoa(max(segments, 1)), "num_media": "0", "price": nil,
			"price_unit": "USD", "error_code": nil, "error_message": nil, "api_version": "2010-04-01",
		})
	}
}

func nullable(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func writeProviderJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

type snsAnswer struct {
	XMLName   xml.Name `xml:"http://sns.amazonaws.com/doc/2010-03-31/ PublishResponse"`
	MessageID string   `xml:"PublishResult>MessageId"`
	RequestID string   `xml:"ResponseMetadata>RequestId"`
}

type snsError struct {
	XMLName   xml.Name `xml:"http://sns.amazonaws.com/doc/2010-03-31/ ErrorResponse"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

// sns answers as Amazon SNS does for Publish to a phone number. The signature is not looked at: any key pair is accepted here.
func (b *Inbox) sns(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code, message string) {
		writeXML(w, status, snsError{Type: "Sender", Code: code, Message: message, RequestID: uuid.NewString()})
	}
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
		refuse(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
		return
	}
	if a := r.PostFormValue("Action"); a != "Publish" {
		refuse(http.StatusBadRequest, "InvalidAction", "Only Publish to a phone number is simulated.")
		return
	}
	text := r.PostFormValue("Message")
	n, err := phone.Parse(r.PostFormValue("PhoneNumber"))
	switch {
	case err != nil:
		refuse(http.StatusBadRequest, "InvalidParameter", "Invalid parameter: PhoneNumber")
	case text == "":
		refuse(http.StatusBadRequest, "InvalidParameter", "Invalid parameter: Empty message")
	case len(text) > 1600:
		refuse(http.StatusBadRequest, "InvalidParameter", "Invalid parameter: Message too long")
	default:
		if _, _, err := b.take(r, n, senderID(r), text, ""); err != nil {
			refuse(http.StatusInternalServerError, "InternalError", "Internal error.")
			return
		}
		writeXML(w, http.StatusOK, snsAnswer{MessageID: uuid.NewString(), RequestID: uuid.NewString()})
	}
}

// senderID reads the origination identity among the message attributes.
func senderID(r *http.Request) string {
	const maxAttributes = 10
	for i := range maxAttributes {
		entry := "MessageAttributes.entry." + strconv.Itoa(i+1)
		switch r.PostFormValue(entry + ".Name") {
		case "AWS.SNS.SMS.SenderID", "AWS.MM.SMS.OriginationNumber":
			return r.PostFormValue(entry + ".Value.StringValue")
		}
	}
	return ""
}

func writeXML(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	xml.NewEncoder(w).Encode(body)
}
