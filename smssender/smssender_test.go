package smssender

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda/messages"

	"countersign/envelope"
	"countersign/internal/kmssdk/fakekms"
)

const (
	keyARN   = "arn:aws:kms:us-east-1:000000000000:key/0d2f1c2e-7a55-4b8e-9f52-3b1f6a6d7c10"
	otherARN = "arn:aws:kms:eu-west-1:000000000000:key/5b0e1a6f-0c0a-4f6c-8f43-6a3f8c6b1a22"
	poolID   = "us-east-1_AbCdEf123"
	code     = "739154"
)

// environment points KeysFromEnv to a fake KMS.
func environment(t *testing.T, keyID string) *fakekms.KMS {
	t.Helper()
	k := fakekms.Start(t, keyARN, otherARN)
	for name, value := range map[string]string{
		"KEY_ID": keyID, "AWS_ENDPOINT_URL_KMS": k.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "secret", "AWS_CONFIG_FILE": "/nonexistent", "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
	} {
		t.Setenv(name, value)
	}
	return k
}

// sealed is a code as Cognito puts it into events.
func sealed(t *testing.T, k *fakekms.KMS, s envelope.Suite, pool, plaintext string) string {
	t.Helper()
	ring := &envelope.KMSKeyring{Service: service(k), Generator: keyARN}
	m, err := envelope.Encrypt(t.Context(), s, ring, envelope.Context{"userpool-id": pool}, []byte(plaintext))
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(m)
}

// eventOf reads a file of testdata as a map, to be changed.
func eventOf(t *testing.T, file string) (e, request map[string]any) {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		t.Fatal(err)
	}
	return e, e["request"].(map[string]any)
}

func encoded(t *testing.T, e map[string]any) []byte {
	t.Helper()
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// All events, in both channels, reach Send with their code.
func TestEvents(t *testing.T) {
	k := environment(t, keyARN)
	files, err := fs.Glob(os.DirFS("testdata"), "*.json")
	if err != nil || len(files) != 9 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		for _, channel := range []Channel{SMS, Email} {
			t.Run(fmt.Sprintf("%s/%s", file, channel), func(t *testing.T) {
				e, request := eventOf(t, file)
				source := e["triggerSource"].(string)
				if channel == Email {
					source = strings.Replace(source, "SMS", "Email", 1)
					e["triggerSource"], request["type"] = source, "customEmailSenderRequestV1"
					request["userAttributes"].(map[string]any)["email"] = "pat@example.com"
				}
				want, in := code, code
				if strings.HasSuffix(source, "AdminCreateUser") {
					want, in = `A<b>&"'9`, `A&lt;b&gt;&amp;&#34;&#39;9`
				}
				if request["code"] == nil {
					want = ""
				} else {
					request["code"] = sealed(t, k, envelope.DefaultSuite, poolID, in)
				}
				m, answer := invoke(t, Handler{Keys: KeysFromEnv()}, encoded(t, e))
				if string(answer) != "null" || m.Code != want || m.Source != source || m.Channel != channel || m.PoolID != poolID {
					t.Fatalf("%s: %#q, %s", m.Source, m.Code, answer)
				}
				attributes := request["userAttributes"].(map[string]any)
				if m.Phone != attributes["phone_number"] || m.Username != e["userName"] || len(m.Attributes) != len(attributes) ||
					"Custom"+map[Channel]string{SMS: "SMS", Email: "Email"}[channel]+"Sender_"+string(m.Trigger) != source {
					t.Fatalf("%s %s %v", m.Phone, m.Username, m.Attributes)
				}
				if meta, _ := request["clientMetadata"].(map[string]any); len(meta) != len(m.Metadata) {
					t.Fatalf("metadata %v", m.Metadata)
				}
			})
		}
	}
}

// invoke runs a handler that must succeed and returns what Send got.
func invoke(t *testing.T, h Handler, raw []byte) (Message, []byte) {
	t.Helper()
	var got []Message
	h.Send = func(_ context.Context, m Message) error { got = append(got, m); return nil }
	answer, err := h.Invoke(t.Context(), raw)
	if err != nil || len(got) != 1 {
		t.Fatalf("%v; sent %d times", err, len(got))
	}
	return got[0], answer
}

