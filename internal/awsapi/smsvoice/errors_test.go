package smsvoice

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"countersign/internal/awsapi/smsvoice/api"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/origination"
)

// commonErrors are those of the AWS page "Common Errors" that the API model does not repeat.
var commonErrors = []string{"InvalidSignatureException", "MissingAuthenticationTokenException", "UnrecognizedClientException", "UnsupportedOperationException"}

func checkShape(t *testing.T, what string, s wire.ErrorShape) {
	t.Helper()
	if !slices.Contains(api.Exceptions, s.Name) && !slices.Contains(commonErrors, s.Name) {
		t.Errorf("%s: %s is no exception", what, s.Name)
	}
	if s.Message == "" || strings.Contains(s.Message, "{") {
		t.Errorf("%s: the sentence is %q", what, s.Message)
	}
}

func TestEveryCodeHasAnException(t *testing.T) {
	table := Errors()
	for _, c := range fault.Codes() {
		s, ok := table[c]
		if !ok {
			t.Errorf("no exception for %s", c)
			continue
		}
		checkShape(t, string(c), s)
		for _, op := range api.Operations {
			if s, ok := errorOf(op.Name, fault.New(c)); ok {
				checkShape(t, op.Name+", "+string(c), s)
			}
		}
	}
	if len(table) != len(fault.Codes()) {
		t.Errorf("the table holds %d codes of %d", len(table), len(fault.Codes()))
	}
}

// Every reason of package origination is told, as the model spells it.
func TestOriginationReasons(t *testing.T) {
	for reason, want := range map[origination.Reason]string{
		origination.NoIdentity: conflict + " NO_ORIGINATION_IDENTITIES_FOUND", origination.Unknown: notFound + " ",
		origination.NotActive: conflict + " RESOURCE_NOT_ACTIVE", origination.OnlySimulated: conflict + " RESOURCE_NOT_ACTIVE",
		origination.SenderNotSupported:  validation + " SENDER_ID_NOT_SUPPORTED",
		origination.SenderNotRegistered: validation + " SENDER_ID_NOT_REGISTERED",
		origination.OtherCountry:        validation + " INVALID_IDENTITY_FOR_DESTINATION_COUNTRY",
		origination.NoVoice:             validation + " VOICE_CAPABILITY_NOT_AVAILABLE",
		origination.NoSMS:               conflict + " NUMBER_CAPABILITIES_MISMATCH", origination.ReceiveOnly: conflict + " NUMBER_CAPABILITIES_MISMATCH",
	} {
		err := on(&origination.Blocker{Reason: reason, Public: "sentence"}, senderID, "x")
		f, ok := errors.AsType[*fault.Error](err)
		if !ok || f.Public != "sentence" {
			t.Fatalf("%s: %v", reason, err)
		}
		s, _ := errorOf(api.OpSendTextMessage.Name, f)
		r, _ := s.Members["Reason"].(string)
		if got := s.Name + " " + r; got != want {
			t.Errorf("%s: %s, want %s", reason, got, want)
		}
	}
}

func TestViolated(t *testing.T) {
	got := violated("2 validation errors detected: Value at 'destinationPhoneNumber' failed to satisfy constraint: Member must match; " +
		"Value '3' at 'timeToLive' failed to satisfy constraint: Member must have value greater than or equal to 5")
	if len(got) != 2 || got[0].Name != "DestinationPhoneNumber" || got[1].Name != "TimeToLive" || !strings.HasSuffix(got[1].Message, "equal to 5") {
		t.Errorf("%+v", got)
	}
	for _, s := range []string{"", "no list", " at '' failed to satisfy constraint: x", "; ; "} {
		if got := violated(s); len(got) != 0 {
			t.Errorf("%q: %+v", s, got)
		}
	}
}

func FuzzSpoken(f *testing.F) {
	for _, s := range []string{"<speak>a</speak>", "<speak>a<b/>c</speak>", "<speak>", "a", "<a/>", "<speak>&lt;</speak>", "<!DOCTYPE a><speak>b</speak>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, ssml string) {
		text, err := spoken(ssml)
		if err == nil && (strings.TrimSpace(text) == "" || len(text) > len(ssml)*4) {
			t.Errorf("%q: %q", ssml, text)
		}
	})
}

func TestNamed(t *testing.T) {
	for in, want := range map[string]string{
		"phone-1": "phone-1", "arn:aws:sms-voice:a:b:phone-number/phone-1": "phone-1", "arn:aws:sms-voice:a:b:sender-id/A/GB": "arn:aws:sms-voice:a:b:sender-id/A/GB",
	} {
		if got := named(phoneNumber, in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}
