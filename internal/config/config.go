package config

import (
	"time"

	"countersign/internal/secret"
)

// Config is a whole configuration. Field comments are the reference; Example prints them.
type Config struct {
	// Listen is where end users' requests are answered: "address:port".
	Listen string `yaml:"listen"`
	// BaseURLs are the URLs under which clients reach Listen. Host must be one of them; the first one begins the
	// issuer of tokens ("https://id.example.com/<pool id>").
	BaseURLs []string `yaml:"base_urls"`
	// Pools say which pool a base URL belongs to, as "https://id.example.com=eu-central-1_AbC": the Auth0 dialect and OIDC at root paths
	// choose the pool by it. A URL that is not named here stands for the only pool there is.
	Pools []string `yaml:"pools"`
	// Expose opens surfaces of the admin listener on Listen too, by name: signed, sts, admin, metrics.
	Expose []string `yaml:"expose"`
	TLS    TLS      `yaml:"tls"`
	Proxy  Proxy    `yaml:"proxy"`
	Admin  Admin    `yaml:"admin"`
	// Database is the path of an SQLite file or a postgres:// URL.
	Database secret.String `yaml:"database"`
	// DatabasePlaintext accepts a connection to PostgreSQL on another host that may go in clear (sslmode disable, allow,
	// prefer, or none given). Refused otherwise.
	DatabasePlaintext bool      `yaml:"database_plaintext"`
	RootKey           RootKey   `yaml:"root_key"`
	Sender            Sender    `yaml:"sender"`
	Guards            Guards    `yaml:"guards"`
	Egress            Egress    `yaml:"egress"`
	Functions         Functions `yaml:"functions"`
	Hooks             Hooks     `yaml:"hooks"`
	KMS               KMS       `yaml:"kms"`
	AWS               AWS       `yaml:"aws"`
	Log               Log       `yaml:"log"`
	Tracing           Tracing   `yaml:"tracing"`
	// EventRetention is how long events are kept. Default 90 days; "0s" keeps them for ever.
	EventRetention *Duration `yaml:"event_retention"`
	// DrainTimeout bounds the end: how long requests in flight may take after SIGTERM. Default 20 s.
	DrainTimeout *Duration `yaml:"drain_timeout"`
	// Simulator does not exist in serve; true is refused, so that nobody believes it is on.
	Simulator bool `yaml:"simulator"`
	// FixedCode is for dev only and refused here.
	FixedCode secret.String `yaml:"fixed_code"`
}

// TLS names a certificate chain and its key, both PEM.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Proxy declares who may stand in front.
type Proxy struct {
	// Trusted are networks ("10.0.0.0/8") whose forwarded headers count. Declaring one allows Listen without TLS.
	Trusted []string `yaml:"trusted"`
}

// Admin is the second listener: signed operations, STS, the admin API, metrics.
type Admin struct {
	// Listen is "address:port". Plain HTTP only on loopback.
	Listen string `yaml:"listen"`
	// BaseURLs are the URLs under which Listen is reached. Default: its own loopback names.
	BaseURLs []string `yaml:"base_urls"`
	// TLS defaults to the end users' certificate if Listen is not loopback.
	TLS TLS `yaml:"tls"`
	// Socket is a Unix socket of mode 0600 for the operator on this machine. Default: admin.sock beside the SQLite
	// file, or beside the configuration file; "off" for none.
	Socket string `yaml:"socket"`
}

// RootKey says where the root key comes from; exactly one is set.
type RootKey struct {
	// File is a key file of mode 0600, made by `countersign key new --out FILE`.
	File string `yaml:"file"`
	// Env is the name of an environment variable that holds the key.
	Env string `yaml:"env"`
	// OldFile and OldEnv are the root key before, while `countersign keys rotate-root` has not ended.
	OldFile string `yaml:"old_file"`
	OldEnv  string `yaml:"old_env"`
}

// Sender says who sends. With neither accounts nor a webhook, texts fail honestly; without SMTP, e-mail does.
type Sender struct {
	// File names a YAML file of accounts with providers and the plan that finds one for each text (docs/delivery.md). It serves the pools that
	// have none of their own, and goes before the webhook.
	File    string  `yaml:"file"`
	Webhook Webhook `yaml:"webhook"`
	SMTP    SMTP    `yaml:"smtp"`
}

// Guards says what may be sent where, and how much of it, for the pools that have no policy of their own (docs/guards.md).
type Guards struct {
	// File names a YAML file with a policy. Without one the defaults hold.
	File string `yaml:"file"`
}

// Webhook is called for each text.
type Webhook struct {
	URL string `yaml:"url"`
	// Secret signs the calls; SecretFile names a file that holds it.
	Secret     secret.String `yaml:"secret"`
	SecretFile string        `yaml:"secret_file"`
}

