package smsvoice_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
	sdk "github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2"

	"countersign/internal/access"
	facade "countersign/internal/awsapi/smsvoice"
	"countersign/internal/awsapi/wire"
	"countersign/internal/delivery"
	"countersign/internal/eventlog"
	"countersign/internal/fault"
	"countersign/internal/keyring/keyringtest"
	"countersign/internal/optout"
	"countersign/internal/origination"
	"countersign/internal/registration"
	"countersign/internal/sandbox"
	"countersign/internal/sigv4"
	"countersign/internal/smsaccount"
	"countersign/internal/store"
	"countersign/internal/store/storetest"
)

// The access keys of the tests, and the pool of the account.
const (
	owner    = "AKIAOWNER" // may everything
	somebody = "AKIASOMEBODY"
	secret   = "the secret of all"
	account  = "000000000000"
	region   = "us-local-1"
	pool     = "us-local-1_pool"
	code     = "135790"
)

// world is the API over the real domain, spoken to over HTTP. What is sent is kept.
type world struct {
	*httptest.Server
	t     *testing.T
	now   time.Time
	store store.Store

	sandbox       *sandbox.Service
	sms           *smsaccount.Service
	originations  *origination.Service
	registrations *registration.Service

	mu     sync.Mutex
	drafts []delivery.Draft
	grants []access.Grant
	events []wire.Event
	logs   bytes.Buffer
}

func newWorld(t *testing.T, dev bool) *world {
	t.Helper()
	w := &world{t: t, now: time.Now().UTC().Truncate(time.Second), store: storetest.SQLite(t)}
	check(t, w.store.Write(t.Context(), func(tx store.Tx) error {
		_, err := tx.Pools().InsertPool(t.Context(), &store.Pool{ID: pool, Name: "account", Config: []byte(`{}`), Wire: []byte(`{}`), CreatedAt: w.now, UpdatedAt: w.now})
		return err
	}))
	keys := keyringtest.New(t, pool)
	log := eventlog.New(eventlog.Config{Keys: keys, Now: w.clock})
	optOuts := optout.New(optout.Config{Store: w.store, Log: log, Now: w.clock})
	w.originations = origination.New(origination.Config{Store: w.store, Log: log, Now: w.clock, Dev: dev})
	w.registrations = registration.New(registration.Config{Store: w.store, Log: log, Now: w.clock})
	w.sandbox = sandbox.New(sandbox.Config{Store: w.store, Keys: keys, Log: log, Now: w.clock, Deliver: w, Fixed: code, Dev: dev,
		Pool: func(context.Context) (string, error) { return pool, nil }})
	w.sms = smsaccount.New(smsaccount.Config{Store: w.store, Keys: keys, Log: log, Now: w.clock, Sandbox: w.sandbox, Originations: w.originations,
		OptOuts: optOuts, Enqueue: w.enqueue, DefaultPool: func(context.Context) (string, error) { return pool, nil },
		Price: func(_ context.Context, _, _, _ string, segments int) (int64, bool, error) {
			return 50_000 * int64(segments), true, nil
		}})
	mux, err := facade.New(facade.Config{
		Authorizer: w.signed(), SMS: w.sms, Sandbox: w.sandbox, Originations: w.originations, Registrations: w.registrations, Account: account, Dev: dev,
		Now: w.clock, Log: slog.New(slog.NewTextHandler(&w.logs, nil)),
		Observe: func(_ context.Context, e wire.Event) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.events = append(w.events, e)
		},
	})
	check(t, err)
	w.Server = httptest.NewServer(mux)
	t.Cleanup(w.Close)
	return w
}

func (w *world) clock() time.Time { return w.now }

func (w *world) enqueue(_ context.Context, d delivery.Draft) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drafts = append(w.drafts, d)
	return store.NewID(w.now), nil
}

// Prepare, Enqueue and Wake are what the sandbox needs of the worker.
func (w *world) Prepare(ctx context.Context, d delivery.Draft) (*store.Message, error) {
	id, err := w.enqueue(ctx, d)
	return &store.Message{
		ID: id, PoolID: d.PoolID, Lane: d.Lane, Channel: string(d.Channel), State: store.Queued, Sealed: []byte("x"), Number: []byte("n"),
		NextAt: w.now, ExpiresAt: d.ExpiresAt, CreatedAt: w.now, UpdatedAt: w.now, TriggerSource: d.TriggerSource,
	}, err
}

func (w *world) Enqueue(ctx context.Context, tx store.Tx, m *store.Message) error {
	return tx.Outbox().Enqueue(ctx, m)
}

func (w *world) Wake(...*store.Message) {}

// sent returns what was sent since it was asked last.
func (w *world) sent() []delivery.Draft {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.drafts
	w.drafts = nil
	return out
}

func (w *world) signed() *wire.Signed {
	return &wire.Signed{
		Account:  account,
		Verifier: &sigv4.Verifier{Lookup: func(context.Context, string) (string, error) { return secret, nil }},
		Principal: func(_ context.Context, id string) (access.Principal, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			switch id {
			case owner:
				return access.Principal{ID: id, Kind: access.AWS, Name: "owner", Grants: access.Everything()}, nil
			case somebody:
				return access.Principal{ID: id, Kind: access.AWS, Name: "somebody", Grants: w.grants}, nil
			}
			return access.Principal{}, fault.New(fault.AccessKeyUnknown)
		},
	}
}

// client is the real SDK.
func (w *world) client(key string) *sdk.Client {
	return sdk.New(sdk.Options{
		Region: region, BaseEndpoint: aws.String(w.URL), HTTPClient: whole{w.Client()}, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key, secret, ""),
	})
}

// post sends a request without the SDK; headers follow as name, value pairs.
func (w *world) post(op, body string, headers ...string) (*http.Response, map[string]any) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.URL+"/", strings.NewReader(body))
	check(w.t, err)
	r.Header.Set("Content-Type", facade.ContentType)
	r.Header.Set("X-Amz-Target", facade.TargetPrefix+"."+op)
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

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// failsAs demands the typed error of the SDK, and returns it.
func failsAs[E error](t *testing.T, err error) E {
	t.Helper()
	e, ok := errors.AsType[E](err)
	if !ok {
		t.Fatalf("got %v, want %T", err, e)
	}
	return e
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
