package simulator

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"countersign/provider"
)

func call(h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://localhost:7446"+target, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// The shape of an entry is a contract: tests in other people's repositories read it.
func TestInboxShape(t *testing.T) {
	b, err := Open(Options{Now: func() time.Time { return time.Date(2026, 11, 21, 9, 41, 0, 0, time.UTC) }})
	if err != nil {
		t.Fatal(err)
	}
	h := Handler(HandlerOptions{Inbox: b})
	if got := call(h, "GET", "/simulator/inbox", "").Body.String(); got != "[]\n" {
		t.Errorf("empty: %q", got)
	}
	m := sms(anna, "Your code is <123456> & more", "123456")
	m.PoolID, m.TriggerSource = "us-local-1_countersign", "CustomSMSSender_SignUp"
	mustSend(t, b, m)
	mustSend(t, b, sms("+447700900456", "other", ""))
	w := call(h, "GET", "/simulator/inbox?to=%2B12025550123&channel=sms", "")
	id := b.List(Filter{})[0].ID
	want := `[{"id":"` + id + `","to":"+12025550123","from":"COUNTERSGN","channel":"sms","text":"Your code is <123456> & more","code":"123456",` +
		`"pool_id":"us-local-1_countersign","trigger_source":"CustomSMSSender_SignUp","at":"2026-11-21T09:41:00Z"}]` + "\n"
	if diff := cmp.Diff(want, w.Body.String()); diff != "" {
		t.Error(diff)
	}
	if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
		t.Errorf("%v", w.Header())
	}
	// A plus that was not escaped means a plus.
	if got := call(h, "GET", "/simulator/inbox?to=+12025550123", "").Body.String(); got != want {
		t.Error(got)
	}
}

func TestRefusals(t *testing.T) {
	broken := func(context.Context) error { return errors.New("secret detail") }
	h := Handler(HandlerOptions{Inbox: emptyInbox(t), Reset: broken, OnInbound: func(context.Context, string, string) error { return errors.New("secret detail") }})
	long := `{"from":"+12025550123","text":"` + strings.Repeat("x", maxBody) + `"}`
	for _, test := range []struct {
		method, target, body string
		status               int
		code, field          string
	}{
		{"GET", "/simulator/inbox?to=hello", "", 400, "invalid_parameter", "to"},
		{"GET", "/simulator/inbox?to=", "", 400, "invalid_parameter", "to"},
		{"GET", "/simulator/inbox?to=%2B12025550123&to=%2B12025550124", "", 400, "invalid_parameter", "to"},
		{"GET", "/simulator/inbox?channel=fax", "", 400, "invalid_parameter", "channel"},
		{"GET", "/simulator/inbox?after=12", "", 400, "invalid_parameter", "after"},
		{"GET", "/simulator/inbox?wait=31s", "", 400, "invalid_parameter", "wait"},
		{"GET", "/simulator/inbox?wait=-1s", "", 400, "invalid_parameter", "wait"},
		{"GET", "/simulator/inbox?wait=soon", "", 400, "invalid_parameter", "wait"},
		{"GET", "/simulator/inbox?replies=1", "", 400, "invalid_parameter", "replies"},
		{"GET", "/simulator/inbox?colour=red", "", 400, "invalid_parameter", "colour"},
		{"GET", "/simulator/inbox?%zz", "", 400, "invalid_parameter", ""},
		{"GET", "/simulator/inbox/events?after=x", "", 400, "invalid_parameter", "after"},
		{"DELETE", "/simulator/inbox?channel=sms", "", 400, "invalid_parameter", ""},
		{"POST", "/simulator/inbound", "", 400, "invalid_parameter", ""},
		{"POST", "/simulator/inbound", "[]", 400, "invalid_parameter", ""},
		{"POST", "/simulator/inbound", `{"from":"+12025550123","text":"x","colour":"red"}`, 400, "invalid_parameter", "colour"},
		{"POST", "/simulator/inbound", `{"from":7,"text":"x"}`, 400, "invalid_parameter", "from"},
		{"POST", "/simulator/inbound", `{"from":"+12025550123","text":"x"}{}`, 400, "invalid_parameter", ""},
		{"POST", "/simulator/inbound", `{"from":"12025550123","text":"x"}`, 400, "invalid_parameter", "from"},
		{"POST", "/simulator/inbound", `{"from":"+12025550123","text":" "}`, 400, "invalid_parameter", "text"},
		{"POST", "/simulator/inbound", `{"from":"+12025550123","text":"` + strings.Repeat("é", maxReply+1) + `"}`, 400, "invalid_parameter", "text"},
		{"POST", "/simulator/inbound", long, 413, "too_large", ""},
		{"POST", "/simulator/inbound", `{"from":"+12025550123","text":"x"}`, 500, "internal_error", ""},
		{"POST", "/simulator/reset", "", 500, "internal_error", ""},
		{"PUT", "/simulator/sandbox", `{"enabled":true}`, 501, "not_implemented", ""},
		{"PUT", "/simulator/faults", `{}`, 400, "invalid_parameter", ""},
		{"PUT", "/simulator/faults", `[{"reason":"temporary"},{"colour":"red"}]`, 400, "invalid_parameter", "colour"},
		{"PUT", "/simulator/faults", `[{"reason":"temporary"},{"reason":"bad luck"}]`, 400, "invalid_parameter", "[1].reason"},
		{"POST", "/simulator/faults", `[]`, 405, "method_not_allowed", ""},
		{"PUT", "/simulator/inbox", "", 405, "method_not_allowed", ""},
		{"OPTIONS", "/simulator/inbox", "", 405, "method_not_allowed", ""},
		{"GET", "/simulator/nothing", "", 404, "not_found", ""},
	} {
		w := call(h, test.method, test.target, test.body)
		var got apiError
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Errorf("%s %s: %v", test.method, test.target, err)
		}
		if w.Code != test.status || got.Error != test.code || got.Field != test.field || got.Message == "" {
			t.Errorf("%s %s %.60s: %d %+v", test.method, test.target, test.body, w.Code, got)
		}
		if strings.Contains(w.Body.String(), "secret detail") {
			t.Errorf("%s %s tells its cause", test.method, test.target)
		}
	}
}

