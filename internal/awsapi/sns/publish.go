package sns

import (
	"context"
	"encoding/json"
	"strings"

	"countersign/internal/awsapi/query"
	"countersign/internal/awsapi/sns/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/smsaccount"
	"countersign/phone"
)

func (f *facade) messageOperations() []query.Operation {
	return []query.Operation{
		query.Op(api.OpPublish, f.publish),
		query.Op(api.OpGetSMSAttributes, f.getAttributes),
		query.Op(api.OpSetSMSAttributes, f.setAttributes),
	}
}

// Names of the message attributes that texts have (SNS developer guide, "Sending SMS messages"). Those of other names are the application's own, and
// say nothing to a phone.
const (
	senderID          = "AWS.SNS.SMS.SenderID"
	smsType           = "AWS.SNS.SMS.SMSType"
	maxPrice          = "AWS.SNS.SMS.MaxPrice"
	originationNumber = "AWS.MM.SMS.OriginationNumber"
	entityID          = "AWS.MM.SMS.EntityId"
	templateID        = "AWS.MM.SMS.TemplateId"
)

func (f *facade) publish(ctx context.Context, in *api.PublishInput) (*api.PublishResponse, error) {
	if err := onlyPhones(in); err != nil {
		return nil, err
	}
	to, err := numberOf("PhoneNumber", in.PhoneNumber)
	if err != nil {
		return nil, err
	}
	text, err := textOf(in)
	if err != nil {
		return nil, err
	}
	m := smsaccount.Message{To: to, Text: text}
	if err := read(&m, in.MessageAttributes); err != nil {
		return nil, err
	}
	id, err := f.account.Send(ctx, m)
	if err != nil {
		return nil, worded(api.OpPublish.Name, err, publishParameter)
	}
	return &api.PublishResponse{MessageId: &id}, nil
}

// onlyPhones refuses what is for topics and endpoints.
func onlyPhones(in *api.PublishInput) error {
	for _, p := range []struct {
		name  string
		value *string
	}{
		{"TopicArn", in.TopicArn}, {"TargetArn", in.TargetArn}, {"MessageGroupId", in.MessageGroupId}, {"MessageDeduplicationId", in.MessageDeduplicationId},
	} {
		if wire.Value(p.value) != "" {
			return invalid(p.name, "Countersign has no topics and endpoints, it publishes to a PhoneNumber")
		}
	}
	if wire.Value(in.PhoneNumber) == "" {
		return invalid("PhoneNumber", "no value for required parameter")
	}
	return nil
}

// textOf returns the text for phones: the message, or of a structured one what it says for sms, else its default.
func textOf(in *api.PublishInput) (string, error) {
	text := wire.Value(in.Message)
	switch structure := wire.Value(in.MessageStructure); structure {
	case "":
	case "json":
		var by map[string]json.RawMessage
		if json.Unmarshal([]byte(text), &by) != nil {
			return "", invalid("Message Structure", "JSON message body failed to parse")
		}
		if by["default"] == nil || json.Unmarshal(by["default"], &text) != nil {
			return "", invalid("Message Structure", "No default entry in JSON message body")
		}
		if own := by["sms"]; own != nil && json.Unmarshal(own, &text) != nil {
			return "", invalid("Message Structure", "The sms entry in the JSON message body is not a string")
		}
	default:
		return "", invalid("MessageStructure", "it is json or absent")
	}
	if strings.TrimSpace(text) == "" {
		return "", invalid("Message", "Empty message")
	}
	return text, nil
}

// read sets what the attributes of a request say of its text.
func read(m *smsaccount.Message, attributes map[string]api.MessageAttributeValue) error {
	for name, a := range attributes {
		value, err := attributeValue(name, &a)
		if err != nil {
			return err
		}
		switch name {
		case senderID:
			m.Sender = value
		case smsType:
			m.Type = value
		case maxPrice:
			m.MaxPrice = value
		case originationNumber:
			m.Origination = value
		case entityID:
			m.EntityID = value
		case templateID:
			m.TemplateID = value
		default:
			if strings.HasPrefix(name, "AWS.SNS.SMS.") || strings.HasPrefix(name, "AWS.MM.SMS.") {
				return invalidValue("the message attribute %s is not known", name)
			}
		}
	}
	return nil
}

