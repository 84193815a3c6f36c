package sns_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/aws/smithy-go"

	"countersign/internal/fault"
)

// as reports whether err is a T.
func as[T error](err error) bool {
	var t T
	return errors.As(err, &t)
}

func code(want string) func(error) bool {
	return func(err error) bool {
		var api smithy.APIError
		return errors.As(err, &api) && api.ErrorCode() == want
	}
}

// What the domain refuses arrives as the exception that clients know, with SNS's name of the parameter.
func TestErrorsOfTheDomain(t *testing.T) {
	w := newWorld(t)
	c := w.client(owner)
	ctx := t.Context()
	send := func() error { _, err := c.Publish(ctx, publish("hi", nil)); return err }
	create := func() error {
		_, err := c.CreateSMSSandboxPhoneNumber(ctx, &awssns.CreateSMSSandboxPhoneNumberInput{PhoneNumber: aws.String(alice)})
		return err
	}
	verify := func() error {
		_, err := c.VerifySMSSandboxPhoneNumber(ctx, &awssns.VerifySMSSandboxPhoneNumberInput{PhoneNumber: aws.String(alice), OneTimePassword: aws.String("123456")})
		return err
	}
	remove := func() error {
		_, err := c.DeleteSMSSandboxPhoneNumber(ctx, &awssns.DeleteSMSSandboxPhoneNumberInput{PhoneNumber: aws.String(alice)})
		return err
	}
	optIn := func() error {
		_, err := c.OptInPhoneNumber(ctx, &awssns.OptInPhoneNumberInput{PhoneNumber: aws.String(alice)})
		return err
	}
	set := func() error {
		_, err := c.SetSMSAttributes(ctx, &awssns.SetSMSAttributesInput{Attributes: map[string]string{"DefaultSMSType": "x"}})
		return err
	}
	get := func() error { _, err := c.GetSMSAttributes(ctx, &awssns.GetSMSAttributesInput{}); return err }
	invalid := as[*types.InvalidParameterException]
	for name, tt := range map[string]struct {
		call func() error
		err  error
		is   func(error) bool
		says string
	}{
		"opted out":            {send, fault.New(fault.OptedOut), invalid, "PhoneNumber Reason: the phone number is opted out"},
		"sandbox":              {send, fault.New(fault.DestinationNotVerified).WithPublic("Verify it."), invalid, "PhoneNumber Reason: Verify it."},
		"origination":          {send, fault.New(fault.OriginationRefused).WithField("no_origination_identity").WithPublic("Get one."), invalid, "Reason: Get one."},
		"month":                {send, fault.New(fault.SpendLimitReached).WithField("text"), invalid, "MonthlySpendLimit"},
		"month, in words":      {send, fault.New(fault.SpendLimitReached).WithField("text").WithPublic("Over."), invalid, "MonthlySpendLimit Reason: Over."},
		"price":                {send, fault.New(fault.PriceTooHigh), invalid, "AWS.SNS.SMS.MaxPrice"},
		"sender":               {send, fault.Invalidf("sender", "Too long."), invalid, "Invalid parameter: AWS.SNS.SMS.SenderID Reason: Too long."},
		"text":                 {send, fault.Invalidf("text", "Too long."), invalid, "Invalid parameter: Message Reason: Too long."},
		"destination":          {send, fault.New(fault.DestinationRefused), invalid, "PhoneNumber"},
		"unknown identity":     {send, fault.New(fault.ResourceNotFound).WithField("number"), invalid, "does not exist"},
		"too fast":             {send, fault.New(fault.RateExceeded), code("Throttling"), "Rate exceeded"},
		"too many":             {send, fault.New(fault.AttemptLimit), code("Throttling"), "Rate exceeded"},
		"too fast elsewhere":   {get, fault.New(fault.RateExceeded), as[*types.ThrottledException], "Rate exceeded"},
		"internal":             {send, errors.New("secret"), as[*types.InternalErrorException], "internal error"},
		"outside":              {send, fault.New(fault.DeliveryFailed), as[*types.InternalErrorException], "try again"},
		"denied":               {send, fault.New(fault.AccessDenied), as[*types.AuthorizationErrorException], "not authorized"},
		"create: opted out":    {create, fault.New(fault.OptedOut), as[*types.OptedOutException], "opted out"},
		"create: five codes":   {create, fault.New(fault.AttemptLimit), as[*types.UserErrorException], "24 hours"},
		"create: ten":          {create, fault.New(fault.TooMany), as[*types.UserErrorException], "as many"},
		"create: verified":     {create, fault.New(fault.VerificationComplete), as[*types.UserErrorException], "already"},
		"create: origination":  {create, fault.New(fault.OriginationRefused).WithPublic("Get one."), invalid, "PhoneNumber Reason: Get one."},
		"verify: wrong":        {verify, fault.New(fault.CodeMismatch), as[*types.VerificationException], "wrong"},
		"verify: expired":      {verify, fault.New(fault.CodeExpired), as[*types.VerificationException], "expired"},
		"verify: unknown":      {verify, fault.New(fault.ResourceNotFound), as[*types.ResourceNotFoundException], "not a destination"},
		"delete: too soon":     {remove, fault.New(fault.TooSoon), as[*types.UserErrorException], "24 hours"},
		"delete: unknown":      {remove, fault.New(fault.ResourceNotFound), as[*types.ResourceNotFoundException], "not a destination"},
		"opt in: too soon":     {optIn, fault.New(fault.TooSoon).WithPublic("Once in 30 days."), invalid, "phoneNumber Reason: Once in 30 days."},
		"attribute":            {set, fault.Invalidf("DefaultSMSType", "It is one of two."), invalid, "Invalid parameter: DefaultSMSType Reason: It is one of two."},
		"changed meanwhile":    {set, fault.New(fault.ConcurrentModification), as[*types.ThrottledException], "again"},
		"sentence of its own":  {send, fault.Invalidf("text", "Invalid parameter: Message"), invalid, "Invalid parameter: Message"},
		"sentence, no field":   {set, fault.Invalidf("", "No."), invalid, "No."},
		"error without a kind": {send, fault.New(fault.PoolNotFound).WithField("p"), invalid, "p does not exist"},
	} {
		w.domain.err = tt.err
		err := tt.call()
		if !tt.is(err) || !strings.Contains(err.Error(), tt.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.domain.err = fault.New(fault.CodeMismatch)
	var v *types.VerificationException
	if err := verify(); !errors.As(err, &v) || aws.ToString(v.Status) != "CODE_MISMATCH" {
		t.Errorf("%v %+v", err, v)
	}
	if s := w.logs.String(); !strings.Contains(s, "secret") || strings.Contains(s, "2025550123") || strings.Contains(s, "123456") {
		t.Error(s)
	}
}
