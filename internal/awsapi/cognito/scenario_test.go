package cognito

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"countersign/internal/awsapi/wire"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
	"countersign/internal/totp"
)

// scenario is a story told in requests. Each has a pool and a client of its own.
type scenario struct {
	name string
	// pool and client change what pooltest.PhonePool and pooltest.AppClient make. secret makes the client confidential.
	pool   func(*pool.Config)
	client func(*pool.ClientConfig)
	secret string
	steps  []step
	// events must have been logged, in any order; sent is the number of messages.
	events []eventlog.Type
	sent   int
}

// step is one request and its answer, or a moment of waiting.
//
// In requests and wishes {{name}} stands for a string member of an earlier answer (the last of that name), {{pool}}, {{client}}, {{totp}}
// for a code of the last SecretCode, {{code TO}} for the last code sent there ({{code TO 0}} for the first), {{wrong TO}} for another
// one, {{hash NAME}} for a SECRET_HASH.
type step struct {
	op, in string
	// want is the whole answer; "*" stands for any value. Empty: {}.
	want string
	// err is "Exception: sentence" instead.
	err string
	// not must not appear in the answer.
	not []string
	// unsigned leaves a signed call without signature.
	unsigned bool
	// advance moves the clock before the call; do runs before it.
	advance time.Duration
	do      func(w *world)
	// check judges the answer further.
	check func(t *testing.T, w *world, answer map[string]any)
}

// world is what the steps of a scenario act upon.
type world struct {
	*pooltest.Harness
	t              *testing.T
	api            http.Handler
	logs           *bytes.Buffer
	poolID, client string
	secret         string
	vars           map[string]string
}

// signed accepts every call with an Authorization header.
type signed struct{}

func (signed) Authorize(_ context.Context, r *http.Request, _ []byte, _, _, _ string) (wire.Principal, error) {
	if r.Header.Get("Authorization") == "" {
		return wire.Principal{}, fault.New(fault.Unauthenticated)
	}
	return wire.Principal{AccessKeyID: "AKIASCENARIO"}, nil
}

