package guides_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"countersign/internal/hook/guides"
	"countersign/internal/hookrun"
	"countersign/internal/hookrun/hookruntest"
	"countersign/internal/hookrun/sandbox"
	"countersign/internal/script"
	"countersign/internal/simulator"
)

func TestMain(m *testing.M) { os.Exit(hookruntest.Main(m)) }

// stage runs guides on real processes whose calls end in an inbox, or in what answer says instead.
type stage struct {
	*script.Runner
	inbox  *simulator.Inbox
	answer atomic.Pointer[http.Handler]
}

func newStage(t *testing.T, change ...func(*hookrun.Options)) *stage {
	t.Helper()
	inbox, err := simulator.Open(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "guides-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{inbox: inbox}
	o := hookrun.Options{
		Cache: filepath.Join(dir, "cache"), Launcher: hookruntest.Program(t, hookruntest.Launcher), Isolation: sandbox.None, Logger: slog.New(slog.DiscardHandler),
		Local: func(host string, port int) http.Handler {
			real := inbox.Host(host)
			if real == nil || port != 443 {
				return nil
			}
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // connections outlive the answers
				if h := s.answer.Load(); h != nil {
					(*h).ServeHTTP(w, r)
					return
				}
				real.ServeHTTP(w, r)
			})
		},
	}
	for _, f := range change {
		f(&o)
	}
	r, err := hookrun.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Runner = &script.Runner{Code: r}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Error(err)
		}
		hookrun.RemoveAll(dir)
	})
	return s
}

var calls atomic.Int64

func (s *stage) run(t *testing.T, g guides.Guide, kind script.Kind, voice bool, secrets map[string]string) *script.Outcome {
	t.Helper()
	code, err := g.Code(kind)
	if err != nil {
		t.Fatal(err)
	}
	archive, _ := script.Pack(code, g.Name+".js")
	out, err := s.Run(t.Context(), script.NewUnit(kind, g.Name, archive), &script.Call{
		RequestID: fmt.Sprintf("00000000-0000-4000-8000-%012d", calls.Add(1)), Body: guides.SampleInput(kind, voice), Secrets: secrets,
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// secretsOf are credentials that the simulated providers take.
func secretsOf(t *testing.T, g guides.Guide) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, s := range g.Secrets {
		if !s.Optional {
			out[s.Name] = "value-of-" + strings.ToLower(strings.ReplaceAll(s.Name, "_", "-"))
		}
	}
	for name, value := range map[string]string{"AWS_REGION": "eu-west-1", "TWILIO_PHONE_NUMBER": "+12025550100", "TWILIO_VERIFY_SERVICE_SID": "VA0",
		"VONAGE_FROM_NUMBER": "+12025550100", "ESENDEX_ACCOUNT": "EX0000000", "MITTO_SENDER": "ACME"} {
		if _, ok := out[name]; ok {
			out[name] = value
		}
	}
	if g.Name == "vonage" {
		out["VONAGE_APPLICATION_ID"], out["VONAGE_PRIVATE_KEY"] = "app", privateKey(t)
	}
	return out
}

func privateKey(t *testing.T) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

var kinds = []script.Kind{script.Hook, script.SendPhoneMessage, script.CustomPhoneProvider}

// dropped returns what an action custom-phone-provider said about a failure.
func dropped(out *script.Outcome) (command, reason string) {
	if n := len(out.Commands); n > 0 {
		return out.Commands[n-1].Name, string(out.Commands[n-1].Args[0])
	}
	return "", ""
}

// failure is how a sender failed, in the form of its contract; "" if it did not.
func failure(kind script.Kind, out *script.Outcome) string {
	if kind == script.CustomPhoneProvider {
		_, reason := dropped(out)
		return reason
	}
	if out.Error == nil {
		return ""
	}
	return out.Error.Message
}

// Each guide in each form sends a text, and makes a call or says that it cannot, on the real runtime.
func TestGuidesSend(t *testing.T) {
	s := newStage(t)
	for _, g := range guides.List() {
		secrets := secretsOf(t, g)
		for _, kind := range kinds {
			for _, voice := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/voice=%v", g.Name, kind, voice), func(t *testing.T) {
					s.inbox.Reset()
					out := s.run(t, g, kind, voice, secrets)
					sent := s.inbox.List(simulator.Filter{})
					if voice && !g.Voice {
						if words := failure(kind, out); !strings.Contains(words, "texts only") || len(sent) > 0 {
							t.Errorf("%q, sent %d", words, len(sent))
						}
						return
					}
					if words := failure(kind, out); words != "" || out.Error != nil || len(sent) != 1 {
						t.Fatalf("%q, %v, sent %d\n%s", words, out.Error, len(sent), out.Console)
					}
					m := sent[0]
					if m.To != "+12025550123" || m.Code != "123456" || string(m.Channel) != map[bool]string{false: "sms", true: "voice"}[voice] || !strings.HasPrefix(g.Name, m.Provider[:3]) {
						t.Errorf("%+v", m)
					}
					if kind == script.Hook && !strings.Contains(string(out.Data), "MessageID") {
						t.Errorf("data %s", out.Data)
					}
					if len(out.Warnings) > 0 {
						t.Errorf("warnings %q", out.Warnings)
					}
				})
			}
		}
	}
}

