package main

import (
	"crypto/hmac"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"countersign/internal/gateway/webhook"
)

// sinkSecret signs the calls of the webhook, in the form of Standard Webhooks.
var sinkSecret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret for measurements only!!"))

// text is a message that arrived.
type text struct {
	code string
	at   time.Time
}

// sink is the receiver of the webhook: it checks the signature and hands the code to whoever waits for the number.
type sink struct {
	url string
	srv *http.Server

	mu      sync.Mutex
	waiting map[string]chan text // by number
	// keep, if set, gets what receipts can be made of.
	keep func(sentText)

	// arrived counts messages, stray those that nobody waited for, forged those with a bad signature.
	arrived, stray, forged atomic.Int64
}

func newSink() (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &sink{url: "http://" + l.Addr().String() + "/sms", waiting: map[string]chan text{}}
	s.srv = &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go s.srv.Serve(l)
	return s, nil
}

// errandPath is where messages of errands arrive.
const errandPath = "/errand"

func (s *sink) errandURL() string { return strings.TrimSuffix(s.url, "/sms") + errandPath }

func (s *sink) close() { s.srv.Close() }

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(sinkSecret, "whsec_"))
	want := webhook.Sign(key, r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), body)
	if err != nil || !hmac.Equal([]byte(want), []byte(r.Header.Get("Webhook-Signature"))) {
		s.forged.Add(1)
		http.Error(w, "bad signature", http.StatusUnauthorized)
		return
	}
	var m struct {
		To, Code   string
		Reference  string `json:"reference"`
		ReceiptURL string `json:"receipt_url"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	if r.URL.Path == errandPath { // nobody waits for these here
		s.arrived.Add(1)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"status":"accepted"}`)
		return
	}
	s.mu.Lock()
	keep := s.keep
	s.mu.Unlock()
	if keep != nil {
		keep(sentText{m.Reference, m.ReceiptURL})
	}
	s.arrive(m.To, text{m.Code, at})
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"status":"accepted"}`)
}

// arrive hands a text to whoever waits for one at the number.
func (s *sink) arrive(number string, t text) {
	s.arrived.Add(1)
	s.mu.Lock()
	ch := s.waiting[number]
	s.mu.Unlock()
	select {
	case ch <- t: // never, if nobody waits
	default:
		s.stray.Add(1)
	}
}

// expect announces that a text to the number will come. done must be called in the end.
func (s *sink) expect(number string) (ch chan text, done func()) {
	ch = make(chan text, 1)
	s.mu.Lock()
	s.waiting[number] = ch
	s.mu.Unlock()
	return ch, func() {
		s.mu.Lock()
		delete(s.waiting, number)
		s.mu.Unlock()
	}
}

// arrivalTimeout is how long a text may take before it counts as lost.
const arrivalTimeout = 10 * time.Second

var errLost = errors.New("the text did not arrive")

// await waits for the text.
func await(ch chan text) (text, error) {
	select {
	case t := <-ch:
		return t, nil
	default:
	}
	timer := time.NewTimer(arrivalTimeout)
	defer timer.Stop()
	select {
	case t := <-ch:
		return t, nil
	case <-timer.C:
		return text{}, errLost
	}
}