func TestScenarios(t *testing.T) {
	all := slices.Concat(signUpScenarios, recoveryScenarios, signInScenarios, factorScenarios, tokenScenarios, accountScenarios, adminScenarios, userScenarios, srpScenarios())
	storetest.Each(t, func(t *testing.T, s store.Store) {
		logs := &bytes.Buffer{}
		h := pooltest.New(t, s)
		api, err := New(Config{
			Pools: h.Service, Authorizer: signed{}, Now: h.Now,
			Log: slog.New(slog.NewTextHandler(io.MultiWriter(logs), &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, sc := range all {
			t.Run(sc.name, func(t *testing.T) {
				w := &world{Harness: h, t: t, api: api, logs: logs, secret: sc.secret, vars: map[string]string{}}
				w.run(sc)
			})
		}
	})
}

func (w *world) run(sc scenario) {
	pc, cc := pooltest.PhonePool(), pooltest.AppClient()
	if sc.pool != nil {
		sc.pool(&pc)
	}
	if sc.client != nil {
		sc.client(&cc)
	}
	w.poolID = w.Pool(pc)
	if sc.secret != "" {
		w.client = w.Client(w.poolID, cc, sc.secret)
	} else {
		w.client = w.Client(w.poolID, cc)
	}
	for i, st := range sc.steps {
		w.step(fmt.Sprintf("step %d (%s)", i, st.op), st)
		if w.t.Failed() {
			return
		}
	}
	w.checkEvents(sc.events)
	if n := len(w.messages()); n != sc.sent {
		w.t.Errorf("%d messages were sent, want %d", n, sc.sent)
	}
	w.canary("the log", w.logs.String())
}

func (w *world) step(name string, st step) {
	w.t.Helper()
	w.Advance(st.advance + time.Millisecond) // codes of one instant have no order
	if st.do != nil {
		st.do(w)
	}
	if st.op == "" {
		return
	}
	status, header, body := w.call(st)
	var answer map[string]any
	if err := json.Unmarshal(body, &answer); err != nil {
		w.t.Fatalf("%s: the answer is no object: %s", name, body)
	}
	if st.err != "" {
		want, ok := strings.CutPrefix(w.expand(st.err), fmt.Sprint(answer["__type"])+": ")
		if !ok || want != answer["message"] || status < 400 || header.Get("X-Amzn-Errortype") != fmt.Sprint(answer["__type"])+":" {
			w.t.Errorf("%s: got %d %s, want %s", name, status, body, st.err)
		}
	} else {
		if st.want == "" {
			st.want = "{}"
		}
		var want any
		if err := json.Unmarshal([]byte(w.expand(st.want)), &want); err != nil {
			w.t.Fatalf("%s: the wish is no JSON: %v", name, err)
		}
		if diff := differs("", want, any(answer)); diff != "" || status != http.StatusOK {
			w.t.Errorf("%s: got %d %s\nat %s", name, status, body, diff)
		}
	}
	for _, not := range st.not {
		if strings.Contains(string(body), w.expand(not)) {
			w.t.Errorf("%s: the answer holds %s: %s", name, not, body)
		}
	}
	w.canary(name, string(body))
	w.remember(answer)
	if st.check != nil && !w.t.Failed() {
		st.check(w.t, w, answer)
	}
}

func (w *world) call(st step) (int, http.Header, []byte) {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(w.expand(st.in)))
	r.RemoteAddr = "203.0.113.7:40000"
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", TargetPrefix+"."+st.op)
	r.Header.Set("User-Agent", "scenario")
	if !st.unsigned {
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 signed")
	}
	rec := httptest.NewRecorder()
	w.api.ServeHTTP(rec, r)
	return rec.Code, rec.Header(), rec.Body.Bytes()
}

var placeholderForm = regexp.MustCompile(`\{\{[^{}]+\}\}`)

func (w *world) expand(s string) string {
	return placeholderForm.ReplaceAllStringFunc(s, func(m string) string {
		f := strings.Fields(strings.Trim(m, "{}"))
		switch f[0] {
		case "pool":
			return w.poolID
		case "client":
			return w.client
		case "code":
			return w.code(f[1:])
		case "wrong":
			return pooltest.Wrong(w.code(f[1:]))
		case "hash":
			return pool.SecretHash(w.secret, f[1], w.client)
		case "totp":
			code, err := totp.Code(w.vars["SecretCode"], w.Now())
			if err != nil {
				w.t.Fatal(err)
			}
			return code
		}
		v, ok := w.vars[f[0]]
		if !ok {
			w.t.Fatalf("no answer had %s", f[0])
		}
		return v
	})
}

// messages are those of the scenario's pool.
func (w *world) messages() []pooltest.Message {
	return slices.DeleteFunc(w.Messages(), func(m pooltest.Message) bool { return m.PoolID != w.poolID })
}

func (w *world) code(f []string) string {
	w.t.Helper()
	list := slices.DeleteFunc(w.messages(), func(m pooltest.Message) bool { return m.To != f[0] || m.Code == "" })
	n := len(list) - 1
	if len(f) > 1 {
		n, _ = strconv.Atoi(f[1])
	}
	if n < 0 || n >= len(list) {
		w.t.Fatalf("code %d of the %d sent to %s", n, len(list), f[0])
	}
	return list[n].Code
}

// remember keeps the strings of an answer by the names of their members.
func (w *world) remember(v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if s, ok := e.(string); ok {
				w.vars[k] = s
			}
			w.remember(e)
		}
	case []any:
		for _, e := range v {
			w.remember(e)
		}
	}
}

// differs compares an answer with the wish and names the first place where they differ.
func differs(at string, want, got any) string {
	if want == "*" {
		return ""
	}
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return at + ": no object"
		}
		for k := range g {
			if _, ok := want[k]; !ok {
				return at + "." + k + ": not wanted"
			}
		}
		for k, v := range want {
			if _, ok := g[k]; !ok {
				return at + "." + k + ": missing"
			}
			if d := differs(at+"."+k, v, g[k]); d != "" {
				return d
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(want) {
			return fmt.Sprintf("%s: got %v", at, got)
		}
		for i := range want {
			if d := differs(fmt.Sprintf("%s[%d]", at, i), want[i], g[i]); d != "" {
				return d
			}
		}
		return ""
	}
	if want != got {
		return fmt.Sprintf("%s: got %v, want %v", at, got, want)
	}
	return ""
}

// canary finds what no answer, log line or event may hold: codes, temporary passwords and hashes.
func (w *world) canary(where, text string) {
	w.t.Helper()
	for _, m := range w.messages() {
		if m.Code == "" {
			continue
		}
		if regexp.MustCompile(`(^|[^0-9A-Za-z_.-])` + regexp.QuoteMeta(m.Code) + `($|[^0-9A-Za-z_.-])`).MatchString(text) {
			w.t.Errorf("%s holds the code %s: %s", where, m.Code, text)
		}
	}
	for _, never := range []string{"$argon2", "PasswordHash", "verifier"} {
		if strings.Contains(text, never) {
			w.t.Errorf("%s holds %s: %s", where, never, text)
		}
	}
}

func (w *world) checkEvents(want []eventlog.Type) {
	w.t.Helper()
	var have []string
	w.Read(func(tx store.Tx) error {
		list, err := tx.Events().ListEvents(context.Background(), store.EventQuery{PoolID: w.poolID, Limit: 500})
		for _, e := range list {
			have = append(have, e.Type)
			w.canary("the event "+e.Type, string(e.Data))
		}
		return err
	})
	for _, e := range want {
		if !slices.Contains(have, string(e)) {
			w.t.Errorf("no event %s among %v", e, have)
		}
	}
}
