package proof

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// zipped makes a package of files: names in testdata by the name that they get, or a text.
func zipped(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for name, text := range files {
		f, err := w.Create(name)
		check(t, err)
		if strings.HasPrefix(text, "testdata/") {
			raw, err := os.ReadFile(filepath.FromSlash(text))
			check(t, err)
			text = string(raw)
		}
		_, err = f.Write([]byte(text))
		check(t, err)
	}
	check(t, w.Close())
	return buf.Bytes()
}

// lambda makes a signed call of the Lambda API.
func (c *caller) lambda(method, path string, in any) answer {
	c.t.Helper()
	var body []byte
	if in != nil {
		var err error
		body, err = json.Marshal(in)
		check(c.t, err)
	}
	req, err := http.NewRequest(method, c.admin+path, bytes.NewReader(body))
	check(c.t, err)
	sign(c.t, req, c.creds, "lambda")
	return c.do(req, method+" "+path)
}

const functionsPath = "/2015-03-31/functions"

// kms makes a signed call of the KMS.
func (c *caller) kms(op string, in any) answer {
	c.t.Helper()
	req := c.request(c.admin, op, in)
	req.Header.Set("X-Amz-Target", "TrentService."+op)
	sign(c.t, req, c.creds, "kms")
	return c.do(req, "kms "+op)
}

// key makes a key and returns its ARN.
func (c *caller) key() string {
	c.t.Helper()
	return c.ok(c.kms("CreateKey", obj{})).str("KeyMetadata", "Arn")
}

// deploy makes a Node function and returns its ARN. more are further members of CreateFunction.
func (c *caller) deploy(name string, code []byte, env map[string]string, more obj) string {
	c.t.Helper()
	in := obj{"FunctionName": name, "Runtime": "nodejs20.x", "Handler": "index.handler", "Role": "arn:aws:iam::000000000000:role/x", "Timeout": 15, "MemorySize": 128,
		"Code": obj{"ZipFile": base64.StdEncoding.EncodeToString(code)}, "Environment": obj{"Variables": env}}
	for k, v := range more {
		in[k] = v
	}
	a := c.lambda("POST", functionsPath, in)
	if a.status != http.StatusCreated {
		c.t.Fatalf("CreateFunction: %d %s", a.status, a.raw)
	}
	return a.str("FunctionArn")
}

// permit lets the pool call the function.
func (c *caller) permit(name, pool string) {
	c.t.Helper()
	a := c.lambda("POST", functionsPath+"/"+name+"/policy", obj{"StatementId": "pool-" + strings.ReplaceAll(pool, "_", "-"), "Action": "lambda:InvokeFunction",
		"Principal": "cognito-idp.amazonaws.com", "SourceArn": "arn:aws:cognito-idp:" + region + ":000000000000:userpool/" + pool, "SourceAccount": "000000000000"})
	if a.status != http.StatusCreated {
		c.t.Fatalf("AddPermission: %d %s", a.status, a.raw)
	}
}

// invoke calls a function and waits for its end.
func (c *caller) invoke(name string, event any) answer {
	c.t.Helper()
	return c.lambda("POST", functionsPath+"/"+name+"/invocations", event)
}

var smsRole = obj{"SnsCallerArn": "arn:aws:iam::000000000000:role/sms", "ExternalId": "proof"}

// triggered makes a pool with a client for every flow and the given LambdaConfig; the functions in it are permitted.
func (c *caller) triggered(name string, config obj, functions ...string) (pool, client string) {
	c.t.Helper()
	in := obj{"PoolName": name, "UsernameAttributes": []string{"phone_number"}, "AutoVerifiedAttributes": []string{"phone_number"}, "SmsConfiguration": smsRole,
		"Policies": obj{"SignInPolicy": obj{"AllowedFirstAuthFactors": []string{"PASSWORD", "SMS_OTP"}}}}
	pool = c.ok(c.back("CreateUserPool", in)).str("UserPool", "Id")
	client = c.ok(c.back("CreateUserPoolClient", obj{"UserPoolId": pool, "ClientName": "app", "PreventUserExistenceErrors": "ENABLED",
		"ExplicitAuthFlows": append([]string{"ALLOW_CUSTOM_AUTH"}, allFlows...)})).str("UserPoolClient", "ClientId")
	for _, f := range functions {
		c.permit(f, pool)
	}
	delete(in, "PoolName")
	delete(in, "UsernameAttributes")
	in["UserPoolId"], in["LambdaConfig"] = pool, config
	c.ok(c.back("UpdateUserPool", in))
	return pool, client
}

// sender is the LambdaConfig of a custom SMS sender.
func sender(function, key string) obj {
	return obj{"CustomSMSSender": obj{"LambdaVersion": "V1_0", "LambdaArn": function}, "KMSKeyID": key}
}

// member makes a confirmed user with a password.
func (c *caller) member(pool, phone, password string) {
	c.t.Helper()
	c.ok(c.back("AdminCreateUser", obj{"UserPoolId": pool, "Username": phone, "MessageAction": "SUPPRESS",
		"UserAttributes": []obj{{"Name": "phone_number", "Value": phone}, {"Name": "phone_number_verified", "Value": "true"}}}))
	c.ok(c.back("AdminSetUserPassword", obj{"UserPoolId": pool, "Username": phone, "Password": password, "Permanent": true}))
}

// receiver is the provider that functions send to.
type receiver struct {
	url, port string

	mu   sync.Mutex
	list []received
	more chan struct{}
	// hold, if not nil, is waited for before a request is answered.
	hold chan struct{}
}

type received struct {
	To, Code      string
	TriggerSource string `json:"trigger_source"`
	Env           map[string]string
	at            time.Time
	read          bool
}

func newReceiver(t testing.TB) *receiver {
	r := &receiver{more: make(chan struct{})}
	srv := httptest.NewServer(r)
	t.Cleanup(srv.Close)
	r.port = srv.URL[strings.LastIndexByte(srv.URL, ':')+1:]
	r.url = "http://localhost:" + r.port + "/send"
	return r
}

// egress is the setting that lets functions reach it.
func (r *receiver) egress() string {
	return "functions: {egress: {allow: [\"localhost:" + r.port + "\"]}}"
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if req.URL.Path == "/redirect" {
		http.Redirect(w, req, req.URL.Query().Get("to"), http.StatusTemporaryRedirect)
		return
	}
	var m received
	if err := json.NewDecoder(req.Body).Decode(&m); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	m.at = time.Now()
	r.mu.Lock()
	r.list = append(r.list, m)
	close(r.more)
	r.more = make(chan struct{})
	hold := r.hold
	r.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-req.Context().Done():
		}
	}
}

func (r *receiver) all() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.list...)
}

// next waits for the next message to a number that was not handed out yet.
func (r *receiver) next(to string) (m received, ok bool) {
	patience := time.After(15 * time.Second)
	for {
		r.mu.Lock()
		more := r.more
		for i := range r.list {
			if r.list[i].To == to && !r.list[i].read {
				r.list[i].read = true
				m = r.list[i]
				r.mu.Unlock()
				return m, true
			}
		}
		r.mu.Unlock()
		select {
		case <-more:
		case <-patience:
			return m, false
		}
	}
}

// preset makes an access key of a preset.
func (n *node) preset(name string) aws.Credentials {
	n.t.Helper()
	var k struct{ ID, Secret string }
	check(n.t, json.Unmarshal([]byte(n.command("keys", "create", "--config", n.config, "--name", fmt.Sprint(name, time.Now().UnixNano()), "--preset", name, "--json")), &k))
	return aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	check(t, err)
	return b
}
