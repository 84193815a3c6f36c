package api

import (
	"slices"
	"testing"

	"countersign/internal/awsapi/wire"
)

func TestOperationsAreSortedAndUnique(t *testing.T) {
	names := make([]string, len(Operations))
	for i, m := range Operations {
		names[i] = m.Name
		for _, e := range m.Errors {
			if !slices.Contains(Exceptions, e) {
				t.Errorf("%s declares %s, which is no exception", m.Name, e)
			}
		}
	}
	if !slices.IsSorted(names) || len(slices.Compact(names)) != len(Operations) {
		t.Error("the table of operations is not sorted or holds one twice")
	}
}

func TestPatterns(t *testing.T) {
	str := func(s string) *string { return &s }
	to := str("+12025550123")
	for name, tt := range map[string]struct {
		in interface{ Validate(*wire.Violations) }
		ok bool
	}{
		"text":            {&SendTextMessageRequest{DestinationPhoneNumber: to, MessageBody: str(" a\nb ")}, true},
		"blank text":      {&SendTextMessageRequest{DestinationPhoneNumber: to, MessageBody: str(" \n ")}, false},
		"no number":       {&SendTextMessageRequest{MessageBody: str("a")}, false},
		"bad number":      {&SendTextMessageRequest{DestinationPhoneNumber: str("+0"), MessageBody: str("a")}, false},
		"context":         {&SendTextMessageRequest{DestinationPhoneNumber: to, Context: map[string]string{"a": "b c"}}, true},
		"padded context":  {&SendTextMessageRequest{DestinationPhoneNumber: to, Context: map[string]string{"a": " b"}}, false},
		"sender":          {&RequestSenderIdRequest{SenderId: str("ACME"), IsoCountryCode: str("GB")}, true},
		"long sender":     {&RequestSenderIdRequest{SenderId: str("TwelveLetter"), IsoCountryCode: str("GB")}, false},
		"country":         {&RequestSenderIdRequest{SenderId: str("ACME"), IsoCountryCode: str("gb")}, false},
		"no destination":  {&CreateVerifiedDestinationNumberRequest{}, false},
		"voice blank":     {&SendVoiceMessageRequest{DestinationPhoneNumber: to, OriginationIdentity: str("+1"), MessageBody: str("\t")}, false},
		"price":           {&SendTextMessageRequest{DestinationPhoneNumber: to, MaxPrice: str("0.05")}, true},
		"price in words":  {&SendTextMessageRequest{DestinationPhoneNumber: to, MaxPrice: str("dear")}, false},
		"too many values": {&DescribePhoneNumbersRequest{PhoneNumberIds: []string{"a", "b", "c", "d", "e", "f"}}, false},
	} {
		var v wire.Violations
		tt.in.Validate(&v)
		if err := v.Err(); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
