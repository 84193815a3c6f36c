package mail

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	gomail "github.com/wneessen/go-mail"

	"countersign/internal/secret"
	"countersign/provider"
)

// TLSMode says how the connection is protected.
type TLSMode string

const (
	// StartTLS begins in clear and refuses to go on without STARTTLS (RFC 3207). The default.
	StartTLS TLSMode = "starttls"
	// Implicit speaks TLS from the first byte (RFC 8314).
	Implicit TLSMode = "implicit"
	// None is for a server on loopback only.
	None TLSMode = "none"
)

const (
	defaultTimeout = 20 * time.Second
	// maxSubject is the most bytes of a subject, maxText of a text, maxAddress of an address (RFC 5321, 4.5.3.1: 64 + 1 + 255).
	maxSubject = 500
	maxText    = 256 << 10
	maxAddress = 320
)

// Config configures a Sender. Host and From are required.
type Config struct {
	// Host is the server's name; its certificate must be for it.
	Host string
	// Port defaults to 587, or 465 with Implicit.
	Port int
	// TLS defaults to StartTLS.
	TLS TLSMode
	// Username and Password; without a username nobody signs in.
	Username string
	Password secret.String
	// From is the sender, with or without a display name: "Example <no-reply@example.com>".
	From string
	// Timeout bounds one send from connecting to the answer. Default 20 s; a shorter deadline of the context wins.
	Timeout time.Duration
	// Dial connects. Default: a net.Dialer. Give the dialer that keeps to the rules for outgoing connections.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// RootCAs defaults to the system's.
	RootCAs *x509.CertPool
	// Now is the clock of the Date header. Default time.Now.
	Now func() time.Time
}

// Sender sends e-mails. It is safe for concurrent use.
type Sender struct {
	c    Config
	from netmail.Address
}

// New checks the configuration. It does not connect.
func New(c Config) (*Sender, error) {
	var problems []error
	if c.Host == "" {
		problems = append(problems, errors.New("no host"))
	}
	c.TLS = cmp.Or(c.TLS, StartTLS)
	switch {
	case c.TLS == None && !loopback(c.Host):
		problems = append(problems, errors.New("without TLS the server must be on loopback: codes would travel in clear"))
	case c.TLS != None && c.TLS != StartTLS && c.TLS != Implicit:
		problems = append(problems, fmt.Errorf("unknown TLS mode %q", c.TLS))
	}
	if c.Port == 0 && c.TLS == Implicit {
		c.Port = 465
	}
	c.Port = cmp.Or(c.Port, 587)
	if c.Port < 0 || c.Port > 65535 {
		problems = append(problems, fmt.Errorf("%d is not a port", c.Port))
	}
	from, err := netmail.ParseAddress(c.From)
	if err != nil || hasControl(c.From) {
		problems = append(problems, errors.New("the sender is not an e-mail address"))
	}
	if len(problems) > 0 {
		return nil, fmt.Errorf("mail: %w", errors.Join(problems...))
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{}).DialContext
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Sender{c: c, from: *from}, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.IsLoopback())
}

// Name returns "smtp".
func (s *Sender) Name() string { return "smtp" }

// Send hands one e-mail to the server. Failures are classed: a refused address is permanent, refused credentials or a
// failed TLS handshake are a misconfiguration, 421 is throttling, a connection lost after the text wraps
// provider.ErrAmbiguous, anything else may be retried.
func (s *Sender) Send(ctx context.Context, m provider.Message) (provider.Receipt, error) {
	msg, id, err := s.compose(m)
	if err != nil {
		return provider.Receipt{}, provider.Permanent(err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.c.Timeout)
	defer cancel()
	conn := &holder{ctx: ctx, dial: s.c.Dial, tls: s.tlsConfig(), implicit: s.c.TLS == Implicit}
	defer conn.close()
	client, err := s.client(ctx, conn)
	if err != nil {
		return provider.Receipt{}, provider.Misconfigured(fmt.Errorf("smtp: %w", err))
	}
	smtp, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return provider.Receipt{}, classConnect(conn, err)
	}
	err = client.SendWithSMTPClient(smtp, msg)
	if err != nil && !msg.IsDelivered() {
		return provider.Receipt{}, classSend(err)
	}
	_ = client.CloseWithSMTPClient(smtp) // QUIT; the message is the server's already
	return provider.Receipt{ProviderID: id, Raw: "250 accepted"}, nil
}

