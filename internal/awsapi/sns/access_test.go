package sns_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
)

// Every operation asks for its own grant.
func TestGrants(t *testing.T) {
	w := newWorld(t)
	c := w.client(somebody)
	ctx := t.Context()
	calls := map[string]func() error{
		"Publish": func() error { _, err := c.Publish(ctx, publish("hi", nil)); return err },
		"GetSMSAttributes": func() error {
			_, err := c.GetSMSAttributes(ctx, &awssns.GetSMSAttributesInput{})
			return err
		},
		"SetSMSAttributes": func() error {
			_, err := c.SetSMSAttributes(ctx, &awssns.SetSMSAttributesInput{Attributes: map[string]string{"DefaultSenderID": "X"}})
			return err
		},
		"CheckIfPhoneNumberIsOptedOut": func() error {
			_, err := c.CheckIfPhoneNumberIsOptedOut(ctx, &awssns.CheckIfPhoneNumberIsOptedOutInput{PhoneNumber: aws.String(alice)})
			return err
		},
		"ListPhoneNumbersOptedOut": func() error {
			_, err := c.ListPhoneNumbersOptedOut(ctx, &awssns.ListPhoneNumbersOptedOutInput{})
			return err
		},
		"OptInPhoneNumber": func() error {
			_, err := c.OptInPhoneNumber(ctx, &awssns.OptInPhoneNumberInput{PhoneNumber: aws.String(alice)})
			return err
		},
		"GetSMSSandboxAccountStatus": func() error {
			_, err := c.GetSMSSandboxAccountStatus(ctx, &awssns.GetSMSSandboxAccountStatusInput{})
			return err
		},
		"CreateSMSSandboxPhoneNumber": func() error {
			_, err := c.CreateSMSSandboxPhoneNumber(ctx, &awssns.CreateSMSSandboxPhoneNumberInput{PhoneNumber: aws.String(alice)})
			return err
		},
		"VerifySMSSandboxPhoneNumber": func() error {
			_, err := c.VerifySMSSandboxPhoneNumber(ctx, &awssns.VerifySMSSandboxPhoneNumberInput{
				PhoneNumber: aws.String(alice), OneTimePassword: aws.String("123456")})
			return err
		},
		"DeleteSMSSandboxPhoneNumber": func() error {
			_, err := c.DeleteSMSSandboxPhoneNumber(ctx, &awssns.DeleteSMSSandboxPhoneNumberInput{PhoneNumber: aws.String(alice)})
			return err
		},
		"ListSMSSandboxPhoneNumbers": func() error {
			_, err := c.ListSMSSandboxPhoneNumbers(ctx, &awssns.ListSMSSandboxPhoneNumbersInput{})
			return err
		},
		"ListOriginationNumbers": func() error {
			_, err := c.ListOriginationNumbers(ctx, &awssns.ListOriginationNumbersInput{})
			return err
		},
	}
	for name, call := range calls {
		w.allow()
		if err := call(); !as[*types.AuthorizationErrorException](err) {
			t.Errorf("%s without a grant: %v", name, err)
		}
		for other := range calls {
			if other == name {
				continue
			}
			w.allow(other)
			if err := call(); !as[*types.AuthorizationErrorException](err) {
				t.Errorf("%s with the grant for %s: %v", name, other, err)
			}
		}
		if len(w.sent)+len(w.added)+len(w.queries)+len(w.attrs) > 0 {
			t.Fatalf("%s ran without a grant", name)
		}
		w.allow(name)
		if err := call(); err != nil {
			t.Errorf("%s with its grant: %v", name, err)
		}
		w.sent, w.added, w.queries, w.attrs = nil, nil, nil, nil
	}
}

// Who is not known, or is a page of another origin, learns nothing.
func TestCallers(t *testing.T) {
	w := newWorld(t)
	if _, err := w.client("AKIANOBODY").Publish(t.Context(), publish("hi", nil)); !code("InvalidClientTokenId")(err) {
		t.Error(err)
	}
	form := url.Values{"Action": {"Publish"}, "Version": {"2010-03-31"}, "PhoneNumber": {alice}, "Message": {"hi"}}
	for name, tt := range map[string]struct {
		headers []string
		code    string
	}{
		"unsigned":        {nil, "MissingAuthenticationToken"},
		"garbled":         {[]string{"Authorization", "AWS4-HMAC-SHA256 x"}, "SignatureDoesNotMatch"},
		"page":            {[]string{"Origin", "https://evil.example", "Authorization", "AWS4-HMAC-SHA256 x"}, "AuthorizationError"},
		"page, unsigned":  {[]string{"Sec-Fetch-Site", "cross-site"}, "AuthorizationError"},
		"page, same site": {[]string{"Sec-Fetch-Site", "same-site"}, "AuthorizationError"},
	} {
		resp, out := w.post(form, tt.headers...)
		if resp.StatusCode != http.StatusForbidden || out.Error.Code != tt.code || out.Error.Type != "Sender" ||
			resp.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %+v", name, resp.StatusCode, out)
		}
	}
	if len(w.sent) > 0 {
		t.Error("a message was sent")
	}
}
