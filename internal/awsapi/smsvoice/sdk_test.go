package smsvoice_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2"
	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2/types"

	"countersign/internal/origination"
	"countersign/internal/registration"
	"countersign/internal/smsaccount"
	"countersign/phone"
	"countersign/provider"
)

const alice, bob = "+12025550123", "+447700900123"

func requestNumber(t *testing.T, c *sdk.Client, country string, typ types.RequestableNumberType, caps ...types.NumberCapability) *sdk.RequestPhoneNumberOutput {
	t.Helper()
	out, err := c.RequestPhoneNumber(t.Context(), &sdk.RequestPhoneNumberInput{
		IsoCountryCode: &country, MessageType: types.MessageTypeTransactional, NumberType: typ, NumberCapabilities: caps,
		Tags: []types.Tag{{Key: aws.String("team"), Value: aws.String("id")}},
	})
	check(t, err)
	return out
}

func TestSDKPhoneNumbers(t *testing.T) {
	w := newWorld(t, true)
	c, ctx := w.client(owner), t.Context()
	n := requestNumber(t, c, "US", types.RequestableNumberTypeTollFree, types.NumberCapabilitySms, types.NumberCapabilityVoice)
	if got, err := phone.Parse(*n.PhoneNumber); err != nil || !got.Fictional() || !strings.HasPrefix(*n.PhoneNumberId, "phone-") || n.Status != types.NumberStatusActive ||
		*n.PhoneNumberArn != "arn:aws:sms-voice:us-local-1:000000000000:phone-number/"+*n.PhoneNumberId || *n.OptOutListName != "Default" ||
		*n.IsoCountryCode != "US" || n.CreatedTimestamp == nil || *n.MonthlyLeasingPrice == "" || len(n.Tags) != 1 || n.TwoWayEnabled {
		t.Errorf("%+v", n)
	}
	list := requestNumber(t, c, "GB", types.RequestableNumberTypeLongCode, types.NumberCapabilitySms)
	for _, in := range []*sdk.DescribePhoneNumbersInput{
		{PhoneNumberIds: []string{*n.PhoneNumberId}}, {PhoneNumberIds: []string{*n.PhoneNumberArn}},
		{Filters: []types.PhoneNumberFilter{{Name: types.PhoneNumberFilterNameIsoCountryCode, Values: []string{"US"}}}},
		{Filters: []types.PhoneNumberFilter{{Name: types.PhoneNumberFilterNameNumberCapability, Values: []string{"VOICE"}},
			{Name: types.PhoneNumberFilterNameStatus, Values: []string{"ACTIVE", "PENDING"}}}},
	} {
		out, err := c.DescribePhoneNumbers(ctx, in)
		check(t, err)
		if len(out.PhoneNumbers) != 1 || *out.PhoneNumbers[0].PhoneNumberId != *n.PhoneNumberId || out.PhoneNumbers[0].NumberType != types.NumberTypeTollFree {
			t.Errorf("%+v", out.PhoneNumbers)
		}
	}
	seen := 0
	for p := sdk.NewDescribePhoneNumbersPaginator(c, &sdk.DescribePhoneNumbersInput{MaxResults: aws.Int32(1)}); p.HasMorePages(); seen++ {
		page, err := p.NextPage(ctx)
		check(t, err)
		if len(page.PhoneNumbers) != 1 {
			t.Errorf("%+v", page)
		}
	}
	if seen != 2 {
		t.Errorf("%d pages", seen)
	}
	up, err := c.UpdatePhoneNumber(ctx, &sdk.UpdatePhoneNumberInput{PhoneNumberId: n.PhoneNumberId, TwoWayEnabled: aws.Bool(true), DeletionProtectionEnabled: aws.Bool(true)})
	check(t, err)
	if !up.TwoWayEnabled || !up.DeletionProtectionEnabled || *up.PhoneNumber != *n.PhoneNumber {
		t.Errorf("%+v", up)
	}
	_, err = c.ReleasePhoneNumber(ctx, &sdk.ReleasePhoneNumberInput{PhoneNumberId: n.PhoneNumberId})
	if e := failsAs[*types.ConflictException](t, err); e.Reason != types.ConflictExceptionReasonDeletionProtectionEnabled || *e.ResourceId != *n.PhoneNumberId ||
		e.ResourceType != types.ResourceTypePhoneNumber {
		t.Errorf("%+v", e)
	}
	_, err = c.UpdatePhoneNumber(ctx, &sdk.UpdatePhoneNumberInput{PhoneNumberId: n.PhoneNumberArn, DeletionProtectionEnabled: aws.Bool(false)})
	check(t, err)
	gone, err := c.ReleasePhoneNumber(ctx, &sdk.ReleasePhoneNumberInput{PhoneNumberId: n.PhoneNumberArn})
	check(t, err)
	if gone.Status != types.NumberStatusDeleted {
		t.Errorf("%+v", gone)
	}
	_, err = c.DescribePhoneNumbers(ctx, &sdk.DescribePhoneNumbersInput{PhoneNumberIds: []string{*n.PhoneNumberId}})
	if e := failsAs[*types.ResourceNotFoundException](t, err); e.ResourceType != types.ResourceTypePhoneNumber || *e.ResourceId != *n.PhoneNumberId {
		t.Errorf("%+v", e)
	}
	_, err = c.TagResource(ctx, &sdk.TagResourceInput{ResourceArn: list.PhoneNumberArn, Tags: []types.Tag{{Key: aws.String("a"), Value: aws.String("b")}}})
	check(t, err)
	_, err = c.UntagResource(ctx, &sdk.UntagResourceInput{ResourceArn: list.PhoneNumberArn, TagKeys: []string{"team"}})
	check(t, err)
	tags, err := c.ListTagsForResource(ctx, &sdk.ListTagsForResourceInput{ResourceArn: list.PhoneNumberArn})
	check(t, err)
	if len(tags.Tags) != 1 || *tags.Tags[0].Key != "a" || *tags.Tags[0].Value != "b" {
		t.Errorf("%+v", tags.Tags)
	}
}

