package query

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"countersign/internal/access"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

// gate lets those in whose Authorization is "good", and keeps what it was asked.
type gate struct{ asked []string }

func (g *gate) Authorize(_ context.Context, r *http.Request, body []byte, service, action, resource string) (wire.Principal, error) {
	g.asked = append(g.asked, service+" "+action+" "+resource+" "+string(body))
	if r.Header.Get("Authorization") != "good" {
		return wire.Principal{}, fault.New(fault.SignatureWrong)
	}
	return wire.Principal{Access: access.Principal{ID: "AKIA", Kind: access.AWS}, Region: "us-local-1"}, nil
}

type need struct {
	Name *string `query:"Name"`
}

func (in *need) Validate(v *wire.Violations) { v.Require("name", in.Name == nil) }

// world is a handler with operations that do what their name says.
type world struct {
	h      *Handler
	gate   *gate
	logs   *bytes.Buffer
	events []wire.Event
	ran    []string
}

func known(names ...string) (out []wire.Meta) {
	for _, n := range names {
		out = append(out, wire.Meta{Name: n})
	}
	return out
}

func words() map[fault.Code]wire.ErrorShape {
	out := make(map[fault.Code]wire.ErrorShape)
	for _, c := range fault.Codes() {
		out[c] = wire.ErrorShape{Name: "Other", Message: "about {field}"}
	}
	out[fault.InvalidParameter] = wire.ErrorShape{Name: "InvalidParameterException", Message: "standard"}
	out[fault.InternalError] = wire.ErrorShape{Name: "InternalErrorException", Message: "internal"}
	return out
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{gate: &gate{}, logs: &bytes.Buffer{}}
	op := func(name string, f func(context.Context, *need) (*sample, error)) Operation {
		return Op(Def[need, sample]{Meta: wire.Meta{Name: name}, Result: name + "Result"}, func(ctx context.Context, in *need) (*sample, error) {
			w.ran = append(w.ran, name)
			return f(ctx, in)
		})
	}
	var err error
	w.h, err = New(Config{
		Service: "sns", Version: "v1", Namespace: "http://example.com/doc/", Authorizer: w.gate, Dev: true,
		Known: known("Answer", "Nothing", "Break", "Panic", "Refuse", "Missing", "None"),
		Operations: []Operation{
			op("Answer", func(ctx context.Context, in *need) (*sample, error) {
				if access.From(ctx).ID != "AKIA" || wire.Info(ctx).Principal.Region != "us-local-1" {
					return nil, errors.New("no principal")
				}
				return &sample{Text: in.Name, Flag: ptr(false), Count: ptr(int64(3)), Share: ptr(0.5), Bytes: []byte("hi"), Names: []string{"a", "b"},
					At: wire.At(time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)), Items: []inner{{Kind: ptr("x")}}, Values: map[string]string{"k2": "v2", "k1": "<&>"},
					Inner: &inner{More: &inner2{Leaf: ptr("y")}}, Things: map[string]inner{"n": {Kind: ptr("z")}}}, nil
			}),
			op("Nothing", func(context.Context, *need) (*sample, error) { return nil, nil }),
			op("Break", func(context.Context, *need) (*sample, error) { return nil, errors.New("secret cause") }),
			op("Panic", func(context.Context, *need) (*sample, error) { panic("secret cause") }),
			op("Refuse", func(context.Context, *need) (*sample, error) {
				return nil, fault.New(fault.AttemptLimit).WithField("it").WithHint("wait\na little")
			}),
			Op(Def[need, wire.Empty]{Meta: wire.Meta{Name: "None"}}, func(context.Context, *need) (*wire.Empty, error) { return nil, nil }),
		},
		Exceptions: map[string]Exception{
			"InvalidParameterException": {Code: "InvalidParameter", Status: 400}, "InternalErrorException": {Code: "InternalError", Status: 500},
			"Limit": {Code: "Limited", Status: 429},
		},
		Errors: words(), Log: slog.New(slog.NewTextHandler(w.logs, nil)),
		ClientIP: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") },
		ErrorOf: func(op string, f *fault.Error) (wire.ErrorShape, bool) {
			over := wire.ErrorShape{Name: "Limit", Message: "{field} is over", Members: map[string]any{"Status": "<over>"}}
			return over, op == "Refuse" && f.Code == fault.AttemptLimit
		},
		Observe: func(_ context.Context, e wire.Event) { w.events = append(w.events, e) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// call sends a form; headers follow as name, value pairs.
func (w *world) call(form string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "http://sns.example/", strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("Authorization", "good")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	return rec
}

func TestAnswer(t *testing.T) {
	w := newWorld(t)
	rec := w.call("Action=Answer&Version=v1&Name=a%3Cb%3E%00")
	id := rec.Header().Get("X-Amzn-Requestid")
	want := `<AnswerResponse xmlns="http://example.com/doc/"><AnswerResult>` +
		`<Text>a&lt;b&gt;` + "\uFFFD" + `</Text><Flag>false</Flag><Count>3</Count><Share>0.5</Share>` +
		`<At>2026-11-21T12:00:00.000Z</At><Bytes>aGk=</Bytes><names><member>a</member><member>b</member></names><Items><Item><Kind>x</Kind></Item></Items>` +
		`<Values><entry><key>k1</key><value>&lt;&amp;&gt;</value></entry><entry><key>k2</key><value>v2</value></entry></Values>` +
		`<Inner><More><Leaf>y</Leaf></More></Inner><Things><entry><Name>n</Name><Value><Kind>z</Kind></Value></entry></Things></AnswerResult>` +
		`<ResponseMetadata><RequestId>` + id + `</RequestId></ResponseMetadata></AnswerResponse>`
	if rec.Code != 200 || rec.Body.String() != want || rec.Header().Get("Content-Type") != "text/xml" || len(id) != 36 {
		t.Errorf("%d %v\n%s\n%s", rec.Code, rec.Header(), rec.Body, want)
	}
	if len(w.events) != 1 || w.events[0].Operation != "Answer" || w.events[0].Status != 200 || w.events[0].Error != "" || w.events[0].ID != id {
		t.Errorf("%+v", w.events)
	}
	if want := "sns Answer  Action=Answer&Version=v1&Name=a%3Cb%3E%00"; len(w.gate.asked) != 1 || w.gate.asked[0] != want {
		t.Errorf("asked %q", w.gate.asked)
	}
	if body := w.call("Action=Nothing&Version=v1&Name=a").Body.String(); !strings.Contains(body, "<NothingResult></NothingResult><ResponseMetadata>") {
		t.Error(body)
	}
	if body := w.call("Action=None&Version=v1&Name=a").Body.String(); !strings.Contains(body, `doc/"><ResponseMetadata>`) {
		t.Error(body)
	}
}

type errorAnswer struct {
	XMLName xml.Name
	Error   struct{ Type, Code, Message, Status string }
	ID      string `xml:"RequestId"`
}

func TestErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		form    string
		headers []string
		status  int
		code    string
		ran     bool
	}{
		"no action":        {"Version=v1", nil, 400, "MissingAction", false},
		"empty":            {"", nil, 400, "MissingAction", false},
		"unknown":          {"Action=Zap&Version=v1", nil, 400, "InvalidAction", false},
		"version":          {"Action=Answer&Version=v2&Name=a", nil, 400, "InvalidAction", false},
		"not implemented":  {"Action=Missing&Version=v1", nil, 400, "UnsupportedOperationException", false},
		"twice":            {"Action=Answer&Version=v1&Name=a&Name=b", nil, 400, "MalformedQueryString", false},
		"two actions":      {"Action=Answer&Version=v1&Action=Nothing", nil, 400, "MalformedQueryString", false},
		"json":             {"{}", []string{"Content-Type", "application/json"}, 400, "MalformedQueryString", false},
		"unsigned":         {"Action=Answer&Version=v1&Name=a", []string{"Authorization", ""}, 400, "Other", false},
		"wrong signature":  {"Action=Answer&Version=v1", []string{"Authorization", "bad"}, 400, "Other", false},
		"foreign origin":   {"Action=Answer&Version=v1&Name=a", []string{"Origin", "http://evil.example"}, 400, "Other", false},
		"cross-site":       {"Action=Answer&Version=v1&Name=a", []string{"Sec-Fetch-Site", "cross-site"}, 400, "Other", false},
		"not valid":        {"Action=Answer&Version=v1", nil, 400, "InvalidParameter", false},
		"cannot be read":   {"Action=Answer&Version=v1&Name.a=1", nil, 400, "InvalidParameter", false},
		"fails":            {"Action=Break&Version=v1&Name=a", nil, 500, "InternalError", true},
		"panics":           {"Action=Panic&Version=v1&Name=a", nil, 500, "InternalError", true},
		"refused":          {"Action=Refuse&Version=v1&Name=a", nil, 429, "Limited", true},
		"too large":        {"Name=" + strings.Repeat("a", DefaultMaxBody), nil, 413, "RequestEntityTooLarge", false},
		"too many":         {strings.Repeat("&", maxParameters), nil, 400, "MalformedQueryString", false},
		"long action name": {"Action=" + strings.Repeat("a", 1000), nil, 400, "InvalidAction", false},
	} {
		w := newWorld(t)
		rec := w.call(tt.form, tt.headers...)
		var got errorAnswer
		if err := xml.Unmarshal(rec.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		kind := "Sender"
		if tt.status >= 500 {
			kind = "Receiver"
		}
		if rec.Code != tt.status || got.Error.Code != tt.code || got.Error.Type != kind || got.XMLName.Local != "ErrorResponse" ||
			got.XMLName.Space != "http://example.com/doc/" || got.ID != rec.Header().Get("X-Amzn-Requestid") || got.Error.Message == "" {
			t.Errorf("%s: %d %+v", name, rec.Code, got)
		}
		if (len(w.ran) > 0) != tt.ran || strings.Contains(rec.Body.String(), "secret") || rec.Body.Len() > 600 {
			t.Errorf("%s: ran %v: %s", name, w.ran, rec.Body)
		}
		if tt.status == 500 != strings.Contains(w.logs.String(), "secret cause") {
			t.Errorf("%s: logs %s", name, w.logs)
		}
		if len(w.events) != 1 || w.events[0].Error != tt.code || w.events[0].Status != tt.status {
			t.Errorf("%s: %+v", name, w.events)
		}
	}
}

// A shape of the facade's own: field, further members, and a hint in dev alone.
func TestShape(t *testing.T) {
	w := newWorld(t)
	rec := w.call("Action=Refuse&Version=v1&Name=a")
	var got errorAnswer
	if err := xml.Unmarshal(rec.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Error.Message != "it is over" || got.Error.Status != "<over>" || rec.Header().Get("X-Countersign-Hint") != "wait a little" ||
		w.events[0].Code != fault.AttemptLimit {
		t.Errorf("%+v %v %+v", got, rec.Header(), w.events)
	}
	if seen := rec.Header().Get(refusedHeader); !strings.HasPrefix(seen, "Refuse ") || !strings.HasSuffix(seen, ": it is over") {
		t.Errorf("whoever watches is told %q", seen)
	}
	w.h.c.Dev = false
	if rec := w.call("Action=Refuse&Version=v1&Name=a"); rec.Header().Get("X-Countersign-Hint") != "" {
		t.Error("a hint in production")
	}
}

// A body that breaks off is no request, and a GET is none either.
func TestBrokenRequests(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequest(http.MethodPost, "http://sns.example/", io.MultiReader(strings.NewReader("Action=Answer"), broken{}))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", "good")
	rec := httptest.NewRecorder()
	w.h.ServeHTTP(rec, r)
	get := httptest.NewRecorder()
	w.h.ServeHTTP(get, httptest.NewRequest(http.MethodGet, "http://sns.example/?Action=Answer&Version=v1&Name=a", nil))
	for _, rec := range []*httptest.ResponseRecorder{rec, get} {
		if rec.Code != 400 || !strings.Contains(rec.Body.String(), "MalformedQueryString") || len(w.ran) > 0 {
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestNewNamesProblems(t *testing.T) {
	_, err := New(Config{Known: known("A"), Operations: []Operation{
		Op(Def[need, sample]{Meta: wire.Meta{Name: "B"}}, func(context.Context, *need) (*sample, error) { return nil, nil }),
	}})
	for _, want := range []string{"Authorizer are required", "operation B", "no wording for code internal_error"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	h := newWorld(t).h
	if !h.Implemented("Answer") || h.Implemented("Missing") || h.Implemented("Zap") {
		t.Error("Implemented")
	}
}

func BenchmarkHandler(b *testing.B) {
	answer := Op(Def[need, sample]{Meta: wire.Meta{Name: "Answer"}, Result: "AnswerResult"}, func(_ context.Context, in *need) (*sample, error) {
		return &sample{Text: in.Name}, nil
	})
	h, err := New(Config{
		Service: "sns", Version: "v1", Namespace: "n", Authorizer: &open{}, Errors: words(), Known: known("Answer"), Operations: []Operation{answer},
	})
	if err != nil {
		b.Fatal(err)
	}
	w := &world{h: h}
	b.ReportAllocs()
	for b.Loop() {
		if rec := w.call("Action=Answer&Version=v1&Name=a"); rec.Code != 200 {
			b.Fatal(rec.Body)
		}
	}
}

type open struct{}

func (open) Authorize(context.Context, *http.Request, []byte, string, string, string) (wire.Principal, error) {
	return wire.Principal{}, nil
}
