package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"countersign/internal/config"
	"countersign/internal/egress"
)

// awsTimeout bounds one call of AWS, functions included: a sender function runs at most so long.
const awsTimeout = 60 * time.Second

// awsClient is how this server calls AWS: with the credentials of the configuration or of the environment, through our dialer. Nothing is
// looked up on the machine's metadata service or in ~/.aws unless the configuration says chain. AWS_ENDPOINT_URL, AWS_CA_BUNDLE and their
// kind are honoured.
func awsClient(ctx context.Context, a *app, c config.AWS, p *egress.Policy) (aws.Config, error) {
	var o []func(*awsconfig.LoadOptions) error
	if c.Region != "" {
		o = append(o, awsconfig.WithRegion(c.Region))
	}
	// The SDK puts the authorities of AWS_CA_BUNDLE into a client of its own kind alone; providers of credentials keep that one.
	theirs := awshttp.NewBuildableClient().WithTimeout(awsTimeout).WithTransportOptions(func(t *http.Transport) {
		t.DialContext, t.Proxy = (&egress.Dialer{Policy: p}).DialContext, nil
	})
	o = append(o, awsconfig.WithHTTPClient(theirs))
	if !c.Chain {
		creds, err := awsCredentials(a, c)
		if err != nil {
			return aws.Config{}, err
		}
		o = append(o, awsconfig.WithCredentialsProvider(creds), awsconfig.WithSharedConfigFiles([]string{}), awsconfig.WithSharedCredentialsFiles([]string{}),
			awsconfig.WithEC2IMDSClientEnableState(imds.ClientDisabled))
	}
	out, err := awsconfig.LoadDefaultConfig(ctx, o...)
	if err != nil {
		return out, err
	}
	var roots *tls.Config
	if b, ok := out.HTTPClient.(*awshttp.BuildableClient); ok {
		roots = b.GetTransport().TLSClientConfig
	}
	out.HTTPClient = outside(p, roots)
	return out, nil
}

func awsCredentials(a *app, c config.AWS) (aws.CredentialsProvider, error) {
	secret := c.SecretAccessKey.Reveal()
	if c.SecretAccessKeyFile != "" {
		b, err := os.ReadFile(c.SecretAccessKeyFile)
		if err != nil {
			return nil, fmt.Errorf("aws.secret_access_key_file: %w", err)
		}
		secret = strings.TrimSpace(string(b))
	}
	if c.AccessKeyID != "" {
		return credentials.NewStaticCredentialsProvider(c.AccessKeyID, secret, ""), nil
	}
	return credentials.NewStaticCredentialsProvider(a.getenv("AWS_ACCESS_KEY_ID"), a.getenv("AWS_SECRET_ACCESS_KEY"), a.getenv("AWS_SESSION_TOKEN")), nil
}

// outside is the HTTP client for AWS.
func outside(p *egress.Policy, roots *tls.Config) *http.Client {
	return egress.NewClient(egress.Config{Policy: p, TLS: roots, Timeout: awsTimeout, MaxResponse: 8 << 20})
}
