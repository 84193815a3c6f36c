package proof

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"countersign"
)

// gossip is a service that refuses everything and quotes whatever it was told: body, credentials, URLs. Twilio Verify is served well.
type gossip struct {
	s  *secrets
	mu sync.Mutex
	n  int
}

const verifyCode = "730418"

func (g *gossip) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	plain, _ := url.QueryUnescape(string(raw))
	said := fmt.Sprintf("cannot do %s with %v %s %s", r.URL, r.Header, plain, raw)
	g.mu.Lock()
	g.n++
	n := g.n
	if a := r.Header.Get("Authorization"); len(a) > 12 {
		g.s.add(phrase, "an Authorization header", a[strings.IndexByte(a, ' ')+1:])
	}
	g.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case strings.HasSuffix(r.URL.Path, "/Verifications"):
		w.WriteHeader(http.StatusCreated)
		fmt.Fprintf(w, `{"sid": "VE%032d", "status": "pending", "to": "x"}`, n)
		return
	case strings.HasSuffix(r.URL.Path, "/VerificationCheck"):
		v, _ := url.ParseQuery(string(raw))
		status := map[bool]string{true: "approved", false: "pending"}[v.Get("Code") == verifyCode]
		fmt.Fprintf(w, `{"sid": %q, "status": %q, "valid": %v}`, v.Get("VerificationSid"), status, status == "approved")
		return
	}
	if r.Method == http.MethodGet {
		w.WriteHeader(http.StatusUnauthorized)
	} else { // 401 would have the account left alone
		w.WriteHeader([]int{400, 500, 422}[n%3])
	}
	json.NewEncoder(w).Encode(obj{
		"code": 30003, "message": said, "error": said, "errors": []obj{{"code": "1", "description": said, "detail": said}}, "error-text": said,
		"status": obj{"code": 11000, "description": said}, "requestError": obj{"serviceException": obj{"messageId": "X", "text": said}}, "title": said, "detail": said,
	})
}

// collector takes spans.
type collector struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (c *collector) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var in io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return
		}
		in = z
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	io.Copy(&c.all, in)
}

func (c *collector) bytes() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.all.Bytes())
}

// manage is operate with a body; what is answered is searched.
func (n *node) manage(method, path string, body any) answer {
	n.t.Helper()
	req, err := http.NewRequest(method, n.admin+"/admin/v1"+path, bytes.NewReader(mustJSON(n.t, body)))
	check(n.t, err)
	req.Header.Set("Content-Type", "application/json")
	sign(n.t, req, n.owner, "countersign")
	a, err := send(req)
	check(n.t, err)
	a.op = method + " " + path
	n.rest.add(a)
	return a
}

// manager is a call of the admin API of any server.
type manager func(method, path string, body any) answer

// choices are settings where a kind needs one of several.
var choices = map[string][]string{
	"twilio": {"account_sid", "auth_token"}, "twilio-verify": {"account_sid", "auth_token", "service_sid"}, "vonage": {"api_key", "api_secret"},
	"vonage-sms": {"api_key", "api_secret"}, "sns": {"region", "access_key_id", "secret_access_key"}, "aws-sms": {"region", "access_key_id", "secret_access_key"},
	"vonage-verify": {"api_key", "api_secret"},
}

// accounts makes one of each kind, at base if the kind can be anywhere else.
func accounts(t *testing.T, s *secrets, call manager, pool, base string) (names []string) {
	t.Helper()
	kinds, _ := call("GET", "/account-kinds", nil).body["kinds"].([]any)
	for _, k := range kinds {
		k := k.(obj)
		name := k["kind"].(string)
		settings, hidden := obj{}, obj{}
		for _, f := range k["fields"].([]any) {
			f := f.(obj)
			field, _ := f["name"].(string)
			example, _ := f["example"].(string)
			switch {
			case field == "base_url" && base != "":
				settings[field] = base
			case f["required"] != true && !slices.Contains(choices[name], field):
			case f["secret"] == true:
				if example == "" {
					example = base64.StdEncoding.EncodeToString([]byte("canary of a secret of " + name))
				}
				hidden[field] = example
				if len(example) >= 12 {
					s.add(phrase, field+" of "+name, example)
				}
			case field == "url" && base != "":
				settings[field] = base
			default:
				settings[field] = example
			}
		}
		if a := call("PUT", "/accounts/"+name+"?pool="+pool, obj{"kind": name, "settings": settings, "secrets": hidden, "from": "+12025550100"}); a.status >= 300 {
			t.Errorf("an account of kind %s: %d %s", name, a.status, a.raw)
			continue
		}
		if _, anywhere := settings["base_url"]; anywhere || settings["url"] != nil || base == "" {
			names = append(names, name)
		}
	}
	return names
}

