package receiptapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"countersign/internal/fault"
	"countersign/provider"
)

const secret = "AAbbCC-_0123456789AAbbCC-_0123456789AAbbCCd"

// fake is what takes callbacks.
type fake struct {
	reply        provider.Reply
	err          error
	wait         chan struct{}
	kind, secret string
	keys         bool
	got          provider.Callback
	calls        int
	closed       bool
}

func (f *fake) Open(context.Context, string, string) error {
	if f.closed {
		return fault.New(fault.ResourceNotFound)
	}
	return nil
}

func (f *fake) Take(_ context.Context, kind, secret string, c provider.Callback) (provider.Reply, error) {
	f.kind, f.secret, f.got, f.keys = kind, secret, c, false
	f.calls++
	if f.wait != nil {
		f.wait <- struct{}{}
		<-f.wait
	}
	return f.reply, f.err
}

func (f *fake) TakeKeys(ctx context.Context, kind, secret string, c provider.Callback) (provider.Reply, error) {
	reply, err := f.Take(ctx, kind, secret, c)
	f.keys = true
	return reply, err
}

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func serve(f *fake, log io.Writer, method, target, body string) *http.Response {
	h := New(f, Options{
		BaseURL: func(context.Context) string { return "https://id.example.com" }, Now: func() time.Time { return now },
		Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host = "evil.example"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestCallbacks(t *testing.T) {
	f := &fake{reply: provider.Reply{ContentType: "text/xml", Body: []byte("<Response/>")}}
	res := serve(f, io.Discard, "POST", "/receipts/twilio/"+secret+"?r=a%2Fb&x", "MessageSid=SM1")
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != 200 || string(body) != "<Response/>" || res.Header.Get("Content-Type") != "text/xml" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %q %v", res.StatusCode, body, res.Header)
	}
	if got, want := f.got.URL.String(), "https://id.example.com/receipts/twilio/"+secret+"?r=a%2Fb&x"; got != want {
		t.Errorf("URL %s, want %s", got, want)
	}
	if f.kind != "twilio" || f.secret != secret || f.keys || string(f.got.Body) != "MessageSid=SM1" || f.got.Method != "POST" || !f.got.Now.Equal(now) {
		t.Errorf("%+v", f)
	}
	f.reply = provider.Reply{}
	if res := serve(f, io.Discard, "GET", "/receipts/twilio/"+secret+"/keys?k=t", ""); res.StatusCode != 200 || !f.keys || f.secret != secret {
		t.Errorf("%d %+v", res.StatusCode, f)
	}
	f.reply = provider.Reply{Status: 204}
	if res := serve(f, io.Discard, "GET", "/receipts/vonage-sms/"+secret, ""); res.StatusCode != 204 {
		t.Errorf("%d", res.StatusCode)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		method, path, body string
		err                error
		want, calls        int
	}{
		{"POST", "/receipts", "", nil, 404, 0},
		{"POST", "/receipts/twilio", "", nil, 404, 0},
		{"POST", "/receipts/twilio/", "", nil, 404, 0},
		{"POST", "/receipts//" + secret, "", nil, 404, 0},
		{"POST", "/receipts/twilio/" + secret + "/more", "", nil, 404, 0},
		{"POST", "/receipts/twilio/a/b/keys", "", nil, 404, 0},
		{"POST", "/receipts/twilio/" + secret + "?" + strings.Repeat("x", maxURL+1), "", nil, 404, 0},
		{"PUT", "/receipts/twilio/" + secret, "", nil, 405, 0},
		{"POST", "/receipts/twilio/" + secret, strings.Repeat("x", maxBody+1), nil, 413, 0},
		{"POST", "/receipts/twilio/" + secret, strings.Repeat("x", maxBody), nil, 200, 1},
		{"POST", "/receipts/twilio/" + secret, "", fault.New(fault.ResourceNotFound), 404, 1},
		{"POST", "/receipts/twilio/" + secret, "", fault.New(fault.AccessDenied), 403, 1},
		{"POST", "/receipts/twilio/" + secret, "", fault.Invalidf("x", "what was found"), 400, 1},
		{"POST", "/receipts/twilio/" + secret, "", fault.New(fault.Overloaded), 429, 1},
		{"POST", "/receipts/twilio/" + secret, "", errors.New("disk full"), 503, 1},
	} {
		var log bytes.Buffer
		f := &fake{err: c.err}
		res := serve(f, &log, c.method, c.path, c.body)
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != c.want || f.calls != c.calls {
			t.Errorf("%s %.80s, %v: %d, %d calls", c.method, c.path, c.err, res.StatusCode, f.calls)
		}
		if c.want != 200 && string(body) != http.StatusText(c.want)+"\n" {
			t.Errorf("%.80s: %q", c.path, body)
		}
		if again := res.Header.Get("Retry-After"); (again != "") != (c.want == 429 || c.want == 503) {
			t.Errorf("%d: Retry-After %q", c.want, again)
		}
		if strings.Contains(log.String()+string(body), secret) || strings.Contains(string(body), "found") && c.want != 404 {
			t.Errorf("%.80s: %s %s", c.path, body, log.String())
		}
	}
}

// TestOverload: with one place, a second callback is asked to come again, and the place is free afterwards.
func TestOverload(t *testing.T) {
	f := &fake{wait: make(chan struct{})}
	h := New(f, Options{BaseURL: func(context.Context) string { return "https://id.example.com" }, AtOnce: 1})
	call := func() int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/receipts/twilio/"+secret, nil))
		return w.Code
	}
	first := make(chan int)
	go func() { first <- call() }()
	<-f.wait
	if got := call(); got != http.StatusTooManyRequests {
		t.Errorf("%d", got)
	}
	f.wait <- struct{}{}
	if got := <-first; got != 200 {
		t.Errorf("%d", got)
	}
	f.wait = nil
	if got := call(); got != 200 {
		t.Errorf("%d", got)
	}
}

// TestSlowBodies: a stranger's body is not waited for, and a slow one of somebody who knows a door takes no place of those at work.
func TestSlowBodies(t *testing.T) {
	f := &fake{closed: true}
	h := New(f, Options{BaseURL: func(context.Context) string { return "https://id.example.com" }, AtOnce: 1})
	call := func(body io.Reader) int {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/receipts/twilio/"+secret, body))
		return w.Code
	}
	never, end := io.Pipe()
	if got := call(never); got != http.StatusNotFound {
		t.Errorf("%d", got)
	}
	f.closed = false
	slow := make(chan int)
	go func() { slow <- call(never) }()
	if _, err := end.Write([]byte("x")); err != nil { // it is being read
		t.Fatal(err)
	}
	if got := call(strings.NewReader("whole")); got != 200 {
		t.Errorf("%d beside a slow one", got)
	}
	end.Close()
	if got := <-slow; got != 200 {
		t.Errorf("%d", got)
	}
}

func FuzzSplit(f *testing.F) {
	for _, s := range []string{"/receipts/twilio/x", "/receipts/a/b/keys", "/receipts//", "/receipts/a/keys", "/receipts/a//keys"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		kind, secret, keys, ok := split(path)
		if !ok {
			return
		}
		back := "/receipts/" + kind + "/" + secret
		if keys {
			back += "/keys"
		}
		if back != path || kind == "" || secret == "" || strings.Contains(kind+secret, "/") {
			t.Fatalf("%q: %q %q %v", path, kind, secret, keys)
		}
	})
}