func TestSDKPhoneNumbersRefused(t *testing.T) {
	w := newWorld(t, true)
	c, ctx := w.client(owner), t.Context()
	in := func() *sdk.RequestPhoneNumberInput {
		return &sdk.RequestPhoneNumberInput{IsoCountryCode: aws.String("DE"), MessageType: types.MessageTypeTransactional,
			NumberType: types.RequestableNumberTypeTenDlc, NumberCapabilities: []types.NumberCapability{types.NumberCapabilitySms}}
	}
	_, err := c.RequestPhoneNumber(ctx, in())
	if e := failsAs[*types.ValidationException](t, err); len(e.Fields) != 1 || *e.Fields[0].Name != "NumberType" {
		t.Errorf("%+v", e)
	}
	pooled := in()
	pooled.PoolId = aws.String("pool-1")
	_, err = c.RequestPhoneNumber(ctx, pooled)
	if e := failsAs[*types.ResourceNotFoundException](t, err); e.ResourceType != types.ResourceTypePool {
		t.Errorf("%+v", e)
	}
	listed := in()
	listed.OptOutListName = aws.String("nowhere")
	_, err = c.RequestPhoneNumber(ctx, listed)
	if e := failsAs[*types.ResourceNotFoundException](t, err); e.ResourceType != types.ResourceTypeOptOutList || *e.ResourceId != "nowhere" {
		t.Errorf("%+v", e)
	}
	_, err = c.DescribePhoneNumbers(ctx, &sdk.DescribePhoneNumbersInput{NextToken: aws.String("nonsense")})
	if e := failsAs[*types.ValidationException](t, err); e.Reason != types.ValidationExceptionReasonInvalidNextToken {
		t.Errorf("%+v", e)
	}
	serve := newWorld(t, false).client(owner)
	_, err = serve.RequestPhoneNumber(ctx, &sdk.RequestPhoneNumberInput{IsoCountryCode: aws.String("US"), MessageType: types.MessageTypeTransactional,
		NumberType: types.RequestableNumberTypeTollFree, NumberCapabilities: []types.NumberCapability{types.NumberCapabilitySms}})
	if err == nil || !strings.Contains(err.Error(), "UnsupportedOperationException") || !strings.Contains(err.Error(), "countersign origination add") {
		t.Errorf("serve: %v", err)
	}
}

