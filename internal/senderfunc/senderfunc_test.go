package senderfunc

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"countersign/envelope"
	"countersign/internal/gateway/webhook"
	"countersign/internal/kmssdk"
	"countersign/internal/kmssdk/fakekms"
)

const (
	keyARN  = "arn:aws:kms:us-east-1:000000000000:key/0d2f1c2e-7a55-4b8e-9f52-3b1f6a6d7c10"
	poolID  = "us-east-1_AbCdEf123"
	code    = "739154"
	number  = "+15555550100"
	signKey = "a secret of 16 bytes or more"
)

// hook is a webhook that answers as told.
type hook struct {
	status int
	body   string
	got    []map[string]any
	bad    bool
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	id, at := r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp")
	h.bad = h.bad || r.Header.Get("Webhook-Signature") != webhook.Sign([]byte(signKey), id, at, raw)
	var m map[string]any
	_ = json.Unmarshal(raw, &m)
	h.got = append(h.got, m)
	w.WriteHeader(h.status)
	_, _ = io.WriteString(w, h.body)
}

// start returns a function over a fake KMS and a webhook, and its log.
func start(t *testing.T, h *hook, env map[string]string) (*Function, *fakekms.KMS, *bytes.Buffer) {
	t.Helper()
	k := fakekms.Start(t, keyARN)
	for name, value := range map[string]string{
		"KEY_ID": keyARN, "AWS_ENDPOINT_URL_KMS": k.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "secret", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
	} {
		t.Setenv(name, value)
	}
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	all := map[string]string{"WEBHOOK_URL": srv.URL, "WEBHOOK_SECRET": signKey}
	for name, value := range env {
		all[name] = value
	}
	log := new(bytes.Buffer)
	f, err := New(func(name string) string { return all[name] }, log)
	if err != nil {
		t.Fatal(err)
	}
	return f, k, log
}

// event is what Cognito sends.
func event(t *testing.T, k *fakekms.KMS, source, plaintext string) []byte {
	t.Helper()
	ring := &envelope.KMSKeyring{Service: kmssdk.Service{Client: k.Client("us-east-1")}, Generator: keyARN}
	m, err := envelope.Encrypt(t.Context(), envelope.DefaultSuite, ring, envelope.Context{"userpool-id": poolID}, []byte(plaintext))
	if err != nil {
		t.Fatal(err)
	}
	sender, _, _ := strings.Cut(source, "_")
	kind := map[string]string{"CustomSMSSender": "customSMSSenderRequestV1", "CustomEmailSender": "customEmailSenderRequestV1"}[sender]
	return fmt.Appendf(nil, `{"version":"1","triggerSource":%q,"userPoolId":%q,"userName":"ann","callerContext":{"clientId":"c"},
		"request":{"type":%q,"code":%q,"clientMetadata":{"locale":"de-CH"},"userAttributes":{"phone_number":%q,"email":"ann@example.com"}}}`,
		source, poolID, kind, base64.StdEncoding.EncodeToString(m), number)
}

