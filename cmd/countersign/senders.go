package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"

	"countersign/internal/config"
	"countersign/internal/egress"
	"countersign/internal/gateway/webhook"
	"countersign/internal/mail"
	"countersign/internal/secret"
	"countersign/provider"
)

// textSender is the webhook, or nothing: then texts fail and the log says so.
func textSender(c *config.Config) (provider.Provider, error) {
	w := c.Sender.Webhook
	if w.URL == "" {
		return nil, nil
	}
	key, err := secretOf(w.Secret, w.SecretFile)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(w.URL)
	if err != nil {
		return nil, err
	}
	policy, err := egressPolicy(c, u.Hostname())
	if err != nil {
		return nil, err
	}
	p, err := webhook.New(webhook.Config{URL: w.URL, Secrets: []secret.String{key}, Client: egress.NewClient(egress.Config{Policy: policy})})
	if err != nil {
		return nil, hint(err, "see sender.webhook in countersign config example")
	}
	return p, nil
}

// mailSender is SMTP, or nothing: then e-mail fails and the log says so.
func mailSender(c *config.Config) (provider.Provider, error) {
	m := c.Sender.SMTP
	if m.Host == "" {
		return nil, nil
	}
	password, err := secretOf(m.Password, m.PasswordFile)
	if err != nil {
		return nil, err
	}
	policy, err := egressPolicy(c, m.Host)
	if err != nil {
		return nil, err
	}
	s, err := mail.New(mail.Config{
		Host: m.Host, Port: m.Port, TLS: mail.TLSMode(m.TLS), Username: m.Username, Password: password, From: m.From,
		Dial: (&egress.Dialer{Policy: policy}).DialContext,
	})
	if err != nil {
		return nil, hint(err, "see sender.smtp in countersign config example")
	}
	return s, nil
}

// egressPolicy allows what the configuration lists, and loopback where the configuration itself names it.
func egressPolicy(c *config.Config, host string) (*egress.Policy, error) {
	ip := net.ParseIP(host)
	p, err := egress.NewPolicy(host == "localhost" || (ip != nil && ip.IsLoopback()), c.Egress.Allow...)
	return p, hint(err, "egress.allow lists networks and addresses")
}

func secretOf(direct secret.String, file string) (secret.String, error) {
	if file == "" {
		return direct, nil
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		return secret.String{}, err
	}
	text := strings.TrimSpace(string(raw))
	if text == "" {
		return secret.String{}, fmt.Errorf("%s is empty", file)
	}
	return secret.New(text), nil
}
