package simulator

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"countersign/provider"
)

const (
	// defaultReceiptDelay is how long a simulated message is on its way.
	defaultReceiptDelay = time.Second
	// maxPending bounds the receipts that wait to be told; more are dropped.
	maxPending = 512
	// maxReceiptURL bounds the URL of a request, in bytes.
	maxReceiptURL = 2048
)

// told is what a simulated service knows of a message that it took: for its receipt, and for those who ask.
type told struct {
	service, id, reference string
	to, from               string
	segments               int
	voice                  bool
	at                     time.Time
	// arrived is false for what a fault lets vanish: it stays on its way for ever.
	arrived bool
}

// taken is what Inbox.take says of a message.
type taken struct {
	// segments is at least one.
	segments int
	arrived  bool
}

// note remembers a message for those who ask, up to a bound.
func (b *Inbox) note(t told) told {
	t.at = b.opt.Now().UTC()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.told == nil {
		b.told = map[string]told{}
	}
	b.told[t.id] = t
	b.toldIDs = append(b.toldIDs, t.id)
	if over := len(b.toldIDs) - keysPerMessage*b.opt.Max; over > 0 {
		for _, id := range b.toldIDs[:over] {
			delete(b.told, id)
		}
		b.toldIDs = slices.Delete(b.toldIDs, 0, over)
	}
	return t
}

// ask returns a message of the service, and whether it was delivered by now.
func (b *Inbox) ask(service, id string) (t told, delivered, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, ok = b.told[id]
	if !ok || t.service != service {
		return told{}, false, false
	}
	return t, t.arrived && b.opt.Now().Sub(t.at) >= b.opt.ReceiptDelay, true
}

// tell makes the receipt of a message and hands it to Options.Callback, after Options.ReceiptDelay. to is the request's receipt URL; without one,
// or without a Callback, nothing happens.
func (b *Inbox) tell(t told, to string, make func(to string) (*http.Request, error)) {
	u, err := url.Parse(to)
	if b.opt.Callback == nil || !t.arrived || err != nil || len(to) > maxReceiptURL || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return
	}
	select {
	case b.pending <- struct{}{}:
	default:
		b.opt.Logger.Warn("simulator: too many receipts wait; one is dropped")
		return
	}
	time.AfterFunc(b.opt.ReceiptDelay, func() {
		defer func() { <-b.pending }()
		b.mu.Lock()
		closed := b.closed
		b.mu.Unlock()
		req, err := make(to)
		if err != nil || closed {
			return
		}
		req.Header.Set("User-Agent", "Countersign-Simulator/1")
		b.opt.Callback(req)
	})
}

func formRequest(to string, form url.Values) (*http.Request, error) {
	return bodyRequest(to, "application/x-www-form-urlencoded", []byte(form.Encode()))
}

func jsonRequest(to string, v any) (*http.Request, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return bodyRequest(to, "application/json", raw)
}

func bodyRequest(to, kind string, body []byte) (*http.Request, error) {
	req, err := http.NewRequest(http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", kind)
	return req, nil
}

// twilioReceipt is a status callback, signed with the auth token (Security, X-Twilio-Signature): HMAC-SHA1 of the URL and the parameters.
func twilioReceipt(t told, account, key string) func(string) (*http.Request, error) {
	form := url.Values{"AccountSid": {account}, "ApiVersion": {"2010-04-01"}, "To": {t.to}, "From": {t.from}}
	if t.voice {
		form.Set("CallSid", t.id)
		form.Set("CallStatus", "completed")
		form.Set("Direction", "outbound-api")
	} else {
		form.Set("MessageSid", t.id)
		form.Set("SmsSid", t.id)
		form.Set("MessageStatus", "delivered")
		form.Set("SmsStatus", "delivered")
	}
	return func(to string) (*http.Request, error) {
		h := hmac.New(sha1.New, []byte(key))
		h.Write([]byte(to))
		for _, k := range slices.Sorted(maps.Keys(form)) {
			h.Write([]byte(k + form.Get(k)))
		}
		req, err := formRequest(to, form)
		if err == nil {
			req.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(h.Sum(nil)))
		}
		return req, err
	}
}