// tried has an account send a text and a call, and checks it.
func (s *secrets) tried(t *testing.T, call manager, pool, name, to, word string) {
	t.Helper()
	for _, voice := range []bool{false, true} {
		a := call("POST", "/messages?pool="+pool, obj{"to": to, "account": name, "voice": voice, "text": word})
		if a.status >= 500 {
			t.Errorf("a text by %s: %d %s", name, a.status, a.raw)
		}
	}
	call("POST", "/accounts/"+name+"/check?pool="+pool, obj{})
}

// TestAdvisory_supabase_auth_1635_delivery: codes were written to logs. Here services quote everything they are told, credentials and URLs included, in all
// their answers, receipts and texts that come in; nothing of it is in logs, metrics, traces, events, answers or columns.
func TestAdvisory_supabase_auth_1635_delivery(t *testing.T) {
	engines(t, func(t *testing.T, database string) {
		s, spans := &secrets{}, &collector{}
		chatter := &gossip{s: s}
		service, sink := httptest.NewServer(chatter), httptest.NewServer(spans)
		defer service.Close()
		defer sink.Close()
		air := newAir()
		good, bad := newCarrier(t, air, "good"), newCarrier(t, air, "bad")
		config := append(senderFile(t, deliveryFile([]*carrier{bad, good})), "tracing: {endpoint: "+sink.URL+"}")
		n := serve(t, database, config...)
		s.add(phrase, "the owner's secret key", n.owner.SecretAccessKey)
		s.add(phrase, "a carrier's secret", carrierSecret)
		f := &flows{caller: n.caller(), s: s, code: func(to string) string {
			m, _ := air.text(to)
			return m.Code
		}}
		pool, client := codesPool(f.caller, "canary")
		f.pool, f.client = pool, client
		// Every kind of account, refused in its own words.
		word := s.add(phrase, "a text of an operator", "canary text of an operator")
		for _, name := range accounts(t, s, n.manage, pool, service.URL) {
			s.tried(t, n.manage, pool, name, f.phone(), word)
		}
		// Failover, receipts, opt-outs.
		bad.turn(fails)
		x := &said{flows: f, n: n, air: air}
		x.people()
		// Codes that the service makes.
		x.made()
		n.settled()
		for _, m := range air.texts() {
			s.add(phrase, "a text", m.Text)
			s.add(phrase, "the secret of a receipt URL", m.ReceiptURL[strings.LastIndexByte(m.ReceiptURL, '/')+1:])
			if !f.known(m.Code) {
				s.add(code, "an unread code", m.Code)
			}
			s.add(number, "a number", m.To)
		}
		x.searched(t, database, pool, spans)
		if chatter.n < 20 {
			t.Errorf("the services were called %d times: too little to prove anything", chatter.n)
		}
	})
}

// said is a run through a pool that uses accounts.
type said struct {
	*flows
	n   *node
	air *air
}

