package management

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"countersign/internal/auth0api/wire"
	"countersign/internal/eventlog"
	"countersign/internal/pool/pooltest"
	"countersign/internal/secret"
	"countersign/internal/store"
)

func TestLogIDs(t *testing.T) {
	last := ""
	for n := range 100 {
		id := store.NewID(pooltest.Start.Add(time.Duration(n) * 17 * time.Hour))
		shown := logID(id)
		if len(shown) != 37 || shown <= last {
			t.Errorf("%s after %s", shown, last)
		}
		if back, ok := eventID(shown); !ok || back != id {
			t.Errorf("%s became %s", id, back)
		}
		last = shown
	}
	for _, bad := range []string{"", "0", "01", "-1", "1x", "+1", " 1", strings.Repeat("9", 39), strings.Repeat("1", 40)} {
		if id, ok := eventID(bad); ok {
			t.Errorf("%q is %s", bad, id)
		}
	}
	if id, ok := eventID("340282366920938463463374607431768211455"); !ok || id != uuid.Max.String() {
		t.Error("the largest number is not the largest id")
	}
}

// put appends an event and returns its log id.
func (b *bench) put(e eventlog.Entry, key secret.Key) string {
	b.t.Helper()
	if e.PoolID = b.pool; e.At.IsZero() {
		e.At = b.Now()
	}
	ev, err := b.Log.Prepare(b.t.Context(), e, key)
	if err != nil {
		b.t.Fatal(err)
	}
	b.Write(func(tx store.Tx) error { return tx.Events().Append(b.t.Context(), ev) })
	return logID(ev.ID)
}

// ids are the log ids of an answer, a list or one with totals.
func (a *answer) ids(path string) (out []string) {
	a.t.Helper()
	raw := []byte(a.body)
	if path != "" {
		var m map[string]json.RawMessage
		if err := json.Unmarshal(raw, &m); err != nil {
			a.t.Fatalf("%v: %s", err, a.body)
		}
		raw = m[path]
	}
	var list []map[string]any
	if err := json.Unmarshal(raw, &list); err != nil {
		a.t.Fatalf("%v: %s", err, a.body)
	}
	for _, e := range list {
		id, _ := e["log_id"].(string)
		out = append(out, id)
	}
	return out
}

func TestLogRecord(t *testing.T) {
	b := newBench(t)
	client := b.Client(b.pool, pooltest.AppClient())
	sub := b.SignUp(client, "+12025550100", "Passw0rd!")
	b.SignIn(client, "+12025550100", "Passw0rd!")
	id := b.send("GET", "/logs?q=type:s", "").is(200).ids("")[0]
	a := b.send("GET", "/logs/"+id, "").is(200)
	for path, want := range map[string]string{
		"_id": id, "log_id": id, "type": "s", "user_id": "auth0|" + sub, "user_name": "+12025550100", "client_id": client, "ip": "203.0.113.7",
		"connection": "Username-Password-Authentication", "connection_id": "con_database", "strategy": "auth0", "strategy_type": "database",
		"hostname": "localhost", "description": "A sign-in ended with tokens.", "details.request.ip": "203.0.113.7", "environment_name": "countersign",
	} {
		if got := a.text(path); got != want {
			t.Errorf("%s is %q, not %q", path, got, want)
		}
	}
	if _, err := time.Parse(logTime, a.text("date")); err != nil {
		t.Error(err)
	}
	b.send("DELETE", "/users/auth0%7C"+sub, "").is(204)
	b.send("GET", "/logs/"+id, "").is(200, `"user_id":"auth0|`+sub, `"user_name":""`, `"ip":""`, `"user_agent":""`, "!203.0.113.7", "!2025550100")
	for _, bad := range []string{"1", "x", logID(store.NewID(b.Now())), "01"} {
		b.send("GET", "/logs/"+bad, "").is(404)
	}
}

func TestLogOfADelivery(t *testing.T) {
	b := newBench(t)
	b.put(eventlog.Entry{Type: eventlog.SendSMSFailure, Data: map[string]any{
		"message_id": "m1", "channel": "sms", "provider": "hook", "provider_error": map[string]any{"message": "boom", "errorCode": "21211"},
	}}, secret.Key{})
	b.send("GET", "/logs?q=type:gd_send_*", "").is(200, `"description":"An SMS was not sent: boom"`, `"provider_error":{"errorCode":"21211","message":"boom"}`,
		`"message_id":"m1"`, `"message_url":"/admin/v1/messages/m1"`, `"references":{"correlation_id":"m1"}`)
	b.SignUp(b.Client(b.pool, pooltest.AppClient()), "+12025550199", "Passw0rd!")
	b.put(eventlog.Entry{Type: eventlog.SendSMS, Data: map[string]any{"message_id": b.Messages()[0].ID, "channel": "sms"}}, secret.Key{})
	b.send("GET", "/logs?q=type:gd_send_sms", "").is(200, `"authenticator":{"phone_number":"`, `0199","type":"sms"}`, `"state":"sent"`, "!2025550199")
	b.put(eventlog.Entry{Type: eventlog.ManagementWrite, Data: map[string]any{"method": "POST", "path": "/api/v2/hooks", "status": 201}}, secret.Key{})
	b.send("GET", "/logs?q=type:sapi", "").is(200, `"request":{"method":"POST","path":"/api/v2/hooks"}`, `"response":{"statusCode":201}`)
}

