package vonage

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"countersign/internal/secret"
)

const (
	// defaultBase answers for the Messages, Voice, Verify and Conversion APIs, defaultSMS for the SMS and Account APIs.
	defaultBase = "https://api.nexmo.com"
	defaultSMS  = "https://rest.nexmo.com"
	// minSecret is the least length of a signature secret (Vonage's own advice: long and random), in bytes.
	minSecret = 16
)

// Config configures an account of kind "vonage". An application with its key, or an API key with its secret, is required; calls need
// the application.
type Config struct {
	// ApplicationID is a UUID, PrivateKey its RSA key in PEM.
	ApplicationID string
	PrivateKey    secret.String
	APIKey        string
	APISecret     secret.String
	// SignatureSecret checks what Vonage reports; without it reports are not authentic. At least 16 bytes.
	SignatureSecret secret.String
	// From is the number or name that texts come from, and the number that calls come from. Message.From goes before.
	From string
	// BaseURL defaults to https://api.nexmo.com.
	BaseURL string
	// Client makes the requests; it brings the rules for addresses (package egress). Required.
	Client *http.Client
	// Now defaults to time.Now.
	Now func() time.Time
}

// SMSConfig configures an account of kind "vonage-sms".
type SMSConfig struct {
	// APIKey and APISecret are the credentials. Required.
	APIKey    string
	APISecret secret.String
	// SignatureSecret checks sig in receipts, made by SignatureMethod: sha256 (default), sha512, sha1 or md5, all of them HMAC.
	SignatureSecret secret.String
	SignatureMethod string
	// From is the number or name that texts come from. Message.From goes before.
	From string
	// Conversion says that Vonage has opened its Conversion API for the account.
	Conversion bool
	// BaseURL defaults to https://rest.nexmo.com. The Conversion API is at https://api.nexmo.com, or at BaseURL if that is set.
	BaseURL string
	// Client makes the requests. Required.
	Client *http.Client
	// Now defaults to time.Now.
	Now func() time.Time
}

// VerifyConfig configures an account of kind "vonage-verify". Credentials are as in Config.
type VerifyConfig struct {
	ApplicationID   string
	PrivateKey      secret.String
	APIKey          string
	APISecret       secret.String
	SignatureSecret secret.String
	// Brand is the name in Vonage's text, up to 16 characters. Required.
	Brand string
	// From is the number or name that texts come from, empty for Vonage's choice.
	From string
	// CodeLength is 4 to 10; 0 is 6.
	CodeLength int
	// BaseURL defaults to https://api.nexmo.com.
	BaseURL string
	// Client makes the requests. Required.
	Client *http.Client
	// Now defaults to time.Now.
	Now func() time.Time
}

// baseURL returns the base without a slash at its end.
func baseURL(kind, given, usual string) (string, error) {
	u, err := url.Parse(cmp.Or(given, usual))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%s: base_url must be an absolute http or https URL", kind)
	}
	return strings.TrimSuffix(u.String(), "/"), nil
}

func clientMissing(kind string, c *http.Client) error {
	if c == nil {
		return errors.New(kind + ": Client is missing")
	}
	return nil
}

// signatureSecret checks its length; an empty one is none.
func signatureSecret(kind string, s secret.String) error {
	if n := len(s.Reveal()); n > 0 && n < minSecret {
		return fmt.Errorf("%s: signature_secret must have at least %d characters", kind, minSecret)
	}
	return nil
}

// sender returns who a message comes from as Vonage wants it: digits without a plus, or a name without spaces.
func sender(from string) string {
	if digits, ok := strings.CutPrefix(from, "+"); ok {
		return digits
	}
	return strings.ReplaceAll(from, " ", "")
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
