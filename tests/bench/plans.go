package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"countersign/internal/gateway"
	gatewayaccount "countersign/internal/gateway/account"
	"countersign/internal/gateway/webhook"
	"countersign/internal/route"
)

// accountName is the account in front of the webhook.
const accountName = "main"

// plans gives each pool an account, which is the webhook again, and a plan of one rule.
func (i *installer) plans(ctx context.Context, sinkURL string, sets map[string]*userSet) error {
	routes, err := route.New(route.Config{
		Store: i.store, Keys: i.keyring, Log: i.events, Specs: gateway.Specs(),
		Deps: func(string, route.AccountConfig) gatewayaccount.Deps {
			return gatewayaccount.Deps{Client: http.DefaultClient}
		},
	})
	if err != nil {
		return err
	}
	for _, set := range sets {
		a := route.AccountConfig{Name: accountName, Kind: "webhook", Settings: map[string]string{"url": sinkURL}}
		if _, err := routes.PutAccount(ctx, set.pool, a, map[string]string{"secret": sinkSecret}, 0); err != nil {
			return fmt.Errorf("account: %w", err)
		}
		plan := route.Plan{Rules: []route.Rule{{Name: "all", Use: []route.Choice{{Account: accountName}}}}}
		if _, err := routes.PutPlan(ctx, set.pool, plan, 0); err != nil {
			return fmt.Errorf("plan: %w", err)
		}
	}
	return nil
}

// sentText is a message that was sent, as a service that reports on it knows it.
type sentText struct{ reference, receiptURL string }

// receiptsOnce is how many receipts a measurement posts.
const receiptsOnce = 8000

// sendTexts requests n codes and keeps what receipts need.
func (t *target) sendTexts(ctx context.Context, s *userSet, n int64) error {
	t.sink.collect(func(m sentText) {
		t.mu.Lock()
		t.reports = append(t.reports, m)
		t.mu.Unlock()
	})
	defer t.sink.collect(nil)
	o := load(ctx, t.address, 32, 2*time.Minute, n, requestCode(t, s))
	if o.good() < int(n)*99/100 {
		return fmt.Errorf("only %d of %d messages could be sent: %w", o.good(), n, o.example)
	}
	time.Sleep(2 * settle) // they are all recorded as sent
	return nil
}

func (s *sink) collect(keep func(sentText)) {
	s.mu.Lock()
	s.keep = keep
	s.mu.Unlock()
}

// postReceipt reports one message as delivered, as the webhook's receiver does.
func postReceipt(t *target, _ *userSet) operation {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(sinkSecret, "whsec_"))
	return func(c *conn) (time.Duration, error) {
		t.mu.Lock()
		if len(t.reports) == 0 {
			t.mu.Unlock()
			return 0, fmt.Errorf("no message is left to report on")
		}
		m := t.reports[0]
		t.reports = t.reports[1:]
		t.mu.Unlock()
		u, err := url.Parse(m.receiptURL)
		if err != nil || u.Path == "" {
			return 0, fmt.Errorf("the message has no receipt URL")
		}
		body, err := json.Marshal(map[string]string{"reference": m.reference, "state": "delivered"})
		if err != nil {
			return 0, err
		}
		id, timestamp := uuid.NewString(), strconv.FormatInt(time.Now().Unix(), 10)
		head := "Content-Type: application/json\r\nX-Forwarded-Proto: http\r\nWebhook-Id: " + id + "\r\nWebhook-Timestamp: " + timestamp +
			"\r\nWebhook-Signature: " + webhook.Sign(key, id, timestamp, body) + "\r\n"
		began := time.Now()
		status, answer, err := c.post(u.Path, head, body)
		if err == nil && status/100 != 2 {
			err = fmt.Errorf("receipt: %d %.100s", status, answer)
		}
		return time.Since(began), err
	}
}
