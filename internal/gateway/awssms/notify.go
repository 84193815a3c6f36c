package awssms

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" // SignatureVersion 1 is defined with it
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/provider"
)

const (
	// maxAge is how old a notification may be: SNS tries an HTTP endpoint for an hour at most (developer guide, "Delivery retries"). maxAhead is for clocks.
	maxAge, maxAhead = 65 * time.Minute, 5 * time.Minute
	// maxNotification bounds a notification: a message has at most 256 KB, which JSON may double.
	maxNotification = 600 << 10
	// A certificate is kept for a day, and that there is none for a minute; maxCerts bounds how many.
	certFor, noCertFor, maxCerts = 24 * time.Hour, time.Minute, 16
)

// notification is what SNS posts (developer guide, "HTTP/HTTPS notification JSON format").
type notification struct {
	Type, MessageId, TopicArn, Subject, Message, Timestamp, Token, SubscribeURL, SignatureVersion, Signature, SigningCertURL string
}

// hostForm are the hosts of SNS.
var hostForm = regexp.MustCompile(`^sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?$`)

// awsURL reads a URL of SNS: https, the usual port, and no other host.
func awsURL(raw string) (*url.URL, bool) {
	if len(raw) > 4096 {
		return nil, false
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Opaque != "" || u.Fragment != "" || !hostForm.MatchString(u.Host) {
		return nil, false
	}
	return u, true
}

// signed is the text that the signature is of.
func (n notification) signed() (string, bool) {
	var fields [][2]string
	switch n.Type {
	case "Notification":
		fields = [][2]string{{"Message", n.Message}, {"MessageId", n.MessageId}, {"Subject", n.Subject}, {"Timestamp", n.Timestamp},
			{"TopicArn", n.TopicArn}, {"Type", n.Type}}
	case "SubscriptionConfirmation", "UnsubscribeConfirmation":
		fields = [][2]string{{"Message", n.Message}, {"MessageId", n.MessageId}, {"SubscribeURL", n.SubscribeURL}, {"Timestamp", n.Timestamp},
			{"Token", n.Token}, {"TopicArn", n.TopicArn}, {"Type", n.Type}}
	default:
		return "", false
	}
	var out strings.Builder
	for _, f := range fields {
		if f[0] == "Subject" && f[1] == "" {
			continue
		}
		out.WriteString(f[0] + "\n" + f[1] + "\n")
	}
	return out.String(), true
}

// Signed reports true: notifications are signed by AWS.
func (p *Provider) Signed() bool { return true }

// ReadCallback reads a notification of SNS: an event of a message, a text that came in, or the wish to be subscribed.
func (p *Provider) ReadCallback(ctx context.Context, c provider.Callback) ([]provider.Notice, provider.Reply, error) {
	if len(p.c.Topics) == 0 {
		return nil, provider.Reply{}, errors.New("aws-sms: topic_arns is missing: no topic is believed")
	}
	var n notification
	if c.Method != http.MethodPost || len(c.Body) > maxNotification || json.Unmarshal(c.Body, &n) != nil {
		return nil, provider.Reply{}, errors.New("aws-sms: the callback is no notification of SNS (raw message delivery must be off)")
	}
	text, ok := n.signed()
	if !ok {
		return nil, provider.Reply{}, errors.New("aws-sms: the callback has no type of SNS (raw message delivery must be off)")
	}
	at, err := time.Parse(time.RFC3339, n.Timestamp)
	if !slices.Contains(p.c.Topics, n.TopicArn) || err != nil || at.Before(c.Now.Add(-maxAge)) || at.After(c.Now.Add(maxAhead)) {
		return nil, provider.Reply{}, provider.ErrSignature
	}
	switch err := p.verify(ctx, n, text, c.Now); {
	case errors.Is(err, provider.ErrSignature):
		return nil, provider.Reply{}, err
	case err != nil: // AWS did not hand out its certificate: SNS comes again
		return nil, provider.Reply{Status: http.StatusServiceUnavailable}, nil
	}
	switch n.Type {
	case "Notification":
		return read(n.Message, n.MessageId, at, p.link.caller)
	case "SubscriptionConfirmation":
		reply, err := p.confirm(ctx, n)
		return nil, reply, err
	}
	return nil, provider.Reply{}, nil
}

// verify checks the signature. Errors other than ErrSignature are of the way to AWS.
func (p *Provider) verify(ctx context.Context, n notification, text string, now time.Time) error {
	u, ok := awsURL(n.SigningCertURL)
	signature, err := base64.StdEncoding.DecodeString(n.Signature)
	if !ok || u.RawQuery != "" || !strings.HasSuffix(u.Path, ".pem") || err != nil {
		return provider.ErrSignature
	}
	cert, err := p.certs.of(ctx, p.link.caller, u.String(), now)
	if err != nil {
		return err
	}
	key, ok := cert.PublicKey.(*rsa.PublicKey)
	if !ok || now.Before(cert.NotBefore) || now.After(cert.NotAfter) {
		return provider.ErrSignature
	}
	switch n.SignatureVersion {
	case "1":
		sum := sha1.Sum([]byte(text))
		err = rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], signature)
	case "2":
		sum := sha256.Sum256([]byte(text))
		err = rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature)
	default:
		err = provider.ErrSignature
	}
	if err != nil {
		return provider.ErrSignature
	}
	return nil
}