// people sign up and in; their carrier reports with numbers, codes and texts in it, and hears STOP and START.
func (x *said) people() {
	for i := range 4 {
		to := x.phone()
		x.ok(x.app("SignUp", obj{"ClientId": x.client, "Username": to}))
		m, ok := x.air.text(to)
		if !ok {
			x.t.Fatalf("no text came to %s", to)
		}
		x.s.add(code, "a code", m.Code)
		x.refused(x.app("ConfirmSignUp", obj{"ClientId": x.client, "Username": to, "ConfirmationCode": x.wrong(m.Code)}), "CodeMismatchException")
		x.ok(x.app("ConfirmSignUp", obj{"ClientId": x.client, "Username": to, "ConfirmationCode": m.Code}))
		until(x.t, "the record of the send", func() bool { return x.n.operate("GET", "/messages/"+m.ID).body["state"] == "sent" })
		quote := "could not give " + m.Text + " with " + m.Code + " to " + m.To + " by " + m.ReceiptURL
		url := m.ReceiptURL
		for j, body := range []obj{
			{"reference": m.Reference, "state": []string{"delivered", "undelivered"}[i%2], "reason": "unreachable", "code": "30003", "text": quote},
			{"message_id": m.To, "state": "delivered", "text": quote},
			{"inbound": obj{"from": m.To, "to": "+12025550100", "text": x.s.add(phrase, "a text from a phone", "canary text from a phone about "+m.Code), "keyword": ""}},
			{"inbound": obj{"from": m.To, "to": "+12025550100", "text": "STOP"}},
			{"nonsense": quote},
		} {
			req := report(x.t, url, carrierSecret, fmt.Sprintf("evt-%d-%d", i, j), time.Now(), body)
			if i == 3 {
				req.Header.Set("Webhook-Signature", "v1,"+m.Code)
			}
			x.do(req, "a receipt")
		}
		x.do(mustRequest(x.t, url+"?text="+m.Code), "a receipt by GET")
		// Opted out: nothing is sent, and nobody is told the number.
		x.app("InitiateAuth", obj{"ClientId": x.client, "AuthFlow": "USER_AUTH", "AuthParameters": obj{"USERNAME": to, "PREFERRED_CHALLENGE": "SMS_OTP"}})
		x.do(report(x.t, url, carrierSecret, fmt.Sprintf("evt-%d-start", i), time.Now(), obj{"inbound": obj{"from": to, "to": "+12025550100", "text": "START"}}), "START")
	}
}

// made is a sign-in whose code Twilio Verify makes.
func (x *said) made() {
	x.s.add(code, "a code that a service made", verifyCode)
	a := x.n.operate("GET", "/message-settings?pool="+x.pool)
	settings := a.body
	delete(settings, "$schema")
	settings["code_maker"] = obj{"account": "twilio-verify", "purposes": []string{"sign_in"}}
	if a := x.n.manage("PUT", "/message-settings?pool="+x.pool, settings); a.status >= 300 {
		x.t.Fatalf("message settings: %d %s", a.status, a.raw)
	}
	to := x.phone()
	x.ok(x.back("AdminCreateUser", obj{"UserPoolId": x.pool, "Username": to, "MessageAction": "SUPPRESS", "UserAttributes": []obj{{"Name": "phone_number_verified", "Value": "true"}}}))
	ch := x.keep(x.app("InitiateAuth", obj{"ClientId": x.client, "AuthFlow": "USER_AUTH", "AuthParameters": obj{"USERNAME": to, "PREFERRED_CHALLENGE": "SMS_OTP"}}))
	answer := func(v string) answer {
		return x.app("RespondToAuthChallenge", obj{"ClientId": x.client, "ChallengeName": "SMS_OTP", "Session": ch.str("Session"), "ChallengeResponses": obj{"USERNAME": to, "SMS_OTP_CODE": v}})
	}
	x.n.settled()
	x.refused(answer(x.wrong(verifyCode)), "CodeMismatchException")
	x.keep(answer(verifyCode))
}

