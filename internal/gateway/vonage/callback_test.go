package vonage

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"countersign/internal/secret"
	"countersign/provider"
)

// token signs claims; changes go over the good ones.
func token(t testing.TB, body string, key any, alg jose.SignatureAlgorithm, change map[string]any) string {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	in := map[string]any{"iss": "Vonage", "iat": noon.Unix(), "jti": "j1", "api_key": "abcd1234", "application_id": application, "payload_hash": hex.EncodeToString(sum[:])}
	maps.Copy(in, change)
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if secret, ok := key.([]byte); ok {
		return hmacToken(secret, alg, raw)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(raw)
	if err != nil {
		t.Fatal(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// hmacToken makes what libraries do not: a token by a short key.
func hmacToken(key []byte, alg jose.SignatureAlgorithm, payload []byte) string {
	sum := map[jose.SignatureAlgorithm]func() hash.Hash{jose.HS256: sha256.New, jose.HS512: sha512.New}[alg]
	b64 := base64.RawURLEncoding
	signed := b64.EncodeToString([]byte(`{"alg":"`+string(alg)+`","typ":"JWT"}`)) + "." + b64.EncodeToString(payload)
	h := hmac.New(sum, key)
	h.Write([]byte(signed))
	return signed + "." + b64.EncodeToString(h.Sum(nil))
}

// callback is a POST of JSON, signed unless authorization says something else.
func callback(t testing.TB, body string, authorization ...string) provider.Callback {
	t.Helper()
	if authorization == nil {
		authorization = []string{"Bearer " + token(t, body, []byte(signing), jose.HS256, nil)}
	}
	return provider.Callback{
		Method: http.MethodPost, Body: []byte(body), Now: noon, URL: &url.URL{Scheme: "https", Host: "id.example.com", Path: "/receipts/vonage/k"},
		Header: map[string][]string{"Content-Type": {"application/json"}, "Authorization": authorization},
	}
}

func status(state, more string) string {
	return `{"message_uuid":"` + messageID + `","to":"12025550123","from":"447700900001","timestamp":"2026-11-21T12:00:00.123Z","channel":"sms","client_ref":"r1","status":"` + state + `",
		"usage":{"currency":"EUR","price":"0.0333"},"destination":{"network_code":"310410"},"sms":{"count_total":"2"}` + more + `}`
}

func failure(code string) string {
	return `,"error":{"type":"https://developer.vonage.com/api-errors/messages#` + code + `","title":"T","detail":"number 12025550123 and code 482913","instance":"x"}`
}

func TestMessageReceipts(t *testing.T) {
	p := newProvider(t, "")
	for _, c := range []struct {
		body   string
		state  provider.State
		reason provider.Reason
		code   string
	}{
		{status("submitted", ""), provider.StateSent, "", ""}, {status("delivered", ""), provider.StateDelivered, "", ""}, {status("read", ""), provider.StateDelivered, "", ""},
		{status("rejected", ""), provider.StateFailed, provider.Unknown, ""}, {status("undeliverable", ""), provider.StateFailed, provider.Temporary, ""},
		{status("rejected", failure("1240")), provider.StateFailed, provider.OptedOut, "1240"}, {status("rejected", failure("1330")), provider.StateFailed, provider.Unknown, "1330"},
		{status("undeliverable", failure("1260")), provider.StateFailed, provider.Unreachable, "1260"}, {status("rejected", failure("1360")), provider.StateExpired, "", "1360"},
		{status("rejected", `,"error":{"code":1210,"reason":"old words"}`), provider.StateFailed, provider.ContentRejected, "1210"},
		{status("rejected", `,"error":{"type":"https://x","title":"1170"}`), provider.StateFailed, provider.InvalidNumber, "1170"},
	} {
		got, reply, err := p.ReadCallback(t.Context(), callback(t, c.body))
		if err != nil || len(got) != 1 || reply.Status != 0 {
			t.Fatalf("%s: %v %v", c.body, got, err)
		}
		n := got[0]
		if n.State != c.state || n.Reason != c.reason || n.VendorCode != c.code {
			t.Errorf("%s: %+v", c.body, n)
		}
		if n.ProviderID != messageID || n.Reference != "r1" || n.ID != "j1" || n.Price != 33300 || n.Currency != "EUR" || n.Segments != 2 || n.Network != "310410" || n.At.Unix() != noon.Unix() {
			t.Errorf("%+v", n)
		}
		if strings.Contains(n.Text, "2025550123") || strings.Contains(n.Text, "482913") {
			t.Errorf("%q", n.Text)
		}
	}
	if got, _, err := p.ReadCallback(t.Context(), callback(t, status("pondering", ""))); err != nil || len(got) != 0 {
		t.Errorf("a status of no meaning: %v %v", got, err)
	}
	got, _, err := p.ReadCallback(t.Context(), callback(t, `{"channel":"sms","message_uuid":"u","to":"447700900001","from":"12025550123","timestamp":"2026-11-21T12:00:00Z","message_type":"text",
		"text":" Stop","sms":{"num_messages":"1","keyword":"STOP"},"usage":{"currency":"EUR","price":"0.0"}}`))
	if err != nil || len(got) != 1 || got[0].ID != "j1" || got[0].ProviderID != "" || got[0].Inbound == nil ||
		*got[0].Inbound != (provider.Inbound{From: "+12025550123", To: "447700900001", Text: " Stop", Keyword: "STOP"}) {
		t.Errorf("a text that came in: %+v %v", got, err)
	}
	for _, body := range []string{"", "x", "[]", "{}", `{"status":"delivered"}`, `{"message_uuid":5,"status":"delivered"}`} {
		if got, _, err := p.ReadCallback(t.Context(), callback(t, body)); err == nil || errors.Is(err, provider.ErrSignature) {
			t.Errorf("%q: %v %v", body, got, err)
		}
	}
}

func TestCallEvents(t *testing.T) {
	p := newProvider(t, "")
	for name, want := range map[string]struct {
		state  provider.State
		reason provider.Reason
	}{
		"started": {provider.StateQueued, ""}, "ringing": {provider.StateSent, ""}, "answered": {provider.StateDelivered, ""}, "completed": {provider.StateDelivered, ""},
		"busy": {provider.StateUndelivered, provider.Unreachable}, "timeout": {provider.StateUndelivered, provider.Unreachable}, "unanswered": {provider.StateUndelivered, provider.Unreachable},
		"machine": {provider.StateUndelivered, provider.Unreachable}, "rejected": {provider.StateUndelivered, provider.Unreachable},
		"failed": {provider.StateFailed, provider.Unknown}, "cancelled": {provider.StateFailed, provider.Unknown}, "human": {},
	} {
		got, _, err := p.ReadCallback(t.Context(), callback(t, `{"uuid":"`+messageID+`","status":"`+name+`","from":"447700900001","to":"12025550123","price":"0.0100","rate":"0.0500","network":"31041",
			"timestamp":"2026-11-21T12:00:00.000Z","duration":"12"}`))
		if want.state == "" {
			if err != nil || len(got) != 0 {
				t.Errorf("%s: %v %v", name, got, err)
			}
			continue
		}
		if err != nil || len(got) != 1 || got[0].State != want.state || got[0].Reason != want.reason || got[0].Price != 10000 || got[0].ProviderID != messageID || got[0].Network != "31041" {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

// CVE-2023-40034: what is not signed rightly, or long ago, changes nothing.
func TestAdvisory_CVE_2023_40034_UnsignedReceipts(t *testing.T) {
	p := newProvider(t, "", func(c *Config) { c.APIKey, c.APISecret = "abcd1234", secret.New(apiSecret) })
	body := status("delivered", "")
	good := func(change map[string]any) string {
		return "Bearer " + token(t, body, []byte(signing), jose.HS256, change)
	}
	parts := strings.Split(strings.TrimPrefix(good(nil), "Bearer "), ".")
	for name, authorization := range map[string][]string{
		"no Bearer":     {strings.TrimPrefix(good(nil), "Bearer ")},
		"other secret":  {"Bearer " + token(t, body, []byte("another secret, as long as it is"), jose.HS256, nil)},
		"other method":  {"Bearer " + token(t, body, []byte(signing+signing), jose.HS512, nil)},
		"RS256":         {"Bearer " + token(t, body, newKey(), jose.RS256, nil)},
		"alg none":      {"Bearer eyJhbGciOiJub25lIn0." + parts[1] + "."},
		"no signature":  {"Bearer " + parts[0] + "." + parts[1] + "."},
		"other body":    {"Bearer " + token(t, body+" ", []byte(signing), jose.HS256, nil)},
		"no hash":       {good(map[string]any{"payload_hash": ""})},
		"old":           {good(map[string]any{"iat": noon.Add(-maxAge - time.Second).Unix()})},
		"of the future": {good(map[string]any{"iat": noon.Add(maxAge + time.Second).Unix()})},
		"no time":       {good(map[string]any{"iat": 0})},
		"no id":         {good(map[string]any{"jti": ""})},
		"issuer":        {good(map[string]any{"iss": "Nexmo"})},
		"application":   {good(map[string]any{"application_id": "bbbbbbbb-bbbb-4ccc-8ddd-0123456789ab"})},
		"account":       {good(map[string]any{"api_key": "dcba4321"})},
		"too long":      {"Bearer " + strings.Repeat("x", maxToken+1)},
	} {
		got, _, err := p.ReadCallback(t.Context(), callback(t, body, authorization...))
		if !errors.Is(err, provider.ErrSignature) || len(got) != 0 {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	for _, authorization := range [][]string{{}, {""}} { // Vonage's own lapse: it comes again with a token
		got, _, err := p.ReadCallback(t.Context(), callback(t, body, authorization...))
		if !errors.Is(err, errUnsigned) || len(got) != 0 {
			t.Fatalf("%v %v", got, err)
		}
		if class, _ := provider.ClassOf(err); class != provider.ClassThrottled {
			t.Errorf("%s: %v", class, err)
		}
	}
	for name, change := range map[string]map[string]any{
		"4 min 59": {"iat": noon.Add(-maxAge + time.Second).Unix()}, "no account": {"api_key": "", "application_id": ""}, "capitals": {"application_id": strings.ToUpper(application)},
	} {
		if got, _, err := p.ReadCallback(t.Context(), callback(t, body, good(change))); err != nil || len(got) != 1 {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	// A repeated callback bears the same id, by which it is refused.
	once, _, err1 := p.ReadCallback(t.Context(), callback(t, body, good(nil)))
	again, _, err2 := p.ReadCallback(t.Context(), callback(t, body, good(nil)))
	if err1 != nil || err2 != nil || once[0].ID == "" || once[0].ID != again[0].ID {
		t.Errorf("%v %v", once, again)
	}
	// Vonage's own secrets may have 16 characters.
	const short = "abcdefghijklmnop"
	byShort := newProvider(t, "", func(c *Config) { c.SignatureSecret = secret.New(short) })
	if got, _, err := byShort.ReadCallback(t.Context(), callback(t, body, "Bearer "+token(t, body, []byte(short), jose.HS256, nil))); err != nil || len(got) != 1 {
		t.Errorf("a short secret: %v %v", got, err)
	}
	// Without a secret everything is evidence.
	open := newProvider(t, "", func(c *Config) { c.SignatureSecret = secret.String{} })
	if got, _, err := open.ReadCallback(t.Context(), callback(t, body, "")); err != nil || len(got) != 1 || open.Signed() || !p.Signed() {
		t.Errorf("%v %v", got, err)
	}
}

func TestKeys(t *testing.T) {
	errDead := errors.New("any other")
	p := newProvider(t, "")
	m := provider.Message{To: "+12025550123", Text: "Code 482913.", Code: "482913", Key: "42", Locale: "en-GB", ExpiresAt: noon.Add(time.Minute)}
	open := func(token string) (provider.Message, error) {
		if token != "t1" {
			return provider.Message{}, provider.ErrSignature
		}
		return m, nil
	}
	for _, c := range []struct {
		name, digits, token string
		authorization       []string
		now                 time.Time
		says                string
		err                 error
	}{
		{"right", `"42"`, "t1", nil, noon, "Code 4, 8, 2, 9, 1, 3.", nil},
		{"wrong", `"24"`, "t1", nil, noon, "That was not", provider.ErrWrongKey},
		{"half", `"4"`, "t1", nil, noon, "That was not", provider.ErrWrongKey},
		{"none", `""`, "t1", nil, noon, "That was not", provider.ErrWrongKey},
		{"null", `null`, "t1", nil, noon, "That was not", provider.ErrWrongKey},
		{"late", `"42"`, "t1", nil, noon.Add(2 * time.Minute), "That was not", errDead},
		{"other token", `"42"`, "t2", nil, noon, "", provider.ErrSignature},
		{"forged", `"42"`, "t1", []string{"Bearer x"}, noon, "", provider.ErrSignature},
		{"unsigned", `"42"`, "t1", []string{""}, noon, "", errUnsigned},
	} {
		body := `{"dtmf":{"digits":` + c.digits + `,"timed_out":false},"uuid":"` + messageID + `","timestamp":"2026-11-21T12:00:00Z"}`
		cb := callback(t, body, c.authorization...)
		cb.URL.RawQuery, cb.Now = provider.KeyToken+"="+c.token, c.now
		reply, err := p.AnswerKeys(t.Context(), cb, open)
		if !errors.Is(err, c.err) && (c.err != errDead || err == nil) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.says == "" {
			if len(reply.Body) > 0 {
				t.Errorf("%s: %s", c.name, reply.Body)
			}
			continue
		}
		var next []action
		if reply.ContentType != "application/json" || json.Unmarshal(reply.Body, &next) != nil || len(next) != 1 || next[0].Action != "talk" || !strings.HasPrefix(next[0].Text, c.says) {
			t.Errorf("%s: %s", c.name, reply.Body)
		}
		if c.says != "Code 4, 8, 2, 9, 1, 3." && strings.Contains(string(reply.Body), "4, 8") {
			t.Errorf("%s: the code is in %s", c.name, reply.Body)
		}
	}
	// A call without a key in it must not be talked into one.
	m.Key = ""
	cb := callback(t, `{"dtmf":{"digits":"","timed_out":true},"uuid":"u"}`)
	cb.URL.RawQuery = provider.KeyToken + "=t1"
	if reply, err := p.AnswerKeys(t.Context(), cb, open); !errors.Is(err, provider.ErrWrongKey) || strings.Contains(string(reply.Body), "4, 8") {
		t.Errorf("%s %v", reply.Body, err)
	}
	if !p.AskKey() {
		t.Error("no key is asked for")
	}
}

func FuzzReadCallback(f *testing.F) {
	for _, body := range []string{status("delivered", ""), status("rejected", failure("1240")), `{"uuid":"x","status":"busy"}`, `{"message_uuid":"x","message_type":"text","text":"STOP","from":1e5}`} {
		f.Add([]byte(body), "Bearer a.b.c")
	}
	signed, open := newProvider(f, ""), newProvider(f, "", func(c *Config) { c.SignatureSecret = secret.String{} })
	f.Fuzz(func(t *testing.T, body []byte, authorization string) {
		if got, _, err := signed.ReadCallback(t.Context(), callback(t, string(body), authorization)); err == nil {
			t.Fatalf("a forged signature was taken: %v", got)
		}
		notices, _, err := open.ReadCallback(t.Context(), callback(t, string(body), ""))
		if err != nil && len(notices) > 0 {
			t.Fatal("an error with notices")
		}
		for _, n := range notices {
			if (n.State == "") == (n.Inbound == nil) || n.State != "" && n.ProviderID == "" || len(n.Text) > 200 || n.Price < 0 {
				t.Fatalf("%+v", n)
			}
		}
	})
}

func FuzzProblem(f *testing.F) {
	f.Add([]byte(`{"type":"https://x/y#1120","title":5,"detail":"d"}`))
	f.Add([]byte(`{"type":"/","code":"1000"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var p problem
		if json.Unmarshal(body, &p) == nil {
			_ = reasonOfProblem(p.name())
			_ = p.sentence()
		}
	})
}