func TestSDKSenderIDs(t *testing.T) {
	w := newWorld(t, true)
	c, ctx := w.client(owner), t.Context()
	request := func(sender, country string) (*sdk.RequestSenderIdOutput, error) {
		return c.RequestSenderId(ctx, &sdk.RequestSenderIdInput{SenderId: &sender, IsoCountryCode: &country})
	}
	s, err := request("ACME", "GB")
	check(t, err)
	if *s.SenderIdArn != "arn:aws:sms-voice:us-local-1:000000000000:sender-id/ACME/GB" || s.Registered || s.DeletionProtectionEnabled ||
		!slices.Equal(s.MessageTypes, []types.MessageType{types.MessageTypeTransactional}) {
		t.Errorf("%+v", s)
	}
	_, err = request("ACME", "FR")
	check(t, err)
	_, err = request("ACME", "GB")
	if e := failsAs[*types.ConflictException](t, err); e.Reason != types.ConflictExceptionReasonResourceAlreadyExists {
		t.Errorf("%+v", e)
	}
	_, err = request("ACME", "US")
	if e := failsAs[*types.ValidationException](t, err); e.Reason != types.ValidationExceptionReasonSenderIdNotSupported || !strings.Contains(*e.Message, "United States") {
		t.Errorf("%+v", e)
	}
	_, err = request("ACME", "IN")
	if e := failsAs[*types.ValidationException](t, err); e.Reason != types.ValidationExceptionReasonSenderIdRequiresRegistration {
		t.Errorf("%+v", e)
	}
	_, err = request("ACME", "Gb")
	failsAs[*types.ValidationException](t, err)

	out, err := c.DescribeSenderIds(ctx, &sdk.DescribeSenderIdsInput{SenderIds: []types.SenderIdAndCountry{{SenderId: aws.String("ACME"), IsoCountryCode: aws.String("GB")}}})
	check(t, err)
	if len(out.SenderIds) != 1 || *out.SenderIds[0].SenderIdArn != *s.SenderIdArn {
		t.Errorf("%+v", out.SenderIds)
	}
	out, err = c.DescribeSenderIds(ctx, &sdk.DescribeSenderIdsInput{Filters: []types.SenderIdFilter{{Name: types.SenderIdFilterNameIsoCountryCode, Values: []string{"FR"}}}})
	check(t, err)
	if len(out.SenderIds) != 1 || *out.SenderIds[0].IsoCountryCode != "FR" {
		t.Errorf("%+v", out.SenderIds)
	}
	_, err = c.DescribeSenderIds(ctx, &sdk.DescribeSenderIdsInput{SenderIds: []types.SenderIdAndCountry{{SenderId: s.SenderIdArn, IsoCountryCode: aws.String("FR")}}})
	if e := failsAs[*types.ResourceNotFoundException](t, err); e.ResourceType != types.ResourceTypeSenderId {
		t.Errorf("%+v", e)
	}
	up, err := c.UpdateSenderId(ctx, &sdk.UpdateSenderIdInput{SenderId: aws.String("ACME"), IsoCountryCode: aws.String("GB"), DeletionProtectionEnabled: aws.Bool(true)})
	check(t, err)
	if !up.DeletionProtectionEnabled {
		t.Errorf("%+v", up)
	}
	_, err = c.ReleaseSenderId(ctx, &sdk.ReleaseSenderIdInput{SenderId: aws.String("ACME"), IsoCountryCode: aws.String("GB")})
	failsAs[*types.ConflictException](t, err)
	gone, err := c.ReleaseSenderId(ctx, &sdk.ReleaseSenderIdInput{SenderId: aws.String("ACME"), IsoCountryCode: aws.String("FR")})
	check(t, err)
	if *gone.SenderId != "ACME" || *gone.IsoCountryCode != "FR" {
		t.Errorf("%+v", gone)
	}
}

