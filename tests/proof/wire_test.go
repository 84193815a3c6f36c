package proof

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

const region = "eu-proof-1"

// answer is what a request got.
type answer struct {
	op     string
	status int
	header http.Header
	raw    []byte
	body   map[string]any
}

// str returns a string member, by path.
func (a answer) str(path ...string) string {
	var v any = a.body
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	s, _ := v.(string)
	return s
}

// kind is the exception's name, or "" for a success.
func (a answer) kind() string { return a.str("__type") }

// recorder keeps all answers.
type recorder struct {
	mu   sync.Mutex
	list []answer
}

func (r *recorder) add(a answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, a)
}

func (r *recorder) all() []answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]answer(nil), r.list...)
}

// caller makes requests of the Cognito wire.
type caller struct {
	t             testing.TB
	public, admin string
	creds         aws.Credentials
	rec           *recorder
	// header is added to every request; host replaces Host.
	header http.Header
	host   string
	// by makes the requests; nil: direct.
	by *http.Client
}

func (n *node) caller() *caller {
	return &caller{t: n.t, public: n.public, admin: n.admin, creds: n.owner, rec: n.rest}
}

type obj = map[string]any

// app is a call without credentials; back a signed one. Both return refusals as answers.
func (c *caller) app(op string, in any) answer {
	c.t.Helper()
	return c.do(c.request(c.public, op, in), op)
}

func (c *caller) back(op string, in any) answer {
	c.t.Helper()
	req := c.request(c.admin, op, in)
	sign(c.t, req, c.creds, "cognito-idp")
	return c.do(req, op)
}

// ok demands success.
func (c *caller) ok(a answer) answer {
	c.t.Helper()
	if a.status != http.StatusOK {
		c.t.Fatalf("%s: %d %s", a.op, a.status, a.raw)
	}
	return a
}

// refused demands the exception.
func (c *caller) refused(a answer, kind string) {
	c.t.Helper()
	if a.status < 400 || a.kind() != kind {
		c.t.Fatalf("%s: %d %s, want %s", a.op, a.status, a.raw, kind)
	}
}

func (c *caller) request(url, op string, in any) *http.Request {
	c.t.Helper()
	raw, isRaw := in.(string)
	if !isRaw {
		b, err := json.Marshal(in)
		check(c.t, err)
		raw = string(b)
	}
	req, err := http.NewRequest("POST", url+"/", strings.NewReader(raw))
	check(c.t, err)
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+op)
	for k, v := range c.header {
		req.Header[k] = v
	}
	if c.host != "" {
		req.Host = c.host
	}
	return req
}

func (c *caller) do(req *http.Request, op string) answer {
	c.t.Helper()
	by := c.by
	if by == nil {
		by = direct
	}
	a, err := sendBy(by, req)
	check(c.t, err)
	a.op = op
	if c.rec != nil {
		c.rec.add(a)
	}
	return a
}

var direct = clientFrom("")

// clientFrom makes requests from an address of this machine; empty: any. All names of this machine are 127.0.0.1.
func clientFrom(address string) *http.Client {
	dial := &net.Dialer{}
	if address != "" {
		dial.LocalAddr = &net.TCPAddr{IP: net.ParseIP(address)}
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{MaxIdleConnsPerHost: 16, DialContext: func(ctx context.Context, network, to string) (net.Conn, error) {
			if host, port, err := net.SplitHostPort(to); err == nil && strings.HasSuffix(host, "localhost") {
				to = net.JoinHostPort("127.0.0.1", port)
			}
			return dial.DialContext(ctx, network, to)
		}},
	}
}

// through is clientFrom for one test.
func through(t testing.TB, address string) *http.Client {
	by := clientFrom(address)
	t.Cleanup(by.CloseIdleConnections)
	return by
}

// from is the caller, at another address (127.x.y.z): what one network may cause is limited.
func (c *caller) from(address string) *caller {
	other := *c
	other.by = through(c.t, address)
	return &other
}

func send(req *http.Request) (answer, error) { return sendBy(direct, req) }

func sendBy(by *http.Client, req *http.Request) (a answer, err error) {
	res, err := by.Do(req)
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	a.status, a.header = res.StatusCode, res.Header
	if a.raw, err = io.ReadAll(res.Body); err == nil {
		json.Unmarshal(a.raw, &a.body)
	}
	return a, err
}

// sign signs a request for a service; its body is read and put back.
func sign(t testing.TB, req *http.Request, creds aws.Credentials, service string) {
	t.Helper()
	signAt(t, req, creds, service, time.Now())
}

// signAt is sign for a server whose clock was moved.
func signAt(t testing.TB, req *http.Request, creds aws.Credentials, service string, at time.Time) {
	t.Helper()
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		check(t, err)
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	sum := sha256.Sum256(body)
	check(t, v4.NewSigner().SignHTTP(context.Background(), creds, req, hex.EncodeToString(sum[:]), service, region, at))
}

// operate calls the admin API with the owner's key.
func (n *node) operate(method, path string) answer {
	n.t.Helper()
	req, err := http.NewRequest(method, n.admin+"/admin/v1"+path, nil)
	check(n.t, err)
	sign(n.t, req, n.owner, "countersign")
	a, err := send(req)
	check(n.t, err)
	return a
}
