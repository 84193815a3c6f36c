package countersign

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"time"

	mgmtapi "countersign/internal/auth0api/management"
	"countersign/internal/delivery"
	"countersign/internal/egress"
	"countersign/internal/gateway/twilio"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/provider"
)

// twilioHost is where Twilio is called; in dev mode it is the simulator's.
const (
	twilioHost    = "api.twilio.com"
	twilioTimeout = 15 * time.Second
)

// poolsTwilio sends through the pool's account at Twilio: the phone factor's, or with the unified phone experience the branding provider's.
func (p *parts) poolsTwilio(ctx context.Context, poolID string) (delivery.Sender, bool, error) {
	cfg, err := poolConfig(ctx, p.store, poolID)
	if err != nil {
		return nil, false, err
	}
	if cfg.Tenant != nil && cfg.Tenant.Consolidated {
		return p.twilioSender(ctx, poolID, mgmtapi.SettingPhoneProvider)
	}
	return p.twilioSender(ctx, poolID, mgmtapi.SettingTwilio)
}

// twilioSender sends through the account in a setting of the pool.
func (p *parts) twilioSender(ctx context.Context, poolID, name string) (delivery.Sender, bool, error) {
	c, err := p.twilioAccount(ctx, poolID, name)
	if err != nil {
		return nil, false, err
	}
	if c.Client, err = p.twilioClient(); err != nil {
		return nil, false, err
	}
	t, err := twilio.New(c)
	if err != nil {
		return nil, false, provider.Misconfigured(err)
	}
	return delivery.FromProvider(t), true, nil
}

// setting reads a setting of a pool. Errors: store.ErrNotFound.
func (p *parts) setting(ctx context.Context, poolID, name string) (row *store.Setting, err error) {
	err = p.store.Read(ctx, func(tx store.Tx) (err error) {
		row, err = tx.Settings().Setting(ctx, poolID, name)
		return err
	})
	return row, err
}

// twilioAccount reads the account in a setting of the pool.
func (p *parts) twilioAccount(ctx context.Context, poolID, name string) (c twilio.Config, err error) {
	row, err := p.setting(ctx, poolID, name)
	if errors.Is(err, store.ErrNotFound) {
		return c, provider.Misconfigured(errors.New("the pool's texts go to Twilio, but no account is set"))
	}
	if err != nil {
		return c, err
	}
	var plain []byte
	if len(row.Sealed) > 0 {
		if plain, err = p.keyring.OpenRecord(ctx, poolID, mgmtapi.SettingsTable, name, mgmtapi.SettingsColumn, row.Sealed); err != nil {
			return c, err
		}
	}
	if name == mgmtapi.SettingTwilio {
		var a mgmtapi.TwilioAccount
		err = json.Unmarshal(row.Doc, &a)
		c.AccountSID, c.From, c.MessagingServiceSID, c.AuthToken = a.SID, a.From, a.MessagingServiceSID, secret.New(string(plain))
		return c, err
	}
	var a mgmtapi.PhoneProvider
	credentials := map[string]string{}
	if err := json.Unmarshal(row.Doc, &a); err != nil {
		return c, err
	}
	if len(plain) > 0 {
		if err := json.Unmarshal(plain, &credentials); err != nil {
			return c, err
		}
	}
	c.AccountSID, c.From, c.MessagingServiceSID = a.Configuration.SID, a.Configuration.DefaultFrom, a.Configuration.MessagingSID
	c.AuthToken = secret.New(credentials["auth_token"])
	return c, nil
}

// newTwilioClient is one client for all pools; in dev mode the simulated Twilio answers it.
func (p *parts) newTwilioClient() (*http.Client, error) {
	if p.inbox != nil {
		return &http.Client{Transport: simulated{p.inbox.Host(twilioHost)}}, nil
	}
	policy, err := egress.NewPolicy(false)
	if err != nil {
		return nil, err
	}
	return egress.NewClient(egress.Config{Policy: policy, Timeout: twilioTimeout, MaxResponse: 1 << 20}), nil
}

// simulated answers requests by a handler of this process. One that it cuts (http.ErrAbortHandler) was written and has no answer, as on a line.
type simulated struct{ http.Handler }

func (s simulated) RoundTrip(r *http.Request) (res *http.Response, err error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if t := httptrace.ContextClientTrace(r.Context()); t != nil && t.WroteHeaders != nil {
		t.WroteHeaders()
	}
	defer func() {
		if v := recover(); v == http.ErrAbortHandler {
			res, err = nil, io.ErrUnexpectedEOF
		} else if v != nil {
			panic(v)
		}
	}()
	w := &recorded{header: http.Header{}, status: http.StatusOK}
	s.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: w.status, Status: http.StatusText(w.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.header, Request: r,
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()),
	}, nil
}

// recorded is an answer in memory.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorded) Header() http.Header         { return w.header }
func (w *recorded) WriteHeader(status int)      { w.status = status }
func (w *recorded) Write(b []byte) (int, error) { return w.body.Write(b) }
