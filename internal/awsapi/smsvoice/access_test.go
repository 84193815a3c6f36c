package smsvoice_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2"
	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2/types"

	"countersign/internal/access"
	"countersign/internal/awsapi/smsvoice/api"
)

// Every operation asks for its own grant, served or not, before it looks at anything.
func TestGrants(t *testing.T) {
	w := newWorld(t, true)
	c, ctx := w.client(somebody), t.Context()
	_, err := c.DescribePhoneNumbers(ctx, &sdk.DescribePhoneNumbersInput{})
	failsAs[*types.AccessDeniedException](t, err)
	w.mu.Lock()
	w.grants = []access.Grant{{Service: access.SMSVoice, Actions: []string{"Describe*"}, Pools: []string{"*"}}}
	w.mu.Unlock()
	_, err = c.DescribePhoneNumbers(ctx, &sdk.DescribePhoneNumbersInput{})
	check(t, err)
	for name, call := range map[string]func() error{
		"request": func() error {
			_, err := c.RequestSenderId(ctx, &sdk.RequestSenderIdInput{SenderId: aws.String("ACME"), IsoCountryCode: aws.String("GB")})
			return err
		},
		"send": func() error {
			_, err := c.SendTextMessage(ctx, &sdk.SendTextMessageInput{DestinationPhoneNumber: aws.String(alice), MessageBody: aws.String("x")})
			return err
		},
		"malformed": func() error {
			_, err := c.SendTextMessage(ctx, &sdk.SendTextMessageInput{DestinationPhoneNumber: aws.String("?"), MessageBody: aws.String("x")})
			return err
		},
		"opt in": func() error {
			_, err := c.DeleteOptedOutNumber(ctx, &sdk.DeleteOptedOutNumberInput{OptOutListName: aws.String("Default"), OptedOutNumber: aws.String(alice)})
			return err
		},
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), "AccessDeniedException") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Requests without a signature, of unknown operations, or of pages of other origins get nowhere.
func TestWithoutTheSDK(t *testing.T) {
	w := newWorld(t, true)
	for name, tt := range map[string]struct {
		op, body, want string
		status         int
		headers        []string
	}{
		"unsigned":     {"SendTextMessage", `{}`, "MissingAuthenticationTokenException", 400, nil},
		"not served":   {"CreatePool", `{}`, "UnsupportedOperationException", 400, nil},
		"unknown":      {"Nonsense", `{}`, "UnknownOperationException", 400, nil},
		"JSON 1.1":     {"SendTextMessage", `{}`, "SerializationException", 400, []string{"Content-Type", "application/x-amz-json-1.1"}},
		"foreign page": {"SendTextMessage", `{}`, "AccessDeniedException", 403, []string{"Origin", "https://example.com"}},
	} {
		resp, out := w.post(tt.op, tt.body, tt.headers...)
		if resp.StatusCode != tt.status || out["__type"] != tt.want || resp.Header.Get("Content-Type") != "application/x-amz-json-1.0" {
			t.Errorf("%s: %d %v", name, resp.StatusCode, out)
		}
		if resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: pages of other origins may read the answer", name)
		}
	}
	if resp, _ := w.post("CreatePool", `{}`); resp.StatusCode == http.StatusOK {
		t.Error("an operation that is not served succeeded")
	}
}

// Numbers, texts and codes of requests stand in no log, no event and no error.
func TestNothingIsEchoed(t *testing.T) {
	w := newWorld(t, true)
	c, ctx := w.client(owner), t.Context()
	canary, text := "+12025550188", "the-text-canary"
	check(t, w.sandbox.SetEnabled(ctx, true))
	for _, err := range []error{
		second(c.SendTextMessage(ctx, &sdk.SendTextMessageInput{DestinationPhoneNumber: &canary, MessageBody: &text})),
		second(c.SendTextMessage(ctx, &sdk.SendTextMessageInput{DestinationPhoneNumber: aws.String(canary + "000000000000"), MessageBody: &text})),
		second(c.SendVoiceMessage(ctx, &sdk.SendVoiceMessageInput{DestinationPhoneNumber: &canary, OriginationIdentity: &canary, MessageBody: &text})),
		second(c.DescribeOptedOutNumbers(ctx, &sdk.DescribeOptedOutNumbersInput{OptOutListName: aws.String("Default"), OptedOutNumbers: []string{canary}})),
		second(c.DescribeVerifiedDestinationNumbers(ctx, &sdk.DescribeVerifiedDestinationNumbersInput{DestinationPhoneNumbers: []string{canary}})),
		second(c.DescribePhoneNumbers(ctx, &sdk.DescribePhoneNumbersInput{PhoneNumberIds: []string{canary[1:]}})),
	} {
		if err == nil || strings.Contains(err.Error(), canary[2:]) || strings.Contains(err.Error(), text) {
			t.Errorf("%v", err)
		}
	}
	if s := w.logs.String(); strings.Contains(s, canary[2:]) || strings.Contains(s, text) {
		t.Errorf("logs: %s", s)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.events) != 6 || w.events[0].Operation != api.OpSendTextMessage.Name || w.events[0].Code == "" {
		t.Errorf("%d requests were observed", len(w.events))
	}
}

func second[T any](_ T, err error) error { return err }