func TestInboundDeleteReset(t *testing.T) {
	b := emptyInbox(t)
	var heard string
	resets := 0
	h := Handler(HandlerOptions{
		Inbox: b, Reset: func(context.Context) error { resets++; return nil },
		OnInbound: func(_ context.Context, from, text string) error { heard = from + " " + text; return nil },
	})
	mustSend(t, b, sms(anna, "hello", ""))
	w := call(h, "POST", "/simulator/inbound", `{"from":"+12025550123","text":"STOP"}`)
	var m Message
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil || w.Code != 201 || m.Direction != Inbound || m.To != "COUNTERSGN" {
		t.Errorf("%d %+v %v", w.Code, m, err)
	}
	if heard != anna+" STOP" {
		t.Errorf("heard %q", heard)
	}
	if got := call(h, "GET", "/simulator/inbox", "").Body.String(); strings.Contains(got, "STOP") {
		t.Error("a reply is listed as if it had been sent")
	}
	if got := call(h, "DELETE", "/simulator/inbox?to=%2B12025550199", "").Body.String(); got != "{\"deleted\":0}\n" {
		t.Error(got)
	}
	if got := call(h, "DELETE", "/simulator/inbox", "").Body.String(); got != "{\"deleted\":2}\n" {
		t.Error(got)
	}
	mustSend(t, b, sms(anna, "hello", ""))
	if w := call(h, "POST", "/simulator/reset", ""); w.Code != 204 || resets != 1 || len(b.List(Filter{})) != 0 {
		t.Errorf("%d, %d resets", w.Code, resets)
	}
}

