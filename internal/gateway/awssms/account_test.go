package awssms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"countersign/internal/gateway/account"
	"countersign/internal/secret"
	"countersign/provider"
	"countersign/provider/providertest"
)

func TestSpecs(t *testing.T) {
	deps := account.Deps{Client: &http.Client{}, Now: time.Now}
	keys := map[string]secret.String{"secret_access_key": secret.New(secretKey)}
	for name, c := range map[string]struct {
		spec     account.Spec
		settings map[string]string
		secrets  map[string]secret.String
		want     []string
	}{
		"sns":     {SNSSpec(), map[string]string{"region": "eu-west-1", "access_key_id": keyID}, keys, nil},
		"aws-sms": {Spec(), map[string]string{"region": "eu-west-1", "access_key_id": keyID, "topic_arns": topic + ", " + topic}, keys, nil},
		"chain":   {Spec(), map[string]string{"region": "cn-north-1", "credentials": "chain"}, nil, nil},
		"nothing": {SNSSpec(), nil, nil, []string{"region"}},
		"no keys": {SNSSpec(), map[string]string{"region": "eu-west-1"}, nil, []string{"access_key_id", "secret_access_key"}},
		"chain and keys": {SNSSpec(), map[string]string{"region": "eu-west-1", "credentials": "chain", "access_key_id": keyID}, keys,
			[]string{"access_key_id", "chain"}},
		"a host":          {SNSSpec(), map[string]string{"region": "evil.example/", "access_key_id": keyID}, keys, []string{"region"}},
		"another address": {SNSSpec(), map[string]string{"region": "eu-west-1", "access_key_id": keyID, "base_url": "ftp://x"}, keys, []string{"base_url"}},
		"sns, all wrong": {SNSSpec(), map[string]string{"region": "eu-west-1", "access_key_id": keyID, "from": "too long a name", "max_price": "1,5",
			"entity_id": "a b"}, keys,
			[]string{"from", "max_price", "entity_id"}},
		"aws-sms, all wrong": {Spec(), map[string]string{"region": "eu-west-1", "access_key_id": keyID, "from": "a b", "configuration_set": "ü",
			"protect_configuration": "x y", "max_price": "1",
			"topic_arns": "receipts", "check_number": "x"}, keys, []string{"from", "configuration_set", "protect_configuration", "max_price",
			"topic_arns", "check_number"}},
		"too many topics": {Spec(), map[string]string{"region": "eu-west-1", "access_key_id": keyID, "topic_arns": strings.Repeat(topic+",", 6)},
			keys, []string{"topic_arns"}},
	} {
		p, err := c.spec.Make(account.Account{Name: "a", Kind: c.spec.Kind, Settings: c.settings, Secrets: c.secrets}, deps)
		if len(c.want) == 0 {
			if err != nil || p.Name() != c.spec.Kind {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || p != nil {
			t.Errorf("%s: taken", name)
			continue
		}
		for _, field := range c.want {
			if !strings.Contains(err.Error(), field) {
				t.Errorf("%s: %v does not name %s", name, err, field)
			}
		}
		if strings.Contains(err.Error(), secretKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Without base_url the SDK's own hosts are called, also in China, over HTTPS.
func TestHosts(t *testing.T) {
	for region, want := range map[string][2]string{
		"eu-west-1":  {"https://sns.eu-west-1.amazonaws.com/", "https://sms-voice.eu-west-1.amazonaws.com/"},
		"cn-north-1": {"https://sns.cn-north-1.amazonaws.com.cn/", "https://sms-voice.cn-north-1.amazonaws.com.cn/"},
	} {
		seen := &recorder{}
		a := accessTo("")
		a.Region, a.Client = region, &http.Client{Transport: seen}
		s, err := NewSNS(SNSConfig{Access: a})
		if err != nil {
			t.Fatal(err)
		}
		e, err := New(Config{Access: a})
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range []provider.Provider{s, e} {
			if _, err := p.Send(t.Context(), providertest.Message(provider.SMS)); err == nil {
				t.Fatal("sent")
			}
			if got := seen.urls[len(seen.urls)-1]; got != want[i] {
				t.Errorf("%s, not %s", got, want[i])
			}
		}
	}
}

// recorder answers nothing.
type recorder struct{ urls []string }

func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	r.urls = append(r.urls, q.URL.String())
	return nil, errors.New("no")
}

// The environment and ~/.aws are looked at only if asked for.
func TestCredentials(t *testing.T) {
	s := providertest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		fmt.Fprint(w, `{"MessageId":"1"}`)
	})
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAFROMENVIRONMENT")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "other")
	t.Setenv("AWS_SESSION_TOKEN", "")
	t.Setenv("AWS_MAX_ATTEMPTS", "5")
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	if _, err := newEUM(t, s.URL).Send(t.Context(), providertest.Message(provider.SMS)); err != nil {
		t.Fatal(err)
	}
	chained, err := New(Config{Access: Access{Region: "eu-west-1", Chain: true, BaseURL: s.URL, Client: &http.Client{}, Dial: (&net.Dialer{}).DialContext}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := chained.Send(t.Context(), providertest.Message(provider.SMS)); err != nil {
		t.Fatal(err)
	}
	all := s.Requests()
	if len(all) != 2 || !strings.Contains(all[0].Header.Get("Authorization"), keyID) || !strings.Contains(all[1].Header.Get("Authorization"),
		"AKIAFROMENVIRONMENT") {
		t.Error(len(all))
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	none, err := New(Config{Access: Access{Region: "eu-west-1", Chain: true, BaseURL: s.URL, Client: &http.Client{}, Dial: (&net.Dialer{}).DialContext}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = none.Send(t.Context(), providertest.Message(provider.SMS))
	if err == nil || provider.ReasonOf(err) != provider.AuthFailed || len(s.Requests()) != 2 {
		t.Error(err)
	}
}

// What makes the SDK repeat a request elsewhere makes no second one here: skewed clocks, throttling, errors of the server, cut connections.
func TestNothingIsRepeated(t *testing.T) {
	answers := map[string]http.HandlerFunc{}
	for _, c := range []struct {
		status int
		code   string
	}{{403, "RequestTimeTooSkewed"}, {400, "RequestExpired"}, {403, "SignatureDoesNotMatch"}, {400, "ThrottlingException"}, {500,
		"InternalServerException"}, {503, "SlowDown"}, {400, "BandwidthLimitExceeded"}} {
		answers[c.code] = func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("Date", time.Now().Add(-6*time.Hour).UTC().Format(http.TimeFormat))
			w.Header().Set("X-Amz-Retry-After", "1")
			if q.Header.Get("X-Amz-Target") == "" {
				w.Header().Set("Content-Type", "text/xml")
				w.WriteHeader(c.status)
				fmt.Fprintf(w, `<ErrorResponse><Error><Code>%s</Code><Message>Signature expired</Message></Error></ErrorResponse>`, c.code)
				return
			}
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.WriteHeader(c.status)
			fmt.Fprintf(w, `{"__type":"%s","message":"Signature expired"}`, c.code)
		}
	}
	answers["cut"] = func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			conn.Close()
		}
	}
	for name, answer := range answers {
		s := providertest.Serve(t, answer)
		for i, p := range []provider.Provider{newSNS(t, s.URL), newEUM(t, s.URL)} {
			for n := range 3 { // the SDK learns of a skew with the first answer
				if _, err := p.Send(t.Context(), providertest.Message(provider.SMS)); err == nil {
					t.Errorf("%s: sent", name)
				}
				if got := len(s.Requests()); got != 3*i+n+1 {
					t.Fatalf("%s: %d requests for %d messages", name, got, 3*i+n+1)
				}
			}
		}
	}
}

func TestFeedback(t *testing.T) {
	status := 200
	s := providertest.Serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(status)
		fmt.Fprint(w, `{"__type":"ResourceNotFoundException","Message":"no"}`)
	})
	p := newEUM(t, s.URL)
	for i, used := range []bool{true, false} {
		if err := p.Confirmed(t.Context(), sentID, used); err != nil {
			t.Fatal(err)
		}
		r := s.Requests()[i]
		providertest.ConformsAWS(t, eumModel, "PutMessageFeedback", r.JSON())
		if want := map[bool]string{true: "RECEIVED", false: "FAILED"}[used]; r.JSON()["MessageFeedbackStatus"] != want || r.JSON()["MessageId"] != sentID {
			t.Errorf("%v", r.JSON())
		}
	}
	status = 400
	if err := p.Confirmed(t.Context(), sentID, true); err == nil {
		t.Error("no error")
	}
}

func TestCheck(t *testing.T) {
	denied := map[string]bool{}
	s := providertest.Serve(t, func(w http.ResponseWriter, q *http.Request) {
		operation := strings.TrimPrefix(q.Header.Get("X-Amz-Target"), "PinpointSMSVoiceV2.")
		if operation == "" {
			operation = providertest.RequestOf(q).Form().Get("Action")
		}
		if denied[operation] {
			w.WriteHeader(403)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		switch operation {
		case "SendTextMessage":
			r := providertest.RequestOf(q)
			providertest.ConformsAWS(t, eumModel, operation, r.JSON())
			if r.JSON()["DryRun"] != true {
				t.Error("a check sends")
			}
			fmt.Fprint(w, `{"MessageId":"1"}`)
		case "DescribeAccountAttributes":
			fmt.Fprint(w, `{"AccountAttributes":[{"Name":"ACCOUNT_TIER","Value":"SANDBOX"}]}`)
		case "GetSMSAttributes":
			w.Header().Set("Content-Type", "text/xml")
			fmt.Fprint(w,
				`<GetSMSAttributesResponse><GetSMSAttributesResult><attributes>`+
					`<entry><key>MonthlySpendLimit</key><value>25</value></entry></attributes></GetSMSAttributesResult></GetSMSAttributesResponse>`)
		case "GetSMSSandboxAccountStatus":
			w.Header().Set("Content-Type", "text/xml")
			fmt.Fprint(w,
				`<GetSMSSandboxAccountStatusResponse><GetSMSSandboxAccountStatusResult><IsInSandbox>true</IsInSandbox>`+
					`</GetSMSSandboxAccountStatusResult></GetSMSSandboxAccountStatusResponse>`)
		default:
			t.Errorf("%s", operation)
		}
	})
	for p, parts := range map[provider.Checker][]string{newSNS(t, s.URL): {"25 USD", "sandbox"}, newEUM(t, s.URL): {"dry run", "sandbox"}} {
		said, err := p.Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range parts {
			if !strings.Contains(said, part) {
				t.Error(said)
			}
		}
	}
	denied["GetSMSSandboxAccountStatus"], denied["DescribeAccountAttributes"] = true, true // who may send need not be allowed to ask this
	for _, p := range []provider.Checker{newSNS(t, s.URL), newEUM(t, s.URL)} {
		if said, err := p.Check(t.Context()); err != nil || strings.Contains(said, "sandbox") {
			t.Error(said, err)
		}
	}
	denied["GetSMSAttributes"], denied["SendTextMessage"] = true, true
	for _, p := range []provider.Checker{newSNS(t, s.URL), newEUM(t, s.URL)} {
		if _, err := p.Check(t.Context()); err == nil || provider.ReasonOf(err) != provider.AuthFailed {
			t.Error(err)
		}
	}
}

// A second request within one call is refused, whoever makes it.
func TestOneRequestForEachCall(t *testing.T) {
	l := newLink(name, accessTo(""))
	req, err := http.NewRequestWithContext(context.WithValue(t.Context(), callKey{}, &call{made: true}), http.MethodPost, "http://127.0.0.1:1", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Do(req); !errors.Is(err, errAgain) {
		t.Error(err)
	}
	if _, err := l.Do(req.WithContext(t.Context())); !errors.Is(err, errAgain) {
		t.Error(err)
	}
}

func BenchmarkSend(b *testing.B) {
	s := providertest.Serve(b, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_ = json.NewEncoder(w).Encode(map[string]string{"MessageId": "1"})
	})
	p, err := New(Config{Access: accessTo(s.URL)})
	if err != nil {
		b.Fatal(err)
	}
	m := providertest.Message(provider.SMS)
	b.ReportAllocs()
	for b.Loop() {
		m.ExpiresAt = time.Time{}
		if _, err := p.Send(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}