// The sandbox, as its documents walk through it: a number is added, gets a code, is verified, and is the only one that is sent to.
func TestSDKDestinations(t *testing.T) {
	w := newWorld(t, true)
	c, ctx := w.client(owner), t.Context()
	check(t, w.sandbox.SetEnabled(ctx, true))
	requestNumber(t, c, "US", types.RequestableNumberTypeTollFree, types.NumberCapabilitySms)
	attributes, err := c.DescribeAccountAttributes(ctx, &sdk.DescribeAccountAttributesInput{})
	check(t, err)
	if len(attributes.AccountAttributes) != 1 || attributes.AccountAttributes[0].Name != types.AccountAttributeNameAccountTier || *attributes.AccountAttributes[0].Value != "SANDBOX" {
		t.Errorf("%+v", attributes.AccountAttributes)
	}
	text := &sdk.SendTextMessageInput{DestinationPhoneNumber: aws.String(alice), MessageBody: aws.String("hello")}
	_, err = c.SendTextMessage(ctx, text)
	if e := failsAs[*types.ConflictException](t, err); e.Reason != types.ConflictExceptionReasonDestinationPhoneNumberNotVerified {
		t.Errorf("%+v", e)
	}

	made, err := c.CreateVerifiedDestinationNumber(ctx, &sdk.CreateVerifiedDestinationNumberInput{DestinationPhoneNumber: aws.String(alice)})
	check(t, err)
	id := made.VerifiedDestinationNumberId
	if *made.DestinationPhoneNumber != alice || made.Status != types.VerificationStatusPending || made.CreatedTimestamp == nil ||
		*made.VerifiedDestinationNumberArn != "arn:aws:sms-voice:us-local-1:000000000000:verified-destination-number/"+*id || len(w.sent()) != 0 {
		t.Errorf("%+v", made)
	}
	_, err = c.CreateVerifiedDestinationNumber(ctx, &sdk.CreateVerifiedDestinationNumberInput{DestinationPhoneNumber: aws.String(alice)})
	if e := failsAs[*types.ConflictException](t, err); e.Reason != types.ConflictExceptionReasonResourceAlreadyExists {
		t.Errorf("%+v", e)
	}
	code2, err := c.SendDestinationNumberVerificationCode(ctx, &sdk.SendDestinationNumberVerificationCodeInput{
		VerifiedDestinationNumberId: id, VerificationChannel: types.VerificationChannelText, LanguageCode: types.LanguageCodeDeDe})
	check(t, err)
	if sent := w.sent(); len(sent) != 1 || *code2.MessageId == "" || sent[0].To != alice || sent[0].Code != code || !strings.Contains(sent[0].Text, code) {
		t.Errorf("%d sent", len(sent))
	}
	verify := func(code string) (*sdk.VerifyDestinationNumberOutput, error) {
		return c.VerifyDestinationNumber(ctx, &sdk.VerifyDestinationNumberInput{VerifiedDestinationNumberId: id, VerificationCode: &code})
	}
	_, err = verify("000000")
	if e := failsAs[*types.ValidationException](t, err); e.Reason != types.ValidationExceptionReasonVerificationCodeMismatch {
		t.Errorf("%+v", e)
	}
	ok, err := verify(code)
	check(t, err)
	if ok.Status != types.VerificationStatusVerified || *ok.VerifiedDestinationNumberId != *id {
		t.Errorf("%+v", ok)
	}
	_, err = verify(code)
	if e := failsAs[*types.ConflictException](t, err); e.Reason != types.ConflictExceptionReasonVerificationAlreadyComplete {
		t.Errorf("%+v", e)
	}
	if _, err = c.SendTextMessage(ctx, text); err != nil || len(w.sent()) != 1 {
		t.Errorf("to a verified number: %v", err)
	}
	for _, in := range []*sdk.DescribeVerifiedDestinationNumbersInput{
		{}, {VerifiedDestinationNumberIds: []string{*id}}, {DestinationPhoneNumbers: []string{alice}},
		{Filters: []types.VerifiedDestinationNumberFilter{{Name: types.VerifiedDestinationNumberFilterNameStatus, Values: []string{"VERIFIED"}}}},
	} {
		out, err := c.DescribeVerifiedDestinationNumbers(ctx, in)
		check(t, err)
		if len(out.VerifiedDestinationNumbers) != 1 || *out.VerifiedDestinationNumbers[0].DestinationPhoneNumber != alice {
			t.Errorf("%+v", out.VerifiedDestinationNumbers)
		}
	}
	out, err := c.DescribeVerifiedDestinationNumbers(ctx, &sdk.DescribeVerifiedDestinationNumbersInput{
		Filters: []types.VerifiedDestinationNumberFilter{{Name: types.VerifiedDestinationNumberFilterNameStatus, Values: []string{"PENDING"}}}})
	check(t, err)
	if len(out.VerifiedDestinationNumbers) != 0 {
		t.Errorf("%+v", out.VerifiedDestinationNumbers)
	}
	_, err = c.DeleteVerifiedDestinationNumber(ctx, &sdk.DeleteVerifiedDestinationNumberInput{VerifiedDestinationNumberId: made.VerifiedDestinationNumberArn})
	check(t, err)
	_, err = c.DescribeVerifiedDestinationNumbers(ctx, &sdk.DescribeVerifiedDestinationNumbersInput{VerifiedDestinationNumberIds: []string{*id}})
	if e := failsAs[*types.ResourceNotFoundException](t, err); e.ResourceType != types.ResourceTypeVerifiedDestinationNumber || *e.ResourceId != *id {
		t.Errorf("%+v", e)
	}
}

