package sns_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"

	"countersign/internal/fault"
	"countersign/internal/origination"
	"countersign/internal/sandbox"
	"countersign/internal/smsaccount"
)

func TestAttributes(t *testing.T) {
	w := newWorld(t)
	c := w.client(owner)
	want := map[string]string{"MonthlySpendLimit": "1.00", "DefaultSMSType": "Transactional", "UsageReportS3Bucket": "a&b"}
	if _, err := c.SetSMSAttributes(t.Context(), &awssns.SetSMSAttributesInput{Attributes: want}); err != nil || !reflect.DeepEqual(w.attrs, want) {
		t.Fatal(err, w.attrs)
	}
	out, err := c.GetSMSAttributes(t.Context(), &awssns.GetSMSAttributesInput{})
	if err != nil || !reflect.DeepEqual(out.Attributes, want) {
		t.Errorf("%v, %v", out, err)
	}
	out, err = c.GetSMSAttributes(t.Context(), &awssns.GetSMSAttributesInput{Attributes: []string{"DefaultSMSType", "DefaultSenderID"}})
	if err != nil || !reflect.DeepEqual(out.Attributes, map[string]string{"DefaultSMSType": "Transactional"}) {
		t.Errorf("%v, %v", out, err)
	}
	_, err = c.GetSMSAttributes(t.Context(), &awssns.GetSMSAttributesInput{Attributes: []string{"Zap"}})
	_, err2 := c.SetSMSAttributes(t.Context(), &awssns.SetSMSAttributesInput{Attributes: map[string]string{"Zap": "1"}})
	for _, err := range []error{err, err2} {
		if !as[*types.InvalidParameterException](err) || !strings.Contains(err.Error(), "Zap") {
			t.Error(err)
		}
	}
	if !reflect.DeepEqual(w.attrs, want) {
		t.Error("an unknown attribute was set")
	}
}

func TestOptOuts(t *testing.T) {
	w := newWorld(t)
	c := w.client(owner)
	for n, want := range map[string]bool{alice: true, "+12025550124": false} {
		out, err := c.CheckIfPhoneNumberIsOptedOut(t.Context(), &awssns.CheckIfPhoneNumberIsOptedOutInput{PhoneNumber: &n})
		if err != nil || out.IsOptedOut != want {
			t.Errorf("%s: %+v, %v", n, out, err)
		}
	}
	for i := range 250 {
		w.out = append(w.out, smsaccount.OptedOut{Number: fmt.Sprintf("+1202555%04d", i)})
	}
	w.out = append(w.out, smsaccount.OptedOut{Number: "+*******0123"})
	var got []string
	pages := 0
	for p := awssns.NewListPhoneNumbersOptedOutPaginator(c, &awssns.ListPhoneNumbersOptedOutInput{}); p.HasMorePages(); pages++ {
		out, err := p.NextPage(t.Context())
		check(t, err)
		got = append(got, out.PhoneNumbers...)
	}
	if len(got) != 251 || pages != 3 || got[100] != "+12025550100" || got[250] != "+*******0123" {
		t.Errorf("%d in %d pages", len(got), pages)
	}
	_, err := c.OptInPhoneNumber(t.Context(), &awssns.OptInPhoneNumberInput{PhoneNumber: aws.String(alice)})
	if err != nil || !reflect.DeepEqual(w.queries, []any{"Default " + alice}) {
		t.Error(err, w.queries)
	}
	w.domain.err = fault.New(fault.ResourceNotFound).WithField("number")
	if _, err := c.OptInPhoneNumber(t.Context(), &awssns.OptInPhoneNumberInput{PhoneNumber: aws.String(alice)}); err != nil {
		t.Errorf("a number that is not opted out: %v", err)
	}
}

// Tokens are sealed, and those of one operation are none of another's.
func TestPageTokens(t *testing.T) {
	w := newWorld(t)
	c := w.client(owner)
	for i := range 101 {
		w.numbers = append(w.numbers, sandbox.Number{Number: number(t, fmt.Sprintf("+1202555%04d", i)), Status: sandbox.Pending})
	}
	out, err := c.ListSMSSandboxPhoneNumbers(t.Context(), &awssns.ListSMSSandboxPhoneNumbersInput{})
	if err != nil || len(out.PhoneNumbers) != 100 || out.NextToken == nil {
		t.Fatal(out, err)
	}
	_, err = c.ListPhoneNumbersOptedOut(t.Context(), &awssns.ListPhoneNumbersOptedOutInput{NextToken: out.NextToken})
	_, err2 := c.ListSMSSandboxPhoneNumbers(t.Context(), &awssns.ListSMSSandboxPhoneNumbersInput{NextToken: aws.String("100")})
	_, err3 := c.ListOriginationNumbers(t.Context(), &awssns.ListOriginationNumbersInput{NextToken: out.NextToken})
	for _, err := range []error{err, err2, err3} {
		if !as[*types.InvalidParameterException](err) {
			t.Error(err)
		}
	}
}

