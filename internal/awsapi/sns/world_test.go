package sns_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awssns "github.com/aws/aws-sdk-go-v2/service/sns"

	"countersign/internal/access"
	facade "countersign/internal/awsapi/sns"
	"countersign/internal/awsapi/wire"
	"countersign/internal/fault"
	"countersign/internal/origination"
	"countersign/internal/sandbox"
	"countersign/internal/sigv4"
	"countersign/internal/smsaccount"
	"countersign/phone"
)

// The access keys of the tests.
const (
	owner    = "AKIAOWNER" // may everything
	somebody = "AKIASOMEBODY"
	secret   = "the secret of all"
	region   = "us-local-1"

	alice = "+12025550123"
)

// domain answers as it is told, and keeps what it was asked.
type domain struct {
	mu      sync.Mutex
	sent    []smsaccount.Message
	attrs   map[string]string
	out     []smsaccount.OptedOut
	on      bool
	numbers []sandbox.Number
	added   []string // number, language
	origins []origination.Identity
	queries []any
	// err is what everything fails with.
	err error
}

func (d *domain) Send(_ context.Context, m smsaccount.Message) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sent = append(d.sent, m)
	return "0199-message", d.err
}

func (d *domain) Attributes(context.Context) (map[string]string, error) { return d.attrs, d.err }

func (d *domain) SetAttributes(_ context.Context, a map[string]string) error {
	if d.err == nil {
		d.attrs = a
	}
	return d.err
}

func (d *domain) IsOptedOut(_ context.Context, n phone.Number) (bool, error) {
	return n.String() == alice, d.err
}

func (d *domain) OptIn(_ context.Context, list string, n phone.Number) (smsaccount.OptedOut, error) {
	d.queries = append(d.queries, list+" "+n.String())
	return smsaccount.OptedOut{}, d.err
}

func (d *domain) Enabled(context.Context) (bool, error) { return d.on, d.err }

func (d *domain) Add(_ context.Context, n phone.Number, language string) (sandbox.Number, error) {
	d.added = append(d.added, n.String()+" "+language)
	return sandbox.Number{}, d.err
}

func (d *domain) Verify(_ context.Context, ref, code string) (sandbox.Number, error) {
	d.queries = append(d.queries, "verify "+ref+" "+code)
	return sandbox.Number{}, d.err
}

func (d *domain) Remove(_ context.Context, ref string) (sandbox.Number, error) {
	d.queries = append(d.queries, "remove "+ref)
	return sandbox.Number{}, d.err
}

// page cuts a list by a cursor that is an index.
func page[T any](list []T, after string, limit int) ([]T, string) {
	from, _ := strconv.Atoi(cmp.Or(after, "0"))
	if list = list[from:]; len(list) > limit {
		return list[:limit], strconv.Itoa(from + limit)
	}
	return list, ""
}

func (d *domain) OptedOut(_ context.Context, q smsaccount.OptOutQuery) ([]smsaccount.OptedOut, string, error) {
	list, next := page(d.out, q.After, q.Limit)
	return list, next, d.err
}

func (d *domain) Numbers(_ context.Context, q sandbox.Query) ([]sandbox.Number, string, error) {
	list, next := page(d.numbers, q.After, q.Limit)
	return list, next, d.err
}

func (d *domain) List(_ context.Context, q origination.Query) ([]origination.Identity, string, error) {
	d.queries = append(d.queries, q)
	list, next := page(d.origins, q.After, q.Limit)
	return list, next, d.err
}

// world is the API over a domain, spoken to over HTTP.
type world struct {
	*httptest.Server
	*domain
	t    *testing.T
	now  time.Time
	logs bytes.Buffer

	who    map[string]access.Principal
	events []wire.Event
}

// newWorld has an owner and somebody without grants, over a domain that answers as it is told.
func newWorld(t *testing.T) *world {
	t.Helper()
	d := &domain{}
	w := newWorldOver(t, d, d, d)
	w.domain = d
	return w
}

func newWorldOver(t *testing.T, account facade.Account, box facade.Sandbox, origins facade.Originations) *world {
	t.Helper()
	w := &world{t: t, now: time.Now(), who: map[string]access.Principal{
		owner:    {ID: owner, Kind: access.AWS, Name: "owner", Grants: access.Everything()},
		somebody: {ID: somebody, Kind: access.AWS, Name: "somebody"},
	}}
	h, err := facade.New(facade.Config{
		Authorizer: w.signed(), Account: account, Sandbox: box, Originations: origins, Dev: true, Now: func() time.Time { return w.now },
		Log: slog.New(slog.NewTextHandler(&w.logs, nil)), Observe: func(_ context.Context, e wire.Event) { w.events = append(w.events, e) },
	})
	check(t, err)
	w.Server = httptest.NewServer(h)
	t.Cleanup(w.Close)
	return w
}

func (w *world) signed() *wire.Signed {
	return &wire.Signed{
		Account:  "000000000000",
		Verifier: &sigv4.Verifier{Lookup: func(context.Context, string) (string, error) { return secret, nil }},
		Principal: func(_ context.Context, id string) (access.Principal, error) {
			if p, ok := w.who[id]; ok {
				return p, nil
			}
			return access.Principal{}, fault.New(fault.AccessKeyUnknown)
		},
	}
}

// allow gives somebody the grant for exactly these actions.
func (w *world) allow(actions ...string) {
	p := access.Principal{ID: somebody, Kind: access.AWS}
	if len(actions) > 0 {
		p.Grants = []access.Grant{{Service: access.SNS, Actions: actions, Pools: []string{"*"}}}
	}
	w.who[somebody] = p
}

// client is the real SDK, without repetitions.
func (w *world) client(key string) *awssns.Client {
	return awssns.New(awssns.Options{
		Region: region, BaseEndpoint: aws.String(w.URL), HTTPClient: whole{w.Client()}, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
	})
}

type errorAnswer struct {
	Error struct{ Type, Code, Message string }
}

// post sends a form without the SDK; headers follow as name, value pairs.
func (w *world) post(form url.Values, headers ...string) (*http.Response, errorAnswer) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.URL+"/", strings.NewReader(form.Encode()))
	check(w.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := w.Client().Do(r)
	check(w.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	check(w.t, err)
	var out errorAnswer
	check(w.t, xml.Unmarshal(b, &out))
	return resp, out
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func number(t *testing.T, s string) phone.Number {
	t.Helper()
	n, err := phone.Parse(s)
	check(t, err)
	return n
}

// whole sends requests whose bodies are in memory: the SDK closes a body once the answer begins, which may be before the transport has seen its end, and
// then closes the connection under a large answer.
type whole struct{ c *http.Client }

func (w whole) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return w.c.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return w.c.Do(r)
}
