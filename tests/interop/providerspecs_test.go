package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"countersign/internal/gateway/twilio"
	"countersign/internal/hook/guides"
	"countersign/internal/script"
	"countersign/internal/secret"
	"countersign/internal/simulator"
	"countersign/provider"
)

// spec is a provider's published OpenAPI description.
type spec map[string]any

func loadSpec(t *testing.T, name string) spec {
	t.Helper()
	file := filepath.Join(referenceFolder(), "specs", "sms", name)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("the provider's API description is missing: set COUNTERSIGN_REFERENCE to the folder that holds specs/sms (%v)", err)
	}
	out := spec{}
	check(t, yaml.Unmarshal(raw, &out)) // JSON is YAML
	return out
}

// at follows keys, and references on the way.
func (s spec) at(v any, keys ...string) map[string]any {
	m := s.resolve(v)
	for _, k := range keys {
		m = s.resolve(m[k])
	}
	return m
}

func (s spec) resolve(v any) map[string]any {
	m, _ := v.(map[string]any)
	ref, ok := m["$ref"].(string)
	if !ok {
		return m
	}
	keys := strings.Split(strings.TrimPrefix(ref, "#/"), "/")
	return s.at(map[string]any(s), keys...)
}

// problems says where a value is not as its schema has it. Members that the schema does not name are problems too.
func (s spec) problems(where string, schema, v any) []string {
	m := s.resolve(schema)
	if len(m) == 0 || v == nil && m["nullable"] == true {
		return nil
	}
	if options, ok := m["oneOf"].([]any); ok {
		var all []string
		for _, o := range options {
			p := s.problems(where, o, v)
			if len(p) == 0 {
				return nil
			}
			all = append(all, p...)
		}
		return all
	}
	out := s.bounds(where, m, v)
	switch v := v.(type) {
	case map[string]any:
		properties, _ := m["properties"].(map[string]any)
		for _, name := range slices.Sorted(mapKeys(v)) {
			if p, ok := properties[name]; ok {
				out = append(out, s.problems(where+"."+name, p, v[name])...)
			} else if len(properties) > 0 {
				out = append(out, where+"."+name+" is not described")
			}
		}
		required, _ := m["required"].([]any)
		for _, r := range required {
			if _, ok := v[fmt.Sprint(r)]; !ok {
				out = append(out, fmt.Sprintf("%s.%v is missing", where, r))
			}
		}
	case []any:
		for i, item := range v {
			out = append(out, s.problems(fmt.Sprintf("%s[%d]", where, i), m["items"], item)...)
		}
	}
	return out
}

func mapKeys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// bounds checks type, enum, length and pattern.
func (s spec) bounds(where string, m map[string]any, v any) (out []string) {
	kind := map[string]string{"string": "string", "map[string]interface {}": "object", "[]interface {}": "array", "bool": "boolean", "float64": "number"}[fmt.Sprintf("%T", v)]
	if text, ok := v.(string); ok && m["type"] == "integer" && strings.HasPrefix(where, "form.") {
		if _, err := strconv.Atoi(text); err == nil { // a form has nothing but text
			return nil
		}
	}
	if want, ok := m["type"].(string); ok && want != kind && !(want == "integer" && kind == "number") {
		return []string{fmt.Sprintf("%s is %v (%s), not %s", where, v, kind, want)}
	}
	if enum, ok := m["enum"].([]any); ok && !slices.ContainsFunc(enum, func(e any) bool { return fmt.Sprint(e) == fmt.Sprint(v) }) {
		out = append(out, fmt.Sprintf("%s is %v, none of %v", where, v, enum))
	}
	if text, ok := v.(string); ok {
		var least, most int
		fmt.Sscan(fmt.Sprint(m["minLength"]), &least)
		if _, err := fmt.Sscan(fmt.Sprint(m["maxLength"]), &most); err == nil && len(text) > most || len(text) < least {
			out = append(out, fmt.Sprintf("%s has %d characters", where, len(text)))
		}
		if p, ok := m["pattern"].(string); ok && !regexp.MustCompile("^(?:"+p+")$").MatchString(text) {
			out = append(out, fmt.Sprintf("%s is %q, not %s", where, text, p))
		}
	}
	return out
}

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

