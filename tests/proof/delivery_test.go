package proof

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"countersign"
	"countersign/internal/gateway/webhook"
	plans "countersign/internal/route"
	"countersign/internal/secret"
)

// manner is how a carrier treats what it is asked to send.
type manner int32

const (
	delivers manner = iota
	hangs           // takes the request and never answers
	fails           // 503
	refuses         // 401
	keeps           // accepts, and delivers nothing
	holds           // delivers, and answers when it is released
)

// sms is what a carrier was asked to send.
type sms struct {
	ID, To, Text, Code, Reference string
	ReceiptURL                    string    `json:"receipt_url"`
	PoolID                        string    `json:"pool_id"`
	At                            time.Time `json:"-"`
	carrier                       string
	taken                         bool // the carrier accepted it, or may have
}

// air is between carriers and phones.
type air struct {
	mu   sync.Mutex
	all  []sms
	next map[string]chan sms // recipient → what is decided about its texts, in order
}

func newAir() *air { return &air{next: map[string]chan sms{}} }

func (a *air) phone(to string) chan sms {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next[to] == nil {
		a.next[to] = make(chan sms, 64)
	}
	return a.next[to]
}

func (a *air) texts() []sms {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.all)
}

// text waits for what became of the next text to a number: on the phone, or kept by its carrier.
func (a *air) text(to string) (m sms, ok bool) {
	select {
	case m = <-a.phone(to):
		return m, true
	case <-time.After(20 * time.Second):
		return m, false
	}
}

// carrier is a scripted service behind an account of kind webhook.
type carrier struct {
	name, url string
	air       *air
	manner    atomic.Int32
	// arrived hears of each request that is held, release lets one be answered.
	arrived chan sms
	release chan struct{}
	// once are numbers whose first text fails.
	once sync.Map
}

const carrierSecret = "whsec_Y2Fycmllci1zZWNyZXQtMDEyMzQ1Njc4OTAxMjM0NTY="

func newCarrier(t testing.TB, air *air, name string) *carrier {
	c := &carrier{name: name, air: air, arrived: make(chan sms, 1024), release: make(chan struct{})}
	srv := httptest.NewServer(c)
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
	})
	c.url = srv.URL + "/send"
	return c
}

func (c *carrier) turn(m manner) { c.manner.Store(int32(m)) }

func (c *carrier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m sms
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	how := manner(c.manner.Load())
	if _, ok := c.once.LoadAndDelete(m.To); ok {
		how = fails
	}
	m.At, m.carrier, m.taken = time.Now(), c.name, how != fails && how != refuses
	c.air.mu.Lock()
	c.air.all = append(c.air.all, m)
	c.air.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch how {
	case hangs:
		<-r.Context().Done()
		return
	case fails, refuses:
		w.WriteHeader(map[manner]int{fails: http.StatusServiceUnavailable, refuses: http.StatusUnauthorized}[how])
		json.NewEncoder(w).Encode(map[string]string{"error": "cannot send " + m.Text + " with " + m.Code + " to " + m.To})
		return
	case holds:
		c.arrived <- m
		select {
		case <-c.release:
		case <-r.Context().Done():
			return
		}
	}
	json.NewEncoder(w).Encode(map[string]string{"status": "sent", "id": c.name + "-" + m.Reference})
	if how == keeps {
		m.Code, m.Text = "", ""
	}
	c.air.phone(m.To) <- m
}

// account is the carrier in a plan of the configuration.
func (c *carrier) account() plans.StaticAccount {
	return plans.StaticAccount{
		AccountConfig: plans.AccountConfig{Name: c.name, Kind: "webhook", Settings: map[string]string{"url": c.url}},
		Secrets:       map[string]secret.String{"secret": secret.New(carrierSecret)},
	}
}

// deliveryFile is a delivery file of accounts that are asked in order. more are lines of each account.
func deliveryFile(carriers []*carrier, more ...string) string {
	var b strings.Builder
	b.WriteString("accounts:\n")
	for _, c := range carriers {
		fmt.Fprintf(&b, "  - name: %s\n    kind: webhook\n    settings: {url: %q}\n    secrets: {secret: %q}\n", c.name, c.url, carrierSecret)
		for _, line := range more {
			b.WriteString("    " + line + "\n")
		}
	}
	return b.String()
}

