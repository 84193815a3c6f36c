package telesign

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

// maxCallback bounds a callback, in bytes.
const maxCallback = 64 << 10

var errCallback = errors.New("telesign: the callback cannot be understood")

// Signed reports that callbacks are authentic.
func (p *Provider) Signed() bool { return true }

// authentic checks the signature of a callback: of its body alone, unlike that of requests.
func (p *Provider) authentic(c provider.Callback) bool {
	said := ""
	for _, h := range []string{"Authorization", "X-Ts-Authorization"} {
		if v := c.Header[h]; len(v) == 1 && strings.HasPrefix(v[0], "TSA ") {
			said = strings.TrimPrefix(v[0], "TSA ")
		}
	}
	id, signature, ok := strings.Cut(said, ":")
	raw, err := base64.StdEncoding.DecodeString(signature)
	if !ok || err != nil || !strings.EqualFold(id, p.c.CustomerID) {
		return false
	}
	h := hmac.New(sha256.New, []byte(p.key.Reveal()))
	h.Write(c.Body)
	return hmac.Equal(raw, h.Sum(nil))
}

// ReadCallback reads what became of a message.
func (p *Provider) ReadCallback(_ context.Context, c provider.Callback) ([]provider.Notice, provider.Reply, error) {
	if len(c.Body) > maxCallback {
		return nil, provider.Reply{}, errCallback
	}
	if !p.authentic(c) {
		return nil, provider.Reply{}, provider.ErrSignature
	}
	var in answer
	if c.Method != http.MethodPost || json.Unmarshal(c.Body, &in) != nil || in.ReferenceID == "" {
		return nil, provider.Reply{}, errCallback
	}
	n := p.notice(in)
	if n.State == "" {
		return nil, provider.Reply{}, nil
	}
	return []provider.Notice{n}, provider.Reply{}, nil
}

// notice is what a status says; it has no state if it says nothing.
func (p *Provider) notice(in answer) provider.Notice {
	n := provider.Notice{ProviderID: exchange.Short(in.ReferenceID, 64), Reference: exchange.Short(in.ExternalID, maxReference)}
	if at, err := time.Parse(time.RFC3339, in.Status.UpdatedOn); err == nil {
		n.At = at.UTC()
	}
	if n.State, n.Reason = stateOf(in.Status.Code); n.Reason != "" {
		n.VendorCode, n.Text = strconv.Itoa(in.Status.Code), p.caller.Clean(in.Status.Description, provider.Message{})
	}
	return n
}

// Poll asks what became of a message: of a text, and if there is none with the id, of a call.
func (p *Provider) Poll(ctx context.Context, providerID string) (provider.Notice, error) {
	a, err := p.ask(ctx, "/v1/messaging/", providerID)
	if err == nil && a.Status == http.StatusNotFound {
		a, err = p.ask(ctx, "/v1/voice/", providerID)
	}
	if err != nil {
		return provider.Notice{}, err
	}
	var in answer
	if a.Status == http.StatusOK && a.JSON(&in) && strings.EqualFold(in.ReferenceID, providerID) {
		if n := p.notice(in); n.State != "" {
			n.ProviderID = providerID
			return n, nil
		}
	}
	if a.Status == http.StatusNotFound {
		return provider.Notice{}, p.caller.NotKnown(a, "")
	}
	return provider.Notice{}, p.refused(a, provider.Message{})
}

func (p *Provider) ask(ctx context.Context, path, id string) (exchange.Answer, error) {
	req, err := exchange.Get(p.base + path + url.PathEscape(id))
	return p.do(ctx, req, err)
}

// nobody is a reference that no message has.
const nobody = "00000000000000000000000000000000"

// Check asks for a message that does not exist: TeleSign looks at the credentials first, and nothing is sent.
func (p *Provider) Check(ctx context.Context) (string, error) {
	a, err := p.ask(ctx, "/v1/messaging/", nobody)
	if err != nil {
		return "", err
	}
	var in answer
	knows := a.Status == http.StatusOK || a.Status == http.StatusNotFound || a.Status == http.StatusBadRequest
	if knows && a.JSON(&in) && in.Status.Code != 0 && in.Status.Code != 501 {
		return "Messaging API: customer id and key were accepted; an unknown message was asked for, nothing was sent", nil
	}
	return "", p.refused(a, provider.Message{})
}