// SMTP is the server that takes e-mail.
type SMTP struct {
	Host string `yaml:"host"`
	// Port defaults to 587.
	Port         int           `yaml:"port"`
	Username     string        `yaml:"username"`
	Password     secret.String `yaml:"password"`
	PasswordFile string        `yaml:"password_file"`
	// From is the sender's address.
	From string `yaml:"from"`
	// TLS is starttls (default), implicit, or none (loopback only).
	TLS string `yaml:"tls"`
}

// Egress is about calls to the outside.
type Egress struct {
	// Allow lists networks and addresses, otherwise refused as private, that may be called ("10.1.2.0/24").
	Allow []string `yaml:"allow"`
}

// Functions is about user code: the functions that pools' triggers call.
type Functions struct {
	// Isolation is the least level that functions may run under: full (default), strong, weak or none. What this machine
	// offers is said at start; functions are refused below the level named here.
	Isolation string `yaml:"isolation"`
	// Node is the path of the Node.js program that runs nodejs* functions. Default: node on the PATH.
	Node string `yaml:"node"`
	// Cache is the folder that packages are unpacked in; it can be deleted at any time. Default: functions beside the
	// SQLite file, or below the user's cache folder.
	Cache string `yaml:"cache"`
	// Memory bounds the memory of all workers of this node together, in MiB. Default 2048.
	Memory int `yaml:"memory"`
	// MaxMemory bounds the MemorySize that one function may ask for, in MiB. Default 1024.
	MaxMemory int `yaml:"max_memory"`
	// Storage bounds the packages that are kept in the database, in MiB. Default 4096.
	Storage int `yaml:"storage"`
	// Egress is where functions may connect to.
	Egress FunctionEgress `yaml:"egress"`
	// Remote lets pools call functions in AWS, with the credentials of the section aws. Default false.
	Remote bool `yaml:"remote"`
	// RemoteAllow lists patterns of the ARNs that they may call: whoever may update a pool otherwise calls whatever these credentials can.
	// Required with Remote.
	RemoteAllow []string `yaml:"remote_allow"`
}

// FunctionEgress is where functions may connect to: port 443 of public addresses, unless said otherwise.
type FunctionEgress struct {
	// Allow opens more: "host:port", "*.example.com:8443", "10.1.2.3:25", "10.1.0.0/16:443".
	Allow []string `yaml:"allow"`
	// Only, if not empty, closes everything but these hosts: "api.example.com", "*.twilio.com".
	Only []string `yaml:"only"`
}

// Hooks is about hooks, actions and rules: user code in Auth0's forms. They run as functions do (functions.isolation, node, cache, memory, egress).
type Hooks struct {
	// Registry is where npm modules come from, an https URL. Default: https://registry.npmjs.org.
	Registry string `yaml:"registry"`
	// Timeout bounds one execution, 1 s to 20 s. Default 20 s.
	Timeout *Duration `yaml:"timeout"`
	// Memory is what a worker may take, in MiB. Default 256.
	Memory int `yaml:"memory"`
}

// KMS is about the keys that codes are sealed under for sender functions.
type KMS struct {
	// Provider is built-in (default), or aws: pools name keys of AWS KMS, used with the credentials of the section aws.
	Provider string `yaml:"provider"`
}

// AWS is how this server calls AWS, where functions.remote or kms.provider say that it does.
type AWS struct {
	// Region is for calls whose ARN names none.
	Region string `yaml:"region"`
	// AccessKeyID and SecretAccessKey (or SecretAccessKeyFile) are the credentials. Empty: those of the environment variables
	// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN. Chain true: whatever the AWS SDK finds, the instance's
	// metadata service and ~/.aws included.
	AccessKeyID         string        `yaml:"access_key_id"`
	SecretAccessKey     secret.String `yaml:"secret_access_key"`
	SecretAccessKeyFile string        `yaml:"secret_access_key_file"`
	Chain               bool          `yaml:"chain"`
}

// Tracing sends OpenTelemetry spans to a collector.
type Tracing struct {
	// Endpoint is the collector's URL for OTLP over HTTP; empty: nothing is traced.
	Endpoint string `yaml:"endpoint"`
	// HeadersFile names a file with a "Name: value" in each line, sent with each request.
	HeadersFile string `yaml:"headers_file"`
	// Percent of the traces that begin here which are kept. Default 100.
	Percent int `yaml:"percent"`
}

// Log is about the server's own log, on standard error.
type Log struct {
	// Level is debug, info (default), warn or error.
	Level string `yaml:"level"`
	// Format is json (default) or text.
	Format string `yaml:"format"`
}

// Duration is a time.Duration written as "90d", "36h" or "30s".
type Duration time.Duration

// Default is what an empty file means. It is not a usable configuration: see Problems.
func Default() Config {
	retention, drain := Duration(90*24*time.Hour), Duration(20*time.Second)
	return Config{
		Listen: "127.0.0.1:8443", Admin: Admin{Listen: "127.0.0.1:8444"}, Log: Log{Level: "info", Format: "json"},
		EventRetention: &retention, DrainTimeout: &drain,
	}
}