// What the sandbox holds back has Amazon's exceptions.
func TestSDKDestinationsRefused(t *testing.T) {
	w := newWorld(t, false)
	c, ctx := w.client(owner), t.Context()
	made, err := c.CreateVerifiedDestinationNumber(ctx, &sdk.CreateVerifiedDestinationNumberInput{DestinationPhoneNumber: aws.String(bob)})
	check(t, err)
	send := func() error {
		_, err := c.SendDestinationNumberVerificationCode(ctx, &sdk.SendDestinationNumberVerificationCodeInput{
			VerifiedDestinationNumberId: made.VerifiedDestinationNumberId, VerificationChannel: types.VerificationChannelVoice})
		return err
	}
	for range 5 {
		check(t, send())
	}
	if sent := w.sent(); len(sent) != 5 || sent[0].Channel != provider.Voice {
		t.Errorf("%d sent", len(sent))
	}
	if e := failsAs[*types.ServiceQuotaExceededException](t, send()); e.Reason != types.ServiceQuotaExceededExceptionReasonVerificationAttemptsPerDay {
		t.Errorf("%+v", e)
	}
	_, err = c.DeleteVerifiedDestinationNumber(ctx, &sdk.DeleteVerifiedDestinationNumberInput{VerifiedDestinationNumberId: made.VerifiedDestinationNumberId})
	if e := failsAs[*types.ConflictException](t, err); e.Reason != types.ConflictExceptionReasonResourceDeletionNotAllowed {
		t.Errorf("%+v", e)
	}
	w.now = w.now.Add(25 * time.Hour)
	_, err = c.VerifyDestinationNumber(ctx, &sdk.VerifyDestinationNumberInput{VerifiedDestinationNumberId: made.VerifiedDestinationNumberId, VerificationCode: aws.String("123456")})
	if e := failsAs[*types.ConflictException](t, err); e.Reason != types.ConflictExceptionReasonVerificationCodeExpired {
		t.Errorf("%+v", e)
	}
	_, err = c.SendDestinationNumberVerificationCode(ctx, &sdk.SendDestinationNumberVerificationCodeInput{
		VerifiedDestinationNumberId: aws.String("447700900123"), VerificationChannel: types.VerificationChannelText})
	if e := failsAs[*types.ResourceNotFoundException](t, err); e.ResourceId != nil {
		t.Errorf("the number came back: %+v", e)
	}
}

