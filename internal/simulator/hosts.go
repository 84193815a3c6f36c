package simulator

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"countersign/phone"
	"countersign/provider"
)

// maxProviderBody bounds a request to a simulated provider, in bytes.
const maxProviderBody = 64 << 10

// wrongKey is the password, secret or key that each simulated provider refuses, as the real one refuses an unknown one. All others are accepted.
const wrongKey = "wrong"

// Host returns the simulated service behind a public host name, for code that sends by itself: in dev mode its calls end here, and
// the text appears on a simulated phone, with the service's name in its provider. It returns nil for names that are not simulated.
//
//	api.twilio.com                                       twilio: Messages and Calls of 2010-04-01
//	verify.twilio.com                                    twilio-verify: Verifications and VerificationCheck of v2
//	sns.<region>.amazonaws.com, also .com.cn             sns: Publish to a phone number
//	api.infobip.com, <account>.api.infobip.com           infobip: /sms/2/text/advanced, /sms/3/messages, /tts/3/single, /tts/3/advanced
//	rest-ww.telesign.com, rest-api.telesign.com          telesign: /v1/messaging, /v1/voice, /v1/verify/sms, /v1/verify/call
//	rest.nexmo.com                                       vonage: /sms/json, /account/get-balance
//	api.nexmo.com, api.vonage.com                        vonage: /v1/messages, /v1/calls, /v2/verify
//	api.esendex.com                                      esendex: /v1.0/messagedispatcher
//	rest.messagebird.com                                 messagebird: /messages, /voicemessages, /balance
//	api.plivo.com                                        plivo: Message, Account of v1
//	us|eu|au|br|ca.sms.api.sinch.com                     sinch: batches of /xms/v1, dry_run, delivery_report
//	sms-voice.<region>.amazonaws.com, also .com.cn       aws-sms: SendTextMessage, SendVoiceMessage
//	rest.mittoapi.com, rest[-<site>].mittoapi.net        mitto: /sms, /sms.json
//
// Any credentials of the right form are accepted, but for the password or key "wrong".
func (b *Inbox) Host(name string) http.Handler {
	mux := http.NewServeMux()
	switch {
	case name == "api.twilio.com":
		b.twilioRoutes(mux)
	case name == "verify.twilio.com":
		b.twilioVerifyRoutes(mux)
	case snsHost.MatchString(name):
		mux.HandleFunc("POST /{$}", b.sns)
	case infobipHost.MatchString(name):
		b.infobipRoutes(mux)
	case name == "rest-ww.telesign.com" || name == "rest-api.telesign.com":
		b.telesignRoutes(mux)
	case name == "rest.nexmo.com":
		mux.HandleFunc("/sms/json", b.vonageSMS)
		mux.HandleFunc("GET /account/get-balance", vonageBalance)
	case name == "api.nexmo.com" || name == "api.vonage.com":
		b.vonageRoutes(mux)
	case name == "api.esendex.com":
		b.esendexRoutes(mux)
	case name == "rest.messagebird.com":
		b.messageBirdRoutes(mux)
	case name == "api.plivo.com":
		b.plivoRoutes(mux)
	case sinchHost.MatchString(name):
		b.sinchRoutes(mux)
	case awsHost.MatchString(name):
		mux.HandleFunc("POST /{$}", b.aws)
	case mittoHost.MatchString(name):
		mux.HandleFunc("POST /sms", b.mitto)
		mux.HandleFunc("POST /sms.json", b.mitto)
		mux.HandleFunc("POST /sms/converted", accepted(mittoAuth, "OK"))
	default:
		return nil
	}
	return http.MaxBytesHandler(mux, maxProviderBody)
}

// arrival is a message that a simulated service took.
type arrival struct {
	service string
	to      phone.Number
	from    string
	text    string
	// channel is SMS unless set.
	channel provider.Channel
	// code is the code in the text; "" if it must be looked for.
	code string
	// entity and template are what it is registered under.
	entity, template string
}

// codeInText finds what a person would type: the last run of 4 to 10 digits that is no part of a longer word. Spoken texts
// may say digits one by one.
var (
	codeInText   = regexp.MustCompile(`\b\d{4,10}\b`)
	codeInSpeech = regexp.MustCompile(`\b\d(?:[.,;\s-]+\d\b){3,9}`)
	notDigit     = regexp.MustCompile(`\D+`)
)

func findCode(text string, channel provider.Channel) string {
	found := codeInText.FindAllString(text, -1)
	if channel == provider.Voice {
		for _, spoken := range codeInSpeech.FindAllString(text, -1) {
			found = append(found, notDigit.ReplaceAllString(spoken, ""))
		}
	}
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// take keeps what arrived, unless a fault wants it otherwise: the error says why, and dialect.say how the service says it.
func (b *Inbox) take(r *http.Request, a arrival) (taken, error) {
	if a.code == "" {
		a.code = findCode(a.text, a.channel)
	}
	receipt, err := b.accept(r.Context(), provider.Message{To: a.to.String(), From: a.from, Text: a.text, Channel: a.channel, Code: a.code,
		EntityID: a.entity, TemplateID: a.template}, a.service)
	return taken{max(receipt.Segments, 1), receipt.Raw != vanished}, err
}

// minDigits is the least a provider takes for a number (Vonage's SMS API: 7 to 15 digits).
const minDigits = 7

// withPlus parses a number in E.164 form, digitsOnly one as most providers want it: digits, perhaps after a plus.
func withPlus(s string) (phone.Number, error) {
	if len(s) <= minDigits {
		return phone.Number{}, errors.New("too short")
	}
	return phone.Parse(s)
}

func digitsOnly(s string) (phone.Number, error) {
	return withPlus("+" + strings.TrimPrefix(strings.TrimSpace(s), "+"))
}

// alphanumeric is a sender of letters and digits, numeric one that is a number or short code.
var (
	alphanumeric = regexp.MustCompile(`^[A-Za-z0-9 &_.+-]{1,11}$`)
	numeric      = regexp.MustCompile(`^\+?[0-9]{3,15}$`)
	letter       = regexp.MustCompile(`[A-Za-z]`)
)

func validSender(s string) bool {
	return numeric.MatchString(s) || alphanumeric.MatchString(s) && letter.MatchString(s)
}

// known reports whether the credentials are any but the wrong ones.
func known(name, key string) bool {
	return name != "" && key != "" && name != wrongKey && key != wrongKey
}

func basicAuth(r *http.Request) bool {
	name, key, ok := r.BasicAuth()
	return ok && known(name, key)
}

// randomID returns an id of n bytes in hexadecimal.
func randomID(prefix string, n int) string {
	raw := make([]byte, n)
	rand.Read(raw)
	return prefix + hex.EncodeToString(raw)
}

// randomCode is the code of a service that makes its own.
func randomCode() string {
	var raw [6]byte
	rand.Read(raw[:])
	for i := range raw {
		raw[i] = '0' + raw[i]%10 // not secret: it is shown on the page
	}
	return string(raw[:])
}

// mediaType is the type of the body without parameters, in lower case.
func mediaType(r *http.Request) string {
	t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return t
}

// decodeJSON reads one JSON value; unknown members are let through, as the providers do.
func decodeJSON(r *http.Request, v any) error {
	if t := mediaType(r); t != "application/json" && t != "" {
		return errors.New("not application/json")
	}
	dec := json.NewDecoder(r.Body)
	if err := dec.Decode(v); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

func decimal(n int) string { return strconv.Itoa(n) }

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

func writeXML(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	xml.NewEncoder(w).Encode(body)
}
