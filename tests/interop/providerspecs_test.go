package interop

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign/internal/gateway/twilio"
	"countersign/internal/hook/guides"
	"countersign/internal/script"
	"countersign/internal/secret"
	"countersign/internal/simulator"
	"countersign/provider"
	"countersign/provider/providertest"
)

// exchange is a request to a simulated provider, with its answer.
type exchange struct {
	host, path, kind string
	request, answer  []byte
	status           int
}

// recorder forwards requests for /<host>/<path> to the simulated host, and keeps them.
type recorder struct {
	mu   sync.Mutex
	seen []exchange
	*httptest.Server
}

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	inbox, err := simulator.Open(simulator.Options{})
	check(t, err)
	r := &recorder{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		host, path, _ := strings.Cut(strings.TrimPrefix(q.URL.Path, "/"), "/")
		body, _ := io.ReadAll(q.Body)
		to := httptest.NewRequest(q.Method, "https://"+host+"/"+path, bytes.NewReader(body))
		to.Header = q.Header
		h := inbox.Host(host)
		if h == nil {
			http.NotFound(w, q)
			return
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, to)
		r.mu.Lock()
		r.seen = append(r.seen, exchange{host, "/" + path, q.Header.Get("Content-Type"), body, rec.Body.Bytes(), rec.Code})
		r.mu.Unlock()
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.WriteHeader(rec.Code)
		w.Write(rec.Body.Bytes())
	}))
	t.Cleanup(r.Close)
	return r
}

// last returns the exchange of path that came last.
func (r *recorder) last(t *testing.T, path string) exchange {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range slices.Backward(r.seen) {
		if e.path == path {
			return e
		}
	}
	t.Fatalf("no request for %s among %d", path, len(r.seen))
	return exchange{}
}

// sent is the request as package providertest has it.
func (e exchange) sent() providertest.Request {
	return providertest.Request{Method: http.MethodPost, URL: &url.URL{Path: e.path}, Header: http.Header{"Content-Type": {e.kind}}, Body: e.request}
}

// guide runs the hook of a guide in Node, with its requests sent to the recorder.
func (r *recorder) guide(t *testing.T, name string, voice bool, secrets map[string]string) {
	t.Helper()
	g, ok := guides.Get(name)
	if !ok {
		t.Fatal(name)
	}
	code, err := g.Code(script.Hook)
	check(t, err)
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "hook.js"), []byte(code), 0o600))
	in := map[string]any{}
	check(t, json.Unmarshal(guides.SampleInput(script.Hook, voice), &in))
	in["context"].(map[string]any)["webtask"] = map[string]any{"secrets": secrets}
	input, err := json.Marshal(in)
	check(t, err)
	const driver = `const real = globalThis.fetch;
globalThis.fetch = (url, init) => real(process.argv[1] + "/" + new URL(url).host + new URL(url).pathname, init);
const { recipient, text, context } = JSON.parse(process.argv[3]);
require(process.argv[2])(recipient, text, context, (error) => { if (error) { console.error(error.message); process.exitCode = 1; } });`
	cmd := exec.Command("node", "-e", driver, r.URL, filepath.Join(dir, "hook.js"), string(input))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// specCase is an operation of a spec, with how its request is in the spec and where it comes from.
type specCase struct {
	name, spec, path string
	status           int
	send             func(*testing.T, *recorder)
}

func twilioSend(channel provider.Channel) func(*testing.T, *recorder) {
	return func(t *testing.T, r *recorder) {
		p, err := twilio.New(twilio.Config{AccountSID: "AC00000000000000000000000000000000", AuthToken: secret.New("t"), From: "+12025550100",
			BaseURL: r.URL + "/api.twilio.com", Client: r.Client()})
		check(t, err)
		_, err = p.Send(t.Context(), provider.Message{To: "+12025550123", Text: "123456 is your code", Code: "123456", Channel: channel, ExpiresAt: time.Now().Add(time.Minute)})
		check(t, err)
	}
}

func guideSend(name string, voice bool, secrets map[string]string) func(*testing.T, *recorder) {
	return func(t *testing.T, r *recorder) { r.guide(t, name, voice, secrets) }
}

// What our gateway and our guides send to providers, and what the simulated providers answer, is as the providers' own descriptions say.
func TestProviderDescriptions(t *testing.T) {
	const account = "/2010-04-01/Accounts/AC00000000000000000000000000000000"
	twilioSecrets := map[string]string{"TWILIO_ACCOUNT_SID": "AC00000000000000000000000000000000", "TWILIO_AUTH_TOKEN": "t", "TWILIO_PHONE_NUMBER": "+12025550100"}
	vonageSecrets := map[string]string{"VONAGE_API_KEY": "abcd1234", "VONAGE_API_SECRET": "abcdef0123456789", "VONAGE_FROM_NUMBER": "AcmeInc"}
	r := newRecorder(t)
	for _, c := range []specCase{
		{"twilio gateway, text", "twilio_api_v2010_messages_calls.json", account + "/Messages.json", 201, twilioSend(provider.SMS)},
		{"twilio gateway, call", "twilio_api_v2010_messages_calls.json", account + "/Calls.json", 201, twilioSend(provider.Voice)},
		{"twilio guide, text", "twilio_api_v2010_messages_calls.json", account + "/Messages.json", 201, guideSend("twilio", false, twilioSecrets)},
		{"twilio guide, call", "twilio_api_v2010_messages_calls.json", account + "/Calls.json", 201, guideSend("twilio", true, twilioSecrets)},
		{"vonage guide, text", "vonage_sms.yml", "/sms/json", 200, guideSend("vonage", false, vonageSecrets)},
		{"mitto guide", "mitto_sms.yml", "/sms.json", 200, guideSend("mitto", false, map[string]string{"MITTO_API_KEY": "k", "MITTO_SENDER": "ACME"})},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.send(t, r)
			e := r.last(t, c.path)
			providertest.Conforms(t, c.spec, e.sent())
			if e.status != c.status {
				t.Fatalf("%d %s", e.status, e.answer)
			}
			providertest.ConformsAnswer(t, c.spec, e.sent(), e.status, e.answer)
		})
	}
}

// A simulated refusal is as described too.
func TestProviderDescriptionsOfErrors(t *testing.T) {
	r := newRecorder(t)
	res, err := http.PostForm(r.URL+"/rest.nexmo.com/sms/json", url.Values{"api_key": {"abcd1234"}, "api_secret": {"s"}, "from": {"ACME"}, "text": {"x"}})
	check(t, err)
	res.Body.Close()
	e := r.last(t, "/sms/json")
	providertest.ConformsAnswer(t, "vonage_sms.yml", e.sent(), e.status, e.answer)
	if !bytes.Contains(e.answer, []byte(`"status":"2"`)) {
		t.Errorf("%s", e.answer)
	}
}
