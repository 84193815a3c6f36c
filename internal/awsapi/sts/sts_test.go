package sts

import (
	"context"
	"encoding/xml"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssts "github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"countersign/internal/access"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/sigv4"
)

const (
	testKey    = "AKIDEXAMPLE"
	testSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// signed knows one key, whose owner has no grant at all.
func signed() wire.Authorizer {
	return &wire.Signed{
		Account: "000000000000",
		Verifier: &sigv4.Verifier{Lookup: func(_ context.Context, id string) (string, error) {
			if id != testKey {
				return "", fault.New(fault.AccessKeyUnknown)
			}
			return testSecret, nil
		}},
		Principal: func(_ context.Context, id string) (access.Principal, error) {
			return access.Principal{ID: id, Kind: access.AWS, Name: "auditor & co"}, nil
		},
	}
}

func TestSDK(t *testing.T) {
	srv := httptest.NewServer(&Handler{Authorizer: signed()})
	defer srv.Close()
	call := func(key, secret string) (*awssts.GetCallerIdentityOutput, error) {
		client := awssts.New(awssts.Options{Region: "us-local-1", BaseEndpoint: aws.String(srv.URL), HTTPClient: srv.Client(), RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider(key, secret, "")})
		return client.GetCallerIdentity(t.Context(), &awssts.GetCallerIdentityInput{})
	}
	out, err := call(testKey, testSecret)
	if err != nil {
		t.Fatal(err)
	}
	if *out.Account != "000000000000" || *out.Arn != "arn:aws:iam::000000000000:user/"+testKey+"/auditor---co" || *out.UserId != testKey {
		t.Errorf("got %s %s %s", *out.Account, *out.Arn, *out.UserId)
	}
	for key, code := range map[string]string{testKey: "SignatureDoesNotMatch", "AKIDOTHER": "InvalidClientTokenId"} {
		_, err := call(key, "wrong")
		if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != code {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestErrors(t *testing.T) {
	tests := map[string]struct {
		form    string
		headers map[string]string
		status  int
		code    string
	}{
		"unsigned":       {form: "Action=GetCallerIdentity&Version=2011-06-15", status: 403, code: "MissingAuthenticationToken"},
		"other action":   {form: "Action=AssumeRole&Version=2011-06-15", status: 400, code: "InvalidAction"},
		"other version":  {form: "Action=GetCallerIdentity&Version=2010-01-01", status: 400, code: "InvalidAction"},
		"no form":        {form: "{}", headers: map[string]string{"Content-Type": "application/json"}, status: 400, code: "MalformedQueryString"},
		"broken form":    {form: "Action=%zz", status: 400, code: "MalformedQueryString"},
		"too large":      {form: "Action=" + strings.Repeat("a", maxBody), status: 400, code: "MalformedQueryString"},
		"another origin": {form: "Action=GetCallerIdentity&Version=2011-06-15", headers: map[string]string{"Origin": "https://app.example"}, status: 403, code: "AccessDenied"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/", strings.NewReader(tt.form))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
			for k, v := range tt.headers {
				r.Header.Set(k, v)
			}
			rec := httptest.NewRecorder()
			(&Handler{Authorizer: signed()}).ServeHTTP(rec, r)
			var got errorResponse
			if err := xml.Unmarshal(rec.Body.Bytes(), &got); err != nil {
				t.Fatalf("%v: %s", err, rec.Body)
			}
			if rec.Code != tt.status || got.Code != tt.code || got.Type != "Sender" || got.RequestID == "" || got.Message == "" {
				t.Errorf("got %d %+v", rec.Code, got)
			}
			if rec.Header().Get("Access-Control-Allow-Origin") != "" {
				t.Error("the answer carries CORS headers")
			}
		})
	}
}

type broken struct{}

func (broken) Authorize(context.Context, *http.Request, []byte, string, string, string) (wire.Principal, error) {
	return wire.Principal{}, errors.New("disk full")
}

func TestInternalErrorsAreLoggedNotShown(t *testing.T) {
	var log strings.Builder
	r := httptest.NewRequest("POST", "/", strings.NewReader(url.Values{"Action": {"GetCallerIdentity"}, "Version": {version}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	(&Handler{Authorizer: broken{}, Log: slog.New(slog.NewTextHandler(&log, nil))}).ServeHTTP(rec, r)
	if body := rec.Body.String(); rec.Code != 500 || !strings.Contains(body, "<Code>InternalFailure</Code>") || !strings.Contains(body, "<Type>Receiver</Type>") || strings.Contains(body, "disk") {
		t.Errorf("got %d %s", rec.Code, body)
	}
	if !strings.Contains(log.String(), "disk full") {
		t.Errorf("log: %s", log.String())
	}
}
