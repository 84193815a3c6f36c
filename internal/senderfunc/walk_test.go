package senderfunc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"countersign/internal/gateway/smpp/smsc"
	"countersign/internal/kmssdk/fakekms"
	"countersign/provider"
)

const requestID0 = "0197a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"

// service is a scripted SMS service. What it is sent is kept whole.
type service struct {
	*httptest.Server
	status int
	body   string
	cut    bool // the connection, after the request

	mu    sync.Mutex
	got   []string
	conns map[string]bool
}

func serve(t *testing.T) *service {
	s := &service{conns: map[string]bool{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		text, err := url.QueryUnescape(string(raw))
		if err != nil || r.Header.Get("Content-Type") == "application/json" {
			text = string(raw)
		}
		s.mu.Lock()
		s.got = append(s.got, text)
		s.conns[r.RemoteAddr] = true
		s.mu.Unlock()
		if s.cut {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				conn.Close()
			}
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(s.status)
		_, _ = io.WriteString(w, s.body)
	}))
	t.Cleanup(s.Close)
	return s
}

// requests returns what came, and forgets it.
func (s *service) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = nil
	return got
}

const (
	twilioSent = `{"sid":"SM0123","status":"queued","num_segments":"1","error_code":null}`
	vonageSent = `{"message-count":"1","messages":[{"to":"15555550100","message-id":"0A01","status":"0","remaining-balance":"3.14","message-price":"0.0333","network":"310410"}]}`
	vonageFull = `{"message-count":"1","messages":[{"status":"9","error-text":"Partner quota exceeded for ` + number + `"}]}`
	hookSent   = `{"status":"sent","id":"w-1"}`
	authToken  = "an-auth-token-nobody-sees"
)

// trio is a function with three accounts: main (twilio), spare (vonage-sms) and webhook.
type trio struct {
	f     *Function
	k     *fakekms.KMS
	log   *bytes.Buffer
	names []string
	at    map[string]*service
}

func newTrio(t *testing.T, env map[string]string) *trio {
	t.Helper()
	r := &trio{names: []string{"main", "spare", "webhook"}, at: map[string]*service{}}
	for i, body := range []string{twilioSent, vonageSent, hookSent} {
		s := serve(t)
		s.status, s.body = []int{201, 200, 200}[i], body
		r.at[r.names[i]] = s
	}
	all := map[string]string{
		"PROVIDERS":          "main,spare,webhook",
		"PROVIDER_MAIN_KIND": "twilio", "PROVIDER_MAIN_ACCOUNT_SID": "AC1", "PROVIDER_MAIN_AUTH_TOKEN": authToken, "PROVIDER_MAIN_FROM": "+12065550100",
		"PROVIDER_MAIN_SENDERS": "GB=Acme, US=+12065550177", "PROVIDER_MAIN_BASE_URL": r.at["main"].URL,
		"PROVIDER_SPARE_KIND": "vonage-sms", "PROVIDER_SPARE_API_KEY": "abcd1234", "PROVIDER_SPARE_API_SECRET": authToken, "PROVIDER_SPARE_FROM": "Acme",
		"PROVIDER_SPARE_BASE_URL": r.at["spare"].URL,
		"WEBHOOK_URL":             r.at["webhook"].URL,
	}
	maps.Copy(all, env)
	r.f, r.k, r.log = start(t, &hook{}, all)
	return r
}

// invoke handles one event with a code.
func (r *trio) invoke(t *testing.T) (answer []byte, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: requestID0})
	return r.f.Invoke(ctx, event(t, r.k, "CustomSMSSender_SignUp", code))
}

// lines reads the log, all of it free of what must not be seen.
func lines(t *testing.T, log string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(log) {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		all = append(all, l)
	}
	unseen(t, log)
	return all
}

// unseen expects neither personal data nor secrets.
func unseen(t *testing.T, s string) {
	t.Helper()
	for _, hidden := range []string{code, number[1:], "5555550100", "verification code", "ann@example.com", signKey, authToken} {
		if strings.Contains(s, hidden) {
			t.Errorf("%s in %s", hidden, s)
		}
	}
}

