package eventlog_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"countersign/internal/eventlog"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/secret"
	"countersign/internal/store"
)

const pool = "us-local-1_test"

var at = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newLog(t testing.TB) *eventlog.Log {
	t.Helper()
	return eventlog.New(eventlog.Config{Keys: keyringtest.New(t, pool), Now: func() time.Time { return at }})
}

func userKey(t testing.TB) secret.Key {
	t.Helper()
	k, err := secret.NewKey(1, secret.RandomKey())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestPersonalPart(t *testing.T) {
	l, key, other := newLog(t), userKey(t), userKey(t)
	tests := []struct {
		name       string
		seal, open secret.Key
		want       error
	}{
		{"under the user's key", key, key, nil},
		{"user erased", key, secret.Key{}, eventlog.ErrDark},
		{"another user's key", key, other, eventlog.ErrSealed},
		{"nobody's, under the pool's key", secret.Key{}, secret.Key{}, nil},
		{"nobody's, a user's key does not matter", secret.Key{}, key, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ev, err := l.Prepare(t.Context(), eventlog.Entry{
				PoolID: pool, Type: eventlog.LoginSucceeded, UserID: "u", Number: "+12025550123",
				Data: map[string]any{"n": 1}, Personal: map[string]any{"ip": "192.0.2.7", "agent": "curl"},
			}, tt.seal)
			if err != nil {
				t.Fatal(err)
			}
			all, _ := json.Marshal(ev)
			for _, s := range []string{"192.0.2.7", "curl", "2025550123"} {
				if strings.Contains(string(all), s) {
					t.Errorf("%q is in clear: %s", s, all)
				}
			}
			got, err := l.Open(t.Context(), ev, tt.open)
			if !errors.Is(err, tt.want) {
				t.Fatalf("error %v, want %v", err, tt.want)
			}
			if tt.want == nil && got["ip"] != "192.0.2.7" {
				t.Errorf("opened %v", got)
			}
		})
	}
}

// A personal part belongs to its event: moved to another row it does not open.
func TestPersonalPartIsBound(t *testing.T) {
	l := newLog(t)
	for _, key := range []secret.Key{{}, userKey(t)} {
		e := eventlog.Entry{PoolID: pool, Type: "s", Personal: map[string]any{"ip": "192.0.2.7"}}
		a, err := l.Prepare(t.Context(), e, key)
		if err != nil {
			t.Fatal(err)
		}
		b, err := l.Prepare(t.Context(), e, key)
		if err != nil {
			t.Fatal(err)
		}
		b.Sealed = a.Sealed
		if got, err := l.Open(t.Context(), b, key); !errors.Is(err, eventlog.ErrSealed) {
			t.Errorf("opened %v in another row, error %v", got, err)
		}
	}
}

func TestNumberHash(t *testing.T) {
	l := newLog(t)
	hash := func(number string) string {
		h, err := l.NumberHash(t.Context(), pool, number)
		if err != nil {
			t.Fatal(err)
		}
		return string(h)
	}
	if hash("+5491123456789") != hash("+541123456789") {
		t.Error("two spellings of one line have different hashes")
	}
	if hash("+12025550123") == hash("+12025550124") || hash("+12025550123") == hash("a@example.com") {
		t.Error("different destinations have one hash")
	}
}

func TestBounds(t *testing.T) {
	l := newLog(t)
	deep := map[string]any{"x": "leaf"}
	for range 10 {
		deep = map[string]any{"d": deep}
	}
	wide := map[string]any{}
	for i := range 200 {
		wide[strings.Repeat("k", i+1)] = i
	}
	big := map[string]any{}
	for _, k := range strings.Split("abcdefghijklmnopqrstuvwxyz", "") {
		big[k] = strings.Repeat("ü", eventlog.MaxString)
	}
	tests := []struct {
		name string
		data map[string]any
		want func(t *testing.T, m map[string]any)
	}{
		{"long string", map[string]any{"s": strings.Repeat("é", 5000)}, func(t *testing.T, m map[string]any) {
			if n := len([]rune(m["s"].(string))); n != eventlog.MaxString+1 {
				t.Errorf("%d characters", n)
			}
		}},
		{"not UTF-8", map[string]any{"s": "a\xffb"}, func(t *testing.T, m map[string]any) {
			if m["s"] != "a\uFFFDb" {
				t.Errorf("%q", m["s"])
			}
		}},
		{"wide", wide, func(t *testing.T, m map[string]any) {
			if len(m) > eventlog.MaxKeys || m["truncated"] != true {
				t.Errorf("%d keys", len(m))
			}
		}},
		{"deep", deep, func(t *testing.T, m map[string]any) {
			if s, _ := json.Marshal(m); strings.Contains(string(s), "leaf") {
				t.Errorf("%s", s)
			}
		}},
		{"big", big, func(t *testing.T, m map[string]any) {
			if m["truncated"] != true || m["a"] == nil || m["z"] != nil {
				t.Errorf("%d keys are left", len(m))
			}
		}},
		{"secret", map[string]any{"s": secret.New("hunter2hunter2")}, func(t *testing.T, m map[string]any) {
			if m["s"] != secret.Redacted {
				t.Errorf("%v", m["s"])
			}
		}},
		{"kinds", map[string]any{"e": errors.New("no +12025550123"), "t": at, "l": []string{"+12025550123"}, "nil": nil,
			"st": struct{ A string }{"+12025550123"}, "d": 3 * time.Second}, func(t *testing.T, m map[string]any) {
			want := `{"d":3000,"e":"no +*********23","l":["+*********23"],"st":{"A":"+*********23"},"t":"2026-11-21T12:00:00Z"}`
			if got, _ := json.Marshal(m); string(got) != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ev, err := l.Prepare(t.Context(), eventlog.Entry{PoolID: pool, Type: "s", Data: tt.data}, secret.Key{})
			if err != nil {
				t.Fatal(err)
			}
			if len(ev.Data) > eventlog.MaxData {
				t.Fatalf("%d bytes", len(ev.Data))
			}
			var m map[string]any
			if err := json.Unmarshal(ev.Data, &m); err != nil {
				t.Fatal(err)
			}
			tt.want(t, m)
		})
	}
}

