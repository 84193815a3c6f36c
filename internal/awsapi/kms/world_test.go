package kms_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"

	"countersign/internal/access"
	facade "countersign/internal/awsapi/kms"
	"countersign/internal/awsapi/wire"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/kms"
	"countersign/internal/sigv4"
	"countersign/internal/store/storetest"
)

// The access keys of the tests.
const (
	owner    = "AKIAOWNER" // may everything
	somebody = "AKIASOMEBODY"
	worker   = "AKIAWORKER" // a function's
	secret   = "the secret of all"
	account  = "000000000000"
	region   = "us-local-1"

	functionARN = "arn:aws:lambda:us-local-1:000000000000:function:send-code"
)

// world is the API over real keys, spoken to over HTTP.
type world struct {
	*httptest.Server
	t   *testing.T
	now time.Time

	mu     sync.Mutex
	who    map[string]access.Principal
	events []wire.Event
	logs   bytes.Buffer
}

// newWorld has an owner, somebody without grants, and a function.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Now(), who: map[string]access.Principal{
		owner:    {ID: owner, Kind: access.AWS, Name: "owner", Grants: access.Everything()},
		somebody: {ID: somebody, Kind: access.AWS, Name: "somebody"},
		worker:   {ID: functionARN, Kind: access.Function},
	}}
	mux, err := facade.New(facade.Config{
		Identifier: w.signed(), Keys: w.service(), Dev: true, Now: w.clock, Log: slog.New(slog.NewTextHandler(&w.logs, nil)),
		Observe: func(_ context.Context, e wire.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Server = httptest.NewServer(mux)
	t.Cleanup(w.Close)
	return w
}

// service is the domain. Functions may open what was sealed for the pool us-local-1_mine.
func (w *world) service() *kms.Service {
	keys := keyringtest.New(w.t)
	return kms.New(kms.Config{
		Store: storetest.SQLite(w.t), Keyring: keys, Events: eventlog.New(eventlog.Config{Keys: keys, Now: w.clock}), Account: account, Now: w.clock,
		FunctionMay: func(_ context.Context, function, _, pool string) (bool, error) {
			return function == functionARN && pool == "us-local-1_mine", nil
		},
	})
}

func (w *world) clock() time.Time { return w.now }

func (w *world) signed() *wire.Signed {
	return &wire.Signed{
		Account:  account,
		Verifier: &sigv4.Verifier{Lookup: func(context.Context, string) (string, error) { return secret, nil }},
		Principal: func(_ context.Context, id string) (access.Principal, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			if p, ok := w.who[id]; ok {
				return p, nil
			}
			return access.Principal{}, fault.New(fault.AccessKeyUnknown)
		},
	}
}

// allow gives somebody exactly these grants.
func (w *world) allow(grants ...access.Grant) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.who[somebody]
	p.Grants = grants
	w.who[somebody] = p
}

// onKeys is a grant for actions on keys.
func onKeys(keys []string, actions ...string) access.Grant {
	return access.Grant{Service: access.KMS, Actions: actions, Keys: keys}
}

// client is the real SDK.
func (w *world) client(key string, options ...func(*awskms.Options)) *awskms.Client {
	return awskms.New(awskms.Options{
		Region: region, BaseEndpoint: aws.String(w.URL), HTTPClient: w.Client(), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
	}, options...)
}

// post sends a request without the SDK; headers follow as name, value pairs.
func (w *world) post(op, body string, headers ...string) (*http.Response, map[string]any) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.URL+"/", strings.NewReader(body))
	check(w.t, err)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "TrentService."+op)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := w.Client().Do(r)
	check(w.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	check(w.t, err)
	var out map[string]any
	check(w.t, json.Unmarshal(b, &out))
	return resp, out
}