// TestFailover has the answers of main and spare; the webhook takes what gets there.
func TestFailover(t *testing.T) {
	refused := func(n int) string {
		return fmt.Sprintf(`{"code":%d,"message":"%s to %s with %s","status":400}`, n, code, number, authToken)
	}
	type step struct{ account, reason, code string }
	for name, c := range map[string]struct {
		status, spareStatus int
		body, spareBody     string
		cut                 bool
		hook                string
		asked               int
		outcome             string
		steps               []step
		err                 string
	}{
		"the first": {asked: 1, outcome: "sent", steps: []step{{"main", "", ""}}},
		"credentials": {status: 401, body: refused(20003), asked: 2, outcome: "sent",
			steps: []step{{"main", "auth_failed", "20003"}, {"spare", "", ""}}},
		"no money, then overload": {status: 402, body: `{}`, spareBody: vonageFull, asked: 3, outcome: "sent",
			steps: []step{{"main", "insufficient_funds", "402"}, {"spare", "insufficient_funds", "9"}, {"webhook", "", ""}}},
		"sender":       {status: 400, body: refused(21606), asked: 2, outcome: "sent", steps: []step{{"main", "sender_rejected", "21606"}, {"spare", "", ""}}},
		"content":      {status: 400, body: refused(30007), asked: 2, outcome: "sent", steps: []step{{"main", "content_rejected", "30007"}, {"spare", "", ""}}},
		"country":      {status: 400, body: refused(21408), asked: 2, outcome: "sent", steps: []step{{"main", "permanent", "21408"}, {"spare", "", ""}}},
		"too many":     {status: 429, body: refused(20429), asked: 2, outcome: "sent", steps: []step{{"main", "rate_limited", "20429"}, {"spare", "", ""}}},
		"their fault":  {status: 503, body: `<html>`, asked: 2, outcome: "sent", steps: []step{{"main", "temporary", "503"}, {"spare", "", ""}}},
		"unknown code": {status: 400, body: refused(99999), asked: 2, outcome: "sent", steps: []step{{"main", "permanent", "99999"}, {"spare", "", ""}}},
		"no answer":    {cut: true, asked: 2, outcome: "sent", steps: []step{{"main", "unknown", ""}, {"spare", "", ""}}},
		"no number": {status: 400, body: refused(21211), asked: 1, outcome: "failed", steps: []step{{"main", "invalid_number", "21211"}},
			err: "no account took the text: main (twilio): invalid_number, code 21211"},
		"STOP": {status: 400, body: refused(21610), asked: 1, outcome: "failed", steps: []step{{"main", "opted_out", "21610"}},
			err: "no account took the text: main (twilio): opted_out, code 21610"},
		"one more for the unreachable": {status: 400, body: refused(21635), spareStatus: 500, spareBody: "x", asked: 2, outcome: "retry",
			steps: []step{{"main", "unreachable", "21635"}, {"spare", "temporary", "500"}},
			err:   "no account took the text: main (twilio): unreachable, code 21635; spare (vonage-sms): temporary, code 500"},
		"nobody": {cut: true, spareStatus: 401, spareBody: `{}`, hook: `{"status":"failed","reason":"rate_limited","code":"` + number + `"}`, asked: 3, outcome: "retry",
			steps: []step{{"main", "unknown", ""}, {"spare", "auth_failed", "401"}, {"webhook", "rate_limited", "[redacted]"}},
			err: "no account took the text: main (twilio): unknown, it may have sent; spare (vonage-sms): auth_failed, code 401; " +
				"webhook (webhook): rate_limited, code [redacted]"},
		"the last word": {status: 500, body: "x", spareStatus: 500, spareBody: "x", hook: `{"status":"failed","class":"permanent"}`, asked: 3, outcome: "failed",
			steps: []step{{"main", "temporary", "500"}, {"spare", "temporary", "500"}, {"webhook", "permanent", "200"}},
			err: "no account took the text: main (twilio): temporary, code 500; spare (vonage-sms): temporary, code 500; " +
				"webhook (webhook): permanent, code 200"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newTrio(t, nil)
			m, s, w := r.at["main"], r.at["spare"], r.at["webhook"]
			m.cut = c.cut
			if c.body != "" {
				m.status, m.body = c.status, c.body
			}
			if c.spareBody != "" {
				s.status, s.body = max(c.spareStatus, 200), c.spareBody
			}
			if c.hook != "" {
				w.body = c.hook
			}
			answer, err := r.invoke(t)
			if (err != nil) != (c.outcome == "retry") || err == nil && string(answer) != "null" {
				t.Fatalf("%s, %v", answer, err)
			}
			for i, name := range r.names {
				got := r.at[name].requests()
				if len(got) > 1 || (len(got) == 1) != (i < c.asked) {
					t.Errorf("%s was asked %d times", name, len(got))
				}
				if len(got) == 1 && (!strings.Contains(got[0], "Your verification code is "+code) || !strings.Contains(got[0], number[1:])) {
					t.Errorf("%s got %s", name, got[0])
				}
			}
			all := lines(t, r.log.String())
			if len(all) != len(c.steps)+1 {
				t.Fatalf("log: %s", r.log)
			}
			references := map[any]bool{}
			for i, want := range c.steps {
				l := all[i]
				reason, _ := l["reason"].(string)
				code, _ := l["vendor_code"].(string)
				if l["msg"] != "attempt" || (step{l["account"].(string), reason, code}) != want || l["request_id"] != requestID0 ||
					l["latency_ms"] == nil || l["reference"] == "" || references[l["reference"]] {
					t.Errorf("attempt %d: %v, want %v", i, l, want)
				}
				references[l["reference"]] = true
				if (reason == "") != (l["outcome"] == "accepted") || (reason == "") != (l["provider_id"] != nil) || (l["ambiguous"] == true) != (reason == "unknown") {
					t.Errorf("attempt %d: %v", i, l)
				}
			}
			end := all[len(all)-1]
			if end["msg"] != c.outcome || c.outcome == "sent" && end["account"] != c.steps[len(c.steps)-1].account {
				t.Errorf("end: %v", end)
			}
			if said, _ := end["error"].(string); said != c.err {
				t.Errorf("error: %s", said)
			}
			unseen(t, fmt.Sprint(err))
		})
	}
}