// plivoReceipt is a status callback, signed with the auth token (V3): HMAC-SHA256 of URL, parameters and nonce.
func plivoReceipt(t told, key string) func(string) (*http.Request, error) {
	form := url.Values{"MessageUUID": {t.id}, "Status": {"delivered"}, "Units": {decimal(t.segments)}, "To": {strings.TrimPrefix(t.to, "+")}, "From": {t.from}}
	return func(to string) (*http.Request, error) {
		u, err := url.Parse(to)
		if err != nil {
			return nil, err
		}
		text := u.Scheme + "://" + u.Host + u.Path + "?"
		if u.RawQuery != "" {
			query := strings.Split(u.RawQuery, "&")
			slices.Sort(query)
			text += strings.Join(query, "&") + "."
		}
		for _, k := range slices.Sorted(maps.Keys(form)) {
			text += k + form.Get(k)
		}
		nonce := rand.Text()
		h := hmac.New(sha256.New, []byte(key))
		h.Write([]byte(text + "." + nonce))
		req, err := formRequest(to, form)
		if err == nil {
			req.Header.Set("X-Plivo-Signature-V3", base64.StdEncoding.EncodeToString(h.Sum(nil)))
			req.Header.Set("X-Plivo-Signature-V3-Nonce", nonce)
		}
		return req, err
	}
}

// telesignReceipt is a status callback, signed with the API key if the request brought it: HMAC-SHA256 of the body.
func telesignReceipt(t told, customer, key string, at time.Time) func(string) (*http.Request, error) {
	code, description := 200, "Delivered to handset"
	if t.voice {
		code, description = 100, "Call answered"
	}
	body := map[string]any{"reference_id": t.id, "external_id": t.reference,
		"status": map[string]any{"code": code, "description": description, "updated_on": at.Format(time.RFC3339)}}
	return func(to string) (*http.Request, error) {
		raw, err := base64.StdEncoding.DecodeString(key)
		if err != nil || key == "" {
			return nil, errors.New("no key to sign with")
		}
		req, err := jsonRequest(to, body)
		if err != nil {
			return nil, err
		}
		h := hmac.New(sha256.New, raw)
		if b, err := req.GetBody(); err == nil {
			var all bytes.Buffer
			all.ReadFrom(b)
			h.Write(all.Bytes())
		}
		req.Header.Set("Authorization", "TSA "+customer+":"+base64.StdEncoding.EncodeToString(h.Sum(nil)))
		return req, nil
	}
}

// infobipReceipt is a delivery report, which nothing authenticates.
func infobipReceipt(t told, at time.Time) func(string) (*http.Request, error) {
	return func(to string) (*http.Request, error) {
		return jsonRequest(to, map[string]any{"results": []any{infobipReport(t, at, true)}})
	}
}

// infobipReport is a result of a report or a log.
func infobipReport(t told, at time.Time, delivered bool) map[string]any {
	status := infobipStatus{3, "DELIVERED", 5, "DELIVERED_TO_HANDSET", "Message delivered to handset"}
	if !delivered {
		status = infobipStatus{1, "PENDING", 7, "PENDING_ENROUTE", "Message sent to next instance"}
	}
	const layout = "2006-01-02T15:04:05.000-0700"
	return map[string]any{
		"messageId": t.id, "to": strings.TrimPrefix(t.to, "+"), "sender": t.from, "sentAt": t.at.Format(layout), "doneAt": at.Format(layout),
		"messageCount": t.segments, "callbackData": t.reference, "status": status,
		"error": map[string]any{"groupId": 0, "groupName": "OK", "id": 0, "name": "NO_ERROR", "permanent": false},
	}
}

// delivered is a receipt that is one object of JSON.
func delivered(v any) func(string) (*http.Request, error) {
	return func(to string) (*http.Request, error) { return jsonRequest(to, v) }
}

// inQuery is a receipt by GET.
func inQuery(values url.Values) func(string) (*http.Request, error) {
	return func(to string) (*http.Request, error) {
		u, err := url.Parse(to)
		if err != nil {
			return nil, err
		}
		q := u.Query()
		maps.Copy(q, values)
		u.RawQuery = q.Encode()
		return http.NewRequest(http.MethodGet, u.String(), nil)
	}
}

func (a arrival) told(service, id, reference string, t taken) told {
	return told{service: service, id: id, reference: reference, to: a.to.String(), from: a.from, segments: t.segments, voice: a.channel == provider.Voice, arrived: t.arrived}
}
