package simulator

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"countersign/provider"
)

// awsService is AWS End User Messaging.
const awsService = "aws-sms"

var (
	awsHost = regexp.MustCompile(`^sms-voice\.[a-z]{2,}(-[a-z0-9]+)+\.amazonaws\.com(\.cn)?$`)
	// awsNumber is DestinationPhoneNumber in the service's model.
	awsNumber = regexp.MustCompile(`^\+?[1-9][0-9]{1,18}$`)
)

// aws answers SendTextMessage and SendVoiceMessage; also the calls that say how an account is, and the feedback. The signature is not looked at.
func (b *Inbox) aws(w http.ResponseWriter, r *http.Request) {
	key := accessKey.FindStringSubmatch(r.Header.Get("Authorization"))
	switch {
	case key == nil:
		refuseAWS(w, http.StatusForbidden, "MissingAuthenticationTokenException", "", "Missing Authentication Token")
		return
	case key[1] == wrongKey:
		refuseAWS(w, http.StatusForbidden, "UnrecognizedClientException", "", "The security token included in the request is invalid.")
		return
	}
	var in awsRequest
	if json.NewDecoder(r.Body).Decode(&in) != nil {
		refuseAWS(w, http.StatusBadRequest, "SerializationException", "", "")
		return
	}
	switch strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "PinpointSMSVoiceV2.") {
	case "SendTextMessage":
		b.awsSend(w, r, in, provider.SMS)
	case "SendVoiceMessage":
		b.awsSend(w, r, in, provider.Voice)
	case "PutMessageFeedback":
		answerAWS(w, map[string]any{"MessageId": in.MessageID, "MessageFeedbackStatus": in.Feedback})
	case "DescribeAccountAttributes":
		answerAWS(w, map[string]any{"AccountAttributes": []any{map[string]any{"Name": "ACCOUNT_TIER", "Value": "SANDBOX"}}})
	default:
		refuseAWS(w, http.StatusBadRequest, "UnknownOperationException", "", "")
	}
}

// awsRequest holds the fields of all requests.
type awsRequest struct {
	To        string `json:"DestinationPhoneNumber"`
	From      string `json:"OriginationIdentity"`
	Body      string `json:"MessageBody"`
	BodyType  string `json:"MessageBodyTextType"`
	DryRun    bool   `json:"DryRun"`
	MessageID string `json:"MessageId"`
	Feedback  string `json:"MessageFeedbackStatus"`
	Country   struct {
		Entity   string `json:"IN_ENTITY_ID"`
		Template string `json:"IN_TEMPLATE_ID"`
	} `json:"DestinationCountryParameters"`
}

// maxAWSText and maxAWSSpeech bound a text and what a call says (the service's model), in characters.
const maxAWSText, maxAWSSpeech = 1600, 6000

func (b *Inbox) awsSend(w http.ResponseWriter, r *http.Request, in awsRequest, channel provider.Channel) {
	n, err := digitsOnly(in.To)
	most := maxAWSText
	if channel == provider.Voice {
		most = maxAWSSpeech
	}
	switch {
	case err != nil || !awsNumber.MatchString(in.To):
		refuseAWS(w, http.StatusBadRequest, "ValidationException", "FIELD_VALIDATION_FAILED", "DestinationPhoneNumber")
		return
	case in.Body == "" && channel == provider.SMS || utf8.RuneCountInString(in.Body) > most:
		refuseAWS(w, http.StatusBadRequest, "ValidationException", "MAXIMUM_SIZE_EXCEEDED", "MessageBody")
		return
	case in.From == "" && channel == provider.Voice:
		refuseAWS(w, http.StatusBadRequest, "ValidationException", "FIELD_VALIDATION_FAILED", "OriginationIdentity")
		return
	case in.DryRun:
		answerAWS(w, map[string]any{"MessageId": uuid.NewString()})
		return
	}
	text := in.Body
	if in.BodyType == "SSML" {
		text = strings.Join(strings.Fields(markup.ReplaceAllString(text, " ")), " ")
	}
	a := arrival{service: awsService, to: n, from: in.From, text: text, channel: channel, entity: in.Country.Entity, template: in.Country.Template}
	if _, err := b.take(r, a); err != nil {
		f := awsSays.say(w, err)
		code, reason, _ := strings.Cut(f.code, "/")
		refuseAWS(w, f.status, code, reason, f.text)
		return
	}
	answerAWS(w, map[string]any{"MessageId": uuid.NewString()})
}

func answerAWS(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	json.NewEncoder(w).Encode(body)
}

// refuseAWS answers an exception; text is the name of the field for one that failed validation.
func refuseAWS(w http.ResponseWriter, status int, code, reason, text string) {
	body := map[string]any{"__type": "com.amazonaws.pinpointsmsvoicev2#" + code, "Message": text}
	if reason != "" {
		body["Reason"] = reason
	}
	if reason == "FIELD_VALIDATION_FAILED" {
		body["Fields"] = []any{map[string]any{"Name": text, "Message": "invalid"}}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}