func TestSDKSend(t *testing.T) {
	w := newWorld(t, true)
	c, ctx := w.client(owner), t.Context()
	text := func(change func(*sdk.SendTextMessageInput)) error {
		in := &sdk.SendTextMessageInput{DestinationPhoneNumber: aws.String(alice), MessageBody: aws.String("hello")}
		if change != nil {
			change(in)
		}
		out, err := c.SendTextMessage(ctx, in)
		if err == nil && aws.ToString(out.MessageId) == "" {
			t.Error("no message id")
		}
		return err
	}
	if e := failsAs[*types.ConflictException](t, text(nil)); e.Reason != types.ConflictExceptionReasonNoOriginationIdentitiesFound {
		t.Errorf("%+v", e)
	}
	n := requestNumber(t, c, "US", types.RequestableNumberTypeTollFree, types.NumberCapabilitySms)
	british := requestNumber(t, c, "GB", types.RequestableNumberTypeLongCode, types.NumberCapabilitySms, types.NumberCapabilityVoice)
	check(t, text(nil))
	if sent := w.sent(); len(sent) != 1 || sent[0].From != *n.PhoneNumber || sent[0].To != alice || sent[0].Text != "hello" || sent[0].TriggerSource != smsaccount.TriggerSource {
		t.Errorf("%+v", sent)
	}
	check(t, text(func(in *sdk.SendTextMessageInput) {
		in.OriginationIdentity, in.TimeToLive = n.PhoneNumberArn, aws.Int32(60)
	}))
	if sent := w.sent(); len(sent) != 1 || sent[0].ExpiresAt.Sub(w.now) != time.Minute {
		t.Errorf("%+v", sent)
	}
	check(t, text(func(in *sdk.SendTextMessageInput) { in.DryRun = true }))
	if sent := w.sent(); len(sent) != 0 {
		t.Errorf("a dry run sent %+v", sent)
	}

	for name, tt := range map[string]struct {
		change func(*sdk.SendTextMessageInput)
		want   string
	}{
		"identity of another country": {func(in *sdk.SendTextMessageInput) { in.OriginationIdentity = british.PhoneNumberId }, "INVALID_IDENTITY_FOR_DESTINATION_COUNTRY"},
		"sender ID":                   {func(in *sdk.SendTextMessageInput) { in.OriginationIdentity = aws.String("ACME") }, "SENDER_ID_NOT_SUPPORTED"},
		"price":                       {func(in *sdk.SendTextMessageInput) { in.MaxPrice = aws.String(".01") }, "PRICE_OVER_THRESHOLD"},
		"form":                        {func(in *sdk.SendTextMessageInput) { in.DestinationPhoneNumber = aws.String("+0") }, "FIELD_VALIDATION_FAILED"},
		"too short":                   {func(in *sdk.SendTextMessageInput) { in.DestinationPhoneNumber = aws.String("+12345678901234567") }, "FIELD_VALIDATION_FAILED"},
	} {
		e := failsAs[*types.ValidationException](t, text(tt.change))
		if string(e.Reason) != tt.want {
			t.Errorf("%s: %+v", name, e)
		}
		if tt.want == "FIELD_VALIDATION_FAILED" && (len(e.Fields) != 1 || *e.Fields[0].Name != "DestinationPhoneNumber") {
			t.Errorf("%s: %+v", name, e.Fields)
		}
	}
	for name, tt := range map[string]struct {
		change func(*sdk.SendTextMessageInput)
		want   types.ResourceType
	}{
		"unknown number":    {func(in *sdk.SendTextMessageInput) { in.OriginationIdentity = aws.String("+12025550199") }, types.ResourceTypePhoneNumber},
		"pool":              {func(in *sdk.SendTextMessageInput) { in.OriginationIdentity = aws.String("pool-1") }, types.ResourceTypePool},
		"configuration set": {func(in *sdk.SendTextMessageInput) { in.ConfigurationSetName = aws.String("set") }, types.ResourceTypeConfigurationSet},
		"protection":        {func(in *sdk.SendTextMessageInput) { in.ProtectConfigurationId = aws.String("p") }, types.ResourceTypeProtectConfiguration},
	} {
		if e := failsAs[*types.ResourceNotFoundException](t, text(tt.change)); e.ResourceType != tt.want {
			t.Errorf("%s: %+v", name, e)
		}
	}
	_, err := c.SetTextMessageSpendLimitOverride(ctx, &sdk.SetTextMessageSpendLimitOverrideInput{MonthlyLimit: aws.Int64(0)})
	check(t, err)
	if e := failsAs[*types.ServiceQuotaExceededException](t, text(nil)); e.Reason != types.ServiceQuotaExceededExceptionReasonMonthlySpendLimitReachedForText {
		t.Errorf("%+v", e)
	}
}

func TestSDKVoice(t *testing.T) {
	w := newWorld(t, true)
	c, ctx := w.client(owner), t.Context()
	texts := requestNumber(t, c, "GB", types.RequestableNumberTypeLongCode, types.NumberCapabilitySms)
	calls := requestNumber(t, c, "GB", types.RequestableNumberTypeLongCode, types.NumberCapabilityVoice)
	in := &sdk.SendVoiceMessageInput{DestinationPhoneNumber: aws.String(bob), OriginationIdentity: texts.PhoneNumberId, MessageBody: aws.String("hallo"), VoiceId: types.VoiceIdHans}
	_, err := c.SendVoiceMessage(ctx, in)
	if e := failsAs[*types.ValidationException](t, err); e.Reason != types.ValidationExceptionReasonVoiceCapabilityNotAvailable {
		t.Errorf("%+v", e)
	}
	in.OriginationIdentity = calls.PhoneNumber
	out, err := c.SendVoiceMessage(ctx, in)
	check(t, err)
	if sent := w.sent(); *out.MessageId == "" || len(sent) != 1 || sent[0].Channel != provider.Voice || sent[0].From != *calls.PhoneNumber || sent[0].Locale != "de-DE" {
		t.Errorf("%+v", sent)
	}
	in.MessageBodyTextType, in.MessageBody = types.VoiceMessageBodyTextTypeSsml, aws.String("<speak>Ihr Code <break time='1s'/>ist <say-as interpret-as='digits'>1 2</say-as></speak>")
	_, err = c.SendVoiceMessage(ctx, in)
	check(t, err)
	if sent := w.sent(); len(sent) != 1 || sent[0].Text != "Ihr Code ist 1 2" {
		t.Errorf("%+v", sent)
	}
	for _, bad := range []string{"<speak>", "no tags", "<speak/>", "<a>b</a>", "<speak>a</speak><speak>b</speak>", "<speak>&nothing;</speak>"} {
		in.MessageBody = &bad
		_, err = c.SendVoiceMessage(ctx, in)
		failsAs[*types.ValidationException](t, err)
	}
}