// report is a signed receipt; id is the replay mark, at its time.
func report(t testing.TB, url, key, id string, at time.Time, body obj) *http.Request {
	t.Helper()
	raw := mustJSON(t, body)
	req, err := http.NewRequest("POST", url, strings.NewReader(string(raw)))
	check(t, err)
	ts := fmt.Sprint(at.Unix())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Webhook-Id", id)
	req.Header.Set("Webhook-Timestamp", ts)
	req.Header.Set("Webhook-Signature", webhook.Sign(keyBytes(t, key), id, ts, raw))
	return req
}

// keyBytes are the key of a webhook's secret.
func keyBytes(t testing.TB, key string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whsec_"))
	check(t, err)
	return raw
}

// lab is a server in this process, in dev mode, with a clock that the test moves.
type lab struct {
	t     *testing.T
	s     *countersign.Server
	ahead atomic.Int64
	calls atomic.Int64
}

func newLab(t *testing.T, static *plans.Static, change ...func(*countersign.Config)) *lab {
	t.Helper()
	l := &lab{t: t}
	c := countersign.Config{
		Mode: countersign.Dev, BaseURLs: []string{"http://localhost:7446"}, Log: slog.New(slog.DiscardHandler), Now: l.now, Version: "proof",
		Delivery: countersign.Delivery{Static: static},
	}
	for _, f := range change {
		f(&c)
	}
	s, err := countersign.New(context.Background(), c)
	check(t, err)
	l.s = s
	s.Start()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("the server did not end cleanly: %v", err)
		}
	})
	return l
}

func (l *lab) now() time.Time          { return time.Now().Add(time.Duration(l.ahead.Load())) }
func (l *lab) advance(d time.Duration) { l.ahead.Add(int64(d)) }

// call is an end user's, each from a network of its own.
func (l *lab) call(op string, in obj) answer {
	raw, err := json.Marshal(in)
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequest("POST", "http://localhost:7446/", strings.NewReader(string(raw)))
	n := l.calls.Add(1)
	r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", n>>16&255, n>>8&255, n&255)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+op)
	return l.do(r, op)
}

func (l *lab) do(r *http.Request, op string) answer {
	w := httptest.NewRecorder()
	l.s.Handler().ServeHTTP(w, r)
	res := w.Result()
	a := answer{op: op, status: res.StatusCode, header: res.Header}
	a.raw, _ = io.ReadAll(res.Body)
	json.Unmarshal(a.raw, &a.body)
	return a
}

// must is call, and demands success.
func (l *lab) must(op string, in obj) answer {
	a := l.call(op, in)
	if a.status != http.StatusOK {
		l.t.Errorf("%s: %d %s", op, a.status, a.raw)
	}
	return a
}

// operate calls the admin API and demands success.
func (l *lab) operate(method, path string, body any) answer {
	l.t.Helper()
	a := l.ask(method, path, body)
	if a.status >= 300 {
		l.t.Fatalf("%s %s: %d %s", method, path, a.status, a.raw)
	}
	return a
}

// ask calls the admin API.
func (l *lab) ask(method, path string, body any) answer {
	l.t.Helper()
	var in io.Reader
	if body != nil {
		in = strings.NewReader(string(mustJSON(l.t, body)))
	}
	r := httptest.NewRequest(method, "http://localhost:7446/admin/v1"+path, in)
	r.RequestURI = ""
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	signAt(l.t, r, aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, "countersign", l.now())
	return l.do(r, method+" "+path)
}

func newGet(url string) *http.Request { return httptest.NewRequest("GET", url, nil) }

// list reads a list of the admin API, page by page.
func (l *lab) list(path, member string) (out []obj) {
	l.t.Helper()
	by := map[string]string{"messages": "before", "events": "after"}[member]
	for from := ""; ; {
		a := l.operate("GET", path+"&limit=1000&"+by+"="+from, nil)
		page, _ := a.body[member].([]any)
		for _, v := range page {
			out = append(out, v.(obj))
		}
		if from = a.str("next"); from == "" || len(page) == 0 {
			return out
		}
	}
}

// settled waits until no message is on its way.
func (l *lab) settled() {
	l.t.Helper()
	until(l.t, "the end of all messages", func() bool {
		for _, state := range []string{"queued", "sending"} {
			if len(l.operate("GET", "/messages?limit=1&state="+state+"&pool="+countersign.DevPool, nil).body["messages"].([]any)) > 0 {
				return false
			}
		}
		return true
	})
}

// crowd lets people from first to last do something, several at once.
func crowd(first, last, atOnce int, f func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := first; i < last; i++ {
		next <- i
	}
	close(next)
	wg.Wait()
}

// quantile of durations, which it sorts.
func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(int(q*float64(len(d))), len(d)-1)]
}
