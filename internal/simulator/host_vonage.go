package simulator

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"countersign/phone"
	"countersign/provider"
)

const vonage = "vonage"

func (b *Inbox) vonageRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /v1/messages", b.vonageMessages)
	mux.HandleFunc("POST /v1/calls", b.vonageCall)
	mux.HandleFunc("POST /v2/verify", b.vonageVerify)
	mux.HandleFunc("POST /v2/verify/{id}", b.vonageVerifyCheck)
}

// vonageParams are the parameters of the SMS API, from query, form or JSON.
func vonageParams(r *http.Request) func(string) string {
	if mediaType(r) == "application/json" {
		body := map[string]any{}
		_ = decodeJSON(r, &body) // what cannot be read is missing
		return func(name string) string {
			switch v := body[name].(type) {
			case string:
				return v
			case float64:
				return strconv.FormatFloat(v, 'f', -1, 64)
			}
			return r.URL.Query().Get(name)
		}
	}
	return r.FormValue
}

// vonageSMS answers 200 whatever happens: the status of the message tells (SMS API, error codes).
func (b *Inbox) vonageSMS(w http.ResponseWriter, r *http.Request) {
	param := vonageParams(r)
	refuse := func(status, text string) {
		writeProviderJSON(w, http.StatusOK, map[string]any{"message-count": "1", "messages": []any{map[string]any{"status": status, "error-text": text}}})
	}
	key, secret := param("api_key"), cmp.Or(param("api_secret"), param("sig"))
	if user, password, ok := r.BasicAuth(); ok {
		key, secret = user, password
	}
	to, from, text := param("to"), param("from"), param("text")
	n, err := digitsOnly(to)
	switch {
	case key == "":
		refuse("2", "Missing api_key")
	case secret == "":
		refuse("2", "Missing api_secret")
	case !known(key, secret):
		refuse("4", "Bad Credentials")
	case from == "":
		refuse("2", "Missing from param")
	case to == "":
		refuse("2", "Missing to param")
	case text == "":
		refuse("2", "Missing text param")
	case err != nil || strings.HasPrefix(to, "+"):
		refuse("3", "to address is not numeric")
	case !validSender(strings.ReplaceAll(from, " ", "")):
		refuse("15", "Illegal Sender Address - rejected")
	case utf8.RuneCountInString(text) > 3200:
		refuse("12", "Message Too Long")
	default:
		a := arrival{service: vonage, to: n, from: strings.ReplaceAll(from, " ", ""), text: text, entity: param("entity-id"), template: param("content-id")}
		took, err := b.take(r, a)
		if err != nil {
			f := vonageSMSSays.say(w, err)
			refuse(f.code, f.text)
			return
		}
		id := strings.ToUpper(randomID("", 8))
		t := b.note(a.told(vonage, id, param("client-ref"), took))
		b.tell(t, param("callback"), inQuery(url.Values{"msisdn": {to}, "to": {t.from}, "network-code": {"00000"}, "messageId": {id}, "status": {"delivered"},
			"err-code": {"0"}, "api-key": {key}, "client-ref": {t.reference}, "message-timestamp": {b.opt.Now().UTC().Format(time.DateTime)}}))
		messages := make([]any, took.segments)
		for i := range messages {
			m := map[string]any{"to": to, "message-id": id, "status": "0", "remaining-balance": "10.00000000",
				"message-price": "0.03330000", "network": "00000"}
			if ref := param("client-ref"); ref != "" {
				m["client-ref"] = ref
			}
			messages[i], id = m, strings.ToUpper(randomID("", 8))
		}
		writeProviderJSON(w, http.StatusOK, map[string]any{"message-count": strconv.Itoa(took.segments), "messages": messages})
	}
}

// vonageBalance is the Account API's, which never ends.
func vonageBalance(w http.ResponseWriter, r *http.Request) {
	if !basicAuth(r) {
		vonageUnauthorized(w)
		return
	}
	writeProviderJSON(w, http.StatusOK, map[string]any{"value": 10, "autoReload": false})
}

// jwt is the form of a token; who signed it is not checked.
var jwt = regexp.MustCompile(`^Bearer [\w-]+\.[\w-]+\.[\w-]+$`)