// attributeValue returns the text of an attribute, "" for a binary one. The types are String, Number and Binary, each with a label of the
// application's own behind a dot.
func attributeValue(name string, a *api.MessageAttributeValue) (string, error) {
	name = echo(name)
	kind, _, _ := strings.Cut(wire.Value(a.DataType), ".")
	switch kind {
	case "String", "Number":
		if wire.Value(a.StringValue) == "" {
			return "", invalidValue("the message attribute %s must have a StringValue that is not empty", name)
		}
		return *a.StringValue, nil
	case "Binary":
		if len(a.BinaryValue) == 0 {
			return "", invalidValue("the message attribute %s must have a BinaryValue that is not empty", name)
		}
		if strings.HasPrefix(name, "AWS.") {
			return "", invalidValue("the message attribute %s must be of type String or Number", name)
		}
		return "", nil
	}
	return "", invalidValue("the message attribute %s has a type that does not begin with String, Number or Binary", name)
}

// getAttributes answers with those that are asked for, or all.
func (f *facade) getAttributes(ctx context.Context, in *api.GetSMSAttributesInput) (*api.GetSMSAttributesResponse, error) {
	all, err := f.account.Attributes(ctx)
	if err != nil {
		return nil, err
	}
	if len(in.Attributes) == 0 {
		return &api.GetSMSAttributesResponse{Attributes: all}, nil
	}
	out := make(map[string]string, len(in.Attributes))
	for _, name := range in.Attributes {
		if !attributeNames[name] {
			return nil, invalid("attributes", "there is no attribute "+echo(name))
		}
		if v, ok := all[name]; ok {
			out[name] = v
		}
	}
	return &api.GetSMSAttributesResponse{Attributes: out}, nil
}

// attributeNames are the SMS attributes of an account.
var attributeNames = map[string]bool{
	smsaccount.MonthlySpendLimit: true, smsaccount.DeliveryStatusIAMRole: true, smsaccount.DeliveryStatusSuccessSamplingRate: true,
	smsaccount.DefaultSenderID: true, smsaccount.DefaultSMSType: true, smsaccount.UsageReportS3Bucket: true,
}

func (f *facade) setAttributes(ctx context.Context, in *api.SetSMSAttributesInput) (*api.SetSMSAttributesResponse, error) {
	for name := range in.Attributes {
		if !attributeNames[name] {
			return nil, invalid("attributes", "there is no attribute "+echo(name))
		}
	}
	return nil, worded(api.OpSetSMSAttributes.Name, f.account.SetAttributes(ctx, in.Attributes), nil)
}

// numberOf reads a number in E.164 form. It is not repeated in the error.
func numberOf(parameter string, s *string) (phone.Number, error) {
	n, err := phone.Parse(wire.Value(s))
	if err != nil {
		return phone.Number{}, invalid(parameter, "it is not a phone number in E.164 format (+12025550100)")
	}
	return n, nil
}

// maxEcho bounds the bytes of a name that are repeated in a message.
const maxEcho = 64

func echo(s string) string { return strings.ToValidUTF8(s[:min(len(s), maxEcho)], "") }

// invalid is InvalidParameterException in SNS's form.
func invalid(parameter, reason string) *fault.Error {
	return fault.Invalidf(parameter, "Invalid parameter: %s Reason: %s", parameter, reason)
}

// attributesField marks errors of message attributes, which have an exception of their own.
const attributesField = "MessageAttributes"

// invalidValue is InvalidParameterValueException.
func invalidValue(format string, args ...any) *fault.Error {
	return fault.Invalidf(attributesField, "Invalid parameter: Message Attributes Reason: "+format, args...)
}