// Where texts come from: the country's sender, the account's, or what the kind without such a setting is told.
func TestSenders(t *testing.T) {
	only := func(name string) map[string]string {
		return map[string]string{"PROVIDERS": name, "PROVIDER_WEBHOOK_FROM": "Hook", "PROVIDER_WEBHOOK_SENDERS": "GB=Other"}
	}
	for name, c := range map[string]struct {
		to, account string
		env         map[string]string
		want        string
	}{
		"country":          {"+447700900123", "main", nil, "From=Acme&"},
		"the account's":    {"+4915110000000", "main", nil, "From=+12065550100&"},
		"no list":          {"+447700900123", "main", map[string]string{"PROVIDER_MAIN_SENDERS": ""}, "From=+12065550100&"},
		"not E.164":        {"0151 1000000", "webhook", only("webhook"), `"from":"Hook"`},
		"webhook":          {"+4915110000000", "webhook", only("webhook"), `"from":"Hook"`},
		"webhook, country": {"+447700900123", "webhook", only("webhook"), `"from":"Other"`},
	} {
		t.Run(name, func(t *testing.T) {
			r := newTrio(t, c.env)
			e := bytes.ReplaceAll(event(t, r.k, "CustomSMSSender_SignUp", code), []byte(number), []byte(c.to))
			if _, err := r.f.Invoke(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			if got := r.at[c.account].requests(); len(got) != 1 || !strings.Contains(got[0]+"&", c.want) {
				t.Errorf("%q lacks %s", got, c.want)
			}
		})
	}
}

// fake is a provider that does what it is told.
type fake struct {
	do func(context.Context, provider.Message) error
}

func (fake) Name() string { return "fake" }
func (p fake) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	return provider.Receipt{ProviderID: "id"}, p.do(ctx, m)
}

// faked is a function with accounts a, b, c … that do as told.
func faked(log io.Writer, do ...func(context.Context, provider.Message) error) *Function {
	f := &Function{log: slog.New(slog.NewJSONHandler(log, nil)), now: time.Now}
	for i, d := range do {
		f.accounts = append(f.accounts, &sender{name: string(rune('a' + i)), kind: "fake", p: fake{d}})
	}
	return f
}

// Services that hang: all attempts end before the function does, and each carries the same code.
func TestDeadline(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		accounts int
		function time.Duration
		want     []time.Duration
		err      string
	}{
		"time enough":    {3, 30 * time.Second, []time.Duration{3000 * ms, 3000 * ms, 10000 * ms}, "a (fake): unknown, it may have sent; b (fake): unknown, it may have sent; c (fake): unknown, it may have sent"},
		"one alone":      {1, 30 * time.Second, []time.Duration{10000 * ms}, "a (fake): unknown, it may have sent"},
		"Lambda's own":   {2, 3 * time.Second, []time.Duration{1375 * ms, 1375 * ms}, "a (fake): unknown, it may have sent; b (fake): unknown, it may have sent"},
		"too little":     {5, 3 * time.Second, []time.Duration{1000 * ms, 1000 * ms}, "a (fake): unknown, it may have sent; b (fake): unknown, it may have sent; c (fake): not asked, the function's time was up; d (fake): not asked, the function's time was up; e (fake): not asked, the function's time was up"},
		"none":           {1, 1000 * ms, nil, "a (fake): not asked, the function's time was up"},
		"all five":       {5, 30 * time.Second, []time.Duration{3000 * ms, 3000 * ms, 3000 * ms, 3000 * ms, 10000 * ms}, ""},
		"five, and less": {5, 10250 * ms, []time.Duration{2000 * ms, 2000 * ms, 2000 * ms, 2000 * ms, 2000 * ms}, ""},
		"without an end": {2, 0, []time.Duration{3000 * ms, 10000 * ms}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []time.Duration
				hang := func(ctx context.Context, m provider.Message) error {
					began := time.Now()
					<-ctx.Done()
					got = append(got, time.Since(began))
					if m.Code != code {
						t.Errorf("another code: %s", m.Code)
					}
					return ctx.Err()
				}
				f := faked(io.Discard, slices.Repeat([]func(context.Context, provider.Message) error{hang}, c.accounts)...)
				ctx, began := t.Context(), time.Now()
				if c.function > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.function)
					defer cancel()
				}
				_, err := f.deliver(ctx, provider.Message{To: number, Code: code, Text: "Your code is " + code})
				if !reflect.DeepEqual(got, c.want) {
					t.Errorf("attempts took %v, want %v", got, c.want)
				}
				if c.function > 0 && time.Since(began) > c.function-reserve {
					t.Errorf("ended after %v", time.Since(began))
				}
				if err == nil || c.err != "" && err.Error() != "no account took the text: "+c.err {
					t.Fatal(err)
				}
				if class, _ := provider.ClassOf(err); class == provider.ClassPermanent {
					t.Error("no later try")
				}
			})
		})
	}
}

