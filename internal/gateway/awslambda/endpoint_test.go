package awslambda

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

func TestEndpoint(t *testing.T) {
	for _, c := range []struct {
		name, region string
		env          map[string]string
		want         string
	}{
		{"plain", "eu-west-1", nil, "https://lambda.eu-west-1.amazonaws.com"},
		{"GovCloud by FIPS", "us-gov-west-1", map[string]string{"AWS_USE_FIPS_ENDPOINT": "true"}, "https://lambda-fips.us-gov-west-1.amazonaws.com"},
		{"China", "cn-north-1", nil, "https://lambda.cn-north-1.amazonaws.com.cn"},
		{"sovereign cloud", "eusc-de-east-1", nil, "https://lambda.eusc-de-east-1.amazonaws.eu"},
		{"IPv6", "eu-west-1", map[string]string{"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "https://lambda.eu-west-1.api.aws"},
		{"all services", "eu-west-1", map[string]string{"AWS_ENDPOINT_URL": "http://a.example"}, "http://a.example"},
		{"this service", "eu-west-1", map[string]string{"AWS_ENDPOINT_URL": "http://a.example", "AWS_ENDPOINT_URL_LAMBDA": "http://b.example/x"}, "http://b.example/x"},
		{"ignored", "eu-west-1", map[string]string{"AWS_ENDPOINT_URL_LAMBDA": "http://b.example", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "https://lambda.eu-west-1.amazonaws.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_LAMBDA", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"} {
				t.Setenv(name, c.env[name])
			}
			cfg, err := config.LoadDefaultConfig(t.Context(), config.WithSharedConfigFiles([]string{}), config.WithSharedCredentialsFiles([]string{}))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := New(cfg).endpoint(t.Context(), c.region); got != c.want || err != nil {
				t.Errorf("%s, %v; want %s", got, err, c.want)
			}
		})
	}
}

// The function's name is one segment of the path, and all that matters is signed.
func TestRequest(t *testing.T) {
	const arn = "arn:aws:lambda:eu-west-1:123456789012:function:sender:$LATEST"
	c := New(aws.Config{BaseEndpoint: aws.String("http://a.example/behind/"), Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", "token")})
	r, err := c.request(t.Context(), "eu-west-1", arn, []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.URL.RequestURI(); got != "/behind/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Asender%3A$LATEST/invocations" {
		t.Error(got)
	}
	if r.Header.Get("X-Amz-Security-Token") != "token" || r.Header.Get("Authorization") == "" {
		t.Errorf("%v", r.Header)
	}
	if _, err := New(aws.Config{BaseEndpoint: aws.String("nowhere")}).request(t.Context(), "eu-west-1", arn, nil); err == nil {
		t.Error("an endpoint without a host was taken")
	}
	if _, err := New(aws.Config{}).request(t.Context(), "eu-west-1", arn, nil); err == nil {
		t.Error("signed without credentials")
	}
}

func TestErrorCode(t *testing.T) {
	for _, c := range []struct{ header, body, want string }{
		{"TooManyRequestsException", "", "TooManyRequestsException"},
		{"ServiceException:http://internal.amazon.com/", "", "ServiceException"},
		{"com.amazonaws#ServiceException", "", "ServiceException"},
		{"", `{"__type":"a.b#AccessDeniedException"}`, "AccessDeniedException"},
		{"", `{"code":"AccessDenied"}`, "AccessDenied"},
		{"", "<html>", ""},
		{"not a name\n", "", ""},
	} {
		h := http.Header{}
		if c.header != "" {
			h.Set("X-Amzn-ErrorType", c.header)
		}
		if got := errorCode(h, []byte(c.body)); got != c.want {
			t.Errorf("%q, %q: %q", c.header, c.body, got)
		}
	}
}
