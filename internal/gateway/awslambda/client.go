package awslambda

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"countersign/internal/fault"
	"countersign/internal/trigger"
)

// MaxPayload is the size of events and answers in bytes (Lambda quotas).
const MaxPayload = 6 << 20

// Client calls functions in AWS. It is safe for concurrent use. Invoke is one signed POST: the SDK's client for all of Lambda would take
// 3 MiB of every server's memory for it.
type Client struct {
	config aws.Config
	signer *v4.Signer
	http   aws.HTTPClient
}

// New returns a Client. The configuration carries credentials and the HTTP client, which should bound answers to a little more than
// MaxPayload and must not have a timeout shorter than the calls'. Its region and retryer are not used.
func New(config aws.Config) *Client {
	c := &Client{config: config, signer: v4.NewSigner(), http: config.HTTPClient}
	if c.http == nil {
		c.http = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return c
}

// Invoke implements function.Remote.
func (c *Client) Invoke(ctx context.Context, arn string, payload []byte, timeout time.Duration) (*trigger.Answer, error) {
	region, err := regionOf(arn)
	if err != nil {
		return nil, err
	}
	if len(payload) > MaxPayload {
		return nil, &fault.Error{Code: fault.PayloadTooLarge, Field: "Payload"}
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := c.request(ctx, region, arn, payload)
	if err != nil {
		return nil, fmt.Errorf("function %s: %w: %w: %w", arn, err, trigger.ErrBroken, trigger.ErrNotBegun)
	}
	res, err := c.http.Do(r)
	if err != nil {
		return nil, broke(arn, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, MaxPayload+1))
	switch {
	case err != nil:
		return nil, broke(arn, err)
	case res.StatusCode < 200 || res.StatusCode > 299:
		return nil, refused(arn, res, body)
	case len(body) > MaxPayload:
		return nil, fmt.Errorf("function %s: the answer is larger than 6 MiB: %w", arn, trigger.ErrBroken)
	case res.Header.Get("X-Amz-Function-Error") != "":
		return threw(arn, body)
	}
	return &trigger.Answer{Payload: body, Begun: true}, nil
}

// request is the signed call (Lambda API reference, Invoke).
func (c *Client) request(ctx context.Context, region, arn string, payload []byte) (*http.Request, error) {
	base, err := c.endpoint(ctx, region)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("the endpoint %q is no URL", base)
	}
	prefix := strings.TrimSuffix(u.Path, "/") + "/2015-03-31/functions/"
	u.Path, u.RawPath = prefix+arn+"/invocations", (&url.URL{Path: prefix}).EscapedPath()+strings.ReplaceAll(url.PathEscape(arn), ":", "%3A")+"/invocations"
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(payload))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/octet-stream")
	r.Header.Set("X-Amz-Invocation-Type", "RequestResponse")
	r.Header.Set("X-Amz-Log-Type", "None")
	r.Header.Set("User-Agent", "countersign")
	if c.config.Credentials == nil {
		return nil, fmt.Errorf("there are no AWS credentials")
	}
	creds, err := c.config.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("AWS credentials: %w", err)
	}
	sum := sha256.Sum256(payload)
	return r, c.signer.SignHTTP(ctx, creds, r, hex.EncodeToString(sum[:]), "lambda", region, time.Now())
}

// regionOf takes the region from arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER].
func regionOf(arn string) (string, error) {
	p := strings.Split(arn, ":")
	if len(arn) > 256 || len(p) < 7 || len(p) > 8 || p[0] != "arn" || p[2] != "lambda" || p[5] != "function" || p[3] == "" || p[6] == "" {
		return "", fault.Invalidf("LambdaArn", "The function is not named by its ARN.")
	}
	for _, r := range p[3] {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return "", fault.Invalidf("LambdaArn", "The region in the function's ARN is not one.")
		}
	}
	return p[3], nil
}
