package vonage

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"countersign/internal/secret"
)

const (
	// tokenLife is how long a token is good, tokenUse how long it is used: signing costs more than the rest of a request.
	tokenLife, tokenUse = 10 * time.Minute, 5 * time.Minute
	minKeyBits          = 2048
)

// credentials are an application with its key, or an API key with its secret. They are safe for concurrent use.
type credentials struct {
	application string
	signer      jose.Signer // nil without an application
	key         string
	secret      secret.String
	now         func() time.Time

	mu    sync.Mutex
	token string
	until time.Time
}

// newCredentials returns the credentials, or all that is wrong with them.
func newCredentials(kind, application string, private secret.String, key string, keySecret secret.String, now func() time.Time) (*credentials, error) {
	c := &credentials{application: application, key: key, secret: keySecret, now: now}
	var errs []error
	if (key == "") != (keySecret.Reveal() == "") {
		errs = append(errs, fmt.Errorf("%s: api_key and api_secret belong together", kind))
	}
	if (application == "") != (private.Reveal() == "") {
		errs = append(errs, fmt.Errorf("%s: application_id and private_key belong together", kind))
	}
	if key == "" && application == "" {
		errs = append(errs, fmt.Errorf("%s: application_id and private_key, or api_key and api_secret, are needed", kind))
	}
	if private.Reveal() != "" {
		signer, err := newSigner(private)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: private_key %w", kind, err))
		}
		c.signer = signer
	}
	return c, errors.Join(errs...)
}

// newSigner reads a key in PEM; forms and environments often hold it in one line, with \n for the ends of its lines.
func newSigner(private secret.String) (jose.Signer, error) {
	block, _ := pem.Decode([]byte(strings.ReplaceAll(private.Reveal(), `\n`, "\n")))
	if block == nil {
		return nil, errors.New("is not PEM")
	}
	var key *rsa.PrivateKey
	if k, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		key, _ = k.(*rsa.PrivateKey)
	} else if k, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		key = k
	}
	if key == nil || key.N.BitLen() < minKeyBits {
		return nil, fmt.Errorf("is not an RSA key of at least %d bits", minKeyBits)
	}
	return jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
}

// basic reports whether requests go by API key.
func (c *credentials) basic() bool { return c.signer == nil }

// set puts the credentials into a request. A token goes before a key.
func (c *credentials) set(req *http.Request) error {
	if c.basic() {
		req.SetBasicAuth(c.key, c.secret.Reveal())
		return nil
	}
	token, err := c.bearer()
	if err == nil {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return err
}

// bearer returns a token, a new one every tokenUse.
func (c *credentials) bearer() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if c.token != "" && now.Before(c.until) && now.After(c.until.Add(-tokenLife)) {
		return c.token, nil
	}
	var id [16]byte
	rand.Read(id[:])
	claims, err := json.Marshal(map[string]any{
		"application_id": c.application, "iat": now.Unix(), "exp": now.Add(tokenLife).Unix(), "jti": hex.EncodeToString(id[:]),
	})
	if err != nil {
		return "", err
	}
	signed, err := c.signer.Sign(claims)
	if err != nil {
		return "", err
	}
	token, err := signed.CompactSerialize()
	if err == nil {
		c.token, c.until = token, now.Add(tokenUse)
	}
	return token, err
}
