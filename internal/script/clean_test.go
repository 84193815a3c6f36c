package script

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestCleaner(t *testing.T) {
	k := newCleaner(&Call{Secrets: map[string]string{"KEY": "AC0123456789", "SHORT": "sms"}, Sensitive: []string{"493817", "+12025550123", "", "12"}})
	for in, want := range map[string]string{
		"":                               "",
		"plain words 12 sms":             "plain words 12 sms",
		"AC0123456789 to +12025550123":   "[redacted] to [redacted]",
		"To=%2B12025550123":              "To=[redacted]",
		"12025550123":                    "[redacted]",
		"code 493817, 4 9 3 8 1 7":       "code [redacted], [redacted]",
		"4, 9, 3, 8, 1, 7 and 493-817":   "[redacted] and [redacted]",
		"another +44 20 7946 0958 there": "another [redacted] there",
		"1+1, GMT+0000, +1234":           "1+1, GMT+0000, +1234",
		"port 12345, id 4938170":         "port 12345, id [redacted]0",
		"bad \xff":                       "bad \uFFFD",
	} {
		if got := k.text(in, 1000); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got := k.text(strings.Repeat("é", 100), 11); got != "ééééé" {
		t.Errorf("cut to %q", got)
	}
	for in, want := range map[string]string{
		`{"data":{"message":"to +12025550123","n":493817,"a\"b":["AC0123456789"]}}`: `{"data":{"message":"to [redacted]","n":493817,"a\"b":["[redacted]"]}}`,
		`null`: ``, `{"broken`: ``, ``: ``,
	} {
		if got := string(k.json(json.RawMessage(in))); got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}

// What an adapter answers is bounded again: user code shares its process.
func TestOutcomeIsBounded(t *testing.T) {
	o := &Outcome{Console: strings.Repeat("x", 1<<20), Error: &Error{Message: strings.Repeat("m", 1<<20), Stack: strings.Repeat("s", 1<<20), Name: strings.Repeat("n", 1<<20)}}
	for i := range 1000 {
		o.Requests = append(o.Requests, Request{Method: strings.Repeat("M", 100), Host: strings.Repeat("h", 1000), Path: strings.Repeat("p", 1000)})
		o.Warnings = append(o.Warnings, fmt.Sprint(i, strings.Repeat("w", 1<<20)))
		o.Commands = append(o.Commands, Command{Name: "notification.drop"})
	}
	clean(o, Hook, &Call{})
	text, err := json.Marshal(o)
	if err != nil || len(text) > 512<<10 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

func TestKnownFailures(t *testing.T) {
	if known("HookThrew") != Threw || known("anything") != Crashed {
		t.Error("a failure that is none was believed")
	}
}

func TestConsoleOf(t *testing.T) {
	log := "START RequestId: a\nt\ta\tINFO\tone\rtwo\nt\tb\tINFO\tother\nt\ta\tERROR\twith\ttabs\nnothing of it\nEND RequestId: a\n"
	if got := consoleOf([]byte(log), "a"); got != "one\ntwo\nwith\ttabs\n" {
		t.Errorf("got %q", got)
	}
}

func TestCaches(t *testing.T) {
	var c caches
	now := time.Unix(1000, 0)
	entry := func(v string, life time.Duration) *cachedValue {
		return &cachedValue{Value: v, Expires: now.Add(life).UnixMilli()}
	}
	c.apply("a", []cacheChange{{"k", entry("v", time.Minute)}, {"gone", entry("v", time.Minute)}, {"gone", nil}, {"late", entry("v", -1)}, {"long", entry("v", 25*time.Hour)},
		{strings.Repeat("k", 65), entry("v", time.Minute)}, {"big", entry(strings.Repeat("v", 4097), time.Minute)}, {"", entry("v", time.Minute)}}, now)
	if got := c.get("a", now); len(got) != 1 || got["k"].Value != "v" {
		t.Errorf("kept %v", got)
	}
	if got := c.get("a", now.Add(time.Minute)); len(got) != 0 {
		t.Errorf("kept what has ended: %v", got)
	}
	for i := range 30 {
		c.apply("b", []cacheChange{{fmt.Sprint("k", i), entry("v", time.Minute)}}, now)
	}
	if got := c.get("b", now); len(got) != maxCacheEntries {
		t.Errorf("%d entries", len(got))
	}
	for i := range 2 * maxCaches {
		c.apply(fmt.Sprint("pool", i), []cacheChange{{"k", entry("v", time.Minute)}}, now.Add(time.Duration(i)))
	}
	if len(c.all) != maxCaches || c.all[fmt.Sprint("pool", 2*maxCaches-1)] == nil || c.all["pool1"] != nil {
		t.Errorf("%d caches are kept", len(c.all))
	}
}

func TestPack(t *testing.T) {
	a, first := Pack("module.exports = 1", "hook.js")
	b, second := Pack("module.exports = 1", "hook.js")
	if string(a) != string(b) || first != second || len(first) != 64 || NewUnit(Hook, "n", a).Artifact != first {
		t.Error("equal scripts gave other packages")
	}
	if _, other := Pack("module.exports = 1", "other.js"); other == first {
		t.Error("another file name gave the same package")
	}
}

// Whatever is in an answer's JSON, cleaning it gives JSON or nothing, and cleaning that again changes nothing.
func FuzzCleanJSON(f *testing.F) {
	for _, s := range []string{`{"a":"b"}`, `"x\"y\\"`, `["+12025550123"]`, `{"a":"\u0041`, `null`, `"\ud800"`} {
		f.Add(s)
	}
	k := newCleaner(&Call{Secrets: map[string]string{"K": "secret-value"}, Sensitive: []string{"123456"}})
	f.Fuzz(func(t *testing.T, in string) {
		if !json.Valid([]byte(in)) {
			k.json(json.RawMessage(in)) // must not panic
			return
		}
		out := k.json(json.RawMessage(in))
		if out != nil && !json.Valid(out) {
			t.Fatalf("%q became %q, which is no JSON", in, out)
		}
		if again := k.json(out); string(again) != string(out) {
			t.Fatalf("%q, cleaned once more, became %q", out, again)
		}
	})
}

func TestRegionsAndHostsAreShownInHostsAlone(t *testing.T) {
	c := &Call{Secrets: map[string]string{"REGION": "eu-west-1", "HOST": "abc123.api.infobip.com", "TOKEN": "a1b2c3d4e5f6g7h8"}}
	o := &Outcome{Console: "eu-west-1", Requests: []Request{
		{Host: "sns.eu-west-1.amazonaws.com"}, {Host: "abc123.api.infobip.com"}, {Host: "a1b2c3d4e5f6g7h8.evil.example"}, {Host: "x", Path: "/eu-west-1"},
	}}
	clean(o, Hook, c)
	for i, want := range []string{"sns.eu-west-1.amazonaws.com", "abc123.api.infobip.com", "[redacted].evil.example"} {
		if o.Requests[i].Host != want {
			t.Errorf("host %d is %q, want %q", i, o.Requests[i].Host, want)
		}
	}
	if o.Requests[3].Path != "/[redacted]" || o.Console != "[redacted]" {
		t.Errorf("elsewhere they are %q and %q", o.Requests[3].Path, o.Console)
	}
}