func TestRefusals(t *testing.T) {
	k := environment(t, keyARN)
	for name, c := range map[string]struct {
		change func(e, request map[string]any)
		strict bool
		kind   string
	}{
		"another trigger":       {change: func(e, _ map[string]any) { e["triggerSource"] = "PostConfirmation_ConfirmSignUp" }, kind: invalidEvent},
		"no trigger":            {change: func(e, _ map[string]any) { e["triggerSource"] = "CustomSMSSender_" }, kind: invalidEvent},
		"another type":          {change: func(_, r map[string]any) { r["type"] = "customEmailSenderRequestV1" }, kind: invalidEvent},
		"no pool":               {change: func(e, _ map[string]any) { delete(e, "userPoolId") }, kind: invalidEvent},
		"no code":               {change: func(_, r map[string]any) { r["code"] = nil }, kind: invalidEvent},
		"no number":             {change: func(_, r map[string]any) { delete(r["userAttributes"].(map[string]any), "phone_number") }, kind: invalidEvent},
		"attributes of no kind": {change: func(_, r map[string]any) { r["userAttributes"] = code }, kind: invalidEvent},
		"another pool's code":   {change: func(e, _ map[string]any) { e["userPoolId"] = "us-east-1_Other0000" }, kind: undecipherable},
		"not base64":            {change: func(_, r map[string]any) { r["code"] = "*" + code }, kind: undecipherable},
		"not a message":         {change: func(_, r map[string]any) { r["code"] = "AYAD" }, kind: undecipherable},
		"a code in clear":       {change: func(_, r map[string]any) { r["code"] = code }, kind: undecipherable},
		"no commitment":         {change: func(_, r map[string]any) {}, strict: true, kind: undecipherable},
	} {
		t.Run(name, func(t *testing.T) {
			e, request := eventOf(t, "custom-sms-sender-signup.json")
			request["code"] = sealed(t, k, envelope.AESSigned, poolID, code)
			c.change(e, request)
			h := Handler{Keys: KeysFromEnv(), RequireCommitment: c.strict, Send: func(context.Context, Message) error {
				t.Error("sent")
				return nil
			}}
			_, err := h.Invoke(t.Context(), encoded(t, e))
			refused(t, err, c.kind)
		})
	}
	h := Handler{Keys: KeysFromEnv()}
	_, err := h.Invoke(t.Context(), bytes.Repeat([]byte{' '}, maxEvent+1))
	refused(t, err, invalidEvent)
	_, err = h.Invoke(t.Context(), []byte(`"`+code+`"`))
	refused(t, err, invalidEvent)
}

// refused expects an error of a kind that shows neither code nor number.
func refused(t *testing.T, err error, kind string) {
	t.Helper()
	e, ok := errors.AsType[messages.InvokeResponse_Error](err)
	if !ok || e.Type != kind {
		t.Fatalf("%v, not %s", err, kind)
	}
	for _, secret := range []string{code, "5555550100", "pat@example.com", "pat%40example.com"} {
		if strings.Contains(fmt.Sprintf("%#v %s", e, err), secret) {
			t.Fatalf("%v shows %s", err, secret)
		}
	}
}

// Whatever Send says or panics with, code and destination stay inside.
func TestSendFails(t *testing.T) {
	k := environment(t, keyARN)
	for name, c := range map[string]struct {
		kind string
		send func(m Message) error
	}{
		"error": {sendFailed, func(m Message) error {
			return fmt.Errorf("POST https://sms.example/?to=%%2B15555550100&mail=pat%%40example.com: %s %s %s", m.Phone, m.Email, m.Code)
		}},
		"panic":         {sendPanicked, func(m Message) error { panic("cannot send " + m.Code + " to " + m.Phone) }},
		"runtime error": {sendPanicked, func(m Message) error { return fmt.Errorf("%d", []int{}[len(m.Code)]) }},
	} {
		t.Run(name, func(t *testing.T) {
			e, request := eventOf(t, "custom-sms-sender-forgot-password.json")
			request["code"] = sealed(t, k, envelope.CommittedSigned, poolID, code)
			h := Handler{Keys: KeysFromEnv(), RequireCommitment: true, Send: func(_ context.Context, m Message) error { return c.send(m) }}
			_, err := h.Invoke(t.Context(), encoded(t, e))
			refused(t, err, c.kind)
		})
	}
}