// vonageProblem answers as RFC 9457 says, which the newer APIs follow.
func vonageProblem(w http.ResponseWriter, status int, kind, title, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{
		"type": "https://developer.vonage.com/api-errors" + kind, "title": title, "detail": detail, "instance": uuid.NewString(),
	})
}

// vonageFail says why a message was not taken.
func vonageFail(w http.ResponseWriter, err error) {
	f := vonageSays.say(w, err)
	vonageProblem(w, f.status, f.code, f.text, f.text)
}

func vonageUnauthorized(w http.ResponseWriter) {
	vonageProblem(w, http.StatusUnauthorized, "#unauthorized", "Unauthorized", "You did not provide correct credentials.")
}

// vonageMessages is the Messages API v1, for SMS.
func (b *Inbox) vonageMessages(w http.ResponseWriter, r *http.Request) {
	if !jwt.MatchString(r.Header.Get("Authorization")) && !basicAuth(r) {
		vonageUnauthorized(w)
		return
	}
	var in struct {
		MessageType string `json:"message_type"`
		Channel     string `json:"channel"`
		To, From    string
		Text        string
		ClientRef   string `json:"client_ref"`
		WebhookURL  string `json:"webhook_url"`
		SMS         struct {
			Entity   string `json:"entity_id"`
			Template string `json:"content_id"`
		}
	}
	invalid := func(detail string) {
		vonageProblem(w, http.StatusUnprocessableEntity, "#1150", "Invalid params", detail)
	}
	err := decodeJSON(r, &in)
	n, numberErr := digitsOnly(in.To)
	switch {
	case err != nil:
		invalid("The request body could not be read.")
	case in.Channel != "sms" || in.MessageType != "text":
		invalid("Only texts by sms are simulated.")
	case in.Text == "" || utf8.RuneCountInString(in.Text) > 1000:
		invalid("The value of text is invalid.")
	case numberErr != nil:
		invalid("The value of to is invalid.")
	case !validSender(in.From):
		vonageProblem(w, http.StatusUnprocessableEntity, "/messages#1120", "Illegal Sender Address", "The value of from is invalid.")
	default:
		a := arrival{service: vonage, to: n, from: in.From, text: in.Text, entity: in.SMS.Entity, template: in.SMS.Template}
		took, err := b.take(r, a)
		if err != nil {
			vonageFail(w, err)
			return
		}
		t := b.note(a.told(vonage, uuid.NewString(), in.ClientRef, took))
		b.tell(t, in.WebhookURL, delivered(map[string]any{"message_uuid": t.id, "to": in.To, "from": in.From, "channel": "sms", "status": "delivered",
			"client_ref": t.reference, "timestamp": b.opt.Now().UTC().Format(time.RFC3339), "sms": map[string]any{"count_total": decimal(t.segments)}}))
		writeProviderJSON(w, http.StatusAccepted, map[string]any{"message_uuid": t.id})
	}
}

// markup is an SSML element in a text that is spoken.
var markup = regexp.MustCompile(`<[^>]*>`)

