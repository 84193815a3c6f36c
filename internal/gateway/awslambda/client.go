package awslambda

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"countersign/internal/fault"
	"countersign/internal/trigger"
)

const (
	// MaxPayload is the size of events and answers in bytes (Lambda quotas).
	MaxPayload = 6 << 20
	// maxRegions bounds the clients in memory; beyond it they start anew.
	maxRegions = 64
)

// Client calls functions in AWS. It is safe for concurrent use.
type Client struct {
	config aws.Config

	mu      sync.Mutex
	regions map[string]*lambda.Client
}

// New returns a Client. The configuration carries credentials and the HTTP client, which should bound answers to a little more than
// MaxPayload and must not have a timeout shorter than the calls'. Its region and retryer are not used.
func New(config aws.Config) *Client {
	return &Client{config: config, regions: map[string]*lambda.Client{}}
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
	out, err := c.region(region).Invoke(ctx, &lambda.InvokeInput{
		FunctionName: &arn, InvocationType: types.InvocationTypeRequestResponse, LogType: types.LogTypeNone, Payload: payload,
	})
	if err != nil {
		return nil, classify(arn, err)
	}
	if len(out.Payload) > MaxPayload {
		return nil, fmt.Errorf("function %s: the answer is larger than 6 MiB: %w", arn, trigger.ErrBroken)
	}
	if out.FunctionError != nil {
		return threw(arn, out.Payload)
	}
	return &trigger.Answer{Payload: out.Payload, Begun: true}, nil
}

func (c *Client) region(region string) *lambda.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	if client := c.regions[region]; client != nil {
		return client
	}
	if len(c.regions) >= maxRegions {
		clear(c.regions)
	}
	client := lambda.NewFromConfig(c.config, func(o *lambda.Options) {
		o.Region = region
		o.Retryer = aws.NopRetryer{}
	})
	c.regions[region] = client
	return client
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
