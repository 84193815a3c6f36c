package smpp

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"countersign/internal/secret"
	"countersign/provider"
)

const (
	// defaultPort and defaultTLSPort are IANA's for smpp and ssmpp.
	defaultPort, defaultTLSPort = 2775, 3550
	// defaultWindow and maxWindow bound the submits without an answer.
	defaultWindow, maxWindow = 10, 1000
	// maxPerSecond bounds the rate.
	maxPerSecond = 10000
)

// Receipts says which receipts are asked for (registered_delivery, 5.2.17).
type Receipts string

const (
	ReceiptsFinal    Receipts = "final"
	ReceiptsFailure  Receipts = "failure"
	ReceiptsEachStep Receipts = "each_step"
	ReceiptsNone     Receipts = "none"
)

// Validity says how the end of a code's life is passed on (validity_period, 5.2.16).
type Validity string

const (
	ValidityRelative Validity = "relative"
	ValidityAbsolute Validity = "absolute"
	ValidityNone     Validity = "none"
)

// Config configures an account at a message centre.
type Config struct {
	// Host and Port are where it listens. Port defaults to 2775, with TLS to 3550.
	Host string
	Port int
	// TLS is nil for a plain connection. ServerName defaults to Host.
	TLS *tls.Config
	// SystemID and Password are the credentials, SystemType what some centres want beside them.
	SystemID   string
	Password   secret.String
	SystemType string
	// Pair binds a transmitter and a receiver instead of one transceiver.
	Pair bool
	// From is the default sender; empty leaves it to the centre.
	From string
	// Source and Destination are the types of numbers.
	Source, Destination Types
	// ServiceType is service_type (5.2.11), usually empty.
	ServiceType string
	// Texts says how texts are written.
	Texts Texts
	// Window bounds the submits without an answer. Defaults to 10.
	Window int
	// PerSecond bounds the parts sent in a second; 0 is no bound but the centre's own.
	PerSecond float64
	// Receipts defaults to ReceiptsFinal, Validity to ValidityRelative.
	Receipts Receipts
	Validity Validity
	// IDs says how the ids of receipts relate to those of answers. Defaults to IDsLearned.
	IDs IDs
	// EntityTag and TemplateTag name the optional parameters for a text's registration with India's DLT. Default to 0x1400 and 0x1401.
	EntityTag, TemplateTag Tag
	// Reasons are what this centre's own codes come to.
	Reasons map[Status]provider.Reason
	// Dial makes connections, by the rules for addresses (package egress). Required.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now defaults to time.Now; it dates validity periods alone.
	Now func() time.Time
	// Log defaults to none.
	Log *slog.Logger
}

// address is host and port as they are dialled.
func (c *Config) address() string { return net.JoinHostPort(c.Host, fmt.Sprint(c.Port)) }

// complete fills in the defaults, and says all that is wrong; each error begins with the name of the setting.
func (c *Config) complete() error {
	var errs []error
	wrong := func(field, why string) { errs = append(errs, fmt.Errorf("%s: %s", field, why)) }
	if c.Host == "" || len(c.Host) > 253 || strings.ContainsAny(c.Host, "/:@ \t\r\n") && net.ParseIP(c.Host) == nil {
		wrong("host", "a host name or an IP address is needed, without port")
	}
	if c.Port == 0 {
		c.Port = defaultPort
		if c.TLS != nil {
			c.Port = defaultTLSPort
		}
	}
	if c.Port < 1 || c.Port > 65535 {
		wrong("port", "must be 1 to 65535")
	}
	// 4.1.1 allows 15, 8 and 12 characters; centres that hand out longer ones are common.
	if !printable(c.SystemID, 64) || c.SystemID == "" {
		wrong("system_id", "1 to 64 ASCII characters are needed")
	}
	if !printable(c.Password.Reveal(), 64) {
		wrong("password", "at most 64 ASCII characters are possible")
	}
	if !printable(c.SystemType, 12) {
		wrong("system_type", "at most 12 ASCII characters are possible")
	}
	if !printable(c.ServiceType, 5) {
		wrong("service_type", "at most 5 ASCII characters are possible")
	}
	if _, err := c.Source.address(c.From); err != nil {
		wrong("from", err.Error())
	}
	if c.Window = cmp.Or(c.Window, defaultWindow); c.Window < 1 || c.Window > maxWindow {
		wrong("window", fmt.Sprintf("must be 1 to %d", maxWindow))
	}
	if !(c.PerSecond >= 0 && c.PerSecond <= maxPerSecond) {
		wrong("per_second", fmt.Sprintf("must be 0 to %d", maxPerSecond))
	}
	if err := c.Texts.complete(); err != nil {
		errs = append(errs, err)
	}
	c.Receipts, c.Validity, c.IDs = cmp.Or(c.Receipts, ReceiptsFinal), cmp.Or(c.Validity, ValidityRelative), cmp.Or(c.IDs, IDsLearned)
	c.EntityTag, c.TemplateTag = cmp.Or(c.EntityTag, TagEntity), cmp.Or(c.TemplateTag, TagTemplate)
	for _, v := range []struct {
		field, value string
		values       []string
	}{
		{"registered_delivery", string(c.Receipts), []string{"final", "failure", "each_step", "none"}},
		{"validity", string(c.Validity), []string{"relative", "absolute", "none"}},
		{"message_ids", string(c.IDs), []string{"learned", "same", "receipts_decimal", "receipts_hex"}},
		{"charset", string(c.Texts.Charset), []string{"gsm7", "latin1", "ascii", "ucs2"}},
		{"concat", string(c.Texts.Concat), []string{"udh8", "udh16", "sar", "payload"}},
	} {
		if !slices.Contains(v.values, v.value) {
			wrong(v.field, "must be one of "+strings.Join(v.values, ", "))
		}
	}
	if c.Dial == nil {
		errs = append(errs, errors.New("no way to dial is given"))
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return errors.Join(errs...)
}

// printable reports whether s is at most limit printable characters of ASCII.
func printable(s string, limit int) bool {
	if len(s) > limit {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