func TestSDKOptOuts(t *testing.T) {
	w := newWorld(t, true)
	c, ctx := w.client(owner), t.Context()
	requestNumber(t, c, "US", types.RequestableNumberTypeTollFree, types.NumberCapabilitySms)
	made, err := c.CreateOptOutList(ctx, &sdk.CreateOptOutListInput{OptOutListName: aws.String("news")})
	check(t, err)
	if *made.OptOutListArn != "arn:aws:sms-voice:us-local-1:000000000000:opt-out-list/news" || made.CreatedTimestamp == nil {
		t.Errorf("%+v", made)
	}
	_, err = c.CreateOptOutList(ctx, &sdk.CreateOptOutListInput{OptOutListName: aws.String("news")})
	failsAs[*types.ConflictException](t, err)
	lists, err := c.DescribeOptOutLists(ctx, &sdk.DescribeOptOutListsInput{})
	check(t, err)
	if len(lists.OptOutLists) != 2 || *lists.OptOutLists[0].OptOutListName != "Default" || lists.OptOutLists[0].CreatedTimestamp == nil {
		t.Errorf("%+v", lists.OptOutLists)
	}
	put, err := c.PutOptedOutNumber(ctx, &sdk.PutOptedOutNumberInput{OptOutListName: aws.String("Default"), OptedOutNumber: aws.String(alice)})
	check(t, err)
	if *put.OptedOutNumber != alice || put.EndUserOptedOut || put.OptedOutTimestamp == nil {
		t.Errorf("%+v", put)
	}
	_, err = c.SendTextMessage(ctx, &sdk.SendTextMessageInput{DestinationPhoneNumber: aws.String(alice), MessageBody: aws.String("hello")})
	if e := failsAs[*types.ConflictException](t, err); e.Reason != types.ConflictExceptionReasonDestinationPhoneNumberOptedOut {
		t.Errorf("%+v", e)
	}
	_, err = c.PutOptedOutNumber(ctx, &sdk.PutOptedOutNumberInput{OptOutListName: made.OptOutListArn, OptedOutNumber: aws.String(bob)})
	check(t, err)
	for _, in := range []*sdk.DescribeOptedOutNumbersInput{
		{OptOutListName: aws.String("Default")}, {OptOutListName: aws.String("Default"), OptedOutNumbers: []string{alice}},
		{OptOutListName: aws.String("Default"), Filters: []types.OptedOutFilter{{Name: types.OptedOutFilterNameEndUserOptedOut, Values: []string{"false"}}}},
	} {
		out, err := c.DescribeOptedOutNumbers(ctx, in)
		check(t, err)
		// A number that stands nowhere in full is listed by its mask.
		if n := out.OptedOutNumbers; len(n) != 1 || *n[0].OptedOutNumber != alice && (*n[0].OptedOutNumber != "+*******0123" || in.OptedOutNumbers != nil) {
			t.Errorf("%+v", n)
		}
	}
	_, err = c.DescribeOptedOutNumbers(ctx, &sdk.DescribeOptedOutNumbersInput{OptOutListName: aws.String("Default"), OptedOutNumbers: []string{bob}})
	if e := failsAs[*types.ResourceNotFoundException](t, err); e.ResourceType != types.ResourceTypeOptedOutNumber || e.ResourceId != nil {
		t.Errorf("%+v", e)
	}
	_, err = c.DescribeOptedOutNumbers(ctx, &sdk.DescribeOptedOutNumbersInput{OptOutListName: aws.String("other")})
	if e := failsAs[*types.ResourceNotFoundException](t, err); e.ResourceType != types.ResourceTypeOptOutList || *e.ResourceId != "other" {
		t.Errorf("%+v", e)
	}
	in := &sdk.DeleteOptedOutNumberInput{OptOutListName: aws.String("Default"), OptedOutNumber: aws.String(alice)}
	_, err = c.DeleteOptedOutNumber(ctx, in)
	check(t, err)
	_, err = c.DeleteOptedOutNumber(ctx, in)
	failsAs[*types.ResourceNotFoundException](t, err)
	_, err = c.PutOptedOutNumber(ctx, &sdk.PutOptedOutNumberInput{OptOutListName: aws.String("Default"), OptedOutNumber: aws.String(alice)})
	check(t, err)
	_, err = c.DeleteOptedOutNumber(ctx, in)
	if e := failsAs[*types.ValidationException](t, err); e.Reason != types.ValidationExceptionReasonPhoneNumberCannotBeOptedIn {
		t.Errorf("%+v", e)
	}
	_, err = c.DeleteOptOutList(ctx, &sdk.DeleteOptOutListInput{OptOutListName: aws.String("Default")})
	if e := failsAs[*types.ConflictException](t, err); e.Reason != types.ConflictExceptionReasonResourceDeletionNotAllowed {
		t.Errorf("%+v", e)
	}
	_, err = c.DeleteOptOutList(ctx, &sdk.DeleteOptOutListInput{OptOutListName: aws.String("news")})
	check(t, err)
	_, err = c.DescribeOptOutLists(ctx, &sdk.DescribeOptOutListsInput{OptOutListNames: []string{"news"}})
	failsAs[*types.ResourceNotFoundException](t, err)
}

