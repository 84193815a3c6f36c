package awssms

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go"

	"countersign/internal/gateway/exchange"
	"countersign/internal/secret"
	"countersign/provider"
)

// Access is how an account at AWS is reached.
type Access struct {
	// Region is required ("eu-west-1").
	Region string
	// AccessKeyID and SecretAccessKey are required unless Chain is set; SessionToken goes with temporary ones.
	AccessKeyID     string
	SecretAccessKey secret.String
	SessionToken    secret.String
	// Chain takes the credentials from where the AWS SDK looks for them: environment, ~/.aws, the machine's metadata.
	Chain bool
	// BaseURL is another address of the service, for a proxy or a double.
	BaseURL string
	// Client makes the requests; it brings the rules for addresses, time and size (package egress). Required.
	Client *http.Client
	// Dial makes the connections of Chain (to the machine's metadata, STS and SSO), under the same rules. Without it Client is used, which the SDK does
	// not take together with AWS_CA_BUNDLE.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Now defaults to time.Now.
	Now func() time.Time
}

var regionForm = regexp.MustCompile(`^[a-z]{2}(-[a-z0-9]+)+$`)

// check says what is wrong with an Access.
func (a Access) check(name string) (errs []error) {
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(name+": "+format, args...)) }
	if a.Client == nil {
		fail("Client is missing")
	}
	if !regionForm.MatchString(a.Region) || len(a.Region) > 32 {
		fail("region is missing or no region, as eu-west-1")
	}
	given := a.AccessKeyID != "" || a.SecretAccessKey.Reveal() != "" || a.SessionToken.Reveal() != ""
	if a.Chain && given {
		fail("access_key_id, secret_access_key and session_token are not used with credentials: chain")
	}
	if !a.Chain && (a.AccessKeyID == "" || a.SecretAccessKey.Reveal() == "") {
		fail("access_key_id and secret_access_key are missing; or set credentials to chain")
	}
	if a.BaseURL != "" {
		u, err := url.Parse(a.BaseURL)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" {
			fail("base_url must be an absolute http or https URL")
		}
	}
	return errs
}

// link is the way to a service: what the SDK gets for an HTTP client.
type link struct {
	caller exchange.Caller
	creds  aws.CredentialsProvider
}

func newLink(name string, a Access) *link {
	l := &link{caller: exchange.Caller{Client: a.Client, Name: name, Now: a.Now,
		Hide: []secret.String{a.SecretAccessKey, a.SessionToken, secret.New(a.AccessKeyID)}}}
	if a.Chain {
		l.creds = &chain{access: a}
	} else {
		l.creds = credentials.NewStaticCredentialsProvider(a.AccessKeyID, a.SecretAccessKey.Reveal(), a.SessionToken.Reveal())
	}
	return l
}

// call is one operation: its one answer.
type call struct {
	made   bool
	answer exchange.Answer
	err    error
}

type callKey struct{}

var errAgain = errors.New("the AWS SDK wanted to repeat a request")

// Do makes the one request of a call. It implements the SDKs' HTTPClient.
func (l *link) Do(req *http.Request) (*http.Response, error) {
	c, ok := req.Context().Value(callKey{}).(*call)
	if !ok || c.made {
		return nil, errAgain
	}
	c.made = true
	if c.answer, c.err = l.caller.Do(req.Context(), req); c.err != nil {
		return nil, c.err
	}
	return &http.Response{
		StatusCode: c.answer.Status, Status: http.StatusText(c.answer.Status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: c.answer.Header, Body: io.NopCloser(bytes.NewReader(c.answer.Body)), ContentLength: int64(len(c.answer.Body)), Request: req,
	}, nil
}

// through runs an operation of the SDK and returns the service's answer, with the error code and sentence that the SDK read in it. An error
// means that there is no answer.
func (l *link) through(ctx context.Context, operation func(context.Context) error) (a exchange.Answer, code, text string, err error) {
	ctx, cancel := context.WithTimeout(ctx, exchange.DefaultTimeout)
	defer cancel()
	c := &call{}
	sdk := operation(context.WithValue(ctx, callKey{}, c))
	switch {
	case c.err != nil:
		return a, "", "", c.err
	case !c.made && ctx.Err() != nil:
		return a, "", "", fmt.Errorf("%s: %w: %w", l.caller.Name, provider.ErrNotSent, ctx.Err())
	case !c.made:
		// Without credentials; its words can hold addresses and file names.
		said := &provider.VendorError{Provider: l.caller.Name, VendorCode: "credentials",
			Text: "no request could be made: the AWS SDK found no usable credentials"}
		return a, "", "", provider.Fail(provider.AuthFailed, 0, said)
	}
	if api, ok := errors.AsType[smithy.APIError](sdk); ok && c.answer.Status != http.StatusOK {
		if code, text = api.ErrorCode(), api.ErrorMessage(); code == "UnknownError" {
			code, text = "", ""
		}
		_, after, ok := strings.Cut(code, "#")
		if ok {
			code = after
		}
	}
	return c.answer, code, text, nil
}

// chain is where the SDK looks for credentials, opened when they are first needed.
type chain struct {
	access Access

	mu    sync.Mutex
	creds aws.CredentialsProvider
}

// Retrieve implements aws.CredentialsProvider.
func (c *chain) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c.mu.Lock()
	if c.creds == nil {
		cfg, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithRegion(c.access.Region), awsconfig.WithHTTPClient(c.http()))
		if err != nil {
			c.mu.Unlock()
			return aws.Credentials{}, err
		}
		c.creds = cfg.Credentials
	}
	creds := c.creds
	c.mu.Unlock()
	return creds.Retrieve(ctx)
}

// http is the client of those who hand out credentials.
func (c *chain) http() aws.HTTPClient {
	if c.access.Dial == nil {
		return c.access.Client
	}
	return awshttp.NewBuildableClient().WithTimeout(exchange.DefaultTimeout).WithTransportOptions(func(t *http.Transport) {
		t.DialContext, t.Proxy = c.access.Dial, nil
	})
}

// withBase is the SDKs' BaseEndpoint.
func withBase(a Access) *string {
	if a.BaseURL == "" {
		return nil
	}
	return &a.BaseURL
}