// vonageCall is the Voice API: an NCCO whose talk actions are heard.
func (b *Inbox) vonageCall(w http.ResponseWriter, r *http.Request) {
	if !jwt.MatchString(r.Header.Get("Authorization")) {
		writeProviderJSON(w, http.StatusUnauthorized, map[string]any{"type": "UNAUTHORIZED", "error_title": "Unauthorized"})
		return
	}
	var in struct {
		To        []struct{ Type, Number string }
		From      struct{ Type, Number string }
		NCCO      []struct{ Action, Text string }
		AnswerURL []string `json:"answer_url"`
		EventURL  []string `json:"event_url"`
	}
	refuse := func(title string) {
		writeProviderJSON(w, http.StatusBadRequest, map[string]any{"type": "BAD_REQUEST", "error_title": title})
	}
	if decodeJSON(r, &in) != nil || len(in.To) != 1 || in.To[0].Type != "phone" {
		refuse("Bad Request: to")
		return
	}
	n, err := digitsOnly(in.To[0].Number)
	if err != nil {
		refuse("Bad Request: to")
		return
	}
	var words []string
	for _, action := range in.NCCO {
		if action.Action == "talk" {
			words = append(words, strings.Join(strings.Fields(markup.ReplaceAllString(action.Text, " ")), " "))
		}
	}
	if len(in.AnswerURL) > 0 {
		words = append(words, "(The instructions at "+in.AnswerURL[0]+" are not followed here.)")
	}
	if len(words) == 0 {
		refuse("Bad Request: ncco or answer_url")
		return
	}
	a := arrival{service: vonage, to: n, from: in.From.Number, text: strings.Join(words, " "), channel: provider.Voice}
	took, err := b.take(r, a)
	if err != nil {
		f := common.say(w, err)
		writeProviderJSON(w, f.status, map[string]any{"type": strings.ToUpper(strings.ReplaceAll(f.text, " ", "_")), "error_title": f.text})
		return
	}
	t := b.note(a.told(vonage, uuid.NewString(), "", took))
	if len(in.EventURL) == 1 {
		b.tell(t, in.EventURL[0], delivered(map[string]any{"uuid": t.id, "status": "completed", "to": in.To[0].Number, "from": in.From.Number,
			"timestamp": b.opt.Now().UTC().Format(time.RFC3339), "direction": "outbound"}))
	}
	writeProviderJSON(w, http.StatusCreated, map[string]any{
		"uuid": t.id, "status": "started", "direction": "outbound", "conversation_uuid": "CON-" + uuid.NewString(),
	})
}

// vonageVerify is Verify v2: the first step of the workflow is taken.
func (b *Inbox) vonageVerify(w http.ResponseWriter, r *http.Request) {
	if !jwt.MatchString(r.Header.Get("Authorization")) && !basicAuth(r) {
		vonageUnauthorized(w)
		return
	}
	var in struct {
		Brand, Code string
		Workflow    []struct{ Channel, To, From string }
	}
	invalid := func(detail string) {
		vonageProblem(w, http.StatusUnprocessableEntity, "#invalid-params", "Invalid params", detail)
	}
	if decodeJSON(r, &in) != nil || in.Brand == "" || len(in.Workflow) == 0 {
		invalid("The request must have brand and workflow.")
		return
	}
	step := in.Workflow[0]
	n, err := digitsOnly(step.To)
	if err != nil || step.Channel != "sms" && step.Channel != "voice" {
		invalid("The first step of the workflow is invalid.")
		return
	}
	if in.Code == "" {
		in.Code = randomCode()
	} else if !customCode.MatchString(in.Code) {
		invalid("The value of code is invalid.")
		return
	}
	a := arrival{service: vonage, to: n, from: cmp.Or(step.From, in.Brand), text: "Your " + in.Brand + " code is: " + in.Code, code: in.Code}
	if step.Channel == "voice" {
		a.channel, a.text = provider.Voice, "Your "+in.Brand+" code is: "+strings.Join(strings.Split(in.Code, ""), ", ")
	}
	if _, err := b.take(r, a); err != nil {
		vonageFail(w, err)
		return
	}
	id := verifyRequestID(n)
	writeProviderJSON(w, http.StatusAccepted, map[string]any{"request_id": id})
}

// verifyRequestID names the number, so that nothing need be remembered: the code is in the inbox.
func verifyRequestID(n phone.Number) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("tel:"+n.String())).String()
}

func (b *Inbox) vonageVerifyCheck(w http.ResponseWriter, r *http.Request) {
	if !jwt.MatchString(r.Header.Get("Authorization")) && !basicAuth(r) {
		vonageUnauthorized(w)
		return
	}
	var in struct{ Code string }
	_ = decodeJSON(r, &in) // no code is a wrong code
	for _, m := range slices.Backward(b.List(Filter{})) {
		n, err := phone.Parse(m.To)
		if m.Provider != vonage || err != nil || verifyRequestID(n) != r.PathValue("id") {
			continue
		}
		if m.Code != in.Code {
			vonageProblem(w, http.StatusBadRequest, "/verify#invalid-code", "Invalid Code", "The code you provided does not match the expected value.")
			return
		}
		writeProviderJSON(w, http.StatusOK, map[string]any{"request_id": r.PathValue("id"), "status": "completed"})
		return
	}
	vonageProblem(w, http.StatusNotFound, "#not-found", "Not Found", "Request '"+r.PathValue("id")+"' was not found or it has been verified already.")
}