// values decodes a body, JSON or a form.
func values(t *testing.T, kind string, body []byte) map[string]any {
	t.Helper()
	out := map[string]any{}
	if strings.HasPrefix(kind, "application/x-www-form-urlencoded") {
		form, err := url.ParseQuery(string(body))
		check(t, err)
		for k := range form {
			out[k] = form.Get(k)
		}
		return out
	}
	check(t, json.Unmarshal(body, &out))
	return out
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
	name, spec, operation, path, status string
	send                                func(*testing.T, *recorder)
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
	const messages, calls = "/2010-04-01/Accounts/{AccountSid}/Messages.json", "/2010-04-01/Accounts/{AccountSid}/Calls.json"
	const account = "/2010-04-01/Accounts/AC00000000000000000000000000000000"
	twilioSecrets := map[string]string{"TWILIO_ACCOUNT_SID": "AC00000000000000000000000000000000", "TWILIO_AUTH_TOKEN": "t", "TWILIO_PHONE_NUMBER": "+12025550100"}
	vonageSecrets := map[string]string{"VONAGE_API_KEY": "abcd1234", "VONAGE_API_SECRET": "abcdef0123456789", "VONAGE_FROM_NUMBER": "AcmeInc"}
	r := newRecorder(t)
	for _, c := range []specCase{
		{"twilio gateway, text", "twilio_api_v2010_messages_calls.json", messages, account + "/Messages.json", "201", twilioSend(provider.SMS)},
		{"twilio gateway, call", "twilio_api_v2010_messages_calls.json", calls, account + "/Calls.json", "201", twilioSend(provider.Voice)},
		{"twilio guide, text", "twilio_api_v2010_messages_calls.json", messages, account + "/Messages.json", "201", guideSend("twilio", false, twilioSecrets)},
		{"twilio guide, call", "twilio_api_v2010_messages_calls.json", calls, account + "/Calls.json", "201", guideSend("twilio", true, twilioSecrets)},
		{"vonage guide, text", "vonage_sms.yml", "/{format}", "/sms/json", "200", guideSend("vonage", false, vonageSecrets)},
		{"mitto guide", "mitto_sms.yml", "/sms", "/sms.json", "200", guideSend("mitto", false, map[string]string{"MITTO_API_KEY": "k", "MITTO_SENDER": "ACME"})},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := loadSpec(t, c.spec)
			c.send(t, r)
			e := r.last(t, c.path)
			operation := s.at(map[string]any(s), "paths", c.operation, "post")
			if len(operation) == 0 {
				t.Fatal("the description has no such operation")
			}
			content := s.at(operation, "requestBody", "content")
			kind, _, _ := strings.Cut(e.kind, ";")
			request, ok := content[kind]
			if !ok {
				t.Fatalf("a request of %s is not described", e.kind)
			}
			where := "request"
			if kind == "application/x-www-form-urlencoded" {
				where = "form"
			}
			for _, p := range s.problems(where, s.at(request, "schema"), values(t, e.kind, e.request)) {
				t.Error(p)
			}
			if fmt.Sprint(e.status) != c.status {
				t.Fatalf("%d %s", e.status, e.answer)
			}
			answers := s.at(operation, "responses", c.status, "content")
			for kind, a := range answers {
				if !strings.HasPrefix(kind, "application/json") {
					continue
				}
				for _, p := range s.problems("answer", s.at(a, "schema"), values(t, "application/json", e.answer)) {
					t.Error(p)
				}
			}
		})
	}
}

// A simulated refusal is as described too.
func TestProviderDescriptionsOfErrors(t *testing.T) {
	s := loadSpec(t, "vonage_sms.yml")
	r := newRecorder(t)
	res, err := http.PostForm(r.URL+"/rest.nexmo.com/sms/json", url.Values{"api_key": {"abcd1234"}, "api_secret": {"s"}, "from": {"ACME"}, "text": {"x"}})
	check(t, err)
	res.Body.Close()
	e := r.last(t, "/sms/json")
	for _, p := range s.problems("answer", s.at(map[string]any(s), "components", "schemas", "Error"), values(t, "application/json", e.answer)) {
		t.Error(p)
	}
	if !bytes.Contains(e.answer, []byte(`"status":"2"`)) {
		t.Errorf("%s", e.answer)
	}
}
