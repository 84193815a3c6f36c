package smssender

import (
	"encoding/json"
	"errors"
	"strings"
)

// maxEvent bounds an event in bytes; Lambda's own limit for asynchronous calls is 256 KB (from memory), later 1 MB.
const maxEvent = 1 << 20

// event is what Cognito sends (Developer Guide, "Custom sender Lambda trigger parameters").
type event struct {
	TriggerSource string `json:"triggerSource"`
	UserPoolID    string `json:"userPoolId"`
	UserName      string `json:"userName"`
	CallerContext struct {
		ClientID string `json:"clientId"`
	} `json:"callerContext"`
	Request struct {
		Type           string     `json:"type"`
		Code           string     `json:"code"`
		ClientMetadata attributes `json:"clientMetadata"`
		UserAttributes attributes `json:"userAttributes"`
	} `json:"request"`
}

// attributes are strings on the wire; what is not is kept as JSON rather than refused.
type attributes map[string]string

// UnmarshalJSON implements json.Unmarshaler.
func (a *attributes) UnmarshalJSON(raw []byte) error {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil || values == nil {
		return err
	}
	*a = make(attributes, len(values))
	for k, v := range values {
		var s string
		if json.Unmarshal(v, &s) != nil {
			s = string(v)
		}
		(*a)[k] = s
	}
	return nil
}

// senders are the two triggers, by the first part of triggerSource, with the types of their requests.
var senders = map[string]struct {
	channel Channel
	kind    string
}{
	"CustomSMSSender":   {SMS, "customSMSSenderRequestV1"},
	"CustomEmailSender": {Email, "customEmailSenderRequestV1"},
}

// read returns the event's message, without its code, and the code as it stands in the event.
func read(raw []byte) (m Message, sealed string, err error) {
	if len(raw) > maxEvent {
		return m, "", errors.New("the event is longer than 1 MiB")
	}
	var e event
	if json.Unmarshal(raw, &e) != nil { // its error may show a value
		return m, "", errors.New("the event is not that of a custom sender")
	}
	sender, trigger, _ := strings.Cut(e.TriggerSource, "_")
	s, ok := senders[sender]
	if !ok || trigger == "" {
		return m, "", errors.New("the event's triggerSource is not that of a custom sender")
	}
	m = Message{
		Trigger: Trigger(trigger), Channel: s.channel, Source: e.TriggerSource, PoolID: e.UserPoolID, ClientID: e.CallerContext.ClientID,
		Username: e.UserName, Phone: e.Request.UserAttributes["phone_number"], Email: e.Request.UserAttributes["email"],
		Attributes: e.Request.UserAttributes, Metadata: e.Request.ClientMetadata,
	}
	switch {
	case e.Request.Type != s.kind:
		err = errors.New("the request's type is not " + s.kind)
	case m.PoolID == "":
		err = errors.New("the event has no userPoolId")
	case m.Channel == SMS && m.Phone == "":
		err = errors.New("the user has no phone_number")
	case m.Channel == Email && m.Email == "":
		err = errors.New("the user has no email")
	case e.Request.Code == "" && m.Trigger != AccountTakeOverNotification:
		err = errors.New("the event has no code")
	}
	return m, e.Request.Code, err
}
