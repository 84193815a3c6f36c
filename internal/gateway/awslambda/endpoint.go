package awslambda

import (
	"cmp"
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// What the sources of an aws.Config may know: the environment and the shared configuration files.
type (
	endpointSource interface {
		GetServiceBaseEndpoint(ctx context.Context, service string) (string, bool, error)
	}
	ignoringSource interface {
		GetIgnoreConfiguredEndpoints(ctx context.Context) (bool, bool, error)
	}
	fipsSource interface {
		GetUseFIPSEndpoint(ctx context.Context) (aws.FIPSEndpointState, bool, error)
	}
	dualStackSource interface {
		GetUseDualStackEndpoint(ctx context.Context) (aws.DualStackEndpointState, bool, error)
	}
)

// endpoint is where Lambda's API is: where the configuration says (AWS_ENDPOINT_URL_LAMBDA, AWS_ENDPOINT_URL), else AWS's own for the
// region, by AWS's rules for FIPS and IPv6 (AWS SDKs and Tools Reference, Service-specific endpoints).
func (c *Client) endpoint(ctx context.Context, region string) (string, error) {
	ignore, _, err := first(c, func(s ignoringSource) (bool, bool, error) { return s.GetIgnoreConfiguredEndpoints(ctx) })
	if err != nil {
		return "", err
	}
	if !ignore {
		own, ok, err := first(c, func(s endpointSource) (string, bool, error) { return s.GetServiceBaseEndpoint(ctx, "Lambda") })
		if ok || err != nil {
			return own, err
		}
	}
	if c.config.BaseEndpoint != nil {
		return *c.config.BaseEndpoint, nil
	}
	fips, _, err := first(c, func(s fipsSource) (aws.FIPSEndpointState, bool, error) { return s.GetUseFIPSEndpoint(ctx) })
	if err != nil {
		return "", err
	}
	dual, _, err := first(c, func(s dualStackSource) (aws.DualStackEndpointState, bool, error) {
		return s.GetUseDualStackEndpoint(ctx)
	})
	return awsEndpoint(region, fips == aws.FIPSEndpointStateEnabled, dual == aws.DualStackEndpointStateEnabled), err
}

// first asks the sources of the configuration until one knows.
func first[S, V any](c *Client, ask func(S) (V, bool, error)) (v V, ok bool, err error) {
	for _, source := range c.config.ConfigSources {
		if s, is := source.(S); is {
			if v, ok, err = ask(s); ok || err != nil {
				return v, ok, err
			}
		}
	}
	return v, false, nil
}

// partitions are the domains of regions by their prefix: for IPv4, and for both (AWS SDKs' partitions.json).
var partitions = []struct{ prefix, domain, dual string }{
	{"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn"},
	{"us-iso-", "c2s.ic.gov", "api.aws.ic.gov"},
	{"us-isob-", "sc2s.sgov.gov", "api.aws.scloud"},
	{"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov"},
	{"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"},
	{"eusc-", "amazonaws.eu", "api.amazonwebservices.eu"},
}

func awsEndpoint(region string, fips, dual bool) string {
	domain, both := "amazonaws.com", "api.aws"
	for _, p := range partitions {
		if strings.HasPrefix(region, p.prefix) {
			domain, both = p.domain, p.dual
		}
	}
	host := "lambda."
	if fips {
		host = "lambda-fips."
	}
	if !dual {
		both = ""
	}
	return "https://" + host + region + "." + cmp.Or(both, domain)
}
