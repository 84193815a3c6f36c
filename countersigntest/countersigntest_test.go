package countersigntest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"countersign"
	"countersign/countersigntest"
)

const phone, password = "+12025550123", "Correct-Horse-1"

// call makes one unsigned Cognito call and returns its answer, and the error's name or "".
func call(t *testing.T, cs *countersigntest.Server, operation string, in map[string]any) (map[string]any, string) {
	t.Helper()
	in["ClientId"] = countersign.DevClient
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest("POST", cs.URL+"/", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+operation)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%s answered %d %q", operation, res.StatusCode, raw)
	}
	return out, strings.TrimSuffix(res.Header.Get("X-Amzn-Errortype"), ":")
}

func signUp(t *testing.T, cs *countersigntest.Server) {
	t.Helper()
	if _, e := call(t, cs, "SignUp", map[string]any{"Username": phone, "Password": password}); e != "" {
		t.Fatalf("SignUp: %s", e)
	}
}

func TestSignUpByPhone(t *testing.T) {
	t.Parallel()
	cs := countersigntest.New(t)
	signUp(t, cs)
	if _, e := call(t, cs, "ConfirmSignUp", map[string]any{"Username": phone, "ConfirmationCode": cs.Inbox(phone).Code(t)}); e != "" {
		t.Fatalf("ConfirmSignUp: %s", e)
	}
	out, e := call(t, cs, "InitiateAuth", map[string]any{
		"AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": map[string]string{"USERNAME": phone, "PASSWORD": password},
	})
	if e != "" || out["AuthenticationResult"] == nil {
		t.Fatalf("InitiateAuth: %v %s", out, e)
	}
}

func TestTheClockMoves(t *testing.T) {
	t.Parallel()
	cs := countersigntest.New(t)
	signUp(t, cs)
	code := cs.Inbox(phone).Code(t)
	cs.Advance(25 * time.Hour)
	if _, e := call(t, cs, "ConfirmSignUp", map[string]any{"Username": phone, "ConfirmationCode": code}); e != "ExpiredCodeException" {
		t.Fatalf("a code of yesterday: %q", e)
	}
}

func TestFixedCodeAndReset(t *testing.T) {
	t.Parallel()
	cs := countersigntest.New(t, func(c *countersign.Config) { c.FixedCode = "123456" })
	for range 2 {
		signUp(t, cs)
		if code := cs.Inbox(phone).Code(t); code != "123456" {
			t.Fatalf("the code is %s", code)
		}
		cs.Reset(t) // the name is free again
	}
}