func TestKeys(t *testing.T) {
	for name, c := range map[string]struct {
		keyID string
		kind  string
	}{
		"one":           {keyARN, ""},
		"two":           {otherARN + ", " + keyARN, ""},
		"another key":   {otherARN, undecipherable},
		"an alias":      {"alias/codes", undecipherable},
		"an alias' ARN": {"arn:aws:kms:us-east-1:000000000000:alias/codes", undecipherable},
		"none":          {" , ", undecipherable},
	} {
		t.Run(name, func(t *testing.T) {
			k := environment(t, c.keyID)
			t.Setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")
			e, request := eventOf(t, "custom-sms-sender-signup.json")
			request["code"] = sealed(t, k, envelope.AESSigned, poolID, code)
			h := Handler{Keys: KeysFromEnv(), Send: func(context.Context, Message) error { return nil }}
			if _, err := h.Invoke(t.Context(), encoded(t, e)); c.kind != "" {
				refused(t, err, c.kind)
			} else if err != nil {
				t.Fatal(err)
			}
			ready := h.Check()
			if wantReady := c.kind == "" || name == "another key"; (ready == nil) != wantReady {
				t.Fatalf("ready: %v", ready)
			}
		})
	}
}

// A KMS that fails is an error of the function, so that Lambda calls again; what KMS said is in it.
func TestKMSFails(t *testing.T) {
	k := environment(t, keyARN)
	e, request := eventOf(t, "custom-sms-sender-signup.json")
	request["code"] = sealed(t, k, envelope.AESSigned, poolID, code)
	k.Change(keyARN, func(key *fakekms.Key) { key.Fail = "AccessDeniedException" })
	h := Handler{Keys: KeysFromEnv(), Send: func(context.Context, Message) error { return nil }}
	_, err := h.Invoke(t.Context(), encoded(t, e))
	refused(t, err, undecipherable)
	if !strings.Contains(err.Error(), "AccessDeniedException") || !strings.Contains(err.Error(), "KEY_ID") {
		t.Fatal(err)
	}
}

func TestCheck(t *testing.T) {
	t.Setenv("AWS_LAMBDA_RUNTIME_API", "")
	if err := (Handler{}).Check(); err == nil || !strings.Contains(err.Error(), "Keys and Send") || !strings.Contains(err.Error(), "Lambda") {
		t.Fatal(err)
	}
}

// No printer and no encoder shows code or destination.
func TestMessageIsSilent(t *testing.T) {
	m := Message{
		Trigger: SignUp, Channel: SMS, Source: "CustomSMSSender_SignUp", PoolID: poolID, Phone: "+15555550100", Email: "pat@example.com", Code: code,
		Attributes: map[string]string{"phone_number": "+15555550100"}, Metadata: map[string]string{"code": code},
	}
	var out bytes.Buffer
	for _, v := range []any{m, &m, []Message{m}, map[string]Message{"m": m}, struct{ M Message }{m}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		if err := json.NewEncoder(&out).Encode(v); err != nil {
			t.Fatal(err)
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
	}
	if err := gob.NewEncoder(&out).Encode(m); err != nil {
		t.Fatal(err)
	}
	if err := xml.NewEncoder(&out).Encode(m); err != nil {
		t.Fatal(err)
	}
	m.Channel = Email
	fmt.Fprintln(&out, m, m.Masked())
	for _, secret := range []string{code, "5555550100", "pat@", fmt.Sprintf("%x", code)} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%s is shown:\n%s", secret, out.String())
		}
	}
	if !strings.Contains(out.String(), "CustomSMSSender_SignUp of pool us-east-1_AbCdEf123 to +*******0100") || m.Masked() != "p***@example.com" {
		t.Error(out.String())
	}
}

// Whatever arrives is refused or sent, never more.
func FuzzEvent(f *testing.F) {
	files, _ := fs.Glob(os.DirFS("testdata"), "*.json")
	for _, file := range files {
		raw, err := os.ReadFile("testdata/" + file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, _, err := read(raw)
		if err == nil && (m.PoolID == "" || m.Trigger == "" || (m.Phone == "" && m.Email == "")) {
			t.Fatalf("accepted: %v", m)
		}
		_ = fmt.Sprint(m, m.Masked())
	})
}