// confirm answers the wish of a topic to be subscribed here, by one GET. What cannot be reached is asked for again by SNS.
func (p *Provider) confirm(ctx context.Context, n notification) (provider.Reply, error) {
	u, ok := awsURL(n.SubscribeURL)
	if !ok || u.Query().Get("Action") != "ConfirmSubscription" || u.Query().Get("TopicArn") != n.TopicArn {
		return provider.Reply{}, errors.New("aws-sms: the SubscribeURL is not one of SNS")
	}
	req, err := exchange.Get(u.String())
	if err != nil {
		return provider.Reply{}, fmt.Errorf("aws-sms: the SubscribeURL: %w", err)
	}
	a, err := p.link.caller.Do(ctx, req)
	var done struct {
		XMLName xml.Name `xml:"ConfirmSubscriptionResponse"`
		ARN     string   `xml:"ConfirmSubscriptionResult>SubscriptionArn"`
	}
	if err != nil || a.Status != http.StatusOK || !readXML(a, &done) || done.ARN == "" {
		return provider.Reply{Status: http.StatusServiceUnavailable}, nil
	}
	return provider.Reply{}, nil
}

// certificates are what signatures are verified with, by URL.
type certificates struct {
	mu   sync.Mutex
	list map[string]certificate
}

type certificate struct {
	cert  *x509.Certificate
	err   error
	until time.Time
}

// of returns a certificate, from AWS if need be.
func (c *certificates) of(ctx context.Context, caller exchange.Caller, from string, now time.Time) (*x509.Certificate, error) {
	c.mu.Lock()
	e, ok := c.list[from]
	c.mu.Unlock()
	if ok && now.Before(e.until) {
		return e.cert, e.err
	}
	e = certificate{until: now.Add(certFor)}
	if e.cert, e.err = fetchCertificate(ctx, caller, from); e.err != nil {
		if ctx.Err() != nil {
			return nil, e.err // it says nothing of AWS
		}
		e.until = now.Add(noCertFor)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.list == nil || len(c.list) >= maxCerts {
		c.list = map[string]certificate{}
	}
	c.list[from] = e
	return e.cert, e.err
}

func fetchCertificate(ctx context.Context, caller exchange.Caller, from string) (*x509.Certificate, error) {
	req, err := exchange.Get(from)
	if err != nil {
		return nil, err
	}
	a, err := caller.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(a.Body)
	if a.Status != http.StatusOK || a.Broken != nil || block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("aws-sms: AWS did not hand out a certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}