// searched looks everywhere.
func (x *said) searched(t *testing.T, database, pool string, spans *collector) {
	everything := []kind{code, phrase, token, number}
	s, n := x.s, x.n
	paths := []string{"/events?limit=1000&pool=" + pool, "/events?limit=1000&pool=deployment", "/messages?limit=1000&pool=" + pool}
	for _, what := range []string{"accounts", "route-plan", "route-health", "opt-outs", "costs", "canaries", "rates"} {
		paths = append(paths, "/"+what+"?pool="+pool)
	}
	for _, path := range paths {
		a := n.operate("GET", path)
		s.none(t, "GET "+path, a.raw, everything...)
		if list, ok := a.body["messages"].([]any); ok {
			if len(list) < 20 {
				t.Errorf("only %d messages were searched", len(list))
			}
			for _, m := range list {
				one := n.operate("GET", "/messages/"+m.(obj)["id"].(string))
				s.none(t, "the timeline of a message", one.raw, everything...)
			}
		}
	}
	for _, a := range n.rest.all() {
		kinds := []kind{code, phrase}
		if strings.HasPrefix(a.op, "POST /") || strings.HasPrefix(a.op, "PUT /") || strings.Contains(a.op, "receipt") {
			kinds = everything
		}
		if strings.HasPrefix(a.op, "GET /account-kinds") {
			continue // its examples are the secrets of this test
		}
		s.none(t, "the answer of "+a.op, a.raw, kinds...)
		s.inHeader(t, "the answer of "+a.op, a.header)
	}
	metrics, err := send(mustRequest(t, n.admin+"/metrics"))
	check(t, err)
	s.none(t, "/metrics", metrics.raw, phrase, token, number)
	for _, c := range dump(t, database) {
		s.none(t, "column "+c.column+" of "+c.table, c.data, code, phrase, token)
		if !homeOfNumbers[c.table] && c.table != "routes" {
			s.none(t, "column "+c.column+" of "+c.table, c.data, number)
		}
	}
	n.stop(t)
	s.none(t, "the log", []byte(n.out.String()), everything...)
	if !strings.Contains(n.out.String(), "a sender is misconfigured") {
		t.Errorf("the log tells of no failure: %.300s", n.out.String())
	}
	got := spans.bytes()
	if !bytes.Contains(got, []byte("deliver")) {
		t.Errorf("%d bytes of spans, none of a delivery", len(got))
	}
	s.none(t, "the spans", got, everything...)
}

// TestDeliveryCanaryOfDev runs texts by simulated services of every kind into every failure that they know.
func TestDeliveryCanaryOfDev(t *testing.T) {
	var log output
	l := newLab(t, nil, func(c *countersign.Config) {
		c.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	s := &secrets{}
	word := s.add(phrase, "a text of an operator", "canary text of an operator 482913")
	s.add(code, "a code in a text", "482913")
	var answers []answer
	call := func(method, path string, body any) answer {
		a := l.ask(method, path, body)
		answers = append(answers, a)
		return a
	}
	names := accounts(t, s, call, countersign.DevPool, "")
	answers = nil
	if len(names) < 12 {
		t.Errorf("only %d kinds", len(names))
	}
	seen := map[string]bool{}
	for k, name := range names {
		if name == "smpp" || name == "webhook" {
			continue // there is nobody
		}
		// The last one has the account left alone.
		for _, i := range []int{101, 102, 103, 104, 105, 110, 111, 109, 106 + k%3} {
			to := s.add(number, "a number", fmt.Sprintf("+19095550%d", i))
			a := call("POST", "/messages?pool="+countersign.DevPool, obj{"to": to, "account": name, "text": word})
			for _, v := range a.body {
				if list, ok := v.([]any); ok {
					for _, e := range list {
						if reason, ok := e.(obj)["reason"].(string); ok {
							seen[reason] = true
						}
					}
				}
			}
		}
	}
	if len(seen) < 8 {
		t.Errorf("the services failed for these reasons alone: %v", seen)
	}
	everything := []kind{code, phrase, token, number}
	for _, a := range answers {
		s.none(t, "the answer of "+a.op, a.raw, everything...)
	}
	for _, path := range []string{"/events?pool=", "/messages?pool="} {
		member := strings.Trim(path[:strings.IndexByte(path, '?')], "/")
		for _, e := range l.list(path+countersign.DevPool, member) {
			s.none(t, path, mustJSON(t, e), everything...)
			if id, ok := e["id"].(string); ok && member == "messages" {
				s.none(t, "a timeline", l.operate("GET", "/messages/"+id, nil).raw, everything...)
			}
		}
	}
	s.none(t, "/metrics", l.do(newGet("http://localhost:7446/metrics"), "/metrics").raw, phrase, number)
	s.none(t, "the log", []byte(log.String()), everything...)
	if !strings.Contains(log.String(), `"level":`) {
		t.Error("nothing was logged")
	}
}
