package sns_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"countersign/internal/smsaccount"
)

func text(kind, value string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: &kind, StringValue: &value}
}

func publish(message string, attributes map[string]types.MessageAttributeValue) *awssns.PublishInput {
	return &awssns.PublishInput{PhoneNumber: aws.String(alice), Message: &message, MessageAttributes: attributes}
}

func TestPublish(t *testing.T) {
	w := newWorld(t)
	c := w.client(owner)
	to := number(t, alice)
	for name, tt := range map[string]struct {
		in   *awssns.PublishInput
		want smsaccount.Message
	}{
		"plain": {publish("Your code is 123456 & <é>\n", nil), smsaccount.Message{To: to, Text: "Your code is 123456 & <é>\n"}},
		"attributes": {publish("hi", map[string]types.MessageAttributeValue{
			"AWS.SNS.SMS.SenderID": text("String", "Example"), "AWS.SNS.SMS.SMSType": text("String", "Transactional"),
			"AWS.SNS.SMS.MaxPrice": text("Number", "0.50"), "AWS.MM.SMS.OriginationNumber": text("String.label", "+12025550199"),
			"AWS.MM.SMS.EntityId": text("String", "1101"), "AWS.MM.SMS.TemplateId": text("String", "1107"),
			"trace": text("String", "x"), "blob": {DataType: aws.String("Binary"), BinaryValue: []byte("x")},
		}), smsaccount.Message{
			To: to, Text: "hi", Sender: "Example", Type: "Transactional", MaxPrice: "0.50", Origination: "+12025550199", EntityID: "1101", TemplateID: "1107",
		}},
		"structured": {&awssns.PublishInput{
			PhoneNumber: aws.String(alice), Message: aws.String(`{"default":"d","sms":"s","email":"e"}`), MessageStructure: aws.String("json"),
			Subject: aws.String("ignored"),
		}, smsaccount.Message{To: to, Text: "s"}},
		"structured, default": {&awssns.PublishInput{
			PhoneNumber: aws.String(alice), Message: aws.String(`{"default":"d"}`), MessageStructure: aws.String("json"),
		}, smsaccount.Message{To: to, Text: "d"}},
	} {
		w.sent = nil
		out, err := c.Publish(t.Context(), tt.in)
		if err != nil || aws.ToString(out.MessageId) != "0199-message" || len(w.sent) != 1 || !reflect.DeepEqual(w.sent[0], tt.want) {
			t.Errorf("%s: %+v, %v, %+v", name, out, err, w.sent)
		}
	}
}

// What Publish refuses by itself is refused before anything is sent, and the number is not repeated.
func TestPublishRefuses(t *testing.T) {
	w := newWorld(t)
	c := w.client(owner)
	with := func(f func(*awssns.PublishInput)) *awssns.PublishInput {
		in := publish("hi", nil)
		f(in)
		return in
	}
	attribute := func(name string, v types.MessageAttributeValue) *awssns.PublishInput {
		return publish("hi", map[string]types.MessageAttributeValue{name: v})
	}
	blob := types.MessageAttributeValue{DataType: aws.String("Binary"), BinaryValue: []byte("x")}
	for name, tt := range map[string]struct {
		in    *awssns.PublishInput
		says  string
		value bool // InvalidParameterValueException
	}{
		"topic":             {&awssns.PublishInput{Message: aws.String("m"), TopicArn: aws.String("arn:aws:sns:us-local-1:000000000000:t")}, "TopicArn", false},
		"endpoint":          {&awssns.PublishInput{Message: aws.String("m"), TargetArn: aws.String("arn:aws:sns:us-local-1:000000000000:e")}, "TargetArn", false},
		"topic too":         {with(func(in *awssns.PublishInput) { in.TopicArn = aws.String("arn") }), "TopicArn", false},
		"group":             {with(func(in *awssns.PublishInput) { in.MessageGroupId = aws.String("g") }), "MessageGroupId", false},
		"deduplication":     {with(func(in *awssns.PublishInput) { in.MessageDeduplicationId = aws.String("g") }), "MessageDeduplicationId", false},
		"nobody":            {&awssns.PublishInput{Message: aws.String("m")}, "PhoneNumber", false},
		"no number":         {with(func(in *awssns.PublishInput) { in.PhoneNumber = aws.String("2025550123") }), "E.164", false},
		"empty":             {publish("", nil), "Empty message", false},
		"blank":             {publish(" \n", nil), "Empty message", false},
		"structure":         {with(func(in *awssns.PublishInput) { in.MessageStructure = aws.String("xml") }), "MessageStructure", false},
		"no JSON":           {with(func(in *awssns.PublishInput) { in.MessageStructure = aws.String("json") }), "failed to parse", false},
		"no type":           {attribute("x", types.MessageAttributeValue{DataType: aws.String(""), StringValue: aws.String("v")}), "String, Number or Binary", true},
		"unknown type":      {attribute("x", text("Bool", "v")), "String, Number or Binary", true},
		"no value":          {attribute("x", text("String", "")), "StringValue", true},
		"no bytes":          {attribute("x", types.MessageAttributeValue{DataType: aws.String("Binary")}), "BinaryValue", true},
		"binary sender":     {attribute("AWS.SNS.SMS.SenderID", blob), "SenderID", true},
		"unknown attribute": {attribute("AWS.SNS.SMS.SenderId", text("String", "v")), "AWS.SNS.SMS.SenderId", true},
		"no default": {with(func(in *awssns.PublishInput) {
			in.MessageStructure, in.Message = aws.String("json"), aws.String(`{"sms":"s"}`)
		}), "No default entry", false},
		"default is no text": {with(func(in *awssns.PublishInput) {
			in.MessageStructure, in.Message = aws.String("json"), aws.String(`{"default":1}`)
		}), "No default entry", false},
		"sms is no text": {with(func(in *awssns.PublishInput) {
			in.MessageStructure, in.Message = aws.String("json"), aws.String(`{"default":"d","sms":{}}`)
		}), "sms entry", false},
	} {
		_, err := c.Publish(t.Context(), tt.in)
		var invalid *types.InvalidParameterException
		var value *types.InvalidParameterValueException
		if tt.value != errors.As(err, &value) || tt.value == errors.As(err, &invalid) || !strings.Contains(fmt.Sprint(err), tt.says) {
			t.Errorf("%s: %v", name, err)
		}
		if len(w.sent) > 0 || strings.Contains(fmt.Sprint(err), "2025550123") {
			t.Fatalf("%s: sent %v, %v", name, w.sent, err)
		}
	}
}