func TestScrub(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{"nothing here", "nothing here"},
		{"to +12025550123.", "to +*********23."},
		{"+12025550123", "+*********23"},
		{"+1 (202) 555-0123 is bad", "+* (***) ***-**23 is bad"},
		{"a=%2B12025550123&b", "a=%2B*********23&b"},
		{"+12025550123+12025550124", "+*********23+*********24"},
		{"1+2=3 and +123456", "1+2=3 and +123456"},
		{"++12025550123", "++*********23"},
		{"+", "+"},
		{"%2B", "%2B"},
		{"12025550123 without a plus", "12025550123 without a plus"},
	}
	for _, tt := range tests {
		if got := eventlog.Scrub(tt.in); got != tt.want {
			t.Errorf("Scrub(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

func FuzzScrub(f *testing.F) {
	for _, s := range []string{"+12025550123", "%2b1 202 555 01 23", "++++1-2-3-4-5-6-7", "é+1234567890123456"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := eventlog.Scrub(s)
		if len(got) != len(s) {
			t.Fatalf("%q became %q: length changed", s, got)
		}
		if i := strings.Index(s, "+"); i >= 0 && len(s) > i+12 {
			plain := s[i+1 : i+13]
			if strings.Trim(plain, "0123456789") == "" && got[i+1:i+11] != "**********" && strings.HasPrefix(got[i+1:], plain) {
				t.Fatalf("%q kept its number: %q", s, got)
			}
		}
	})
}

func TestTypes(t *testing.T) {
	seen := map[eventlog.Type]bool{}
	for _, i := range eventlog.Types() {
		if seen[i.Type] || i.Meaning == "" || i.Own != strings.HasPrefix(string(i.Type), "cs_") {
			t.Errorf("bad row %+v", i)
		}
		seen[i.Type] = true
	}
	for _, want := range strings.Fields("s f fp fu ss fs scp fcp scpn fcpn gd_send_sms gd_send_sms_failure gd_auth_succeed " +
		"gd_auth_failed gd_otp_rate_limit_exceed gd_start_auth gd_enrollment_complete gd_unenroll limit_wc limit_phone sapi mfar") {
		if !seen[eventlog.Type(want)] {
			t.Errorf("Auth0's %s is missing", want)
		}
	}
}

func TestFeed(t *testing.T) {
	l := newLog(t)
	l.Publish(&store.Event{PoolID: pool}) // nobody listens
	one, stop := l.Subscribe(pool, 2)
	all, stopAll := l.Subscribe("", 2)
	for _, id := range []string{"a", "b", "c"} {
		l.Publish(&store.Event{ID: id, PoolID: pool}, nil)
	}
	l.Publish(&store.Event{ID: "d", PoolID: "other"})
	if a, b := <-one, <-one; a.ID != "a" || b.ID != "b" || len(one) != 0 {
		t.Errorf("got %s and %s, %d are waiting", a.ID, b.ID, len(one))
	}
	if len(all) != 2 {
		t.Errorf("the listener to all pools has %d events", len(all))
	}
	stop()
	stop()
	stopAll()
	if _, ok := <-one; ok {
		t.Error("the channel is open after stop")
	}
	var last <-chan *store.Event
	for range 65 {
		last, _ = l.Subscribe(pool, 1)
	}
	select {
	case _, ok := <-last:
		if ok {
			t.Error("an event came from nowhere")
		}
	default:
		t.Error("the 65th listener was let in")
	}
}

func BenchmarkPrepare(b *testing.B) {
	l, key := newLog(b), userKey(b)
	e := eventlog.Entry{PoolID: pool, Type: eventlog.LoginSucceeded, UserID: "u", Number: "+12025550123",
		Data: map[string]any{"client": "c", "flow": "USER_PASSWORD_AUTH"}, Personal: map[string]any{"ip": "192.0.2.7", "user_agent": "curl/8"}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Prepare(b.Context(), e, key); err != nil {
			b.Fatal(err)
		}
	}
}
