package cognito

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"countersign/internal/access"
	"countersign/internal/awsapi/wire"
	"countersign/internal/pool"
	"countersign/internal/pool/pooltest"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// control is a harness for the operations on pools and app clients, spoken to as an SDK does.
type control struct {
	*pooltest.Harness
	t   *testing.T
	mux *wire.Mux
	who wire.Principal
}

// Authorize implements wire.Authorizer: everybody is who.
func (c *control) Authorize(context.Context, *http.Request, []byte, string, string, string) (wire.Principal, error) {
	return c.who, nil
}

func eachControl(t *testing.T, f func(t *testing.T, c *control), opts ...func(*pool.Options)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s store.Store) { f(t, newControl(t, s, opts...)) })
}

func newControl(t *testing.T, s store.Store, opts ...func(*pool.Options)) *control {
	t.Helper()
	c := &control{Harness: pooltest.New(t, s, opts...), t: t, who: wire.Principal{
		Access:      access.Principal{ID: "AKIADEPLOYER", Kind: access.AWS, Grants: access.Everything()},
		AccessKeyID: "AKIADEPLOYER", Account: "123456789012", Region: "eu-central-1",
	}}
	var err error
	if c.mux, err = New(Config{Authorizer: c, Dev: true, Now: c.Now, Pools: c.Service}); err != nil {
		t.Fatal(err)
	}
	return c
}

// request is a JSON object.
type object = map[string]any

// send returns the answer, and "Exception: message" instead if there was an error.
func (c *control) send(op string, in any) (object, string) {
	c.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		c.t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", TargetPrefix+"."+op)
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=...")
	w := httptest.NewRecorder()
	c.mux.ServeHTTP(w, r)
	var out object
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		c.t.Fatalf("%s: %d %s", op, w.Code, w.Body)
	}
	if w.Code != http.StatusOK {
		return nil, out["__type"].(string) + ": " + out["message"].(string)
	}
	return out, ""
}

// do is send, where no error is expected.
func (c *control) do(op string, in any) object {
	c.t.Helper()
	out, failed := c.send(op, in)
	if failed != "" {
		c.t.Fatalf("%s: %s", op, failed)
	}
	return out
}

// refused demands an error.
func (c *control) refused(op string, in any, want string) {
	c.t.Helper()
	if _, got := c.send(op, in); got != want {
		c.t.Errorf("%s %v\n got: %s\nwant: %s", op, in, got, want)
	}
}

// create makes a pool and returns its description.
func (c *control) create(in object) object {
	c.t.Helper()
	if in["PoolName"] == nil {
		in["PoolName"] = "shop"
	}
	return c.do("CreateUserPool", in)["UserPool"].(object)
}

func (c *control) describe(id string) object {
	c.t.Helper()
	return c.do("DescribeUserPool", object{"UserPoolId": id})["UserPool"].(object)
}

func (c *control) createClient(in object) object {
	c.t.Helper()
	if in["ClientName"] == nil {
		in["ClientName"] = "app"
	}
	return c.do("CreateUserPoolClient", in)["UserPoolClient"].(object)
}

func (c *control) describeClient(poolID, id string) object {
	c.t.Helper()
	return c.do("DescribeUserPoolClient", object{"UserPoolId": poolID, "ClientId": id})["UserPoolClient"].(object)
}

// text is a value as canonical JSON.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

var role = object{"SnsCallerArn": "arn:aws:iam::123456789012:role/sms", "ExternalId": "shop"}