func TestSandbox(t *testing.T) {
	w := newWorld(t)
	c := w.client(owner)
	for _, on := range []bool{true, false} {
		w.on = on
		if out, err := c.GetSMSSandboxAccountStatus(t.Context(), &awssns.GetSMSSandboxAccountStatusInput{}); err != nil || out.IsInSandbox != on {
			t.Errorf("%+v, %v", out, err)
		}
	}
	_, err := c.CreateSMSSandboxPhoneNumber(t.Context(), &awssns.CreateSMSSandboxPhoneNumberInput{
		PhoneNumber: aws.String(alice), LanguageCode: types.LanguageCodeStringDeDe,
	})
	if err != nil || !reflect.DeepEqual(w.added, []string{alice + " de-DE"}) {
		t.Error(err, w.added)
	}
	_, err = c.VerifySMSSandboxPhoneNumber(t.Context(), &awssns.VerifySMSSandboxPhoneNumberInput{
		PhoneNumber: aws.String(alice), OneTimePassword: aws.String("123456"),
	})
	check(t, err)
	_, err = c.DeleteSMSSandboxPhoneNumber(t.Context(), &awssns.DeleteSMSSandboxPhoneNumberInput{PhoneNumber: aws.String(alice)})
	if err != nil || !reflect.DeepEqual(w.queries, []any{"verify " + alice + " 123456", "remove " + alice}) {
		t.Error(err, w.queries)
	}
	w.numbers = []sandbox.Number{{Number: number(t, alice), Status: sandbox.Verified}, {Number: number(t, "+12025550124"), Status: sandbox.Pending}}
	out, err := c.ListSMSSandboxPhoneNumbers(t.Context(), &awssns.ListSMSSandboxPhoneNumbersInput{MaxResults: aws.Int32(2)})
	want := []types.SMSSandboxPhoneNumber{
		{PhoneNumber: aws.String(alice), Status: types.SMSSandboxPhoneNumberVerificationStatusVerified},
		{PhoneNumber: aws.String("+12025550124"), Status: types.SMSSandboxPhoneNumberVerificationStatusPending},
	}
	if err != nil || !reflect.DeepEqual(out.PhoneNumbers, want) || out.NextToken != nil {
		t.Errorf("%+v, %v", out, err)
	}
}

// The model's constraints hold, and neither numbers nor codes are repeated.
func TestSandboxConstraints(t *testing.T) {
	w := newWorld(t)
	c := w.client(owner)
	_, badNumber := c.CreateSMSSandboxPhoneNumber(t.Context(), &awssns.CreateSMSSandboxPhoneNumberInput{PhoneNumber: aws.String("+9876x")})
	_, local := c.CreateSMSSandboxPhoneNumber(t.Context(), &awssns.CreateSMSSandboxPhoneNumberInput{PhoneNumber: aws.String("987654321")})
	_, language := c.CreateSMSSandboxPhoneNumber(t.Context(), &awssns.CreateSMSSandboxPhoneNumberInput{PhoneNumber: aws.String(alice), LanguageCode: "xx"})
	_, badCode := c.VerifySMSSandboxPhoneNumber(t.Context(), &awssns.VerifySMSSandboxPhoneNumberInput{
		PhoneNumber: aws.String(alice), OneTimePassword: aws.String("9876")})
	_, many := c.ListSMSSandboxPhoneNumbers(t.Context(), &awssns.ListSMSSandboxPhoneNumbersInput{MaxResults: aws.Int32(101)})
	for _, err := range []error{badNumber, local, language, badCode, many} {
		if !as[*types.InvalidParameterException](err) || strings.Contains(err.Error(), "9876") || strings.Contains(err.Error(), alice) {
			t.Error(err)
		}
	}
	if len(w.added)+len(w.queries) > 0 {
		t.Error(w.added, w.queries)
	}
}

func TestOriginationNumbers(t *testing.T) {
	w := newWorld(t)
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for i := range 31 {
		w.origins = append(w.origins, origination.Identity{
			Kind: origination.Number, Value: fmt.Sprintf("+1800555%04d", i), Country: "US", Type: origination.TollFree, Capabilities: []string{"SMS", "VOICE"},
			MessageType: origination.Transactional, Status: origination.Active, CreatedAt: at,
		})
	}
	w.origins[30].MessageType, w.origins[30].Status = origination.Promotional, origination.Pending
	var got []types.PhoneNumberInformation
	for p := awssns.NewListOriginationNumbersPaginator(w.client(owner), &awssns.ListOriginationNumbersInput{}); p.HasMorePages(); {
		out, err := p.NextPage(t.Context())
		check(t, err)
		got = append(got, out.PhoneNumbers...)
	}
	if len(got) != 31 || len(w.queries) != 2 || w.queries[0] != (origination.Query{Kind: origination.Number, Limit: 30}) {
		t.Fatalf("%d, %+v", len(got), w.queries)
	}
	want := types.PhoneNumberInformation{
		CreatedAt: &at, PhoneNumber: aws.String("+18005550000"), Status: aws.String("ACTIVE"), Iso2CountryCode: aws.String("US"),
		RouteType: types.RouteTypeTransactional, NumberCapabilities: []types.NumberCapability{types.NumberCapabilitySms, types.NumberCapabilityVoice},
	}
	if !reflect.DeepEqual(got[0], want) {
		t.Errorf("%+v", got[0])
	}
	if last := got[30]; *last.Status != "PENDING" || last.RouteType != types.RouteTypePromotional {
		t.Errorf("%+v", last)
	}
}

// Topics are refused by name.
func TestTopicsAreRefused(t *testing.T) {
	w := newWorld(t)
	c := w.client(owner)
	_, topic := c.CreateTopic(t.Context(), &awssns.CreateTopicInput{Name: aws.String("t")})
	_, batch := c.PublishBatch(t.Context(), &awssns.PublishBatchInput{TopicArn: aws.String("arn"), PublishBatchRequestEntries: []types.PublishBatchRequestEntry{
		{Id: aws.String("1"), Message: aws.String("m")},
	}})
	for name, err := range map[string]error{"CreateTopic": topic, "PublishBatch": batch} {
		if !code("UnsupportedOperationException")(err) || !strings.Contains(err.Error(), name) {
			t.Error(err)
		}
	}
}