func TestLogSearch(t *testing.T) {
	b := newBench(t)
	client := b.Client(b.pool, pooltest.AppClient())
	types := []eventlog.Type{eventlog.SendSMS, eventlog.LoginFailed, eventlog.SendVoice}
	var all []string
	for n := range 120 {
		e := eventlog.Entry{Type: types[n%3], Personal: map[string]any{"ip": fmt.Sprintf("192.0.2.%d", n%5), "user_agent": "curl/8"}}
		if n%10 == 0 {
			e.ClientID = client
		}
		all = append(all, b.put(e, secret.Key{}))
		b.Advance(time.Minute)
	}
	slices.Reverse(all)
	get := func(q string) []string {
		t.Helper()
		return b.send("GET", "/logs?"+q, "").is(200).ids("")
	}
	same := func(what string, got, want []string) {
		t.Helper()
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d entries, want %d", what, len(got), len(want))
		}
	}
	pick := func(f func(n int) bool) (out []string) { // n counts from the oldest
		for i, id := range all {
			if f(len(all) - 1 - i) {
				out = append(out, id)
			}
		}
		return out
	}
	same("the newest", get(""), all[:50])
	same("a page", get("page=1&per_page=30"), all[30:60])
	same("oldest first", get("sort=date:1&per_page=100"), func() []string { l := slices.Clone(all); slices.Reverse(l); return l[:100] }())
	same("a type", get("per_page=100&q=type:f"), pick(func(n int) bool { return n%3 == 1 }))
	same("types", get("per_page=100&q=type:gd_*"), pick(func(n int) bool { return n%3 != 1 }))
	same("the other name", get("per_page=100&search=type:f"), pick(func(n int) bool { return n%3 == 1 }))
	same("a client", get("q=client_id:"+client), pick(func(n int) bool { return n%10 == 0 }))
	same("client and type", get("q="+url.QueryEscape("client_id:"+client+" AND type:f")), pick(func(n int) bool { return n%30 == 10 }))
	same("an address", get("q=ip:192.0.2.3"), pick(func(n int) bool { return n%5 == 3 }))
	same("address or type", get("per_page=100&q="+url.QueryEscape("ip:192.0.2.3 OR type:f")), pick(func(n int) bool { return n%5 == 3 || n%3 == 1 }))
	same("not", get("per_page=100&q="+url.QueryEscape("NOT type:f")), pick(func(n int) bool { return n%3 != 1 }))
	same("an hour", get("q="+url.QueryEscape("date:[2026-11-21T12:00 TO 2026-11-21T12:09]")), pick(func(n int) bool { return n < 10 }))
	same("one entry", get("q=log_id:"+all[7]), all[7:8])
	same("nothing", get("q=type:none"), nil)
	a := b.send("GET", "/logs?include_totals=true&per_page=5&page=2&q=type:f", "").is(200, `"start":10`, `"limit":5`, `"length":5`, `"total":40`)
	same("with totals", a.ids("logs"), pick(func(n int) bool { return n%3 == 1 })[10:15])
	b.send("GET", "/logs?include_totals=true&fields=type,date&per_page=1", "").is(200, `"logs":[{"date":`, `"type":`, "!log_id")
	b.send("GET", "/logs?fields=details,ip&include_fields=false&per_page=1", "").is(200, "log_id", `!"details"`, `!"ip"`)
	b.send("GET", "/logs?page=10&per_page=100", "").is(400, "first 1000")
	b.send("GET", "/logs?sort=type:1", "").is(400, "sort")
	b.send("GET", "/logs?q=x:1", "").is(400, "there is no field x")
	b.send("GET", "/logs?q="+strings.Repeat("a", 5000), "").is(414)
	b.send("GET", "/logs?per_page=101", "").is(400)
}

