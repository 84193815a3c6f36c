package interop

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// admin returns the SDK as a back end has it; app as a phone app has it, without credentials.
// Calls are made once: the SDK would repeat throttled ones.
func admin() *cip.Client {
	return sdk(credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""))
}

func app() *cip.Client { return sdk(aws.AnonymousCredentials{}) }

// whole sends requests whose bodies are in memory. The SDK closes a request's body once the answer begins; on the loopback that can be before
// the transport has seen the body's end, which then closes the connection under the answer (about one in a hundred answers of several
// kilobytes). No server can help that.
type whole struct{}

func (whole) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return http.DefaultClient.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return http.DefaultClient.Do(r)
}

func sdk(creds aws.CredentialsProvider) *cip.Client {
	return cip.New(cip.Options{
		BaseEndpoint: aws.String(srv.URL), Region: region, Credentials: creds, RetryMaxAttempts: 1, HTTPClient: whole{},
		APIOptions: []func(*middleware.Stack) error{called.record},
	})
}

// operations are those that docs/cognito-operations.md calls implemented and that the Go SDK knows.
func operations() (list []string, err error) {
	page, err := os.ReadFile("../../docs/cognito-operations.md")
	if err != nil {
		return nil, err
	}
	for _, m := range implemented.FindAllStringSubmatch(string(page), -1) {
		if _, known := reflect.TypeFor[*cip.Client]().MethodByName(m[1]); known {
			list = append(list, m[1])
		}
	}
	if len(list) < 48 {
		return nil, fmt.Errorf("docs/cognito-operations.md lists only %d implemented operations", len(list))
	}
	return list, nil
}

var implemented = regexp.MustCompile(`(?m)^\| (\w+) \| [^|]+ \| yes \|$`)

// callLog remembers which operations the Go SDK called with success.
type callLog struct {
	mu   sync.Mutex
	seen map[string]bool
}

var called = callLog{seen: map[string]bool{}}

func (c *callLog) record(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("record", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		out, meta, err := next.HandleInitialize(ctx, in)
		if err == nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.seen[middleware.GetOperationName(ctx)] = true
		}
		return out, meta, err
	}), middleware.After)
}

func (c *callLog) missing() ([]string, error) {
	list, err := operations()
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(list, func(op string) bool { return c.seen[op] }), err
}

// wholeRun says that no test was left out.
func wholeRun() bool {
	return flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.skip").Value.String() == ""
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// wantError demands the typed error E of the SDK, with the message if one is given.
func wantError[E smithy.APIError](t *testing.T, err error, message ...string) {
	t.Helper()
	var e E
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a %T", err, e)
	}
	if len(message) > 0 && e.ErrorMessage() != message[0] {
		t.Errorf("%T says %q, want %q", e, e.ErrorMessage(), message[0])
	}
}

var smsRole = &types.SmsConfigurationType{
	SnsCallerArn: aws.String("arn:aws:iam::000000000000:role/sms"), ExternalId: aws.String("countersign"),
}

var allFlows = []types.ExplicitAuthFlowsType{
	"ALLOW_USER_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH",
	"ALLOW_REFRESH_TOKEN_AUTH",
}

// pool is a user pool with one app client.
type pool struct{ ID, Client, Secret string }

// newPool makes a pool with phone as username, auto-verified, no MFA and every flow, changed by the functions given:
// func(*cip.CreateUserPoolInput), func(*cip.CreateUserPoolClientInput) or func(*cip.SetUserPoolMfaConfigInput).
func newPool(t *testing.T, changes ...any) pool {
	t.Helper()
	in := &cip.CreateUserPoolInput{
		PoolName: aws.String("interop"), UsernameAttributes: []types.UsernameAttributeType{"phone_number"},
		AutoVerifiedAttributes: []types.VerifiedAttributeType{"phone_number"}, SmsConfiguration: smsRole,
	}
	client := &cip.CreateUserPoolClientInput{ClientName: aws.String("app"), ExplicitAuthFlows: allFlows}
	var mfa *cip.SetUserPoolMfaConfigInput
	for _, change := range changes {
		switch change := change.(type) {
		case func(*cip.CreateUserPoolInput):
			change(in)
		case func(*cip.CreateUserPoolClientInput):
			change(client)
		case func(*cip.SetUserPoolMfaConfigInput):
			mfa = &cip.SetUserPoolMfaConfigInput{SmsMfaConfiguration: &types.SmsMfaConfigType{SmsConfiguration: smsRole}}
			change(mfa)
		default:
			t.Fatalf("newPool cannot use a %T", change)
		}
	}
	made, err := admin().CreateUserPool(t.Context(), in)
	check(t, err)
	client.UserPoolId = made.UserPool.Id
	if mfa != nil {
		mfa.UserPoolId = made.UserPool.Id
		_, err := admin().SetUserPoolMfaConfig(t.Context(), mfa)
		check(t, err)
	}
	c, err := admin().CreateUserPoolClient(t.Context(), client)
	check(t, err)
	return pool{*made.UserPool.Id, *c.UserPoolClient.ClientId, aws.ToString(c.UserPoolClient.ClientSecret)}
}

// mfaMode is a change for newPool: the mode, with authenticator apps and e-mail beside SMS.
func mfaMode(mode types.UserPoolMfaType) func(*cip.SetUserPoolMfaConfigInput) {
	return func(in *cip.SetUserPoolMfaConfigInput) {
		in.MfaConfiguration = mode
		in.SoftwareTokenMfaConfiguration = &types.SoftwareTokenMfaConfigType{Enabled: true}
		in.EmailMfaConfiguration = &types.EmailMfaConfigType{
			Message: aws.String("Your code is {####}."), Subject: aws.String("Your code"),
		}
	}
}

func attribute(name, value string) types.AttributeType {
	return types.AttributeType{Name: aws.String(name), Value: aws.String(value)}
}

// value finds an attribute, or returns the empty string.
func value(list []types.AttributeType, name string) string {
	for _, a := range list {
		if *a.Name == name {
			return aws.ToString(a.Value)
		}
	}
	return ""
}

// totp is an authenticator app (RFC 6238), a number of 30 s steps from now. A code works once.
func totp(t *testing.T, secret string, steps int64) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	check(t, err)
	mac := hmac.New(sha1.New, key)
	binary.Write(mac, binary.BigEndian, time.Now().Unix()/30+steps)
	sum := mac.Sum(nil)
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[sum[len(sum)-1]&15:])&0x7fffffff%1e6)
}
