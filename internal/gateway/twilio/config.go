package twilio

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"countersign/internal/gateway/exchange"
	"countersign/internal/secret"
)

// Config configures an account at Twilio.
type Config struct {
	// AccountSID (AC…) is required, and with it AuthToken or both of APIKeySID (SK…) and APIKeySecret. Requests are made with the key if there is
	// one; callbacks can only be verified with the auth token.
	AccountSID   string
	AuthToken    secret.String
	APIKeySID    string
	APIKeySecret secret.String
	// From is the number, short code or name that texts come from; calls need a number. MessagingServiceSID (MG…) chooses the sender of
	// texts instead. One of them is required. Message.From goes before both.
	From                string
	MessagingServiceSID string
	// BaseURL is the API, or empty: then Region ("ie1") and Edge ("dublin") choose it, and without them it is https://api.twilio.com.
	BaseURL, Region, Edge string
	// DiscardContent asks Twilio not to keep the texts (ContentRetention), HideNumbers not to keep the numbers (AddressRetention), SmartEncoded to
	// replace characters that make texts longer, ProvideFeedback to take feedback of typed codes. NoRiskCheck turns pumping checks off.
	DiscardContent, HideNumbers, SmartEncoded, ProvideFeedback, NoRiskCheck bool
	// TestSID and TestToken are the account's test credentials, for Check. Optional.
	TestSID   string
	TestToken secret.String
	// Client makes the requests; it brings the rules for addresses, time and size (package egress). Required.
	Client *http.Client
	// Now defaults to time.Now.
	Now func() time.Time
}

// credentials says what is wrong with them.
func (c Config) credentials() (errs []error) {
	if c.Client == nil {
		errs = append(errs, errors.New("twilio: Client is missing"))
	}
	if c.AccountSID == "" || !alphanumeric(c.AccountSID) {
		errs = append(errs, errors.New("twilio: account_sid is AC and 32 letters and digits"))
	}
	if c.AuthToken.Reveal() == "" && c.APIKeySID == "" {
		errs = append(errs, errors.New("twilio: auth_token is missing, or api_key_sid and api_key_secret (auth token or key)"))
	}
	if (c.APIKeySID == "") != (c.APIKeySecret.Reveal() == "") || !alphanumeric(c.APIKeySID) {
		errs = append(errs, errors.New("twilio: api_key_sid and api_key_secret go together"))
	}
	return errs
}

func (c Config) caller(name string) exchange.Caller {
	hide := []secret.String{c.AuthToken, c.APIKeySecret, c.TestToken, secret.New(c.AccountSID), secret.New(c.APIKeySID)}
	return exchange.Caller{Client: c.Client, Name: name, Now: c.Now, Hide: hide}
}

// baseOf returns the base URL of a product ("api").
func baseOf(given, product, region, edge string) (*url.URL, error) {
	if !alphanumeric(strings.ReplaceAll(region+edge, "-", "")) || region == "" && edge != "" {
		return nil, errors.New("twilio: region and edge are names such as ie1 and dublin; an edge needs a region")
	}
	host := product
	for _, part := range []string{edge, region} {
		if part != "" {
			host += "." + part
		}
	}
	return exchange.Base(name, given, "https://"+host+".twilio.com")
}

func alphanumeric(s string) bool { return strings.Trim(s, letters+"0123456789") == "" }
