package countersign

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"

	mgmtapi "countersign/internal/auth0api/management"
	"countersign/internal/delivery"
	"countersign/internal/route"
	"countersign/internal/secret"
	"countersign/internal/store"
	"countersign/provider"
)

// poolsTwilio sends through the pool's account at Twilio: the phone factor's, or with the unified phone experience the branding provider's.
func (p *parts) poolsTwilio(ctx context.Context, m *store.Message) (delivery.Sender, bool, error) {
	cfg, err := poolConfig(ctx, p.store, m.PoolID)
	if err != nil {
		return nil, false, err
	}
	if cfg.Tenant != nil && cfg.Tenant.Consolidated {
		return p.twilioSender(ctx, m, mgmtapi.SettingPhoneProvider)
	}
	return p.twilioSender(ctx, m, mgmtapi.SettingTwilio)
}

// twilioSender sends through the account in a setting of the pool.
func (p *parts) twilioSender(ctx context.Context, m *store.Message, name string) (delivery.Sender, bool, error) {
	a, err := p.twilioAccount(ctx, m.PoolID, name)
	if err != nil {
		return nil, false, err
	}
	s, err := p.routes.Alone(ctx, m, a)
	return s, err == nil, err
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
func (p *parts) twilioAccount(ctx context.Context, poolID, name string) (a route.StaticAccount, err error) {
	row, err := p.setting(ctx, poolID, name)
	if errors.Is(err, store.ErrNotFound) {
		return a, provider.Misconfigured(errors.New("the pool's texts go to Twilio, but no account is set"))
	}
	if err != nil {
		return a, err
	}
	var plain []byte
	if len(row.Sealed) > 0 {
		if plain, err = p.keyring.OpenRecord(ctx, poolID, mgmtapi.SettingsTable, name, mgmtapi.SettingsColumn, row.Sealed); err != nil {
			return a, err
		}
	}
	if name == mgmtapi.SettingTwilio {
		var in mgmtapi.TwilioAccount
		err = json.Unmarshal(row.Doc, &in)
		return twilioOf(in.SID, in.From, in.MessagingServiceSID, string(plain)), err
	}
	var in mgmtapi.PhoneProvider
	credentials := map[string]string{}
	if err := json.Unmarshal(row.Doc, &in); err != nil {
		return a, err
	}
	if len(plain) > 0 {
		if err := json.Unmarshal(plain, &credentials); err != nil {
			return a, err
		}
	}
	return twilioOf(in.Configuration.SID, in.Configuration.DefaultFrom, in.Configuration.MessagingSID, credentials["auth_token"]), nil
}

// twilioOf is an account as routes know it. In timelines its name is its kind.
func twilioOf(sid, from, service, token string) route.StaticAccount {
	return route.StaticAccount{
		AccountConfig: route.AccountConfig{Name: "twilio", Kind: "twilio", Settings: map[string]string{
			"account_sid": sid, "from": from, "messaging_service_sid": service,
		}},
		Secrets: map[string]secret.String{"auth_token": secret.New(token)},
	}
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