// A panic may have sent; what it says is not shown.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	f := faked(&log, func(_ context.Context, m provider.Message) error { panic(m.Text + m.To) }, func(context.Context, provider.Message) error { return nil })
	account, err := f.deliver(t.Context(), provider.Message{To: number, Code: code, Text: "Your verification code is " + code})
	if account != "b" || err != nil {
		t.Errorf("%s, %v", account, err)
	}
	all := lines(t, log.String())
	if len(all) != 3 || all[0]["stack"] == nil || all[1]["ambiguous"] != true || all[2]["outcome"] != "accepted" {
		t.Errorf("%v", all)
	}
}

// An account's fault that is no answer of its service is told in its own words, without what the message holds.
func TestFaultIsShown(t *testing.T) {
	var log bytes.Buffer
	f := faked(&log, func(_ context.Context, m provider.Message) error {
		return errors.New("fake: not sent: no such host, for 5555550100: " + m.Code + strings.Repeat("é", maxFault))
	})
	_, err := f.deliver(t.Context(), provider.Message{To: number, Code: code, Text: "Your verification code is " + code})
	unseen(t, fmt.Sprint(err))
	all := lines(t, log.String())
	said, _ := all[0]["error"].(string)
	if len(all) != 1 || !strings.HasPrefix(said, "fake: not sent: no such host, for [redacted]: [redacted]é") || len(said) > maxFault || all[0]["reason"] != "temporary" {
		t.Errorf("%v", all)
	}
}

// A message centre is bound for each event: between two of them Lambda freezes the program.
func TestMessageCentre(t *testing.T) {
	c := &smsc.Center{SystemID: "acme", Password: "hidden", State: "DELIVRD"}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = c.Serve(l) }()
	t.Cleanup(func() { c.Close() })
	host, port, _ := net.SplitHostPort(l.Addr().String())
	r := newTrio(t, map[string]string{"PROVIDERS": "smpp,webhook", "PROVIDER_SMPP_HOST": host, "PROVIDER_SMPP_PORT": port,
		"PROVIDER_SMPP_SYSTEM_ID": "acme", "PROVIDER_SMPP_PASSWORD": "hidden", "PROVIDER_SMPP_SENDERS": "US=Acme"})
	for n := range 2 {
		if _, err := r.invoke(t); err != nil {
			t.Fatal(err)
		}
		if _, binds, submits, _ := c.Counts(); binds != n+1 || submits != n+1 {
			t.Errorf("%d binds, %d submits after %d events", binds, submits, n+1)
		}
	}
	if m := c.Messages()[0].SM; m.RegisteredDelivery != 0 || len(r.at["webhook"].requests()) != 0 {
		t.Errorf("%+v", m)
	}
	lines(t, r.log.String())
}

// A connection is used again for an event that follows at once, and not after a pause.
func TestStaleConnections(t *testing.T) {
	r := newTrio(t, nil)
	now := time.Now()
	r.f.now = func() time.Time { return now }
	for i, want := range []int{1, 1, 2} {
		if i == 2 {
			now = now.Add(stale + time.Second)
		}
		if _, err := r.invoke(t); err != nil {
			t.Fatal(err)
		}
		if got := len(r.at["main"].conns); got != want {
			t.Errorf("event %d: %d connections, want %d", i, got, want)
		}
	}
}