func (s *Sender) client(ctx context.Context, conn *holder) (*gomail.Client, error) {
	left := s.c.Timeout
	if deadline, ok := ctx.Deadline(); ok {
		left = max(time.Until(deadline), time.Millisecond)
	}
	opts := []gomail.Option{
		gomail.WithPort(s.c.Port), gomail.WithTimeout(left), gomail.WithDialContextFunc(conn.open), gomail.WithTLSConfig(s.tlsConfig()),
		gomail.WithoutNoop(), gomail.WithoutRset(),
	}
	switch s.c.TLS {
	case Implicit:
		opts = append(opts, gomail.WithSSL())
	case None:
		opts = append(opts, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		opts = append(opts, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if s.c.Username != "" {
		// The order is ours: a proof that hides the password first, and none that MD5 or NTLM stands behind.
		opts = append(opts, gomail.WithUsername(s.c.Username), gomail.WithPassword(s.c.Password.Reveal()),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthSCRAMSHA1, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	return gomail.NewClient(s.c.Host, opts...)
}

func (s *Sender) tlsConfig() *tls.Config {
	return &tls.Config{ServerName: s.c.Host, RootCAs: s.c.RootCAs, MinVersion: tls.VersionTLS12}
}

// compose checks what came from outside and builds the message. Its id is the same for every attempt, so that a mailbox
// can drop a repetition.
func (s *Sender) compose(m provider.Message) (*gomail.Msg, string, error) {
	if m.Channel != provider.Email {
		return nil, "", errors.New("smtp: only e-mails are sent here")
	}
	to, err := bare(m.To)
	if err != nil {
		return nil, "", fmt.Errorf("smtp: the recipient %w", err)
	}
	from := s.from
	if m.From != "" {
		own, err := bare(m.From)
		if err != nil {
			return nil, "", fmt.Errorf("smtp: the sender %w", err)
		}
		from = netmail.Address{Name: s.from.Name, Address: own}
	}
	if hasControl(m.Subject) || len(m.Subject) > maxSubject {
		return nil, "", errors.New("smtp: the subject has a line break or is too long")
	}
	if len(m.Text) > maxText {
		return nil, "", errors.New("smtp: the text is too long")
	}
	id := messageID(m, from.Address)
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	msg.FromMailAddress(&from)
	msg.ToMailAddress(&netmail.Address{Address: to})
	msg.Subject(m.Subject)
	msg.SetDateWithValue(s.c.Now().UTC())
	msg.SetMessageIDWithValue(id)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834, section 5: nobody's absence note answers us
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	kind := gomail.TypeTextPlain
	if m.HTML {
		kind = gomail.TypeTextHTML
	}
	msg.SetBodyString(kind, m.Text)
	return msg, id, nil
}

// bare returns the address if s is one and nothing else: no display name, no comment, no second one.
func bare(s string) (string, error) {
	if len(s) > maxAddress || hasControl(s) {
		return "", errors.New("is not an e-mail address")
	}
	a, err := netmail.ParseAddress(s)
	if err != nil || a.Name != "" || a.Address != s {
		return "", errors.New("is not a bare e-mail address")
	}
	return a.Address, nil
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == unicode.ReplacementChar
	})
}

// messageID is made of the idempotency key, without telling it.
func messageID(m provider.Message, from string) string {
	key := cmp.Or(m.IdempotencyKey, m.ID)
	if key == "" {
		key = m.To + "\x00" + m.Text + "\x00" + strconv.FormatInt(m.ExpiresAt.UnixNano(), 10)
	}
	sum := sha256.Sum256([]byte("countersign message-id\x00" + key))
	return hex.EncodeToString(sum[:16]) + from[strings.LastIndexByte(from, '@'):]
}
