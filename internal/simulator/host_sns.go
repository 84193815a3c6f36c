package simulator

import (
	"encoding/xml"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// snsHost takes whatever has the form of a region's name; not undefined, which a hook without its region would call.
var snsHost = regexp.MustCompile(`^sns\.[a-z]{2,}(-[a-z0-9]+)+\.amazonaws\.com(\.cn)?$`)

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

// accessKey is the key id of a SigV4 header.
var accessKey = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([^/,\s]+)/`)

// sns answers as Amazon SNS does for Publish to a phone number. The signature is not looked at: any key pair is accepted here.
func (b *Inbox) sns(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code, message string) {
		writeXML(w, status, snsError{Type: "Sender", Code: code, Message: message, RequestID: uuid.NewString()})
	}
	key := accessKey.FindStringSubmatch(r.Header.Get("Authorization"))
	switch {
	case key == nil:
		refuse(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token")
		return
	case key[1] == wrongKey:
		refuse(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid.")
		return
	case snsAsk(w, r.PostFormValue("Action")):
		return
	case r.PostFormValue("Action") != "Publish":
		refuse(http.StatusBadRequest, "InvalidAction", "Only Publish to a phone number is simulated.")
		return
	}
	text, to, sender := r.PostFormValue("Message"), r.PostFormValue("PhoneNumber"), snsAttr(r, "AWS.SNS.SMS.SenderID", "AWS.MM.SMS.OriginationNumber")
	n, err := withPlus(to)
	switch {
	case to == "":
		refuse(http.StatusBadRequest, "InvalidParameter", "Invalid parameter: TopicArn or TargetArn Reason: only PhoneNumber is simulated")
	case err != nil:
		refuse(http.StatusBadRequest, "InvalidParameter", "Invalid parameter: PhoneNumber Reason: "+to+" is not valid to publish to")
	case text == "":
		refuse(http.StatusBadRequest, "InvalidParameter", "Invalid parameter: Empty message")
	case len(text) > 1600:
		refuse(http.StatusBadRequest, "InvalidParameter", "Invalid parameter: Message too long")
	case sender != "" && !validSender(sender):
		refuse(http.StatusBadRequest, "InvalidParameterValue", "Invalid parameter: AWS.SNS.SMS.SenderID")
	default:
		a := arrival{service: "sns", to: n, from: sender, text: text,
			entity: snsAttr(r, "AWS.MM.SMS.EntityId"), template: snsAttr(r, "AWS.MM.SMS.TemplateId")}
		if _, err := b.take(r, a); err != nil {
			f := snsSays.say(w, err)
			refuse(f.status, f.code, f.text)
			return
		}
		writeXML(w, http.StatusOK, snsAnswer{MessageID: uuid.NewString(), RequestID: uuid.NewString()})
	}
}

// snsAttr reads one of the message attributes by any of its names.
func snsAttr(r *http.Request, names ...string) string {
	const maxAttributes = 10
	for i := range maxAttributes {
		entry := "MessageAttributes.entry." + strconv.Itoa(i+1)
		if slices.Contains(names, r.PostFormValue(entry+".Name")) {
			return strings.TrimSpace(r.PostFormValue(entry + ".Value.StringValue"))
		}
	}
	return ""
}