func TestLogCheckpoints(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Dev = false })
	var all []string
	for range 7 {
		all = append(all, b.put(eventlog.Entry{Type: eventlog.LoginFailed}, secret.Key{}))
		b.Advance(time.Millisecond)
	}
	b.send("GET", "/logs?take=3", "").exactly(200, "[]") // too young: an older one might still come
	b.Advance(settled)
	var got []string
	path := "/logs?take=3&q=type:none&page=7" // all else is ignored
	for range 4 {
		a := b.send("GET", path, "").is(200)
		got = append(got, a.ids("")...)
		link := a.head.Get("Link")
		next, ok := strings.CutSuffix(strings.TrimPrefix(link, "<http://localhost:7446"+Prefix), `>; rel="next"`)
		if !ok || !strings.HasPrefix(next, "/logs?") {
			t.Fatalf("Link: %s", link)
		}
		if len(a.ids("")) == 0 && next != path {
			t.Errorf("an empty page leads from %s to %s", path, next)
		}
		path = next
	}
	if !slices.Equal(got, all) {
		t.Errorf("got %v, want %v", got, all)
	}
	b.put(eventlog.Entry{Type: eventlog.LoginFailed}, secret.Key{})
	b.Advance(settled + time.Millisecond)
	if n := len(b.send("GET", path, "").ids("")); n != 1 {
		t.Errorf("%d new entries", n)
	}
	b.send("GET", "/logs?from=abc", "").is(400, "log_id")
	b.send("GET", "/logs?take=101", "").is(400)
}

func TestUserLogs(t *testing.T) {
	b := newBench(t)
	client := b.Client(b.pool, pooltest.AppClient())
	sub := b.SignUp(client, "+12025550100", "Passw0rd!")
	b.SignUp(client, "+12025550101", "Passw0rd!")
	a := b.send("GET", "/users/auth0%7C"+sub+"/logs?include_totals=true", "").is(200, `"user_id":"auth0|`+sub, "!2025550101")
	if n := len(a.ids("logs")); n < 2 || a.field("total").(float64) != float64(n) {
		t.Errorf("%d entries: %s", n, a.body)
	}
	b.send("GET", "/users/nobody/logs", "").exactly(200, "[]")
}

func TestSummary(t *testing.T) {
	for agent, want := range map[string]string{
		"curl/8.5.0": "curl/8.5.0", "": "", "Mozilla/5.0 (odd)": "Mozilla/5.0 (odd)",
		"Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0":                                                                  "Firefox 145.0 / Linux",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36":                   "Chrome 142.0.0.0 / Mac OS X",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.1":             "Edge 142.0.1 / Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1": "Safari 18.5 / iOS",
	} {
		if got := summary(agent); got != want {
			t.Errorf("%s: %s", agent, got)
		}
	}
}

func TestStats(t *testing.T) {
	b := newBench(t)
	client := b.Client(b.pool, pooltest.AppClient())
	b.SignUp(client, "+12025550100", "Passw0rd!")
	for range 3 {
		b.SignIn(client, "+12025550100", "Passw0rd!")
		b.Advance(24 * time.Hour)
	}
	b.send("GET", "/stats/active-users", "").exactly(200, "1")
	a := b.send("GET", "/stats/daily?from=20261120&to=20261122", "").is(200)
	var days []dayBody
	if err := json.Unmarshal([]byte(a.body), &days); err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, d := range days {
		got += fmt.Sprintf("%s %d %d; ", d.Date[:10], d.Logins, d.Signups)
	}
	if want := "2026-11-20 0 0; 2026-11-21 1 1; 2026-11-22 1 0; "; got != want {
		t.Errorf("got %s", got)
	}
	if json.Unmarshal([]byte(b.send("GET", "/stats/daily", "").body), &days); len(days) != 30 {
		t.Errorf("%d days by default", len(days))
	}
	b.Advance(31 * 24 * time.Hour)
	b.send("GET", "/stats/active-users", "").exactly(200, "0")
	for _, q := range []string{"from=x", "from=20261122&to=20261120", "from=20240101&to=20261120"} {
		b.send("GET", "/stats/daily?"+q, "").is(400)
	}
}

// BenchmarkLogSearch is a search that no index helps, over 5000 entries.
func BenchmarkLogSearch(b *testing.B) {
	h := newBench(b, func(o *Options) { o.Rate = wire.Rate{Burst: 1 << 30, Every: time.Nanosecond} })
	for n := range 5000 {
		h.put(eventlog.Entry{Type: eventlog.LoginFailed, Personal: map[string]any{"ip": fmt.Sprintf("192.0.2.%d", n%250)}}, secret.Key{})
		h.Advance(time.Millisecond)
	}
	for b.Loop() {
		if n := len(h.send("GET", "/logs?q=ip:192.0.2.7&per_page=100", "").ids("")); n != 20 {
			b.Fatalf("%d entries", n)
		}
	}
}
