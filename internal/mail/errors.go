package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"time"

	gomail "github.com/wneessen/go-mail"

	"countersign/provider"
)

// throttle is how long a server that answered 421 is left alone.
const throttle = time.Minute

// holder opens the one connection of a send and sees to it that it ends with the context, whatever the client does.
type holder struct {
	ctx      context.Context
	dial     func(ctx context.Context, network, address string) (net.Conn, error)
	tls      *tls.Config
	implicit bool

	mu   sync.Mutex
	conn net.Conn
	stop func() bool
}

func (h *holder) open(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := h.dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if h.implicit {
		secured := tls.Client(conn, h.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, err
		}
		conn = secured
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conn, h.stop = conn, context.AfterFunc(h.ctx, func() { conn.Close() })
	return conn, nil
}

func (h *holder) opened() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conn != nil
}

func (h *holder) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.conn != nil {
		h.stop()
		h.conn.Close()
	}
}

// classConnect classes what went wrong before the message: connecting, TLS, signing in. Nothing was sent.
func classConnect(conn *holder, err error) error {
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		said := vendor(answer.Code, "", "the server refused the connection or the credentials")
		switch {
		case answer.Code == 421:
			return provider.RetryAfter(throttle, said)
		case answer.Code >= 500:
			return provider.Misconfigured(said)
		}
		return said
	}
	if badTLS(err) {
		return provider.Misconfigured(errors.New("smtp: TLS failed: the certificate, the name or the version does not fit"))
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("smtp: not connected in time: %w", context.Cause(conn.ctx))
	}
	if _, ok := errors.AsType[net.Error](err); ok || !conn.opened() || brokenOff(err) {
		return errors.New("smtp: the server cannot be reached")
	}
	// What is left is the client's own refusal: no STARTTLS, no AUTH, no common mechanism.
	return provider.Misconfigured(errors.New("smtp: the server offers no STARTTLS or no usable way to sign in"))
}

func badTLS(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.HostnameError](err)
	return ok
}

// brokenOff reports whether the connection ended in the middle; the client does not always keep the cause.
func brokenOff(err error) bool {
	s := err.Error()
	return strings.Contains(s, "EOF") || strings.Contains(s, "closed") || strings.Contains(s, "reset")
}

// classSend classes what went wrong with the message itself.
func classSend(err error) error {
	sent, ok := errors.AsType[*gomail.SendError](err)
	if !ok {
		return errors.New("smtp: the message was not handed over")
	}
	code, enhanced := sent.ErrorCode(), sent.EnhancedStatusCode()
	said := vendor(code, enhanced, "the message was refused")
	switch {
	case code == 0 && sent.Reason == gomail.ErrSMTPDataClose:
		return fmt.Errorf("smtp: the connection broke before the answer: %w", provider.ErrAmbiguous)
	case code == 0 && sent.Reason == gomail.ErrNoUnencoded:
		return provider.Permanent(errors.New("smtp: the server cannot take this address"))
	case code == 0:
		return errors.New("smtp: the connection broke before the message")
	case code == 421:
		return provider.RetryAfter(throttle, said)
	case code < 500:
		return said
	case code == 530 || code == 535 || strings.HasPrefix(enhanced, "5.7.") || sent.Reason == gomail.ErrSMTPMailFrom:
		return provider.Misconfigured(said) // not signed in, not allowed to relay, or our own sender is refused
	}
	return provider.Permanent(said)
}

func vendor(code int, enhanced, text string) error {
	name := strconv.Itoa(code)
	if enhanced != "" {
		name += " " + enhanced
	}
	return &provider.VendorError{Provider: "smtp", VendorCode: name, Text: text}
}