// Where a process has no network of its own, as on macOS and in many containers, the texts end in the simulators all the same.
func TestGuidesWithoutANetworkOfTheirOwn(t *testing.T) {
	for _, level := range []sandbox.Level{sandbox.Strong, sandbox.None} {
		s := newStage(t, func(o *hookrun.Options) { o.Isolation, o.MaxIsolation = level, level })
		for _, g := range guides.List() {
			t.Run(string(level)+"/"+g.Name, func(t *testing.T) {
				s.inbox.Reset()
				out := s.run(t, g, script.Hook, false, secretsOf(t, g))
				sent := s.inbox.List(simulator.Filter{})
				if words := failure(script.Hook, out); words != "" || len(sent) != 1 || sent[0].To != "+12025550123" {
					t.Fatalf("%q, sent %+v\n%s", words, sent, out.Console)
				}
				if len(out.Requests) != 1 || out.Requests[0].Status/100 != 2 || !strings.Contains(out.Requests[0].Host, ".") || strings.Contains(out.Requests[0].Host, "127.0.0.1") {
					t.Errorf("requests %+v", out.Requests)
				}
			})
		}
	}
}

// Wrong credentials and secrets that are not set are said in words.
func TestGuidesSayWhatIsWrong(t *testing.T) {
	s := newStage(t)
	wrong := map[string][2]string{
		"sns":    {"AWS_ACCESS_KEY_ID", "Amazon SNS refused the message: The security token included in the request is invalid. (HTTP 403)"},
		"twilio": {"TWILIO_AUTH_TOKEN", "Twilio refused the message: Authenticate [20003] (HTTP 401)"}, "twilio-verify": {"TWILIO_AUTH_TOKEN", "Authenticate [20003]"},
		"infobip": {"INFOBIP_API_KEY", "Infobip refused the message: Invalid login details [E401] (HTTP 401)"}, "telesign": {"TELESIGN_API_KEY", "Not authorized [501]"},
		"telesign-verify": {"TELESIGN_API_KEY", "Not authorized [501]"}, "vonage": {"VONAGE_API_SECRET", "Vonage refused the message: Bad Credentials [4] (HTTP 200)"},
		"esendex": {"ESENDEX_PASSWORD", "Esendex refused the message: Unauthorized"}, "mitto": {"MITTO_API_KEY", "Mitto refused the message"},
	}
	for _, g := range guides.List() {
		for i, kind := range kinds {
			t.Run(g.Name+"/"+string(kind), func(t *testing.T) {
				secrets := secretsOf(t, g)
				secrets[wrong[g.Name][0]] = "wrong"
				out := s.run(t, g, kind, false, secrets)
				if words := failure(kind, out); !strings.Contains(words, wrong[g.Name][1]) {
					t.Errorf("%q, want %q", words, wrong[g.Name][1])
				}
				if command, _ := dropped(out); kind == script.CustomPhoneProvider && command != "notification.drop" {
					t.Errorf("%s, not dropped", command)
				}
				needed := g.Secrets[i%2]
				secrets = secretsOf(t, g)
				delete(secrets, needed.Name)
				if needed.Optional {
					return
				}
				out = s.run(t, g, kind, false, secrets)
				if words := failure(kind, out); !strings.Contains(words, "The secret "+needed.Name+" is not set.") && !strings.Contains(words, needed.Name) {
					t.Errorf("%q, without %s", words, needed.Name)
				}
			})
		}
	}
	if n := len(s.inbox.List(simulator.Filter{})); n > 0 {
		t.Errorf("%d messages were sent", n)
	}
}