func TestInvoke(t *testing.T) {
	sent := `{"status":"sent","id":"1"}`
	for name, c := range map[string]struct {
		source, plaintext string
		env               map[string]string
		status            int
		body              string
		outcome, text     string
		fails             bool
	}{
		"sign-up":         {source: "CustomSMSSender_SignUp", outcome: "sent", text: "Your verification code is " + code},
		"sign-in":         {source: "CustomSMSSender_Authentication", outcome: "sent", text: "Your authentication code is " + code},
		"invitation":      {source: "CustomSMSSender_AdminCreateUser", plaintext: "A&lt;b&gt;&amp;9", outcome: "sent", text: "Your username is ann and temporary password is A<b>&9"},
		"own text":        {source: "CustomSMSSender_Authentication", env: map[string]string{"TEXT_AUTHENTICATION": "{####} says Acme"}, outcome: "sent", text: code + " says Acme"},
		"notification":    {source: "CustomSMSSender_AccountTakeOverNotification", outcome: "skipped"},
		"e-mail":          {source: "CustomEmailSender_SignUp", outcome: "skipped"},
		"another trigger": {source: "PostConfirmation_ConfirmSignUp", outcome: "refused", fails: true},
		"no commitment":   {source: "CustomSMSSender_SignUp", env: map[string]string{"REQUIRE_COMMITMENT": "true"}, outcome: "refused", fails: true},
		"bad number":      {source: "CustomSMSSender_SignUp", status: 400, body: `{"status":"failed","error":"cannot reach ` + number + `"}`, outcome: "failed", text: code},
		"overloaded":      {source: "CustomSMSSender_SignUp", status: 500, body: code, outcome: "retry", text: code, fails: true},
		"wrong secret":    {source: "CustomSMSSender_SignUp", status: 401, body: number, outcome: "retry", text: code, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			h := &hook{status: c.status, body: c.body}
			if h.status == 0 {
				h.status, h.body = 200, sent
			}
			if c.plaintext == "" {
				c.plaintext = code
			}
			f, k, log := start(t, h, c.env)
			ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"})
			answer, err := f.Invoke(ctx, event(t, k, c.source, c.plaintext))
			if (err != nil) != c.fails || (err == nil && string(answer) != "null") {
				t.Fatalf("%s, %v", answer, err)
			}
			if (c.text != "") != (len(h.got) == 1) || h.bad {
				t.Fatalf("sent %d times, bad signature: %v", len(h.got), h.bad)
			}
			if c.text != "" {
				m := h.got[0]
				if m["to"] != number || !strings.Contains(m["text"].(string), c.text) || m["pool_id"] != poolID || m["trigger_source"] != c.source ||
					m["id"] != "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b" || m["locale"] != "de-CH" || m["channel"] != "sms" {
					t.Fatalf("%v", m)
				}
			}
			checkLog(t, log.String()+fmt.Sprint(err), c.outcome, c.source)
		})
	}
}

// checkLog expects one line that shows neither code nor number.
func checkLog(t *testing.T, log, outcome, source string) {
	t.Helper()
	line, _, _ := strings.Cut(log, "\n")
	var l map[string]any
	if err := json.Unmarshal([]byte(line), &l); err != nil {
		t.Fatalf("%v: %s", err, log)
	}
	if l["msg"] != outcome || l["trigger_source"] != source || l["pool_id"] != poolID || l["duration_ms"] == nil ||
		l["request_id"] != "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b" {
		t.Errorf("log: %s", log)
	}
	if _, wrong := l["error"]; wrong != (outcome != "sent" && outcome != "skipped") || strings.Contains(line, "StackTrace") {
		t.Errorf("log: %s", line)
	}
	for _, hidden := range []string{code, number[1:], "A<b>", "ann@example.com", signKey} {
		if strings.Contains(log, hidden) {
			t.Errorf("%s in %s", hidden, log)
		}
	}
	if strings.Count(log, "\n") != 1 {
		t.Errorf("more than a line: %s", log)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"nothing":    {nil, []string{"WEBHOOK_URL and WEBHOOK_SECRET must be set"}},
		"several":    {map[string]string{"REQUIRE_COMMITMENT": "yes", "TEXT_VERIFICATION": "no place", "WEBHOOK_URL": "x", "WEBHOOK_SECRET": "y"}, []string{"REQUIRE_COMMITMENT", "TEXT_VERIFICATION", "WEBHOOK_URL"}},
		"bad secret": {map[string]string{"WEBHOOK_URL": "https://sms.example", "WEBHOOK_SECRET": signKey + ", short"}, []string{"at least 16 bytes"}},
		"bad scheme": {map[string]string{"WEBHOOK_URL": "ftp://sms.example", "WEBHOOK_SECRET": signKey}, []string{"http or https"}},
	} {
		_, err := New(func(n string) string { return c.env[n] }, io.Discard)
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v lacks %q", name, err, want)
			}
		}
		if err != nil && strings.Contains(err.Error(), signKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMainRefuses(t *testing.T) {
	t.Setenv("KEY_ID", "alias/codes")
	t.Setenv("AWS_LAMBDA_RUNTIME_API", "")
	err := Main(context.Background(), func(string) string { return "" }, io.Discard)
	for _, want := range []string{"WEBHOOK_URL", `KEY_ID: "alias/codes"`, "AWS Lambda or Countersign"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %q", err, want)
		}
	}
}
