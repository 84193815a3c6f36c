package wire_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/smithy-go"

	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
)

// sdk is the real client, with the given key pair.
func (w *world) sdk(key, secret string) *idp.Client {
	return idp.New(idp.Options{
		Region: "us-local-1", BaseEndpoint: aws.String(w.URL), HTTPClient: w.Client(), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
	})
}

func TestSDKCallsPublicOperation(t *testing.T) {
	w := newWorld(t)
	client := w.sdk(testKey, testSecret)
	out, err := client.SignUp(t.Context(), &idp.SignUpInput{
		ClientId: aws.String("abc"), Username: aws.String("+12025550123"), Password: aws.String("Secret-1"),
		UserAttributes: []types.AttributeType{{Name: aws.String("phone_number"), Value: aws.String("+12025550123")}},
		ClientMetadata: map[string]string{"a": "b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if out.UserConfirmed || aws.ToString(out.UserSub) != "<sub> & co" {
		t.Errorf("got %+v", out)
	}
	if w.infos[0].InvocationID == "" {
		t.Error("the SDK's invocation id is lost")
	}
	_, err = client.SignUp(t.Context(), &idp.SignUpInput{ClientId: aws.String("abc"), Username: aws.String("mismatch"), Password: aws.String("x")})
	undeclared, ok := errors.AsType[smithy.APIError](err)
	if !ok || undeclared.ErrorCode() != "CodeMismatchException" || undeclared.ErrorMessage() != "Invalid verification code provided, please try again." {
		t.Errorf("got %v", err)
	}
	_, err = client.SignUp(t.Context(), &idp.SignUpInput{ClientId: aws.String(""), Username: aws.String("u"), Password: aws.String("x")})
	if _, ok := errors.AsType[*types.InvalidParameterException](err); !ok {
		t.Errorf("got %v", err)
	}
	if _, err := client.DeleteUser(t.Context(), &idp.DeleteUserInput{AccessToken: aws.String("eyJ")}); err != nil {
		t.Error(err)
	}
}

func TestSDKCallsSignedOperation(t *testing.T) {
	w := newWorld(t)
	in := &idp.AdminGetUserInput{UserPoolId: aws.String(testPool), Username: aws.String("u")}
	out, err := w.sdk(testKey, testSecret).AdminGetUser(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	if want := time.UnixMilli(1767772800123).UTC(); !out.Enabled || !aws.ToTime(out.UserCreateDate).Equal(want) {
		t.Errorf("got %+v", out)
	}
	p := w.infos[0].Principal
	if p.AccessKeyID != testKey || p.Region != "us-local-1" || p.ARN != "arn:aws:iam::000000000000:user/"+testKey+"/deployer" || p.Access.Name != "deployer" {
		t.Errorf("principal %+v", p)
	}
	_, err = w.sdk(testKey, testSecret).AdminGetUser(t.Context(), &idp.AdminGetUserInput{UserPoolId: aws.String(testPool), Username: aws.String("nobody")})
	if _, ok := errors.AsType[*types.UserNotFoundException](err); !ok {
		t.Errorf("got %v", err)
	}
}

func TestSDKIsRefused(t *testing.T) {
	tests := map[string]struct{ key, secret, pool, code string }{
		"wrong secret": {testKey, "no", testPool, "InvalidSignatureException"},
		"unknown key":  {"AKIDOTHER", testSecret, testPool, "UnrecognizedClientException"},
		"other pool":   {testKey, testSecret, "us-local-1_other", "AccessDeniedException"},
		"no grant":     {testKey, testSecret, "", "AccessDeniedException"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.sdk(tt.key, tt.secret).AdminGetUser(t.Context(), &idp.AdminGetUserInput{UserPoolId: aws.String(tt.pool), Username: aws.String("u")})
			e, ok := errors.AsType[smithy.APIError](err)
			if !ok || e.ErrorCode() != tt.code {
				t.Errorf("got %v", err)
			}
			if len(w.calls) > 0 {
				t.Error("the operation ran")
			}
		})
	}
}

// swap changes the operation of a signed request on its way.
type swap struct{ http.RoundTripper }

func (s swap) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("X-Amz-Target", strings.Replace(r.Header.Get("X-Amz-Target"), "AdminDeleteUser", "AdminGetUser", 1))
	return s.RoundTripper.RoundTrip(r)
}

func TestSignedOperationCannotBeSwapped(t *testing.T) {
	w := newWorld(t)
	client := w.sdk(testKey, testSecret)
	_, err := client.AdminDeleteUser(t.Context(), &idp.AdminDeleteUserInput{UserPoolId: aws.String(testPool), Username: aws.String("u")}, func(o *idp.Options) {
		o.HTTPClient = &http.Client{Transport: swap{http.DefaultTransport}}
	})
	if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != "InvalidSignatureException" || len(w.calls) > 0 {
		t.Errorf("got %v, ran %v", err, w.calls)
	}
}

// A facade that words one error by its field does so for that one alone.
func TestErrorOfWordsSingleErrors(t *testing.T) {
	w := new(world)
	cfg := w.config()
	cfg.ErrorOf = func(operation string, f *fault.Error) (wire.ErrorShape, bool) {
		return wire.ErrorShape{Name: "TagException", Status: 418, Message: "{field} in " + operation}, f.Code == fault.ClientNotFound
	}
	mux, err := wire.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.Server = httptest.NewServer(mux)
	t.Cleanup(w.Close)
	for name, want := range map[string]string{"client": `{"__type":"TagException","message":"abc in SignUp"}`, "mismatch": `{"__type":"CodeMismatchException",`} {
		if _, body := w.post(t, "SignUp", `{"ClientId":"abc","Username":"`+name+`","Password":"Secret-1"}`); !strings.HasPrefix(body, want) {
			t.Errorf("%s: %s", name, body)
		}
	}
}

// Identify proves the caller and asks for no grant: the resource is somebody else's here.
func TestIdentifyNeedsNoGrant(t *testing.T) {
	w := new(world)
	signed := w.config().Authorizer.(*wire.Signed)
	var got wire.Principal
	var failed error
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got, failed = signed.Identify(r.Context(), r, body, "cognito-idp")
		_, _ = rw.Write([]byte("{}"))
	}))
	t.Cleanup(w.Close)
	in := &idp.AdminDeleteUserInput{UserPoolId: aws.String("us-local-1_other"), Username: aws.String("u")}
	if _, err := w.sdk(testKey, testSecret).AdminDeleteUser(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if failed != nil || got.AccessKeyID != testKey || got.Region != "us-local-1" {
		t.Errorf("%+v, %v", got, failed)
	}
	if _, err := w.sdk(testKey, "wrong").AdminDeleteUser(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	if fault.CodeOf(failed) != fault.SignatureWrong {
		t.Errorf("got %v", failed)
	}
}