func TestOwnOrigin(t *testing.T) {
	b := emptyInbox(t)
	mustSend(t, b, sms(anna, "hello", ""))
	h := Handler(HandlerOptions{Inbox: b})
	const own, foreignOrigin = "http://localhost:7446", "http://localhost:3000"
	for _, test := range []struct {
		name, method, target string
		headers              []string
		refused              bool
	}{
		{"curl", "GET", "/simulator/inbox", nil, false},
		{"own page", "GET", "/simulator/inbox", []string{"Sec-Fetch-Site", "same-origin"}, false},
		{"typed", "GET", "/simulator/inbox", []string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate"}, false},
		{"own post", "POST", "/simulator/reset", []string{"Origin", own, "Sec-Fetch-Site", "same-origin"}, false},
		{"foreign fetch", "GET", "/simulator/inbox", []string{"Origin", foreignOrigin}, true},
		{"null origin", "GET", "/simulator/inbox", []string{"Origin", "null"}, true},
		{"garbage origin", "GET", "/simulator/inbox", []string{"Origin", "http://%"}, true},
		{"sibling port", "GET", "/simulator/inbox", []string{"Sec-Fetch-Site", "same-site"}, true},
		{"image", "GET", "/simulator/inbox", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, true},
		{"script", "GET", "/simulator/assets/x.js", []string{"Sec-Fetch-Site", "cross-site"}, true},
		{"stream", "GET", "/simulator/inbox/events", []string{"Origin", foreignOrigin, "Sec-Fetch-Site", "cross-site"}, true},
		{"form", "POST", "/simulator/inbound", []string{"Origin", foreignOrigin, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, true},
		{"preflight", "OPTIONS", "/simulator/inbox", []string{"Origin", foreignOrigin, "Access-Control-Request-Method", "DELETE"}, true},
		{"delete", "DELETE", "/simulator/inbox", []string{"Origin", foreignOrigin}, true},
		{"link to the page", "GET", "/simulator/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, false},
		{"link to the list", "GET", "/simulator/inbox", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, true},
		{"frame", "GET", "/simulator/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, true},
		{"fetched page", "GET", "/simulator/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, true},
	} {
		w := call(h, test.method, test.target, "", test.headers...)
		if (w.Code == http.StatusForbidden) != test.refused {
			t.Errorf("%s: %d", test.name, w.Code)
		}
		if test.refused && !strings.Contains(w.Body.String(), `"origin_forbidden"`) {
			t.Errorf("%s: %s", test.name, w.Body)
		}
		for name := range w.Header() {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s answers %s", test.name, name)
			}
		}
	}
}

func TestPageHeaders(t *testing.T) {
	h := Handler(HandlerOptions{Inbox: fixtures(t), Location: time.UTC})
	w := call(h, "GET", "/simulator/", "")
	csp := w.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(csp, "default-src 'none'; script-src 'nonce-") || strings.Contains(csp, "unsafe") {
		t.Error(csp)
	}
	if again := call(h, "GET", "/simulator/", "").Header().Get("Content-Security-Policy"); again == csp {
		t.Error("the nonce is used twice")
	}
	body := w.Body.String()
	for _, s := range []string{`class="big-code">493027<`, `<mark class="code">493027</mark>`, "1 202 555 0123", "/simulator/assets/simulator-"} {
		if !strings.Contains(body, s) {
			t.Errorf("no %s in the page", s)
		}
	}
	if w := call(h, "GET", "/simulator", ""); w.Code != 301 || w.Header().Get("Location") != "/simulator/" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
}

// stream opens the events and returns the lines that come.
func stream(t *testing.T, url, lastID string) *bufio.Scanner {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	if res.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		t.Errorf("%v", res.Header)
	}
	return bufio.NewScanner(res.Body)
}

// until reads up to the first line with s in it and returns that line.
func until(t *testing.T, lines *bufio.Scanner, s string) string {
	t.Helper()
	for lines.Scan() {
		if strings.Contains(lines.Text(), s) {
			return lines.Text()
		}
	}
	t.Fatalf("the stream ended before %q: %v", s, lines.Err())
	return ""
}

func TestEvents(t *testing.T) {
	b := emptyInbox(t)
	mustSend(t, b, sms(anna, "before", ""))
	url := strings.TrimSuffix(site(t, b, HandlerOptions{Heartbeat: 5 * time.Millisecond}), "/simulator/") + "/simulator/inbox/events"
	first := stream(t, url, "")
	state := until(t, first, `"epoch"`)
	mustSend(t, b, sms(anna, "one", ""))
	if line := until(t, first, "data:"); strings.Contains(line, "before") || !strings.Contains(line, `"text":"one"`) {
		t.Error(line)
	}
	until(t, first, ": still here")

	// Resume: what came in between is told, and nothing twice.
	all := b.List(Filter{})
	resumed := stream(t, url, all[0].ID)
	if line := until(t, resumed, "id:"); line != "id: "+all[1].ID {
		t.Error(line)
	}
	if _, err := b.Reply(anna, "STOP"); err != nil {
		t.Fatal(err)
	}
	until(t, resumed, `"direction":"inbound"`)

	// An id from a life that is over begins anew instead of waiting for ever.
	until(t, stream(t, url, "8999999999999999"), `"text":"before"`)

	b.Clear("")
	if again := until(t, first, `"epoch"`); again == state {
		t.Error("the epoch did not change")
	}
	b.Close()
	for first.Scan() { // ends, because the inbox was closed
	}
}

func TestEventsAreBounded(t *testing.T) {
	b := emptyInbox(t)
	defer b.Close()
	h := Handler(HandlerOptions{Inbox: b})
	started := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	for range maxStreams {
		go func() {
			r := httptest.NewRequest("GET", "/simulator/inbox/events", nil).WithContext(ctx)
			h.ServeHTTP(&flushed{ResponseRecorder: httptest.NewRecorder(), first: started}, r)
			done <- struct{}{}
		}()
	}
	for range maxStreams {
		<-started
	}
	if w := call(h, "GET", "/simulator/inbox?wait=1s", ""); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d", w.Code)
	}
	cancel()
	for range maxStreams {
		<-done
	}
	mustSend(t, b, sms(anna, "x", ""))
	if w := call(h, "GET", "/simulator/inbox?wait=1s", ""); w.Code != 200 {
		t.Errorf("places are not given back: %d", w.Code)
	}
}

// flushed says when the first flush happened.
type flushed struct {
	*httptest.ResponseRecorder
	first chan struct{}
}

func (f *flushed) Flush() {
	if f.first != nil {
		f.first <- struct{}{}
		f.first = nil
	}
}

// A reader that goes away ends its stream.
func TestEventsReaderGone(t *testing.T) {
	b := emptyInbox(t)
	defer b.Close()
	h := &handler{HandlerOptions: HandlerOptions{Inbox: b, Heartbeat: time.Hour}}
	h.stream(goneWriter{httptest.NewRecorder()}, httptest.NewRequest("GET", "/", nil), Filter{})
}

type goneWriter struct{ http.ResponseWriter }

func (goneWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestLongPoll(t *testing.T) {
	b := emptyInbox(t)
	url := site(t, b, HandlerOptions{})
	mustSend(t, b, sms(anna, "old", ""))
	got := make(chan string)
	go func() {
		res, err := http.Get(url + "inbox?wait=20s&to=%2B12025550123&after=" + b.List(Filter{})[0].ID)
		if err != nil {
			got <- err.Error()
			return
		}
		defer res.Body.Close()
		raw, _ := io.ReadAll(res.Body)
		got <- string(raw)
	}()
	mustSend(t, b, provider.Message{To: "a@example.com", Channel: provider.Email, Text: "not this"})
	mustSend(t, b, sms(anna, "new", ""))
	if s := <-got; !strings.Contains(s, `"text":"new"`) || strings.Contains(s, "old") || strings.Contains(s, "not this") {
		t.Error(s)
	}
}

func FuzzListQuery(f *testing.F) {
	for _, s := range []string{"to=%2B12025550123&channel=sms", "after=1763700000000001&wait=5s", "to=a@b", "wait=1e9h", "%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		filter, wait, _, problem := parseListQuery(raw)
		if problem == "" && (wait < 0 || wait > maxWait || len(filter.To) > maxAddress) {
			t.Errorf("%q gave %+v, %v", raw, filter, wait)
		}
	})
}
