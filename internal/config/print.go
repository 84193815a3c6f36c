package config

import (
	"net/url"
	"strings"

	"github.com/goccy/go-yaml"

	"countersign/internal/secret"
)

// Print returns the configuration as YAML, with every secret as [redacted]. Of a database URL all but the password
// is shown, of the webhook's all but the query, which may hold a key.
func (c *Config) Print() ([]byte, error) {
	shown := *c
	if base, _, ok := strings.Cut(c.Sender.Webhook.URL, "?"); ok {
		shown.Sender.Webhook.URL = base + "?" + secret.Redacted
	}
	first, err := yaml.Marshal(&shown)
	if err != nil {
		return nil, err
	}
	var all yaml.MapSlice
	if err := yaml.Unmarshal(first, &all); err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Key == "database" {
			all[i].Value = c.shownDatabase()
		}
	}
	return yaml.Marshal(all)
}

// Shown is Print as maps and lists, for other forms than YAML.
func (c *Config) Shown() (map[string]any, error) {
	text, err := c.Print()
	if err != nil {
		return nil, err
	}
	var out map[string]any
	return out, yaml.Unmarshal(text, &out)
}

// shownDatabase is Database without a password.
func (c *Config) shownDatabase() string {
	s := c.Database.Reveal()
	if !c.Postgres() {
		return s
	}
	u, err := url.Parse(s)
	if err != nil || u.Query().Has("password") {
		return secret.Redacted
	}
	return u.Redacted()
}

// Example is a commented configuration to begin with.
const Example = `# Countersign configuration. Every key may also come from the environment (COUNTERSIGN_ADMIN_LISTEN ...) or from
# --set (admin.listen=...); flags win over the environment, the environment wins over this file.
# Check it with: countersign serve --config countersign.yaml --check

# Where end users' requests are answered.
listen: 0.0.0.0:8443
# The URLs that clients use; Host must be one of them. The first one begins the issuer: https://id.example.com/<pool id>
base_urls: [https://id.example.com]
# Which pool a base URL belongs to, for the Auth0 dialect; not needed where there is one pool.
# pools: ["https://id.example.com=eu-central-1_AbC123"]
# Surfaces of the admin listener that are opened on listen too: signed, sts, admin, metrics.
expose: []

# A certificate for listen (and for admin.listen, unless that is loopback or has its own) ...
tls:
  cert: /etc/countersign/tls.pem
  key: /etc/countersign/tls-key.pem   # mode 0600
# ... or the networks of the proxies that end TLS in front. Only their X-Forwarded-For and -Proto count.
proxy:
  trusted: []

# Signed AWS operations (AdminCreateUser ...), STS, the admin API, metrics.
admin:
  listen: 127.0.0.1:8444
  # base_urls: [https://admin.internal:8444]
  # tls: {cert: ..., key: ...}
  # A socket of mode 0600 for the operator on this machine: countersign keys create --config countersign.yaml
  # socket: /run/countersign/admin.sock

# A file, or postgres://user:password@host:5432/countersign?sslmode=verify-full
database: /var/lib/countersign/countersign.db
# Lets the connection to PostgreSQL on another host go in clear: sslmode disable, allow, prefer, or none given.
# database_plaintext: true

# Made by: countersign key new --out /etc/countersign/root.key. Keep a copy apart from the backups.
root_key:
  file: /etc/countersign/root.key
  # env: COUNTERSIGN_ROOT_KEY

# Who sends. Pools may have accounts with providers of their own (countersign provider add); the others use these. Without any, texts fail, and
# the log says so.
sender:
  # Accounts with providers and the plan that finds one for each text: docs/delivery.md. Mode 0600 if it holds secrets.
  # file: /etc/countersign/delivery.yaml
  webhook:
    url: https://sms.example.com/send
    secret_file: /etc/countersign/webhook.secret
  # smtp:
  #   host: smtp.example.com
  #   port: 587
  #   username: countersign
  #   password_file: /etc/countersign/smtp.password
  #   from: Example <no-reply@example.com>
  #   tls: starttls

# What may be sent where, and how much of it: docs/guards.md. Pools may have a policy of their own (countersign guard set); the others have this
# one, and without it the defaults.
guards: {}
  # file: /etc/countersign/guards.yaml

# Private networks that webhooks and SMTP may be in; refused otherwise.
egress:
  allow: []

# Functions that pools' triggers call (custom senders and the like): docs/functions.md.
functions:
  # The least isolation that they may run under: full, strong, weak, none.
  isolation: full
  # node: /usr/bin/node                      # default: node on the PATH
  # cache: /var/cache/countersign/functions  # packages are unpacked here; it can be deleted at any time
  # memory: 2048       # MiB, all workers of this node
  # max_memory: 1024   # MiB, one function
  # storage: 4096      # MiB, all packages in the database
  egress:
    # Functions reach port 443 of public addresses. More: host:port or network:port.
    allow: []
    # If not empty, nothing but these hosts.
    only: []
  # remote: true       # pools may call functions in AWS, with the credentials below
  # remote_allow:      # which ones: ARNs, of which * and ? may stand for parts
  #   - arn:aws:lambda:eu-west-1:123456789012:function:sms-*

# Hooks, actions and rules in Auth0's forms; they run as functions do: docs/hooks.md.
hooks:
  # registry: https://registry.npmjs.org   # where npm modules come from
  # timeout: 20s       # one execution
  memory: 256          # MiB, one worker

# Keys of the built-in KMS, or those of AWS KMS.
kms:
  provider: built-in
# aws:
#   region: eu-west-1
#   access_key_id: AKIA...
#   secret_access_key_file: /etc/countersign/aws.secret
#   # secret_access_key: ...
#   chain: true        # instead: whatever the AWS SDK finds, the metadata service and ~/.aws included

log:
  level: info
  format: json
# Spans of requests and messages, by OpenTelemetry (OTLP over HTTP).
# tracing:
#   endpoint: https://collector.internal:4318
#   headers_file: /etc/countersign/tracing.headers   # "Name: value" in each line
#   percent: 10
event_retention: 90d
drain_timeout: 20s
`