func TestSDKAccount(t *testing.T) {
	w := newWorld(t, true)
	c, ctx := w.client(owner), t.Context()
	requestNumber(t, c, "US", types.RequestableNumberTypeTollFree, types.NumberCapabilitySms)
	_, err := c.SetTextMessageSpendLimitOverride(ctx, &sdk.SetTextMessageSpendLimitOverrideInput{MonthlyLimit: aws.Int64(25)})
	check(t, err)
	spend := func() types.SpendLimit {
		t.Helper()
		out, err := c.DescribeSpendLimits(ctx, &sdk.DescribeSpendLimitsInput{})
		check(t, err)
		i := slices.IndexFunc(out.SpendLimits, func(l types.SpendLimit) bool { return l.Name == types.SpendLimitNameTextMessageMonthlySpendLimit })
		if len(out.SpendLimits) != 5 || i < 0 {
			t.Fatalf("%+v", out.SpendLimits)
		}
		return out.SpendLimits[i]
	}
	if l := spend(); !l.Overridden || l.EnforcedLimit != 25 || l.MaxLimit < 25 {
		t.Errorf("%+v", l)
	}
	_, err = c.DeleteTextMessageSpendLimitOverride(ctx, &sdk.DeleteTextMessageSpendLimitOverrideInput{})
	check(t, err)
	if l := spend(); l.Overridden {
		t.Errorf("%+v", l)
	}
	limits, err := c.DescribeAccountLimits(ctx, &sdk.DescribeAccountLimitsInput{})
	check(t, err)
	i := slices.IndexFunc(limits.AccountLimits, func(l types.AccountLimit) bool { return l.Name == types.AccountLimitNamePhoneNumbers })
	if i < 0 || limits.AccountLimits[i].Used != 1 || limits.AccountLimits[i].Max != origination.MaxIdentities {
		t.Errorf("%+v", limits.AccountLimits)
	}
	r, err := w.registrations.Put(ctx, registration.Registration{Name: "brand", Country: "US", Kind: registration.TenDLCBrand, BrandID: "B123456", Status: registration.Approved})
	check(t, err)
	for _, in := range []*sdk.DescribeRegistrationsInput{
		{}, {RegistrationIds: []string{r.ID}}, {RegistrationIds: []string{"arn:aws:sms-voice:us-local-1:000000000000:registration/" + r.ID}},
		{Filters: []types.RegistrationFilter{{Name: types.RegistrationFilterNameRegistrationStatus, Values: []string{"COMPLETE"}}}},
	} {
		out, err := c.DescribeRegistrations(ctx, in)
		check(t, err)
		if len(out.Registrations) != 1 || *out.Registrations[0].RegistrationId != r.ID || *out.Registrations[0].RegistrationType != "US_TEN_DLC_BRAND_REGISTRATION" ||
			out.Registrations[0].ApprovedVersionNumber == nil {
			t.Errorf("%+v", out.Registrations)
		}
	}
	_, err = c.DescribeRegistrations(ctx, &sdk.DescribeRegistrationsInput{RegistrationIds: []string{"registration-1"}})
	failsAs[*types.ResourceNotFoundException](t, err)
}