// What is no success of the provider's is none, whatever HTTP says.
func TestGuidesBelieveNoOtherSuccess(t *testing.T) {
	s := newStage(t)
	for name, answer := range map[string]struct {
		status      int
		kind, body  string
		retry       bool
		only, words string
	}{
		"empty 200":      {200, "application/json", `{}`, false, "", "(HTTP 200)"},
		"html 200":       {200, "text/html", "<html>captive portal</html>", false, "", "captive portal"},
		"null":           {200, "application/json", "null", false, "", "(HTTP 200)"},
		"busy":           {503, "text/plain", "try later", true, "", "try later (HTTP 503)"},
		"throttled":      {429, "text/plain", "slowly", true, "", "slowly (HTTP 429)"},
		"vonage, part":   {200, "application/json", `{"message-count":"2","messages":[{"status":"0","message-id":"a"},{"status":"1","error-text":"Throttled"}]}`, true, "vonage", "Throttled [1]"},
		"infobip, no":    {200, "application/json", `{"messages":[{"messageId":"m","status":{"groupId":5,"name":"REJECTED_NETWORK","description":"Network is forbidden"}}]}`, false, "infobip", "Network is forbidden [REJECTED_NETWORK]"},
		"mitto, no":      {200, "application/json", `{"id":"x","responseCode":"0","responseText":"SMS sent"}`, false, "mitto", "SMS sent [0]"},
		"telesign, no":   {200, "application/json", `{"reference_id":"x","status":{"code":230,"description":"Request blocked"}}`, false, "telesign", "Request blocked [230]"},
		"twilio, 200":    {200, "application/json", `{"sid":"SM1","status":"queued"}`, false, "twilio", "(HTTP 200)"},
		"verify, done":   {201, "application/json", `{"sid":"VE1","status":"canceled"}`, false, "twilio-verify", "(HTTP 201)"},
		"sns, other XML": {200, "text/xml", `<x/>`, false, "sns", "(HTTP 200)"},
	} {
		h := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", answer.kind)
			w.WriteHeader(answer.status)
			io.WriteString(w, answer.body)
		}))
		s.answer.Store(&h)
		for _, g := range guides.List() {
			if answer.only != "" && g.Name != answer.only {
				continue
			}
			t.Run(name+"/"+g.Name, func(t *testing.T) {
				out := s.run(t, g, script.CustomPhoneProvider, false, secretsOf(t, g))
				command, reason := dropped(out)
				if want := map[bool]string{false: "notification.drop", true: "notification.retry"}[answer.retry]; command != want || !strings.Contains(reason, answer.words) {
					t.Errorf("%s %s, want %s with %s", command, reason, want, answer.words)
				}
			})
		}
	}
}

// The guides read the secrets that they list, and no others.
func TestGuidesListTheirSecrets(t *testing.T) {
	if len(guides.List()) != 9 || len(guides.Names()) != 9 {
		t.Fatal(guides.Names())
	}
	for _, g := range guides.List() {
		code, err := g.Code(script.Hook)
		if err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(code, "module.exports")
		listed := map[string]bool{}
		for _, s := range g.Secrets {
			listed[s.Name] = true
			if !strings.Contains(head, s.Name) || s.Help == "" {
				t.Errorf("%s: the header does not explain %s", g.Name, s.Name)
			}
		}
		read := map[string]bool{}
		for _, part := range strings.Split(code, "secrets")[1:] {
			part = strings.TrimLeft(part, `., "`)
			if end := strings.IndexFunc(part, func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') }); end > 3 {
				read[part[:end]] = true
			}
		}
		if !maps.Equal(read, listed) {
			t.Errorf("%s reads %v, lists %v", g.Name, read, listed)
		}
		for _, line := range strings.Split(code, "\n") {
			if len(line) > 160 || strings.HasSuffix(line, " ") {
				t.Errorf("%s: %q", g.Name, line)
			}
		}
		if got, ok := guides.Get(g.Name); !ok || got.Title != g.Title {
			t.Error(g.Name)
		}
	}
	if _, ok := guides.Get("pigeon"); ok {
		t.Error("a guide for pigeons")
	}
	if _, err := (guides.Guide{Name: "sns"}).Code(script.Rule); err == nil {
		t.Error("a rule that sends")
	}
	if _, err := (guides.Guide{Name: "pigeon"}).Code(script.Hook); err == nil {
		t.Error("code for pigeons")
	}
	if guides.SampleInput(script.Rule, false) != nil {
		t.Error("a rule's input")
	}
}
